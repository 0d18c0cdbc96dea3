/* SPDX-License-Identifier: MIT */
/*
 * A package from a directory: one transaction a job, except that all jobs of a
 * replaced or merged chain share one, and what brings them over: the old rows
 * stay until all new ones are in.
 */
#include "tools/dlt-load/load.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/testhook.h"
#include "tools/dlt-load/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAX ((size_t)256 << 20)

struct dir_load {
	struct loader *l;
	const char *path;
	bool pipeline;
	struct jobs jobs;
	const struct table **tables; /* of each job */
	enum load_how *how;
	bool *done;
	size_t failed; /* jobs that will not be tried again */
};

/* What Python dlt has left of a merge, or of a replace through staging: the
 * statements that bring a chain over. Its staging is not ours; the chain's job
 * files are all there still. */
static bool
is_followup(const struct dir_load *d, size_t i)
{
	return !strcmp(d->jobs.items[i].name.format, "sql");
}

static bool
is_chain(const struct dir_load *d, size_t i)
{
	return d->how[i] == LOAD_EMPTIED || d->how[i] == LOAD_STAGED;
}

static const struct table *
root_of(const struct dir_load *d, size_t i)
{
	return schema_root(d->l->schema, d->tables[i]);
}

static int
plan_job(struct dir_load *d, size_t i, struct error *err)
{
	const struct job *job = &d->jobs.items[i];

	d->done[i] = job->folder == JOBS_FAILED;
	d->failed += d->done[i];
	if (!strcmp(job->name.format, "reference"))
		return error_set(err, ERR_REMOTE,
		    "job %s refers to files that Python dlt has staged "
		    "elsewhere; finish this package with Python dlt",
		    job->id);
	if (is_followup(d, i)) {
		d->how[i] = LOAD_SKIP;
		d->tables[i] = schema_table(d->l->schema, job->name.table);
		return d->tables[i]
		    ? 0
		    : error_set(err, ERR_DATA, "the schema has no table \"%s\"",
		          job->name.table);
	}
	d->tables[i] = load_table(d->l, &job->name, &d->how[i], err);
	if (!d->tables[i])
		return -1;
	return d->how[i] == LOAD_STAGED
	    ? load_check_chain(d->l, root_of(d, i), err)
	    : 0;
}

static int
plan_jobs(struct dir_load *d, struct error *err)
{
	size_t n = d->jobs.count + 1;

	d->tables = xcalloc(n, sizeof(*d->tables));
	d->how = xcalloc(n, sizeof(*d->how));
	d->done = xcalloc(n, sizeof(*d->done));
	for (size_t i = 0; i < d->jobs.count; i++)
		if (plan_job(d, i, err) < 0)
			return -1;
	return 0;
}

/* ---- the schema ---- */

static int
migrate_all(struct dir_load *d, struct buf *added, struct error *err)
{
	const struct table *last = NULL;

	if (load_migrate_own(d->l, added, err) < 0)
		return -1;
	for (size_t i = 0; i < d->jobs.count; i++) {
		const struct table *t = d->tables[i];

		if (t == last || d->how[i] == LOAD_SKIP ||
		    !strncmp(t->name, "_dlt", 4))
			continue;
		last = t;
		if (load_migrate(d->l, t, added, err) < 0)
			return -1;
	}
	return load_version(d->l, err);
}

/* schema_updates.json -> applied_schema_updates.json, which keeps what an
 * earlier try has changed. */
static int
note_updates(struct dir_load *d, const struct buf *added, struct error *err)
{
	char *from = xasprintf("%s/schema_updates.json", d->path);
	char *to = xasprintf("%s/applied_schema_updates.json", d->path);
	struct buf text = { 0 };
	int rc = 0;

	buf_addf(&text, "{%s}", buf_str(added));
	if (added->len || access(to, F_OK) < 0)
		rc = output_file(to, text.data, text.len, err);
	if (rc == 0 && unlink(from) < 0 && errno != ENOENT)
		rc = error_errno(err, "%s", from);
	buf_release(&text);
	free(from);
	free(to);
	return rc;
}

