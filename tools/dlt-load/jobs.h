/* SPDX-License-Identifier: MIT */
/*
 * jobs: the jobs of a package directory, and their way through its folders.
 *
 * Source: contract.md sections 1.5, 2.1, 2.2.
 */
#ifndef DLT_LOAD_JOBS_H
#define DLT_LOAD_JOBS_H

#include "common/mem.h"
#include "common/package.h"

enum job_folder {
	JOBS_NEW,
	JOBS_STARTED,
	JOBS_COMPLETED,
	JOBS_FAILED,
	JOBS_FOLDERS,
};

/* Its strings belong to the list, which may be long: those of a job are one
 * piece, tables and formats are shared. */
struct job {
	enum job_folder folder;
	bool renamed; /* file is malloc'd */
	char *file;   /* its name there */
	struct job_name name;
	char *id;
	char sha256[65]; /* from the manifest, or "" */
	bool finished;   /* marked so by a run of Python dlt that was killed */
};

struct jobs {
	char *path; /* of the package */
	struct job *items;
	size_t count, cap;
	struct arena strings;
	char **words; /* hash table of tables and formats */
	size_t word_count, word_cap;
};

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
/* Started to failed, with the message beside it. */
int
job_fail(struct jobs *j, struct job *job, const char *why, struct error *err);

/* A descriptor as a source of bytes (zin_source). */
long job_read_fd(void *fd, void *data, size_t len, struct error *err);

#endif
