/* SPDX-License-Identifier: MIT */
/*
 * input_kind: where the rows of an input come from: one table of kinds, told by
 * how the input's text begins.
 *
 * Shape:  an input is one or more members (a file; the members of an archive; a
 *         program's output; a table). Each gives the bytes of JSON rows, as
 *         rows.h describes them: one value after the other, an array on one line
 *         is a page. The last kind is that of files.
 * Thread: open, next and read run in the feed's thread, one input at a time; they
 *         may block, and look for signal_pending() where that can last. cancel
 *         is called from another thread, at any time between open and close, and
 *         makes a call that blocks return soon.
 * Errors: as struct error says; the message names the place. When a member has
 *         failed no package is made, whatever came before.
 * Owner:  close() ends programs and connections, and frees.
 *
 * To add a kind: write input_NAME.c with one struct of functions, declare it
 * here, and put it into the table of input_kind.c.
 */
#ifndef DLT_INPUT_KIND_H
#define DLT_INPUT_KIND_H

#include "common/buf.h"
#include "common/error.h"

struct channel;
struct incremental;
struct json;
struct rest_input;
struct source_file;

/* One input of a resource, as open() is given it. All of it stays until close(),
 * but for kinds without cancel (feed_abandon()): those copy what they need. */
struct input_context {
	const char *text;     /* as the operand has it: a path, "exec:..." */
	const char *resource; /* its name */
	/* The rest is NULL where there is none. */
	const struct source_file *file;  /* that declares the resource */
	const struct json *declared;     /* the resource's own object in it */
	const char *password;            /* of a database, not in its URL */
	struct incremental *incremental; /* where the last run ended */
	struct channel *parent;  /* rows of the resource it transforms */
	const char *kept;        /* what the last run has kept, as JSON text */
	struct rest_input *rest; /* how its API is asked (rest_source.h) */
	long workers; /* if parallelized: copies of a program at once */
};

/* What a member's rows have of their own, when an input has several tables. */
struct input_part {
	size_t number;     /* from 0; a new one is one more than all before */
	const char *table; /* and resource; not normalized */
	const char *described; /* as of describe() */
};

struct input_kind {
	const char *scheme; /* "exec:", ...; NULL: a file */
	/* Strings of its rows may be dlt's typed values (contract.md 3);
	 * elsewhere what looks like one is text. */
	bool typed;
	/* The key of what it keeps between runs, in the state of the resource;
	 * NULL: nothing is kept. */
	const char *keeps;
	/* Can it be read at all? Before anything is written. May be NULL. */
	int (*check)(const char *text, struct error *err);
	/* Of an operand without a name, after check: the name of each resource
	 * that it is, and its input, all ended by a NUL. NULL: it needs a
	 * name. */
	int (*expand)(const char *text, struct buf *resources,
	    struct error *err);
	void *(*open)(const struct input_context *in, struct error *err);
	/* The bytes that it takes where it is stored; 0: who knows. May be
	 * NULL. */
	uint64_t (*stored)(void *self);
	/* 1: a member, and its name (for messages; until the next call); 0: no
	 * more; -1. */
	int (*next)(void *self, const char **name, struct error *err);
	/* Up to len bytes; 0: the end of the member; -1. */
	long (*read)(void *self, void *data, size_t len, struct error *err);
	/* Appends what is known of the rows of the open member before the
	 * first one: {"columns":{..},"primary_key":[..]}, as a source file
	 * declares them, which wins. Or nothing. May be NULL. */
	void (*describe)(void *self, struct buf *json);
	/* Of the open member; false: its rows are the resource's. May be
	 * NULL. */
	bool (*part)(void *self, struct input_part *part);
	/* The member has ended. Appends, as JSON text, what is to be kept when
	 * its rows and all before are in a package; or nothing. May be NULL. */
	void (*kept)(void *self, struct buf *json);
	void (*cancel)(void *self); /* may be NULL */
	void (*close)(void *self);
};

extern const struct input_kind input_file, input_exec, input_transform,
    input_http, input_https, input_singer, input_sqlite, input_postgresql,
    input_postgres, input_duckdb, input_database, input_parquet;

/* Never NULL. */
const struct input_kind *input_kind_of(const char *text);

#endif
