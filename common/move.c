/* SPDX-License-Identifier: MIT */
#include "common/move.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/space.h"

#define HALF   ".half"   /* in TO, while it is being copied */
#define MOVING ".moving" /* in FROM, from before that until it is gone */
#define BLOCK  ((size_t)256 << 10)

/* Copied last, in this order: what makes a folder a package. */
static const char *const closing[] = { "schema.json", "manifest.json" };

static char *
in_dir(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static bool
has_file(const char *dir, const char *name)
{
	char *path = in_dir(dir, name);
	struct stat st;
	bool there = lstat(path, &st) == 0;

	free(path);
	return there;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Missing is as good as empty. */
static bool
is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool empty = d || errno == ENOENT;

	while (d && empty && (e = readdir(d)))
		empty = is_dots(e->d_name);
	if (d)
		closedir(d);
	return empty;
}

/* ---- what is there ---- */

bool
move_is_half(const char *to)
{
	return has_file(to, HALF);
}

int
move_refuse_half(const char *to, struct error *err)
{
	if (!move_is_half(to))
		return 0;
	return error_set(err, ERR_TEMP,
	    "%s: is half of a package: who copies it is still at it, or was "
	    "ended and has to be run again",
	    to);
}

bool
move_is_begun(const char *from)
{
	return has_file(from, MOVING);
}

/* ---- removal in order ---- */

static int
remove_in(const char *dir, const char *name, struct error *err)
{
	char *path = in_dir(dir, name);
	int rc = remove_tree(path, err);

	free(path);
	return rc;
}

/* All that the folder holds but `last`. */
static int
remove_others(const char *dir, const char *last, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return errno == ENOENT ? 0 : error_errno(err, "%s", dir);
	while (rc == 0 && (e = readdir(d)))
		if (!is_dots(e->d_name) && strcmp(e->d_name, last) != 0)
			rc = remove_in(dir, e->d_name, err);
	closedir(d);
	return rc;
}

int
move_drop_half(const char *to, struct error *err)
{
	if (remove_others(to, HALF, err) || remove_in(to, HALF, err))
		return -1;
	return remove_tree(to, err);
}

/* The schema first: without it nobody takes FROM for a package, not even a
 * program that does not know .moving. */
static int
remove_source(const char *from, struct error *err)
{
	if (remove_in(from, "schema.json", err) ||
	    remove_others(from, MOVING, err) || remove_in(from, MOVING, err))
		return -1;
	return remove_tree(from, err);
}

/* It has been copied: what of the source cannot be removed is only litter. */
static void
clear_source(const char *from)
{
	struct error err;

	if (remove_source(from, &err))
		msg_warn("%s; it has been copied and may go", err.msg);
}

/* ---- files ---- */

/* Its time is set after it is on the disk, so it tells of a file that was
 * copied wholly. */
static int
close_copy(int fd, const char *to, const struct stat *st, int rc,
    struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (rc == 0)
		rc = fsync_fd(fd, to, err);
	if (rc == 0)
		(void)futimens(fd, times);
	/* Some file systems say only here that the disk is full. */
	if (close(fd) && rc == 0)
		rc = error_errno(err, "%s: close", to);
	return rc;
}

static bool
is_copied(const char *to, const struct stat *st)
{
	struct stat copy;

	return lstat(to, &copy) == 0 && S_ISREG(copy.st_mode) &&
	    copy.st_size == st->st_size &&
	    copy.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	    copy.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

static int
copy_file(const char *from, const char *to, const struct stat *st,
    struct error *err)
{
	int in, out, rc;

	if (is_copied(to, st))
		return 0;
	in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (in < 0)
		return error_errno(err, "%s", from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    st->st_mode & 0777);
	if (out < 0)
		rc = error_errno(err, "%s", to);
	else
		rc = close_copy(out, to, st, copy_fd(in, out, from, to, err),
		    err);
	close(in);
	return rc;
}

/* ---- folders ---- */

static int copy_tree(const char *from, const char *to, struct error *err);

static int
copy_entry(const char *from, const char *to, const char *name,
    struct error *err)
{
	char *source = in_dir(from, name), *target = in_dir(to, name);
	struct stat st;
	int rc;

	if (lstat(source, &st))
		rc = error_errno(err, "%s", source);
	else if (S_ISDIR(st.st_mode))
		rc = copy_tree(source, target, err);
	else if (S_ISREG(st.st_mode))
		rc = copy_file(source, target, &st, err);
	else
		rc = error_set(err, ERR_DATA,
		    "%s: is neither a file nor a folder, and cannot be copied",
		    source);
	free(source);
	free(target);
	return rc;
}

static bool
is_passed_over(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(closing); i++)
		if (strcmp(name, closing[i]) == 0)
			return true;
	return is_dots(name) || strcmp(name, MOVING) == 0 ||
	    strcmp(name, HALF) == 0;
}

/* What is in the way of a copy: what FROM does not have, and what ends it. */
static int
remove_strangers(const char *from, const char *to, struct error *err)
{
	DIR *d = opendir(to);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return error_errno(err, "%s", to);
	for (size_t i = 0; i < ARRAY_LEN(closing) && rc == 0; i++)
		rc = remove_in(to, closing[i], err);
	while (rc == 0 && (e = readdir(d)))
		if (!is_passed_over(e->d_name) && !has_file(from, e->d_name))
			rc = remove_in(to, e->d_name, err);
	closedir(d);
	return rc;
}

static int
copy_tree(const char *from, const char *to, struct error *err)
{
	DIR *d;
	struct dirent *e;
	int rc = 0;

	if (mkdir(to, 0777) && errno != EEXIST)
		return error_errno(err, "%s: mkdir", to);
	if (remove_strangers(from, to, err))
		return -1;
	d = opendir(from);
	if (!d)
		return error_errno(err, "%s", from);
	while (rc == 0 && (e = readdir(d)))
		if (!is_passed_over(e->d_name))
			rc = copy_entry(from, to, e->d_name, err);
	closedir(d);
	for (size_t i = 0; i < ARRAY_LEN(closing) && rc == 0; i++)
		if (has_file(from, closing[i]))
			rc = copy_entry(from, to, closing[i], err);
	return rc ? rc : fsync_path(to, err);
}

/* ---- the move ---- */

/* A file of one line, on the disk. */
static int
put_mark(const char *dir, const char *name, const char *text, int flags,
    struct error *err)
{
	char *path = in_dir(dir, name), *line = xasprintf("%s\n", text);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
	int rc = 0;

	if (fd < 0 || write_fully(fd, line, strlen(line)))
		rc = error_errno(err, "%s: write", path);
	if (fd >= 0 && rc == 0)
		rc = fsync_fd(fd, path, err);
	if (fd >= 0 && close(fd) && rc == 0)
		rc = error_errno(err, "%s: close", path);
	if (fd >= 0 && rc)
		unlink(path);
	free(line);
	free(path);
	return rc ? rc : fsync_path(dir, err);
}

/* TO gets its mark before anything of it changes; O_EXCL: two that copy to it
 * at once would mix. */
static int
begin_copy(const char *from, const char *to, struct error *err)
{
	const char *slash = strrchr(from, '/');

	if (put_mark(from, MOVING, to, O_TRUNC, err) || make_dirs(to, err))
		return -1;
	return put_mark(to, HALF, slash ? slash + 1 : from, O_EXCL, err);
}

static int
finish_copy(const char *from, const char *to, struct error *err)
{
	char *mark = in_dir(to, HALF);
	int rc = copy_tree(from, to, err);

	if (rc == 0 && unlink(mark))
		rc = error_errno(err, "%s: remove", mark);
	if (rc == 0)
		rc = fsync_path(to, err);
	free(mark);
	return rc;
}

/* FROM is as before; TO, too, but that a half which replaces nothing goes. */
static void
give_up(const char *from, const char *to, bool begun)
{
	struct error ignored;

	if (begun)
		(void)move_drop_half(to, &ignored);
	(void)remove_in(from, MOVING, &ignored);
	(void)rmdir(to); /* if it is empty */
}

static int
copy_and_remove(const char *from, const char *to, bool replace,
    struct error *err)
{
	bool replaces = replace && !is_empty(to);

	/* What is replaced goes first, and makes room. */
	if (!replaces && space_check(to, space_of_tree(from), err))
		return -1;
	msg_info("%s: folders cannot be renamed here; it is copied", to);
	if (begin_copy(from, to, err)) {
		give_up(from, to, false);
		return -1;
	}
	if (finish_copy(from, to, err) == 0) {
		clear_source(from);
		return 0;
	}
	if (!replaces) {
		give_up(from, to, true);
		return -1;
	}
	return error_prefix(err,
	    "%s: is half there until this is run again (the whole is %s): ", to,
	    from);
}

bool
move_is_refusal(int error)
{
	/* A disk that is broken will say so again when files are copied. */
	static const int refusals[] = { EXDEV, EIO, EPERM, ENOSYS, EINVAL,
		ENOTSUP, EOPNOTSUPP, EMFILE /* gcsfuse: too many files */ };

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (error == refusals[i])
			return true;
	return false;
}

static int
sync_parents(const char *from, const char *to, struct error *err)
{
	const char *paths[] = { to, from };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(paths) && rc == 0; i++) {
		char *dir = path_parent(paths[i]);

		rc = fsync_path(dir, err);
		free(dir);
	}
	return rc;
}

int
move_dir(const char *from, const char *to, bool replace, struct error *err)
{
	bool taken;

	if (rename(from, to) == 0)
		return sync_parents(from, to, err);
	taken = errno == ENOTEMPTY || errno == EEXIST;
	/* Some cannot rename even to an empty one. */
	if (taken ? !replace && !is_empty(to) : !move_is_refusal(errno))
		return error_errno(err, "%s: rename", to);
	if (!replace && !is_empty(to)) {
		errno = EEXIST;
		return error_errno(err, "%s", to);
	}
	return copy_and_remove(from, to, replace, err);
}

int
move_settle(const char *from, const char *to, enum move_settling how,
    struct error *err)
{
	if (!move_is_begun(from))
		return 0;
	if (move_is_half(to)) {
		if (how == MOVE_UNDO)
			return move_drop_half(to, err) ||
			        remove_in(from, MOVING, err)
			    ? -1
			    : 0;
		msg_info("%s: its copy is gone on with", to);
		if (finish_copy(from, to, err))
			return -1;
	} else if (is_empty(to)) {
		(void)rmdir(to); /* or it is not there */
		return remove_in(from, MOVING, err);
	}
	return remove_source(from, err);
}
