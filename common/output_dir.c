/* SPDX-License-Identifier: MIT */
/* Directories that appear whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/lock.h"
#include "common/mem.h"
#include "common/move.h"
#include "common/output.h"

/* Where the target really is: symbolic links resolved, so that `-o link`
 * fills what the link names; malloc'd. */
static char *
real_target(const char *target)
{
	char *real = realpath(target, NULL);
	size_t n = strlen(target);

	if (real)
		return real;
	while (n > 1 && target[n - 1] == '/')
		n--;
	return xstrndup(target, n);
}

/* How the names of temporary directories begin; 16 digits follow. malloc'd. */
static char *
temp_prefix(const char *real)
{
	const char *slash = strrchr(real, '/');

	return xasprintf(".%.200s.", slash ? slash + 1 : real);
}

/* Is it a temporary directory's (end: ""), or the file's that stands for the
 * lock of one? */
static bool
is_temp(const char *name, const char *prefix, const char *end)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 &&
	    strspn(name + n, "0123456789abcdef") == 16 &&
	    strcmp(name + n + 16, end) == 0;
}

/* The lock on a temporary directory tells later runs that it is no leftover.
 * LOCK_FAILED also when it cannot be opened. */
static enum lock_answer
lock_dir(struct lock *l, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum lock_answer answer = fd < 0 ? LOCK_FAILED
	                                 : lock_take(l, fd, path, false);

	if (fd >= 0 && answer != LOCK_TAKEN)
		close(fd);
	return answer;
}

/* What a killed run with this target has left. */
static int
settle_leftover(const char *path, const char *real, struct error *err)
{
	struct error ignored;
	struct lock lock;
	int rc;

	if (lock_dir(&lock, path) != LOCK_TAKEN)
		return 0;
	rc = move_settle(path, real, MOVE_FINISH, err);
	if (rc == 0)
		(void)remove_tree(path, &ignored);
	lock_drop(&lock);
	return rc;
}

/* All of them; what is half at real becomes whole. */
static int
settle_leftovers(const char *parent, const char *prefix, const char *real,
    struct error *err)
{
	DIR *d = opendir(parent);
	struct dirent *e;
	int rc = 0;

	while (d && rc == 0 && (e = readdir(d))) {
		char *path;

		path = xasprintf("%s/%s", parent, e->d_name);
		if (is_temp(e->d_name, prefix, ""))
			rc = settle_leftover(path, real, err);
		else if (is_temp(e->d_name, prefix, LOCK_OWNER))
			lock_sweep(path);
		free(path);
	}
	if (d)
		closedir(d);
	return rc;
}

static int
make_locked(const char *path)
{
	struct lock lock = LOCK_NONE;
	struct stat st;

	/* Again, if somebody took it for a leftover before it was locked. */
	for (int tries = 0; tries < 100; tries++) {
		enum lock_answer answer;

		if (mkdir(path, 0777))
			return -1;
		answer = lock_dir(&lock, path);
		if (answer == LOCK_BUSY) {
			(void)rmdir(path);
			continue;
		}
		/* Where there are no locks at all it stays so. */
		if (answer == LOCK_FAILED ||
		    (stat(path, &st) == 0 && st.st_nlink > 0)) {
			lock_keep(&lock);
			return 0;
		}
		lock_drop(&lock);
	}
	return -1;
}

int
output_dir_begin(const char *target, char **tmp, struct error *err)
{
	char *real = real_target(target), *parent = path_parent(real);
	char *prefix = temp_prefix(real), *path = NULL;
	char hex[17];
	int rc = -1;

	if (!*target) {
		error_set(err, ERR_USAGE, "\"\" names no directory");
		goto out;
	}
	if (make_dirs(parent, err) ||
	    settle_leftovers(parent, prefix, real, err))
		goto out;
	hash_random_hex(hex, 8);
	path = xasprintf("%s/%s%s", parent, prefix, hex);
	output_remove_at_exit(path);
	if (make_locked(path)) {
		output_keep(path);
		error_errno(err, "%s: mkdir beside it", target);
		goto out;
	}
	*tmp = path;
	path = NULL;
	rc = 0;
out:
	free(path);
	free(prefix);
	free(parent);
	free(real);
	return rc;
}

