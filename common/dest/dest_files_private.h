/* SPDX-License-Identifier: MIT */
/*
 * dest_files: what the files of the destination file:DIR share; for them only.
 *
 * Shape:  dest_files.c holds the folder, transactions and copies, _layout where
 *         a job file goes, _meta the files that dlt keeps, _tree what walks
 *         folders.
 */
#ifndef DLT_DEST_FILES_PRIVATE_H
#define DLT_DEST_FILES_PRIVATE_H

#include "common/dest/dest.h"

#define FILES_LAYOUT "{table_name}/{load_id}.{file_id}.{ext}"
#define FILES_STATES 100 /* of a pipeline that are kept */

/* A file that is complete under another name, or a text that is not written
 * yet (from is NULL). */
struct files_move {
	char *from, *to;
	struct buf text;
};

struct files_moves {
	struct files_move *items;
	size_t count, cap;
};

struct files_mark {
	char *load_id, *job_id, *checksum;
};

struct files_dest {
	struct dest base;
	char *root; /* the folder of the dataset, without a slash at the end */
	char *layout;
	long states;
	bool read_only;
	bool ready;   /* "init" has been read */
	bool keep_gz; /* false in datasets of dlt's first kind */

	/* the transaction */
	char *temp; /* folder of its unfinished files, or NULL */
	int temp_fd;
	struct files_moves data, meta;
	char **emptied; /* what paths of replaced tables begin with */
	size_t emptied_count, emptied_cap;

	char **targets; /* of a load, where the layout has no {file_id} */
	size_t target_count, target_cap;

	/* of jobs, in memory: their names make a repeat harmless */
	struct files_mark *marks;
	size_t mark_count, mark_cap;
};

/* ---- dest_files_layout.c ---- */

/* ERR_USAGE: what is wrong with the layout. */
int files_layout_check(const char *layout, struct error *err);
/* The path of a job file below the dataset. */
int files_layout_path(const char *layout, const struct dest_file *f,
    struct buf *out, struct error *err);
/* What the paths of a table begin with, below the dataset. */
int files_layout_prefix(const char *layout, const char *schema,
    const char *table, struct buf *out, struct error *err);
/* Can it stand in a path, as (a part of) one name? */
int files_name_check(const char *what, const char *name, struct error *err);

/* ---- dest_files_tree.c ---- */

/* Calls f for each file below a folder, not for links to folders; an absent
 * folder has none. f returns -1 to stop. */
int files_walk(const char *dir,
    int (*f)(const char *path, void *arg, struct error *err), void *arg,
    struct error *err);
/* One of dlt's files NAME__TIME__HASH.jsonl in a folder. */
struct files_name {
	const char *path;
	char *name, *time, *hash;
};
int files_each_name(const char *dir,
    int (*f)(const struct files_name *n, void *arg, struct error *err),
    void *arg, struct error *err);
/* Remove what killed runs have left. */
void files_sweep(const char *root);

/* ---- dest_files_meta.c ---- */

/* Read "init"; create it, or bring it up to date, unless read only. */
int files_init(struct files_dest *s, struct error *err);
/* After the commit of a state. */
int files_drop_states(struct files_dest *s, const char *pipeline,
    struct error *err);
void files_forget_marks(struct files_dest *s);

int files_stored_schema(struct dest *d, const char *schema_name,
    struct buf *json, bool *found, struct error *err);
int files_stored_state(struct dest *d, const char *pipeline_name,
    struct buf *doc, bool *found, struct error *err);
int files_has_version(struct dest *d, const char *hash, bool *found,
    struct error *err);
int files_add_version(struct dest *d, const struct schema *schema,
    struct error *err);
int files_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err);
int files_mark(struct dest *d, const struct dest_mark *m, struct error *err);
int files_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err);
int files_unmark(struct dest *d, const char *load_id, struct error *err);
int files_has_load(struct dest *d, const char *load_id, const char *schema_name,
    bool *found, struct error *err);
int files_add_load(struct dest *d, const char *load_id,
    const struct schema *schema, struct error *err);
int files_add_state(struct dest *d, const char *load_id,
    const struct schema *schema, const struct json *doc, struct error *err);

/* Append to the files that the commit writes; path is taken. */
struct buf *files_note_text(struct files_dest *s, char *path);

#endif
