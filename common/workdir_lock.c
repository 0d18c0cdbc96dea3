/* SPDX-License-Identifier: MIT */
/* Who may work on a pipeline. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/workdir_private.h"

#define LOCK_STEP_NS 50000000L /* between two tries where nobody queues us */

static const char *const stage_names[STAGE_COUNT] = { "extract", "normalize",
	"load", "commit" };

/* The pid and the tool that have signed the lock file. */
static void
print_holder(int fd, char out[128])
{
	char text[96] = "", *tool;
	long n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	tool = strchr(text, ' ');
	if (tool)
		*tool++ = '\0';
	*out = '\0';
	if (*text && strspn(text, "0123456789") == strlen(text))
		snprintf(out, 128, "%s%s%s%s", text, tool ? " (" : "",
		    tool ? tool : "", tool ? ")" : "");
}

static int
in_use(const struct workdir *w, int fd, const char *path, enum stage stage,
    struct error *err)
{
	char holder[128], *owner = lock_owner(path);

	print_holder(fd, holder);
	if (*holder)
		error_set(err, ERR_TEMP,
		    "pipeline \"%s\" is in use by process %s", w->name, holder);
	else
		error_set(err, ERR_TEMP,
		    "pipeline \"%s\" is in use by another process (%s)",
		    w->name, stage_names[stage]);
	/* It may be one of another machine. */
	if (owner)
		snprintf(err->msg + strlen(err->msg),
		    sizeof(err->msg) - strlen(err->msg),
		    "; if it is gone, remove %s", owner);
	free(owner);
	return -1;
}

static double
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The kernel's queue has no time limit, so with one the lock is tried in
 * steps. */
static int
wait_for(const struct workdir *w, struct lock *l, int fd, const char *path,
    enum stage stage, double wait, struct error *err)
{
	bool forever = wait < 0 || isinf(wait);
	double end = seconds_now() + (forever ? 0 : wait);
	struct timespec step = { 0, LOCK_STEP_NS };

	for (;;) {
		enum lock_answer answer = lock_take(l, fd, path, forever);

		if (answer == LOCK_TAKEN)
			return 0;
		if (answer == LOCK_FAILED && errno != EINTR)
			return error_errno(err, "%s: lock", path);
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (answer == LOCK_FAILED)
			continue;
		if (!forever && seconds_now() >= end)
			return in_use(w, fd, path, stage, err);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
	}
}

/* Is the file that we have locked still the one that others will find? Python
 * removes whole working directories. */
static bool
same_file(int fd, const char *path)
{
	struct stat mine, theirs;

	return fstat(fd, &mine) == 0 && stat(path, &theirs) == 0 &&
	    mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

int
workdir_lock_file(const struct workdir *w, struct lock *l, const char *path,
    enum stage stage, double wait, struct error *err)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0666);

		if (fd < 0)
			return error_errno(err, "%s", path);
		if (wait_for(w, l, fd, path, stage, wait, err)) {
			close(fd);
			return -1;
		}
		if (same_file(fd, path))
			return 0;
		lock_drop(l);
	}
}

/* For the message of whoever comes second; losing it harms nobody. */
static void
sign(int fd)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "%ld %s\n", (long)getpid(),
	    msg_tool());

	if (ftruncate(fd, 0) == 0 && n > 0 &&
	    pwrite(fd, text, (size_t)n, 0) != n)
		msg_debug("a lock file could not be signed");
}

int
workdir_lock(struct workdir *w, enum stage stage, double wait,
    struct error *err)
{
	char *path;
	int rc;

	if (w->locks[stage].fd >= 0)
		return 0;
	path = xasprintf("%s/.lock.%s", w->path, stage_names[stage]);
	rc = workdir_lock_file(w, &w->locks[stage], path, stage, wait, err);
	free(path);
	if (rc)
		return -1;
	sign(w->locks[stage].fd);
	if (stage == STAGE_EXTRACT && workdir_recover(w, err)) {
		workdir_unlock(w, stage);
		return -1;
	}
	return 0;
}

void
workdir_unlock(struct workdir *w, enum stage stage)
{
	if (w->path)
		lock_drop(&w->locks[stage]);
}
