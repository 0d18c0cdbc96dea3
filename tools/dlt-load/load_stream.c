/* SPDX-License-Identifier: MIT */
/*
 * A package from a stream is one transaction, committed after its manifest has
 * been verified: it is loaded wholly or not at all.
 */
#include "tools/dlt-load/load.h"

#include "common/mem.h"
#include "common/testhook.h"

#include <stdlib.h>
#include <string.h>

struct streaming {
	struct loader *l;
	struct package_in *in;
	bool open; /* a package has begun and is not complete */
	/* Jobs of a package that is in the destination already, only to
	 * compare; there may be very many: the id and behind it a checksum. */
	char **seen;
	size_t seen_count, seen_cap;
	struct arena strings;
};

static void
forget_seen(struct streaming *s)
{
	arena_reset(&s->strings);
	s->seen_count = 0;
}

static int
begin_package(struct streaming *s, const char *load_id, struct error *err)
{
	struct loader *l = s->l;

	forget_seen(s);
	if (load_begin(l, load_id, err) < 0)
		return -1;
	s->open = true;
	return l->done.len || l->plan ? 0 : l->dest->ops->begin(l->dest, err);
}

/* Before the first job: the schema may have a dataset of its own. */
static int
follow_schema(struct streaming *s, const struct schema *schema,
    struct error *err)
{
	struct loader *l = s->l;
	uint64_t rows;
	int rc = l->retarget(l->connect_arg, schema->name, err);

	if (rc <= 0)
		return rc;
	if (l->dest->ops->marked(l->dest, l->load_id, "", &l->done, &rows,
	        err) < 0)
		return -1;
	l->sums = checksum_kind_of(buf_str(&l->done));
	return l->done.len || l->plan ? 0 : l->dest->ops->begin(l->dest, err);
}

static int
take_file(struct streaming *s, const struct package_entry *e, struct error *err)
{
	struct schema *schema;

	if (!strcmp(e->name, "load_package_state.json"))
		return load_package_state(s->l, e->data, e->len, err);
	if (strcmp(e->name, "schema.json") != 0)
		return 0;
	schema = schema_parse(e->data, e->len, err);
	if (!schema)
		return error_prefix(err, "schema.json: ");
	if (!s->l->schema && follow_schema(s, schema, err) < 0) {
		schema_free(schema);
		return -1;
	}
	if (load_schema(s->l, schema, err) < 0)
		return -1;
	return s->l->done.len || s->l->plan ? 0 : load_claim_staging(s->l, err);
}

static int
note_seen(struct streaming *s, const char *id, struct error *err)
{
	size_t len = strlen(id) + 1;
	char sum[CHECKSUM_SIZE], *job;

	if (load_checksum(s->l, package_in_read, s->in, id, NULL, sum, err) < 0)
		return -1;
	job = arena_alloc(&s->strings, len + strlen(sum) + 1);
	memcpy(job, id, len);
	memcpy(job + len, sum, strlen(sum) + 1);
	s->seen = xgrow(s->seen, &s->seen_cap, s->seen_count + 1,
	    sizeof(*s->seen));
	s->seen[s->seen_count++] = job;
	return 0;
}

/* Tables are dropped, in the transaction that loads the package, before the
 * first of its rows comes. */
static int
refresh(struct loader *l, struct error *err)
{
	if (!load_needs_refresh(l))
		return 0;
	if (l->jobs)
		return error_set(err, ERR_DATA,
		    "load_package_state.json: names tables to be dropped, and "
		    "comes behind job files");
	return load_migrate_own(l, NULL, err) < 0 ? -1 : load_refresh(l, err);
}

static int
load_entry(struct streaming *s, const struct package_entry *e, const char *id,
    struct error *err)
{
	struct loader *l = s->l;
	struct load_job job = { .name = e->name,
		.id = id,
		.source = package_in_read,
		.arg = s->in };
	enum load_how how;

	if (!l->schema)
		return error_set(err, ERR_DATA, "%s comes before a schema.json",
		    e->name);
	job.table = load_table(l, e->job.table, e->job.format, &how, err);
	if (!job.table)
		return -1;
	if (l->plan) {
		load_plan_job(l, job.table);
		return 0;
	}
	if (refresh(l, err) < 0)
		return -1;
	job.format = e->job.format;
	if (how == LOAD_SKIP)
		job.table = NULL;
	else if (load_migrate(l, job.table, NULL, err) < 0)
		return -1;
	if (how == LOAD_STAGED) {
		job.place = DEST_STAGING;
		if (load_stage(l, job.table, err) < 0)
			return -1;
	}
	if (how == LOAD_EMPTIED && load_empty(l, job.table, err) < 0)
		return -1;
	return load_job(l, &job, err);
}

