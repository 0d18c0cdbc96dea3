/* SPDX-License-Identifier: MIT */
#include "common/dest/dataset.h"

#include "common/mem.h"
#include "common/name.h"
#include "common/output.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_MAX 65536
#define NAME_MAX_    63

int
dataset_name(struct config *c, const char *flag, const char *pipeline,
    const struct json *state, char **out, struct error *err)
{
	static const struct naming naming = { .kind = NAMING_SNAKE_CASE,
		.max_length = NAME_MAX_ };
	struct config_context ctx = { .pipeline = pipeline,
		.path = { "pipelines", pipeline },
		.count = pipeline ? 2 : 0 };
	const char *found = flag;
	struct buf name = { 0 }, joined = { 0 };
	int rc = 0;

	*out = NULL;
	if (!found)
		found = config_get(c, &ctx, "dataset_name", NULL);
	if (!found && state)
		found = json_get_str(state, "dataset_name", NULL);
	if (!found && pipeline) {
		buf_addf(&joined, "%s_dataset", pipeline);
		found = joined.data;
	}
	if (found) {
		rc = name_table_identifier(&naming, found, strlen(found), &name,
		    err);
		if (rc == 0)
			*out = buf_take(&name);
		else
			error_prefix(err, "dataset name: ");
	}
	if (rc < 0)
		err->code = ERR_USAGE;
	buf_release(&name);
	buf_release(&joined);
	return rc;
}

int
dataset_of_schema(const char *dataset, const char *schema, char **out,
    struct error *err)
{
	static const struct naming naming = { .kind = NAMING_SNAKE_CASE,
		.max_length = NAME_MAX_ };
	struct buf name = { 0 }, joined = { 0 };
	int rc;

	buf_addf(&joined, "%s_%s", dataset, schema);
	rc = name_table_identifier(&naming, joined.data, joined.len, &name,
	    err);
	*out = rc < 0 ? NULL : buf_take(&name);
	buf_release(&name);
	buf_release(&joined);
	return rc < 0 ? error_prefix(err, "dataset name: ") : 0;
}

char *
dataset_staging(const char *layout, const char *dataset, struct error *err)
{
	static const struct naming naming = { .kind = NAMING_SNAKE_CASE,
		.max_length = NAME_MAX_ };
	const char *text = layout ? layout : "%s_staging";
	const char *at = strstr(text, "%s");
	struct buf name = { 0 }, joined = { 0 };
	int rc;

	buf_add(&joined, text, at ? (size_t)(at - text) : strlen(text));
	if (at)
		buf_addf(&joined, "%s%s", dataset, at + 2);
	rc = name_table_identifier(&naming, buf_str(&joined), joined.len, &name,
	    err);
	if (rc < 0)
		error_prefix(err, "staging_dataset_name_layout: ");
	else if (!strcmp(buf_str(&name), dataset))
		rc = error_set(err, ERR_USAGE,
		    "staging_dataset_name_layout is \"%s\": the staging dataset "
		    "would be the dataset \"%s\" itself, and its rows be lost",
		    text, dataset);
	if (rc < 0) {
		err->code = ERR_USAGE;
		buf_release(&name);
	}
	buf_release(&joined);
	return rc < 0 ? NULL : buf_take(&name);
}

/* ---- credentials ---- */

const char *
dataset_short_name(const char *type)
{
	static const char module[] = "dlt.destinations.";
	size_t len = sizeof(module) - 1;

	return !strncmp(type, module, len) ? type + len : type;
}

static void
add_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_addc(out, *text);
		else
			buf_addf(out, "%%%02X", (unsigned char)*text);
	}
}

static const char *
part(struct config *c, const struct config_context *ctx, const char *key)
{
	return config_get(c, ctx, key, NULL);
}

