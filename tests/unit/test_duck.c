/* SPDX-License-Identifier: MIT */
/*
 * Needs the DuckDB library (DLT_LIBDUCKDB or the loader's path); all but the
 * messages about its absence is skipped without it.
 */
#include "common/duck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static struct error err;

static void
test_missing(void)
{
	setenv("DLT_LIBDUCKDB", "/nonexistent/libduckdb.so", 1);
	tap_ok(!duck_open(NULL, NULL, &err), "a library that is not there");
	tap_ok(err.code == ERR_USAGE, "is a matter of usage");
	tap_ok(strstr(err.msg, "DLT_LIBDUCKDB") != NULL,
	    "says what is set wrong");
	setenv("DLT_LIBDUCKDB", "libc.so.6", 1);
	tap_ok(!duck_open(NULL, NULL, &err) &&
	        strstr(err.msg, "expected the path"),
	    "a bare name is no path");
}

static bool
is_text(struct duck_rows *r, size_t column, const char *want)
{
	size_t len;
	const char *text = duck_text(r, column, &len);

	if (!want)
		return !text;
	return text && len == strlen(want) && !memcmp(text, want, len);
}

static void
test_query(struct duck *d)
{
	const char *const texts[] = { "it's", NULL };
	struct duck_rows *r = duck_query(d,
	    "SELECT $1 || ' a text of more than twelve bytes', $2::VARCHAR, "
	    "42, -1::BIGINT, true, '\\x00\\x01'::BLOB AS b",
	    texts, 2, &err);
	size_t len;

	tap_ok(r != NULL, "query");
	if (!r)
		return;
	tap_ok(duck_width(r) == 6 && !strcmp(duck_name(r, 5), "b"), "columns");
	tap_ok(duck_next(r, &err) == 1, "a row");
	tap_ok(is_text(r, 0, "it's a text of more than twelve bytes"),
	    "long text");
	tap_ok(is_text(r, 1, NULL), "null");
	tap_ok(duck_integer(r, 2) == 42 && duck_integer(r, 3) == -1 &&
	        duck_integer(r, 4) == 1,
	    "integers");
	tap_ok(duck_text(r, 5, &len) && len == 2, "blob");
	tap_ok(duck_next(r, &err) == 0, "the end");
	duck_rows_free(r);
	tap_ok(!duck_query(d, "SELECT FROM nothing ?", NULL, 0, &err) &&
	        err.code == ERR_REMOTE && err.msg[0],
	    "a statement that does not parse");
	tap_ok(duck_run(d, "SELECT 'x'::INTEGER", &err) == -1 &&
	        err.code == ERR_DATA && !strchr(err.msg, '\n'),
	    "a value that does not convert");
}

static bool
one_text(struct duck *d, const char *sql, const char *want)
{
	struct duck_rows *r = duck_query(d, sql, NULL, 0, &err);
	bool yes = r && duck_next(r, &err) == 1 && is_text(r, 0, want);
	size_t len = 0;
	const char *got = r ? duck_text(r, 0, &len) : err.msg;

	if (!yes)
		printf("# %.*s\n", r ? (int)len : 200, got ? got : "null");
	duck_rows_free(r);
	return yes;
}

