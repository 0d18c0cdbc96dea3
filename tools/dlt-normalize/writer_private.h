/* SPDX-License-Identifier: MIT */
/*
 * writer_private: what the cutting of frames (writer.c) and the assembling of
 * job files (writer_jobs.c) share.
 */
#ifndef DLT_NORMALIZE_WRITER_PRIVATE_H
#define DLT_NORMALIZE_WRITER_PRIVATE_H

#include "common/jobwriter.h"
#include "tools/dlt-normalize/writer.h"

#define SPARE_BUFFERS 4

/* What a table has under way. */
struct track {
	struct table *table;
	const struct format *format;
	struct rotation rotation;
	struct buf frame; /* rows not yet handed to the pool */
	uint64_t frame_rows;
	size_t frame_len;   /* with those that went straight into the file */
	size_t frame_sized; /* of it, bytes that count in rotation */
	uint64_t sized;     /* bytes of rows since the last flush, as written */
	size_t columns;     /* complete ones, at the last row */
	struct format_plan *plan; /* of the file; NULL: not yet known */
	bool any;                 /* a file of this table was begun */
	bool whole;               /* whole files were written: writer_file() */
	uint64_t rows;
	struct progress_item *progress;
	struct track *after; /* whose rows came next last time */
	/* of the assembler, behind the frames */
	struct job_out *job;
	struct format_plan *job_plan;
	uint64_t job_rows;
	int spool; /* of a format made of the whole file */
	char *spool_path;
	size_t spooled;
};

struct frame {
	struct task task; /* first: a task is a frame */
	struct writer *writer;
	struct track *track;
	struct format_plan *plan; /* NULL: rows stay as they are */
	struct buf raw, packed;
	const struct buf *stored; /* that one which goes to the file */
	uint64_t rows;
	bool ends_file;
	bool failed;
	struct error err;
	struct frame *next;
};

/* Large buffers that are used again: to give them back to the system and to
 * get them anew would cost more than what is done with them. */
struct spares {
	struct buf items[SPARE_BUFFERS];
	size_t count;
};

struct writer {
	struct writer_config cfg;
	struct track **tracks;
	size_t track_count, track_cap;
	struct track *last;              /* asked for */
	struct compressor **compressors; /* one a worker, one for pieces */
	struct buf *made;                /* by worker: rows in their format */
	struct frame *head, **tail;      /* under way, in order */
	size_t in_flight;
	size_t pending;      /* bytes in frames of tracks */
	size_t stream_bytes; /* bytes in open jobs of a stream */
	struct spares raw, packed;
};

/* What is under way for the table; made when it is new. */
struct track *writer_track(struct writer *w, struct table *t);

/* A finished frame goes to the job file of its table. */
int assemble(struct writer *w, struct frame *f, struct error *err);
int close_job(struct writer *w, struct track *t, struct error *err);
void track_release(struct track *t);

#endif
