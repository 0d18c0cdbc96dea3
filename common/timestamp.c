/* SPDX-License-Identifier: MIT */
#include "common/timestamp.h"

#include <math.h>
#include <time.h>

#include "common/timestamp_private.h"

#define MIN_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00 */
#define MAX_SECONDS INT64_C(253402300799) /* 9999-12-31T23:59:59 */

/* ---- the calendar ---- */

/* Days since 1970-01-01. The year is shifted to begin in March, so that the
 * leap day comes last; eras have 400 years and 146097 days. */
int64_t
days_from_civil(int year, int month, int day)
{
	int y = year - (month <= 2);
	int era = (y >= 0 ? y : y - 399) / 400;
	int of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

	return (int64_t)era * 146097 + day_of_era - 719468;
}

void
civil_from_days(int64_t days, struct parts *p)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int doe = (int)(z - era * 146097);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	p->day = doy - (153 * mp + 2) / 5 + 1;
	p->month = mp + (mp < 10 ? 3 : -9);
	p->year = (int)era * 400 + yoe + (p->month <= 2);
}

int64_t
parts_time_us(const struct parts *p)
{
	return (p->hour * 3600 + p->minute * 60 + p->second) * US_PER_SECOND +
	    p->us;
}

int64_t
parts_us(const struct parts *p)
{
	return days_from_civil(p->year, p->month, p->day) * US_PER_DAY +
	    parts_time_us(p);
}

/* ---- conversions ---- */

static bool
us_in_range(int64_t us)
{
	return us >= MIN_SECONDS * US_PER_SECOND &&
	    us < (MAX_SECONDS + 1) * US_PER_SECOND;
}

bool
timestamp_to_utc(struct timestamp *ts)
{
	int64_t us = ts->us;

	if (ts->has_zone)
		us -= ts->offset_s * US_PER_SECOND;
	if (!us_in_range(us))
		return false;
	*ts = (struct timestamp){ .us = us, .has_zone = true };
	return true;
}

bool
timestamp_from_seconds(int64_t seconds, struct timestamp *out)
{
	if (seconds < MIN_SECONDS || seconds > MAX_SECONDS)
		return false;
	*out = (struct timestamp){
		.us = seconds * US_PER_SECOND,
		.has_zone = true,
	};
	return true;
}

bool
timestamp_from_epoch(double seconds, struct timestamp *out)
{
	double whole, fraction;
	int64_t us;

	if (!isfinite(seconds) || seconds < (double)MIN_SECONDS - 1 ||
	    seconds > (double)MAX_SECONDS + 1)
		return false;
	/* the fraction is scaled by itself, as Python does it */
	fraction = rint(modf(seconds, &whole) * 1e6);
	us = (int64_t)whole * US_PER_SECOND + (int64_t)fraction;
	if (!us_in_range(us))
		return false;
	*out = (struct timestamp){ .us = us, .has_zone = true };
	return true;
}

struct timestamp
timestamp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (struct timestamp){
		.us = now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000,
		.has_zone = true,
	};
}

/* ---- writing ---- */

static char *
put_digits(char *p, int v, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		p[i] = (char)('0' + v % 10);
		v /= 10;
	}
	return p + width;
}

/* Split into day and time of the day. */
static void
to_parts(int64_t us, struct parts *p)
{
	int64_t days = us / US_PER_DAY;
	int64_t rest = us % US_PER_DAY;
	int seconds;

	if (rest < 0) {
		rest += US_PER_DAY;
		days--;
	}
	civil_from_days(days, p);
	seconds = (int)(rest / US_PER_SECOND);
	p->us = (int)(rest % US_PER_SECOND);
	p->hour = seconds / 3600;
	p->minute = seconds / 60 % 60;
	p->second = seconds % 60;
}

static char *
put_date(char *p, const struct parts *v)
{
	p = put_digits(p, v->year, 4);
	*p++ = '-';
	p = put_digits(p, v->month, 2);
	*p++ = '-';
	return put_digits(p, v->day, 2);
}

static char *
put_time(char *p, const struct parts *v, bool fraction)
{
	p = put_digits(p, v->hour, 2);
	*p++ = ':';
	p = put_digits(p, v->minute, 2);
	*p++ = ':';
	p = put_digits(p, v->second, 2);
	if (!fraction)
		return p;
	*p++ = '.';
	return put_digits(p, v->us, 6);
}

static char *
put_zone(char *p, const struct timestamp *ts)
{
	int offset = ts->offset_s;

	if (!ts->has_zone)
		return p;
	*p++ = offset < 0 ? '-' : '+';
	if (offset < 0)
		offset = -offset;
	p = put_digits(p, offset / 3600, 2);
	*p++ = ':';
	p = put_digits(p, offset / 60 % 60, 2);
	if (offset % 60 != 0) {
		*p++ = ':';
		p = put_digits(p, offset % 60, 2);
	}
	return p;
}

void
timestamp_format(const struct timestamp *ts, struct buf *out)
{
	char text[48], *p;
	struct parts v;

	to_parts(ts->us, &v);
	p = put_date(text, &v);
	*p++ = 'T';
	p = put_zone(put_time(p, &v, v.us != 0), ts);
	buf_add(out, text, (size_t)(p - text));
}

void
timestamp_format_sql(const struct timestamp *ts, struct buf *out)
{
	char text[48], *p;
	struct parts v;

	to_parts(ts->us, &v);
	p = put_date(text, &v);
	*p++ = ' ';
	p = put_time(p, &v, true);
	buf_add(out, text, (size_t)(p - text));
}

void
date_format(int64_t us, struct buf *out)
{
	char text[16];
	struct parts v;

	to_parts(us, &v);
	buf_add(out, text, (size_t)(put_date(text, &v) - text));
}

void
time_format(const struct timestamp *t, struct buf *out)
{
	char text[48], *p;
	struct parts v;

	to_parts(t->us, &v);
	p = put_zone(put_time(text, &v, v.us != 0), t);
	buf_add(out, text, (size_t)(p - text));
}

double
time_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
