/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jobwriter.h"
#include "common/mem.h"

/* A little less than a power of two, so that a buffer need not double. */
#define FRAME_SIZE      (((size_t)1 << 20) - 256)
#define STREAM_JOBS_MAX ((size_t)12 << 20) /* of open jobs in memory */
#define SPARE_BUFFERS   4
#define COPY_BLOCK      ((size_t)256 << 10)

/* What a table has under way. */
struct track {
	struct table *table;
	struct rotation rotation;
	struct buf frame; /* rows not yet handed to the pool */
	uint64_t frame_rows;
	bool any; /* a file of this table was begun */
	bool whole; /* a file was taken as it is */
	uint64_t rows;
	/* of the assembler, behind the frames */
	struct job_out *job;
	uint64_t job_rows;
};

struct frame {
	struct task task; /* first: a task is a frame */
	struct writer *writer;
	struct track *track;
	struct buf raw, packed;
	uint64_t rows;
	bool ends_file;
	bool failed;
	struct error err;
	struct frame *next;
};

/* Large buffers that are used again: to give them back to the system and to
 * get them anew would cost more than what is done with them. */
struct spares {
	struct buf items[SPARE_BUFFERS];
	size_t count;
};

struct writer {
	struct writer_config cfg;
	struct track **tracks;
	size_t track_count, track_cap;
	struct compressor **compressors; /* one a worker */
	struct frame *head, **tail;      /* under way, in order */
	size_t in_flight;
	size_t pending;      /* bytes in frames of tracks */
	size_t stream_bytes; /* bytes in open jobs of a stream */
	struct spares raw, packed;
};

struct writer *
writer_new(const struct writer_config *cfg)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	unsigned i;

	w->cfg = *cfg;
	w->tail = &w->head;
	w->compressors = xcalloc(pool_size(cfg->pool),
	    sizeof(struct compressor *));
	for (i = 0; i < pool_size(cfg->pool); i++)
		w->compressors[i] = compressor_new(cfg->codec);
	return w;
}

static void
spare_put(struct spares *s, struct buf *b)
{
	if (s->count == SPARE_BUFFERS || b->cap < FRAME_SIZE / 4) {
		buf_release(b);
		return;
	}
	buf_reset(b);
	s->items[s->count++] = *b;
	*b = (struct buf){ 0 };
}

static struct buf
spare_take(struct spares *s)
{
	return s->count ? s->items[--s->count] : (struct buf){ 0 };
}

static void
spares_release(struct spares *s)
{
	while (s->count)
		buf_release(&s->items[--s->count]);
}

static struct track *
track_of(struct writer *w, struct table *t)
{
	struct track *tr;
	size_t i;

	for (i = 0; i < w->track_count; i++)
		if (w->tracks[i]->table == t)
			return w->tracks[i];
	tr = xcalloc(1, sizeof(*tr));
	tr->table = t;
	rotation_init(&tr->rotation, &w->cfg.rotation);
	w->tracks = xgrow(w->tracks, &w->track_cap, w->track_count + 1,
	    sizeof(*w->tracks));
	w->tracks[w->track_count++] = tr;
	return tr;
}

static void
compress_frame(struct task *task, unsigned worker)
{
	struct frame *f = (struct frame *)task;

	if (!f->raw.len && !f->ends_file)
		return;
	if (compressor_frame(f->writer->compressors[worker],
	        f->raw.data ? f->raw.data : "", f->raw.len, &f->packed,
	        &f->err))
		f->failed = true;
}

/* ---- assembling ---- */

static int
close_job(struct writer *w, struct track *t, struct error *err)
{
	struct job_out *job = t->job;

	if (!job)
		return 0;
	if (package_out_is_stream(w->cfg.out)) {
		if (w->cfg.before_job(w->cfg.arg, err))
			return -1;
		w->stream_bytes -= job_out_size(job);
	}
	t->job = NULL;
	return job_out_close(job, t->job_rows, NULL, err);
}

