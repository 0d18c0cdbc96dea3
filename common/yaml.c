/* SPDX-License-Identifier: MIT */
#include "common/yaml.h"

#include "common/decimal.h"
#include "common/jsonw.h"
#include "common/mem.h"

#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MAX_DOCUMENT ((size_t)16 << 20)
#define MAX_UNFOLDED ((size_t)64 << 20)
#define MAX_DEPTH    512
#define LINE_WIDTH   80

/* ---- what a plain scalar stands for ---- */

enum meaning {
	MEANS_NULL,
	MEANS_BOOL,
	MEANS_INT,
	MEANS_FLOAT,
	MEANS_TIMESTAMP,
	MEANS_MERGE,
	MEANS_OTHER, /* no string for YAML, and nothing for JSON */
	MEANS_TEXT,
	MEANS_BAD_TAG, /* a tag that is not known, or does not fit */
};

/* PyYAML's resolver.py. */
static const char *const patterns[MEANS_TEXT] = {
	[MEANS_NULL] = "^(~|null|Null|NULL|)$",
	[MEANS_BOOL] = "^(yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE"
	               "|on|On|ON|off|Off|OFF)$",
	[MEANS_INT] = "^([-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(0|[1-9][0-9_]*)"
	              "|[-+]?0x[0-9a-fA-F_]+"
	              "|[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+)$",
	[MEANS_FLOAT] = "^([-+]?([0-9][0-9_]*)\\.[0-9_]*([eE][-+][0-9]+)?"
	                "|\\.[0-9][0-9_]*([eE][-+][0-9]+)?"
	                "|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*"
	                "|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN))$",
	[MEANS_TIMESTAMP] =
	    "^([0-9]{4}-[0-9]{2}-[0-9]{2}"
	    "|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}"
	    ":[0-9]{2}:[0-9]{2}(\\.[0-9]*)?"
	    "([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?)$",
	[MEANS_MERGE] = "^<<$",
	[MEANS_OTHER] = "^(=|!|&|\\*)$",
};

struct resolver {
	regex_t re[MEANS_TEXT];
};

static void
resolver_init(struct resolver *r)
{
	for (size_t i = 0; i < MEANS_TEXT; i++)
		if (regcomp(&r->re[i], patterns[i], REG_EXTENDED | REG_NOSUB))
			abort(); /* they are constants */
}

static void
resolver_release(struct resolver *r)
{
	for (size_t i = 0; i < MEANS_TEXT; i++)
		regfree(&r->re[i]);
}

static enum meaning
resolve(const struct resolver *r, const char *s, size_t len)
{
	static const char begins[] = "-+.0123456789~nNyYtTfFoO<=!&*";

	/* Most are told by their first character; and no number is long. */
	if (len > 0 && (!s[0] || !strchr(begins, s[0]) || len > 256))
		return MEANS_TEXT;
	if (memchr(s, '\0', len) || memchr(s, '\n', len))
		return MEANS_TEXT;
	for (size_t i = 0; i < MEANS_TEXT; i++)
		if (regexec(&r->re[i], s, 0, NULL, 0) == 0)
			return (enum meaning)i;
	return MEANS_TEXT;
}

/* ---- numbers ---- */

/* Digits in base 60 with colons between; the last part may have a fraction. */
static double
sexagesimal(const char *s)
{
	double n = 0;

	for (;;) {
		char *end;

		n = n * 60 + strtod(s, &end);
		if (*end != ':')
			return n;
		s = end + 1;
	}
}

static int
write_int(const char *s, struct buf *out, struct error *err)
{
	bool negative = *s == '-';
	unsigned long long n;
	int base = 10;

	s += *s == '-' || *s == '+';
	if (s[0] == '0' && s[1] == 'b')
		base = 2;
	else if (s[0] == '0' && s[1] == 'x')
		base = 16;
	else if (s[0] == '0' && s[1])
		base = 8;
	s += base == 2 || base == 16 ? 2 : 0;
	if (negative && strcmp(s, "0") != 0)
		buf_addc(out, '-');
	if (base == 10 && !strchr(s, ':')) {
		buf_adds(out, s);
		return 0;
	}
	errno = 0;
	n = base == 10 ? (unsigned long long)sexagesimal(s)
	               : strtoull(s, NULL, base);
	if (errno)
		return error_set(err, ERR_DATA, "%.64s is too large", s);
	buf_addf(out, "%llu", n);
	return 0;
}

