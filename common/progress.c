/* SPDX-License-Identifier: MIT */
#include "common/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/msg.h"

#define FRAME_S      0.1 /* between two frames of the display */
#define LINE_S       1.0 /* between two lines of the log */
#define DELAY_S      0.4 /* a run that is over by then draws nothing */
#define UPSTREAM_S   0.8 /* later, for who reads our stream may draw */
#define LINES_MAX    12  /* of the display */
#define NAME_COLUMNS 24

struct progress_item {
	char *name;
	_Atomic uint64_t rows, bytes, expected;
};

struct progress {
	struct progress_spec spec;
	bool terminal; /* where a display can be */
	int tty;       /* of the lock of who draws; -1: not opened */
	bool drawing;  /* has the lock */
	double start, drawn_at;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	_Atomic uint64_t jobs, expected;
	sigset_t signals;

	pthread_mutex_t lock; /* of what follows, and of the terminal */
	struct progress_item **items;
	size_t count, cap;
	size_t shown; /* lines that stand on the terminal */
	struct buf text;
};

/* What a run has done so far. */
struct totals {
	uint64_t rows, bytes, jobs, expected;
	size_t items;
	double seconds, cpu; /* cpu: per cent */
	uint64_t memory;
};

int
progress_parse(const char *text, enum progress_kind *out, struct error *err)
{
	static const char *const live[] = { "auto", "tqdm", "enlighten",
		"alive_progress", "true" };

	*out = PROGRESS_LIVE;
	if (text == NULL || *text == '\0')
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(live); i++)
		if (strcmp(text, live[i]) == 0)
			return 0;
	if (strcmp(text, "log") == 0)
		*out = PROGRESS_LOG;
	else if (strcmp(text, "none") == 0 || strcmp(text, "false") == 0)
		*out = PROGRESS_NONE;
	else
		return error_set(err, ERR_USAGE,
		    "progress: \"%s\" is none of auto, log and none", text);
	return 0;
}

/* ---- counting ---- */

struct progress_item *
progress_item(struct progress *p, const char *name)
{
	struct progress_item *i = NULL;

	if (p == NULL || strncmp(name, "_dlt", 4) == 0)
		return NULL;
	pthread_mutex_lock(&p->lock);
	for (size_t k = p->count; k-- > 0 && i == NULL;)
		if (strcmp(p->items[k]->name, name) == 0)
			i = p->items[k];
	if (i == NULL) {
		i = xcalloc(1, sizeof(*i));
		i->name = xstrdup(name);
		p->items = xgrow(p->items, &p->cap, p->count + 1,
		    sizeof(*p->items));
		p->items[p->count++] = i;
	}
	pthread_mutex_unlock(&p->lock);
	return i;
}

void
progress_add(struct progress_item *i, uint64_t rows, uint64_t bytes)
{
	if (i == NULL)
		return;
	atomic_fetch_add_explicit(&i->rows, rows, memory_order_relaxed);
	atomic_fetch_add_explicit(&i->bytes, bytes, memory_order_relaxed);
}

void
progress_set(struct progress_item *i, uint64_t rows, uint64_t bytes)
{
	if (i == NULL)
		return;
	atomic_store_explicit(&i->rows, rows, memory_order_relaxed);
	atomic_store_explicit(&i->bytes, bytes, memory_order_relaxed);
}

void
progress_expect(struct progress_item *i, uint64_t bytes)
{
	if (i != NULL)
		atomic_fetch_add(&i->expected, bytes);
}

void
progress_expect_jobs(struct progress *p, uint64_t count)
{
	if (p != NULL)
		atomic_fetch_add(&p->expected, count);
}

void
progress_job(struct progress *p)
{
	if (p != NULL)
		atomic_fetch_add(&p->jobs, 1);
}

struct trace *
progress_trace(const struct progress *p)
{
	return p != NULL ? p->spec.trace : NULL;
}

