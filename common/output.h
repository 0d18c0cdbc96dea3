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

/* Where a file NAME can live for a while: in $TMPDIR, else in $DLT_DATA_DIR, else
 * in /var/tmp, which is on a disk; malloc'd. */
char *temp_path(const char *name);
/* A new file there that has no name any more, to write and to read; -1 */
int temp_file(struct error *err);

/* Write a whole small file atomically (temporary name, fsync, rename). */
int
output_file(const char *path, const void *data, size_t len, struct error *err);

/* Make a temporary directory beside `target` (whose missing parents are made);
 * its path is returned in *tmp (malloc'd) and removed recursively at exit
 * unless committed. What killed runs have left of it is removed, or, if they were
 * copying it to the target, gone on with. A target that is a symbolic link means
 * what it names. */
int output_dir_begin(const char *target, char **tmp, struct error *err);
/* fsync the tree's directories (files must be fsynced by who wrote them) and
 * move it to target: absent or an empty directory is filled; with `exchange`
 * an existing one is replaced in one step (renameat2) and the old removed;
 * else EEXIST is an error. Where folders cannot be renamed it is copied
 * (move.h). Success frees tmp; after a failure it is still the caller's, for
 * output_dir_abort(), which leaves alone what a target needs that is only half
 * there. */
int output_dir_commit(char *tmp, const char *target, bool exchange,
    struct error *err);
/* Name the target in the message, where it names the temporary directory. */
void output_dir_blame(const char *tmp, const char *target, struct error *err);
void output_dir_abort(char *tmp); /* remove now; frees tmp; NULL is legal */

/* Register / forget a path that must vanish if the process ends early. */
void output_remove_at_exit(const char *path);
void output_keep(const char *path);

/* The folder that holds path, malloc'd: "." for a bare name. */
char *path_parent(const char *path);
/* All of it, however often a signal comes; else -1 and errno. */
int write_fully(int fd, const void *data, size_t len);
/* What comes from one goes to the other; the paths are for messages. */
int
copy_fd(int in, int out, const char *from, const char *to, struct error *err);
/* Opens a file that is there, and nobody else's, to write at its end. Where a
 * file system cannot do that, it is copied, and the copy takes its place. */
int append_open(const char *path, struct error *err);
int fsync_path(const char *path, struct error *err); /* file or directory */
int fsync_fd(int fd, const char *path, struct error *err); /* the same, open */
/* Let the system begin to write what stands there to the disk, so that an fsync
 * later has less to wait for. No promise. */
void sync_early(int fd, uint64_t from, uint64_t len);
/* For very many new files: one call instead of an fsync for each. To be opened
 * before they are written; -1 where that would promise less than fsync does
 * (systems other than Linux 5.8 and its local file systems). */
int sync_all_open(const char *path);
int sync_all(int fd, const char *path, struct error *err);
int make_dirs(const char *path, struct error *err); /* mkdir -p, fsynced */
/* A file or a whole tree; links are removed, never followed; absent is fine. */
int remove_tree(const char *path, struct error *err);
int rename_synced(const char *from, const char *to, struct error *err);
int read_file(const char *path, size_t max, char **data, size_t *len,
    struct error *err); /* NUL added */

/* SIGINT, SIGTERM and SIGHUP set a flag that loops poll; at exit the tool
 * cleans up and raises the signal again. A second one kills at once. SIGPIPE
 * is ignored: who meets EPIPE on stdout calls signal_note(SIGPIPE). */
void signals_init(void);
int signal_pending(void);    /* its number, or 0 */
void signal_note(int signo); /* as if it had arrived */
/* Dies by it if one is pending, after removing what is unfinished. */
void signal_reraise(void);

#endif
