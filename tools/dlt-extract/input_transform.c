/* SPDX-License-Identifier: MIT */
/* transform:COMMAND: what a program makes of the rows of another resource, which
 * come to its standard input as JSON lines. Several copies of it may run at
 * once; each row goes to one of them, and what they write is mixed line by line
 * as it comes. */
#include "common/buf.h"
#include "common/mem.h"
#include "tools/dlt-extract/channel.h"
#include "tools/dlt-extract/input_kind.h"
#include "tools/dlt-extract/program.h"
#include "tools/dlt-extract/source_file.h"

#include "common/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEME      "transform:"
#define WRITE_BYTES ((size_t)64 << 10)
#define READ_BYTES  ((size_t)64 << 10)
#define COPIES_MAX  64
#define POLL_MS     100 /* between two looks whether the run has ended */

/* One running program, with a thread on either side of it. */
struct copy {
	struct transform *t;
	struct program *program;
	pthread_t writer, reader;
	bool has_writer, has_reader;
	int in; /* the writing end of its standard input */
};

struct piece {
	struct piece *next;
	size_t len, at;
	char data[];
};

struct transform {
	struct channel *rows;
	char *name, *resource;
	struct copy *copies;
	size_t count;
	bool begun;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct piece *first, **last;
	size_t queued;           /* pieces */
	size_t writing, reading; /* copies that do */
	bool stop, failed;
	struct error err; /* of the first that failed */
};

/* ---- rows to a copy ---- */

static bool
is_stopped(struct transform *t)
{
	bool stop;

	pthread_mutex_lock(&t->lock);
	stop = t->stop || t->failed;
	pthread_mutex_unlock(&t->lock);
	return stop;
}

