/* SPDX-License-Identifier: MIT */
#include "common/timestamp_private.h"

#include "common/utf8.h"

/* ---- weeks ---- */

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
