/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/archive.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/package_private.h"

/* So many job files are fsynced one by one; the rest at the end in one call,
 * where the system can do that as safely. */
#define FSYNC_MAX 64
/* So much of a job file waits before the disk gets it. */
#define SYNC_EARLY ((size_t)4 << 20)
/* From this size on a job file is large, and so many of them keep their
 * descriptor and are written in blocks, at multiples of their size. The kernel
 * then has them in large pieces and never has to write to one that is on its
 * way to the disk: that takes a third less time than to append what comes, as
 * it comes. */
#define LARGE_SIZE  ((size_t)1 << 20)
#define LARGE_MAX   16
#define LARGE_BLOCK ((size_t)64 << 10)

struct package_out {
	struct manifest_out *manifest; /* grows as jobs are closed */
	struct manifest_head head;
	char *load_id, *schema_name, *path; /* path: of a directory */
	char schema_checksum[CHECKSUM_SIZE];
	struct tar_out *tar;  /* of a stream */
	uint64_t files;       /* job files so far */
	struct job_out *open; /* those not closed yet */
	struct job_out *last; /* whose descriptor is open: fd */
	int fd;
	unsigned large; /* open ones with a descriptor of their own */
	int sync_fd;    /* for the files beyond FSYNC_MAX, or -1 */
	uint64_t closed;
	bool has_schema;
	bool finished;
};

struct job_out {
	struct package_out *package;
	char *name;
	char *id;
	char *table;
	char *path; /* in a directory */
	bool made;
	struct buf data; /* in a stream: the whole file */
	size_t size;
	size_t begun; /* of it, what is on its way to the disk */
	int fd;       /* of a large one, or -1 */
	char *tail;   /* of a large one: less than a block, not yet written */
	size_t waiting;
	struct checksum *sum;
	struct job_out *next, **link; /* among the package's open ones */
};

static struct package_out *
package_out_new(const struct package_spec *spec, const char *path)
{
	struct package_out *p = xcalloc(1, sizeof(*p));

	p->fd = p->sync_fd = -1;
	p->path = path ? xstrdup(path) : NULL;
	p->manifest = manifest_out_new(path);
	p->load_id = xstrdup(spec->load_id);
	p->schema_name = xstrdup(spec->schema_name);
	p->head = (struct manifest_head){
		.kind = package_kind_name(spec->kind),
		.load_id = p->load_id,
		.schema_name = p->schema_name,
		.schema_checksum = p->schema_checksum,
	};
	return p;
}

static int
check_load_id(const struct package_spec *spec, struct error *err)
{
	if (package_name_is_safe(spec->load_id))
		return 0;
	return error_set(err, ERR_DATA,
	    "load id \"%s\" cannot be the name of a folder", spec->load_id);
}

struct package_out *
package_out_dir(const char *path, const struct package_spec *spec,
    struct error *err)
{
	static const char *const folders[] = { "new_jobs", "started_jobs",
		"failed_jobs", "completed_jobs", ".pending_transitions" };
	struct package_out *p;

	if (check_load_id(spec, err))
		return NULL;
	p = package_out_new(spec, path);
	p->sync_fd = sync_all_open(path);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char *dir = xasprintf("%s/%s", path, folders[i]);
		/* They are on the disk when the package is finished. */
		int rc = mkdir(dir, 0777) ? make_dirs(dir, err) : 0;

		free(dir);
		if (rc) {
			package_out_free(p, true);
			return NULL;
		}
	}
	return p;
}

struct package_out *
package_out_stream(int fd, const struct package_spec *spec, struct error *err)
{
	struct package_out *p;

	if (check_load_id(spec, err))
		return NULL;
	p = package_out_new(spec, NULL);
	p->tar = tar_out_new(fd);
	return p;
}

bool
package_out_is_stream(const struct package_out *p)
{
	return p->tar != NULL;
}

static int
stream_entry(struct package_out *p, const char *name, const void *data,
    size_t len, struct error *err)
{
	char *full = xasprintf("%s/%s", p->load_id, name);
	int rc = tar_out_entry(p->tar, full, data, len, err);

	free(full);
	return rc;
}

static void
stream_cancel(struct package_out *p)
{
	char *full = xasprintf("%s/_cancelled", p->load_id);

	tar_out_cancel(p->tar, full);
	free(full);
}

/* Nobody sees the directory yet: no care is needed to replace the file. */
static int
write_file(const char *path, const void *data, size_t len, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), rc;

	if (fd < 0)
		return error_errno(err, "%s", path);
	rc = write_fully(fd, data, len) ? error_errno(err, "%s: write", path)
	                                : fsync_fd(fd, path, err);
	/* Some file systems say only here that the disk is full. */
	if (close(fd) && rc == 0)
		rc = error_errno(err, "%s: close", path);
	return rc;
}

static int
put_file(struct package_out *p, const char *name, const void *data, size_t len,
    struct error *err)
{
	char *path;
	int rc;

	if (p->tar)
		return stream_entry(p, name, data, len, err);
	path = xasprintf("%s/%s", p->path, name);
	rc = write_file(path, data, len, err);
	free(path);
	return rc;
}

