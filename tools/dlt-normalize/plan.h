/* SPDX-License-Identifier: MIT */
/*
 * plan: what a run would change in the schema (--plan), as text or JSON.
 *
 * Shape:  text: "+ table T" and "+ column T.C TYPE (PLACE)", in the order in
 *         which the rows ask for them; JSON: one object, see
 *         dlt-normalize(1).
 */
#ifndef DLT_NORMALIZE_PLAN_H
#define DLT_NORMALIZE_PLAN_H

#include "tools/dlt-normalize/evolve.h"

struct plan {
	bool json;
	bool changes;
	struct buf text;            /* what is to be printed */
	struct buf tables, columns; /* JSON: members of the arrays */
	struct schema *schema;      /* after the packages so far */
};

/* What a package has changed in its copy of the schema. */
void plan_add(struct plan *p, const struct evolve *ev);
/* Print it; load_ids as in struct normalize_totals. */
void plan_print(struct plan *p, const struct buf *load_ids);
void plan_release(struct plan *p);

#endif
