/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/model.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/zio.h"
#include "tools/dlt-normalize/spool.h"
#include "tools/dlt-normalize/sql_select.h"

#define MAX_MODEL ((size_t)16 << 20)
#define SUBQUERY  "_dlt_subquery"

static int
read_model(const char *path, struct buf *out, struct error *err)
{
	struct zin *z = zin_open(path, err);
	char block[4096];
	long n = -1;

	while (z && (n = zin_read(z, block, sizeof(block), err)) > 0) {
		buf_add(out, block, (size_t)n);
		if (out->len > MAX_MODEL) {
			n = error_set(err, ERR_DATA, "is larger than %zu bytes",
			    MAX_MODEL);
			break;
		}
	}
	zin_free(z);
	return n < 0 ? -1 : 0;
}

/* "dialect: NAME" of the first line; what is left is the statement. */
static char *
take_dialect(const struct buf *text, const struct caps *target,
    const char **sql)
{
	const char *line = buf_str(text), *end = strchr(line, '\n');
	const char *colon, *name;
	size_t len;

	if (!end)
		end = line + strlen(line);
	*sql = *end ? end + 1 : end;
	colon = memchr(line, ':', (size_t)(end - line));
	name = colon ? colon + 1 : end;
	while (name < end && isspace((unsigned char)*name))
		name++;
	while (end > name && isspace((unsigned char)end[-1]))
		end--;
	len = (size_t)(end - name);
	if (len)
		return xstrndup(name, len);
	if (strcmp(target->name, "mssql") == 0 ||
	    strcmp(target->name, "synapse") == 0)
		return xstrdup("tsql");
	return xstrndup(target->name, strcspn(target->name, ":"));
}

/* ---- the columns ---- */

/* One of the outer statement: expr AS name. */
struct selected {
	char *name;      /* normalized */
	struct buf expr; /* with the alias */
};

struct outer {
	struct selected *items;
	size_t count, cap;
};

static struct selected *
add_selected(struct outer *o, const char *name)
{
	struct selected *s;

	o->items = xgrow(o->items, &o->cap, o->count + 1, sizeof(*o->items));
	s = &o->items[o->count++];
	*s = (struct selected){ .name = xstrdup(name) };
	return s;
}

static void
outer_release(struct outer *o)
{
	for (size_t i = 0; i < o->count; i++) {
		free(o->items[i].name);
		buf_release(&o->items[i].expr);
	}
	free(o->items);
}

/* The last of a name counts, as dlt maps them. */
static struct selected *
find_selected(const struct outer *o, const char *name)
{
	for (size_t i = o->count; i > 0; i--)
		if (strcasecmp(o->items[i - 1].name, name) == 0)
			return &o->items[i - 1];
	return NULL;
}

static void
end_expr(struct selected *s, const char *dialect)
{
	buf_adds(&s->expr, " AS ");
	sql_quote_name(dialect, s->name, &s->expr);
}

/* A name as the destination has it. */
static void
fold(const struct caps *target, struct buf *name)
{
	for (size_t i = 0; target->fold && i < name->len; i++)
		name->data[i] = (char)(target->fold == 'U'
		        ? toupper((unsigned char)name->data[i])
		        : tolower((unsigned char)name->data[i]));
}

static int
select_columns(const struct model *m, const char *dialect,
    const struct sql_select *from, struct outer *o, struct error *err)
{
	const struct naming *naming = &m->evolve->schema->naming;
	struct buf name = { 0 };
	int rc = 0;

	for (size_t i = 0; i < from->count && rc == 0; i++) {
		struct selected *s;

		buf_reset(&name);
		rc = name_path(naming, from->names[i], strlen(from->names[i]),
		    &name, err);
		if (rc < 0)
			break;
		fold(m->set->target, &name);
		s = add_selected(o, buf_str(&name));
		buf_adds(&s->expr, SUBQUERY ".");
		sql_quote_name(dialect, from->names[i], &s->expr);
		end_expr(s, dialect);
	}
	buf_release(&name);
	return rc;
}

static bool
is_complete(const struct column *c)
{
	return c->type != TYPE_NONE;
}

