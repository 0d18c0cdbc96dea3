/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/jobs.h"

#include "common/hash.h"
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
	for (size_t i = 0; i < j->count; i++)
		if (j->items[i].renamed)
			free(j->items[i].file);
	free(j->items);
	free(j->words);
	arena_release(&j->strings);
	free(j->path);
	*j = (struct jobs){ 0 };
}

/* ---- strings ---- */

static size_t
word_slot(const struct jobs *j, const char *word)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (const char *p = word; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	for (i = h & (j->word_cap - 1); j->words[i];
	     i = (i + 1) & (j->word_cap - 1))
		if (!strcmp(j->words[i], word))
			break;
	return i;
}

static void
grow_words(struct jobs *j)
{
	char **old = j->words;
	size_t cap = j->word_cap;

	j->word_cap = cap ? cap * 2 : 64;
	j->words = xcalloc(j->word_cap, sizeof(*j->words));
	for (size_t i = 0; i < cap; i++)
		if (old[i])
			j->words[word_slot(j, old[i])] = old[i];
	free(old);
}

/* The one copy of a word. */
static char *
intern(struct jobs *j, const char *word)
{
	size_t i;

	if (2 * (j->word_count + 1) > j->word_cap)
		grow_words(j);
	i = word_slot(j, word);
	if (!j->words[i]) {
		j->words[i] = arena_strdup(&j->strings, word);
		j->word_count++;
	}
	return j->words[i];
}

/* file, id and the name's strings, out of what the parser gave. */
static void
keep_strings(struct jobs *j, struct job *job, const char *file,
    struct job_name *parsed)
{
	char *id = job_id_format(parsed);
	size_t nid = strlen(id) + 1, nfile = strlen(file) + 1;
	size_t nfile_id = strlen(parsed->file_id) + 1;
	char *p = arena_alloc(&j->strings, nid + nfile + nfile_id);

	job->name = *parsed;
	job->name.table = intern(j, parsed->table);
	job->name.format = intern(j, parsed->format);
	job->id = memcpy(p, id, nid);
	job->file = memcpy(p + nid, file, nfile);
	job->name.file_id = memcpy(p + nid + nfile, parsed->file_id, nfile_id);
	free(id);
	job_name_release(parsed);
}

/* ---- folders ---- */

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
	*job = (struct job){ .folder = folder };
	keep_strings(j, job, file, &name);
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

/* Damage of the schema would add columns of wrong names or types. */
static int
check_schema(struct jobs *j, const char *want, struct error *err)
{
	char *path = xasprintf("%s/schema.json", j->path), *text = NULL;
	struct hash *h = hash_sha256_new();
	char sum[65];
	size_t len = 0;
	int rc = read_file(path, SCHEMA_MAX, &text, &len, err);

	if (!rc)
		hash_update(h, text, len);
	hash_final_hex(h, sum);
	if (!rc && strcmp(want, sum) != 0)
		rc = error_set(err, ERR_DATA,
		    "schema.json: is not what the manifest says; if it was "
		    "changed on purpose: dlt-package seal");
	free(text);
	free(path);
	return rc;
}

static int
check_head(struct jobs *j, struct manifest_in *m, struct error *err)
{
	const struct manifest_head *head = manifest_in_head(m, err);

	if (!head)
		return -1;
	if (!strcmp(head->kind, "extracted"))
		return error_set(err, ERR_DATA,
		    "the package has not been normalized; use dlt-normalize "
		    "first");
	return check_schema(j, head->schema_sha256, err);
}

static int
compare_id(const void *id, const void *job)
{
	return strcmp(id, ((const struct job *)job)->id);
}

static int
take_sums(struct jobs *j, struct manifest_in *in, struct error *err)
{
	struct manifest_job m;
	int rc;

	while ((rc = manifest_in_next(in, &m, err)) > 0) {
		struct job *job = j->count ? bsearch(m.id, j->items, j->count,
		                                 sizeof(*job), compare_id)
		                           : NULL;

		if (!job)
			return error_set(err, ERR_DATA,
			    "job %s of the manifest is missing", m.id);
		if (*job->sha256)
			return error_set(err, ERR_DATA,
			    "manifest.json: %s is listed twice", m.id);
		memcpy(job->sha256, m.sha256, sizeof(job->sha256));
	}
	for (size_t i = 0; i < j->count && rc == 0; i++)
		if (!*j->items[i].sha256 && !is_followup(&j->items[i]))
			rc = error_set(err, ERR_DATA,
			    "job %s is not in the manifest; if it was added on "
			    "purpose: dlt-package seal",
			    j->items[i].id);
	return rc;
}

/* Twice: what stands around the jobs need not stand before them. */
static int
read_manifest(struct jobs *j, struct error *err)
{
	int rc = 0;

	for (int pass = 0; pass < 2 && rc == 0; pass++) {
		bool missing;
		struct manifest_in *m = manifest_in_open(j->path, &missing,
		    err);

		if (!m)
			return missing ? 0 : -1;
		rc = pass ? take_sums(j, m, err) : check_head(j, m, err);
		manifest_in_free(m);
	}
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
		if (job->renamed)
			free(job->file);
		job->file = job_name_format(&job->name);
		job->renamed = true;
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
