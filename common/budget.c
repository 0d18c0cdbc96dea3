/* SPDX-License-Identifier: MIT */
#include "common/budget.h"

#include "common/opt.h"

int
budget_parse(const char *text, size_t *out, struct error *err)
{
	uint64_t n;

	*out = 0;
	if (!text)
		return 0;
	if (opt_size(text, &n, err))
		return error_prefix(err, "--max-memory: ");
	if (n < BUDGET_LEAST)
		return error_set(err, ERR_USAGE,
		    "--max-memory: %s is too little, the least is %zuM", text,
		    BUDGET_LEAST / 1000000);
	*out = n > SIZE_MAX ? SIZE_MAX : (size_t)n;
	return 0;
}

/* Half of what is not the base is for threads, at most. */
long
budget_workers(size_t budget, long wanted)
{
	size_t most = (budget - BUDGET_BASE) / 2 / BUDGET_WORKER;

	return budget && (size_t)wanted > most ? (long)most : wanted;
}

size_t
budget_rows(size_t budget, long workers)
{
	return budget - BUDGET_BASE - (size_t)workers * BUDGET_WORKER;
}
