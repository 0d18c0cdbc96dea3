/* SPDX-License-Identifier: MIT */
/*
 * Where a job file goes: dlt's layouts, as "{table_name}/{load_id}.{ext}".
 *
 * Source: dlt/destinations/path_utils.py; pendulum's formatter for dates.
 */
#include "common/dest/dest_files_private.h"

#include "common/mem.h"
#include "common/timestamp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const known[] = { "table_name", "schema_name", "load_id",
	"file_id", "ext", "timestamp", "timestamp_ms", "curr_date",
	"load_package_timestamp", "load_package_timestamp_ms", "YYYY", "YY",
	"Y", "MMMM", "MMM", "MM", "M", "DD", "D", "HH", "H", "mm", "m", "ss",
	"s", "SSSS", "SSS", "SS", "S", "dddd", "ddd", "dd", "d", "Q" };

static bool
is_known(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == len && !strncmp(known[i], name, len))
			return true;
	return false;
}

static int
bad_layout(const char *layout, const char *why, struct error *err)
{
	return error_set(err, ERR_USAGE, "layout \"%s\": %s", layout, why);
}

static int
unknown(const char *layout, const char *name, size_t len, struct error *err)
{
	struct buf all = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		buf_addf(&all, "%s%s", i ? ", " : "", known[i]);
	error_set(err, ERR_USAGE,
	    "layout \"%s\": unknown placeholder \"{%.*s}\"; known are %s",
	    layout, (int)len, name, buf_str(&all));
	buf_release(&all);
	return -1;
}

static int
check_table_name(const char *layout, struct error *err)
{
	static const char table[] = "{table_name}", schema[] = "{schema_name}";
	const char *at = strstr(layout, table), *p = layout;

	if (!at)
		return bad_layout(layout, "{table_name} is missing", err);
	while ((p = strchr(p, '{')) && p < at) {
		if (strncmp(p, schema, sizeof(schema) - 1) != 0)
			return bad_layout(layout,
			    "only {schema_name} may stand before {table_name}",
			    err);
		p++;
	}
	at += sizeof(table) - 1;
	if (!*at || *at == '{')
		return bad_layout(layout,
		    "a separator must follow {table_name}", err);
	return 0;
}

int
files_layout_check(const char *layout, struct error *err)
{
	const char *p = layout;

	if (*layout == '/')
		return bad_layout(layout, "begins with a slash", err);
	while (*(p += strcspn(p, "{}"))) {
		size_t len = strcspn(p + 1, "{}");

		if (*p == '}' || p[1 + len] != '}')
			return bad_layout(layout, "a brace has no partner",
			    err);
		if (!is_known(p + 1, len))
			return unknown(layout, p + 1, len, err);
		p += len + 2;
	}
	return check_table_name(layout, err);
}

int
files_name_check(const char *what, const char *name, struct error *err)
{
	if (*name && !strpbrk(name, "/\\") && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0 && strlen(name) < 256)
		return 0;
	return error_set(err, ERR_DATA, "%s \"%s\" cannot be a file's name",
	    what, name);
}

/* ---- values ---- */

/* "ddd" -> 3 when all are the letter c; else 0. */
static size_t
count_of(const char *name, size_t len, char c)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] != c)
			return 0;
	return len;
}

/* One letter: as short as it is; two: two digits. */
static void
add_number(int value, size_t width, struct buf *out)
{
	buf_addf(out, width > 1 ? "%02d" : "%d", value);
}

static void
add_month(const struct tm *t, size_t width, struct buf *out)
{
	static const char *const months[] = { "january", "february", "march",
		"april", "may", "june", "july", "august", "september",
		"october", "november", "december" };

	if (width < 3)
		add_number(t->tm_mon + 1, width, out);
	else
		buf_addf(out, "%.*s", width == 3 ? 3 : 9, months[t->tm_mon]);
}

static void
add_weekday(const struct tm *t, size_t width, struct buf *out)
{
	static const char *const days[] = { "sunday", "monday", "tuesday",
		"wednesday", "thursday", "friday", "saturday" };

	if (width == 1)
		buf_addf(out, "%d", t->tm_wday);
	else
		buf_addf(out, "%.*s", width == 4 ? 9 : (int)width,
		    days[t->tm_wday]);
}

static void
add_fraction(int us, size_t width, struct buf *out)
{
	char digits[8];

	snprintf(digits, sizeof(digits), "%06d", us % 1000000);
	buf_add(out, digits, width);
}

