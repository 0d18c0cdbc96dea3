/* SPDX-License-Identifier: MIT */
/*
 * The XML of answers: elements and their texts. No document types, so that
 * nothing can refer to, or grow from, anything else.
 */
#include "common/s3_private.h"

#include "common/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

struct xml {
	const char *start, *p, *end;
	struct buf path, text;
	size_t at[DEPTH_MAX]; /* where the path of an element's parent ends */
	size_t depth;
	bool leaf; /* nothing but text since the last start tag */
	bool rooted;
	int (*f)(const char *path, const char *text, void *arg,
	    struct error *err);
	void *arg;
};

static int
bad(const struct xml *x, const char *why, struct error *err)
{
	return error_set(err, ERR_REMOTE, "bad XML in the answer, byte %zu: %s",
	    (size_t)(x->p - x->start), why);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_space(struct xml *x)
{
	while (x->p < x->end && is_space(*x->p))
		x->p++;
}

static bool
begins(const struct xml *x, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(x->end - x->p) >= len && !memcmp(x->p, word, len);
}

/* To behind the word. */
static int
skip_to(struct xml *x, const char *word, struct error *err)
{
	const char *found = memmem(x->p, (size_t)(x->end - x->p), word,
	    strlen(word));

	if (!found)
		return bad(x, "something does not end", err);
	x->p = found + strlen(word);
	return 0;
}

static bool
is_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.:", c)) ||
	    (unsigned char)c >= 0x80;
}

/* The local part of a name. */
static int
take_name(struct xml *x, const char **name, size_t *len, struct error *err)
{
	const char *start = x->p, *colon;

	while (x->p < x->end && is_name(*x->p))
		x->p++;
	if (x->p == start)
		return bad(x, "a name is missing", err);
	*len = (size_t)(x->p - start);
	colon = memrchr(start, ':', *len);
	*name = colon ? colon + 1 : start;
	*len = (size_t)(x->p - *name);
	return *len ? 0 : bad(x, "a name is missing", err);
}

/* ---- texts ---- */

static int
take_number(struct xml *x, const char *digits, size_t len, struct error *err)
{
	int base = len && *digits == 'x' ? 16 : 10;
	char text[12] = "", *end, utf8[4];
	unsigned long c;

	digits += base == 16;
	len -= base == 16;
	if (!len || len >= sizeof(text) || !isxdigit((unsigned char)*digits))
		return bad(x, "a bad character reference", err);
	memcpy(text, digits, len);
	c = strtoul(text, &end, base);
	if (*end || !c || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return bad(x, "a bad character reference", err);
	buf_add(&x->text, utf8, utf8_put(utf8, (uint32_t)c));
	return 0;
}

static int
take_reference(struct xml *x, struct error *err)
{
	static const struct {
		const char *name;
		char c;
	} known[] = { { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' },
		{ "&quot;", '"' }, { "&apos;", '\'' } };
	const char *start = x->p;
	size_t left = (size_t)(x->end - x->p);
	const char *end = memchr(start, ';', left < 16 ? left : 16);

	if (!end)
		return bad(x, "a bad reference", err);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!begins(x, known[i].name))
			continue;
		buf_addc(&x->text, known[i].c);
		x->p = end + 1;
		return 0;
	}
	if (start[1] != '#')
		return bad(x, "an unknown reference", err);
	if (take_number(x, start + 2, (size_t)(end - start - 2), err) < 0)
		return -1;
	x->p = end + 1;
	return 0;
}

static int
take_text(struct xml *x, struct error *err)
{
	while (x->p < x->end && *x->p != '<') {
		if (!x->depth && !is_space(*x->p))
			return bad(x, "text outside of the document", err);
		if (!*x->p)
			return bad(x, "a NUL", err);
		if (*x->p == '&') {
			if (take_reference(x, err) < 0)
				return -1;
		} else {
			buf_addc(&x->text, *x->p++);
		}
	}
	return 0;
}

static int
take_cdata(struct xml *x, struct error *err)
{
	const char *start = x->p += strlen("<![CDATA[");
	size_t len;

	if (!x->depth)
		return bad(x, "text outside of the document", err);
	if (skip_to(x, "]]>", err) < 0)
		return -1;
	len = (size_t)(x->p - start) - 3;
	if (memchr(start, '\0', len))
		return bad(x, "a NUL", err);
	buf_add(&x->text, start, len);
	return 0;
}

