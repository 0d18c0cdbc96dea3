/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_crew.h"

#include "common/mem.h"

#include <pthread.h>
#include <stdlib.h>

/* What a row may gather before it is its turn. */
#define SLOT_BYTES ((size_t)8 << 20)

struct slot {
	struct buf out;
	bool done, failed;
	struct error err;
};

struct rest_crew {
	const struct rest_job *job;
	struct rest_caller *caller;
	struct channel *parent;
	pthread_t *threads;
	long started, workers, slot_count;
	struct slot *slots; /* row i is in slots[i % slot_count] */
	/* Held by who takes a row, so that they are numbered in their order.
	 * Not by who cancels. */
	pthread_mutex_t taking;
	pthread_mutex_t lock; /* of what follows, and of the slots */
	pthread_cond_t changed;
	size_t head, tail; /* rows [head, tail) are worked on */
	bool ended, stop;
};

struct rest_crew *
rest_crew_new(const struct rest_job *job, struct rest_caller *caller,
    struct channel *parent, long workers, long max_items)
{
	struct rest_crew *c = xcalloc(1, sizeof(*c));

	c->job = job;
	c->caller = caller;
	c->parent = parent;
	c->workers = workers < max_items ? workers : max_items;
	c->slot_count = max_items;
	c->slots = xcalloc((size_t)max_items, sizeof(*c->slots));
	c->threads = xcalloc((size_t)c->workers, sizeof(*c->threads));
	pthread_mutex_init(&c->taking, NULL);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	return c;
}

/* 1: *row is number *at; 0: there is no more to do. */
static int
take_row(struct rest_crew *c, struct buf *row, size_t *at)
{
	struct error ignored;
	bool go;
	int rc;

	pthread_mutex_lock(&c->lock);
	while (!c->stop && !c->ended &&
	    c->tail - c->head == (size_t)c->slot_count)
		pthread_cond_wait(&c->changed, &c->lock);
	go = !c->stop && !c->ended;
	pthread_mutex_unlock(&c->lock);
	if (!go)
		return 0;
	rc = channel_take(c->parent, true, row, &ignored);
	pthread_mutex_lock(&c->lock);
	if (rc == 1) {
		*at = c->tail++;
	} else {
		c->ended = rc == 0;
		c->stop = c->stop || rc < 0;
	}
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return rc == 1;
}

/* Give the pages to who reads; waits while there are too many. */
static bool
hand_over(struct rest_crew *c, size_t at, struct buf *pages)
{
	struct slot *s = &c->slots[at % (size_t)c->slot_count];
	bool go;

	pthread_mutex_lock(&c->lock);
	while (!c->stop && s->out.len > SLOT_BYTES)
		pthread_cond_wait(&c->changed, &c->lock);
	if (s->out.len == 0) {
		struct buf b = s->out;

		s->out = *pages;
		*pages = b;
	} else {
		buf_add(&s->out, pages->data, pages->len);
	}
	buf_reset(pages);
	go = !c->stop;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return go;
}

static int
ask(struct rest_crew *c, size_t at, const struct buf *row, struct error *err)
{
	struct rest_series *s = rest_series_new(c->job, buf_str(row), row->len,
	    err);
	struct buf pages = { 0 };
	int rc = s == NULL ? -1 : 1;

	while (rc == 1) {
		rc = rest_series_next(s, c->caller, &pages, err);
		if (rc == 1 && pages.len != 0 && !hand_over(c, at, &pages))
			rc = error_set(err, ERR_QUIET, "interrupted");
	}
	buf_release(&pages);
	rest_series_free(s);
	return rc;
}

static void *
work(void *arg)
{
	struct rest_crew *c = arg;
	struct buf row = { 0 };
	size_t at = 0;

	for (;;) {
		struct error err = { 0 };
		struct slot *s;
		int rc;

		pthread_mutex_lock(&c->taking);
		rc = take_row(c, &row, &at);
		pthread_mutex_unlock(&c->taking);
		if (rc == 0)
			break;
		rc = ask(c, at, &row, &err);
		pthread_mutex_lock(&c->lock);
		s = &c->slots[at % (size_t)c->slot_count];
		s->done = true;
		s->failed = rc < 0;
		s->err = err;
		pthread_cond_broadcast(&c->changed);
		pthread_mutex_unlock(&c->lock);
	}
	buf_release(&row);
	return NULL;
}

static int
start(struct rest_crew *c, struct error *err)
{
	for (; c->started < c->workers; c->started++)
		if (pthread_create(&c->threads[c->started], NULL, work, c) != 0)
			return error_errno(err, "cannot start a thread");
	return 0;
}

/* 2: nothing yet. */
static int
read_slot(struct rest_crew *c, struct buf *out, struct error *err)
{
	struct slot *s = &c->slots[c->head % (size_t)c->slot_count];

	if (c->head == c->tail)
		return c->ended ? 0 : 2;
	if (s->out.len != 0) {
		buf_add(out, s->out.data, s->out.len);
		buf_reset(&s->out);
		pthread_cond_broadcast(&c->changed);
		return 1;
	}
	if (!s->done)
		return 2;
	if (s->failed) {
		*err = s->err;
		return -1;
	}
	buf_release(&s->out);
	*s = (struct slot){ .done = false };
	c->head++;
	pthread_cond_broadcast(&c->changed);
	return read_slot(c, out, err);
}

int
rest_crew_read(struct rest_crew *c, struct buf *out, struct error *err)
{
	int rc;

	if (c->started < c->workers && start(c, err) < 0)
		return -1;
	pthread_mutex_lock(&c->lock);
	while ((rc = read_slot(c, out, err)) == 2 && !c->stop)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return rc == 2 ? error_set(err, ERR_QUIET, "interrupted") : rc;
}

void
rest_crew_cancel(struct rest_crew *c)
{
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void
rest_crew_free(struct rest_crew *c)
{
	if (c == NULL)
		return;
	rest_crew_cancel(c);
	channel_cancel(c->parent);
	for (long i = 0; i < c->started; i++)
		pthread_join(c->threads[i], NULL);
	for (long i = 0; i < c->slot_count; i++)
		buf_release(&c->slots[i].out);
	free(c->slots);
	free(c->threads);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->taking);
	free(c);
}
