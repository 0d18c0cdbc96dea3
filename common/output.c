/* SPDX-License-Identifier: MIT */
#include "common/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/utsname.h>
#include <sys/vfs.h>
#endif
#include <unistd.h>

#include "common/buf.h"
#include "common/hash.h"
#include "common/mem.h"

static bool no_sync;

void
output_no_sync(void)
{
	no_sync = true;
}

/* ---- paths ---- */

/* The folder that holds path, malloc'd: "." for a bare name. */
static char *
parent_of(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n ? xstrndup(path, n) : xstrdup(".");
}

static char *
name_beside(const char *path)
{
	char *dir = parent_of(path);
	char hex[17], *name;

	/* 16 hex digits, the spelling of dlt's own temporary names. */
	hash_random_hex(hex, 8);
	name = xasprintf("%s/%s", dir, hex);
	free(dir);
	return name;
}

int
fsync_fd(int fd, const char *path, struct error *err)
{
	/* EINVAL: a file system that has nothing to sync for this kind. */
	if (!no_sync && fsync(fd) && errno != EINVAL)
		return error_errno(err, "%s: fsync", path);
	return 0;
}

void
sync_early(int fd, uint64_t from, uint64_t len)
{
#ifdef __linux__
	/* What cannot be begun is left to the fsync, and so are errors. */
	if (!no_sync)
		(void)sync_file_range(fd, (off_t)from, (off_t)len,
		    SYNC_FILE_RANGE_WRITE);
#else
	(void)fd;
	(void)from;
	(void)len;
#endif
}

int
fsync_path(const char *path, struct error *err)
{
	int fd, rc;

	if (no_sync)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_errno(err, "%s", path);
	rc = fsync_fd(fd, path, err);
	close(fd);
	return rc;
}

#ifdef __linux__
/* syncfs() tells of failed writes since Linux 5.8. What others than these file
 * systems do on it (FUSE, overlays, networks) may be less than on fsync(). */
static bool
sync_all_is_safe(int fd)
{
	static const unsigned long types[] = { 0xef53, /* ext4 */
		0x58465342,                            /* XFS */
		0x9123683e,                            /* btrfs */
		0xf2f52010,                            /* f2fs */
		0x01021994 };                          /* tmpfs */
	struct utsname u;
	struct statfs st;
	int major, minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2 ||
	    major < 5 || (major == 5 && minor < 8) || fstatfs(fd, &st))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (((unsigned long)st.f_type & 0xffffffff) == types[i])
			return true;
	return false;
}

int
sync_all_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && !sync_all_is_safe(fd)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int
sync_all(int fd, const char *path, struct error *err)
{
	if (!no_sync && syncfs(fd))
		return error_errno(err, "%s: syncfs", path);
	return 0;
}
#else
int
sync_all_open(const char *path)
{
	(void)path;
	return -1;
}

int
sync_all(int fd, const char *path, struct error *err)
{
	(void)fd;
	return error_set(err, ERR_IO, "%s: no syncfs", path);
}
#endif

static int
fsync_parent(const char *path, struct error *err)
{
	char *dir = parent_of(path);
	int rc = fsync_path(dir, err);

	free(dir);
	return rc;
}

static bool
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
make_dirs(const char *path, struct error *err)
{
	char *dir;
	int rc;

	if (mkdir(path, 0777) == 0)
		return fsync_parent(path, err);
	if (errno == EEXIST) {
		if (is_dir(path))
			return 0;
		errno = ENOTDIR;
		return error_errno(err, "%s", path);
	}
	if (errno != ENOENT || !*path)
		return error_errno(err, "%s: mkdir", path);
	dir = parent_of(path);
	rc = make_dirs(dir, err);
	free(dir);
	if (rc)
		return -1;
	/* Somebody else may have made it meanwhile. */
	if (mkdir(path, 0777) && (errno != EEXIST || !is_dir(path)))
		return error_errno(err, "%s: mkdir", path);
	return fsync_parent(path, err);
}

int
rename_synced(const char *from, const char *to, struct error *err)
{
	if (rename(from, to))
		return error_errno(err, "%s: rename to %s", from, to);
	if (fsync_parent(to, err))
		return -1;
	return fsync_parent(from, err);
}

/* ---- removal ---- */

static int remove_at(int dir, const char *name);

/* A folder to remove, which somebody may have made read-only. */
static int
open_doomed(int dir, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	int fd = openat(dir, name, flags);

	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmod(fd, S_IRWXU);
	return fd;
}

/* All entries of an open folder; closes it. Follows no symbolic link, and
 * allocates nothing of ours: it also runs at exit. 0, or -1 with errno. */
static int
remove_entries(int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int failed = 0;

	if (!d) {
		close(fd);
		return -1;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (remove_at(dirfd(d), e->d_name))
			failed = errno;
	}
	closedir(d);
	errno = failed;
	return failed ? -1 : 0;
}

