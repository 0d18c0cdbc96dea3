/* SPDX-License-Identifier: MIT */
/*
 * timestamp: ISO 8601 dates, times and timestamps, read as pendulum reads them
 * and written as Python writes them; proleptic Gregorian, years 1-9999,
 * microseconds.
 *
 * Source: contract.md section 7.5 and appendix B.
 */
#ifndef DLT_TIMESTAMP_H
#define DLT_TIMESTAMP_H

#include "common/buf.h"

enum iso_kind {
	ISO_NONE, /* not a date or time at all */
	ISO_DATE,
	ISO_TIME,
	ISO_DATETIME,
	ISO_OTHER, /* a duration or interval: final, no timestamp */
	ISO_CRASH, /* what makes dlt fail: offset out of range, "12:" */
};

struct timestamp {
	int64_t us;       /* local microseconds since 1970-01-01T00:00:00 */
	int32_t offset_s; /* of the zone, when has_zone */
	bool has_zone;    /* false: naive */
};

struct iso {
	enum iso_kind kind;
	bool detected; /* ISO_CRASH only: detection says timestamp */
	struct timestamp
	    ts; /* DATETIME; DATE at midnight, naive; TIME: us of day */
};

/* Both stages of contract.md 7.5; s is UTF-8. A text that begins with P is
 * ISO_OTHER without being checked further: no caller can tell the two apart. */
void iso_parse(const char *s, size_t len, struct iso *out);

/* The common shape YYYY-MM-DDTHH:MM:SS[.f+][Z|+00:00] and blank instead of T,
 * straight to canonical UTC text: writes at most 32 bytes to out, without
 * NUL, and returns their number; 0: not of this shape, use iso_parse().
 * Nothing is read beyond len. */
size_t iso_utc_fast(const char *s, size_t len, char *out);

/* The same shape to microseconds since 1970-01-01T00:00:00. */
bool iso_utc_us(const char *s, size_t len, int64_t *us);

/* Python's date.fromisoformat(): midnight of that day. */
bool date_from_iso(const char *s, size_t len, struct timestamp *out);
/* Python's time.fromisoformat() in the forms that it documents: us of the day,
 * offset if any. False also for offsets with fractions of a second. */
bool time_from_iso(const char *s, size_t len, struct timestamp *out);

/* To UTC (naive is taken as UTC). False: outside years 1-9999. */
bool timestamp_to_utc(struct timestamp *ts);

/* isoformat(): 2024-01-02T03:04:05[.ffffff][+00:00]. */
void timestamp_format(const struct timestamp *ts, struct buf *out);
/* SQLite's text: 2024-01-02 03:04:05.ffffff, offset dropped. */
void timestamp_format_sql(const struct timestamp *ts, struct buf *out);
void date_format(int64_t us, struct buf *out);                /* 2024-01-02 */
void time_format(const struct timestamp *t, struct buf *out); /* 01:02:03[.f] */

/* Epoch seconds to UTC; a double is rounded half-even to microseconds.
 * False: outside years 1-9999, or not finite. */
bool timestamp_from_epoch(double seconds, struct timestamp *out);
bool timestamp_from_seconds(int64_t seconds, struct timestamp *out);

/* Now, UTC. */
struct timestamp timestamp_now(void);
/* Seconds of a clock that is never set, to measure by. */
double time_monotonic(void);

#endif
