/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/scan.h"
#include "tools/dlt-normalize/arrow.h"
#include "tools/dlt-normalize/spool.h"

struct reader {
	struct package_in *in;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t ready; /* an item is in the queue */
	pthread_cond_t room;  /* a block has come back */
	struct item *head, **tail;
	struct item *spare; /* items with their blocks' memory */
	unsigned blocks, depth;
	size_t block_size;
	bool skip_large;
	bool stop;
	bool joined;
	/* of the job being read; only the thread uses these */
	struct zin *zin;
	char *carry; /* begin of a row that the last block had not */
	size_t carry_len, carry_cap;
	bool in_array;
	bool at_end;
	uint64_t jobs;
};

/* An item, with a block's memory if it is for a block; NULL: stop. */
static struct item *
item_new(struct reader *r, enum item_kind kind)
{
	struct item *it;

	pthread_mutex_lock(&r->mutex);
	while (kind == ITEM_BLOCK && r->blocks >= r->depth && !r->stop)
		pthread_cond_wait(&r->room, &r->mutex);
	if (r->stop) {
		pthread_mutex_unlock(&r->mutex);
		return NULL;
	}
	it = kind == ITEM_BLOCK ? r->spare : NULL;
	if (it)
		r->spare = it->next;
	if (kind == ITEM_BLOCK)
		r->blocks++;
	pthread_mutex_unlock(&r->mutex);
	if (!it)
		it = xcalloc(1, sizeof(*it));
	it->kind = kind;
	it->next = NULL;
	return it;
}

static void
item_push(struct reader *r, struct item *it)
{
	pthread_mutex_lock(&r->mutex);
	if (it->job)
		it->job->refs++;
	*r->tail = it;
	r->tail = &it->next;
	pthread_cond_signal(&r->ready);
	pthread_mutex_unlock(&r->mutex);
}

struct item *
reader_next(struct reader *r)
{
	struct item *it;

	pthread_mutex_lock(&r->mutex);
	while (!r->head)
		pthread_cond_wait(&r->ready, &r->mutex);
	it = r->head;
	r->head = it->next;
	if (!r->head)
		r->tail = &r->head;
	pthread_mutex_unlock(&r->mutex);
	it->next = NULL;
	return it;
}

static void
job_unref(struct job *job)
{
	if (--job->refs)
		return;
	free(job->name);
	free(job->table);
	free(job->file_id);
	free(job->format);
	free(job->origins);
	free(job->place);
	free(job);
}

void
item_free(struct reader *r, struct item *it)
{
	bool keep = it->kind == ITEM_BLOCK && it->block.cap <= r->block_size;

	if (it->kind == ITEM_WHOLE)
		spool_remove(it->name);
	else
		free(it->name);
	free(it->data);
	it->name = it->data = NULL;
	pthread_mutex_lock(&r->mutex);
	if (it->job)
		job_unref(it->job);
	it->job = NULL;
	if (it->kind == ITEM_BLOCK) {
		r->blocks--;
		pthread_cond_signal(&r->room);
	}
	if (keep) {
		it->next = r->spare;
		r->spare = it;
	}
	pthread_mutex_unlock(&r->mutex);
	if (!keep) {
		free(it->block.data);
		free(it);
	}
}

static void
block_reserve(struct block *b, size_t cap)
{
	char *data;

	if (b->cap >= cap)
		return;
	data = xaligned(cap + SCAN_SLACK);
	if (b->len)
		memcpy(data, b->data, b->len);
	free(b->data);
	b->data = data;
	b->cap = cap;
}

/* The last place at which a block without a line end can be cut: behind the
 * comma that follows a whole element. 0: no element is whole. in_array tells
 * whether data begins inside the array. */
static size_t
cut_in_line(const char *data, size_t len, bool in_array)
{
	const char *p = scan_space(data, data + len), *end = data + len;
	size_t cut = 0;

	if (!in_array) {
		if (p == end || *p != '[')
			return 0;
		p++;
	}
	while (p < end) {
		p = scan_skip(scan_space(p, end), end);
		if (!p)
			break;
		p = scan_space(p, end);
		if (p == end || *p != ',')
			break;
		cut = (size_t)(++p - data);
	}
	return cut;
}

/* ---- rows that are too large ---- */

enum skip_at {
	SKIP_VALUE,
	SKIP_AFTER, /* the value: to the comma or bracket */
	SKIP_LINE,  /* all that is left of it */
	SKIP_DONE,
};

struct skip {
	enum skip_at at;
	size_t depth;
	bool string, escaped;
	bool in_array; /* SKIP_DONE: a row follows in the line */
	uint64_t size; /* of the value */
};

