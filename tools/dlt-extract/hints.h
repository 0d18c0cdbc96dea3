/* SPDX-License-Identifier: MIT */
/*
 * hints: what the command line says about tables, as dlt's resource hints put
 * it into the schema.
 *
 * Errors: ERR_USAGE for flags that cannot be understood; ERR_SCHEMA when a
 *         contract forbids what is declared, or a declared type differs from
 *         that of an existing column.
 * Owner:  strings are borrowed from the command line; table_hints_release().
 * Source: contract.md 8.2, 8.6, 9.1; dlt/extract/hints.py.
 */
#ifndef DLT_EXTRACT_HINTS_H
#define DLT_EXTRACT_HINTS_H

#include "common/caps.h"
#include "common/json.h"
#include "common/opt.h"
#include "common/schema.h"
#include "tools/dlt-extract/disposition.h"

struct table_hints {
	/* as given */
	const char *write_disposition;       /* KIND[:STRATEGY,..] */
	const char *primary_key, *merge_key; /* A,B */
	const char *schema_contract;
	const char *max_table_nesting;
	struct opt_list columns; /* [TABLE.]COLUMN:TYPE[,HINT...] */
	const struct caps *caps; /* of the destination */
	/* of a source file, checked; or NULL */
	const struct json *declared; /* columns: an object by name, or an array
	                                of objects with "name" */
	/* of a source file, checked: hints of nested tables, by the keys that
	 * lead to them ("lines", "lines.taxes"); or NULL */
	const struct json *nested;
	/* of the input: {"columns":{..},"primary_key":[..]}; "keep_types":true
	 * for one whose types give way to those that columns have; or NULL */
	const struct json *described;
	const char *table_format, *file_format, *description;
	const char *own_nesting; /* of its table; a number from 0, or NULL */
	const char *cursor; /* the field of an incremental cursor, or NULL */
	/* parsed */
	struct disposition disposition;
	struct buf contract; /* JSON text, or empty */
	long nesting;        /* -1: not given */
};

/* Check and prepare the flags. */
int hints_parse(struct table_hints *h, struct error *err);
void table_hints_release(struct table_hints *h);

/* What holds for the whole schema: the nesting limit, and how long the
 * destination's identifiers may be. */
void hints_apply_schema(const struct table_hints *h, struct schema *s);

/* Declare the root table of a resource (and nested ones that --column names).
 * *filtered: a contract drops the table with all of its rows. */
int hints_apply(const struct table_hints *h, struct schema *s,
    const char *table, const char *resource, bool *filtered, struct error *err);

/* The table and the columns of _dlt_pipeline_state. */
int hints_add_state_table(struct schema *s, struct error *err);

#endif