static void
put_first(struct duck_appender *a)
{
	duck_append_row(a, &err);
	tap_ok(!duck_put_integer(a, 0, -128) && duck_put_integer(a, 0, 128),
	    "a narrow integer");
	tap_ok(!duck_put_number(a, 1, "170141183460469231731687303715884105727",
	           39),
	    "a huge integer");
	tap_ok(!duck_put_number(a, 2, "-1.23450", 8),
	    "decimal: digits dropped");
	tap_ok(duck_put_number(a, 2, "12345678.9", 10) &&
	        duck_put_number(a, 2, "1e9", 3) &&
	        duck_put_number(a, 2, "NaN", 3) && duck_put_number(a, 2, "", 0),
	    "decimal: out of range, not a number");
	tap_ok(!duck_put_number(a, 3, "1.5E+3", 6), "double as spelled");
	tap_ok(!duck_put_integer(a, 4, 1), "bool");
	tap_ok(!duck_put_text(a, 5, "a\0b, and more than twelve bytes", 30),
	    "text");
	tap_ok(!duck_put_text(a, 6, "\x00\xff", 2), "blob");
	tap_ok(!duck_put_integer(a, 7, 1700000000123456), "timestamp");
	tap_ok(!duck_put_integer(a, 8, -1500), "timestamp of milliseconds");
	tap_ok(!duck_put_integer(a, 9, -1), "date");
	tap_ok(!duck_put_integer(a, 10, 86399999999), "time");
	tap_ok(duck_put_text(a, 0, "1", 1) == -1, "a text is no number");
}

/* 12 bytes are the most that stand in the vector itself. */
static void
test_lend(struct duck_appender *a)
{
	static const char *const texts[] = { "lent", "lent of 12..",
		"lent, of thirteen or more", "" };
	char buffers[ARRAY_LEN(texts)][40];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t len = strlen(texts[i]);

		memcpy(buffers[i], texts[i], len);
		duck_append_row(a, &err);
		tap_ok(!duck_lend_text(a, 5, buffers[i], len), "lend");
	}
	tap_ok(duck_lend_text(a, 0, "1", 1) == -1, "a text is no number");
	tap_ok(!duck_appender_take(a, &err), "take");
	memset(buffers, 'x', sizeof(buffers));
}

static void
test_append(struct duck *d)
{
	struct duck_appender *a;
	int i;

	tap_ok(
	    !duck_run(d,
	        "CREATE SCHEMA \"s s\"; CREATE TABLE \"s s\".t (i TINYINT, "
	        "h HUGEINT, d DECIMAL(6, 2), f DOUBLE, b BOOLEAN, v VARCHAR, "
	        "x BLOB, ts TIMESTAMPTZ, ms TIMESTAMP_MS, dt DATE, tm TIME, "
	        "l INTEGER[])",
	        &err),
	    "table");
	a = duck_appender_open(d, NULL, "s s", "t", &err);
	tap_ok(a && duck_appender_width(a) == 12 &&
	        duck_appender_kind(a, 1) == DUCK_INTEGER &&
	        duck_appender_kind(a, 11) == DUCK_OTHER,
	    "appender");
	if (!a)
		return;
	put_first(a);
	for (i = 1; i < 5000; i++) {
		duck_append_row(a, &err);
		duck_put_integer(a, 1, i);
	}
	test_lend(a);
	tap_ok(!duck_appender_flush(a, &err), "flush");
	duck_appender_free(a);
	tap_ok(
	    one_text(d,
	        "SELECT string_agg(v, '|' ORDER BY length(v)) FROM \"s s\".t "
	        "WHERE starts_with(v, 'lent')",
	        "lent|lent of 12..|lent, of thirteen or more"),
	    "lent texts are copied when they are taken");
	tap_ok(
	    one_text(d,
	        "SELECT concat_ws('|', i, h, d, f, b, length(v), x, ts, ms, dt, "
	        "tm) FROM \"s s\".t LIMIT 1",
	        "-128|170141183460469231731687303715884105727|-1.23|1500.0|true|"
	        "30|\\x00\\xFF|2023-11-14 22:13:20.123456+00|"
	        "1969-12-31 23:59:59.998|1969-12-31|23:59:59.999999"),
	    "values come out as they went in");
	tap_ok(
	    one_text(d,
	        "SELECT concat(count(*), ' ', sum(h) FILTER (h < 5000), ' ', count(i)) "
	        "FROM \"s s\".t",
	        "5004 12497500 1"),
	    "rows of several chunks; nulls");
	tap_ok(!duck_appender_open(d, NULL, "s s", "none", &err),
	    "no such table");
}

