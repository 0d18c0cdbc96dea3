/* SPDX-License-Identifier: MIT */
/* workdir_private: shared by the files of workdir only. */
#ifndef DLT_WORKDIR_PRIVATE_H
#define DLT_WORKDIR_PRIVATE_H

#include "common/workdir.h"

/* Takes the lock that the file is (made if it is missing) into *l, as
 * workdir_lock() does; stage: whom messages name. */
int workdir_lock_file(const struct workdir *w, struct lock *l, const char *path,
    enum stage stage, double wait, struct error *err);

#endif
