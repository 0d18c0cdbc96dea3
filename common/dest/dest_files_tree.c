/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_files_private.h"

#include "common/mem.h"
#include "common/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

typedef int (*visit)(const char *path, void *arg, struct error *err);

static int
walk(const char *dir, visit f, void *arg, int depth, struct error *err);

static int
walk_entry(const char *dir, const char *name, visit f, void *arg, int depth,
    struct error *err)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct stat st;
	int rc = 0;

	if (lstat(path, &st) == 0) /* else gone since */
		rc = S_ISDIR(st.st_mode) ? walk(path, f, arg, depth + 1, err)
		                         : f(path, arg, err);
	free(path);
	return rc;
}

static int
walk(const char *dir, visit f, void *arg, int depth, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return error_errno(err, "%s", dir);
	if (depth > DEPTH_MAX)
		rc = error_set(err, ERR_IO, "%s: folders are nested too deep",
		    dir);
	while (rc == 0 && (errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = walk_entry(dir, e->d_name, f, arg, depth, err);
	if (rc == 0 && errno)
		rc = error_errno(err, "%s", dir);
	closedir(d);
	return rc;
}

int
files_walk(const char *dir, visit f, void *arg, struct error *err)
{
	return walk(dir, f, arg, 0, err);
}

/* ---- NAME__TIME__HASH.jsonl ---- */

struct naming_walk {
	int (*f)(const struct files_name *n, void *arg, struct error *err);
	void *arg;
};

/* The last "__" of the text, or NULL. */
static char *
last_separator(char *text)
{
	char *found = NULL;

	for (char *p = text; (p = strstr(p, "__")); p++)
		found = p;
	return found;
}

static int
split_name(const char *path, void *arg, struct error *err)
{
	const struct naming_walk *w = arg;
	struct files_name n = { .path = path };
	const char *slash = strrchr(path, '/');
	char *dot, *time, *hash;
	int rc = 0;

	n.name = xstrdup(slash ? slash + 1 : path);
	dot = strrchr(n.name, '.');
	if (dot)
		*dot = '\0';
	hash = last_separator(n.name);
	if (hash)
		*hash = '\0';
	time = hash ? last_separator(n.name) : NULL;
	if (time) {
		*time = '\0';
		n.time = time + 2;
		n.hash = hash + 2;
		rc = w->f(&n, w->arg, err);
	}
	free(n.name);
	return rc;
}

int
files_each_name(const char *dir,
    int (*f)(const struct files_name *n, void *arg, struct error *err),
    void *arg, struct error *err)
{
	struct naming_walk w = { f, arg };

	return files_walk(dir, split_name, &w, err);
}

/* ---- left-overs ---- */

static void
sweep_one(const char *path)
{
	struct error ignored;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Who still writes there holds the lock. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		remove_tree(path, &ignored);
	close(fd);
}

void
files_sweep(const char *root)
{
	char *dir = xasprintf("%s/_dlt_tmp", root);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char *path = xasprintf("%s/%s", dir, e->d_name);

		if (*e->d_name != '.')
			sweep_one(path);
		free(path);
	}
	if (d)
		closedir(d);
	rmdir(dir); /* when it is empty */
	free(dir);
}
