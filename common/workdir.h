/* SPDX-License-Identifier: MIT */
/*
 * workdir: the working directory of a named pipeline, laid out as Python dlt
 * lays it out, with locks.
 *
 * Source: contract.md sections 1.1-1.10, 12.1-12.2; design sections 2 and 8.
 */
#ifndef DLT_WORKDIR_H
#define DLT_WORKDIR_H

#include "common/error.h"
#include "common/json.h"
#include "common/schema.h"

enum stage {
	STAGE_EXTRACT,
	STAGE_NORMALIZE,
	STAGE_LOAD,
	STAGE_COMMIT, /* the short lock around commits */
	STAGE_COUNT,
};

struct workdir {
	char *path;
	char *name;            /* of the pipeline */
	int lock_fd[STAGE_COUNT];
};

#define WAIT_FOREVER (-1.0)

/* -p NAME, or -p DIR/ (with a slash): $DLT_DATA_DIR/pipelines/NAME by the
 * rules of contract.md 1.1. create makes it with .version files and state.json.
 * Newer .version or state engine: ERR_DATA, files untouched. */
int workdir_open(struct workdir *w, const char *pipeline, bool create,
    struct error *err);
void workdir_close(struct workdir *w);

/* flock of a stage; ERR_TEMP names the holder's pid when it is not free within
 * wait seconds (0: at once; WAIT_FOREVER). */
int workdir_lock(struct workdir *w, enum stage stage, double wait,
    struct error *err);
void workdir_unlock(struct workdir *w, enum stage stage);

/* Sorted names of the packages in normalize/extracted or load/normalized;
 * malloc'd array of malloc'd strings. Leftovers of crashes are dealt with
 * (design 8.14). */
int workdir_pending(struct workdir *w, enum stage stage, char ***names,
    size_t *count, struct error *err);

/* Paths, malloc'd: the place where a stage builds a package (fresh, empty, or
 * made so), and where it is committed to. */
char *workdir_build_dir(struct workdir *w, enum stage stage,
    const char *load_id, struct error *err);
char *workdir_package_dir(struct workdir *w, enum stage stage,
    const char *load_id); /* STAGE_EXTRACT: extracted/, NORMALIZE: normalized/,
                             LOAD: loaded/ */
/* fsync, rename into place, fsync both parents. */
int workdir_commit(struct workdir *w, enum stage stage, const char *build_dir,
    const char *load_id, struct error *err);

/* schemas/NAME.schema.json: NULL with err untouched and *missing true when
 * there is none; the stored hash is verified (1.8). */
struct schema *workdir_schema(struct workdir *w, const char *name,
    bool *missing, struct error *err);
int workdir_save_schema(struct workdir *w, struct schema *s,
    struct error *err);

/* ---- state.json (12.2) ---- */

struct state {
	struct json_doc doc;
	char *text;
};

/* The parsed state; a missing file is an empty one. */
int workdir_state(struct workdir *w, struct state *st, struct error *err);
void state_release(struct state *st);

/* What an extract adds to its package when the state changed since the last
 * extract: the _dlt_pipeline_state document (JSON text, typed) in *doc, or
 * empty when nothing changed; schema_name and dataset enter the state. For a
 * run without -p pass w = NULL: the state of a fresh pipeline called
 * schema_name. load_id goes into the row. */
int state_for_extract(struct workdir *w, const char *schema_name,
    const char *load_id, struct buf *doc, struct buf *new_state,
    struct error *err);
/* After the package has been committed: save new_state as state.json. */
int workdir_save_state(struct workdir *w, const struct buf *new_state,
    struct error *err);

/* contract.md 12.1 over a parsed state document; base64. */
void state_hash(const struct json *doc, bool package_state, char out[64]);

#endif
