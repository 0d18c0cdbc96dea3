/* SPDX-License-Identifier: MIT */
/*
 * Blocks of the format Native: column after column, each value as the server
 * keeps it in memory, so that nothing is parsed there, and a double is what it
 * was. What is rare comes by way of its text, which has been checked.
 * Source: ClickHouse documentation, "Native Format"; tried with 18.16 and 26.9.
 */
#include "common/dest/dest_clickhouse_private.h"

#include "common/decimal.h"
#include "common/timestamp.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_S   INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_S)
#define LIMBS      4 /* of 64 bits, in the widest decimal */

/* ---- types ---- */

bool
ch_native_type(const struct ch_type *type, bool utc)
{
	if (type->wrapped || type->kind == CH_OTHER)
		return false;
	if (type->kind == CH_DATETIME || type->kind == CH_DATETIME64)
		return type->zoned || utc;
	return true;
}

/* As the server names it: a block names the type of each column. A time is the
 * same number in all zones. */
static void
type_name_of(const struct ch_type *t, struct buf *out)
{
	buf_adds(out, t->nullable ? "Nullable(" : "");
	switch (t->kind) {
	case CH_INT:
		buf_addf(out, "Int%d", t->bits);
		break;
	case CH_UINT:
		buf_addf(out, "UInt%d", t->bits);
		break;
	case CH_FLOAT:
		buf_addf(out, "Float%d", t->bits);
		break;
	case CH_BOOLEAN:
		buf_adds(out, "Bool");
		break;
	case CH_DATE:
		buf_adds(out, "Date");
		break;
	case CH_DATE32:
		buf_adds(out, "Date32");
		break;
	case CH_DATETIME:
		buf_adds(out, t->zoned ? "DateTime('UTC')" : "DateTime");
		break;
	case CH_DATETIME64:
		buf_addf(out, "DateTime64(%d%s)", t->scale,
		    t->zoned ? ", 'UTC'" : "");
		break;
	case CH_DECIMAL:
		buf_addf(out, "Decimal(%d, %d)", t->precision, t->scale);
		break;
	default:
		buf_adds(out, "String");
		break;
	}
	buf_adds(out, t->nullable ? ")" : "");
}

/* ---- values ---- */

/* The lowest bytes of a number, the lowest first. */
static void
add_bytes(struct buf *out, uint64_t v, size_t size)
{
	uint64_t low = htole64(v);

	buf_reserve(out, sizeof(low));
	memcpy(out->data + out->len, &low, sizeof(low));
	out->len += size;
	out->data[out->len] = '\0';
}

/* At most ten bytes, for which there is room. */
static void
put_varint(struct buf *out, size_t v)
{
	for (; v >= 0x80; v >>= 7)
		out->data[out->len++] = (char)(v | 0x80);
	out->data[out->len++] = (char)v;
}

static void
add_varint(struct buf *out, size_t v)
{
	buf_reserve(out, 10);
	put_varint(out, v);
	out->data[out->len] = '\0';
}

static void
add_string(struct buf *out, const char *text, size_t len)
{
	buf_reserve(out, len + 10);
	put_varint(out, len);
	if (len)
		memcpy(out->data + out->len, text, len);
	out->len += len;
	out->data[out->len] = '\0';
}

static void
add_number(const struct ch_type *t, double v, struct buf *out)
{
	uint64_t bits = 0;
	float single = (float)v;

	if (t->bits == 32)
		memcpy(&bits, &single, sizeof(single));
	else
		memcpy(&bits, &v, sizeof(v));
	if (t->bits == 32 && __BYTE_ORDER == __BIG_ENDIAN)
		bits >>= 32;
	add_bytes(out, bits, (size_t)t->bits / 8);
}

static size_t
decimal_size(int precision)
{
	return precision <= 9 ? 4
	    : precision <= 18 ? 8
	    : precision <= 38 ? 16
	                      : 32;
}

static void
times_ten(uint64_t v[LIMBS], unsigned add)
{
	for (size_t i = 0; i < LIMBS; i++) {
		unsigned __int128 x = (unsigned __int128)v[i] * 10 + add;

		v[i] = (uint64_t)x;
		add = (unsigned)(x >> 64);
	}
}

static void
negate(uint64_t v[LIMBS])
{
	bool carry = true;

	for (size_t i = 0; i < LIMBS; i++) {
		v[i] = ~v[i] + carry;
		carry = carry && !v[i];
	}
}

/* [-]DIGITS[.DIGITS], with the scale's digits behind the point at most. */
static void
add_decimal(const struct ch_type *t, const char *text, struct buf *out)
{
	uint64_t v[LIMBS] = { 0 };
	size_t size = decimal_size(t->precision);
	bool negative = *text == '-', behind = false;
	int scale = t->scale;

	for (text += negative; *text; text++) {
		if (*text == '.') {
			behind = true;
			continue;
		}
		times_ten(v, (unsigned)(*text - '0'));
		scale -= behind;
	}
	while (scale-- > 0)
		times_ten(v, 0);
	if (negative)
		negate(v);
	for (size_t i = 0; i < LIMBS && size; i++) {
		size_t n = size < 8 ? size : 8;

		add_bytes(out, v[i], n);
		size -= n;
	}
}

/* Down, as the text would be cut. */
static int64_t
divide(int64_t v, int64_t by)
{
	return (v - (v < 0 ? by - 1 : 0)) / by;
}

static bool
add_ticks(const struct ch_type *t, int64_t us, struct buf *out)
{
	int64_t ticks = us;

	for (int i = t->scale; i < 6; i++)
		ticks = divide(ticks, 10);
	for (int i = 6; i < t->scale; i++)
		if (__builtin_mul_overflow(ticks, INT64_C(10), &ticks))
			return false;
	add_bytes(out, (uint64_t)ticks, 8);
	return true;
}