static int
init_package(struct dir_load *d, struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;
	struct buf added = { 0 };
	int rc = -1;

	if (ops->begin(d->l->dest, err) < 0 || migrate_all(d, &added, err) < 0)
		goto out;
	TEST_HOOK("load_init");
	if (ops->commit(d->l->dest, err) < 0)
		goto out;
	TEST_HOOK("load_init_committed");
	if (d->pipeline && note_updates(d, &added, err) < 0)
		goto out;
	rc = 0;
out:
	ops->rollback(d->l->dest);
	buf_release(&added);
	return rc;
}

/* ---- jobs ---- */

/* The jobs that go into one transaction with job i, i among them. */
static bool
together(const struct dir_load *d, size_t i, size_t k)
{
	return i == k ||
	    (is_chain(d, i) && is_chain(d, k) &&
	        root_of(d, i) == root_of(d, k));
}

static int
insert_job(struct dir_load *d, size_t i, struct error *err)
{
	struct job *job = &d->jobs.items[i];
	char *path = job_path(&d->jobs, job);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct load_job load = { .name = path + strlen(d->path) + 1,
		.id = job->id,
		.expect = *job->sha256 ? job->sha256 : NULL,
		.table = d->how[i] == LOAD_SKIP ? NULL : d->tables[i],
		.place = d->how[i] == LOAD_STAGED ? DEST_STAGING : DEST_DATASET,
		.typed = !strcmp(job->name.format, "typed-jsonl"),
		.source = job_read_fd,
		.arg = &fd };
	int rc;

	rc = fd < 0 ? error_errno(err, "%s", load.name)
	            : load_job(d->l, &load, err);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

static int
sum_job(struct dir_load *d, const struct job *job, char sum[65],
    struct error *err)
{
	char *path = job_path(&d->jobs, job);
	const char *name = path + strlen(d->path) + 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? error_errno(err, "%s", name)
	                : load_checksum(job_read_fd, &fd, sum, err);

	if (fd >= 0)
		close(fd);
	if (!rc && *job->sha256 && strcmp(job->sha256, sum) != 0)
		rc = error_set(err, ERR_DATA,
		    "%s: is not what the manifest says; if it was changed on "
		    "purpose: dlt-package seal",
		    name);
	free(path);
	return rc;
}

/* 1: loaded by an earlier try. */
static int
is_marked(struct dir_load *d, size_t i, struct error *err)
{
	const struct job *job = &d->jobs.items[i];
	struct buf sum = { 0 };
	uint64_t rows;
	int rc = d->l->dest->ops->marked(d->l->dest, d->l->load_id, job->id,
	    &sum, &rows, err);

	if (rc == 0 && sum.len) {
		rc = 1;
		if (*job->sha256 && strcmp(job->sha256, buf_str(&sum)) != 0)
			rc = error_set(err, ERR_DATA,
			    "job %s has been loaded, but from another file",
			    job->id);
		d->l->rows += rc > 0 ? rows : 0;
		d->l->jobs += rc > 0;
	}
	buf_release(&sum);
	return rc;
}

static int
insert_jobs(struct dir_load *d, size_t i, size_t *bad, struct error *err)
{
	d->l->emptied.count = d->l->staged.count = 0;
	if (d->how[i] == LOAD_EMPTIED &&
	    load_empty(d->l, d->tables[i], err) < 0)
		return -1;
	for (size_t k = i; k < d->jobs.count; k++) {
		if (d->done[k] || !together(d, i, k))
			continue;
		if (d->how[k] == LOAD_STAGED &&
		    load_stage(d->l, d->tables[k], err) < 0)
			return -1;
		*bad = k;
		if (insert_job(d, k, err) < 0)
			return -1;
		*bad = d->jobs.count;
		TEST_HOOK("load_job");
	}
	return 0;
}

/* Insert all jobs of i's transaction; *bad is the one that failed. */
static int
insert_unit(struct dir_load *d, size_t i, size_t *bad, struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;

	*bad = d->jobs.count;
	if (ops->begin(d->l->dest, err) < 0 || insert_jobs(d, i, bad, err) < 0)
		return -1;
	if (d->how[i] == LOAD_STAGED &&
	    load_merge(d->l, root_of(d, i), err) < 0)
		return -1;
	TEST_HOOK("load_commit");
	if (ops->commit(d->l->dest, err) < 0)
		return -1;
	TEST_HOOK("load_committed");
	return 0;
}

static int
move_unit(struct dir_load *d, size_t i, enum job_folder from,
    enum job_folder to, bool retry, struct error *err)
{
	for (size_t k = i; d->pipeline && k < d->jobs.count; k++) {
		struct job *job = &d->jobs.items[k];

		if (d->done[k] || job->folder != from || !together(d, i, k))
			continue;
		if (job_move(&d->jobs, job, to, retry, err) < 0)
			return -1;
	}
	return 0;
}

/* A chain with a bad job is not loaded at all; nor are its other jobs. */
static int
fail_rest(struct dir_load *d, size_t i, size_t bad, struct error *err)
{
	char *why = xasprintf("not loaded, as %s has failed",
	    d->jobs.items[bad].id);
	int rc = 0;

	for (size_t k = i; k < d->jobs.count && rc == 0; k++) {
		if (d->done[k] || !together(d, i, k))
			continue;
		rc = job_fail(&d->jobs, &d->jobs.items[k], why, err);
		d->done[k] = true;
		d->failed++;
	}
	free(why);
	return rc;
}

/* What a failure leaves behind: bad data will not get better (failed_jobs, and
 * the package is aborted, as dlt does it); all else is tried again. */
static int
fail_unit(struct dir_load *d, size_t i, size_t bad, struct error *err)
{
	struct error why = *err;
	bool final = why.code == ERR_DATA && bad < d->jobs.count;

	d->l->dest->ops->rollback(d->l->dest);
	if (!d->pipeline)
		return -1;
	if (final) {
		if (job_fail(&d->jobs, &d->jobs.items[bad], why.msg, err) < 0)
			return -1;
		d->failed++;
		d->done[bad] = true;
	}
	if (final && is_chain(d, i) && !d->l->raise_on_failed &&
	    fail_rest(d, i, bad, err) < 0)
		return -1;
	if (move_unit(d, i, JOBS_STARTED, JOBS_NEW, why.code == ERR_TEMP, err) <
	    0)
		return -1;
	if (final && !d->l->raise_on_failed) {
		msg_warn("%s: %s", d->l->load_id, why.msg);
		return 0;
	}
	*err = why;
	return -1;
}

static int
complete_unit(struct dir_load *d, size_t i, struct error *err)
{
	for (size_t k = i; k < d->jobs.count; k++) {
		if (d->done[k] || !together(d, i, k))
			continue;
		if (d->pipeline &&
		    job_complete(&d->jobs, &d->jobs.items[k], err) < 0)
			return -1;
		d->done[k] = true;
		TEST_HOOK("load_completed");
	}
	return 0;
}

static bool
is_over(const struct job *job)
{
	return job->folder == JOBS_COMPLETED || job->finished;
}

/* Has Python dlt brought the whole chain of job i over? */
static bool
chain_is_over(const struct dir_load *d, size_t i)
{
	char *how = hints_get_str(&root_of(d, i)->hints, "write_disposition");
	bool merge = how && !strcmp(how, "merge"), all = true, any = false;

	free(how);
	for (size_t k = 0; k < d->jobs.count; k++) {
		if (is_followup(d, k) && d->tables[k] == root_of(d, i)) {
			any = true;
			all = all && is_over(&d->jobs.items[k]);
		} else if (together(d, i, k)) {
			all = all && is_over(&d->jobs.items[k]);
		}
	}
	return all && (any || !merge);
}

static bool
is_over_already(const struct dir_load *d, size_t i)
{
	if (!d->pipeline)
		return false;
	return is_chain(d, i) ? chain_is_over(d, i)
	                      : is_over(&d->jobs.items[i]);
}

/* Loaded by Python dlt, which leaves no marks: ours is the sum of all jobs. */
static int
mark_over(struct dir_load *d, size_t i, struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;
	struct dest_mark mark = { d->l->load_id, d->jobs.items[i].id, NULL, 0 };
	char sum[65];
	int rc;

	if (sum_job(d, &d->jobs.items[i], sum, err) < 0)
		return -1;
	mark.checksum = sum;
	rc = ops->begin(d->l->dest, err) < 0 ||
	        ops->mark(d->l->dest, &mark, err) < 0 ||
	        ops->commit(d->l->dest, err) < 0
	    ? -1
	    : 0;
	ops->rollback(d->l->dest);
	return rc;
}

static int
run_unit(struct dir_load *d, size_t i, struct error *err)
{
	uint64_t rows = d->l->rows, jobs = d->l->jobs;
	size_t bad;
	int marked = is_marked(d, i, err);
	bool over = !marked && is_over_already(d, i);

	if (marked < 0 || (over && mark_over(d, i, err) < 0))
		return -1;
	if (marked || over) {
		/* That of a chain is asked for again by its other jobs. */
		if (d->pipeline && !is_chain(d, i) &&
		    job_complete(&d->jobs, &d->jobs.items[i], err) < 0)
			return -1;
		d->done[i] = true;
		return 0;
	}
	if (move_unit(d, i, JOBS_NEW, JOBS_STARTED, false, err) < 0)
		return -1;
	TEST_HOOK("load_started");
	if (insert_unit(d, i, &bad, err) < 0) {
		d->l->rows = rows;
		d->l->jobs = jobs;
		return fail_unit(d, i, bad, err);
	}
	return complete_unit(d, i, err);
}

/* Jobs of chains, and what Python dlt has added, once all are in. */
static int
complete_rest(struct dir_load *d, struct error *err)
{
	for (size_t i = 0; i < d->jobs.count; i++) {
		struct job *job = &d->jobs.items[i];

		if (d->pipeline && job->folder != JOBS_FAILED &&
		    job->folder != JOBS_COMPLETED &&
		    job_complete(&d->jobs, job, err) < 0)
			return -1;
		d->done[i] = true;
	}
	return 0;
}

static int
run_jobs(struct dir_load *d, struct error *err)
{
	for (size_t i = 0; i < d->jobs.count; i++)
		while (!d->done[i] && !is_followup(d, i))
			if (run_unit(d, i, err) < 0)
				return -1;
	return complete_rest(d, err);
}

/* ---- the end ---- */

static int
finish(struct dir_load *d, struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;
	int rc = -1;

	if (ops->begin(d->l->dest, err) == 0 &&
	    load_finish(d->l, d->failed > 0, err) == 0) {
		TEST_HOOK("load_finish");
		rc = ops->commit(d->l->dest, err);
		TEST_HOOK("load_finished");
	}
	ops->rollback(d->l->dest);
	return rc;
}

/* Mark the package and move it to load/loaded. */
static int
put_away(struct dir_load *d, const char *status, struct error *err)
{
	char *marker = xasprintf("%s/package_completed.json", d->path);
	char *to = workdir_package_dir(d->l->workdir, STAGE_LOAD,
	    d->l->load_id);
	char *parent = xstrndup(to, (size_t)(strrchr(to, '/') - to));
	char *completed = xasprintf("%s/completed_jobs", to);
	int rc = -1;

	if (output_file(marker, status, strlen(status), err) < 0)
		goto out;
	TEST_HOOK("load_put_away");
	if (make_dirs(parent, err) < 0 || rename_synced(d->path, to, err) < 0)
		goto out;
	if (d->l->delete_completed && !d->failed &&
	    remove_tree(completed, err) < 0)
		goto out;
	d->l->aborted = !strcmp(status, "aborted");
	load_tell(d->l, to, status);
	rc = 0;
out:
	free(marker);
	free(to);
	free(parent);
	free(completed);
	return rc;
}

/* All job files are looked at before the destination is touched; a damaged one
 * may be mended, so it does not become a failed job. */
static int
check_jobs(struct dir_load *d, struct error *err)
{
	char sum[65];

	for (size_t i = 0; i < d->jobs.count; i++) {
		const struct job *job = &d->jobs.items[i];

		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (*job->sha256 && !job->finished &&
		    (job->folder == JOBS_NEW || job->folder == JOBS_STARTED) &&
		    sum_job(d, job, sum, err) < 0)
			return -1;
	}
	return 0;
}

/* Failed jobs have no mark, nor has what Python dlt adds. */
static bool
is_loadable(const struct job *job)
{
	return job->folder != JOBS_FAILED && strcmp(job->name.format, "sql");
}

static int
fingerprint(struct dir_load *d, char out[65], struct error *err)
{
	struct hash *h = hash_sha256_new();
	int rc = 0;

	for (size_t i = 0; i < d->jobs.count && rc == 0; i++) {
		const struct job *job = &d->jobs.items[i];
		char sum[65] = "";

		if (!is_loadable(job))
			continue;
		rc = sum_job(d, job, sum, err);
		hash_update(h, job->id, strlen(job->id));
		hash_update(h, " ", 1);
		hash_update(h, sum, 64);
		hash_update(h, "\n", 1);
	}
	hash_final_hex(h, out);
	return rc;
}

/* It is in the destination; is it the same? With a pipeline this is what a
 * kill between the last commit and the move leaves. */
static int
settle_done(struct dir_load *d, struct error *err)
{
	char sum[65];

	if (fingerprint(d, sum, err) < 0 || load_same(d->l, sum, err) < 0)
		return -1;
	if (!d->pipeline) {
		load_tell(d->l, d->path, "loaded before");
		return 0;
	}
	for (size_t i = 0; i < d->jobs.count; i++)
		if (d->jobs.items[i].folder != JOBS_FAILED &&
		    job_complete(&d->jobs, &d->jobs.items[i], err) < 0)
			return -1;
	return put_away(d, "loaded", err);
}

static int
load_new(struct dir_load *d, struct error *err)
{
	struct error why;

	if (plan_jobs(d, err) < 0 ||
	    (d->pipeline &&
	        load_check_order(d->l, d->tables, d->how, d->jobs.count, err) <
	            0) ||
	    check_jobs(d, err) < 0 || init_package(d, err) < 0)
		return -1;
	if (run_jobs(d, err) < 0) {
		why = *err;
		if (d->pipeline && d->failed && d->l->raise_on_failed &&
		    put_away(d, "aborted", err) == 0)
			*err = why;
		return -1;
	}
	if (d->failed && d->l->raise_on_failed) {
		if (put_away(d, "aborted", err) < 0)
			return -1;
		return error_set(err, ERR_DATA, "%zu jobs have failed before",
		    d->failed);
	}
	if (finish(d, err) < 0)
		return -1;
	if (d->pipeline)
		return put_away(d, "loaded", err);
	load_tell(d->l, d->path, "loaded");
	return 0;
}

static int
read_state(struct dir_load *d, struct error *err)
{
	char *path = xasprintf("%s/load_package_state.json", d->path);
	char *text = NULL;
	size_t len;
	int rc = 0;

	if (access(path, F_OK) == 0)
		rc = read_file(path, STATE_MAX, &text, &len, err) < 0
		    ? -1
		    : load_package_state(d->l, text, len, err);
	free(text);
	free(path);
	return rc;
}

static int
open_package(struct dir_load *d, struct error *err)
{
	char *path = xasprintf("%s/schema.json", d->path);
	char *load_id = NULL;
	struct schema *s;
	int rc = -1;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		error_set(err, ERR_DATA,
		    "not a package (it has no schema.json)");
	else
		load_id = package_load_id(d->path, err);
	if (load_id && load_begin(d->l, load_id, err) == 0) {
		s = schema_read(path, err);
		if (s && load_schema(d->l, s, err) == 0 &&
		    read_state(d, err) == 0)
			rc = jobs_read(&d->jobs, d->path, err);
	}
	free(load_id);
	free(path);
	return rc;
}

int
load_directory(struct loader *l, const char *path, bool pipeline,
    struct error *err)
{
	struct dir_load d = { .l = l, .path = path, .pipeline = pipeline };
	bool foreign = false;
	int rc = -1;

	if (open_package(&d, err) < 0)
		goto out;
	if (l->done.len) {
		rc = settle_done(&d, err);
		goto out;
	}
	if (l->dest->ops->has_load(l->dest, l->load_id, l->schema->name,
	        &foreign, err) < 0)
		goto out;
	if (foreign && !pipeline) {
		load_tell(l, path, "loaded before");
		rc = 0;
		goto out;
	}
	rc = load_new(&d, err);
out:
	if (rc < 0)
		error_prefix(err, "%s: ", path);
	jobs_release(&d.jobs);
	free(d.tables);
	free(d.how);
	free(d.done);
	return rc;
}
