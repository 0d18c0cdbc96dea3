/* SPDX-License-Identifier: MIT */
/*
 * base: attributes, small macros and limits; includes nothing of ours.
 */
#ifndef DLT_BASE_H
#define DLT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#if defined(__GNUC__)
#define PRINTF_LIKE(fmt, args) \
	__attribute__((format(printf, fmt, args), nonnull(fmt)))
#define NORETURN      __attribute__((noreturn))
#define MUST_CHECK    __attribute__((warn_unused_result))
#define LIKELY(x)     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)   __builtin_expect(!!(x), 0)
#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define PRINTF_LIKE(fmt, args)
#define NORETURN
#define MUST_CHECK
#define LIKELY(x)   (x)
#define UNLIKELY(x) (x)
#define NOINLINE
#define ALWAYS_INLINE inline
#endif

/* Exit statuses, the same in all tools (dlt(7), EXIT STATUS). */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* trying again will not help */
	EXIT_USAGE = 2,  /* wrong command line */
	EXIT_SCHEMA = 3, /* the schema would change, or a contract forbids it */
	EXIT_RETRY = 75, /* trying again may help: lock, network, busy */
};

/* Limits of what is read from outside. */
#define MAX_NESTING 1024               /* levels of a JSON value */
#define MAX_ROW     ((size_t)16 << 20) /* bytes of one row */
#define IO_BLOCK    ((size_t)1 << 20)  /* bytes of one block of input */
#define SCAN_SLACK  64                 /* readable bytes after a block */

#endif
