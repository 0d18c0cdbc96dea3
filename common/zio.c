/* SPDX-License-Identifier: MIT */
#include "common/zio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/output.h"
#include "common/zio_private.h"

/* Level 1: on generated rows the higher levels cost several times the time
 * for a few per cent of the size. */
#define ZSTD_LEVEL 1
/* Of libdeflate. On JSON rows level 6 runs at 160 to 280 MB/s a thread; level 1
 * at twice that, but its files are 15 to 50 per cent larger. Who is in a hurry
 * takes zstd. */
#define GZIP_LEVEL 6

/* Plain bytes are not copied where the caller has so much room. */
#define DIRECT_MIN ((size_t)64 << 10)

static const struct {
	const char *name, *suffix;
} codecs[] = {
	[CODEC_NONE] = { "none", "" },
	[CODEC_GZIP] = { "gzip", ".gz" },
	[CODEC_ZSTD] = { "zstd", ".zst" },
	[CODEC_FAST] = { "fast", ".zst" },
};

int
codec_parse(const char *name, enum codec *out, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
		if (strcmp(codecs[i].name, name) == 0) {
			*out = (enum codec)i;
			return 0;
		}
	return error_set(err, ERR_USAGE,
	    "unknown compression \"%s\" (zstd, fast, gzip or none)", name);
}

const char *
codec_name(enum codec c)
{
	return codecs[c].name;
}

const char *
codec_suffix(enum codec c)
{
	return codecs[c].suffix;
}

/* ---- writing ---- */

struct compressor {
	enum codec codec;
	void *state;
};

struct compressor *
compressor_new(enum codec c)
{
	struct compressor *z = xcalloc(1, sizeof(*z));

	z->codec = c;
	if (c == CODEC_ZSTD)
		z->state = zio_zstd_compressor(ZSTD_LEVEL);
	else if (c == CODEC_FAST)
		z->state = zio_structured_new(ZSTD_LEVEL);
	else if (c == CODEC_GZIP)
		z->state = zio_gzip_compressor(GZIP_LEVEL);
	return z;
}

void
compressor_free(struct compressor *c)
{
	if (!c)
		return;
	if (c->codec == CODEC_GZIP)
		zio_gzip_compressor_free(c->state);
	else if (c->codec == CODEC_FAST)
		zio_structured_free(c->state);
	else if (c->state)
		zio_zstd_compressor_free(c->state);
	free(c);
}

int
compressor_frame(struct compressor *c, const void *data, size_t len,
    struct buf *out, struct error *err)
{
	switch (c->codec) {
	case CODEC_NONE:
		buf_add(out, data, len);
		return 0;
	case CODEC_GZIP:
		return zio_gzip_frame(c->state, data, len, out, err);
	case CODEC_FAST:
		return zio_structured_frame(c->state, data, len, out, err);
	case CODEC_ZSTD:
		break;
	}
	return zio_zstd_frame(c->state, data, len, out, err);
}

/* ---- reading ---- */

struct zin {
	zin_source source;
	void *arg;
	char *path; /* zin_open(): for messages */
	int fd;
	enum codec codec;
	bool detected;
	bool eof;
	bool failed; /* damage is final */
	const struct zio_decoder *ops;
	void *state;
	struct zio_slice in; /* data: IO_BLOCK, page-aligned */
};

