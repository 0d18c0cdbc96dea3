/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/normalize.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/trace.h"
#include "tools/dlt-normalize/arrow.h"
#include "tools/dlt-normalize/model.h"
#include "tools/dlt-normalize/pool.h"
#include "tools/dlt-normalize/reader.h"
#include "tools/dlt-normalize/writer.h"

/* A block on its way: read, walked, committed. */
struct walk_task {
	struct task task; /* first: a task is a walk_task */
	struct run *run;
	struct item *item;
	struct result result;
	struct walk_task *next;
};

/* One package. */
struct run {
	const struct normalize_settings *set;
	const struct sink *sink;
	struct normalize_totals *totals;
	struct reader *reader;
	struct pool *pool;
	pthread_rwlock_t lock; /* of the schema */
	struct walk_task *spare;
	/* of the package */
	char *load_id;
	struct schema *schema;
	struct evolve evolve;
	struct walk_config walk;
	struct walker **walkers; /* a worker each, the last is ours */
	struct package_out *out;
	struct writer *writer;
	uint64_t schema_sent;           /* evolve.version when last sent */
	struct buf package_state;       /* load_package_state.json, as it was */
	bool state_sent;                /* where it is urgent */
	struct walk_task *head, **tail; /* under way, in order */
	size_t in_flight;
	bool has_updates; /* schema_updates.json: it is normalized already */
	bool taught;      /* the first block has been done */
	uint64_t job;     /* number of the one counted below */
	uint64_t job_rows;
};

/* ---- walking ---- */

static void
walk_task_run(struct task *task, unsigned worker)
{
	struct walk_task *t = (struct walk_task *)task;
	struct run *r = t->run;
	struct error err;

	result_reset(&t->result);
	pthread_rwlock_rdlock(&r->lock);
	walker_block(r->walkers[worker], t->item->job, &t->item->block, false,
	    0, &t->result, &err);
	pthread_rwlock_unlock(&r->lock);
}

static bool
is_stale(const struct run *r, const struct result *res)
{
	return res->version != r->evolve.version && res->depends;
}

/* Walk again what was walked with an older schema and depends on it. */
static void
resubmit_stale(struct run *r)
{
	struct walk_task *t;

	for (t = r->head; t; t = t->next)
		if (pool_is_done(r->pool, &t->task) && is_stale(r, &t->result))
			pool_submit(r->pool, &t->task);
}

static int
write_result(struct run *r, const struct result *res, struct error *err)
{
	size_t i;

	for (i = 0; i < res->count; i++) {
		const struct segment *s = res->segments[i];

		if (s->rows && writer_rows(r->writer, s, err))
			return -1;
	}
	r->totals->rows += res->rows - res->reject_count;
	r->totals->slow_rows += res->slow_rows;
	return 0;
}

/* Rows of the block that cannot be placed; before it, the job had job_rows. */
static int
write_rejects(struct run *r, const struct job *job, const struct result *res,
    struct error *err)
{
	size_t i;

	for (i = 0; i < res->reject_count; i++) {
		const struct reject *x = &res->rejects[i];
		struct place at;

		walk_place(job, r->job_rows + x->row + 1, x->byte, &at);
		at.byte = x->byte; /* in the job file, as its number */
		if (rejects_add(r->set->rejects, x, r->load_id, job->table, &at,
		        err))
			return -1;
	}
	return 0;
}

/* The oldest block: take its result, or finish it here where it needs the
 * schema to change. */
static int
commit_block(struct run *r, struct error *err)
{
	struct walk_task *t = r->head;
	struct result *res = &t->result;
	unsigned ours = pool_size(r->pool);
	int rc = 0;

	pool_wait(r->pool, &t->task);
	if (is_stale(r, res)) {
		resubmit_stale(r);
		pool_wait(r->pool, &t->task);
	}
	if (t->item->job->number != r->job) {
		r->job = t->item->job->number;
		r->job_rows = 0;
	}
	if (res->stopped) {
		pthread_rwlock_wrlock(&r->lock);
		rc = walker_block(r->walkers[ours], t->item->job,
		    &t->item->block, true, r->job_rows, res, err);
		pthread_rwlock_unlock(&r->lock);
	}
	if (!rc)
		rc = write_rejects(r, t->item->job, res, err);
	if (!rc)
		rc = write_result(r, res, err);
	r->job_rows += res->rows;
	r->head = t->next;
	if (!r->head)
		r->tail = &r->head;
	r->in_flight--;
	item_free(r->reader, t->item);
	t->item = NULL;
	t->next = r->spare;
	r->spare = t;
	return rc;
}

