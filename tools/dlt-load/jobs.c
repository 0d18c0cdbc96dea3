/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/jobs.h"

#include "common/hash.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/testhook.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_MAX ((size_t)256 << 20)

static const char *const folders[] = {
	[JOBS_NEW] = "new_jobs",
	[JOBS_STARTED] = "started_jobs",
	[JOBS_COMPLETED] = "completed_jobs",
	[JOBS_FAILED] = "failed_jobs",
};

void
jobs_release(struct jobs *j)
{
	for (size_t i = 0; i < j->count; i++) {
		free(j->items[i].file);
		free(j->items[i].id);
		job_name_release(&j->items[i].name);
	}
	free(j->items);
	free(j->path);
	*j = (struct jobs){ 0 };
}

static char *
path_in(const struct jobs *j, enum job_folder folder, const char *file)
{
	return xasprintf("%s/%s/%s", j->path, folders[folder], file);
}

char *
job_path(const struct jobs *j, const struct job *job)
{
	return path_in(j, job->folder, job->file);
}

static char *
marker_path(const struct jobs *j, const char *file)
{
	return xasprintf("%s/.pending_transitions/%s", j->path, file);
}

/* Python dlt notes how a job ended before it moves it; with "failed" the job
 * is tried again here. */
static bool
has_marker(const struct jobs *j, const char *file)
{
	char *path = marker_path(j, file), *data = NULL;
	size_t len;
	struct error ignored;
	bool yes = read_file(path, 1 << 20, &data, &len, &ignored) == 0 &&
	    strstr(data, "\"completed\"");

	free(data);
	free(path);
	return yes;
}

static int
add_file(struct jobs *j, enum job_folder folder, const char *file,
    struct error *err)
{
	struct job_name name;
	struct job *job;
	size_t len = strlen(file);

	if (file[0] == '.' ||
	    (len > 10 && !strcmp(file + len - 10, ".exception")))
		return 0;
	if (job_name_parse(file, &name, err) < 0)
		return error_prefix(err, "%s/", folders[folder]);
	j->items = xgrow(j->items, &j->cap, j->count + 1, sizeof(*j->items));
	job = &j->items[j->count++];
	*job = (struct job){ .folder = folder,
		.file = xstrdup(file),
		.name = name,
		.id = job_id_format(&name) };
	job->finished = folder == JOBS_STARTED && has_marker(j, file);
	return 0;
}

static int
read_folder(struct jobs *j, enum job_folder folder, struct error *err)
{
	char *path = path_in(j, folder, "");
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (!d && errno != ENOENT)
		rc = error_errno(err, "%s", path);
	while (d && rc == 0 && (e = readdir(d)))
		rc = add_file(j, folder, e->d_name, err);
	if (d)
		closedir(d);
	free(path);
	return rc;
}

static int
compare_jobs(const void *a, const void *b)
{
	return strcmp(((const struct job *)a)->id, ((const struct job *)b)->id);
}

static int
check_twice(const struct jobs *j, struct error *err)
{
	for (size_t i = 1; i < j->count; i++)
		if (!strcmp(j->items[i - 1].id, j->items[i].id))
			return error_set(err, ERR_DATA,
			    "job %s is there twice: %s/%s and %s/%s",
			    j->items[i].id, folders[j->items[i - 1].folder],
			    j->items[i - 1].file, folders[j->items[i].folder],
			    j->items[i].file);
	return 0;
}

/* What Python dlt adds to a package that it begins to load. */
static bool
is_followup(const struct job *job)
{
	return !strcmp(job->name.format, "sql") ||
	    !strcmp(job->name.format, "reference");
}

static int
take_manifest(struct jobs *j, const struct json *root, struct error *err)
{
	const struct json *list = json_get(root, "jobs");

	if (!strcmp(json_get_str(root, "kind", ""), "extracted"))
		return error_set(err, ERR_DATA,
		    "the package has not been normalized; use dlt-normalize "
		    "first");
	if (!list || list->kind != JSON_ARRAY)
		return error_set(err, ERR_DATA, "manifest.json has no jobs");
	for (const struct json *m = list->child; m; m = m->next) {
		const char *id = json_get_str(m, "id", "");
		const char *sum = json_get_str(m, "sha256", "");
		struct job key = { .id = xstrdup(id) }, *job = NULL;

		if (j->count)
			job = bsearch(&key, j->items, j->count, sizeof(key),
			    compare_jobs);
		free(key.id);
		if (!job)
			return error_set(err, ERR_DATA,
			    "job %s of the manifest is missing", id);
		snprintf(job->sha256, sizeof(job->sha256), "%s", sum);
	}
	for (size_t i = 0; i < j->count; i++)
		if (!*j->items[i].sha256 && !is_followup(&j->items[i]))
			return error_set(err, ERR_DATA,
			    "job %s is not in the manifest; if it was added on "
			    "purpose: dlt-package seal",
			    j->items[i].id);
	return 0;
}

