/* SPDX-License-Identifier: MIT */
#include "common/timestamp.h"

#include "common/json.h"
#include "common/type.h"
#include "tests/unit/tap.h"

/* ---- what Python answered ---- */

/* NULL stands for "no value", as null does in the oracle. */
static bool
same(const char *got, const char *want)
{
	return got && want ? strcmp(got, want) == 0 : got == want;
}

static bool
check_detection(const struct value *v, const struct json *line,
    enum detection d)
{
	enum data_type seen = value_detect(v, d);
	const char *want = json_get_str(line, detection_name(d), NULL);

	if (same(seen == TYPE_NONE ? NULL : type_name(seen), want))
		return true;
	tap_ok(false, "%s \"%s\": %s, want %s", detection_name(d), v->text,
	    type_name(seen), want ? want : "none");
	return false;
}

static bool
check_coercion(const struct value *v, const struct json *line, const char *key,
    enum data_type to)
{
	const char *want = json_get_str(line, key, NULL);
	struct arena a = { 0 };
	struct error err;
	struct buf got = { 0 };
	struct value out;
	bool done = value_coerce(v, to, &a, &out, &err) == 1;
	bool ok;

	if (done && to == TYPE_TIMESTAMP)
		timestamp_format(&out.ts, &got);
	else if (done && to == TYPE_DATE)
		date_format(out.ts.us, &got);
	else if (done)
		time_format(&out.ts, &got);
	ok = same(done ? buf_str(&got) : NULL, want);
	if (!ok)
		tap_ok(false, "%s \"%s\": %s, want %s", key, v->text,
		    done ? buf_str(&got) : "none", want ? want : "none");
	buf_release(&got);
	arena_release(&a);
	return ok;
}

static bool
check_line(const struct json *line)
{
	const struct json *in = json_get(line, "in");
	struct value v = {
		.type = TYPE_TEXT,
		.text = in->str,
		.len = in->len,
	};
	bool ok = check_detection(&v, line, DETECT_ISO_TIMESTAMP);

	ok &= check_detection(&v, line, DETECT_ISO_DATE);
	ok &= check_coercion(&v, line, "to_timestamp", TYPE_TIMESTAMP);
	ok &= check_coercion(&v, line, "to_date", TYPE_DATE);
	ok &= check_coercion(&v, line, "to_time", TYPE_TIME);
	return ok;
}

static void
test_oracle(void)
{
	const char *dir = getenv("TEST_DATA");
	struct json_doc doc = { 0 };
	struct error err;
	char path[4096], *text = NULL;
	size_t cap = 0;
	ssize_t len;
	int lines = 0, good = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/oracles/iso.jsonl", dir ? dir : ".");
	f = fopen(path, "r");
	if (!f) {
		tap_skip("oracle", "no TEST_DATA");
		return;
	}
	while ((len = getline(&text, &cap, f)) > 0) {
		lines++;
		if (json_parse(&doc, text, (size_t)len, &err) != 0)
			tap_ok(false, "line %d: %s", lines, err.msg);
		else
			good += check_line(doc.root);
	}
	tap_ok(lines > 1000 && good == lines, "oracle: %d of %d lines agree",
	    good, lines);
	json_release(&doc);
	free(text);
	fclose(f);
}

/* ---- the kinds ---- */

