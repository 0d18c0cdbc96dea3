/* SPDX-License-Identifier: MIT */
#include "common/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/output.h"

#define NOTE      "user.dlt.origins"
#define CHECKSUMS "user.dlt.checksums"

/* ---- writing ---- */

struct tar_out {
	struct archive *a;
	int fd;
	time_t mtime;
	const char *checksums; /* to be said with the next entry */
	struct buf pending;
	struct error err; /* what the write callback met */
	bool broken;      /* a write failed: send nothing more */
	bool farewell;    /* a reader that has gone has understood */
};

static int
tar_out_flush(struct tar_out *t)
{
	size_t at = 0;

	while (!t->broken && at < t->pending.len) {
		ssize_t n = write(t->fd, t->pending.data + at,
		    t->pending.len - at);

		if (n >= 0) {
			at += (size_t)n;
			continue;
		}
		if (errno == EINTR && !signal_pending())
			continue;
		t->broken = true;
		if (errno == EPIPE) {
			/* Who reads us has gone and has said why. */
			if (!t->farewell)
				signal_note(SIGPIPE);
			error_set(&t->err, ERR_QUIET, "output: broken pipe");
		} else if (errno == EINTR) {
			error_set(&t->err, ERR_QUIET, "interrupted");
		} else {
			error_errno(&t->err, "package stream: write");
		}
	}
	buf_reset(&t->pending);
	return t->broken ? -1 : 0;
}

static la_ssize_t
tar_out_write(struct archive *a, void *arg, const void *data, size_t len)
{
	struct tar_out *t = arg;

	(void)a;
	/* libarchive is never told of a failure: a writer that has failed keeps
	 * the memory of its filter when it is freed. Our callers look. */
	if (t->broken)
		return (la_ssize_t)len;
	buf_add(&t->pending, data, len);
	if (t->pending.len >= IO_BLOCK)
		(void)tar_out_flush(t);
	return (la_ssize_t)len;
}

struct tar_out *
tar_out_new(int fd)
{
	struct tar_out *t = xcalloc(1, sizeof(*t));
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	t->fd = fd;
	t->mtime = epoch ? (time_t)strtoll(epoch, NULL, 10) : 0;
	zio_tune_fd(fd);
	t->a = archive_write_new();
	if (!t->a)
		abort(); /* out of memory for a small struct */
	archive_write_set_format_pax_restricted(t->a);
	/* The other spelling makes GNU tar warn of a key that it lacks. */
	archive_write_set_format_option(t->a, "pax", "xattrheader", "SCHILY");
	archive_write_set_bytes_per_block(t->a, 0);
	archive_write_set_bytes_in_last_block(t->a, 1);
	archive_write_open(t->a, t, NULL, tar_out_write, NULL);
	return t;
}

static int
tar_out_fail(struct tar_out *t, struct error *err)
{
	const char *why = archive_error_string(t->a);

	if (t->broken) {
		*err = t->err;
		return -1;
	}
	return error_set(err, ERR_IO, "package stream: %s",
	    why ? why : "write failed");
}

int
tar_out_begin(struct tar_out *t, const char *name, uint64_t len,
    const char *note, struct error *err)
{
	struct archive_entry *e = archive_entry_new();
	size_t n = note ? strlen(note) : 0;
	int rc;

	archive_entry_copy_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)len);
	archive_entry_set_mtime(e, t->mtime, 0);
	if (n && n <= TAR_NOTE_MAX)
		archive_entry_xattr_add_entry(e, NOTE, note, n);
	if (t->checksums)
		archive_entry_xattr_add_entry(e, CHECKSUMS, t->checksums,
		    strlen(t->checksums));
	t->checksums = NULL;
	rc = archive_write_header(t->a, e);
	archive_entry_free(e);
	/* ARCHIVE_WARN: a name outside ASCII, which is written as it is all the
	 * same. */
	return !t->broken && (rc == ARCHIVE_OK || rc == ARCHIVE_WARN)
	    ? 0
	    : tar_out_fail(t, err);
}

void
tar_out_checksums(struct tar_out *t, const char *kind)
{
	t->checksums = kind;
}

int
tar_out_data(struct tar_out *t, const void *data, size_t len, struct error *err)
{
	if (len &&
	    (archive_write_data(t->a, data, len) != (la_ssize_t)len ||
	        t->broken))
		return tar_out_fail(t, err);
	return 0;
}

