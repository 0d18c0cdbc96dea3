/* SPDX-License-Identifier: MIT */
/*
 * pull: rows of all resources into their tables.
 *
 * Shape:  fifo: one resource after the other; round robin: a page of each in
 *         turn (a page of the input, or 1,000 rows), at most PULL_ACTIVE of
 *         them open at a time. A table is declared in the schema with its first
 *         row.
 * Owner:  pull_release(), after the writer has been freed (origins point to
 *         names that the inputs hold).
 */
#ifndef DLT_PULL_H
#define DLT_PULL_H

#include "tools/dlt-extract/hints.h"
#include "tools/dlt-extract/input_kind.h"
#include "tools/dlt-extract/source_files.h"
#include "tools/dlt-extract/step.h"
#include "tools/dlt-extract/writer.h"

#define PULL_ACTIVE    16
#define PULL_PAGE_ROWS 1000
#define PULL_ROOT      SIZE_MAX

struct declared {
	char *table;    /* normalized */
	char *resource; /* as it was given */
	const struct table_hints *hints;
};

/* What the configuration says of a resource (settings.h). */
struct pull_settings {
	struct lane_settings files;
	long workers, max_items; /* at once, of what is parallelized */
	uint64_t max_expansion;  /* of an input; 0: any */
};

/* How a resource is pulled. */
struct pull_resource {
	const struct table_hints *hints;
	struct pull_settings set;
	const char *table; /* not normalized; NULL: the resource's name */
	const char
	    *table_from;    /* the field that names a row's table, or NULL */
	bool keeps_name;    /* tables of table_from belong to the resource; else
	                    each is a resource of its own */
	uint64_t limit;     /* rows; UINT64_MAX: no limit */
	uint64_t max_items; /* pages, and rows that come alone; UINT64_MAX */
	double max_time_s;  /* 0: any */
	struct step *steps; /* in their order; the owner of the plan's */
	/* What its inputs are told: all but text and resource. */
	struct input_context input;
	/* It transforms the rows that this resource, one before it, leaves;
	 * PULL_ROOT: none. */
	size_t parent;
	bool unwritten; /* its rows are for those that transform them */
};

struct pull {
	const struct sources *sources;
	struct writer *writer;
	struct schema *schema;
	const struct pull_resource *plans; /* one for each of the sources */
	const struct row_format *format;
	bool fifo;
	double max_time_s; /* no more pages after it; 0: any time */
	/* A resource that fails leaves what came of it before, and the others;
	 * but not one that replaces its table. */
	bool keep_going;
	/* results: tables in the order of their declaration, and for each
	 * resource the number of its rows */
	struct declared *declared;
	size_t declared_count, declared_cap;
	uint64_t *rows;
	char **kept; /* what its inputs keep, or NULL */
	bool *cut;   /* not read to its end: the time was over, or it failed */
	size_t failed; /* so many resources, each of them told about */
	/* private */
	double until; /* max_time_s, of CLOCK_MONOTONIC; 0: any time */
	struct pipe **pipes, **active;
	size_t active_count;
	struct route *routes; /* hash table: value of table_from to lane */
	size_t route_count, route_slots;
};

int pull_run(struct pull *p, struct error *err);
/* failed: readers may hang; do not wait for them. */
void pull_release(struct pull *p, bool failed);

#endif
