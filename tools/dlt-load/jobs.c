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
	free(j->items);
	free(j->words);
	free(j->slots);
	arena_release(&j->strings);
	free(j->path);
	*j = (struct jobs){ 0 };
}

/* ---- words ---- */

/* Where a word stands, or the slot that it would take. */
static size_t
word_slot(const struct jobs *j, const char *word)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (const char *p = word; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	for (i = h & (j->slot_cap - 1); j->slots[i];
	     i = (i + 1) & (j->slot_cap - 1))
		if (!strcmp(j->words[j->slots[i] - 1], word))
			break;
	return i;
}

static void
grow_slots(struct jobs *j)
{
	j->slot_cap = j->slot_cap ? j->slot_cap * 2 : 64;
	free(j->slots);
	j->slots = xcalloc(j->slot_cap, sizeof(*j->slots));
	for (size_t i = 0; i < j->word_count; i++)
		j->slots[word_slot(j, j->words[i])] = (uint32_t)i + 1;
}

/* The number of a word. */
static uint32_t
intern(struct jobs *j, const char *word)
{
	size_t i;

	if (2 * (j->word_count + 1) > j->slot_cap)
		grow_slots(j);
	i = word_slot(j, word);
	if (!j->slots[i]) {
		j->words = xgrow(j->words, &j->word_cap, j->word_count + 1,
		    sizeof(*j->words));
		j->words[j->word_count++] = arena_strdup(&j->strings, word);
		j->slots[i] = (uint32_t)j->word_count;
	}
	return j->slots[i] - 1;
}

/* ---- names ---- */

const char *
job_table(const struct jobs *j, const struct job *job)
{
	return j->words[job->table];
}

const char *
job_format(const struct jobs *j, const struct job *job)
{
	return j->words[job->format];
}

/* The name without its strings being copied. */
static char *
with_name(const struct jobs *j, const struct job *job,
    char *(*format)(const struct job_name *n))
{
	char digits[17];
	struct job_name name = { .table = j->words[job->table],
		.file_id = digits,
		.retry = job->retry,
		.format = j->words[job->format],
		.codec = job->codec };

	snprintf(digits, sizeof(digits), "%010llx",
	    (unsigned long long)job->file_id);
	if (job->odd)
		name.file_id = (char *)(uintptr_t)job->file_id;
	return format(&name);
}

char *
job_id(const struct jobs *j, const struct job *job)
{
	return with_name(j, job, job_id_format);
}

char *
job_file(const struct jobs *j, const struct job *job)
{
	return with_name(j, job, job_name_format);
}

void
job_checksum(const struct job *job, char out[CHECKSUM_SIZE])
{
	size_t size = sizeof(job->checksum) / (job->sha256 ? 1 : 2);

	*out = '\0';
	for (size_t i = 0; job->listed && i < size; i++)
		sprintf(out + 2 * i, "%02x", job->checksum[i]);
}

static bool
is_plain_id(const char *id)
{
	return strlen(id) == 10 && strspn(id, "0123456789abcdef") == 10;
}

/* What the parser gave, without the folder; frees its strings. */
static struct job
keep_name(struct jobs *j, struct job_name *n)
{
	struct job job = { .table = intern(j, n->table),
		.format = intern(j, n->format),
		.retry = n->retry,
		.codec = (uint8_t)n->codec,
		.odd = !is_plain_id(n->file_id) };

	job.file_id = job.odd ? (uintptr_t)arena_strdup(&j->strings, n->file_id)
	                      : strtoull(n->file_id, NULL, 16);
	job_name_release(n);
	return job;
}

/* Parts of an id, which ends or goes on with a dot. */
static int
compare_parts(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)(*a ? *a : '.') - (unsigned char)(*b ? *b : '.');
}

static int
compare_file_ids(const struct job *x, const struct job *y)
{
	char one[17], other[17];

	if (!x->odd && !y->odd)
		return x->file_id < y->file_id ? -1 : x->file_id > y->file_id;
	snprintf(one, sizeof(one), "%010llx", (unsigned long long)x->file_id);
	snprintf(other, sizeof(other), "%010llx",
	    (unsigned long long)y->file_id);
	return compare_parts(x->odd ? (const char *)(uintptr_t)x->file_id : one,
	    y->odd ? (const char *)(uintptr_t)y->file_id : other);
}

