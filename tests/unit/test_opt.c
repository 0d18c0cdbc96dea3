/* SPDX-License-Identifier: MIT */
#include "common/opt.h"

#include "tests/unit/tap.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

static struct {
	struct opt_common common;
	const char *output;
	struct opt_list columns;
	bool nul;
} cfg;

static const struct opt options[] = {
	{ 'o', "output", "DIR", OPT_STRING, &cfg.output,
	    "write the package to this directory, whole or not at all", NULL },
	{ 0, "column", "[TABLE.]COLUMN:TYPE[,nullable|not_null|unique]",
	    OPT_LIST, &cfg.columns, "declare a column", NULL },
	{ '0', NULL, NULL, OPT_FLAG, &cfg.nul, "end names with NUL", NULL },
	{ 0, "file-max-items", "N", OPT_CONFIG, &cfg.common.config,
	    "begin a new file after N rows", "data_writer.file_max_items" },
	{ 0, "no-compression", NULL, OPT_CONFIG, &cfg.common.config,
	    "write plain files", "data_writer.disable_compression" },
	OPT_COMMON(cfg.common, "normalize.workers"),
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Settings", NULL },
	{ 0, "normalize.start_method", "NAME", OPT_KEY, NULL,
	    "accepted and ignored", NULL },
};

static const struct opt_spec spec = {
	.tool = "dlt-x",
	.usage = "[OPTION...] [FILE...]\n-s FILE",
	.examples = "dlt-x a.jsonl\n\ndlt-x -o out b.jsonl",
	.options = options,
	.count = ARRAY_LEN(options),
	.summary = "tests options",
};

static struct opt_list operands;
static struct error err;

static void
reset(void)
{
	opt_common_release(&cfg.common);
	opt_list_release(&cfg.columns);
	opt_list_release(&operands);
	memset(&cfg, 0, sizeof(cfg));
	err.code = ERR_NONE;
	err.msg[0] = '\0';
}

