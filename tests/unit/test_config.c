/* SPDX-License-Identifier: MIT */
#include "common/config.h"

#include "common/opt.h"
#include "common/toml.h"
#include "tests/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/test_config.XXXXXX";
static char settings[64], global[64], mounted[64];
static struct error err;

static void
write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	fputs(text, f);
	fclose(f);
}

/* Any of the texts may be NULL: no such file. */
static struct config *
load(const char *config, const char *secrets, const char *global_config)
{
	struct config *c;
	char path[256];

	snprintf(path, sizeof(path), "%s/config.toml", settings);
	unlink(path);
	snprintf(path, sizeof(path), "%s/secrets.toml", settings);
	unlink(path);
	snprintf(path, sizeof(path), "%s/config.toml", global);
	unlink(path);
	if (config)
		write_file(settings, "config.toml", config);
	if (secrets)
		write_file(settings, "secrets.toml", secrets);
	if (global_config)
		write_file(global, "config.toml", global_config);
	err.msg[0] = '\0';
	c = config_open(settings, global, mounted, &err);
	if (!c)
		printf("# %s\n", err.msg);
	return c;
}

static const struct config_context zendesk = {
	.path = { "sources", "zendesk", "zendesk_support" }, .count = 3
};
static const struct config_context snippets = {
	.path = { "sources", "performance-snippets", "performance-snippets" },
	.count = 3
};
static const struct config_context support = {
	.path = { "sources", "zendesk_support", "zendesk_support" }, .count = 3
};
static const struct config_context tickets = {
	.path = { "sources", "zendesk_support", "tickets" },
	.count = 3,
	.section = "extract"
};
static const struct config_context users = { .path = { "sources",
	                                         "zendesk_support", "users" },
	.count = 3,
	.section = "extract" };
static const struct config_context other = {
	.path = { "sources", "m", "n" }, .count = 3, .section = "extract"
};
static const struct config_context normalize = { .path = { "normalize" },
	.count = 1 };
static const struct config_context load_stage = { .path = { "load" },
	.count = 1 };

/* The long, -1 unset, -2 error. */
static long
number(struct config *c, const struct config_context *ctx, const char *key)
{
	long n = -1;

	return config_int(c, ctx, key, &n, &err) < 0 ? -2 : n;
}

static struct writer_settings
writer(struct config *c, const struct config_context *ctx)
{
	struct writer_settings s = { -9, -9, -9, false };

	if (config_writer(c, ctx, &s, &err) < 0)
		printf("# %s\n", err.msg);
	return s;
}

/* ---- the samples of dlt's performance page ---- */

static void
buffers(const char *section, long extract_support, long extract_other,
    long of_normalize)
{
	char text[256];
	struct config *c;
	struct writer_settings s;
	const struct config_context x = { .path = { "sources", "m", "n" },
		.count = 3 };

	snprintf(text, sizeof(text),
	    "[%s]\nbuffer_max_items=100\nfile_max_items=100000\n"
	    "file_max_bytes=1000000\n",
	    section);
	c = load(text, NULL, NULL);
	s = writer(c, &support);
	tap_int(s.buffer_max_items, extract_support, section);
	tap_int(s.file_max_items, extract_support == 100 ? 100000 : 0,
	    "file_max_items");
	s = writer(c, &x);
	tap_int(s.buffer_max_items, extract_other, "another source");
	tap_int(s.file_max_bytes, extract_other == 100 ? 1000000 : 0,
	    "file_max_bytes");
	s = writer(c, &normalize);
	tap_int(s.buffer_max_items, of_normalize, "normalize");
	config_free(c);
}

