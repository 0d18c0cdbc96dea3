/* SPDX-License-Identifier: MIT */
/*
 * format: the file formats of normalized job files, behind one interface.
 *
 * Shape:  the walkers write each row as one line of jsonl; what else a job file
 *         may hold is made of those lines, a frame at a time, by the workers
 *         that compress. The columns of a file are those that are complete
 *         when it is begun, in the order of the schema.
 * Errors: ERR_DATA "row N: column ...": a value that the format cannot hold.
 * Owner:  formats are constants; plans are counted.
 * Source: contract.md sections 4.2 to 4.8.
 */
#ifndef DLT_NORMALIZE_FORMAT_H
#define DLT_NORMALIZE_FORMAT_H

#include "common/buf.h"
#include "common/error.h"
#include "common/schema.h"

/* What a new column of the table does to its open file. */
enum format_change {
	CHANGE_NOTHING,
	CHANGE_WRITTEN, /* the file ends, if something was flushed to it */
	CHANGE_ANY,     /* it ends, flushed or not */
};

struct format_plan;
struct caps;

struct format {
	const char *name; /* also the extension */
	enum format_change change;
	bool columns;    /* rows depend on the columns of the file */
	bool cells;      /* file_max_items counts cells, not rows */
	bool compressed; /* as the settings say; else never */
	/* What stands before the rows, between frames of them and behind; each
	 * may be NULL. The last only where there are rows. */
	void (*header)(const struct format_plan *p, struct buf *out);
	void (*separator)(const struct format_plan *p, struct buf *out);
	void (*footer)(const struct format_plan *p, struct buf *out);
	/* Lines of jsonl to rows; NULL: they stay as they are. */
	int (*rows)(const struct format_plan *p, const char *data, size_t len,
	    struct buf *out, struct error *err);
	/* A format that is made of the whole file: `rows` names a file of
	 * jsonl lines, `out` one to be written. The others are NULL. */
	int (*file)(const struct format_plan *p, const char *rows,
	    const char *out, struct error *err);
	/* Can it be written here at all? NULL: yes. */
	int (*check)(struct error *err);
};

enum csv_quoting {
	QUOTE_NEEDED, /* all that is no number */
	QUOTE_ALL,
	QUOTE_MINIMAL,
	QUOTE_NONE,
};

/* Settings of [normalize.data_writer] for csv (contract.md 4.7). */
struct csv_settings {
	char delimiter;
	bool header;
	enum csv_quoting quoting;
	const char *line_end;
};

struct format_column {
	const char *name;
	const char *key; /* "name": as the walkers write it */
	size_t key_len;
	enum data_type type;
};

/* What a file is made with. */
struct format_plan {
	unsigned refs; /* of the committer only */
	const struct format *format;
	const struct dialect *dialect; /* of insert_values */
	const struct csv_settings *csv;
	struct table *table; /* the columns, as a table of no schema */
	struct format_column *columns;
	size_t count;
};

/* With the first `count` complete columns of t (SIZE_MAX: all). */
struct format_plan *
format_plan_new(const struct format *f, const struct caps *target,
    const struct csv_settings *csv, const struct table *t, size_t count);
struct format_plan *format_plan_ref(struct format_plan *p); /* NULL is legal */
void format_plan_unref(struct format_plan *p);              /* NULL is legal */

/* Complete columns of a table. */
size_t format_column_count(const struct table *t);

/* "jsonl", "csv", ...; NULL: no such format, or none that can be written. */
const struct format *format_find(const char *name);
/* The names of all that can be written, for messages: "jsonl, ...". */
const char *format_names(void);

/* The format for a table (contract.md 4.3): `given` (NULL: none) by the command
 * line, else the hint file_format of its root table, else the target's. A hint
 * that the target does not support is warned of. */
const struct format *format_choose(const struct format *given,
    const struct caps *target, const struct schema *s, const struct table *t);

extern const struct format format_jsonl, format_typed_jsonl, format_csv,
    format_insert_values, format_parquet;

#endif
