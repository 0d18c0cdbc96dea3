/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/zio.h"
#include "common/zio_private.h"
#include "tests/unit/tap.h"

/* A source that hands out at most `step` bytes a time. */
struct drip {
	const char *data;
	size_t len, pos, step;
};

static long
drip_read(void *arg, void *data, size_t len, struct error *err)
{
	struct drip *d = arg;
	size_t n = d->len - d->pos;

	if (n > len)
		n = len;
	if (n > d->step)
		n = d->step;
	memcpy(data, d->data + d->pos, n);
	d->pos += n;
	return (long)n;
}

/* Decode everything, reading pieces of `piece` bytes; -1 on error. */
static int
decode(const char *data, size_t len, size_t step, size_t piece, struct buf *out,
    enum codec *codec, struct error *err)
{
	struct drip d = { data, len, 0, step };
	struct zin *z = zin_new(drip_read, &d);
	char *block = xmalloc(piece);
	long n;

	buf_reset(out);
	while ((n = zin_read(z, block, piece, err)) > 0)
		buf_add(out, block, (size_t)n);
	*codec = zin_codec(z);
	free(block);
	zin_free(z);
	return n < 0 ? -1 : 0;
}

static void
make_rows(struct buf *b, int rows)
{
	for (int i = 0; i < rows; i++)
		buf_addf(b, "{\"row\":%d,\"t\":\"%x\"}\n", i, i * 2654435761u);
}

static void
frames(enum codec c, const struct buf *plain, size_t size, struct buf *out)
{
	struct compressor *z = compressor_new(c);
	struct error err;

	for (size_t at = 0; at < plain->len; at += size) {
		size_t n = plain->len - at < size ? plain->len - at : size;

		if (compressor_frame(z, plain->data + at, n, out, &err))
			tap_ok(false, "compress: %s", err.msg);
	}
	compressor_free(z);
}

static void
test_names(void)
{
	static const char *const names[] = { "none", "gzip", "zstd", "fast" };
	struct error err;
	enum codec c;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		tap_int(codec_parse(names[i], &c, &err), 0, names[i]);
		tap_str(codec_name(c), names[i], "name comes back");
	}
	tap_int(codec_parse("lzma", &c, &err), -1, "unknown codec");
	tap_int(err.code, ERR_USAGE, "is a usage error");
	tap_str(codec_suffix(CODEC_FAST), ".zst", "suffix of fast");
	tap_str(codec_suffix(CODEC_GZIP), ".gz", "suffix of gzip");
	tap_str(codec_suffix(CODEC_NONE), "", "suffix of none");
}

static void
test_round(enum codec c, enum codec seen)
{
	static const size_t steps[] = { 1, 7, 4096, 1 << 22 };
	static const size_t pieces[] = { 1, 1000, 1 << 20 };
	struct buf plain = { 0 }, stored = { 0 }, back = { 0 };
	struct error err = { 0 };
	enum codec codec;
	bool good = true;

	make_rows(&plain, 8000);
	frames(c, &plain, 50000, &stored);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
			if (decode(stored.data, stored.len, steps[i], pieces[j],
			        &back, &codec, &err))
				good = tap_ok(false, "%s", err.msg);
			good &= back.len == plain.len && codec == seen &&
			    memcmp(back.data, plain.data, plain.len) == 0;
		}
	tap_ok(good, "%s: %zu -> %zu bytes and back", codec_name(c), plain.len,
	    stored.len);
	buf_release(&plain);
	buf_release(&stored);
	buf_release(&back);
}