static int
remove_at(int dir, const char *name)
{
	int fd;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	/* Other threads may still be writing when the process ends early, so
	 * a folder is given a second and a third look. */
	for (int i = 0; i < 3; i++) {
		fd = open_doomed(dir, name);
		if (fd < 0)
			return errno == ENOENT ? 0 : -1;
		if (remove_entries(fd))
			return -1;
		if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -1;
	}
	return -1;
}

int
remove_tree(const char *path, struct error *err)
{
	if (remove_at(AT_FDCWD, path))
		return error_errno(err, "%s: remove", path);
	return 0;
}

/* ---- removal at exit ---- */

struct doomed {
	struct doomed *next;
	char path[];
};

static struct doomed *doomed_list;
static bool doomed_hooked;
static pthread_mutex_t doomed_lock = PTHREAD_MUTEX_INITIALIZER;

static void
remove_doomed(void)
{
	struct doomed *d;

	pthread_mutex_lock(&doomed_lock);
	while ((d = doomed_list)) {
		doomed_list = d->next;
		(void)remove_at(AT_FDCWD, d->path);
		free(d);
	}
	pthread_mutex_unlock(&doomed_lock);
}

void
output_remove_at_exit(const char *path)
{
	/* Absolute, so that a later chdir() does not matter; allocated before
	 * the lock is taken, because running out of memory exits. */
	char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
	char *full = cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
	size_t n = strlen(full) + 1;
	struct doomed *d = xmalloc(sizeof(*d) + n);

	memcpy(d->path, full, n);
	free(full);
	free(cwd);
	pthread_mutex_lock(&doomed_lock);
	if (!doomed_hooked)
		doomed_hooked = atexit(remove_doomed) == 0;
	d->next = doomed_list;
	doomed_list = d;
	pthread_mutex_unlock(&doomed_lock);
}

void
output_keep(const char *path)
{
	size_t n = strlen(path);
	struct doomed *d, **link;

	pthread_mutex_lock(&doomed_lock);
	for (link = &doomed_list; (d = *link); link = &d->next) {
		size_t len = strlen(d->path);

		/* A relative path was made absolute: compare its tail. */
		if (len < n || strcmp(d->path + len - n, path) != 0 ||
		    (len > n && (*path == '/' || d->path[len - n - 1] != '/')))
			continue;
		*link = d->next;
		free(d);
		break;
	}
	pthread_mutex_unlock(&doomed_lock);
}

/* ---- files ---- */

int
write_fully(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
output_file(const char *path, const void *data, size_t len, struct error *err)
{
	char *tmp = name_beside(path);
	int fd, saved, rc = -1;

	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		error_errno(err, "%s", path);
		free(tmp);
		return -1;
	}
	if (write_fully(fd, data, len) || (!no_sync && fsync(fd))) {
		error_errno(err, "%s: write", path);
		close(fd);
		goto out;
	}
	/* Some file systems say only here that the disk is full. */
	if (close(fd)) {
		error_errno(err, "%s: close", path);
		goto out;
	}
	if (rename(tmp, path)) {
		saved = errno;
		unlink(tmp);
		errno = saved;
		error_errno(err, "%s: rename", path);
		goto out;
	}
	rc = fsync_parent(path, err);
out:
	if (rc)
		unlink(tmp);
	free(tmp);
	return rc;
}

static int
read_all(int fd, const char *path, size_t max, struct buf *b, struct error *err)
{
	for (;;) {
		ssize_t n;

		buf_reserve(b, 65536);
		n = read(fd, b->data + b->len, b->cap - b->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "%s: read", path);
		b->len += (size_t)n;
		b->data[b->len] = '\0';
		if (b->len > max)
			return error_set(err, ERR_DATA,
			    "%s: larger than %zu bytes", path, max);
		if (n == 0)
			return 0;
	}
}

int
read_file(const char *path, size_t max, char **data, size_t *len,
    struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct buf b = { 0 };
	struct stat st;
	int rc;

	if (fd < 0)
		return error_errno(err, "%s", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uintmax_t)st.st_size <= max)
		buf_reserve(&b, (size_t)st.st_size + 65536);
	rc = read_all(fd, path, max, &b, err);
	close(fd);
	if (rc) {
		buf_release(&b);
		return -1;
	}
	*len = b.len;
	*data = buf_take(&b);
	return 0;
}

/* ---- directories ---- */

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

/* A lock on a directory lives as long as the process: its descriptor is never
 * closed. It tells later runs that the directory is no leftover. */