void
zio_tune_fd(int fd)
{
#ifdef F_SETPIPE_SZ
	(void)fcntl(fd, F_SETPIPE_SZ, (int)IO_BLOCK);
#endif
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

long
zin_source_fd(void *fd, void *data, size_t len, struct error *err)
{
	for (;;) {
		ssize_t n;

		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		n = read(*(int *)fd, data, len);
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return error_errno(err, "read");
	}
}

struct zin *
zin_new(zin_source source, void *arg)
{
	struct zin *z = xcalloc(1, sizeof(*z));

	z->source = source;
	z->arg = arg;
	z->fd = -1;
	z->in.data = xaligned(IO_BLOCK);
	return z;
}

struct zin *
zin_open(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct zin *z;

	if (fd < 0) {
		error_errno(err, "%s", path);
		return NULL;
	}
	zio_tune_fd(fd);
	z = zin_new(zin_source_fd, NULL);
	z->fd = fd;
	z->arg = &z->fd;
	z->path = xstrdup(path);
	return z;
}

void
zin_free(struct zin *z)
{
	if (!z)
		return;
	if (z->ops)
		z->ops->close(z->state);
	if (z->fd >= 0)
		close(z->fd);
	free(z->path);
	free(z->in.data);
	free(z);
}

enum codec
zin_codec(const struct zin *z)
{
	return z->codec;
}

/* One more piece of stored bytes behind those that are left. */
static int
zin_more(struct zin *z, struct error *err)
{
	long n;

	if (z->in.pos == z->in.len)
		z->in.pos = z->in.len = 0;
	n = z->source(z->arg, z->in.data + z->in.len, IO_BLOCK - z->in.len,
	    err);
	if (n < 0)
		return -1;
	z->eof = n == 0;
	z->in.len += (size_t)n;
	return 0;
}

static bool
is_zstd(const unsigned char *p)
{
	/* A frame, or a skippable one (RFC 8878 3.1). */
	return (p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
	    ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d &&
	        p[3] == 0x18);
}

static int
zin_detect(struct zin *z, struct error *err)
{
	const unsigned char *p = (const unsigned char *)z->in.data;

	while (z->in.len < 4 && !z->eof)
		if (zin_more(z, err))
			return -1;
	if (z->in.len >= 4 && is_zstd(p)) {
		z->codec = CODEC_ZSTD;
		z->ops = &zio_zstd_decoder;
	} else if (z->in.len >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		z->codec = CODEC_GZIP;
		z->ops = &zio_gzip_decoder;
	}
	if (z->ops)
		z->state = z->ops->open();
	z->detected = true;
	return 0;
}

/* Plain bytes: what is in the block first, then straight to the caller. */
static long
zin_plain(struct zin *z, void *data, size_t len, struct error *err)
{
	size_t n = z->in.len - z->in.pos;
	long got;

	if (n) {
		if (n > len)
			n = len;
		memcpy(data, z->in.data + z->in.pos, n);
		z->in.pos += n;
		return (long)n;
	}
	if (z->eof)
		return 0;
	if (len < DIRECT_MIN) {
		if (zin_more(z, err))
			return -1;
		return z->eof ? 0 : zin_plain(z, data, len, err);
	}
	got = z->source(z->arg, data, len, err);
	if (got == 0)
		z->eof = true;
	return got;
}

static long
zin_decode(struct zin *z, void *data, size_t len, struct error *err)
{
	struct zio_slice out = { data, len, 0 };

	for (;;) {
		size_t before = z->in.pos;

		if (z->ops->step(z->state, &z->in, &out, err))
			return -1;
		if (out.pos)
			return (long)out.pos;
		if (z->in.pos != before)
			continue;
		if (z->eof)
			break;
		if (zin_more(z, err))
			return -1;
	}
	if (!z->ops->whole(z->state))
		return error_set(err, ERR_DATA,
		    "cut short: the %s data ends in the middle of a frame",
		    codec_name(z->codec));
	return 0;
}

long
zin_read_some(struct zin *z, void *data, size_t len, struct error *err)
{
	long n = -1;

	if (len > LONG_MAX)
		len = LONG_MAX;
	if (!len)
		return 0;
	if (z->failed)
		error_set(err, ERR_DATA, "damaged data (reported before)");
	else if (z->detected || zin_detect(z, err) == 0)
		n = z->ops ? zin_decode(z, data, len, err)
		           : zin_plain(z, data, len, err);
	if (n < 0) {
		z->failed = true;
		if (z->path && err->code != ERR_QUIET)
			error_prefix(err, "%s: ", z->path);
	}
	return n;
}

long
zin_read(struct zin *z, void *data, size_t len, struct error *err)
{
	size_t got = 0;

	while (got < len) {
		long n = zin_read_some(z, (char *)data + got, len - got, err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (long)got;
}