static void
test_page(void)
{
	struct config *c;
	struct config_context ctx = other;
	static const char *const modes[] = { "fifo", "round_robin" };
	size_t mode = 1;

	buffers("data_writer", 100, 100, 100);
	buffers("sources.data_writer", 100, 100, 5000);
	buffers("sources.zendesk_support.data_writer", 100, 5000, 5000);
	buffers("normalize.data_writer", 5000, 5000, 100);

	c = load("[normalize.data_writer]\ndisable_compression=true\n", NULL,
	    NULL);
	tap_ok(writer(c, &normalize).disable_compression, "no compression");
	tap_ok(!writer(c, &support).disable_compression, "but in extract");
	config_free(c);

	c = load("[extract]\nworkers=1\nmax_parallel_items=10\n"
	         "[sources.zendesk_support.extract]\nworkers=2\n"
	         "[sources.zendesk_support.tickets.extract]\nworkers=4\n",
	    NULL, NULL);
	tap_int(number(c, &tickets, "workers"), 4, "one resource");
	tap_int(number(c, &users, "workers"), 2, "one source");
	tap_int(number(c, &other, "workers"), 1, "everywhere");
	tap_int(number(c, &tickets, "max_parallel_items"), 10, "one for all");
	config_free(c);

	c = load("[extract]\nnext_item_mode=\"round_robin\"\n"
	         "[sources.my_pipeline.extract]\nnext_item_mode=\"fifo\"\n",
	    NULL, NULL);
	config_choice(c, &ctx, "next_item_mode", modes, 2, &mode, &err);
	tap_int((int)mode, 1, "round_robin");
	ctx.path[1] = "my_pipeline";
	config_choice(c, &ctx, "next_item_mode", modes, 2, &mode, &err);
	tap_int((int)mode, 0, "fifo");
	config_free(c);

	c = load("[sources.performance-snippets.data_writer]\n"
	         "file_max_items=100000\n[normalize]\nworkers=3\n"
	         "[normalize.data_writer]\nfile_max_items=100000\n"
	         "[load]\nworkers=11\ndelete_completed_jobs=true\n",
	    NULL, NULL);
	tap_int(writer(c, &snippets).file_max_items, 100000, "the example");
	tap_int(writer(c, &normalize).file_max_items, 100000, "its normalize");
	tap_int(number(c, &normalize, "workers"), 3, "normalize.workers");
	tap_int(number(c, &load_stage, "workers"), 11, "load.workers");
	config_free(c);
}

static void
test_other_keys(void)
{
	const struct config_context runtime = { .section = "runtime" };
	const struct config_context bare = { .path = { "pipelines", "p" },
		.count = 2 };
	const char *progress = NULL;
	double factor = 1;
	struct config *c = load("progress=\"log\"\n[runtime]\n"
	                        "request_max_attempts = 10\n"
	                        "request_backoff_factor = 1.5\n",
	    NULL, NULL);

	tap_int(number(c, &runtime, "request_max_attempts"), 10, "runtime");
	config_double(c, &runtime, "request_backoff_factor", &factor, &err);
	tap_ok(factor == 1.5, "a number with a fraction");
	config_string(c, &bare, "progress", &progress, &err);
	tap_str(progress, "log", "a bare key");
	setenv("PROGRESS", "tqdm", 1);
	config_string(c, &bare, "progress", &progress, &err);
	unsetenv("PROGRESS");
	tap_str(progress, "tqdm", "PROGRESS");
	config_free(c);
}

/* ---- the rule ---- */

static void
test_resource(void)
{
	struct config_context ctx = zendesk;
	struct config *c =
	    load("[sources.zendesk.tickets.data_writer]\na=1\n"
	         "[sources.zendesk.zendesk_support.data_writer]\na=2\nb=2\n"
	         "[sources.zendesk.data_writer]\na=3\nb=3\nc=3\n"
	         "[sources.tickets.data_writer]\na=4\nb=4\nc=4\nd=4\n"
	         "[sources.zendesk_support.data_writer]\nd=5\ne=5\n"
	         "[sources.data_writer]\ne=6\nf=6\n",
	        NULL, NULL);

	ctx.section = "data_writer";
	tap_int(number(c, &ctx, "a"), 2, "none: the source's");
	ctx.resource = "tickets";
	tap_int(number(c, &ctx, "a"), 1, "sources.section.resource");
	tap_int(number(c, &ctx, "b"), 2, "then sources.section.name");
	tap_int(number(c, &ctx, "c"), 3, "then sources.section");
	tap_int(number(c, &ctx, "d"), 4, "then sources.resource");
	tap_int(number(c, &ctx, "e"), 5, "then sources.name");
	tap_int(number(c, &ctx, "f"), 6, "then sources");
	ctx.resource = "zendesk";
	tap_int(number(c, &ctx, "d"), 5, "the section's name is no resource's");
	ctx.resource = "zendesk_support";
	tap_int(number(c, &ctx, "a"), 2, "of the source's name");
	config_free(c);
}

