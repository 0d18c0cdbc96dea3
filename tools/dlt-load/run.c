/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/run.h"

#include "common/budget.h"
#include "common/config.h"
#include "common/dest/dataset.h"
#include "common/dest/store_settings.h"
#include "common/mem.h"
#include "common/move.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/pathlist.h"
#include "common/runtime.h"
#include "tools/dlt-load/load.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct run {
	const struct load_options *o;
	struct config *config;
	struct workdir workdir;
	bool has_workdir;
	char *url;
	char *name;     /* of a configured destination */
	char *unknown;  /* the state names it; nothing is configured */
	char *password; /* that is not in the URL */
	char *dataset;
	char *own_dataset;    /* of the schema at hand, which is another one */
	char *default_schema; /* others have datasets of their own; or NULL */
	struct dest_settings settings; /* of each connection */
	struct s3_account account;     /* of buckets */
	struct buf shown;              /* the URL without secrets */
	size_t first_package;          /* among the operands */
	double wait;
	size_t memory; /* all that may be taken, or 0 */
	struct loader loader;
	struct buf report;
	bool reported;
	struct jsonw json;
};

/* ---- the destination ---- */

static bool
looks_like_url(const char *s)
{
	const char *colon = strchr(s, ':');

	return dest_is_url(s) ||
	    (colon && access(s, F_OK) < 0 &&
	        strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+") ==
	            (size_t)(colon - s));
}

/* 1: r->url is set; 0: the name stands for nothing. */
static int
set_destination(struct run *r, const char *name, struct error *err)
{
	char *url = NULL, *password = NULL;
	bool plain = name && looks_like_url(name);

	if (!name || !*name)
		return 0;
	if (plain)
		url = xstrdup(name);
	else if (dataset_credentials(r->config, r->o->common.pipeline, name,
	             &url, &password, err) < 0)
		return -1;
	if (!url || !looks_like_url(url)) {
		free(url);
		free(password);
		return 0;
	}
	if (!plain)
		r->name = xstrdup(dataset_short_name(name));
	r->url = url;
	r->password = password;
	dest_mask(url, &r->shown);
	return 1;
}

static int
destination_from_config(struct run *r, struct error *err)
{
	static const char *const keys[] = { "destination", "destination_name",
		"destination_type" };
	struct config_context ctx = {
		.pipeline = r->has_workdir ? r->workdir.name : NULL
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(keys) && rc == 0; i++)
		rc = set_destination(r,
		    config_get(r->config, &ctx, keys[i], NULL), err);
	return rc;
}

static int
destination_from_state(struct run *r, struct error *err)
{
	static const char *const keys[] = { "destination_name",
		"destination_type" };
	struct state st = { 0 };
	int rc = workdir_state(&r->workdir, &st, err);

	for (size_t i = 0; i < ARRAY_LEN(keys) && rc == 0 && st.doc.root; i++) {
		const char *name = json_get_str(st.doc.root, keys[i], NULL);

		rc = set_destination(r, name, err);
		if (rc == 0 && name && *name) {
			free(r->unknown);
			r->unknown = xstrdup(dataset_short_name(name));
		}
	}
	state_release(&st);
	return rc < 0 ? -1 : 0;
}

