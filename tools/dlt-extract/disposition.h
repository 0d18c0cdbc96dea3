/* SPDX-License-Identifier: MIT */
/*
 * disposition: --write-disposition KIND[:STRATEGY[,OPTION[=VALUE]...]], as
 * dlt's dictionary of the same names puts it into a table.
 *
 * Errors: ERR_USAGE.
 * Source: contract.md 8.2, 9.2; dlt/extract/hints.py.
 */
#ifndef DLT_EXTRACT_DISPOSITION_H
#define DLT_EXTRACT_DISPOSITION_H

#include "common/schema.h"

struct disposition {
	char *text;           /* cut into what follows */
	const char *kind;     /* "append", ... */
	const char *strategy; /* or NULL */
	bool deduplicated;
	/* of scd2; NULL: dlt's own */
	const char *from, *to, *row_version;
	const char *active;   /* time in an active row, NULL: null */
	const char *boundary; /* time of the change, NULL: the load's */
};

/* text: of the option, NULL: append. */
int
disposition_parse(struct disposition *d, const char *text, struct error *err);
void disposition_release(struct disposition *d);

/* Columns and hints that the strategy brings. */
int disposition_apply(const struct disposition *d, struct table *t,
    const struct naming *naming, struct error *err);

#endif
