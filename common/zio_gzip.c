/* SPDX-License-Identifier: MIT */
/* Two libraries: libdeflate makes whole members fastest, zlib reads streams of
 * any size in constant memory. */
#include <libdeflate.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>

#include "common/mem.h"
#include "common/zio_private.h"
#include "common/zlibtext.h"

enum gzip_place {
	GZIP_BETWEEN, /* at the start of a member, or of the padding */
	GZIP_INSIDE,
	GZIP_PADDING, /* zeros after the last member, as gzip(1) tolerates */
};

struct gzip_state {
	z_stream z;
	enum gzip_place place;
	bool seen; /* a member has been read */
};

static void *
gzip_open(void)
{
	struct gzip_state *s = xcalloc(1, sizeof(*s));

	/* 15 bits of window, +16: the gzip wrapper with its CRC-32. */
	if (inflateInit2(&s->z, 15 + 16) != Z_OK)
		abort(); /* out of memory for a few kilobytes */
	return s;
}

static void
gzip_close(void *state)
{
	struct gzip_state *s = state;

	inflateEnd(&s->z);
	free(s);
}

/* Look at the first byte after a member; 0, or -1 for foreign bytes. */
static int
gzip_between(struct gzip_state *s, struct zio_slice *in, struct error *err)
{
	while (in->pos < in->len && s->seen && in->data[in->pos] == '\0') {
		s->place = GZIP_PADDING;
		in->pos++;
	}
	if (in->pos == in->len)
		return 0;
	if (s->place == GZIP_PADDING ||
	    (unsigned char)in->data[in->pos] != 0x1f)
		return error_set(err, ERR_DATA,
		    "something else follows the last gzip member");
	inflateReset(&s->z);
	s->place = GZIP_INSIDE;
	return 0;
}

static int
gzip_explain(const struct gzip_state *s, int rc, struct error *err)
{
	const char *why = s->z.msg ? s->z.msg : "invalid data";

	if (rc == Z_NEED_DICT)
		why = "needs a dictionary";
	else if (s->z.msg && strcmp(s->z.msg, "incorrect data check") == 0)
		return error_set(err, ERR_DATA, "damaged: gzip checksum wrong");
	return error_set(err, ERR_DATA, "damaged gzip data: %s", why);
}

static uInt
clamp(size_t n)
{
	return n > UINT_MAX ? UINT_MAX : (uInt)n;
}

static int
gzip_step(void *state, struct zio_slice *in, struct zio_slice *out,
    struct error *err)
{
	struct gzip_state *s = state;
	uInt room, fed;
	int rc;

	if (s->place != GZIP_INSIDE) {
		if (gzip_between(s, in, err))
			return -1;
		if (s->place != GZIP_INSIDE)
			return 0;
	}
	fed = s->z.avail_in = clamp(in->len - in->pos);
	room = s->z.avail_out = clamp(out->len - out->pos);
	s->z.next_in = (Bytef *)(in->data + in->pos);
	s->z.next_out = (Bytef *)(out->data + out->pos);
	rc = inflate(&s->z, Z_NO_FLUSH);
	in->pos += fed - s->z.avail_in;
	out->pos += room - s->z.avail_out;
	if (rc == Z_STREAM_END) {
		s->place = GZIP_BETWEEN;
		s->seen = true;
		return 0;
	}
	/* Z_BUF_ERROR: nothing could move; the caller has to bring more. */
	if (rc != Z_OK && rc != Z_BUF_ERROR)
		return gzip_explain(s, rc, err);
	return 0;
}

static bool
gzip_whole(const void *state)
{
	const struct gzip_state *s = state;

	return s->place != GZIP_INSIDE;
}

const struct zio_decoder zio_gzip_decoder = {
	.open = gzip_open,
	.close = gzip_close,
	.step = gzip_step,
	.whole = gzip_whole,
};

void *
zio_gzip_compressor(int level)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);

	if (!c)
		abort();
	return c;
}

void
zio_gzip_compressor_free(void *c)
{
	libdeflate_free_compressor(c);
}

int
zio_gzip_frame(void *c, const void *data, size_t len, struct buf *out,
    struct error *err)
{
	size_t n;

	buf_reserve(out, libdeflate_gzip_compress_bound(c, len));
	n = libdeflate_gzip_compress(c, data, len, out->data + out->len,
	    out->cap - out->len);
	if (!n)
		return error_set(err, ERR_IO, "gzip: compression failed");
	out->len += n;
	out->data[out->len] = '\0';
	return 0;
}

/* ---- zlib texts (zlibtext.h) ---- */

void
zlib_deflate9(const void *data, size_t len, struct buf *out)
{
	uLongf n = compressBound((uLong)len);

	buf_reserve(out, n);
	if (compress2((Bytef *)out->data + out->len, &n, data, (uLong)len, 9) !=
	    Z_OK)
		abort(); /* out of memory: the room suffices by definition */
	out->len += n;
	out->data[out->len] = '\0';
}

int
zlib_inflate(const void *data, size_t len, size_t max, struct buf *out,
    struct error *err)
{
	z_stream z = { .next_in = data, .avail_in = (uInt)len };
	size_t start = out->len;
	int rc = Z_OK;

	if (len > UINT_MAX)
		return error_set(err, ERR_DATA, "zlib data are too large");
	if (inflateInit(&z) != Z_OK)
		abort(); /* out of memory for a few kilobytes */
	while (rc == Z_OK && out->len - start <= max) {
		size_t room = 65536;

		buf_reserve(out, room);
		z.next_out = (Bytef *)out->data + out->len;
		z.avail_out = (uInt)room;
		rc = inflate(&z, Z_NO_FLUSH);
		out->len += room - z.avail_out;
		out->data[out->len] = '\0';
	}
	inflateEnd(&z);
	if (out->len - start > max)
		return error_set(err, ERR_DATA,
		    "zlib data hold more than %zu bytes", max);
	if (rc != Z_STREAM_END || z.avail_in)
		return error_set(err, ERR_DATA, "zlib data are damaged");
	return 0;
}
