/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/target.h"

#include "common/mem.h"
#include "common/move.h"
#include "common/output.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
has_file(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	bool found = access(path, F_OK) == 0;

	free(path);
	return found;
}

static bool
is_empty_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = d != NULL;

	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0;
	if (d != NULL)
		closedir(d);
	return empty;
}

/* Said before any row is read: only a package is ever replaced. */
static int
check_output(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_errno(err, "%s", path);
	}
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERR_USAGE,
		    "%s: is there and is no directory", path);
	if (has_file(path, "schema.json") || is_empty_dir(path) ||
	    move_is_half(path))
		return 0;
	return error_set(err, ERR_USAGE,
	    "%s: is there, and neither empty nor a package", path);
}

static char *
copy_string(const struct json *o, const char *key)
{
	const char *s = json_get_str(o, key, NULL);

	return s == NULL ? NULL : xstrdup(s);
}

static int
read_state(struct target *t, struct error *err)
{
	struct state st = { 0 };
	const struct json *local;

	if (workdir_state(t->workdir, &st, err) < 0)
		return -1;
	t->default_schema = copy_string(st.doc.root, "default_schema_name");
	t->destination = copy_string(st.doc.root, "destination_type");
	local = json_get(st.doc.root, "_local");
	t->is_fresh = json_get(local, "_last_extracted_hash") == NULL;
	t->python_made = workdir_is_pythons(t->workdir);
	state_release(&st);
	return 0;
}

static int
open_pipeline(struct target *t, const char *pipeline, bool peek,
    struct error *err)
{
	struct error missing;

	if (peek && workdir_open(&t->own, pipeline, false, &missing) < 0) {
		t->pipeline = xstrdup(pipeline);
		return 0;
	}
	/* A killed first run may have made a part of it only. */
	if (!peek && workdir_open(&t->own, pipeline, true, err) < 0)
		return -1;
	t->workdir = &t->own;
	t->pipeline = xstrdup(t->own.name);
	return read_state(t, err);
}

int
target_open(struct target *t, const char *pipeline, const char *output,
    bool peek, struct error *err)
{
	if (pipeline != NULL)
		return open_pipeline(t, pipeline, peek, err);
	if (peek)
		return 0;
	if (output == NULL) {
		if (isatty(STDOUT_FILENO))
			return error_set(err, ERR_USAGE,
			    "a package is not written to a terminal; pipe it "
			    "into dlt-normalize, or use -o DIR or -p NAME");
		return 0;
	}
	t->output = xstrdup(output);
	return check_output(output, err);
}

int
target_take(struct target *t, double wait_s, struct error *err)
{
	if (t->workdir == NULL)
		return 0;
	return workdir_lock(t->workdir, STAGE_EXTRACT, wait_s, err);
}

int
target_begin(struct target *t, const char *load_id, const char *schema_name,
    bool deterministic, struct error *err)
{
	struct package_spec spec = { .kind = PACKAGE_EXTRACTED,
		.load_id = load_id,
		.schema_name = schema_name,
		.deterministic = deterministic };

	t->load_id = xstrdup(load_id);
	if (t->workdir != NULL) {
		t->path = workdir_package_dir(t->workdir, STAGE_EXTRACT,
		    load_id);
		if (access(t->path, F_OK) == 0)
			return error_set(err, ERR_DATA,
			    "%s: a package with this load id is there",
			    t->path);
		t->build = workdir_build_dir(t->workdir, STAGE_EXTRACT, load_id,
		    err);
		if (t->build == NULL)
			return -1;
	} else if (t->output != NULL) {
		t->path = xstrdup(t->output);
		if (output_dir_begin(t->output, &t->build, err) < 0)
			return -1;
	}
	t->package = t->build != NULL
	    ? package_out_dir(t->build, &spec, err)
	    : package_out_stream(STDOUT_FILENO, &spec, err);
	return t->package == NULL ? -1 : 0;
}

int
target_lock(struct target *t, double wait_s, struct error *err)
{
	(void)wait_s; /* commits are short */
	if (t->workdir == NULL)
		return 0;
	return workdir_lock(t->workdir, STAGE_COMMIT, WAIT_FOREVER, err);
}

int
target_commit(struct target *t, struct schema *s, const struct buf *new_state,
    struct error *err)
{
	char *build = t->build;

	package_out_free(t->package, false);
	t->package = NULL;
	if (t->workdir == NULL) {
		if (build == NULL)
			return 0;
		if (output_dir_commit(build, t->output, true, err) < 0)
			return -1;
		t->build = NULL;
		return 0;
	}
	if (workdir_commit(t->workdir, STAGE_EXTRACT, build, t->load_id, err) <
	    0)
		return -1;
	free(t->build);
	t->build = NULL;
	if (workdir_save_schema(t->workdir, s, err) < 0)
		return -1;
	if (new_state->len != 0 &&
	    workdir_save_state(t->workdir, new_state, err) < 0)
		return -1;
	workdir_unlock(t->workdir, STAGE_COMMIT);
	return 0;
}

void
target_cancel(void)
{
	const struct package_spec spec = { .kind = PACKAGE_EXTRACTED,
		.load_id = "cancelled",
		.schema_name = "none" };
	struct error ignored;

	if (!isatty(STDOUT_FILENO))
		package_out_free(package_out_stream(STDOUT_FILENO, &spec,
		                     &ignored),
		    true);
}

void
target_close(struct target *t, bool failed)
{
	struct error ignored;

	package_out_free(t->package, failed);
	t->package = NULL;
	if (t->build != NULL && t->workdir == NULL) {
		output_dir_abort(t->build);
	} else if (t->build != NULL) {
		remove_tree(t->build, &ignored);
		free(t->build);
	}
	if (t->workdir != NULL)
		workdir_close(t->workdir);
	free(t->path);
	free(t->output);
	free(t->load_id);
	free(t->pipeline);
	free(t->default_schema);
	free(t->destination);
}