static void
test_order(void)
{
	struct config_context ctx = zendesk;
	struct config *c =
	    load("[sources.zendesk.zendesk_support.data_writer]\na=1\n"
	         "[sources.zendesk.data_writer]\na=2\nb=2\n"
	         "[sources.zendesk_support.data_writer]\na=3\nb=3\nc=3\n"
	         "[sources.data_writer]\na=4\nb=4\nc=4\nd=4\n"
	         "[data_writer]\na=5\nb=5\nc=5\nd=5\ne=5\n"
	         "[extract.data_writer]\nf=1\n"
	         "[p.data_writer]\na=6\n",
	        NULL, NULL);

	ctx.section = "data_writer";
	tap_int(number(c, &ctx, "a"), 1, "sources.section.name");
	tap_int(number(c, &ctx, "b"), 2, "sources.section");
	tap_int(number(c, &ctx, "c"), 3, "the compact form");
	tap_int(number(c, &ctx, "d"), 4, "sources");
	tap_int(number(c, &ctx, "e"), 5, "nothing before the section");
	tap_int(number(c, &ctx, "f"), -1, "extract is never asked");
	ctx.pipeline = "p";
	tap_int(number(c, &ctx, "a"), 6, "below the pipeline's name first");
	setenv("DATA_WRITER__A", "7", 1);
	tap_int(number(c, &ctx, "a"), 6,
	    "even before a variable without that name");
	setenv("P__SOURCES__DATA_WRITER__A", "8", 1);
	tap_int(number(c, &ctx, "a"), 8, "a variable with the pipeline");
	ctx.pipeline = NULL;
	tap_int(number(c, &ctx, "a"), 7,
	    "a general variable beats a special file");
	config_set(c, "data_writer.a=9", "-c", &err);
	tap_int(number(c, &ctx, "a"), 9, "a flag beats variables");
	ctx.pipeline = "p";
	tap_int(number(c, &ctx, "a"), 9, "and what has the pipeline's name");
	config_set(c, "sources.zendesk.data_writer.a=10", "-c", &err);
	config_set(c, "data_writer.a=11", "-c", &err);
	tap_int(number(c, &ctx, "a"), 10, "the most specific flag");
	unsetenv("DATA_WRITER__A");
	unsetenv("P__SOURCES__DATA_WRITER__A");
	config_free(c);
}

static void
test_files(void)
{
	struct config *c = load("[load]\nworkers=2\n[x]\ny=1\n",
	    "[load]\nsecret=\"s\"\nworkers=4\n",
	    "load.other=5\nload.workers=6\nx.y.z=7\nx.w=8\n[load.t]\nu=9\n");
	const struct config_context x = { .path = { "x" }, .count = 1 };
	const struct config_context xy = { .path = { "x", "y" }, .count = 2 };
	const struct config_context t = { .path = { "load", "t" }, .count = 2 };

	tap_int(number(c, &load_stage, "workers"), 4, "secrets.toml first");
	tap_int(number(c, &load_stage, "other"), 5, "the global file");
	tap_int(number(c, &x, "w"), 8, "is merged");
	tap_int(number(c, &xy, "z"), -1, "a value covers a global table");
	tap_int(number(c, &t, "u"), 9, "a global table in a table");
	config_free(c);
	c = load(NULL, NULL, NULL);
	tap_ok(c && number(c, &load_stage, "workers") == -1, "no files");
	config_free(c);
}

static long
workers_of(const char *dir)
{
	struct config *c = config_load(dir, &err);
	long n = c ? number(c, &load_stage, "workers") : -2;

	config_free(c);
	return n;
}