/* Every cut is an error, but at the ends of frames. */
static void
test_cuts(enum codec c)
{
	struct buf plain = { 0 }, stored = { 0 }, back = { 0 };
	struct error err = { 0 };
	enum codec codec;
	size_t whole = 0, bad = 0, damaged = 0, cut = 0;

	make_rows(&plain, 60);
	frames(c, &plain, plain.len / 3 + 1, &stored);
	/* Shorter than a magic number is plain text, hence from 4 on. */
	for (size_t n = 4; n <= stored.len; n++)
		if (decode(stored.data, n, 1 << 20, 300, &back, &codec, &err))
			cut += strstr(err.msg, "cut short") != NULL &&
			    err.code == ERR_DATA;
		else
			whole++;
	tap_int(whole, 3, "three cuts are whole frames");
	tap_int(cut, stored.len - 4 - 2, "all others are reported as cut");
	for (size_t n = 4; n < stored.len; n++) {
		stored.data[n] ^= 0x10;
		if (decode(stored.data, stored.len, 1 << 20, 999, &back, &codec,
		        &err) == 0 &&
		    (back.len != plain.len ||
		        memcmp(back.data, plain.data, plain.len) != 0))
			bad++;
		else
			damaged++;
		stored.data[n] ^= 0x10;
	}
	tap_ok(bad == 0 && damaged, "%s: no damaged byte passes as other data",
	    codec_name(c));
	stored.data[stored.len - (c == CODEC_GZIP ? 8 : 4)] ^= 1;
	tap_int(decode(stored.data, stored.len, 1 << 20, 999, &back, &codec,
	            &err),
	    -1, "wrong checksum");
	tap_ok(strstr(err.msg, "checksum") != NULL, "says so: %s", err.msg);
	buf_release(&plain);
	buf_release(&stored);
	buf_release(&back);
}

static void
test_trailing(enum codec c)
{
	struct buf plain = { 0 }, stored = { 0 }, back = { 0 };
	struct error err = { 0 };
	enum codec codec;

	buf_adds(&plain, "hello");
	frames(c, &plain, 100, &stored);
	buf_adds(&stored, "hello");
	tap_int(decode(stored.data, stored.len, 100, 100, &back, &codec, &err),
	    -1, "garbage behind the last frame");
	tap_ok(strstr(err.msg, "something else follows") != NULL, "%s",
	    err.msg);
	buf_release(&plain);
	buf_release(&stored);
	buf_release(&back);
}

static void
test_special(void)
{
	static const char skip[] = "\x53\x2a\x4d\x18\x05\0\0\0abcde";
	struct buf plain = { 0 }, stored = { 0 }, back = { 0 };
	struct error err = { 0 };
	enum codec codec;
	struct compressor *z;

	tap_int(decode("", 0, 1, 10, &back, &codec, &err), 0, "empty input");
	tap_int(back.len, 0, "is empty data");
	tap_int(decode("(", 1, 1, 10, &back, &codec, &err), 0, "one byte");
	tap_str(buf_str(&back), "(", "is plain");
	tap_int(decode("\x1f", 1, 1, 10, &back, &codec, &err), 0,
	    "half a magic");

	buf_adds(&plain, "hello");
	buf_add(&stored, skip, sizeof(skip) - 1);
	frames(CODEC_ZSTD, &plain, 100, &stored);
	buf_add(&stored, skip, sizeof(skip) - 1);
	frames(CODEC_ZSTD, &plain, 100, &stored);
	tap_int(decode(stored.data, stored.len, 3, 2, &back, &codec, &err), 0,
	    "skippable frames");
	tap_str(buf_str(&back), "hellohello", "are skipped");
	tap_int(decode(stored.data, 6, 3, 2, &back, &codec, &err), -1,
	    "cut in a skippable frame");

	buf_reset(&stored);
	z = compressor_new(CODEC_GZIP);
	tap_int(compressor_frame(z, "", 0, &stored, &err), 0, "empty member");
	compressor_free(z);
	frames(CODEC_GZIP, &plain, 100, &stored);
	buf_add(&stored, "\0\0\0\0\0", 5);
	tap_int(decode(stored.data, stored.len, 1, 2, &back, &codec, &err), 0,
	    "gzip with padding of zeros");
	tap_str(buf_str(&back), "hello", "reads as its members");
	buf_addc(&stored, '\x1f');
	tap_int(decode(stored.data, stored.len, 1, 2, &back, &codec, &err), -1,
	    "but nothing may follow the padding");

	buf_reset(&stored);
	z = compressor_new(CODEC_ZSTD);
	tap_int(compressor_frame(z, "", 0, &stored, &err), 0, "empty frame");
	compressor_free(z);
	tap_int(decode(stored.data, stored.len, 1, 2, &back, &codec, &err), 0,
	    "reads");
	tap_int(back.len, 0, "as empty data");
	tap_int(codec, CODEC_ZSTD, "of zstd");
	buf_release(&plain);
	buf_release(&stored);
	buf_release(&back);
}

