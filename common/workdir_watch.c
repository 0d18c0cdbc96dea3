/* SPDX-License-Identifier: MIT */
/* Whether a package is still what it was: Python dlt takes no locks. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/workdir.h"

static int
by_bytes(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* What a file that is replaced or written anew changes. */
static void
add_entry(struct hash *h, const char *path, const char *name)
{
	struct stat sb;
	char *file = *name ? xasprintf("%s/%s", path, name) : xstrdup(path);
	char *line;

	if (lstat(file, &sb) != 0)
		memset(&sb, 0, sizeof(sb));
	/* The time of a directory says only what its entries say. */
	if (S_ISDIR(sb.st_mode))
		sb.st_size = 0, sb.st_mtim = (struct timespec){ 0, 0 };
	line = xasprintf("%s %llu %lld %lld.%09ld\n", name,
	    (unsigned long long)sb.st_ino, (long long)sb.st_size,
	    (long long)sb.st_mtim.tv_sec, sb.st_mtim.tv_nsec);
	hash_update(h, line, strlen(line));
	free(line);
	free(file);
}

static int
add_folder(struct hash *h, const char *path, struct error *err)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char **names = NULL;
	size_t count = 0, cap = 0;

	if (!d)
		return error_errno(err, "%s", path);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		names = xgrow(names, &cap, count + 1, sizeof(*names));
		names[count++] = xstrdup(e->d_name);
	}
	closedir(d);
	if (count)
		qsort(names, count, sizeof(*names), by_bytes);
	add_entry(h, path, "");
	for (size_t i = 0; i < count; i++)
		add_entry(h, path, names[i]);
	workdir_free_names(names, count);
	return 0;
}

int
workdir_watch(const char *package, char mark[64], struct error *err)
{
	char *jobs = xasprintf("%s/new_jobs", package);
	struct hash *h = hash_sha3_256_new();
	int rc = add_folder(h, package, err);

	if (!rc && access(jobs, F_OK) == 0)
		rc = add_folder(h, jobs, err);
	hash_final_base64(h, mark);
	free(jobs);
	return rc;
}

int
workdir_unchanged(const char *package, const char *mark, struct error *err)
{
	struct error gone;
	char now[64];

	if (workdir_watch(package, now, &gone))
		return error_set(err, ERR_TEMP,
		    "%s: another process has taken the package away", package);
	if (strcmp(now, mark) != 0)
		return error_set(err, ERR_TEMP,
		    "%s: another process has changed the package", package);
	return 0;
}

void
workdir_watch_file(const char *path, char mark[64])
{
	struct hash *h = hash_sha3_256_new();

	add_entry(h, path, "");
	hash_final_base64(h, mark);
}

int
workdir_file_unchanged(const char *path, const char *mark, struct error *err)
{
	char now[64];

	workdir_watch_file(path, now);
	if (strcmp(now, mark) == 0)
		return 0;
	return error_set(err, ERR_TEMP, "%s: another process has %s it", path,
	    access(path, F_OK) == 0 ? "changed" : "removed");
}

void
workdir_blame(const struct workdir *w, const char *build, struct error *err)
{
	const char *gone = access(w->path, F_OK) != 0 ? w->path
	    : build && access(build, F_OK) != 0       ? build
	                                              : NULL;

	if (gone && err->code != ERR_QUIET && err->code != ERR_TEMP)
		error_set(err, ERR_TEMP,
		    "%s: another process has removed what was being made",
		    gone);
}
