/* SPDX-License-Identifier: MIT */
#include "common/jobwriter.h"

static uint64_t
sum(uint64_t a, uint64_t b)
{
	uint64_t n;

	return __builtin_add_overflow(a, b, &n) ? UINT64_MAX : n;
}

/* dlt takes 0 as "not set" for the two limits of a file, and a buffer of 0
 * items flushes at each write, as one of 1 does. */
void
rotation_init(struct rotation *r, const struct writer_settings *s)
{
	*r = (struct rotation){ 0 };
	r->buffer_max = s->buffer_max_items > 0 ? (uint64_t)s->buffer_max_items
	                                        : 1;
	if (s->file_max_items > 0)
		r->file_max_items = (uint64_t)s->file_max_items;
	if (s->file_max_bytes > 0)
		r->file_max_bytes = (uint64_t)s->file_max_bytes;
	if (r->file_max_items && r->file_max_items < r->buffer_max)
		r->buffer_max = r->file_max_items;
}

static bool
file_is_full(const struct rotation *r)
{
	return (r->file_max_bytes && r->file_bytes >= r->file_max_bytes) ||
	    (r->file_max_items && r->file_items >= r->file_max_items);
}

enum rotation_action
rotation_add(struct rotation *r, uint64_t items, uint64_t bytes,
    uint64_t flush_overhead)
{
	r->buffered = sum(r->buffered, items);
	r->buffered_bytes = sum(r->buffered_bytes, bytes);
	/* The size and the count move at a flush alone, and a full file is
	 * ended at once, so there is nothing to ask between flushes. */
	if (r->buffered < r->buffer_max)
		return ROTATE_NOTHING;
	r->file_items = sum(r->file_items, sum(r->buffered, r->buffered_more));
	r->file_bytes = sum(r->file_bytes,
	    sum(r->buffered_bytes, flush_overhead));
	r->buffered = 0;
	r->buffered_more = 0;
	r->buffered_bytes = 0;
	r->open = true;
	if (!file_is_full(r))
		return ROTATE_FLUSH;
	rotation_end_file(r);
	return ROTATE_FILE;
}

void
rotation_count_more(struct rotation *r, uint64_t items)
{
	r->buffered_more = sum(r->buffered_more, items);
}

void
rotation_end_file(struct rotation *r)
{
	r->buffered = 0;
	r->buffered_more = 0;
	r->buffered_bytes = 0;
	r->file_items = 0;
	r->file_bytes = 0;
	r->open = false;
}

bool
rotation_end(const struct rotation *r)
{
	return r->buffered > 0 || r->open;
}
