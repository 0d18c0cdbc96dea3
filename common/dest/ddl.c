/* SPDX-License-Identifier: MIT */
#include "common/dest/ddl.h"

#include "common/jsonw.h"
#include "common/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int
add_integer(const struct ddl_dialect *d, const struct column *c, long bits,
    struct buf *out, struct error *err)
{
	for (size_t i = 0; i < d->integer_count; i++) {
		if (bits <= d->integers[i].bits) {
			buf_adds(out, d->integers[i].name);
			return 0;
		}
	}
	return error_set(err, ERR_DATA,
	    "column \"%s\": integers of %ld bits do not fit here", c->name,
	    bits);
}

/* The forms hold one or two %; they come from the dialect's table only. */
static void
add_form(struct buf *out, const char *form, long precision, long scale)
{
	for (; *form; form++) {
		if (*form != '%') {
			buf_addc(out, *form);
			continue;
		}
		buf_addf(out, "%ld", precision);
		precision = scale;
	}
}

int
ddl_type(const struct ddl_dialect *d, const struct column *c, struct buf *out,
    struct error *err)
{
	long precision = hints_get_int(&c->hints, "precision", -1);
	long scale = hints_get_int(&c->hints, "scale", -1);

	if (d->special && d->special(c, out))
		return 0;
	if (c->type == TYPE_BIGINT && precision >= 0)
		return add_integer(d, c, precision, out, err);
	if (c->type == TYPE_TEXT && precision < 0 && d->unique_text &&
	    hints_get_bool(&c->hints, "unique", false)) {
		buf_adds(out, d->unique_text);
		return 0;
	}
	for (size_t i = 0; i < d->type_count; i++) {
		const struct ddl_type *t = &d->types[i];

		if (t->type != c->type)
			continue;
		if (t->scaled && precision >= 0 && scale >= 0)
			add_form(out, t->scaled, precision, scale);
		else if (t->sized && precision >= 0)
			add_form(out, t->sized, precision, 0);
		else
			buf_adds(out, t->plain);
		return 0;
	}
	return error_set(err, ERR_DATA, "column \"%s\" has no type", c->name);
}

/* decimal and wei are one kind of number to a database; only their precision
 * differs, which is not compared. */
static enum data_type
kind_of(enum data_type t)
{
	return t == TYPE_WEI ? TYPE_DECIMAL : t;
}

bool
ddl_type_fits(const struct ddl_dialect *d, const char *have,
    enum data_type want)
{
	size_t len = strcspn(have, "(");

	while (len && isspace((unsigned char)have[len - 1]))
		len--;
	for (size_t i = 0; i < d->family_count; i++) {
		const struct ddl_family *f = &d->families[i];

		if (strlen(f->base) == len && !strncasecmp(f->base, have, len))
			return kind_of(f->type) == kind_of(want);
	}
	return true;
}

void
ddl_quote(const char *name, struct buf *out)
{
	buf_addc(out, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_addc(out, '"');
		buf_addc(out, *name);
	}
	buf_addc(out, '"');
}

static int
add_definition(const struct ddl_dialect *d, const struct column *c,
    bool not_null, struct buf *out, struct error *err)
{
	ddl_quote(c->name, out);
	buf_addc(out, ' ');
	if (ddl_type(d, c, out, err) < 0)
		return -1;
	if (d->unique && hints_get_bool(&c->hints, "unique", false))
		buf_adds(out, d->unique);
	if (not_null && !c->nullable)
		buf_adds(out, " NOT NULL");
	return 0;
}

int
ddl_create(const struct ddl_dialect *d, const char *name, const struct table *t,
    struct buf *out, struct error *err)
{
	const char *between = " (\n";

	buf_addf(out, "CREATE TABLE %s", name);
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];

		if (c->type == TYPE_NONE)
			continue;
		buf_adds(out, between);
		between = ",\n";
		if (add_definition(d, c, true, out, err) < 0)
			return error_prefix(err, "table \"%s\": ", t->name);
	}
	buf_adds(out, "\n)");
	return 0;
}

int
ddl_add_column(const struct ddl_dialect *d, const char *name,
    const struct table *t, const struct column *c, bool not_null,
    struct buf *out, struct error *err)
{
	buf_addf(out, "ALTER TABLE %s ADD COLUMN ", name);
	if (add_definition(d, c, not_null, out, err) < 0)
		return error_prefix(err, "table \"%s\": ", t->name);
	return 0;
}

int
ddl_refuse_type(const struct table *t, const struct column *c, const char *have,
    const char *want, struct error *err)
{
	return error_set(err, ERR_REMOTE,
	    "table \"%s\": column \"%s\" is %s, but the package needs %s; "
	    "extract with --sync to go on from the schema stored here",
	    t->name, c->name, have, want);
}

int
ddl_check_type(const struct ddl_dialect *d, const struct table *t,
    const struct column *c, const char *have, struct error *err)
{
	struct buf want = { 0 };

	if (ddl_type_fits(d, have, c->type))
		return 0;
	if (ddl_type(d, c, &want, err) == 0)
		ddl_refuse_type(t, c, have, want.data, err);
	buf_release(&want);
	return -1;
}

/* ---- what is missing ---- */

static bool
is_missing(const struct table *t, const bool *have, size_t i)
{
	return !have[i] && t->columns[i]->type != TYPE_NONE;
}

bool
ddl_lacks(const struct table *t, const bool *have)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (is_missing(t, have, i))
			return true;
	return false;
}

static void
note_column(struct buf *out, const struct column *c)
{
	const char *between = "";

	jsonw_quote(out, c->name, c->name_len);
	buf_adds(out, ":{");
	for (size_t i = 0; i < c->hints.count; i++) {
		const struct hint *h = &c->hints.items[i];

		buf_adds(out, between);
		jsonw_quote(out, h->key, strlen(h->key));
		buf_addf(out, ":%s", h->value);
		between = ",";
	}
	buf_addc(out, '}');
}

void
ddl_note_added(const struct table *t, const bool *have, struct buf *added)
{
	const char *between = "";

	if (!added || !ddl_lacks(t, have))
		return;
	if (added->len)
		buf_addc(added, ',');
	jsonw_quote(added, t->name, t->name_len);
	buf_adds(added, ":{\"name\":");
	jsonw_quote(added, t->name, t->name_len);
	buf_adds(added, ",\"columns\":{");
	for (size_t i = 0; i < t->column_count; i++) {
		if (!is_missing(t, have, i))
			continue;
		buf_adds(added, between);
		note_column(added, t->columns[i]);
		between = ",";
	}
	buf_adds(added, "}}");
}

static int
compare_names(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

int
ddl_check_names(const struct table *t, struct error *err)
{
	const char **names = xcalloc(t->column_count + 1, sizeof(*names));
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i]->type != TYPE_NONE)
			names[count++] = t->columns[i]->name;
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 1; i < count && !rc; i++)
		if (!strcasecmp(names[i - 1], names[i]))
			rc = error_set(err, ERR_DATA,
			    "table \"%s\": columns \"%s\" and \"%s\" differ in "
			    "case only",
			    t->name, names[i - 1], names[i]);
	free(names);
	return rc;
}