static void
test_folders(void)
{
	config_free(load("load.workers=5\n", NULL, NULL));
	unsetenv("DLT_PROJECT_DIR");
	unsetenv("DLT_CONFIG_FOLDER");
	tap_int(workers_of(root), 5, "-C DIR");
	setenv("DLT_PROJECT_DIR", root, 1);
	tap_int(workers_of(NULL), 5, "DLT_PROJECT_DIR");
	tap_int(workers_of(global), -1, "-C beats it");
	setenv("DLT_CONFIG_FOLDER", "elsewhere", 1);
	tap_int(workers_of(NULL), -1, "DLT_CONFIG_FOLDER");
	setenv("DLT_PROJECT_DIR", "/nonexistent", 1);
	setenv("DLT_CONFIG_FOLDER", settings, 1);
	tap_int(workers_of(NULL), 5, "an absolute one stands alone");
	unsetenv("DLT_PROJECT_DIR");
	unsetenv("DLT_CONFIG_FOLDER");
}

/* ---- values ---- */

static void
test_int(void)
{
	static const struct {
		const char *text;
		long want; /* -2: refused */
	} cases[] = { { "5", 5 }, { " 5\t", 5 }, { "-5", -5 }, { "+5", 5 },
		{ "1_000", 1000 }, { "0x10", 16 }, { "0xff_ff", 65535 },
		{ "007", 7 }, { "9223372036854775807", 9223372036854775807 },
		{ "9223372036854775808", -2 }, { "", -2 }, { " ", -2 },
		{ "1__0", -2 }, { "_1", -2 }, { "1_", -2 }, { "5.0", -2 },
		{ "1e3", -2 }, { "none", -2 }, { "10k", -2 }, { "0x", -2 },
		{ "ff", -2 }, { "-", -2 }, { "5 5", -2 }, { "0X10", -2 } };
	static const struct {
		const char *toml;
		long want;
	} typed[] = { { "5", 5 }, { "5.0", 5 }, { "5.5", -2 }, { "true", -2 },
		{ "\"0x1f\"", 31 }, { "nan", -2 }, { "1e300", -2 },
		{ "[1]", -2 }, { "{a=1}", -2 }, { "1979-05-27", -2 } };
	struct config *c = load(NULL, NULL, NULL);
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		setenv("LOAD__WORKERS", cases[i].text, 1);
		tap_int(number(c, &load_stage, "workers"), cases[i].want,
		    cases[i].text);
	}
	unsetenv("LOAD__WORKERS");
	config_set(c, "load.workers=10k", "--workers", &err);
	tap_int(number(c, &load_stage, "workers"), 10000, "a flag has units");
	config_free(c);
	for (i = 0; i < ARRAY_LEN(typed); i++) {
		char text[64];

		snprintf(text, sizeof(text), "load.workers=%s\n",
		    typed[i].toml);
		c = load(text, NULL, NULL);
		tap_int(number(c, &load_stage, "workers"), typed[i].want,
		    typed[i].toml);
		config_free(c);
	}
}

static void
test_bool(void)
{
	static const char *const yes[] = { "yes", "True", "T", "y", "1" };
	static const char *const no[] = { "no", "FALSE", "f", "n", "0" };
	static const char *const bad[] = { "", "on", "2", " yes" };
	struct config *c = load("load.a=2\nload.b=0.0\nload.c=true\n", NULL,
	    NULL);
	bool b;
	size_t i;

	for (i = 0; i < 5; i++) {
		setenv("LOAD__X", yes[i], 1);
		b = false;
		tap_ok(!config_bool(c, &load_stage, "x", &b, &err) && b,
		    "yes: %s", yes[i]);
		setenv("LOAD__X", no[i], 1);
		tap_ok(!config_bool(c, &load_stage, "x", &b, &err) && !b,
		    "no: %s", no[i]);
	}
	for (i = 0; i < 4; i++) {
		setenv("LOAD__X", bad[i], 1);
		tap_int(config_bool(c, &load_stage, "x", &b, &err), -1, bad[i]);
	}
	tap_str(err.msg, "LOAD__X: \" yes\" is not true or false", "says so");
	unsetenv("LOAD__X");
	tap_ok(!config_bool(c, &load_stage, "a", &b, &err) && b, "2 is true");
	tap_ok(!config_bool(c, &load_stage, "b", &b, &err) && !b, "0.0 is not");
	tap_ok(!config_bool(c, &load_stage, "c", &b, &err) && b, "true");
	config_free(c);
}

