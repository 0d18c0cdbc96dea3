/* SPDX-License-Identifier: MIT */
/*
 * target: what the destinations want of names, ids and job files; one table.
 *
 * Source: contract.md sections 4.3, 4.6, 5.4 and 9.2.
 */
#ifndef DLT_NORMALIZE_TARGET_H
#define DLT_NORMALIZE_TARGET_H

#include "common/base.h"

struct dialect;

struct target {
	const char *name;
	size_t max_identifier;         /* 0: no limit */
	const char *const *strategies; /* of merge; NULL-terminated */
	const char *preferred;         /* format of job files */
	const char *const *formats;    /* all that it takes; NULL-terminated */
	const struct dialect *dialect; /* of insert_values */
};

/* By name, URL or destination_type ("sqlite:x.db", "postgres",
 * "dlt.destinations.duckdb"); NULL: the one without limits; not found: NULL. */
const struct target *target_find(const char *name);
bool target_takes(const struct target *t, const char *format);
/* Its formats, for messages: "jsonl, csv". Appends. */
struct buf;
void target_formats(const struct target *t, struct buf *out);

#endif