static int
find_destination(struct run *r, struct error *err)
{
	const struct opt_list *ops = &r->o->operands;
	size_t shown = 0;
	struct stat st;
	int given = 0;

	if (ops->count)
		given = set_destination(r, ops->items[0], err);
	if (given) {
		r->first_package = 1;
		return given < 0 ? -1 : 0;
	}
	if (ops->count) /* behind the colon may be a password */
		shown = strcspn(ops->items[0], ":");
	if (ops->count && stat(ops->items[0], &st) < 0)
		return error_set(err, ERR_USAGE,
		    "\"%.*s%s\" is neither a destination nor a package; a "
		    "destination is sqlite:FILE or a configured name",
		    (int)shown, ops->items[0],
		    ops->items[0][shown] ? ":..." : "");
	if (!r->has_workdir)
		return error_set(err, ERR_USAGE,
		    "no destination given; name one, as in sqlite:FILE");
	given = destination_from_config(r, err);
	if (given < 0 || (!given && destination_from_state(r, err) < 0))
		return -1;
	if (!r->url && r->unknown)
		return error_set(err, ERR_USAGE,
		    "no destination given, and there is no configuration "
		    "(destination.%s.credentials) of \"%s\", which state.json "
		    "of \"%s\" names",
		    r->unknown, r->unknown, r->workdir.name);
	if (!r->url)
		return error_set(err, ERR_USAGE,
		    "no destination given, and neither configuration "
		    "(destination.NAME.credentials) nor state.json of \"%s\" "
		    "names one",
		    r->workdir.name);
	return 0;
}

/* ---- packages ---- */

static bool
is_pending(struct run *r, const char *path, char **real)
{
	char *dir, *parent, *slash;
	bool yes = false;

	*real = NULL;
	if (!r->has_workdir)
		return false;
	parent = xasprintf("%s/load/normalized", r->workdir.path);
	dir = realpath(parent, NULL);
	*real = realpath(path, NULL);
	if (dir && *real && (slash = strrchr(*real, '/')))
		yes = (size_t)(slash - *real) == strlen(dir) &&
		    !strncmp(*real, dir, strlen(dir));
	free(dir);
	free(parent);
	return yes;
}

/* A package that a list names may have been loaded since by another run. */
static bool
is_put_away(struct run *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *loaded;
	bool yes;

	if (!r->has_workdir || access(path, F_OK) == 0)
		return false;
	loaded = workdir_package_dir(&r->workdir, STAGE_LOAD,
	    slash ? slash + 1 : path);
	yes = access(loaded, F_OK) == 0;
	free(loaded);
	return yes;
}

static int
load_one(struct run *r, const char *given, struct error *err)
{
	size_t len = strlen(given);
	char *path = xstrndup(given, len), *real;
	bool pending;
	struct stat st;
	int rc = 0;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	pending = is_pending(r, path, &real);
	if (signal_pending())
		rc = error_set(err, ERR_QUIET, "interrupted");
	else if (is_put_away(r, path))
		msg_info("%s: loaded before", path);
	else if (stat(path, &st) < 0)
		rc = error_errno(err, "%s", path);
	else if (!S_ISDIR(st.st_mode))
		rc = error_set(err, ERR_USAGE,
		    "%s: not a package directory; a package stream comes on "
		    "standard input",
		    path);
	else if (move_refuse_half(path, err) < 0)
		rc = -1;
	else
		rc = load_directory(&r->loader, pending ? real : path, pending,
		    err);
	/* Put away; named, with its reason, when all others are done. */
	if (rc < 0 && pending && r->loader.aborted)
		rc = 0;
	free(real);
	free(path);
	return rc;
}

