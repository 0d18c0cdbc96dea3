/* SPDX-License-Identifier: MIT */
/*
 * budget: --max-memory, what a whole process may take.
 *
 * Shape:  code, libraries, a schema of ordinary size and the blocks that are
 *         under way take BUDGET_BASE and BUDGET_WORKER for each thread; what is
 *         left is for rows that wait. Less than BUDGET_LEAST is refused; a
 *         budget that is small for the threads allows fewer of them.
 * Errors: ERR_USAGE, which names the least.
 */
#ifndef DLT_BUDGET_H
#define DLT_BUDGET_H

#include "common/error.h"

#define BUDGET_LEAST  ((size_t)64000000)
#define BUDGET_BASE   ((size_t)40000000)
#define BUDGET_WORKER ((size_t)2000000)

/* text: the option, or NULL. *out: bytes, or 0 when it was not given. */
int budget_parse(const char *text, size_t *out, struct error *err);
/* So many threads of those that are wanted; all with a budget of 0. */
long budget_workers(size_t budget, long wanted);
/* What is left for rows that wait. */
size_t budget_rows(size_t budget, long workers);

#endif
