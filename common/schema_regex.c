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
/* Product of all repetition counts: they multiply the size of the automaton,
 * and schemas come from anywhere. */
#define MAX_REPEATS 1000

struct rewrite {
	const char *at;
	struct buf out;
	int flags;
	unsigned long repeats;
};

static int
unsupported(const char *what, struct error *err)
{
	return error_set(err, ERR_DATA, "%s is not supported", what);
}

/* The character that a letter after a backslash stands for, or 0. */
static char
control_escape(char c)
{
	static const char names[] = "ntrfva", values[] = "\n\t\r\f\v\a";
	const char *at = c ? strchr(names, c) : NULL;

	return at ? values[at - names] : '\0';
}

/* Members of a class, as they stand in a bracket; NULL: no class. */
static const char *
class_members(char c)
{
	switch (c) {
	case 'd':
	case 'D':
		return "0-9";
	case 'w':
	case 'W':
		return "[:alnum:]_";
	case 's':
	case 'S':
		return "[:space:]";
	default:
		return NULL;
	}
}

static int
rewrite_escape(struct rewrite *r, struct error *err)
{
	char c = *++r->at;
	const char *members = class_members(c);

	if (c == '\0')
		return error_set(err, ERR_DATA, "it ends in a backslash");
	r->at++;
	if (members)
		buf_addf(&r->out, "[%s%s]",
		    isupper((unsigned char)c) ? "^" : "", members);
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

/* The content of a bracket; ']', '[', '^' and '-' as members are set aside,
 * they need a certain place in a POSIX one. */
struct bracket {
	struct buf set;
	bool right, left, caret, hyphen;
};

static int
bracket_item(struct rewrite *r, struct bracket *b, bool first,
    struct error *err)
{
	char c = *r->at++;
	const char *members;

	if (c == '-' && !first && *r->at != ']' && *r->at != '\\') {
		buf_addc(&b->set, '-'); /* a range */
		return 0;
	}
	if (c == '\\') {
		c = *r->at;
		if (c == '\0')
			return error_set(err, ERR_DATA, "a bracket is open");
		r->at++;
		members = class_members(c);
		if (members && isupper((unsigned char)c))
			return unsupported("a negated class in a bracket", err);
		if (members) {
			buf_adds(&b->set, members);
			return 0;
		}
		if (control_escape(c))
			c = control_escape(c);
		else if (isalnum((unsigned char)c))
			return unsupported("such an escape in a bracket", err);
	}
	b->right |= c == ']';
	b->left |= c == '[';
	b->caret |= c == '^';
	b->hyphen |= c == '-';
	if (!strchr("][^-", c))
		buf_addc(&b->set, c);
	return 0;
}

static int
rewrite_bracket(struct rewrite *r, struct error *err)
{
	struct bracket b = { 0 };
	bool negated = r->at[1] == '^', first = true;
	int rc = 0;

	r->at += negated ? 2 : 1;
	for (; rc == 0 && (first || *r->at != ']'); first = false) {
		if (*r->at == '\0')
			rc = error_set(err, ERR_DATA, "a bracket is open");
		else
			rc = bracket_item(r, &b, first, err);
	}
	if (rc == 0) {
		r->at++;
		if (b.caret && !negated && b.set.len == 0 && !b.right &&
		    !b.left && !b.hyphen)
			buf_adds(&r->out, "\\^");
		else
			buf_addf(&r->out, "[%s%s%s%s%s%s]", negated ? "^" : "",
			    b.right ? "]" : "", buf_str(&b.set),
			    b.left ? "[" : "", b.caret ? "^" : "",
			    b.hyphen ? "-" : "");
	}
	buf_release(&b.set);
	return rc;
}

static int
rewrite_group(struct rewrite *r, struct error *err)
{
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

/* {m}, {m,}, {,n}, {m,n}; another brace is a plain character. */
static int
rewrite_count(struct rewrite *r, struct error *err)
{
	char *end;
	unsigned long low = strtoul(r->at + 1, &end, 10), high = low;
	size_t len = strspn(r->at + 1, "0123456789,") + 2;

	if (r->at[len - 1] != '}' || len == 2) {
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
	if (low > high || high > MAX_REPEATS ||
	    (r->repeats *= high > 1 ? high : 1) > MAX_REPEATS)
		return error_set(err, ERR_DATA, "too many repetitions");
	buf_add(&r->out, r->at, len);
	r->at += len;
	return 0;
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
	case '{':
		rc = rewrite_count(r, err);
		break;
	default:
		buf_addc(&r->out, c);
		r->at++;
		if (!strchr("*+?", c))
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
	struct rewrite r = {
		.at = text, .repeats = 1, .flags = REG_EXTENDED | REG_NOSUB
	};
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