/* ---- tags ---- */

static int
skip_attributes(struct xml *x, struct error *err)
{
	const char *name, *end;
	size_t len;

	for (skip_space(x); x->p < x->end && *x->p != '>' && *x->p != '/';
	     skip_space(x)) {
		if (take_name(x, &name, &len, err) < 0)
			return -1;
		skip_space(x);
		if (x->p == x->end || *x->p != '=')
			return bad(x, "an attribute without value", err);
		x->p++;
		skip_space(x);
		if (x->p == x->end || (*x->p != '"' && *x->p != '\''))
			return bad(x, "an attribute without quotes", err);
		end = memchr(x->p + 1, *x->p, (size_t)(x->end - x->p - 1));
		if (!end || memchr(x->p, '<', (size_t)(end - x->p)))
			return bad(x, "an attribute does not end", err);
		x->p = end + 1;
	}
	return 0;
}

static int
end_element(struct xml *x, struct error *err)
{
	int rc = x->f(x->path.data, x->leaf ? buf_str(&x->text) : "", x->arg,
	    err);

	x->path.len = x->at[--x->depth];
	x->path.data[x->path.len] = '\0';
	x->leaf = false;
	return rc;
}

static int
start_tag(struct xml *x, struct error *err)
{
	const char *name;
	size_t len;
	bool empty;

	if (!x->depth && x->rooted)
		return bad(x, "more than one document", err);
	if (x->depth == DEPTH_MAX)
		return bad(x, "too many levels", err);
	x->p++;
	if (take_name(x, &name, &len, err) < 0 || skip_attributes(x, err) < 0)
		return -1;
	empty = x->p < x->end && *x->p == '/';
	x->p += empty;
	if (x->p == x->end || *x->p != '>')
		return bad(x, "a tag does not end", err);
	x->p++;
	x->at[x->depth++] = x->path.len;
	if (x->path.len)
		buf_addc(&x->path, '/');
	buf_add(&x->path, name, len);
	buf_reset(&x->text);
	x->rooted = x->leaf = true;
	return empty ? end_element(x, err) : 0;
}

static int
end_tag(struct xml *x, struct error *err)
{
	const char *name, *own;
	size_t len, at;

	x->p += 2;
	if (!x->depth)
		return bad(x, "an end without start", err);
	if (take_name(x, &name, &len, err) < 0)
		return -1;
	at = x->at[x->depth - 1];
	own = x->path.data + at + (at > 0);
	if (strlen(own) != len || memcmp(own, name, len) != 0)
		return bad(x, "an element ends that did not begin", err);
	skip_space(x);
	if (x->p == x->end || *x->p != '>')
		return bad(x, "a tag does not end", err);
	x->p++;
	return end_element(x, err);
}

static int
next(struct xml *x, struct error *err)
{
	if (*x->p != '<')
		return take_text(x, err);
	if (begins(x, "<?"))
		return skip_to(x, "?>", err);
	if (begins(x, "<!--"))
		return skip_to(x, "-->", err);
	if (begins(x, "<![CDATA["))
		return take_cdata(x, err);
	if (begins(x, "<!"))
		return bad(x, "a document type", err);
	if (begins(x, "</"))
		return end_tag(x, err);
	return start_tag(x, err);
}

int
s3_xml(const char *text, size_t len,
    int (*f)(const char *path, const char *text, void *arg, struct error *err),
    void *arg, struct error *err)
{
	struct xml x = {
		.start = text, .p = text, .end = text + len, .f = f, .arg = arg
	};
	int rc = 0;

	if (begins(&x, "\xef\xbb\xbf"))
		x.p += 3;
	while (rc == 0 && x.p < x.end)
		rc = next(&x, err);
	if (rc == 0 && (x.depth || !x.rooted))
		rc = bad(&x, "the document does not end", err);
	buf_release(&x.path);
	buf_release(&x.text);
	return rc;
}

void
s3_xml_escape(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (*text == '&')
			buf_adds(out, "&amp;");
		else if (*text == '<')
			buf_adds(out, "&lt;");
		else if (*text == '>')
			buf_adds(out, "&gt;");
		else if (*text == '"')
			buf_adds(out, "&quot;");
		else
			buf_addc(out, *text);
	}
}
