/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/load.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/pathlist.h"
#include "common/testhook.h"
#include "common/timestamp.h"
#include "common/trace.h"
#include "tools/dlt-load/rowpipe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SUM_BLOCK ((size_t)256 << 10)

void
load_reset(struct loader *l)
{
	if (l->dest) {
		l->dest->ops->rollback(l->dest);
		l->dest->schema = NULL;
	}
	free(l->load_id);
	l->load_id = NULL;
	schema_free(l->schema);
	l->schema = NULL;
	free(l->emptied.items);
	free(l->staged.items);
	free(l->fallen.items);
	l->emptied = l->staged = l->fallen = (struct load_tables){ 0 };
	load_refresh_release(&l->refresh);
	buf_release(&l->created);
	buf_release(&l->state);
	l->rows = l->jobs = 0;
	l->aborted = false;
	buf_release(&l->done);
}

int
load_begin(struct loader *l, const char *load_id, struct error *err)
{
	uint64_t rows;

	load_reset(l);
	l->load_id = xstrdup(load_id);
	if (l->dest->ops->marked(l->dest, load_id, "", &l->done, &rows, err) <
	    0)
		return -1;
	l->sums = checksum_kind_of(buf_str(&l->done));
	return 0;
}

static void
learn_sum(const struct dest_mark *m, void *arg)
{
	*(enum checksum_kind *)arg = checksum_kind_of(m->checksum);
}

int
load_learn_sums(struct loader *l, struct error *err)
{
	return l->dest->ops->each_mark(l->dest, l->load_id, learn_sum, &l->sums,
	    err);
}

/* Tables are found by name without regard to case in SQLite and elsewhere. */
static int
compare_tables(const void *a, const void *b)
{
	return strcasecmp((*(struct table *const *)a)->name,
	    (*(struct table *const *)b)->name);
}

/* The same tables in a newer schema of the package. */
static int
carry_over(struct load_tables *l, const struct schema *s, struct error *err)
{
	for (size_t i = 0; i < l->count; i++) {
		struct table *t = schema_table(s, l->items[i]->name);

		if (!t)
			return error_set(err, ERR_DATA,
			    "schema.json: table \"%s\" has vanished",
			    l->items[i]->name);
		l->items[i] = t;
	}
	return 0;
}

int
load_schema(struct loader *l, struct schema *s, struct error *err)
{
	struct table **sorted = xcalloc(s->table_count + 1, sizeof(*sorted));
	bool exact = l->dest->ops->caps.case_counts;
	int rc = 0;

	if (l->schema && strcmp(l->schema->name, s->name) != 0)
		rc = error_set(err, ERR_DATA,
		    "schema.json: the schema changes its name");
	else if (carry_over(&l->emptied, s, err) < 0 ||
	    carry_over(&l->staged, s, err) < 0 ||
	    carry_over(&l->fallen, s, err) < 0)
		rc = -1;
	if (rc < 0) {
		schema_free(s);
		return -1;
	}
	schema_free(l->schema);
	l->dest->schema = l->schema = s;
	memcpy(sorted, s->tables, s->table_count * sizeof(*sorted));
	qsort(sorted, s->table_count, sizeof(*sorted), compare_tables);
	for (size_t i = 1; i < s->table_count && !rc && !exact; i++)
		if (!compare_tables(&sorted[i - 1], &sorted[i]))
			rc = error_set(err, ERR_DATA,
			    "tables \"%s\" and \"%s\" differ in case only",
			    sorted[i - 1]->name, sorted[i]->name);
	free(sorted);
	return rc;
}

static bool
can_load(const struct loader *l, const char *format)
{
	const char *const *copied = l->dest->ops->caps.copied;

	if (!copied)
		return decode_format(format) != DECODE_NONE;
	while (*copied && strcmp(*copied, format) != 0)
		copied++;
	return *copied != NULL;
}

const struct table *
load_table(struct loader *l, const char *table, const char *format,
    enum load_how *how, struct error *err)
{
	const struct table *t = schema_table(l->schema, table);

	if (!t) {
		error_set(err, ERR_DATA, "the schema has no table \"%s\"",
		    table);
		return NULL;
	}
	if (!t->column_count) {
		error_set(err, ERR_DATA,
		    "table \"%s\" has no columns: the package has not been "
		    "normalized; use dlt-normalize first",
		    t->name);
		return NULL;
	}
	if (!can_load(l, format)) {
		error_set(err, ERR_DATA,
		    "table \"%s\": jobs of format %s cannot be loaded into "
		    "%s; normalize with --format jsonl",
		    t->name, format, l->dest->ops->form);
		return NULL;
	}
	return load_how_of(l, t, how, err) < 0 ? NULL : t;
}

