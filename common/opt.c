/* SPDX-License-Identifier: MIT */
#include "common/opt.h"

#include "common/mem.h"
#include "common/msg.h"

#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HELP_WIDTH   80
#define HELP_COLUMN  28 /* where help texts begin, at most */
#define USAGE_LINES  15
#define NEAREST_MAX  64 /* longer words get no hint */
#define ORIGIN_SHORT 3

static const char pipeline_example[] =
    "dlt-extract events=FILE | dlt-normalize | dlt-load sqlite:FILE";

/* ---- lists ---- */

void
opt_list_add(struct opt_list *l, const char *item)
{
	l->items = xgrow(l->items, &l->cap, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = item;
}

static void
add_setting(struct opt_list *l, const char *key, const char *value,
    const char *origin)
{
	char *item = key ? xasprintf("%s=%s", key, value) : xstrdup(value);

	opt_list_add(l, item);
	l->origins = xgrow(l->origins, &l->origins_cap, l->count,
	    sizeof(*l->origins));
	l->origins[l->count - 1] = xstrdup(origin);
}

/* Only lists of settings own their strings. */
static void
free_strings(const char **strings, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		union {
			const char *borrowed;
			char *owned;
		} s = { strings[i] };

		free(s.owned);
	}
}

void
opt_list_release(struct opt_list *l)
{
	if (l->origins) {
		free_strings(l->items, l->count);
		free_strings(l->origins, l->count);
	}
	free(l->items);
	free(l->origins);
	*l = (struct opt_list){ 0 };
}

void
opt_common_release(struct opt_common *common)
{
	opt_list_release(&common->config);
}

