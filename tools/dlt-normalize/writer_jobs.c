/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/trace.h"
#include "tools/dlt-normalize/spool.h"
#include "tools/dlt-normalize/writer_private.h"

#define COPY_BLOCK ((size_t)256 << 10)
/* Open jobs of a stream are in memory: no more than this sum. */
#define STREAM_JOBS_MAX ((size_t)12 << 20)
/* Of jsonl, in a stream: what becomes of it is smaller by an unknown factor. */
#define STREAM_SPOOL_MAX ((size_t)32 << 20)

/* A header, separator or footer: a frame of its own. */
static int
write_piece(struct writer *w, struct track *t,
    void (*piece)(const struct format_plan *p, struct buf *out),
    struct error *err)
{
	struct buf text = { 0 }, packed = { 0 };
	int rc = 0;

	if (!piece)
		return 0;
	piece(t->job_plan, &text);
	if (text.len)
		rc = compressor_frame(w->compressors[pool_size(w->cfg.pool)],
		    text.data, text.len, &packed, err);
	if (!rc && packed.len)
		rc = job_out_write(t->job, packed.data, packed.len, err);
	if (!rc && package_out_is_stream(w->cfg.out))
		w->stream_bytes += packed.len;
	buf_release(&text);
	buf_release(&packed);
	return rc;
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

/* How the file is compressed, by its content. */
static enum codec
codec_of(int fd)
{
	unsigned char magic[4] = { 0 };
	ssize_t n = pread(fd, magic, sizeof(magic), 0);

	if (n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b)
		return CODEC_GZIP;
	if (n == 4 && memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
		return CODEC_ZSTD;
	return CODEC_NONE;
}

static int
close_traced(struct writer *w, struct job_out *job, const struct table *table,
    uint64_t rows, struct error *err)
{
	trace_job(progress_trace(w->cfg.progress), NULL, job_out_name(job),
	    table->name, rows, job_out_size(job));
	return job_out_close(job, rows, NULL, err);
}

/* A job file that is there already. */
static int
write_whole(struct writer *w, const struct table *table, const char *format,
    const char *path, uint64_t rows, struct error *err)
{
	struct job_out *job;
	int fd, rc;

	if (package_out_is_stream(w->cfg.out) &&
	    w->cfg.before_job(w->cfg.arg, err))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", path);
	job = job_out_open(w->cfg.out, table->name, format, codec_of(fd), err);
	rc = job ? copy_file(fd, path, job, err) : -1;
	close(fd);
	return rc ? -1 : close_traced(w, job, table, rows, err);
}

int
writer_file(struct writer *w, struct table *table, const char *format,
    const char *path, uint64_t rows, struct error *err)
{
	struct track *t = writer_track(w, table);

	t->any = t->whole = true;
	if (rows != UINT64_MAX)
		t->rows += rows;
	return write_whole(w, table, format, path, rows, err);
}

/* ---- formats made of the whole file ---- */

static void
drop_spool(struct track *t)
{
	if (!t->spool_path)
		return;
	close(t->spool);
	spool_remove(t->spool_path);
	t->spool_path = NULL;
	t->spooled = 0;
}

static int
spool_frame(struct track *t, const struct frame *f, struct error *err)
{
	if (!t->spool_path) {
		t->spool = spool_make(&t->spool_path, err);
		if (t->spool < 0)
			return -1;
		format_plan_unref(t->job_plan);
		t->job_plan = format_plan_ref(f->plan);
		t->job_rows = 0;
	}
	t->spooled += f->raw.len;
	return spool_write(t->spool, t->spool_path, buf_str(&f->raw),
	    f->raw.len, err);
}

static int
close_spool(struct writer *w, struct track *t, struct error *err)
{
	char *made;
	int fd = spool_make(&made, err), rc;

	if (fd < 0)
		return -1;
	close(fd);
	rc = t->format->file(t->job_plan, t->spool_path, made, err);
	if (rc)
		error_prefix(err, "table %s: ", t->table->name);
	else
		rc = write_whole(w, t->table, t->format->name, made,
		    t->job_rows, err);
	spool_remove(made);
	drop_spool(t);
	return rc;
}

/* ---- job files ---- */

int
close_job(struct writer *w, struct track *t, struct error *err)
{
	struct job_out *job = t->job;

	if (t->spool_path)
		return close_spool(w, t, err);
	if (!job)
		return 0;
	if (t->job_rows && write_piece(w, t, t->format->footer, err))
		return -1;
	if (package_out_is_stream(w->cfg.out)) {
		if (w->cfg.before_job(w->cfg.arg, err))
			return -1;
		w->stream_bytes -= job_out_size(job);
	}
	t->job = NULL;
	format_plan_unref(t->job_plan);
	t->job_plan = NULL;
	return close_traced(w, job, t->table, t->job_rows, err);
}

static int
open_job(struct writer *w, struct track *t, const struct frame *f,
    struct error *err)
{
	t->job = job_out_open(w->cfg.out, t->table->name, t->format->name,
	    t->format->compressed ? w->cfg.codec : CODEC_NONE, err);
	if (!t->job)
		return -1;
	t->job_plan = format_plan_ref(f->plan);
	t->job_rows = 0;
	return write_piece(w, t, t->format->header, err);
}

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
write_frame(struct writer *w, struct track *t, const struct frame *f,
    struct error *err)
{
	if (t->format->file) {
		if (spool_frame(t, f, err))
			return -1;
	} else {
		if (!t->job && open_job(w, t, f, err))
			return -1;
		if (t->job_rows && f->rows &&
		    write_piece(w, t, t->format->separator, err))
			return -1;
		if (job_out_write(t->job, buf_str(f->stored), f->stored->len,
		        err))
			return -1;
		if (package_out_is_stream(w->cfg.out))
			w->stream_bytes += f->stored->len;
	}
	t->job_rows += f->rows;
	return 0;
}

int
assemble(struct writer *w, struct frame *f, struct error *err)
{
	struct track *t = f->track;
	bool open = t->job || t->spool_path;

	if (f->failed) {
		*err = f->err;
		return error_prefix(err, "table %s: ", t->table->name);
	}
	if (package_out_is_stream(w->cfg.out) && f->rows &&
	    ((t->job &&
	         job_out_size(t->job) + f->stored->len > PACKAGE_STREAM_JOB) ||
	        t->spooled > STREAM_SPOOL_MAX)) {
		if (close_job(w, t, err))
			return -1;
		open = false;
	}
	/* an end without rows closes what is open; alone it is an empty file */
	if (!f->rows && !open && t->rows)
		return 0;
	if ((f->rows || !open) && write_frame(w, t, f, err))
		return -1;
	if (f->ends_file && close_job(w, t, err))
		return -1;
	return bound_stream(w, err);
}

void
track_release(struct track *t)
{
	drop_spool(t);
	format_plan_unref(t->plan);
	format_plan_unref(t->job_plan);
	buf_release(&t->frame);
	free(t);
}
