/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_clickhouse_private.h"

#include "common/dest/dataset.h"
#include "common/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SEPARATOR  "___"
#define SHOWN_MAX  600
#define RESULT_MAX ((size_t)1 << 30)
#define QUERY_MAX  ((size_t)1 << 28)

#define LISTING_TRIES 100 /* see ch_query */

/* ---- errors ---- */

/* By ClickHouse's numbers (ErrorCodes.cpp). */
static const int temporary[] = {
	159, /* time-out */ 160, 202, /* too many queries */ 203, 209, 210,
	/* network */ 216, /* the same query id */ 225, 236, 241, /* memory */
	242, /* read only, for now */ 243, /* disk */ 252, /* too many parts */
	285, 286, 319, 394, /* cancelled */ 473, 999,      /* keeper */
};
static const int data_errors[] = {
	6,
	26,
	27,
	33,
	38,
	41,
	53,
	62,
	69,
	70,
	72,
	117,
	130,
	131,
	190,
	321,
	349,
	407,
	441,
};

static bool
is_among(int code, const int *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == code)
			return true;
	return false;
}

/* "Code: 60, e.displayText() = DB::Exception: TEXT, e.what() = .." of old ones,
 * "Code: 60. DB::Exception: TEXT. (NAME) (version ..)" of new ones. */
static void
find_text(const char *body, const char **text, size_t *len)
{
	static const char *const ends[] = { "\n", ", e.what() =", " (version ",
		", Stack trace", " Stack trace" };
	const char *at = strstr(body, "DB::Exception: ");

	*text = at ? at + strlen("DB::Exception: ") : body;
	*len = strlen(*text);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const char *end = strstr(*text, ends[i]);

		if (end && (size_t)(end - *text) < *len)
			*len = (size_t)(end - *text);
	}
	if (*len > SHOWN_MAX)
		*len = SHOWN_MAX;
	while (*len && strchr(" .\r", (*text)[*len - 1]))
		--*len;
}

int
ch_check(const struct http_response *resp, bool rows, int *code,
    struct error *err)
{
	const char *body = buf_str(&resp->body), *text;
	const char *said = http_header(resp, "X-ClickHouse-Exception-Code");
	bool ok = resp->status >= 200 && resp->status < 300 && !said;
	enum err_code kind = ERR_REMOTE;
	size_t len;
	int n = said ? atoi(said) : 0;

	if (code)
		*code = 0;
	if (ok)
		return 0;
	if (!n && !strncmp(body, "Code: ", 6))
		n = atoi(body + 6);
	if (code)
		*code = n;
	if (!n) /* a proxy, or something else that speaks HTTP */
		return http_check(resp, err) < 0
		    ? -1
		    : error_set(err, ERR_REMOTE, "no answer of ClickHouse");
	if (is_among(n, temporary, ARRAY_LEN(temporary)))
		kind = ERR_TEMP;
	else if (rows && is_among(n, data_errors, ARRAY_LEN(data_errors)))
		kind = ERR_DATA;
	find_text(body, &text, &len);
	return error_set(err, kind, "%.*s (ClickHouse error %d)", (int)len,
	    text, n);
}

/* ---- requests ---- */

/* Those that the server knows: another one would be an error. */
static void
add_settings(const struct clickhouse_dest *c, size_t query_max, struct buf *url)
{
	buf_adds(url, "&wait_end_of_query=1");
	if (c->read_only || !c->version)
		return; /* who may only read may not even set something */
	buf_addf(url, "&max_query_size=%zu&insert_deduplicate=0", query_max);
	if (c->version >= CH_MODERN)
		buf_adds(url,
		    "&async_insert=0&mutations_sync=2"
		    "&union_default_mode=DISTINCT"
		    "&allow_experimental_lightweight_delete=1"
		    "&select_sequential_consistency=1"
		    "&date_time_input_format=basic"
		    "&input_format_null_as_default=0"
		    "&input_format_tsv_empty_as_default=0"
		    "&input_format_tsv_detect_header=0"
		    "&max_partitions_per_insert_block=0"
		    "&prefer_column_name_to_alias=1"
		    "&transform_null_in=0");
	if (c->version >= CH_DROP_ANY)
		buf_adds(url, "&max_table_size_to_drop=0");
}

