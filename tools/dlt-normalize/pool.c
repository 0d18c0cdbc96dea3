/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/mem.h"

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t work; /* a task is there, or stop */
	pthread_cond_t done; /* a task has ended */
	struct task *head, **tail;
	pthread_t *threads;
	unsigned count;
	unsigned started;
	bool stop;
};

static void *
worker_main(void *arg)
{
	struct pool *p = arg;
	unsigned number;

	pthread_mutex_lock(&p->mutex);
	number = p->started++;
	for (;;) {
		struct task *t = p->head;

		if (!t) {
			if (p->stop)
				break;
			pthread_cond_wait(&p->work, &p->mutex);
			continue;
		}
		p->head = t->next;
		if (!p->head)
			p->tail = &p->head;
		pthread_mutex_unlock(&p->mutex);
		t->run(t, number);
		pthread_mutex_lock(&p->mutex);
		t->done = true;
		pthread_cond_broadcast(&p->done);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

struct pool *
pool_new(unsigned workers)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	p->tail = &p->head;
	p->threads = xcalloc(workers, sizeof(*p->threads));
	for (; p->count < workers; p->count++)
		if (pthread_create(&p->threads[p->count], NULL, worker_main, p))
			break;
	return p;
}

void
pool_free(struct pool *p)
{
	unsigned i;

	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->mutex);
	for (i = 0; i < p->count; i++)
		pthread_join(p->threads[i], NULL);
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->done);
	free(p->threads);
	free(p);
}

unsigned
pool_size(const struct pool *p)
{
	return p->count;
}

void
pool_submit(struct pool *p, struct task *t)
{
	t->next = NULL;
	t->done = false;
	pthread_mutex_lock(&p->mutex);
	*p->tail = t;
	p->tail = &t->next;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->mutex);
}

void
pool_wait(struct pool *p, struct task *t)
{
	pthread_mutex_lock(&p->mutex);
	while (!t->done)
		pthread_cond_wait(&p->done, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
}

bool
pool_is_done(struct pool *p, struct task *t)
{
	bool done;

	pthread_mutex_lock(&p->mutex);
	done = t->done;
	pthread_mutex_unlock(&p->mutex);
	return done;
}
