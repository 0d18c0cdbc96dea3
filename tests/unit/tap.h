/* SPDX-License-Identifier: MIT */
/*
 * tap: a few lines of TAP for the C tests.
 */
#ifndef DLT_TAP_H
#define DLT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

static int tap_count, tap_failed;

static inline bool PRINTF_LIKE(2, 3) tap_ok(bool ok, const char *fmt, ...)
{
	char name[512];
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	for (p = name; *p; p++) /* one line each */
		if ((unsigned char)*p < ' ')
			*p = ' ';
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tap_count, name);
	if (!ok)
		tap_failed++;
	return ok;
}

static inline bool
tap_str(const char *got, const char *want, const char *name)
{
	bool ok = got && want ? strcmp(got, want) == 0 : got == want;

	if (!tap_ok(ok, "%s", name))
		printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)",
		    want ? want : "(null)");
	return ok;
}

static inline bool
tap_int(long long got, long long want, const char *name)
{
	if (!tap_ok(got == want, "%s", name)) {
		printf("#   got:  %lld\n#   want: %lld\n", got, want);
		return false;
	}
	return true;
}

static inline void
tap_skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, why);
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
