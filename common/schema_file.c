/* SPDX-License-Identifier: MIT */
/* Schemas as files for people: JSON or YAML, read and exported. */
#include "common/schema.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/schema_private.h"
#include "common/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Schemas of thousands of tables have some megabytes. */
#define MAX_FILE ((size_t)256 << 20)

static bool
is_yaml(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int
read_whole(const char *path, struct buf *out, struct error *err)
{
	FILE *f = fopen(path, "re");
	char block[1 << 16];
	size_t n;
	int rc = 0;

	if (!f)
		return error_errno(err, "%s", path);
	while (rc == 0 && (n = fread(block, 1, sizeof(block), f)) > 0) {
		buf_add(out, block, n);
		if (out->len > MAX_FILE)
			rc = error_set(err, ERR_DATA, "%s: too large", path);
	}
	if (rc == 0 && ferror(f))
		rc = error_errno(err, "%s", path);
	fclose(f);
	return rc;
}

/* What came from a file, as a schema; where its values stood is known. */
static struct schema *
from_yaml(const struct buf *json, const struct yaml_places *places,
    struct error *err)
{
	struct json_doc doc = { 0 };
	struct schema *s = NULL;
	const struct json *where;
	size_t i = places->count, at;

	if (json_parse(&doc, json->data, json->len, err) < 0)
		goto out;
	if (schema_check(doc.root, true, &where, err) == 0) {
		s = schema_from_json(doc.root, err);
		if (!s)
			error_prefix(err, " ");
		goto out;
	}
	at = (size_t)(where->raw - json->data);
	while (i > 0 && places->items[i - 1].at > at)
		i--;
	if (i > 0)
		error_prefix(err, "%zu:%zu: ", places->items[i - 1].line,
		    places->items[i - 1].column);
	else
		error_prefix(err, " ");
out:
	json_release(&doc);
	return s;
}

static struct schema *
read_yaml(const char *path, struct error *err)
{
	struct buf text = { 0 }, json = { 0 };
	struct yaml_places places = { 0 };
	struct schema *s = NULL;

	if (read_whole(path, &text, err) == 0 &&
	    (yaml_to_json(buf_str(&text), text.len, &json, &places, err) < 0 ||
	        !(s = from_yaml(&json, &places, err))))
		error_prefix(err, "%s:", path);
	free(places.items);
	buf_release(&text);
	buf_release(&json);
	return s;
}

/* "LINE:COLUMN: " of a value. */
static void
add_place(const char *text, const char *at, struct error *err)
{
	size_t line = 1;
	const char *begin = text, *p;

	while ((p = memchr(begin, '\n', (size_t)(at - begin)))) {
		line++;
		begin = p + 1;
	}
	error_prefix(err, "%zu:%td: ", line, at - begin + 1);
}

struct schema *
schema_read(const char *path, struct error *err)
{
	struct json_doc doc = { 0 };
	struct schema *s = NULL;
	const struct json *where;
	char *text = NULL;

	if (is_yaml(path))
		return read_yaml(path, err);
	/* For errors with line and column. */
	if (json_read_file(&doc, path, &text, err) == 0) {
		if (schema_check(doc.root, false, &where, err) < 0) {
			add_place(text, where->raw, err);
			error_prefix(err, "%s:", path);
		} else if (!(s = schema_from_json(doc.root, err))) {
			error_prefix(err, "%s: ", path);
		}
	}
	json_release(&doc);
	free(text);
	return s;
}

/* ---- export ---- */

static void
drop_processing(struct schema *s)
{
	static const char *const marks[] = { "x-normalizer", "x-loader",
		"x-extractor" };

	for (size_t i = 0; i < s->table_count; i++) {
		struct table *t = s->tables[i];

		for (size_t k = 0; k < ARRAY_LEN(marks); k++)
			table_set(t, marks[k], NULL);
		for (size_t k = 0; k < t->column_count; k++)
			column_set(t->columns[k], marks[0], NULL);
	}
}

/* Write an object without one member, and the objects in another member the
 * same way. */
struct strip {
	const char *without;      /* in each of the objects */
	const char *inner;        /* member whose objects are stripped, too */
	const struct strip *next; /* how; NULL: no further */
};

static void
write_stripped(struct jsonw *w, const struct json *v, const struct strip *how)
{
	struct buf text = { 0 };

	jsonw_object(w);
	for (const struct json *m = v->child; m; m = m->next) {
		if (strcmp(m->key, how->without) == 0)
			continue;
		jsonw_keyn(w, m->key, m->key_len);
		if (!how->next || strcmp(m->key, how->inner) != 0 ||
		    m->kind != JSON_OBJECT) {
			buf_reset(&text);
			json_write(m, JSON_WRITE_PYTHON, &text);
			jsonw_raw(w, buf_str(&text), text.len);
			continue;
		}
		jsonw_object(w);
		for (const struct json *o = m->child; o; o = o->next) {
			jsonw_keyn(w, o->key, o->key_len);
			write_stripped(w, o, how->next);
		}
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
	buf_release(&text);
}

static void
without_defaults(const struct json *root, bool pretty, struct buf *out)
{
	static const struct strip column = { "name", "", NULL };
	static const struct strip table = { "name", "columns", &column };
	static const struct strip schema = { "imported_version_hash", "tables",
		&table };
	struct jsonw w;

	jsonw_init(&w, out, pretty);
	write_stripped(&w, root, &schema);
}

int
schema_export(const struct schema *s, unsigned flags, struct buf *out,
    char hash[64], struct error *err)
{
	bool as_yaml = flags & SCHEMA_EXPORT_YAML;
	struct schema *copy = schema_copy(s);
	struct buf text = { 0 }, stripped = { 0 };
	struct json_doc doc = { 0 };
	int rc = 0;

	if (flags & SCHEMA_EXPORT_NO_PROCESSING)
		drop_processing(copy);
	schema_bump(copy);
	if (hash)
		memcpy(hash, copy->hash, sizeof(copy->hash));
	schema_write(copy, true, &text);
	if (flags & SCHEMA_EXPORT_NO_DEFAULTS) {
		rc = json_parse(&doc, buf_str(&text), text.len, err);
		if (rc == 0)
			without_defaults(doc.root, !as_yaml, &stripped);
		buf_reset(&text);
		buf_add(&text, buf_str(&stripped), stripped.len);
	}
	if (rc == 0 && as_yaml)
		rc = json_parse(&doc, buf_str(&text), text.len, err);
	if (rc == 0 && as_yaml)
		rc = yaml_from_json(doc.root, out, err);
	else if (rc == 0)
		buf_add(out, buf_str(&text), text.len);
	json_release(&doc);
	buf_release(&text);
	buf_release(&stripped);
	schema_free(copy);
	return rc;
}
