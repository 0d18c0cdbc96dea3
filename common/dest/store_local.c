/* SPDX-License-Identifier: MIT */
/*
 * Files in a folder. What is staged is in a folder of its own, _dlt_tmp/XXXXXX,
 * beside the tables to be of the same file system.
 */
#include "common/dest/store.h"

#include "common/mem.h"
#include "common/output.h"
#include "common/testhook.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK      ((size_t)256 << 10)
#define TEMP_TRIES 100
#define DEPTH_MAX  64

struct staged {
	char *from, *to; /* from: NULL when it has its name */
};

struct local {
	struct store base;
	char *root; /* base.shown */
	char *temp; /* folder of unfinished files, or NULL */
	int temp_fd, lock_fd;
	struct staged *items;
	size_t count, cap;
};

static char *
full_path(const struct local *l, const char *path)
{
	return xasprintf("%s/%s", l->root, path);
}

/* ---- walks ---- */

static int walk(const struct local *l, const char *prefix, const char *dir,
    store_visit f, void *arg, int depth, struct error *err);

/* The path below the dataset; a folder is entered if what is in it can begin
 * with the prefix. */
static int
walk_entry(const struct local *l, const char *prefix, const char *path,
    store_visit f, void *arg, int depth, struct error *err)
{
	char *full = full_path(l, path);
	size_t len = strlen(prefix), own = strlen(path);
	struct stat st;
	int rc = 0;

	if (lstat(full, &st) < 0)
		; /* gone since */
	else if (S_ISDIR(st.st_mode))
		rc = own >= len || prefix[own] == '/'
		    ? walk(l, prefix, path, f, arg, depth + 1, err)
		    : 0;
	else if (own >= len)
		rc = f(path, arg, err);
	free(full);
	return rc;
}

static int
walk(const struct local *l, const char *prefix, const char *dir, store_visit f,
    void *arg, int depth, struct error *err)
{
	char *full = full_path(l, dir);
	size_t len = strlen(prefix);
	DIR *d = opendir(full);
	struct dirent *e;
	int rc = 0;

	if (!d && errno != ENOENT && errno != ENOTDIR)
		rc = error_errno(err, "%s", full);
	if (d && depth > DEPTH_MAX)
		rc = error_set(err, ERR_IO, "%s: folders are nested too deep",
		    full);
	while (d && rc == 0 && (errno = 0, e = readdir(d))) {
		char *path = *dir ? xasprintf("%s/%s", dir, e->d_name)
		                  : xstrdup(e->d_name);
		size_t own = strlen(path);

		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    !strncmp(path, prefix, own < len ? own : len))
			rc = walk_entry(l, prefix, path, f, arg, depth, err);
		free(path);
		if (rc == 0)
			errno = 0;
	}
	if (d && rc == 0 && errno)
		rc = error_errno(err, "%s", full);
	if (d)
		closedir(d);
	free(full);
	return rc;
}

/* The folders that the prefix names whole need no search. */
static int
local_list(struct store *s, const char *prefix, store_visit f, void *arg,
    struct error *err)
{
	const char *slash = strrchr(prefix, '/');
	char *dir = xstrndup(prefix, slash ? (size_t)(slash - prefix) : 0);
	int rc = walk((struct local *)s, prefix, dir, f, arg, 0, err);

	free(dir);
	return rc;
}

/* ---- single files ---- */

static int
local_exists(struct store *s, const char *path, bool *found, struct error *err)
{
	char *full = full_path((struct local *)s, path);
	int rc = access(full, F_OK);

	*found = rc == 0;
	if (rc < 0)
		rc = errno == ENOENT || errno == ENOTDIR
		    ? 0
		    : error_errno(err, "%s", full);
	free(full);
	return rc;
}

static int
local_get(struct store *s, const char *path, size_t max, struct buf *out,
    bool *found, struct error *err)
{
	char *full = full_path((struct local *)s, path), *text = NULL;
	size_t len = 0;
	int rc = local_exists(s, path, found, err);

	if (rc == 0 && *found)
		rc = read_file(full, max, &text, &len, err);
	if (rc == 0)
		buf_add(out, text ? text : "", len);
	free(text);
	free(full);
	return rc;
}

