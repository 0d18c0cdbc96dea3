/* SPDX-License-Identifier: MIT */
/*
 * Rows go in by the column: each value is written where the vector of its
 * column holds it, and a full chunk is handed over.
 */
#include "common/duck_private.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/mem.h"

__extension__ typedef __int128 wide;

#define WIDE_DIGITS 38

/* A pile of rows goes in at once. DuckDB brings in one that has some 200,000
 * rows, or takes much memory, by itself, and too early. */
#define PILE_ROWS  ((uint64_t)30720)
#define PILE_BYTES ((uint64_t)8 << 20)
#define PILES      4

struct vector {
	duck_handle handle, type;
	void *data;
	uint64_t *valid;
	int id; /* as stored; of DECIMAL its integer */
	enum duck_kind kind;
	long units_mul, units_div; /* of a timestamp, from microseconds */
	int scale, digits;         /* of DECIMAL */
	size_t size;               /* of an element */
};

/* A thread that brings piles into the table, in their order. */
struct bringer {
	struct duck *duck;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	duck_handle all[PILES];
	duck_handle full[PILES], empty[PILES]; /* full: the first is next */
	size_t full_count, empty_count;
	bool busy, stop, failed;
	struct error err;
};

struct duck_appender {
	struct duck *duck;
	duck_handle handle, chunk;
	struct vector *vectors;
	size_t width;
	uint64_t rows, capacity; /* of the chunk */
	char *catalog, *schema, *table;
	struct bringer *bringer; /* NULL: none; else it owns the handle */
	uint64_t pile_rows, pile_bytes; /* in the handle; bytes of texts */
};

static int
fail(struct duck_appender *a, struct error *err)
{
	const char *message = a->handle ? a->duck->api.appender_error(a->handle)
	                                : NULL;

	return duck_fail(DUCKDB_ERROR_CONSTRAINT, message, err);
}

/* ---- columns ---- */

static size_t
size_of(int id)
{
	switch (id) {
	case DUCKDB_BOOLEAN:
	case DUCKDB_TINYINT:
	case DUCKDB_UTINYINT:
		return 1;
	case DUCKDB_SMALLINT:
	case DUCKDB_USMALLINT:
		return 2;
	case DUCKDB_INTEGER:
	case DUCKDB_UINTEGER:
	case DUCKDB_FLOAT:
	case DUCKDB_DATE:
		return 4;
	case DUCKDB_HUGEINT:
	case DUCKDB_VARCHAR:
	case DUCKDB_BLOB:
		return 16;
	default:
		return 8;
	}
}

static enum duck_kind
kind_of(int id)
{
	switch (id) {
	case DUCKDB_BOOLEAN:
		return DUCK_BOOL;
	case DUCKDB_TINYINT:
	case DUCKDB_SMALLINT:
	case DUCKDB_INTEGER:
	case DUCKDB_BIGINT:
	case DUCKDB_UTINYINT:
	case DUCKDB_USMALLINT:
	case DUCKDB_UINTEGER:
	case DUCKDB_UBIGINT:
	case DUCKDB_HUGEINT:
		return DUCK_INTEGER;
	case DUCKDB_FLOAT:
	case DUCKDB_DOUBLE:
		return DUCK_DOUBLE;
	case DUCKDB_DECIMAL:
		return DUCK_DECIMAL;
	case DUCKDB_VARCHAR:
		return DUCK_TEXT;
	case DUCKDB_BLOB:
		return DUCK_BLOB;
	case DUCKDB_TIMESTAMP:
	case DUCKDB_TIMESTAMP_S:
	case DUCKDB_TIMESTAMP_MS:
	case DUCKDB_TIMESTAMP_NS:
	case DUCKDB_TIMESTAMP_TZ:
		return DUCK_TIMESTAMP;
	case DUCKDB_DATE:
		return DUCK_DATE;
	case DUCKDB_TIME:
		return DUCK_TIME;
	default:
		return DUCK_OTHER;
	}
}

