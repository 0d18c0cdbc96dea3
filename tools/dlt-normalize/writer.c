/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/dlt-normalize/format_row.h"
#include "tools/dlt-normalize/writer_private.h"

/* A little less than a power of two, so that a buffer need not double. */
#define FRAME_SIZE (((size_t)1 << 20) - 256)
/* From so many bytes on, a write is cheaper than a copy for a larger one. */
#define WRITE_SIZE ((size_t)64 << 10)

struct writer *
writer_new(const struct writer_config *cfg)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	unsigned i, workers = pool_size(cfg->pool);

	w->cfg = *cfg;
	w->tail = &w->head;
	w->made = xcalloc(workers, sizeof(*w->made));
	w->compressors = xcalloc(workers + 1, sizeof(struct compressor *));
	for (i = 0; i <= workers; i++)
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
track_new(struct writer *w, struct table *t)
{
	struct track *tr = xcalloc(1, sizeof(*tr));

	tr->table = t;
	tr->format = format_choose(w->cfg.format, w->cfg.target, w->cfg.schema,
	    t);
	rotation_init(&tr->rotation, &w->cfg.rotation);
	tr->progress = progress_item(w->cfg.progress, t->name);
	w->tracks = xgrow(w->tracks, &w->track_cap, w->track_count + 1,
	    sizeof(*w->tracks));
	w->tracks[w->track_count++] = tr;
	return tr;
}

struct track *
writer_track(struct writer *w, struct table *t)
{
	struct track *tr, *last = w->last;
	size_t i;

	/* The results of blocks have mostly the same tables in the same order,
	 * and there can be thousands. */
	if (last && last->after && last->after->table == t)
		return w->last = last->after;
	for (i = 0; i < w->track_count && w->tracks[i]->table != t; i++)
		;
	tr = i < w->track_count ? w->tracks[i] : track_new(w, t);
	if (last)
		last->after = tr;
	return w->last = tr;
}

/* Rows to their format, and compressed; a worker does it. */
static void
make_frame(struct task *task, unsigned worker)
{
	struct frame *f = (struct frame *)task;
	const struct format *format = f->track->format;
	struct buf *made = &f->writer->made[worker];
	const struct buf *rows = &f->raw;

	if (format->file || (!f->raw.len && !f->ends_file))
		return;
	if (format->rows && f->raw.len) {
		buf_reset(made);
		f->failed = format->rows(f->plan, f->raw.data, f->raw.len, made,
		                &f->err) != 0;
		rows = made;
	}
	if (f->failed || !rows->len)
		return;
	if (f->writer->cfg.codec == CODEC_NONE && rows == &f->raw) {
		f->stored = rows;
		return;
	}
	f->failed = compressor_frame(f->writer->compressors[worker], rows->data,
	                rows->len, &f->packed, &f->err) != 0;
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
		format_plan_unref(f->plan);
		free(f);
		if (rc)
			return -1;
	}
	return 0;
}

/* ---- cutting ---- */

/* What the rows are made with: the columns of the file, once it is begun; of
 * a format that takes new columns in its stride, those that are there. */
static struct format_plan *
plan_of(struct writer *w, struct track *t)
{
	if (!t->format->columns)
		return NULL;
	if (t->format->change == CHANGE_NOTHING && t->plan &&
	    t->plan->count != t->columns) {
		format_plan_unref(t->plan);
		t->plan = NULL;
	}
	if (!t->plan)
		t->plan = format_plan_new(t->format, w->cfg.target, w->cfg.csv,
		    t->table, t->columns);
	return t->plan;
}

/* Bytes of the file count as they are written (contract.md 4.2): made twice,
 * where there is a limit at all. */
static int
count_bytes(struct writer *w, struct track *t, struct error *err)
{
	struct buf made = { 0 };
	int rc;

	if (!t->rotation.file_max_bytes || !t->format->rows ||
	    t->frame_sized == t->frame.len)
		return 0;
	rc = t->format->rows(plan_of(w, t), t->frame.data + t->frame_sized,
	    t->frame.len - t->frame_sized, &made, err);
	t->sized += made.len;
	t->frame_sized = t->frame.len;
	buf_release(&made);
	return rc ? error_prefix(err, "table %s: ", t->table->name) : 0;
}

/* Do the rows stay as they are, and is it their turn now? Then they need no
 * task. In a stream, files are made of frames: there it would show. */
