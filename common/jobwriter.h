/* SPDX-License-Identifier: MIT */
/*
 * jobwriter: dlt's buffering and rotation (contract.md 4.1, 4.2), by counts and
 * bytes only, so that every writer of job files cuts at the same rows.
 *
 * Shape:  a pure state machine: tell it of each item (or page) written; it says
 *         where buffers are flushed and files end.
 */
#ifndef DLT_JOBWRITER_H
#define DLT_JOBWRITER_H

#include "common/config.h"

struct rotation {
	/* settings */
	uint64_t buffer_max; /* effective: min(buffer_max_items, file_max_items) */
	uint64_t file_max_items;  /* 0: none */
	uint64_t file_max_bytes;  /* 0: none */
	/* state */
	uint64_t buffered;        /* items not flushed */
	uint64_t file_items;      /* items flushed to the open file */
	uint64_t file_bytes;      /* its uncompressed size so far, as dlt has it */
	uint64_t buffered_bytes;  /* what the buffer will add when flushed */
	bool open;                /* something has been flushed to this file */
};

enum rotation_action {
	ROTATE_NOTHING,
	ROTATE_FLUSH, /* the buffer ends here: one line of typed-jsonl */
	ROTATE_FILE,  /* flush, and the file ends here */
};

void rotation_init(struct rotation *r, const struct writer_settings *s);

/* An item or page of `items` items and `bytes` bytes has been added to the
 * buffer (typed-jsonl: bytes of its items; per_flush/per_item overheads are
 * added by the caller through `overhead` bytes at each flush). */
enum rotation_action rotation_add(struct rotation *r, uint64_t items,
    uint64_t bytes, uint64_t flush_overhead);

/* End of stage: true when something is buffered or open. */
bool rotation_end(const struct rotation *r);

#endif