static void
describe(const struct duck_api *api, struct vector *v)
{
	v->id = api->get_type_id(v->type);
	v->kind = kind_of(v->id);
	v->units_mul = v->units_div = 1;
	if (v->id == DUCKDB_TIMESTAMP_S)
		v->units_div = 1000000;
	else if (v->id == DUCKDB_TIMESTAMP_MS)
		v->units_div = 1000;
	else if (v->id == DUCKDB_TIMESTAMP_NS)
		v->units_mul = 1000;
	if (v->kind == DUCK_DECIMAL) {
		v->scale = api->decimal_scale(v->type);
		v->digits = api->decimal_width(v->type);
		v->id = api->decimal_internal_type(v->type);
	} else if (v->kind == DUCK_INTEGER) {
		v->digits = WIDE_DIGITS;
	}
	v->size = size_of(v->id);
}

static void
find_data(struct duck_appender *a)
{
	const struct duck_api *api = &a->duck->api;

	for (size_t i = 0; i < a->width; i++) {
		struct vector *v = &a->vectors[i];

		v->handle = api->data_chunk_get_vector(a->chunk, i);
		api->vector_ensure_validity_writable(v->handle);
		v->data = api->vector_get_data(v->handle);
		v->valid = api->vector_get_validity(v->handle);
		memset(v->valid, 0, (a->capacity + 63) / 64 * 8);
	}
}

static int
make_chunk(struct duck_appender *a, struct error *err)
{
	const struct duck_api *api = &a->duck->api;
	duck_handle *types = xcalloc(a->width + 1, sizeof(*types));

	for (size_t i = 0; i < a->width; i++) {
		a->vectors[i].type = api->appender_column_type(a->handle, i);
		types[i] = a->vectors[i].type;
		describe(api, &a->vectors[i]);
	}
	a->chunk = api->create_data_chunk(types, a->width);
	free(types);
	if (!a->chunk)
		return error_set(err, ERR_REMOTE,
		    "DuckDB: the table's columns cannot be appended to");
	a->capacity = api->vector_size();
	find_data(a);
	return 0;
}

struct duck_appender *
duck_appender_open(struct duck *d, const char *catalog, const char *schema,
    const char *table, struct error *err)
{
	struct duck_appender *a = xcalloc(1, sizeof(*a));

	a->duck = d;
	a->catalog = catalog ? xstrdup(catalog) : NULL;
	a->schema = xstrdup(schema);
	a->table = xstrdup(table);
	if (d->api.appender_create_ext(d->connection, catalog, schema, table,
	        &a->handle)) {
		fail(a, err);
		goto failed;
	}
	a->width = (size_t)d->api.appender_column_count(a->handle);
	a->vectors = xcalloc(a->width + 1, sizeof(*a->vectors));
	if (make_chunk(a, err) == 0)
		return a;
failed:
	duck_appender_free(a);
	return NULL;
}

/* ---- the thread ---- */

