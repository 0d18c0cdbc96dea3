/* SPDX-License-Identifier: MIT */
#include "common/config_private.h"

#include "common/buf.h"
#include "common/jsonw.h"

#include <string.h>

static void
show_json(const struct config *c, struct buf *out)
{
	struct jsonw w;
	size_t i;

	jsonw_init(&w, out, true);
	jsonw_object(&w);
	jsonw_key(&w, "files");
	jsonw_array(&w);
	for (i = 0; i < c->files.count; i++)
		jsonw_str(&w, c->files.items[i]);
	jsonw_end_array(&w);
	jsonw_key(&w, "settings");
	jsonw_array(&w);
	for (i = 0; i < c->setting_count; i++) {
		const struct setting *s = &c->settings[i];

		jsonw_object(&w);
		jsonw_key(&w, "key");
		jsonw_str(&w, s->key);
		jsonw_key(&w, "value");
		if (s->value &&
		    (s->type == TOML_INTEGER || s->type == TOML_FLOAT ||
		        s->type == TOML_BOOL || s->type == TOML_ARRAY))
			jsonw_raw(&w, s->value, strlen(s->value));
		else
			jsonw_str(&w, s->value);
		jsonw_key(&w, "origin");
		jsonw_str(&w, s->origin);
		jsonw_key(&w, "found_as");
		jsonw_str(&w, s->found_as);
		jsonw_key(&w, "is_default");
		jsonw_bool(&w, s->is_default);
		jsonw_end_object(&w);
	}
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	buf_addc(out, '\n');
}

/* One cell, control bytes masked, padded to width (0: the last one). */
static void
add_cell(struct buf *out, const char *text, size_t width)
{
	size_t n = 0;

	for (; text[n]; n++) {
		unsigned char b = (unsigned char)text[n];

		buf_addc(out, b < 0x20 || b == 0x7f ? '?' : text[n]);
	}
	for (; n < width; n++)
		buf_addc(out, ' ');
}

static void
add_line(struct buf *out, const struct setting *s, const size_t *widths)
{
	add_cell(out, s->key, widths[0] + 2);
	add_cell(out, s->value ? s->value : "(none)", widths[1] + 2);
	add_cell(out, s->origin, 0);
	/* a variable and -c spell the key themselves */
	if (s->found_as && strchr(s->origin, ':') &&
	    strcmp(s->found_as, s->key) != 0)
		buf_addf(out, " [%s]", s->found_as);
	buf_addc(out, '\n');
}

static void
show_table(const struct config *c, struct buf *out)
{
	static const struct setting head = {
		.key = "KEY", .value = "VALUE", .origin = "ORIGIN"
	};
	size_t widths[2] = { 3, 6 }, i;

	for (i = 0; i < c->setting_count; i++) {
		const struct setting *s = &c->settings[i];
		size_t value = s->value ? strlen(s->value) : 0;

		if (strlen(s->key) > widths[0])
			widths[0] = strlen(s->key);
		if (value > widths[1] && value <= 40)
			widths[1] = value;
	}
	add_line(out, &head, widths);
	for (i = 0; i < c->setting_count; i++)
		add_line(out, &c->settings[i], widths);
}

void
config_show(struct config *c, bool json, FILE *out)
{
	struct buf b = { 0 };

	if (json)
		show_json(c, &b);
	else
		show_table(c, &b);
	fwrite(b.data, 1, b.len, out);
	buf_release(&b);
}
