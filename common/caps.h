/* SPDX-License-Identifier: MIT */
/*
 * caps: what the destinations want of names, ids and job files; one table.
 *
 * Source: the factories of dlt/destinations/impl (contract.md sections 4.3, 4.6,
 *         5.4 and 9.2); tests/oracle/targets.py compares.
 */
#ifndef DLT_CAPS_H
#define DLT_CAPS_H

#include "common/base.h"
#include "common/error.h"

struct buf;
struct schema;
struct table;

struct caps {
	const char *name;
	size_t max_identifier; /* of tables and columns; 0: no limit */
	/* Strategies of merge, the first is the default; NULL-terminated. With
	 * table_formats they are for tables of these formats only, which take
	 * Parquet files only; other tables cannot be merged. */
	const char *const *strategies;
	const char *const *table_formats;
	const char *preferred;      /* format of job files; NULL: only staged */
	const char *const *formats; /* all that it takes; NULL-terminated */
	/* The same by way of a staging bucket; NULL: it cannot. */
	const char *staged_preferred;
	const char *const *staged;
	/* One that dlt-load takes and Python dlt does not; NULL: none. */
	const char *extra;
	const char *dialect; /* of insert_values; NULL: it takes none */
	uint64_t file_bytes; /* where files end; 0: no limit */
	bool flat;           /* nothing becomes a child table */
	const char *naming;  /* of new schemas; NULL: snake_case */
	char fold;           /* of identifiers: 'U', 'L', or 0: as they are */
};

/* The i-th; NULL behind the last. */
const struct caps *caps_at(size_t i);
/* By name, URL or destination_type ("sqlite:x.db", "postgres",
 * "dlt.destinations.duckdb"); NULL: the one without limits; not found: NULL. */
const struct caps *caps_find(const char *name);
/* ERR_USAGE with the names that there are. */
int caps_unknown(const char *name, struct error *err);
/* What it prefers and takes by way of a staging bucket, in formats and
 * preferred; false: it takes nothing so. */
bool caps_stage(const struct caps *t, struct caps *staged);
bool caps_takes(const struct caps *t, const char *format);
/* Its formats, for messages: "jsonl, csv". Appends. */
void caps_formats(const struct caps *t, struct buf *out);

/* Is a root table of a table format that the target keeps apart (Iceberg)? */
bool caps_has_format(const struct caps *t, const struct table *root);
/* The strategies by which a root table can be merged. */
const char *const *
caps_strategies(const struct caps *t, const struct table *root);
/* Python dlt stops at a table whose merge strategy the destination has not.
 * ERR_DATA, with the table, the strategy and what there is. */
int caps_check(const struct caps *t, const struct schema *s, struct error *err);

#endif