char *
ch_url(const struct clickhouse_dest *c, size_t query_max, const char *id)
{
	struct buf url = { 0 };

	buf_addf(&url, "%s?database=", c->address);
	http_escape(c->database, strlen(c->database), "", &url);
	add_settings(c, query_max, &url);
	if (id) {
		buf_adds(&url, "&query_id=");
		http_escape(id, strlen(id), "", &url);
	}
	return buf_take(&url);
}

size_t
ch_headers(const struct clickhouse_dest *c, struct http_header out[2])
{
	out[0] = (struct http_header){ "X-ClickHouse-User", c->user };
	out[1] = (struct http_header){ "X-ClickHouse-Key", c->password };
	return *c->password ? 2 : 1;
}

static int
query_once(struct clickhouse_dest *c, const char *sql, const char *id,
    struct buf *out, int *code, struct error *err)
{
	struct http_response resp = { 0 };
	struct http_body body = { .data = sql,
		.len = strlen(sql),
		.once = strncmp(sql, "SELECT ", 7) != 0 };
	struct http_header headers[2];
	struct http_request req = { .method = "POST",
		.headers = headers,
		.body = &body,
		.body_max = RESULT_MAX };
	char *url;
	int rc = -1;

	*code = 0;
	if (ch_insert_end(c, err) < 0)
		return -1;
	req.header_count = ch_headers(c, headers);
	req.url = url = ch_url(c, QUERY_MAX, id);
	if (http_send(c->http, &req, &resp, err) == 0 &&
	    ch_check(&resp, false, code, err) == 0) {
		if (out)
			buf_add(out, buf_str(&resp.body), resp.body.len);
		rc = 0;
	}
	http_response_release(&resp);
	free(url);
	return rc;
}

/* An old server's list of tables and columns is refused when any table of the
 * database is dropped while it is made, as other connections do here. */
int
ch_query(struct clickhouse_dest *c, const char *sql, const char *id,
    struct buf *out, int *code, struct error *err)
{
	bool listing = c->version < CH_MODERN && !strncmp(sql, "SELECT ", 7) &&
	    strstr(sql, " FROM system.");
	int status = 0, rc = -1;

	for (int i = 0; i < LISTING_TRIES; i++) {
		rc = query_once(c, sql, id, out, &status, err);
		if (rc == 0 || !listing || status != CH_UNKNOWN_TABLE)
			break;
	}
	if (code)
		*code = status;
	return rc;
}

int
ch_run(struct clickhouse_dest *c, const char *sql, struct error *err)
{
	return ch_query(c, sql, NULL, NULL, NULL, err);
}

int
ch_has_row(struct clickhouse_dest *c, const char *sql, bool *found,
    struct error *err)
{
	struct buf out = { 0 };
	int rc = ch_query(c, sql, NULL, &out, NULL, err);

	*found = out.len > 0;
	buf_release(&out);
	return rc;
}

/* ---- text ---- */

static char
unescaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case '0':
		return '\0';
	default:
		return c;
	}
}

bool
ch_field(const char **at, struct buf *out)
{
	const char *p = *at;

	if (!*p)
		return false;
	for (; *p && *p != '\t' && *p != '\n'; p++) {
		if (*p == '\\' && p[1])
			buf_addc(out, unescaped(*++p));
		else
			buf_addc(out, *p);
	}
	*at = *p ? p + 1 : p;
	return true;
}

void
ch_literal(const char *text, size_t len, struct buf *out)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\0') {
			buf_adds(out, "\\0");
			continue;
		}
		if (text[i] == '\'' || text[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, text[i]);
	}
	buf_addc(out, '\'');
}

/* ---- the URL ---- */

struct url_parts {
	char *user, *password, *host, *database;
	long port, http_port;
	int secure, packed; /* -1: not said */
	double connect_s, stall_s;
	char *ca_file;
};

static void
release_parts(struct url_parts *u)
{
	free(u->user);
	free(u->password);
	free(u->host);
	free(u->database);
	free(u->ca_file);
}

