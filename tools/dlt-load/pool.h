/* SPDX-License-Identifier: MIT */
/*
 * pool: units of work for several workers, each with something of its own (a
 * connection). The first worker is the thread of the caller.
 *
 * Errors: after the first one no unit begins; those under way end, and that
 *         error is returned.
 */
#ifndef DLT_LOAD_POOL_H
#define DLT_LOAD_POOL_H

#include "common/error.h"

struct pool {
	size_t units, workers; /* at least one worker */
	void **own;            /* of each worker */
	/* Called once by all workers but the first; one that cannot start is
	 * done without. */
	int (*start)(void *own, struct error *err);
	int (*run)(void *own, size_t unit, struct error *err);
	/* Units of one group never run at the same time. NULL: no groups. */
	const size_t *group;
};

int pool_run(const struct pool *p, struct error *err);

#endif
