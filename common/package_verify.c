/* SPDX-License-Identifier: MIT */
/* A package against its manifest; its manifest written anew. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/move.h"
#include "common/output.h"
#include "common/package_private.h"

static const char *const folders[] = { "new_jobs", "started_jobs",
	"failed_jobs", "completed_jobs" };

/* To the end, for the checksum of the whole. */
int
package_checksum(const char *path, char out[CHECKSUM_SIZE], struct error *err)
{
	struct manifest_job j;
	struct manifest_in *m;
	bool missing;
	int rc;

	out[0] = '\0';
	m = manifest_in_open(path, &missing, err);
	if (!m)
		return missing ? 0 : -1;
	while ((rc = manifest_in_next(m, &j, err)) > 0)
		continue;
	if (rc == 0)
		manifest_in_checksum(m, out);
	else
		error_prefix(err, "%s: ", path);
	manifest_in_free(m);
	return rc;
}

char *
package_load_id(const char *path, struct error *err)
{
	const struct manifest_head *head;
	struct manifest_in *m;
	bool missing;
	char *id, *real;

	m = manifest_in_open(path, &missing, err);
	if (m) {
		head = manifest_in_head(m, err);
		id = head ? xstrdup(head->load_id) : NULL;
		if (!head)
			error_prefix(err, "%s: ", path);
		manifest_in_free(m);
		return id;
	}
	if (!missing)
		return NULL;
	real = realpath(path, NULL);
	if (!real) {
		error_errno(err, "%s", path);
		return NULL;
	}
	id = xstrdup(strrchr(real, '/') + 1);
	free(real);
	return id;
}

/* ---- verify ---- */

/* A file as it is stored is added to sum. */
static int
read_sum(const char *path, struct checksum *sum, uint64_t *bytes,
    struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *block = xaligned(IO_BLOCK);
	long n = -1;

	*bytes = 0;
	if (fd < 0)
		error_errno(err, "%s", path);
	else
		while ((n = zin_source_fd(&fd, block, IO_BLOCK, err)) > 0) {
			checksum_add(sum, block, (size_t)n);
			*bytes += (uint64_t)n;
		}
	if (fd >= 0 && n < 0)
		error_prefix(err, "%s: ", path);
	if (fd >= 0)
		close(fd);
	free(block);
	return n < 0 ? -1 : 0;
}

/* Checksum and size of a file as it is stored. */
static int
file_digest(const char *path, enum checksum_kind kind, char out[CHECKSUM_SIZE],
    uint64_t *bytes, struct error *err)
{
	struct checksum *sum = checksum_new(kind);
	int rc = read_sum(path, sum, bytes, err);

	checksum_hex(sum, kind, out);
	checksum_free(sum);
	return rc;
}

static int
differs(const char *path, uint64_t have, uint64_t want, struct error *err)
{
	if (have != want)
		return error_set(err, ERR_DATA,
		    "%s: has %llu bytes, manifest.json says %llu", path,
		    (unsigned long long)have, (unsigned long long)want);
	return error_set(err, ERR_DATA,
	    "%s: differs from manifest.json (checksum)", path);
}

/* Of a job: its file has been found; the manifest has its SHA-256. */
#define SEEN   ((uint64_t)1)
#define SHA256 ((uint64_t)2)

struct verify {
	const char *path, *folder;
	struct manifest_in *manifest;
	struct job_set ids;
};

/* The set knows only that a file is not the right one: look up why. */
static int
blame(struct verify *v, const char *file, const char *id, uint64_t bytes,
    struct error *err)
{
	struct manifest_job j;
	int rc = manifest_in_rewind(v->manifest, err);

	if (rc)
		return -1;
	while ((rc = manifest_in_next(v->manifest, &j, err)) > 0)
		if (strcmp(j.id, id) == 0)
			return differs(file, bytes, j.bytes, err);
	return rc ? rc : differs(file, bytes, bytes, err);
}