static int
write_float(const char *s, struct buf *out, struct error *err)
{
	bool negative = *s == '-';
	double n;

	s += *s == '-' || *s == '+';
	n = strchr(s, ':') ? sexagesimal(s) : strtod(s, NULL);
	/* ".inf" and ".nan" are no numbers for strtod(). */
	if (!isfinite(n) || (*s == '.' && (s[1] < '0' || s[1] > '9')))
		return error_set(err, ERR_DATA, "%.64s is no number of JSON",
		    s);
	double_repr(negative ? -n : n, out);
	return 0;
}

/* ---- reading ---- */

struct reader {
	struct resolver resolver;
	yaml_document_t document;
	struct buf *out;
	struct yaml_places *places; /* or NULL */
	size_t limit;               /* of out->len */
	int depth;
};

static int
at(const yaml_mark_t *m, struct error *err)
{
	return error_prefix(err, "%zu:%zu: ", m->line + 1, m->column + 1);
}

static enum meaning
meaning_of(const struct reader *r, const yaml_node_t *n)
{
	static const struct {
		const char *tag;
		enum meaning meaning;
	} tags[] = {
		{ YAML_NULL_TAG, MEANS_NULL },
		{ YAML_BOOL_TAG, MEANS_BOOL },
		{ YAML_INT_TAG, MEANS_INT },
		{ YAML_FLOAT_TAG, MEANS_FLOAT },
		{ YAML_TIMESTAMP_TAG, MEANS_TIMESTAMP },
	};
	const char *text = (const char *)n->data.scalar.value;
	enum meaning found = resolve(&r->resolver, text, n->data.scalar.length);

	/* The loader gives all scalars without a tag that of strings. */
	if (strcmp((const char *)n->tag, YAML_STR_TAG) == 0)
		return n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
		    ? found
		    : MEANS_TEXT;
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (strcmp((const char *)n->tag, tags[i].tag) == 0 &&
		    found == tags[i].meaning)
			return found;
	return MEANS_BAD_TAG;
}

static int
write_meaning(struct reader *r, const yaml_node_t *n, struct error *err)
{
	const char *s = (const char *)n->data.scalar.value;
	struct buf digits = { 0 };
	int rc = 0;

	for (const char *p = s; *p; p++)
		if (*p != '_')
			buf_addc(&digits, *p);
	switch (meaning_of(r, n)) {
	case MEANS_NULL:
		buf_adds(r->out, "null");
		break;
	case MEANS_BOOL:
		buf_adds(r->out,
		    strchr("yYtT", *s) || strcasecmp(s, "on") == 0 ? "true"
		                                                   : "false");
		break;
	case MEANS_INT:
		rc = write_int(buf_str(&digits), r->out, err);
		break;
	case MEANS_FLOAT:
		rc = write_float(buf_str(&digits), r->out, err);
		break;
	case MEANS_TEXT:
	case MEANS_TIMESTAMP:
		jsonw_quote(r->out, s, n->data.scalar.length);
		break;
	case MEANS_MERGE:
	case MEANS_OTHER:
		rc = error_set(err, ERR_DATA,
		    "%.64s has a meaning of its own in YAML: put it in quotes",
		    s);
		break;
	case MEANS_BAD_TAG:
		rc = error_set(err, ERR_DATA, "the tag %.64s does not fit here",
		    (const char *)n->tag);
		break;
	}
	buf_release(&digits);
	return rc;
}

static int
read_scalar(struct reader *r, const yaml_node_t *n, struct error *err)
{
	return write_meaning(r, n, err) == 0 ? 0 : at(&n->start_mark, err);
}

static int read_node(struct reader *r, const yaml_node_t *n, struct error *err);

static void
separate(struct reader *r, size_t from)
{
	if (r->out->len > from)
		buf_addc(r->out, ',');
}

