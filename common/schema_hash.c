/* SPDX-License-Identifier: MIT */
/*
 * The version hash of a schema (contract.md 8.3): a digest of the document with
 * all keys sorted, then of the names of tables (sorted) and columns (as they
 * stand).
 */
#include "common/schema_private.h"

#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
by_key(const void *a, const void *b)
{
	const struct hint *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static int
by_column(const void *a, const void *b)
{
	const struct column *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
by_table(const void *a, const void *b)
{
	const struct table *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* A sorted copy of an array of pointers. */
static void *
sorted(const void *items, size_t count, int (*by)(const void *, const void *))
{
	void *copy = xmalloc((count + 1) * sizeof(void *));

	if (count > 0)
		memcpy(copy, items, count * sizeof(void *));
	qsort(copy, count, sizeof(void *), by);
	return copy;
}

static const struct hint **
sorted_hints(const struct hints *h)
{
	const struct hint **out = xmalloc((h->count + 1) * sizeof(*out));

	for (size_t i = 0; i < h->count; i++)
		out[i] = &h->items[i];
	qsort(out, h->count, sizeof(*out), by_key);
	return out;
}

static void
key_sorted(struct buf *out, const char *key)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	jsonw_quote(out, key, strlen(key));
	buf_addc(out, ':');
}

static void
value_sorted(struct buf *out, const struct hint *h)
{
	struct json_doc doc = { 0 };
	const struct json *v;

	key_sorted(out, h->key);
	if (h->value[0] != '{' && h->value[0] != '[') {
		buf_adds(out, h->value);
		return;
	}
	v = json_parse_known(&doc, h->value);
	if (v)
		json_write(v, JSON_WRITE_SORTED | JSON_WRITE_PYTHON, out);
	json_release(&doc);
}

static void
columns_sorted(struct buf *out, const struct table *t)
{
	struct column **columns = sorted(t->columns, t->column_count,
	    by_column);

	buf_addc(out, '{');
	for (size_t i = 0; i < t->column_count; i++) {
		const struct hint **hints = sorted_hints(&columns[i]->hints);

		key_sorted(out, columns[i]->name);
		buf_addc(out, '{');
		for (size_t k = 0; k < columns[i]->hints.count; k++)
			value_sorted(out, hints[k]);
		buf_addc(out, '}');
		free(hints);
	}
	buf_addc(out, '}');
	free(columns);
}

static void
tables_sorted(struct buf *out, struct table *const *tables, size_t count)
{
	buf_addc(out, '{');
	for (size_t i = 0; i < count; i++) {
		const struct hint **hints = sorted_hints(&tables[i]->hints);

		key_sorted(out, tables[i]->name);
		buf_addc(out, '{');
		for (size_t k = 0; k < tables[i]->hints.count; k++) {
			if (strcmp(hints[k]->key, "columns") != 0) {
				value_sorted(out, hints[k]);
				continue;
			}
			key_sorted(out, "columns");
			columns_sorted(out, tables[i]);
		}
		buf_addc(out, '}');
		free(hints);
	}
	buf_addc(out, '}');
}

static void
document_sorted(const struct schema *s, struct table *const *tables,
    struct buf *out)
{
	struct hints top = { 0 };
	const struct hint **keys;
	char *name = json_quoted(s->name), engine[24];

	snprintf(engine, sizeof(engine), "%d", SCHEMA_ENGINE);
	hints_copy(&top, &s->hints);
	hints_set(&top, "imported_version_hash", NULL);
	hints_set(&top, "engine_version", engine);
	hints_set(&top, "name", name);
	hints_set(&top, "tables", PLACE_ONLY);
	keys = sorted_hints(&top);
	buf_addc(out, '{');
	for (size_t i = 0; i < top.count; i++) {
		if (strcmp(keys[i]->key, "tables") == 0) {
			key_sorted(out, "tables");
			tables_sorted(out, tables, s->table_count);
		} else {
			value_sorted(out, keys[i]);
		}
	}
	buf_addc(out, '}');
	free(keys);
	free(name);
	hints_release(&top);
}

void
schema_hash(const struct schema *s, char out[64])
{
	struct table **tables = sorted(s->tables, s->table_count, by_table);
	struct hash *h = hash_sha3_256_new();
	struct buf text = { 0 };

	document_sorted(s, tables, &text);
	hash_update(h, buf_str(&text), text.len);
	for (size_t i = 0; i < s->table_count; i++) {
		hash_update(h, tables[i]->name, tables[i]->name_len);
		for (size_t k = 0; k < tables[i]->column_count; k++)
			hash_update(h, tables[i]->columns[k]->name,
			    tables[i]->columns[k]->name_len);
	}
	hash_final_base64(h, out);
	buf_release(&text);
	free(tables);
}
