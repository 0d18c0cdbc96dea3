/* SPDX-License-Identifier: MIT */
/*
 * progress: how far a run is, for people: a display on a terminal that is
 * redrawn in place, or lines of a log; and on SIGUSR1, whatever was chosen.
 *
 * Shape:  one struct progress a run, with an item for each table. A thread draws; counting costs an atomic
 *         addition. Everything goes to standard error.
 *         Of several tools on one terminal only one draws at a time.
 * Thread: items are made and counted by any thread. progress_new() comes before
 *         other threads are made: SIGUSR1 and SIGWINCH are blocked from then on.
 * Owner:  progress_free() stops it all and frees the items; NULL is legal
 *         everywhere, and counts nothing.
 * Source: contract.md 11.4 (progress); dlt/common/runtime/collector.py.
 */
#ifndef DLT_PROGRESS_H
#define DLT_PROGRESS_H

#include "common/error.h"

enum progress_kind {
	PROGRESS_NONE,
	PROGRESS_LOG, /* a line each second, and one at the end */
	PROGRESS_LIVE, /* a display where standard error is a terminal that can */
};

struct trace;

struct progress_spec {
	const char *stage; /* "extract"; borrowed */
	const char *name;  /* of the pipeline, or NULL; borrowed */
	enum progress_kind kind;
	struct trace *trace; /* or NULL; borrowed */
	bool quiet;          /* no display and no summary */
	bool upstream; /* another tool reads what this one writes, and knows
	                  more: it may draw first */
};

struct progress;
struct progress_item;

/* What the setting `progress` says: log; none; auto, or one of dlt's displays
 * (tqdm, enlighten, alive_progress). NULL: auto. ERR_USAGE for others. */
int
progress_parse(const char *text, enum progress_kind *out, struct error *err);

struct progress *progress_new(const struct progress_spec *spec);
/* failed: without a summary. */
void progress_free(struct progress *p, bool failed);

/* The item of that name, made when it is not there; NULL for the tables that
 * dlt keeps for itself. */
struct progress_item *progress_item(struct progress *p, const char *name);
void progress_add(struct progress_item *i, uint64_t rows, uint64_t bytes);
/* So many in all: cheaper, for an item that one thread counts. */
void progress_set(struct progress_item *i, uint64_t rows, uint64_t bytes);
/* So many jobs, and so many bytes of the table, come on top of those that were
 * expected; one of the jobs is done. */
void progress_expect(struct progress_item *i, uint64_t bytes);
void progress_expect_jobs(struct progress *p, uint64_t count);
void progress_job(struct progress *p);

/* That of the spec. */
struct trace *progress_trace(const struct progress *p);

/* What a run has done so far. */
struct progress_report {
	const char *stage, *name; /* of the spec */
	double seconds, cpu_seconds;
	uint64_t memory_peak; /* bytes */
	uint64_t jobs;
};
void progress_report(struct progress *p, struct progress_report *out);
/* Each item, in the order in which they were made. */
void progress_each(struct progress *p,
    void (*f)(void *arg, const char *name, uint64_t rows, uint64_t bytes),
    void *arg);

#endif