static int
take_text(const char *text, size_t len, char **out, struct error *err)
{
	struct buf b = { 0 };

	if (!http_unescape(text, len, &b)) {
		buf_release(&b);
		return error_set(err, ERR_USAGE,
		    "not a URL (is a special character of the password not "
		    "written as %%XX?)");
	}
	free(*out);
	*out = buf_take(&b);
	return 0;
}

static int
take_number(const char *key, const char *text, double max, double *out,
    struct error *err)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text || *end || !(*out >= 0 && *out <= max))
		return error_set(err, ERR_USAGE, "%s=%s is no number up to %g",
		    key, text, max);
	return 0;
}

/* The names of methods are those of other clients: there is one here. */
static int
take_packed(const char *value, int *out, struct error *err)
{
	static const char *const off[] = { "0", "false", "no" };
	static const char *const on[] = { "1", "true", "yes", "zstd", "lz4",
		"lz4hc" };

	*out = -1;
	for (size_t i = 0; i < ARRAY_LEN(off); i++)
		if (!strcasecmp(value, off[i]))
			*out = 0;
	for (size_t i = 0; i < ARRAY_LEN(on); i++)
		if (!strcasecmp(value, on[i]))
			*out = 1;
	return *out >= 0
	    ? 0
	    : error_set(err, ERR_USAGE, "compression=%s is none", value);
}

static int
take_option(struct url_parts *u, const char *key, char *value,
    struct error *err)
{
	/* of other clients, which make no difference here */
	static const char *const unused[] = {
		"allow_experimental_lightweight_delete",
		"enable_http_compression", "date_time_input_format",
		"select_sequential_consistency"
	};
	char **texts[] = { &u->user, &u->password, &u->ca_file };
	static const char *const names[] = { "user", "password", "ca_file" };
	double n = 0;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(unused); i++)
		if (!strcmp(key, unused[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(key, names[i]) != 0)
			continue;
		free(*texts[i]);
		*texts[i] = xstrdup(value);
		return 0;
	}
	if (!strcmp(key, "secure") &&
	    (!strcasecmp(value, "true") || !strcasecmp(value, "false"))) {
		u->secure = *value == 't' || *value == 'T';
	} else if (!strcmp(key, "secure")) {
		rc = take_number(key, value, 1, &n, err);
		u->secure = n > 0;
	} else if (!strcmp(key, "compression")) {
		rc = take_packed(value, &u->packed, err);
	} else if (!strcmp(key, "http_port")) {
		rc = take_number(key, value, 65535, &n, err);
		u->http_port = (long)n;
	} else if (!strcmp(key, "connect_timeout")) {
		rc = take_number(key, value, 1e6, &u->connect_s, err);
	} else if (!strcmp(key, "send_receive_timeout")) {
		rc = take_number(key, value, 1e6, &u->stall_s, err);
	} else {
		rc = error_set(err, ERR_USAGE,
		    "the URL has an unknown option \"%s\"", key);
	}
	return rc;
}

static int
parse_options(struct url_parts *u, const char *query, struct error *err)
{
	int rc = 0;

	while (*query && rc == 0) {
		size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);
		char *key = NULL, *value = NULL;

		if (!equals)
			return error_set(err, ERR_USAGE,
			    "the URL's options are not KEY=VALUE&...");
		rc = take_text(query, (size_t)(equals - query), &key, err);
		if (rc == 0)
			rc = take_text(equals + 1,
			    len - (size_t)(equals + 1 - query), &value, err);
		if (rc == 0)
			rc = take_option(u, key, value, err);
		free(key);
		free(value);
		query += len + (query[len] == '&');
	}
	return rc;
}

static int
parse_host(struct url_parts *u, const char *text, size_t len, struct error *err)
{
	const char *close = memchr(text, ']', len), *colon;
	char *end;

	if (len && *text == '[' && close)
		colon = close + 1 < text + len ? close + 1 : NULL;
	else
		colon = memchr(text, ':', len);
	if (colon && *colon != ':')
		return error_set(err, ERR_USAGE, "the URL's host is none");
	if (colon) {
		u->port = strtol(colon + 1, &end, 10);
		if (end != text + len || end == colon + 1 || u->port < 1 ||
		    u->port > 65535)
			return error_set(err, ERR_USAGE,
			    "the URL's port is no number up to 65535");
		len = (size_t)(colon - text);
	}
	if (!len)
		return error_set(err, ERR_USAGE, "the URL has no host");
	u->host = xstrndup(text, len);
	if (strpbrk(u->host, " \t\r\n/@#%\\\"<>"))
		return error_set(err, ERR_USAGE, "the URL's host is none");
	return 0;
}