/* False: the program reads no more, or the run has ended. */
static bool
write_all(struct copy *c, const char *data, size_t len)
{
	while (len > 0) {
		struct pollfd fd = { c->in, POLLOUT, 0 };
		ssize_t n;

		if (is_stopped(c->t))
			return false;
		if (poll(&fd, 1, POLL_MS) <= 0)
			continue;
		n = write(c->in, data, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Rows are gathered as long as there are some, so that a slow parent's reach the
 * program at once. */
static void *
feed_copy(void *arg)
{
	struct copy *c = arg;
	struct transform *t = c->t;
	struct buf row = { 0 }, out = { 0 };
	struct error ignored;
	bool takes = true, more = true;

	while (takes && more) {
		int rc = channel_take(t->rows, out.len == 0, &row, &ignored);

		if (rc == 1) {
			buf_add(&out, row.data, row.len);
			buf_addc(&out, '\n');
		}
		more = rc > 0;
		if (rc != 1 || out.len >= WRITE_BYTES) {
			takes = write_all(c, out.data, out.len);
			buf_reset(&out);
		}
	}
	close(c->in);
	buf_release(&row);
	buf_release(&out);
	pthread_mutex_lock(&t->lock);
	if (--t->writing == 0) /* nobody takes rows any more */
		channel_cancel(t->rows);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* ---- rows from a copy ---- */

/* False: the run has ended. */
static bool
put_piece(struct transform *t, const char *data, size_t len)
{
	struct piece *p = xmalloc(sizeof(*p) + len);
	bool wanted;

	*p = (struct piece){ .len = len };
	memcpy(p->data, data, len);
	pthread_mutex_lock(&t->lock);
	while (t->queued > 2 * t->count && !t->stop)
		pthread_cond_wait(&t->changed, &t->lock);
	wanted = !t->stop;
	if (wanted) {
		*t->last = p;
		t->last = &p->next;
		t->queued++;
		pthread_cond_broadcast(&t->changed);
	} else {
		free(p);
	}
	pthread_mutex_unlock(&t->lock);
	return wanted;
}

static void
end_reader(struct transform *t, const struct error *err)
{
	pthread_mutex_lock(&t->lock);
	if (err != NULL && !t->failed) {
		t->failed = true;
		t->err = *err;
	}
	t->reading--;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

/* Whole lines, where there are several copies. */
static size_t
whole_lines(const struct transform *t, const struct buf *b)
{
	const char *end;

	if (t->count == 1)
		return b->len;
	end = memrchr(b->data, '\n', b->len);
	return end == NULL ? 0 : (size_t)(end - b->data) + 1;
}

static void *
read_copy(void *arg)
{
	struct copy *c = arg;
	struct transform *t = c->t;
	struct buf b = { 0 };
	struct error err = { 0 };
	bool wanted = true;
	long n = 1;

	while (wanted && n > 0) {
		size_t len;

		buf_reserve(&b, READ_BYTES);
		n = program_read(c->program, b.data + b.len, READ_BYTES, &err);
		if (n > 0)
			b.len += (size_t)n;
		else if (n == 0 && b.len > 0 && t->count > 1)
			buf_addc(&b, '\n');
		len = n < 0 ? 0 : n == 0 ? b.len : whole_lines(t, &b);
		if (len == 0)
			continue;
		wanted = put_piece(t, b.data, len);
		memmove(b.data, b.data + len, b.len - len);
		b.len -= len;
	}
	buf_release(&b);
	end_reader(t, n < 0 ? &err : NULL);
	return NULL;
}

/* ---- the kind ---- */

static int
transform_check(const char *text, struct error *err)
{
	text += strlen(SCHEME);
	if (text[strspn(text, " \t\n")] == '\0')
		return error_set(err, ERR_USAGE, "transform: names no command");
	return 0;
}

/* As many as are asked for; of what is parallelized, as many as there may be. */
static size_t
count_copies(const struct input_context *in)
{
	const struct json *shared = source_file_hint(in->file, in->declared,
	    "parallelized");
	long long copies = shared != NULL && shared->truth ? in->workers : 1;

	copies = json_get_int(in->declared, "copies", copies);
	return copies < 1         ? 1
	    : copies > COPIES_MAX ? COPIES_MAX
	                          : (size_t)copies;
}

static void *
transform_open(const struct input_context *in, struct error *err)
{
	struct transform *t;

	if (in->parent == NULL) {
		error_set(err, ERR_USAGE,
		    "transform: is for resources that have a parent");
		return NULL;
	}
	t = xcalloc(1, sizeof(*t));
	t->rows = in->parent;
	t->name = program_name(in->text);
	t->resource = xstrdup(in->resource);
	t->count = count_copies(in);
	t->copies = xcalloc(t->count, sizeof(*t->copies));
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	t->last = &t->first;
	for (size_t i = 0; i < t->count; i++)
		t->copies[i] = (struct copy){ .t = t,
			.program = program_new(in->text + strlen(SCHEME),
			    t->name),
			.in = -1 };
	return t;
}

static int
start_copy(struct transform *t, struct copy *c, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "%s", t->name);
	c->in = ends[1];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	program_input(c->program, ends[0]);
	pthread_mutex_lock(&t->lock);
	t->writing++;
	t->reading++;
	pthread_mutex_unlock(&t->lock);
	if (program_start(c->program, t->resource, err) < 0)
		return -1;
	c->has_writer = pthread_create(&c->writer, NULL, feed_copy, c) == 0;
	c->has_reader = pthread_create(&c->reader, NULL, read_copy, c) == 0;
	if (!c->has_writer || !c->has_reader)
		return error_set(err, ERR_TEMP, "cannot start a thread");
	return 0;
}

static int
transform_next(void *self, const char **name, struct error *err)
{
	struct transform *t = self;

	if (t->begun)
		return 0;
	t->begun = true;
	*name = t->name;
	for (size_t i = 0; i < t->count; i++)
		if (start_copy(t, &t->copies[i], err) < 0)
			return -1;
	return 1;
}

static long
transform_read(void *self, void *data, size_t len, struct error *err)
{
	struct transform *t = self;
	struct piece *p;
	long n = 0;

	pthread_mutex_lock(&t->lock);
	while (t->first == NULL && t->reading > 0 && !t->failed && !t->stop)
		pthread_cond_wait(&t->changed, &t->lock);
	p = t->first;
	if (t->stop) {
		n = error_set(err, ERR_QUIET, "interrupted");
	} else if (t->failed) {
		*err = t->err;
		n = -1;
	} else if (p != NULL) {
		n = (long)(p->len - p->at < len ? p->len - p->at : len);
		memcpy(data, p->data + p->at, (size_t)n);
		p->at += (size_t)n;
		if (p->at == p->len) {
			t->first = p->next;
			if (t->first == NULL)
				t->last = &t->first;
			t->queued--;
			free(p);
			pthread_cond_broadcast(&t->changed);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

static void
transform_cancel(void *self)
{
	struct transform *t = self;

	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	channel_cancel(t->rows);
	for (size_t i = 0; i < t->count; i++)
		program_cancel(t->copies[i].program);
}

static void
transform_close(void *self)
{
	struct transform *t = self;
	struct piece *p;

	transform_cancel(t);
	for (size_t i = 0; i < t->count; i++) {
		struct copy *c = &t->copies[i];

		if (c->has_writer)
			pthread_join(c->writer, NULL);
		else if (c->in >= 0)
			close(c->in);
		if (c->has_reader)
			pthread_join(c->reader, NULL);
		program_free(c->program);
	}
	while ((p = t->first) != NULL) {
		t->first = p->next;
		free(p);
	}
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t->copies);
	free(t->name);
	free(t->resource);
	free(t);
}

const struct input_kind input_transform = {
	.scheme = SCHEME,
	.check = transform_check,
	.open = transform_open,
	.next = transform_next,
	.read = transform_read,
	.cancel = transform_cancel,
	.close = transform_close,
};