static bool
add_time(const struct ch_type *t, const char *text, size_t len, struct buf *out)
{
	struct timestamp day;
	int64_t us;

	if (t->kind == CH_DATE || t->kind == CH_DATE32) {
		if (!date_from_iso(text, len, &day))
			return false;
		add_bytes(out, (uint64_t)divide(day.us, US_PER_DAY),
		    t->kind == CH_DATE ? 2 : 4);
		return true;
	}
	if (!iso_utc_us(text, len, &us))
		return false;
	if (t->kind == CH_DATETIME64)
		return add_ticks(t, us, out);
	add_bytes(out, (uint64_t)divide(us, US_PER_S), 4);
	return true;
}

static bool
fits(const struct ch_type *t, int64_t v)
{
	switch (t->kind) {
	case CH_INT:
		return t->bits == 64 ||
		    (v >= -(INT64_C(1) << (t->bits - 1)) &&
		        v < INT64_C(1) << (t->bits - 1));
	case CH_UINT:
		return v >= 0 && (t->bits == 64 || v < INT64_C(1) << t->bits);
	case CH_BOOLEAN:
		return v == 0 || v == 1;
	default:
		return false;
	}
}

static size_t
size_of_integer(const struct ch_type *t)
{
	return t->kind == CH_BOOLEAN ? 1 : (size_t)t->bits / 8;
}

/* From what ch_value_add() has written. */
static bool
add_parsed(const struct ch_type *t, const struct buf *text, struct buf *out)
{
	const char *s = buf_str(text);

	switch (t->kind) {
	case CH_INT:
	case CH_UINT:
		if (s[strspn(s, "-0123456789")])
			return false;
		add_bytes(out,
		    *s == '-' ? (uint64_t)strtoll(s, NULL, 10)
		              : strtoull(s, NULL, 10),
		    (size_t)t->bits / 8);
		return true;
	case CH_BOOLEAN:
		add_bytes(out, *s == 't' || *s == '1', 1);
		return true;
	case CH_FLOAT:
		add_number(t, decimal_to_double(s, text->len), out);
		return true;
	case CH_DECIMAL:
		add_decimal(t, s, out);
		return true;
	case CH_DATE:
	case CH_DATE32:
	case CH_DATETIME:
	case CH_DATETIME64:
		return add_time(t, s, text->len, out);
	default:
		add_string(out, s, text->len);
		return true;
	}
}

/* Of what stands in the place of a null. */
static size_t
size_of(const struct ch_type *t)
{
	switch (t->kind) {
	case CH_INT:
	case CH_UINT:
	case CH_FLOAT:
		return (size_t)t->bits / 8;
	case CH_DATE:
		return 2;
	case CH_DATE32:
	case CH_DATETIME:
		return 4;
	case CH_DATETIME64:
		return 8;
	case CH_DECIMAL:
		return decimal_size(t->precision);
	default: /* an empty string, and false */
		return 1;
	}
}

static void
add_zeros(const struct ch_type *t, struct buf *out)
{
	for (size_t left = size_of(t); left;) {
		size_t n = left < 8 ? left : 8;

		add_bytes(out, 0, n);
		left -= n;
	}
}

int
ch_native_add(struct ch_lane *lane, const struct cell *c, struct buf *scratch,
    struct error *err)
{
	const struct ch_type *t = &lane->type;
	bool null = !c || c->kind == CELL_NULL;
	enum ch_kind kind = t->kind;

	if (null && t->nullable) {
		buf_addc(&lane->nulls, 1);
		add_zeros(t, &lane->data);
		return 0;
	}
	if (t->nullable)
		buf_addc(&lane->nulls, 0);
	if (null) {
		; /* is refused below */
	} else if (kind == CH_STRING && c->kind >= CELL_TEXT) {
		add_string(&lane->data, c->text, c->len);
		return 0;
	} else if (c->kind == CELL_INTEGER && fits(t, c->integer)) {
		add_bytes(&lane->data, (uint64_t)c->integer,
		    size_of_integer(t));
		return 0;
	} else if (kind == CH_FLOAT && c->kind == CELL_DOUBLE) {
		add_number(t, c->number, &lane->data);
		return 0;
	}
	buf_reset(scratch);
	if (ch_value_add(t, lane->column, c, scratch, err) < 0)
		return -1;
	if (!add_parsed(t, scratch, &lane->data))
		return error_set(err, ERR_DATA,
		    "column \"%s\": %s is not within what its type can hold",
		    lane->column->name, buf_str(scratch));
	return 0;
}

/* ---- blocks ---- */

size_t
ch_native_size(const struct ch_lane *lanes, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += lanes[i].nulls.len + lanes[i].data.len;
	return size;
}

void
ch_native_block(struct ch_lane *lanes, size_t count, size_t rows,
    struct buf *out)
{
	struct buf type = { 0 };

	buf_reserve(out, ch_native_size(lanes, count) + 64 * count);
	add_varint(out, count);
	add_varint(out, rows);
	for (size_t i = 0; i < count; i++) {
		struct ch_lane *l = &lanes[i];

		buf_reset(&type);
		type_name_of(&l->type, &type);
		add_string(out, l->column->name, l->column->name_len);
		add_string(out, type.data, type.len);
		buf_add(out, l->nulls.data, l->nulls.len);
		buf_add(out, l->data.data, l->data.len);
		buf_reset(&l->nulls);
		buf_reset(&l->data);
	}
	buf_release(&type);
}