static void
test_kinds(void)
{
	static const struct {
		const char *text;
		enum iso_kind kind;
		bool detected;
		const char *want;
	} cases[] = {
		{ "2024-01-15T10:20:30Z", ISO_DATETIME, false,
		    "2024-01-15T10:20:30+00:00" },
		{ "2024-W05-2T10", ISO_DATETIME, false, "2024-01-30T10:00:00" },
		{ "2024-366T10:20:30,5", ISO_DATETIME, false,
		    "2024-12-31T10:20:30.500000" },
		{ "2020-W53-7", ISO_DATE, false, "2021-01-03T00:00:00" },
		{ "\xD9\xA2\xD9\xA0\xD9\xA2\xD9\xA4 10:20", ISO_DATETIME, false,
		    "2024-01-01T10:20:00" },
		{ "2024 10:20:30|5", ISO_DATETIME, false,
		    "2024-01-01T10:20:30.500000" },
		{ "202410:20:30", ISO_DATETIME, false, "2024-01-01T10:20:30" },
		{ "10:20:30-12:30", ISO_TIME, false,
		    "1970-01-01T10:20:30-12:30" },
		{ "T102030", ISO_TIME, false, "1970-01-01T10:20:30" },
		{ "T10:20:30", ISO_NONE, false, NULL },
		{ "P1D", ISO_OTHER, false, NULL },
		{ "2024-01-15T10:20:30+24:00", ISO_CRASH, true, NULL },
		{ "2024-01-15T10:20:30-99:99", ISO_CRASH, true, NULL },
		{ "2024-01-15T10:20:30+24:01", ISO_NONE, false, NULL },
		{ "12:", ISO_CRASH, false, NULL },
		{ "2024/01/15 12::30", ISO_CRASH, false, NULL },
		{ "2023-02-29", ISO_NONE, false, NULL },
		{ "0000-01-01", ISO_NONE, false, NULL },
		{ "", ISO_NONE, false, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = { 0 };
		struct iso iso;

		iso_parse(cases[i].text, strlen(cases[i].text), &iso);
		if (cases[i].want)
			timestamp_format(&iso.ts, &b);
		tap_ok(iso.kind == cases[i].kind &&
		        iso.detected == cases[i].detected &&
		        (!cases[i].want || same(buf_str(&b), cases[i].want)),
		    "kind and value of \"%s\"", cases[i].text);
		buf_release(&b);
	}
}

/* ---- the fast path gives what the long way gives ---- */

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Near the shape of the fast path: fields around their limits, some bytes
 * replaced. */
static size_t
random_text(uint64_t *state, char *out, size_t room)
{
	static const char *const zones[] = { "Z", "+00:00", "", "-00:00",
		"+02:00", "+0000", "Z ", "+00:0" };
	static const char *const fractions[] = { "", "", ".5", ".000000",
		".0000001", ".123456789", ".", ",5" };
	static const int years[] = { 0, 1, 1900, 1999, 2000, 2023, 2024, 9999 };
	static const char bytes[] = "0123456789:;-/.TtZ +\xFF";
	uint64_t r = next_random(state), s = next_random(state);
	int len = snprintf(out, room, "%04d-%02d-%02d%c%02d:%02d:%02d%s%s",
	    years[r & 7], (int)(r >> 3 & 15) % 14, (int)(r >> 7 & 31) + 1,
	    "TTT t"[(r >> 12 & 15) % 5], (int)(r >> 16 & 31) % 26,
	    (int)(r >> 21 & 63) % 62, (int)(r >> 27 & 63) % 62,
	    fractions[r >> 33 & 7], zones[r >> 36 & 7]);

	if ((s & 3) == 0)
		out[(s >> 2) % (size_t)len] =
		    bytes[(s >> 32) % (sizeof(bytes) - 1)];
	return (size_t)len;
}

static void
test_fast(void)
{
	uint64_t state = 88172645463325252U;
	int wrong = 0, taken = 0, missed = 0;

	for (int i = 0; i < 500000; i++) {
		char text[64], fast[32];
		size_t len = random_text(&state, text, sizeof(text));
		char *exact = malloc(len);
		struct buf slow = { 0 };
		struct iso iso;
		size_t n;

		memcpy(exact, text, len);
		n = iso_utc_fast(exact, len, fast);
		/* only valid UTF-8 goes the long way */
		if (!memchr(text, 0xFF, len)) {
			iso_parse(text, len, &iso);
			if (iso.kind == ISO_DATETIME &&
			    timestamp_to_utc(&iso.ts))
				timestamp_format(&iso.ts, &slow);
			missed += n == 0 && slow.len > 0 &&
			    text[len - 1] == 'Z' && text[19] == 'Z';
		}
		taken += n > 0;
		wrong += n > 0 &&
		    (n != slow.len || memcmp(fast, slow.data, n) != 0);
		buf_release(&slow);
		free(exact);
	}
	tap_int(wrong, 0, "the fast path agrees with the long way");
	tap_int(missed, 0, "the fast path takes the common shape");
	tap_ok(taken > 50000, "the fast path is taken");
}

/* ---- the calendar ---- */

static void
test_calendar(void)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	int64_t us = INT64_C(-62135596800000000);
	int wrong = 0;

	for (int y = 1; y <= 9999; y++)
		for (int m = 1; m <= 12; m++) {
			bool leap = y % 4 == 0 &&
			    (y % 100 != 0 || y % 400 == 0);
			int days = lengths[m - 1] + (m == 2 && leap);
			char want[32];

			for (int d = 1; d <= days; d++) {
				struct buf b = { 0 };
				struct timestamp ts;

				snprintf(want, sizeof(want), "%04d-%02d-%02d",
				    y, m, d);
				/* every day is slow; the ends are enough */
				if (d == 1 || d == days) {
					date_format(us, &b);
					wrong += strcmp(buf_str(&b), want) != 0;
					wrong += !date_from_iso(want, 10, &ts);
					wrong += ts.us != us;
				}
				buf_release(&b);
				us += INT64_C(86400000000);
			}
		}
	tap_int(wrong, 0, "all months of the years 1 to 9999");
}

