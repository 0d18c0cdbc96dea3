/* SPDX-License-Identifier: MIT */
/* Packages in directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/move.h"
#include "common/output.h"
#include "common/package_private.h"

/* Flags of a job: its file is in new_jobs, or on its way through a load. */
#define HERE      ((uint64_t)1)
#define ELSEWHERE ((uint64_t)2)

static const char *const small_files[] = { "schema.json",
	"load_package_state.json", "schema_updates.json",
	"applied_schema_updates.json", "provenance.jsonl" };

static int
unsealed(const struct package_in *p, const char *name, const char *what,
    struct error *err)
{
	return error_set(err, ERR_DATA,
	    "%s/new_jobs/%s: %s (`dlt-package seal %s` accepts edits made by "
	    "hand)",
	    p->path, name, what, p->path);
}

/* The smallest of several names, so that the message does not depend on the
 * order of the directory. */
struct worst {
	struct package_in *p;
	char *name;
	const char *what;
};

static void
note_worst(struct worst *w, const char *name, const char *what)
{
	if (w->name && strcmp(w->name, name) <= 0)
		return;
	free(w->name);
	w->name = xstrdup(name);
	w->what = what;
}

static int
match_file(void *arg, const char *name, const struct job_name *n,
    struct error *err)
{
	struct worst *w = arg;
	struct dir_in *d = &w->p->d;
	char *id = job_id_format(n);
	uint64_t *slot = job_set_find(&d->ids, id);

	(void)err;
	if (slot && (*slot & HERE)) {
		note_worst(w, name, "is there twice");
	} else if (slot) {
		*slot |= HERE;
		job_renames_add(&d->renames, id, name, n);
	} else if (job_is_follow_up(n)) {
		d->extra = xgrow(d->extra, &d->extra_cap, d->extra_count + 1,
		    sizeof(*d->extra));
		d->extra[d->extra_count++] = xstrdup(name);
	} else {
		note_worst(w, name, "not in manifest.json");
	}
	free(id);
	return 0;
}

static int
match_elsewhere(void *arg, const char *name, const struct job_name *n,
    struct error *err)
{
	struct package_in *p = arg;
	char *id = job_id_format(n);
	uint64_t *slot = job_set_find(&p->d.ids, id);

