/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/writer.h"

#include "common/jobwriter.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/trace.h"
#include "tools/dlt-extract/frames.h"
#include "tools/dlt-extract/pylen.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES  ((size_t)256 << 10)
#define BLOCK_BYTES (IO_BLOCK - LINE_BYTES / 2)
#define OPEN_BYTES  ((size_t)12 << 20) /* of blocks that are being filled */
#define HELD_BYTES  ((size_t)12 << 20) /* of job files that a stream holds */

/* Of a job file, and of those of all tables together, roughly: where many tables
 * take turns, each row is an origin. */
#define ORIGINS_MAX 256
#define ORIGINS_MIN 8
#define ORIGINS_ALL 16384

/* A row whose line is not the one after that of the row before. */
struct origin {
	const char *input;
	uint64_t row, line, byte;
	bool lines; /* from here on one row a line, up to the next origin */
};

/* What a block becomes when it is written. */
struct block {
	struct lane *lane;
	uint64_t rows;
	bool ends_file;
	size_t count, cap, max;
	struct origin *origins;
};

struct lane {
	struct writer *w;
	char *table;
	enum codec codec;
	bool by_size; /* files may be full of bytes */
	struct rotation rotation;

	/* the block being filled */
	struct buf buf;
	struct block *block;
	size_t line_start;
	bool in_line;
	const char *input; /* of the last row */
	uint64_t line;     /* where the next row stands, if one a line */
	uint64_t item_rows, item_bytes;
	bool file_open; /* blocks of this file have been submitted */

	/* what has been written, one step behind */
	struct job_out *job;
	uint64_t job_rows;
	struct buf job_origins;
	struct origin origin; /* its last one */
	size_t origin_count;
	uint64_t rows, files;
	struct progress_item *progress;
	uint64_t seen_rows, seen_bytes;
};

struct writer {
	struct writer_spec spec;
	struct frames *frames;
	struct lane **lanes;
	size_t count, cap;
	size_t *slots; /* hash table: index + 1 of lanes */
	size_t slot_count;
	size_t open_bytes, held_bytes;
	uint64_t rows;
};

struct writer *
writer_new(const struct writer_spec *spec)
{
	struct writer *w = xcalloc(1, sizeof(*w));

	w->spec = *spec;
	w->frames = frames_new(spec->workers);
	return w;
}

/* ---- lanes by name ---- */