static bool
is_plain(const struct writer *w, const struct track *t)
{
	return w->cfg.codec == CODEC_NONE && !t->format->rows &&
	    !t->format->file && !w->head && !package_out_is_stream(w->cfg.out);
}

static int
write_now(struct writer *w, struct track *t, const char *data, size_t len,
    uint64_t rows, bool ends_file, struct error *err)
{
	const struct buf stored = { .data = (char *)(uintptr_t)data,
		.len = len };
	struct frame f = { .writer = w,
		.track = t,
		.plan = plan_of(w, t),
		.stored = &stored,
		.rows = rows,
		.ends_file = ends_file };

	return assemble(w, &f, err);
}

/* The rows that wait; what comes next for the table is most likely large. */
static int
write_waiting(struct writer *w, struct track *t, bool ends_file,
    struct error *err)
{
	int rc = write_now(w, t, t->frame.data, t->frame.len, t->frame_rows,
	    ends_file, err);

	t->frame_rows = 0;
	spare_put(&w->raw, &t->frame);
	return rc;
}

static int
cut_frame(struct writer *w, struct track *t, bool ends_file, struct error *err)
{
	struct frame *f;

	if (count_bytes(w, t, err))
		return -1;
	w->pending -= t->frame_len;
	t->frame_len = 0;
	if (is_plain(w, t))
		return write_waiting(w, t, ends_file, err);
	f = xcalloc(1, sizeof(*f));
	f->task.run = make_frame;
	f->writer = w;
	f->track = t;
	f->plan = format_plan_ref(plan_of(w, t));
	f->raw = t->frame;
	f->stored = &f->packed;
	f->rows = t->frame_rows;
	f->ends_file = ends_file;
	t->frame = (struct buf){ 0 };
	t->frame_sized = 0;
	if (f->raw.len >= FRAME_SIZE / 2) {
		/* the table is large: its next frame will be, too */
		f->packed = spare_take(&w->packed);
		t->frame = spare_take(&w->raw);
		buf_reserve(&t->frame, FRAME_SIZE);
	}
	t->frame_rows = 0;
	if (ends_file) {
		format_plan_unref(t->plan);
		t->plan = NULL;
		t->sized = 0;
	}
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
			if (w->tracks[i]->frame_len > most->frame_len)
				most = w->tracks[i];
		if (cut_frame(w, most, false, err))
			return -1;
	}
	return 0;
}

/* In smaller steps than those of buf_add(): hundreds of tables may wait. */
static void
frame_reserve(struct buf *b, size_t more)
{
	size_t need = b->len + more + 1;
	size_t cap = b->cap + b->cap / 4 + 1024;

	if (need <= b->cap)
		return;
	b->cap = need > cap ? need : cap;
	b->data = xrealloc(b->data, b->cap);
}

/* Many rows of a file that has begun need not wait for their frame; that is
 * counted as if they did, so that it makes no difference to what is cut where. */
static int
add_to_frame(struct writer *w, struct track *t, const char *data, size_t len,
    uint64_t rows, struct error *err)
{
	w->pending += len;
	t->frame_len += len;
	if (len >= WRITE_SIZE && t->job && is_plain(w, t))
		return (t->frame_rows && write_waiting(w, t, false, err)) ||
		        write_now(w, t, data, len, rows, false, err)
		    ? -1
		    : 0;
	if (!t->frame.cap && len >= WRITE_SIZE)
		t->frame = spare_take(&w->raw);
	frame_reserve(&t->frame, len);
	buf_add(&t->frame, data, len);
	t->frame_rows += rows;
	return 0;
}

/* Append rows to the frame; frames end at a row's end. While the columns of the
 * file are not known, before it is flushed to, rows wait. */
static int
append(struct writer *w, struct track *t, const char *data, size_t begin,
    const uint32_t *ends, size_t rows, struct error *err)
{
	bool waits = t->format->columns && !t->plan;
	size_t size = waits ? w->cfg.max_memory / 8 : FRAME_SIZE;
	size_t i = 0, n, len;

	if (size < FRAME_SIZE)
		size = FRAME_SIZE;
	while (i < rows) {
		size_t room = t->frame_len < size ? size - t->frame_len : 0;

		for (n = 0; i + n < rows && ends[i + n] - begin <= room; n++)
			;
		if (!n && !t->frame_len)
			n = 1; /* a row larger than a frame */
		if (n) {
			len = ends[i + n - 1] - begin;
			if (add_to_frame(w, t, data + begin, len, n, err))
				return -1;
			begin += len;
			i += n;
		}
		if (i < rows && cut_frame(w, t, false, err))
			return -1;
	}
	return 0;
}

