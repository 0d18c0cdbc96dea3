/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_postgres_private.h"

#include "common/dest/dataset.h"
#include "common/dest/ddl.h"
#include "common/mem.h"
#include "common/output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_TIMEOUT_S 15
#define POLL_MS           500
#define DEFAULT_DATASET   "public"

/* ---- errors ---- */

struct state_class {
	const char *prefix;
	enum err_code code;
};

/* By SQLSTATE; the first that fits. */
static const struct state_class classes[] = {
	{ "08", ERR_TEMP },    /* connection */
	{ "40", ERR_TEMP },    /* deadlock, serialization */
	{ "53", ERR_TEMP },    /* disk full, too many connections */
	{ "55006", ERR_TEMP }, /* object in use */
	{ "55P03", ERR_TEMP }, /* lock not available */
	{ "57014", ERR_TEMP }, /* canceled, statement timeout */
	{ "57P", ERR_TEMP },   /* shutting down, starting up, crashed */
	{ "25P", ERR_TEMP },   /* idle in a transaction for too long */
	{ "58030", ERR_IO },
	{ "22", ERR_DATA },
	{ "23", ERR_DATA },
};

static enum err_code
code_of(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_LEN(classes); i++)
		if (!strncmp(state, classes[i].prefix,
		        strlen(classes[i].prefix)))
			return classes[i].code;
	return ERR_REMOTE;
}

/* libpq's texts end in line breaks and may have several lines. */
static void
one_line(const char *text, struct buf *out)
{
	size_t end = strlen(text);

	while (end && (text[end - 1] == '\n' || text[end - 1] == ' '))
		end--;
	for (size_t i = 0; i < end; i++) {
		if (text[i] == '\n')
			buf_adds(out, "; ");
		else if (text[i] != '\t')
			buf_addc(out, text[i]);
	}
}

static void
add_field(const PGresult *res, int field, const char *before, const char *after,
    struct buf *out)
{
	const char *text = PQresultErrorField(res, field);
	struct buf line = { 0 };

	if (text) {
		one_line(text, &line);
		buf_addf(out, "%s%s%s", before, buf_str(&line), after);
	}
	buf_release(&line);
}

int
pg_fail(struct postgres_dest *p, const PGresult *res, struct error *err)
{
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE)
	                        : NULL;
	struct buf text = { 0 };

	if (state) {
		add_field(res, PG_DIAG_MESSAGE_PRIMARY, "", "", &text);
		add_field(res, PG_DIAG_MESSAGE_DETAIL, ": ", "", &text);
		if (code_of(state) == ERR_DATA)
			add_field(res, PG_DIAG_CONTEXT, " (", ")", &text);
		error_set(err, code_of(state), "%s (SQLSTATE %s)", text.data,
		    state);
	} else {
		one_line(PQerrorMessage(p->conn), &text);
		error_set(err,
		    PQstatus(p->conn) == CONNECTION_BAD ? ERR_TEMP : ERR_REMOTE,
		    "%s", text.len ? text.data : "the connection is lost");
	}
	buf_release(&text);
	return -1;
}

/* ---- waiting ---- */

/* Tell the server too: it would go on with what it does. */
static int
interrupted(struct postgres_dest *p, struct error *err)
{
	PGcancel *cancel = PQgetCancel(p->conn);
	char unused[256];

	if (cancel)
		PQcancel(cancel, unused, sizeof(unused));
	PQfreeCancel(cancel);
	return error_set(err, ERR_QUIET, "interrupted");
}

int
pg_wait(struct postgres_dest *p, bool writing, struct error *err)
{
	struct pollfd fd = { .fd = PQsocket(p->conn),
		.events = (short)(POLLIN | (writing ? POLLOUT : 0)) };

	if (fd.fd < 0)
		return pg_fail(p, NULL, err);
	for (;;) {
		int n = poll(&fd, 1, POLL_MS);

		if (signal_pending() || p->stop)
			return interrupted(p, err);
		if (n > 0)
			break;
		if (n < 0 && errno != EINTR)
			return error_errno(err, "poll");
	}
	if ((fd.revents & ~POLLOUT) && !PQconsumeInput(p->conn))
		return pg_fail(p, NULL, err);
	return 0;
}