static int
drain(struct run *r, size_t most, struct error *err)
{
	while (r->in_flight > most)
		if (commit_block(r, err))
			return -1;
	return 0;
}

static int
submit_block(struct run *r, struct item *it, struct error *err)
{
	struct walk_task *t = r->spare;

	if (t)
		r->spare = t->next;
	else
		t = xcalloc(1, sizeof(*t));
	t->task.run = walk_task_run;
	t->run = r;
	t->item = it;
	t->next = NULL;
	result_reset(&t->result);
	*r->tail = t;
	r->tail = &t->next;
	r->in_flight++;
	pool_submit(r->pool, &t->task);
	/* the first block teaches the schema before others are tried */
	if (!r->taught) {
		r->taught = true;
		return drain(r, 0, err);
	}
	return drain(r, pool_size(r->pool) + 2, err);
}

/* ---- the package ---- */

static int
send_state(struct run *r, struct error *err)
{
	return r->package_state.len
	    ? package_out_file(r->out, "load_package_state.json",
	          r->package_state.data, r->package_state.len, err)
	    : 0;
}

/* Does it name tables that are to be dropped before rows come? */
static bool
state_is_urgent(const struct run *r)
{
	const char *state = buf_str(&r->package_state);

	return strstr(state, "\"dropped_tables\":") ||
	    strstr(state, "\"truncated_tables\":");
}

static int
send_schema(void *arg, struct error *err)
{
	struct run *r = arg;
	struct buf b = { 0 };
	int rc;

	if (r->schema_sent == r->evolve.version)
		return 0;
	if (!r->state_sent && state_is_urgent(r) && send_state(r, err))
		return -1;
	r->state_sent = true;
	schema_write(r->schema, false, &b);
	rc = package_out_file(r->out, "schema.json", b.data, b.len, err);
	buf_release(&b);
	r->schema_sent = r->evolve.version;
	return rc;
}

static int
begin_output(struct run *r, struct error *err)
{
	struct package_spec spec = { .kind = PACKAGE_NORMALIZED,
		.load_id = r->load_id,
		.schema_name = r->schema->name,
		.deterministic = r->set->deterministic };
	struct writer_config cfg = { .pool = r->pool,
		.schema = r->schema,
		.codec = r->set->codec,
		.format = r->set->format,
		.target = r->set->target,
		.csv = &r->set->csv,
		.rotation = r->set->rotation,
		.max_memory = r->set->max_memory / 4,
		.before_job = send_schema,
		.arg = r,
		.progress = r->set->progress };
	unsigned i, n = pool_size(r->pool);

	r->out = r->sink->open(r->sink->arg, &spec, err);
	if (!r->out)
		return -1;
	cfg.out = r->out;
	r->writer = writer_new(&cfg);
	r->walk = (struct walk_config){ .evolve = &r->evolve,
		.load_id = r->load_id,
		.deterministic = r->set->deterministic,
		.lane = r->set->lane,
		.rejects = r->set->rejects != NULL };
	r->walkers = xcalloc(n + 1, sizeof(*r->walkers));
	for (i = 0; i <= n; i++)
		r->walkers[i] = walker_new(&r->walk);
	return 0;
}

static int
begin_schema(struct run *r, const char *text, size_t len, struct error *err)
{
	struct schema *s = schema_parse(text, len, err), *kept;

	if (!s)
		return error_prefix(err, "schema.json: ");
	err->code = ERR_NONE;
	kept = r->sink->schema(r->sink->arg, s->name, err);
	if (kept) {
		schema_free(s);
		s = kept;
	} else if (err->code != ERR_NONE) {
		schema_free(s);
		return -1;
	}
	r->schema = s;
	s->naming.max_length = r->set->target->max_identifier;
	if (r->set->target->flat)
		schema_set_max_nesting(s, 0);
	evolve_init(&r->evolve, s, r->set->target);
	r->evolve.any_strategy = !r->set->target_known;
	if (r->set->target_known && caps_check(r->set->target, s, err))
		return -1;
	return begin_output(r, err);
}

/* A later schema.json of the stream: what upstream has learnt since. */
static int
merge_schema(struct run *r, const char *text, size_t len, struct error *err)
{
	struct schema *s = schema_parse(text, len, err);
	int rc;

	if (!s)
		return error_prefix(err, "schema.json: ");
	pthread_rwlock_wrlock(&r->lock);
	rc = schema_merge(r->schema, s, 0, err);
	r->evolve.version++;
	r->evolve.json_version++;
	pthread_rwlock_unlock(&r->lock);
	schema_free(s);
	return rc;
}

