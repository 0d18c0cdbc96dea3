/* SPDX-License-Identifier: MIT */
/*
 * package: the load package, the one noun that flows between the tools; as a
 * directory or as a stream (pax tar), written and read through one interface.
 *
 * Shape:  contract.md sections 1.5, 1.6, 2; design: manifest.json closes it.
 *         Stream entries are LOAD_ID/FILE or LOAD_ID/new_jobs/JOB.
 *         manifest.json is one line, {"manifest":1,"kind","load_id",
 *         "schema_name","version_hash","rejects","schema":{"bytes","xxh128"},
 *         "jobs":[{"id","table","rows","bytes","xxh128","origins":[]}]}: jobs
 *         in the order in which they were closed, "id" without the retry part,
 *         "rows" null when unknown, "schema" is the last schema.json; checksums
 *         (checksum.h) and sizes are of the bytes as stored. Those that were
 *         made before have "sha256" in place of "xxh128".
 * Errors: ERR_DATA damaged, truncated, foreign entries; ERR_IO; ERR_QUIET when
 *         the stream says that the upstream tool failed (and said why), and
 *         when who reads our stream has gone: SIGPIPE is then pending
 *         (signal_note), so signal_reraise() ends the tool as a pipe expects.
 */
#ifndef DLT_PACKAGE_H
#define DLT_PACKAGE_H

#include "common/buf.h"
#include "common/checksum.h"
#include "common/error.h"
#include "common/zio.h"

/* ---- names of job files (contract.md 2.1) ---- */

struct job_name {
	char *table;
	char *file_id;
	unsigned retry;
	char *format;     /* "typed-jsonl", "jsonl", ... */
	enum codec codec; /* by suffix: none, .gz, .zst */
};

int job_name_parse(const char *name, struct job_name *out, struct error *err);
void job_name_release(struct job_name *n);
char *job_name_format(const struct job_name *n); /* TABLE.ID.N.FMT[.gz] */
char *job_id_format(const struct job_name *n);   /* without the retry part */

/* A load id from the clock, strictly increasing in this process (1.4), with
 * digits behind those of Python dlt that tell processes apart. */
char *load_id_now(void);
/* created_at of a load id: ISO text; now when it is no number (1.6). */
void load_id_created_at(const char *load_id, struct buf *out);

/* May a package be written at path: is it missing, empty, or a package, even half
 * a one (which would be replaced)? ERR_IO for anything else. */
int package_check_target(const char *path, struct error *err);

/* Does that directory lack both schema.json and new_jobs? Then it is nobody's
 * package, wherever it stands. */
bool package_is_foreign(const char *path);

/* ---- writing ---- */

enum package_kind {
	PACKAGE_EXTRACTED,
	PACKAGE_NORMALIZED,
};

struct package_spec {
	enum package_kind kind;
	const char *load_id;
	const char *schema_name;
	bool deterministic; /* file ids are always running numbers */
};

struct package_out;
struct job_out;

/* A package at `path`, which must be a fresh directory of the caller's (see
 * output_dir_begin and workdir); makes the job folders of contract.md 1.5. */
struct package_out *package_out_dir(const char *path,
    const struct package_spec *spec, struct error *err);
/* A package stream on a descriptor, which stays the caller's (pax tar through
 * libarchive). Several packages may follow one another on it. Job files
 * larger than PACKAGE_STREAM_JOB must be rotated by the caller. */
struct package_out *
package_out_stream(int fd, const struct package_spec *spec, struct error *err);
#define PACKAGE_STREAM_JOB ((size_t)4 << 20)
bool package_out_is_stream(const struct package_out *p);

/* A whole file: schema.json, load_package_state.json, schema_updates.json,
 * provenance.jsonl. In a stream it may come again; the last one wins. */
int package_out_file(struct package_out *p, const char *name, const void *data,
    size_t len, struct error *err);

/* A new job file of a table; the id is the running number of the file in the
 * package as 10 hex digits. Several may be open; bytes are as stored (frames
 * already compressed). No descriptor is held between writes. */
struct job_out *job_out_open(struct package_out *p, const char *table,
    const char *format, enum codec codec, struct error *err);
int job_out_write(struct job_out *j, const void *data, size_t len,
    struct error *err);
size_t job_out_size(const struct job_out *j); /* bytes so far */
const char *job_out_name(const struct job_out *j);
/* origins: JSON text for the manifest ("[]" or NULL: none). Frees j. */
int job_out_close(struct job_out *j, uint64_t rows, const char *origins,
    struct error *err);