static int
read_key(struct reader *r, const yaml_node_t *k, struct error *err)
{
	if (k->type != YAML_SCALAR_NODE) {
		error_set(err, ERR_DATA, "a key is no string");
		return at(&k->start_mark, err);
	}
	if (meaning_of(r, k) != MEANS_TEXT) {
		error_set(err, ERR_DATA,
		    "the key %.64s is no string in YAML: put it in quotes",
		    (const char *)k->data.scalar.value);
		return at(&k->start_mark, err);
	}
	jsonw_quote(r->out, (const char *)k->data.scalar.value,
	    k->data.scalar.length);
	buf_addc(r->out, ':');
	return 0;
}

static bool
is_merge(const struct reader *r, const yaml_node_t *k)
{
	return k->type == YAML_SCALAR_NODE && meaning_of(r, k) == MEANS_MERGE;
}

static const yaml_node_t *
node(struct reader *r, int index)
{
	return yaml_document_get_node(&r->document, index);
}

static int read_members(struct reader *r, const yaml_node_t *n, size_t from,
    struct error *err);

/* The members of a mapping, or of a list of them, that "<<" names. In a list
 * the first one counts: it is written last. */
static int
read_merged(struct reader *r, const yaml_node_t *v, size_t from,
    struct error *err)
{
	yaml_node_item_t *i;

	if (v->type == YAML_MAPPING_NODE)
		return read_members(r, v, from, err);
	if (v->type == YAML_SEQUENCE_NODE) {
		for (i = v->data.sequence.items.top;
		     i > v->data.sequence.items.start; i--) {
			const yaml_node_t *m = node(r, i[-1]);

			if (m->type != YAML_MAPPING_NODE)
				break;
			if (read_members(r, m, from, err) < 0)
				return -1;
		}
		if (i == v->data.sequence.items.start)
			return 0;
	}
	error_set(err, ERR_DATA, "<< names neither a mapping nor a list");
	return at(&v->start_mark, err);
}

/* Merged members come first; of a key that is there twice the later value
 * holds, which is how JSON is read, too. */
static int
read_members(struct reader *r, const yaml_node_t *n, size_t from,
    struct error *err)
{
	yaml_node_pair_t *p;

	if (r->depth >= MAX_DEPTH || r->out->len > r->limit) {
		error_set(err, ERR_DATA, "too deep, or too much of aliases");
		return at(&n->start_mark, err);
	}
	r->depth++;
	for (p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++)
		if (is_merge(r, node(r, p->key)) &&
		    read_merged(r, node(r, p->value), from, err) < 0)
			return -1;
	for (p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		if (is_merge(r, node(r, p->key)))
			continue;
		separate(r, from);
		if (read_key(r, node(r, p->key), err) < 0 ||
		    read_node(r, node(r, p->value), err) < 0)
			return -1;
	}
	r->depth--;
	return 0;
}

static void
note_place(struct reader *r, const yaml_node_t *n)
{
	struct yaml_places *p = r->places;

	if (!p)
		return;
	p->items = xgrow(p->items, &p->cap, p->count + 1, sizeof(*p->items));
	p->items[p->count++] = (struct yaml_place){ r->out->len,
		n->start_mark.line + 1, n->start_mark.column + 1 };
}

static int
read_node(struct reader *r, const yaml_node_t *n, struct error *err)
{
	yaml_node_item_t *i;
	size_t from;

	note_place(r, n);
	if (r->depth >= MAX_DEPTH || r->out->len > r->limit) {
		error_set(err, ERR_DATA, "too deep, or too much of aliases");
		return at(&n->start_mark, err);
	}
	if (n->type == YAML_SCALAR_NODE)
		return read_scalar(r, n, err);
	if (n->type == YAML_MAPPING_NODE) {
		buf_addc(r->out, '{');
		if (read_members(r, n, r->out->len, err) < 0)
			return -1;
		buf_addc(r->out, '}');
		return 0;
	}
	buf_addc(r->out, '[');
	from = r->out->len;
	r->depth++;
	for (i = n->data.sequence.items.start; i < n->data.sequence.items.top;
	     i++) {
		separate(r, from);
		if (read_node(r, node(r, *i), err) < 0)
			return -1;
	}
	r->depth--;
	buf_addc(r->out, ']');
	return 0;
}

