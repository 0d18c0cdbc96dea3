/* SPDX-License-Identifier: MIT */
#include "common/duck_private.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define LIBRARY "libduckdb.so"

/* ---- errors ---- */

/* There is no code for a lock: those of files and of other connections read
 * so since 0.9. */
static bool
is_lock(const char *message)
{
	return strstr(message, "Could not set lock") ||
	    strstr(message, "Conflicting lock") ||
	    strstr(message, "write-write conflict") ||
	    strstr(message, "Conflict on ");
}

/* A commit that the disk has no room for calls itself one of transactions. */
static bool
is_disk(const char *message)
{
	return strstr(message, "No space left on device") ||
	    strstr(message, "Could not write file") ||
	    strstr(message, "Could not fsync file");
}

static enum err_code
code_of(int type, const char *message)
{
	if (is_lock(message))
		return ERR_TEMP;
	if (is_disk(message))
		return ERR_IO;
	switch (type) {
	case DUCKDB_ERROR_OUT_OF_RANGE:
	case DUCKDB_ERROR_CONVERSION:
	case DUCKDB_ERROR_CONSTRAINT:
	case DUCKDB_ERROR_INVALID_INPUT:
		return ERR_DATA;
	case DUCKDB_ERROR_IO:
	case DUCKDB_ERROR_PERMISSION:
	case DUCKDB_ERROR_OUT_OF_MEMORY:
		return ERR_IO;
	case DUCKDB_ERROR_TRANSACTION:
		return ERR_TEMP;
	default:
		return ERR_REMOTE;
	}
}

/* Only the first line: the others quote the statement. */
int
duck_fail(int type, const char *message, struct error *err)
{
	if (!message || !*message)
		message = "DuckDB failed without saying why";
	return error_set(err, code_of(type, message), "%.*s",
	    (int)strcspn(message, "\n"), message);
}

/* ---- the library ---- */

static int
find_functions(struct duck *d, struct error *err)
{
	static const struct {
		const char *name;
		size_t offset;
	} functions[] = {
#define ENTRY(result, name, parameters) \
	{ "duckdb_" #name, offsetof(struct duck_api, name) },
		DUCK_API(ENTRY)
#undef ENTRY
	};

	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		void *f = dlsym(d->library, functions[i].name);

		if (!f)
			return error_set(err, ERR_USAGE,
			    "the DuckDB library has no %s: a version from 1.2 "
			    "on is needed",
			    functions[i].name);
		memcpy((char *)&d->api + functions[i].offset, &f, sizeof(f));
	}
	return 0;
}

/* It stays mapped once it is: its threads and destructors cannot be taken
 * down with certainty. */
