/* SPDX-License-Identifier: MIT */
/*
 * A package from a directory: one transaction a job, except that all jobs of a
 * replaced chain share one: the old rows stay until all new ones are in, and
 * SQLite needs no staging tables for it.
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

struct dir_load {
	struct loader *l;
	const char *path;
	bool pipeline;
	struct jobs jobs;
	const struct table **tables; /* of each job */
	bool *skip, *replace, *done;
	size_t failed; /* jobs that will not be tried again */
};

static int
plan_jobs(struct dir_load *d, struct error *err)
{
	size_t n = d->jobs.count + 1;

	d->tables = xcalloc(n, sizeof(*d->tables));
	d->skip = xcalloc(n, sizeof(*d->skip));
	d->replace = xcalloc(n, sizeof(*d->replace));
	d->done = xcalloc(n, sizeof(*d->done));
	for (size_t i = 0; i < d->jobs.count; i++) {
		const struct job *job = &d->jobs.items[i];

		d->done[i] = job->folder == JOBS_FAILED;
		d->failed += d->done[i];
		d->tables[i] = load_table(d->l, &job->name, &d->skip[i],
		    &d->replace[i], err);
		if (!d->tables[i])
			return -1;
	}
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

		if (t == last || d->skip[i] || !strncmp(t->name, "_dlt", 4))
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
	const struct schema *s = d->l->schema;

	return i == k ||
	    (d->replace[i] && d->replace[k] &&
	        schema_root(s, d->tables[i]) == schema_root(s, d->tables[k]));
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
		.table = d->skip[i] ? NULL : d->tables[i],
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

/* Insert all jobs of i's transaction; *bad is the one that failed. */
static int
insert_unit(struct dir_load *d, size_t i, size_t *bad, struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;

	*bad = d->jobs.count;
	if (ops->begin(d->l->dest, err) < 0)
		return -1;
	if (d->replace[i] && load_empty(d->l, d->tables[i], err) < 0)
		return -1;
	for (size_t k = i; k < d->jobs.count; k++) {
		if (d->done[k] || !together(d, i, k))
			continue;
		*bad = k;
		if (insert_job(d, k, err) < 0)
			return -1;
		TEST_HOOK("load_job");
	}
	*bad = d->jobs.count;
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

/* What a failure leaves behind: bad data will not get better (failed_jobs, and
 * the package is aborted, as dlt does it); all else is tried again. */
static int
fail_unit(struct dir_load *d, size_t i, size_t bad, struct error *err)
{
	struct error why = *err;
	bool final = why.code == ERR_DATA && bad < d->jobs.count;

	d->l->dest->ops->rollback(d->l->dest);
	d->l->emptied_count = 0; /* those that were committed are all done */
	if (!d->pipeline)
		return -1;
	if (final) {
		if (job_fail(&d->jobs, &d->jobs.items[bad], why.msg, err) < 0)
			return -1;
		d->failed++;
		d->done[bad] = true;
	}
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

static int
run_unit(struct dir_load *d, size_t i, struct error *err)
{
	const struct job *job = &d->jobs.items[i];
	uint64_t rows = d->l->rows, jobs = d->l->jobs;
	size_t bad;
	int marked = is_marked(d, i, err);

	if (marked < 0)
		return -1;
	if (marked || job->finished ||
	    (d->pipeline && job->folder == JOBS_COMPLETED)) {
		if (d->pipeline &&
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

static int
run_jobs(struct dir_load *d, struct error *err)
{
	for (size_t i = 0; i < d->jobs.count; i++)
		while (!d->done[i])
			if (run_unit(d, i, err) < 0)
				return -1;
	return 0;
}

/* ---- the end ---- */

static int
finish(struct dir_load *d, struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;
	int rc = -1;

	if (ops->begin(d->l->dest, err) == 0 && load_finish(d->l, err) == 0) {
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
	load_tell(d->l, to, status);
	rc = 0;
out:
	free(marker);
	free(to);
	free(parent);
	free(completed);
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

static int
fingerprint(struct dir_load *d, char out[65], struct error *err)
{
	struct hash *h = hash_sha256_new();
	int rc = 0;

	for (size_t i = 0; i < d->jobs.count && rc == 0; i++) {
		const struct job *job = &d->jobs.items[i];
		char sum[65] = "";

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

	if (plan_jobs(d, err) < 0 || check_jobs(d, err) < 0 ||
	    init_package(d, err) < 0)
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
		if (s && load_schema(d->l, s, err) == 0)
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
	free(d.skip);
	free(d.replace);
	free(d.done);
	return rc;
}
