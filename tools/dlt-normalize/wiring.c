/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/wiring.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/space.h"
#include "common/testhook.h"
#include "common/workdir.h"

/* A place for packages: what struct sink calls. */
struct place_out {
	struct wiring *w;
	struct workdir *workdir;
	char *build;        /* directory being written */
	bool opened;        /* something went to the stream */
	const char *source; /* of -p: the extracted package, removed last */
	char mark[64];      /* of it, as it was when we began */
	bool had_schema;    /* schemas/ had its schema */
	int nowhere;        /* /dev/null, or -1 */
};

static bool
schema_there(const struct place_out *p, const char *name)
{
	char *path = xasprintf("%s/schemas/%s.schema.json", p->workdir->path,
	    name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static struct schema *
given_schema(void *arg, const char *name, struct error *err)
{
	struct place_out *p = arg;
	bool missing = false;
	struct schema *s;

	if (p->w->plan && p->w->plan->schema &&
	    strcmp(p->w->plan->schema->name, name) == 0)
		return schema_copy(p->w->plan->schema);
	if (p->w->schema_file)
		return schema_read(p->w->schema_file, err);
	if (!p->workdir)
		return NULL;
	p->had_schema = schema_there(p, name);
	p->w->exchange.look_only = p->w->plan;
	s = exchange_schema(&p->w->exchange, p->workdir, name, &missing, err);
	if (p->w->exchange.imported && p->w->exchange.replaced)
		msg_warn("%s: has changed, and replaces the schema of the "
		         "pipeline%s%s",
		    p->w->exchange.imported,
		    *p->w->exchange.affected ? "; tables with data: " : "",
		    p->w->exchange.affected);
	exchange_release(&p->w->exchange);
	return s;
}

static int
announce(const struct wiring *w, const char *path, struct error *err)
{
	return w->print ? pathlist_print(path, w->nul, err) : 0;
}

/* ---- stream ---- */

static struct package_out *
stream_open(void *arg, const struct package_spec *spec, struct error *err)
{
	struct place_out *p = arg;

	p->opened = true;
	return package_out_stream(STDOUT_FILENO, spec, err);
}

static int
stream_commit(void *arg, const char *load_id, struct schema *schema,
    bool changed, struct error *err)
{
	struct place_out *p = arg;

	(void)load_id;
	return changed ? exchange_export(&p->w->exchange, schema, err) : 0;
}

/* ---- nowhere (--plan) ---- */

static struct package_out *
plan_open(void *arg, const struct package_spec *spec, struct error *err)
{
	struct place_out *p = arg;

	if (p->nowhere < 0)
		p->nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (p->nowhere < 0) {
		error_errno(err, "/dev/null");
		return NULL;
	}
	return package_out_stream(p->nowhere, spec, err);
}

static void
plan_package(void *arg, const struct evolve *ev)
{
	struct place_out *p = arg;

	plan_add(p->w->plan, ev);
}

/* ---- directory ---- */

static struct package_out *
dir_open(void *arg, const struct package_spec *spec, struct error *err)
{
	struct place_out *p = arg;

	if (p->build) {
		error_set(err, ERR_USAGE,
		    "--output takes one package, and "
		    "the input has several");
		return NULL;
	}
	if (output_dir_begin(p->w->output, &p->build, err))
		return NULL;
	return package_out_dir(p->build, spec, err);
}

static int
dir_commit(void *arg, const char *load_id, struct schema *schema, bool changed,
    struct error *err)
{
	struct place_out *p = arg;

	(void)load_id;
	if (changed && exchange_export(&p->w->exchange, schema, err))
		return -1;
	return 0; /* after the whole input has been read: see run_dir() */
}

/* ---- pipeline ---- */

static struct package_out *
work_open(void *arg, const struct package_spec *spec, struct error *err)
{
	struct place_out *p = arg;

	p->build = workdir_build_dir(p->workdir, STAGE_NORMALIZE, spec->load_id,
	    err);
	return p->build ? package_out_dir(p->build, spec, err) : NULL;
}

static int
save_schema(struct place_out *p, struct schema *schema, struct error *err)
{
	const struct exchange *x = &p->w->exchange;

	if (exchange_link(x, schema, err) ||
	    workdir_save_schema(p->workdir, schema, err))
		return -1;
	return exchange_export(x, schema, err);
}

/* Python dlt takes no locks: what we have read and what we have made must still
 * be there, or it is another run that has to do it. */
static int
check_unchanged(const struct place_out *p, const char *schema,
    struct error *err)
{
	int rc = workdir_unchanged(p->source, p->mark, err);

	if (!rc && access(p->build, F_OK) != 0)
		rc = error_set(err, ERR_TEMP,
		    "%s: another process has removed what was being made",
		    p->build);
	if (!rc && p->had_schema && !schema_there(p, schema))
		rc = error_set(err, ERR_TEMP,
		    "%s: another process has removed the schema \"%s\"",
		    p->workdir->path, schema);
	return rc;
}

/* Contract.md 1.5: schema, rename, then the extracted package goes. */
static int
work_commit(void *arg, const char *load_id, struct schema *schema, bool changed,
    struct error *err)
{
	struct place_out *p = arg;
	char *path;
	int rc;

	TEST_RUN("normalize.commit");
	rc = workdir_lock(p->workdir, STAGE_COMMIT, WAIT_FOREVER, err);
	if (rc)
		return -1;
	rc = check_unchanged(p, schema->name, err);
	if (!rc && changed)
		rc = save_schema(p, schema, err);
	if (!rc)
		rc = exchange_offer(&p->w->exchange, schema, err);
	if (!rc)
		rc = workdir_commit(p->workdir, STAGE_NORMALIZE, p->build,
		    load_id, err);
	if (!rc)
		rc = remove_tree(p->source, err);
	workdir_unlock(p->workdir, STAGE_COMMIT);
	free(p->build);
	p->build = NULL;
	if (rc)
		return -1;
	path = workdir_package_dir(p->workdir, STAGE_NORMALIZE, load_id);
	rc = announce(p->w, path, err);
	free(path);
	return rc;
}

/* ---- inputs ---- */

/* A package is rarely less than half as large when it is normalized: nothing to
 * fail for, for contracts may let few of its rows through. */
static void
foresee_size(const struct wiring *w, const struct sink *sink, const char *path)
{
	const struct place_out *p = sink->arg;
	const char *to = p->workdir ? p->workdir->path : w->output;
	uint64_t size, room;

	if (!to || w->plan)
		return;
	size = space_of_tree(path);
	room = space_free(to);
	if (room < size / 2)
		msg_warn("%s: %.1f MB are free; the package to normalize has "
		         "%.1f MB",
		    to, (double)room / 1e6, (double)size / 1e6);
}

static int
normalize_dir(struct wiring *w, const char *path, const struct sink *sink,
    struct error *err)
{
	struct package_in *in = package_in_dir(path, err);

	if (!in)
		return -1;
	foresee_size(w, sink, path);
	return normalize_run(in, &w->set, sink, &w->totals, err);
}

static int
run_list(struct wiring *w, const struct sink *sink, struct error *err)
{
	const char *path;
	int rc;

	while ((rc = pathlist_next(&w->paths, &path, err)) > 0)
		if (normalize_dir(w, path, sink, err))
			return -1;
	return rc;
}

static int
run_stdin(struct wiring *w, const struct sink *sink, struct error *err)
{
	struct package_in *in = package_in_stream(STDIN_FILENO, err);

	if (!in)
		return -1;
	return normalize_run(in, &w->set, sink, &w->totals, err);
}

static int
run_inputs(struct wiring *w, const struct sink *sink, struct error *err)
{
	if (!w->operands.count && !w->packages_from)
		return run_stdin(w, sink, err);
	if (w->operands.count == 1 && !w->packages_from &&
	    strcmp(w->operands.items[0], "-") == 0)
		return run_stdin(w, sink, err);
	return run_list(w, sink, err);
}

/* Downstream is told that we have failed, and keeps quiet about it. */
static void
cancel_stream(void)
{
	const struct package_spec spec = { .kind = PACKAGE_NORMALIZED,
		.load_id = "cancelled",
		.schema_name = "none" };
	struct error ignored = { 0 };
	struct package_out *out = package_out_stream(STDOUT_FILENO, &spec,
	    &ignored);

	if (out)
		package_out_free(out, true);
}

static int
run_stream(struct wiring *w, struct error *err)
{
	struct place_out p = { .w = w };
	const struct sink sink = { &p, given_schema, stream_open,
		stream_commit };

	if (run_inputs(w, &sink, err) == 0)
		return 0;
	if (!p.opened)
		cancel_stream();
	return -1;
}

static int
run_plan(struct wiring *w, struct error *err)
{
	struct place_out p = { .w = w, .nowhere = -1 };
	const struct sink sink = { .arg = &p,
		.schema = given_schema,
		.open = plan_open,
		.plan = plan_package };
	int rc = run_inputs(w, &sink, err);

	if (p.nowhere >= 0)
		close(p.nowhere);
	return rc;
}

static int
run_dir(struct wiring *w, struct error *err)
{
	struct place_out p = { .w = w };
	const struct sink sink = { &p, given_schema, dir_open, dir_commit };

	if (package_check_target(w->output, err))
		return -1;
	if (run_inputs(w, &sink, err)) {
		if (p.build) {
			output_dir_blame(p.build, w->output, err);
			output_dir_abort(p.build);
		}
		return -1;
	}
	if (!p.build)
		return error_set(err, ERR_DATA, "the input has no package");
	if (output_dir_commit(p.build, w->output, true, err))
		return -1;
	return announce(w, w->output, err);
}

/* The name of a package of this pipeline, given as a path or a load id. */
static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* A package without a single job is dropped, as dlt does. */
static bool
has_jobs(const char *package)
{
	char *path = xasprintf("%s/new_jobs", package);
	DIR *d = opendir(path);
	struct dirent *e;
	bool found = !d;

	while (d && !found && (e = readdir(d)))
		found = e->d_name[0] != '.';
	if (d)
		closedir(d);
	free(path);
	return found;
}

static int
drop_empty(struct workdir *wd, const char *path, struct error *err)
{
	int rc = workdir_lock(wd, STAGE_COMMIT, WAIT_FOREVER, err);

	if (!rc && !has_jobs(path))
		rc = remove_tree(path, err);
	workdir_unlock(wd, STAGE_COMMIT);
	return rc;
}

/* One that is there. What fails because somebody took a file away is worth
 * another try. */
static int
run_there(struct place_out *p, const struct sink *sink, struct error *err)
{
	struct error changed;

	if (!p->w->plan && !has_jobs(p->source))
		return drop_empty(p->workdir, p->source, err);
	if (workdir_watch(p->source, p->mark, err))
		return -1;
	if (normalize_dir(p->w, p->source, sink, err) == 0)
		return 0;
	if (err->code != ERR_QUIET &&
	    workdir_unchanged(p->source, p->mark, &changed))
		*err = changed;
	workdir_blame(p->workdir, p->build, err);
	return -1;
}

static int
run_pending(struct wiring *w, struct workdir *wd, const char *load_id,
    struct error *err)
{
	char *path = workdir_package_dir(wd, STAGE_EXTRACT, load_id);
	struct place_out p = {
		.w = w, .workdir = wd, .source = path, .nowhere = -1
	};
	const struct sink sink = { &p, given_schema,
		w->plan ? plan_open : work_open, work_commit,
		w->plan ? plan_package : NULL };
	int rc = 0;

	if (access(path, F_OK) == 0) {
		rc = run_there(&p, &sink, err);
		if (rc)
			error_prefix(err, "package %s: ", load_id);
	} else {
		msg_info("package %s is not in extracted/: nothing to do",
		    load_id);
	}
	if (p.build)
		remove_tree(p.build, &(struct error){ 0 });
	if (p.nowhere >= 0)
		close(p.nowhere);
	free(p.build);
	free(path);
	return rc;
}

/* Python lists whole folders and stops at a name it does not know: where it
 * has run, gzip is what it can read. */
static void
choose_codec(struct wiring *w, struct workdir *wd)
{
	if (!w->codec_given && w->set.codec == CODEC_ZSTD &&
	    workdir_is_pythons(wd))
		w->set.codec = CODEC_GZIP;
}

void
wiring_target(struct wiring *w, const struct caps *t, bool staged)
{
	w->set.target = t;
	w->set.target_known = true;
	if ((staged || !t->preferred) && caps_stage(t, &w->staged))
		w->set.target = &w->staged;
	/* what the user says, be it no limit, comes first */
	if (!w->size_given)
		w->set.rotation.file_max_bytes = (long)t->file_bytes;
}

/* Without --for: the destination that the pipeline has been used with. */
static int
choose_target(struct wiring *w, struct workdir *wd, struct error *err)
{
	const struct caps *found;
	struct state st = { 0 };

	if (w->target_given)
		return 0;
	if (workdir_state(wd, &st, err))
		return -1;
	found = caps_find(json_get_str(st.doc.root, "destination_type", ""));
	if (found)
		wiring_target(w, found,
		    json_get_str(st.doc.root, "staging_type", NULL) != NULL);
	state_release(&st);
	return 0;
}

/* What stands among the packages and is none must not stop them. */
static bool
is_foreign(struct workdir *wd, const char *load_id)
{
	char *path = workdir_package_dir(wd, STAGE_EXTRACT, load_id);
	bool foreign = package_is_foreign(path);

	if (foreign)
		msg_warn("%s: is no package (it has neither schema.json nor "
		         "new_jobs); passed over",
		    path);
	free(path);
	return foreign;
}

/* The packages that the command line names, or else all that are pending. The
 * pipeline is opened with the first: a tool upstream may be making it. */
static int
run_pipeline(struct wiring *w, struct error *err)
{
	bool named = w->packages_from || w->operands.count;
	struct workdir wd = { 0 };
	char **pending = NULL;
	const char *path = NULL;
	size_t count = 0, i;
	int rc = 1;

	if (named)
		rc = pathlist_next(&w->paths, &path, err);
	if (rc <= 0)
		return rc;
	if (workdir_open(&wd, w->pipeline, false, err))
		return -1;
	rc = w->plan ? 0 : workdir_complete(&wd, err);
	if (!rc)
		rc = workdir_lock(&wd, STAGE_NORMALIZE, w->wait, err);
	if (!rc)
		choose_codec(w, &wd);
	if (!rc)
		rc = choose_target(w, &wd, err);
	if (!rc && !named)
		rc = workdir_pending(&wd, STAGE_NORMALIZE, &pending, &count,
		    err);
	for (i = 0; !rc && i < count; i++)
		if (!is_foreign(&wd, pending[i]))
			rc = run_pending(w, &wd, pending[i], err);
	while (!rc && path) {
		rc = run_pending(w, &wd, last_part(path), err);
		path = NULL;
		if (!rc && pathlist_next(&w->paths, &path, err) < 0)
			rc = -1;
	}
	workdir_free_names(pending, count);
	workdir_close(&wd);
	return rc;
}

int
wiring_run(struct wiring *w, struct error *err)
{
	int rc = -1;

	if (pathlist_open(&w->paths, &w->operands, w->packages_from, w->nul,
	        err))
		return -1;
	if (w->rejects.path) {
		w->set.rejects = rejects_open(&w->rejects, err);
		if (!w->set.rejects)
			goto out;
	}
	if (w->pipeline)
		rc = run_pipeline(w, err);
	else if (w->plan)
		rc = run_plan(w, err);
	else if (w->output)
		rc = run_dir(w, err);
	else
		rc = run_stream(w, err);
	if (!rc && w->set.rejects)
		rc = rejects_finish(w->set.rejects, err);
out:
	rejects_free(w->set.rejects);
	pathlist_close(&w->paths);
	return rc;
}