/* ---- totals ---- */

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t
resident_bytes(void)
{
	unsigned long long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &all, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double
seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* The lock is held. */
static struct totals
count_totals(const struct progress *p)
{
	struct totals t = { .items = p->count,
		.jobs = atomic_load(&p->jobs),
		.expected = atomic_load(&p->expected) };
	struct rusage used;

	for (size_t i = 0; i < p->count; i++) {
		t.rows += atomic_load(&p->items[i]->rows);
		t.bytes += atomic_load(&p->items[i]->bytes);
	}
	t.seconds = now_s() - p->start;
	if (getrusage(RUSAGE_SELF, &used) == 0 && t.seconds > 0)
		t.cpu = 100 *
		    (seconds_of(used.ru_utime) + seconds_of(used.ru_stime)) /
		    t.seconds;
	t.memory = resident_bytes();
	return t;
}

void
progress_report(struct progress *p, struct progress_report *out)
{
	struct rusage used;

	*out = (struct progress_report){ .stage = p->spec.stage,
		.name = p->spec.name,
		.seconds = now_s() - p->start,
		.jobs = atomic_load(&p->jobs) };
	if (getrusage(RUSAGE_SELF, &used) != 0)
		return;
	out->cpu_seconds = seconds_of(used.ru_utime) +
	    seconds_of(used.ru_stime);
	out->memory_peak = (uint64_t)used.ru_maxrss * 1024;
}

void
progress_each(struct progress *p,
    void (*f)(void *arg, const char *name, uint64_t rows, uint64_t bytes),
    void *arg)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->count; i++)
		f(arg, p->items[i]->name, atomic_load(&p->items[i]->rows),
		    atomic_load(&p->items[i]->bytes));
	pthread_mutex_unlock(&p->lock);
}

/* ---- text ---- */

/* "1,234,567" */
static void
add_count(struct buf *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu",
	    (unsigned long long)n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_addc(b, ',');
		buf_addc(b, digits[i]);
	}
}

static void
add_bytes(struct buf *b, double n)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t u = 0;

	while (n >= 1000 && u + 1 < ARRAY_LEN(units)) {
		n /= 1000;
		u++;
	}
	buf_addf(b, u == 0 ? "%.0f %s" : "%.1f %s", n, units[u]);
}

static void
add_time(struct buf *b, double seconds)
{
	unsigned long s = (unsigned long)seconds;

	if (s >= 3600)
		buf_addf(b, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	else
		buf_addf(b, "%lu:%02lu", s / 60, s % 60);
}

static void
add_rate(struct buf *b, uint64_t rows, double seconds)
{
	buf_adds(b, rows == 1 ? " row (" : " rows (");
	add_count(b, seconds > 0 ? (uint64_t)((double)rows / seconds) : 0);
	buf_adds(b, "/s)");
}

/* "3/11 jobs, 2 tables, 120,000 rows (40,000/s), 12.3 MB, 0:03, memory 45.6 MB, CPU 98 %" */
static void
add_totals(struct buf *b, const struct totals *t)
{
	if (t->expected != 0)
		buf_addf(b, "%llu/%llu jobs, ", (unsigned long long)t->jobs,
		    (unsigned long long)t->expected);
	buf_addf(b, "%zu table%s, ", t->items, t->items == 1 ? "" : "s");
	add_count(b, t->rows);
	add_rate(b, t->rows, t->seconds);
	buf_adds(b, ", ");
	add_bytes(b, (double)t->bytes);
	buf_adds(b, ", ");
	add_time(b, t->seconds);
	buf_adds(b, ", memory ");
	add_bytes(b, (double)t->memory);
	buf_addf(b, ", CPU %.0f %%", t->cpu);
}

static void
add_who(struct buf *b, const struct progress *p)
{
	buf_adds(b, p->spec.stage);
	if (p->spec.name != NULL)
		buf_addf(b, " %s", p->spec.name);
	buf_adds(b, ": ");
}

/* The first line of the display: what matters most comes first. */
static void
add_head(struct buf *b, const struct progress *p, const struct totals *t)
{
	add_who(b, p);
	add_time(b, t->seconds);
	buf_adds(b, ", ");
	add_count(b, t->rows);
	add_rate(b, t->rows, t->seconds);
	buf_adds(b, ", ");
	add_bytes(b, (double)t->bytes);
	if (t->expected != 0)
		buf_addf(b, ", %llu/%llu jobs", (unsigned long long)t->jobs,
		    (unsigned long long)t->expected);
	buf_adds(b, ", ");
	add_bytes(b, (double)t->memory);
	buf_addf(b, ", CPU %.0f %%", t->cpu);
}

/* ---- lines of a log ---- */

static void
log_line(struct progress *p)
{
	struct totals t;

	pthread_mutex_lock(&p->lock);
	t = count_totals(p);
	pthread_mutex_unlock(&p->lock);
	/* outside of the lock, which a message takes */
	buf_reset(&p->text);
	add_who(&p->text, p);
	add_totals(&p->text, &t);
	msg_note("%s", buf_str(&p->text));
}

/* ---- the display ---- */

/* At most `columns` columns of s; bytes of one character count once, control
 * characters are masked. Returns the columns. */
static size_t
add_cut(struct buf *b, const char *s, size_t columns)
{
	size_t n = 0;

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c & 0xc0) != 0x80 && n++ == columns)
			return columns;
		buf_addc(b, c < ' ' || c == 0x7f ? '?' : *s);
	}
	return n;
}

