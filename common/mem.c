/* SPDX-License-Identifier: MIT */
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "common/msg.h"

#define ARENA_MIN   ((size_t)4096)
#define ARENA_ALIGN ((size_t)16)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
};

static NORETURN void
out_of_memory(size_t size)
{
	msg_error("out of memory (%zu bytes)", size);
	exit(EXIT_FAILED);
}

static void *
checked(void *p, size_t size)
{
	if (!p && size)
		out_of_memory(size);
	return p;
}

void *
xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1), size);
}

void *
xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1), size);
}

void *
xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size ? size : 1), size);
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t len)
{
	char *p = xmalloc(len + 1);

	if (len)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = xmalloc((size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void
mem_return_large(size_t size)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, (int)size);
#else
	(void)size;
#endif
}

void *
xaligned(size_t size)
{
	size_t rounded = (size + 4095) & ~(size_t)4095;

	return checked(aligned_alloc(4096, rounded ? rounded : 4096), size);
}

void *
xgrow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : 8;

	if (need <= *cap)
		return array;
	while (n < need)
		n *= 2;
	if (n > SIZE_MAX / size)
		out_of_memory(SIZE_MAX);
	array = xrealloc(array, n * size);
	*cap = n;
	return array;
}

static void
arena_more(struct arena *a, size_t size)
{
	size_t n = a->chunk ? a->chunk->size * 2 : ARENA_MIN;
	struct arena_chunk *c;

	if (n > IO_BLOCK)
		n = IO_BLOCK;
	if (n < size + sizeof(*c) + ARENA_ALIGN)
		n = size + sizeof(*c) + ARENA_ALIGN;
	c = xmalloc(n);
	c->next = a->chunk;
	c->size = n;
	a->chunk = c;
	a->next = (char *)c +
	    ((sizeof(*c) + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1));
	a->end = (char *)c + n;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	char *p;

	size = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if ((size_t)(a->end - a->next) < size)
		arena_more(a, size);
	p = a->next;
	a->next += size;
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (len)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

void
arena_reset(struct arena *a)
{
	struct arena_chunk *c = a->chunk, *next;

	if (!c)
		return;
	/* the newest chunk is the largest */
	for (next = c->next; next;) {
		struct arena_chunk *dead = next;

		next = next->next;
		free(dead);
	}
	c->next = NULL;
	a->next = (char *)c +
	    ((sizeof(*c) + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1));
	a->end = (char *)c + c->size;
}

void
arena_release(struct arena *a)
{
	while (a->chunk) {
		struct arena_chunk *dead = a->chunk;

		a->chunk = dead->next;
		free(dead);
	}
	a->next = a->end = NULL;
}
