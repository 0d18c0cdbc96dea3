/* SPDX-License-Identifier: MIT */
#include "common/name.h"

#include "common/hash.h"
#include "common/utf8.h"

#include <string.h>

#define TAG_LEN        6
#define S3_MAX_LENGTH  255
#define SCHEMA_MAX_LEN 64
#define TRIANGLE       "\xe2\x96\xb6" /* U+25B6 */

static const char *const kind_names[] = { "snake_case", "direct", "sql_cs_v1",
	"sql_ci_v1", "duck_case", "s3_tables" };

int
naming_parse(const char *name, enum naming_kind *out, struct error *err)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++)
		if (strcmp(kind_names[i], dot ? dot + 1 : name) == 0) {
			*out = (enum naming_kind)i;
			return 0;
		}
	return error_set(err, ERR_DATA, "unknown naming convention \"%s\"",
	    name);
}

const char *
naming_separator(const struct naming *n)
{
	return n->kind == NAMING_DIRECT ? TRIANGLE : "__";
}

static size_t
max_length(const struct naming *n)
{
	if (n->kind == NAMING_S3_TABLES &&
	    (n->max_length == 0 || n->max_length > S3_MAX_LENGTH))
		return S3_MAX_LENGTH;
	return n->max_length;
}

/* ---- characters ---- */

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Python's strip(): moves *s and returns the new length. */
static size_t
strip(const char **s, size_t len)
{
	const char *end = *s + len, *first = NULL, *last = *s;

	for (const char *p = *s; p < end;) {
		const char *at = p;

		if (utf8_is_space(utf8_next(&p)))
			continue;
		if (!first)
			first = at;
		last = p;
	}
	*s = first ? first : *s;
	return first ? (size_t)(last - first) : 0;
}

static bool
is_blank(const char *s, size_t len)
{
	return strip(&s, len) == 0;
}

/* ---- shortening (contract.md 5.3) ---- */

/* The byte offset of code point number n. */
static size_t
offset_of(const char *s, size_t n)
{
	const char *p = s;

	while (n-- > 0)
		utf8_next(&p);
	return (size_t)(p - s);
}

/* Shorten what stands in out from offset `from` on; the tag is made from the
 * original. */
static void
shorten(const struct naming *n, const char *original, size_t len,
    struct buf *out, size_t from)
{
	size_t max = max_length(n), count, rest, head, tail;
	char tag[16], *name = out->data + from;

	if (max == 0 || out->len - from <= max)
		return;
	count = utf8_count(name, out->len - from);
	if (count <= max)
		return;
	hash_digest128(original, len, 4, tag);
	for (char *p = tag; *p; p++)
		*p = *p == '/'     ? 'a'
		    : *p == '+'    ? 'b'
		    : is_upper(*p) ? (char)(*p + 32)
		                   : *p;
	rest = max > TAG_LEN ? max - TAG_LEN : 0;
	head = offset_of(name, rest / 2 + rest % 2);
	tail = offset_of(name, count - rest / 2);
	/* The tag may need more bytes than are cut out (never: it is ASCII and
	 * at least one code point more goes), so the pieces just move. */
	buf_reserve(out, TAG_LEN);
	name = out->data + from;
	memmove(name + head + TAG_LEN, name + tail, out->len - from - tail);
	memcpy(name + head, tag, TAG_LEN);
	out->len = from + head + TAG_LEN + (out->len - from - tail);
	out->data[out->len] = '\0';
}

/* ---- identifiers ---- */

/* Each run of characters outside [a-zA-Z\d_] becomes one underscore; \d is any
 * decimal digit of Unicode. */
static void
reduce(const char *s, size_t len, bool map, struct buf *out)
{
	static const char from[] = "+-*@|", to[] = "x_xal";
	const char *end = s + len;
	bool run = false;

	while (s < end) {
		const char *at = s;
		uint32_t cp = utf8_next(&s);
		char c = cp < 0x80 ? (char)cp : '\0';
		const char *mapped = map && c ? strchr(from, c) : NULL;

		if (mapped)
			c = to[mapped - from];
		if (is_lower(c) || is_upper(c) || is_digit(c) || c == '_')
			buf_addc(out, c);
		else if (cp >= 0x80 && utf8_digit_value(cp) >= 0)
			buf_add(out, at, (size_t)(s - at));
		else if (!run)
			buf_addc(out, '_');
		run = !(is_lower(c) || is_upper(c) || is_digit(c) ||
		          c == '_') &&
		    !(cp >= 0x80 && utf8_digit_value(cp) >= 0);
	}
}