static int
parse_error(const yaml_parser_t *p, struct error *err)
{
	if (p->error == YAML_MEMORY_ERROR)
		return error_set(err, ERR_DATA, "too large to be read");
	error_set(err, ERR_DATA, "%s%s%s", p->problem ? p->problem : "no YAML",
	    p->context ? ", " : "", p->context ? p->context : "");
	if (p->error == YAML_READER_ERROR)
		return error_prefix(err, "byte %zu: ", p->problem_offset);
	return at(&p->problem_mark, err);
}

/* Is there another document? */
static int
check_end(yaml_parser_t *p, struct error *err)
{
	yaml_document_t more;
	yaml_node_t *root;
	int rc = 0;

	if (!yaml_parser_load(p, &more))
		return parse_error(p, err);
	root = yaml_document_get_root_node(&more);
	if (root) {
		error_set(err, ERR_DATA,
		    "a second document begins; one is wanted");
		rc = at(&root->start_mark, err);
	}
	yaml_document_delete(&more);
	return rc;
}

/* As deep as the brackets and list marks of the text could make it. */
static size_t
marks_in(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += text[i] == '[' || text[i] == '{' || text[i] == '-' ||
		    text[i] == '?';
	return count;
}

/* libyaml takes time in the square of the depth: what is too deep is found
 * before the document is built. Other errors are left for then. */
static int
check_depth(const char *text, size_t len, struct error *err)
{
	yaml_parser_t parser;
	yaml_event_t e;
	size_t depth = 0;
	bool end = marks_in(text, len) <= MAX_DEPTH;
	int rc = 0;

	if (end || !yaml_parser_initialize(&parser))
		return 0;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!end && rc == 0 && yaml_parser_parse(&parser, &e)) {
		end = e.type == YAML_STREAM_END_EVENT;
		depth += e.type == YAML_SEQUENCE_START_EVENT ||
		    e.type == YAML_MAPPING_START_EVENT;
		depth -= e.type == YAML_SEQUENCE_END_EVENT ||
		    e.type == YAML_MAPPING_END_EVENT;
		if (depth > MAX_DEPTH) {
			error_set(err, ERR_DATA, "too deep");
			rc = at(&e.start_mark, err);
		}
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	return rc;
}

int
yaml_to_json(const char *text, size_t len, struct buf *json,
    struct yaml_places *places, struct error *err)
{
	struct reader r = {
		.out = json, .places = places, .limit = json->len + MAX_UNFOLDED
	};
	yaml_parser_t parser;
	yaml_node_t *root;
	int rc = -1;

	if (len > MAX_DOCUMENT)
		return error_set(err, ERR_DATA,
		    "a YAML document of %zu bytes; at most %zu are read", len,
		    MAX_DOCUMENT);
	if (check_depth(text, len, err) < 0)
		return -1;
	if (!yaml_parser_initialize(&parser))
		return error_set(err, ERR_DATA, "libyaml has no memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &r.document)) {
		parse_error(&parser, err);
		yaml_parser_delete(&parser);
		return -1;
	}
	resolver_init(&r.resolver);
	root = yaml_document_get_root_node(&r.document);
	if (!root) {
		buf_adds(json, "null");
		rc = 0;
	} else if (read_node(&r, root, err) == 0) {
		rc = check_end(&parser, err);
	}
	resolver_release(&r.resolver);
	yaml_document_delete(&r.document);
	yaml_parser_delete(&parser);
	return rc;
}

/* ---- writing ---- */

struct writer {
	struct resolver resolver;
	yaml_emitter_t emitter;
};

static int
collect(void *arg, unsigned char *data, size_t size)
{
	buf_add(arg, data, size);
	return 1;
}

static int
emit(struct writer *w, yaml_event_t *e)
{
	return yaml_emitter_emit(&w->emitter, e) ? 0 : -1;
}

