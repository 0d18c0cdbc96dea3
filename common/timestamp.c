/* SPDX-License-Identifier: MIT */
#include "common/timestamp.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "common/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    (86400 * US_PER_SECOND)
#define MIN_SECONDS   INT64_C(-62135596800) /* 0001-01-01T00:00:00 */
#define MAX_SECONDS   INT64_C(253402300799) /* 9999-12-31T23:59:59 */

/* A date and a time in parts, not checked yet. */
struct parts {
	int year, month, day;
	int hour, minute, second, us;
};

/* ---- the calendar ---- */

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_in_month(int year, int month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. The year is shifted to begin in March, so that the
 * leap day comes last; eras have 400 years and 146097 days. */
static int64_t
days_from_civil(int year, int month, int day)
{
	int y = year - (month <= 2);
	int era = (y >= 0 ? y : y - 399) / 400;
	int of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

	return (int64_t)era * 146097 + day_of_era - 719468;
}

static void
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

static bool
date_is_valid(const struct parts *p)
{
	return p->year >= 1 && p->year <= 9999 && p->month >= 1 &&
	    p->month <= 12 && p->day >= 1 &&
	    p->day <= days_in_month(p->year, p->month);
}

static bool
time_is_valid(const struct parts *p)
{
	return p->hour <= 23 && p->minute <= 59 && p->second <= 59;
}

static int64_t
parts_time_us(const struct parts *p)
{
	return (p->hour * 3600 + p->minute * 60 + p->second) * US_PER_SECOND +
	    p->us;
}

static int64_t
parts_us(const struct parts *p)
{
	return days_from_civil(p->year, p->month, p->day) * US_PER_DAY +
	    parts_time_us(p);
}

/* Monday is 1, Sunday is 7. */
static int
week_day(int64_t days)
{
	return (int)(((days + 3) % 7 + 7) % 7) + 1;
}

/* Week 1 is the week with 4 January; a year is long when it has 53. */
static bool
is_long_year(int year)
{
	int first = week_day(days_from_civil(year, 1, 1));

	return first == 4 || (first == 3 && is_leap(year));
}

/* Callers check the day; the year may become 0 or 10000. */
static void
week_to_civil(int year, int week, int day, struct parts *p)
{
	int64_t fourth = days_from_civil(year, 1, 4);
	int64_t monday = fourth - (week_day(fourth) - 1);

	civil_from_days(monday + (week - 1) * 7 + day - 1, p);
}

/* ---- stage 1: ISO 8601 as pendulum's compiled parser has it ---- */

struct parser {
	const char *p;
	const char *end;
	struct parts v;
	bool has_date;
	bool has_time;
	bool extended; /* the date had separators */
	bool has_zone;
	int offset_s;
};

/* The next byte; NUL at the end, as in the parser that is followed here. */
static char
peek(const struct parser *c)
{
	return c->p < c->end ? *c->p : '\0';
}

static bool
at_end(const struct parser *c)
{
	return c->p >= c->end;
}

static bool
is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

static bool
take_int(struct parser *c, int digits, int *out)
{
	int v = 0;

	for (; digits > 0; digits--) {
		if (!is_digit(peek(c)))
			return false;
		v = v * 10 + (*c->p++ - '0');
	}
	*out = v;
	return true;
}

static bool
at_time(const struct parser *c)
{
	return at_end(c) || peek(c) == ' ' || peek(c) == 'T';
}

static bool
at_zone(const struct parser *c)
{
	return at_end(c) || peek(c) == 'Z' || peek(c) == '+' || peek(c) == '-';
}

static bool
set_week(struct parser *c, int week, int day)
{
	if (week > 53 || (week == 53 && !is_long_year(c->v.year)) || day > 7)
		return false;
	week_to_civil(c->v.year, week, day, &c->v);
	return true;
}

static bool
set_ordinal(struct parser *c, int day)
{
	if (day < 1 || day > 365 + is_leap(c->v.year))
		return false;
	civil_from_days(days_from_civil(c->v.year, 1, 1) + day - 1, &c->v);
	return true;
}

static bool
parse_week(struct parser *c)
{
	int week, day = 1;

	if (!take_int(c, 2, &week))
		return false;
	if (!at_time(c)) {
		if (c->extended && *c->p++ != '-')
			return false;
		if (!take_int(c, 1, &day))
			return false;
	}
	return set_week(c, week, day);
}

/* After "YYYY-": MM[-DD] or DDD. */
static bool
parse_extended_date(struct parser *c)
{
	int digit;

	if (!take_int(c, 2, &c->v.month))
		return false;
	if (at_time(c))
		return true;
	if (peek(c) == '-') {
		c->p++;
		return take_int(c, 2, &c->v.day);
	}
	return take_int(c, 1, &digit) &&
	    set_ordinal(c, c->v.month * 10 + digit);
}

/* After "YYYY": MMDD or DDD. */
static bool
parse_basic_date(struct parser *c)
{
	int digit, unit;

	if (!take_int(c, 2, &c->v.month) || !take_int(c, 1, &digit))
		return false;
	if (at_time(c))
		return set_ordinal(c, c->v.month * 10 + digit);
	if (!take_int(c, 1, &unit))
		return false;
	c->v.day = digit * 10 + unit;
	return true;
}

static bool
parse_fraction(struct parser *c)
{
	int digits = 0;

	if (peek(c) != '.' && peek(c) != ',')
		return true;
	c->p++;
	for (; is_digit(peek(c)); c->p++)
		if (digits < 6) {
			c->v.us = c->v.us * 10 + (*c->p - '0');
			digits++;
		}
	if (digits == 0)
		return false;
	for (; digits < 6; digits++)
		c->v.us *= 10;
	return true;
}

static bool
parse_zone(struct parser *c)
{
	int sign, hours, minutes = 0;

	if (peek(c) == 'Z') {
		c->p++;
		c->has_zone = true;
		return true;
	}
	if (peek(c) != '+' && peek(c) != '-')
		return true;
	sign = *c->p++ == '+' ? 1 : -1;
	if (!take_int(c, 2, &hours))
		return false;
	if (peek(c) == ':')
		c->p++;
	if (!at_end(c) && !take_int(c, 2, &minutes))
		return false;
	minutes = sign * (hours * 60 + minutes);
	c->has_zone = true;
	c->offset_s = minutes * 60;
	return minutes <= 24 * 60;
}

/* What follows the hour: ":MM[:SS[.f]]" or "MM[SS[.f]]", and the zone. */
static bool
parse_after_hour(struct parser *c)
{
	bool colon = peek(c) == ':';

	c->has_time = true;
	if (at_zone(c))
		return parse_zone(c);
	if (colon)
		c->p++;
	else if (c->extended)
		return false;
	if (!take_int(c, 2, &c->v.minute))
		return false;
	if (!at_zone(c)) {
		/* seconds after a colon need an extended date */
		if (colon && (*c->p++ != ':' || !c->extended))
			return false;
		if (!take_int(c, 2, &c->v.second) || !parse_fraction(c))
			return false;
	}
	return parse_zone(c);
}

static bool
parse_time(struct parser *c)
{
	if (peek(c) != 'T' && peek(c) != ' ')
		return false;
	c->p++;
	return take_int(c, 2, &c->v.hour) && parse_after_hour(c);
}

static bool
parse_date(struct parser *c)
{
	if (peek(c) == '-') {
		c->p++;
		c->extended = true;
	}
	if (peek(c) == 'W') {
		c->p++;
		return parse_week(c);
	}
	return c->extended ? parse_extended_date(c) : parse_basic_date(c);
}

static bool
parse_iso8601(struct parser *c)
{
	int high, low;

	if (peek(c) == 'T')
		return parse_time(c);
	if (!take_int(c, 2, &high))
		return false;
	if (peek(c) == ':') {
		c->v.hour = high;
		c->extended = true;
		return parse_after_hour(c);
	}
	if (!take_int(c, 2, &low))
		return false;
	c->has_date = true;
	c->v.year = high * 100 + low;
	return parse_date(c) && (at_end(c) || parse_time(c));
}

/* Fill out from the parts; false: not a real date or time. */
static bool
set_iso(const struct parser *c, struct iso *out)
{
	if ((c->has_date && !date_is_valid(&c->v)) ||
	    (c->has_time && !time_is_valid(&c->v)))
		return false;
	out->kind = !c->has_time ? ISO_DATE
	    : c->has_date        ? ISO_DATETIME
	                         : ISO_TIME;
	out->ts.us = c->has_date ? parts_us(&c->v) : parts_time_us(&c->v);
	out->ts.has_zone = c->has_zone;
	out->ts.offset_s = c->offset_s;
	/* such an offset parses, and fails when it is used */
	if (out->kind == ISO_DATETIME &&
	    (c->offset_s >= 86400 || c->offset_s <= -86400)) {
		out->kind = ISO_CRASH;
		out->detected = true;
	}
	return true;
}

/* ---- stage 2: pendulum's "common" expression ---- */

#define COMMON_MAX 32 /* the longest match has 29 characters */

/* Decimal digits of any script become ASCII digits; false: a character that
 * the expression cannot match, or too many. */
static bool
fold_common(const char *s, size_t len, char *out, size_t *out_len)
{
	const char *end = s + len;

	*out_len = 0;
	while (s < end) {
		uint32_t cp;
		int digit;

		if (*out_len == COMMON_MAX)
			return false;
		cp = utf8_next(&s);
		digit = utf8_digit_value(cp);
		if (digit < 0 && (cp >= 0x80 || cp == 0))
			return false;
		out[(*out_len)++] = digit >= 0 ? (char)('0' + digit) : (char)cp;
	}
	return true;
}

/* One or two digits, or none (false). */
static bool
take_short(struct parser *c, int *out)
{
	if (!take_int(c, 1, out))
		return false;
	if (is_digit(peek(c)))
		*out = *out * 10 + (*c->p++ - '0');
	return true;
}

/* "[/:]MM[/:]DD", each separator optional. */
static bool
parse_common_day(struct parser *c)
{
	if (peek(c) == '/' || peek(c) == ':')
		c->p++;
	if (!take_int(c, 2, &c->v.month))
		return false;
	if (peek(c) == '/' || peek(c) == ':')
		c->p++;
	return take_int(c, 2, &c->v.day);
}

/* "[ ]H:[M][:S][.f]" to the end; *minute tells if there was one. */
static bool
parse_common_time(struct parser *c, bool *minute)
{
	if (peek(c) == ' ')
		c->p++;
	if (!take_short(c, &c->v.hour) || peek(c) != ':')
		return false;
	c->p++;
	*minute = take_short(c, &c->v.minute);
	if (peek(c) == ':') {
		c->p++;
		if (!take_short(c, &c->v.second))
			return false;
	}
	if (peek(c) == '.' || peek(c) == ',' || peek(c) == '|') {
		const char *digits = ++c->p;

		for (int unit = 100000; is_digit(peek(c)); unit /= 10)
			c->v.us += (*c->p++ - '0') * unit;
		if (c->p == digits || c->p - digits > 9)
			return false;
	}
	c->has_time = true;
	return at_end(c);
}

/* One way to match: with a year or without, with month and day or without. */
static bool
match_common(struct parser *c, bool year, bool day, bool *minute)
{
	*minute = true;
	c->v = (struct parts){ .month = 1, .day = 1 };
	c->has_date = year;
	if (year && !take_int(c, 4, &c->v.year))
		return false;
	if (day && !parse_common_day(c))
		return false;
	return (year && at_end(c)) || parse_common_time(c, minute);
}

/* The ways are tried in the order of the expression's backtracking. */
static void
parse_common(const char *s, size_t len, struct iso *out)
{
	char text[COMMON_MAX];
	size_t text_len;

	if (!fold_common(s, len, text, &text_len))
		return;
	for (int way = 0; way < 3; way++) {
		struct parser c = { .p = text, .end = text + text_len };
		bool minute;

		if (!match_common(&c, way < 2, way < 1, &minute))
			continue;
		if (!minute)
			out->kind = ISO_CRASH;
		else
			set_iso(&c, out);
		return;
	}
}

void
iso_parse(const char *s, size_t len, struct iso *out)
{
	struct parser c = {
		.p = s,
		.end = s + len,
		.v = { .month = 1, .day = 1 },
	};

	*out = (struct iso){ .kind = ISO_NONE };
	if (peek(&c) == 'P')
		out->kind = ISO_OTHER;
	else if (!parse_iso8601(&c) || !at_end(&c) || !set_iso(&c, out))
		parse_common(s, len, out);
}

/* ---- the fast path ---- */

/* Is s[0..16) of the shape 0000-00-00T00:00? The byte between date and time
 * is left to the caller. */
static bool
has_minute_shape(const char *s)
{
	static const char shape[16] = "0000-00-00T00:00";
	static const unsigned char most[16] = { 9, 9, 9, 9, 0, 9, 9, 0, 9, 9,
		0xFF, 9, 9, 0, 9, 9 };
#ifdef __SSE2__
	__m128i limit = _mm_loadu_si128((const void *)most);
	__m128i diff = _mm_xor_si128(_mm_loadu_si128((const void *)s),
	    _mm_loadu_si128((const void *)shape));

	/* '0' ^ c is at most 9 for digits only */
	return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(diff, limit),
	           limit)) == 0xFFFF;
