/* SPDX-License-Identifier: MIT */
#include "common/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/scan.h"
#include "common/utf8.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#define FILE_MAX      ((size_t)256 << 20)
#define SET_LIMIT     16 /* members up to which pairs are compared directly */
#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

/* The grammar check: jsmn only cuts text into tokens and lets much pass that
 * is no JSON, so it sees nothing that has not been checked before. */
struct check {
	const char *p;
	const char *end;
	const char *what;
	size_t tokens;
	size_t depth;
	char open[MAX_NESTING];
};

static bool
bad(struct check *c, const char *at, const char *what)
{
	c->p = at;
	c->what = what;
	return false;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void
skip_space(struct check *c)
{
	while (c->p < c->end && is_space(*c->p))
		c->p++;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hexadecimal digits at p, or -1. */
static long
hex4(const char *p, const char *end)
{
	long v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(p[i]);

		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

/* An escape; c->p is at its backslash and ends behind it. */
static bool
check_escape(struct check *c)
{
	const char *at = c->p;
	long unit;

	if (++c->p == c->end)
		return bad(c, c->p, "the text ends within a string");
	if (*c->p != 'u') {
		if (!*c->p || !strchr("\"\\/bfnrt", *c->p))
			return bad(c, at, "unknown escape in a string");
		c->p++;
		return true;
	}
	unit = hex4(c->p + 1, c->end);
	if (unit < 0)
		return bad(c, at, "\\u needs four hexadecimal digits");
	c->p += 5;
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return bad(c, at, "lone surrogate in a string");
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	if (c->end - c->p < 2 || c->p[0] != '\\' || c->p[1] != 'u')
		return bad(c, at, "lone surrogate in a string");
	unit = hex4(c->p + 2, c->end);
	if (unit < 0xdc00 || unit > 0xdfff)
		return bad(c, at, "lone surrogate in a string");
	c->p += 6;
	return true;
}

/* c->p is at the opening quote and ends behind the closing one. */
static bool
check_string(struct check *c)
{
	const char *start = ++c->p;
	size_t good;

	c->tokens++;
	for (;;) {
		if (c->p == c->end)
			break;
		if (*c->p == '"')
			break;
		if ((unsigned char)*c->p < 0x20)
			return bad(c, c->p,
			    "control character in a string (must be escaped)");
		if (*c->p != '\\')
			c->p++;
		else if (!check_escape(c))
			return false;
	}
	good = utf8_valid_prefix(start, (size_t)(c->p - start));
	if (good < (size_t)(c->p - start))
		return bad(c, start + good, "invalid UTF-8 in a string");
	if (c->p == c->end)
		return bad(c, c->p, "the text ends within a string");
	c->p++;
	return true;
}

static bool
check_digits(struct check *c)
{
	const char *from = c->p;

	while (c->p < c->end && is_digit(*c->p))
		c->p++;
	return c->p > from;
}

static bool
check_number(struct check *c)
{
	const char *from = c->p;

	if (*c->p == '-')
		c->p++;
	if (c->p < c->end && *c->p == '0') {
		c->p++;
		if (c->p < c->end && is_digit(*c->p))
			return bad(c, c->p - 1, "number with a leading zero");
	} else if (!check_digits(c)) {
		return bad(c, c->p, "expected a digit");
	}
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (!check_digits(c))
			return bad(c, c->p, "expected a digit after '.'");
	}
	if (c->p < c->end && (*c->p == 'e' || *c->p == 'E')) {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
			c->p++;
		if (!check_digits(c))
			return bad(c, c->p, "expected a digit in the exponent");
	}
	if (scan_number_is_infinite(from, (size_t)(c->p - from)))
		return bad(c, from, "number is too large for a double");
	return true;
}

static bool
check_word(struct check *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return bad(c, c->p, "expected a value");
	c->p += n;
	return true;
}

static bool
check_scalar(struct check *c)
{
	if (c->p == c->end)
		return bad(c, c->p, "expected a value, but the text ends");
	if (*c->p == '"')
		return check_string(c);
	c->tokens++;
	switch (*c->p) {
	case 't':
		return check_word(c, "true");
	case 'f':
		return check_word(c, "false");
	case 'n':
		return check_word(c, "null");
	default:
		break;
	}
	if (*c->p == '-' || is_digit(*c->p))
		return check_number(c);
	return bad(c, c->p, "expected a value");
}

/* A key and its colon. */
static bool
check_key(struct check *c)
{
	skip_space(c);
	if (c->p == c->end || *c->p != '"')
		return bad(c, c->p, "expected a key in quotes");
	if (!check_string(c))
		return false;
	skip_space(c);
	if (c->p == c->end || *c->p != ':')
		return bad(c, c->p, "expected ':'");
	c->p++;
	return true;
}

/* What follows a value, up to the place of the next one. *more is false at the
 * end of the root. */
static bool
check_after(struct check *c, bool *more)
{
	for (*more = true; c->depth > 0;) {
		bool object = c->open[c->depth - 1] == '{';

		skip_space(c);
		if (c->p < c->end && *c->p == ',') {
			c->p++;
			return !object || check_key(c);
		}
		if (c->p == c->end || *c->p != (object ? '}' : ']'))
			return bad(c, c->p,
			    object ? "expected ',' or '}'"
			           : "expected ',' or ']'");
		c->p++;
		c->depth--;
	}
	*more = false;
	return true;
}

/* An opening bracket; *empty: its closing one, too. */
static bool
check_open(struct check *c, bool *empty)
{
	bool object = *c->p == '{';

	if (c->depth == MAX_NESTING)
		return bad(c, c->p,
		    "more than " STRINGIFY(MAX_NESTING) " levels of nesting");
	c->tokens++;
	c->open[c->depth++] = *c->p++;
	skip_space(c);
	*empty = c->p < c->end && *c->p == (object ? '}' : ']');
	if (*empty) {
		c->p++;
		c->depth--;
		return true;
	}
	return !object || check_key(c);
}

static bool
check_document(struct check *c)
{
	bool more = true;

	if (c->end - c->p >= 3 && memcmp(c->p, "\xef\xbb\xbf", 3) == 0)
		return bad(c, c->p, "a byte order mark is not allowed");
	while (more) {
		bool empty;

		skip_space(c);
		if (c->p < c->end && (*c->p == '{' || *c->p == '[')) {
			if (!check_open(c, &empty))
				return false;
			if (!empty)
				continue;
		} else if (!check_scalar(c)) {
			return false;
		}
		if (!check_after(c, &more))
			return false;
	}
	skip_space(c);
	return c->p == c->end || bad(c, c->p, "something follows the value");
}

static int
set_place(struct error *err, const char *text, const char *at, const char *what)
{
	const char *line = text, *lf;
	size_t n = 1;

	while ((lf = memchr(line, '\n', (size_t)(at - line)))) {
		line = lf + 1;
		n++;
	}
	return error_set(err, ERR_DATA, "%zu:%td: %s", n, at - line + 1, what);
}

/* Decode checked text between quotes; returns the place behind the NUL. */
static char *
decode(char *out, const char *p, const char *end)
{
	static const char plain[128] = { ['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t' };
	const char *slash;

	while ((slash = memchr(p, '\\', (size_t)(end - p)))) {
		uint32_t cp;

		memcpy(out, p, (size_t)(slash - p));
		out += slash - p;
		p = slash + 2;
		if (slash[1] != 'u') {
			*out++ = plain[slash[1] & 127];
			continue;
		}
		cp = (uint32_t)hex4(p, end);
		p += 4;
		if (cp >= 0xd800 && cp <= 0xdbff) {
			cp = 0x10000 + ((cp - 0xd800) << 10) +
			    ((uint32_t)hex4(p + 2, end) - 0xdc00);
			p += 6;
		}
		out += utf8_put(out, cp);
	}
	memcpy(out, p, (size_t)(end - p));
	out += end - p;
	*out++ = '\0';
	return out;
}

/* Keyed with a random seed, so that nobody can choose colliding keys. */
static uint64_t
hash_key(const struct json *v, uint64_t seed)
{
	const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = seed ^ (v->key_len * k), word;
	size_t i = 0;

	for (; i < v->key_len; i += 8) {
		size_t n = v->key_len - i < 8 ? v->key_len - i : 8;
		__uint128_t m;

		word = 0;
		memcpy(&word, v->key + i, n);
		m = (__uint128_t)(h ^ word ^ k) * (seed | 1);
		h = (uint64_t)m ^ (uint64_t)(m >> 64);
	}
	h ^= h >> 32;
	h *= k;
	return h ^ h >> 29;
}

static bool
same_key(const struct json *a, const struct json *b)
{
	return a->key_len == b->key_len &&
	    memcmp(a->key, b->key, a->key_len) == 0;
}

/* The member before v (the first is head) with the same key, or NULL. */
static struct json *
find_direct(struct json *head, const struct json *v)
{
	for (; head != v; head = head->next)
		if (same_key(head, v))
			return head;
	return NULL;
}

static struct json *
find_or_insert(struct json_doc *doc, size_t mask, struct json *v)
{
	size_t i = hash_key(v, doc->seed) & mask;

	for (; doc->set[i]; i = (i + 1) & mask)
		if (same_key(doc->set[i], v))
			return doc->set[i];
	doc->set[i] = v;
	return NULL;
}

static size_t
set_prepare(struct json_doc *doc, size_t members)
{
	size_t n = 64;

	while (n < members * 2)
		n *= 2;
	doc->set = xgrow(doc->set, &doc->set_cap, n, sizeof(*doc->set));
	memset(doc->set, 0, n * sizeof(*doc->set));
	if (!doc->seed &&
	    getrandom(&doc->seed, sizeof(doc->seed), GRND_NONBLOCK) !=
	        sizeof(doc->seed))
		doc->seed = (uintptr_t)doc->set;
	return n - 1;
}

/* The last of equal keys wins, at the place of the first. */
static void
merge_members(struct json_doc *doc, struct json *obj)
{
	bool large = obj->count > SET_LIMIT;
	size_t mask = large ? set_prepare(doc, obj->count) : 0;
	struct json *v, **link = &obj->child;

	while ((v = *link)) {
		struct json *first = large ? find_or_insert(doc, mask, v)
		                           : find_direct(obj->child, v);
		struct json *next;

		if (!first) {
			link = &v->next;
			continue;
		}
		*link = v->next;
		next = first->next; /* after the unlinking: never v */
		*first = *v;
		first->next = next;
		obj->count--;
	}
}

static void
fill_node(struct json *v, const char *text, const jsmntok_t *tok, char **out)
{
	static const enum json_kind kinds[] = { [JSMN_OBJECT] = JSON_OBJECT,
		[JSMN_ARRAY] = JSON_ARRAY,
		[JSMN_STRING] = JSON_STRING };
	const char *start = text + tok->start, *end = text + tok->end;

	*v = (struct json){ .raw = start, .raw_len = (size_t)(end - start) };
	if (tok->type != JSMN_PRIMITIVE)
		v->kind = kinds[tok->type];
	else if (*start == 't' || *start == 'f')
		v->kind = JSON_BOOL;
	else
		v->kind = *start == 'n' ? JSON_NULL : JSON_NUMBER;
	v->truth = *start == 't' && v->kind == JSON_BOOL;
	if (v->kind != JSON_STRING)
		return;
	v->raw--;
	v->raw_len += 2;
	v->str = *out;
	*out = decode(*out, start, end);
	v->len = (size_t)(*out - v->str) - 1;
}

static bool
is_key(const jsmntok_t *tok, size_t i)
{
	return tok[i].parent >= 0 && tok[tok[i].parent].type == JSMN_OBJECT;
}

/* One block holds all nodes and strings: a decoded string with its NUL is
 * never longer than the text with its quotes. So using the doc again for
 * texts of the same size does not allocate. */
static void
build(struct json_doc *doc, const char *text, size_t len, size_t count)
{
	jsmntok_t *tok = doc->tokens;
	size_t used = 0;
	struct json *nodes = arena_alloc(&doc->arena,
	    count * sizeof(*nodes) + len + 1);
	char *out = (char *)(nodes + count);

	for (size_t i = 0; i < count; i++) {
		struct json *v = &nodes[used];
		const jsmntok_t *key = i ? &tok[tok[i].parent] : NULL;

		if (is_key(tok, i))
			continue;
		fill_node(v, text, &tok[i], &out);
		if (key && key->type == JSMN_STRING) {
			v->key = out;
			out = decode(out, text + key->start, text + key->end);
			v->key_len = (size_t)(out - v->key) - 1;
		}
		tok[i].size = (int)used++;
	}
	/* backwards: containers are complete before they are merged */
	for (size_t i = count; i-- > 0;) {
		struct json *v, *up;
		int parent = tok[i].parent;

		if (is_key(tok, i))
			continue;
		v = &nodes[tok[i].size];
		if (v->kind == JSON_OBJECT && v->count > 1)
			merge_members(doc, v);
		if (parent < 0)
			continue;
		if (tok[parent].type == JSMN_STRING)
			parent = tok[parent].parent;
		up = &nodes[tok[parent].size];
		v->next = up->child;
		up->child = v;
		up->count++;
	}
	doc->root = nodes;
}

/* Cut checked text into tokens. A lone scalar is done here, since jsmn wants
 * something behind it. */
static bool
tokenize(struct json_doc *doc, const char *text, size_t len, size_t count)
{
	jsmn_parser parser;
	jsmntok_t *tok;
	size_t from = 0, to = len;

	doc->tokens = xgrow(doc->tokens, &doc->tokens_cap, count,
	    sizeof(jsmntok_t));
	tok = doc->tokens;
	while (is_space(text[from]))
		from++;
	while (is_space(text[to - 1]))
		to--;
	if (text[from] == '{' || text[from] == '[') {
		jsmn_init(&parser);
		return jsmn_parse(&parser, text, len, tok, (unsigned)count) ==
		    (int)count;
	}
	tok->type = text[from] == '"' ? JSMN_STRING : JSMN_PRIMITIVE;
	tok->start = (int)from + (tok->type == JSMN_STRING);
	tok->end = (int)to - (tok->type == JSMN_STRING);
	tok->parent = -1;
	return true;
}

int
json_parse(struct json_doc *doc, const char *text, size_t len,
    struct error *err)
{
	struct check c;

	doc->root = NULL;
	arena_reset(&doc->arena);
	c.p = text;
	c.end = text + len;
	c.tokens = c.depth = 0;
	if (len > INT_MAX / 2)
		return set_place(err, text, text, "longer than 1 GiB");
	if (!check_document(&c))
		return set_place(err, text, c.p, c.what);
	if (!tokenize(doc, text, len, c.tokens))
		return set_place(err, text, text, "cannot cut into tokens");
	build(doc, text, len, c.tokens);
	return 0;
}

void
json_release(struct json_doc *doc)
{
	arena_release(&doc->arena);
	free(doc->tokens);
	free(doc->set);
	*doc = (struct json_doc){ 0 };
}

static int
read_all(int fd, struct buf *text, struct error *err)
{
	ssize_t n;

	do {
		buf_reserve(text, IO_BLOCK / 16);
		n = read(fd, text->data + text->len, IO_BLOCK / 16);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "cannot read");
		text->len += (size_t)n;
		text->data[text->len] = '\0';
		if (text->len > FILE_MAX)
			return error_set(err, ERR_DATA, "larger than 256 MiB");
	} while (n != 0);
	return 0;
}

int
json_read_file(struct json_doc *doc, const char *path, char **text,
    struct error *err)
{
	struct buf bytes = { 0 };
	int rc = -1, fd;

	*text = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s: cannot open", path);
	if (read_all(fd, &bytes, err) != 0) {
		error_prefix(err, "%s: ", path);
		goto out;
	}
	if (json_parse(doc, buf_str(&bytes), bytes.len, err) != 0) {
		error_prefix(err, "%s:", path);
		goto out;
	}
	*text = buf_take(&bytes);
	rc = 0;
out:
	close(fd);
	buf_release(&bytes);
	return rc;
}

const struct json *
json_get(const struct json *obj, const char *key)
{
	size_t len = strlen(key);

	if (!obj || obj->kind != JSON_OBJECT)
		return NULL;
	for (const struct json *v = obj->child; v; v = v->next)
		if (v->key_len == len && memcmp(v->key, key, len) == 0)
			return v;
	return NULL;
}

const char *
json_get_str(const struct json *obj, const char *key, const char *fallback)
{
	const struct json *v = json_get(obj, key);

	return v && v->kind == JSON_STRING ? v->str : fallback;
}

long long
json_get_int(const struct json *obj, const char *key, long long fallback)
{
	const struct json *v = json_get(obj, key);
	char text[24];
	long long n;

	if (!v || v->kind != JSON_NUMBER || v->raw_len >= sizeof(text))
		return fallback;
	memcpy(text, v->raw, v->raw_len);
	text[v->raw_len] = '\0';
	if (strpbrk(text, ".eE"))
		return fallback;
	errno = 0;
	n = strtoll(text, NULL, 10);
	return errno ? fallback : n;
}

bool
json_get_bool(const struct json *obj, const char *key, bool fallback)
{
	const struct json *v = json_get(obj, key);

	return v && v->kind == JSON_BOOL ? v->truth : fallback;
}