int
package_out_file(struct package_out *p, const char *name, const void *data,
    size_t len, struct error *err)
{
	if (!package_file_is_known(name))
		return error_set(err, ERR_DATA, "%s: no file of a package",
		    name);
	if (strcmp(name, "schema.json") == 0) {
		p->has_schema = true;
		p->head.schema_bytes = len;
		checksum_of(CHECKSUM_XXH128, data, len, p->schema_checksum);
		/* Before the jobs: who reads them has only to sum up that. */
		if (p->tar)
			tar_out_checksums(p->tar, "xxh128");
	}
	return put_file(p, name, data, len, err);
}

/* ---- jobs ---- */

/* Of those that are not large only one descriptor is kept, that of the job file
 * written to last: a package may have more open jobs than the process may have
 * descriptors. */
static int
close_last(struct package_out *p, struct error *err)
{
	int rc = 0;

	if (p->fd >= 0 && close(p->fd))
		rc = error_errno(err, "%s: close", p->last->path);
	p->fd = -1;
	p->last = NULL;
	return rc;
}

static int
close_file(struct job_out *j, struct error *err)
{
	struct package_out *p = j->package;
	int fd = j->fd;

	if (fd < 0)
		return p->last == j ? close_last(p, err) : 0;
	free(j->tail);
	j->tail = NULL;
	j->fd = -1;
	p->large--;
	return close(fd) ? error_errno(err, "%s: close", j->path) : 0;
}

static void
job_out_free(struct job_out *j)
{
	struct error ignored;

	(void)close_file(j, &ignored);
	*j->link = j->next;
	if (j->next)
		j->next->link = j->link;
	checksum_free(j->sum);
	buf_release(&j->data);
	free(j->name);
	free(j->id);
	free(j->table);
	free(j->path);
	free(j);
}

static int
create_new(const char *path, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	return fd < 0 ? error_errno(err, "%s", path) : fd;
}

/* The descriptor of the file, which is made when it is new; -1 with err. */
static int
open_file(struct job_out *j, struct error *err)
{
	struct package_out *p = j->package;

	if (j->fd >= 0)
		return j->fd;
	if (p->last == j)
		return p->fd;
	if (close_last(p, err))
		return -1;
	p->fd = j->made ? append_open(j->path, err) : create_new(j->path, err);
	if (p->fd < 0)
		return -1;
	p->last = j;
	j->made = true;
	return p->fd;
}

/* From now on it is written in blocks. */
static void
make_large(struct job_out *j)
{
	struct package_out *p = j->package;

	j->fd = p->fd;
	j->tail = xaligned(LARGE_BLOCK);
	p->fd = -1;
	p->last = NULL;
	p->large++;
}

/* All bytes of both parts. */
static int
write_parts(int fd, struct iovec part[2])
{
	while (part[0].iov_len + part[1].iov_len) {
		ssize_t n = writev(fd, part, 2);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		for (int i = 0; i < 2; i++) {
			size_t done = (size_t)n < part[i].iov_len
			    ? (size_t)n
			    : part[i].iov_len;

			part[i].iov_base = (char *)part[i].iov_base + done;
			part[i].iov_len -= done;
			n -= (ssize_t)done;
		}
	}
	return 0;
}

/* What ends a block is written with all before it; `size`: the file's, with
 * what waits. */
static int
append_blocks(struct job_out *j, size_t size, const char *data, size_t len)
{
	size_t missing = LARGE_BLOCK - size % LARGE_BLOCK;
	size_t rest = len < missing ? len : (len - missing) % LARGE_BLOCK;
	struct iovec part[2] = { { j->tail, j->waiting },
		{ (char *)(uintptr_t)data, len - rest } };

	if (rest < len) {
		j->waiting = 0;
		if (write_parts(j->fd, part))
			return -1;
	}
	memcpy(j->tail + j->waiting, data + len - rest, rest);
	j->waiting += rest;
	return 0;
}

/* At the end of the file, which has j->size bytes with these. */
static int
append(struct job_out *j, const char *data, size_t len, struct error *err)
{
	int fd = open_file(j, err);
	size_t written;

	if (fd < 0)
		return -1;
	if (j->fd < 0 && j->size >= LARGE_SIZE && j->package->large < LARGE_MAX)
		make_large(j);
	if (j->fd < 0 ? write_fully(fd, data, len)
	              : append_blocks(j, j->size - len, data, len))
		return error_errno(err, "%s: write", j->path);
	written = j->size - j->waiting;
	if (written - j->begun >= SYNC_EARLY) {
		sync_early(fd, j->begun, written - j->begun);
		j->begun = written;
	}
	return 0;
}

struct job_out *
job_out_open(struct package_out *p, const char *table, const char *format,
    enum codec codec, struct error *err)
{
	struct job_out *j = xcalloc(1, sizeof(*j));
	char id[24];
	struct job_name n = { .file_id = id, .codec = codec };
	struct job_name check;