static int
load_library(struct duck *d, struct error *err)
{
	const char *given = getenv("DLT_LIBDUCKDB");
	const char *why;

	if (given && *given && !strchr(given, '/'))
		return error_set(err, ERR_USAGE,
		    "DLT_LIBDUCKDB: expected the path of " LIBRARY
		    ", not \"%s\"",
		    given);
	d->library = dlopen(given && *given ? given : LIBRARY,
	    RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (d->library)
		return find_functions(d, err);
	why = dlerror();
	if (given && *given)
		return error_set(err, ERR_USAGE, "DLT_LIBDUCKDB: %s",
		    why ? why : given);
	return error_set(err, ERR_USAGE,
	    "DuckDB is needed, and " LIBRARY
	    " is not installed: set DLT_LIBDUCKDB to its path (dlt(7), "
	    "ENVIRONMENT)");
}

static int
configure(struct duck *d, const struct duck_settings *set, duck_handle *config,
    struct error *err)
{
	char threads[16];
	const char *const pairs[][2] = {
		{ "autoinstall_known_extensions", "false" },
		{ "autoload_known_extensions", "false" },
		{ "access_mode", set->read_only ? "READ_ONLY" : "AUTOMATIC" },
		{ "threads", set->threads ? threads : NULL },
	};

	snprintf(threads, sizeof(threads), "%u", set->threads);
	if (d->api.create_config(config))
		return error_set(err, ERR_IO, "DuckDB: out of memory");
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (pairs[i][1] &&
		    d->api.set_config(*config, pairs[i][0], pairs[i][1]))
			return error_set(err, ERR_REMOTE,
			    "DuckDB refuses the setting %s", pairs[i][0]);
	return 0;
}

static int
open_database(struct duck *d, const char *path, const struct duck_settings *set,
    struct error *err)
{
	duck_handle config = NULL;
	char *message = NULL;
	int rc = -1;

	if (configure(d, set, &config, err))
		goto out;
	if (d->api.open_ext(path, &d->database, config, &message)) {
		duck_fail(DUCKDB_ERROR_IO, message, err);
		goto out;
	}
	if (d->api.connect(d->database, &d->connection)) {
		error_set(err, ERR_REMOTE, "DuckDB gives no connection");
		goto out;
	}
	rc = 0;
out:
	if (message)
		d->api.free(message);
	if (config)
		d->api.destroy_config(&config);
	return rc;
}

struct duck *
duck_open(const char *path, const struct duck_settings *settings,
    struct error *err)
{
	static const struct duck_settings none = { 0 };
	struct duck *d = xcalloc(1, sizeof(*d));

	if (load_library(d, err) ||
	    open_database(d, path, settings ? settings : &none, err) ||
	    (!path && duck_run(d, "SET temp_directory = ''", err)) ||
	    duck_run(d, "SET TimeZone = 'UTC'", err)) {
		duck_close(d);
		return NULL;
	}
	return d;
}

void
duck_close(struct duck *d)
{
	if (!d)
		return;
	if (d->connection)
		d->api.disconnect(&d->connection);
	if (d->database)
		d->api.close(&d->database);
	if (d->library)
		dlclose(d->library);
	free(d);
}

/* ---- statements ---- */

static int
fail_result(struct duck *d, struct duck_result *r, struct error *err)
{
	duck_fail(d->api.result_error_type(r), d->api.result_error(r), err);
	d->api.destroy_result(r);
	return -1;
}

int
duck_run(struct duck *d, const char *sql, struct error *err)
{
	struct duck_result r = { 0 };

	if (d->api.query(d->connection, sql, &r))
		return fail_result(d, &r, err);
	d->api.destroy_result(&r);
	return 0;
}

void
duck_interrupt(struct duck *d)
{
	d->api.interrupt(d->connection);
}

static void
quote(char by, const char *text, size_t len, struct buf *out)
{
	buf_addc(out, by);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == by)
			buf_addc(out, by);
		buf_addc(out, text[i]);
	}
	buf_addc(out, by);
}

void
duck_quote(const char *name, struct buf *out)
{
	quote('"', name, strlen(name), out);
}

void
duck_literal(const char *text, size_t len, struct buf *out)
{
	quote('\'', text, len, out);
}

/* ---- results ---- */

struct duck_rows {
	struct duck *duck;
	struct duck_result result;
	duck_handle chunk;
	size_t width;
	uint64_t row, count; /* in the chunk; row counts from 1 */
	bool ended;
};

static int
bind_texts(struct duck *d, duck_handle q, const char *const *texts,
    size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (texts[i] ? d->api.bind_varchar_length(q, i + 1, texts[i],
		                   strlen(texts[i]))
		             : d->api.bind_null(q, i + 1))
			return duck_fail(0, d->api.prepare_error(q), err);
	return 0;
}

/* As they are fetched, instead of all at once. */
static int
execute_stream(struct duck *d, duck_handle q, struct duck_result *r,
    struct error *err)
{
	duck_handle pending = NULL;
	int rc = -1;

	if (d->api.pending_prepared_streaming(q, &pending))
		duck_fail(0, pending ? d->api.pending_error(pending) : NULL,
		    err);
	else
		rc = d->api.execute_pending(pending, r) ? fail_result(d, r, err)
		                                        : 0;
	if (pending)
		d->api.destroy_pending(&pending);
	return rc;
}

static struct duck_rows *
start_query(struct duck *d, const char *sql, const char *const *texts,
    size_t count, bool stream, struct error *err)
{
	struct duck_rows *r = xcalloc(1, sizeof(*r));
	duck_handle q = NULL;
	int rc = -1;

	r->duck = d;
	if (d->api.prepare(d->connection, sql, &q))
		duck_fail(0, q ? d->api.prepare_error(q) : NULL, err);
	else if (stream)
		rc = execute_stream(d, q, &r->result, err);
	else if (bind_texts(d, q, texts, count, err) == 0)
		rc = d->api.execute_prepared(q, &r->result)
		    ? fail_result(d, &r->result, err)
		    : 0;
	if (q)
		d->api.destroy_prepare(&q);
	if (rc) {
		free(r);
		return NULL;
	}
	r->width = (size_t)d->api.column_count(&r->result);
	return r;
}

