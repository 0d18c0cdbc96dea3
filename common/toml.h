/* SPDX-License-Identifier: MIT */
/*
 * toml: a TOML document, told value by value.
 *
 * Shape:  TOML 1.0, UTF-8. Tables come before their content, all in the order
 *         of the text.
 * Units:  line and column count from 1.
 * Errors: ERR_USAGE "NAME:LINE:COLUMN: what"; the visitor's own error ends the
 *         walk and is returned as it is. Strings with a NUL byte are refused.
 * Owner:  what a node points to lives during the call of the visitor only.
 * Source: toml++ 3, of which toml.cc is the only includer.
 */
#ifndef DLT_TOML_H
#define DLT_TOML_H

#include "common/error.h"

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATE, /* date, time or both */
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_node {
	const char *const *path; /* keys from the root */
	size_t depth;            /* of path, at least 1 */
	enum toml_type type;
	const char *text; /* STRING: its value; INTEGER, FLOAT, BOOL, DATE: as
	                     TOML spells it; ARRAY: JSON (dates are strings, inf
	                     and nan null); TABLE: NULL */
	int64_t integer;  /* INTEGER */
	double number;    /* FLOAT */
	bool boolean;     /* BOOL */
	size_t line, column; /* of the value; 0: unknown */
};

/* 0 to go on, -1 with *err to stop. Must not leave by longjmp. */
typedef int
toml_visit(void *arg, const struct toml_node *node, struct error *err);

/* Tables inside arrays are part of the array's text, not visited. */
int toml_walk(const char *text, size_t len, const char *name, toml_visit *visit,
    void *arg, struct error *err);

/* Where a value of the JSON text stood in the document, and its key (0: an
 * element). */
struct toml_place {
	size_t offset; /* in the JSON text; they ascend */
	size_t line, column, key_line, key_column;
};

/* The whole document as a JSON object, with all that is in arrays. */
struct toml_json {
	char *text;
	size_t len;
	struct toml_place *places;
	size_t count;
};

/* Zero-initialise; toml_json_release() in any case. */
int toml_to_json(const char *text, size_t len, const char *name,
    struct toml_json *out, struct error *err);
void toml_json_release(struct toml_json *j);

#endif