static int
local_put(struct store *s, const char *path, const void *data, size_t len,
    struct error *err)
{
	char *full = full_path((struct local *)s, path);
	char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	int rc = make_dirs(dir, err) < 0 ? -1
	                                 : output_file(full, data, len, err);

	free(dir);
	free(full);
	return rc;
}

static int
local_remove(struct store *s, char *const *paths, size_t count,
    struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		char *full = full_path((struct local *)s, paths[i]);

		if (unlink(full) < 0 && errno != ENOENT)
			rc = error_errno(err, "%s", full);
		free(full);
		TEST_HOOK("files_deleted");
	}
	return rc;
}

static int
local_has_folder(struct store *s, const char *path, bool *found,
    struct error *err)
{
	return local_exists(s, path, found, err);
}

static int
local_make_folder(struct store *s, const char *path, struct error *err)
{
	char *full = full_path((struct local *)s, path);
	int rc = access(full, F_OK) == 0 ? 0 : make_dirs(full, err);

	free(full);
	return rc;
}

/* ---- left-overs, and the lock ---- */

static void
sweep_one(const char *path)
{
	struct error ignored;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Who still writes there holds the lock. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		remove_tree(path, &ignored);
	close(fd);
}

static int
local_ready(struct store *s, struct error *err)
{
	struct local *l = (struct local *)s;
	char *dir = full_path(l, "_dlt_tmp");
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char *path = xasprintf("%s/%s", dir, e->d_name);

		if (*e->d_name != '.')
			sweep_one(path);
		free(path);
	}
	if (d)
		closedir(d);
	rmdir(dir); /* when it is empty */
	free(dir);
	return make_dirs(l->root, err);
}

static int
try_lock(int fd, double wait_s, struct error *err)
{
	struct timespec start, now, slice = { .tv_nsec = 5000000 };

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		/* A file system without locks works as well as it can. */
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if ((double)(now.tv_sec - start.tv_sec) >= wait_s)
			return error_set(err, ERR_TEMP,
			    "another load is changing the dataset");
		nanosleep(&slice, NULL);
	}
	return 0;
}

/* The folder itself is locked: no file is needed that readers would see. */
static int
local_lock(struct store *s, double wait_s, struct error *err)
{
	struct local *l = (struct local *)s;

	if (l->lock_fd >= 0)
		return 0;
	l->lock_fd = open(l->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->lock_fd < 0)
		return error_errno(err, "%s", l->root);
	if (try_lock(l->lock_fd, wait_s, err) == 0)
		return 0;
	close(l->lock_fd);
	l->lock_fd = -1;
	return error_prefix(err, "%s: ", l->root);
}

static void
local_unlock(struct store *s)
{
	struct local *l = (struct local *)s;

	if (l->lock_fd >= 0)
		close(l->lock_fd);
	l->lock_fd = -1;
}

/* ---- staged files ---- */

/* 1: somebody who swept has taken the new folder for a left-over. */
static int
hold_temp(const char *path, int *fd, struct error *err)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? 1 : error_errno(err, "%s", path);
	if ((flock(*fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
	    fstat(*fd, &st) == 0 && st.st_nlink > 0)
		return 0;
	close(*fd);
	*fd = -1;
	return 1;
}

/* 1: try again. */
static int
try_temp(struct local *l, const char *parent, char *path, struct error *err)
{
	int rc;

	if (make_dirs(parent, err) < 0)
		return -1;
	/* That may be swept away as well before we are in it. */
	if (!mkdtemp(path))
		return errno == ENOENT ? 1 : error_errno(err, "%s", parent);
	output_remove_at_exit(path);
	rc = hold_temp(path, &l->temp_fd, err);
	if (rc != 0)
		output_keep(path);
	return rc;
}

static int
make_temp(struct local *l, struct error *err)
{
	char *parent, *path;
	int rc = 1;

	if (l->temp)
		return 0;
	parent = full_path(l, "_dlt_tmp");
	path = xasprintf("%s/XXXXXX", parent);
	for (int tries = 0; rc > 0 && tries < TEMP_TRIES; tries++) {
		memcpy(path + strlen(path) - 6, "XXXXXX", 6);
		rc = try_temp(l, parent, path, err);
	}
	if (rc > 0)
		rc = error_set(err, ERR_TEMP, "%s: vanishes again and again",
		    parent);
	if (rc == 0)
		l->temp = path;
	else
		free(path);
	free(parent);
	return rc;
}

static void
local_discard(struct store *s)
{
	struct local *l = (struct local *)s;
	struct error ignored;
	char *slash;

	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].from);
		free(l->items[i].to);
	}
	l->count = 0;
	if (!l->temp)
		return;
	remove_tree(l->temp, &ignored);
	output_keep(l->temp);
	close(l->temp_fd);
	l->temp_fd = -1;
	slash = strrchr(l->temp, '/');
	*slash = '\0';
	rmdir(l->temp); /* unless another process is at work there */
	free(l->temp);
	l->temp = NULL;
}