static int
take_file(struct run *r, const struct item *it, struct error *err)
{
	if (strcmp(it->name, "schema.json") == 0) {
		if (!r->schema)
			return begin_schema(r, it->data, it->len, err);
		if (drain(r, 0, err))
			return -1;
		return merge_schema(r, it->data, it->len, err);
	}
	if (strcmp(it->name, "schema_updates.json") == 0)
		r->has_updates = true;
	if (strcmp(it->name, "load_package_state.json") == 0) {
		buf_reset(&r->package_state);
		buf_add(&r->package_state, it->data, it->len);
	}
	return 0;
}

static int
end_job(struct run *r, const struct item *it, struct error *err)
{
	struct table *t;

	if (it->job->bytes)
		return 0;
	if (drain(r, 0, err))
		return -1;
	t = schema_table(r->schema, it->job->table);
	if (!t)
		return 0;
	if (!table_has_seen_data(t)) {
		int rc;

		pthread_rwlock_wrlock(&r->lock);
		rc = walker_empty(r->walkers[pool_size(r->pool)], it->job, err);
		pthread_rwlock_unlock(&r->lock);
		if (rc)
			return -1;
	}
	return writer_empty(r->writer, t, err);
}

static void
mark_seen(struct table *t, uint64_t rows, void *arg)
{
	(void)rows;
	(void)arg;
	table_set_seen_data(t);
}

/* Columns that were declared not null and without a type, in a table that got
 * data, and have not been seen (contract.md 6.8). */
static void
check_unbound(struct table *t, uint64_t rows, void *arg)
{
	struct error *err = arg;
	size_t i;

	for (i = 0; rows && i < t->column_count; i++) {
		const struct column *c = t->columns[i];

		if (c->type == TYPE_NONE && !c->nullable && !err->code)
			error_set(err, ERR_DATA,
			    "column \"%s.%s\" is declared "
			    "not null, but no row has a value for it",
			    t->name, c->name);
	}
}

static int
write_files(struct run *r, struct error *err)
{
	uint64_t rejects = r->set->rejects ? rejects_count(r->set->rejects) : 0;
	struct buf b = { 0 };
	int rc = -1;

	r->schema_sent = 0;
	if (send_schema(r, err))
		goto out;
	if (send_state(r, err))
		goto out;
	evolve_write_updates(&r->evolve, &b);
	if (package_out_file(r->out, "schema_updates.json", b.data, b.len, err))
		goto out;
	if (r->evolve.provenance.len &&
	    package_out_file(r->out, "provenance.jsonl",
	        r->evolve.provenance.data, r->evolve.provenance.len, err))
		goto out;
	if (r->set->rejects && rejects_commit(r->set->rejects, err))
		goto out;
	r->totals->rejects += rejects;
	if (b.len > 2) /* not {} */
		trace_schema(progress_trace(r->set->progress), r->load_id,
		    buf_str(&b));
	trace_package(progress_trace(r->set->progress), r->load_id,
	    "normalized", rejects);
	rc = package_out_finish(r->out, r->schema->hash, rejects, err);
out:
	buf_release(&b);
	return rc;
}

static void
end_package(struct run *r, bool failed)
{
	unsigned i;

	while (r->head) {
		struct walk_task *t = r->head;

		pool_wait(r->pool, &t->task);
		r->head = t->next;
		item_free(r->reader, t->item);
		t->next = r->spare;
		r->spare = t;
	}
	r->tail = &r->head;
	r->in_flight = 0;
	writer_free(r->writer);
	for (i = 0; r->walkers && i <= pool_size(r->pool); i++)
		walker_free(r->walkers[i]);
	free(r->walkers);
	if (r->out)
		package_out_free(r->out, failed);
	evolve_release(&r->evolve);
	schema_free(r->schema);
	free(r->load_id);
	buf_release(&r->package_state);
	r->writer = NULL;
	r->walkers = NULL;
	r->out = NULL;
	r->schema = NULL;
	r->load_id = NULL;
	r->job = 0;
	r->taught = r->has_updates = r->state_sent = false;
	r->schema_sent = 0;
}

static void
count_package(struct run *r)
{
	struct buf *ids = &r->totals->load_ids;

	if (r->totals->packages++)
		buf_addc(ids, ',');
	jsonw_quote(ids, r->load_id, strlen(r->load_id));
}