/* Write manifest.json, close the stream or fsync the directory. After it the
 * directory may be renamed into place. */
int package_out_finish(struct package_out *p, const char *version_hash,
    uint64_t rejects, struct error *err);
/* Failure: in a stream, the entry _cancelled tells downstream to stop quietly.
 * Frees p and the jobs that are still open; also to be called after finish. */
void package_out_free(struct package_out *p, bool failed);

/* ---- reading ---- */

enum package_event {
	PACKAGE_END_OF_INPUT, /* no more packages */
	PACKAGE_BEGIN,        /* load_id is known */
	PACKAGE_FILE,         /* a small file: name, data, len */
	PACKAGE_JOB,          /* a job file: job, file name; read it */
	PACKAGE_COMPLETE, /* manifest verified (or a directory without one) */
};

struct package_entry {
	const char *load_id;
	const char *name;     /* of the file or job file */
	const char *data;     /* PACKAGE_FILE: whole content, NUL-terminated */
	size_t len;           /* PACKAGE_JOB: bytes as stored */
	struct job_name job;  /* PACKAGE_JOB; owned by the reader */
	const char *path;     /* PACKAGE_JOB in a directory: its path */
	const char *origins;  /* JSON text, or NULL: not known */
	uint64_t rows;        /* from the manifest; UINT64_MAX unknown */
	const char *checksum; /* from the manifest, or NULL; PACKAGE_COMPLETE:
	                         of the manifest itself. A stream knows rows and
	                         checksums of its jobs only when it is over. */
};

struct package_in;

/* A package directory (read only; never changed). Jobs are those of new_jobs,
 * in manifest order, else by name; those that are on their way through a load
 * (started, completed, failed) are passed over. With a manifest, schema.json is
 * checked, files that it does not know are an error (but for the sql and
 * reference jobs that a load adds), and each job that is read to its end by
 * package_in_read() is checked there; who opens e.path checks for himself. */
struct package_in *package_in_dir(const char *path, struct error *err);
/* A stream of one or more packages: plain, zstd or gzip. ERR_DATA at once
 * when it looks like rows ("these look like rows; use `dlt-extract NAME=-`
 * first") or is empty ("upstream wrote nothing"). */
struct package_in *package_in_stream(int fd, struct error *err);

/* Strings of *e live until the next call. What was not read of a job is
 * skipped (in a stream it is still checked). */
int package_in_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err);
/* Bytes of the current job as stored; 0 at its end. Fits zin_source. */
long package_in_read(void *p, void *data, size_t len, struct error *err);
/* In streams: the decoded-size guard and "manifest still to come" are known. */
bool package_in_is_stream(const struct package_in *p);
void package_in_free(struct package_in *p);

/* ---- manifest ---- */

struct manifest_head {
	const char *kind; /* "extracted", "normalized" */
	const char *load_id;
	const char *schema_name;
	const char *version_hash;
	uint64_t rejects;
	uint64_t schema_bytes;
	const char *schema_checksum;
};

struct manifest_job {
	const char *id; /* file name without the retry part */
	const char *table;
	uint64_t rows; /* UINT64_MAX: unknown */
	uint64_t bytes;
	const char *checksum;
	const char *origins; /* JSON text */
};

/* A manifest.json is read from its start to its end, one job at a time: it may
 * be larger than memory. */
struct manifest_in;
/* path: of the package. NULL with *missing when it has none. */
struct manifest_in *
manifest_in_open(const char *path, bool *missing, struct error *err);
/* 1: a job, whose strings live until the next call; 0: no more; -1. That no id
 * comes twice is for the caller to check. */
int manifest_in_next(struct manifest_in *m, struct manifest_job *j,
    struct error *err);
/* What stands around the jobs: before them as we write it, else all jobs are
 * passed over. NULL with err. */
const struct manifest_head *
manifest_in_head(struct manifest_in *m, struct error *err);
void manifest_in_free(struct manifest_in *m);

/* Verify every file of a directory against its manifest (or write it anew).
 * Missing manifest: ERR_DATA for verify. */
int package_verify(const char *path, struct error *err);
int package_seal(const char *path, struct error *err);
/* The checksum of manifest.json; "" without one. */
int
package_checksum(const char *path, char out[CHECKSUM_SIZE], struct error *err);
/* The load id: from the manifest, else the directory's name. malloc'd. */
char *package_load_id(const char *path, struct error *err);

#endif
