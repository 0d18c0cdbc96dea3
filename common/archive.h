/* SPDX-License-Identifier: MIT */
/*
 * archive: tar streams of packages, and archives or compressed files as input.
 * archive.c is the only includer of libarchive's headers. Filters and formats
 * are always a named list: none that starts a program or opens other files.
 *
 * Shape:  written: pax (restricted: ustar where a header fits), regular files
 *         of mode 0644, uid and gid 0, mtime SOURCE_DATE_EPOCH or 0.
 * Errors: ERR_DATA damaged or cut; ERR_IO with errno's text; ERR_QUIET when
 *         the reader of a written pipe has gone (EPIPE: signal_note(SIGPIPE)
 *         has been called, so signal_reraise() ends the tool) and after a
 *         signal.
 */
#ifndef DLT_ARCHIVE_H
#define DLT_ARCHIVE_H

#include "common/error.h"
#include "common/zio.h"

/* ---- writing a tar stream ---- */

struct tar_out;
/* fd stays the caller's. */
struct tar_out *tar_out_new(int fd);
/* A whole entry, flushed to the descriptor. */
int tar_out_entry(struct tar_out *t, const char *name, const void *data,
    size_t len, struct error *err);
/* The same in pieces, which must come to len bytes. note: text that travels in
 * the header of the entry, as the extended attribute user.dlt.origins (tar(1)
 * does not show it), or NULL; beyond TAR_NOTE_MAX bytes it is left out. */
#define TAR_NOTE_MAX ((size_t)64 << 10)
int tar_out_begin(struct tar_out *t, const char *name, uint64_t len,
    const char *note, struct error *err);
/* The header of the next entry also says which checksums will be told of, as
 * the extended attribute user.dlt.checksums. The text stays the caller's. */
void tar_out_checksums(struct tar_out *t, const char *kind);
int tar_out_data(struct tar_out *t, const void *data, size_t len,
    struct error *err);
int tar_out_end(struct tar_out *t, struct error *err);
int tar_out_finish(struct tar_out *t, struct error *err); /* end blocks */
/* The last word of a stream that failed: an empty entry and the end blocks. A
 * reader that has gone, perhaps after the entry alone, is no error and no
 * signal. */
void tar_out_cancel(struct tar_out *t, const char *name);
void tar_out_free(struct tar_out *t);

/* ---- reading a tar stream: plain, zstd or gzip ---- */

struct tar_in;
struct tar_in *tar_in_new(int fd);
/* The first bytes of the decoded stream, without taking them; fewer only when
 * it is shorter. At most 512; to be called before tar_in_next(). */
int tar_in_peek(struct tar_in *t, const char **data, size_t *len,
    struct error *err);

struct tar_entry {
	const char *name; /* as stored; until the next call */
	bool regular;
	bool directory;
	uint64_t size;
	uint64_t end;     /* offset in the decoded stream behind its data */
	const char *note; /* of tar_out_begin(); until the next call; or NULL.
	                     It is at most TAR_NOTE_MAX bytes long. */
	const char *checksums; /* of tar_out_checksums(), likewise */
};

/* 1: an entry; 0: the end of the archive; -1. */
int tar_in_next(struct tar_in *t, struct tar_entry *e, struct error *err);
/* Data of the entry; 0 behind `size` bytes; fewer than size is ERR_DATA. */
long tar_in_read(struct tar_in *t, void *data, size_t len, struct error *err);
/* Read the input to its end: is there nothing but zeros from offset `end` on?
 * 1, 0 or -1. No tar_in_next() after it. */
int tar_in_drain(struct tar_in *t, uint64_t end, struct error *err);
void tar_in_free(struct tar_in *t);

/* ---- input files of any kind ---- */

/* One file: plain, compressed (gzip, zstd, xz, bzip2, lz4, compress, lzip,
 * lzma), or a container (tar, also compressed; zip, 7zip, cpio) whose regular
 * files are its members. Told by content. Plain files are read in blocks of
 * IO_BLOCK straight into the caller's memory. Messages name the file. */
struct input;
struct input *input_open(const char *path, struct error *err); /* "-": stdin */
/* fd stays the caller's; name is for messages. */
struct input *input_open_fd(int fd, const char *name, struct error *err);
/* The next member; 1, 0 at the end, -1. A file that is no container has one
 * member, called as the file; those of a container are PATH:MEMBER. *name
 * lives until the next call. */
int input_next(struct input *in, const char **name, struct error *err);
/* Bytes of the member; fits zin_source. 0 at the end. Less than len where a pipe
 * has no more for now, so that its rows need not wait for others. */
long input_read(void *in, void *data, size_t len, struct error *err);
/* The name of the member in its container, as stored; NULL: it is in none. */
const char *input_member(const struct input *in);
/* Neither compressed nor a container. */
bool input_is_plain(const struct input *in);
void input_close(struct input *in);

#endif
