/* SPDX-License-Identifier: MIT */
/* Frames of CODEC_FAST: the matches found are true and cover the text, blocks
 * are small enough, and a zstd decoder gives back every byte. The input is
 * repeated with small changes, so that there is something to find, and now and
 * then over several blocks. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/zio.h"
#include "common/zio_private.h"
#include "tests/fuzz/mutate.h"

#define BLOCK ((size_t)1 << 17)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
make_text(const uint8_t *data, size_t size, struct buf *text)
{
	uint64_t state = size;
	size_t want;

	for (size_t i = 0; i < size; i++)
		state = state * 31 + data[i];
	want = mutate_random(&state) % (state % 100 == 0 ? 400000 : 3000);
	buf_reset(text);
	while (text->len < want) {
		size_t at = text->len;

		buf_add(text, data, size);
		if (mutate_random(&state) % 4)
			buf_add(text, "\n", 1);
		for (uint32_t n = mutate_random(&state) % 4; n && size; n--)
			text->data[at + mutate_random(&state) % size] =
			    (char)mutate_random(&state);
	}
}

static void
check_matches(struct zio_fast *f, const struct buf *text)
{
	const struct zio_match *list;
	size_t count, matched = 0, at = 0, block = 0;
	size_t said = zio_fast_find(f, buf_str(text), text->len, &list, &count);

	for (size_t i = 0; i < count; i++) {
		const struct zio_match *m = &list[i];

		at += m->literals;
		if (at + m->length > text->len || m->offset > at ||
		    (m->length && !m->offset))
			abort();
		for (size_t n = 0; n < m->length; n++, at++)
			if (text->data[at] != text->data[at - m->offset])
				abort();
		matched += m->length;
		if (m->length == 0) {
			if (at - block > BLOCK)
				abort();
			block = at;
		}
	}
	if (at != text->len || block != at || matched != said)
		abort();
}

/* All sets of instructions find the same. */
static void
check_lanes(struct zio_fast *lanes[3], const struct buf *text)
{
	const struct zio_match *list[3];
	size_t count[3];

	for (int i = 0; i < 3; i++)
		zio_fast_find(lanes[i], buf_str(text), text->len, &list[i],
		    &count[i]);
	for (int i = 1; i < 3; i++)
		if (count[i] != count[0] ||
		    memcmp(list[i], list[0], count[0] * sizeof(**list)) != 0)
			abort();
}

static long
give(void *arg, void *data, size_t len, struct error *err)
{
	struct buf *b = arg;
	size_t n = b->len < len ? b->len : len;

	(void)err;
	memcpy(data, b->data, n);
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	return (long)n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct compressor *z;
	static struct zio_fast *f[3];
	static struct buf text, frame;
	struct error err;
	struct zin *in;
	char *back;

	if (!z) {
		z = compressor_new(CODEC_FAST);
		f[0] = zio_fast_new(ZIO_FAST_BEST);
		f[1] = zio_fast_new(ZIO_FAST_SSE2);
		f[2] = zio_fast_new(ZIO_FAST_PLAIN);
	}
	if (size == 0)
		return 0;
	make_text(data, size, &text);
	check_matches(f[0], &text);
	check_lanes(f, &text);
	buf_reset(&frame);
	if (compressor_frame(z, buf_str(&text), text.len, &frame, &err))
		abort();
	back = xmalloc(text.len + 1);
	in = zin_new(give, &frame);
	if (zin_read(in, back, text.len + 1, &err) != (long)text.len ||
	    (text.len && memcmp(back, text.data, text.len) != 0))
		abort();
	zin_free(in);
	free(back);
	return 0;
}
