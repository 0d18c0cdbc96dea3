/* SPDX-License-Identifier: MIT */
/*
 * testhook: named points at which a test kills the process, as a power failure
 * would: DLT_TEST_FAIL=NAME:N raises SIGKILL at the N-th pass of NAME. Only in
 * builds with -Dtest_hooks=true; else nothing.
 *
 * DLT_TEST_RUN=NAME:COMMAND runs a shell command at each pass of NAME: what
 * another process does meanwhile, without waiting for it.
 */
#ifndef DLT_TESTHOOK_H
#define DLT_TESTHOOK_H

#ifdef DLT_TEST_HOOKS
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static inline void
test_hook(const char *name, int *passes)
{
	const char *want = getenv("DLT_TEST_FAIL");
	size_t len = strlen(name);

	if (want && !strncmp(want, name, len) && want[len] == ':' &&
	    __atomic_add_fetch(passes, 1, __ATOMIC_RELAXED) ==
	        atoi(want + len + 1))
		raise(SIGKILL);
}

static inline void
test_run(const char *name)
{
	const char *want = getenv("DLT_TEST_RUN");
	size_t len = strlen(name);

	if (want && !strncmp(want, name, len) && want[len] == ':' &&
	    system(want + len + 1) != 0)
		abort();
}

#define TEST_RUN(name) test_run(name)

#define TEST_HOOK(name)                    \
	do {                               \
		static int passes_;        \
		test_hook(name, &passes_); \
	} while (0)
#else
#define TEST_RUN(name) \
	do {           \
	} while (0)
#define TEST_HOOK(name) \
	do {            \
	} while (0)
#endif

#endif