static int
emit_scalar(struct writer *w, const char *s, size_t len, bool is_text)
{
	bool plain = !is_text || resolve(&w->resolver, s, len) == MEANS_TEXT;
	yaml_event_t e;

	if (!yaml_scalar_event_initialize(&e, NULL, NULL,
	        (const unsigned char *)s, (int)len, plain, is_text,
	        YAML_ANY_SCALAR_STYLE))
		return -1;
	return emit(w, &e);
}

/* Floats as Python spells them; those of YAML 1.1 have a point. */
static int
emit_number(struct writer *w, const struct json *v)
{
	struct buf text = { 0 }, out = { 0 };
	size_t mantissa;
	double n;
	int rc;

	json_write(v, JSON_WRITE_PYTHON, &text);
	if (strpbrk(buf_str(&text), ".eE") &&
	    text_to_double(text.data, text.len, &n)) {
		buf_reset(&text);
		double_repr(n, &text);
	}
	mantissa = strcspn(buf_str(&text), "e");
	buf_add(&out, text.data, mantissa);
	if (mantissa < text.len && !memchr(text.data, '.', mantissa))
		buf_adds(&out, ".0");
	buf_add(&out, text.data + mantissa, text.len - mantissa);
	rc = emit_scalar(w, buf_str(&out), out.len, false);
	buf_release(&text);
	buf_release(&out);
	return rc;
}

static int emit_value(struct writer *w, const struct json *v);

static int
emit_container(struct writer *w, const struct json *v)
{
	bool object = v->kind == JSON_OBJECT;
	yaml_event_t e;

	if (!(object ? yaml_mapping_start_event_initialize(&e, NULL, NULL, 1,
	                   YAML_BLOCK_MAPPING_STYLE)
	             : yaml_sequence_start_event_initialize(&e, NULL, NULL, 1,
	                   YAML_BLOCK_SEQUENCE_STYLE)) ||
	    emit(w, &e) < 0)
		return -1;
	for (const struct json *m = v->child; m; m = m->next)
		if ((object && emit_scalar(w, m->key, m->key_len, true) < 0) ||
		    emit_value(w, m) < 0)
			return -1;
	if (!(object ? yaml_mapping_end_event_initialize(&e)
	             : yaml_sequence_end_event_initialize(&e)))
		return -1;
	return emit(w, &e);
}

static int
emit_value(struct writer *w, const struct json *v)
{
	switch (v->kind) {
	case JSON_STRING:
		return emit_scalar(w, v->str, v->len, true);
	case JSON_NULL:
		return emit_scalar(w, "null", 4, false);
	case JSON_BOOL:
		return v->truth ? emit_scalar(w, "true", 4, false)
		                : emit_scalar(w, "false", 5, false);
	case JSON_OBJECT:
	case JSON_ARRAY:
		return emit_container(w, v);
	default:
		return emit_number(w, v);
	}
}

static int
emit_document(struct writer *w, const struct json *v)
{
	yaml_event_t e;

	if (!yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING) ||
	    emit(w, &e) < 0 ||
	    !yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1) ||
	    emit(w, &e) < 0 || emit_value(w, v) < 0 ||
	    !yaml_document_end_event_initialize(&e, 1) || emit(w, &e) < 0 ||
	    !yaml_stream_end_event_initialize(&e))
		return -1;
	return emit(w, &e);
}

int
yaml_from_json(const struct json *v, struct buf *out, struct error *err)
{
	struct writer w;
	int rc;

	if (!yaml_emitter_initialize(&w.emitter))
		return error_set(err, ERR_DATA, "libyaml has no memory");
	resolver_init(&w.resolver);
	yaml_emitter_set_output(&w.emitter, collect, out);
	yaml_emitter_set_unicode(&w.emitter, 1);
	yaml_emitter_set_width(&w.emitter, LINE_WIDTH);
	rc = emit_document(&w, v);
	if (rc < 0)
		error_set(err, ERR_DATA, "YAML cannot be written: %s",
		    w.emitter.problem ? w.emitter.problem : "no memory");
	resolver_release(&w.resolver);
	yaml_emitter_delete(&w.emitter);
	return rc;
}
