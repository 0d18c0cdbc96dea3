/* SPDX-License-Identifier: MIT */
/*
 * rowpipe: a thread that reads, hashes, decompresses and decodes one job file
 * while the caller writes the batches before it.
 *
 * Shape:  at most ROWPIPE_BATCHES batches are on their way; a slow writer makes
 *         the reader wait. Parquet needs its end to be read: it is written to
 *         an unnamed file in $TMPDIR first.
 * Errors: of reading and decoding, from rowpipe_next().
 * Owner:  rowpipe_start() -> rowpipe_free(); a batch is the caller's until
 *         rowpipe_done().
 */
#ifndef DLT_LOAD_ROWPIPE_H
#define DLT_LOAD_ROWPIPE_H

#include "common/checksum.h"
#include "common/zio.h"
#include "tools/dlt-load/decode.h"

#define ROWPIPE_BATCHES 4

struct rowpipe;

struct rowpipe_job {
	zin_source source;
	void *arg;
	const struct table *table; /* NULL: only sum up the bytes; no batches */
	unsigned checksums;        /* kinds of them */
	const struct schema *schema;
	const struct dest_values *values;
	struct decode_settings set;
};

struct rowpipe *rowpipe_start(const struct rowpipe_job *job);

/* 1: *b is the next batch; 0: the end; -1. */
int rowpipe_next(struct rowpipe *p, struct batch **b, struct error *err);
void rowpipe_done(struct rowpipe *p, struct batch *b);

/* After the end: of the bytes as stored. */
const struct checksum *rowpipe_checksum(const struct rowpipe *p);

/* Stops the thread, early or not. NULL is legal. */
void rowpipe_free(struct rowpipe *p);

#endif