/* //[USER[:PASSWORD]@]HOST[:PORT][/DATABASE][?OPTIONS] */
static int
parse_url(struct url_parts *u, const char *rest, struct error *err)
{
	const char *query = rest + strcspn(rest, "?"), *at, *host, *slash;

	if (strncmp(rest, "//", 2) != 0)
		return error_set(err, ERR_USAGE,
		    "not of the form clickhouse://HOST/DATABASE");
	host = rest + 2;
	at = memrchr(host, '@', (size_t)(query - host));
	if (at) {
		const char *colon = memchr(host, ':', (size_t)(at - host));
		const char *end = colon ? colon : at;

		if (take_text(host, (size_t)(end - host), &u->user, err) < 0 ||
		    (colon &&
		        take_text(colon + 1, (size_t)(at - colon - 1),
		            &u->password, err) < 0))
			return -1;
		host = at + 1;
	}
	slash = memchr(host, '/', (size_t)(query - host));
	if (!slash)
		slash = query;
	if (parse_host(u, host, (size_t)(slash - host), err) < 0)
		return -1;
	if (slash < query &&
	    take_text(slash + 1, (size_t)(query - slash - 1), &u->database,
	        err) < 0)
		return -1;
	return *query ? parse_options(u, query + 1, err) : 0;
}

static bool
is_local(const char *host)
{
	return !strcmp(host, "localhost") || !strncmp(host, "127.", 4) ||
	    !strcmp(host, "[::1]");
}

/* The ports of the native protocol, as Python dlt has them in its URLs, stand
 * for those of HTTP. A password goes over the net in clear only where the URL
 * says so. */
static void
settle_port(struct url_parts *u)
{
	long port = u->http_port ? u->http_port : u->port;

	if (u->secure < 0)
		u->secure = port == 8443 || u->port == 9440 ||
		    (port != 8123 && u->port != 9000 && !is_local(u->host));
	if (!port || port == 9000 || port == 9440)
		port = u->secure ? 8443 : 8123;
	u->port = port;
}

/* ---- open and close ---- */

static void
clickhouse_close(struct dest *d)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;

	ch_insert_release(c);
	http_free(c->http);
	free(c->address);
	free(c->user);
	free(c->password);
	free(c->database);
	free(c->prefix);
	free(c->staging);
	free(c->load_id);
	free(c->job_id);
	free(c->chain);
	free(c->tx.parts);
	free(c->tx.marks);
	buf_release(&c->tx.merges);
	buf_release(&c->tx.after);
	free(c);
}

static char *
first_of(const char *a, const char *b, const char *c)
{
	return xstrdup(a && *a ? a : b && *b ? b : c);
}

static int
settle(struct clickhouse_dest *c, struct url_parts *u,
    const struct dest_settings *set, struct error *err)
{
	struct http_settings http = { .connect_s = u->connect_s,
		.stall_s = u->stall_s ? u->stall_s : 3600,
		.ca_file = u->ca_file };
	const char *password = set->password ? set->password : u->password;
	char *staging;

	settle_port(u);
	c->address = xasprintf("http%s://%s:%ld/", u->secure ? "s" : "",
	    u->host, u->port);
	c->user = first_of(u->user, getenv("CLICKHOUSE_USER"), "default");
	c->password = first_of(password, getenv("CLICKHOUSE_PASSWORD"), "");
	c->database = first_of(u->database, getenv("CLICKHOUSE_DATABASE"),
	    "default");
	c->read_only = set->read_only;
	c->packed = u->packed < 0 ? !is_local(u->host) : u->packed;
	if (strpbrk(c->database, "\"\\`"))
		return error_set(err, ERR_USAGE,
		    "the name of the database has quotes or backslashes");
	c->prefix = set->dataset && *set->dataset
	    ? xasprintf("%s" SEPARATOR, set->dataset)
	    : xstrdup("");
	staging = dataset_staging(set->staging_layout,
	    set->dataset ? set->dataset : "", err);
	if (!staging)
		return -1;
	c->staging = xasprintf("%s" SEPARATOR, staging);
	free(staging);
	c->http = http_new(&http, err);
	return c->http ? 0 : -1;
}

