/* SPDX-License-Identifier: MIT */
/*
 * shim: a library for LD_PRELOAD that makes a disk look like a mounted bucket,
 * for the tests. Linux, glibc.
 *
 * SHIM_RENAME=EXDEV|EIO|ENOTSUP|EPERM|ENOSYS  folders cannot be renamed
 * SHIM_NOLOCK=flock|all   no flock(2); all: no fcntl(2) locks of open files, too
 * SHIM_NOAPPEND=1         no O_APPEND, no writing at the end of a file that was
 *                         opened when it was there already
 * SHIM_NOMMAP=1           no mapping of files
 * SHIM_KILL=N             SIGKILL before the Nth change to the file system that
 *                         follows the first refused rename
 * SHIM_COUNT=FILE         gets a byte for each such change
 * SHIM_LOG=FILE           gets a line, the path, for each change by path
 */
/* Else open() is another name of open64(), and so on. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define FDS        1024

static atomic_bool refused; /* a rename, so a copy follows */
static atomic_int changes;
static atomic_char reopened[FDS]; /* was there when it was opened to write */

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static bool
is_on(const char *variable, const char *value)
{
	const char *s = getenv(variable);

	return s && (!value || strcmp(s, value) == 0);
}

/* ---- what is seen, and the end ---- */

static void
put_line(const char *variable, const char *text, size_t len)
{
	const char *file = getenv(variable);
	int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file,
	                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)
	              : -1;

	if (fd < 0)
		return;
	if (syscall(SYS_write, fd, text, len) < 0)
		abort();
	syscall(SYS_close, fd);
}

static void
note_path(int dir, const char *path)
{
	char folder[PATH_MAX] = "", name[32], line[2 * PATH_MAX + 2];
	long n = 0;

	if (!is_on("SHIM_LOG", NULL))
		return;
	if (*path != '/') {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", dir);
		n = dir == AT_FDCWD
		    ? (getcwd(folder, sizeof(folder)) ? (long)strlen(folder)
		                                      : 0)
		    : readlink(name, folder, sizeof(folder) - 1);
	}
	n = snprintf(line, sizeof(line), "%.*s%s%s\n", (int)(n > 0 ? n : 0),
	    folder, *path == '/' ? "" : "/", path);
	put_line("SHIM_LOG", line, (size_t)n);
}

static void
change(void)
{
	const char *when = getenv("SHIM_KILL");

	if (!refused)
		return;
	put_line("SHIM_COUNT", ".", 1);
	if (++changes == (when ? atoi(when) : 0))
		raise(SIGKILL);
}

static void
change_at(int dir, const char *path)
{
	note_path(dir, path);
	change();
}

/* ---- renames ---- */

static int
rename_error(void)
{
	static const struct {
		const char *name;
		int number;
	} errors[] = { { "EXDEV", EXDEV }, { "EIO", EIO },
		{ "ENOTSUP", ENOTSUP }, { "EPERM", EPERM },
		{ "ENOSYS", ENOSYS } };
	const char *want = getenv("SHIM_RENAME");

	for (size_t i = 0; want && i < sizeof(errors) / sizeof(*errors); i++)
		if (strcmp(errors[i].name, want) == 0)
			return errors[i].number;
	return 0;
}

static bool
refuse_rename(int dir, const char *from)
{
	int error = rename_error();
	struct stat st;

	if (!error || fstatat(dir, from, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISDIR(st.st_mode))
		return false;
	refused = true;
	errno = error;
	return true;
}

int
rename(const char *from, const char *to)
{
	change_at(AT_FDCWD, from);
	note_path(AT_FDCWD, to);
	return refuse_rename(AT_FDCWD, from) ? -1 : REAL(rename)(from, to);
}

int
renameat(int a, const char *from, int b, const char *to)
{
	change_at(a, from);
	note_path(b, to);
	return refuse_rename(a, from) ? -1 : REAL(renameat)(a, from, b, to);
}

int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	change_at(a, from);
	note_path(b, to);
	return refuse_rename(a, from) ? -1
	                              : REAL(renameat2)(a, from, b, to, flags);
}

/* ---- locks and maps ---- */

int
flock(int fd, int operation)
{
	if (!is_on("SHIM_NOLOCK", NULL))
		return REAL(flock)(fd, operation);
	errno = ENOLCK;
	return -1;
}

static int
control(const char *name, int fd, int command, void *arg)
{
	int (*next)(int, int, ...) = (int (*)(int, int, ...))real(name);

	if (is_on("SHIM_NOLOCK", "all") &&
	    (command == F_OFD_SETLK || command == F_OFD_SETLKW)) {
		errno = ENOLCK;
		return -1;
	}
	return next(fd, command, arg);
}

int
fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return control("fcntl", fd, command, arg);
}

int
fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return control("fcntl64", fd, command, arg);
}

void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (fd >= 0 && is_on("SHIM_NOMMAP", NULL)) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	return REAL(mmap)(addr, len, prot, flags, fd, offset);
}

void *
mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return mmap(addr, len, prot, flags, fd, offset);
}

/* ---- files ---- */

static int
open_any(int dir, const char *path, int flags, unsigned mode)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	bool bucket = is_on("SHIM_NOAPPEND", NULL);
	struct stat st;
	int fd;

	if (writes)
		change_at(dir, path);
	if (bucket && writes && (flags & O_APPEND)) {
		errno = EINVAL;
		return -1;
	}
	bucket = bucket && (flags & O_ACCMODE) == O_WRONLY &&
	    !(flags & O_TRUNC) && fstatat(dir, path, &st, 0) == 0 &&
	    S_ISREG(st.st_mode);
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0 && fd < FDS)
		reopened[fd] = fd > 2 && bucket;
	return fd;
}

static unsigned
mode_of(int flags, va_list ap)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE
	    ? va_arg(ap, unsigned)
	    : 0;
}

#define OPEN(name)                                            \
	int name(const char *path, int flags, ...)            \
	{                                                     \
		va_list ap;                                   \
		unsigned mode;                                \
                                                              \
		va_start(ap, flags);                          \
		mode = mode_of(flags, ap);                    \
		va_end(ap);                                   \
		return open_any(AT_FDCWD, path, flags, mode); \
	}
#define OPENAT(name)                                        \
	int name(int dir, const char *path, int flags, ...) \
	{                                                   \
		va_list ap;                                 \
		unsigned mode;                              \
                                                            \
		va_start(ap, flags);                        \
		mode = mode_of(flags, ap);                  \
		va_end(ap);                                 \
		return open_any(dir, path, flags, mode);    \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

static bool
refuse_write(int fd)
{
	if (fd < 0 || fd >= FDS || !reopened[fd])
		return false;
	errno = EINVAL;
	return true;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (fd > 2)
		change();
	return refuse_write(fd) ? -1 : syscall(SYS_write, fd, data, len);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	change();
	return refuse_write(fd) ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return pwrite(fd, data, len, at);
}

int
fsync(int fd)
{
	change();
	return REAL(fsync)(fd);
}

/* ---- names ---- */

int
mkdir(const char *path, mode_t mode)
{
	change_at(AT_FDCWD, path);
	return REAL(mkdir)(path, mode);
}

int
rmdir(const char *path)
{
	change_at(AT_FDCWD, path);
	return REAL(rmdir)(path);
}

int
unlink(const char *path)
{
	change_at(AT_FDCWD, path);
	return REAL(unlink)(path);
}

int
unlinkat(int dir, const char *path, int flags)
{
	change_at(dir, path);
	return REAL(unlinkat)(dir, path, flags);
}