/* ---- the nearest name ---- */

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits between two short words; exchanged neighbours count as one. */
static size_t
distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][NEAREST_MAX + 1], i, j;

	for (j = 0; j <= m; j++)
		rows[0][j] = j;
	for (i = 1; i <= n; i++) {
		size_t *row = rows[i % 3], *up = rows[(i + 2) % 3];
		const size_t *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = min3(up[j] + 1, row[j - 1] + 1,
			    up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

const char *
opt_nearest(const char *word, const char *const *names, size_t count)
{
	size_t n = strlen(word), best = SIZE_MAX, i;
	const char *found = NULL;

	if (n == 0 || n > NEAREST_MAX)
		return NULL;
	for (i = 0; i < count; i++) {
		size_t m = strlen(names[i]), d;

		if (m > NEAREST_MAX)
			continue;
		d = distance(word, n, names[i], m);
		/* a beginning of the name is nearer than any misspelling */
		if (n < m && n >= 2 && memcmp(word, names[i], n) == 0)
			d = 1;
		else if (d > 1 + n / 4)
			continue;
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

/* ---- parsing ---- */

static bool
is_option(const struct opt *o)
{
	return o->kind != OPT_GROUP && o->kind != OPT_KEY;
}

static const struct opt *
find_long(const struct opt_spec *spec, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < spec->count; i++) {
		const struct opt *o = &spec->options[i];

		if (is_option(o) && o->name && strlen(o->name) == len &&
		    memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static const struct opt *
find_letter(const struct opt_spec *spec, char letter)
{
	size_t i;

	for (i = 0; i < spec->count; i++) {
		const struct opt *o = &spec->options[i];

		if (is_option(o) && o->letter && o->letter == letter)
			return o;
	}
	return NULL;
}

static int
unknown_long(const struct opt_spec *spec, const char *name, size_t len,
    struct error *err)
{
	const char **names = xcalloc(spec->count, sizeof(*names)), *near;
	char *word = xstrndup(name, len);
	size_t count = 0, i;

	for (i = 0; i < spec->count; i++) {
		const struct opt *o = &spec->options[i];

		if (is_option(o) && o->name && o->help)
			names[count++] = o->name;
	}
	near = opt_nearest(word, names, count);
	if (near)
		error_set(err, ERR_USAGE,
		    "unknown option --%s; did you mean --%s?", word, near);
	else
		error_set(err, ERR_USAGE, "unknown option --%s; see %s --help",
		    word, spec->tool);
	free(names);
	free(word);
	return -1;
}

static int
unknown_letter(const struct opt_spec *spec, const char *word, char letter,
    struct error *err)
{
	/* a byte of UTF-8 is no letter; repeat the whole word then */
	if (!word[2] || !isascii((unsigned char)letter))
		return error_set(err, ERR_USAGE,
		    "unknown option %s; see %s --help", word, spec->tool);
	return error_set(err, ERR_USAGE,
	    "unknown option -%c in %s; see %s --help", letter, word,
	    spec->tool);
}

/* Act on one option; `as` is how it was written, without its argument. */
static void
apply(const struct opt *o, const char *as, const char *value)
{
	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)o->target = true;
		break;
	case OPT_COUNT:
		++*(int *)o->target;
		break;
	case OPT_STRING:
		*(const char **)o->target = value;
		break;
	case OPT_LIST:
		opt_list_add(o->target, value);
		break;
	case OPT_CONFIG:
		add_setting(o->target, o->config, value ? value : "true", as);
		break;
	case OPT_GROUP:
	case OPT_KEY:
		break;
	}
}

struct cursor {
	const struct opt_spec *spec;
	char **argv;
	int argc, at;
};

static int
missing(const struct opt *o, const char *as, struct error *err)
{
	return error_set(err, ERR_USAGE, "option %s needs an argument: %s", as,
	    o->arg);
}

static int
parse_long(struct cursor *c, const char *word, struct error *err)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *o = find_long(c->spec, name, len);
	const char *value = NULL;
	char *as;
	int rc = 0;

	if (!o)
		return unknown_long(c->spec, name, len, err);
	as = xasprintf("--%s", o->name);
	if (!o->arg) {
		if (equals)
			rc = error_set(err, ERR_USAGE,
			    "option %s takes no argument", as);
	} else if (equals) {
		value = equals + 1;
	} else if (c->at < c->argc) {
		value = c->argv[c->at++];
	} else {
		rc = missing(o, as, err);
	}
	if (rc == 0)
		apply(o, as, value);
	free(as);
	return rc;
}

static int
parse_cluster(struct cursor *c, const char *word, struct error *err)
{
	const char *p;

	/* "-output" is never meant as -o utput */
	if (word[2] && find_long(c->spec, word + 1, strlen(word + 1)))
		return error_set(err, ERR_USAGE,
		    "unknown option %s; did you mean -%s?", word, word);
	for (p = word + 1; *p; p++) {
		const struct opt *o = find_letter(c->spec, *p);
		char as[ORIGIN_SHORT] = { '-', *p, '\0' };

		if (!o)
			return unknown_letter(c->spec, word, *p, err);
		if (!o->arg) {
			apply(o, as, NULL);
			continue;
		}
		if (p[1])
			apply(o, as, p + 1);
		else if (c->at < c->argc)
			apply(o, as, c->argv[c->at++]);
		else
			return missing(o, as, err);
		break;
	}
	return 0;
}

int
opt_parse(const struct opt_spec *spec, int argc, char **argv,
    struct opt_list *operands, struct error *err)
{
	struct cursor c = { spec, argv, argc, 1 };

	while (c.at < argc) {
		const char *word = argv[c.at++];
		int rc = 0;

		if (word[0] != '-' || !word[1])
			opt_list_add(operands, word);
		else if (word[1] != '-')
			rc = parse_cluster(&c, word, err);
		else if (word[2])
			rc = parse_long(&c, word, err);
		else
			break;
		if (rc < 0)
			return -1;
	}
	while (c.at < argc)
		opt_list_add(operands, argv[c.at++]);
	return 0;
}

/* ---- help ---- */

/* Print text from column `at` on, wrapped between `indent` and the width; ends
 * the line. */
static void
print_wrapped(const char *text, size_t at, size_t indent)
{
	const char *p = text;

	while (*p) {
		size_t len = strcspn(p, " "), gap = at > indent;

		if (gap && at + 1 + len > HELP_WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
			gap = 0;
		}
		printf("%s%.*s", gap ? " " : "", (int)len, p);
		at += gap + len;
		p += len;
		p += strspn(p, " ");
	}
	putchar('\n');
}

/* "  -o, --output DIR"; malloc'd. */
static char *
label(const struct opt *o)
{
	char letter[8] = "    ";
	const char *dashes = o->name ? "--" : "";

	if (o->kind == OPT_KEY)
		return xasprintf("  -c %s=%s", o->name,
		    o->arg ? o->arg : "VALUE");
	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c%s", o->letter,
		    o->name ? ", " : "");
	return xasprintf("  %s%s%s%s%s", letter, dashes, o->name ? o->name : "",
	    o->arg ? " " : "", o->arg ? o->arg : "");
}

static size_t
help_column(const struct opt_spec *spec)
{
	size_t column = 0, i;

	for (i = 0; i < spec->count; i++) {
		char *s;

		if (spec->options[i].kind == OPT_GROUP ||
		    !spec->options[i].help)
			continue;
		s = label(&spec->options[i]);
		if (strlen(s) + 2 > column && strlen(s) + 2 <= HELP_COLUMN)
			column = strlen(s) + 2;
		free(s);
	}
	return column;
}

static void
print_option(const struct opt *o, size_t column)
{
	char *s = label(o), *text;
	size_t len = strlen(s);

	if (o->kind == OPT_CONFIG && o->config)
		text = xasprintf("%s [%s]", o->help, o->config);
	else
		text = xstrdup(o->help);
	if (len + 2 <= column)
		printf("%-*s", (int)column, s);
	else
		printf("%s\n%*s", s, (int)column, "");
	print_wrapped(text, column, column);
	free(text);
	free(s);
}

/* Each line of text after prefix; at most max lines. */
static size_t
print_lines(FILE *to, const char *prefix, const char *text, size_t max)
{
	size_t lines = 0;

	while (*text && lines < max) {
		size_t len = strcspn(text, "\n");

		fprintf(to, "%s%.*s\n", len ? prefix : "", (int)len, text);
		text += len + (text[len] == '\n');
		lines++;
	}
	return lines;
}

static size_t
print_usage_lines(FILE *to, const struct opt_spec *spec, size_t max)
{
	char *first = xasprintf("usage: %s ", spec->tool);
	char *next = xasprintf("       %s ", spec->tool);
	const char *text = spec->usage ? spec->usage : "[OPTION...]";
	size_t len = strcspn(text, "\n"), lines = 1;

	fprintf(to, "%s%.*s\n", first, (int)len, text);
	if (text[len])
		lines += print_lines(to, next, text + len + 1, max - 1);
	free(first);
	free(next);
	return lines;
}

void
opt_help(const struct opt_spec *spec)
{
	size_t column = help_column(spec), i;
	bool headed = false;

	if (spec->summary)
		printf("%s: %s\n\n", spec->tool, spec->summary);
	if (spec->examples) {
		printf("Examples:\n");
		print_lines(stdout, "  ", spec->examples, SIZE_MAX);
		putchar('\n');
	}
	print_usage_lines(stdout, spec, SIZE_MAX);
	for (i = 0; i < spec->count; i++) {
		const struct opt *o = &spec->options[i];

		if (!o->help)
			continue;
		if (o->kind == OPT_GROUP || !headed)
			printf("\n%s:\n",
			    o->kind == OPT_GROUP ? o->help : "Options");
		headed = true;
		if (o->kind != OPT_GROUP)
			print_option(o, column);
	}
	printf("\nExit status: 0 done, 1 failed, 2 usage, 3 schema change, "
	       "75 try again.\nManual: %s(1), dlt(7).\n",
	    spec->tool);
}

void
opt_list_all(const struct opt_spec *spec)
{
	size_t i;

	for (i = 0; i < spec->count; i++) {
		const struct opt *o = &spec->options[i];
		const char *arg = o->arg ? o->arg : "";

		if (!o->help || o->kind == OPT_GROUP)
			continue;
		if (o->kind == OPT_KEY) {
			printf("-c\t\t%s=%s\t%s\t%s\n", o->name,
			    *arg ? arg : "VALUE", o->help, o->name);
			continue;
		}
		if (o->letter)
			printf("-%c", o->letter);
		printf("\t%s%s\t%s\t%s\t%s\n", o->name ? "--" : "",
		    o->name ? o->name : "", arg, o->help,
		    o->config ? o->config : "");
	}
}

void
opt_usage(const struct opt_spec *spec)
{
	fprintf(stderr, "%s\n\n", pipeline_example);
	/* one line for the pipeline, two empty ones, one for the hint */
	print_usage_lines(stderr, spec, USAGE_LINES - 4);
	fprintf(stderr, "\n%s --help tells more, with examples\n", spec->tool);
}

/* ---- the first lines of main() ---- */

/* A stream that was closed before us (>&-) must not become the first file that
 * is opened; what is written to it fails. */
static void
hold_standard_streams(void)
{
	int fd, held;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		held = open("/dev/null",
		    fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
		if (held >= 0 && held != fd)
			close(held);
	}
}

bool
opt_begin(const struct opt_spec *spec, struct opt_common *common, int argc,
    char **argv, struct opt_list *operands, int *status)
{
	enum msg_format format;
	struct error err;

	hold_standard_streams();
	msg_init(spec->tool);
	*status = EXIT_DONE;
	if (argc < 2 && isatty(STDIN_FILENO)) {
		opt_usage(spec);
		*status = EXIT_USAGE;
		return false;
	}
	if (opt_parse(spec, argc, argv, operands, &err) < 0) {
		*status = msg_fail(&err);
		return false;
	}
	msg_set_verbosity(common->quiet ? -1 : common->verbose);
	if (common->log_format != NULL) {
		if (!msg_parse_format(common->log_format, &format)) {
			msg_error("--log-format: \"%s\" is none of text, "
			          "logfmt and json",
			    common->log_format);
			*status = EXIT_USAGE;
			return false;
		}
		msg_set_format(format);
	}
	if (common->help)
		opt_help(spec);
	else if (common->version)
		printf("%s %s\n", spec->tool, DLT_VERSION);
	else if (common->list_options)
		opt_list_all(spec);
	else
		return true;
	return false;
}

/* ---- arguments with units ---- */

int
opt_wait(const char *text, double *out, struct error *err)
{
	char *end;
	double seconds;

	if (!text) {
		*out = 0;
		return 0;
	}
	if (strcmp(text, "inf") == 0) {
		*out = (double)INFINITY;
		return 0;
	}
	seconds = strtod(text, &end);
	if (!isdigit((unsigned char)text[0]) || *end || !isfinite(seconds) ||
	    strpbrk(text, "xX"))
		return error_set(err, ERR_USAGE,
		    "--wait: \"%s\" is neither a number of seconds nor inf",
		    text);
	*out = seconds;
	return 0;
}

int
opt_duration(const char *text, double *out, struct error *err)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 },
		{ "d", 86400 } };
	double n = 0;
	char *end = NULL;
	size_t i = 0;

	if (isdigit((unsigned char)text[0]) && !strpbrk(text, "xX"))
		n = strtod(text, &end);
	while (end && i < ARRAY_LEN(units) && strcmp(end, units[i].name) != 0)
		i++;
	if (!end || i == ARRAY_LEN(units) || !(n > 0) || !isfinite(n))
		return error_set(err, ERR_USAGE,
		    "\"%s\" is no time, such as 90, 90s, 1.5m, 2h or 1d", text);
	*out = n * units[i].seconds;
	return 0;
}