int
tar_out_end(struct tar_out *t, struct error *err)
{
	if (archive_write_finish_entry(t->a) != ARCHIVE_OK || tar_out_flush(t))
		return tar_out_fail(t, err);
	return 0;
}

int
tar_out_entry(struct tar_out *t, const char *name, const void *data, size_t len,
    struct error *err)
{
	if (tar_out_begin(t, name, len, NULL, err) ||
	    tar_out_data(t, data, len, err))
		return -1;
	return tar_out_end(t, err);
}

void
tar_out_cancel(struct tar_out *t, const char *name)
{
	struct error ignored;

	t->farewell = true;
	if (tar_out_entry(t, name, "", 0, &ignored) == 0)
		(void)tar_out_finish(t, &ignored);
}

int
tar_out_finish(struct tar_out *t, struct error *err)
{
	if (archive_write_close(t->a) != ARCHIVE_OK || tar_out_flush(t))
		return tar_out_fail(t, err);
	return 0;
}

void
tar_out_free(struct tar_out *t)
{
	if (!t)
		return;
	/* Without tar_out_finish() nothing more may reach the descriptor. */
	t->broken = true;
	archive_write_free(t->a);
	buf_release(&t->pending);
	free(t);
}

/* ---- reading a tar stream ---- */

struct tar_in {
	struct archive *a;
	struct zin *zin;
	int fd;
	char *block;
	size_t block_len;
	size_t peeked; /* of the block: not yet given to libarchive */
	bool opened;
	bool eof;
	uint64_t fed;     /* decoded bytes so far */
	uint64_t nonzero; /* offset behind the last byte that is not zero */
	uint64_t left;    /* of the entry */
	struct error err; /* of the source */
	bool failed;
	struct buf note, checksums;
};

/* One block from the source; keeps count of where the zeros begin. */
static long
tar_in_fill(struct tar_in *t, struct error *err)
{
	long n = zin_read_some(t->zin, t->block + t->block_len,
	    IO_BLOCK - t->block_len, err);
	size_t i;

	if (n < 0) {
		t->failed = true;
		t->err = *err;
		return -1;
	}
	t->eof = n == 0;
	for (i = (size_t)n; i && !t->block[t->block_len + i - 1];)
		i--;
	if (i)
		t->nonzero = t->fed + i;
	t->fed += (uint64_t)n;
	t->block_len += (size_t)n;
	return n;
}

static la_ssize_t
tar_in_source(struct archive *a, void *arg, const void **data)
{
	struct tar_in *t = arg;
	struct error err;

	(void)a;
	*data = t->block;
	if (t->peeked) {
		t->peeked = 0;
		return (la_ssize_t)t->block_len;
	}
	t->block_len = 0;
	if (t->eof)
		return 0;
	return tar_in_fill(t, &err);
}

struct tar_in *
tar_in_new(int fd)
{
	struct tar_in *t = xcalloc(1, sizeof(*t));

	t->fd = fd;
	zio_tune_fd(fd);
	t->zin = zin_new(zin_source_fd, &t->fd);
	t->block = xaligned(IO_BLOCK);
	t->a = archive_read_new();
	if (!t->a)
		abort();
	archive_read_support_format_tar(t->a);
	/* Several packages may follow one another, each with its end blocks. */
	archive_read_set_options(t->a,
	    "tar:read_concatenated_archives,tar:hdrcharset=BINARY");
	return t;
}

void
tar_in_free(struct tar_in *t)
{
	if (!t)
		return;
	archive_read_free(t->a);
	zin_free(t->zin);
	free(t->block);
	buf_release(&t->note);
	buf_release(&t->checksums);
	free(t);
}

int
tar_in_peek(struct tar_in *t, const char **data, size_t *len, struct error *err)
{
	while (t->block_len < 512 && !t->eof)
		if (tar_in_fill(t, err) < 0)
			return -1;
	t->peeked = t->block_len;
	*data = t->block;
	*len = t->block_len < 512 ? t->block_len : 512;
	return 0;
}

static int
tar_in_fail(struct tar_in *t, struct error *err)
{
	const char *why = archive_error_string(t->a);

	if (t->failed) {
		*err = t->err;
		return -1;
	}
	if (t->eof)
		return error_set(err, ERR_DATA, "truncated");
	return error_set(err, ERR_DATA, "damaged tar: %s",
	    why ? why : "unknown cause");
}

