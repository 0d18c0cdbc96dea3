/* SPDX-License-Identifier: MIT */
#include "common/failed.h"

#include "common/mem.h"
#include "common/output.h"
#include "common/package.h"
#include "common/testhook.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REASON_MAX ((size_t)16 << 20)

void
failed_release(struct failed_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct failed_package *p = &l->items[i];

		for (size_t k = 0; k < p->count; k++) {
			free(p->jobs[k].file);
			free(p->jobs[k].table);
			free(p->jobs[k].why);
		}
		free(p->jobs);
		free(p->load_id);
		free(p->path);
	}
	free(l->items);
	*l = (struct failed_list){ 0 };
}

static char *
read_reason(const char *folder, const char *file)
{
	char *path = xasprintf("%s/%s.exception", folder, file), *text = NULL;
	struct error ignored;
	size_t len;

	if (read_file(path, REASON_MAX, &text, &len, &ignored) < 0)
		text = xstrdup("no reason was noted");
	free(path);
	return text;
}

static bool
is_job(const char *file)
{
	size_t len = strlen(file);

	return file[0] != '.' &&
	    (len < 10 || strcmp(file + len - 10, ".exception") != 0);
}

static void
add_job(struct failed_package *p, const char *folder, const char *file,
    bool failed)
{
	struct failed_job *job;

	p->jobs = xgrow(p->jobs, &p->cap, p->count + 1, sizeof(*p->jobs));
	job = &p->jobs[p->count++];
	job->file = xstrdup(file);
	job->table = xstrndup(file, strcspn(file, "."));
	job->why = failed ? read_reason(folder, file) : NULL;
}

/* The jobs of a folder; p NULL: they are only counted. */
static int
read_jobs(const char *path, const char *name, struct failed_package *p,
    size_t *count, struct error *err)
{
	char *folder = xasprintf("%s/%s", path, name);
	DIR *d = opendir(folder);
	struct dirent *e;
	int rc = 0;

	if (!d && errno != ENOENT)
		rc = error_errno(err, "%s", folder);
	while (d && (e = readdir(d))) {
		if (!is_job(e->d_name))
			continue;
		++*count;
		if (p)
			add_job(p, folder, e->d_name,
			    !strcmp(name, "failed_jobs"));
	}
	if (d)
		closedir(d);
	free(folder);
	return rc;
}

static int
compare_jobs(const void *a, const void *b)
{
	return strcmp(((const struct failed_job *)a)->file,
	    ((const struct failed_job *)b)->file);
}

bool
failed_is_aborted(const char *path)
{
	char *marker = xasprintf("%s/package_completed.json", path);
	struct error ignored;
	char *text = NULL;
	size_t len;
	bool yes = read_file(marker, 64, &text, &len, &ignored) == 0 &&
	    !strncmp(text, "aborted", 7);

	free(text);
	free(marker);
	return yes;
}

static int
read_package(const struct workdir *w, const char *name, bool aborted_only,
    struct failed_list *l, struct error *err)
{
	char *path = xasprintf("%s/load/loaded/%s", w->path, name);
	bool aborted = failed_is_aborted(path);
	struct failed_package p = { .aborted = aborted };
	size_t failed = 0, unused = 0;
	int rc = 0;

	if (!aborted && aborted_only) {
		free(path);
		return 0;
	}
	p.load_id = xstrdup(name);
	p.path = path;
	if (read_jobs(path, "failed_jobs", &p, &failed, err) < 0 ||
	    (aborted &&
	        (read_jobs(path, "new_jobs", &p, &unused, err) < 0 ||
	            read_jobs(path, "started_jobs", &p, &unused, err) < 0)) ||
	    read_jobs(path, "completed_jobs", NULL, &p.completed, err) < 0)
		rc = -1;
	if (p.count)
		qsort(p.jobs, p.count, sizeof(*p.jobs), compare_jobs);
	l->items = xgrow(l->items, &l->cap, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = p;
	if (rc == 0 && !aborted && !failed) {
		struct failed_list one = { .items = xmalloc(sizeof(p)),
			.count = 1 };

		one.items[0] = l->items[--l->count];
		failed_release(&one);
	}
	return rc;
}

int
failed_read(const struct workdir *w, bool aborted_only, struct failed_list *l,
    struct error *err)
{
	char **names;
	size_t count;
	int rc = 0;

	*l = (struct failed_list){ 0 };
	if (workdir_list(w, "load/loaded", &names, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = read_package(w, names[i], aborted_only, l, err);
	workdir_free_names(names, count);
	return rc;
}

const struct failed_job *
failed_first(const struct failed_package *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->jobs[i].why)
			return &p->jobs[i];
	return p->count ? &p->jobs[0] : NULL;
}

/* ---- again ---- */

static int
restore_job(const struct failed_package *p, const struct failed_job *job,
    struct error *err)
{
	char *from = xasprintf("%s/failed_jobs/%s", p->path, job->file);
	char *reason = xasprintf("%s.exception", from);
	char *to = xasprintf("%s/new_jobs/%s", p->path, job->file);
	int rc = 0;

	if (rename(from, to) < 0)
		rc = error_errno(err, "%s", from);
	else if (unlink(reason) < 0 && errno != ENOENT)
		rc = error_errno(err, "%s", reason);
	free(from);
	free(reason);
	free(to);
	return rc;
}

static int
restore_jobs(const struct failed_package *p, const char *marker,
    struct error *err)
{
	char *dir = xasprintf("%s/new_jobs", p->path);
	int rc = make_dirs(dir, err);

	/* From here on it is one that was given up, whatever happens. */
	if (!rc && !p->aborted)
		rc = output_file(marker, "aborted", 7, err);
	for (size_t i = 0; i < p->count && !rc; i++)
		if (p->jobs[i].why)
			rc = restore_job(p, &p->jobs[i], err);
	free(dir);
	return rc;
}

int
failed_retry(struct workdir *w, struct failed_package *p, struct error *err)
{
	char *marker = xasprintf("%s/package_completed.json", p->path);
	char *to = workdir_package_dir(w, STAGE_NORMALIZE, p->load_id);
	int rc = restore_jobs(p, marker, err);

	TEST_HOOK("failed_restored");
	if (!rc && access(to, F_OK) == 0)
		rc = error_set(err, ERR_DATA, "%s: is there already", to);
	if (!rc)
		rc = workdir_commit(w, STAGE_NORMALIZE, p->path, p->load_id,
		    err);
	if (!rc) {
		TEST_HOOK("failed_moved");
		free(marker);
		marker = xasprintf("%s/package_completed.json", to);
		if (unlink(marker) < 0 && errno != ENOENT)
			rc = error_errno(err, "%s", marker);
	}
	free(marker);
	free(to);
	return rc;
}

int
failed_drop(struct failed_package *p, struct error *err)
{
	return remove_tree(p->path, err);
}