static void
add_date_part(const char *name, size_t len, int64_t us, struct buf *out)
{
	int64_t second = us / 1000000;
	int fraction = (int)(us % 1000000);
	time_t when;
	struct tm t;

	if (fraction < 0) {
		fraction += 1000000;
		second--;
	}
	when = (time_t)second;
	gmtime_r(&when, &t);
	if (count_of(name, len, 'Y'))
		buf_addf(out,
		    len == 4       ? "%04d"
		        : len == 2 ? "%02d"
		                   : "%d",
		    len == 2 ? t.tm_year % 100 : t.tm_year + 1900);
	else if (count_of(name, len, 'M'))
		add_month(&t, len, out);
	else if (count_of(name, len, 'D'))
		add_number(t.tm_mday, len, out);
	else if (count_of(name, len, 'H'))
		add_number(t.tm_hour, len, out);
	else if (count_of(name, len, 'm'))
		add_number(t.tm_min, len, out);
	else if (count_of(name, len, 's'))
		add_number(t.tm_sec, len, out);
	else if (count_of(name, len, 'd'))
		add_weekday(&t, len, out);
	else if (count_of(name, len, 'S'))
		add_fraction(fraction, len, out);
	else
		buf_addf(out, "%d", t.tm_mon / 3 + 1);
}

static bool
add_text(const char *name, size_t len, const struct dest_file *f,
    struct buf *out)
{
	const struct {
		const char *name, *value;
	} texts[] = { { "table_name", f->table },
		{ "schema_name", f->schema_name }, { "load_id", f->load_id },
		{ "file_id", f->file_id }, { "ext", f->ext } };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (strlen(texts[i].name) != len ||
		    strncmp(texts[i].name, name, len) != 0)
			continue;
		buf_adds(out, texts[i].value);
		return true;
	}
	return false;
}

static void
add_value(const char *name, size_t len, const struct dest_file *f,
    struct buf *out)
{
	bool ms = len > 3 && !strncmp(name + len - 3, "_ms", 3);
	int64_t us = f->created_us;

	if (add_text(name, len, f, out))
		return;
	if (!strncmp(name, "curr_date", len) && len == 9)
		date_format(us, out);
	else if (len >= 9 && memmem(name, len, "timestamp", 9))
		buf_addf(out, "%lld", (long long)(us / (ms ? 1000 : 1000000)));
	else
		add_date_part(name, len, us, out);
}

/* ---- paths ---- */

static int
check_path(const char *path, struct error *err)
{
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");

		if (!len || (len <= 2 && !strncmp(p, "..", len)))
			return error_set(err, ERR_DATA,
			    "the layout makes \"%s\", which is no file below "
			    "the dataset",
			    path);
		p += len;
		if (!*p)
			return 0;
	}
}

/* Up to `end`, or all of it. */
static void
expand(const char *layout, const char *end, const struct dest_file *f,
    struct buf *out)
{
	for (const char *p = layout; *p && (!end || p < end);) {
		size_t len = strcspn(p + 1, "}");

		if (*p == '{') {
			add_value(p + 1, len, f, out);
			p += len + 2;
		} else {
			buf_addc(out, *p == '\\' ? '/' : *p);
			p++;
		}
	}
}

static int
check_names(const struct dest_file *f, struct error *err)
{
	if (files_name_check("table", f->table, err) < 0 ||
	    files_name_check("schema", f->schema_name, err) < 0 ||
	    files_name_check("load id", f->load_id, err) < 0 ||
	    files_name_check("file id", f->file_id, err) < 0)
		return -1;
	return files_name_check("format", f->ext, err);
}

int
files_layout_path(const char *layout, const struct dest_file *f,
    struct buf *out, struct error *err)
{
	if (check_names(f, err) < 0)
		return -1;
	expand(layout, NULL, f, out);
	return check_path(buf_str(out), err);
}

int
files_layout_prefix(const char *layout, const char *schema, const char *table,
    struct buf *out, struct error *err)
{
	const struct dest_file f = { .schema_name = schema, .table = table };
	const char *end = strstr(layout, "{table_name}");

	if (files_name_check("table", table, err) < 0 ||
	    files_name_check("schema", schema, err) < 0)
		return -1;
	/* The separator behind the name tells "orders" from "orders_old". */
	expand(layout, end + strlen("{table_name}") + 1, &f, out);
	return 0;
}
