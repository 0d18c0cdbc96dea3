/* SPDX-License-Identifier: MIT */
/*
 * rest_limit: how many requests are on their way at once, and how many begin
 * in a second.
 *
 * Shape:  a counter with a maximum (`workers`, `max_parallel_items`, ...),
 *         shared by all who are bound by it. Who waits is served in no order.
 * Thread: all functions but new and free from any thread.
 * Owner:  rest_limit_new() -> rest_limit_free(), after all who use it.
 */
#ifndef DLT_EXTRACT_REST_LIMIT_H
#define DLT_EXTRACT_REST_LIMIT_H

#include <stdatomic.h>

#include "common/base.h"
#include "common/error.h"

struct rest_limit;

/* max: at once; 0: any number. per_second: may begin; 0: any number. */
struct rest_limit *rest_limit_new(long max, double per_second);
void rest_limit_free(struct rest_limit *l); /* NULL is legal */

/* Wait for a place; -1: *stop is true (NULL: nobody stops it), or a signal came
 * (ERR_QUIET). Who sets *stop calls rest_limit_wake() then. */
int rest_limit_take(struct rest_limit *l, const atomic_bool *stop,
    struct error *err);
void rest_limit_give(struct rest_limit *l);
void rest_limit_wake(struct rest_limit *l);

/* Wait so many seconds; -1 as above. */
int rest_limit_pause(struct rest_limit *l, double seconds,
    const atomic_bool *stop, struct error *err);

#endif