static int
copy_bytes(zin_source source, void *arg, int fd, struct error *err)
{
	char *block = xmalloc(BLOCK);
	int rc = 0;
	long n;

	while ((n = source(arg, block, BLOCK, err)) > 0 && rc == 0)
		if (signal_pending())
			rc = error_set(err, ERR_QUIET, "interrupted");
		else if (write_fully(fd, block, (size_t)n))
			rc = error_errno(err, "write");
	free(block);
	return rc < 0 || n < 0 ? -1 : 0;
}

static int
local_stage(struct store *s, const char *path, zin_source source, void *arg,
    struct error *err)
{
	struct local *l = (struct local *)s;
	char *to = full_path(l, path), *from = NULL;
	int fd = -1, rc = -1;

	if (make_temp(l, err) < 0)
		goto out;
	from = xasprintf("%s/%zu", l->temp, l->count);
	fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		error_errno(err, "%s", from);
		goto out;
	}
	if (copy_bytes(source, arg, fd, err) < 0 || fsync_fd(fd, to, err) < 0)
		goto out;
	l->items = xgrow(l->items, &l->cap, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = (struct staged){ from, to };
	from = to = NULL;
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	if (from)
		unlink(from); /* the number is used again */
	free(from);
	free(to);
	return rc;
}

static int
compare_staged(const void *a, const void *b)
{
	return strcmp(((const struct staged *)a)->to,
	    ((const struct staged *)b)->to);
}

/* Sorted by name, so that files of one folder follow each other. */
static int
local_publish(struct store *s, struct error *err)
{
	struct local *l = (struct local *)s;
	char *last = NULL;
	int rc = 0;

	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), compare_staged);
	for (size_t i = 0; i < l->count && rc == 0; i++) {
		struct staged *f = &l->items[i];
		char *dir = xstrndup(f->to,
		    (size_t)(strrchr(f->to, '/') - f->to));

		if (!last || strcmp(last, dir) != 0) {
			rc = last ? fsync_path(last, err) : 0;
			free(last);
			last = xstrdup(dir);
			if (rc == 0)
				rc = make_dirs(dir, err);
		}
		if (rc == 0 && f->from && rename(f->from, f->to) < 0)
			rc = error_errno(err, "%s", f->to);
		if (rc == 0) {
			free(f->from);
			f->from = NULL;
		}
		free(dir);
		TEST_HOOK("files_moved");
	}
	if (rc == 0 && last)
		rc = fsync_path(last, err);
	free(last);
	return rc;
}

static void
local_close(struct store *s)
{
	struct local *l = (struct local *)s;

	local_discard(s);
	local_unlock(s);
	free(l->items);
	free(l->root);
	free(l);
}

static const struct store_ops ops = {
	.close = local_close,
	.ready = local_ready,
	.lock = local_lock,
	.unlock = local_unlock,
	.list = local_list,
	.exists = local_exists,
	.get = local_get,
	.put = local_put,
	.remove = local_remove,
	.has_folder = local_has_folder,
	.make_folder = local_make_folder,
	.stage = local_stage,
	.publish = local_publish,
	.discard = local_discard,
};

struct store *
store_local_open(const char *root)
{
	struct local *l = xcalloc(1, sizeof(*l));

	l->base.ops = &ops;
	l->base.shown = l->root = xstrdup(root);
	l->temp_fd = l->lock_fd = -1;
	return &l->base;
}
