/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/program.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1500 /* of standard error, in one message */
#define GRACE_MS       1000 /* from TERM to KILL */
#define NAME_MAX_BYTES 120

extern char **environ;

struct program {
	char *command, *name, *who;
	pid_t pid;     /* leads its group; 0: not running */
	pid_t watcher; /* kills the group when we are gone */
	int life;      /* the watcher waits for its end */
	int out, errors;
	int wake[2];
	struct buf line; /* of standard error, so far */
	int input;       /* its standard input, if has_input */
	bool has_input;
};

char *
program_name(const char *text)
{
	struct buf b = { 0 };
	size_t from = 0, at, n;

	while ((at = secret_find(text, from, &n)) != 0) {
		buf_add(&b, text + from, at - from);
		buf_adds(&b, "***");
		from = at + n;
	}
	buf_adds(&b, text + from);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < ' ')
			b.data[i] = ' ';
	if (b.len > NAME_MAX_BYTES) {
		b.len = NAME_MAX_BYTES;
		while ((b.data[b.len] & 0xc0) == 0x80)
			b.len--;
		buf_adds(&b, "...");
	}
	return buf_take(&b);
}

struct program *
program_new(const char *command, const char *name)
{
	struct program *p = xcalloc(1, sizeof(*p));

	p->command = xstrdup(command);
	p->name = xstrdup(name);
	p->life = p->out = p->errors = p->wake[0] = p->wake[1] = -1;
	/* without it: nothing can be cancelled, program_start() will say so */
	if (pipe2(p->wake, O_CLOEXEC | O_NONBLOCK) < 0)
		p->wake[0] = p->wake[1] = -1;
	return p;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- starting ---- */

/* Like posix_spawnp(), with descriptors 0 to 2 (-1: /dev/null) and perhaps 3,
 * the signals as a program expects them, and a process group of its own. */
static int
spawn(pid_t *pid, char *const argv[], const int fds[4])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			posix_spawn_file_actions_adddup2(&actions, fds[i], i);
		else
			posix_spawn_file_actions_addopen(&actions, i,
			    "/dev/null", i == 0 ? O_RDONLY : O_WRONLY, 0);
	}
	if (fds[3] >= 0)
		posix_spawn_file_actions_adddup2(&actions, fds[3], 3);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigfillset(&set);
	sigdelset(&set, SIGKILL);
	sigdelset(&set, SIGSTOP);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr,
	    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
	        POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawnp(pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* Waits for a line on descriptor 3 first: not before the watcher is there. */
static int
spawn_command(struct program *p, int out, int errors, int gate)
{
	static const char script[] =
	    "read -r _ <&3 || exit; exec 3<&-; "
	    "command -v bash >/dev/null && exec bash -o pipefail -c \"$1\"; "
	    "exec sh -c \"$1\"";
	char sh[] = "sh", c[] = "-c", text[sizeof(script)];

	memcpy(text, script, sizeof(script));
	return spawn(&p->pid,
	    (char *const[]){ sh, c, text, sh, p->command, NULL },
	    (const int[4]){ p->has_input ? p->input : -1, out, errors, gate });
}

/* A shell that waits until our end of a pipe is closed, by us or by our end. */
static int
spawn_watcher(struct program *p)
{
	char sh[] = "sh", c[] = "-c", *script;
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	script = xasprintf("read -r _; kill -s TERM -- -%ld; sleep 1; "
	                   "kill -s KILL -- -%ld",
	    (long)p->pid, (long)p->pid);
	rc = spawn(&p->watcher, (char *const[]){ sh, c, script, NULL },
	    (const int[4]){ ends[0], -1, -1, -1 });
	free(script);
	close(ends[0]);
	if (rc == 0)
		p->life = ends[1];
	else
		close(ends[1]);
	return rc;
}

static int
start(struct program *p, int out[2], int errors[2], int gate[2])
{
	int rc;

	if (p->wake[0] < 0 || pipe2(out, O_CLOEXEC) < 0 ||
	    pipe2(errors, O_CLOEXEC) < 0 || pipe2(gate, O_CLOEXEC) < 0)
		return errno != 0 ? errno : EMFILE;
	rc = spawn_command(p, out[1], errors[1], gate[0]);
	if (rc != 0) {
		p->pid = 0;
		return rc;
	}
	rc = spawn_watcher(p);
	if (rc != 0)
		p->watcher = 0;
	else if (write(gate[1], "\n", 1) != 1)
		rc = errno;
	return rc;
}

void
program_input(struct program *p, int fd)
{
	p->input = fd;
	p->has_input = true;
}

int
program_start(struct program *p, const char *who, struct error *err)
{
	int out[2] = { -1, -1 }, errors[2] = { -1, -1 };
	int gate[2] = { -1, -1 }, rc;

#ifdef PR_SET_CHILD_SUBREAPER
	/* the dead of a group are ours to bury, not of a far init */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
	p->who = xstrdup(who);
	rc = start(p, out, errors, gate);
	if (p->has_input)
		close_fd(&p->input);
	p->out = out[0];
	p->errors = errors[0];
	close_fd(&out[1]);
	close_fd(&errors[1]);
	close_fd(&gate[0]);
	close_fd(&gate[1]);
	if (p->errors >= 0)
		fcntl(p->errors, F_SETFL, O_NONBLOCK);
	if (rc == 0)
		return 0;
	errno = rc;
	return error_errno(err, "%s: cannot be started", p->name);
}

/* ---- standard error ---- */

static void
pass_line(struct program *p)
{
	if (p->line.len != 0)
		msg_relay(p->who, p->line.data, p->line.len);
	buf_reset(&p->line);
}

/* A carriage return ends a line, too: progress is shown that way. */
static void
pass_text(struct program *p, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || text[i] == '\r') {
			pass_line(p);
			continue;
		}
		if (p->line.len == LINE_MAX_BYTES)
			pass_line(p);
		buf_addc(&p->line, text[i]);
	}
}