/* dlt's names of the parts, as SQLAlchemy has them. */
static void
url_of_parts(struct config *c, const struct config_context *ctx,
    const char *scheme, struct buf *url)
{
	const char *user = part(c, ctx, "username");
	const char *host = part(c, ctx, "host");
	const char *port = part(c, ctx, "port");
	static const char *const options[] = { "connect_timeout", "http_port",
		"secure", "send_receive_timeout" };
	size_t known = strcmp(scheme, "clickhouse") ? 1 : ARRAY_LEN(options);
	char before = '?';

	if (!strcmp(scheme, "duckdb") || !strcmp(scheme, "sqlite")) {
		buf_addf(url, "%s:%s", scheme, part(c, ctx, "database"));
		return;
	}
	buf_addf(url, "%s://", scheme);
	if (user) {
		add_escaped(url, user);
		buf_addc(url, '@');
	}
	if (host)
		add_escaped(url, host);
	if (port)
		buf_addf(url, ":%s", port);
	buf_addc(url, '/');
	add_escaped(url, part(c, ctx, "database"));
	for (size_t i = 0; i < known; i++) {
		const char *value = part(c, ctx, options[i]);

		if (!value)
			continue;
		buf_addf(url, "%c%s=", before, options[i]);
		add_escaped(url, value);
		before = '&';
	}
}

/* drivername, else the destination's type, else its name. */
static const char *
scheme_of(struct config *c, const struct config_context *credentials,
    const struct config_context *destination, const char *name)
{
	const char *scheme = part(c, credentials, "drivername");

	if (!scheme)
		scheme = part(c, destination, "destination_type");
	return scheme ? dataset_short_name(scheme) : name;
}

/* dlt takes a path for the credentials of DuckDB. */
static char *
url_of_text(const char *text, const char *scheme)
{
	bool path = !strcmp(scheme, "duckdb") && !strstr(text, "://") &&
	    strncmp(text, "duckdb:", 7) != 0;

	return path ? xasprintf("duckdb:%s", text) : xstrdup(text);
}

/* Below SECTION.NAME. */
static int
credentials_in(struct config *c, const char *pipeline, const char *section,
    const char *key, char **url, char **password, struct error *err)
{
	struct config_context destination = {
		.pipeline = pipeline, .path = { section, key }, .count = 2
	};
	struct config_context parts = { .pipeline = pipeline,
		.path = { section, key },
		.count = 2,
		.section = "credentials" };
	const char *scheme = scheme_of(c, &parts, &destination, key);
	const char *whole = config_get(c, &destination, "credentials", NULL);
	const char *secret = NULL;
	struct buf text = { 0 };

	*url = *password = NULL;
	if (whole) {
		*url = url_of_text(whole, scheme);
		return 0;
	}
	whole = part(c, &destination, "bucket_url");
	if (whole) {
		*url = strstr(whole, "://") || !strncmp(whole, "file:", 5)
		    ? xstrdup(whole)
		    : xasprintf("file:%s", whole);
		return 0;
	}
	if (!part(c, &parts, "database"))
		return 0;
	if (config_secret(c, &parts, "password", &secret, err) < 0)
		return -1;
	url_of_parts(c, &parts, scheme, &text);
	*url = buf_take(&text);
	*password = secret ? xstrdup(secret) : NULL;
	return 0;
}

int
dataset_credentials(struct config *c, const char *pipeline, const char *name,
    char **url, char **password, struct error *err)
{
	return credentials_in(c, pipeline, "destination",
	    dataset_short_name(name), url, password, err);
}

int
dataset_source_credentials(struct config *c, const char *pipeline,
    const char *name, char **url, char **password, struct error *err)
{
	if (credentials_in(c, pipeline, "sources", name, url, password, err) <
	    0)
		return -1;
	return *url != NULL
	    ? 0
	    : dataset_credentials(c, pipeline, name, url, password, err);
}

int
dataset_password(const char *path, char **password, struct error *err)
{
	size_t len;

	if (read_file(path, PASSWORD_MAX, password, &len, err) < 0)
		return -1;
	(*password)[strcspn(*password, "\r\n")] = '\0';
	return 0;
}