/* Values in rows of jsonl: what csv counts. */
static uint64_t
count_cells(const char *data, size_t len)
{
	const char *end = data + len;
	uint64_t n = 0;

	while (data < end) {
		data++;
		while (*data == '"') {
			data = token_end(token_end(data) + 1);
			n++;
			if (*data == ',')
				data++;
		}
		data += 2;
	}
	return n;
}

/* Rows that end no buffer, but for the last. */
static int
add_rows(struct writer *w, struct track *t, const struct segment *s,
    size_t begin, size_t i, size_t n, struct error *err)
{
	size_t len = s->ends[i + n - 1] - begin;
	enum rotation_action action;
	uint64_t more = 0;

	if (append(w, t, s->data, begin, s->ends + i, n, err))
		return -1;
	t->rows += n;
	progress_add(t->progress, n, len);
	if (t->format->cells)
		rotation_count_more(&t->rotation,
		    count_cells(s->data + begin, len) - n);
	if (t->rotation.file_max_bytes && t->format->rows &&
	    t->rotation.buffered + n >= t->rotation.buffer_max) {
		struct buf header = { 0 };

		if (count_bytes(w, t, err))
			return -1;
		if (!t->rotation.open && t->format->header)
			t->format->header(plan_of(w, t), &header);
		more = t->sized + header.len;
		t->sized = 0;
		buf_release(&header);
	}
	action = rotation_add(&t->rotation, n, t->format->rows ? 0 : len, more);
	if (action == ROTATE_FILE)
		return cut_frame(w, t, true, err);
	if (action == ROTATE_FLUSH)
		plan_of(w, t);
	return 0;
}

/* Rows with these columns come now (contract.md 4.2, step 2). */
static int
change_columns(struct writer *w, struct track *t, size_t columns,
    struct error *err)
{
	bool changed = t->columns && t->columns != columns, ends = false;

	if (changed && t->format->change == CHANGE_ANY)
		ends = rotation_end(&t->rotation);
	else if (changed && t->format->change == CHANGE_WRITTEN)
		ends = t->rotation.open || t->plan;
	if (ends) {
		if (cut_frame(w, t, true, err))
			return -1;
		rotation_end_file(&t->rotation);
	}
	t->columns = columns;
	return 0;
}

static bool
minds_columns(const struct format *f)
{
	return f->columns || f->change != CHANGE_NOTHING;
}

int
writer_rows(struct writer *w, const struct segment *s, struct error *err)
{
	struct track *t = writer_track(w, s->table);
	size_t i = 0, begin = 0, change = 0;

	t->any = true;
	if (!s->change_count && minds_columns(t->format) &&
	    change_columns(w, t, format_column_count(s->table), err))
		return -1;
	while (i < s->rows) {
		uint64_t room = t->rotation.buffer_max - t->rotation.buffered;
		size_t stop = s->rows, n;

		if (change < s->change_count && s->changes[change].row == i &&
		    change_columns(w, t, s->changes[change++].columns, err))
			return -1;
		if (change < s->change_count)
			stop = s->changes[change].row;
		n = stop - i < room ? stop - i : (size_t)room;
		if (add_rows(w, t, s, begin, i, n, err))
			return -1;
		i += n;
		begin = s->ends[i - 1];
	}
	return bound_pending(w, err);
}

int
writer_empty(struct writer *w, struct table *table, struct error *err)
{
	struct track *t = writer_track(w, table);

	if (t->any)
		return 0;
	t->any = true;
	t->columns = format_column_count(table);
	return 0;
}

int
writer_finish(struct writer *w, struct error *err)
{
	size_t i;

	for (i = 0; i < w->track_count; i++) {
		struct track *t = w->tracks[i];

		if ((t->frame_len || rotation_end(&t->rotation) ||
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
		format_plan_unref(f->plan);
		free(f);
	}
	spares_release(&w->raw);
	spares_release(&w->packed);
	for (i = 0; i <= pool_size(w->cfg.pool); i++)
		compressor_free(w->compressors[i]);
	for (i = 0; i < pool_size(w->cfg.pool); i++)
		buf_release(&w->made[i]);
	for (k = 0; k < w->track_count; k++)
		track_release(w->tracks[k]);
	free(w->made);
	free(w->tracks);
	free(w->compressors);
	free(w);
}