/* Are they the columns of the table, in their order? */
static bool
in_order(const struct outer *o, const struct table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		if (!is_complete(t->columns[i]))
			continue;
		if (n >= o->count ||
		    strcmp(o->items[n].name, t->columns[i]->name) != 0)
			return false;
		n++;
	}
	return n == o->count;
}

/* ---- dlt's own columns ---- */

static bool
add_column(const struct model *m, struct table *t, const char *name,
    const char *const (*hints)[2])
{
	struct column *c = table_column(t, name);

	if (c && is_complete(c))
		return false;
	if (!c)
		c = table_add_column(t, name, strlen(name));
	for (; (*hints)[0]; hints++)
		column_set(c, (*hints)[0], (*hints)[1]);
	evolve_added(m->evolve, t, c);
	return true;
}

static struct selected *
own_column(const struct model *m, struct outer *o, const char *name)
{
	struct selected *s = find_selected(o, name);
	struct buf folded = { 0 };

	if (s) {
		buf_reset(&s->expr);
		return s;
	}
	buf_adds(&folded, name);
	fold(m->set->target, &folded);
	s = add_selected(o, buf_str(&folded));
	buf_release(&folded);
	return s;
}

static bool
add_load_id(const struct model *m, const char *dialect, struct table *t,
    struct outer *o)
{
	static const char *const hints[][2] = { { "data_type", "\"text\"" },
		{ "nullable", "false" }, { "precision", "64" },
		{ NULL, NULL } };
	bool given = find_selected(o, "_dlt_load_id") != NULL;
	struct selected *s = own_column(m, o, "_dlt_load_id");

	sql_quote_text(m->load_id, &s->expr);
	end_expr(s, dialect);
	return !given && add_column(m, t, "_dlt_load_id", hints);
}

/* uuid_expr_for_dialect() */
static void
write_uuid(const char *dialect, const char *load_id, struct buf *out)
{
	if (strcmp(dialect, "redshift") == 0) {
		buf_adds(out, "MD5(CONCAT(");
		sql_quote_text(load_id, out);
		buf_adds(out, ", '-', ROW_NUMBER() OVER ()))");
	} else if (strcmp(dialect, "sqlite") == 0) {
		buf_adds(out, "LOWER(HEX(RANDOMBLOB(16)))");
	} else if (strcmp(dialect, "clickhouse") == 0) {
		buf_adds(out, "generateUUIDv4()");
	} else if (strcmp(dialect, "athena") == 0) {
		buf_adds(out, "CAST(UUID() AS VARCHAR)");
	} else if (strcmp(dialect, "bigquery") == 0) {
		buf_adds(out, "GENERATE_UUID()");
	} else if (strcmp(dialect, "postgres") == 0) {
		buf_adds(out, "GEN_RANDOM_UUID()");
	} else if (strcmp(dialect, "snowflake") == 0) {
		buf_adds(out, "UUID_STRING()");
	} else if (strcmp(dialect, "tsql") == 0 ||
	    strcmp(dialect, "fabric") == 0) {
		buf_adds(out, "NEWID()");
	} else {
		buf_adds(out, "UUID()");
	}
}

/* 1: added to the schema, 0, -1. */
static int
add_id(const struct model *m, const char *dialect, struct table *t,
    struct outer *o, struct error *err)
{
	static const char *const hints[][2] = { { "data_type", "\"text\"" },
		{ "nullable", "false" }, { "unique", "true" },
		{ "row_key", "true" }, { "precision", "64" }, { NULL, NULL } };
	char *how = hints_get_str(&t->hints, "write_disposition");
	bool merge = how && strcmp(how, "merge") == 0;
	const char *const *has = caps_strategies(m->set->target, t);
	char *strategy = hints_get_str(&t->hints, "x-merge-strategy");
	const char *used = strategy ? strategy : *has;
	bool hashed = merge && used &&
	    (strcmp(used, "upsert") == 0 || strcmp(used, "insert-only") == 0);
	struct selected *s;
	int rc = 0;