/* The message without the path of the settings' folder. */
static void
message(const char *want)
{
	const char *got = err.msg;

	if (strncmp(got, settings, strlen(settings)) == 0)
		got += strlen(settings) + 1;
	tap_str(got, want, want);
}

static void
test_errors(void)
{
	struct config *c = load("[load]\nworkers=\"many\"\nt={a=1}\n"
	                        "[load.data_writer]\nfile_max_items=-5\n",
	    NULL, NULL);
	static const char *const modes[] = { "fifo", "round_robin" };
	struct writer_settings s;
	const char *text = NULL;
	size_t mode;

	number(c, &load_stage, "workers");
	message("config.toml:2: load.workers: \"many\" is not a whole number");
	tap_int(err.code, ERR_USAGE, "a usage error");
	number(c, &load_stage, "t");
	message("config.toml:3: load.t: a table is not a whole number");
	config_string(c, &load_stage, "t", &text, &err);
	message("config.toml:3: load.t: a table is not text");
	tap_int(config_writer(c, &load_stage, &s, &err), -1, "negative");
	message("config.toml:5: load.data_writer.file_max_items: -5 is not a "
	        "whole number from 0 on");
	setenv("LOAD__WORKERS", "None", 1);
	number(c, &load_stage, "workers");
	unsetenv("LOAD__WORKERS");
	message("LOAD__WORKERS: \"None\" is not a whole number; leave the "
	        "setting out to have none");
	config_set(c, "load.workers=x", "--workers", &err);
	number(c, &load_stage, "workers");
	message("--workers: \"x\" is not a whole number");
	config_set(c, "load.workers=y", "-c", &err);
	number(c, &load_stage, "workers");
	message("-c load.workers: \"y\" is not a whole number");
	config_set(c, "load.mode=lifo", "-c", &err);
	config_choice(c, &load_stage, "mode", modes, 2, &mode, &err);
	message("-c load.mode: \"lifo\" is not fifo or round_robin");
	config_set(c, "load.u=postgresql://me:pw@h/db", "-c", &err);
	number(c, &load_stage, "u");
	message("-c load.u: \"postgresql://me:***@h/db\" is not a whole "
	        "number");
	config_free(c);
}

static void
test_toml_errors(void)
{
	char *deep = malloc(1 << 20);
	size_t i;

	tap_ok(!load("[load]\nworkers = \n", NULL, NULL), "bad TOML");
	tap_ok(err.code == ERR_USAGE && strstr(err.msg, "/config.toml:2:"),
	    "says file, line and column");
	tap_ok(!load("a=1\na=2\n", NULL, NULL), "a key twice");
	tap_ok(!load("a=\"\\u0000\"\n", NULL, NULL), "a NUL");
	tap_ok(!load("a=\"\xff\"\n", NULL, NULL), "not UTF-8");
	memset(deep, 'a', (1 << 20) - 1);
	for (i = 1; i < (1 << 20) - 8; i += 2)
		deep[i] = '.';
	memcpy(deep + (1 << 20) - 4, "=1\n", 4);
	tap_ok(!load(deep, NULL, NULL), "a very deep key");
	memset(deep, '[', (1 << 20) - 1);
	memcpy(deep, "a=", 2);
	tap_ok(!load(deep, NULL, NULL), "very deep arrays");
	free(deep);
	tap_ok(!config_load("/nonexistent", &err), "no such directory");
	tap_str(err.msg, "-C /nonexistent: No such file or directory", "-C");
}

static void
test_secrets(void)
{
	const struct config_context d = { .path = { "destination", "pg" },
		.count = 2 };
	struct config *c = load("[destination.pg]\npassword=\"open\"\n", NULL,
	    NULL);
	const char *secret = NULL;
	char *shown = NULL;
	size_t size;
	FILE *f;

	tap_int(config_secret(c, &d, "password", &secret, &err), -1,
	    "config.toml is no place for it");
	message("config.toml:2: destination.pg.password is a secret; move it "
	        "to secrets.toml or to the environment");
	setenv("DESTINATION__PG__PASSWORD", "env", 1);
	config_secret(c, &d, "password", &secret, &err);
	tap_str(secret, "env", "the environment");
	write_file(mounted, "destination--pg--password", "mounted\n");
	config_secret(c, &d, "password", &secret, &err);
	tap_str(secret, "mounted", "mounted, first");
	config_string(c, &d, "password", &secret, &err);
	tap_str(secret, "env", "but only for secrets");
	unsetenv("DESTINATION__PG__PASSWORD");
	config_secret(c, &d, "password", &secret, &err);
	f = open_memstream(&shown, &size);
	config_show(c, false, f);
	fclose(f);
	tap_ok(strstr(shown, "***") && !strstr(shown, "mounted\n"),
	    "not shown");
	free(shown);
	config_free(c);
}

