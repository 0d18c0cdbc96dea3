/* SPDX-License-Identifier: MIT */
/*
 * target: where the package of a run goes: the working directory of a
 * pipeline, a directory, or a stream on standard output.
 *
 * Shape:  target_open(), target_take(), target_begin(), rows,
 *         target_lock(), target_commit(), target_close().
 * Errors: ERR_USAGE for a terminal or a directory that is something else;
 *         ERR_TEMP when another extract works on the pipeline.
 */
#ifndef DLT_EXTRACT_TARGET_H
#define DLT_EXTRACT_TARGET_H

#include "common/package.h"
#include "common/workdir.h"

struct target {
	struct package_out *package;
	char *path; /* of the package in the end; NULL: a stream */
	/* with -p */
	struct workdir *workdir; /* NULL without */
	bool is_fresh;           /* nothing has ever been extracted */
	bool python_made;        /* Python dlt reads it, or may */
	char *pipeline, *default_schema, *destination; /* or NULL */
	/* private */
	struct workdir own;
	char *build, *load_id;
	char *output;
};

/* pipeline and output are of the options, or NULL. peek: nothing is made. */
int target_open(struct target *t, const char *pipeline, const char *output,
    bool peek, struct error *err);
/* The lock of the stage. */
int target_take(struct target *t, double wait_s, struct error *err);
int target_begin(struct target *t, const char *load_id, const char *schema_name,
    bool deterministic, struct error *err);
/* The lock for what changes the working directory. */
int target_lock(struct target *t, double wait_s, struct error *err);
/* The package has been finished: into place with it, then schema and state. */
int target_commit(struct target *t, struct schema *s,
    const struct buf *new_state, struct error *err);
void target_close(struct target *t, bool failed);
/* Nothing was begun: tell who reads the stream that we have failed, and keep
 * it quiet. Nothing on a terminal. */
void target_cancel(void);

#endif