static size_t
slot_of(const struct writer *w, const char *table)
{
	size_t h = 14695981039346656037u;
	size_t i;

	for (const char *p = table; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	i = h & (w->slot_count - 1);
	while (w->slots[i] != 0 &&
	    strcmp(w->lanes[w->slots[i] - 1]->table, table) != 0)
		i = (i + 1) & (w->slot_count - 1);
	return i;
}

static void
grow_slots(struct writer *w)
{
	if ((w->count + 1) * 2 <= w->slot_count)
		return;
	free(w->slots);
	w->slot_count = w->slot_count == 0 ? 64 : w->slot_count * 2;
	w->slots = xcalloc(w->slot_count, sizeof(*w->slots));
	for (size_t i = 0; i < w->count; i++)
		w->slots[slot_of(w, w->lanes[i]->table)] = i + 1;
}

struct lane *
writer_lane(struct writer *w, const char *table,
    const struct lane_settings *settings)
{
	struct lane *l;
	size_t i;

	grow_slots(w);
	i = slot_of(w, table);
	if (w->slots[i] != 0)
		return w->lanes[w->slots[i] - 1];
	l = xcalloc(1, sizeof(*l));
	l->w = w;
	l->table = xstrdup(table);
	l->codec = settings->codec;
	l->by_size = settings->rotation.file_max_bytes != 0;
	rotation_init(&l->rotation, &settings->rotation);
	l->progress = progress_item(w->spec.progress, table);
	w->lanes = xgrow(w->lanes, &w->cap, w->count + 1, sizeof(*w->lanes));
	w->lanes[w->count++] = l;
	w->slots[i] = w->count;
	return l;
}

/* ---- finished blocks ---- */

static int
close_job(struct lane *l, struct error *err)
{
	struct writer *w = l->w;
	struct job_out *job = l->job;

	if (job == NULL)
		return 0;
	if (w->spec.before_job != NULL &&
	    w->spec.before_job(w->spec.arg, l->table, err) < 0)
		return -1;
	w->held_bytes -= job_out_size(job);
	l->job = NULL;
	l->rows += l->job_rows;
	l->files++;
	if (l->job_origins.len != 0)
		buf_addc(&l->job_origins, ']');
	trace_job(progress_trace(l->w->spec.progress), NULL, job_out_name(job),
	    l->table, l->job_rows, job_out_size(job));
	return job_out_close(job, l->job_rows,
	    l->job_origins.len == 0 ? NULL : buf_str(&l->job_origins), err);
}

static int
open_job(struct lane *l, struct error *err)
{
	l->job = job_out_open(l->w->spec.package, l->table, "typed-jsonl",
	    l->codec, err);
	if (l->job == NULL)
		return -1;
	l->job_rows = 0;
	l->origin = (struct origin){ .input = NULL };
	l->origin_count = 0;
	buf_reset(&l->job_origins);
	return 0;
}

/* Does the last origin say all of this one? */
static bool
is_implied(const struct lane *l, const struct origin *o, uint64_t row)
{
	const struct origin *last = &l->origin;

	if (o->input != last->input)
		return false;
	if (!last->lines)
		return true;
	return o->lines && o->line == last->line + (row - last->row);
}

/* A job file says so often at most where its rows come from; the last entry then
 * promises no lines. */
static void
add_origins(struct lane *l, const struct block *b)
{
	struct buf *out = &l->job_origins;

	for (size_t i = 0; i < b->count; i++) {
		struct origin o = b->origins[i];

		o.row += l->job_rows;
		if (is_implied(l, &o, o.row))
			continue;
		if (++l->origin_count >= b->max)
			o.lines = false;
		l->origin = o;
		buf_adds(out, out->len == 0 ? "[{\"input\":" : ",{\"input\":");
		jsonw_quote(out, o.input, strlen(o.input));
		buf_addf(out,
		    ",\"row\":%llu,\"line\":%llu,\"byte\":%llu,"
		    "\"lines\":%s}",
		    (unsigned long long)o.row, (unsigned long long)o.line,
		    (unsigned long long)o.byte, o.lines ? "true" : "false");
	}
}

/* A stream keeps a job file in memory until it is complete. */
static int
bound_held(struct writer *w, struct error *err)
{
	while (w->held_bytes > HELD_BYTES) {
		struct lane *largest = NULL;

		for (size_t i = 0; i < w->count; i++) {
			struct lane *l = w->lanes[i];

			if (l->job != NULL &&
			    (largest == NULL ||
			        job_out_size(l->job) >
			            job_out_size(largest->job)))
				largest = l;
		}
		if (largest == NULL)
			break;
		if (close_job(largest, err) < 0)
			return -1;
	}
	return 0;
}

static int
write_block(struct writer *w, const struct frame *f, struct error *err)
{
	struct block *b = f->tag;
	struct lane *l = b->lane;
	bool stream = package_out_is_stream(w->spec.package);

	if (stream && l->job != NULL && f->out.len != 0 &&
	    job_out_size(l->job) + f->out.len > PACKAGE_STREAM_JOB &&
	    close_job(l, err) < 0)
		return -1;
	if (l->job == NULL && (f->out.len != 0 || f->empty) &&
	    open_job(l, err) < 0)
		return -1;
	if (f->out.len != 0) {
		if (job_out_write(l->job, f->out.data, f->out.len, err) < 0)
			return -1;
		w->held_bytes += f->out.len;
	}
	if (l->job != NULL) {
		add_origins(l, b);
		l->job_rows += b->rows;
	}
	if (b->ends_file && close_job(l, err) < 0)
		return -1;
	return stream ? bound_held(w, err) : 0;
}

static void
free_block(struct block *b)
{
	if (b == NULL)
		return;
	free(b->origins);
	free(b);
}

/* Write the oldest frame: 1; 0: none, or none ready. */
static int
write_next(struct writer *w, bool wait, struct error *err)
{
	struct frame *f;
	int rc = frames_next(w->frames, wait, &f, err);

	if (rc <= 0)
		return rc;
	rc = write_block(w, f, err);
	free_block(f->tag);
	frames_recycle(w->frames, f);
	return rc < 0 ? -1 : 1;
}

/* ---- blocks being filled ---- */

/* How many origins a file may have, by what has been read so far. */
static size_t
origins_max(const struct writer *w)
{
	size_t max = ORIGINS_ALL / w->count;

	return max > ORIGINS_MAX ? ORIGINS_MAX
	    : max < ORIGINS_MIN  ? ORIGINS_MIN
	                         : max;
}

static void
end_line(struct lane *l)
{
	if (!l->in_line)
		return;
	buf_add(&l->buf, "]\n", 2);
	l->w->open_bytes += 2;
	l->in_line = false;
}

/* Hand the block to the compressors; ends_file: the file ends with it. */
static int
end_block(struct lane *l, bool ends_file, bool empty, struct error *err)
{
	struct writer *w = l->w;
	struct block *b = l->block;
	int rc = 1;

	end_line(l);
	if (b == NULL && !ends_file)
		return 0;
	if (b == NULL)
		b = xcalloc(1, sizeof(*b));
	l->block = NULL;
	b->lane = l;
	b->max = origins_max(w);
	b->ends_file = ends_file;
	l->file_open = !ends_file;
	w->open_bytes -= l->buf.len;
	while (rc == 1 && frames_full(w->frames, l->buf.len))
		rc = write_next(w, true, err);
	if (rc < 0) {
		free_block(b);
		return -1;
	}
	frames_submit(w->frames, &l->buf, l->codec, b, empty);
	while ((rc = write_next(w, false, err)) == 1)
		;
	return rc;
}

static void
note_origin(struct lane *l, const struct row *row)
{
	struct block *b = l->block;
	bool follows = l->input == row->input && l->line == row->line;

	l->line = row->line + 1;
	if (b != NULL && follows)
		return;
	if (b == NULL) {
		b = l->block = xcalloc(1, sizeof(*b));
		b->lane = l;
	}
	if (b->count >= origins_max(l->w) && l->input == row->input) {
		b->origins[b->count - 1].lines = false;
		return;
	}
	l->input = row->input;
	if (row->input == NULL)
		return;
	b->origins = xgrow(b->origins, &b->cap, b->count + 1,
	    sizeof(*b->origins));
	b->origins[b->count++] = (struct origin){
		.input = row->input,
		.row = b->rows,
		.line = row->line,
		.byte = row->byte,
		.lines = true,
	};
}

static void
append_row(struct lane *l, const struct row *row)
{
	struct writer *w = l->w;
	size_t before = l->buf.len;

	frames_buffer(w->frames, &l->buf);
	note_origin(l, row);
	if (!l->in_line)
		l->line_start = before;
	buf_addc(&l->buf, l->in_line ? ',' : '[');
	buf_add(&l->buf, row->data, row->len);
	l->in_line = true;
	l->block->rows++;
	w->rows++;
	w->open_bytes += l->buf.len - before;
	if (l->buf.len - l->line_start >= LINE_BYTES)
		end_line(l);
}

/* Too much is being filled: all blocks are cut where they are. */
static int
bound_open(struct writer *w, struct error *err)
{
	if (w->open_bytes <= OPEN_BYTES)
		return 0;
	for (size_t i = 0; i < w->count; i++)
		if (end_block(w->lanes[i], false, false, err) < 0)
			return -1;
	return 0;
}

/* An item is complete: does dlt flush or rotate here? */
static int
end_item(struct lane *l, struct error *err)
{
	enum rotation_action action;

	/* n rows of a flush are n - 1 commas, two brackets, one line feed. */
	action = rotation_add(&l->rotation, l->item_rows,
	    l->item_bytes + l->item_rows, 2);
	l->item_rows = l->item_bytes = 0;
	if (action == ROTATE_NOTHING)
		return 0;
	if (action == ROTATE_FILE)
		return end_block(l, true, false, err);
	end_line(l);
	return 0;
}

/* A huge row gets a block of its own, in memory that fits, when no other block
 * is under way: it exists in the input window, here and compressed. */
static int
make_way(struct lane *l, size_t len, struct error *err)
{
	struct writer *w = l->w;
	int rc = 1;

	if (len < 2 * IO_BLOCK)
		return 0;
	if (end_block(l, false, false, err) < 0)
		return -1;
	while (rc == 1)
		rc = write_next(w, true, err);
	if (rc < 0)
		return -1;
	buf_release(&l->buf);
	l->buf.cap = len + 8;
	l->buf.data = xmalloc(l->buf.cap);
	return 0;
}

int
lane_add(struct lane *l, const struct row *row, bool end_of_item,
    struct error *err)
{
	if (make_way(l, row->len, err) < 0)
		return -1;
	append_row(l, row);
	l->seen_bytes += row->len;
	progress_set(l->progress, ++l->seen_rows, l->seen_bytes);
	l->item_rows++;
	if (l->by_size)
		l->item_bytes += python_length(row->data, row->len);
	if (end_of_item && end_item(l, err) < 0)
		return -1;
	if (!l->in_line && l->buf.len >= BLOCK_BYTES &&
	    end_block(l, false, false, err) < 0)
		return -1;
	return bound_open(l->w, err);
}

int
lane_end_item(struct lane *l, struct error *err)
{
	return l->item_rows == 0 ? 0 : end_item(l, err);
}

int
lane_add_empty_file(struct lane *l, struct error *err)
{
	return end_block(l, true, true, err);
}

int
writer_finish(struct writer *w, struct error *err)
{
	int rc;

	for (size_t i = 0; i < w->count; i++) {
		struct lane *l = w->lanes[i];

		if ((l->block != NULL || l->file_open) &&
		    end_block(l, true, false, err) < 0)
			return -1;
	}
	while ((rc = write_next(w, true, err)) == 1)
		;
	return rc;
}

bool
writer_stats(const struct writer *w, size_t i, const char **table,
    uint64_t *rows, uint64_t *files)
{
	if (i >= w->count)
		return false;
	*table = w->lanes[i]->table;
	*rows = w->lanes[i]->rows;
	*files = w->lanes[i]->files;
	return true;
}

uint64_t
writer_rows(const struct writer *w)
{
	return w->rows;
}

void
writer_free(struct writer *w)
{
	struct frame *f;
	struct error ignored;

	if (w == NULL)
		return;
	while (frames_next(w->frames, true, &f, &ignored) > 0) {
		free_block(f->tag);
		frames_recycle(w->frames, f);
	}
	for (size_t i = 0; i < w->count; i++) {
		struct lane *l = w->lanes[i];

		free_block(l->block);
		buf_release(&l->buf);
		buf_release(&l->job_origins);
		free(l->table);
		free(l);
	}
	frames_free(w->frames);
	free(w->lanes);
	free(w->slots);
	free(w);
}
