/* SPDX-License-Identifier: MIT */
/*
 * kept: what inputs keep between runs (input_kind.h: keeps), in the state of
 * their resources: sources.SOURCE.resources.RESOURCE.KEY.
 *
 * Shape:  JSON of any kind, given back as it was. A resource that replaces its
 *         table begins anew.
 * Errors: ERR_USAGE where a resource has several inputs that keep something;
 *         ERR_TEMP when the state has changed meanwhile.
 * Owner:  kept_release(), after pull_release().
 */
#ifndef DLT_KEPT_H
#define DLT_KEPT_H

#include "tools/dlt-extract/cursor/cursors.h"

struct kept {
	struct kept_item *items; /* of each resource */
	size_t count;
};

/* Sets the inputs of the plans. lost: nobody will find the state of this run. */
int kept_bind(struct kept *k, const struct cursors_bind *b, bool lost,
    struct error *err);
/* after: of each resource what it keeps now, or NULL. Appends to values, which
 * borrow from k and after. */
int kept_values(const struct kept *k, const struct cursors_bind *b,
    char *const *after, struct state_change *change,
    struct state_value **values, struct error *err);
void kept_release(struct kept *k);

#endif