/* What archives of strangers have under that name is text at most. */
static const char *
tar_in_text(struct archive_entry *entry, const char *key, struct buf *out)
{
	const char *name;
	const void *data;
	size_t len;

	if (!archive_entry_xattr_reset(entry))
		return NULL;
	while (archive_entry_xattr_next(entry, &name, &data, &len) ==
	    ARCHIVE_OK) {
		if (strcmp(name, key) != 0 || len > TAR_NOTE_MAX ||
		    memchr(data, '\0', len))
			continue;
		buf_reset(out);
		buf_add(out, data, len);
		return out->data;
	}
	return NULL;
}

int
tar_in_next(struct tar_in *t, struct tar_entry *e, struct error *err)
{
	struct archive_entry *entry;
	int rc;

	if (!t->opened) {
		t->opened = true;
		if (archive_read_open(t->a, t, NULL, tar_in_source, NULL))
			return tar_in_fail(t, err);
	}
	rc = archive_read_next_header(t->a, &entry);
	if (t->failed)
		return tar_in_fail(t, err);
	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return tar_in_fail(t, err);
	e->name = archive_entry_pathname(entry);
	if (!e->name)
		return error_set(err, ERR_DATA, "entry with a damaged name");
	e->regular = archive_entry_filetype(entry) == AE_IFREG &&
	    !archive_entry_hardlink(entry) && !archive_entry_symlink(entry) &&
	    archive_entry_sparse_count(entry) == 0;
	e->directory = archive_entry_filetype(entry) == AE_IFDIR;
	if (archive_entry_size(entry) < 0)
		return error_set(err, ERR_DATA, "entry of negative size");
	e->size = t->left = (uint64_t)archive_entry_size(entry);
	e->end = (uint64_t)archive_filter_bytes(t->a, 0) + e->size;
	e->note = tar_in_text(entry, NOTE, &t->note);
	e->checksums = tar_in_text(entry, CHECKSUMS, &t->checksums);
	return 1;
}

long
tar_in_read(struct tar_in *t, void *data, size_t len, struct error *err)
{
	la_ssize_t n;

	if (len > t->left)
		len = (size_t)t->left;
	if (!len)
		return 0;
	n = archive_read_data(t->a, data, len);
	if (n < 0 || t->failed)
		return tar_in_fail(t, err);
	if (n == 0)
		return error_set(err, ERR_DATA, "truncated");
	t->left -= (uint64_t)n;
	return n;
}

int
tar_in_drain(struct tar_in *t, uint64_t end, struct error *err)
{
	if (t->failed)
		return tar_in_fail(t, err);
	while (!t->eof) {
		t->block_len = 0;
		if (tar_in_fill(t, err) < 0)
			return -1;
	}
	return t->nonzero <= end;
}

/* ---- input files ---- */

struct input {
	char *name;
	int fd;
	bool owned, regular;
	struct zin *zin;   /* plain, gzip and zstd; NULL for the others */
	struct archive *a; /* a container, or one of the other filters */
	struct buf member; /* PATH:MEMBER of the current one; empty: none */
	bool begun;        /* the only member has been given out */
	char *head;        /* first decoded bytes, for detection */
	size_t head_len, head_pos;
	char *block; /* what libarchive works on */
	struct error err;
	bool failed;
};

enum input_kind {
	INPUT_PLAIN,    /* for zin: plain, gzip, zstd */
	INPUT_FILTER,   /* another compression */
	INPUT_STREAMED, /* tar, cpio */
	INPUT_SEEKING,  /* zip, 7zip: better with a file */
};

#define HEAD_LEN ((size_t)4096)

static bool
starts(const char *head, size_t len, const char *magic, size_t n)
{
	return len >= n && memcmp(head, magic, n) == 0;
}

#define STARTS(h, n, m) starts(h, n, m, sizeof(m) - 1)

/* "070701" may also begin a line of CSV: want the whole header to be hex. */
static bool
is_cpio(const char *head, size_t len)
{
	if (STARTS(head, len, "\xc7\x71") || STARTS(head, len, "\x71\xc7"))
		return len >= 26;
	if (len < 110 ||
	    (!STARTS(head, len, "070701") && !STARTS(head, len, "070702") &&
	        !STARTS(head, len, "070707")))
		return false;
	for (size_t i = 0; i < 76; i++)
		if (!isxdigit((unsigned char)head[i]))
			return false;
	return true;
}