static int
flush(struct postgres_dest *p, struct error *err)
{
	int rc;

	while ((rc = PQflush(p->conn)) > 0)
		if (pg_wait(p, true, err) < 0)
			return -1;
	return rc < 0 ? pg_fail(p, NULL, err) : 0;
}

PGresult *
pg_next(struct postgres_dest *p, struct error *err)
{
	if (flush(p, err) < 0)
		return NULL;
	while (PQisBusy(p->conn))
		if (pg_wait(p, false, err) < 0)
			return NULL;
	return PQgetResult(p->conn);
}

/* The last result of what was sent, or the first that says of a failure. */
PGresult *
pg_last_result(struct postgres_dest *p, struct error *err)
{
	struct error why = { 0 };
	PGresult *res = NULL, *next;

	while ((next = pg_next(p, &why))) {
		ExecStatusType status = PQresultStatus(next);

		if (res && PQresultStatus(res) == PGRES_FATAL_ERROR) {
			PQclear(next);
			continue;
		}
		PQclear(res);
		res = next;
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
			break;
	}
	if (why.code) {
		*err = why;
	} else if (!res || PQresultStatus(res) == PGRES_FATAL_ERROR ||
	    PQresultStatus(res) == PGRES_BAD_RESPONSE) {
		pg_fail(p, res, err);
	} else {
		return res;
	}
	PQclear(res);
	return NULL;
}

static int connect_now(struct postgres_dest *p, struct error *err);

PGresult *
pg_query(struct postgres_dest *p, const char *sql, const char *const *texts,
    size_t count, struct error *err)
{
	int sent;

	if (!p->conn && connect_now(p, err) < 0)
		return NULL;
	if (pg_copy_end(p, err) < 0)
		return NULL;
	sent = count ? PQsendQueryParams(p->conn, sql, (int)count, NULL, texts,
	                   NULL, NULL, 0)
	             : PQsendQuery(p->conn, sql);
	if (!sent) {
		pg_fail(p, NULL, err);
		return NULL;
	}
	return pg_last_result(p, err);
}

int
pg_run(struct postgres_dest *p, const char *sql, const char *const *texts,
    size_t count, struct error *err)
{
	PGresult *res = pg_query(p, sql, texts, count, err);

	PQclear(res);
	return res ? 0 : -1;
}

int
pg_has_row(struct postgres_dest *p, const char *sql, const char *const *texts,
    size_t count, bool *found, struct error *err)
{
	PGresult *res = pg_query(p, sql, texts, count, err);

	if (!res)
		return -1;
	*found = PQntuples(res) > 0;
	PQclear(res);
	return 0;
}

/* ---- the connection ---- */

static void
no_notice(void *arg, const PGresult *res)
{
}

/* Messages of a refused connection carry no SQLSTATE but in their verbose form:
 * "FATAL:  28P01: password authentication failed ...". The rest of that form,
 * a line of where in the server it was, is cut. */
static int
connect_failure(struct postgres_dest *p, struct error *err)
{
	const char *text = PQerrorMessage(p->conn), *at = text;
	enum err_code code = ERR_TEMP;
	struct buf line = { 0 };
	char state[6] = "";

	while (!*state && (at = strstr(at, ":  "))) {
		at += 3;
		if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
		    !strncmp(at + 5, ": ", 2))
			memcpy(state, at, 5);
	}
	if (*state) {
		size_t len = strcspn(at + 7, "\n");

		code = code_of(state);
		buf_add(&line, at + 7, len);
		buf_addf(&line, " (SQLSTATE %s)", state);
	} else {
		one_line(text, &line);
		/* What the client found out itself will not change. */
		if (strstr(text, "no password supplied") ||
		    strstr(text, "invalid ") || strstr(text, "certificate") ||
		    strstr(text, "SSL") || strstr(text, "service file") ||
		    strstr(text, "definition of service"))
			code = ERR_REMOTE;
	}
	error_set(err, code, "cannot connect: %s",
	    line.len ? line.data : "no reason given");
	buf_release(&line);
	return -1;
}

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const char *
option(const struct postgres_dest *p, const char *keyword)
{
	for (PQconninfoOption *o = p->options; o->keyword; o++)
		if (!strcmp(o->keyword, keyword))
			return o->val;
	return NULL;
}