static int
finish_package(struct run *r, struct error *err)
{
	struct error unbound = { 0 };
	bool changed;

	if (!r->schema)
		return error_set(err, ERR_DATA,
		    "the package has no schema.json");
	if (drain(r, 0, err) || writer_finish(r->writer, err))
		return -1;
	writer_tables(r->writer, check_unbound, &unbound);
	if (unbound.code) {
		*err = unbound;
		return -1;
	}
	if (r->sink->plan) {
		r->sink->plan(r->sink->arg, &r->evolve);
		count_package(r);
		end_package(r, true);
		return 0;
	}
	writer_tables(r->writer, mark_seen, NULL);
	changed = schema_bump(r->schema);
	if (write_files(r, err) ||
	    r->sink->commit(r->sink->arg, r->load_id, r->schema, changed, err))
		return -1;
	count_package(r);
	end_package(r, false);
	return 0;
}

/* A Parquet file, or one of a user's: nothing of it is walked. */
static int
take_whole(struct run *r, const struct item *it, struct error *err)
{
	const struct arrow a = { r->set, r->schema, r->writer, r->load_id };
	const struct model model = { r->set, &r->evolve, r->writer,
		r->load_id };
	bool changed = false;
	int rc;

	if (!r->schema)
		return error_set(err, ERR_DATA,
		    "the package has no schema.json");
	if (drain(r, 0, err))
		return -1;
	pthread_rwlock_wrlock(&r->lock);
	if (strcmp(it->job->format, "parquet") == 0)
		rc = arrow_take(&a, it->job, it->name, &changed, err);
	else if (r->has_updates)
		rc = error_set(err, ERR_DATA,
		    "%s: is %s, no typed-jsonl: has the package been "
		    "normalized already?",
		    it->job->name, it->job->format);
	else if (strcmp(it->job->format, "model") == 0 &&
	    caps_takes(r->set->target, "model"))
		rc = model_take(&model, it->job, it->name, &changed, err);
	else
		rc = imported_take(&a, it->job, it->name, err);
	if (changed)
		r->evolve.version++;
	pthread_rwlock_unlock(&r->lock);
	return rc;
}

/* ---- the loop ---- */

/* 1: go on, 0: end of input, -1. Takes the item. */
static int
take_item(struct run *r, struct item *it, struct error *err)
{
	int rc = 0;

	switch (it->kind) {
	case ITEM_BEGIN:
		r->load_id = xstrdup(it->name);
		break;
	case ITEM_FILE:
		rc = take_file(r, it, err);
		break;
	case ITEM_BLOCK:
		if (!r->schema) {
			rc = error_set(err, ERR_DATA,
			    "the package has no schema.json");
			break;
		}
		return submit_block(r, it, err) ? -1 : 1;
	case ITEM_JOB_END:
		rc = r->schema ? end_job(r, it, err) : 0;
		break;
	case ITEM_WHOLE:
		rc = take_whole(r, it, err);
		break;
	case ITEM_COMPLETE:
		rc = finish_package(r, err);
		break;
	case ITEM_END:
		item_free(r->reader, it);
		return 0;
	case ITEM_ERROR:
		/* rows before it may have an error of their own: first */
		if (!r->schema || drain(r, 0, err) == 0)
			*err = it->err;
		rc = -1;
		break;
	}
	item_free(r->reader, it);
	return rc ? -1 : 1;
}

static int
stop_by_signal(struct error *err)
{
	return error_set(err, ERR_QUIET, "stopped by a signal");
}

int
normalize_run(struct package_in *in, const struct normalize_settings *set,
    const struct sink *sink, struct normalize_totals *totals, struct error *err)
{
	struct run r = { .set = set, .sink = sink, .totals = totals };
	pthread_rwlockattr_t attr;
	int rc;

	r.tail = &r.head;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr,
	    PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&r.lock, &attr);
	r.pool = pool_new(set->workers);
	r.reader = reader_new(in, set->workers + 4, set->block_size,
	    set->rejects != NULL);
	if (!pool_size(r.pool)) {
		rc = error_set(err, ERR_TEMP, "cannot start a thread");
		goto out;
	}
	do {
		rc = take_item(&r, reader_next(r.reader), err);
		if (rc > 0 && signal_pending())
			rc = stop_by_signal(err);
	} while (rc > 0);
out:
	end_package(&r, rc < 0);
	reader_free(r.reader);
	pool_free(r.pool);
	while (r.spare) {
		struct walk_task *t = r.spare;

		r.spare = t->next;
		result_release(&t->result);
		free(t);
	}
	pthread_rwlock_destroy(&r.lock);
	pthread_rwlockattr_destroy(&attr);
	return rc;
}
