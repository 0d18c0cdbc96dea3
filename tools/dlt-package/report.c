/* SPDX-License-Identifier: MIT */
/* ls and info. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/failed.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "tools/dlt-package/look.h"

struct job {
	char *table, *name;
	uint64_t rows, bytes; /* rows UINT64_MAX: not known */
};

struct report {
	char *load_id, *schema_name;
	bool normalized, sealed;
	struct job *jobs;
	size_t count, cap;
};

static void
report_release(struct report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->jobs[i].table);
		free(r->jobs[i].name);
	}
	free(r->jobs);
	free(r->load_id);
	free(r->schema_name);
}

static int
add_job(struct report *r, struct package_in *in, const struct package_entry *e,
    struct error *err)
{
	struct stat st;
	struct job *j;

	r->jobs = xgrow(r->jobs, &r->cap, r->count + 1, sizeof(*r->jobs));
	j = &r->jobs[r->count++];
	*j = (struct job){ xstrdup(e->job.table), xstrdup(e->name), e->rows,
		e->len };
	if (e->path && stat(e->path, &st) == 0)
		j->bytes = (uint64_t)st.st_size;
	/* Packages of Python, and streams, do not say: count. */
	if (j->rows == UINT64_MAX && rows_are_json(&e->job) &&
	    rows_copy(in, NULL, &j->rows, err))
		return error_prefix(err, "%s: ", e->name);
	return 0;
}

static int
report_visit(void *arg, struct package_in *in, enum package_event event,
    const struct package_entry *e, struct error *err)
{
	struct report *r = arg;
	struct json_doc doc = { 0 };
	struct error ignored;

	if (event == PACKAGE_BEGIN) {
		free(r->load_id);
		r->load_id = xstrdup(e->load_id);
	} else if (event == PACKAGE_JOB) {
		return add_job(r, in, e, err);
	} else if (event == PACKAGE_COMPLETE) {
		r->sealed = e->checksum != NULL;
	} else if (event == PACKAGE_FILE) {
		if (strcmp(e->name, "schema_updates.json") == 0 ||
		    strcmp(e->name, "applied_schema_updates.json") == 0)
			r->normalized = true;
		if (strcmp(e->name, "schema.json") == 0 &&
		    json_parse(&doc, e->data, e->len, &ignored) == 0) {
			free(r->schema_name);
			r->schema_name = xstrdup(json_get_str(doc.root, "name",
			    ""));
		}
		json_release(&doc);
	}
	return 0;
}

static void
put_rows(struct jsonw *w, uint64_t rows)
{
	jsonw_key(w, "rows");
	if (rows == UINT64_MAX)
		jsonw_null(w);
	else
		jsonw_int(w, (long long)rows);
}

static void
add_count(struct buf *b, uint64_t n)
{
	if (n == UINT64_MAX)
		buf_addf(b, "%12s", "-");
	else
		buf_addf(b, "%12" PRIu64, n);
}

static void
print_json(struct buf *b)
{
	puts(buf_str(b));
	buf_release(b);
}

/* ---- ls ---- */

static const char *const states[][2] = { { "extracted", "normalize/extracted" },
	{ "normalized", "load/normalized" }, { "loaded", "load/loaded" } };

static int
ls_state(const struct look *l, const struct workdir *w, size_t state,
    struct jsonw *json, struct error *err)
{
	struct buf line = { 0 };
	char **names;
	size_t count;

	if (workdir_list(w, states[state][1], &names, &count, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		char *path = xasprintf("%s/%s/%s", w->path, states[state][1],
		    names[i]);
		const char *word = failed_is_aborted(path) ? "aborted"
		                                           : states[state][0];

		if (!json->out) {
			buf_addf(&line, "%-12s%s", word, names[i]);
			look_line(l, &line);
		} else {
			jsonw_object(json);
			jsonw_key(json, "load_id");
			jsonw_str(json, names[i]);
			jsonw_key(json, "state");
			jsonw_str(json, word);
			jsonw_key(json, "path");
			jsonw_str(json, path);
			jsonw_end_object(json);
		}
		free(path);
	}
	buf_release(&line);
	workdir_free_names(names, count);
	return 0;
}

static int
ls_pipeline(const struct look *l, struct error *err)
{
	struct workdir w = { 0 };
	struct jsonw json = { 0 };
	struct buf b = { 0 };
	int rc = 0;

	if (workdir_open(&w, l->pipeline, false, err))
		return -1;
	if (l->json) {
		jsonw_init(&json, &b, false);
		jsonw_object(&json);
		jsonw_key(&json, "pipeline");
		jsonw_str(&json, w.name);
		jsonw_key(&json, "packages");
		jsonw_array(&json);
	}
	for (size_t i = 0; i < ARRAY_LEN(states) && !rc; i++)
		rc = ls_state(l, &w, i, &json, err);
	if (l->json && !rc) {
		jsonw_end_array(&json);
		jsonw_end_object(&json);
		print_json(&b);
	}
	buf_release(&b);
	workdir_close(&w);
	return rc;
}

static void
ls_jobs(const struct look *l, const struct report *r)
{
	struct buf b = { 0 }, line = { 0 };
	struct jsonw w;

	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, "load_id");
	jsonw_str(&w, r->load_id);
	jsonw_key(&w, "jobs");
	jsonw_array(&w);
	for (size_t i = 0; i < r->count; i++) {
		const struct job *j = &r->jobs[i];

		jsonw_object(&w);
		jsonw_key(&w, "job");
		jsonw_str(&w, j->name);
		jsonw_key(&w, "table");
		jsonw_str(&w, j->table);
		put_rows(&w, j->rows);
		jsonw_key(&w, "bytes");
		jsonw_int(&w, (long long)j->bytes);
		jsonw_end_object(&w);
		if (!l->json) {
			add_count(&line, j->rows);
			add_count(&line, j->bytes);
			buf_addf(&line, "  %s", j->name);
			look_line(l, &line);
		}
	}
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	if (l->json)
		print_json(&b);
	buf_release(&b);
	buf_release(&line);
}