static void *
bring(void *arg)
{
	struct bringer *b = arg;
	const struct duck_api *api = &b->duck->api;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		duck_handle pile;
		int rc;

		while (!b->full_count && !b->stop)
			pthread_cond_wait(&b->changed, &b->lock);
		if (b->stop)
			break;
		pile = b->full[0];
		memmove(b->full, b->full + 1,
		    --b->full_count * sizeof(*b->full));
		b->busy = true;
		pthread_mutex_unlock(&b->lock);
		rc = api->appender_flush(pile);
		pthread_mutex_lock(&b->lock);
		b->busy = false;
		b->empty[b->empty_count++] = pile;
		if (rc) {
			duck_fail(DUCKDB_ERROR_CONSTRAINT,
			    api->appender_error(pile), &b->err);
			b->failed = b->stop = true;
		}
		pthread_cond_broadcast(&b->changed);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* Take the pile. Then wait for an empty one, or for the end
 * of all work; returns an empty pile, or NULL when the thread has failed. */
static duck_handle
pass_on(struct bringer *b, duck_handle pile, bool all, struct error *err)
{
	duck_handle empty = NULL;

	pthread_mutex_lock(&b->lock);
	b->full[b->full_count++] = pile;
	pthread_cond_broadcast(&b->changed);
	while (!b->failed &&
	    (!b->empty_count || (all && (b->full_count || b->busy))))
		pthread_cond_wait(&b->changed, &b->lock);
	if (b->failed)
		*err = b->err;
	else
		empty = b->empty[--b->empty_count];
	pthread_mutex_unlock(&b->lock);
	return empty;
}

static void
bringer_free(struct bringer *b)
{
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	for (size_t i = 0; i < PILES; i++)
		b->duck->api.appender_destroy(&b->all[i]);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
	free(b);
}

/* As many handles as there are piles, the one in use among them. */
static int
make_piles(struct duck_appender *a, struct bringer *b, struct error *err)
{
	for (size_t i = 1; i < PILES; i++) {
		duck_handle *h = &b->all[i];

		if (a->duck->api.appender_create_ext(a->duck->connection,
		        a->catalog, a->schema, a->table, h)) {
			duck_fail(DUCKDB_ERROR_CONSTRAINT,
			    *h ? a->duck->api.appender_error(*h) : NULL, err);
			return -1;
		}
		b->empty[b->empty_count++] = *h;
	}
	b->all[0] = a->handle;
	return 0;
}

int
duck_appender_thread(struct duck_appender *a, struct error *err)
{
	struct bringer *b;
	int rc;

	if (a->bringer)
		return 0;
	b = xcalloc(1, sizeof(*b));
	b->duck = a->duck;
	rc = make_piles(a, b, err);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	if (rc == 0 && pthread_create(&b->thread, NULL, bring, b) == 0) {
		a->bringer = b;
		return 0;
	}
	/* without a thread it takes longer, that is all */
	for (size_t i = 1; i < PILES; i++)
		if (b->all[i])
			a->duck->api.appender_destroy(&b->all[i]);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
	free(b);
	return rc;
}

void
duck_appender_free(struct duck_appender *a)
{
	const struct duck_api *api;

	if (!a)
		return;
	api = &a->duck->api;
	for (size_t i = 0; a->vectors && i < a->width; i++)
		if (a->vectors[i].type)
			api->destroy_logical_type(&a->vectors[i].type);
	if (a->chunk)
		api->destroy_data_chunk(&a->chunk);
	if (a->bringer)
		bringer_free(a->bringer);
	else if (a->handle)
		api->appender_destroy(&a->handle);
	free(a->catalog);
	free(a->schema);
	free(a->table);
	free(a->vectors);
	free(a);
}

size_t
duck_appender_width(const struct duck_appender *a)
{
	return a->width;
}

enum duck_kind
duck_appender_kind(const struct duck_appender *a, size_t column)
{
	return a->vectors[column].kind;
}

/* ---- rows ---- */

/* all: wait until everything is in the table. */
static int
next_pile(struct duck_appender *a, bool all, struct error *err)
{
	a->handle = pass_on(a->bringer, a->handle, all, err);
	a->pile_rows = a->pile_bytes = 0;
	return a->handle ? 0 : -1;
}

/* There is no pile once the thread has failed. */
static int
check_thread(const struct duck_appender *a, struct error *err)
{
	if (a->handle)
		return 0;
	*err = a->bringer->err;
	return -1;
}

static int
hand_over(struct duck_appender *a, struct error *err)
{
	const struct duck_api *api = &a->duck->api;

	if (!a->rows)
		return 0;
	if (check_thread(a, err) < 0)
		return -1;
	api->data_chunk_set_size(a->chunk, a->rows);
	if (api->append_data_chunk(a->handle, a->chunk))
		return fail(a, err);
	api->data_chunk_reset(a->chunk);
	find_data(a);
	a->pile_rows += a->rows;
	a->rows = 0;
	if (a->bringer &&
	    (a->pile_rows >= PILE_ROWS || a->pile_bytes >= PILE_BYTES))
		return next_pile(a, false, err);
	return 0;
}

int
duck_append_row(struct duck_appender *a, struct error *err)
{
	if (a->rows == a->capacity && hand_over(a, err))
		return -1;
	a->rows++;
	return 0;
}

int
duck_appender_take(struct duck_appender *a, struct error *err)
{
	return hand_over(a, err);
}

int
duck_appender_flush(struct duck_appender *a, struct error *err)
{
	if (hand_over(a, err) || check_thread(a, err))
		return -1;
	if (a->bringer)
		return next_pile(a, true, err);
	a->pile_rows = a->pile_bytes = 0;
	return a->duck->api.appender_flush(a->handle) ? fail(a, err) : 0;
}

/* ---- values ---- */

static void *
place_of(struct duck_appender *a, struct vector *v)
{
	uint64_t i = a->rows - 1;

	v->valid[i / 64] |= (uint64_t)1 << (i % 64);
	return (char *)v->data + i * v->size;
}

void
duck_put_null(struct duck_appender *a, size_t column)
{
	uint64_t i = a->rows - 1;

	a->vectors[column].valid[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static bool
in_range(int id, wide n)
{
	switch (id) {
	case DUCKDB_TINYINT:
		return n >= INT8_MIN && n <= INT8_MAX;
	case DUCKDB_SMALLINT:
		return n >= INT16_MIN && n <= INT16_MAX;
	case DUCKDB_INTEGER:
		return n >= INT32_MIN && n <= INT32_MAX;
	case DUCKDB_BIGINT:
		return n >= INT64_MIN && n <= INT64_MAX;
	case DUCKDB_UTINYINT:
		return n >= 0 && n <= UINT8_MAX;
	case DUCKDB_USMALLINT:
		return n >= 0 && n <= UINT16_MAX;
	case DUCKDB_UINTEGER:
		return n >= 0 && n <= UINT32_MAX;
	case DUCKDB_UBIGINT:
		return n >= 0 && n <= (wide)UINT64_MAX;
	default:
		return true;
	}
}

/* Little-endian machines only, as DuckDB's own binaries: the low bytes of the
 * number are the narrow one. */
static int
put_wide(struct duck_appender *a, struct vector *v, wide n)
{
	if (!in_range(v->id, n))
		return -1;
	memcpy(place_of(a, v), &n, v->size);
	return 0;
}

/* Whole units below, as of a division that rounds down. */
static int
put_time(struct duck_appender *a, struct vector *v, int64_t us)
{
	int64_t n;

	if (__builtin_mul_overflow(us, v->units_mul, &n))
		return -1;
	n = us < 0 && us % v->units_div ? n / v->units_div - 1
	                                : n / v->units_div;
	memcpy(place_of(a, v), &n, sizeof(n));
	return 0;
}

static int
put_date(struct duck_appender *a, struct vector *v, int64_t days)
{
	int32_t n = (int32_t)days;

	if (n != days)
		return -1;
	memcpy(place_of(a, v), &n, sizeof(n));
	return 0;
}

int
duck_put_integer(struct duck_appender *a, size_t column, int64_t value)
{
	struct vector *v = &a->vectors[column];
	char digits[24];

	switch (v->kind) {
	case DUCK_INTEGER:
		return put_wide(a, v, value);
	case DUCK_BOOL:
		*(uint8_t *)place_of(a, v) = value != 0;
		return 0;
	case DUCK_TIMESTAMP:
		return put_time(a, v, value);
	case DUCK_TIME:
		memcpy(place_of(a, v), &value, sizeof(value));
		return 0;
	case DUCK_DATE:
		return put_date(a, v, value);
	case DUCK_DOUBLE:
		return duck_put_double(a, column, (double)value);
	case DUCK_DECIMAL:
		snprintf(digits, sizeof(digits), "%lld", (long long)value);
		return duck_put_number(a, column, digits, strlen(digits));
	default:
		return -1;
	}
}

int
duck_put_double(struct duck_appender *a, size_t column, double value)
{
	struct vector *v = &a->vectors[column];
	float narrow = (float)value;

	if (v->kind != DUCK_DOUBLE)
		return -1;
	if (v->id == DUCKDB_FLOAT) {
		if (isinf(narrow) && !isinf(value))
			return -1;
		memcpy(place_of(a, v), &narrow, sizeof(narrow));
	} else {
		memcpy(place_of(a, v), &value, sizeof(value));
	}
	return 0;
}

/* A number as it is spelled, cut into its parts. */
struct spelled {
	const char *digits; /* with a point somewhere, or none */
	size_t len;
	bool negative;
	long exponent; /* of the last digit */
};

static bool
spell(const char *s, size_t len, struct spelled *n)
{
	size_t i = 0, count = 0;
	long fraction = 0, e = 0;
	bool point = false, minus = false;

	*n = (struct spelled){ 0 };
	if (i < len && (s[i] == '-' || s[i] == '+'))
		n->negative = s[i++] == '-';
	n->digits = s + i;
	for (; i < len && s[i] != 'e' && s[i] != 'E'; i++) {
		if (s[i] == '.' && !point)
			point = true;
		else if (s[i] < '0' || s[i] > '9')
			return false;
		else
			count++, fraction += point;
	}
	n->len = (size_t)(s + i - n->digits);
	if (i < len && ++i < len && (s[i] == '-' || s[i] == '+'))
		minus = s[i++] == '-';
	for (; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		if (e < 1000000)
			e = e * 10 + (s[i] - '0');
	}
	n->exponent = (minus ? -e : e) - fraction;
	return count > 0;
}

static bool
times_ten(wide *n, int digit)
{
	return !__builtin_mul_overflow(*n, 10, n) &&
	    !__builtin_add_overflow(*n, digit, n);
}

/* The number as a multiple of 10^-scale, halves away from zero. */
static bool
scaled(const struct spelled *s, int scale, wide *out)
{
	long shift = s->exponent + scale, dropped = shift < 0 ? -shift : 0;
	size_t digits = s->len - (memchr(s->digits, '.', s->len) ? 1 : 0);
	size_t i, seen = 0;
	wide n = 0;

	for (i = 0; i < s->len; i++) {
		int digit = s->digits[i] - '0';

		if (s->digits[i] == '.')
			continue;
		if (digits - seen > (size_t)dropped) {
			if (!times_ten(&n, digit))
				return false;
		} else if (digits - seen == (size_t)dropped && digit >= 5) {
			n++;
		}
		seen++;
	}
	for (; shift > 0 && n; shift--)
		if (!times_ten(&n, 0))
			return false;
	*out = s->negative ? -n : n;
	return true;
}

static bool
within_digits(wide n, int digits)
{
	wide limit = 1;

	for (int i = 0; i < digits; i++)
		limit *= 10;
	return n < limit && n > -limit;
}

int
duck_put_number(struct duck_appender *a, size_t column, const char *text,
    size_t len)
{
	struct vector *v = &a->vectors[column];
	struct spelled s;
	wide n;

	if (v->kind == DUCK_DOUBLE)
		return duck_put_double(a, column, decimal_to_double(text, len));
	if (v->kind != DUCK_DECIMAL && v->kind != DUCK_INTEGER)
		return -1;
	if (!spell(text, len, &s) || !scaled(&s, v->scale, &n) ||
	    (v->kind == DUCK_DECIMAL && !within_digits(n, v->digits)))
		return -1;
	return put_wide(a, v, n);
}

int
duck_put_text(struct duck_appender *a, size_t column, const char *text,
    size_t len)
{
	struct vector *v = &a->vectors[column];

	if ((v->kind != DUCK_TEXT && v->kind != DUCK_BLOB) || len > UINT32_MAX)
		return -1;
	place_of(a, v);
	a->pile_bytes += len;
	a->duck->api.vector_assign_string_element_len(v->handle, a->rows - 1,
	    len ? text : "", len);
	return 0;
}

int
duck_lend_text(struct duck_appender *a, size_t column, const char *text,
    size_t len)
{
	struct vector *v = &a->vectors[column];
	struct duck_string *s;

	if ((v->kind != DUCK_TEXT && v->kind != DUCK_BLOB) || len > UINT32_MAX)
		return -1;
	s = place_of(a, v);
	a->pile_bytes += len;
	*s = (struct duck_string){ .len = (uint32_t)len };
	if (len > DUCK_INLINED) {
		memcpy(s->prefix, text, sizeof(s->prefix));
		s->data = text;
	} else if (len) {
		memcpy((char *)s + sizeof(s->len), text, len);
	}
	return 0;
}