static int
verify_job(void *arg, const char *name, const struct job_name *n,
    struct error *err)
{
	struct verify *v = arg;
	char *file = xasprintf("%s/%s/%s", v->path, v->folder, name);
	char *id = job_id_format(n), hex[CHECKSUM_SIZE];
	uint64_t *slot = job_set_find(&v->ids, id), bytes;
	int rc = 0;

	if (slot && (*slot & SEEN))
		rc = error_set(err, ERR_DATA, "%s: is there twice", file);
	else if (slot)
		rc = file_digest(file,
		    *slot & SHA256 ? CHECKSUM_SHA256 : CHECKSUM_XXH128, hex,
		    &bytes, err);
	else if (!job_is_follow_up(n))
		rc = error_set(err, ERR_DATA, "%s: not in manifest.json", file);
	if (rc == 0 && slot) {
		*slot |= SEEN;
		if (job_set_digest(&v->ids, bytes, hex) != slot[1])
			rc = blame(v, file, id, bytes, err);
	}
	free(file);
	free(id);
	return rc;
}

static int
verify_schema(struct verify *v, struct error *err)
{
	const struct manifest_head *head = manifest_in_head(v->manifest, err);
	char *file, hex[CHECKSUM_SIZE];
	uint64_t bytes;
	int rc;

	if (!head)
		return -1;
	file = xasprintf("%s/schema.json", v->path);
	rc = file_digest(file, checksum_kind_of(head->schema_checksum), hex,
	    &bytes, err);
	if (rc == 0 &&
	    (bytes != head->schema_bytes ||
	        strcmp(hex, head->schema_checksum) != 0))
		rc = differs(file, bytes, head->schema_bytes, err);
	free(file);
	return rc;
}

static int
is_missing(struct verify *v, struct error *err)
{
	struct manifest_job j;
	int rc = manifest_in_rewind(v->manifest, err);

	if (rc)
		return rc;
	while ((rc = manifest_in_next(v->manifest, &j, err)) > 0) {
		const uint64_t *slot = job_set_find(&v->ids, j.id);

		if (slot && !(*slot & SEEN))
			return error_set(err, ERR_DATA, "%s: %s is missing",
			    v->path, j.id);
	}
	return rc;
}

static int
verify_all(struct verify *v, struct error *err)
{
	struct manifest_job j;
	struct stat st;
	char *done;
	bool loaded;
	int rc;

	while ((rc = manifest_in_next(v->manifest, &j, err)) > 0) {
		uint64_t *slot = job_set_add(&v->ids, j.id);

		if (!slot)
			return error_set(err, ERR_DATA,
			    "manifest.json: %s is listed twice", j.id);
		slot[1] = job_set_digest(&v->ids, j.bytes, j.checksum);
		if (checksum_kind_of(j.checksum) == CHECKSUM_SHA256)
			*slot |= SHA256;
	}
	if (rc == 0)
		rc = verify_schema(v, err);
	for (size_t i = 0; i < ARRAY_LEN(folders) && !rc; i++) {
		v->folder = folders[i];
		rc = job_folder_visit(v->path, folders[i], verify_job, v, err);
	}
	/* What was loaded may have been deleted since. */
	done = xasprintf("%s/package_completed.json", v->path);
	loaded = stat(done, &st) == 0;
	free(done);
	return rc || loaded ? rc : is_missing(v, err);
}

int
package_verify(const char *path, struct error *err)
{
	struct verify v = { .path = path };
	bool missing;
	int rc;

	if (move_refuse_half(path, err))
		return -1;
	v.manifest = manifest_in_open(path, &missing, err);
	if (!v.manifest && missing && access(path, F_OK) < 0)
		return error_errno(err, "%s", path);
	if (!v.manifest && missing)
		return error_set(err, ERR_DATA,
		    "%s: has no manifest.json; if it is a package of Python "
		    "dlt, `dlt-package seal` makes one",
		    path);
	if (!v.manifest)
		return -1;
	job_set_init(&v.ids, true);
	rc = verify_all(&v, err);
	job_set_release(&v.ids);
	manifest_in_free(v.manifest);
	return rc;
}

