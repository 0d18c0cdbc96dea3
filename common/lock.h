/* SPDX-License-Identifier: MIT */
/*
 * lock: one process at a time, also where the file system has no locks.
 *
 * Shape:  flock(2); where it cannot (network disks, buckets), a lock of the open
 *         file by fcntl(2); where neither can, a file PATH.owner, made with
 *         O_EXCL, of one line: pid, time of its start, boot, host. It is taken
 *         over when that process is gone for sure: same host, and another boot,
 *         no such pid or one that started at another time. What another host
 *         left has to be removed by hand.
 * Errors: in errno, for there are callers that do without
 * Source: flock(2), fcntl(2) "open file description locks", proc(5)
 */
#ifndef DLT_LOCK_H
#define DLT_LOCK_H

#include "common/base.h"

#define LOCK_OWNER ".owner" /* how the names of such files end */

struct lock {
	int fd;     /* -1: not held */
	char *file; /* PATH.owner, or NULL */
};

#define LOCK_NONE ((struct lock){ .fd = -1 })

enum lock_answer {
	LOCK_TAKEN,  /* fd belongs to the lock now */
	LOCK_BUSY,   /* somebody else has it; fd is still the caller's */
	LOCK_FAILED, /* errno; fd is still the caller's */
};

/* fd: PATH, open (for writing, if fcntl is to help). wait: queue for it where
 * the kernel has a queue, else LOCK_BUSY; a signal gives LOCK_FAILED, EINTR. */
enum lock_answer lock_take(struct lock *l, int fd, const char *path, bool wait);
/* Lets it go and closes it. Nothing, if it is not held. */
void lock_drop(struct lock *l);
/* Keeps it until the process ends; fd stays open. */
void lock_keep(struct lock *l);

/* The file that stands for the lock of what is not there any more goes, if its
 * maker has died. */
void lock_sweep(const char *file);
/* The path of the file that stands for a lock, when there is one; malloc'd. */
char *lock_owner(const char *path);

#endif
