/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/sync.h"

#include "common/dest/dest.h"

int
sync_read(const char *url, const char *schema_name, const char *pipeline,
    struct schema **s, struct buf *state, struct error *err)
{
	struct dest_settings settings = { .wait_s = -1, .read_only = true };
	struct dest *d = dest_open(url, &settings, err);
	struct buf json = { 0 };
	bool found = false;
	int rc = -1;

	*s = NULL;
	if (d == NULL)
		return error_prefix(err, "--sync: ");
	if (dest_stored_schema(d, schema_name, &json, &found, err) < 0)
		goto out;
	if (found) {
		*s = schema_parse(json.data, json.len, err);
		if (*s == NULL)
			goto out;
	}
	buf_reset(state);
	if (dest_stored_state(d, pipeline, state, &found, err) < 0)
		goto out;
	if (!found)
		buf_reset(state);
	rc = 0;
out:
	if (rc < 0)
		error_prefix(err, "--sync: ");
	buf_release(&json);
	dest_close(d);
	return rc;
}