/* ---- seal ---- */

/* Of a job file: it is there; it is in the new manifest. */
#define HERE ((uint64_t)1)
#define DONE ((uint64_t)2)

struct seal {
	const char *path;
	struct manifest_in *old; /* or NULL */
	struct manifest_out *out;
	struct job_set ids;
	struct job_renames renames;
};

/* Rows of a file that is new or was changed: one a line in jsonl; in other
 * formats only a parser could say. */
static int
count_rows(const char *path, const char *format, uint64_t *rows,
    struct error *err)
{
	struct zin *z;
	char *block;
	long n;
	char last = '\n';

	*rows = UINT64_MAX;
	if (strcmp(format, "jsonl") != 0)
		return 0;
	z = zin_open(path, err);
	if (!z)
		return -1;
	block = xmalloc(IO_BLOCK);
	*rows = 0;
	while ((n = zin_read(z, block, IO_BLOCK, err)) > 0) {
		for (long i = 0; i < n; i++)
			*rows += block[i] == '\n';
		last = block[n - 1];
	}
	*rows += last != '\n';
	free(block);
	zin_free(z);
	return n < 0 ? -1 : 0;
}

static int
seal_job(struct seal *s, const char *name, const struct manifest_job *old,
    struct error *err)
{
	char *file = xasprintf("%s/new_jobs/%s", s->path, name), *id;
	char hex[CHECKSUM_SIZE], was[CHECKSUM_SIZE];
	struct manifest_job j = { .checksum = hex, .origins = "[]" };
	enum checksum_kind kind = old ? checksum_kind_of(old->checksum)
	                              : CHECKSUM_XXH128;
	struct checksum *sum = checksum_new(CHECKSUM_XXH128 | kind);
	struct job_name n;
	int rc = job_name_parse(name, &n, err);

	if (rc == 0) {
		j.id = id = job_id_format(&n);
		j.table = n.table;
		rc = read_sum(file, sum, &j.bytes, err);
		checksum_hex(sum, CHECKSUM_XXH128, hex);
		checksum_hex(sum, kind, was);
		if (rc == 0 && old && strcmp(old->checksum, was) == 0) {
			j.rows = old->rows;
			j.origins = old->origins;
		} else if (rc == 0) {
			rc = count_rows(file, n.format, &j.rows, err);
		}
		if (rc == 0)
			rc = manifest_out_add(s->out, &j, err);
		free(id);
		job_name_release(&n);
	}
	checksum_free(sum);
	free(file);
	return rc;
}

static int
note_here(void *arg, const char *name, const struct job_name *n,
    struct error *err)
{
	struct seal *s = arg;
	char *id = job_id_format(n);
	uint64_t *slot = job_set_add(&s->ids, id);
	int rc = 0;

	if (!slot)
		rc = error_set(err, ERR_DATA, "%s: is there twice", name);
	else
		*slot |= HERE;
	job_renames_add(&s->renames, id, name, n);
	free(id);
	return rc;
}

/* Jobs that the old manifest knows keep their order, others follow by name. */
static int
seal_known(struct seal *s, struct error *err)
{
	struct manifest_job j;
	int rc = s->old ? manifest_in_rewind(s->old, err) : 0;

	while (rc == 0 && s->old &&
	    (rc = manifest_in_next(s->old, &j, err)) > 0) {
		uint64_t *slot = job_set_find(&s->ids, j.id);
		char *name;

		rc = 0;
		if (!slot || (*slot & DONE))
			continue;
		*slot |= DONE;
		name = job_renames_find(&s->renames, j.id, j.table);
		rc = seal_job(s, name, &j, err);
		free(name);
	}
	return rc;
}