static int
await_connection(struct postgres_dest *p, struct error *err)
{
	const char *given = option(p, "connect_timeout");
	double limit = given ? strtod(given, NULL) : CONNECT_TIMEOUT_S;
	double end = now_s() + limit;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	while (state != PGRES_POLLING_OK) {
		struct pollfd fd = { .fd = PQsocket(p->conn),
			.events = state == PGRES_POLLING_READING ? POLLIN
			                                         : POLLOUT };
		int n;

		if (state == PGRES_POLLING_FAILED)
			return connect_failure(p, err);
		n = poll(&fd, 1, POLL_MS);
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (limit > 0 && now_s() > end)
			return error_set(err, ERR_TEMP,
			    "cannot connect: no answer within %g s", limit);
		if (n > 0)
			state = PQconnectPoll(p->conn);
		else if (n < 0 && errno != EINTR)
			return error_errno(err, "poll");
	}
	return 0;
}

/* Nothing of the session may depend on the user's or the server's settings. */
static int
begin_session(struct postgres_dest *p, struct error *err)
{
	struct buf sql = { 0 };
	double ms = p->wait_s * 1e3;
	int rc;

	if (!p->reader)
		buf_adds(&sql, "SET search_path = pg_catalog; ");
	buf_adds(&sql,
	    "SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; "
	    "SET DateStyle = 'ISO'; SET standard_conforming_strings = on; "
	    "SET bytea_output = 'hex'; SET extra_float_digits = 3; "
	    "SET client_min_messages = error; SET temp_buffers = '64MB'; "
	    "SET default_transaction_isolation = 'read committed'; "
	    "SET idle_in_transaction_session_timeout = 0; "
	    "SET statement_timeout = 0");
	if (p->wait_s >= 0)
		buf_addf(&sql, "; SET lock_timeout = %.0f",
		    ms < 1           ? 1
		        : ms > 2.1e9 ? 0
		                     : ms);
	if (p->read_only)
		buf_adds(&sql, "; SET default_transaction_read_only = on");
	rc = pg_run(p, sql.data, NULL, 0, err);
	buf_release(&sql);
	return rc;
}

