/* SPDX-License-Identifier: MIT */
#include "tools/dlt-package/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

struct search {
	struct workdir *workdir;
	double older;
	time_t now;
	leftover_visit visit;
	void *arg;
};

/* nftw() takes no argument of its own. */
static _Thread_local struct tree_size seen;

static int
add_size(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (flag == FTW_F)
		seen.bytes += (uint64_t)st->st_size;
	if (flag != FTW_NS && st->st_mtime > seen.newest)
		seen.newest = st->st_mtime;
	return 0;
}

struct tree_size
tree_size(const char *path)
{
	seen = (struct tree_size){ 0 };
	nftw(path, add_size, 16, FTW_PHYS);
	return seen;
}

/* The names that temporary files, and the folders of extracts, get. */
static bool
is_hex_name(const char *name)
{
	return strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;
}

static bool
is_temporary_file(const char *name, const struct stat *st)
{
	return S_ISREG(st->st_mode) && is_hex_name(name);
}

/* Killed before it could lock it. What is in one without a lock is Python's. */
static bool
is_empty_folder(const char *name, const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_nlink <= 2 && is_hex_name(name);
}

static bool
is_folder(const char *name, const struct stat *st)
{
	return S_ISDIR(st->st_mode) && *name != '.';
}

typedef bool (*leftover_kind)(const char *name, const struct stat *st);

static bool
is_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = d != NULL;

	while (d && empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0;
	if (d)
		closedir(d);
	return empty;
}

static int
look_at(const struct search *s, leftover_kind kind, const char *folder,
    const char *file, struct error *err)
{
	char *name = *folder ? xasprintf("%s/%s", folder, file) : xstrdup(file);
	char *path = xasprintf("%s/%s", s->workdir->path, name);
	struct tree_size size;
	struct stat st;
	int rc = 0;

	if (lstat(path, &st) == 0 && kind(file, &st) &&
	    (kind != is_empty_folder || is_empty(path))) {
		size = tree_size(path);
		if (difftime(s->now, size.newest) >= s->older)
			rc = s->visit(s->arg, name, path, size.bytes, err);
	}
	free(path);
	free(name);
	return rc;
}

static int
search_folder(const struct search *s, leftover_kind kind, const char *folder,
    struct error *err)
{
	char *path = xasprintf("%s/%s", s->workdir->path, folder);
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (!d && errno != ENOENT)
		rc = error_errno(err, "%s", path);
	while (d && rc == 0 && (e = readdir(d)))
		rc = look_at(s, kind, folder, e->d_name, err);
	if (d)
		closedir(d);
	free(path);
	return rc;
}

int
leftovers_find(struct workdir *w, double older, leftover_visit visit, void *arg,
    struct error *err)
{
	struct search s = { w, older < LEFTOVER_AGE ? LEFTOVER_AGE : older,
		time(NULL), visit, arg };
	struct error busy = { 0 };
	int rc = 0;

	/* a normalize at work makes packages there */
	if (workdir_lock(w, STAGE_NORMALIZE, 0, &busy) == 0) {
		rc = search_folder(&s, is_folder, "load/new", err);
		workdir_unlock(w, STAGE_NORMALIZE);
	} else if (busy.code != ERR_TEMP) {
		*err = busy;
		return -1;
	}
	return rc || search_folder(&s, is_empty_folder, "normalize", err) ||
	        search_folder(&s, is_temporary_file, "", err) ||
	        search_folder(&s, is_temporary_file, "schemas", err)
	    ? -1
	    : 0;
}
