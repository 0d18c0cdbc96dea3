/* SPDX-License-Identifier: MIT */
/*
 * reader: a thread that reads packages and cuts their rows into blocks.
 *
 * Shape:  a bounded queue of items in the order of the input. A block holds
 *         whole rows only: it begins at the start of a line, or at an element
 *         of the array that a long line is (in_array), and ends behind a line
 *         or behind the comma after an element. SCAN_SLACK bytes follow it.
 *         A row above MAX_ROW is an error, or (skip_large) a block of its own.
 * Errors: come as ITEM_ERROR, the last item.
 * Owner:  item_free() returns an item (and its block) to the reader.
 */
#ifndef DLT_NORMALIZE_READER_H
#define DLT_NORMALIZE_READER_H

#include "common/package.h"

/* What is known of the job file that a block comes from. */
struct job {
	uint64_t number; /* of the jobs read, from 1 */
	char *name;      /* file name, for messages */
	char *table;     /* as in the file name */
	char *file_id;
	char *format;
	char *origins;  /* JSON text from the manifest, or NULL */
	uint64_t bytes; /* decoded, so far; final at ITEM_JOB_END */
	char *place;    /* the user's file, as last asked for */
	unsigned refs;  /* items that point here */
};

enum item_kind {
	ITEM_BEGIN,    /* a package: load_id */
	ITEM_FILE,     /* name, data */
	ITEM_BLOCK,    /* rows of job */
	ITEM_JOB_END,  /* all rows of job have been given */
	ITEM_WHOLE,    /* all of job, in the file `name` */
	ITEM_COMPLETE, /* the package was whole */
	ITEM_END,      /* no more packages */
	ITEM_ERROR,
};

struct block {
	char *data;
	size_t len;
	size_t cap;      /* without the slack */
	bool in_array;   /* begins inside a line's array */
	bool cut;        /* ends inside one, behind a comma */
	uint64_t offset; /* of data[0] in the decoded job file */
	uint64_t large;  /* instead of data, there is a row of so many bytes */
	uint64_t large_at; /* which begins there */
	uint64_t skipped;  /* bytes that were passed over with it */
};

struct item {
	enum item_kind kind;
	char *name; /* ITEM_FILE: file; ITEM_BEGIN: load id */
	char *data; /* ITEM_FILE: content, NUL-terminated */
	size_t len;
	struct job *job; /* ITEM_BLOCK, ITEM_JOB_END */
	struct block block;
	struct error err;
	struct item *next; /* private */
};

struct reader;

/* Takes over `in`. depth: how many blocks may be under way at once; a block is
 * larger than block_size only where a row is. */
struct reader *reader_new(struct package_in *in, unsigned depth,
    size_t block_size, bool skip_large);
struct item *reader_next(struct reader *r); /* waits */
void item_free(struct reader *r, struct item *it);
void reader_free(struct reader *r); /* also stops early */

#endif
