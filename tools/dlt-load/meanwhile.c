/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/meanwhile.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/testhook.h"

void
meanwhile_begin(struct dir_load *d)
{
	struct stat st;

	if (stat(d->path, &st) == 0) {
		d->dev = st.st_dev;
		d->ino = st.st_ino;
	}
}

static bool
is_there(const struct dir_load *d)
{
	struct stat st;

	return stat(d->path, &st) == 0 && st.st_dev == d->dev &&
	    st.st_ino == d->ino;
}

/* 0, or -1 when the file is not where we know it. */
static int
check_job(const struct dir_load *d, size_t i, enum err_code code,
    struct error *err)
{
	const struct job *job = &d->jobs.items[i];
	char *path = job_path(&d->jobs, job);
	int rc = 0;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		rc = error_set(err, code,
		    "another process has taken %s away, and may have loaded it",
		    path + strlen(d->path) + 1);
	free(path);
	return rc;
}

static bool
is_chain(const struct dir_load *d, size_t i)
{
	return d->how[i] == LOAD_EMPTIED || d->how[i] == LOAD_STAGED;
}

/* chain: of job `first`; else jobs that stand alone. */
static int
check_jobs(const struct dir_load *d, size_t first, size_t end, bool chain,
    struct error *err)
{
	if (!d->pipeline)
		return 0;
	TEST_RUN("load.commit");
	if (!is_there(d))
		return error_set(err, ERR_IO, "the package has gone");
	for (size_t k = first; k < end; k++)
		if (!d->done[k] && !unit_is_followup(d, k) &&
		    (chain ? unit_has(d, first, k) : !is_chain(d, k)) &&
		    check_job(d, k, ERR_IO, err) < 0)
			return -1;
	return 0;
}

int
meanwhile_check_unit(const struct dir_load *d, size_t i, struct error *err)
{
	bool chain = is_chain(d, i);

	return check_jobs(d, i, chain ? d->jobs.count : i + 1, chain, err);
}

int
meanwhile_check_batch(const struct dir_load *d, size_t first, size_t end,
    struct error *err)
{
	return check_jobs(d, first, end, false, err);
}

int
meanwhile_late(const struct dir_load *d, size_t i, struct error *err)
{
	struct error gone;

	if (check_job(d, i, ERR_TEMP, &gone) < 0)
		error_set(err, ERR_TEMP,
		    "%s; it has been loaded here, too: look for rows that are "
		    "there twice",
		    gone.msg);
	return -1;
}

static int
check_folder(const struct dir_load *d, const char *folder, struct error *err)
{
	char *path = xasprintf("%s/%s", d->path, folder);
	DIR *dir = opendir(path);
	struct dirent *e;
	int rc = 0;

	while (dir && rc == 0 && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			rc = error_set(err, ERR_TEMP,
			    "another process has added %s/%s", folder,
			    e->d_name);
	if (dir)
		closedir(dir);
	free(path);
	return rc;
}

int
meanwhile_check_end(const struct dir_load *d, struct error *err)
{
	if (!d->pipeline)
		return 0;
	TEST_RUN("load.finish");
	if (!is_there(d))
		return error_set(err, ERR_TEMP,
		    "another process has taken the package away");
	return check_folder(d, "new_jobs", err) < 0
	    ? -1
	    : check_folder(d, "started_jobs", err);
}

void
meanwhile_blame(const struct dir_load *d, struct error *err)
{
	if (!d->pipeline || !d->ino || d->put_away || err->code == ERR_QUIET ||
	    err->code == ERR_TEMP)
		return;
	if (!is_there(d)) {
		error_set(err, ERR_TEMP,
		    "another process has taken the package away");
		return;
	}
	for (size_t i = 0; i < d->jobs.count; i++)
		if (d->jobs.items[i].folder != JOBS_FAILED &&
		    check_job(d, i, ERR_TEMP, err) < 0)
			return;
}
