/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/pool.h"

#include "common/mem.h"
#include "common/msg.h"

#include <pthread.h>
#include <stdlib.h>

enum unit_state {
	UNIT_WAITS,
	UNIT_RUNS,
	UNIT_DONE,
};

struct shared {
	const struct pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned char *state; /* of each unit */
	size_t first;         /* none before it waits */
	bool failed;
	struct error err;
};

struct worker {
	struct shared *shared;
	void *own;
	pthread_t thread;
	bool started;
};

static bool
group_is_free(const struct shared *s, size_t unit)
{
	const size_t *group = s->pool->group;

	for (size_t i = 0; group && i < s->pool->units; i++)
		if (s->state[i] == UNIT_RUNS && group[i] == group[unit])
			return false;
	return true;
}

/* The next unit, or pool.units: nothing is left. Called with the lock. */
static size_t
take(struct shared *s)
{
	for (;;) {
		bool waits = false;

		while (s->first < s->pool->units &&
		    s->state[s->first] != UNIT_WAITS)
			s->first++;
		for (size_t i = s->first; i < s->pool->units && !s->failed;
		     i++) {
			if (s->state[i] != UNIT_WAITS)
				continue;
			if (group_is_free(s, i)) {
				s->state[i] = UNIT_RUNS;
				return i;
			}
			waits = true;
		}
		if (!waits || s->failed)
			return s->pool->units;
		pthread_cond_wait(&s->ended, &s->lock);
	}
}

static void
work(struct worker *w)
{
	struct shared *s = w->shared;
	struct error err = { 0 };
	size_t unit;
	int rc = 0;

	while (rc == 0) {
		pthread_mutex_lock(&s->lock);
		unit = take(s);
		pthread_mutex_unlock(&s->lock);
		if (unit == s->pool->units)
			return;
		rc = s->pool->run(w->own, unit, &err);
		pthread_mutex_lock(&s->lock);
		s->state[unit] = UNIT_DONE;
		if (rc < 0 && !s->failed) {
			s->failed = true;
			s->err = err;
		}
		pthread_cond_broadcast(&s->ended);
		pthread_mutex_unlock(&s->lock);
	}
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	struct error err = { 0 };

	if (w->shared->pool->start(w->own, &err) < 0)
		msg_info("going on with fewer workers: %s", err.msg);
	else
		work(w);
	return NULL;
}

int
pool_run(const struct pool *p, struct error *err)
{
	struct shared s = { .pool = p };
	struct worker *workers = xcalloc(p->workers, sizeof(*workers));
	int rc = 0;

	s.state = xcalloc(p->units + 1, 1);
	pthread_mutex_init(&s.lock, NULL);
	pthread_cond_init(&s.ended, NULL);
	for (size_t i = 0; i < p->workers; i++) {
		workers[i].shared = &s;
		workers[i].own = p->own[i];
		workers[i].started = i &&
		    !pthread_create(&workers[i].thread, NULL, run, &workers[i]);
	}
	work(&workers[0]);
	for (size_t i = 1; i < p->workers; i++)
		if (workers[i].started)
			pthread_join(workers[i].thread, NULL);
	if (s.failed) {
		*err = s.err;
		rc = -1;
	}
	pthread_cond_destroy(&s.ended);
	pthread_mutex_destroy(&s.lock);
	free(s.state);
	free(workers);
	return rc;
}