static int
start(struct postgres_dest *p, struct error *err)
{
	size_t n = 0, count = 0;
	const char **keys, **values;

	while (p->options[count].keyword)
		count++;
	keys = xcalloc(count + 3, sizeof(*keys));
	values = xcalloc(count + 3, sizeof(*values));
	for (size_t i = 0; i < count; i++) {
		if (!p->options[i].val)
			continue;
		keys[n] = p->options[i].keyword;
		values[n++] = p->options[i].val;
	}
	keys[n] = "fallback_application_name";
	values[n++] = p->reader ? "dlt-extract" : "dlt-load";
	keys[n] = "client_encoding";
	values[n++] = "UTF8";
	p->conn = PQconnectStartParams(keys, values, 0);
	free(keys);
	free(values);
	if (!p->conn)
		return error_set(err, ERR_TEMP, "out of memory");
	PQsetErrorVerbosity(p->conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(p->conn, no_notice, NULL);
	if (PQstatus(p->conn) == CONNECTION_BAD)
		return connect_failure(p, err);
	return 0;
}

static int
connect_now(struct postgres_dest *p, struct error *err)
{
	bool claimed = p->claimed;

	PQfinish(p->conn);
	p->conn = NULL;
	p->jobs_table = p->locked = p->claimed = false;
	p->schemas[DEST_DATASET] = p->schemas[DEST_STAGING] = false;
	if (start(p, err) < 0 || await_connection(p, err) < 0)
		return -1;
	PQsetErrorVerbosity(p->conn, PQERRORS_DEFAULT);
	PQsetnonblocking(p->conn, 1);
	if (begin_session(p, err) < 0)
		return -1;
	return claimed ? pg_claim_staging(&p->base, err) : 0;
}

/* libpq's own message may quote what it did not understand: a password. */
static int
parse_url(struct postgres_dest *p, const char *rest, struct error *err)
{
	char *text = !strncmp(rest, "//", 2) ? xasprintf("postgresql:%s", rest)
	                                     : xstrdup(rest);
	char *why = NULL;
	bool secret = strchr(rest, '@') || strstr(rest, "password");

	p->options = PQconninfoParse(text, &why);
	if (!p->options) {
		size_t len = why ? strcspn(why, "\n") : 0;

		if (secret)
			error_set(err, ERR_USAGE,
			    "not a URL that PostgreSQL understands (is a "
			    "special character of the password not written "
			    "as %%XX?)");
		else
			error_set(err, ERR_USAGE, "%.*s", (int)len,
			    why ? why : "");
	}
	PQfreemem(why);
	free(text);
	return p->options ? 0 : -1;
}

/* Freed by PQconninfoFree(), which wants memory of malloc(). */
static void
set_option(struct postgres_dest *p, const char *keyword, const char *value)
{
	for (PQconninfoOption *o = p->options; o->keyword; o++) {
		if (strcmp(o->keyword, keyword) != 0)
			continue;
		free(o->val);
		o->val = xstrdup(value);
	}
}

static void
postgres_close(struct dest *d)
{
	struct postgres_dest *p = (struct postgres_dest *)d;

	pg_copy_release(p);
	pg_unclaim_staging(p);
	PQfinish(p->conn);
	PQconninfoFree(p->options);
	buf_release(&p->staged);
	free(p->dataset);
	free(p->staging);
	free(p);
}

static struct dest *
postgres_open(const char *rest, const struct dest_settings *set,
    struct error *err)
{
	struct postgres_dest *p = xcalloc(1, sizeof(*p));

	p->dataset = xstrdup(set->dataset ? set->dataset : DEFAULT_DATASET);
	p->wait_s = set->wait_s;
	p->read_only = set->read_only;
	p->no_indexes = set->no_indexes;
	p->staging = dataset_staging(set->staging_layout, p->dataset, err);
	if (p->staging && parse_url(p, rest, err) == 0) {
		if (set->password)
			set_option(p, "password", set->password);
		if (connect_now(p, err) == 0)
			return &p->base;
	}
	postgres_close(&p->base);
	return NULL;
}

struct postgres_dest *
pg_open_reader(const char *rest, const char *password, struct error *err)
{
	struct postgres_dest *p = xcalloc(1, sizeof(*p));

	p->wait_s = -1;
	p->reader = p->read_only = true;
	if (parse_url(p, rest, err) == 0) {
		if (password)
			set_option(p, "password", password);
		if (connect_now(p, err) == 0)
			return p;
	}
	pg_close_reader(p);
	return NULL;
}

void
pg_close_reader(struct postgres_dest *p)
{
	if (p)
		postgres_close(&p->base);
}

/* ---- transactions ---- */

static int
postgres_begin(struct dest *d, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;

	if (p->conn && PQstatus(p->conn) == CONNECTION_BAD &&
	    connect_now(p, err) < 0)
		return -1;
	return pg_run(p, "BEGIN", NULL, 0, err);
}

static void
end_transaction(struct postgres_dest *p)
{
	p->locked = false;
	buf_reset(&p->staged);
}

static int
postgres_commit(struct dest *d, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	PGresult *res = pg_query(p, "COMMIT", NULL, 0, err);
	int rc = -1;

	if (res && !strcmp(PQcmdStatus(res), "COMMIT"))
		rc = 0;
	else if (res)
		error_set(err, ERR_TEMP, "the transaction was rolled back");
	PQclear(res);
	if (rc == 0)
		end_transaction(p);
	return rc;
}

/* The server forgets what was on its way; false: it is not worth the wait. */
static bool
abandon_copy(struct postgres_dest *p)
{
	struct error unused;
	PGresult *res;

	if (signal_pending() || PQstatus(p->conn) == CONNECTION_BAD ||
	    PQputCopyEnd(p->conn, "abandoned") <= 0)
		return false;
	while ((res = pg_next(p, &unused)))
		PQclear(res);
	return PQstatus(p->conn) == CONNECTION_OK;
}

/* A connection that is lost, or busy after a signal, is made anew by whoever
 * needs one. */
static void
postgres_rollback(struct dest *d)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	bool lost = !p->conn || PQstatus(p->conn) == CONNECTION_BAD;

	if (!lost && p->copy.open)
		lost = !abandon_copy(p);
	if (!lost && PQtransactionStatus(p->conn) == PQTRANS_ACTIVE)
		lost = true;
	if (!lost && PQtransactionStatus(p->conn) != PQTRANS_IDLE) {
		PQclear(PQexec(p->conn, "ROLLBACK"));
		lost = PQstatus(p->conn) == CONNECTION_BAD;
	}
	if (lost) {
		PQfinish(p->conn);
		p->conn = NULL;
	}
	pg_copy_drop(p);
	p->jobs_table = false;
	p->schemas[DEST_DATASET] = p->schemas[DEST_STAGING] = false;
	end_transaction(p);
}

