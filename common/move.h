/* SPDX-License-Identifier: MIT */
/*
 * move: a folder to another name, also where folders cannot be renamed: FUSE
 * mounts, buckets, overlays, other file systems.
 *
 * Shape:  rename(2), synced. Where that is not to be had, FROM/.moving is
 *         written, then TO/.half (both of a line for people), then each file is copied and fsynced, schema.json and
 *         manifest.json last, for without them TO is no package to anybody.
 *         That TO/.half is removed is the commit; then FROM goes, its
 *         schema.json first and .moving last. So at any time one of them is
 *         whole: TO, unless it has .half or is empty or missing; else FROM.
 *         Who may meet what a dead process left calls move_settle() first.
 * Errors: ERR_IO with path and errno's text; ERR_DATA what is no file or folder;
 *         ERR_TEMP a half, for who wants the whole
 */
#ifndef DLT_MOVE_H
#define DLT_MOVE_H

#include "common/error.h"

/* Is this what rename(2) says where folders cannot be renamed? */
bool move_is_refusal(int error);

/* TO is absent or empty; with replace it may hold anything but a half, which
 * goes. What has been put into FROM must be fsynced already.
 * When a copy fails, TO is absent; with replace it stays half, and FROM whole:
 * both are then left alone (move_is_begun). */
int move_dir(const char *from, const char *to, bool replace, struct error *err);

/* Is `to` the copy of a move that has not come to its end? */
bool move_is_half(const char *to);
/* ERR_TEMP, if it is. */
int move_refuse_half(const char *to, struct error *err);
/* Is `from` the source of a move that has begun? */
bool move_is_begun(const char *from);

enum move_settling {
	MOVE_FINISH, /* a half becomes whole */
	MOVE_UNDO,   /* a half goes, and FROM is as before */
};

/* What is left of a move by a dead process: nothing happens unless it has begun.
 * Whole copies stay in any case, and FROM goes. */
int move_settle(const char *from, const char *to, enum move_settling how,
    struct error *err);
/* Removes a half whose source is gone. */
int move_drop_half(const char *to, struct error *err);

#endif
