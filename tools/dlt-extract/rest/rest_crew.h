/* SPDX-License-Identifier: MIT */
/*
 * rest_crew: threads that ask an API for several rows of a parent at once.
 *
 * Shape:  pages come in the order of the parent's rows. At most max_items rows
 *         are taken ahead of the one whose turn it is.
 * Errors: those of the first row, in that order, that failed; ERR_QUIET after
 *         rest_crew_cancel().
 * Thread: rest_crew_read() from one; cancel from any.
 * Owner:  rest_crew_new() -> rest_crew_free(), which waits for the threads.
 */
#ifndef DLT_EXTRACT_REST_CREW_H
#define DLT_EXTRACT_REST_CREW_H

#include "tools/dlt-extract/channel.h"
#include "tools/dlt-extract/rest/rest_series.h"

struct rest_crew;

struct rest_crew *
rest_crew_new(const struct rest_job *job, struct rest_caller *caller,
    struct channel *parent, long workers, long max_items);
/* 1: pages are appended; 0: there are no more; -1. */
int rest_crew_read(struct rest_crew *c, struct buf *out, struct error *err);
void rest_crew_cancel(struct rest_crew *c);
void rest_crew_free(struct rest_crew *c); /* NULL is legal */

#endif
