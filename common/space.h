/* SPDX-License-Identifier: MIT */
/*
 * space: is there room on a disk for what is about to be written?
 *
 * Only file systems are asked that store bytes as they are and say truly what is
 * free (ext4, XFS, f2fs, tmpfs); others may compress, share or grow, so that
 * nothing is known. Nothing is reserved: a disk may still become full.
 * Errors: ERR_IO, with what is needed and what is free.
 */
#ifndef DLT_SPACE_H
#define DLT_SPACE_H

#include "common/error.h"

/* Bytes that this user can still write where path is, or will be;
 * UINT64_MAX: not known. */
uint64_t space_free(const char *path);
/* Fails when `need` bytes, of which every one will be written, cannot fit. */
int space_check(const char *path, uint64_t need, struct error *err);
/* Bytes of the files of a tree. */
uint64_t space_of_tree(const char *path);

#endif
