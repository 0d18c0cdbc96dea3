/* SPDX-License-Identifier: MIT */
#include "common/config_private.h"

#include "common/buf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "FILE:LINE: KEY: ", or the variable or flag, which are the key; then what
 * was found and what was expected. */
static int
wrong(struct config *c, const struct entry *e, const char *expected,
    struct error *err)
{
	const char *quote = e->type == TOML_STRING ? "\"" : "";
	const char *text = e->text ? config_mask(c, e->text) : "a table";
	const char *hint = "";

	if (e->type == TOML_ARRAY)
		text = "an array";
	if (e->type == TOML_STRING &&
	    (!*text || strcasecmp(text, "none") == 0 ||
	        strcasecmp(text, "null") == 0))
		hint = "; leave the setting out to have none";
	error_set(err, ERR_USAGE, "%s%.200s%s is not %s%s", quote, text, quote,
	    expected, hint);
	if (strchr(e->origin, '/') || strstr(e->origin, ".toml:"))
		error_prefix(err, "%s: ", config_join(c, e->parts, e->depth));
	return error_prefix(err, "%s: ", e->origin);
}

enum parsed { PARSED, NOT_A_NUMBER, OUT_OF_RANGE };

/* Python's int(): blanks around, a sign, single "_" between digits; and the
 * "0x" that dlt adds to it. */
static enum parsed
parse_int(const char *s, long *out)
{
	char digits[80];
	size_t n = 0, len;
	int base = 10;
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	for (len = strlen(s); len && isspace((unsigned char)s[len - 1]); len--)
		;
	if (len > 2 && s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
		len -= 2;
	}
	if (len && (*s == '-' || *s == '+')) {
		digits[n++] = *s++;
		len--;
	}
	for (; len; s++, len--) {
		bool between = *s == '_' && n &&
		    isxdigit((unsigned char)s[-1]) && len > 1 &&
		    isxdigit((unsigned char)s[1]);

		if (between)
			continue;
		if (!isxdigit((unsigned char)*s))
			return NOT_A_NUMBER;
		if (n == sizeof(digits) - 1)
			return OUT_OF_RANGE;
		digits[n++] = *s;
	}
	digits[n] = '\0';
	errno = 0;
	*out = strtol(digits, &end, base);
	if (end == digits || *end)
		return NOT_A_NUMBER;
	return errno == ERANGE ? OUT_OF_RANGE : PARSED;
}

static enum parsed
entry_int(const struct config *c, const struct entry *e, long *out)
{
	enum parsed rc;
	struct error ignored;
	uint64_t size;

	switch (e->type) {
	case TOML_INTEGER:
		*out = (long)e->integer;
		return PARSED;
	case TOML_FLOAT:
		if (!isfinite(e->number) || e->number != floor(e->number))
			return NOT_A_NUMBER;
		if (fabs(e->number) >= 9223372036854775808.0)
			return OUT_OF_RANGE;
		*out = (long)e->number;
		return PARSED;
	case TOML_STRING:
		rc = parse_int(e->text, out);
		if (rc != NOT_A_NUMBER || e < c->flags.entries ||
		    e >= c->flags.entries + c->flags.count ||
		    opt_size(e->text, &size, &ignored) < 0)
			return rc;
		if (size > LONG_MAX)
			return OUT_OF_RANGE;
		*out = (long)size;
		return PARSED;
	default:
		return NOT_A_NUMBER;
	}
}

/* zero_is_none: for display, a default of 0 stands for "not set". */
static int
read_int(struct config *c, const struct config_context *ctx, const char *key,
    long min, bool zero_is_none, long *out, struct error *err)
{
	const char *most;
	const struct entry *e = config_search(c, ctx, key, OPEN, &most);
	long n = *out;
	char text[32], expected[64];

	if (e) {
		switch (entry_int(c, e, &n)) {
		case PARSED:
			break;
		case NOT_A_NUMBER:
			return wrong(c, e, "a whole number", err);
		case OUT_OF_RANGE:
			return wrong(c, e, "a number of 64 bits", err);
		}
		if (n < min) {
			snprintf(expected, sizeof(expected),
			    "a whole number from %ld on", min);
			return wrong(c, e, expected, err);
		}
	}
	snprintf(text, sizeof(text), "%ld", n);
	config_remember(c, most, e, !e && zero_is_none && n == 0 ? NULL : text,
	    TOML_INTEGER);
	*out = n;
	return 0;
}

int
config_int(struct config *c, const struct config_context *ctx, const char *key,
    long *out, struct error *err)
{
	return read_int(c, ctx, key, LONG_MIN, false, out, err);
}

int
config_count(struct config *c, const struct config_context *ctx,
    const char *key, long min, long *out, struct error *err)
{
	return read_int(c, ctx, key, min, false, out, err);
}

