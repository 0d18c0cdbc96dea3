/* SPDX-License-Identifier: MIT */
/*
 * jobs: the jobs of a package directory, and their way through its folders.
 *
 * Source: contract.md sections 1.5, 2.1, 2.2.
 */
#ifndef DLT_LOAD_JOBS_H
#define DLT_LOAD_JOBS_H

#include "common/checksum.h"
#include "common/mem.h"
#include "common/package.h"

enum job_folder {
	JOBS_NEW,
	JOBS_STARTED,
	JOBS_COMPLETED,
	JOBS_FAILED,
	JOBS_FOLDERS,
};

/* Short, as a package may have a million of them: names are put together when
 * they are asked for. */
struct job {
	uint64_t file_id; /* ten hexadecimal digits; odd: a string's address */
	uint32_t table, format; /* of the words */
	unsigned retry;
	uint8_t folder; /* enum job_folder */
	uint8_t codec;  /* enum codec */
	bool odd : 1;
	bool listed : 1; /* in the manifest, with its checksum */
	bool sha256 : 1; /* which is one of that kind */
	bool
	    finished : 1; /* marked so by a run of Python dlt that was killed */
	unsigned char checksum[CHECKSUM_HEX_MAX / 2];
};

struct jobs {
	char *path; /* of the package */
	struct job *items;
	size_t count, cap;
	struct arena strings;
	char **words; /* tables and formats */
	size_t word_count, word_cap;
	uint32_t *slots; /* hash table of words: index + 1 */
	size_t slot_cap;
};

const char *job_table(const struct jobs *j, const struct job *job);
const char *job_format(const struct jobs *j, const struct job *job);
/* TABLE.ID.FMT[.gz] and the name of the file, malloc'd. */
char *job_id(const struct jobs *j, const struct job *job);
char *job_file(const struct jobs *j, const struct job *job);
/* The checksum of the manifest in hex, or "". */
void job_checksum(const struct job *job, char out[CHECKSUM_SIZE]);

/* All jobs, sorted by id. With a manifest each must be in it, and there. */
int jobs_read(struct jobs *j, const char *path, struct error *err);
void jobs_release(struct jobs *j);

/* The file's path, malloc'd. */
char *job_path(const struct jobs *j, const struct job *job);

/* Rename it into another folder; retry adds one to its retry count. */
int job_move(struct jobs *j, struct job *job, enum job_folder to, bool retry,
    struct error *err);

/* Started to completed, with the marker that Python dlt would leave. */
int job_complete(struct jobs *j, struct job *job, struct error *err);
/* When no job is under way: the markers that a kill between the move and their
 * removal has left. */
void jobs_drop_markers(const struct jobs *j);
/* Started to failed, with the message beside it. */
int
job_fail(struct jobs *j, struct job *job, const char *why, struct error *err);

/* A descriptor as a source of bytes (zin_source). */
long job_read_fd(void *fd, void *data, size_t len, struct error *err);

#endif
