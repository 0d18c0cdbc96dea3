/* SPDX-License-Identifier: MIT */
#include "common/metrics.h"

#include <time.h>

#include "common/buf.h"
#include "common/output.h"

struct sample {
	struct buf *out;
	const struct progress_report *run;
	const char *name;
};

/* A label's value; names come from data. */
static void
add_label(struct buf *b, const char *label, const char *value)
{
	if (b->len > 0 && b->data[b->len - 1] != '{')
		buf_addc(b, ',');
	buf_addf(b, "%s=\"", label);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			buf_addc(b, '\\');
		if (*value == '\n')
			buf_adds(b, "\\n");
		else
			buf_addc(b, *value);
	}
	buf_addc(b, '"');
}

static void
add_sample(const struct sample *s, const char *table, double value)
{
	buf_addf(s->out, "%s{", s->name);
	add_label(s->out, "stage", s->run->stage);
	if (s->run->name != NULL)
		add_label(s->out, "pipeline", s->run->name);
	if (table != NULL)
		add_label(s->out, "table", table);
	buf_addf(s->out, "} %.17g\n", value);
}

static void
add_help(struct sample *s, const char *name, const char *help)
{
	s->name = name;
	buf_addf(s->out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void
add_gauge(struct sample *s, const char *name, const char *help, double value)
{
	add_help(s, name, help);
	add_sample(s, NULL, value);
}

static void
add_rows(void *arg, const char *table, uint64_t rows, uint64_t bytes)
{
	(void)bytes;
	add_sample(arg, table, (double)rows);
}

static void
add_bytes(void *arg, const char *table, uint64_t rows, uint64_t bytes)
{
	(void)rows;
	add_sample(arg, table, (double)bytes);
}

int
metrics_write(const char *path, struct progress *p, bool failed,
    struct error *err)
{
	struct progress_report run;
	struct buf out = { 0 };
	struct sample s = { &out, &run, NULL };
	struct timespec now;
	int rc;

	progress_report(p, &run);
	clock_gettime(CLOCK_REALTIME, &now);
	add_gauge(&s, "dlt_run_success", "Whether the run ended well.",
	    failed ? 0 : 1);
	add_gauge(&s, "dlt_run_end_time_seconds", "When it ended.",
	    (double)now.tv_sec + (double)now.tv_nsec / 1e9);
	add_gauge(&s, "dlt_run_duration_seconds", "How long it took.",
	    run.seconds);
	add_gauge(&s, "dlt_run_cpu_seconds", "CPU time that it took.",
	    run.cpu_seconds);
	add_gauge(&s, "dlt_run_memory_peak_bytes", "The most memory it held.",
	    (double)run.memory_peak);
	add_gauge(&s, "dlt_run_jobs", "Jobs that were done.", (double)run.jobs);
	add_help(&s, "dlt_run_rows", "Rows of each table.");
	progress_each(p, add_rows, &s);
	add_help(&s, "dlt_run_bytes",
	    "Bytes of each table, before compression.");
	progress_each(p, add_bytes, &s);
	rc = output_file(path, out.data, out.len, err);
	buf_release(&out);
	return rc;
}