/* ([^_])([A-Z][a-z]+): an underscore before a capitalised word. */
static void
break_words(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len;) {
		buf_addc(out, s[i]);
		if (s[i++] == '_' || i + 1 >= len || !is_upper(s[i]) ||
		    !is_lower(s[i + 1]))
			continue;
		buf_addc(out, '_');
		buf_addc(out, s[i++]);
		while (i < len && is_lower(s[i]))
			buf_addc(out, s[i++]);
	}
}

/* ([a-z0-9])([A-Z]): an underscore between; all in lower case. */
static void
break_capitals(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		bool before = is_lower(s[i]) || is_digit(s[i]);

		buf_addc(out, is_upper(s[i]) ? (char)(s[i] + 32) : s[i]);
		if (!before || i + 1 >= len || !is_upper(s[i + 1]))
			continue;
		buf_addc(out, '_');
		buf_addc(out, (char)(s[++i] + 32));
	}
}

static bool
begins_with_digit(const char *s, size_t len)
{
	return len > 0 && utf8_digit_value(utf8_next(&s)) >= 0;
}

/* Append with runs of underscores as one. */
static void
collapse(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] != '_' || i == 0 || s[i - 1] != '_')
			buf_addc(out, s[i]);
}

static void
snake_case(const char *s, size_t len, struct buf *out)
{
	struct buf a = { 0 }, b = { 0 };
	size_t end;

	reduce(s, len, true, &a);
	break_words(buf_str(&a), a.len, &b);
	buf_reset(&a);
	if (begins_with_digit(buf_str(&b), b.len))
		buf_addc(&a, '_');
	break_capitals(buf_str(&b), b.len, &a);
	for (end = a.len; end > 0 && a.data[end - 1] == '_'; end--)
		a.data[end - 1] = 'x';
	collapse(buf_str(&a), a.len, out);
	buf_release(&a);
	buf_release(&b);
}

static void
sql_case(const char *s, size_t len, struct buf *out)
{
	struct buf a = { 0 };

	reduce(s, len, false, &a);
	if (begins_with_digit(buf_str(&a), a.len))
		buf_addc(out, '_');
	/* A lone underscore stays; other ones at the end go. */
	if (a.len > 1)
		while (a.len > 0 && a.data[a.len - 1] == '_')
			a.len--;
	collapse(buf_str(&a), a.len, out);
	buf_release(&a);
}

/* Replace the characters of `bad` by underscores. */
static void
clean(const char *s, size_t len, const char *bad, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_addc(out, s[i] && strchr(bad, s[i]) ? '_' : s[i]);
}

static void
direct_case(const char *s, size_t len, struct buf *out)
{
	size_t sep = strlen(TRIANGLE);

	while (len > 0) {
		size_t step = 1;

		if (len >= sep && memcmp(s, TRIANGLE, sep) == 0) {
			buf_addc(out, '_');
			step = sep;
		} else {
			clean(s, 1, "\n\r'\"", out);
		}
		s += step;
		len -= step;
	}
}

static void
duck_case(const char *s, size_t len, struct buf *out)
{
	struct buf a = { 0 };

	clean(s, len, "\n\r\"", &a);
	collapse(buf_str(&a), a.len, out);
	buf_release(&a);
}

/* One identifier; blank ones add nothing. */
static void
identifier(const struct naming *n, const char *s, size_t len, bool as_table,
    struct buf *out)
{
	size_t from = out->len, skip = 0;

	len = strip(&s, len);
	if (len == 0)
		return;
	switch (n->kind) {
	case NAMING_SNAKE_CASE:
	case NAMING_S3_TABLES:
		snake_case(s, len, out);
		break;
	case NAMING_SQL_CS_V1:
	case NAMING_SQL_CI_V1:
		sql_case(s, len, out);
		break;
	case NAMING_DIRECT:
		direct_case(s, len, out);
		break;
	case NAMING_DUCK_CASE:
		duck_case(s, len, out);
		break;
	}
	if (out->len == from)
		return; /* such as "__" in sql_cs_v1 */
	shorten(n, s, len, out, from);
	if (n->kind == NAMING_SQL_CI_V1)
		for (char *p = out->data + from; *p; p++)
			if (is_upper(*p))
				*p = (char)(*p + 32);
	if (n->kind != NAMING_S3_TABLES || !as_table)
		return;
	while (out->data[from + skip] == '_')
		skip++;
	out->len -= skip;
	memmove(out->data + from, out->data + from + skip, out->len - from + 1);
}

static int
identifier_or_error(const struct naming *n, const char *s, size_t len,
    bool as_table, struct buf *out, struct error *err)
{
	if (is_blank(s, len))
		return error_set(err, ERR_DATA,
		    "an identifier is empty or only white space");
	identifier(n, s, len, as_table, out);
	return 0;
}

