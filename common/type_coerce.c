/* SPDX-License-Identifier: MIT */
#include "common/type_private.h"

#include <string.h>
#include <strings.h>

#include "common/decimal.h"

static int64_t
midnight(int64_t us)
{
	const int64_t day = INT64_C(86400000000);
	int64_t rest = us % day;

	return us - (rest < 0 ? rest + day : rest);
}

static bool
offset_is_usable(const struct timestamp *ts)
{
	return ts->offset_s > -86400 && ts->offset_s < 86400;
}

/* ---- one function per target ---- */

static int
to_text(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct buf b = { 0 };

	if (v->type == TYPE_DOUBLE)
		double_repr(value_number(v), &b);
	else if (v->type == TYPE_BOOL)
		buf_adds(&b, v->boolean ? "True" : "False");
	else
		value_put_text(v, &b);
	value_set_text(out, TYPE_TEXT, &b, a);
	buf_release(&b);
	return 1;
}

static int
to_bigint(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct buf b = { 0 };
	bool ok = false;

	if (v->type == TYPE_TEXT)
		ok = text_to_integer(v->text, v->len, &b);
	else if (v->type == TYPE_DOUBLE)
		ok = double_to_integer(value_number(v), &b);
	else if (v->type == TYPE_DECIMAL || v->type == TYPE_WEI)
		ok = decimal_to_integer(v->text, v->len, &b);
	ok = ok && integer_fits_uint64(b.data, b.len);
	if (ok)
		value_set_text(out, TYPE_BIGINT, &b, a);
	buf_release(&b);
	return ok;
}

static int
to_double(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	double number;

	switch (v->type) {
	case TYPE_TEXT:
		if (!text_to_double(v->text, v->len, &number))
			return 0;
		break;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		/* a signalling NaN has no float */
		if (memchr(v->text, 's', v->len))
			return 0;
		number = decimal_to_double(v->text, v->len);
		break;
	case TYPE_BIGINT:
		number = decimal_to_double(v->text, v->len);
		break;
	default:
		return 0;
	}
	*out = (struct value){ .type = TYPE_DOUBLE, .number = number };
	return 1;
}

static int
to_number(const struct value *v, enum data_type type, struct arena *a,
    struct value *out)
{
	struct buf b = { 0 };
	bool ok = true;

	switch (v->type) {
	case TYPE_TEXT:
		ok = text_to_decimal(v->text, v->len, &b);
		break;
	case TYPE_DOUBLE:
		double_to_decimal(value_number(v), &b);
		break;
	case TYPE_BIGINT:
	case TYPE_DECIMAL:
	case TYPE_WEI:
		value_set_borrowed(out, type, v->text, v->len);
		return 1;
	default:
		return 0;
	}
	if (ok)
		value_set_text(out, type, &b, a);
	buf_release(&b);
	return ok;
}

static int
to_decimal(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	return to_number(v, TYPE_DECIMAL, a, out);
}

static int
to_wei(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	return to_number(v, TYPE_WEI, a, out);
}

/* dlt's str2bool(): 1, 0, or -1 for other words. */
static int
bool_word(const char *s, size_t len)
{
	static const char *const words[] = { "no", "yes", "false", "true", "f",
		"t", "n", "y", "0", "1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len &&
		    strncasecmp(s, words[i], len) == 0)
			return (int)(i % 2);
	return -1;
}

/* Is a decimal string a zero? NaN and Infinity are not. */
static bool
is_zero(const char *s, size_t len)
{
	for (size_t i = 0; i < len && s[i] != 'E'; i++)
		if (!strchr("-0.", s[i]))
			return false;
	return true;
}

static int
to_bool(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	int truth;

	switch (v->type) {
	case TYPE_TEXT:
		truth = bool_word(v->text, v->len);
		break;
	case TYPE_DOUBLE:
		truth = value_number(v) != 0;
		break;
	case TYPE_BIGINT:
	case TYPE_DECIMAL:
	case TYPE_WEI:
		truth = !is_zero(v->text, v->len);
		break;
	default:
		return 0;
	}
	if (truth < 0)
		return 0;
	*out = (struct value){ .type = TYPE_BOOL, .boolean = truth };
	return 1;
}

/* At most 20 digits, within uint64. */
static uint64_t
uint64_of(const char *s, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(s[i] - '0');
	return n;
}

static int
to_binary(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct buf b = { 0 };
	bool ok = false;

	if (v->type == TYPE_TEXT) {
		if (v->len >= 2 && memcmp(v->text, "0x", 2) == 0)
			ok = binary_from_hex(v->text + 2, v->len - 2, &b);
		else
			ok = binary_from_base64(v->text, v->len, true, &b);
	} else if (v->type == TYPE_BIGINT && *v->text != '-') {
		for (uint64_t n = uint64_of(v->text, v->len); n > 0; n >>= 8)
			buf_addc(&b, (char)(n & 0xFF));
		ok = true;
	}
	if (ok)
		value_set_text(out, TYPE_BINARY, &b, a);
	buf_release(&b);
	return ok;
}

static int
to_json(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct json_doc doc = { 0 };
	struct buf b = { 0 };
	struct error ignored;
	bool ok;

	if (v->type != TYPE_TEXT)
		return 0;
	ok = json_parse(&doc, v->text, v->len, &ignored) == 0;
	if (ok) {
		value_write_node(doc.root, NULL, NUMBERS_PYTHON, &b);
		value_set_text(out, TYPE_JSON, &b, a);
	}
	json_release(&doc);
	buf_release(&b);
	return ok;
}

