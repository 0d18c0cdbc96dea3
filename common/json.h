/* SPDX-License-Identifier: MIT */
/*
 * json: documents. jsmn tokens plus the full grammar of RFC 8259, depth-limited
 * and linear in time. The only includer of jsmn.h. For documents (schemas,
 * states, manifests) and for the rows that leave the fast lane.
 *
 * Shape:  a tree; numbers stay text; strings are decoded to UTF-8 (they may
 *         hold NUL). Duplicate keys: the last value wins, at the position of
 *         the first (as orjson).
 * Errors: ERR_DATA "LINE:COLUMN: what" (both count from 1, columns in bytes).
 * Owner:  struct json_doc owns all nodes; nodes live until the next
 *         json_parse() into the same doc or json_release(). The text must
 *         outlive the doc (raw points into it).
 */
#ifndef DLT_JSON_H
#define DLT_JSON_H

#include "common/buf.h"
#include "common/error.h"
#include "common/mem.h"

enum json_kind {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_kind kind;
	bool truth;      /* JSON_BOOL */
	const char *raw; /* the value as it stands in the text */
	size_t raw_len;
	const char *str; /* JSON_STRING: decoded; NUL-terminated */
	size_t len;
	const char *key; /* of a member: decoded, NUL-terminated */
	size_t key_len;
	struct json *child; /* first element or member */
	struct json *next;  /* next sibling */
	size_t count;       /* elements or members */
};

struct json_doc {
	struct arena arena;
	void *tokens; /* from here to seed: private to json.c */
	size_t tokens_cap;
	struct json **set; /* hash set of the members of a large object */
	size_t set_cap;
	uint64_t seed;
	struct json *root;
};

/* Parse one document (surrounding white space allowed). Zero-initialise the
 * doc once; it can be used again. At most MAX_NESTING levels. */
int json_parse(struct json_doc *doc, const char *text, size_t len,
    struct error *err);
void json_release(struct json_doc *doc);

/* Read and parse a whole file (at most 256 MiB; gzip is not undone). The text
 * is kept in *text, which the caller frees after the doc (NULL on failure).
 * Errors begin with the path: ERR_DATA "PATH:LINE:COLUMN: what", or ERR_IO. */
int json_read_file(struct json_doc *doc, const char *path, char **text,
    struct error *err);

/* Member by key, or NULL (also when obj is NULL or no object). */
const struct json *json_get(const struct json *obj, const char *key);
/* String of a member, or fallback when missing or of another kind. */
const char *
json_get_str(const struct json *obj, const char *key, const char *fallback);
long long
json_get_int(const struct json *obj, const char *key, long long fallback);
bool json_get_bool(const struct json *obj, const char *key, bool fallback);

/* Compact text of a value; sorted: members by the bytes of their keys,
 * recursively (contract.md 3.4). Numbers as they stand, except that
 * JSON_WRITE_PYTHON re-serialises them as orjson does (1e3 -> 1000.0). */
enum json_write_flags {
	JSON_WRITE_SORTED = 1 << 0,
	JSON_WRITE_PYTHON = 1 << 1,
};
void json_write(const struct json *v, unsigned flags, struct buf *out);

#endif