static int
load_pending(struct run *r, struct error *err)
{
	char **names;
	size_t count;
	int rc = 0;

	if (workdir_pending(&r->workdir, STAGE_LOAD, &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && rc == 0; i++) {
		char *path = xasprintf("%s/load/normalized/%s", r->workdir.path,
		    names[i]);

		if (package_is_foreign(path))
			msg_warn("%s: is no package (it has neither "
			         "schema.json nor new_jobs); passed over",
			    path);
		else
			rc = load_one(r, path, err);
		free(path);
	}
	if (!count)
		msg_info("nothing to load");
	workdir_free_names(names, count);
	return rc;
}

static int
load_listed(struct run *r, struct error *err)
{
	static const struct opt_list none;
	struct pathlist list;
	const char *path;
	int rc;

	if (pathlist_open(&list, &none, r->o->packages_from, r->o->zero, err))
		return -1;
	while ((rc = pathlist_next(&list, &path, err)) > 0) {
		rc = load_one(r, path, err);
		if (rc)
			break;
	}
	pathlist_close(&list);
	return rc;
}

static int
load_input(struct run *r, struct error *err)
{
	const struct opt_list *ops = &r->o->operands;

	if (ops->count == r->first_package && !r->o->packages_from) {
		if (r->has_workdir)
			return load_pending(r, err);
		if (isatty(STDIN_FILENO))
			return error_set(err, ERR_USAGE,
			    "no package given, and standard input is a "
			    "terminal");
		return load_stream(&r->loader, STDIN_FILENO, err);
	}
	for (size_t i = r->first_package; i < ops->count; i++) {
		if (!strcmp(ops->items[i], "-")) {
			if (load_stream(&r->loader, STDIN_FILENO, err) < 0)
				return -1;
		} else if (load_one(r, ops->items[i], err) < 0) {
			return -1;
		}
	}
	return r->o->packages_from ? load_listed(r, err) : 0;
}

/* ---- settings ---- */

static int
read_settings(struct run *r, struct error *err)
{
	struct config_context load = {
		.pipeline = r->has_workdir ? r->workdir.name : NULL,
		.section = "load"
	};
	static const char *const words[] = { "parallel", "table-sequential",
		"sequential" };
	long workers = 20, retries = 5;
	size_t strategy = LOAD_PARALLEL;

	r->loader.raise_on_failed = true;
	if (config_count(r->config, &load, "workers", 1, &workers, err) < 0 ||
	    config_count(r->config, &load, "raise_on_max_retries", 1, &retries,
	        err) < 0 ||
	    config_choice(r->config, &load, "parallelism_strategy", words,
	        ARRAY_LEN(words), &strategy, err) < 0 ||
	    config_bool(r->config, &load, "delete_completed_jobs",
	        &r->loader.delete_completed, err) < 0 ||
	    config_bool(r->config, &load, "truncate_staging_dataset",
	        &r->loader.truncate_staging, err) < 0 ||
	    config_bool(r->config, &load, "raise_on_failed_jobs",
	        &r->loader.raise_on_failed, err) < 0)
		return -1;
	r->loader.workers = (size_t)workers;
	r->loader.retries = (size_t)retries;
	r->loader.parallelism = (enum load_parallelism)strategy;
	return 0;
}

static int
keep_to_memory(struct run *r, struct error *err)
{
	long workers = (long)r->loader.workers;

	if (budget_parse(r->o->max_memory, &r->memory, err))
		return -1;
	if (r->memory && strncmp(r->url, "duckdb:", 7) == 0)
		return error_set(err, ERR_USAGE,
		    "--max-memory: not with DuckDB, whose memory is its own");
	r->loader.workers = (size_t)budget_workers(r->memory, workers);
	return 0;
}

/* What job files do not say themselves; as they were written by default. */
static int
read_files(struct run *r, struct error *err)
{
	static const char *const stages[] = { "normalize", "load" };
	struct decode_settings *files = &r->loader.files;
	bool header = true, backslashes = true;
	const char *delimiter = "";

	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		const struct config_context from = {
			.pipeline = r->has_workdir ? r->workdir.name : NULL,
			.path = { stages[i] },
			.count = 1,
			.section = "data_writer"
		};

		if (config_string(r->config, &from, "delimiter", &delimiter,
		        err) < 0 ||
		    config_bool(r->config, &from, "include_header", &header,
		        err) < 0 ||
		    config_bool(r->config, &from, "backslashes", &backslashes,
		        err) < 0)
			return -1;
	}
	if (strlen(delimiter) > 1 ||
	    (*delimiter && strchr("\"\r\n", *delimiter)))
		return error_set(err, ERR_USAGE,
		    "data_writer.delimiter is \"%s\", not one character",
		    delimiter);
	files->delimiter = *delimiter;
	files->no_header = !header;
	files->no_backslashes = !backslashes;
	return 0;
}