static void
add_left(struct buf *b, const struct progress_item *i, double seconds)
{
	uint64_t bytes = atomic_load(&i->bytes);
	uint64_t expected = atomic_load(&i->expected);

	if (expected == 0 || bytes == 0 || bytes > expected)
		return;
	buf_addf(b, ", %.0f %%", 100 * (double)bytes / (double)expected);
	buf_adds(b, ", ");
	add_time(b, seconds * (double)(expected - bytes) / (double)bytes);
	buf_adds(b, " left");
}

static void
add_item(struct buf *b, const struct progress_item *i, double seconds)
{
	uint64_t rows = atomic_load(&i->rows);
	size_t n;

	buf_adds(b, "  ");
	n = add_cut(b, i->name, NAME_COLUMNS);
	for (; n < NAME_COLUMNS + 1; n++)
		buf_addc(b, ' ');
	add_count(b, rows);
	add_rate(b, rows, seconds);
	buf_adds(b, ", ");
	add_bytes(b, (double)atomic_load(&i->bytes));
	add_left(b, i, seconds);
}

/* The first `width` columns of a line. */
static void
put_line(struct buf *out, const struct buf *line, unsigned width, size_t *lines)
{
	if ((*lines)++ != 0)
		buf_adds(out, "\r\n");
	add_cut(out, buf_str(line), width - 1);
}

static void
add_items(struct progress *p, struct buf *out, unsigned width, size_t room,
    double seconds, size_t *lines)
{
	struct buf line = { 0 };
	size_t hidden = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (*lines >= room) {
			hidden++;
			continue;
		}
		buf_reset(&line);
		add_item(&line, p->items[i], seconds);
		put_line(out, &line, width, lines);
	}
	if (hidden != 0) {
		buf_reset(&line);
		buf_addf(&line, "  and %zu more", hidden);
		put_line(out, &line, width, lines);
	}
	buf_release(&line);
}

static void
write_all(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, data, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

/* The cursor stands at the begin of the first line, also between frames, so
 * that a window that was resized does not matter. The lock is held. */
static void
erase(struct progress *p)
{
	if (p->shown != 0)
		write_all("\r\033[J", 4);
	p->shown = 0;
}

static void
draw(struct progress *p)
{
	struct winsize size = { 0 };
	unsigned width = 80, height = 24;
	struct buf out = { 0 }, line = { 0 };
	struct totals t;
	size_t lines = 0, room;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		width = size.ws_col;
		height = size.ws_row;
	}
	room = height > LINES_MAX + 2 ? LINES_MAX : height > 3 ? height - 3 : 1;
	pthread_mutex_lock(&p->lock);
	t = count_totals(p);
	add_head(&line, p, &t);
	buf_adds(&out, "\r\033[J");
	put_line(&out, &line, width, &lines);
	add_items(p, &out, width, room, t.seconds, &lines);
	if (lines > 1)
		buf_addf(&out, "\033[%zuA", lines - 1);
	buf_addc(&out, '\r');
	write_all(out.data, out.len);
	p->shown = lines;
	pthread_mutex_unlock(&p->lock);
	buf_release(&out);
	buf_release(&line);
}

