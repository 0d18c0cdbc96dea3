/* SPDX-License-Identifier: MIT */
#include "common/type.h"

#include <math.h>
#include <string.h>

#include "common/decimal.h"
#include "common/jsonw.h"
#include "common/type_private.h"

static const char *const type_names[] = { "", "text", "double", "bool",
	"timestamp", "bigint", "binary", "json", "decimal", "wei", "date",
	"time" };

const char *
type_name(enum data_type t)
{
	return type_names[t];
}

enum data_type
type_parse(const char *name)
{
	for (size_t i = 1; i < ARRAY_LEN(type_names); i++)
		if (strcmp(name, type_names[i]) == 0)
			return (enum data_type)i;
	return TYPE_NONE;
}

/* ---- values ---- */

void
value_set_text(struct value *out, enum data_type type, const struct buf *b,
    struct arena *a)
{
	*out = (struct value){
		.type = type,
		.text = arena_strndup(a, buf_str(b), b->len),
		.len = b->len,
	};
}

double
value_number(const struct value *v)
{
	return v->text ? decimal_to_double(v->text, v->len) : v->number;
}

/* ---- writing ---- */

void
value_put_text(const struct value *v, struct buf *out)
{
	switch (v->type) {
	case TYPE_TIMESTAMP:
		timestamp_format(&v->ts, out);
		return;
	case TYPE_DATE:
		date_format(v->ts.us, out);
		return;
	case TYPE_TIME:
		time_format(&v->ts, out);
		return;
	case TYPE_BINARY:
		if (!v->hex) {
			binary_put_base64(v->text, v->len, out);
			return;
		}
		buf_adds(out, "0x");
		binary_put_hex(v->text, v->len, out);
		return;
	default:
		buf_add(out, v->text, v->len);
	}
}

static enum marker
marker_for(const struct value *v)
{
	switch (v->type) {
	case TYPE_TIMESTAMP:
		return MARK_TIMESTAMP;
	case TYPE_BINARY:
		return v->hex ? MARK_HEXBYTES : MARK_BYTES;
	case TYPE_DECIMAL:
		return MARK_DECIMAL;
	case TYPE_WEI:
		return MARK_WEI;
	case TYPE_DATE:
		return MARK_DATE;
	case TYPE_TIME:
		return MARK_TIME;
	default:
		return MARK_NONE;
	}
}

static void
write_value(const struct value *v, bool typed, struct buf *out)
{
	char mark[MARKER_LEN + 1] = "\xEF\x80\xA6";

	switch (v->type) {
	case TYPE_NONE:
		buf_adds(out, "null");
		return;
	case TYPE_TEXT:
		jsonw_quote(out, v->text, v->len);
		return;
	case TYPE_DOUBLE:
		if (v->text)
			buf_add(out, v->text, v->len);
		else
			double_json(v->number, out);
		return;
	case TYPE_BOOL:
		buf_adds(out, v->boolean ? "true" : "false");
		return;
	case TYPE_BIGINT:
	case TYPE_JSON:
		buf_add(out, v->text, v->len);
		return;
	default:
		break;
	}
	buf_addc(out, '"');
	if (typed) {
		mark[2] = (char)(mark[2] + (int)marker_for(v));
		buf_add(out, mark, MARKER_LEN);
	}
	value_put_text(v, out);
	buf_addc(out, '"');
}

void
value_write_jsonl(const struct value *v, struct buf *out)
{
	write_value(v, false, out);
}

void
value_write_typed(const struct value *v, struct buf *out)
{
	write_value(v, true, out);
}

/* ---- detections ---- */

static const char *const detection_names[] = { "", "iso_timestamp", "iso_date",
	"timestamp", "large_integer", "hexbytes_to_text", "wei_to_double" };

enum detection
detection_parse(const char *name)
{
	for (size_t i = 1; i < ARRAY_LEN(detection_names); i++)
		if (strcmp(name, detection_names[i]) == 0)
			return (enum detection)i;
	return DETECT_NONE;
}

const char *
detection_name(enum detection d)
{
	return detection_names[d];
}

/* Is a number within five years of now, in seconds? */
static bool
is_near_now(const struct value *v)
{
	double now = (double)timestamp_now().us / 1e6;

	return (v->type == TYPE_BIGINT || v->type == TYPE_DOUBLE) &&
	    fabs(value_number(v) - now) <= 5 * 31536000.0;
}

enum data_type
value_detect(const struct value *v, enum detection d)
{
	struct iso iso = { .kind = ISO_NONE };
	enum data_type seen = TYPE_NONE;
	bool hit = false;

	if (v->type == TYPE_TEXT &&
	    (d == DETECT_ISO_TIMESTAMP || d == DETECT_ISO_DATE))
		iso_parse(v->text, v->len, &iso);
	switch (d) {
	case DETECT_NONE:
		break;
	case DETECT_ISO_TIMESTAMP:
		hit = iso.kind == ISO_DATETIME || iso.detected;
		seen = TYPE_TIMESTAMP;
		break;
	case DETECT_ISO_DATE:
		hit = iso.kind == ISO_DATE;
		seen = TYPE_DATE;
		break;
	case DETECT_TIMESTAMP:
		hit = is_near_now(v);
		seen = TYPE_TIMESTAMP;
		break;
	case DETECT_LARGE_INTEGER:
		hit = v->type == TYPE_BIGINT &&
		    !integer_fits_int64(v->text, v->len);
		seen = TYPE_WEI;
		break;
	case DETECT_HEXBYTES_TO_TEXT:
		hit = v->type == TYPE_BINARY && v->hex;
		seen = TYPE_TEXT;
		break;
	case DETECT_WEI_TO_DOUBLE:
		hit = v->type == TYPE_WEI;
		seen = TYPE_DOUBLE;
		break;
	}
	return hit ? seen : TYPE_NONE;
}