static int
take_job(struct streaming *s, const struct package_entry *e, struct error *err)
{
	char *id = job_id_format(&e->job);
	int rc = s->l->done.len ? note_seen(s, id, err)
	                        : load_entry(s, e, id, err);

	free(id);
	return rc;
}

static int
compare_seen(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
compare_done(struct streaming *s, struct error *err)
{
	struct checksum *all = load_fingerprint_new(s->l);
	char fingerprint[CHECKSUM_SIZE];

	if (s->seen_count)
		qsort(s->seen, s->seen_count, sizeof(*s->seen), compare_seen);
	for (size_t i = 0; i < s->seen_count; i++) {
		const char *id = s->seen[i];

		load_fingerprint_add(all, id, id + strlen(id) + 1);
	}
	load_fingerprint_end(s->l, all, fingerprint);
	return load_same(s->l, fingerprint, err);
}

/* A replaced chain may have tables that came with a later schema.json. */
static int
empty_rest(struct loader *l, struct error *err)
{
	for (size_t i = 0, n = l->emptied.count; i < n; i++)
		if (load_empty(l, l->emptied.items[i], err) < 0)
			return -1;
	return 0;
}

/* The answer to a commit can be lost with the connection: the load's mark tells
 * what has become of it, as soon as nobody else changes the dataset. */
static int
commit_package(struct loader *l, struct error *err)
{
	const struct dest_ops *ops = l->dest->ops;
	struct error why, unused;
	struct buf sum = { 0 };
	uint64_t rows;
	bool asked;

	if (ops->commit(l->dest, err) == 0)
		return 0;
	if (err->code != ERR_TEMP || !ops->caps.connections)
		return -1;
	why = *err;
	ops->rollback(l->dest);
	asked = ops->begin(l->dest, &unused) == 0 &&
	    load_migrate_own(l, NULL, &unused) == 0 &&
	    ops->marked(l->dest, l->load_id, "", &sum, &rows, &unused) == 0;
	ops->rollback(l->dest);
	if (asked && sum.len) {
		buf_release(&sum);
		return 0;
	}
	buf_release(&sum);
	if (!asked)
		error_set(&why, ERR_TEMP,
		    "%s; whether it was committed before is not known: look "
		    "for %s in _dlt_loads",
		    err->msg, l->load_id);
	*err = why;
	return -1;
}

static int
complete_package(struct streaming *s, struct error *err)
{
	struct loader *l = s->l;

	if (!l->schema)
		return error_set(err, ERR_DATA,
		    "the package has no schema.json");
	if (l->done.len) {
		if (compare_done(s, err) < 0)
			return -1;
		load_tell(l, NULL, "loaded before");
		s->open = false;
		return 0;
	}
	if (l->plan) {
		s->open = false;
		return load_plan_print(l, err);
	}
	if (refresh(l, err) < 0 || empty_rest(l, err) < 0 ||
	    load_merge_all(l, err) < 0 || load_migrate_own(l, NULL, err) < 0 ||
	    load_init_staging(l, err) < 0 || load_version(l, err) < 0 ||
	    load_finish(l, false, err) < 0)
		return -1;
	TEST_HOOK("load_stream_commit");
	if (commit_package(l, err) < 0)
		return -1;
	TEST_HOOK("load_stream_committed");
	load_tell(l, NULL, "loaded");
	s->open = false;
	return 0;
}

static int
take_event(struct streaming *s, enum package_event event,
    const struct package_entry *e, struct error *err)
{
	switch (event) {
	case PACKAGE_BEGIN:
		return begin_package(s, e->load_id, err);
	case PACKAGE_FILE:
		return take_file(s, e, err);
	case PACKAGE_JOB:
		return take_job(s, e, err);
	case PACKAGE_COMPLETE:
		return complete_package(s, err);
	default:
		return 0;
	}
}

int
load_stream(struct loader *l, int fd, struct error *err)
{
	struct streaming s = { .l = l };
	enum package_event event;
	struct package_entry e;
	int rc = -1;

	s.in = package_in_stream(fd, err);
	if (!s.in)
		return error_prefix(err, "standard input: ");
	do {
		if (package_in_next(s.in, &event, &e, err) < 0 ||
		    take_event(&s, event, &e, err) < 0)
			goto out;
	} while (event != PACKAGE_END_OF_INPUT);
	rc = s.open ? error_set(err, ERR_DATA, "the stream ends in a package")
	            : 0;
out:
	if (rc < 0 && s.open)
		error_prefix(err, "%s: ", l->load_id);
	if (l->dest)
		l->dest->ops->rollback(l->dest);
	package_in_free(s.in);
	arena_release(&s.strings);
	free(s.seen);
	return rc;
}
