/* SPDX-License-Identifier: MIT */
/*
 * dest_files: what the files of the destinations file:DIR and s3://BUCKET share;
 * for them only.
 *
 * Shape:  dest_files.c holds transactions and copies, _layout where a job file
 *         goes, _meta the files that dlt keeps, _names what their names say;
 *         store.h is where all files are. Paths are below the dataset.
 */
#ifndef DLT_DEST_FILES_PRIVATE_H
#define DLT_DEST_FILES_PRIVATE_H

#include "common/dest/dest.h"
#include "common/dest/store.h"

#include <pthread.h>

#define FILES_LAYOUT "{table_name}/{load_id}.{file_id}.{ext}"
#define FILES_STATES 100 /* of a pipeline that are kept */

/* A text that the commit writes. */
struct files_text {
	char *path;
	struct buf text;
};

struct files_mark {
	char *load_id, *job_id, *checksum;
};

struct files_paths {
	char **items;
	size_t count, cap;
};

/* What all connections of a run know. */
struct files_shared {
	pthread_mutex_t lock;
	/* of jobs, in memory: their names make a repeat harmless */
	struct files_mark *marks;
	size_t mark_count, mark_cap;
	/* of a load, where the layout has no {file_id} */
	struct files_paths targets;
};

struct files_dest {
	struct dest base;
	struct store *store;
	char *layout;
	long states;
	double wait_s;
	bool read_only;
	bool ready;   /* "init" has been read */
	bool keep_gz; /* false in datasets of dlt's first kind */
	struct files_shared *shared;
	bool owns_shared;

	/* the transaction */
	struct files_paths staged;  /* data, in the store */
	struct files_paths emptied; /* what paths of replaced tables begin
	                               with */
	struct files_text *texts;
	size_t text_count, text_cap;
};

/* path is taken. */
void files_add_path(struct files_paths *p, char *path);
void files_forget_paths(struct files_paths *p);

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

/* ---- dest_files_names.c ---- */

/* One of dlt's files NAME__TIME__HASH.jsonl in a folder ("FOLDER/"). */
struct files_name {
	const char *path;
	char *name, *time, *hash;
};
int files_each_name(struct store *s, const char *folder,
    int (*f)(const struct files_name *n, void *arg, struct error *err),
    void *arg, struct error *err);

/* ---- dest_files_meta.c ---- */

/* Read "init"; create it, or bring it up to date, unless read only. */
int files_init(struct files_dest *s, struct error *err);
void files_forget_marks(struct files_shared *s);

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
