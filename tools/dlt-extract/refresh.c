/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/refresh.h"

#include "common/mem.h"
#include "common/msg.h"

#include <stdlib.h>
#include <string.h>

/* As enum refresh_mode counts them. */
static const char *const modes[] = { "none", "drop_sources", "drop_resources",
	"drop_data" };

int
refresh_look_up(struct refresh *r, struct config *c, const char *pipeline,
    struct error *err)
{
	const struct config_context where = { pipeline,
		{ "pipelines", pipeline }, pipeline ? 2 : 1, NULL };
	size_t mode = REFRESH_NONE;

	if (config_choice(c, &where, "refresh", modes, ARRAY_LEN(modes), &mode,
	        err) < 0)
		return -1;
	r->mode = (enum refresh_mode)mode;
	return 0;
}

struct find {
	const struct refresh *refresh;
	const struct schema *schema;
	const struct sources *sources;
	struct table **found;
	size_t count;
};

/* Does the root table come from one of the resources? */
static bool
is_meant(const struct find *f, const struct table *root)
{
	char *resource = hints_get_str(&root->hints, "resource");
	bool meant = resource != NULL && strncmp(root->name, "_dlt", 4) != 0;

	if (meant && f->refresh->mode != REFRESH_SOURCES) {
		size_t i = 0;

		while (i < f->sources->count &&
		    strcmp(f->sources->items[i].name, resource) != 0)
			i++;
		meant = i < f->sources->count;
	}
	free(resource);
	return meant;
}

/* The table and all below it, parents first. */
static void
add_chain(struct find *f, struct table *root)
{
	const struct schema *s = f->schema;
	struct table **stack = xcalloc(s->table_count + 1, sizeof(*stack));
	size_t depth = 0;

	stack[depth++] = root;
	while (depth != 0) {
		struct table *t = stack[--depth];

		f->found[f->count++] = t;
		for (size_t i = s->table_count; i-- > 0;)
			if (s->tables[i]->parent != NULL &&
			    strcmp(s->tables[i]->parent, t->name) == 0)
				stack[depth++] = s->tables[i];
	}
	free(stack);
}

static bool
is_found(const struct table *t, void *arg)
{
	const struct find *f = arg;

	for (size_t i = 0; i < f->count; i++)
		if (f->found[i] == t)
			return true;
	return false;
}

void
refresh_schema(struct refresh *r, struct schema **s,
    const struct sources *sources)
{
	struct find f = { .refresh = r, .schema = *s, .sources = sources };
	struct schema *left = NULL;

	buf_reset(&r->tables);
	if (r->mode == REFRESH_NONE)
		return;
	f.found = xcalloc((*s)->table_count + 1, sizeof(struct table *));
	for (size_t i = 0; i < (*s)->table_count; i++)
		if ((*s)->tables[i]->parent == NULL &&
		    is_meant(&f, (*s)->tables[i]))
			add_chain(&f, (*s)->tables[i]);
	for (size_t i = f.count; i-- > 0;) {
		if (!table_has_seen_data(f.found[i]))
			continue;
		if (r->tables.len != 0)
			buf_addc(&r->tables, ',');
		table_write(f.found[i], &r->tables);
		msg_info("%s: will be %s", f.found[i]->name,
		    r->mode == REFRESH_DATA ? "emptied" : "dropped");
	}
	if (r->mode == REFRESH_RESOURCES)
		left = schema_copy_without(*s, is_found, &f);
	if (r->mode != REFRESH_DATA) {
		schema_free(*s);
		*s = left;
	}
	free(f.found);
}

void
refresh_write(const struct refresh *r, struct buf *out)
{
	if (r->tables.len == 0)
		return;
	buf_addf(out, ",\"%s\":[%s]",
	    r->mode == REFRESH_DATA ? "truncated_tables" : "dropped_tables",
	    r->tables.data);
}

void
refresh_state(const struct refresh *r, struct state_change *change)
{
	change->whole = r->mode == REFRESH_SOURCES;
	change->send = r->mode != REFRESH_DATA && r->tables.len != 0;
}

void
refresh_release(struct refresh *r)
{
	buf_release(&r->tables);
}
