/* SPDX-License-Identifier: MIT */
#include "common/msg.h"

#include "common/utf8.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *progname = "dlt";
static int verbosity;
static bool error_said;
static enum msg_format format;
static struct {
	void (*before)(void *arg);
	void (*after)(void *arg);
	void *arg;
} guard;

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

void
msg_set_format(enum msg_format f)
{
	format = f;
}

bool
msg_parse_format(const char *text, enum msg_format *out)
{
	static const char *const names[] = { "text", "logfmt", "json" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcasecmp(text, names[i]) == 0) {
			*out = (enum msg_format)i;
			return true;
		}
	}
	return false;
}

void
msg_set_guard(void (*before)(void *arg), void (*after)(void *arg), void *arg)
{
	guard.before = before;
	guard.after = after;
	guard.arg = arg;
}

int
msg_verbosity(void)
{
	return verbosity;
}

/* ---- a line in one of the formats ---- */

struct line {
	char text[6144];
	size_t len;
};

static void
put(struct line *l, char c)
{
	if (l->len < sizeof(l->text) - 2)
		l->text[l->len++] = c;
}

static void
puts_line(struct line *l, const char *s)
{
	for (; *s != '\0'; s++)
		put(l, *s);
}

/* Control bytes come from data. */
static void
put_masked(struct line *l, const char *s)
{
	for (; *s != '\0'; s++)
		put(l, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

/* Between quotes; what both JSON and logfmt would misread is escaped. */
static void
put_quoted(struct line *l, const char *s)
{
	size_t left = strlen(s), good = utf8_valid_prefix(s, left);

	put(l, '"');
	for (; left > 0; s++, left--) {
		if (good == 0) {
			put(l, '?');
			good = utf8_valid_prefix(s + 1, left - 1);
			continue;
		}
		good--;
		if (*s == '"' || *s == '\\')
			put(l, '\\');
		put(l, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
	}
	put(l, '"');
}

static void
put_time(struct line *l)
{
	struct timespec now;
	struct tm tm;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) == NULL)
		return;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ldZ", now.tv_nsec / 1000000);
	puts_line(l, text);
}

/* Is standard error the journal's? */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	    st.st_ino == ino;
}

static void
put_priority(struct line *l, const char *severity)
{
	char level = '6';

	if (!is_journal())
		return;
	if (strcmp(severity, "error") == 0)
		level = '3';
	else if (strcmp(severity, "warning") == 0)
		level = '4';
	else if (strcmp(severity, "debug") == 0)
		level = '7';
	put(l, '<');
	put(l, level);
	put(l, '>');
}

static void
put_message(struct line *l, const char *severity, const char *text)
{
	switch (format) {
	case MSG_TEXT:
		put_priority(l, severity);
		puts_line(l, progname);
		puts_line(l, ": ");
		puts_line(l, severity);
		puts_line(l, ": ");
		put_masked(l, text);
		break;
	case MSG_LOGFMT:
		puts_line(l, "time=");
		put_time(l);
		puts_line(l, " level=");
		puts_line(l, severity);
		puts_line(l, " tool=");
		puts_line(l, progname);
		puts_line(l, " msg=");
		put_quoted(l, text);
		break;
	case MSG_JSON:
		puts_line(l, "{\"time\":\"");
		put_time(l);
		puts_line(l, "\",\"level\":\"");
		puts_line(l, severity);
		puts_line(l, "\",\"tool\":\"");
		puts_line(l, progname);
		puts_line(l, "\",\"msg\":");
		put_quoted(l, text);
		put(l, '}');
		break;
	}
	l->text[l->len++] = '\n';
}

/* One write(2) per message, so that lines of several tools do not mix. */
static void
    PRINTF_LIKE(2, 0) say(const char *severity, const char *fmt, va_list ap)
{
	struct line l = { .len = 0 };
	char text[2048];

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		return;
	put_message(&l, severity, text);
	if (guard.before != NULL)
		guard.before(guard.arg);
	while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR)
		;
	if (guard.after != NULL)
		guard.after(guard.arg);
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
msg_note(const char *fmt, ...)
{
	SAY("progress");
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