int
load_package_state(struct loader *l, const char *text, size_t len,
    struct error *err)
{
	static const char typed[] = "\xef\x80\xa7"; /* U+F027: a timestamp */
	struct json_doc doc = { 0 };
	const struct json *state;
	const char *created;
	struct iso iso;
	int rc;

	if (json_parse(&doc, text, len, err) < 0)
		return error_prefix(err, "load_package_state.json: ");
	created = json_get_str(doc.root, "created_at", "");
	if (!strncmp(created, typed, 3))
		created += 3;
	iso_parse(created, strlen(created), &iso);
	if (iso.kind == ISO_DATETIME && timestamp_to_utc(&iso.ts)) {
		buf_reset(&l->created);
		timestamp_format_sql(&iso.ts, &l->created);
	}
	state = json_get(doc.root, "pipeline_state");
	buf_reset(&l->state);
	if (state && state->kind == JSON_OBJECT)
		buf_add(&l->state, state->raw, state->raw_len);
	rc = load_take_refresh(l, doc.root, err);
	json_release(&doc);
	return rc;
}

/* ---- jobs ---- */

static int
insert_batch(struct loader *l, const struct load_job *job,
    const struct batch *b, struct error *err)
{
	size_t bad;

	if (signal_pending())
		return error_set(err, ERR_QUIET, "interrupted");
	TEST_HOOK("load_batch");
	if (l->dest->ops->insert(l->dest, job->place, &b->rows, &bad, err) <
	    0) {
		if (bad >= b->rows.row_count)
			return error_prefix(err, "%s: ", job->name);
		return error_prefix(err, "%s:%llu: ", job->name,
		    (unsigned long long)b->rows.rows[bad].line);
	}
	return 0;
}

static int
insert_all(struct loader *l, struct rowpipe *p, const struct load_job *job,
    uint64_t *rows, struct error *err)
{
	struct progress_item *seen = job->table == NULL
	    ? NULL
	    : progress_item(l->progress, job->table->name);
	struct batch *b;
	int more;

	while ((more = rowpipe_next(p, &b, err)) > 0) {
		*rows += b->rows.row_count;
		progress_add(seen, b->rows.row_count, b->text.len);
		if (insert_batch(l, job, b, err) < 0)
			return -1;
		rowpipe_done(p, b);
	}
	if (more < 0) /* "LINE: what" for a row, "what" for a file */
		error_prefix(err,
		    isdigit((unsigned char)*err->msg) ? "%s:" : "%s: ",
		    job->name);
	return more < 0 ? -1 : 0;
}

static void
tell_job(const struct loader *l, const struct load_job *job, uint64_t rows)
{
	trace_job(progress_trace(l->progress), l->load_id, job->id,
	    job->table ? job->table->name : NULL, rows, 0);
	if (l->dest->ops->copy) {
		msg_info("%s: %s: %s", l->load_id, job->id,
		    job->table ? "copied" : "noted");
		return;
	}
	msg_info("%s: %s: %llu rows", l->load_id, job->id,
	    (unsigned long long)rows);
}

/* Those that are needed: of the mark, and of the manifest. */
static unsigned
kinds_of(const struct loader *l, const char *expect)
{
	return l->sums |
	    (expect && *expect ? checksum_kind_of(expect) : CHECKSUM_NONE);
}

static int
check_expected(const struct checksum *sum, const char *name, const char *expect,
    struct error *err)
{
	char hex[CHECKSUM_SIZE];

	if (!expect || !*expect)
		return 0;
	checksum_hex(sum, checksum_kind_of(expect), hex);
	if (!strcmp(expect, hex))
		return 0;
	return error_set(err, ERR_DATA,
	    "%s: is not what the manifest says; if it was changed on purpose: "
	    "dlt-package seal",
	    name);
}

/* A source whose bytes are summed up on their way. */
struct summed {
	const struct load_job *job;
	struct checksum *sum;
};

static long
read_summed(void *arg, void *data, size_t len, struct error *err)
{
	struct summed *s = arg;
	long n = s->job->source(s->job->arg, data, len, err);

	if (n > 0)
		checksum_add(s->sum, data, (size_t)n);
	return n;
}

