/* SPDX-License-Identifier: MIT */
/*
 * file_list: the files that are meant by a directory or by a list of names, and
 * the members of an archive that are meant by ARCHIVE::PATTERN.
 *
 * Errors: ERR_IO with the path; ERR_USAGE for a list that is none.
 * Owner:  zero-initialise; file_list_release().
 */
#ifndef DLT_FILE_LIST_H
#define DLT_FILE_LIST_H

#include "common/error.h"

struct file_list {
	char **paths;
	size_t count, cap;
};

/* All regular files below dir (and links to such), sorted by the bytes of their
 * paths; without names that begin with '.' or '_'. Links to directories are not
 * followed. */
int file_list_walk(struct file_list *l, const char *dir, struct error *err);
/* The names in a file ("-": standard input), each ended by a NUL byte. */
int file_list_read(struct file_list *l, const char *from, struct error *err);
void file_list_release(struct file_list *l);

/* Where the pattern of ARCHIVE::PATTERN begins, if ARCHIVE is there and no file
 * has the whole text as its path; else NULL. ARCHIVE can be "-". */
const char *file_members(const char *text);

#endif