	if (find_selected(o, "_dlt_id"))
		goto out;
	if (hashed) {
		rc = error_set(err, ERR_DATA,
		    "model_normalizer.add_dlt_id does not go with the merge "
		    "strategy \"%s\", whose ids are made of keys",
		    used);
		goto out;
	}
	s = own_column(m, o, "_dlt_id");
	write_uuid(dialect, m->load_id, &s->expr);
	end_expr(s, dialect);
	rc = add_column(m, t, "_dlt_id", hints);
out:
	free(strategy);
	free(how);
	return rc;
}

/* ---- the statement ---- */

/* As the schema has them: the others are left out, missing ones are null. */
static int
write_ordered(const struct model *m, const char *dialect, const struct table *t,
    const struct outer *o, struct buf *out, struct error *err)
{
	bool first = true;

	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];
		const struct selected *s = find_selected(o, c->name);
		struct buf name = { 0 };

		if (!is_complete(c))
			continue;
		if (!s && !c->nullable)
			return error_set(err, ERR_DATA,
			    "column \"%s\" of table \"%s\" must not be null, "
			    "and is not selected",
			    c->name, t->name);
		buf_adds(out, first ? "" : ", ");
		first = false;
		if (s) {
			buf_add(out, s->expr.data, s->expr.len);
			continue;
		}
		buf_adds(&name, c->name);
		fold(m->set->target, &name);
		buf_adds(out, "NULL AS ");
		sql_quote_name(dialect, buf_str(&name), out);
		buf_release(&name);
	}
	return 0;
}

static int
write_outer(const struct model *m, const char *dialect, struct table *t,
    const struct sql_select *from, struct buf *out, bool *changed,
    struct error *err)
{
	struct outer o = { 0 };
	bool ordered;
	int rc = select_columns(m, dialect, from, &o, err);

	ordered = rc == 0 && in_order(&o, t);
	if (rc == 0 && m->set->model_load_ids)
		*changed = add_load_id(m, dialect, t, &o);
	if (rc == 0 && m->set->model_ids) {
		int added = add_id(m, dialect, t, &o, err);

		*changed = *changed || added > 0;
		rc = added < 0 ? -1 : 0;
	}
	buf_addf(out, "dialect: %s\nSELECT ", dialect);
	for (size_t i = 0; rc == 0 && ordered && i < o.count; i++)
		buf_addf(out, "%s%s", i ? ", " : "", buf_str(&o.items[i].expr));
	if (rc == 0 && !ordered)
		rc = write_ordered(m, dialect, t, &o, out, err);
	buf_adds(out, " FROM (");
	buf_add(out, from->text, from->len);
	buf_adds(out, ") AS " SUBQUERY "\n");
	outer_release(&o);
	return rc;
}

static int
put_file(const struct model *m, struct table *t, const struct buf *text,
    struct error *err)
{
	char *path;
	int fd = spool_make(&path, err), rc;

	if (fd < 0)
		return -1;
	rc = spool_write(fd, path, text->data, text->len, err);
	if (close(fd) < 0 && rc == 0)
		rc = error_errno(err, "%s", path);
	if (rc == 0)
		rc = writer_file(m->writer, t, "model", path, UINT64_MAX, err);
	spool_remove(path);
	return rc;
}

int
model_take(const struct model *m, const struct job *job, const char *path,
    bool *changed, struct error *err)
{
	struct table *t = schema_table(m->evolve->schema, job->table);
	struct buf text = { 0 }, out = { 0 };
	struct sql_select from = { 0 };
	char *dialect = NULL;
	const char *sql;
	int rc = -1;

	*changed = false;
	if (!t)
		return error_set(err, ERR_DATA,
		    "%s: the schema has no table \"%s\"", job->name,
		    job->table);
	if (read_model(path, &text, err) == 0) {
		dialect = take_dialect(&text, m->set->target, &sql);
		if (sql_select_parse(&from, dialect, sql, strlen(sql), err) ==
		        0 &&
		    write_outer(m, dialect, t, &from, &out, changed, err) == 0)
			rc = m->writer ? put_file(m, t, &out, err) : 0;
	}
	sql_select_release(&from);
	free(dialect);
	buf_release(&text);
	buf_release(&out);
	return rc < 0 ? error_prefix(err, "%s: ", job->name) : 0;
}