/* Where a layout has the time, it is that of the package. */
static int64_t
created_us(struct loader *l)
{
	struct buf text = { 0 };
	struct iso iso;

	if (l->created.len)
		buf_adds(&text, l->created.data);
	else
		load_id_created_at(l->load_id, &text);
	iso_parse(buf_str(&text), text.len, &iso);
	if (iso.kind != ISO_DATETIME || !timestamp_to_utc(&iso.ts))
		iso.ts.us = 0;
	buf_release(&text);
	return iso.ts.us;
}

/* The id is TABLE.FILE_ID.FORMAT[.COMPRESSION]. */
static int
copy_job(struct loader *l, const struct load_job *job, struct error *err)
{
	char *id = xstrdup(job->id + strlen(job->table->name) + 1);
	char *dot = strchr(id, '.');
	struct summed summed = { job, checksum_new(kinds_of(l, job->expect)) };
	struct dest_file f = { .schema_name = l->schema->name,
		.load_id = l->load_id,
		.table = job->table->name,
		.file_id = id,
		.ext = dot ? dot + 1 : "",
		.created_us = created_us(l),
		.source = read_summed,
		.arg = &summed };
	char hex[CHECKSUM_SIZE];
	struct dest_mark mark = { l->load_id, job->id, hex, 0 };
	int rc = -1;

	if (dot)
		*dot = '\0';
	if (l->dest->ops->copy(l->dest, &f, err) < 0) {
		error_prefix(err, "%s: ", job->name);
	} else if (check_expected(summed.sum, job->name, job->expect, err) ==
	    0) {
		checksum_hex(summed.sum, l->sums, hex);
		rc = l->dest->ops->mark(l->dest, &mark, err);
	}
	checksum_free(summed.sum);
	if (rc == 0) {
		l->jobs++;
		tell_job(l, job, 0);
	}
	free(id);
	return rc;
}

int
load_job(struct loader *l, const struct load_job *job, struct error *err)
{
	char hex[CHECKSUM_SIZE];
	struct dest_mark mark = { l->load_id, job->id, hex, 0 };
	struct rowpipe_job from = { .source = job->source,
		.arg = job->arg,
		.table = job->table,
		.schema = l->schema,
		.values = &l->dest->ops->values,
		.checksums = kinds_of(l, job->expect),
		.set = l->files };
	struct rowpipe *p;
	int rc = -1;

	if (job->table && l->dest->ops->copy)
		return copy_job(l, job, err);
	from.set.format = decode_format(job->format);
	p = rowpipe_start(&from);
	if (insert_all(l, p, job, &mark.rows, err) < 0)
		goto out;
	if (check_expected(rowpipe_checksum(p), job->name, job->expect, err) <
	    0)
		goto out;
	checksum_hex(rowpipe_checksum(p), l->sums, hex);
	if (l->dest->ops->mark(l->dest, &mark, err) < 0)
		goto out;
	l->rows += mark.rows;
	l->jobs++;
	progress_job(l->progress);
	tell_job(l, job, mark.rows);
	rc = 0;
out:
	rowpipe_free(p);
	return rc;
}

int
load_checksum(const struct loader *l, zin_source source, void *arg,
    const char *name, const char *expect, char out[CHECKSUM_SIZE],
    struct error *err)
{
	struct checksum *sum = checksum_new(kinds_of(l, expect));
	char *block = xmalloc(SUM_BLOCK);
	long n;
	int rc = -1;

	while ((n = source(arg, block, SUM_BLOCK, err)) > 0)
		checksum_add(sum, block, (size_t)n);
	if (n == 0)
		rc = check_expected(sum, name, expect, err);
	checksum_hex(sum, l->sums, out);
	checksum_free(sum);
	free(block);
	return rc;
}

/* ---- tables ---- */

int
load_migrate(struct loader *l, const struct table *t, struct buf *added,
    struct error *err)
{
	return l->dest->ops->migrate(l->dest, DEST_DATASET, t, added, err);
}

int
load_migrate_own(struct loader *l, struct buf *added, struct error *err)
{
	for (size_t i = 0; i < l->schema->table_count; i++) {
		const struct table *t = l->schema->tables[i];

		if (!strncmp(t->name, "_dlt", 4) &&
		    load_migrate(l, t, added, err) < 0)
			return -1;
	}
	return 0;
}

int
load_version(struct loader *l, struct error *err)
{
	bool found;

	if (l->dest->ops->has_version(l->dest, l->schema->hash, &found, err) <
	    0)
		return -1;
	return found ? 0 : l->dest->ops->add_version(l->dest, l->schema, err);
}

/* ---- the end ---- */

