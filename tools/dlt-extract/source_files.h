/* SPDX-License-Identifier: MIT */
/*
 * source_files: operands of the command line as resources with their inputs.
 *
 * Shape:  NAME=INPUT (split only where NAME is an identifier and no file has
 *         the whole operand as its path), INPUT (named by its file, all known
 *         suffixes dropped), or, with a given name, every operand literally.
 *         INPUT is a file, a directory (all files below), a pattern of such,
 *         ARCHIVE::PATTERN, "-", or another kind (input_kind.h). Operands of
 *         one name are one resource; resources keep the order of their first
 *         operand, the files of a pattern are sorted.
 * Errors: ERR_USAGE for operands that cannot be understood, ERR_IO for files
 *         that do not exist.
 * Owner:  sources_release().
 */
#ifndef DLT_SOURCE_FILES_H
#define DLT_SOURCE_FILES_H

#include "common/error.h"

struct resource {
	char *name;
	char **inputs;
	size_t count, cap;
	bool is_stdin; /* one of the inputs is "-" */
};

struct sources {
	struct resource *items;
	size_t count, cap;
	bool is_stdin;
};

/* name: of -n, or NULL; files0_from: a list of files instead of operands, or
 * NULL. */
int
sources_parse(struct sources *s, const char *name, const char *const *operands,
    size_t count, const char *files0_from, struct error *err);
/* An input of the resource name: a file, a pattern, or of another kind. */
int sources_add(struct sources *s, const char *name, const char *input,
    struct error *err);
void sources_release(struct sources *s);

#endif
