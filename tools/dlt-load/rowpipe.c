/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/rowpipe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)256 << 10)

struct rowpipe {
	zin_source source;
	void *arg;
	struct hash *hash;
	char checksum[HASH_HEX_LEN + 1];
	const struct table *table;
	struct decoder decoder;
	struct buf carry; /* the begin of a row that goes on */

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch batches[ROWPIPE_BATCHES];
	struct batch *ready[ROWPIPE_BATCHES]; /* in order */
	size_t ready_count;
	struct batch *unused[ROWPIPE_BATCHES];
	size_t unused_count;
	bool stop, ended, failed;
	struct error err;
};

static long
read_hashed(void *arg, void *data, size_t len, struct error *err)
{
	struct rowpipe *p = arg;
	long n = p->source(p->arg, data, len, err);

	if (n > 0)
		hash_update(p->hash, data, (size_t)n);
	return n;
}

static struct batch *
take_unused(struct rowpipe *p)
{
	struct batch *b = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->unused_count && !p->stop)
		pthread_cond_wait(&p->changed, &p->lock);
	if (!p->stop)
		b = p->unused[--p->unused_count];
	pthread_mutex_unlock(&p->lock);
	if (b) {
		b->rows.cell_count = b->rows.row_count = 0;
		buf_reset(&b->text);
		arena_reset(&b->arena);
	}
	return b;
}

static void
hand_over(struct rowpipe *p, struct batch *b)
{
	pthread_mutex_lock(&p->lock);
	if (b->rows.row_count)
		p->ready[p->ready_count++] = b;
	else
		p->unused[p->unused_count++] = b;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* Fill up with a block; returns 1 when more may follow, 0 at the end, -1. */
static int
fill(struct batch *b, struct zin *in, struct error *err)
{
	size_t want = b->text.len + BLOCK;

	while (b->text.len < want) {
		long n;

		buf_reserve(&b->text, want - b->text.len + SCAN_SLACK);
		n = zin_read(in, b->text.data + b->text.len, want - b->text.len,
		    err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		b->text.len += (size_t)n;
	}
	buf_reserve(&b->text, SCAN_SLACK);
	memset(b->text.data + b->text.len, 0, SCAN_SLACK);
	return b->text.len == want;
}

/* One batch: what was carried over, and blocks until a row is complete. */
static int
make_batch(struct rowpipe *p, struct batch *b, struct zin *in,
    struct error *err)
{
	size_t used = 0;
	int more;

	buf_add(&b->text, buf_str(&p->carry), p->carry.len);
	do {
		if (b->text.len > MAX_ROW)
			return error_set(err, ERR_DATA,
			    "%llu: row of more than %zu bytes",
			    (unsigned long long)p->decoder.line, MAX_ROW);
		more = fill(b, in, err);
		if (more < 0 ||
		    decode_batch(&p->decoder, b, !more, &used, err) < 0)
			return -1;
	} while (more && !used);
	buf_reset(&p->carry);
	buf_add(&p->carry, b->text.data + used, b->text.len - used);
	return more;
}

static int
run_job(struct rowpipe *p, struct error *err)
{
	struct zin *in = zin_new(read_hashed, p);
	struct batch *b;
	int more = 1;

	while (more > 0 && (b = take_unused(p))) {
		more = make_batch(p, b, in, err);
		hand_over(p, b);
	}
	zin_free(in);
	return more < 0 ? -1 : 0;
}

static int
run_hash(struct rowpipe *p, struct error *err)
{
	char *block = xmalloc(BLOCK);
	long n;

	do {
		n = read_hashed(p, block, BLOCK, err);
	} while (n > 0);
	free(block);
	return n < 0 ? -1 : 0;
}

static void *
run(void *arg)
{
	struct rowpipe *p = arg;
	int rc = p->table ? run_job(p, &p->err) : run_hash(p, &p->err);

	hash_final_hex(p->hash, p->checksum);
	pthread_mutex_lock(&p->lock);
	p->failed = rc < 0;
	p->ended = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct rowpipe *
rowpipe_start(zin_source source, void *arg, const struct table *table,
    const struct dest_values *values, enum decode_format format)
{
	struct rowpipe *p = xcalloc(1, sizeof(*p));

	p->source = source;
	p->arg = arg;
	p->table = table;
	p->hash = hash_sha256_new();
	if (table)
		decoder_init(&p->decoder, table, values, format);
	for (size_t i = 0; i < ROWPIPE_BATCHES; i++)
		p->unused[p->unused_count++] = &p->batches[i];
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	if (pthread_create(&p->thread, NULL, run, p)) {
		error_errno(&p->err, "cannot start a thread");
		p->failed = p->ended = p->stop = true;
		hash_free(p->hash);
		p->hash = NULL;
	}
	return p;
}

int
rowpipe_next(struct rowpipe *p, struct batch **b, struct error *err)
{
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (!p->ready_count && !p->ended)
		pthread_cond_wait(&p->changed, &p->lock);
	if (p->ready_count) {
		*b = p->ready[0];
		p->ready_count--;
		memmove(p->ready, p->ready + 1,
		    p->ready_count * sizeof(*p->ready));
		rc = 1;
	} else if (p->failed) {
		*err = p->err;
		rc = -1;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void
rowpipe_done(struct rowpipe *p, struct batch *b)
{
	pthread_mutex_lock(&p->lock);
	p->unused[p->unused_count++] = b;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

const char *
rowpipe_checksum(const struct rowpipe *p)
{
	return p->checksum;
}

void
rowpipe_free(struct rowpipe *p)
{
	bool started;

	if (!p)
		return;
	started = p->hash != NULL;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	if (started)
		pthread_join(p->thread, NULL);
	for (size_t i = 0; i < ROWPIPE_BATCHES; i++) {
		free(p->batches[i].rows.cells);
		free(p->batches[i].rows.rows);
		buf_release(&p->batches[i].text);
		arena_release(&p->batches[i].arena);
	}
	if (p->table)
		decoder_release(&p->decoder);
	buf_release(&p->carry);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p);
}
