/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_limit.h"

#include "common/mem.h"
#include "common/output.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* A signal's handler wakes nobody up: so often it is looked for. */
#define LOOK_S 0.2

struct rest_limit {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	long max, used;
	double interval; /* between two beginnings, seconds */
	double next;     /* when the next one may be */
};

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct rest_limit *
rest_limit_new(long max, double per_second)
{
	struct rest_limit *l = xcalloc(1, sizeof(*l));
	pthread_condattr_t attr;

	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	l->max = max;
	l->interval = per_second > 0 ? 1 / per_second : 0;
	return l;
}

void
rest_limit_free(struct rest_limit *l)
{
	if (l == NULL)
		return;
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static bool
is_stopped(const atomic_bool *stop)
{
	return signal_pending() || (stop != NULL && atomic_load(stop));
}

static int
quiet(struct error *err)
{
	return error_set(err, ERR_QUIET, "interrupted");
}

/* With the lock held. */
static void
wait_until(struct rest_limit *l, double when)
{
	double look = now_s() + LOOK_S;
	struct timespec ts;

	if (when > look)
		when = look;
	ts.tv_sec = (time_t)when;
	ts.tv_nsec = (long)((when - (double)ts.tv_sec) * 1e9);
	pthread_cond_timedwait(&l->changed, &l->lock, &ts);
}

static int
wait_locked(struct rest_limit *l, double until, const atomic_bool *stop,
    struct error *err)
{
	while (!is_stopped(stop)) {
		if (now_s() >= until)
			return 0;
		wait_until(l, until);
	}
	return quiet(err);
}

int
rest_limit_take(struct rest_limit *l, const atomic_bool *stop,
    struct error *err)
{
	double now, at;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	while (l->max > 0 && l->used >= l->max && !is_stopped(stop))
		wait_until(l, now_s() + LOOK_S);
	if (is_stopped(stop)) {
		rc = quiet(err);
	} else {
		l->used++;
		now = now_s();
		at = l->next > now ? l->next : now;
		l->next = at + l->interval;
		if (l->interval > 0)
			rc = wait_locked(l, at, stop, err);
		if (rc < 0) {
			l->used--;
			pthread_cond_broadcast(&l->changed);
		}
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

void
rest_limit_give(struct rest_limit *l)
{
	pthread_mutex_lock(&l->lock);
	l->used--;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void
rest_limit_wake(struct rest_limit *l)
{
	pthread_mutex_lock(&l->lock);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

int
rest_limit_pause(struct rest_limit *l, double seconds, const atomic_bool *stop,
    struct error *err)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = wait_locked(l, now_s() + seconds, stop, err);
	pthread_mutex_unlock(&l->lock);
	return rc;
}
