/* SPDX-License-Identifier: MIT */
#include "common/msg.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *progname = "dlt";
static int verbosity;
static bool error_said;

void
msg_init(const char *tool)
{
	progname = tool;
}

const char *
msg_tool(void)
{
	return progname;
}

void
msg_set_verbosity(int level)
{
	verbosity = level;
}

int
msg_verbosity(void)
{
	return verbosity;
}

/* One write(2) per message, so that lines of several tools do not mix. */
static void
    PRINTF_LIKE(2, 0) say(const char *severity, const char *fmt, va_list ap)
{
	char line[2048];
	size_t n, i;
	int len;

	len = snprintf(line, sizeof(line), "%s: %s: ", progname, severity);
	n = (size_t)len;
	len = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	if (len < 0)
		return;
	i = n;
	n += (size_t)len;
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		;
}

#define SAY(severity)                   \
	do {                            \
		va_list ap;             \
		va_start(ap, fmt);      \
		say(severity, fmt, ap); \
		va_end(ap);             \
	} while (0)

void
msg_error(const char *fmt, ...)
{
	error_said = true;
	SAY("error");
}

void
msg_warn(const char *fmt, ...)
{
	if (verbosity >= 0)
		SAY("warning");
}

static void PRINTF_LIKE(2, 3) relay(const char *who, const char *fmt, ...)
{
	SAY(who);
}

void
msg_relay(const char *who, const char *line, size_t len)
{
	relay(who, "%.*s", (int)len, line);
}

void
msg_info(const char *fmt, ...)
{
	if (verbosity >= 1)
		SAY("info");
}

void
msg_debug(const char *fmt, ...)
{
	if (verbosity >= 2)
		SAY("debug");
}

int
msg_fail(const struct error *err)
{
	if (err->code != ERR_QUIET)
		msg_error("%s", err->msg);
	return error_exit_status(err->code);
}

/* stdio forgets why an earlier write failed; a pipe without a reader tells. */
static int
lost_errno(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) ? EPIPE : 0;
}

int
msg_close(int status)
{
	bool told = status && error_said;

	errno = 0;
	if (ferror(stdout))
		errno = lost_errno();
	else if (fclose(stdout) == 0)
		return status;
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	/* Who has failed has said why, be it this. */
	if (!told)
		msg_error("standard output: %s",
		    errno ? strerror(errno) : "write error");
	return told ? status : EXIT_FAILED;
}