/* How much of a text stands in a message. */
#define SHOWN(v) (int)((v)->len < 100 ? (v)->len : 100), (v)->text

static int
missing_minutes(const struct value *v, struct error *err)
{
	return error_set(err, ERR_DATA, "\"%.*s\" is a time without minutes",
	    SHOWN(v));
}

static bool
epoch_of(const struct value *v, struct timestamp *out)
{
	double seconds;

	switch (v->type) {
	case TYPE_TEXT:
		return text_to_float(v->text, v->len, &seconds) &&
		    timestamp_from_epoch(seconds, out);
	case TYPE_DOUBLE:
		return timestamp_from_epoch(value_number(v), out);
	case TYPE_BIGINT:
		if (*v->text == '-') {
			if (v->len > 18)
				return false;
			return timestamp_from_seconds(-(int64_t)
			                                  uint64_of(v->text + 1,
			                                      v->len - 1),
			    out);
		}
		return v->len <= 18 &&
		    timestamp_from_seconds((int64_t)uint64_of(v->text, v->len),
		        out);
	default:
		return false;
	}
}

/* The timestamp of a text, zone as written: ISO, else epoch seconds. */
static int
text_to_timestamp(const struct value *v, struct iso *iso, struct error *err)
{
	iso_parse(v->text, v->len, iso);
	switch (iso->kind) {
	case ISO_DATETIME:
	case ISO_DATE:
		return 1;
	case ISO_TIME:
		return 0;
	case ISO_CRASH:
		return iso->detected ? 0 : missing_minutes(v, err);
	default:
		return epoch_of(v, &iso->ts);
	}
}

static int
to_timestamp(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct iso iso = { .kind = ISO_NONE };
	int rc;

	if (v->type == TYPE_TEXT) {
		rc = text_to_timestamp(v, &iso, err);
		if (rc == 0 && iso.kind == ISO_CRASH)
			return error_set(err, ERR_DATA,
			    "the offset of \"%.*s\" is out of range", SHOWN(v));
	} else if (v->type == TYPE_DATE) {
		iso.ts = v->ts;
		rc = 1;
	} else {
		rc = epoch_of(v, &iso.ts);
	}
	if (rc == 1)
		value_set_time(out, TYPE_TIMESTAMP, &iso.ts);
	return rc;
}

static int
to_date(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct iso iso = { .kind = ISO_NONE };
	int rc = 1;

	if (v->type == TYPE_TIMESTAMP)
		iso.ts = v->ts;
	else if (v->type != TYPE_TEXT)
		rc = epoch_of(v, &iso.ts);
	else if (!date_from_iso(v->text, v->len, &iso.ts))
		rc = text_to_timestamp(v, &iso, err);
	if (rc != 1)
		return rc;
	if (!timestamp_to_utc(&iso.ts))
		return 0;
	iso.ts = (struct timestamp){ .us = midnight(iso.ts.us) };
	value_set_time(out, TYPE_DATE, &iso.ts);
	return 1;
}

static int
to_time(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct iso iso;
	int64_t us;

	if (v->type != TYPE_TEXT)
		return 0;
	iso_parse(v->text, v->len, &iso);
	if (iso.kind == ISO_CRASH && !iso.detected)
		return missing_minutes(v, err);
	if (iso.kind != ISO_TIME || !offset_is_usable(&iso.ts))
		return 0;
	us = iso.ts.us - iso.ts.offset_s * INT64_C(1000000);
	iso.ts = (struct timestamp){ .us = us - midnight(us) };
	value_set_time(out, TYPE_TIME, &iso.ts);
	return 1;
}

int
value_coerce(const struct value *v, enum data_type to, struct arena *a,
    struct value *out, struct error *err)
{
	static int (*const coerce[])(const struct value *, struct arena *,
	    struct value *, struct error *) = {
		[TYPE_TEXT] = to_text,
		[TYPE_DOUBLE] = to_double,
		[TYPE_BOOL] = to_bool,
		[TYPE_TIMESTAMP] = to_timestamp,
		[TYPE_BIGINT] = to_bigint,
		[TYPE_BINARY] = to_binary,
		[TYPE_JSON] = to_json,
		[TYPE_DECIMAL] = to_decimal,
		[TYPE_WEI] = to_wei,
		[TYPE_DATE] = to_date,
		[TYPE_TIME] = to_time,
	};

	if (v->type == to || v->type == TYPE_NONE) {
		*out = *v;
		return 1;
	}
	if (to == TYPE_NONE)
		return 0;
	return coerce[to](v, a, out, err);
}

int
value_to_utc(struct value *v, bool keep_zone, struct error *err)
{
	struct buf b = { 0 };

	if (v->type != TYPE_TIMESTAMP)
		return 0;
	if (!timestamp_to_utc(&v->ts)) {
		timestamp_format(&v->ts, &b);
		error_set(err, ERR_DATA,
		    "\"%s\" in UTC is outside the years 1 to 9999",
		    buf_str(&b));
		buf_release(&b);
		return -1;
	}
	v->ts.has_zone = keep_zone;
	return 0;
}
