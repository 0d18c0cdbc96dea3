/* SPDX-License-Identifier: MIT */
/*
 * caps: what the tools know of each destination, one JSON object a line, for
 * tests/oracle/targets.py.
 */
#include "common/caps.h"

#include <stdio.h>

#include "common/jsonw.h"

static void
add_list(struct jsonw *w, const char *key, const char *const *list)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (; list && *list; list++)
		jsonw_str(w, *list);
	jsonw_end_array(w);
}

static void
add_str(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_str(w, s);
}

static void
add_caps(struct jsonw *w, const struct caps *c)
{
	jsonw_object(w);
	add_str(w, "name", c->name);
	jsonw_key(w, "max_identifier");
	jsonw_int(w, (long long)c->max_identifier);
	add_list(w, "strategies", c->strategies);
	add_list(w, "table_formats", c->table_formats);
	add_str(w, "preferred", c->preferred);
	add_list(w, "formats", c->formats);
	add_str(w, "staged_preferred", c->staged_preferred);
	add_list(w, "staged", c->staged);
	add_str(w, "extra", c->extra);
	add_str(w, "dialect", c->dialect);
	jsonw_key(w, "file_bytes");
	jsonw_int(w, (long long)c->file_bytes);
	jsonw_key(w, "flat");
	jsonw_bool(w, c->flat);
	add_str(w, "naming", c->naming);
	add_str(w, "fold",
	    c->fold == 'U'       ? "upper"
	        : c->fold == 'L' ? "lower"
	                         : NULL);
	jsonw_end_object(w);
}

int
main(void)
{
	const struct caps *c;
	struct buf out = { 0 };

	for (size_t i = 0; (c = caps_at(i)); i++) {
		struct jsonw w;

		buf_reset(&out);
		jsonw_init(&w, &out, false);
		add_caps(&w, c);
		puts(buf_str(&out));
	}
	buf_release(&out);
	return fflush(stdout) ? 1 : 0;
}
