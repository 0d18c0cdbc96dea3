/* SPDX-License-Identifier: MIT */
/*
 * Simple regexes of a schema: a name, or "re:" and a regular expression of
 * Python's kind, which is rewritten as a POSIX extended one. Only the question
 * "does it match somewhere" is asked, so greed and groups do not matter. What
 * POSIX cannot say (look-around, references) is refused.
 */
#include "common/schema_private.h"

#include "common/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATTERN 1000 /* bytes */
/* A repetition copies what it repeats ("+" too), so groups within groups
 * multiply the size of the automaton, and schemas come from anywhere. */
#define MAX_COST  1000
#define MAX_DEPTH 50

/* The bytes behind the first one of a character, and a character beyond
 * ASCII: the names are UTF-8, the automaton sees bytes. */
#define MORE "[\x80-\xbf]"
#define HIGH "[\xc2-\xf4]" MORE "+"
/* One character but those of a bracket's content. */
#define NOT(set) "([^" set "\x80-\xbf]" MORE "*)"

struct rewrite {
	const char *at;
	struct buf out;
	int flags;
	size_t depth;
	struct {
		unsigned long sum, last; /* all of the group, its last item */
	} cost[MAX_DEPTH];
};

static int
unsupported(const char *what, struct error *err)
{
	return error_set(err, ERR_DATA, "%s is not supported", what);
}

/* Count an item of a group. */
static void
add_item(struct rewrite *r, unsigned long cost)
{
	r->cost[r->depth].sum += cost;
	r->cost[r->depth].last = cost;
}

/* The last item stands there so many times. */
static int
repeat_item(struct rewrite *r, unsigned long times, struct error *err)
{
	unsigned long *sum = &r->cost[r->depth].sum;
	unsigned long *last = &r->cost[r->depth].last;

	*sum += *last * (times - 1);
	*last *= times;
	if (*sum > MAX_COST)
		return error_set(err, ERR_DATA, "too many repetitions");
	return 0;
}

/* The character that a letter after a backslash stands for, or 0. */
static char
control_escape(char c)
{
	static const char names[] = "ntrfva", values[] = "\n\t\r\f\v\a";
	const char *at = c ? strchr(names, c) : NULL;

	return at ? values[at - names] : '\0';
}

static bool
in_class(char class, int c)
{
	switch (class) {
	case 'd':
		return c >= '0' && c <= '9';
	case 'w':
		return c < 128 && (isalnum(c) || c == '_');
	default:
		return c == ' ' || (c >= '\t' && c <= '\r');
	}
}

static bool
is_class(char c)
{
	return c != '\0' && strchr("dDwWsS", c);
}

/* A class outside brackets. Letters beyond ASCII are taken for word
 * characters, as nearly all that stand in names are. */
static void
write_class(struct buf *out, char c)
{
	switch (c) {
	case 'd':
		buf_adds(out, "[0-9]");
		break;
	case 'D':
		buf_adds(out, NOT("0-9"));
		break;
	case 'w':
		buf_adds(out, "([[:alnum:]_]|" HIGH ")");
		break;
	case 'W':
		buf_adds(out, "[^[:alnum:]_\x80-\xff]");
		break;
	case 's':
		buf_adds(out, "[[:space:]]");
		break;
	default:
		buf_adds(out, NOT("[:space:]"));
		break;
	}
}

static int
rewrite_escape(struct rewrite *r, struct error *err)
{
	char c = *++r->at;

	if (c == '\0')
		return error_set(err, ERR_DATA, "it ends in a backslash");
	r->at++;
	add_item(r, 2);
	if (is_class(c))
		write_class(&r->out, c);
	else if (c == 'b' || c == 'B')
		buf_addf(&r->out, "\\%c", c);
	else if (c == 'A' || c == 'Z')
		buf_addc(&r->out, c == 'A' ? '^' : '$');
	else if (control_escape(c))
		buf_addc(&r->out, control_escape(c));
	else if (isalnum((unsigned char)c))
		return unsupported("an escape with a letter or digit", err);
	else if (strchr("^$.[]|()*+?{}\\", c))
		buf_addf(&r->out, "\\%c", c);
	else
		buf_addc(&r->out, c);
	return 0;
}

/* The content of a bracket: members of ASCII, and all that lies beyond. */
struct bracket {
	bool set[128];
	bool high;
};

