/* SPDX-License-Identifier: MIT */
#include "common/jsonw.h"

#include "common/utf8.h"

#include <string.h>

/* The letter after the backslash, 'u' for \u00xx, 0 for bytes that stand as
 * they are. */
static const char escape_of[256] = {
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'b',
	't',
	'n',
	'u',
	'f',
	'r',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	'u',
	['"'] = '"',
	['\\'] = '\\',
};

static void
quote(struct buf *out, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t run = 0;

	buf_reserve(out, len + 2);
	buf_addc(out, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		char text[6] = { '\\', escape_of[c], '0', '0', hex[c >> 4],
			hex[c & 15] };

		if (LIKELY(!escape_of[c]))
			continue;
		buf_add(out, s + run, i - run);
		buf_add(out, text, escape_of[c] == 'u' ? 6 : 2);
		run = i + 1;
	}
	if (len > run)
		buf_add(out, s + run, len - run);
	buf_addc(out, '"');
}

/* Names of files need not be UTF-8; a document must. */
static void
repair(struct buf *out, const char *s, size_t len)
{
	while (len > 0) {
		size_t good = utf8_valid_prefix(s, len);

		buf_add(out, s, good);
		if (good < len) {
			buf_adds(out, "\xef\xbf\xbd");
			good++;
		}
		s += good;
		len -= good;
	}
}

void
jsonw_quote(struct buf *out, const char *s, size_t len)
{
	struct buf good = { 0 };

	if (LIKELY(utf8_is_valid(s, len))) {
		quote(out, s, len);
		return;
	}
	repair(&good, s, len);
	quote(out, good.data, good.len);
	buf_release(&good);
}

void
jsonw_init(struct jsonw *w, struct buf *out, bool pretty)
{
	*w = (struct jsonw){ .out = out, .pretty = pretty, .empty = true };
}

static void
indent(struct jsonw *w)
{
	if (!w->pretty)
		return;
	buf_addc(w->out, '\n');
	for (int i = 0; i < w->depth; i++)
		buf_add(w->out, "  ", 2);
}

/* What stands between the element before and this one. */
static void
separate(struct jsonw *w)
{
	if (w->pending) {
		w->pending = false;
		return;
	}
	if (w->depth > 0) {
		if (!w->empty)
			buf_addc(w->out, ',');
		indent(w);
	}
	w->empty = false;
}

static void
begin(struct jsonw *w, char bracket)
{
	separate(w);
	buf_addc(w->out, bracket);
	w->depth++;
	w->empty = true;
}

static void
end(struct jsonw *w, char bracket)
{
	w->depth--;
	if (!w->empty)
		indent(w);
	buf_addc(w->out, bracket);
	w->empty = false;
}

void
jsonw_object(struct jsonw *w)
{
	begin(w, '{');
}

void
jsonw_end_object(struct jsonw *w)
{
	end(w, '}');
}

void
jsonw_array(struct jsonw *w)
{
	begin(w, '[');
}

void
jsonw_end_array(struct jsonw *w)
{
	end(w, ']');
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	jsonw_keyn(w, key, strlen(key));
}

void
jsonw_keyn(struct jsonw *w, const char *key, size_t len)
{
	separate(w);
	jsonw_quote(w->out, key, len);
	buf_adds(w->out, w->pretty ? ": " : ":");
	w->pending = true;
}

void
jsonw_str(struct jsonw *w, const char *s)
{
	if (s)
		jsonw_strn(w, s, strlen(s));
	else
		jsonw_null(w);
}

void
jsonw_strn(struct jsonw *w, const char *s, size_t len)
{
	separate(w);
	jsonw_quote(w->out, s, len);
}

void
jsonw_int(struct jsonw *w, long long v)
{
	separate(w);
	buf_addf(w->out, "%lld", v);
}

void
jsonw_bool(struct jsonw *w, bool v)
{
	separate(w);
	buf_adds(w->out, v ? "true" : "false");
}

void
jsonw_null(struct jsonw *w)
{
	separate(w);
	buf_adds(w->out, "null");
}

/* The place behind a string that begins at p. */
static const char *
string_end(const char *p, const char *stop)
{
	for (p++; p < stop; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && p + 1 < stop)
			p++;
	}
	return stop;
}

/* Write one token of ready text, indented; returns the place behind it. */
static const char *
raw_token(struct jsonw *w, const char *p, const char *stop)
{
	const char *from = p;

	switch (*p++) {
	case ' ':
	case '\t':
	case '\n':
	case '\r':
	case ',': /* separate() writes it */
		return p;
	case ':':
		w->pending = true;
		buf_adds(w->out, ": ");
		return p;
	case '{':
	case '[':
		begin(w, *from);
		return p;
	case '}':
	case ']':
		end(w, *from);
		return p;
	case '"':
		p = string_end(from, stop);
		break;
	default:
		while (p < stop && !strchr(",:{}[]\" \t\r\n", *p))
			p++;
	}
	separate(w);
	buf_add(w->out, from, (size_t)(p - from));
	return p;
}

void
jsonw_raw(struct jsonw *w, const char *text, size_t len)
{
	const char *p = text, *stop = text + len;

	if (w->pretty) {
		while (p < stop)
			p = raw_token(w, p, stop);
		return;
	}
	separate(w);
	buf_add(w->out, text, len);
}
