/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/step_jq.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/scan.h"

/* jq.h needs both before it */
#include <jq.h>
#include <jv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_INTEGER "9007199254740992" /* 2^53 */
#define EXACT_DIGITS  17

struct jq_step {
	enum step_jq kind;
	jq_state *jq;
	struct buf out;
	struct buf message; /* of a compilation */
};

/* ---- messages ---- */

/* Its first line, without who says it. */
static void
take_message(void *arg, jv msg)
{
	struct jq_step *s = arg;
	jv text = jq_format_error(msg);
	const char *p = jv_string_value(text);

	if (s->message.len == 0) {
		if (strncmp(p, "jq: error: ", 11) == 0)
			p += 11;
		buf_add(&s->message, p, strcspn(p, "\n"));
	}
	jv_free(text);
}

static int
fail(const struct jq_step *s, jv invalid, struct error *err)
{
	jv msg = jv_invalid_get_msg(invalid);
	const char *what = s->kind == STEP_MAP ? "map" : "filter";

	if (jv_get_kind(msg) == JV_KIND_STRING)
		error_set(err, ERR_DATA, "%s: %s", what, jv_string_value(msg));
	else
		error_set(err, ERR_DATA, "%s: failed", what);
	jv_free(msg);
	return -1;
}

/* There is no (more) output: 0; -1. */
static int
no_output(const struct jq_step *s, jv out, struct error *err)
{
	if (jv_invalid_has_msg(jv_copy(out)))
		return fail(s, out, err);
	jv_free(out);
	if (jq_halted(s->jq))
		return error_set(err, ERR_DATA, "%s: halt is for jq alone",
		    s->kind == STEP_MAP ? "map" : "filter");
	return 0;
}

/* ---- numbers ---- */

/* Would a double change the number that stands there? Of integers the text is
 * compared: as a double 2^53 + 1 is 2^53. */
static bool
is_inexact(const char *p, size_t len)
{
	const char *first = NULL;
	size_t digits = 0;
	bool whole = true;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == 'e' || p[i] == 'E') {
			whole = false;
			break;
		}
		if (p[i] == '.') {
			whole = false;
		} else if (p[i] != '-' && (p[i] != '0' || digits != 0)) {
			if (digits++ == 0)
				first = p + i;
		}
	}
	if (!whole)
		return digits > EXACT_DIGITS;
	return digits > strlen(EXACT_INTEGER) ||
	    (digits == strlen(EXACT_INTEGER) &&
	        memcmp(first, EXACT_INTEGER, digits) > 0);
}

/* Of checked JSON: the first number that jq would change, or NULL. */
static const char *
find_inexact(const char *p, const char *end, size_t *len)
{
	while (p < end) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\';
			p++;
		} else if (*p == '-' || (*p >= '0' && *p <= '9')) {
			const char *from = p;

			while (p < end && strchr("+-.eE0123456789", *p) &&
			    *p != '\0')
				p++;
			*len = (size_t)(p - from);
			if (is_inexact(from, *len))
				return from;
		} else {
			p++;
		}
	}
	return NULL;
}

/* ---- rows ---- */

static int
filter(struct jq_step *s, struct error *err)
{
	jv out = jq_next(s->jq);
	int pass;

	if (!jv_is_valid(out))
		return no_output(s, out, err);
	pass = jv_get_kind(out) != JV_KIND_NULL &&
	    jv_get_kind(out) != JV_KIND_FALSE;
	jv_free(out);
	return pass;
}

static int
map(struct jq_step *s, struct row *row, struct error *err)
{
	jv out = jq_next(s->jq), more;
	jv text;

	if (!jv_is_valid(out))
		return no_output(s, out, err);
	text = jv_dump_string(out, 0);
	buf_reset(&s->out);
	buf_add(&s->out, jv_string_value(text),
	    (size_t)jv_string_length_bytes(jv_copy(text)));
	jv_free(text);
	buf_reserve(&s->out, SCAN_SLACK);
	more = jq_next(s->jq);
	if (jv_is_valid(more)) {
		jv_free(more);
		return error_set(err, ERR_DATA,
		    "map: gives several rows for one; a resource with \"from\" "
		    "and \"command\" can");
	}
	if (no_output(s, more, err) < 0)
		return -1;
	row->data = s->out.data;
	row->len = s->out.len;
	return 1;
}

static int
apply(void *self, struct row *row, struct error *err)
{
	struct jq_step *s = self;
	const char *number;
	size_t len;
	jv in;

	if (s->kind == STEP_MAP) {
		number = find_inexact(row->data, row->data + row->len, &len);
		if (number != NULL)
			return error_set(err, ERR_DATA,
			    "map: jq would change the number %.*s",
			    (int)(len < 60 ? len : 60), number);
	}
	in = jv_parse_sized(row->data, (int)row->len);
	if (!jv_is_valid(in))
		return fail(s, in, err);
	jq_start(s->jq, in, 0);
	return s->kind == STEP_MAP ? map(s, row, err) : filter(s, err);
}

static void
release(void *self)
{
	struct jq_step *s = self;

	if (s->jq != NULL)
		jq_teardown(&s->jq);
	buf_release(&s->out);
	buf_release(&s->message);
	free(s);
}

struct step *
step_jq_new(enum step_jq kind, const char *program, struct error *err)
{
	static const struct step_kind step_kind = { apply, NULL, release };
	struct jq_step *s = xcalloc(1, sizeof(*s));
	struct step *step;

	s->kind = kind;
	s->jq = jq_init();
	if (s->jq == NULL) {
		error_set(err, ERR_TEMP, "jq cannot be started");
		release(s);
		return NULL;
	}
	jq_set_error_cb(s->jq, take_message, s);
	/* without it "include" makes libjq abort */
	jq_set_attr(s->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	if (!jq_compile(s->jq, program)) {
		error_set(err, ERR_USAGE, "jq: %s",
		    s->message.len != 0 ? buf_str(&s->message)
		                        : "the program does not compile");
		release(s);
		return NULL;
	}
	step = xcalloc(1, sizeof(*step));
	step->kind = &step_kind;
	step->self = s;
	return step;
}