/* One member: a character, or the letter of a class. */
static int
bracket_member(struct rewrite *r, char *c, bool *class, struct error *err)
{
	bool escaped = *r->at == '\\';

	r->at += escaped ? 1 : 0;
	*c = *r->at;
	*class = escaped && is_class(*c);
	if (*c == '\0')
		return error_set(err, ERR_DATA, "a bracket is open");
	r->at++;
	if ((unsigned char)*c >= 128)
		return unsupported("a character beyond ASCII in a bracket",
		    err);
	if (*class && isupper((unsigned char)*c))
		return unsupported("a negated class in a bracket", err);
	if (!escaped || *class)
		return 0;
	if (control_escape(*c))
		*c = control_escape(*c);
	else if (isalnum((unsigned char)*c))
		return unsupported("such an escape in a bracket", err);
	return 0;
}

/* A member or a range of them. */
static int
bracket_item(struct rewrite *r, struct bracket *b, struct error *err)
{
	char low, high;
	bool class;

	if (bracket_member(r, &low, &class, err) < 0)
		return -1;
	if (class) {
		for (int c = 1; c < 128; c++)
			b->set[c] = b->set[c] || in_class(low, c);
		b->high = b->high || low == 'w';
		return 0;
	}
	high = low;
	if (*r->at == '-' && r->at[1] != ']' && r->at[1] != '\0') {
		r->at++;
		if (bracket_member(r, &high, &class, err) < 0)
			return -1;
		if (class || high < low)
			return error_set(err, ERR_DATA,
			    "a bad range in a bracket");
	}
	for (int c = low; c <= high; c++)
		b->set[c] = true;
	return 0;
}

/* POSIX wants ']' in front, '^' elsewhere, '-' in front or behind, and no '['
 * before '.', ':' or '='. */
static void
bracket_write(struct buf *out, const struct bracket *b, bool negated)
{
	struct buf set = { 0 };

	if (b->set[']'] || b->set['-'])
		buf_addc(&set, b->set[']'] ? ']' : '-');
	for (int c = 1; c < 128; c++)
		if (b->set[c] && !strchr("][^-", c))
			buf_addc(&set, (char)c);
	if (b->set['['])
		buf_addc(&set, '[');
	if (b->set['^'])
		buf_addc(&set, '^');
	if (b->set[']'] && b->set['-'])
		buf_addc(&set, '-');
	if (negated)
		buf_addf(out, b->high ? "[^%s\x80-\xff]" : NOT("%s"),
		    buf_str(&set));
	else if (b->high)
		buf_addf(out, "([%s]|" HIGH ")", buf_str(&set));
	else if (strcmp(buf_str(&set), "^") == 0)
		buf_adds(out, "\\^");
	else
		buf_addf(out, "[%s]", buf_str(&set));
	buf_release(&set);
}

static int
rewrite_bracket(struct rewrite *r, struct error *err)
{
	struct bracket b = { 0 };
	bool negated = r->at[1] == '^';

	r->at += negated ? 2 : 1;
	do {
		if (bracket_item(r, &b, err) < 0)
			return -1;
	} while (*r->at != ']');
	r->at++;
	add_item(r, 2);
	bracket_write(&r->out, &b, negated);
	return 0;
}

static int
rewrite_group(struct rewrite *r, struct error *err)
{
	if (r->depth + 1 == MAX_DEPTH)
		return error_set(err, ERR_DATA, "too many groups in groups");
	r->depth++;
	r->cost[r->depth].sum = r->cost[r->depth].last = 0;
	buf_addc(&r->out, '(');
	r->at++;
	if (*r->at != '?')
		return 0;
	if (r->at[1] == ':') {
		r->at += 2;
		return 0;
	}
	if (r->at[1] == 'P' && r->at[2] == '<' && strchr(r->at, '>')) {
		r->at = strchr(r->at, '>') + 1;
		return 0;
	}
	return unsupported("a group that begins with \"(?\"", err);
}

static int
close_group(struct rewrite *r, struct error *err)
{
	if (r->depth == 0)
		return error_set(err, ERR_DATA, "a parenthesis too many");
	r->depth--;
	add_item(r, r->cost[r->depth + 1].sum + 1);
	buf_addc(&r->out, *r->at++);
	/* Groups side by side count as well. */
	return repeat_item(r, 1, err);
}

