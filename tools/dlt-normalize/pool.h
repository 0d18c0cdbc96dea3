/* SPDX-License-Identifier: MIT */
/*
 * pool: a fixed number of worker threads and one queue of tasks.
 *
 * Shape:  a task runs once on some worker, which passes its own number (0..n),
 *         so that a task can use what belongs to that worker. Tasks start in
 *         the order of pool_submit(); pool_wait() waits for one of them.
 * Owner:  the caller owns tasks; one must stay until it has been waited for.
 */
#ifndef DLT_NORMALIZE_POOL_H
#define DLT_NORMALIZE_POOL_H

#include "common/base.h"

struct task {
	void (*run)(struct task *t, unsigned worker);
	struct task *next; /* private */
	bool done;         /* private */
};

struct pool;

struct pool *pool_new(unsigned workers);
void pool_free(struct pool *p); /* waits for what is running */
unsigned pool_size(const struct pool *p);
void pool_submit(struct pool *p, struct task *t);
void pool_wait(struct pool *p, struct task *t);
bool pool_is_done(struct pool *p, struct task *t);

#endif
