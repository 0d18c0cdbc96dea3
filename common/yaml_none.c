/* SPDX-License-Identifier: MIT */
/* Where libyaml is not there. */
#include "common/yaml.h"

static int
unavailable(struct error *err)
{
	return error_set(err, ERR_USAGE,
	    "YAML is not available: dlt-tools was built without libyaml "
	    "(install libyaml-dev and build again); JSON is");
}

int
yaml_to_json(const char *text, size_t len, struct buf *json,
    struct yaml_places *places, struct error *err)
{
	(void)places;
	(void)text;
	(void)len;
	(void)json;
	return unavailable(err);
}

int
yaml_from_json(const struct json *v, struct buf *out, struct error *err)
{
	(void)v;
	(void)out;
	return unavailable(err);
}
