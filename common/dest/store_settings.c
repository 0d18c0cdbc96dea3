/* SPDX-License-Identifier: MIT */
#include "common/dest/store_settings.h"

#include "common/mem.h"

#include <string.h>

int
store_settings(struct config *c, const char *pipeline, const char *name,
    struct s3_account *out, struct error *err)
{
	struct config_context ctx = { .pipeline = pipeline,
		.path = { "destination", name ? name : "filesystem" },
		.count = 2,
		.section = "credentials" };
	const struct {
		const char *key;
		char **to;
		bool secret;
	} keys[] = { { "aws_access_key_id", &out->key_id, false },
		{ "aws_secret_access_key", &out->secret, true },
		{ "aws_session_token", &out->token, true },
		{ "region_name", &out->region, false },
		{ "endpoint_url", &out->endpoint, false },
		{ "s3_url_style", &out->style, false } };
	const char *profile;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = NULL;

		if (!keys[i].secret)
			value = config_get(c, &ctx, keys[i].key, NULL);
		else if (config_secret(c, &ctx, keys[i].key, &value, err) < 0)
			return -1;
		if (value && *value)
			*keys[i].to = xstrdup(value);
	}
	profile = config_get(c, &ctx, "profile_name", NULL);
	return s3_account_complete(out, profile && *profile ? profile : NULL,
	    err);
}
