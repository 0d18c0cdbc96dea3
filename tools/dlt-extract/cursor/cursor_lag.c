/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/cursor/cursor_lag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECOND    INT64_C(1000000)
#define DAY       (86400 * SECOND)
#define US_MIN    (-62135596800 * SECOND)     /* 0001-01-01 */
#define US_MAX    (253402300800 * SECOND - 1) /* 9999-12-31 */
#define LAG_LIMIT 1e12                        /* more than all years */

/* ---- text ---- */

/* Shapes of text, a digit as 0 and digits as 9, and how each is written. */
static const struct form {
	const char *shape, *format;
} forms[] = {
	{ "0000-00-00T00:00:00Z", "%Y-%m-%dT%H:%M:%SZ" },
	{ "0000-00-00T00:00:00.9Z", "%Y-%m-%dT%H:%M:%S.%fZ" },
	{ "0000-00-00T00:00:00+00:00", "%Y-%m-%dT%H:%M:%S%:" },
	{ "0000-00-00T00:00:00+0000", "%Y-%m-%dT%H:%M:%S%z" },
	{ "0000-00-00T00:00:00.9+00:00", "%Y-%m-%dT%H:%M:%S.%f%:" },
	{ "0000-00-00T00:00:00.9+0000", "%Y-%m-%dT%H:%M:%S.%f%z" },
	{ "0000-00-00T00:00:00-00:00", "%Y-%m-%dT%H:%M:%S%:" },
	{ "0000-00-00T00:00:00-0000", "%Y-%m-%dT%H:%M:%S%z" },
	{ "0000-00-00T00:00:00.9-00:00", "%Y-%m-%dT%H:%M:%S.%f%:" },
	{ "0000-00-00T00:00:00.9-0000", "%Y-%m-%dT%H:%M:%S.%f%z" },
	{ "0000-00-00T00:00:00", "%Y-%m-%dT%H:%M:%S" },
	{ "0000-00-00T00:00", "%Y-%m-%dT%H:%M" },
	{ "0000-00-00T00", "%Y-%m-%dT%H" },
	{ "0000-00-00", "%Y-%m-%d" },
	{ "0000-00", "%Y-%m" },
	{ "0000", "%Y" },
	{ "0000-W00", "%Y-W%W" },
	{ "0000-W00-0", "%Y-W%W-%u" },
	{ "0000-000", "%Y-%j" },
	{ "00000000", "%Y%m%d" },
	{ "000000", "%Y%m" },
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
has_shape(const char *s, size_t len, const char *shape)
{
	const char *end = s + len;

	for (; *shape != '\0'; shape++, s++) {
		if (s == end)
			return false;
		if (*shape != '0' && *shape != '9') {
			if (*s != *shape)
				return false;
		} else if (!is_digit(*s)) {
			return false;
		}
		while (*shape == '9' && s + 1 < end && is_digit(s[1]))
			s++;
	}
	return s == end;
}

static const char *
format_of(const char *s, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (has_shape(s, len, forms[i].shape))
			return forms[i].format;
	return NULL;
}

struct calendar {
	int year, month, day, hour, minute, second, us;
	int yday, wday; /* from 1: January 1st, Monday */
};

static void
calendar_of(int64_t us, struct calendar *c)
{
	int64_t days = (us - US_MIN) / DAY, rest = (us - US_MIN) % DAY;
	struct buf b = { 0 };

	/* 0001-01-01 was a Monday */
	c->wday = (int)(days % 7) + 1;
	date_format(us, &b);
	c->year = (b.data[0] - '0') * 1000 + (b.data[1] - '0') * 100 +
	    (b.data[2] - '0') * 10 + (b.data[3] - '0');
	c->month = (b.data[5] - '0') * 10 + (b.data[6] - '0');
	c->day = (b.data[8] - '0') * 10 + (b.data[9] - '0');
	buf_release(&b);
	c->yday = c->day;
	for (int m = 1; m < c->month; m++) {
		bool leap = (c->year % 4 == 0 && c->year % 100 != 0) ||
		    c->year % 400 == 0;

		c->yday += m == 2                           ? 28 + leap
		    : m == 4 || m == 6 || m == 9 || m == 11 ? 30
		                                            : 31;
	}
	c->hour = (int)(rest / (3600 * SECOND));
	c->minute = (int)(rest / (60 * SECOND) % 60);
	c->second = (int)(rest / SECOND % 60);
	c->us = (int)(rest % SECOND);
}

static void
put_offset(int offset_s, bool colon, struct buf *out)
{
	int minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;

	buf_addf(out, "%c%02d%s%02d", offset_s < 0 ? '-' : '+', minutes / 60,
	    colon ? ":" : "", minutes % 60);
}

/* Python's strftime(), which does not pad the year. */
static void
put_time(const struct timestamp *ts, const char *format, struct buf *out)
{
	struct calendar c;

	calendar_of(ts->us, &c);
	for (const char *p = format; *p != '\0'; p++) {
		if (*p != '%') {
			buf_addc(out, *p);
			continue;
		}
		switch (*++p) {
		case 'Y':
			buf_addf(out, "%d", c.year);
			break;
		case 'm':
			buf_addf(out, "%02d", c.month);
			break;
		case 'd':
			buf_addf(out, "%02d", c.day);
			break;
		case 'H':
			buf_addf(out, "%02d", c.hour);
			break;
		case 'M':
			buf_addf(out, "%02d", c.minute);
			break;
		case 'S':
			buf_addf(out, "%02d", c.second);
			break;
		case 'f':
			buf_addf(out, "%06d", c.us);
			break;
		case 'j':
			buf_addf(out, "%03d", c.yday);
			break;
		case 'u':
			buf_addf(out, "%d", c.wday);
			break;
		case 'W': /* weeks begin on Monday; before the first: 0 */
			buf_addf(out, "%02d", (c.yday + 7 - c.wday) / 7);
			break;
		default:
			put_offset(ts->offset_s, *p == ':', out);
			break;
		}
	}
}

/* ---- moves ---- */

static double
number_of(const struct cursor_value *v)
{
	return v->kind == CURSOR_DOUBLE ? v->number : (double)v->integer;
}

static int
too_far(struct error *err)
{
	return error_set(err, ERR_DATA,
	    "the lag leads out of the years 1 to 9999");
}

/* Seconds to microseconds as timedelta does it: half to even. */
static int
move_seconds(struct timestamp *ts, double s, struct error *err)
{
	double whole = trunc(s);

	if (!(fabs(s) < LAG_LIMIT))
		return too_far(err);
	ts->us += (int64_t)whole * SECOND + llrint((s - whole) * 1e6);
	return ts->us < US_MIN || ts->us > US_MAX ? too_far(err) : 0;
}

/* Whole days, rounded down. */
static int
move_days(struct timestamp *ts, double days, struct error *err)
{
	days = floor(days);
	if (!(fabs(days) < LAG_LIMIT / 86400))
		return too_far(err);
	ts->us += (int64_t)days * DAY;
	return ts->us < US_MIN || ts->us > US_MAX ? too_far(err) : 0;
}

static int
move_text(const struct cursor_value *v, double lag, struct cursor_value *out,
    struct error *err)
{
	const char *format = format_of(v->text, v->len);
	struct buf b = { 0 };
	struct iso iso = { .kind = ISO_NONE };
	int rc;

	/* Six digits are seconds to dlt, which it writes as year and month. */
	if (format != NULL && strcmp(format, "%Y%m") == 0)
		iso.kind = timestamp_from_seconds(strtoll(v->text, NULL, 10),
		               &iso.ts)
		    ? ISO_DATETIME
		    : ISO_NONE;
	else if (format != NULL)
		iso_parse(v->text, v->len, &iso);
	if (iso.kind != ISO_DATE && iso.kind != ISO_DATETIME)
		return error_set(err, ERR_DATA,
		    "the text \"%.*s\" is no date or timestamp in a form that "
		    "can be written back, so it has no lag",
		    (int)(v->len < 80 ? v->len : 80), v->text);
	if (strcmp(format, "%Y-%m-%d") == 0 || strcmp(format, "%Y%m%d") == 0)
		rc = move_days(&iso.ts, lag, err);
	else
		rc = move_seconds(&iso.ts, lag, err);
	if (rc < 0)
		return -1;
	put_time(&iso.ts, format, &b);
	buf_release(&out->own);
	*out = (struct cursor_value){ .kind = CURSOR_TEXT, .own = b };
	out->text = buf_str(&out->own);
	out->len = out->own.len;
	return 0;
}

static int
move_integer(const struct cursor_value *v, const struct cursor_value *lag,
    bool add, struct cursor_value *out, struct error *err)
{
	struct cursor_value sum = { .kind = CURSOR_INTEGER, .small = true };
	bool over;
	double d;

	over = !v->small;
	if (!over && lag->small) {
		over = add ? __builtin_add_overflow(v->integer, lag->integer,
		                 &sum.integer)
		           : __builtin_sub_overflow(v->integer, lag->integer,
		                 &sum.integer);
	} else if (!over) {
		d = (double)v->integer +
		    (add ? number_of(lag) : -number_of(lag));
		over = !(fabs(d) < 9.2e18);
		if (!over)
			sum.integer = (int64_t)d;
	}
	if (over)
		return error_set(err, ERR_DATA,
		    "with the lag the value exceeds 64 bits");
	cursor_value_keep(out, &sum);
	return 0;
}

int
cursor_lag(const struct cursor_value *v, const struct cursor_value *lag,
    bool add, struct cursor_value *out, struct error *err)
{
	double by = add ? number_of(lag) : -number_of(lag);

	switch (v->kind) {
	case CURSOR_BOOL:
	case CURSOR_INTEGER:
		return move_integer(v, lag, add, out, err);
	case CURSOR_TEXT:
		return move_text(v, by, out, err);
	case CURSOR_DOUBLE:
		cursor_value_keep(out, v);
		out->number += by;
		return 0;
	case CURSOR_TIMESTAMP:
		cursor_value_keep(out, v);
		return move_seconds(&out->ts, by, err);
	case CURSOR_DATE:
		cursor_value_keep(out, v);
		return move_days(&out->ts, by, err);
	default:
		return error_set(err, ERR_DATA, "%s has no lag",
		    cursor_value_kind(v));
	}
}
