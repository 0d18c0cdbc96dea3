/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/lock.h"
#include "common/mem.h"
#include "common/output.h"
#include "tests/unit/tap.h"

static char scratch[] = "/tmp/test_lockXXXXXX";
static char *path, *owner;
static bool no_flock;

/* Takes the place of the C library's. */
int
flock(int fd, int operation)
{
	if (!no_flock)
		return (int)syscall(SYS_flock, fd, operation);
	errno = ENOLCK;
	return -1;
}

/* flags: O_RDONLY keeps fcntl(2) from helping. */
static enum lock_answer
take(struct lock *l, int flags)
{
	int fd = open(path, flags | O_CREAT | O_CLOEXEC, 0666);
	enum lock_answer answer = lock_take(l, fd, path, false);

	if (answer != LOCK_TAKEN)
		close(fd);
	return answer;
}

static void
write_owner(const char *text)
{
	struct error err;

	if (output_file(owner, text, strlen(text), &err))
		abort();
}

static char *
read_owner(void)
{
	struct error err;
	char *text;
	size_t len;

	return read_file(owner, 4096, &text, &len, &err) ? xstrdup("") : text;
}

static void
test_exclusion(int flags, const char *how)
{
	struct lock a = LOCK_NONE, b = LOCK_NONE;

	tap_int(take(&a, flags), LOCK_TAKEN, how);
	tap_int(take(&b, flags), LOCK_BUSY, "... one at a time");
	tap_int(b.fd, -1, "... the other has nothing");
	lock_drop(&b);
	lock_drop(&a);
	tap_int(take(&b, flags), LOCK_TAKEN, "... and then the next");
	lock_drop(&b);
	lock_drop(&b);
	tap_ok(access(owner, F_OK) != 0, "... nothing is left");
}

static void
test_owner(void)
{
	struct lock l = LOCK_NONE;
	char *text, *mine, *named;
	char other[64];

	tap_int(take(&l, O_RDONLY), LOCK_TAKEN, "an owner file");
	mine = read_owner();
	snprintf(other, sizeof(other), "%ld ", (long)getpid());
	tap_ok(strncmp(mine, other, strlen(other)) == 0, "... has our pid: %s",
	    mine);
	named = lock_owner(path);
	tap_str(named, owner, "... is named");
	free(named);
	lock_drop(&l);
	tap_ok(!lock_owner(path), "... only while it is there");

	write_owner(mine);
	tap_int(take(&l, O_RDONLY), LOCK_BUSY, "a living process has it");
	text = xasprintf("%ld 1 %s", (long)getpid(),
	    strchr(strchr(mine, ' ') + 1, ' ') + 1);
	write_owner(text);
	tap_int(take(&l, O_RDONLY), LOCK_TAKEN, "the pid is another's now");
	lock_drop(&l);
	write_owner("1 1 other-boot other-host\n");
	tap_int(take(&l, O_RDONLY), LOCK_BUSY, "another machine has it");
	write_owner("nonsense\n");
	tap_int(take(&l, O_RDONLY), LOCK_BUSY, "nobody knows who has it");
	lock_sweep(owner);
	tap_ok(access(owner, F_OK) == 0, "... so it is not swept away");
	write_owner("");
	tap_int(take(&l, O_RDONLY), LOCK_BUSY, "it is being written");
	unlink(owner);
	free(text);
	free(mine);
}

static void
test_dead(void)
{
	struct lock l = LOCK_NONE;
	pid_t pid = fork();
	char *text, *mine;
	int status;

	if (pid == 0)
		_exit(take(&l, O_RDONLY) == LOCK_TAKEN ? 0 : 1);
	tap_ok(waitpid(pid, &status, 0) == pid && status == 0,
	    "a process takes it and dies");
	tap_ok(access(owner, F_OK) == 0, "... its file stays");
	tap_int(take(&l, O_RDONLY), LOCK_TAKEN, "... and is taken over");
	mine = read_owner();
	lock_drop(&l);
	tap_ok(access(owner, F_OK) != 0, "... nothing is left");
	text = xasprintf("%ld 1%s", (long)getpid(),
	    strchr(strchr(mine, ' ') + 1, ' '));
	write_owner(text);
	lock_sweep(owner);
	tap_ok(access(owner, F_OK) != 0, "a dead one's is swept away");
	free(text);
	free(mine);
}

int
main(void)
{
	struct error err;

	if (!mkdtemp(scratch))
		return 1;
	path = xasprintf("%s/lock", scratch);
	owner = xasprintf("%s.owner", path);
	test_exclusion(O_RDWR, "flock");
	no_flock = true;
	test_exclusion(O_RDWR, "fcntl");
	test_exclusion(O_RDONLY, "a file");
	test_owner();
	test_dead();
	remove_tree(scratch, &err);
	free(owner);
	free(path);
	return tap_done();
}
