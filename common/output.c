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
#include <sys/stat.h>
#ifdef __linux__
#include <sys/utsname.h>
#include <sys/vfs.h>
#endif
#include <unistd.h>

#include "common/buf.h"
#include "common/hash.h"
#include "common/mem.h"

#define COPY_BLOCK ((size_t)256 << 10)

static bool no_sync;

void
output_no_sync(void)
{
	no_sync = true;
}

/* ---- paths ---- */

char *
path_parent(const char *path)
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
	char *dir = path_parent(path);
	char hex[17], *name;

	/* 16 hex digits, the spelling of dlt's own temporary names. */
	hash_random_hex(hex, 8);
	name = xasprintf("%s/%s", dir, hex);
	free(dir);
	return name;
}

char *
temp_path(const char *name)
{
	const char *tmp = getenv("TMPDIR"), *data = getenv("DLT_DATA_DIR");

	if (tmp && *tmp)
		return xasprintf("%s/%s", tmp, name);
	if (data && *data && access(data, W_OK | X_OK) == 0)
		return xasprintf("%s/%s", data, name);
	return xasprintf("/var/tmp/%s", name);
}

int
temp_file(struct error *err)
{
	char *path = temp_path(".dlt.XXXXXX");
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		error_errno(err, "%s: a temporary file", path);
	else
		unlink(path);
	free(path);
	return fd;
}

int
fsync_fd(int fd, const char *path, struct error *err)
{
	/* A file system may have nothing to sync for this kind. */
	if (!no_sync && fsync(fd) && errno != EINVAL && errno != ENOTSUP)
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
	char *dir = path_parent(path);
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
	dir = path_parent(path);
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

int
copy_fd(int in, int out, const char *from, const char *to, struct error *err)
{
	char *block = xmalloc(COPY_BLOCK);
	int rc = 0;

	for (;;) {
		ssize_t n = read(in, block, COPY_BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = error_errno(err, "%s: read", from);
		if (n <= 0)
			break;
		if (write_fully(out, block, (size_t)n)) {
			rc = error_errno(err, "%s: write", to);
			break;
		}
	}
	free(block);
	return rc;
}

/* A new file that holds what is in `in`, and takes the name. */
static int
replace_by_copy(int in, const char *path, struct error *err)
{
	char *tmp = name_beside(path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int rc = fd < 0 ? error_errno(err, "%s", path)
	                : copy_fd(in, fd, path, path, err);

	if (rc == 0 && rename(tmp, path))
		rc = error_errno(err, "%s: rename", path);
	if (rc && fd >= 0) {
		close(fd);
		unlink(tmp);
	}
	free(tmp);
	return rc ? -1 : fd;
}

int
append_open(const char *path, struct error *err)
{
	int in, fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* Buckets: an object is written once, from its start. */
	if (errno != EINVAL && errno != ENOTSUP && errno != EPERM &&
	    errno != ENOSYS)
		return error_errno(err, "%s", path);
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return error_errno(err, "%s", path);
	fd = replace_by_copy(in, path, err);
	close(in);
	return fd;
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