	(void)name;
	(void)err;
	if (slot)
		*slot |= ELSEWHERE;
	free(id);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Is each file known, is each job there? Only follow-up jobs of a load may be
 * unknown; a job that is on its way through a load stands elsewhere. */
static int
match_folders(struct package_in *p, struct error *err)
{
	static const char *const elsewhere[] = { "started_jobs",
		"completed_jobs", "failed_jobs" };
	struct worst w = { .p = p };
	int rc = job_folder_visit(p->path, "new_jobs", match_file, &w, err);

	if (rc == 0 && w.name)
		rc = unsealed(p, w.name, w.what, err);
	free(w.name);
	for (size_t i = 0; i < ARRAY_LEN(elsewhere) && rc == 0; i++)
		rc = job_folder_visit(p->path, elsewhere[i], match_elsewhere, p,
		    err);
	job_renames_sort(&p->d.renames);
	if (p->d.extra_count)
		qsort(p->d.extra, p->d.extra_count, sizeof(*p->d.extra),
		    by_name);
	return rc;
}

/* The ids of all jobs; then once more for those that are nowhere. */
static int
match_manifest(struct package_in *p, struct error *err)
{
	struct manifest_in *m = p->d.manifest;
	struct manifest_job j;
	int rc;

	while ((rc = manifest_in_next(m, &j, err)) > 0)
		if (!job_set_add(&p->d.ids, j.id))
			return error_set(err, ERR_DATA,
			    "manifest.json: %s is listed twice", j.id);
	if (rc == 0)
		manifest_in_checksum(m, p->checksum);
	if (rc || match_folders(p, err) || manifest_in_rewind(m, err))
		return -1;
	while ((rc = manifest_in_next(m, &j, err)) > 0) {
		const uint64_t *slot = job_set_find(&p->d.ids, j.id);

		if (!slot || !(*slot & (HERE | ELSEWHERE)))
			return unsealed(p, j.id, "is missing", err);
	}
	return rc ? rc : manifest_in_rewind(m, err);
}

static int
open_manifest(struct package_in *p, struct error *err)
{
	const struct manifest_head *head;
	bool missing;

	p->d.manifest = manifest_in_open(p->path, &missing, err);
	if (!p->d.manifest) {
		job_list_init(&p->d.list, p->path, "new_jobs");
		p->load_id = missing ? package_load_id(p->path, err) : NULL;
		return p->load_id ? 0 : -1;
	}
	job_set_init(&p->d.ids, false);
	head = manifest_in_head(p->d.manifest, err);
	if (!head)
		return -1;
	p->load_id = xstrdup(head->load_id);
	buf_adds(&p->d.schema_checksum, head->schema_checksum);
	if (manifest_in_rewind(p->d.manifest, err))
		return -1;
	return match_manifest(p, err);
}

static int
dir_open(struct package_in *p, struct error *err)
{
	char *schema = xasprintf("%s/schema.json", p->path);
	struct stat st;
	int rc = -1;

	if (stat(p->path, &st))
		error_errno(err, "%s", p->path);
	else if (!S_ISDIR(st.st_mode))
		error_set(err, ERR_DATA, "%s: not a package directory",
		    p->path);
	else if (stat(schema, &st))
		error_set(err, ERR_DATA,
		    "%s: not a package (it has no schema.json)", p->path);
	else
		rc = open_manifest(p, err);
	free(schema);
	return rc;
}

struct package_in *
package_in_dir(const char *path, struct error *err)
{
	struct package_in *p;
	size_t n = strlen(path);

	if (move_refuse_half(path, err))
		return NULL;
	p = package_in_new();
	while (n > 1 && path[n - 1] == '/')
		n--;
	p->path = xstrndup(path, n);
	if (dir_open(p, err)) {
		package_in_free(p);
		return NULL;
	}
	return p;
}

/* The next small file that exists: 1, 0 none left, -1. */
static int
dir_file(struct package_in *p, struct package_entry *e, struct error *err)
{
	while (p->d.file < ARRAY_LEN(small_files)) {
		const char *name = small_files[p->d.file++];
		char *path = xasprintf("%s/%s", p->path, name);
		const char *want = buf_str(&p->d.schema_checksum);
		char hex[CHECKSUM_SIZE];
		bool is_schema = p->d.file == 1;
		struct stat st;
		int rc = 0;

		if (stat(path, &st) && errno == ENOENT) {
			free(path);
			continue;
		}
		buf_release(&p->data);
		rc = read_file(path, PACKAGE_SMALL_MAX, &p->data.data,
		    &p->data.len, err);
		p->data.cap = p->data.data ? p->data.len + 1 : 0;
		if (rc == 0 && is_schema && p->d.manifest) {
			checksum_of(checksum_kind_of(want), p->data.data,
			    p->data.len, hex);
			if (strcmp(hex, want) != 0)
				rc = error_set(err, ERR_DATA,
				    "%s: differs from manifest.json "
				    "(`dlt-package seal %s` accepts edits "
				    "made by hand)",
				    path, p->path);
		}
		if (rc == 0)
			rc = package_unpack(&p->data, path, err);
		free(path);
		e->name = name;
		e->data = p->data.data;
		e->len = p->data.len;
		return rc ? -1 : 1;
	}
	return 0;
}

/* known: its entry in the manifest, or NULL. */
static int
dir_job(struct package_in *p, const char *name,
    const struct manifest_job *known, struct package_entry *e,
    struct error *err)
{
	struct stat st;