/* A plain character; one beyond ASCII is kept together, as a repetition
 * behind it means all of it. */
static void
rewrite_plain(struct rewrite *r)
{
	size_t len = 1;

	add_item(r, *r->at == '.' ? 3 : 1);
	if (*r->at == '.') {
		buf_adds(&r->out, NOT(""));
	} else if ((unsigned char)*r->at < 128) {
		buf_addc(&r->out, *r->at);
	} else {
		while (((unsigned char)r->at[len] & 0xc0) == 0x80)
			len++;
		buf_addf(&r->out, "(%.*s)", (int)len, r->at);
	}
	r->at += len;
}

/* {m}, {m,}, {,n}, {m,n}; another brace is a plain character. */
static int
rewrite_count(struct rewrite *r, struct error *err)
{
	char *end;
	unsigned long low = strtoul(r->at + 1, &end, 10), high = low;
	size_t len = strspn(r->at + 1, "0123456789,") + 2;

	if (r->at[len - 1] != '}' || len == 2) {
		add_item(r, 1);
		buf_adds(&r->out, "\\{");
		r->at++;
		return 0;
	}
	if (*end == ',' && isdigit((unsigned char)end[1]))
		high = strtoul(end + 1, &end, 10);
	else if (*end == ',')
		end++;
	if (*end != '}')
		return error_set(err, ERR_DATA, "a bad repetition count");
	if (low > high || high > MAX_COST)
		return error_set(err, ERR_DATA, "too many repetitions");
	buf_add(&r->out, r->at, len);
	r->at += len;
	/* Without an end the last copy is one that repeats. */
	return repeat_item(r, high + 1, err);
}

static int
rewrite_next(struct rewrite *r, struct error *err)
{
	char c = *r->at;
	int rc = 0;

	switch (c) {
	case '\\':
		return rewrite_escape(r, err);
	case '[':
		return rewrite_bracket(r, err);
	case '(':
		return rewrite_group(r, err);
	case ')':
		return close_group(r, err);
	case '{':
		rc = rewrite_count(r, err);
		break;
	case '*':
	case '+':
	case '?':
		buf_addc(&r->out, c);
		r->at++;
		rc = repeat_item(r, c == '+' ? 2 : 1, err);
		break;
	default:
		rewrite_plain(r);
		return 0;
	}
	/* After a repetition: "?" makes it lazy, which changes no answer. */
	if (rc == 0 && *r->at == '+')
		return unsupported("a possessive repetition", err);
	if (rc == 0 && *r->at == '?')
		r->at++;
	return rc;
}

static int
regex_compile(regex_t *re, const char *text, struct error *err)
{
	struct rewrite r = { .at = text, .flags = REG_EXTENDED | REG_NOSUB };
	char why[128];
	int rc = 0, code;

	if (strlen(text) > MAX_PATTERN)
		return error_set(err, ERR_DATA, "it is too long");
	if (strncmp(text, "(?i)", 4) == 0) {
		r.flags |= REG_ICASE;
		r.at += 4;
	}
	while (rc == 0 && *r.at != '\0')
		rc = rewrite_next(&r, err);
	if (rc == 0 && (code = regcomp(re, buf_str(&r.out), r.flags)) != 0) {
		regerror(code, re, why, sizeof(why));
		rc = error_set(err, ERR_DATA, "%s", why);
	}
	buf_release(&r.out);
	return rc;
}

int
pattern_compile(struct pattern *p, const char *text, struct error *err)
{
	if (strncmp(text, "re:", 3) != 0) {
		p->exact = xstrdup(text);
		return 0;
	}
	if (regex_compile(&p->re, text + 3, err) == 0)
		return 0;
	p->broken = true;
	return error_prefix(err,
	    "the regular expression \"%.100s\": ", text + 3);
}

bool
pattern_matches(const struct pattern *p, const char *name)
{
	if (p->broken)
		return false;
	if (p->exact)
		return strcmp(p->exact, name) == 0;
	return regexec(&p->re, name, 0, NULL, 0) == 0;
}

void
pattern_release(struct pattern *p)
{
	free(p->exact);
	if (!p->exact && !p->broken)
		regfree(&p->re);
	*p = (struct pattern){ 0 };
}
