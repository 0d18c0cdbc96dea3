/* SPDX-License-Identifier: MIT */
/*
 * csv: records of delimited text as JSON objects, one at a time.
 *
 * Shape:  RFC 4180: fields between delimiters, quoted or not, a quote inside of
 *         quotes doubled, records ended by LF or CRLF, the last perhaps by
 *         nothing. Empty lines are passed over. The first record is the header,
 *         unless names are given. A field is a string; an unquoted empty one is
 *         left out. In a column whose values are all numbers, or all true and
 *         false, as far as csv_sample() saw, those are JSON as they stand.
 * Errors: CSV_BAD with the place and what: UTF-8, NUL, a quote that is not
 *         closed, text behind one, a record of another length.
 * Owner:  csv_free(); what a call points to lives until the next.
 */
#ifndef DLT_CSV_H
#define DLT_CSV_H

#include "common/error.h"

enum csv_extra { CSV_EXTRA_ERROR, CSV_EXTRA_DROP, CSV_EXTRA_KEEP };

struct csv_format {
	char delimiter;
	char quote;        /* NUL: none */
	const char *names; /* of the columns, a CSV record; NULL: a header */
	bool text;         /* all values are strings */
	bool missing;      /* a record may end early */
	enum csv_extra extra;
};

enum csv_status {
	CSV_ROW = 1, /* *data is one */
	CSV_NONE,    /* the header, or an empty line */
	CSV_MORE,    /* end came before the record did */
	CSV_BAD,
};

struct csv_record {
	const char *data; /* an object, on one line */
	size_t len;
	const char *next;       /* behind the record and its line break */
	uint64_t lines;         /* line breaks before next */
	const char *line_start; /* of the line of next, when lines != 0 */
	const char *at;         /* CSV_BAD: the place; CSV_MORE: where the
	                           field that has no end begins */
	char what[256];
};

/* How many bytes csv_sample() wants. */
#define CSV_SAMPLE ((size_t)1 << 20)

struct csv;

struct csv *csv_new(void);
void csv_free(struct csv *c);
/* Begin an input; f is copied, its names borrowed. Fails for bad names. */
int csv_begin(struct csv *c, const struct csv_format *f, struct error *err);
/* Its beginning, CSV_SAMPLE bytes or all of it (final), to find the types. May
 * be left out: everything is a string then. SCAN_SLACK bytes (scan.h) behind
 * end can be read, here and below. */
void csv_sample(struct csv *c, const char *p, const char *end, bool final);
/* The record at p, which is not end. */
enum csv_status csv_next(struct csv *c, const char *p, const char *end,
    bool final, struct csv_record *r);

#endif
