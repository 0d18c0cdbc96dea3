/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/archive.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/package_private.h"

struct package_out {
	struct manifest manifest; /* grows as jobs are closed */
	char *path;               /* of a directory */
	struct tar_out *tar;      /* of a stream */
	uint64_t files;           /* job files so far */
	struct job_out *open;     /* those not closed yet */
	bool has_schema;
	bool finished;
};

struct job_out {
	struct package_out *package;
	char *name;
	char *id;
	char *table;
	char *path;      /* in a directory */
	struct buf data; /* in a stream: the whole file */
	size_t size;
	struct hash *sha256;
	struct job_out *next, **link; /* among the package's open ones */
};

static struct package_out *
package_out_new(const struct package_spec *spec)
{
	struct package_out *p = xcalloc(1, sizeof(*p));

	p->manifest.kind = xstrdup(package_kind_name(spec->kind));
	p->manifest.load_id = xstrdup(spec->load_id);
	p->manifest.schema_name = xstrdup(spec->schema_name);
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
	p = package_out_new(spec);
	p->path = xstrdup(path);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char *dir = xasprintf("%s/%s", path, folders[i]);
		int rc = make_dirs(dir, err);

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
	p = package_out_new(spec);
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
	char *full = xasprintf("%s/%s", p->manifest.load_id, name);
	int rc = tar_out_entry(p->tar, full, data, len, err);

	free(full);
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
	rc = output_file(path, data, len, err);
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
		p->manifest.schema_bytes = len;
		sha256_hex(data, len, p->manifest.schema_sha256);
	}
	return put_file(p, name, data, len, err);
}

/* ---- jobs ---- */

static void
job_out_free(struct job_out *j)
{
	*j->link = j->next;
	if (j->next)
		j->next->link = j->link;
	hash_free(j->sha256);
	buf_release(&j->data);
	free(j->name);
	free(j->id);
	free(j->table);
	free(j->path);
	free(j);
}

/* Opened anew for each piece: a package may have more open files than the
 * process may have descriptors. */
static int
append(const char *path, int flags, const char *data, size_t len,
    struct error *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666);

	if (fd < 0)
		return error_errno(err, "%s", path);
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error_errno(err, "%s: write", path);
			close(fd);
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	if (close(fd))
		return error_errno(err, "%s: close", path);
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
	j->next = p->open;
	j->link = &p->open;
	if (j->next)
		j->next->link = &j->next;
	p->open = j;
	j->table = xstrdup(table);
	j->name = job_name_format(&n);
	j->id = job_id_format(&n);
	j->sha256 = hash_sha256_new();
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
	if (append(j->path, O_CREAT | O_EXCL, NULL, 0, err)) {
		job_out_free(j);
		return NULL;
	}
	return j;
}

int
job_out_write(struct job_out *j, const void *data, size_t len,
    struct error *err)
{
	hash_update(j->sha256, data, len);
	j->size += len;
	if (!j->path) {
		buf_add(&j->data, data, len);
		return 0;
	}
	return len ? append(j->path, 0, data, len, err) : 0;
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

int
job_out_close(struct job_out *j, uint64_t rows, const char *origins,
    struct error *err)
{
	struct package_out *p = j->package;
	struct manifest_job *m;
	int rc;

	if (j->path) {
		rc = fsync_path(j->path, err);
	} else {
		char *name = xasprintf("new_jobs/%s", j->name);

		rc = stream_entry(p, name, j->data.data, j->data.len, err);
		free(name);
	}
	if (rc == 0) {
		m = manifest_add(&p->manifest);
		m->id = xstrdup(j->id);
		m->table = xstrdup(j->table);
		m->rows = rows;
		m->bytes = j->size;
		m->origins = xstrdup(origins && *origins ? origins : "[]");
		hash_final_hex(j->sha256, m->sha256);
		j->sha256 = NULL;
	}
	job_out_free(j);
	return rc;
}

/* ---- the end ---- */

static int
finish_dir(struct package_out *p, struct error *err)
{
	char *jobs = xasprintf("%s/new_jobs", p->path);
	int rc = fsync_path(jobs, err);

	free(jobs);
	return rc ? rc : fsync_path(p->path, err);
}

int
package_out_finish(struct package_out *p, const char *version_hash,
    uint64_t rejects, struct error *err)
{
	struct buf text = { 0 };
	int rc;

	if (!p->has_schema)
		return error_set(err, ERR_DATA, "package without schema.json");
	p->manifest.version_hash = xstrdup(version_hash);
	p->manifest.rejects = rejects;
	manifest_write(&p->manifest, &text);
	rc = put_file(p, "manifest.json", text.data, text.len, err);
	buf_release(&text);
	if (rc == 0)
		rc = p->tar ? tar_out_finish(p->tar, err) : finish_dir(p, err);
	if (rc == 0)
		p->finished = true;
	return rc;
}

void
package_out_free(struct package_out *p, bool failed)
{
	struct error ignored;

	if (!p)
		return;
	/* Downstream stops without a word of its own: we have said why. */
	if (p->tar && failed && !p->finished &&
	    stream_entry(p, "_cancelled", "", 0, &ignored) == 0)
		(void)tar_out_finish(p->tar, &ignored);
	while (p->open)
		job_out_free(p->open);
	tar_out_free(p->tar);
	manifest_release(&p->manifest);
	free(p->path);
	free(p);
}