static const char *
epoch(double seconds, struct buf *b)
{
	struct timestamp ts;

	buf_reset(b);
	if (timestamp_from_epoch(seconds, &ts))
		timestamp_format(&ts, b);
	return buf_str(b);
}

static void
test_epoch(void)
{
	struct buf b = { 0 };
	struct timestamp ts;

	tap_str(epoch(1633344898.7415245, &b),
	    "2021-10-04T10:54:58.741524+00:00", "rounded half to even");
	tap_str(epoch(-0.5, &b), "1969-12-31T23:59:59.500000+00:00",
	    "before the epoch");
	tap_str(epoch(0.9999999, &b), "1970-01-01T00:00:01+00:00",
	    "rounded up to a second");
	tap_str(epoch(253402300799.0, &b), "9999-12-31T23:59:59+00:00",
	    "the last second");
	tap_str(epoch(253402300800.0, &b), "", "after the last second");
	tap_str(epoch(-62135596800.0, &b), "0001-01-01T00:00:00+00:00",
	    "the first second");
	tap_str(epoch(-62135596800.5, &b), "", "before the first second");
	tap_str(epoch(strtod("nan", NULL), &b), "", "nan");
	tap_str(epoch(1e300, &b), "", "1e300");
	tap_ok(!timestamp_from_seconds(INT64_MIN, &ts), "INT64_MIN seconds");
	tap_ok(timestamp_now().us > INT64_C(1600000000000000), "now");
	buf_release(&b);
}

static void
test_formats(void)
{
	struct timestamp ts = {
		.us = 1704164645000678, .has_zone = true, .offset_s = -19830
	};
	struct buf b = { 0 };

	timestamp_format(&ts, &b);
	tap_str(buf_str(&b), "2024-01-02T03:04:05.000678-05:30:30",
	    "an offset with seconds");
	buf_reset(&b);
	timestamp_format_sql(&ts, &b);
	tap_str(buf_str(&b), "2024-01-02 03:04:05.000678", "SQLite's text");
	tap_ok(timestamp_to_utc(&ts) && ts.us == 1704184475000678, "to UTC");
	ts = (struct timestamp){
		.us = -62135596800000000, .has_zone = true, .offset_s = 60
	};
	tap_ok(!timestamp_to_utc(&ts), "before year 1 in UTC");
	ts = (struct timestamp){
		.us = 253402300799999999, .has_zone = true, .offset_s = -60
	};
	tap_ok(!timestamp_to_utc(&ts), "after year 9999 in UTC");
	buf_reset(&b);
	tap_ok(time_from_iso("01:02:03.000045+02:00", 21, &ts), "a time");
	time_format(&ts, &b);
	tap_str(buf_str(&b), "01:02:03.000045+02:00", "a time is kept");
	tap_ok(!time_from_iso("25:00", 5, &ts), "hour 25");
	tap_ok(!date_from_iso("2024-1-15", 9, &ts), "a month of one digit");
	tap_ok(date_from_iso("2024-W05-2", 10, &ts), "a week date");
	buf_release(&b);
}

int
main(void)
{
	test_kinds();
	test_fast();
	test_calendar();
	test_epoch();
	test_formats();
	test_oracle();
	return tap_done();
}
