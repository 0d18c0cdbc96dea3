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
#include "common/lock.h"
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
	char *name; /* of the pipeline */
	struct lock locks[STAGE_COUNT];
	struct lock build_lock; /* of the folder an extract works in */
	char *build_folder;
};

#define WAIT_FOREVER (-1.0)

/* The folder that holds the working directories of all pipelines, by the rules
 * of contract.md 1.1; malloc'd. */
char *workdir_pipelines(void);

/* -p NAME, or -p DIR/ (with a slash): $DLT_DATA_DIR/pipelines/NAME by the
 * rules of contract.md 1.1. create makes it with .version files and state.json.
 * Newer .version or state engine: ERR_DATA, files untouched. */
int workdir_open(struct workdir *w, const char *pipeline, bool create,
    struct error *err);
void workdir_close(struct workdir *w);

/* What an opened one lacks of folders and .version files: whoever works on a
 * pipeline that only Python's extract has seen makes them, as dlt does. */
int workdir_complete(struct workdir *w, struct error *err);
/* Has Python dlt made or used it? It lists whole folders and stops at the name
 * of a compression that it does not know. */
bool workdir_is_pythons(struct workdir *w);

/* The lock of a stage (lock.h); ERR_TEMP names the holder's pid when it is not free within
 * wait seconds (0: at once; WAIT_FOREVER). */
int workdir_lock(struct workdir *w, enum stage stage, double wait,
    struct error *err);
void workdir_unlock(struct workdir *w, enum stage stage);

/* What a crash left behind is put right, under the commit lock (design 8.14):
 * a state that was committed in a package but not saved becomes state.json, an
 * extracted package that is normalized or loaded already goes, and so does a
 * folder that a dead extract worked in; what was moved by copying (move.h) is
 * there once, and whole. Done by workdir_pending(), and by
 * workdir_lock() for STAGE_EXTRACT. */
int workdir_recover(struct workdir *w, struct error *err);

/* Sorted names of the packages that wait for a stage: NORMALIZE: those in
 * normalize/extracted, LOAD: in load/normalized; malloc'd array of malloc'd
 * strings, to be released with workdir_free_names(). */
int workdir_pending(struct workdir *w, enum stage stage, char ***names,
    size_t *count, struct error *err);
/* All sub-directories of a folder of the working directory ("load/loaded"),
 * sorted; none when it is absent. */
int workdir_list(const struct workdir *w, const char *folder, char ***names,
    size_t *count, struct error *err);
void workdir_free_names(char **names, size_t count);

/* Paths, malloc'd: the place where a stage builds a package (fresh, empty, or
 * made so), and where it is committed to. */
char *workdir_build_dir(struct workdir *w, enum stage stage,
    const char *load_id, struct error *err);
char *workdir_package_dir(struct workdir *w, enum stage stage,
    const char *load_id); /* STAGE_EXTRACT: extracted/, NORMALIZE: normalized/,
                             LOAD: loaded/ */
/* fsync, move into place (move.h), fsync both parents. */
int workdir_commit(struct workdir *w, enum stage stage, const char *build_dir,
    const char *load_id, struct error *err);

/* Python dlt takes no locks. mark: of the files of a package as they are;
 * unchanged: ERR_TEMP when it is another one, or gone. */
int workdir_watch(const char *package, char mark[64], struct error *err);
int workdir_unchanged(const char *package, const char *mark, struct error *err);
/* The same of one file, which need not be there. */
void workdir_watch_file(const char *path, char mark[64]);
int
workdir_file_unchanged(const char *path, const char *mark, struct error *err);
/* What failed because another process has removed `build`, or the working
 * directory: says so in err, as ERR_TEMP. */
void
workdir_blame(const struct workdir *w, const char *build, struct error *err);

/* schemas/NAME.schema.json: NULL with err untouched and *missing true when
 * there is none; the stored hash is verified (1.8). */
struct schema *workdir_schema(struct workdir *w, const char *name,
    bool *missing, struct error *err);
int workdir_save_schema(struct workdir *w, struct schema *s, struct error *err);

/* ---- state.json (12.2) ---- */

struct state {
	struct json_doc doc;
	char *text;
};

#define STATE_ENGINE 4

/* The state of a pipeline that has never run, as state.json holds it. */
void state_fresh(const char *pipeline, struct buf *out);

/* The parsed state; a missing file is an empty one. A newer engine: ERR_DATA.
 * To be released in any case. */
int workdir_state(struct workdir *w, struct state *st, struct error *err);
void state_release(struct state *st);

/* state.json as text from the content of a state (an object, whose _local is
 * left out), the _local part of another (or NULL) and what was extracted last
 * (hash and ISO time; NULL: as in local). */
void state_join(const struct json *content, const struct json *local,
    const char *hash, const char *at, struct buf *out);

/* One value that a resource keeps: under a key of its state, or (member not
 * NULL) a member of the object that is there. json: its text; NULL: the member
 * goes. */
struct state_value {
	const char *resource, *key, *member, *json;
};

/* What a run changes in the state of a source: resources whose state it
 * forgets, because it replaces their tables (12.3), then values that they keep.
 * As in dlt the source has a state from then on. */
struct state_change {
	const char *source;
	const char *const *resources; /* forgotten */
	size_t count;
	const struct state_value *values;
	size_t value_count;
	bool whole; /* all of the source is forgotten, but for the values */
	bool send;  /* the extract has it in its package in any case */
};

/* The state that a run begins with: what a destination has stored (such a
 * document as state_for_extract() makes, or NULL), that of the working
 * directory (or NULL), or a fresh one of the pipeline called name. To be
 * released in any case. */
int state_begin(struct workdir *w, const char *name, const struct buf *stored,
    struct state *st, struct error *err);
/* The state of a resource, or NULL. */
const struct json *state_resource(const struct state *st, const char *source,
    const char *resource);

/* The state as state.json is to hold it after a change by hand: the next extract
 * sends it. */
int state_edit(const struct state *st, const struct state_change *change,
    struct buf *out, struct error *err);

/* What an extract adds to its package when the state changed since the last
 * extract: the _dlt_pipeline_state document (JSON text, typed) in *doc, or
 * empty when nothing changed; schema_name and dataset enter the state. For a
 * run without -p pass w = NULL: the state of a fresh pipeline called
 * schema_name. stored as for state_begin();
 * change may be NULL. load_id goes into the row. The time in it is the load id's when
 * that is a number, else SOURCE_DATE_EPOCH's, else now. *new_state is always
 * filled; save it after the commit. */
int state_for_extract(struct workdir *w, const char *schema_name,
    const struct state_change *change, const struct buf *stored,
    const char *load_id, struct buf *doc, struct buf *new_state,
    struct error *err);
/* The text of a state as such rows hold it: base64 of zlib, or JSON itself.
 * malloc'd, NULL: damaged. */
char *state_unpack(const char *s, size_t len);
/* After the package has been committed: save new_state as state.json. */
int workdir_save_state(struct workdir *w, const struct buf *new_state,
    struct error *err);

/* contract.md 12.1 over a parsed state document; base64. */
void state_hash(const struct json *doc, bool package_state, char out[64]);

#endif
