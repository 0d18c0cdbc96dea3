/* SPDX-License-Identifier: MIT */
/*
 * source_check: is a source file as it must be? Its keys, the kinds of their
 * values, and where in the file something is wrong.
 *
 * Errors: ERR_USAGE "FILE:LINE:COLUMN: what".
 */
#ifndef DLT_SOURCE_CHECK_H
#define DLT_SOURCE_CHECK_H

#include "common/json.h"

struct source_file;

#define K(kind) (1u << JSON_##kind)

struct source_key {
	const char *name;
	unsigned kinds;  /* K() of those that it takes */
	const char *why; /* why not, or NULL */
};

/* "FILE:LINE:COLUMN: " before what err says; the place is that of v, a value of
 * the file, or (key) of its key. */
int source_blame(const struct source_file *f, const struct json *v, bool key,
    struct error *err);
/* v is of one of the kinds, and if it is a string, neither empty nor one with a
 * NUL. name: for the message. */
int source_check_kind(const struct source_file *f, const struct json *v,
    const char *name, unsigned kinds, struct error *err);
/* The object has no other keys than these, with values of their kinds. */
int source_check_keys(const struct source_file *f, const struct json *object,
    const struct source_key *keys, size_t count, struct error *err);
/* Do its rows come from a database? */
bool
source_is_database(const struct source_file *f, const struct json *resource);
/* The object has the key. */
int source_need(const struct source_file *f, const struct json *object,
    const char *key, struct error *err);

#endif