extern const struct dest_ops dest_clickhouse;
static const struct dest_ops old_server;

/* Which version it is decides what it can do. */
static int
greet(struct clickhouse_dest *c, struct error *err)
{
	struct buf out = { 0 }, sql = { 0 }, engine = { 0 };
	const char *at;
	int major = 0, minor = 0, rc;

	buf_adds(&sql,
	    "SELECT version(), timezone(), engine FROM system.databases WHERE "
	    "name = ");
	ch_literal(c->database, strlen(c->database), &sql);
	rc = ch_query(c, sql.data, NULL, &out, NULL, err);
	if (rc == 0 && !out.len)
		rc = error_set(err, ERR_REMOTE, "there is no database \"%s\"",
		    c->database);
	if (rc == 0 && sscanf(buf_str(&out), "%4d.%3d", &major, &minor) != 2)
		rc = error_set(err, ERR_REMOTE,
		    "what answers there does not seem to be ClickHouse");
	c->version = major * 1000 + minor;
	if (rc == 0 && c->version < 18016)
		rc = error_set(err, ERR_REMOTE,
		    "ClickHouse %d.%d is older than 18.16, the oldest one "
		    "that is supported",
		    major, minor);
	at = buf_str(&out) + strcspn(buf_str(&out), "\t");
	c->utc = !strncmp(at, "\tUTC\t", 5);
	for (at = buf_str(&out); ch_field(&at, &engine) && *at;)
		buf_reset(&engine);
	c->atomic = !strncmp(buf_str(&engine), "Atomic", 6) ||
	    !strncmp(buf_str(&engine), "Replicated", 10) ||
	    !strncmp(buf_str(&engine), "Shared", 6);
	if (c->version < CH_MODERN)
		c->base.ops = &old_server;
	buf_release(&out);
	buf_release(&sql);
	buf_release(&engine);
	return rc;
}

static struct dest *
clickhouse_open(const char *rest, const struct dest_settings *set,
    struct error *err)
{
	struct clickhouse_dest *c = xcalloc(1, sizeof(*c));
	struct url_parts u = { .secure = -1, .packed = -1 };
	int rc = parse_url(&u, rest, err);

	if (rc == 0)
		rc = settle(c, &u, set, err);
	release_parts(&u);
	if (rc == 0 && greet(c, err) == 0)
		return &c->base;
	clickhouse_close(&c->base);
	return NULL;
}

/* ---- what it is to the loader ---- */

static const char *const merge_strategies[] = { "delete-insert", "scd2", NULL };
static const char *const no_strategies[] = { NULL };
static const char *const replace_strategies[] = { "truncate-and-insert",
	"insert-from-staging", NULL };

#define CLICKHOUSE_OPS(merges_)                                               \
	{                                                                     \
		.scheme = "clickhouse", .form = "clickhouse://HOST/DATABASE", \
		.values = { true, false, false },                             \
		.caps = { merges_, replace_strategies, .merge = &ch_merging,  \
			.connections = 20 },                                  \
		.open = clickhouse_open, .close = clickhouse_close,           \
		.stored_schema = ch_stored_schema,                            \
		.stored_state = ch_stored_state, .begin = ch_begin,           \
		.commit = ch_commit, .rollback = ch_rollback,                 \
		.has_version = ch_has_version, .add_version = ch_add_version, \
		.migrate = ch_migrate, .empty = ch_empty, .drop = ch_drop,    \
		.insert = ch_insert, .name = ch_name, .execute = ch_execute,  \
		.marked = ch_marked, .mark = ch_mark,                         \
		.each_mark = ch_each_mark, .unmark = ch_unmark,               \
		.has_load = ch_has_load, .add_load = ch_add_load,             \
	}

const struct dest_ops dest_clickhouse = CLICKHOUSE_OPS(merge_strategies);
/* Without DELETE of rows. */
static const struct dest_ops old_server = CLICKHOUSE_OPS(no_strategies);
