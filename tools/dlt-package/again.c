/* SPDX-License-Identifier: MIT */
/* failed, retry and drop: packages of a pipeline that are not in. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failed.h"
#include "common/json.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "tools/dlt-package/look.h"

/* ---- failed ---- */

static void
say_json(const struct look *l, const struct failed_package *p,
    const struct failed_job *job)
{
	struct buf b = { 0 };
	struct jsonw w;

	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, "load_id");
	jsonw_str(&w, p->load_id);
	jsonw_key(&w, "status");
	jsonw_str(&w, p->aborted ? "aborted" : "loaded");
	jsonw_key(&w, "table");
	jsonw_str(&w, job->table);
	jsonw_key(&w, "job");
	jsonw_str(&w, job->file);
	jsonw_key(&w, "failed");
	jsonw_bool(&w, job->why != NULL);
	jsonw_key(&w, "reason");
	jsonw_str(&w, job->why);
	jsonw_end_object(&w);
	look_line(l, &b);
	buf_release(&b);
}

/* The reason of Python dlt is a stack of calls: its last line says what. */
static const char *
short_reason(const char *why, int *len)
{
	size_t n = strlen(why);
	const char *last = why;

	while (n && strchr(" \t\r\n", why[n - 1]))
		n--;
	if (strncmp(why, "Traceback", 9)) {
		*len = (int)strcspn(why, "\r\n");
		return why;
	}
	for (size_t i = 0; i < n; i++)
		if (why[i] == '\n')
			last = why + i + 1;
	*len = (int)(why + n - last);
	return last;
}

static void
say_job(const struct look *l, const struct failed_package *p,
    const struct failed_job *job)
{
	const char *why = "not tried";
	int len = (int)strlen(why);
	struct buf b = { 0 };

	if (l->json) {
		say_json(l, p, job);
		return;
	}
	if (job->why)
		why = short_reason(job->why, &len);
	buf_addf(&b, "%s\t%s\t%.*s", p->load_id, job->file, len, why);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < ' ' && b.data[i] != '\t')
			b.data[i] = '?';
	look_line(l, &b);
	buf_release(&b);
}

/* The pipeline, its load stage locked where it is to be changed, and the
 * packages that failed: all, or the one of the operand. */
static int
open_failed(const struct look *l, bool change, struct workdir *w,
    struct failed_list *list, struct error *err)
{
	if (!l->pipeline)
		return error_set(err, ERR_USAGE,
		    "packages fail in pipelines: name one with -p");
	if (workdir_open(w, l->pipeline, false, err) < 0)
		return -1;
	/* A package may be half in load/loaded. */
	if (change &&
	    (workdir_lock(w, STAGE_LOAD,
	         isinf(l->wait) ? WAIT_FOREVER : l->wait, err) < 0 ||
	        workdir_recover(w, err) < 0))
		return -1;
	return failed_read(w, false, list, err);
}

static bool
is_meant(const struct look *l, const struct failed_package *p)
{
	return !l->package || !strcmp(l->package, p->load_id);
}

static int
each_failed(const struct look *l, bool change,
    int (*f)(const struct look *l, struct workdir *w, struct failed_package *p,
        struct error *err),
    struct error *err)
{
	struct workdir w = { 0 };
	struct failed_list list = { 0 };
	size_t found = 0;
	int rc = open_failed(l, change, &w, &list, err);

	for (size_t i = 0; i < list.count && rc == 0; i++) {
		if (!is_meant(l, &list.items[i]))
			continue;
		found++;
		rc = f(l, &w, &list.items[i], err);
	}
	if (rc == 0 && l->package && !found)
		rc = error_set(err, ERR_DATA,
		    "pipeline \"%s\" has no package %s that failed", w.name,
		    l->package);
	failed_release(&list);
	if (w.path)
		workdir_close(&w);
	return rc;
}

static int
say_package(const struct look *l, struct workdir *w, struct failed_package *p,
    struct error *err)
{
	(void)w;
	(void)err;
	for (size_t i = 0; i < p->count; i++)
		say_job(l, p, &p->jobs[i]);
	return 0;
}

int
do_failed(const struct look *l, struct error *err)
{
	return each_failed(l, false, say_package, err);
}

/* ---- retry ---- */

static int
retry_package(const struct look *l, struct workdir *w, struct failed_package *p,
    struct error *err)
{
	if (failed_retry(w, p, err) < 0)
		return -1;
	look_done(l, "load_id", p->load_id, "retried");
	msg_info("%s: dlt-load -p %s will try %zu jobs again", p->load_id,
	    w->name, p->count);
	return 0;
}

int
do_retry(const struct look *l, struct error *err)
{
	return each_failed(l, true, retry_package, err);
}

/* ---- drop ---- */

static bool
answer_is_yes(void)
{
	char line[16];

	return fgets(line, sizeof(line), stdin) &&
	    (line[0] == 'y' || line[0] == 'Y');
}

#define NOTE_MAX 65536

/* What dlt-load has left in the package: where the rest of it is. */
static char *
noted_destination(const struct failed_package *p)
{
	char *path = xasprintf("%s/destination.json", p->path), *text = NULL;
	struct json_doc doc = { 0 };
	struct error ignored;
	const char *url, *dataset;
	char *where = NULL;
	size_t len;

	if (read_file(path, NOTE_MAX, &text, &len, &ignored) == 0 &&
	    json_parse(&doc, text, len, &ignored) == 0) {
		url = json_get_str(doc.root, "destination", NULL);
		dataset = json_get_str(doc.root, "dataset", NULL);
		if (url && dataset)
			where = xasprintf("%s (dataset %s)", url, dataset);
		else if (url)
			where = xstrdup(url);
	}
	json_release(&doc);
	free(text);
	free(path);
	return where;
}

/* The destination that the pipeline has been loaded into, or NULL. */
static char *
destination_of(struct workdir *w)
{
	struct state st = { 0 };
	struct error ignored;
	const char *name = NULL;
	char *copy = NULL;

	if (workdir_state(w, &st, &ignored) == 0 && st.doc.root)
		name = json_get_str(st.doc.root, "destination_name", NULL);
	if (!name && st.doc.root)
		name = json_get_str(st.doc.root, "destination_type", NULL);
	if (name)
		copy = xstrdup(name);
	state_release(&st);
	return copy;
}

static int
drop_package(const struct look *l, struct workdir *w, struct failed_package *p,
    struct error *err)
{
	char *dest = noted_destination(p);
	struct buf what = { 0 };
	int rc = 0;

	if (!dest)
		dest = destination_of(w);
	buf_addf(&what,
	    "%s: %zu jobs that are not in %s are removed; the rows of %zu "
	    "others stay there",
	    p->load_id, p->count, dest ? dest : "the destination",
	    p->completed);
	if (l->yes) {
		msg_info("%s", what.data);
	} else if (isatty(STDIN_FILENO)) {
		fprintf(stderr, "%s. Drop it? [y/N] ", what.data);
		if (!answer_is_yes())
			rc = error_set(err, ERR_DATA, "nothing was dropped");
	} else {
		rc = error_set(err, ERR_USAGE, "%s; say --yes if that is meant",
		    what.data);
	}
	if (rc == 0)
		rc = failed_drop(p, err);
	if (rc == 0)
		look_done(l, "load_id", p->load_id, "dropped");
	buf_release(&what);
	free(dest);
	return rc;
}

int
do_drop(const struct look *l, struct error *err)
{
	if (!l->package && l->pipeline)
		return error_set(err, ERR_USAGE,
		    "drop needs a LOAD_ID; see dlt-package failed");
	return each_failed(l, true, drop_package, err);
}