int
name_identifier(const struct naming *n, const char *s, size_t len,
    struct buf *out, struct error *err)
{
	return identifier_or_error(n, s, len, false, out, err);
}

int
name_table_identifier(const struct naming *n, const char *s, size_t len,
    struct buf *out, struct error *err)
{
	return identifier_or_error(n, s, len, true, out, err);
}

/* ---- paths ---- */

/* Append a part that may be blank, behind a separator if need be. */
static void
join(const struct naming *n, const char *part, size_t len, struct buf *out,
    size_t from)
{
	if (is_blank(part, len))
		return;
	if (out->len > from)
		buf_adds(out, naming_separator(n));
	buf_add(out, part, len);
}

static void
path(const struct naming *n, const char *s, size_t len, bool as_table,
    struct buf *out)
{
	const char *sep = naming_separator(n), *rest = s, *end = s + len;
	size_t sep_len = strlen(sep), from = out->len;
	struct buf part = { 0 };

	for (;;) {
		const char *cut = memmem(rest, (size_t)(end - rest), sep,
		    sep_len);

		buf_reset(&part);
		identifier(n, rest, (size_t)((cut ? cut : end) - rest),
		    as_table, &part);
		join(n, buf_str(&part), part.len, out, from);
		if (!cut)
			break;
		rest = cut + sep_len;
	}
	shorten(n, s, len, out, from);
	buf_release(&part);
}

int
name_path(const struct naming *n, const char *s, size_t len, struct buf *out,
    struct error *err)
{
	(void)err;
	path(n, s, len, false, out);
	return 0;
}

int
name_tables_path(const struct naming *n, const char *s, size_t len,
    struct buf *out, struct error *err)
{
	(void)err;
	path(n, s, len, true, out);
	return 0;
}

/* Names that every convention leaves as they are: [a-z_] and then [a-z0-9_],
 * no two underscores together, none at the end. */
static bool
is_plain(const struct naming *n, const char *s, size_t len, bool as_table)
{
	size_t max = max_length(n);

	if (len == 0 || is_digit(s[0]) || s[len - 1] == '_' ||
	    (max > 0 && len > max) ||
	    (as_table && n->kind == NAMING_S3_TABLES && s[0] == '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower(s[i]) && !is_digit(s[i]) &&
		    (s[i] != '_' || s[i + 1] == '_'))
			return false;
	return true;
}

void
name_key(const struct naming *n, const char *s, size_t len, bool as_table,
    struct buf *out)
{
	if (LIKELY(is_plain(n, s, len, as_table)))
		buf_add(out, s, len);
	else if (is_blank(s, len))
		buf_adds(out, "_empty");
	else if (n->no_break_path)
		identifier(n, s, len, as_table, out);
	else
		path(n, s, len, as_table, out);
}

void
name_fragments(const struct naming *n, const char *const *parts, size_t count,
    struct buf *out)
{
	size_t from = out->len;
	struct buf whole = { 0 };

	for (size_t i = 0; i < count; i++)
		join(n, parts[i], strlen(parts[i]), out, from);
	if (max_length(n) > 0 && out->len - from > max_length(n)) {
		buf_add(&whole, out->data + from, out->len - from);
		shorten(n, whole.data, whole.len, out, from);
		buf_release(&whole);
	}
}

/* ---- schema names ---- */

void
name_default_schema(const char *pipeline, struct buf *out)
{
	static const char suffix[] = "_pipeline";
	const struct naming n = { NAMING_SNAKE_CASE, SCHEMA_MAX_LEN, false };
	size_t len = strlen(pipeline), cut = sizeof(suffix) - 1;

	if (len > cut && memcmp(pipeline + len - cut, suffix, cut) == 0)
		len -= cut;
	identifier(&n, pipeline, len, false, out);
}

bool
name_is_schema_name(const char *s)
{
	size_t len = strlen(s);

	if (!utf8_is_valid(s, len) || utf8_count(s, len) > SCHEMA_MAX_LEN)
		return false;
	for (const char *p = s; *p;) {
		bool first = p == s;
		uint32_t cp = utf8_next(&p);
		bool digit = utf8_digit_value(cp) >= 0;

		/* Beyond ASCII only digits are told from letters here. */
		if (cp < 0x80 && !is_lower((char)cp) && !is_upper((char)cp) &&
		    cp != '_' && !digit)
			return false;
		if ((first && digit) || utf8_is_space(cp))
			return false;
	}
	return len > 0;
}