/* As the bytes of the ids. */
static int
compare_jobs(const void *a, const void *b, void *jobs)
{
	const struct job *x = a, *y = b;
	const struct jobs *j = jobs;
	int d = 0;

	if (x->table != y->table)
		d = compare_parts(j->words[x->table], j->words[y->table]);
	if (d == 0)
		d = compare_file_ids(x, y);
	if (d == 0 && x->format != y->format)
		d = compare_parts(j->words[x->format], j->words[y->format]);
	return d ? d : x->codec - y->codec;
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
	char *file = job_file(j, job), *path = path_in(j, job->folder, file);

	free(file);
	return path;
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
	*job = keep_name(j, &name);
	job->folder = (uint8_t)folder;
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
check_twice(const struct jobs *j, struct error *err)
{
	for (size_t i = 1; i < j->count; i++) {
		const struct job *job = &j->items[i];
		char *id, *first, *second;

		if (compare_jobs(job - 1, job, (void *)(uintptr_t)j))
			continue;
		id = job_id(j, job);
		first = job_path(j, job - 1);
		second = job_path(j, job);
		error_set(err, ERR_DATA, "job %s is there twice: %s and %s", id,
		    first + strlen(j->path) + 1, second + strlen(j->path) + 1);
		free(id);
		free(first);
		free(second);
		return -1;
	}
	return 0;
}

/* What Python dlt adds to a package that it begins to load. */
static bool
is_followup(const struct jobs *j, const struct job *job)
{
	return !strcmp(job_format(j, job), "sql") ||
	    !strcmp(job_format(j, job), "reference");
}

/* Damage of the schema would add columns of wrong names or types. */
static int
check_schema(struct jobs *j, const char *want, struct error *err)
{
	char *path = xasprintf("%s/schema.json", j->path), *text = NULL;
	char sum[CHECKSUM_SIZE] = "";
	size_t len = 0;
	int rc = read_file(path, SCHEMA_MAX, &text, &len, err);

	if (!rc)
		checksum_of(checksum_kind_of(want), text, len, sum);
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
	return check_schema(j, head->schema_checksum, err);
}

/* The job of an id of the manifest, or NULL. */
static struct job *
find_job(struct jobs *j, const char *id)
{
	char *file = xstrdup(id), *dot = strchr(file, '.');
	struct job_name name;
	struct error ignored;
	struct job key, *found = NULL;
	size_t low = 0, high = j->count;

	/* an id is a file's name without its retry part */
	dot = dot ? strchr(dot + 1, '.') : NULL;
	if (dot) {
		char *full = xasprintf("%.*s.0%s", (int)(dot - file), file,
		    dot);

		if (job_name_parse(full, &name, &ignored) == 0) {
			key = keep_name(j, &name);
			while (low < high && !found) {
				size_t mid = low + (high - low) / 2;
				int d = compare_jobs(&key, &j->items[mid], j);

				if (d == 0)
					found = &j->items[mid];
				else if (d < 0)
					high = mid;
				else
					low = mid + 1;
			}
		}
		free(full);
	}
	free(file);
	return found;
}

static int
take_sums(struct jobs *j, struct manifest_in *in, struct error *err)
{
	struct manifest_job m;
	char *id;
	int rc;

	while ((rc = manifest_in_next(in, &m, err)) > 0) {
		struct job *job = find_job(j, m.id);

		if (!job)
			return error_set(err, ERR_DATA,
			    "job %s of the manifest is missing", m.id);
		if (job->listed)
			return error_set(err, ERR_DATA,
			    "manifest.json: %s is listed twice", m.id);
		job->listed = true;
		job->sha256 = checksum_kind_of(m.checksum) == CHECKSUM_SHA256;
		for (size_t i = 0; m.checksum[2 * i]; i++) {
			const char hex[] = { m.checksum[2 * i],
				m.checksum[2 * i + 1], '\0' };

			job->checksum[i] = (unsigned char)strtoul(hex, NULL,
			    16);
		}
	}
	for (size_t i = 0; i < j->count && rc == 0; i++) {
		if (j->items[i].listed || is_followup(j, &j->items[i]))
			continue;
		id = job_id(j, &j->items[i]);
		rc = error_set(err, ERR_DATA,
		    "job %s is not in the manifest; if it was added on "
		    "purpose: dlt-package seal",
		    id);
		free(id);
	}
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
		qsort_r(j->items, j->count, sizeof(*j->items), compare_jobs, j);
	if (check_twice(j, err) < 0)
		return -1;
	return read_manifest(j, err);
}

int
job_move(struct jobs *j, struct job *job, enum job_folder to, bool retry,
    struct error *err)
{
	char *from = job_path(j, job), *dir = path_in(j, to, ""), *file, *path;
	int rc = 0;

	job->retry += retry;
	file = job_file(j, job);
	path = path_in(j, to, file);
	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		rc = error_errno(err, "%s", dir);
	else if (rename(from, path) < 0)
		rc = error_errno(err, "%s", from);
	else
		job->folder = (uint8_t)to;
	free(from);
	free(file);
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
	char *file = job_file(j, job), *marker = marker_path(j, file);
	bool written;
	int rc = -1;

	if (job->folder == JOBS_COMPLETED) {
		rc = 0;
	} else if (write_marker(j, file, &written, err) == 0) {
		TEST_HOOK("load_marker");
		rc = job_move(j, job, JOBS_COMPLETED, false, err);
		TEST_HOOK("load_moved");
		unlink(marker);
	}
	free(file);
	free(marker);
	return rc;
}

void
jobs_drop_markers(const struct jobs *j)
{
	char *dir = marker_path(j, "");
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	free(dir);
}

int
job_fail(struct jobs *j, struct job *job, const char *why, struct error *err)
{
	char *file = job_file(j, job);
	char *name = xasprintf("%s.exception", file);
	char *dir = path_in(j, JOBS_FAILED, "");
	char *path = path_in(j, JOBS_FAILED, name);
	int rc = 0;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		rc = error_errno(err, "%s", dir);
	else
		rc = output_file(path, why, strlen(why), err);
	if (rc == 0)
		rc = job_move(j, job, JOBS_FAILED, false, err);
	free(file);
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