/* ---- statements of merges ---- */

void
pg_name(void *d, enum dest_place place, const char *table, struct buf *out)
{
	struct postgres_dest *p = d;

	ddl_quote(place == DEST_STAGING ? p->staging : p->dataset, out);
	buf_addc(out, '.');
	ddl_quote(table, out);
}

/* Without statistics the planner takes staged rows for a handful. */
static int
analyze(struct postgres_dest *p, struct error *err)
{
	struct buf sql = { 0 };
	int rc = 0;

	for (size_t at = 0; at < p->staged.len && rc == 0;
	     at += strlen(p->staged.data + at) + 1) {
		buf_reset(&sql);
		buf_adds(&sql, "ANALYZE ");
		pg_name(p, DEST_STAGING, p->staged.data + at, &sql);
		rc = pg_run(p, sql.data, NULL, 0, err);
	}
	buf_reset(&p->staged);
	buf_release(&sql);
	return rc;
}

static int
postgres_execute(struct dest *d, const char *sql, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;

	if (pg_copy_end(p, err) < 0 || analyze(p, err) < 0)
		return -1;
	return pg_run(p, sql, NULL, 0, err);
}

static const char *const merge_strategies[] = { "delete-insert", "upsert",
	"scd2", "insert-only", NULL };
static const char *const replace_strategies[] = { "truncate-and-insert",
	"insert-from-staging", "staging-optimized", NULL };

/* The first of equal rows stays. */
static const struct merge_dialect merging = {
	.when_true = "True",
	.when_false = "False",
	.any_order = "ctid",
	.tie_break = "ctid",
	.time_open = "'",
	.time_close = "'",
	.zone = true,
	.temp_create = "CREATE TEMPORARY TABLE ",
	.temp_suffix = " ON COMMIT DROP",
	/* TRUNCATE would show an empty table to who reads by an older
	 * snapshot, and keep all others waiting. */
	.empty_open = "DELETE FROM ",
	.empty_close = "",
	.dedup_nested = true,
};

#define POSTGRES_OPS(scheme_)                                                 \
	{                                                                     \
		.scheme = scheme_, .form = "postgresql://HOST/DATABASE",      \
		.values = { false, false, false },                            \
		.caps = { merge_strategies, replace_strategies,               \
			.isolated = true, .merge = &merging,                  \
			.connections = 40, .case_counts = true },             \
		.open = postgres_open, .close = postgres_close,               \
		.ledger = &pg_ledger, .stored_schema = ledger_stored_schema,  \
		.stored_state = ledger_stored_state, .begin = postgres_begin, \
		.commit = postgres_commit, .rollback = postgres_rollback,     \
		.has_version = ledger_has_version,                            \
		.add_version = ledger_add_version,                            \
		.drop_versions = ledger_drop_versions, .migrate = pg_migrate, \
		.empty = pg_empty, .drop = dest_drop, .insert = pg_insert,    \
		.name = pg_name, .execute = postgres_execute,                 \
		.marked = ledger_marked, .mark = pg_mark,                     \
		.each_mark = ledger_each_mark, .unmark = ledger_unmark,       \
		.claim_staging = pg_claim_staging,                            \
		.staging_version = ledger_staging_version,                    \
		.has_load = ledger_has_load, .add_load = ledger_add_load,     \
	}

extern const struct dest_ops dest_postgresql, dest_postgres;
const struct dest_ops dest_postgresql = POSTGRES_OPS("postgresql");
const struct dest_ops dest_postgres = POSTGRES_OPS("postgres");
