/* SPDX-License-Identifier: MIT */
/*
 * timestamp_private: the calendar that the files of the timestamp module share;
 * nobody else includes it. Small functions stand here to be inlined where rows
 * are read.
 */
#ifndef DLT_TIMESTAMP_PRIVATE_H
#define DLT_TIMESTAMP_PRIVATE_H

#include "common/timestamp.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    (86400 * US_PER_SECOND)

/* A date and a time in parts, not checked yet. */
struct parts {
	int year, month, day;
	int hour, minute, second, us;
};

static inline bool
is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

static inline bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int
days_in_month(int year, int month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

static inline bool
date_is_valid(const struct parts *p)
{
	return p->year >= 1 && p->year <= 9999 && p->month >= 1 &&
	    p->month <= 12 && p->day >= 1 &&
	    p->day <= days_in_month(p->year, p->month);
}

static inline bool
time_is_valid(const struct parts *p)
{
	return p->hour <= 23 && p->minute <= 59 && p->second <= 59;
}

/* Of valid parts: days since 1970-01-01, microseconds of the day, and both. */
int64_t days_from_civil(int year, int month, int day);
int64_t parts_time_us(const struct parts *p);
int64_t parts_us(const struct parts *p);

/* The date of a day, time untouched. */
void civil_from_days(int64_t days, struct parts *p);

#endif
