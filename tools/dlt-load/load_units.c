/* SPDX-License-Identifier: MIT */
/*
 * Units of a package: a job, or all jobs of a replaced or merged chain, which
 * share one transaction.
 */
#include "tools/dlt-load/meanwhile.h"

#include "common/mem.h"
#include "common/msg.h"
#include "common/testhook.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
unit_is_followup(const struct dir_load *d, size_t i)
{
	return !strcmp(job_format(&d->jobs, &d->jobs.items[i]), "sql");
}

static bool
is_chain(const struct dir_load *d, size_t i)
{
	return d->how[i] == LOAD_EMPTIED || d->how[i] == LOAD_STAGED;
}

const struct table *
unit_root(const struct dir_load *d, size_t i)
{
	return schema_root(d->l->schema, d->tables[i]);
}

bool
unit_has(const struct dir_load *d, size_t i, size_t k)
{
	return i == k ||
	    (is_chain(d, i) && is_chain(d, k) &&
	        unit_root(d, i) == unit_root(d, k));
}

/* Where to stop looking for the jobs of a unit that begins with i: a package
 * may have very many that stand alone. */
static size_t
unit_end(const struct dir_load *d, size_t i)
{
	return is_chain(d, i) ? d->jobs.count : i + 1;
}

static int
insert_job(struct dir_load *d, size_t i, struct error *err)
{
	struct job *job = &d->jobs.items[i];
	char *path = job_path(&d->jobs, job), *id = job_id(&d->jobs, job);
	char sum[CHECKSUM_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct load_job load = { .name = path + strlen(d->path) + 1,
		.id = id,
		.expect = job->listed ? sum : NULL,
		.table = d->how[i] == LOAD_SKIP ? NULL : d->tables[i],
		.place = d->how[i] == LOAD_STAGED ? DEST_STAGING : DEST_DATASET,
		.format = job_format(&d->jobs, job),
		.source = job_read_fd,
		.arg = &fd };
	int rc;

	job_checksum(job, sum);
	rc = fd < 0 ? error_errno(err, "%s", load.name)
	            : load_job(d->l, &load, err);
	if (fd >= 0)
		close(fd);
	free(id);
	free(path);
	return rc;
}

int
unit_sum_job(struct dir_load *d, const struct job *job, char sum[CHECKSUM_SIZE],
    struct error *err)
{
	char *path = job_path(&d->jobs, job);
	const char *name = path + strlen(d->path) + 1;
	char want[CHECKSUM_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	job_checksum(job, want);
	rc = fd < 0
	    ? error_errno(err, "%s", name)
	    : load_checksum(d->l, job_read_fd, &fd, name, want, sum, err);
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
	char *id = job_id(&d->jobs, job), want[CHECKSUM_SIZE];
	int rc = d->l->dest->ops->marked(d->l->dest, d->l->load_id, id, &sum,
	    &rows, err);

	job_checksum(job, want);
	if (rc == 0 && sum.len) {
		bool other = checksum_kind_of(want) != d->l->sums;

		rc = *want && other ? unit_sum_job(d, job, want, err) : 0;
		if (rc == 0)
			rc = 1;
		if (rc > 0 && *want && strcmp(want, buf_str(&sum)) != 0)
			rc = error_set(err, ERR_DATA,
			    "job %s has been loaded, but from another file",
			    id);
		d->l->rows += rc > 0 ? rows : 0;
		d->l->jobs += rc > 0;
	}
	free(id);
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
	for (size_t k = i; k < unit_end(d, i); k++) {
		if (!unit_has(d, i, k) || d->done[k])
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
	    load_merge(d->l, unit_root(d, i), err) < 0)
		return -1;
	if (meanwhile_check_unit(d, i, err) < 0)
		return -1;
	TEST_HOOK("load_commit");
	if (ops->commit(d->l->dest, err) < 0)
		return -1;
	TEST_HOOK("load_committed");
	TEST_RUN("load.committed");
	return 0;
}

static int
move_unit(struct dir_load *d, size_t i, enum job_folder from,
    enum job_folder to, bool retry, struct error *err)
{
	for (size_t k = i; d->pipeline && k < unit_end(d, i); k++) {
		struct job *job = &d->jobs.items[k];

		if (!unit_has(d, i, k) || d->done[k] || job->folder != from)
			continue;
		if (job_move(&d->jobs, job, to, retry, err) < 0)
			return -1;
		if (retry)
			d->tries = job->retry;
	}
	return 0;
}

/* A chain with a bad job is not loaded at all; nor are its other jobs. */
static int
fail_rest(struct dir_load *d, size_t i, size_t bad, struct error *err)
{
	char *id = job_id(&d->jobs, &d->jobs.items[bad]);
	char *why = xasprintf("not loaded, as %s has failed", id);
	int rc = 0;

	for (size_t k = i; k < unit_end(d, i) && rc == 0; k++) {
		if (!unit_has(d, i, k) || d->done[k])
			continue;
		rc = job_fail(&d->jobs, &d->jobs.items[k], why, err);
		d->done[k] = true;
		d->failed++;
	}
	free(id);
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
	for (size_t k = i; k < unit_end(d, i); k++) {
		if (!unit_has(d, i, k) || d->done[k])
			continue;
		if (d->pipeline &&
		    job_complete(&d->jobs, &d->jobs.items[k], err) < 0)
			return meanwhile_late(d, k, err);
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
	char *how = hints_get_str(&unit_root(d, i)->hints, "write_disposition");
	bool merge = how && !strcmp(how, "merge"), all = true, any = false;

	free(how);
	for (size_t k = 0; k < d->jobs.count; k++) {
		if (unit_is_followup(d, k) && d->tables[k] == unit_root(d, i)) {
			any = true;
			all = all && is_over(&d->jobs.items[k]);
		} else if (unit_has(d, i, k)) {
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
	char sum[CHECKSUM_SIZE], *id;
	struct dest_mark mark = { d->l->load_id, NULL, sum, 0 };
	int rc;

	if (unit_sum_job(d, &d->jobs.items[i], sum, err) < 0)
		return -1;
	mark.job_id = id = job_id(&d->jobs, &d->jobs.items[i]);
	rc = ops->begin(d->l->dest, err) < 0 ||
	        ops->mark(d->l->dest, &mark, err) < 0 ||
	        ops->commit(d->l->dest, err) < 0
	    ? -1
	    : 0;
	ops->rollback(d->l->dest);
	free(id);
	return rc;
}

/* 0: it is not in yet. */
static int
settle_unit(struct dir_load *d, size_t i, struct error *err)
{
	int marked = is_marked(d, i, err);
	bool over = !marked && is_over_already(d, i);

	if (marked < 0 || (over && mark_over(d, i, err) < 0))
		return -1;
	if (!marked && !over)
		return 0;
	/* That of a chain is asked for again by its other jobs. */
	if (d->pipeline && !is_chain(d, i) &&
	    job_complete(&d->jobs, &d->jobs.items[i], err) < 0)
		return -1;
	d->done[i] = true;
	return 1;
}

/* The server may still be about to commit what a run has sent that was killed,
 * or has lost its connection: then these rows have met the same ones, and all
 * is well. */
static bool
loaded_meanwhile(struct dir_load *d, size_t i)
{
	uint64_t rows = d->l->rows, jobs = d->l->jobs;
	struct error unused;
	bool yes;

	d->l->dest->ops->rollback(d->l->dest);
	yes = is_marked(d, i, &unused) > 0;
	d->l->rows = rows;
	d->l->jobs = jobs;
	return yes;
}

static int
run_unit(struct dir_load *d, size_t i, struct error *err)
{
	uint64_t rows = d->l->rows, jobs = d->l->jobs;
	size_t bad;
	int settled = settle_unit(d, i, err);

	if (settled)
		return settled < 0 ? -1 : 0;
	TEST_RUN("load.start");
	if (move_unit(d, i, JOBS_NEW, JOBS_STARTED, false, err) < 0)
		return -1;
	TEST_HOOK("load_started");
	if (insert_unit(d, i, &bad, err) < 0) {
		d->l->rows = rows;
		d->l->jobs = jobs;
		if (err->code == ERR_DATA && loaded_meanwhile(d, i))
			return 0;
		return fail_unit(d, i, bad, err);
	}
	return complete_unit(d, i, err);
}

int
unit_run(struct dir_load *d, size_t i, struct error *err)
{
	for (size_t k = i; k < unit_end(d, i); k++) {
		if (!unit_has(d, i, k) || unit_is_followup(d, k))
			continue;
		while (!d->done[k])
			if (run_unit(d, k, err) < 0)
				return -1;
	}
	return 0;
}

/* ---- several jobs in one transaction ---- */

/* The next job from k on that stands alone and is not done; or end. */
static size_t
next_alone(const struct dir_load *d, size_t k, size_t end)
{
	while (k < end &&
	    (d->done[k] || is_chain(d, k) || unit_is_followup(d, k)))
		k++;
	return k;
}

/* *bad is the job that failed, else the first. */
static int
insert_batch(struct dir_load *d, size_t first, size_t end, size_t *bad,
    struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;

	*bad = next_alone(d, first, end);
	if (ops->begin(d->l->dest, err) < 0)
		return -1;
	for (size_t k = next_alone(d, first, end); k < end;
	     k = next_alone(d, k + 1, end)) {
		if (insert_job(d, k, err) < 0) {
			*bad = k;
			return -1;
		}
		TEST_HOOK("load_job");
	}
	if (meanwhile_check_batch(d, first, end, err) < 0)
		return -1;
	TEST_HOOK("load_commit");
	if (ops->commit(d->l->dest, err) < 0)
		return -1;
	TEST_HOOK("load_committed");
	TEST_RUN("load.committed");
	return 0;
}

/* retry: the job that has failed for now; or end. */
static int
move_batch(struct dir_load *d, size_t first, size_t end, enum job_folder from,
    enum job_folder to, size_t retry, struct error *err)
{
	for (size_t k = next_alone(d, first, end); k < end;
	     k = next_alone(d, k + 1, end))
		if (move_unit(d, k, from, to, k == retry, err) < 0)
			return -1;
	return 0;
}

static int
complete_batch(struct dir_load *d, size_t first, size_t end, struct error *err)
{
	for (size_t k = next_alone(d, first, end); k < end;
	     k = next_alone(d, k + 1, end))
		if (complete_unit(d, k, err) < 0)
			return -1;
	return 0;
}

/* What fails takes all of them back. Bad data is no error yet: each is tried for
 * itself then. */
static int
run_batch(struct dir_load *d, size_t first, size_t end, struct error *err)
{
	uint64_t rows = d->l->rows, jobs = d->l->jobs;
	struct error why = { 0 };
	size_t bad;

	TEST_RUN("load.start");
	if (move_batch(d, first, end, JOBS_NEW, JOBS_STARTED, end, err) < 0)
		return -1;
	TEST_HOOK("load_started");
	if (insert_batch(d, first, end, &bad, &why) == 0)
		return complete_batch(d, first, end, err);
	d->l->dest->ops->rollback(d->l->dest);
	d->l->rows = rows;
	d->l->jobs = jobs;
	if (move_batch(d, first, end, JOBS_STARTED, JOBS_NEW,
	        why.code == ERR_TEMP ? bad : end, err) < 0)
		return -1;
	if (why.code == ERR_DATA)
		return 0;
	*err = why;
	return -1;
}

int
unit_run_batch(struct dir_load *d, size_t first, size_t end, struct error *err)
{
	size_t count = 0;

	for (size_t k = next_alone(d, first, end); k < end;
	     k = next_alone(d, k + 1, end)) {
		int settled = settle_unit(d, k, err);

		if (settled < 0)
			return -1;
		count += !settled;
	}
	if (count > 1 && run_batch(d, first, end, err) < 0)
		return -1;
	for (size_t k = next_alone(d, first, end); k < end;
	     k = next_alone(d, k + 1, end))
		if (unit_run(d, k, err) < 0)
			return -1;
	return 0;
}