	job_name_release(&p->job);
	if (job_name_parse(name, &p->job, err))
		return -1;
	buf_reset(&p->name);
	buf_adds(&p->name, name);
	buf_reset(&p->job_path);
	buf_addf(&p->job_path, "%s/new_jobs/%s", p->path, name);
	if (stat(p->job_path.data, &st))
		return error_errno(err, "%s", p->job_path.data);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_DATA, "%s: not a file",
		    p->job_path.data);
	e->name = p->name.data;
	e->job = p->job;
	e->path = p->job_path.data;
	e->len = (size_t)st.st_size;
	buf_reset(&p->job_checksum);
	if (known) {
		buf_adds(&p->job_checksum, known->checksum);
		e->origins = known->origins;
		e->rows = known->rows;
		e->checksum = p->job_checksum.data;
	}
	package_in_begin_job(p,
	    known ? checksum_kind_of(known->checksum) : CHECKSUM_NONE);
	return 0;
}

/* The next job of the manifest whose file is here: 1; 0: no more; -1. */
static int
dir_known(struct package_in *p, struct package_entry *e, struct error *err)
{
	struct manifest_job j;
	int rc;

	while (p->d.manifest &&
	    (rc = manifest_in_next(p->d.manifest, &j, err))) {
		const uint64_t *slot;
		char *name;

		if (rc < 0)
			return error_prefix(err, "%s: ", p->path);
		slot = job_set_find(&p->d.ids, j.id);
		if (!slot || !(*slot & HERE))
			continue;
		name = job_renames_find(&p->d.renames, j.id, j.table);
		rc = dir_job(p, name, &j, e, err);
		free(name);
		return rc ? -1 : 1;
	}
	return 0;
}

static int
dir_unknown(struct package_in *p, struct package_entry *e, struct error *err)
{
	const char *name;
	int rc;

	if (!p->d.manifest) {
		rc = job_list_next(&p->d.list, &name, err);
		if (rc <= 0)
			return rc;
	} else if (p->d.next_extra < p->d.extra_count) {
		name = p->d.extra[p->d.next_extra++];
	} else {
		return 0;
	}
	return dir_job(p, name, NULL, e, err) ? -1 : 1;
}

int
package_dir_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	int rc;

	package_in_end_job(p);
	e->load_id = p->load_id;
	switch (p->d.step) {
	case DIR_BEGIN:
		p->d.step = DIR_FILES;
		*event = PACKAGE_BEGIN;
		return 0;
	case DIR_FILES:
		*event = PACKAGE_FILE;
		rc = dir_file(p, e, err);
		if (rc)
			return rc < 0 ? -1 : 0;
		p->d.step = DIR_JOBS;
		/* fall through */
	case DIR_JOBS:
		*event = PACKAGE_JOB;
		rc = dir_known(p, e, err);
		if (rc)
			return rc < 0 ? -1 : 0;
		p->d.step = DIR_EXTRA;
		/* fall through */
	case DIR_EXTRA:
		*event = PACKAGE_JOB;
		rc = dir_unknown(p, e, err);
		if (rc)
			return rc < 0 ? -1 : 0;
		p->d.step = DIR_DONE;
		*event = PACKAGE_COMPLETE;
		e->checksum = p->d.manifest ? p->checksum : NULL;
		return 0;
	case DIR_DONE:
		break;
	}
	*event = PACKAGE_END_OF_INPUT;
	return 0;
}

long
package_dir_read(struct package_in *p, void *data, size_t len,
    struct error *err)
{
	const char *want = buf_str(&p->job_checksum);
	char hex[CHECKSUM_SIZE] = "";
	long n;

	if (p->d.fd < 0) {
		p->d.fd = open(p->job_path.data, O_RDONLY | O_CLOEXEC);
		if (p->d.fd < 0)
			return error_errno(err, "%s", p->job_path.data);
		zio_tune_fd(p->d.fd);
	}
	n = zin_source_fd(&p->d.fd, data, len, err);
	if (n < 0)
		return err->code == ERR_QUIET
		    ? -1
		    : error_prefix(err, "%s: ", p->job_path.data);
	if (n > 0) {
		checksum_add(p->sum, data, (size_t)n);
		return n;
	}
	if (*want)
		checksum_hex(p->sum, checksum_kind_of(want), hex);
	package_in_end_job(p);
	if (strcmp(hex, want) != 0)
		return unsealed(p, p->name.data,
		    "differs from manifest.json (checksum)", err);
	return 0;
}
