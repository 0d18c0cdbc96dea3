/* SPDX-License-Identifier: MIT */
/*
 * step: what is done to each row of a resource before it is written: filters,
 * maps, incremental cursors. dlt sorts them so that a cursor sees what filters
 * and maps leave; a limit comes after all of them.
 *
 * Thread: the one that pulls.
 * Errors: as struct error says; pull.c puts the row's place before the message.
 * Owner:  steps_free() calls free of each.
 */
#ifndef DLT_STEP_H
#define DLT_STEP_H

#include "tools/dlt-extract/rows.h"

struct step_kind {
	/* 1: the row goes on, perhaps with another text (data and len), which
	 * lives until the next call, with SCAN_SLACK bytes (scan.h) to be read
	 * behind it; 0: it is dropped; -1. */
	int (*apply)(void *self, struct row *row, struct error *err);
	/* A page has ended. 1: no more of the resource is wanted; 0; -1. May be
	 * NULL. */
	int (*page)(void *self, struct error *err);
	void (*free)(void *self); /* may be NULL */
};

struct step {
	const struct step_kind *kind;
	void *self;
	struct step *next;
};

void steps_free(struct step *first);

#endif