static int
open_pipeline(struct run *r, struct error *err)
{
	const char *name = r->o->common.pipeline;

	if (!name)
		return 0;
	if (workdir_open(&r->workdir, name, false, err) < 0)
		return -1;
	r->has_workdir = true;
	r->loader.workdir = &r->workdir;
	if (r->o->common.show_config)
		return 0;
	return workdir_lock(&r->workdir, STAGE_LOAD, r->wait, err);
}

/* Of its settings: its name, else what dlt calls its kind. */
static const char *
section_of(const struct run *r, const char *scheme)
{
	if (r->name)
		return r->name;
	return strcmp(scheme, "file") && strcmp(scheme, "s3") ? scheme
	                                                      : "filesystem";
}

/* How whole tables are replaced; the destination's first way by default. */
static int
read_strategy(struct run *r, struct error *err)
{
	const struct dest_ops *ops = r->loader.dest->ops;
	const char *const *known = ops->caps.replace_strategies;
	struct config_context ctx = {
		.pipeline = r->has_workdir ? r->workdir.name : NULL,
		.path = { "destination", section_of(r, ops->scheme) },
		.count = 2
	};
	const char *want = config_get(r->config, &ctx, "replace_strategy",
	    NULL);

	r->loader.replace_strategy = want ? want : known[0];
	for (size_t i = 0; want && known[i]; i++)
		if (!strcmp(known[i], want))
			return 0;
	return want ? error_set(err, ERR_USAGE,
	                  "replace_strategy \"%s\" is not supported by %s",
	                  want, ops->form)
	            : 0;
}

static int
read_password(struct run *r, struct error *err)
{
	if (!r->o->password_file)
		return 0;
	free(r->password);
	r->password = NULL;
	return dataset_password(r->o->password_file, &r->password, err);
}

/* It is asked for only where the schemas do not share one dataset. */
static int
find_default_schema(struct run *r, const struct json *state, struct error *err)
{
	struct config_context ctx = { .pipeline = r->workdir.name,
		.path = { "pipelines", r->workdir.name },
		.count = 2 };
	const char *name = NULL;
	bool single = true;

	if (!r->has_workdir || !state)
		return 0;
	if (config_bool(r->config, &ctx, "use_single_dataset", &single, err) <
	    0)
		return -1;
	if (!single)
		name = json_get_str(state, "default_schema_name", NULL);
	r->default_schema = name ? xstrdup(name) : NULL;
	return 0;
}

static int
find_dataset(struct run *r, struct error *err)
{
	struct state st = { 0 };
	int rc = 0;

	if (r->has_workdir)
		rc = workdir_state(&r->workdir, &st, err);
	if (rc == 0)
		rc = dataset_name(r->config, r->o->dataset,
		    r->has_workdir ? r->workdir.name : NULL, st.doc.root,
		    &r->dataset, err);
	if (rc == 0)
		rc = find_default_schema(r, st.doc.root, err);
	state_release(&st);
	return rc;
}

/* Called by several threads. */
static struct dest *
connect_again(void *arg, struct error *err)
{
	const struct run *r = arg;
	struct dest_settings set = r->settings;

	set.first = r->loader.dest;
	return dest_open(r->url, &set, err);
}

/* SQLite knows no datasets: all is in the file. */
static int
retarget(void *arg, const char *schema, struct error *err)
{
	struct run *r = arg;
	char *own = NULL;

	if (!r->default_schema || !strncmp(r->url, "sqlite:", 7))
		return 0;
	if (strcmp(schema, r->default_schema) != 0 &&
	    dataset_of_schema(r->dataset, schema, &own, err) < 0)
		return -1;
	if (own ? r->own_dataset && !strcmp(own, r->own_dataset)
	        : !r->own_dataset) {
		free(own);
		return 0;
	}
	dest_close(r->loader.dest);
	r->loader.dest = NULL;
	free(r->own_dataset);
	r->own_dataset = own;
	r->settings.dataset = r->loader.dataset = own ? own : r->dataset;
	r->loader.dest = connect_again(r, err);
	return r->loader.dest ? 1 : -1;
}

