/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/rowpipe.h"

#include "common/output.h"
#include "common/parquet.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

struct rowpipe {
	struct rowpipe_job job;
	struct checksum *sum;
	struct decoder decoder;
	struct buf carry; /* the begin of a row that goes on */

	pthread_t thread;
	bool started;
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
read_summed(void *arg, void *data, size_t len, struct error *err)
{
	struct rowpipe *p = arg;
	long n = p->job.source(p->job.arg, data, len, err);

	if (n > 0)
		checksum_add(p->sum, data, (size_t)n);
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

/* Fill up with a block, or as much as is there: what is cut at the end is then
 * looked at but a few times. Returns 1 when more may follow, 0 at the end, -1. */
static int
fill(struct batch *b, struct zin *in, struct error *err)
{
	size_t want = b->text.len + (b->text.len > BLOCK ? b->text.len : BLOCK);

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

/* ---- parquet ---- */

static int
spool_all(int fd, struct zin *in, struct error *err)
{
	char *block = xmalloc(BLOCK);
	long n, at = 0;

	while ((n = zin_read(in, block, BLOCK, err)) > 0) {
		for (at = 0; at < n;) {
			ssize_t put = write(fd, block + at, (size_t)(n - at));

			if (put < 0 && errno != EINTR)
				break;
			at += put > 0 ? put : 0;
		}
		if (at < n)
			break;
	}
	free(block);
	if (n > 0)
		return error_errno(err, "a temporary file");
	return n < 0 ? -1 : 0;
}

/* The rows of the file as batches of jsonl. */
static int
run_rows(struct rowpipe *p, struct parquet_in *in, struct error *err)
{
	struct parquet_rows rows = { 0 };
	struct batch *b;
	size_t used;
	int rc;

	while ((rc = parquet_next(in, &rows, err)) > 0) {
		b = take_unused(p);
		if (!b)
			break;
		buf_add(&b->text, rows.data.data, rows.data.len);
		buf_reserve(&b->text, SCAN_SLACK);
		memset(b->text.data + b->text.len, 0, SCAN_SLACK);
		rc = decode_batch(&p->decoder, b, true, &used, err);
		hand_over(p, b);
		if (rc < 0)
			break;
	}
	parquet_rows_release(&rows);
	return rc < 0 ? -1 : 0;
}

static int
check_columns(const struct rowpipe *p, const struct parquet_in *in,
    struct error *err)
{
	const char *name = parquet_stranger(in);

	if (!name)
		return 0;
	return error_set(err, ERR_DATA, "\"%s\" is no column of table \"%s\"",
	    name, p->job.table->name);
}

/* DuckDB reads files, and parquet from its end: all of it goes into one that
 * is gone when it is closed. */
static int
run_parquet(struct rowpipe *p, struct zin *bytes, struct error *err)
{
	struct parquet_in *in = NULL;
	char *path = NULL;
	int rc = -1, fd = -1;

	if (parquet_check(err) < 0)
		goto out;
	fd = temp_file(err);
	if (fd < 0)
		goto out;
	path = xasprintf("/proc/self/fd/%d", fd);
	if (spool_all(fd, bytes, err) < 0)
		goto out;
	in = parquet_open(path, p->job.schema, p->job.table, err);
	if (in && check_columns(p, in, err) == 0)
		rc = run_rows(p, in, err);
out:
	parquet_free(in);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

/* ---- the thread ---- */

static int
run_job(struct rowpipe *p, struct error *err)
{
	struct zin *in = zin_new(read_summed, p);
	struct batch *b;
	int more = 1;

	if (p->job.set.format == DECODE_PARQUET)
		more = run_parquet(p, in, err);
	while (more > 0 && (b = take_unused(p))) {
		more = make_batch(p, b, in, err);
		hand_over(p, b);
	}
	zin_free(in);
	return more < 0 ? -1 : 0;
}

static int
run_sum(struct rowpipe *p, struct error *err)
{
	char *block = xmalloc(BLOCK);
	long n;

	do {
		n = read_summed(p, block, BLOCK, err);
	} while (n > 0);
	free(block);
	return n < 0 ? -1 : 0;
}

static void *
run(void *arg)
{
	struct rowpipe *p = arg;
	int rc = p->job.table ? run_job(p, &p->err) : run_sum(p, &p->err);

	pthread_mutex_lock(&p->lock);
	p->failed = rc < 0;
	p->ended = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct rowpipe *
rowpipe_start(const struct rowpipe_job *job)
{
	struct rowpipe *p = xcalloc(1, sizeof(*p));

	p->job = *job;
	p->sum = checksum_new(job->checksums);
	if (job->table)
		decoder_init(&p->decoder, job->table, job->values, &job->set);
	for (size_t i = 0; i < ROWPIPE_BATCHES; i++)
		p->unused[p->unused_count++] = &p->batches[i];
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->started = pthread_create(&p->thread, NULL, run, p) == 0;
	if (!p->started) {
		error_errno(&p->err, "cannot start a thread");
		p->failed = p->ended = p->stop = true;
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

const struct checksum *
rowpipe_checksum(const struct rowpipe *p)
{
	return p->sum;
}

void
rowpipe_free(struct rowpipe *p)
{
	bool started;

	if (!p)
		return;
	started = p->started;
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
	if (p->job.table)
		decoder_release(&p->decoder);
	buf_release(&p->carry);
	checksum_free(p->sum);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p);
}
