/* SPDX-License-Identifier: MIT */
/*
 * zio_private: what zio.c needs from one compression format. Private to zio.
 *
 * Shape:  a decoder is fed slices of the stored bytes and writes slices of
 *         plain ones; it knows whether it stands between two frames.
 * Errors: ERR_DATA with the bare cause; zio.c adds the place.
 */
#ifndef DLT_ZIO_PRIVATE_H
#define DLT_ZIO_PRIVATE_H

#include "common/buf.h"
#include "common/error.h"

/* A slice of bytes that is consumed, or filled, from pos on. */
struct zio_slice {
	char *data;
	size_t len;
	size_t pos;
};

struct zio_decoder {
	void *(*open)(void);
	void (*close)(void *state);
	/* Advance as far as one of the slices allows; 0 or -1. */
	int (*step)(void *state, struct zio_slice *in, struct zio_slice *out,
	    struct error *err);
	/* True when the bytes so far are whole frames only. */
	bool (*whole)(const void *state);
};

extern const struct zio_decoder zio_zstd_decoder;
extern const struct zio_decoder zio_gzip_decoder;

void *zio_zstd_compressor(int level);
void zio_zstd_compressor_free(void *c);
int zio_zstd_frame(void *c, const void *data, size_t len, struct buf *out,
    struct error *err);

/* CODEC_FAST: zstd frames whose matches are found by zio_fast.c; a frame in
 * which it finds few is made as zio_zstd_frame() makes it. */
struct zio_structured;
struct zio_structured *zio_structured_new(int level);
void zio_structured_free(struct zio_structured *s);
int zio_structured_frame(struct zio_structured *s, const void *data, size_t len,
    struct buf *out, struct error *err);

/* `literals` bytes as they are, then `length` bytes as `offset` bytes before;
 * length 0 ends a block of at most 128 KiB. Laid out as ZSTD_Sequence. */
struct zio_match {
	unsigned offset;
	unsigned literals;
	unsigned length;
	unsigned zero;
};

/* Matches of rows with the rows before them. The list is the finder's and
 * lives until its next call; len is at most 4 MiB. Returns how many bytes are
 * inside of matches. */
struct zio_fast;
enum zio_fast_way {
	ZIO_FAST_BEST, /* of what the processor can */
	ZIO_FAST_SSE2, /* where there is that */
	ZIO_FAST_PLAIN,
};
struct zio_fast *zio_fast_new(enum zio_fast_way way);
void zio_fast_free(struct zio_fast *f);
size_t zio_fast_find(struct zio_fast *f, const void *data, size_t len,
    const struct zio_match **list, size_t *count);

void *zio_gzip_compressor(int level);
void zio_gzip_compressor_free(void *c);
int zio_gzip_frame(void *c, const void *data, size_t len, struct buf *out,
    struct error *err);

#endif