/* As float() and dlt have it, but for inf and nan, which no setting wants. */
static bool
entry_double(const struct config *c, const struct entry *e, double *out)
{
	const char *text = e->text;
	char *end;
	long n;

	if (e->type == TOML_FLOAT) {
		*out = e->number;
		return isfinite(e->number);
	}
	if (entry_int(c, e, &n) == PARSED) {
		*out = (double)n;
		return true;
	}
	if (e->type != TOML_STRING || strpbrk(text, "xXnN"))
		return false;
	*out = strtod(text, &end);
	while (isspace((unsigned char)*end))
		end++;
	return end != text && !*end && isfinite(*out);
}

int
config_double(struct config *c, const struct config_context *ctx,
    const char *key, double *out, struct error *err)
{
	const char *most;
	const struct entry *e = config_search(c, ctx, key, OPEN, &most);
	double d = *out;
	char text[32];

	if (e && !entry_double(c, e, &d))
		return wrong(c, e, "a number", err);
	snprintf(text, sizeof(text), "%.15g", d);
	config_remember(c, most, e, text, TOML_FLOAT);
	*out = d;
	return 0;
}

static bool
entry_bool(const struct entry *e, bool *out)
{
	static const char *const words[] = { "no", "yes", "false", "true", "f",
		"t", "n", "y", "0", "1" };
	size_t i;

	switch (e->type) {
	case TOML_BOOL:
		*out = e->boolean;
		return true;
	case TOML_INTEGER:
		*out = e->integer != 0;
		return true;
	case TOML_FLOAT:
		*out = e->number != 0;
		return true;
	case TOML_STRING:
		for (i = 0; i < ARRAY_LEN(words); i++) {
			if (strcasecmp(e->text, words[i]) == 0) {
				*out = i % 2;
				return true;
			}
		}
		return false;
	default:
		return false;
	}
}

int
config_bool(struct config *c, const struct config_context *ctx, const char *key,
    bool *out, struct error *err)
{
	const char *most;
	const struct entry *e = config_search(c, ctx, key, OPEN, &most);

	if (e && !entry_bool(e, out))
		return wrong(c, e, "true or false", err);
	config_remember(c, most, e, *out ? "true" : "false", TOML_BOOL);
	return 0;
}

static int
read_string(struct config *c, const struct config_context *ctx, const char *key,
    enum secrecy secrecy, const char **out, struct error *err)
{
	const char *most;
	const struct entry *e = config_search(c, ctx, key, secrecy, &most);

	if (e && e->type == TOML_TABLE)
		return wrong(c, e, "text", err);
	if (e && secrecy == SECRET && e >= c->config.entries &&
	    e < c->config.entries + c->config.count)
		return error_set(err, ERR_USAGE,
		    "%s: %s is a secret; move it to secrets.toml or to the "
		    "environment",
		    e->origin, config_join(c, e->parts, e->depth));
	if (e)
		*out = e->text;
	config_remember(c, most, e, *out && secrecy == SECRET ? "***" : *out,
	    TOML_STRING);
	return 0;
}

int
config_string(struct config *c, const struct config_context *ctx,
    const char *key, const char **out, struct error *err)
{
	return read_string(c, ctx, key, OPEN, out, err);
}

int
config_secret(struct config *c, const struct config_context *ctx,
    const char *key, const char **out, struct error *err)
{
	return read_string(c, ctx, key, SECRET, out, err);
}

int
config_choice(struct config *c, const struct config_context *ctx,
    const char *key, const char *const *words, size_t count, size_t *out,
    struct error *err)
{
	const char *most;
	const struct entry *e = config_search(c, ctx, key, OPEN, &most);
	struct buf expected = { 0 };
	size_t i = *out;

	if (e) {
		for (i = 0; i < count; i++)
			if (e->type == TOML_STRING &&
			    strcmp(e->text, words[i]) == 0)
				break;
	}
	if (i < count) {
		config_remember(c, most, e, words[i], TOML_STRING);
		*out = i;
		return 0;
	}
	for (i = 0; i < count; i++)
		buf_addf(&expected, "%s%s",
		    i == 0              ? ""
		        : i + 1 < count ? ", "
		                        : " or ",
		    words[i]);
	wrong(c, e, buf_str(&expected), err);
	buf_release(&expected);
	return -1;
}

int
config_writer(struct config *c, const struct config_context *ctx,
    struct writer_settings *out, struct error *err)
{
	struct config_context writer = *ctx;
	struct writer_settings s = { .buffer_max_items = 5000 };

	writer.section = "data_writer";
	if (read_int(c, &writer, "buffer_max_items", 0, false,
	        &s.buffer_max_items, err) ||
	    read_int(c, &writer, "file_max_items", 0, true, &s.file_max_items,
	        err) ||
	    read_int(c, &writer, "file_max_bytes", 0, true, &s.file_max_bytes,
	        err) ||
	    config_bool(c, &writer, "disable_compression",
	        &s.disable_compression, err))
		return -1;
	*out = s;
	return 0;
}