void
output_dir_blame(const char *tmp, const char *target, struct error *err)
{
	size_t n = strlen(tmp);
	char *at = strstr(err->msg, tmp), *text;

	if (!at)
		return;
	text = xasprintf("%.*s%s%s", (int)(at - err->msg), err->msg, target,
	    at + n);
	snprintf(err->msg, sizeof(err->msg), "%s", text);
	free(text);
}

static int
fsync_dirs(const char *path, struct error *err)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return error_errno(err, "%s", path);
	while (!rc && (e = readdir(d))) {
		struct stat st;
		char *sub;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISDIR(st.st_mode))
			continue;
		sub = xasprintf("%s/%s", path, e->d_name);
		rc = fsync_dirs(sub, err);
		free(sub);
	}
	closedir(d);
	return rc ? rc : fsync_path(path, err);
}

/* Swap two directories in one step; where the file system cannot, in two: the
 * old one is put aside first. Afterwards tmp holds what was there before.
 * 1: folders cannot be renamed there. */
static int
exchange_dirs(const char *tmp, const char *target, struct error *err)
{
	char *aside;
	int rc = -1;

#ifdef RENAME_EXCHANGE
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, target, RENAME_EXCHANGE) == 0)
		return 0;
	if (!move_is_refusal(errno))
		return error_errno(err, "%s: exchange", target);
#endif
	aside = xasprintf("%s.old", tmp);
	if (rename(target, aside)) {
		rc = move_is_refusal(errno)
		    ? 1
		    : error_errno(err, "%s: rename", target);
	} else if (rename(tmp, target)) {
		error_errno(err, "%s: rename", target);
		(void)rename(aside, target);
	} else if (rename(aside, tmp)) {
		error_errno(err, "%s: rename", aside);
	} else {
		rc = 0;
	}
	free(aside);
	return rc;
}

/* A half that is nobody's goes; one that is somebody's stops us. */
static int
settle_target(const char *real, const char *target, struct error *err)
{
	char *parent, *prefix;
	int rc;

	if (!move_is_half(real))
		return 0;
	parent = path_parent(real);
	prefix = temp_prefix(real);
	rc = settle_leftovers(parent, prefix, real, err);
	free(parent);
	free(prefix);
	return rc ? rc : move_refuse_half(target, err);
}

/* 1: tmp holds what was there before. */
static int
put_in_place(const char *tmp, const char *real, const char *target,
    bool exchange, struct error *err)
{
	struct stat st;
	int rc;

	if (settle_target(real, target, err))
		return -1;
	/* rmdir() is for an empty one, and a rename fails at another. */
	if (!exchange || lstat(real, &st) || !S_ISDIR(st.st_mode) ||
	    rmdir(real) == 0)
		return move_dir(tmp, real, false, err);
	rc = exchange_dirs(tmp, real, err);
	if (rc == 1)
		return move_dir(tmp, real, true, err);
	if (rc == 0) {
		char *dir = path_parent(real);

		rc = fsync_path(dir, err);
		free(dir);
	}
	return rc ? -1 : 1;
}

int
output_dir_commit(char *tmp, const char *target, bool exchange,
    struct error *err)
{
	char *real = real_target(target);
	int rc = fsync_dirs(tmp, err);
	struct error ignored;

	if (rc == 0)
		rc = put_in_place(tmp, real, target, exchange, err);
	/* What is left of the old one is only litter: no reason to fail. */
	if (rc == 1)
		(void)remove_tree(tmp, &ignored);
	if (rc >= 0 || move_is_begun(tmp))
		output_keep(tmp);
	if (rc >= 0)
		free(tmp);
	free(real);
	return rc < 0 ? -1 : 0;
}

void
output_dir_abort(char *tmp)
{
	struct error ignored;

	if (!tmp)
		return;
	if (!move_is_begun(tmp))
		(void)remove_tree(tmp, &ignored);
	output_keep(tmp);
	free(tmp);
}
