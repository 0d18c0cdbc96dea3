/* SPDX-License-Identifier: MIT */
/*
 * A package from a directory: one transaction a job, except that all jobs of a
 * replaced or merged chain share one, and what brings them over: the old rows
 * stay until all new ones are in.
 */
#include "tools/dlt-load/load_dir.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/testhook.h"
#include "common/trace.h"
#include "tools/dlt-load/meanwhile.h"
#include "tools/dlt-load/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATE_MAX ((size_t)256 << 20)

static int
refuse_reference(const struct jobs *j, const struct job *job, struct error *err)
{
	char *id = job_id(j, job);

	error_set(err, ERR_REMOTE,
	    "job %s refers to files that Python dlt has staged elsewhere; "
	    "finish this package with Python dlt",
	    id);
	free(id);
	return -1;
}

static int
plan_job(struct dir_load *d, size_t i, struct error *err)
{
	const struct job *job = &d->jobs.items[i];
	const char *table = job_table(&d->jobs, job);
	const char *format = job_format(&d->jobs, job);

	d->done[i] = job->folder == JOBS_FAILED;
	d->failed += d->done[i];
	if (!strcmp(format, "reference"))
		return refuse_reference(&d->jobs, job, err);
	if (unit_is_followup(d, i)) {
		d->how[i] = LOAD_SKIP;
		d->tables[i] = schema_table(d->l->schema, table);
		return d->tables[i]
		    ? 0
		    : error_set(err, ERR_DATA, "the schema has no table \"%s\"",
		          table);
	}
	d->tables[i] = load_table(d->l, table, format, &d->how[i], err);
	if (!d->tables[i])
		return -1;
	return d->how[i] == LOAD_STAGED
	    ? load_check_chain(d->l, unit_root(d, i), err)
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

/* Has a try, of Python dlt maybe, been past the beginning? */
static bool
begun_before(const struct dir_load *d)
{
	char *path = xasprintf("%s/applied_schema_updates.json", d->path);
	bool there = d->pipeline && access(path, F_OK) == 0;

	free(path);
	return there;
}

static int
migrate_all(struct dir_load *d, struct buf *added, struct error *err)
{
	const struct table *last = NULL;

	if (load_migrate_own(d->l, added, err) < 0 ||
	    (!begun_before(d) && load_refresh_once(d->l, err) < 0))
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
	if (load_init_staging(d->l, err) < 0)
		return -1;
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

static void
note_change(struct dir_load *d, const char *members)
{
	char *object = xasprintf("{%s}", members);

	trace_schema(progress_trace(d->l->progress), d->l->load_id, object);
	free(object);
}

static int
init_package(struct dir_load *d, struct error *err)
{
	const struct dest_ops *ops = d->l->dest->ops;
	struct buf added = { 0 };
	int rc = -1;

	if (load_claim_staging(d->l, err) < 0 ||
	    ops->begin(d->l->dest, err) < 0 || migrate_all(d, &added, err) < 0)
		goto out;
	TEST_HOOK("load_init");
	if (ops->commit(d->l->dest, err) < 0)
		goto out;
	TEST_HOOK("load_init_committed");
	if (added.len)
		note_change(d, buf_str(&added));
	if (d->pipeline && note_updates(d, &added, err) < 0)
		goto out;
	rc = 0;
out:
	ops->rollback(d->l->dest);
	buf_release(&added);
	return rc;
}

/* ---- jobs ---- */

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

/* A chain, by its first job, or jobs that stand alone: as many of them as are
 * worth one commit. */
struct unit {
	size_t first, end;
	size_t bytes; /* as stored */
};

static bool
wait_a_while(size_t tries)
{
	struct timespec slice = { .tv_nsec = 50000000 };

	for (size_t i = (size_t)4 << (tries < 8 ? tries - 1 : 7);
	     i > 0 && !signal_pending(); i--)
		nanosleep(&slice, NULL);
	return !signal_pending();
}

/* What fails for now is tried again, up to the limit; the names of job files
 * count the tries of all runs. */
static int
with_retries(struct dir_load *d, const struct unit *u, struct error *err)
{
	for (size_t tries = 1;; tries++) {
		int rc;

		d->tries = 0;
		rc = u->end > u->first + 1
		    ? unit_run_batch(d, u->first, u->end, err)
		    : unit_run(d, u->first, err);

		if (rc == 0 || err->code != ERR_TEMP ||
		    !d->l->dest->ops->caps.connections ||
		    (d->tries ? d->tries : tries) % d->l->retries == 0)
			return rc;
		msg_info("%s: %s; trying again", d->l->load_id, err->msg);
		d->l->dest->ops->rollback(d->l->dest);
		if (!wait_a_while(tries))
			return rc;
	}
}

/* ---- several connections ---- */

/* A worker has a loader and a view of the package of its own; what they share
 * is constant, or belongs to the jobs of one unit. */
struct hand {
	struct loader loader;
	struct dir_load view;
	const struct unit *units;
};

static int
start_hand(void *own, struct error *err)
{
	struct hand *h = own;

	h->loader.dest = h->loader.connect(h->loader.connect_arg, err);
	if (!h->loader.dest)
		return -1;
	h->loader.dest->schema = h->loader.schema;
	return 0;
}

static int
run_lead(void *own, size_t unit, struct error *err)
{
	struct hand *h = own;

	return with_retries(&h->view, &h->units[unit], err);
}

static void
init_hand(struct hand *h, struct dir_load *d, const struct unit *units,
    bool first)
{
	h->loader = *d->l;
	h->loader.emptied = h->loader.staged = (struct load_tables){ 0 };
	h->loader.rows = h->loader.jobs = 0;
	if (!first)
		h->loader.dest = NULL;
	h->view = *d;
	h->view.l = &h->loader;
	h->view.failed = 0;
	h->view.tries = 0;
	h->units = units;
}

static void
release_hand(struct hand *h, struct dir_load *d, bool first)
{
	d->l->rows += h->loader.rows;
	d->l->jobs += h->loader.jobs;
	d->failed += h->view.failed;
	free(h->loader.emptied.items);
	free(h->loader.staged.items);
	if (!first)
		dest_close(h->loader.dest);
}

/* Stored bytes that are worth another connection. */
#define BYTES_PER_HAND 65536
/* What may have to be done again because of one bad job. */
#define BATCH_BYTES ((size_t)1 << 20)
#define BATCH_JOBS  500

static size_t
count_hands(const struct dir_load *d, const struct unit *units, size_t count)
{
	size_t most = d->l->dest->ops->caps.connections, bytes = 0;

	if (!most || !d->l->connect || d->l->parallelism == LOAD_SEQUENTIAL)
		return 1;
	for (size_t i = 0; i < count; i++)
		bytes += units[i].bytes;
	most = most < count ? most : count;
	most = most < d->l->workers ? most : d->l->workers;
	if (most > 1 + bytes / BYTES_PER_HAND)
		most = 1 + bytes / BYTES_PER_HAND;
	return most ? most : 1;
}

static size_t
job_bytes(const struct dir_load *d, size_t i)
{
	char *path = job_path(&d->jobs, &d->jobs.items[i]);
	struct stat st;
	size_t bytes = stat(path, &st) == 0 ? (size_t)st.st_size : 0;

	free(path);
	return bytes;
}

/* Can job i, which stands alone, share the transaction of the unit? */
static bool
joins(const struct dir_load *d, const struct unit *u, size_t i, size_t bytes)
{
	const struct dest_ops *ops = d->l->dest->ops;
	bool sole = !ops->caps.connections ||
	    d->l->parallelism == LOAD_SEQUENTIAL || d->l->workers == 1;

	return ops->caps.isolated && !ops->copy && u->end == i &&
	    i - u->first < BATCH_JOBS &&
	    u->bytes + bytes <= (sole ? BATCH_BYTES : BYTES_PER_HAND) &&
	    (d->l->parallelism != LOAD_TABLE_SEQUENTIAL ||
	        d->tables[u->first] == d->tables[i]);
}

/* The unit of a chain that job i belongs to; or n. */
static size_t
unit_of(const struct dir_load *d, const struct unit *units, size_t n, size_t i)
{
	size_t k = 0;

	while (k < n && !unit_has(d, units[k].first, i))
		k++;
	return k;
}

/* group: the first job of its table. */
static size_t
find_units(const struct dir_load *d, struct unit *units, size_t *group)
{
	bool open = false; /* the last unit may take more jobs */
	size_t n = 0;

	for (size_t i = 0; i < d->jobs.count; i++) {
		bool chain = d->how[i] == LOAD_EMPTIED ||
		    d->how[i] == LOAD_STAGED;
		size_t bytes, k = n;

		if (d->done[i] || unit_is_followup(d, i))
			continue;
		bytes = job_bytes(d, i);
		if (chain)
			k = unit_of(d, units, n, i);
		else if (open && joins(d, &units[n - 1], i, bytes))
			units[k = n - 1].end++;
		if (k < n) {
			units[k].bytes += bytes;
			continue;
		}
		/* Jobs are sorted by table. */
		group[n] = n && d->tables[units[n - 1].first] == d->tables[i]
		    ? group[n - 1]
		    : i;
		units[n++] = (struct unit){ i, i + 1, bytes };
		open = !chain;
	}
	return n;
}

static int
run_jobs(struct dir_load *d, struct error *err)
{
	struct unit *units = xcalloc(d->jobs.count + 1, sizeof(*units));
	size_t *group = xcalloc(d->jobs.count + 1, sizeof(*group));
	struct pool pool = { .units = find_units(d, units, group),
		.start = start_hand,
		.run = run_lead };
	struct hand *hands;
	int rc;

	pool.workers = count_hands(d, units, pool.units);
	if (d->l->parallelism == LOAD_TABLE_SEQUENTIAL)
		pool.group = group;
	hands = xcalloc(pool.workers, sizeof(*hands));
	pool.own = xcalloc(pool.workers, sizeof(*pool.own));
	for (size_t i = 0; i < pool.workers; i++) {
		init_hand(&hands[i], d, units, i == 0);
		pool.own[i] = &hands[i];
	}
	rc = pool_run(&pool, err);
	for (size_t i = 0; i < pool.workers; i++)
		release_hand(&hands[i], d, i == 0);
	free(hands);
	free(pool.own);
	free(units);
	free(group);
	return rc < 0 ? -1 : complete_rest(d, err);
}

/* ---- the end ---- */

/* For who is to decide what becomes of a package of which some is in. */
static int
note_destination(struct dir_load *d, struct error *err)
{
	char *path = xasprintf("%s/destination.json", d->path);
	struct buf text = { 0 };
	struct jsonw w;
	int rc;

	jsonw_init(&w, &text, false);
	jsonw_object(&w);
	jsonw_key(&w, "destination");
	jsonw_str(&w, d->l->dest->url);
	jsonw_key(&w, "dataset");
	jsonw_str(&w, d->l->dataset);
	jsonw_end_object(&w);
	rc = output_file(path, text.data, text.len, err);
	buf_release(&text);
	free(path);
	return rc;
}

/* Mark the package and move it to load/loaded. */
static int
put_away(struct dir_load *d, const char *status, struct error *err)
{
	char *marker = xasprintf("%s/package_completed.json", d->path);
	char *to = workdir_package_dir(d->l->workdir, STAGE_LOAD,
	    d->l->load_id);
	char *completed = xasprintf("%s/completed_jobs", to);
	int rc = -1;

	jobs_drop_markers(&d->jobs);
	if (output_file(marker, status, strlen(status), err) < 0)
		goto out;
	if (d->failed && note_destination(d, err) < 0)
		goto out;
	TEST_HOOK("load_put_away");
	if (workdir_commit(d->l->workdir, STAGE_LOAD, d->path, d->l->load_id,
	        err) < 0)
		goto out;
	d->put_away = true;
	if (d->l->delete_completed && !d->failed &&
	    remove_tree(completed, err) < 0)
		goto out;
	d->l->aborted = !strcmp(status, "aborted");
	load_tell(d->l, to, status);
	rc = 0;
out:
	free(marker);
	free(to);
	free(completed);
	return rc;
}

/* All job files are looked at before the destination is touched; a damaged one
 * may be mended, so it does not become a failed job. */
static int
check_jobs(struct dir_load *d, struct error *err)
{
	char sum[CHECKSUM_SIZE];

	for (size_t i = 0; i < d->jobs.count; i++) {
		const struct job *job = &d->jobs.items[i];

		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (job->listed && !job->finished &&
		    (job->folder == JOBS_NEW || job->folder == JOBS_STARTED) &&
		    unit_sum_job(d, job, sum, err) < 0)
			return -1;
	}
	return 0;
}

/* Failed jobs have no mark, nor has what Python dlt adds. */
static bool
is_loadable(const struct jobs *j, const struct job *job)
{
	return job->folder != JOBS_FAILED && strcmp(job_format(j, job), "sql");
}

static int
fingerprint(struct dir_load *d, char out[CHECKSUM_SIZE], struct error *err)
{
	struct checksum *all = load_fingerprint_new(d->l);
	int rc = 0;

	for (size_t i = 0; i < d->jobs.count && rc == 0; i++) {
		const struct job *job = &d->jobs.items[i];
		char sum[CHECKSUM_SIZE] = "", *id;

		if (!is_loadable(&d->jobs, job))
			continue;
		rc = unit_sum_job(d, job, sum, err);
		id = job_id(&d->jobs, job);
		load_fingerprint_add(all, id, sum);
		free(id);
	}
	load_fingerprint_end(d->l, all, out);
	return rc;
}

/* Has a run that was killed been at the same end, and the server after it? */
static bool
finished_meanwhile(struct dir_load *d)
{
	char sum[CHECKSUM_SIZE];
	struct buf done = { 0 };
	struct error unused;
	uint64_t rows;
	bool yes = d->l->dest->ops->marked(d->l->dest, d->l->load_id, "", &done,
	               &rows, &unused) == 0 &&
	    done.len && fingerprint(d, sum, &unused) == 0 &&
	    !strcmp(buf_str(&done), sum);

	buf_release(&done);
	return yes;
}

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
	if (rc < 0 && err->code == ERR_TEMP && finished_meanwhile(d))
		rc = 0;
	return rc;
}

/* It is in the destination; is it the same? With a pipeline this is what a
 * kill between the last commit and the move leaves. */
static int
settle_done(struct dir_load *d, struct error *err)
{
	char sum[CHECKSUM_SIZE];

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
show_plan(struct dir_load *d, struct error *err)
{
	struct buf sum = { 0 };
	uint64_t rows;
	int rc = plan_jobs(d, err);

	for (size_t i = 0; i < d->jobs.count && rc == 0; i++) {
		char *id;

		if (d->done[i] || unit_is_followup(d, i))
			continue;
		id = job_id(&d->jobs, &d->jobs.items[i]);
		rc = d->l->dest->ops->marked(d->l->dest, d->l->load_id, id,
		    &sum, &rows, err);
		free(id);
		if (rc == 0 && !sum.len)
			load_plan_job(d->l, d->tables[i]);
	}
	buf_release(&sum);
	return rc < 0 ? -1 : load_plan_print(d->l, err);
}

static int
load_new(struct dir_load *d, struct error *err)
{
	struct error why;

	if (d->l->plan)
		return show_plan(d, err);
	if (load_learn_sums(d->l, err) < 0 || plan_jobs(d, err) < 0 ||
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
	if (meanwhile_check_end(d, err) < 0 || finish(d, err) < 0)
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
	s = load_id ? schema_read(path, err) : NULL;
	if (s &&
	    (d->l->retarget(d->l->connect_arg, s->name, err) < 0 ||
	        load_begin(d->l, load_id, err) < 0))
		schema_free(s);
	else if (s && load_schema(d->l, s, err) == 0 && read_state(d, err) == 0)
		rc = jobs_read(&d->jobs, d->path, err);
	if (rc == 0)
		progress_expect_jobs(d->l->progress, d->jobs.count);
	free(load_id);
	free(path);
	return rc;
}

/* Errors of its files begin with the path. */
static bool
names_path(const struct error *err, const char *path)
{
	size_t len = strlen(path);

	return strncmp(err->msg, path, len) == 0 && strchr("/:", err->msg[len]);
}

int
load_directory(struct loader *l, const char *path, bool pipeline,
    struct error *err)
{
	struct dir_load d = { .l = l, .path = path, .pipeline = pipeline };
	bool foreign = false;
	int rc = -1;

	meanwhile_begin(&d);
	if (open_package(&d, err) < 0)
		goto out;
	if (l->done.len && l->plan) {
		load_tell(l, path, "loaded before");
		rc = 0;
		goto out;
	}
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
		meanwhile_blame(&d, err);
	if (rc < 0 && !names_path(err, path))
		error_prefix(err, "%s: ", path);
	jobs_release(&d.jobs);
	free(d.tables);
	free(d.how);
	free(d.done);
	return rc;
}