#else
	unsigned bad = 0;

	for (int i = 0; i < 16; i++)
		bad |= (unsigned char)(s[i] ^ shape[i]) > most[i];
	return bad == 0;
#endif
}

static int
two(const char *s)
{
	return (s[0] - '0') * 10 + (s[1] - '0');
}

size_t
iso_utc_fast(const char *s, size_t len, char *out)
{
	const char *end = s + len;
	struct parts v = { 0 };
	bool nonzero = false;
	size_t n = 19;

	if (len < 19 || !has_minute_shape(s) || s[16] != ':' ||
	    !is_digit(s[17]) || !is_digit(s[18]) ||
	    (s[10] != 'T' && s[10] != ' '))
		return 0;
	v.year = two(s) * 100 + two(s + 2);
	v.month = two(s + 5);
	v.day = two(s + 8);
	v.hour = two(s + 11);
	v.minute = two(s + 14);
	v.second = two(s + 17);
	if (!date_is_valid(&v) || !time_is_valid(&v))
		return 0;
	memcpy(out, s, 19);
	out[10] = 'T';
	s += 19;
	if (s < end && *s == '.') {
		const char *digits = ++s;

		memcpy(out + 19, ".000000", 7);
		for (; s < end && is_digit(*s); s++)
			if (s - digits < 6) {
				out[20 + (s - digits)] = *s;
				nonzero |= *s != '0';
			}
		if (s == digits)
			return 0;
		n += nonzero ? 7 : 0;
	}
	if (s < end && !(end - s == 1 && *s == 'Z') &&
	    !(end - s == 6 && memcmp(s, "+00:00", 6) == 0))
		return 0;
	memcpy(out + n, "+00:00", 6);
	return n + 6;
}

