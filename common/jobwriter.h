/* SPDX-License-Identifier: MIT */
/*
 * jobwriter: dlt's buffering and rotation (contract.md 4.1, 4.2), by counts and
 * bytes only, so that every writer of job files cuts at the same rows.
 *
 * Shape:  a pure state machine: tell it of each item (or page) written; it says
 *         where buffers are flushed and files end. One per (schema, table).
 *         A page is never split; sizes move only at a flush; whether a file is
 *         full is asked only of a file that has been flushed to.
 * Units:  bytes are uncompressed, as dlt would write them, whatever is written
 *         in truth.
 * Errors: none. Counts saturate instead of wrapping.
 * Owner:  plain values, nothing to release.
 * Source: dlt/common/data_writers/buffered.py, write_data_item().
 */
#ifndef DLT_JOBWRITER_H
#define DLT_JOBWRITER_H

#include "common/config.h"

struct rotation {
	/* settings */
	uint64_t buffer_max;     /* effective: min(buffer_max_items,
	                        file_max_items), at least 1 */
	uint64_t file_max_items; /* 0: none */
	uint64_t file_max_bytes; /* 0: none */
	/* state */
	uint64_t buffered;   /* items not flushed */
	uint64_t file_items; /* items flushed to the open file */
	uint64_t file_bytes; /* its uncompressed size so far, as dlt has it */
	uint64_t buffered_more;  /* items that count besides them */
	uint64_t buffered_bytes; /* what the buffer will add when flushed */
	bool open;               /* something has been flushed to this file */
};

enum rotation_action {
	ROTATE_NOTHING,
	ROTATE_FLUSH, /* the buffer ends here: one line of typed-jsonl */
	ROTATE_FILE,  /* flush, and the file ends here */
};

void rotation_init(struct rotation *r, const struct writer_settings *s);

/*
 * An item or page of `items` items and `bytes` bytes has been added to the
 * buffer; flush_overhead is what a flush at this point adds besides. Both forms
 * count a separator with each item:
 *
 *	jsonl          bytes = sum of (row + 1), the "\n"; flush_overhead = 0
 *	typed-jsonl    bytes = sum of (row + 1), the ","; flush_overhead = 2,
 *	               as "[", "]" and "\n" are one more than the "," saved
 *
 * Formats with a header add it to the overhead while r->open is false. After
 * ROTATE_FILE the next call begins a new file.
 */
enum rotation_action rotation_add(struct rotation *r, uint64_t items,
    uint64_t bytes, uint64_t flush_overhead);

/* The same for a format whose items in a file are not those in a buffer: what
 * has been added counts as so many more (cells of csv, not rows). Before the
 * call of rotation_add() that adds it. */
void rotation_count_more(struct rotation *r, uint64_t items);

/* The file ends here for a reason of its own. */
void rotation_end_file(struct rotation *r);

/* End of stage: true when something is buffered or open, so that a file must
 * be finished (after a flush, when r->buffered is not 0). */
bool rotation_end(const struct rotation *r);

#endif
