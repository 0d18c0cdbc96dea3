/* SPDX-License-Identifier: MIT */
/*
 * channel: rows of a resource on their way to one that transforms them.
 *
 * Shape:  a queue of JSON texts. Who puts rows looks first whether it is full;
 *         putting never waits, so that a whole page goes in at once. Who takes
 *         them waits for the next.
 * Thread: one thread puts and closes, another takes; cancel is for any.
 * Memory: CHANNEL_BYTES or CHANNEL_ROWS of rows, and one page.
 */
#ifndef DLT_CHANNEL_H
#define DLT_CHANNEL_H

#include "common/buf.h"
#include "common/error.h"

#define CHANNEL_BYTES ((size_t)1 << 20)
#define CHANNEL_ROWS  ((size_t)1000)

struct channel;

struct channel *channel_new(void);
void channel_free(struct channel *c); /* NULL is legal */

bool channel_is_full(struct channel *c);
/* Dropped when nobody will take it any more. */
void channel_put(struct channel *c, const char *data, size_t len);
/* There are no more rows. */
void channel_close(struct channel *c);
/* No more rows come: closed or cancelled. */
bool channel_is_closed(struct channel *c);

/* 1: the next row replaces what is in *row; 0: there are no more; -1: cancelled
 * (ERR_QUIET). wait false: 2 when there is none yet. */
int
channel_take(struct channel *c, bool wait, struct buf *row, struct error *err);
void channel_cancel(struct channel *c);

/* changed(arg) is called, in the thread that takes, when a row has been taken. */
void channel_watch(struct channel *c, void (*changed)(void *arg), void *arg);

#endif