int
do_ls(const struct look *l, struct error *err)
{
	struct report r = { 0 };
	int rc;

	if (l->pipeline && !l->package)
		return ls_pipeline(l, err);
	rc = look_walk(l, report_visit, &r, err);
	if (!rc)
		ls_jobs(l, &r);
	report_release(&r);
	return rc;
}

/* ---- info ---- */

struct sum {
	const char *table;
	uint64_t rows, bytes, files;
};

static int
by_table(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	return strcmp(x->table, y->table);
}

/* One line a table, sorted by name; an unknown number stays unknown. */
static struct sum *
sum_up(struct report *r, size_t *count)
{
	struct sum *sums = xcalloc(r->count, sizeof(*sums));
	size_t n = 0;

	if (r->count)
		qsort(r->jobs, r->count, sizeof(*r->jobs), by_table);
	for (size_t i = 0; i < r->count; i++) {
		const struct job *j = &r->jobs[i];
		struct sum *s = n ? &sums[n - 1] : NULL;

		if (!s || strcmp(s->table, j->table) != 0) {
			s = &sums[n++];
			s->table = j->table;
		}
		if (j->rows == UINT64_MAX || s->rows == UINT64_MAX)
			s->rows = UINT64_MAX;
		else
			s->rows += j->rows;
		s->bytes += j->bytes;
		s->files++;
	}
	*count = n;
	return sums;
}

static void
info_json(const struct report *r, const struct sum *sums, size_t count)
{
	struct buf b = { 0 };
	struct jsonw w;

	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, "load_id");
	jsonw_str(&w, r->load_id);
	jsonw_key(&w, "kind");
	jsonw_str(&w, r->normalized ? "normalized" : "extracted");
	jsonw_key(&w, "schema_name");
	jsonw_str(&w, r->schema_name);
	jsonw_key(&w, "sealed");
	jsonw_bool(&w, r->sealed);
	jsonw_key(&w, "tables");
	jsonw_array(&w);
	for (size_t i = 0; i < count; i++) {
		jsonw_object(&w);
		jsonw_key(&w, "table");
		jsonw_str(&w, sums[i].table);
		put_rows(&w, sums[i].rows);
		jsonw_key(&w, "bytes");
		jsonw_int(&w, (long long)sums[i].bytes);
		jsonw_key(&w, "files");
		jsonw_int(&w, (long long)sums[i].files);
		jsonw_end_object(&w);
	}
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	print_json(&b);
}

int
do_info(const struct look *l, struct error *err)
{
	struct report r = { 0 };
	struct buf line = { 0 };
	struct sum *sums;
	size_t count;

	if (look_walk(l, report_visit, &r, err)) {
		report_release(&r);
		return -1;
	}
	sums = sum_up(&r, &count);
	if (l->json) {
		info_json(&r, sums, count);
	} else {
		printf("load id  %s\nkind     %s\nschema   %s\n",
		    r.load_id ? r.load_id : "",
		    r.normalized ? "normalized" : "extracted",
		    r.schema_name ? r.schema_name : "");
		printf("%12s%12s%8s  %s\n", "rows", "bytes", "files", "table");
		for (size_t i = 0; i < count; i++) {
			add_count(&line, sums[i].rows);
			add_count(&line, sums[i].bytes);
			buf_addf(&line, "%8" PRIu64 "  %s", sums[i].files,
			    sums[i].table);
			look_line(l, &line);
		}
		buf_release(&line);
	}
	free(sums);
	report_release(&r);
	return 0;
}