/* ---- Python's own parsers ---- */

bool
date_from_iso(const char *s, size_t len, struct timestamp *out)
{
	struct parser c = {
		.p = s,
		.end = s + len,
	};
	struct parts *v = &c.v;

	if ((len != 7 && len != 8 && len != 10) || !take_int(&c, 4, &v->year))
		return false;
	if (peek(&c) == '-') {
		c.p++;
		c.extended = true;
	}
	/* as in Python 3.11, what follows the day is not looked at */
	if (peek(&c) == 'W') {
		int week, day = 1;

		c.p++;
		if (!take_int(&c, 2, &week) || v->year < 1)
			return false;
		if (!at_end(&c) &&
		    ((c.extended && *c.p++ != '-') || !take_int(&c, 1, &day)))
			return false;
		if (week < 1 || day < 1 || !set_week(&c, week, day))
			return false;
	} else {
		if (!take_int(&c, 2, &v->month) ||
		    (c.extended && (peek(&c) != '-' || !c.p++)) ||
		    !take_int(&c, 2, &v->day))
			return false;
	}
	if (!date_is_valid(v))
		return false;
	*out = (struct timestamp){ .us = parts_us(v) };
	return true;
}

/* HH[[:]MM[[:]SS]][(.|,)f+], all of it; a fraction may follow any part. */
static bool
parse_clock(const char *s, const char *end, struct parts *v)
{
	struct parser c = { .p = s, .end = end };
	int *const part[] = { &v->hour, &v->minute, &v->second };
	bool colon = false;

	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		if (!take_int(&c, 2, part[i]))
			return false;
		if (at_end(&c))
			return true;
		if (i == 0)
			colon = peek(&c) == ':';
		if (peek(&c) == '.' || peek(&c) == ',')
			break;
		if (i == 2 || (colon && peek(&c) != ':'))
			return false;
		if (colon)
			c.p++;
	}
	if (!parse_fraction(&c))
		return false;
	v->us = c.v.us;
	return at_end(&c);
}

bool
time_from_iso(const char *s, size_t len, struct timestamp *out)
{
	const char *end = s + len, *zone;
	struct parts v = { 0 }, o = { 0 };

	if (len > 0 && *s == 'T')
		s++;
	for (zone = s; zone < end; zone++)
		if (*zone == '+' || *zone == '-' || *zone == 'Z')
			break;
	if (!parse_clock(s, zone, &v) || !time_is_valid(&v))
		return false;
	*out = (struct timestamp){ .us = parts_time_us(&v) };
	if (zone == end)
		return true;
	out->has_zone = true;
	if (*zone == 'Z')
		return zone + 1 == end;
	if (!parse_clock(zone + 1, end, &o) || o.us != 0)
		return false;
	out->offset_s = o.hour * 3600 + o.minute * 60 + o.second;
	if (*zone == '-')
		out->offset_s = -out->offset_s;
	return out->offset_s < 86400 && out->offset_s > -86400;
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
