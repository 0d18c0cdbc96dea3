/* SPDX-License-Identifier: MIT */
/*
 * trace: what a run does, event by event, as one JSON document (--trace):
 * dlt(7) lists its keys.
 *
 * Shape:  written to a file beside as things happen, so that memory does not
 *         grow with the number of jobs; renamed at the end, also of a run that
 *         failed. What a killed run has left is the file beside.
 * Thread: any, but for trace_new() and trace_end().
 * Errors: ERR_IO with the path. Events never fail: trace_end() says it.
 * Owner:  trace_end() frees. NULL is legal everywhere, and notes nothing.
 */
#ifndef DLT_TRACE_H
#define DLT_TRACE_H

#include "common/error.h"
#include "common/progress.h"

struct trace;

/* pipeline may be NULL. */
struct trace *trace_new(const char *path, const char *stage,
    const char *pipeline, struct error *err);

/* A job is done. bytes: as stored; 0: not known. */
void trace_job(struct trace *t, const char *load_id, const char *job,
    const char *table, uint64_t rows, uint64_t bytes);
/* changes: an object, by table, of what is new in the schema. */
void trace_schema(struct trace *t, const char *load_id, const char *changes);
/* A package has come to an end: "extracted", "normalized", "loaded", ... */
void trace_package(struct trace *t, const char *load_id, const char *status,
    uint64_t rejects);

/* why: of a run that failed, else NULL. */
int trace_end(struct trace *t, struct progress *p, const char *why,
    struct error *err);

#endif