/* Before there is a destination to ask for its name: that is its scheme. */
static int
read_indexes(struct run *r, struct error *err)
{
	char *scheme = xstrndup(r->url, strcspn(r->url, ":"));
	struct config_context ctx = {
		.pipeline = r->has_workdir ? r->workdir.name : NULL,
		.path = { "destination", r->name ? r->name : scheme },
		.count = 2
	};
	bool indexes = true;
	int rc = config_bool(r->config, &ctx, "create_indexes", &indexes, err);

	r->settings.no_indexes = !indexes;
	free(scheme);
	return rc;
}

/* Where tables are staged; without effect in SQLite and files. */
static void
read_staging(struct run *r)
{
	char *scheme = xstrndup(r->url, strcspn(r->url, ":"));
	struct config_context ctx = {
		.pipeline = r->has_workdir ? r->workdir.name : NULL,
		.path = { "destination", section_of(r, scheme) },
		.count = 2
	};

	r->settings.staging_layout = config_get(r->config, &ctx,
	    "staging_dataset_name_layout", NULL);
	free(scheme);
}

/* Of files. */
static int
read_layout(struct run *r, struct error *err)
{
	struct config_context ctx = {
		.pipeline = r->has_workdir ? r->workdir.name : NULL,
		.path = { "destination", section_of(r, "file") },
		.count = 2
	};
	long states = 100;

	bool bucket = !strncmp(r->url, "s3:", 3);

	if (!bucket && strncmp(r->url, "file:", 5) != 0)
		return 0;
	if (bucket &&
	    store_settings(r->config, ctx.pipeline, r->name, &r->account, err) <
	        0)
		return -1;
	r->settings.s3 = &r->account;
	r->settings.layout = config_get(r->config, &ctx, "layout", NULL);
	if (config_int(r->config, &ctx, "max_state_files", &states, err) < 0)
		return -1;
	r->settings.state_files = states > 0 ? states : -1;
	return 0;
}

static int
open_destination(struct run *r, struct error *err)
{
	r->settings = (struct dest_settings){ .wait_s = -1,
		.cache = r->memory ? budget_rows(r->memory, 0) / 4 : 0,
		.dataset = r->dataset,
		.password = r->password,
		.read_only = r->o->plan };
	read_staging(r);
	if (read_indexes(r, err) < 0 || read_layout(r, err) < 0)
		return -1;
	if (r->o->common.wait)
		r->settings.wait_s = r->wait < 0 || isinf(r->wait) ? 1e9
		                                                   : r->wait;
	r->loader.dataset = strncmp(r->url, "sqlite:", 7) ? r->dataset : NULL;
	r->loader.connect = connect_again;
	r->loader.connect_arg = r;
	r->loader.retarget = retarget;
	r->loader.dest = connect_again(r, err);
	return r->loader.dest ? read_strategy(r, err) : -1;
}

static void
begin_report(struct run *r)
{
	jsonw_init(&r->json, &r->report, false);
	jsonw_object(&r->json);
	jsonw_key(&r->json, "destination");
	jsonw_str(&r->json, r->shown.data);
	jsonw_key(&r->json, "packages");
	jsonw_array(&r->json);
}

/* Also when nothing came of it, not even a destination. */
static void
print_report(struct run *r, const char *error)
{
	if (!r->report.len)
		begin_report(r);
	jsonw_end_array(&r->json);
	jsonw_key(&r->json, "error");
	jsonw_str(&r->json, error);
	jsonw_end_object(&r->json);
	puts(buf_str(&r->report));
	r->reported = true;
}

static int
load_all(struct run *r, struct error *err)
{
	int rc;

	if (r->o->common.json) {
		begin_report(r);
		r->loader.report = &r->json;
	}
	r->loader.print = r->o->print;
	r->loader.zero = r->o->zero;
	rc = load_input(r, err);
	if (rc == 0 && r->has_workdir && !r->o->plan)
		rc = load_tell_failed(&r->loader, err);
	if (rc < 0 && err->code != ERR_DATA)
		error_prefix(err, "%s: ", r->shown.data);
	if (r->o->common.json)
		print_report(r, rc < 0 ? err->msg : NULL);
	load_reset(&r->loader);
	return rc;
}