/* What there is now. */
static void
pass_errors(struct program *p)
{
	char text[4096];
	ssize_t n = 1;

	while (p->errors >= 0 && n > 0) {
		n = read(p->errors, text, sizeof(text));
		if (n > 0)
			pass_text(p, text, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_fd(&p->errors);
	}
}

/* ---- its end ---- */

static int
fail(const struct program *p, int status, struct error *err)
{
	if (WIFSIGNALED(status))
		return error_set(err, ERR_DATA, "%s: killed by signal %d (%s)",
		    p->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	return error_set(err, WEXITSTATUS(status) == 75 ? ERR_TEMP : ERR_DATA,
	    "%s: failed with exit status %d", p->name, WEXITSTATUS(status));
}

/* Has it been cancelled? Waits for a byte of its output or so long. */
static bool
is_cancelled(struct program *p, int timeout_ms)
{
	struct pollfd fds[3] = { { p->wake[0], POLLIN, 0 },
		{ p->errors, POLLIN, 0 }, { p->out, POLLIN, 0 } };

	if (poll(fds, 3, timeout_ms) <= 0)
		return false;
	if (fds[1].revents != 0)
		pass_errors(p);
	return fds[0].revents != 0;
}

/* What it had in the background ends with it. */
static int
wait_for_end(struct program *p, struct error *err)
{
	int status = 0, ms = 1;
	pid_t pid;

	close_fd(&p->out);
	while ((pid = waitpid(p->pid, &status, WNOHANG)) == 0) {
		if (is_cancelled(p, ms))
			return error_set(err, ERR_QUIET, "interrupted");
		ms = ms < 50 ? 2 * ms : 50;
	}
	if (pid < 0 && errno == EINTR)
		return wait_for_end(p, err);
	kill(-p->pid, SIGTERM);
	p->pid = 0;
	pass_errors(p);
	pass_line(p);
	if (pid < 0)
		return error_errno(err, "%s", p->name);
	return status == 0 ? 0 : fail(p, status, err);
}

long
program_read(struct program *p, void *data, size_t len, struct error *err)
{
	while (p->out >= 0) {
		ssize_t n;

		if (is_cancelled(p, -1))
			return error_set(err, ERR_QUIET, "interrupted");
		n = poll(&(struct pollfd){ p->out, POLLIN, 0 }, 1, 0);
		if (n <= 0)
			continue;
		n = read(p->out, data, len);
		if (n > 0)
			return n;
		if (n == 0)
			break;
		if (errno != EINTR)
			return error_errno(err, "%s", p->name);
	}
	return p->pid == 0 ? 0 : wait_for_end(p, err);
}

void
program_cancel(struct program *p)
{
	while (write(p->wake[1], "", 1) < 0 && errno == EINTR)
		;
}

/* The group is gone when a signal finds nobody, not even the dead. */
static bool
is_gone(const struct program *p, int how)
{
	pid_t pid;

	do {
		pid = waitpid(-p->pid, NULL, how);
	} while (pid > 0 || (pid < 0 && errno == EINTR));
	return kill(-p->pid, 0) < 0;
}

static void
end_group(struct program *p)
{
	const struct timespec pause = { 0, 5000000 };

	kill(-p->pid, SIGTERM);
	for (int ms = 0; ms < GRACE_MS; ms += 5) {
		if (is_gone(p, WNOHANG))
			return;
		pass_errors(p);
		nanosleep(&pause, NULL);
	}
	kill(-p->pid, SIGKILL);
	is_gone(p, 0);
}

void
program_free(struct program *p)
{
	if (p == NULL)
		return;
	close_fd(&p->out); /* who writes ends by that already */
	if (p->pid != 0)
		end_group(p);
	if (p->watcher != 0) {
		kill(-p->watcher, SIGKILL);
		while (waitpid(p->watcher, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(&p->life);
	close_fd(&p->errors);
	close_fd(&p->wake[0]);
	close_fd(&p->wake[1]);
	buf_release(&p->line);
	free(p->command);
	free(p->name);
	free(p->who);
	free(p);
}
