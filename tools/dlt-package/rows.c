/* SPDX-License-Identifier: MIT */
/* cat: rows out of job files. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/output.h"
#include "tools/dlt-package/look.h"

/* Rows are objects; what stands between them (brackets, commas, blanks) goes.
 * Works on any cut of the bytes and holds no row. */
struct splitter {
	FILE *out;
	uint64_t rows;
	unsigned long depth; /* of braces and brackets inside the row */
	bool in_string, escaped;
};

static void
split(struct splitter *s, const char *p, const char *end)
{
	const char *from = s->depth ? p : NULL;

	for (; p < end; p++) {
		if (s->in_string) {
			if (s->escaped)
				s->escaped = false;
			else if (*p == '\\')
				s->escaped = true;
			else if (*p == '"')
				s->in_string = false;
		} else if (s->depth && *p == '"') {
			s->in_string = true;
		} else if (*p == '{' || (s->depth && *p == '[')) {
			if (!s->depth++)
				from = p;
		} else if (s->depth && (*p == '}' || *p == ']')) {
			if (--s->depth)
				continue;
			s->rows++;
			if (s->out) {
				fwrite(from, 1, (size_t)(p - from) + 1, s->out);
				putc('\n', s->out);
			}
			from = NULL;
		} else if (s->depth && s->out && (*p == '\n' || *p == '\r')) {
			fwrite(from, 1, (size_t)(p - from), s->out);
			putc(' ', s->out);
			from = p + 1;
		}
	}
	if (s->out && from && from < end)
		fwrite(from, 1, (size_t)(end - from), s->out);
}

bool
rows_are_json(const struct job_name *job)
{
	return strcmp(job->format, "jsonl") == 0 ||
	    strcmp(job->format, "typed-jsonl") == 0;
}

/* The reader has gone: die of SIGPIPE, as a filter does. */
static int
check_out(FILE *out, struct error *err)
{
	if (!out || !ferror(out))
		return signal_pending() ? error_set(err, ERR_QUIET, "signal")
		                        : 0;
	if (errno == EPIPE) {
		signal_note(SIGPIPE);
		return error_set(err, ERR_QUIET, "standard output: closed");
	}
	return error_errno(err, "standard output");
}

static int
copy_job(struct package_in *in, struct splitter *s, bool raw, struct error *err)
{
	struct zin *z = zin_new(package_in_read, in);
	char *block = xmalloc(IO_BLOCK);
	long n;
	int rc = 0;

	while (!rc && (n = zin_read(z, block, IO_BLOCK, err))) {
		if (n < 0) {
			rc = -1;
			break;
		}
		if (raw)
			fwrite(block, 1, (size_t)n, s->out);
		else
			split(s, block, block + n);
		rc = check_out(s->out, err);
	}
	if (!rc && (s->depth || s->in_string))
		rc = error_set(err, ERR_DATA, "ends inside a row");
	free(block);
	zin_free(z);
	return rc;
}

int
rows_copy(struct package_in *in, FILE *out, uint64_t *rows, struct error *err)
{
	struct splitter s = { .out = out };
	int rc = copy_job(in, &s, false, err);

	*rows = s.rows;
	return rc;
}

struct cat {
	const char *table;
	bool found, known;
	struct buf tables; /* for the message: what there is */
};

static int
cat_visit(void *arg, struct package_in *in, enum package_event event,
    const struct package_entry *e, struct error *err)
{
	struct cat *c = arg;
	struct splitter s = { .out = stdout };
	bool json;
	int rc;

	if (event == PACKAGE_FILE && strcmp(e->name, "schema.json") == 0) {
		struct error ignored;
		struct schema *schema = schema_parse(e->data, e->len, &ignored);

		if (schema && schema_table(schema, c->table))
			c->known = true;
		schema_free(schema);
	}
	if (event != PACKAGE_JOB || strcmp(e->job.table, c->table) != 0)
		return 0;
	c->found = true;
	json = rows_are_json(&e->job);
	if (!json && strcmp(e->job.format, "parquet") == 0)
		return error_set(err, ERR_DATA,
		    "%s: parquet files cannot be shown", e->name);
	rc = copy_job(in, &s, !json, err);
	if (rc && !ferror(stdout))
		error_prefix(err, "%s: ", e->name);
	return rc;
}

int
do_cat(const struct look *l, struct error *err)
{
	struct cat c = { .table = l->subject };

	if (look_walk(l, cat_visit, &c, err))
		return -1;
	if (!c.found && !c.known)
		return error_set(err, ERR_DATA,
		    "the package has no table \"%s\"; `dlt-package info` "
		    "lists them",
		    l->subject);
	return 0;
}
