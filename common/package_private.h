/* SPDX-License-Identifier: MIT */
/*
 * package_private: what the files of the package module share.
 */
#ifndef DLT_PACKAGE_PRIVATE_H
#define DLT_PACKAGE_PRIVATE_H

#include "common/hash.h"
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

struct manifest_job {
	char *id; /* file name without the retry part */
	char *table;
	uint64_t rows; /* UINT64_MAX: unknown */
	uint64_t bytes;
	char sha256[HASH_HEX_LEN + 1];
	char *origins; /* JSON text */
	bool seen;     /* for readers: the job has come */
};

struct manifest {
	char *kind; /* "extracted", "normalized" */
	char *load_id;
	char *schema_name;
	char *version_hash;
	uint64_t rejects;
	uint64_t schema_bytes;
	char schema_sha256[HASH_HEX_LEN + 1];
	struct manifest_job *jobs;
	size_t count, cap;
};

/* A blank job at the end; valid until the next call. */
struct manifest_job *manifest_add(struct manifest *m);
void manifest_write(const struct manifest *m, struct buf *out);
int manifest_parse(struct manifest *m, const char *text, size_t len,
    struct error *err);
/* path/manifest.json; *missing instead of an error when there is none. sha256
 * (65 bytes, or NULL) gets the digest of the file. */
int manifest_read(struct manifest *m, const char *path, bool *missing,
    char *sha256, struct error *err);
void manifest_release(struct manifest *m);

/* Ids of jobs and where they stand; for duplicates and look-up. */
struct job_index {
	char **ids; /* open addressing; own copies */
	size_t *at;
	size_t cap, count;
};
/* False when it is there already. */
bool job_index_add(struct job_index *x, const char *id, size_t at);
long job_index_find(const struct job_index *x, const char *id);
void job_index_release(struct job_index *x);

/* Job files of a folder of a package, sorted by name, without *.exception;
 * an absent folder is empty. A foreign name is ERR_DATA. */
struct job_list {
	char **names;
	size_t count, cap;
};
int job_list_read(struct job_list *l, const char *path, const char *folder,
    struct error *err);
/* A job that is on its way through a load stands in another folder. */
bool package_job_elsewhere(const char *path, const char *id, struct error *err);
void job_list_release(struct job_list *l);

void sha256_hex(const void *data, size_t len, char out[HASH_HEX_LEN + 1]);

#endif