/* In a stream, open jobs are in memory: no more than a bounded sum. */
static int
bound_stream(struct writer *w, struct error *err)
{
	while (w->stream_bytes > STREAM_JOBS_MAX) {
		struct track *most = NULL;
		size_t i;

		for (i = 0; i < w->track_count; i++) {
			struct track *t = w->tracks[i];

			if (t->job &&
			    (!most ||
			        job_out_size(t->job) > job_out_size(most->job)))
				most = t;
		}
		if (close_job(w, most, err))
			return -1;
	}
	return 0;
}

static int
assemble(struct writer *w, struct frame *f, struct error *err)
{
	struct track *t = f->track;
	bool stream = package_out_is_stream(w->cfg.out);

	if (f->failed) {
		*err = f->err;
		return -1;
	}
	if (stream && t->job && f->packed.len &&
	    job_out_size(t->job) + f->packed.len > PACKAGE_STREAM_JOB &&
	    close_job(w, t, err))
		return -1;
	/* an end without rows closes what is open; alone it is an empty file */
	if (f->rows || !t->job) {
		if (!f->rows && t->rows)
			return 0;
		if (!t->job) {
			t->job = job_out_open(w->cfg.out, t->table->name,
			    w->cfg.format, w->cfg.codec, err);
			t->job_rows = 0;
			if (!t->job)
				return -1;
		}
		if (job_out_write(t->job, f->packed.data, f->packed.len, err))
			return -1;
		if (stream)
			w->stream_bytes += f->packed.len;
		t->job_rows += f->rows;
	}
	if (f->ends_file && close_job(w, t, err))
		return -1;
	return bound_stream(w, err);
}

/* Join finished frames until at most `most` are under way. */
static int
drain(struct writer *w, size_t most, struct error *err)
{
	while (w->head &&
	    (w->in_flight > most ||
	        pool_is_done(w->cfg.pool, &w->head->task))) {
		struct frame *f = w->head;
		int rc;

		pool_wait(w->cfg.pool, &f->task);
		w->head = f->next;
		if (!w->head)
			w->tail = &w->head;
		w->in_flight--;
		rc = assemble(w, f, err);
		spare_put(&w->raw, &f->raw);
		spare_put(&w->packed, &f->packed);
		free(f);
		if (rc)
			return -1;
	}
	return 0;
}

/* ---- cutting ---- */

static int
cut_frame(struct writer *w, struct track *t, bool ends_file, struct error *err)
{
	struct frame *f = xcalloc(1, sizeof(*f));

	f->task.run = compress_frame;
	f->writer = w;
	f->track = t;
	f->raw = t->frame;
	f->rows = t->frame_rows;
	f->ends_file = ends_file;
	w->pending -= t->frame.len;
	t->frame = (struct buf){ 0 };
	if (f->raw.len >= FRAME_SIZE / 2) {
		/* the table is large: its next frame will be, too */
		f->packed = spare_take(&w->packed);
		t->frame = spare_take(&w->raw);
		buf_reserve(&t->frame, FRAME_SIZE);
	}
	t->frame_rows = 0;
	*w->tail = f;
	w->tail = &f->next;
	w->in_flight++;
	pool_submit(w->cfg.pool, &f->task);
	return drain(w, pool_size(w->cfg.pool) + 2, err);
}

/* The budget: the largest frame goes early. */
static int
bound_pending(struct writer *w, struct error *err)
{
	while (w->pending > w->cfg.max_memory) {
		struct track *most = w->tracks[0];
		size_t i;

		for (i = 1; i < w->track_count; i++)
			if (w->tracks[i]->frame.len > most->frame.len)
				most = w->tracks[i];
		if (cut_frame(w, most, false, err))
			return -1;
	}
	return 0;
}

/* Append rows to the frame; frames end at a row's end. */
static int
append(struct writer *w, struct track *t, const char *data, size_t begin,
    const uint32_t *ends, size_t rows, struct error *err)
{
	size_t i = 0, n, len;

	while (i < rows) {
		size_t room = t->frame.len < FRAME_SIZE
		    ? FRAME_SIZE - t->frame.len
		    : 0;

		for (n = 0; i + n < rows && ends[i + n] - begin <= room; n++)
			;
		if (!n && !t->frame.len)
			n = 1; /* a row larger than a frame */
		if (n) {
			len = ends[i + n - 1] - begin;
			buf_add(&t->frame, data + begin, len);
			w->pending += len;
			t->frame_rows += n;
			begin += len;
			i += n;
		}
		if (i < rows && cut_frame(w, t, false, err))
			return -1;
	}
	return 0;
}