static void
test_open(void)
{
	char path[] = "/tmp/test_zio.XXXXXX", block[16];
	struct error err = { 0 };
	struct zin *z;
	int fd = mkstemp(path);

	if (write(fd, "\x1f\x8b\x08\0\0", 5) != 5)
		tap_ok(false, "write");
	close(fd);
	z = zin_open(path, &err);
	tap_int(zin_read(z, block, sizeof(block), &err), -1, "cut header");
	tap_ok(strstr(err.msg, path) == err.msg, "names the file: %s", err.msg);
	tap_int(zin_read(z, block, sizeof(block), &err), -1, "stays failed");
	zin_free(z);
	unlink(path);
	tap_ok(zin_open(path, &err) == NULL, "absent file");
	tap_int(err.code, ERR_IO, "is an I/O error");
	zin_free(NULL);
}

/* All sets of instructions find the same matches. */
static void
test_fast_lanes(void)
{
	static const enum zio_fast_way ways[] = { ZIO_FAST_BEST, ZIO_FAST_SSE2,
		ZIO_FAST_PLAIN };
	const struct zio_match *list[ARRAY_LEN(ways)];
	struct zio_fast *f[ARRAY_LEN(ways)];
	size_t count[ARRAY_LEN(ways)], differ = 0;
	struct buf rows = { 0 };
	uint64_t rnd = 1;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		f[i] = zio_fast_new(ways[i]);
	make_rows(&rows, 4000);
	for (size_t len = rows.len; len; len = len * 7 / 8) {
		for (int n = 0; n < 1000; n++) {
			rnd = rnd * 6364136223846793005u + 1;
			rows.data[(rnd >> 33) % rows.len] =
			    "{}[],:\"a0"[rnd >> 30 & 7];
		}
		for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
			zio_fast_find(f[i], rows.data, len, &list[i],
			    &count[i]);
			differ += count[i] != count[0] ||
			    memcmp(list[i], list[0],
			        count[0] * sizeof(*list[0])) != 0;
		}
	}
	tap_int((long long)differ, 0, "all lanes find the same");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		zio_fast_free(f[i]);
	buf_release(&rows);
}

/* CODEC_FAST finds rows in one another; text without rows is left to zstd. */
static void
test_fast(void)
{
	const struct zio_match *list;
	struct zio_fast *f = zio_fast_new(ZIO_FAST_BEST);
	struct buf plain = { 0 }, fast = { 0 }, level1 = { 0 };
	size_t count;

	make_rows(&plain, 8000);
	tap_ok(zio_fast_find(f, plain.data, plain.len, &list, &count) >
	        plain.len / 2,
	    "rows repeat each other");
	tap_ok(count <= 2 * 8000 + 10, "in %zu matches", count);
	frames(CODEC_FAST, &plain, plain.len, &fast);
	frames(CODEC_ZSTD, &plain, plain.len, &level1);
	tap_ok(fast.len != level1.len, "they make another frame");
	for (size_t i = 0; i < plain.len; i++)
		plain.data[i] = (char)('a' + i * i % 23);
	tap_int(zio_fast_find(f, plain.data, plain.len, &list, &count), 0,
	    "no rows: no match");
	tap_int(count, (plain.len + (1 << 17) - 1) >> 17, "a block each 128 K");
	buf_reset(&fast);
	buf_reset(&level1);
	frames(CODEC_FAST, &plain, plain.len, &fast);
	frames(CODEC_ZSTD, &plain, plain.len, &level1);
	tap_ok(fast.len == level1.len &&
	        memcmp(fast.data, level1.data, fast.len) == 0,
	    "and the frame of zstd");
	zio_fast_free(f);
	buf_release(&plain);
	buf_release(&fast);
	buf_release(&level1);
}

int
main(void)
{
	test_names();
	test_fast();
	test_fast_lanes();
	test_round(CODEC_NONE, CODEC_NONE);
	test_round(CODEC_GZIP, CODEC_GZIP);
	test_round(CODEC_ZSTD, CODEC_ZSTD);
	test_round(CODEC_FAST, CODEC_ZSTD);
	test_cuts(CODEC_GZIP);
	test_cuts(CODEC_ZSTD);
	test_trailing(CODEC_GZIP);
	test_trailing(CODEC_ZSTD);
	test_special();
	test_open();
	return tap_done();
}