static void
test_constraint(struct duck *d)
{
	struct duck_appender *a;

	duck_run(d, "CREATE TABLE n (i INTEGER NOT NULL)", &err);
	a = duck_appender_open(d, NULL, "main", "n", &err);
	tap_ok(a != NULL, "appender of a table with a constraint");
	if (!a)
		return;
	duck_append_row(a, &err);
	tap_ok(duck_appender_flush(a, &err) == -1 && err.code == ERR_DATA,
	    "null in a column that must not be null");
	duck_appender_free(a);
}

/* Numbers from first on, taken in pieces; 0, or -1 as soon as one fails. */
static int
append_numbers(struct duck_appender *a, int64_t first, int64_t count)
{
	char text[32];

	for (int64_t i = first; i < first + count; i++) {
		snprintf(text, sizeof(text), "a text that is lent %lld",
		    (long long)i);
		if (duck_append_row(a, &err) || duck_put_integer(a, 0, i) ||
		    duck_put_text(a, 1, text, strlen(text)) ||
		    (i % 1000 == 999 && duck_appender_take(a, &err)))
			return -1;
	}
	return 0;
}

/* Several piles, more than there are at a time, then a rest. */
static void
test_thread(struct duck *d)
{
	struct duck_appender *a;
	struct duck_rows *r;

	duck_run(d, "CREATE TABLE piles (i BIGINT, t VARCHAR); BEGIN", &err);
	a = duck_appender_open(d, NULL, "main", "piles", &err);
	tap_ok(a && !append_numbers(a, 0, 40000) &&
	        !duck_appender_thread(a, &err) &&
	        !duck_appender_thread(a, &err),
	    "a thread, after some rows");
	if (!a)
		return;
	tap_ok(!append_numbers(a, 40000, 260500) &&
	        !duck_appender_flush(a, &err),
	    "rows that it brings in");
	tap_ok(!append_numbers(a, 300500, 1) && !duck_appender_flush(a, &err) &&
	        !duck_appender_flush(a, &err),
	    "and more can be appended");
	duck_appender_free(a);
	tap_ok(!duck_run(d, "COMMIT", &err), "commit");
	r = duck_query(d,
	    "SELECT count(*) FROM piles WHERE rowid = i AND "
	    "t = 'a text that is lent ' || i",
	    NULL, 0, &err);
	tap_ok(r && duck_next(r, &err) == 1 && duck_integer(r, 0) == 300501,
	    "all are there, in their order");
	duck_rows_free(r);
}

static void
test_thread_fails(struct duck *d)
{
	struct duck_appender *a;
	int rc;

	duck_run(d, "CREATE TABLE strict (i BIGINT NOT NULL, t VARCHAR); BEGIN",
	    &err);
	a = duck_appender_open(d, NULL, "main", "strict", &err);
	tap_ok(a && !duck_appender_thread(a, &err) && !duck_append_row(a, &err),
	    "a row that the table does not take");
	if (!a)
		return;
	err = (struct error){ 0 };
	rc = append_numbers(a, 0, 1000000);
	tap_ok(rc == -1 && err.code == ERR_DATA, "fails a later row");
	err = (struct error){ 0 };
	tap_ok(duck_appender_flush(a, &err) == -1 && err.code == ERR_DATA,
	    "and the flush");
	duck_appender_free(a);
	tap_ok(!duck_run(d, "ROLLBACK", &err), "roll back");
}

int
main(void)
{
	char *given = getenv("DLT_LIBDUCKDB");
	char *library = given ? strdup(given) : NULL;
	struct duck *d;

	test_missing();
	if (library)
		setenv("DLT_LIBDUCKDB", library, 1);
	else
		unsetenv("DLT_LIBDUCKDB");
	free(library);
	d = duck_open(NULL, NULL, &err);
	if (!d) {
		tap_skip("DuckDB", err.msg);
		return tap_done();
	}
	test_query(d);
	test_append(d);
	test_constraint(d);
	test_thread(d);
	test_thread_fails(d);
	duck_close(d);
	return tap_done();
}