static int
add_state(struct loader *l, struct error *err)
{
	struct json_doc doc = { 0 };
	int rc;

	if (!l->dest->ops->add_state || !l->state.len)
		return 0;
	rc = json_parse(&doc, l->state.data, l->state.len, err);
	if (rc == 0)
		rc = l->dest->ops->add_state(l->dest, l->load_id, l->schema,
		    doc.root, err);
	json_release(&doc);
	return rc;
}

bool
load_counts(const char *job_id)
{
	static const char state[] = "_dlt_pipeline_state.";

	return strchr(job_id, '.') &&
	    strncmp(job_id, state, sizeof(state) - 1) != 0;
}

struct checksum *
load_fingerprint_new(const struct loader *l)
{
	return checksum_new(l->sums);
}

void
load_fingerprint_add(struct checksum *c, const char *job_id,
    const char *checksum)
{
	if (!load_counts(job_id))
		return;
	checksum_add(c, job_id, strlen(job_id));
	checksum_add(c, " ", 1);
	checksum_add(c, checksum, strlen(checksum));
	checksum_add(c, "\n", 1);
}

void
load_fingerprint_end(const struct loader *l, struct checksum *c,
    char out[CHECKSUM_SIZE])
{
	checksum_hex(c, l->sums, out);
	checksum_free(c);
}

static void
add_mark(const struct dest_mark *m, void *arg)
{
	load_fingerprint_add(arg, m->job_id, m->checksum);
}

/* A run that was killed may have ended the package after we had begun: then its
 * marks of jobs, which say how many rows they brought, have gone. */
static int
keep_rows(struct loader *l, struct dest_mark *mark, struct error *err)
{
	struct buf checksum = { 0 };
	uint64_t rows;
	int rc = l->dest->ops->marked(l->dest, l->load_id, "", &checksum, &rows,
	    err);

	if (rc == 0 && !strcmp(buf_str(&checksum), mark->checksum))
		mark->rows = rows;
	buf_release(&checksum);
	return rc;
}

int
load_finish(struct loader *l, bool partial, struct error *err)
{
	const struct dest_ops *ops = l->dest->ops;
	struct checksum *sum = load_fingerprint_new(l);
	char fingerprint[CHECKSUM_SIZE];
	struct dest_mark done = { l->load_id, "", fingerprint, l->rows };
	bool found;
	int rc = ops->each_mark(l->dest, l->load_id, add_mark, sum, err);

	load_fingerprint_end(l, sum, fingerprint);
	if (rc < 0 || load_truncate_staging(l, err) < 0 ||
	    ops->has_load(l->dest, l->load_id, l->schema->name, &found, err) <
	        0 ||
	    (!found && add_state(l, err) < 0) ||
	    (!found && ops->add_load(l->dest, l->load_id, l->schema, err) < 0))
		return -1;
	if (partial)
		return 0;
	if (keep_rows(l, &done, err) < 0 ||
	    ops->unmark(l->dest, l->load_id, err) < 0)
		return -1;
	return ops->mark(l->dest, &done, err);
}

int
load_same(struct loader *l, const char *fingerprint, struct error *err)
{
	if (!strcmp(buf_str(&l->done), fingerprint))
		return 0;
	return error_set(err, ERR_REMOTE,
	    "another package with the load id %s has been loaded already",
	    l->load_id);
}

void
load_tell(struct loader *l, const char *path, const char *status)
{
	if (l->dest->ops->copy)
		msg_info("%s: %s, %llu jobs", l->load_id, status,
		    (unsigned long long)l->jobs);
	else
		msg_info("%s: %s, %llu rows", l->load_id, status,
		    (unsigned long long)l->rows);
	trace_package(progress_trace(l->progress), l->load_id, status, 0);
	if (l->print && path) {
		struct error gone;

		pathlist_print(path, l->zero, &gone);
	}
	if (!l->report)
		return;
	jsonw_object(l->report);
	jsonw_key(l->report, "load_id");
	jsonw_str(l->report, l->load_id);
	jsonw_key(l->report, "schema_name");
	jsonw_str(l->report, l->schema ? l->schema->name : NULL);
	jsonw_key(l->report, "status");
	jsonw_str(l->report, status);
	jsonw_key(l->report, "jobs");
	jsonw_int(l->report, (long long)l->jobs);
	jsonw_key(l->report, "rows");
	jsonw_int(l->report, (long long)l->rows);
	if (path) {
		jsonw_key(l->report, "path");
		jsonw_str(l->report, path);
	}
	jsonw_end_object(l->report);
}
