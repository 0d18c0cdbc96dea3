/* SPDX-License-Identifier: MIT */
/* diff: what one schema has that another has not. */
#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tools/dlt-package/look.h"

struct diff {
	const struct look *l;
	size_t changes;
};

enum sign { ADDED = '+', REMOVED = '-', CHANGED = '~' };

/* One line. what: a hint, or NULL: the table or column as a whole. */
static void
say(struct diff *d, enum sign sign, const char *table, const char *column,
    const char *what, const char *before, const char *after)
{
	const char *word = sign == ADDED ? "added"
	    : sign == REMOVED            ? "removed"
	                                 : "changed";
	struct buf b = { 0 };
	struct jsonw w;

	d->changes++;
	if (!d->l->json) {
		buf_addf(&b, "%c %s%s%s", sign, table, column ? "." : "",
		    column ? column : "");
		if (what)
			buf_addf(&b, " %s: %s -> %s", what,
			    before ? before : "none", after ? after : "none");
		else if (before || after)
			buf_addf(&b, " %s", sign == REMOVED ? before : after);
		look_line(d->l, &b);
		buf_release(&b);
		return;
	}
	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, "change");
	jsonw_str(&w, word);
	jsonw_key(&w, "table");
	jsonw_str(&w, table);
	jsonw_key(&w, "column");
	jsonw_str(&w, column);
	jsonw_key(&w, "hint");
	jsonw_str(&w, what);
	jsonw_key(&w, "before");
	jsonw_str(&w, before);
	jsonw_key(&w, "after");
	jsonw_str(&w, after);
	jsonw_end_object(&w);
	look_line(d->l, &b);
	buf_release(&b);
}

/* "decimal(38,9)", or what there is of it; malloc'd. */
static char *
type_of(const struct column *c)
{
	const char *precision = hints_get(&c->hints, "precision");
	const char *scale = hints_get(&c->hints, "scale");
	struct buf b = { 0 };

	buf_adds(&b, c->type == TYPE_NONE ? "unknown" : type_name(c->type));
	if (precision)
		buf_addf(&b, "(%s%s%s)", precision, scale ? "," : "",
		    scale ? scale : "");
	if (!c->nullable)
		buf_adds(&b, " not null");
	return buf_take(&b);
}

/* Is the hint one that is compared by its own? The rest of a column's are part
 * of its type, of its name, or notes of the stages. */
static bool
is_compared(const char *key)
{
	static const char *const others[] = { "name", "columns", "data_type",
		"nullable", "precision", "scale", "x-normalizer" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(key, others[i]) == 0)
			return false;
	return true;
}

static void
diff_hints(struct diff *d, const struct hints *before,
    const struct hints *after, const char *table, const char *column)
{
	for (size_t i = 0; i < after->count; i++) {
		const char *key = after->items[i].key;
		const char *old = hints_get(before, key);

		if (is_compared(key) &&
		    (!old || strcmp(old, after->items[i].value) != 0))
			say(d, CHANGED, table, column, key, old,
			    after->items[i].value);
	}
	for (size_t i = 0; i < before->count; i++)
		if (is_compared(before->items[i].key) &&
		    !hints_get(after, before->items[i].key))
			say(d, CHANGED, table, column, before->items[i].key,
			    before->items[i].value, NULL);
}

static void
diff_column(struct diff *d, const struct column *before,
    const struct column *after, const char *table)
{
	char *old = before ? type_of(before) : NULL;
	char *now = after ? type_of(after) : NULL;
	const char *name = after ? after->name : before->name;

	if (!before || !after) {
		say(d, before ? REMOVED : ADDED, table, name, NULL, old, now);
	} else {
		if (strcmp(old, now) != 0)
			say(d, CHANGED, table, name, "type", old, now);
		diff_hints(d, &before->hints, &after->hints, table, name);
	}
	free(old);
	free(now);
}

/* before or after may be NULL, but not both. */
static void
diff_table(struct diff *d, const struct table *before,
    const struct table *after)
{
	const char *name = after ? after->name : before->name;

	if (!before || !after)
		say(d, before ? REMOVED : ADDED, name, NULL, NULL, NULL, NULL);
	else
		diff_hints(d, &before->hints, &after->hints, name, NULL);
	for (size_t i = 0; after && i < after->column_count; i++) {
		const struct column *c = after->columns[i];

		diff_column(d, before ? table_column(before, c->name) : NULL, c,
		    name);
	}
	for (size_t i = 0; before && after && i < before->column_count; i++)
		if (!table_column(after, before->columns[i]->name))
			diff_column(d, before->columns[i], NULL, name);
}

static void
diff_schemas(struct diff *d, const struct schema *before,
    const struct schema *after)
{
	for (size_t i = 0; i < after->table_count; i++)
		diff_table(d, schema_table(before, after->tables[i]->name),
		    after->tables[i]);
	for (size_t i = 0; i < before->table_count; i++)
		if (!schema_table(after, before->tables[i]->name))
			diff_table(d, before->tables[i], NULL);
}

int
do_diff(const struct look *l, struct error *err)
{
	struct diff d = { .l = l };
	struct look old = *l, now = *l;
	struct schema *before = NULL, *after = NULL;
	int rc = -1;

	old.package = l->subject;
	if (!l->package && !l->pipeline)
		return error_set(err, ERR_USAGE,
		    "diff needs two packages or schemas: OLD and NEW");
	/* with -p both are load ids of the pipeline, the newer one perhaps its
	 * newest */
	if (look_schema(&old, &before, err) == 0 &&
	    look_schema(&now, &after, err) == 0) {
		diff_schemas(&d, before, after);
		*l->differs = d.changes != 0;
		rc = 0;
	}
	schema_free(before);
	schema_free(after);
	return rc;
}