static int
lock_dir(int parent, const char *name)
{
	int fd = openat(parent, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* What killed runs with the same target have left: PREFIX and 16 digits, and
 * nobody has a lock on it. */
static void
remove_leftovers(const char *parent, const char *prefix)
{
	DIR *d = opendir(parent);
	size_t n = strlen(prefix);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct error ignored;
		char *path;
		int fd;

		if (strncmp(e->d_name, prefix, n) != 0 ||
		    strlen(e->d_name) != n + 16 ||
		    strspn(e->d_name + n, "0123456789abcdef") != 16)
			continue;
		fd = lock_dir(dirfd(d), e->d_name);
		if (fd < 0)
			continue;
		path = xasprintf("%s/%s", parent, e->d_name);
		(void)remove_tree(path, &ignored);
		free(path);
		close(fd);
	}
	if (d)
		closedir(d);
}

static int
make_locked(const char *path)
{
	struct stat st;
	int fd;

	/* Again, if somebody took it for a leftover before it was locked. */
	for (int tries = 0; tries < 100; tries++) {
		if (mkdir(path, 0777))
			return -1;
		fd = lock_dir(AT_FDCWD, path);
		if (fd < 0 && errno == EWOULDBLOCK) {
			(void)rmdir(path);
			continue;
		}
		/* Without locks, as on some network disks, it stays so. */
		if (fd < 0 || (stat(path, &st) == 0 && st.st_nlink > 0))
			return 0;
		close(fd);
	}
	return -1;
}

int
output_dir_begin(const char *target, char **tmp, struct error *err)
{
	char *real = real_target(target);
	char *parent = parent_of(real);
	const char *name = strrchr(real, '/') ? strrchr(real, '/') + 1 : real;
	char hex[17], *prefix = xasprintf(".%.200s.", name), *path = NULL;
	int rc = -1;

	if (!*target) {
		error_set(err, ERR_USAGE, "\"\" names no directory");
		goto out;
	}
	if (make_dirs(parent, err))
		goto out;
	remove_leftovers(parent, prefix);
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
	DIR *d;
	struct dirent *e;
	int rc = 0;

	if (no_sync)
		return 0;
	d = opendir(path);
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
 * old one is put aside first. Afterwards tmp holds what was there before. */
static int
exchange_dirs(const char *tmp, const char *target, struct error *err)
{
	char *aside;
	int rc = -1;

#ifdef RENAME_EXCHANGE
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, target, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL && errno != ENOTSUP)
		return error_errno(err, "%s: exchange", target);
#endif
	aside = xasprintf("%s.old", tmp);
	if (rename(target, aside)) {
		error_errno(err, "%s: rename", target);
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

int
output_dir_commit(char *tmp, const char *target, bool exchange,
    struct error *err)
{
	char *real = real_target(target);
	bool swapped = false;
	int rc = -1;

	if (fsync_dirs(tmp, err))
		goto out;
	if (rename(tmp, real)) {
		if (errno != ENOTEMPTY && errno != EEXIST) {
			error_errno(err, "%s: rename", target);
			goto out;
		}
		if (!exchange) {
			error_errno(err, "%s", target);
			goto out;
		}
		if (exchange_dirs(tmp, real, err))
			goto out;
		swapped = true;
	}
	if (!swapped)
		output_keep(tmp);
	if (fsync_parent(real, err))
		goto out;
	rc = 0;
	/* What is left of the old one is only litter: no reason to fail. */
	if (swapped) {
		(void)remove_at(AT_FDCWD, tmp);
		output_keep(tmp);
	}
	free(tmp);
out:
	free(real);
	return rc;
}

void
output_dir_abort(char *tmp)
{
	if (!tmp)
		return;
	(void)remove_at(AT_FDCWD, tmp);
	output_keep(tmp);
	free(tmp);
}

/* ---- signals ---- */

/* Lock-free, so it may be set by a handler and read by any thread. */
static atomic_int pending_signal;

static void
on_signal(int signo)
{
	if (pending_signal) {
		/* The user asks a second time: no more waiting. */
		signal(signo, SIG_DFL);
		raise(signo);
		return;
	}
	pending_signal = signo;
}

void
signals_init(void)
{
	static const int list[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };
	struct sigaction old;

	sigemptyset(&sa.sa_mask);
	/* No SA_RESTART: a read that waits for input has to notice. */
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		/* nohup, and background jobs of sh: ignored stays ignored. */
		if (sigaction(list[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(list[i], &sa, NULL);
	}
	/* A closed pipe is seen as EPIPE, so that we can tidy up first. */
	signal(SIGPIPE, SIG_IGN);
	/* A limit of file sizes (ulimit -f) is seen as EFBIG. */
	signal(SIGXFSZ, SIG_IGN);
}

int
signal_pending(void)
{
	return pending_signal;
}

void
signal_note(int signo)
{
	if (!pending_signal)
		pending_signal = signo;
}

void
signal_reraise(void)
{
	int signo = pending_signal;
	sigset_t set;

	if (!signo)
		return;
	/* Dying by a signal skips atexit(). */
	remove_doomed();
	fflush(NULL);
	signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signo);
}