/* One tool at a time draws on a terminal: who has the lock of its device. */
static bool
may_draw(struct progress *p)
{
	if (p->drawing)
		return true;
	if (p->tty < 0)
		p->tty = open("/proc/self/fd/2",
		    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	p->drawing = p->tty >= 0 && flock(p->tty, LOCK_EX | LOCK_NB) == 0;
	return p->drawing;
}

static void
frame(struct progress *p)
{
	double delay = p->spec.upstream ? UPSTREAM_S : DELAY_S;

	if (now_s() - p->start >= delay && may_draw(p))
		draw(p);
}

/* A message of this tool: the display makes way. */
static void
before_message(void *arg)
{
	struct progress *p = arg;

	pthread_mutex_lock(&p->lock);
	erase(p);
}

static void
after_message(void *arg)
{
	struct progress *p = arg;

	pthread_mutex_unlock(&p->lock);
}

/* ---- the thread ---- */

static int
wait_signal(const struct progress *p, double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	return seconds < 0 ? sigwaitinfo(&p->signals, NULL)
	                   : sigtimedwait(&p->signals, NULL, &t);
}

static void *
watch(void *arg)
{
	struct progress *p = arg;
	double every = -1;

	if (p->spec.kind == PROGRESS_LOG)
		every = LINE_S;
	else if (p->spec.kind == PROGRESS_LIVE && p->terminal)
		every = FRAME_S;
	while (!atomic_load(&p->stop)) {
		int signo = wait_signal(p, every);

		if (atomic_load(&p->stop))
			break;
		if (signo == SIGUSR1 || every == LINE_S)
			log_line(p);
		else if (every == FRAME_S)
			frame(p);
	}
	return NULL;
}

struct progress *
progress_new(const struct progress_spec *spec)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	const char *term = getenv("TERM");

	p->spec = *spec;
	p->tty = -1;
	p->start = now_s();
	p->terminal = !spec->quiet && isatty(STDERR_FILENO) == 1 &&
	    term != NULL && strcmp(term, "dumb") != 0 && *term != '\0';
	pthread_mutex_init(&p->lock, NULL);
	sigemptyset(&p->signals);
	sigaddset(&p->signals, SIGUSR1);
	sigaddset(&p->signals, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &p->signals, NULL);
	p->started = pthread_create(&p->thread, NULL, watch, p) == 0;
	if (p->terminal && spec->kind == PROGRESS_LIVE)
		msg_set_guard(before_message, after_message, p);
	return p;
}

static void
summary(struct progress *p)
{
	struct totals t = count_totals(p);

	buf_reset(&p->text);
	add_who(&p->text, p);
	add_totals(&p->text, &t);
	msg_note("%s", buf_str(&p->text));
}

void
progress_free(struct progress *p, bool failed)
{
	if (p == NULL)
		return;
	atomic_store(&p->stop, true);
	if (p->started) {
		pthread_kill(p->thread, SIGWINCH);
		pthread_join(p->thread, NULL);
	}
	msg_set_guard(NULL, NULL, NULL);
	erase(p);
	if (p->spec.kind == PROGRESS_LOG ||
	    (!failed && !p->spec.quiet && p->spec.kind == PROGRESS_LIVE &&
	        isatty(STDERR_FILENO) == 1))
		summary(p);
	if (p->tty >= 0)
		close(p->tty);
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i]->name);
		free(p->items[i]);
	}
	free(p->items);
	buf_release(&p->text);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
