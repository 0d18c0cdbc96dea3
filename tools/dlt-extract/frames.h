/* SPDX-License-Identifier: MIT */
/*
 * frames: blocks of bytes compressed by several threads, given back in order.
 * Each block says how; threads start when there is something to compress.
 *
 * Memory: at most about FRAMES_BYTES of blocks are under way; buffers are used
 *         again.
 * Owner:  frames_free() joins the threads and drops what is under way.
 */
#ifndef DLT_FRAMES_H
#define DLT_FRAMES_H

#include "common/zio.h"

#define FRAMES_BYTES ((size_t)24 << 20)

struct frame {
	struct frame *next;
	struct buf in, out; /* out: as stored */
	void *tag;          /* the caller's */
	enum codec codec;
	bool empty;       /* make a frame even of no bytes */
	bool taken, done; /* private */
	int rc;
	struct error err;
};

struct frames;
struct frames *frames_new(unsigned workers);

/* A buffer for the next block: an old one when there is one. */
void frames_buffer(struct frames *f, struct buf *b);

/* Is there no room for len more bytes? Then frames_next() comes first. */
bool frames_full(struct frames *f, size_t len);

/* Queue a block; takes over data. */
void frames_submit(struct frames *f, struct buf *data, enum codec codec,
    void *tag, bool empty);

/* The oldest frame: 1; 0: there is none, or (without wait) it is not ready; -1:
 * it could not be made. Hand it back with frames_recycle(). */
int
frames_next(struct frames *f, bool wait, struct frame **out, struct error *err);
void frames_recycle(struct frames *f, struct frame *frame);

void frames_free(struct frames *f);

#endif
