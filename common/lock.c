/* SPDX-License-Identifier: MIT */
#include "common/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/output.h"

#define OWNER_MAX 512
/* An owner file without a line: so long its maker may need to write it. */
#define EMPTY_S 60

/* What file systems say that have no locks. */
static bool
has_no_locks(int error)
{
	return error == ENOLCK || error == ENOTSUP || error == EOPNOTSUPP ||
	    error == ENOSYS || error == EINVAL || error == EPERM ||
	    error == EIO;
}

/* ---- who we are ---- */

/* A file of proc(5), up to its first newline; "" when it is not there. */
static void
read_line(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* When a process was started, in clock ticks since the boot: pids come again,
 * but not with the same time. "?" when nobody knows. */
static void
start_time(long pid, char out[32])
{
	char path[64], line[1024], *p;
	int field = 2;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	read_line(path, line, sizeof(line));
	snprintf(out, 32, "?");
	/* The name may hold anything; it ends at the last parenthesis. */
	p = strrchr(line, ')');
	for (; p && field < 22; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (p)
		snprintf(out, 32, "%.*s", (int)strcspn(p, " "), p);
}

static void
boot_id(char out[64])
{
	read_line("/proc/sys/kernel/random/boot_id", out, 64);
	if (!*out)
		snprintf(out, 64, "?");
}

static int
print_owner(char line[OWNER_MAX])
{
	char host[256] = "", boot[64], start[32];

	if (gethostname(host, sizeof(host) - 1) || !*host)
		snprintf(host, sizeof(host), "?");
	boot_id(boot);
	start_time((long)getpid(), start);
	/* OWNER_MAX is more than all of them. */
	return snprintf(line, OWNER_MAX, "%ld %s %s %s\n", (long)getpid(),
	    start, boot, host);
}

/* ---- the owner file ---- */

static bool
is_old_and_empty(const char *file, const char *line)
{
	struct stat st;

	return !*line && stat(file, &st) == 0 &&
	    difftime(time(NULL), st.st_mtime) > EMPTY_S;
}

/* Is the process that wrote the line gone for sure? */
static bool
is_gone(const char *line)
{
	char start[32], boot[64], host[256], mine[256] = "", now[64];
	long pid;

	if (sscanf(line, "%ld %31s %63s %255s", &pid, start, boot, host) != 4 ||
	    pid <= 0)
		return false;
	if (gethostname(mine, sizeof(mine) - 1) || strcmp(mine, host) != 0)
		return false;
	boot_id(now);
	if (strcmp(boot, now) != 0)
		return true;
	if (kill((pid_t)pid, 0) && errno == ESRCH)
		return true;
	start_time(pid, now);
	return strcmp(start, "?") != 0 && strcmp(now, "?") != 0 &&
	    strcmp(start, now) != 0;
}

static bool
is_stale(const char *file)
{
	char line[OWNER_MAX];

	read_line(file, line, sizeof(line));
	return is_gone(line) || is_old_and_empty(file, line);
}

static int
make_owner(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	char line[OWNER_MAX];
	int saved, rc;

	if (fd < 0)
		return -1;
	rc = write_fully(fd, line, (size_t)print_owner(line));
	saved = errno;
	if (close(fd) && rc == 0) {
		rc = -1;
		saved = errno;
	}
	if (rc)
		unlink(file);
	errno = saved;
	return rc;
}

/* Only one may remove what a dead one left: who came second would remove the
 * lock that the first has taken meanwhile. */
static void
remove_stale(const char *file)
{
	char *guard = xasprintf("%s.gone", file);

	if (make_owner(guard) == 0) {
		if (is_stale(file))
			unlink(file);
		unlink(guard);
	} else if (errno == EEXIST && is_stale(guard)) {
		unlink(guard);
	}
	free(guard);
}

void
lock_sweep(const char *file)
{
	if (is_stale(file))
		remove_stale(file);
}

static enum lock_answer
take_file(struct lock *l, int fd, const char *path)
{
	enum lock_answer answer = LOCK_BUSY;
	char *file = xasprintf("%s" LOCK_OWNER, path);

	/* Again, when a dead one's has been removed. */
	for (int tries = 0; tries < 3; tries++) {
		if (make_owner(file) == 0) {
			output_remove_at_exit(file);
			*l = (struct lock){ fd, file };
			return LOCK_TAKEN;
		}
		if (errno != EEXIST) {
			answer = LOCK_FAILED;
			break;
		}
		if (!is_stale(file))
			break;
		remove_stale(file);
	}
	free(file);
	return answer;
}

/* ---- the lock ---- */

static enum lock_answer
take_record(struct lock *l, int fd, const char *path)
{
#ifdef F_OFD_SETLK
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
		*l = (struct lock){ .fd = fd };
		return LOCK_TAKEN;
	}
	if (errno == EAGAIN || errno == EACCES)
		return LOCK_BUSY;
#endif
	/* Folders cannot be opened for writing, which this lock wants. */
	return take_file(l, fd, path);
}

enum lock_answer
lock_take(struct lock *l, int fd, const char *path, bool wait)
{
	*l = LOCK_NONE;
	if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0) {
		l->fd = fd;
		return LOCK_TAKEN;
	}
	if (errno == EWOULDBLOCK)
		return LOCK_BUSY;
	return has_no_locks(errno) ? take_record(l, fd, path) : LOCK_FAILED;
}

void
lock_drop(struct lock *l)
{
	if (l->fd < 0)
		return;
	if (l->file) {
		unlink(l->file);
		output_keep(l->file);
		free(l->file);
	} else {
		/* Closing alone would not do if a child had inherited it. */
		flock(l->fd, LOCK_UN);
	}
	close(l->fd);
	*l = LOCK_NONE;
}

void
lock_keep(struct lock *l)
{
	/* The file goes at exit. */
	free(l->file);
	*l = LOCK_NONE;
}

char *
lock_owner(const char *path)
{
	char *file = xasprintf("%s" LOCK_OWNER, path);

	if (access(file, F_OK) == 0)
		return file;
	free(file);
	return NULL;
}