	snprintf(id, sizeof(id), "%010llx", (unsigned long long)++p->files);
	n.table = xstrdup(table);
	n.format = xstrdup(format);
	j->package = p;
	j->fd = -1;
	j->next = p->open;
	j->link = &p->open;
	if (j->next)
		j->next->link = &j->next;
	p->open = j;
	j->table = xstrdup(table);
	j->name = job_name_format(&n);
	j->id = job_id_format(&n);
	j->sum = checksum_new(CHECKSUM_XXH128);
	free(n.table);
	free(n.format);
	/* A table name that a job file cannot carry must not get out. */
	if (job_name_parse(j->name, &check, err)) {
		job_out_free(j);
		return NULL;
	}
	job_name_release(&check);
	if (p->tar)
		return j;
	j->path = xasprintf("%s/new_jobs/%s", p->path, j->name);
	return j;
}

int
job_out_write(struct job_out *j, const void *data, size_t len,
    struct error *err)
{
	checksum_add(j->sum, data, len);
	j->size += len;
	if (!j->path) {
		buf_add(&j->data, data, len);
		return 0;
	}
	return len ? append(j, data, len, err) : 0;
}

size_t
job_out_size(const struct job_out *j)
{
	return j->size;
}

const char *
job_out_name(const struct job_out *j)
{
	return j->name;
}

static int
send_job(struct job_out *j, const char *origins, struct error *err)
{
	struct tar_out *tar = j->package->tar;
	char *name = xasprintf("%s/new_jobs/%s", j->package->load_id, j->name);
	int rc = tar_out_begin(tar, name, j->data.len, origins, err);

	free(name);
	if (rc || tar_out_data(tar, j->data.data, j->data.len, err))
		return -1;
	return tar_out_end(tar, err);
}

/* An empty one is made here. */
static int
sync_job(struct job_out *j, struct error *err)
{
	struct package_out *p = j->package;
	int fd = open_file(j, err);

	if (fd < 0)
		return -1;
	if (j->waiting && write_fully(fd, j->tail, j->waiting))
		return error_errno(err, "%s: write", j->path);
	return p->closed++ >= FSYNC_MAX && p->sync_fd >= 0
	    ? 0
	    : fsync_fd(fd, j->path, err);
}

int
job_out_close(struct job_out *j, uint64_t rows, const char *origins,
    struct error *err)
{
	char hex[CHECKSUM_SIZE];
	struct manifest_job m = { .id = j->id,
		.table = j->table,
		.rows = rows,
		.bytes = j->size,
		.checksum = hex,
		.origins = origins && *origins ? origins : "[]" };
	int rc = j->path ? sync_job(j, err) : send_job(j, origins, err);

	if (rc == 0) {
		checksum_hex(j->sum, CHECKSUM_XXH128, hex);
		rc = manifest_out_add(j->package->manifest, &m, err);
	}
	if (rc == 0 && j->path)
		rc = close_file(j, err);
	job_out_free(j);
	return rc;
}

/* ---- the end ---- */

static int
tar_sink(void *arg, const void *data, size_t len, struct error *err)
{
	return tar_out_data(arg, data, len, err);
}

static int
finish_stream(struct package_out *p, uint64_t size, struct error *err)
{
	char *name = xasprintf("%s/manifest.json", p->load_id);
	int rc = tar_out_begin(p->tar, name, size, NULL, err);

	free(name);
	if (rc || manifest_out_copy(p->manifest, tar_sink, p->tar, err) ||
	    tar_out_end(p->tar, err))
		return -1;
	return tar_out_finish(p->tar, err);
}

static int
finish_dir(struct package_out *p, struct error *err)
{
	char *jobs = xasprintf("%s/new_jobs", p->path);
	int rc = 0;

	if (p->closed > FSYNC_MAX && p->sync_fd >= 0)
		rc = sync_all(p->sync_fd, jobs, err);
	if (rc == 0)
		rc = manifest_out_file(p->manifest, p->path, err);
	if (rc == 0)
		rc = fsync_path(jobs, err);
	free(jobs);
	return rc ? rc : fsync_path(p->path, err);
}

int
package_out_finish(struct package_out *p, const char *version_hash,
    uint64_t rejects, struct error *err)
{
	uint64_t size;
	int rc;

	if (!p->has_schema)
		return error_set(err, ERR_DATA, "package without schema.json");
	p->head.version_hash = version_hash;
	p->head.rejects = rejects;
	size = manifest_out_end(p->manifest, &p->head);
	rc = p->tar ? finish_stream(p, size, err) : finish_dir(p, err);
	if (rc == 0)
		p->finished = true;
	return rc;
}

void
package_out_free(struct package_out *p, bool failed)
{
	if (!p)
		return;
	/* Downstream stops without a word of its own: we have said why. */
	if (p->tar && failed && !p->finished)
		stream_cancel(p);
	while (p->open)
		job_out_free(p->open);
	tar_out_free(p->tar);
	if (p->sync_fd >= 0)
		close(p->sync_fd);
	manifest_out_free(p->manifest);
	free(p->load_id);
	free(p->schema_name);
	free(p->path);
	free(p);
}