/* Damage of the schema would add columns of wrong names or types. */
static int
check_schema(struct jobs *j, const struct json *root, struct error *err)
{
	const char *want = json_get_str(json_get(root, "schema"), "sha256",
	    NULL);
	char *path = xasprintf("%s/schema.json", j->path), *text = NULL;
	struct hash *h = hash_sha256_new();
	char sum[65];
	size_t len = 0;
	int rc = read_file(path, SCHEMA_MAX, &text, &len, err);

	if (!rc)
		hash_update(h, text, len);
	hash_final_hex(h, sum);
	if (!rc && want && strcmp(want, sum) != 0)
		rc = error_set(err, ERR_DATA,
		    "schema.json: is not what the manifest says; if it was "
		    "changed on purpose: dlt-package seal");
	free(text);
	free(path);
	return rc;
}

static int
read_manifest(struct jobs *j, struct error *err)
{
	char *path = xasprintf("%s/manifest.json", j->path), *text = NULL;
	struct json_doc doc = { 0 };
	int rc = 0;

	if (access(path, F_OK) == 0) {
		rc = json_read_file(&doc, path, &text, err);
		if (rc == 0)
			rc = take_manifest(j, doc.root, err);
		if (rc == 0)
			rc = check_schema(j, doc.root, err);
	}
	json_release(&doc);
	free(text);
	free(path);
	return rc;
}

int
jobs_read(struct jobs *j, const char *path, struct error *err)
{
	*j = (struct jobs){ .path = xstrdup(path) };
	for (int f = 0; f < JOBS_FOLDERS; f++)
		if (read_folder(j, f, err) < 0)
			return -1;
	if (j->count)
		qsort(j->items, j->count, sizeof(*j->items), compare_jobs);
	if (check_twice(j, err) < 0)
		return -1;
	return read_manifest(j, err);
}

int
job_move(struct jobs *j, struct job *job, enum job_folder to, bool retry,
    struct error *err)
{
	char *from = job_path(j, job), *dir = path_in(j, to, ""), *path;
	int rc = 0;

	if (retry) {
		job->name.retry++;
		free(job->file);
		job->file = job_name_format(&job->name);
	}
	path = path_in(j, to, job->file);
	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		rc = error_errno(err, "%s", dir);
	else if (rename(from, path) < 0)
		rc = error_errno(err, "%s", from);
	else
		job->folder = to;
	free(from);
	free(dir);
	free(path);
	return rc;
}

static int
write_marker(struct jobs *j, const char *file, bool *written, struct error *err)
{
	static const char text[] =
	    "{\"state\":\"completed\",\"failed_message\":null}";
	char *dir = marker_path(j, ""), *path = marker_path(j, file);
	FILE *f;
	int rc = 0;

	*written = false;
	if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
		rc = error_errno(err, "%s", dir);
	} else if (!(f = fopen(path, "we"))) {
		rc = error_errno(err, "%s", path);
	} else {
		*written = true;
		fputs(text, f);
		if (fclose(f))
			rc = error_errno(err, "%s", path);
	}
	free(dir);
	free(path);
	return rc;
}

int
job_complete(struct jobs *j, struct job *job, struct error *err)
{
	char *marker = marker_path(j, job->file);
	bool written;
	int rc = -1;

	if (job->folder == JOBS_COMPLETED) {
		rc = 0;
	} else if (write_marker(j, job->file, &written, err) == 0) {
		TEST_HOOK("load_marker");
		rc = job_move(j, job, JOBS_COMPLETED, false, err);
		unlink(marker);
	}
	free(marker);
	return rc;
}

int
job_fail(struct jobs *j, struct job *job, const char *why, struct error *err)
{
	char *name = xasprintf("%s.exception", job->file);
	char *dir = path_in(j, JOBS_FAILED, "");
	char *path = path_in(j, JOBS_FAILED, name);
	int rc = 0;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		rc = error_errno(err, "%s", dir);
	else
		rc = output_file(path, why, strlen(why), err);
	if (rc == 0)
		rc = job_move(j, job, JOBS_FAILED, false, err);
	free(name);
	free(dir);
	free(path);
	return rc;
}

long
job_read_fd(void *fd, void *data, size_t len, struct error *err)
{
	ssize_t n;

	do {
		n = read(*(int *)fd, data, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(err, "read") : (long)n;
}
