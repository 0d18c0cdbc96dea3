/* SPDX-License-Identifier: MIT */
/*
 * zio: compressed bytes in and out. zio.c knows the formats, zio_zstd.c is the
 * only includer of zstd.h, zio_gzip.c of libdeflate.h and zlib.h; zio_fast.c
 * finds where rows repeat each other.
 *
 * Shape:  reading detects zstd (28 B5 2F FD), gzip (1F 8B) or plain by content;
 *         any number of frames or members, concatenated (RFC 8878, RFC 1952).
 *         Writing makes independent frames (members), one call each.
 * Errors: ERR_DATA for a damaged or cut stream, ERR_IO with errno's text.
 */
#ifndef DLT_ZIO_H
#define DLT_ZIO_H

#include "common/buf.h"
#include "common/error.h"

enum codec {
	CODEC_NONE,
	CODEC_GZIP,
	CODEC_ZSTD,
	CODEC_FAST, /* zstd frames, made in half the time, a third larger */
};

/* "zstd", "fast", "gzip", "none"; -1 ERR_USAGE. */
int codec_parse(const char *name, enum codec *out, struct error *err);
const char *codec_name(enum codec c);
const char *codec_suffix(enum codec c); /* ".zst", ".gz", "" */

/* One frame of data appended to out. A compressor is for one thread. zstd and
 * gzip frames carry size and checksum; CODEC_NONE just appends. */
struct compressor;
struct compressor *compressor_new(enum codec c);
void compressor_free(struct compressor *c);
int compressor_frame(struct compressor *c, const void *data, size_t len,
    struct buf *out, struct error *err);

/* Pull reader over any source of bytes. */
typedef long (*zin_source)(void *arg, void *data, size_t len,
    struct error *err); /* bytes, 0 at the end, -1 */
/* A source over a descriptor: arg points to an int. A signal that is pending
 * (output.h) ends the read with ERR_QUIET. */
long zin_source_fd(void *fd, void *data, size_t len, struct error *err);
/* What both ends of a pipe gain from: 1 MiB of room, read-ahead on files.
 * Harmless on anything else. */
void zio_tune_fd(int fd);

struct zin;
struct zin *zin_new(zin_source source, void *arg);
struct zin *zin_open(const char *path, struct error *err);
/* Up to len decoded bytes; 0 at the end; -1. Reads as much as it can get:
 * less than len means that the end is reached. Messages carry the path of
 * zin_open(). Empty input is empty data. */
long zin_read(struct zin *z, void *data, size_t len, struct error *err);
/* The same, but returns as soon as there is something (live pipes). */
long zin_read_some(struct zin *z, void *data, size_t len, struct error *err);
enum codec zin_codec(const struct zin *z); /* known after the first read */
void zin_free(struct zin *z);              /* closes what zin_open() opened */

#endif
