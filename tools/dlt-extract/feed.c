/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/feed.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/timestamp.h"
#include "tools/dlt-extract/channel.h"
#include "tools/dlt-extract/input_kind.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One slot of the ring between the reading thread and its consumer. */
struct slot {
	char *data;
	struct buf kept;
	struct feed_block block;
};

struct feed {
	struct input_context in;
	const char **inputs;
	size_t count;
	size_t block_size;
	struct slot *slots;
	unsigned slot_count;
	uint64_t max_expansion;
	pthread_t thread;
	bool started;
	bool returns; /* the reader can always be told to */
	struct arena names;
	struct buf described; /* before the first block */
	const struct feed_part **parts;
	size_t part_count, part_cap;
	size_t first_part; /* of the input */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned head, used; /* slots [head, head + used) are full */
	bool held;           /* the consumer works on slot `head` */
	bool done, failed, stop;
	bool whole;     /* done, before anybody said stop */
	double until;   /* 0: for ever */
	bool abandoned; /* the reader is to free all when it ends */
	struct error err;
	/* the input that is being read, for who wants its reader back */
	const struct input_kind *kind;
	void *input;               /* NULL: none */
	uint64_t decoded, allowed; /* its bytes */
};

/* The parent's channel has room again. */
static void
look_again(void *arg)
{
	struct feed *f = arg;

	pthread_mutex_lock(&f->lock);
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

struct feed *
feed_new(const struct input_context *in, const char *const *inputs,
    size_t count, size_t block_size, unsigned blocks, uint64_t max_expansion)
{
	struct feed *f = xcalloc(1, sizeof(*f));

	/* copies: an abandoned reader outlives the caller's */
	f->inputs = arena_alloc(&f->names, count * sizeof(*f->inputs));
	f->returns = true;
	for (size_t i = 0; i < count; i++) {
		f->inputs[i] = arena_strdup(&f->names, inputs[i]);
		f->returns &= input_kind_of(inputs[i])->cancel != NULL;
	}
	f->in = *in;
	f->in.resource = arena_strdup(&f->names, in->resource);
	f->count = count;
	f->max_expansion = max_expansion;
	f->block_size = block_size;
	f->slot_count = blocks;
	f->slots = xcalloc(blocks, sizeof(*f->slots));
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	if (in->parent != NULL)
		channel_watch(in->parent, look_again, f);
	return f;
}

/* The next free slot, or NULL when the consumer wants no more. */
static struct slot *
wait_for_slot(struct feed *f)
{
	struct slot *s = NULL;

	pthread_mutex_lock(&f->lock);
	while (f->used == f->slot_count && !f->stop)
		pthread_cond_wait(&f->changed, &f->lock);
	if (!f->stop)
		s = &f->slots[(f->head + f->used) % f->slot_count];
	pthread_mutex_unlock(&f->lock);
	if (s != NULL && s->data == NULL)
		s->data = xaligned(f->block_size);
	return s;
}

static void
push_slot(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->used++;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static int
count_bytes(struct feed *f, const char *name, size_t n, struct error *err)
{
	f->decoded += n;
	if (f->decoded <= f->allowed)
		return 0;
	return error_set(err, ERR_DATA,
	    "%s: more than %llu times the size of the file has come out of it; "
	    "extract.max_expansion allows more, 0 any number",
	    name, (unsigned long long)f->max_expansion);
}

/* What the open member belongs to; *name: of the member. */
static const struct feed_part *
find_part(struct feed *f, const char **name)
{
	struct input_part in;
	struct feed_part *part;
	size_t i;

	if (f->kind->part == NULL || !f->kind->part(f->input, &in)) {
		*name = arena_strdup(&f->names, *name);
		return NULL;
	}
	i = f->first_part + in.number;
	if (i == f->part_count) {
		f->parts = xgrow(f->parts, &f->part_cap, i + 1,
		    sizeof(struct feed_part *));
		part = arena_alloc(&f->names, sizeof(*part));
		*part = (struct feed_part){ .index = i,
			.table = arena_strdup(&f->names, in.table),
			.described = arena_strdup(&f->names, in.described),
			.name = arena_strdup(&f->names, *name) };
		f->parts[f->part_count++] = part;
	}
	*name = f->parts[i]->name;
	return f->parts[i];
}

/* One member of an input: 1 done, 0 stopped, -1. */
static int
feed_member(struct feed *f, const char *name, struct error *err)
{
	const struct feed_part *part = find_part(f, &name);
	bool begin = true;

	for (;;) {
		struct slot *s = wait_for_slot(f);
		long n;

		if (s == NULL)
			return 0;
		n = f->kind->read(f->input, s->data, f->block_size, err);
		if (n < 0 || count_bytes(f, name, (size_t)n, err) < 0)
			return -1;
		s->block = (struct feed_block){
			.data = s->data,
			.len = (size_t)n,
			.name = name,
			.begin = begin,
			.end = n == 0,
			.typed = f->kind->typed ||
			    json_get_bool(f->in.declared, "typed", false),
			.part = part,
		};
		buf_reset(&s->kept);
		if (n == 0 && f->kind->kept != NULL)
			f->kind->kept(f->input, &s->kept);
		if (s->kept.len != 0)
			s->block.kept = buf_str(&s->kept);
		begin = false;
		push_slot(f);
		if (n == 0)
			return 1;
	}
}

static void
set_allowed(struct feed *f, const struct input_kind *kind, void *input)
{
	uint64_t stored = kind->stored != NULL ? kind->stored(input) : 0;

	f->decoded = 0;
	f->allowed = UINT64_MAX;
	if (stored == 0 || f->max_expansion == 0 ||
	    stored > UINT64_MAX / 2 / f->max_expansion)
		return;
	f->allowed = stored * f->max_expansion;
	if (f->allowed < FEED_FREE_BYTES)
		f->allowed = FEED_FREE_BYTES;
}

/* cancel() may be called from now on. 0: nobody wants the input any more. */
static int
begin_input(struct feed *f, const struct input_kind *kind, void *input)
{
	pthread_mutex_lock(&f->lock);
	f->kind = kind;
	f->input = f->stop ? NULL : input;
	pthread_mutex_unlock(&f->lock);
	return f->input != NULL;
}

static void
end_input(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->input = NULL;
	pthread_mutex_unlock(&f->lock);
}

static int
feed_input(struct feed *f, const char *text, struct error *err)
{
	const struct input_kind *kind = input_kind_of(text);
	const char *name;
	void *input;
	int rc = 0;

	f->in.text = text;
	f->first_part = f->part_count;
	input = kind->open(&f->in, err);
	if (input == NULL)
		return -1;
	set_allowed(f, kind, input);
	if (begin_input(f, kind, input)) {
		while ((rc = kind->next(input, &name, err)) > 0) {
			if (kind->describe != NULL && f->count == 1)
				kind->describe(input, &f->described);
			rc = feed_member(f, name, err);
			if (rc <= 0)
				break;
		}
		end_input(f);
	}
	kind->close(input);
	return rc < 0 ? -1 : 0;
}

/* A feed at its end keeps its names only. */
static void
free_slots(struct feed *f)
{
	for (unsigned i = 0; i < f->slot_count; i++) {
		free(f->slots[i].data);
		buf_release(&f->slots[i].kept);
	}
	free(f->slots);
	f->slots = NULL;
	f->slot_count = 0;
}

static void
destroy(struct feed *f)
{
	free_slots(f);
	free(f->parts);
	arena_release(&f->names);
	buf_release(&f->described);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static void *
reader(void *arg)
{
	struct feed *f = arg;
	struct error err = { 0 };
	bool failed = false, abandoned;

	for (size_t i = 0; i < f->count && !failed; i++) {
		failed = feed_input(f, f->inputs[i], &err) < 0;
		pthread_mutex_lock(&f->lock);
		if (f->stop)
			i = f->count - 1;
		pthread_mutex_unlock(&f->lock);
	}
	pthread_mutex_lock(&f->lock);
	f->done = true;
	f->failed = failed;
	f->whole = !failed && !f->stop;
	f->err = err;
	pthread_cond_signal(&f->changed);
	abandoned = f->abandoned;
	pthread_mutex_unlock(&f->lock);
	if (abandoned)
		destroy(f);
	return NULL;
}

/* May the reader be waiting for rows that nobody else can bring? */
static bool
is_starved(struct feed *f)
{
	struct channel *c = f->in.parent;

	return c != NULL && !channel_is_full(c) && !channel_is_closed(c);
}

static bool
is_over(const struct feed *f)
{
	return f->until > 0 && time_monotonic() >= f->until;
}

/* Under the lock. */
static void
stop_reader(struct feed *f)
{
	f->stop = true;
	if (f->input != NULL && f->kind->cancel != NULL)
		f->kind->cancel(f->input);
	pthread_cond_signal(&f->changed);
}

/* Wait for a block or the end; wakes up now and then to look for signals,
 * because the reader may hang in a read. */
static int
wait_for_block(struct feed *f, struct error *err)
{
	while (f->used == 0 && !f->done) {
		struct timespec until;

		if (f->stop)
			return 3;
		if (is_over(f)) {
			stop_reader(f);
			continue;
		}
		if (is_starved(f))
			return 2;
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&f->changed, &f->lock, &until);
	}
	return 0;
}

static int
take_block(struct feed *f, struct feed_block *b, struct error *err)
{
	int rc;

	if (f->held) {
		f->head = (f->head + 1) % f->slot_count;
		f->used--;
		f->held = false;
		pthread_cond_signal(&f->changed);
	}
	rc = wait_for_block(f, err);
	if (rc != 0)
		return rc;
	if (f->used != 0) {
		*b = f->slots[f->head].block;
		f->held = true;
		return 1;
	}
	/* what a program says that was killed is no news */
	if (f->stop && !f->whole)
		return 3;
	if (!f->failed) {
		free_slots(f);
		return 0;
	}
	*err = f->err;
	return -1;
}

void
feed_until(struct feed *f, double moment)
{
	f->until = moment;
}

int
feed_start(struct feed *f, struct error *err)
{
	if (f->started)
		return 0;
	if (pthread_create(&f->thread, NULL, reader, f) != 0)
		return error_errno(err, "cannot start a thread");
	f->started = true;
	return 0;
}

int
feed_next(struct feed *f, struct feed_block *b, struct error *err)
{
	int rc;

	if (feed_start(f, err) < 0)
		return -1;
	pthread_mutex_lock(&f->lock);
	rc = take_block(f, b, err);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

const char *
feed_described(struct feed *f)
{
	return f->described.len == 0 ? NULL : buf_str(&f->described);
}

void
feed_stop(struct feed *f)
{
	if (f == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	stop_reader(f);
	pthread_mutex_unlock(&f->lock);
}

void
feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	feed_stop(f);
	if (f->started)
		pthread_join(f->thread, NULL);
	destroy(f);
}

void
feed_abandon(struct feed *f)
{
	pthread_t thread;
	bool done;

	if (f == NULL)
		return;
	feed_stop(f);
	pthread_mutex_lock(&f->lock);
	done = f->done || !f->started || f->returns ||
	    (f->input != NULL && f->kind->cancel != NULL);
	f->abandoned = !done;
	thread = f->thread;
	pthread_mutex_unlock(&f->lock);
	if (done)
		feed_free(f);
	else
		pthread_detach(thread);
}
