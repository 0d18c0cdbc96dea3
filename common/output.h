/* SPDX-License-Identifier: MIT */
/*
 * output: files and directories that appear whole or not at all.
 *
 * Shape:  written beside the target under a temporary name, fsynced, renamed,
 *         both parents fsynced; atexit and signals remove the unfinished.
 * Errors: ERR_IO with path and errno's text; a failed fsync is final.
 */
#ifndef DLT_OUTPUT_H
#define DLT_OUTPUT_H

#include "common/error.h"

/* For benchmarks only (--no-sync): skip all fsyncs of this process. */
void output_no_sync(void);

/* Write a whole small file atomically (temporary name, fsync, rename). */
int output_file(const char *path, const void *data, size_t len,
    struct error *err);

/* Make a temporary directory beside `target`; its path is returned in *tmp
 * (malloc'd) and removed recursively at exit unless committed. */
int output_dir_begin(const char *target, char **tmp, struct error *err);
/* fsync the tree's directories (files must be fsynced by who wrote them) and
 * move it to target: absent or an empty directory is filled; with `exchange`
 * an existing one is replaced in one step (renameat2) and the old removed;
 * else EEXIST is an error. */
int output_dir_commit(char *tmp, const char *target, bool exchange,
    struct error *err);
void output_dir_abort(char *tmp); /* remove now; frees tmp */

/* Register / forget a path that must vanish if the process ends early. */
void output_remove_at_exit(const char *path);
void output_keep(const char *path);

int fsync_path(const char *path, struct error *err); /* file or directory */
int make_dirs(const char *path, struct error *err);  /* mkdir -p, fsynced */
int remove_tree(const char *path, struct error *err);
int rename_synced(const char *from, const char *to, struct error *err);
int read_file(const char *path, size_t max, char **data, size_t *len,
    struct error *err); /* NUL added */

/* SIGINT and SIGTERM set a flag that loops poll; at exit the tool cleans up
 * and raises the signal again. A second one kills at once. */
void signals_init(void);
int signal_pending(void);  /* its number, or 0 */
void signal_reraise(void); /* dies by it if one is pending */

#endif
