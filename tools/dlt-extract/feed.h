/* SPDX-License-Identifier: MIT */
/*
 * feed: the bytes of a list of inputs, read ahead by a thread.
 *
 * Shape:  each input comes as one or more blocks, the first marked `begin`, the
 *         last `end` (an empty input is one empty block with both). A member of
 *         an archive counts as an input of its own. input_kind.h has where they
 *         come from.
 * Errors: whatever opening or reading an input says, when its turn comes; ERR_DATA
 *         for one that expands too much.
 * Owner:  feed_free() stops and joins the thread; feed_abandon() lets go of a
 *         thread that may hang in a read for ever, where its kind cannot be
 *         told to return. Names live as long as the feed.
 */
#ifndef DLT_FEED_H
#define DLT_FEED_H

#include "common/error.h"

struct feed;
struct input_context;

/* input_part, as long as the feed lives; index: among all of its inputs. */
struct feed_part {
	size_t index;
	const char *table, *described;
	const char *name; /* of the members */
};

struct feed_block {
	const char *data;
	size_t len;
	const char *name; /* of the input, for messages and origins */
	bool begin, end;
	bool typed;                   /* its strings may be typed values */
	const struct feed_part *part; /* or NULL */
	/* With `end`: what the input keeps once all up to here is in a package;
	 * or NULL. */
	const char *kept;
};

/* So many bytes may become more of them than max_expansion says. */
#define FEED_FREE_BYTES ((uint64_t)16 << 20)

/* in: what all the inputs have in common (input_kind.h); inputs: the text of
 * each. max_expansion: how many times the bytes that an input takes as a file
 * may come out of it; 0: any number. */
struct feed *feed_new(const struct input_context *in, const char *const *inputs,
    size_t count, size_t block_size, unsigned blocks, uint64_t max_expansion);

/* Begin to read; feed_next() does it, too. */
int feed_start(struct feed *f, struct error *err);
/* 1: *b is the next block, valid until the next call; 0: no more; 2: rows of the
 * parent come first: it has to be pulled; 3: no more, as it was stopped before
 * its end; -1. */
int feed_next(struct feed *f, struct feed_block *b, struct error *err);

/* What the input says of its columns (input_kind.h), from the first block on;
 * NULL: nothing, or there are several inputs. As long as the feed lives. */
const char *feed_described(struct feed *f);

/* After that moment (of CLOCK_MONOTONIC, in seconds) nobody waits for a block:
 * feed_next() stops the reader and gives what has been read. 0: no such
 * moment. Before the first feed_next(). */
void feed_until(struct feed *f, double moment);
/* No more is read: programs of several feeds end at once. */
void feed_stop(struct feed *f);
void feed_free(struct feed *f);
void feed_abandon(struct feed *f);

#endif
