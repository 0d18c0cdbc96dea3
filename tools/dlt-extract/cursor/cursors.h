/* SPDX-License-Identifier: MIT */
/*
 * cursors: the incremental cursors of a run: which resource has one, what the
 * last run has left for it, and what this one leaves.
 *
 * Shape:  a cursor of the command line for one resource wins over one for all,
 *         and that over the source file's.
 * Errors: ERR_USAGE for cursors that are declared wrongly; ERR_TEMP when the
 *         state has changed meanwhile.
 * Owner:  cursors_release(), before the source file, and after pull_release().
 */
#ifndef DLT_CURSORS_H
#define DLT_CURSORS_H

#include "common/opt.h"
#include "common/workdir.h"
#include "tools/dlt-extract/cursor/incremental.h"
#include "tools/dlt-extract/pull.h"
#include "tools/dlt-extract/source_file.h"

struct cursors {
	struct cursor *items;
	size_t count;
	struct state_value *values; /* of cursors_values() */
	struct buf *texts;
};

struct cursors_bind {
	const struct sources *sources;
	struct pull_resource *plans;  /* steps, hints and inputs are set */
	const struct opt_list *flags; /* [RESOURCE:]CURSOR[,WORD=VALUE...] */
	bool has_key; /* a flag gives the primary key, for all resources */
	const struct source_file *file; /* or NULL */
	struct workdir *workdir;  /* or NULL; its extract stage is locked */
	const struct buf *stored; /* as for state_begin() */
	const char *pipeline;     /* the name of a fresh one */
	const char *source;       /* its key in the state */
	/* Of each resource: its rows did not come to their end. Its cursor
	 * stays where it was, unless its rows come in order; NULL: they did. */
	const bool *cut;
	bool anew; /* as if the state had nothing of these resources */
};

int cursors_bind(struct cursors *c, const struct cursors_bind *b,
    struct error *err);
/* What the state is to keep (state_change.values), borrowed from c; state: as it
 * is now, in place of which it goes. */
int cursors_values(struct cursors *c, const struct cursors_bind *b,
    size_t *count, struct error *err);
void cursors_release(struct cursors *c);

#endif