int
writer_rows(struct writer *w, struct table *table, const char *data,
    const uint32_t *ends, size_t rows, struct error *err)
{
	struct track *t = track_of(w, table);
	size_t i = 0, begin = 0;

	t->any = true;
	while (i < rows) {
		uint64_t room = t->rotation.buffer_max - t->rotation.buffered;
		size_t n = rows - i < room ? rows - i : (size_t)room;
		size_t len = ends[i + n - 1] - begin;

		if (append(w, t, data, begin, ends + i, n, err))
			return -1;
		t->rows += n;
		if (rotation_add(&t->rotation, n, len, 0) == ROTATE_FILE &&
		    cut_frame(w, t, true, err))
			return -1;
		i += n;
		begin += len;
	}
	return bound_pending(w, err);
}

int
writer_empty(struct writer *w, struct table *table, struct error *err)
{
	struct track *t = track_of(w, table);

	if (t->any)
		return 0;
	t->any = true;
	return 0;
}

static int
copy_file(int fd, const char *path, struct job_out *job, struct error *err)
{
	char *block = xmalloc(COPY_BLOCK);
	ssize_t n;
	int rc = 0;

	while (!rc && (n = read(fd, block, COPY_BLOCK)) != 0) {
		if (n > 0)
			rc = job_out_write(job, block, (size_t)n, err);
		else if (errno != EINTR)
			rc = error_errno(err, "%s", path);
	}
	free(block);
	return rc;
}

int
writer_file(struct writer *w, struct table *table, const char *format,
    const char *path, uint64_t rows, struct error *err)
{
	struct track *t = track_of(w, table);
	struct job_out *job;
	int fd, rc;

	t->any = t->whole = true;
	t->rows += rows;
	if (package_out_is_stream(w->cfg.out) &&
	    w->cfg.before_job(w->cfg.arg, err))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", path);
	job = job_out_open(w->cfg.out, table->name, format, CODEC_NONE, err);
	rc = job ? copy_file(fd, path, job, err) : -1;
	close(fd);
	return rc ? -1 : job_out_close(job, rows, NULL, err);
}

int
writer_finish(struct writer *w, struct error *err)
{
	size_t i;

	for (i = 0; i < w->track_count; i++) {
		struct track *t = w->tracks[i];

		if ((t->frame.len || rotation_end(&t->rotation) ||
		        (!t->rows && !t->whole)) &&
		    cut_frame(w, t, true, err))
			return -1;
	}
	if (drain(w, 0, err))
		return -1;
	for (i = 0; i < w->track_count; i++)
		if (close_job(w, w->tracks[i], err))
			return -1;
	return 0;
}

void
writer_tables(const struct writer *w,
    void (*f)(struct table *t, uint64_t rows, void *arg), void *arg)
{
	size_t i;

	for (i = 0; i < w->track_count; i++)
		f(w->tracks[i]->table, w->tracks[i]->rows, arg);
}

void
writer_free(struct writer *w)
{
	unsigned i;
	size_t k;

	if (!w)
		return;
	while (w->head) {
		struct frame *f = w->head;

		pool_wait(w->cfg.pool, &f->task);
		w->head = f->next;
		buf_release(&f->raw);
		buf_release(&f->packed);
		free(f);
	}
	spares_release(&w->raw);
	spares_release(&w->packed);
	for (i = 0; i < pool_size(w->cfg.pool); i++)
		compressor_free(w->compressors[i]);
	for (k = 0; k < w->track_count; k++) {
		buf_release(&w->tracks[k]->frame);
		free(w->tracks[k]);
	}
	free(w->tracks);
	free(w->compressors);
	free(w);
}
