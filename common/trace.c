/* SPDX-License-Identifier: MIT */
#include "common/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/timestamp.h"

struct trace {
	pthread_mutex_t lock;
	char *path, *beside;
	FILE *f;
	bool begun; /* an event is there */
};

static void
add_time(struct jsonw *w, const char *key)
{
	struct timestamp now = timestamp_now();
	struct buf text = { 0 };

	now.has_zone = true;
	timestamp_format(&now, &text);
	jsonw_key(w, key);
	jsonw_strn(w, text.data, text.len);
	buf_release(&text);
}

static void
add_str(struct jsonw *w, const char *key, const char *value)
{
	if (value == NULL)
		return;
	jsonw_key(w, key);
	jsonw_str(w, value);
}

static void
add_count(struct jsonw *w, const char *key, uint64_t value)
{
	jsonw_key(w, key);
	jsonw_int(w, (long long)value);
}

struct trace *
trace_new(const char *path, const char *stage, const char *pipeline,
    struct error *err)
{
	struct trace *t = xcalloc(1, sizeof(*t));
	struct buf out = { 0 };
	struct jsonw w;

	t->path = xstrdup(path);
	t->beside = xasprintf("%s.%ld.tmp", path, (long)getpid());
	t->f = fopen(t->beside, "wxe");
	if (t->f == NULL) {
		error_errno(err, "%s", t->beside);
		free(t->path);
		free(t->beside);
		free(t);
		return NULL;
	}
	output_remove_at_exit(t->beside);
	pthread_mutex_init(&t->lock, NULL);
	jsonw_init(&w, &out, false);
	jsonw_object(&w);
	add_str(&w, "tool", msg_tool());
	add_str(&w, "version", DLT_VERSION);
	add_str(&w, "stage", stage);
	add_str(&w, "pipeline", pipeline);
	add_time(&w, "started_at");
	fprintf(t->f, "%s,\"events\":[", buf_str(&out));
	buf_release(&out);
	return t;
}

/* The event's object, which is finished here. */
static void
put(struct trace *t, struct jsonw *w, struct buf *out)
{
	jsonw_end_object(w);
	pthread_mutex_lock(&t->lock);
	fprintf(t->f, "%s\n%s", t->begun ? "," : "", buf_str(out));
	t->begun = true;
	pthread_mutex_unlock(&t->lock);
	buf_release(out);
}

static void
begin(struct jsonw *w, struct buf *out, const char *event, const char *load_id)
{
	jsonw_init(w, out, false);
	jsonw_object(w);
	add_str(w, "event", event);
	add_time(w, "at");
	add_str(w, "load_id", load_id);
}

void
trace_job(struct trace *t, const char *load_id, const char *job,
    const char *table, uint64_t rows, uint64_t bytes)
{
	struct buf out = { 0 };
	struct jsonw w;

	if (t == NULL)
		return;
	begin(&w, &out, "job", load_id);
	add_str(&w, "job", job);
	add_str(&w, "table", table);
	add_count(&w, "rows", rows);
	if (bytes != 0)
		add_count(&w, "bytes", bytes);
	put(t, &w, &out);
}

void
trace_schema(struct trace *t, const char *load_id, const char *changes)
{
	struct buf out = { 0 };
	struct jsonw w;

	if (t == NULL)
		return;
	begin(&w, &out, "schema", load_id);
	jsonw_key(&w, "tables");
	jsonw_raw(&w, changes, strlen(changes));
	put(t, &w, &out);
}

void
trace_package(struct trace *t, const char *load_id, const char *status,
    uint64_t rejects)
{
	struct buf out = { 0 };
	struct jsonw w;

	if (t == NULL)
		return;
	begin(&w, &out, "package", load_id);
	add_str(&w, "status", status);
	if (rejects != 0)
		add_count(&w, "rejects", rejects);
	put(t, &w, &out);
}

static void
add_seconds(struct jsonw *w, const char *key, double seconds)
{
	char text[48];
	int n = snprintf(text, sizeof(text), "%.6f", seconds);

	jsonw_key(w, key);
	jsonw_raw(w, text, (size_t)n);
}

static void
add_table(void *arg, const char *name, uint64_t rows, uint64_t bytes)
{
	struct jsonw *w = arg;

	jsonw_object(w);
	add_str(w, "table", name);
	add_count(w, "rows", rows);
	add_count(w, "bytes", bytes);
	jsonw_end_object(w);
}

static void
add_totals(struct jsonw *w, struct progress *p, const char *why)
{
	struct progress_report run;

	progress_report(p, &run);
	add_time(w, "finished_at");
	add_str(w, "status", why != NULL ? "failed" : "ok");
	add_str(w, "error", why);
	add_seconds(w, "seconds", run.seconds);
	add_seconds(w, "cpu_seconds", run.cpu_seconds);
	add_count(w, "memory_peak_bytes", run.memory_peak);
	jsonw_key(w, "tables");
	jsonw_array(w);
	progress_each(p, add_table, w);
	jsonw_end_array(w);
}

int
trace_end(struct trace *t, struct progress *p, const char *why,
    struct error *err)
{
	struct buf out = { 0 };
	struct jsonw w;
	int rc = 0;

	if (t == NULL)
		return 0;
	jsonw_init(&w, &out, false);
	jsonw_object(&w);
	add_totals(&w, p, why);
	jsonw_end_object(&w);
	/* its opening brace is at the top of the file */
	fprintf(t->f, "\n],%s\n", buf_str(&out) + 1);
	if (fflush(t->f) != 0 || ferror(t->f))
		rc = error_errno(err, "%s", t->beside);
	else
		rc = fsync_fd(fileno(t->f), t->beside, err);
	if (fclose(t->f) != 0 && rc == 0)
		rc = error_errno(err, "%s", t->beside);
	if (rc == 0 && rename_synced(t->beside, t->path, err) < 0)
		rc = -1;
	if (rc == 0)
		output_keep(t->beside);
	buf_release(&out);
	pthread_mutex_destroy(&t->lock);
	free(t->path);
	free(t->beside);
	free(t);
	return rc;
}