/* One byte of the value; false: it does not belong to it any more. */
static bool
skip_value(struct skip *s, char c)
{
	if (c == '\n' || (!s->string && !s->depth && strchr(",]}", c)))
		return false;
	s->size++;
	if (s->escaped) {
		s->escaped = false;
	} else if (s->string) {
		s->escaped = c == '\\';
		s->string = c != '"';
	} else if (c == '"') {
		s->string = true;
	} else if (c == '{' || c == '[') {
		s->depth++;
	} else if (c == '}' || c == ']') {
		s->depth--;
	} else {
		return true;
	}
	if (!s->depth && !s->string)
		s->at = SKIP_AFTER;
	return true;
}

/* Up to where the next row can be found, or to the end of what there is. */
static const char *
skip_bytes(struct skip *s, const char *p, const char *end)
{
	for (; p < end && s->at != SKIP_DONE; p++) {
		if (s->at == SKIP_VALUE) {
			if (skip_value(s, *p))
				continue;
			s->at = SKIP_AFTER;
		}
		if (*p == '\n' || (s->at == SKIP_AFTER && *p == ',')) {
			s->in_array = *p == ',';
			s->at = SKIP_DONE;
		} else if (!strchr(" \t\r", *p)) {
			s->at = SKIP_LINE;
		}
	}
	return p;
}

/* A block that begins with such a row becomes one without data. */
static int
skip_large(struct reader *r, struct block *b, size_t *cut, struct error *err)
{
	const char *end = b->data + b->len;
	const char *p = scan_space(b->data, end);
	struct skip s = { .at = SKIP_VALUE };

	if (!b->in_array && p < end && *p == '[')
		p = scan_space(p + 1, end);
	else if (!b->in_array)
		s.at = SKIP_LINE;
	b->large_at = (uint64_t)(p - b->data);
	for (;;) {
		p = skip_bytes(&s, p, b->data + b->len);
		if (s.at == SKIP_DONE || r->at_end)
			break;
		b->skipped += b->len;
		b->len = 0;
		while (!r->at_end && b->len < b->cap) {
			long n = zin_read(r->zin, b->data + b->len,
			    b->cap - b->len, err);
			if (n < 0)
				return -1;
			r->at_end = n == 0;
			b->len += (size_t)n;
		}
		p = b->data;
	}
	*cut = (size_t)(p - b->data);
	b->skipped += *cut;
	b->large = s.size ? s.size : b->skipped;
	r->in_array = s.in_array;
	return 0;
}

/* Fill a block with whole rows. 1: filled, 0: the job has ended, -1 error. */
static int
block_fill(struct reader *r, struct block *b, struct error *err)
{
	char *nl;
	size_t cut;

	b->len = 0;
	b->large = b->large_at = b->skipped = 0;
	b->in_array = r->in_array;
	block_reserve(b,
	    r->carry_len > r->block_size ? r->carry_len : r->block_size);
	if (r->carry_len)
		memcpy(b->data, r->carry, r->carry_len);
	b->len = r->carry_len;
	r->carry_len = 0;
	for (;;) {
		while (!r->at_end && b->len < b->cap) {
			long n = zin_read(r->zin, b->data + b->len,
			    b->cap - b->len, err);
			if (n < 0)
				return -1;
			if (n == 0)
				r->at_end = true;
			b->len += (size_t)n;
		}
		if (r->at_end) {
			cut = b->len;
			r->in_array = false;
			break;
		}
		nl = memrchr(b->data, '\n', b->len);
		if (nl) {
			cut = (size_t)(nl - b->data) + 1;
			r->in_array = false;
			break;
		}
		cut = cut_in_line(b->data, b->len, b->in_array);
		if (cut) {
			r->in_array = true;
			break;
		}
		if (b->cap > MAX_ROW && r->skip_large) {
			if (skip_large(r, b, &cut, err))
				return -1;
			break;
		}
		if (b->cap > MAX_ROW)
			return error_set(err, ERR_DATA,
			    "a row is larger than %zu MiB", MAX_ROW >> 20);
		block_reserve(b, b->cap * 2);
	}
	r->carry_len = b->len - cut;
	if (r->carry_len > r->carry_cap) {
		free(r->carry);
		r->carry = xaligned(r->carry_len);
		r->carry_cap = r->carry_len;
	}
	if (r->carry_len)
		memcpy(r->carry, b->data + cut, r->carry_len);
	b->len = b->large ? 0 : cut;
	b->cut = r->in_array;
	memset(b->data + b->len, 0, SCAN_SLACK);
	return cut > 0 || b->large;
}

static int
read_whole(struct reader *r, struct job *job, struct error *err)
{
	char *path = arrow_spool(r->in, err);
	struct item *it;

	if (!path)
		return error_prefix(err, "%s: ", job->name);
	it = item_new(r, ITEM_WHOLE);
	if (!it) {
		spool_remove(path);
		return -1;
	}
	it->name = path;
	it->job = job;
	item_push(r, it);
	return 0;
}