static enum input_kind
input_kind(const char *head, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		enum input_kind kind;
	} list[] = {
		{ "\xfd"
		  "7zXZ\0",
		    6, INPUT_FILTER },
		{ "BZh", 3, INPUT_FILTER },
		{ "\x04\x22\x4d\x18", 4, INPUT_FILTER },
		{ "\x02\x21\x4c\x18", 4, INPUT_FILTER },
		{ "\x1f\x9d", 2, INPUT_FILTER },
		{ "LZIP", 4, INPUT_FILTER },
		{ "\x5d\0\0", 3, INPUT_FILTER },
		{ "PK\3\4", 4, INPUT_SEEKING },
		{ "PK\5\6", 4, INPUT_SEEKING },
		{ "7z\xbc\xaf\x27\x1c", 6, INPUT_SEEKING },
	};

	/* Text is the usual case: out at once. */
	if (len && (head[0] == '{' || head[0] == '['))
		return INPUT_PLAIN;
	if (len >= 512 && memcmp(head + 257, "ustar", 5) == 0)
		return INPUT_STREAMED;
	if (is_cpio(head, len))
		return INPUT_STREAMED;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		if (!starts(head, len, list[i].magic, list[i].len))
			continue;
		/* "BZh" may begin a word; its block header cannot. */
		if (head[0] == 'B' &&
		    !starts(head + 4, len > 4 ? len - 4 : 0, "1AY&SY", 6) &&
		    !starts(head + 4, len > 4 ? len - 4 : 0,
		        "\x17\x72\x45\x38\x50\x90", 6))
			continue;
		return list[i].kind;
	}
	return INPUT_PLAIN;
}

/* Would a read return at once? */
static bool
has_more(const struct input *in)
{
	struct pollfd p = { .fd = in->fd, .events = POLLIN };

	return zin_codec(in->zin) == CODEC_NONE && poll(&p, 1, 0) > 0;
}

static long
read_live(struct input *in, char *data, size_t len, struct error *err)
{
	long got = zin_read_some(in->zin, data, len, err), n = got;

	while (n > 0 && (size_t)got < len && has_more(in)) {
		n = zin_read_some(in->zin, data + got, len - (size_t)got, err);
		if (n < 0)
			return -1;
		got += n;
	}
	return got;
}

static long
input_zin(struct input *in, void *data, size_t len, struct error *err)
{
	size_t n = in->head_len - in->head_pos;

	if (!n && in->regular)
		return zin_read(in->zin, data, len, err);
	if (!n)
		return read_live(in, data, len, err);
	if (n > len)
		n = len;
	memcpy(data, in->head + in->head_pos, n);
	in->head_pos += n;
	return (long)n;
}

static la_ssize_t
input_source(struct archive *a, void *arg, const void **data)
{
	struct input *in = arg;
	long n = input_zin(in, in->block, IO_BLOCK, &in->err);

	(void)a;
	*data = in->block;
	in->failed = n < 0;
	return n;
}

static int
input_fail(struct input *in, struct error *err)
{
	const char *why = in->a ? archive_error_string(in->a) : NULL;

	if (in->failed)
		*err = in->err;
	else
		error_set(err, ERR_DATA, "damaged: %s", why ? why : "unknown");
	return -1;
}

static void
input_formats(struct archive *a, enum input_kind kind)
{
	if (kind == INPUT_FILTER) {
		archive_read_support_filter_xz(a);
		archive_read_support_filter_bzip2(a);
		archive_read_support_filter_lz4(a);
		archive_read_support_filter_compress(a);
		archive_read_support_filter_lzip(a);
		archive_read_support_filter_lzma(a);
		archive_read_support_format_raw(a);
	}
	if (kind == INPUT_SEEKING) {
		archive_read_support_format_zip(a);
		archive_read_support_format_7zip(a);
	} else {
		archive_read_support_format_tar(a);
		archive_read_support_format_cpio(a);
	}
}