/* In `dlt-normalize -p NAME --print | dlt-load -p NAME -T -` the pipeline may
 * not exist before the first name comes. False: the list is empty. */
static bool
await_list(const struct load_options *o)
{
	int c;

	if (!o->packages_from || strcmp(o->packages_from, "-") != 0 ||
	    o->common.show_config)
		return true;
	c = getc(stdin);
	if (c != EOF)
		ungetc(c, stdin);
	return c != EOF || o->operands.count > 1;
}

/* What is upstream may be reading from the destination, which a database may
 * allow to one process at a time; when the stream begins it has done so. */
static void
await_stream(const struct run *r)
{
	const struct opt_list *ops = &r->o->operands;
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	bool alone = ops->count == r->first_package && !r->o->packages_from &&
	    !r->has_workdir;
	bool named = ops->count > r->first_package &&
	    !strcmp(ops->items[r->first_package], "-");

	if ((alone || named) && !isatty(STDIN_FILENO))
		poll(&in, 1, -1);
}

static int
start_progress(struct run *r, struct error *err)
{
	const struct progress_spec what = { .stage = "load",
		.name = r->workdir.name };

	return runtime_begin(r->config, &r->o->common, &what,
	    &r->loader.progress, err);
}

static int
run_all(struct run *r, struct error *err)
{
	const struct opt_common *c = &r->o->common;
	const char *unused;

	if (r->o->plan && r->o->print && !c->show_config)
		return error_set(err, ERR_USAGE,
		    "--plan loads nothing, so that there is nothing to --print");
	if (c->json && r->o->print && !c->show_config)
		return error_set(err, ERR_USAGE,
		    "--json and --print exclude each other");
	r->config = config_load(c->directory, err);
	if (!r->config || config_set_all(r->config, &c->config, err) < 0 ||
	    opt_wait(c->wait, &r->wait, err) < 0)
		return -1;
	if (isinf(r->wait))
		r->wait = WAIT_FOREVER;
	if (!await_list(r->o))
		return 0;
	if (open_pipeline(r, err) < 0 || read_settings(r, err) < 0 ||
	    read_files(r, err) < 0)
		return -1;
	if (c->show_config) {
		struct error ignored;

		start_progress(r, &ignored);
		find_destination(r, &ignored);
		config_show(r->config, c->json, stdout);
		return 0;
	}
	if (find_destination(r, err) < 0 || keep_to_memory(r, err) < 0 ||
	    read_password(r, err) < 0 || find_dataset(r, err) < 0 ||
	    start_progress(r, err) < 0)
		return -1;
	await_stream(r);
	if (open_destination(r, err) < 0)
		return -1;
	for (size_t at = 0; (unused = config_unused(r->config, &at));)
		msg_warn("%s: no setting of dlt-load", unused);
	return load_all(r, err);
}

int
load_run(const struct load_options *o, bool *changes, struct error *err)
{
	struct load_plan plan = { 0 };
	struct run r = { .o = o };
	int rc;

	if (o->plan)
		r.loader.plan = &plan;
	rc = run_all(&r, err);
	runtime_end(r.loader.progress, &o->common, rc < 0 ? err : NULL);
	if (rc < 0 && o->common.json && !r.reported)
		print_report(&r, err->msg);
	*changes = plan.changes;
	load_plan_release(&plan);
	dest_close(r.loader.dest);
	if (r.has_workdir)
		workdir_close(&r.workdir);
	config_free(r.config);
	free(r.url);
	free(r.name);
	free(r.unknown);
	free(r.password);
	s3_account_release(&r.account);
	free(r.dataset);
	free(r.own_dataset);
	free(r.default_schema);
	buf_release(&r.shown);
	buf_release(&r.report);
	return rc;
}