/* ---- flags, show ---- */

static void
test_set(void)
{
	static const char *const bad[] = { "", "=", "a", "a.=1", ".a=1",
		"a..b=1", "\"a=1", "\"a\"b=1", "1.2.3.4.5.6.7.8.9=1" };
	struct config *c = load(NULL, NULL, NULL);
	const struct config_context dotted = { .path = { "a.b" }, .count = 1 };
	size_t i, at = 0;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		tap_int(config_set(c, bad[i], "-c", &err), -1, bad[i]);
	config_set(c, "a", "-c", &err);
	tap_str(err.msg,
	    "-c: \"a\" is not of the form KEY=VALUE, as normalize.workers=3",
	    "says so");
	config_set(c, "\"a.b\".c=1", "-c", &err);
	tap_int(number(c, &dotted, "c"), 1, "a part with a dot");
	config_set(c, "x.y=a=b", "-c", &err);
	config_set(c, "x.z=", "--z", &err);
	tap_str(config_unused(c, &at), "-c x.y", "nobody asked for it");
	tap_str(config_unused(c, &at), NULL, "flags are not listed");
	config_free(c);
}

static void
test_show(void)
{
	struct config *c = load("[data_writer]\nfile_max_items=7\n", NULL,
	    NULL);
	char *text = NULL, want[1024];
	const char *origin = NULL;
	size_t size;
	FILE *f;

	setenv("NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION", "yes", 1);
	config_set(c, "normalize.workers=3", "-j", &err);
	writer(c, &normalize);
	unsetenv("NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION");
	number(c, &normalize, "workers");
	f = open_memstream(&text, &size);
	config_show(c, false, f);
	fclose(f);
	snprintf(want, sizeof(want),
	    "KEY                                        VALUE   ORIGIN\n"
	    "normalize.data_writer.buffer_max_items     5000    default\n"
	    "normalize.data_writer.file_max_items       7       "
	    "%s/config.toml:2 [data_writer.file_max_items]\n"
	    "normalize.data_writer.file_max_bytes       (none)  default\n"
	    "normalize.data_writer.disable_compression  true    "
	    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION\n"
	    "normalize.workers                          3       -j\n",
	    settings);
	tap_str(text, want, "the table");
	free(text);
	f = open_memstream(&text, &size);
	config_show(c, true, f);
	fclose(f);
	tap_ok(strstr(text, "\"value\": 7,") && strstr(text, "null") &&
	        strstr(text, "\"found_as\": \"data_writer.file_max_items\""),
	    "the object");
	free(text);
	tap_str(config_get(c, &normalize, "workers", &origin), "3", "text");
	tap_str(origin, "-j", "and origin");
	config_free(c);
}

int
main(void)
{
	if (!mkdtemp(root))
		return EXIT_FAILURE;
	snprintf(settings, sizeof(settings), "%s/.dlt", root);
	snprintf(global, sizeof(global), "%s/global", root);
	snprintf(mounted, sizeof(mounted), "%s/mounted", root);
	mkdir(settings, 0700);
	mkdir(global, 0700);
	mkdir(mounted, 0700);
	test_page();
	test_other_keys();
	test_resource();
	test_order();
	test_files();
	test_folders();
	test_int();
	test_bool();
	test_errors();
	test_toml_errors();
	test_secrets();
	test_set();
	test_show();
	config_free(load(NULL, NULL, NULL));
	{
		char path[128];

		snprintf(path, sizeof(path), "%s/destination--pg--password",
		    mounted);
		unlink(path);
	}
	rmdir(mounted);
	rmdir(global);
	rmdir(settings);
	rmdir(root);
	return tap_done();
}
