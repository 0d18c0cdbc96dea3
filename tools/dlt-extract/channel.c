/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/channel.h"

#include "common/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct item {
	struct item *next;
	size_t len;
	char data[];
};

struct channel {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct item *first, **last;
	size_t rows, bytes;
	bool closed, cancelled;
	void (*changed)(void *arg);
	void *arg;
};

struct channel *
channel_new(void)
{
	struct channel *c = xcalloc(1, sizeof(*c));

	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->filled, NULL);
	c->last = &c->first;
	return c;
}

/* The oldest item, or NULL; the lock is held. */
static struct item *
pop(struct channel *c)
{
	struct item *i = c->first;

	if (i == NULL)
		return NULL;
	c->first = i->next;
	if (c->first == NULL)
		c->last = &c->first;
	c->rows--;
	c->bytes -= i->len;
	return i;
}

void
channel_free(struct channel *c)
{
	struct item *i;

	if (c == NULL)
		return;
	while ((i = pop(c)) != NULL)
		free(i);
	pthread_cond_destroy(&c->filled);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

bool
channel_is_full(struct channel *c)
{
	bool full;

	pthread_mutex_lock(&c->lock);
	full = !c->cancelled &&
	    (c->rows >= CHANNEL_ROWS || c->bytes >= CHANNEL_BYTES);
	pthread_mutex_unlock(&c->lock);
	return full;
}

void
channel_put(struct channel *c, const char *data, size_t len)
{
	struct item *i = xmalloc(sizeof(*i) + len);

	i->next = NULL;
	i->len = len;
	memcpy(i->data, data, len);
	pthread_mutex_lock(&c->lock);
	if (c->cancelled) {
		free(i);
	} else {
		*c->last = i;
		c->last = &i->next;
		c->rows++;
		c->bytes += len;
		pthread_cond_broadcast(&c->filled);
	}
	pthread_mutex_unlock(&c->lock);
}

void
channel_close(struct channel *c)
{
	pthread_mutex_lock(&c->lock);
	c->closed = true;
	pthread_cond_broadcast(&c->filled);
	pthread_mutex_unlock(&c->lock);
}

bool
channel_is_closed(struct channel *c)
{
	bool closed;

	pthread_mutex_lock(&c->lock);
	closed = c->closed || c->cancelled;
	pthread_mutex_unlock(&c->lock);
	return closed;
}

int
channel_take(struct channel *c, bool wait, struct buf *row, struct error *err)
{
	struct item *i = NULL;
	int rc;

	pthread_mutex_lock(&c->lock);
	while (wait && c->first == NULL && !c->closed && !c->cancelled)
		pthread_cond_wait(&c->filled, &c->lock);
	if (c->cancelled)
		rc = error_set(err, ERR_QUIET, "interrupted");
	else if ((i = pop(c)) != NULL)
		rc = 1;
	else
		rc = c->closed ? 0 : 2;
	pthread_mutex_unlock(&c->lock);
	if (i == NULL)
		return rc;
	buf_reset(row);
	buf_add(row, i->data, i->len);
	free(i);
	if (c->changed != NULL)
		c->changed(c->arg);
	return 1;
}

void
channel_cancel(struct channel *c)
{
	pthread_mutex_lock(&c->lock);
	c->cancelled = true;
	pthread_cond_broadcast(&c->filled);
	pthread_mutex_unlock(&c->lock);
}

void
channel_watch(struct channel *c, void (*changed)(void *arg), void *arg)
{
	c->changed = changed;
	c->arg = arg;
}
