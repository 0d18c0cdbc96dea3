/* SPDX-License-Identifier: MIT */
/*
 * store: where the files of a dataset are, a folder or a part of a bucket.
 *
 * Shape:  paths are below the dataset, with slashes, without one at the start.
 *         A file appears whole or not at all. What stage() takes is complete
 *         under no name, or another one, until publish().
 *         One struct store is used by one thread at a time.
 * Errors: ERR_TEMP when trying again may help; ERR_IO disks; ERR_REMOTE what a
 *         server refuses. All name the file.
 * Owner:  store_local_open(), store_s3_open() -> ops->close().
 */
#ifndef DLT_STORE_H
#define DLT_STORE_H

#include "common/buf.h"
#include "common/error.h"
#include "common/zio.h"

struct store;

/* Returns -1 to stop. */
typedef int (*store_visit)(const char *path, void *arg, struct error *err);

struct store_ops {
	void (*close)(struct store *s); /* discards */

	/* Before a change: make the place, remove what killed runs left. */
	int (*ready)(struct store *s, struct error *err);
	/* Nobody else who asks changes the dataset until unlock(), where the
	 * place has locks. ERR_TEMP: not had within wait_s seconds. */
	int (*lock)(struct store *s, double wait_s, struct error *err);
	void (*unlock)(struct store *s); /* nothing when there is no lock */

	/* The files whose paths begin with the prefix, in any order; f must
	 * not call the store. */
	int (*list)(struct store *s, const char *prefix, store_visit f,
	    void *arg, struct error *err);
	int (*exists)(struct store *s, const char *path, bool *found,
	    struct error *err);
	/* Appended to *out, at most max bytes of it. */
	int (*get)(struct store *s, const char *path, size_t max,
	    struct buf *out, bool *found, struct error *err);
	int (*put)(struct store *s, const char *path, const void *data,
	    size_t len, struct error *err);
	/* Those that are not there are fine. */
	int (*remove)(struct store *s, char *const *paths, size_t count,
	    struct error *err);

	/* A folder that files will be in, where there are folders. */
	int (*has_folder)(struct store *s, const char *path, bool *found,
	    struct error *err);
	int (*make_folder)(struct store *s, const char *path,
	    struct error *err);

	/* A copy of what the source gives. */
	int (*stage)(struct store *s, const char *path, zin_source source,
	    void *arg, struct error *err);
	/* All that are staged get their names; may be called again. */
	int (*publish)(struct store *s, struct error *err);
	/* Forget all that are staged; those with names stay. */
	void (*discard)(struct store *s);
};

/* Embed it first in a store's own struct. */
struct store {
	const struct store_ops *ops;
	char *shown; /* the dataset, for messages; no slash at its end */
};

/* A folder, which need not exist. */
struct store *store_local_open(const char *root);

/* "BUCKET[/PREFIX]", and below it a folder, or NULL. The account must stay.
 * first: of the connections of a run. NULL with ERR_USAGE. */
struct s3_account;
struct store *store_s3_open(const char *place, const char *dataset,
    const struct s3_account *account, bool first, struct error *err);

#endif