static int
seal_new(struct seal *s, struct error *err)
{
	struct job_list l;
	const char *name;
	int rc;

	job_list_init(&l, s->path, "new_jobs");
	while ((rc = job_list_next(&l, &name, err)) > 0) {
		const uint64_t *slot;
		struct job_name n;
		char *id;

		rc = job_name_parse(name, &n, err);
		if (rc)
			break;
		id = job_id_format(&n);
		slot = job_set_find(&s->ids, id);
		if (!slot || !(*slot & DONE))
			rc = seal_job(s, name, NULL, err);
		free(id);
		job_name_release(&n);
		if (rc)
			break;
	}
	job_list_release(&l);
	return rc;
}

static int
seal_jobs(struct seal *s, struct error *err)
{
	if (job_folder_visit(s->path, "new_jobs", note_here, s, err))
		return -1;
	job_renames_sort(&s->renames);
	return seal_known(s, err) || seal_new(s, err) ? -1 : 0;
}

struct schema_text {
	struct json_doc doc;
	struct buf text;
	char checksum[CHECKSUM_SIZE];
};

static int
seal_schema(const char *path, struct manifest_head *head, struct schema_text *t,
    struct error *err)
{
	char *file = xasprintf("%s/schema.json", path);
	int rc = read_file(file, PACKAGE_SMALL_MAX, &t->text.data, &t->text.len,
	    err);

	if (rc == 0) {
		t->text.cap = t->text.len + 1;
		head->schema_bytes = t->text.len;
		checksum_of(CHECKSUM_XXH128, t->text.data, t->text.len,
		    t->checksum);
		head->schema_checksum = t->checksum;
		rc = package_unpack(&t->text, file, err);
	}
	if (rc == 0 && json_parse(&t->doc, t->text.data, t->text.len, err))
		rc = error_prefix(err, "%s:", file);
	if (rc == 0) {
		head->schema_name = json_get_str(t->doc.root, "name", "");
		head->version_hash = json_get_str(t->doc.root, "version_hash",
		    "");
	}
	free(file);
	return rc;
}

static int
seal_all(struct seal *s, struct error *err)
{
	struct manifest_head head = { .kind = "extracted" };
	char *updates = xasprintf("%s/schema_updates.json", s->path);
	char *load_id = NULL, *kind = NULL;
	const struct manifest_head *old = NULL;
	struct schema_text schema = { 0 };
	struct stat st;
	int rc = -1;

	/* Only normalize writes that file. */
	if (stat(updates, &st) == 0)
		head.kind = "normalized";
	free(updates);
	if (s->old && !(old = manifest_in_head(s->old, err)))
		goto out;
	if (old) {
		head.kind = kind = xstrdup(old->kind);
		head.rejects = old->rejects;
	}
	head.load_id = load_id = package_load_id(s->path, err);
	if (!load_id || seal_schema(s->path, &head, &schema, err) ||
	    seal_jobs(s, err))
		goto out;
	manifest_out_end(s->out, &head);
	rc = manifest_out_file(s->out, s->path, err);
	if (rc == 0)
		rc = fsync_path(s->path, err);
out:
	json_release(&schema.doc);
	buf_release(&schema.text);
	free(load_id);
	free(kind);
	return rc;
}

int
package_seal(const char *path, struct error *err)
{
	struct seal s = { .path = path };
	bool missing;
	int rc;

	if (move_refuse_half(path, err))
		return -1;
	s.old = manifest_in_open(path, &missing, err);
	if (!s.old && !missing)
		return -1;
	s.out = manifest_out_new(path);
	job_set_init(&s.ids, false);
	rc = seal_all(&s, err);
	job_renames_release(&s.renames);
	job_set_release(&s.ids);
	manifest_out_free(s.out);
	manifest_in_free(s.old);
	return rc;
}
