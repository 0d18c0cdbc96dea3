/* SPDX-License-Identifier: MIT */
/*
 * full: a library for LD_PRELOAD that makes a disk run full, or break, at a
 * chosen point, for the tests. Linux, glibc.
 *
 * FULL_AT=N        the Nth call that may need room fails, and all that follow;
 *                  of a write half is written first, as it is on a real disk
 * FULL_ONCE=1      only that one fails
 * FULL_ERROR=NAME  with EDQUOT, EFBIG or EIO instead of ENOSPC
 * FULL_COUNT=FILE  gets a byte for each such call
 *
 * Those calls are: new files and folders, renames, and what writes to regular
 * files, makes them longer or syncs them. Standard error is left alone.
 */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int calls;

static int
error_number(void)
{
	static const struct {
		const char *name;
		int number;
	} errors[] = { { "EDQUOT", EDQUOT }, { "EFBIG", EFBIG },
		{ "EIO", EIO } };
	const char *want = getenv("FULL_ERROR");

	for (size_t i = 0; want && i < sizeof(errors) / sizeof(*errors); i++)
		if (strcmp(errors[i].name, want) == 0)
			return errors[i].number;
	return ENOSPC;
}

static void
count(void)
{
	const char *file = getenv("FULL_COUNT");
	int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file,
	                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)
	              : -1;

	if (fd < 0)
		return;
	if (syscall(SYS_write, fd, ".", 1) != 1)
		abort();
	syscall(SYS_close, fd);
}

/* One more call: 0 it goes on, else errno is set, and 1 is the first to fail. */
static int
refused(void)
{
	const char *at = getenv("FULL_AT");
	int now = ++calls, when = at ? atoi(at) : 0;

	count();
	if (!when || now < when || (now > when && getenv("FULL_ONCE")))
		return 0;
	errno = error_number();
	return now - when + 1;
}

static bool
is_file(int fd)
{
	int saved = errno;
	struct stat st;
	bool yes = fd != 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	errno = saved;
	return yes;
}

/* ---- writes ---- */

/* How much of len can be written; -1: nothing, and errno is set. */
static ssize_t
room(int fd, size_t len)
{
	int failing = is_file(fd) && len ? refused() : 0;

	if (!failing)
		return (ssize_t)len;
	return failing == 1 && len > 1 && !getenv("FULL_ONCE")
	    ? (ssize_t)(len / 2)
	    : -1;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	ssize_t n = room(fd, len);

	return n < 0 ? -1 : syscall(SYS_write, fd, data, (size_t)n);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n = room(fd, len);

	return n < 0 ? -1 : syscall(SYS_pwrite64, fd, data, (size_t)n, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return pwrite(fd, data, len, at);
}

ssize_t
writev(int fd, const struct iovec *part, int parts)
{
	size_t len = 0;
	ssize_t n;

	for (int i = 0; i < parts; i++)
		len += part[i].iov_len;
	n = room(fd, len);
	if (n == (ssize_t)len)
		return REAL(writev)(fd, part, parts);
	if (n > (ssize_t)part[0].iov_len)
		n = (ssize_t)part[0].iov_len;
	return n <= 0 ? -1
	              : syscall(SYS_write, fd, part[0].iov_base, (size_t)n);
}

/* ---- syncs and sizes ---- */

#define OF_FILE(name)                                                       \
	int name(int fd)                                                    \
	{                                                                   \
		return is_file(fd) && refused() ? -1 : (int)REAL(name)(fd); \
	}

OF_FILE(fsync)
OF_FILE(fdatasync)

int
syncfs(int fd)
{
	return refused() ? -1 : REAL(syncfs)(fd);
}

static bool
grows(int fd, off_t size)
{
	struct stat st;

	return fstat(fd, &st) == 0 && size > st.st_size;
}

int
ftruncate(int fd, off_t size)
{
	return grows(fd, size) && refused() ? -1 : REAL(ftruncate)(fd, size);
}

int
ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	return refused() ? errno : REAL(posix_fallocate)(fd, at, len);
}

int
posix_fallocate64(int fd, off_t at, off_t len)
{
	return posix_fallocate(fd, at, len);
}

/* ---- names ---- */

static int
open_any(int dir, const char *path, int flags, unsigned mode)
{
	struct stat st;

	if ((flags & O_CREAT) && fstatat(dir, path, &st, 0) != 0 && refused())
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static unsigned
mode_of(int flags, va_list ap)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE
	    ? va_arg(ap, unsigned)
	    : 0;
}

#define OPEN(name, dir, ...)                             \
	int name(__VA_ARGS__, int flags, ...)            \
	{                                                \
		va_list ap;                              \
		unsigned mode;                           \
                                                         \
		va_start(ap, flags);                     \
		mode = mode_of(flags, ap);               \
		va_end(ap);                              \
		return open_any(dir, path, flags, mode); \
	}

OPEN(open, AT_FDCWD, const char *path)
OPEN(open64, AT_FDCWD, const char *path)
OPEN(openat, dir, int dir, const char *path)
OPEN(openat64, dir, int dir, const char *path)

int
mkostemp(char *path, int flags)
{
	return refused() ? -1 : REAL(mkostemp)(path, flags);
}

int
mkostemp64(char *path, int flags)
{
	return mkostemp(path, flags);
}

int
mkdir(const char *path, mode_t mode)
{
	struct stat st;

	return stat(path, &st) != 0 && refused() ? -1 : REAL(mkdir)(path, mode);
}

int
rename(const char *from, const char *to)
{
	return refused() ? -1 : REAL(rename)(from, to);
}

int
renameat(int a, const char *from, int b, const char *to)
{
	return refused() ? -1 : REAL(renameat)(a, from, b, to);
}

int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	return refused() ? -1 : REAL(renameat2)(a, from, b, to, flags);
}