static int
read_job(struct reader *r, const struct package_entry *e, struct error *err)
{
	struct job *job = xcalloc(1, sizeof(*job));
	struct item *it;
	int rc = -1, n;

	job->number = ++r->jobs;
	job->refs = 1;
	job->name = xstrdup(e->name);
	job->table = xstrdup(e->job.table);
	job->file_id = xstrdup(e->job.file_id);
	job->format = xstrdup(e->job.format);
	job->origins = e->origins ? xstrdup(e->origins) : NULL;
	/* Parquet, and in a directory of Python's any file of a user: they go
	 * on as they are */
	if (strcmp(job->format, "parquet") == 0 ||
	    (strcmp(job->format, "typed-jsonl") != 0 &&
	        !package_in_is_stream(r->in))) {
		rc = read_whole(r, job, err);
		goto out;
	}
	r->zin = zin_new(package_in_read, r->in);
	r->carry_len = 0;
	r->in_array = r->at_end = false;
	for (;;) {
		it = item_new(r, ITEM_BLOCK);
		if (!it)
			goto out;
		n = block_fill(r, &it->block, err);
		if (n <= 0) {
			item_free(r, it);
			if (n < 0) {
				error_prefix(err, "%s: ", job->name);
				goto out;
			}
			break;
		}
		it->block.offset = job->bytes;
		job->bytes += it->block.len + it->block.skipped;
		it->job = job;
		item_push(r, it);
	}
	it = item_new(r, ITEM_JOB_END);
	if (!it)
		goto out;
	it->job = job;
	item_push(r, it);
	rc = 0;
out:
	zin_free(r->zin);
	r->zin = NULL;
	pthread_mutex_lock(&r->mutex);
	job_unref(job);
	pthread_mutex_unlock(&r->mutex);
	return rc;
}

static int
push_simple(struct reader *r, enum item_kind kind,
    const struct package_entry *e)
{
	struct item *it = item_new(r, kind);

	if (!it)
		return -1;
	if (kind == ITEM_BEGIN)
		it->name = xstrdup(e->load_id);
	if (kind == ITEM_FILE) {
		it->name = xstrdup(e->name);
		it->data = xstrndup(e->data, e->len);
		it->len = e->len;
	}
	item_push(r, it);
	return 0;
}

static void *
reader_main(void *arg)
{
	struct reader *r = arg;
	struct package_entry e;
	enum package_event event;
	struct error err = { 0 };
	struct item *it;
	int rc = 0;

	do {
		rc = package_in_next(r->in, &event, &e, &err);
		if (rc)
			break;
		switch (event) {
		case PACKAGE_BEGIN:
			rc = push_simple(r, ITEM_BEGIN, &e);
			break;
		case PACKAGE_FILE:
			rc = push_simple(r, ITEM_FILE, &e);
			break;
		case PACKAGE_JOB:
			rc = read_job(r, &e, &err);
			break;
		case PACKAGE_COMPLETE:
			rc = push_simple(r, ITEM_COMPLETE, &e);
			break;
		case PACKAGE_END_OF_INPUT:
			push_simple(r, ITEM_END, &e);
			break;
		}
	} while (rc == 0 && event != PACKAGE_END_OF_INPUT);
	if (rc && (it = item_new(r, ITEM_ERROR))) {
		it->err = err;
		item_push(r, it);
	}
	return NULL;
}

struct reader *
reader_new(struct package_in *in, unsigned depth, size_t block_size,
    bool skip_large)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->in = in;
	r->depth = depth;
	r->block_size = block_size;
	r->skip_large = skip_large;
	r->tail = &r->head;
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->ready, NULL);
	pthread_cond_init(&r->room, NULL);
	if (pthread_create(&r->thread, NULL, reader_main, r)) {
		struct item *it = item_new(r, ITEM_ERROR);

		error_set(&it->err, ERR_IO, "cannot start a thread");
		item_push(r, it);
		r->joined = true;
	}
	return r;
}

void
reader_free(struct reader *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->mutex);
	r->stop = true;
	pthread_cond_broadcast(&r->room);
	pthread_mutex_unlock(&r->mutex);
	if (!r->joined)
		pthread_join(r->thread, NULL);
	while (r->head) {
		struct item *it = r->head;

		r->head = it->next;
		item_free(r, it);
	}
	while (r->spare) {
		struct item *it = r->spare;

		r->spare = it->next;
		free(it->block.data);
		free(it);
	}
	package_in_free(r->in);
	pthread_mutex_destroy(&r->mutex);
	pthread_cond_destroy(&r->ready);
	pthread_cond_destroy(&r->room);
	free(r->carry);
	free(r);
}