static bool
unit_factor(const char *unit, uint64_t *factor)
{
	static const char letters[] = "kmgt";
	const char *letter;
	uint64_t base = 1000;
	size_t i;

	*factor = 1;
	if (!*unit || strcasecmp(unit, "b") == 0)
		return true;
	letter = strchr(letters, tolower((unsigned char)*unit));
	if (!letter)
		return false;
	unit++;
	if (tolower((unsigned char)*unit) == 'i') {
		base = 1024;
		unit++;
	}
	if (tolower((unsigned char)*unit) == 'b')
		unit++;
	for (i = 0; i <= (size_t)(letter - letters); i++)
		*factor *= base;
	return !*unit;
}

int
opt_size(const char *text, uint64_t *out, struct error *err)
{
	const char *p = text;
	uint64_t n = 0, factor;

	for (; isdigit((unsigned char)*p) ||
	     (*p == '_' && p > text && isdigit((unsigned char)p[1]) &&
	         p[-1] != '_');
	     p++) {
		if (*p != '_' &&
		    (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
		        __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n)))
			return error_set(err, ERR_USAGE, "\"%s\" is too large",
			    text);
	}
	if (p == text || !unit_factor(*p == ' ' && p[1] ? p + 1 : p, &factor))
		return error_set(err, ERR_USAGE,
		    "\"%s\" is not a size like 1000, 64MiB or 10k", text);
	if (__builtin_mul_overflow(n, factor, &n))
		return error_set(err, ERR_USAGE, "\"%s\" is too large", text);
	*out = n;
	return 0;
}