/* Hand the file to libarchive; a file that can seek goes in from its start. */
static int
input_use_archive(struct input *in, enum input_kind kind, struct error *err)
{
	int rc;

	in->a = archive_read_new();
	if (!in->a)
		abort();
	input_formats(in->a, kind);
	archive_read_set_options(in->a, "hdrcharset=UTF-8");
	if (kind == INPUT_SEEKING && zin_codec(in->zin) == CODEC_NONE &&
	    lseek(in->fd, 0, SEEK_SET) == 0) {
		rc = archive_read_open_fd(in->a, in->fd, IO_BLOCK);
	} else {
		in->block = xaligned(IO_BLOCK);
		rc = archive_read_open(in->a, in, NULL, input_source, NULL);
	}
	return rc == ARCHIVE_OK ? 0 : input_fail(in, err);
}

static struct input *
input_start(struct input *in, struct error *err)
{
	enum input_kind kind;
	struct stat st;
	long n = 0;

	in->regular = fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode);
	zio_tune_fd(in->fd);
	in->zin = zin_new(zin_source_fd, &in->fd);
	in->head = xmalloc(HEAD_LEN);
	/* Stop as soon as it is clear: a live pipe may have only a line. */
	while (in->head_len < 512 &&
	    !(in->head_len && (in->head[0] == '{' || in->head[0] == '['))) {
		n = zin_read_some(in->zin, in->head + in->head_len,
		    HEAD_LEN - in->head_len, err);
		if (n <= 0)
			break;
		in->head_len += (size_t)n;
	}
	kind = input_kind(in->head, in->head_len);
	if (n < 0 ||
	    (kind != INPUT_PLAIN && input_use_archive(in, kind, err))) {
		error_prefix(err, "%s: ", in->name);
		input_close(in);
		return NULL;
	}
	return in;
}

struct input *
input_open_fd(int fd, const char *name, struct error *err)
{
	struct input *in = xcalloc(1, sizeof(*in));

	in->fd = fd;
	in->name = xstrdup(name);
	return input_start(in, err);
}

struct input *
input_open(const char *path, struct error *err)
{
	struct input *in;
	int fd;

	if (strcmp(path, "-") == 0)
		return input_open_fd(STDIN_FILENO, "-", err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		error_errno(err, "%s", path);
		return NULL;
	}
	in = xcalloc(1, sizeof(*in));
	in->fd = fd;
	in->owned = true;
	in->name = xstrdup(path);
	return input_start(in, err);
}

int
input_next(struct input *in, const char **name, struct error *err)
{
	struct archive_entry *e;
	const char *member;
	int rc;

	*name = in->name;
	if (!in->a) {
		rc = !in->begun;
		in->begun = true;
		return rc;
	}
	for (;;) {
		rc = archive_read_next_header(in->a, &e);
		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
			input_fail(in, err);
			return error_prefix(err, "%s: ", in->name);
		}
		if (archive_format(in->a) == ARCHIVE_FORMAT_RAW)
			return 1;
		if (archive_entry_filetype(e) != AE_IFREG ||
		    archive_entry_hardlink(e))
			continue;
		member = archive_entry_pathname(e);
		buf_reset(&in->member);
		buf_addf(&in->member, "%s:%s", in->name, member ? member : "?");
		*name = in->member.data;
		return 1;
	}
}

long
input_read(void *arg, void *data, size_t len, struct error *err)
{
	struct input *in = arg;
	long n;

	if (len > LONG_MAX)
		len = LONG_MAX;
	if (in->a) {
		n = (long)archive_read_data(in->a, data, len);
		if (n < 0)
			input_fail(in, err);
	} else {
		n = input_zin(in, data, len, err);
	}
	if (n < 0 && err->code != ERR_QUIET)
		error_prefix(err, "%s: ", in->name);
	return n < 0 ? -1 : n;
}

const char *
input_member(const struct input *in)
{
	return in->member.len == 0 ? NULL
	                           : in->member.data + strlen(in->name) + 1;
}

bool
input_is_plain(const struct input *in)
{
	return !in->a && zin_codec(in->zin) == CODEC_NONE;
}

void
input_close(struct input *in)
{
	if (!in)
		return;
	if (in->a)
		archive_read_free(in->a);
	zin_free(in->zin);
	if (in->owned)
		close(in->fd);
	free(in->head);
	free(in->block);
	buf_release(&in->member);
	free(in->name);
	free(in);
}
