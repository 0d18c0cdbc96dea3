/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/arrow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/parquet.h"
#include "tools/dlt-normalize/spool.h"

#define COPY_BLOCK ((size_t)256 << 10)

/* ---- files on the way ---- */

char *
arrow_spool(struct package_in *in, struct error *err)
{
	char *path, *block;
	int fd = spool_make(&path, err);
	long n;

	if (fd < 0)
		return NULL;
	block = xmalloc(COPY_BLOCK);
	while ((n = package_in_read(in, block, COPY_BLOCK, err)) > 0) {
		if (spool_write(fd, path, block, (size_t)n, err)) {
			n = -1;
			break;
		}
	}
	free(block);
	if (close(fd) < 0 && n == 0)
		n = error_errno(err, "%s", path);
	if (n == 0)
		return path;
	spool_remove(path);
	return NULL;
}

/* ---- what becomes of a file ---- */

static bool
stays_parquet(const struct normalize_settings *set)
{
	if (set->format)
		return set->format == &format_parquet;
	return set->target_known && caps_takes(set->target, "parquet");
}

/* What ids are made of: of the job where runs are to be the same. */
static char *
id_salt(const struct arrow *a, const struct job *job)
{
	uint64_t noise[2] = { 0 };

	if (!a->set->deterministic &&
	    getrandom(noise, sizeof(noise), 0) != sizeof(noise))
		noise[0] = (uint64_t)getpid();
	return xasprintf("%s/%s/%016llx%016llx", a->load_id, job->file_id,
	    (unsigned long long)noise[0], (unsigned long long)noise[1]);
}

/* As dlt's dlt_id_column(). */
static bool
add_id_column(struct table *t)
{
	struct column *c = table_column(t, "_dlt_id");

	if (c && c->type != TYPE_NONE)
		return false;
	if (!c)
		c = table_add_column(t, "_dlt_id", strlen("_dlt_id"));
	column_set(c, "data_type", "\"text\"");
	column_set(c, "nullable", "false");
	column_set(c, "unique", "true");
	column_set(c, "row_key", "true");
	column_set(c, "precision", "64");
	return true;
}

static int
rewritten(const struct arrow *a, struct parquet_in *p, struct table *t,
    const struct job *job, struct error *err)
{
	char *salt = a->set->parquet_ids ? id_salt(a, job) : NULL, *path;
	int fd = spool_make(&path, err), rc = -1;

	if (fd >= 0) {
		close(fd);
		rc = parquet_rewrite(p, salt, path, err);
	}
	if (rc == 0)
		rc = writer_file(a->writer, t, "parquet", path,
		    parquet_row_count(p), err);
	spool_remove(path);
	free(salt);
	return rc;
}

static int
as_rows(const struct arrow *a, struct parquet_in *p, struct table *t,
    struct error *err)
{
	struct parquet_rows rows = { 0 };
	int rc;

	while ((rc = parquet_next(p, &rows, err)) > 0) {
		const struct segment part = { .table = t,
			.data = rows.data.data,
			.len = rows.data.len,
			.ends = rows.ends,
			.rows = rows.count };

		rc = writer_rows(a->writer, &part, err);
		if (rc)
			break;
	}
	parquet_rows_release(&rows);
	if (rc == 0 && !parquet_row_count(p))
		rc = writer_empty(a->writer, t, err);
	return rc;
}

int
arrow_take(const struct arrow *a, const struct job *job, const char *path,
    bool *changed, struct error *err)
{
	struct table *t = schema_table(a->schema, job->table);
	bool whole = stays_parquet(a->set);
	struct parquet_in *p;
	int rc = 0;

	*changed = false;
	if (!t)
		return error_set(err, ERR_DATA,
		    "%s: the schema has no table \"%s\"", job->name,
		    job->table);
	p = parquet_open(path, a->schema, t, err);
	if (!p)
		return error_prefix(err, "%s: ", job->name);
	if (whole && a->set->parquet_ids)
		*changed = add_id_column(t);
	if (!a->writer)
		rc = 0;
	else if (!whole)
		rc = as_rows(a, p, t, err);
	else if (parquet_must_rewrite(p) || a->set->parquet_ids)
		rc = rewritten(a, p, t, job, err);
	else
		rc = writer_file(a->writer, t, "parquet", path,
		    parquet_row_count(p), err);
	parquet_free(p);
	return rc ? error_prefix(err, "%s: ", job->name) : 0;
}

int
imported_take(const struct arrow *a, const struct job *job, const char *path,
    struct error *err)
{
	struct table *t = schema_table(a->schema, job->table);
	struct buf takes = { 0 };

	if (!t)
		return error_set(err, ERR_DATA,
		    "%s: the schema has no table \"%s\"", job->name,
		    job->table);
	if (caps_takes(a->set->target, job->format))
		return a->writer ? writer_file(a->writer, t, job->format, path,
		                       UINT64_MAX, err)
		                 : 0;
	caps_formats(a->set->target, &takes);
	error_set(err, ERR_DATA,
	    "%s: an imported file goes on as it is, and %s does not take %s, "
	    "but %s; choose another destination with --for",
	    job->name, a->set->target->name, job->format, buf_str(&takes));
	buf_release(&takes);
	return -1;
}