/* Words separated by one space; "~" stands for an empty word. */
static int
parse(const char *line)
{
	static char copy[512];
	char *argv[64], *word, *save = NULL;
	int argc = 0;

	reset();
	snprintf(copy, sizeof(copy), "%s", line);
	argv[argc++] = (char[]){ "dlt-x" };
	for (word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (word[0] == '~')
			*word = '\0';
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return opt_parse(&spec, argc, argv, &operands, &err);
}

static const char *
joined(const struct opt_list *l)
{
	static char text[512];
	size_t i, n = 0;

	text[0] = '\0';
	for (i = 0; i < l->count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i ? " " : "", l->items[i]);
	return text;
}

static void
test_forms(void)
{
	tap_int(parse("a -o out b --json c"), 0, "any order");
	tap_str(joined(&operands), "a b c", "operands keep theirs");
	tap_str(cfg.output, "out", "-o VALUE");
	tap_ok(cfg.common.json, "--json after operands");
	parse("-oout");
	tap_str(cfg.output, "out", "-oVALUE");
	parse("--output=a=b");
	tap_str(cfg.output, "a=b", "--opt=VALUE keeps further =");
	parse("--output x");
	tap_str(cfg.output, "x", "--opt VALUE");
	parse("--output=");
	tap_str(cfg.output, "", "--opt= is the empty value");
	parse("-o ~");
	tap_str(cfg.output, "", "an empty word is a value");
	parse("-qvvo- -");
	tap_ok(cfg.common.quiet && cfg.common.verbose == 2, "cluster");
	tap_str(cfg.output, "-", "-o-");
	tap_str(joined(&operands), "-", "- is an operand");
	parse("a -- -o -- --x");
	tap_str(joined(&operands), "a -o -- --x", "-- ends options");
	parse("-o --json");
	tap_str(cfg.output, "--json", "an argument may begin with a dash");
	parse("-0");
	tap_ok(cfg.nul, "an option that is only a letter");
	parse("--column a:text --column=b:bigint");
	tap_str(joined(&cfg.columns), "a:text b:bigint", "lists add up");
	parse("-o a -o b");
	tap_str(cfg.output, "b", "the last one wins");
	tap_int(parse(""), 0, "nothing");
}

static void
test_settings(void)
{
	const struct opt_list *l = &cfg.common.config;

	parse("-j4 -c load.workers=2 --file-max-items=7 --no-compression");
	tap_str(joined(l),
	    "normalize.workers=4 load.workers=2 data_writer.file_max_items=7 "
	    "data_writer.disable_compression=true",
	    "settings become KEY=VALUE");
	tap_str(l->origins[0], "-j", "origin of a letter");
	tap_str(l->origins[1], "-c", "origin of -c");
	tap_str(l->origins[2], "--file-max-items", "origin of a name");
}

static void
wrong(const char *line, const char *message)
{
	int rc = parse(line);

	tap_ok(rc == -1 && err.code == ERR_USAGE, "refused: %s", line);
	tap_str(err.msg, message, message);
}

static void
test_errors(void)
{
	wrong("--outptu x", "unknown option --outptu; did you mean --output?");
	wrong("--outpt=x", "unknown option --outpt; did you mean --output?");
	wrong("--out x", "unknown option --out; did you mean --output?");
	wrong("--frobnicate", "unknown option --frobnicate; see dlt-x --help");
	wrong("--list-option",
	    "unknown option --list-option; see dlt-x --help");
	wrong("-output x", "unknown option -output; did you mean --output?");
	wrong("-x", "unknown option -x; see dlt-x --help");
	wrong("-qx", "unknown option -x in -qx; see dlt-x --help");
	wrong("-\xc3\xa9", "unknown option -\xc3\xa9; see dlt-x --help");
	wrong("--output", "option --output needs an argument: DIR");
	wrong("-o", "option -o needs an argument: DIR");
	wrong("-qo", "option -o needs an argument: DIR");
	wrong("--json=yes", "option --json takes no argument");
	wrong("--no-compression=1",
	    "option --no-compression takes no argument");
	wrong("--normalize.start_method=x",
	    "unknown option --normalize.start_method; see dlt-x --help");
	wrong("--=x", "unknown option --; see dlt-x --help");
}

static void
test_nearest(void)
{
	static const char *const names[] = { "ls", "info", "cat", "verify",
		"schema" };
	char longest[300];

	tap_str(opt_nearest("inof", names, 5), "info", "exchanged letters");
	tap_str(opt_nearest("ver", names, 5), "verify", "a beginning");
	tap_str(opt_nearest("shema", names, 5), "schema", "a missing letter");
	tap_str(opt_nearest("frobnicate", names, 5), NULL, "nothing near");
	tap_str(opt_nearest("", names, 5), NULL, "empty word");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	tap_str(opt_nearest(longest, names, 5), NULL, "a very long word");
	tap_str(opt_nearest("a", names, 0), NULL, "no names");
}

static void
size_is(const char *text, uint64_t want)
{
	uint64_t n = 99;
	int rc = opt_size(text, &n, &err);

	tap_ok(rc == 0 && n == want, "size %s", text);
}

static void
test_units(void)
{
	static const char *const bad_sizes[] = { "", "-1", "k", "1kk", "1 ",
		"1x", "_1", "1_", "1__0", "1.5k", "1bb", "0x10", "kib" };
	static const char *const bad_waits[] = { "", "-1", "nan", "INF",
		"infinity", "1s", " 1", "0x10", "1e999", "+1" };
	uint64_t n = 99;
	double d = 99;
	size_t i;

	size_is("0", 0);
	size_is("10k", 10000);
	size_is("1_000_000", 1000000);
	size_is("64MiB", (uint64_t)64 << 20);
	size_is("64 mib", (uint64_t)64 << 20);
	size_is("2Gi", (uint64_t)2 << 30);
	size_is("3GB", 3000000000u);
	size_is("7b", 7);
	size_is("18446744073709551615", UINT64_MAX);
	tap_int(opt_size("18446744073709551616", &n, &err), -1, "2^64");
	tap_str(err.msg, "\"18446744073709551616\" is too large", "says so");
	tap_int(opt_size("99999999999T", &n, &err), -1, "overflow by unit");
	for (i = 0; i < ARRAY_LEN(bad_sizes); i++)
		tap_ok(opt_size(bad_sizes[i], &n, &err) == -1 && n == 99,
		    "no size: \"%s\"", bad_sizes[i]);
	tap_ok(opt_wait(NULL, &d, &err) == 0 && d == 0, "wait not given");
	tap_ok(opt_wait("2.5", &d, &err) == 0 && d == 2.5, "wait 2.5");
	tap_ok(opt_wait("inf", &d, &err) == 0 && isinf(d), "wait inf");
	for (i = 0; i < ARRAY_LEN(bad_waits); i++)
		tap_int(opt_wait(bad_waits[i], &d, &err), -1, bad_waits[i]);
	tap_str(err.msg,
	    "--wait: \"+1\" is neither a number of seconds nor inf",
	    "error of --wait");
}

/* What fn prints on descriptor fd. */
static char *
captured(void (*fn)(const struct opt_spec *), int fd)
{
	static char text[16384];
	FILE *tmp = tmpfile(), *stream = fd == 1 ? stdout : stderr;
	int saved = dup(fd);
	size_t n;

	fflush(stream);
	dup2(fileno(tmp), fd);
	fn(&spec);
	fflush(stream);
	dup2(saved, fd);
	close(saved);
	rewind(tmp);
	n = fread(text, 1, sizeof(text) - 1, tmp);
	text[n] = '\0';
	fclose(tmp);
	return text;
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static size_t
longest_line(const char *text, size_t *lines)
{
	size_t longest = 0;

	for (*lines = 0; *text; ++*lines) {
		size_t len = strcspn(text, "\n");

		longest = len > longest ? len : longest;
		text += len + 1;
	}
	return longest;
}

static void
test_help(void)
{
	char *text = captured(opt_help, 1);
	const char *examples = strstr(text, "\n  dlt-x a.jsonl\n\n"),
	           *usage = strstr(text,
	               "\nusage: dlt-x [OPTION...] [FILE...]\n"
	               "       dlt-x -s FILE\n");
	size_t lines;

	tap_ok(begins(text, "dlt-x: tests options\n\nExamples:\n"),
	    "the summary begins, then examples");
	tap_ok(examples && usage && examples < usage, "examples before usage");
	tap_ok(longest_line(text, &lines) <= 80, "80 columns");
	tap_ok(strstr(text, "\n  -o, --output DIR ") != NULL, "a label");
	tap_ok(strstr(text, "\n  -0 ") != NULL, "only a letter");
	tap_ok(strstr(text, "[normalize.workers]") != NULL, "the setting");
	tap_ok(strstr(text, "\nCommon options:\n") != NULL, "a heading");
	tap_ok(strstr(text, "-c normalize.start_method=NAME") != NULL,
	    "a setting without a flag");
	tap_ok(!strstr(text, "list-options"), "the hidden one is hidden");
}

static void
test_list(void)
{
	char *text = captured(opt_list_all, 1);

	tap_ok(begins(text, "-o\t--output\tDIR\twrite "), "a line");
	tap_ok(strstr(text, "\n-0\t\t\tend names with NUL\t\n") != NULL,
	    "empty fields");
	tap_ok(strstr(text,
	           "\n-j\t--workers\tN\twork with N threads"
	           "\tnormalize.workers\n") != NULL,
	    "the key");
	tap_ok(strstr(text,
	           "\n-c\t\tnormalize.start_method=NAME\taccepted and "
	           "ignored\tnormalize.start_method\n") != NULL,
	    "a setting without a flag");
	tap_ok(!strstr(text, "list-options") && !strstr(text, "Common"),
	    "no hidden ones, no headings");
}

static void
test_usage(void)
{
	char *text = captured(opt_usage, 2);
	size_t lines;

	tap_ok(begins(text,
	           "dlt-extract events=FILE | dlt-normalize | dlt-load "
	           "sqlite:FILE\n"),
	    "the pipeline first");
	tap_ok(longest_line(text, &lines) <= 80 && lines <= 15,
	    "at most 15 lines");
}

static char *begin_words[4];
static int begin_count, begin_status;
static bool begin_goes_on;

static void
begin(const struct opt_spec *s)
{
	begin_goes_on = opt_begin(s, &cfg.common, begin_count, begin_words,
	    &operands, &begin_status);
}

static char *
begin_with(const char *word, int fd)
{
	static char name[] = "dlt-x", copy[64];

	reset();
	snprintf(copy, sizeof(copy), "%s", word);
	begin_words[0] = name;
	begin_words[1] = copy;
	begin_count = 2;
	return captured(begin, fd);
}

static void
test_begin(void)
{
	char *text;

	text = begin_with("--version", 1);
	tap_ok(!begin_goes_on && begin_status == 0, "--version ends");
	tap_str(text, "dlt-x " DLT_VERSION "\n", "the version");
	text = begin_with("--outptu", 2);
	tap_ok(!begin_goes_on && begin_status == EXIT_USAGE, "wrong: exit 2");
	tap_str(text,
	    "dlt-x: error: unknown option --outptu; did you mean --output?\n",
	    "one line");
	begin_with("-h", 1);
	tap_ok(!begin_goes_on && begin_status == 0, "-h ends");
	begin_with("--list-options", 1);
	tap_ok(!begin_goes_on && begin_status == 0, "--list-options ends");
	begin_with("file", 1);
	tap_ok(begin_goes_on && operands.count == 1, "work to do");
}

int
main(void)
{
	test_forms();
	test_settings();
	test_errors();
	test_nearest();
	test_units();
	test_help();
	test_list();
	test_usage();
	test_begin();
	reset();
	return tap_done();
}