struct duck_rows *
duck_query(struct duck *d, const char *sql, const char *const *texts,
    size_t count, struct error *err)
{
	return start_query(d, sql, texts, count, false, err);
}

struct duck_rows *
duck_stream(struct duck *d, const char *sql, struct error *err)
{
	return start_query(d, sql, NULL, 0, true, err);
}

int
duck_next(struct duck_rows *r, struct error *err)
{
	const struct duck_api *api = &r->duck->api;
	const char *message;

	while (r->row >= r->count) {
		if (r->ended)
			return 0;
		if (r->chunk)
			api->destroy_data_chunk(&r->chunk);
		r->row = r->count = 0;
		r->chunk = api->fetch_chunk(r->result);
		if (!r->chunk) {
			r->ended = true;
			message = api->result_error(&r->result);
			return message
			    ? duck_fail(api->result_error_type(&r->result),
			          message, err)
			    : 0;
		}
		r->count = api->data_chunk_get_size(r->chunk);
	}
	r->row++;
	return 1;
}

size_t
duck_width(const struct duck_rows *r)
{
	return r->width;
}

const char *
duck_name(struct duck_rows *r, size_t column)
{
	return r->duck->api.column_name(&r->result, column);
}

/* The value of the current row, or NULL. */
static const void *
value_at(const struct duck_rows *r, size_t column, size_t size)
{
	const struct duck_api *api = &r->duck->api;
	uint64_t i = r->row - 1;
	const uint64_t *valid;
	duck_handle v;

	if (column >= r->width)
		return NULL;
	v = api->data_chunk_get_vector(r->chunk, column);
	valid = api->vector_get_validity(v);
	if (valid && !(valid[i / 64] >> (i % 64) & 1))
		return NULL;
	return (const char *)api->vector_get_data(v) + i * size;
}

int64_t
duck_integer(const struct duck_rows *r, size_t column)
{
	const struct duck_api *api = &r->duck->api;
	struct duck_result result = r->result;
	int type = api->column_type(&result, column);
	int64_t wide;
	int32_t narrow;
	const void *v;

	switch (type) {
	case DUCKDB_BOOLEAN:
		v = value_at(r, column, 1);
		return v && *(const uint8_t *)v;
	case DUCKDB_INTEGER:
		v = value_at(r, column, sizeof(narrow));
		if (!v)
			return 0;
		memcpy(&narrow, v, sizeof(narrow));
		return narrow;
	case DUCKDB_BIGINT:
		v = value_at(r, column, sizeof(wide));
		if (!v)
			return 0;
		memcpy(&wide, v, sizeof(wide));
		return wide;
	default:
		return 0;
	}
}

const char *
duck_text(const struct duck_rows *r, size_t column, size_t *len)
{
	struct duck_result result = r->result;
	int type = r->duck->api.column_type(&result, column);
	const struct duck_string *s = NULL;

	if (type == DUCKDB_VARCHAR || type == DUCKDB_BLOB)
		s = value_at(r, column, sizeof(*s));
	*len = s ? s->len : 0;
	if (!s)
		return NULL;
	return s->len <= DUCK_INLINED ? (const char *)s + sizeof(s->len)
	                              : s->data;
}

void
duck_rows_free(struct duck_rows *r)
{
	if (!r)
		return;
	if (r->chunk)
		r->duck->api.destroy_data_chunk(&r->chunk);
	r->duck->api.destroy_result(&r->result);
	free(r);
}

int
duck_exec(struct duck *d, const char *sql, const char *const *texts,
    size_t count, bool *any, struct error *err)
{
	struct duck_rows *r = duck_query(d, sql, texts, count, err);
	int rc;

	if (!r)
		return -1;
	rc = duck_next(r, err);
	duck_rows_free(r);
	if (rc < 0)
		return -1;
	if (any)
		*any = rc > 0;
	return 0;
}
