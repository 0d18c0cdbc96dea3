/* SPDX-License-Identifier: MIT */
/*
 * package_private: what the files of the package module share.
 */
#ifndef DLT_PACKAGE_PRIVATE_H
#define DLT_PACKAGE_PRIVATE_H

#include "common/archive.h"
#include "common/checksum.h"
#include "common/package.h"

#define PACKAGE_SMALL_MAX ((size_t)256 << 20) /* of schema.json and the like */

/* Names of folders and small files: one path component, nothing strange. */
bool package_name_is_safe(const char *name);
/* A file that travels beside the jobs: schema.json, ... */
bool package_file_is_known(const char *name);
/* Python may have written a small file compressed: told by content, as it reads
 * them. Replaces b by what is in it; path is for messages. */
int package_unpack(struct buf *b, const char *path, struct error *err);
const char *package_kind_name(enum package_kind kind);

/* ---- manifest.json ---- */

/* The manifest as it is written: the jobs wait as text, in memory as long as
 * they are few, else in a file without a name, so that the number of jobs
 * does not matter. */
struct manifest_out;
/* dir: where that file may be; NULL: $TMPDIR or /var/tmp (and if there is no
 * room, in memory). */
struct manifest_out *manifest_out_new(const char *dir);
int manifest_out_add(struct manifest_out *m, const struct manifest_job *j,
    struct error *err);
/* After the last job: the size of the text, then the text in pieces. */
uint64_t
manifest_out_end(struct manifest_out *m, const struct manifest_head *head);
typedef int (*manifest_sink)(void *arg, const void *data, size_t len,
    struct error *err);
int manifest_out_copy(struct manifest_out *m, manifest_sink sink, void *arg,
    struct error *err);
/* The same into path/manifest.json, which appears whole or not at all; the
 * directory is for the caller to sync. */
int
manifest_out_file(struct manifest_out *m, const char *path, struct error *err);
void manifest_out_free(struct manifest_out *m);

/* Over any source of bytes; package_manifest_open() is the one for files. */
struct manifest_in *manifest_in_new(zin_source source, void *arg);
/* Read again from the start (files only): the jobs once more. */
int manifest_in_rewind(struct manifest_in *m, struct error *err);
/* After the last job: the checksum of the text. */
void manifest_in_checksum(const struct manifest_in *m, char out[CHECKSUM_SIZE]);

/* ---- the jobs of a package, to be told apart ---- */

/* A set of job ids: hashes only. Each has two flags and, if wanted, values of
 * 64 bits. Zero-initialised, it may be released. */
#define JOB_SET_FLAGS ((uint64_t)3)
struct set_shard;
struct job_set {
	uint64_t key[2];
	size_t width; /* words of a slot */
	struct set_shard *shards;
	size_t count;
};
void job_set_init(struct job_set *s, size_t values);
/* A slot: [0] has the flags as its JOB_SET_FLAGS, [1] on the values; valid until
 * the next job_set_add(). NULL: it is there already. */
uint64_t *job_set_add(struct job_set *s, const char *id);
uint64_t *job_set_find(const struct job_set *s, const char *id); /* or NULL */
/* 64 bits that stand for size and checksum of a file, under the set's key. */
uint64_t
job_set_digest(const struct job_set *s, uint64_t bytes, const char *checksum);
void job_set_release(struct job_set *s);

/* Each job file of a folder of a package goes to f, in no order; *.exception
 * is passed over, an absent folder is empty, a foreign name is ERR_DATA. */
typedef int (*job_visit)(void *arg, const char *name, const struct job_name *n,
    struct error *err);
int job_folder_visit(const char *path, const char *folder, job_visit f,
    void *arg, struct error *err);

/* The same sorted by name, one after the other: as many names as are wanted
 * are in memory, however many there are. */
struct job_list {
	char *path, *folder;
	char **names; /* those that come next, sorted */
	size_t count, next;
	char *last; /* the one before names[0] */
	bool whole; /* there are no others behind them */
};
void job_list_init(struct job_list *l, const char *path, const char *folder);
/* 1: *name lives until the next call; 0: no more; -1. */
int job_list_next(struct job_list *l, const char **name, struct error *err);
void job_list_release(struct job_list *l);

/* Files whose names do not follow from their ids (a retry count that is not
 * zero): by id. */
struct job_renames {
	struct job_rename {
		char *id, *name;
	} * items;
	size_t count, cap;
};
void job_renames_add(struct job_renames *r, const char *id, const char *name,
    const struct job_name *n);
void job_renames_sort(struct job_renames *r); /* before the first find */
/* The file's name, malloc'd. */
char *job_renames_find(const struct job_renames *r, const char *id,
    const char *table);
void job_renames_release(struct job_renames *r);

/* sql and reference jobs may be added by a load. */
bool job_is_follow_up(const struct job_name *n);

/* ---- reading a package: package_in.c, package_dir.c ---- */

struct stream_in {
	struct tar_in *tar;
	struct tar_entry entry;
	bool pending;          /* entry is read but not yet handled */
	bool complete;         /* between packages: the last one was verified */
	uint64_t complete_end; /* offset behind its manifest */
	struct job_set done;   /* load ids of complete packages */
	/* Of this package; values: digests of size and checksum, as XXH3 and,
	 * until it is known that the manifest has no SHA-256, as that. */
	struct job_set jobs;
	bool xxh_only;
	uint64_t *job; /* the current one */
	bool has_schema;
	uint64_t schema_bytes;
	char schema_xxh128[CHECKSUM_SIZE], schema_sha256[CHECKSUM_SIZE];
};

struct dir_in {
	struct manifest_in *manifest; /* or NULL */
	struct job_set ids;           /* of its jobs */
	struct job_renames renames;
	char **extra; /* follow-up jobs that it does not know, sorted */
	size_t extra_count, extra_cap, next_extra;
	struct job_list list; /* without a manifest: all */
	struct buf schema_checksum;
	size_t file; /* the next of small_files */
	int fd;
	enum { DIR_BEGIN, DIR_FILES, DIR_JOBS, DIR_EXTRA, DIR_DONE } step;
};

struct package_in {
	char *path; /* of a directory; NULL: a stream */
	char *load_id;
	char checksum[CHECKSUM_SIZE]; /* of the manifest */
	struct stream_in s;
	struct dir_in d;
	/* the current entry */
	struct buf name, data, job_path, job_checksum, origins;
	struct job_name job;
	bool in_job;
	uint64_t bytes;
	struct checksum *sum;
};

struct package_in *package_in_new(void);
void package_in_begin_job(struct package_in *p, unsigned kinds);
void package_in_end_job(struct package_in *p);
int package_dir_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err);
long package_dir_read(struct package_in *p, void *data, size_t len,
    struct error *err);

#endif
