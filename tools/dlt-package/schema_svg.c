/* SPDX-License-Identifier: MIT */
/* schema: as a drawing of its tables, in SVG. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "tools/dlt-package/look.h"

/* In pixels; the font has characters of one width. */
#define CHAR   7.25
#define LINE   18
#define MARGIN 16
#define GAP_X  56 /* between parents and their children */
#define GAP_Y  20 /* between tables */

struct box {
	const struct table *table;
	size_t depth;
	double x, y, width, height;
};

struct drawing {
	const struct schema *schema;
	struct box *boxes; /* of the schema's tables, by their index */
	double *widths;    /* of each depth */
	double *free_y;    /* of each depth: below what was placed */
	double width, height;
};

static void
put_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '&')
			fputs("&amp;", stdout);
		else if (*s == '<')
			fputs("&lt;", stdout);
		else if (*s == '>')
			fputs("&gt;", stdout);
		else if ((unsigned char)*s >= ' ')
			putchar(*s);
		else
			putchar('?');
	}
}

static const char *
type_of(const struct column *c)
{
	return c->type == TYPE_NONE ? "unknown" : type_name(c->type);
}

static double
columns_of(const char *s)
{
	size_t len = strlen(s);

	return (double)(utf8_is_valid(s, len) ? utf8_count(s, len) : len);
}

static bool
is_key(const struct column *c)
{
	return column_has(c, "primary_key") || c->row_key;
}

static struct box *
box_of(const struct drawing *d, const char *name)
{
	for (size_t i = 0; i < d->schema->table_count; i++)
		if (strcmp(d->boxes[i].table->name, name) == 0)
			return &d->boxes[i];
	return NULL;
}

/* ---- where everything is ---- */

static void
measure(struct box *b, const struct drawing *d)
{
	const struct table *t = b->table;
	double widest = columns_of(t->name);

	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];
		double n = columns_of(c->name) + 3 + (double)strlen(type_of(c));

		if (n > widest)
			widest = n;
	}
	b->width = widest * CHAR + 2 * 8;
	b->height = (double)(t->column_count + 1) * LINE + 8;
	while (t->parent != NULL && b->depth < d->schema->table_count) {
		const struct box *up = box_of(d, t->parent);

		if (up == NULL)
			break;
		t = up->table;
		b->depth++;
	}
	if (b->width > d->widths[b->depth])
		d->widths[b->depth] = b->width;
}

static void
place(struct drawing *d, struct box *b, double y)
{
	double x = MARGIN;

	for (size_t i = 0; i < b->depth; i++)
		x += d->widths[i] + GAP_X;
	if (y < d->free_y[b->depth])
		y = d->free_y[b->depth];
	b->x = x;
	b->y = y;
	d->free_y[b->depth] = y + b->height + GAP_Y;
	if (x + b->width + MARGIN > d->width)
		d->width = x + b->width + MARGIN;
	if (y + b->height + MARGIN > d->height)
		d->height = y + b->height + MARGIN;
	for (size_t i = 0; i < d->schema->table_count; i++) {
		struct box *c = &d->boxes[i];

		if (c->table->parent != NULL &&
		    strcmp(c->table->parent, b->table->name) == 0)
			place(d, c, y);
	}
}

/* Below all that was placed for the tree of another root. */
static void
next_root(struct drawing *d)
{
	double lowest = MARGIN;

	for (size_t i = 0; i <= d->schema->table_count; i++)
		if (d->free_y[i] > lowest)
			lowest = d->free_y[i];
	for (size_t i = 0; i <= d->schema->table_count; i++)
		d->free_y[i] = lowest;
}

static void
place_roots(struct drawing *d, bool dlts)
{
	for (size_t i = 0; i < d->schema->table_count; i++) {
		struct box *b = &d->boxes[i];

		if (b->depth != 0 ||
		    (strncmp(b->table->name, "_dlt", 4) == 0) != dlts)
			continue;
		next_root(d);
		place(d, b, MARGIN);
	}
}

/* The tables that dlt keeps for itself come last. */
static void
arrange(struct drawing *d)
{
	size_t n = d->schema->table_count;

	for (size_t i = 0; i < n; i++)
		d->boxes[i].table = d->schema->tables[i];
	for (size_t i = 0; i < n; i++)
		measure(&d->boxes[i], d);
	d->width = d->height = 2 * MARGIN;
	place_roots(d, false);
	place_roots(d, true);
}

/* ---- the drawing ---- */

static void
draw_column(const struct box *b, const struct column *c, double y)
{
	printf("<text x=\"%.1f\" y=\"%.1f\"%s>", b->x + 8, y,
	    is_key(c) ? " class=\"key\"" : "");
	put_text(c->name);
	printf(
	    "</text><text x=\"%.1f\" y=\"%.1f\" class=\"type\">%s%s</text>\n",
	    b->x + b->width - 8, y, type_of(c), c->nullable ? "" : "!");
}

static void
draw_box(const struct box *b)
{
	const struct table *t = b->table;

	printf("<g><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
	       "rx=\"4\"/>\n",
	    b->x, b->y, b->width, b->height);
	printf("<text x=\"%.1f\" y=\"%.1f\" class=\"name\">", b->x + 8,
	    b->y + LINE - 4);
	put_text(t->name);
	printf("</text><path d=\"M%.1f %.1fh%.1f\"/>\n", b->x, b->y + LINE + 2,
	    b->width);
	for (size_t i = 0; i < t->column_count; i++)
		draw_column(b, t->columns[i], b->y + (double)(i + 2) * LINE);
	puts("</g>");
}

static void
draw_line(const struct drawing *d, const struct box *b)
{
	const struct box *up = b->table->parent != NULL
	    ? box_of(d, b->table->parent)
	    : NULL;
	double x, y;

	if (up == NULL)
		return;
	x = up->x + up->width;
	y = up->y + LINE / 2.0;
	printf("<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"/>\n", x, y,
	    x + GAP_X / 2.0, y, b->x - GAP_X / 2.0, b->y + LINE / 2.0, b->x,
	    b->y + LINE / 2.0);
}

void
schema_svg(const struct schema *s)
{
	struct drawing d = { .schema = s };

	d.boxes = xcalloc(s->table_count + 1, sizeof(*d.boxes));
	d.widths = xcalloc(s->table_count + 1, sizeof(*d.widths));
	d.free_y = xcalloc(s->table_count + 1, sizeof(*d.free_y));
	arrange(&d);
	printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
	       "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n",
	    d.width, d.height, d.width, d.height);
	fputs("<title>", stdout);
	put_text(s->name);
	puts("</title>\n<style>\n"
	     "text{font:12px ui-monospace,monospace;fill:#222}\n"
	     ".name,.key{font-weight:bold}\n"
	     ".type{fill:#777;text-anchor:end}\n"
	     "rect{fill:#fff;stroke:#555}\n"
	     "path{fill:none;stroke:#555}\n"
	     "</style>");
	for (size_t i = 0; i < s->table_count; i++)
		draw_line(&d, &d.boxes[i]);
	for (size_t i = 0; i < s->table_count; i++)
		draw_box(&d.boxes[i]);
	puts("</svg>");
	free(d.boxes);
	free(d.widths);
	free(d.free_y);
}
