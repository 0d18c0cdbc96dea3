/* SPDX-License-Identifier: MIT */
/*
 * mem: allocation that does not fail, and arenas.
 *
 * Errors: out of memory prints one line and exits 1; unfinished outputs are
 *         removed at exit (output.c), so dying is clean.
 * Owner:  x* results are the caller's, free() releases them; what comes from
 *         an arena lives until arena_reset() or arena_release().
 */
#ifndef DLT_MEM_H
#define DLT_MEM_H

#include "common/base.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Let freed pieces of at least `size` bytes go back to the system at once,
 * where the C library can be told so; for programs that must stay small. */
void mem_return_large(size_t size);

/* Page-aligned memory for I/O blocks; free() releases it. */
void *xaligned(size_t size);

/* Grow an array to hold at least `need` elements of `size` bytes, doubling;
 * *cap is updated. Returns the (moved) array. */
void *xgrow(void *array, size_t *cap, size_t need, size_t size);

struct arena_chunk;

/* Bump allocator. Zero-initialise it; alignment is 16. */
struct arena {
	struct arena_chunk *chunk;
	char *next;
	char *end;
};

void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
void arena_reset(struct arena *a);   /* empty, keep the largest chunk */
void arena_release(struct arena *a); /* free everything */

#endif
