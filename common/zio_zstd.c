/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdlib.h>
/* For ZSTD_compressSequences(), which libzstd.so exports. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "common/mem.h"
#include "common/zio_private.h"

struct zstd_state {
	ZSTD_DCtx *ctx;
	bool whole;
};

static void *
zstd_open(void)
{
	struct zstd_state *s = xcalloc(1, sizeof(*s));

	s->ctx = ZSTD_createDCtx();
	if (!s->ctx)
		abort(); /* out of memory for a few kilobytes */
	s->whole = true;
	return s;
}

static void
zstd_close(void *state)
{
	struct zstd_state *s = state;

	ZSTD_freeDCtx(s->ctx);
	free(s);
}

static int
zstd_explain(const struct zstd_state *s, size_t code, struct error *err)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_checksum_wrong:
		return error_set(err, ERR_DATA, "damaged: zstd checksum wrong");
	case ZSTD_error_prefix_unknown:
		if (s->whole)
			return error_set(err, ERR_DATA,
			    "something else follows the last zstd frame");
		break;
	case ZSTD_error_frameParameter_windowTooLarge:
		return error_set(err, ERR_DATA,
		    "zstd frame needs more than 128 MiB of memory (--long "
		    "above 27)");
	case ZSTD_error_dictionary_wrong:
		return error_set(err, ERR_DATA,
		    "zstd frame needs a dictionary");
	default:
		break;
	}
	return error_set(err, ERR_DATA, "damaged zstd data: %s",
	    ZSTD_getErrorName(code));
}

static int
zstd_step(void *state, struct zio_slice *in, struct zio_slice *out,
    struct error *err)
{
	struct zstd_state *s = state;
	ZSTD_inBuffer zin = { in->data, in->len, in->pos };
	ZSTD_outBuffer zout = { out->data, out->len, out->pos };
	size_t rc = ZSTD_decompressStream(s->ctx, &zout, &zin);

	if (ZSTD_isError(rc))
		return zstd_explain(s, rc, err);
	/* 0 is said once, when a frame ends; a call that moves nothing (no
	 * input left) would otherwise report the next frame's header size. */
	if (zin.pos != in->pos || zout.pos != out->pos)
		s->whole = rc == 0;
	in->pos = zin.pos;
	out->pos = zout.pos;
	return 0;
}

static bool
zstd_whole(const void *state)
{
	const struct zstd_state *s = state;

	return s->whole;
}

const struct zio_decoder zio_zstd_decoder = {
	.open = zstd_open,
	.close = zstd_close,
	.step = zstd_step,
	.whole = zstd_whole,
};

void *
zio_zstd_compressor(int level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (!c)
		abort();
	/* The size lets readers make room once; the checksum names damage. */
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 1);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	return c;
}

void
zio_zstd_compressor_free(void *c)
{
	ZSTD_freeCCtx(c);
}

int
zio_zstd_frame(void *c, const void *data, size_t len, struct buf *out,
    struct error *err)
{
	size_t n;

	buf_reserve(out, ZSTD_compressBound(len));
	n = ZSTD_compress2(c, out->data + out->len, out->cap - out->len, data,
	    len);
	if (ZSTD_isError(n))
		return error_set(err, ERR_IO, "zstd: %s", ZSTD_getErrorName(n));
	out->len += n;
	out->data[out->len] = '\0';
	return 0;
}

/* ---- frames of known matches ---- */

#define STRUCTURED_MAX ((size_t)4 << 20)
#define STRUCTURED_LOG 22

_Static_assert(sizeof(struct zio_match) == sizeof(ZSTD_Sequence) &&
        offsetof(struct zio_match, offset) == offsetof(ZSTD_Sequence, offset) &&
        offsetof(struct zio_match, literals) ==
            offsetof(ZSTD_Sequence, litLength) &&
        offsetof(struct zio_match, length) ==
            offsetof(ZSTD_Sequence, matchLength),
    "a match is a ZSTD_Sequence");

struct zio_structured {
	void *plain;
	ZSTD_CCtx *ctx;
	struct zio_fast *finder;
};

struct zio_structured *
zio_structured_new(int level)
{
	struct zio_structured *s = xcalloc(1, sizeof(*s));

	s->plain = zio_zstd_compressor(level);
	s->ctx = zio_zstd_compressor(level);
	ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_windowLog, STRUCTURED_LOG);
	ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_blockDelimiters,
	    ZSTD_sf_explicitBlockDelimiters);
	s->finder = zio_fast_new(ZIO_FAST_BEST);
	return s;
}

void
zio_structured_free(struct zio_structured *s)
{
	if (!s)
		return;
	zio_zstd_compressor_free(s->plain);
	zio_zstd_compressor_free(s->ctx);
	zio_fast_free(s->finder);
	free(s);
}

int
zio_structured_frame(struct zio_structured *s, const void *data, size_t len,
    struct buf *out, struct error *err)
{
	const struct zio_match *list;
	size_t count, n;

	/* Where rows do not repeat each other, zstd finds more. */
	if (len == 0 || len > STRUCTURED_MAX ||
	    zio_fast_find(s->finder, data, len, &list, &count) < len / 2)
		return zio_zstd_frame(s->plain, data, len, out, err);
	buf_reserve(out, ZSTD_compressBound(len));
	n = ZSTD_compressSequences(s->ctx, out->data + out->len,
	    out->cap - out->len, (const ZSTD_Sequence *)list, count, data, len);
	if (ZSTD_isError(n))
		return zio_zstd_frame(s->plain, data, len, out, err);
	out->len += n;
	out->data[out->len] = '\0';
	return 0;
}
