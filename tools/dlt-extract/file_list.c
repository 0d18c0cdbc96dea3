/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/file_list.h"

#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void
add(struct file_list *l, char *path)
{
	l->paths = xgrow(l->paths, &l->cap, l->count + 1, sizeof(*l->paths));
	l->paths[l->count++] = path;
}

void
file_list_release(struct file_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->paths[i]);
	free(l->paths);
	*l = (struct file_list){ 0 };
}

/* ---- directories ---- */

static int walk(struct file_list *l, const char *dir, struct error *err);

/* Takes the path. */
static int
walk_entry(struct file_list *l, char *path, struct error *err)
{
	struct stat st;
	int rc = 0;

	if (lstat(path, &st) < 0) {
		rc = error_errno(err, "%s", path);
	} else if (S_ISDIR(st.st_mode)) {
		rc = walk(l, path, err);
	} else if (S_ISREG(st.st_mode) ||
	    (S_ISLNK(st.st_mode) && stat(path, &st) == 0 &&
	        S_ISREG(st.st_mode))) {
		add(l, path);
		return 0;
	}
	free(path);
	return rc;
}

static int
walk(struct file_list *l, const char *dir, struct error *err)
{
	size_t len = strlen(dir);
	const char *slash = len != 0 && dir[len - 1] == '/' ? "" : "/";
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return error_errno(err, "%s", dir);
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && e->d_name[0] != '_')
			rc = walk_entry(l,
			    xasprintf("%s%s%s", dir, slash, e->d_name), err);
	if (rc == 0 && errno != 0)
		rc = error_errno(err, "%s", dir);
	closedir(d);
	return rc;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
file_list_walk(struct file_list *l, const char *dir, struct error *err)
{
	size_t from = l->count;

	if (walk(l, dir, err) < 0)
		return -1;
	if (l->count != from)
		qsort(l->paths + from, l->count - from, sizeof(*l->paths),
		    by_bytes);
	return 0;
}

/* ---- lists ---- */

static int
read_names(struct file_list *l, FILE *f, const char *from, struct error *err)
{
	bool is_stdin = strcmp(from, "-") == 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getdelim(&line, &cap, '\0', f)) >= 0) {
		if (line[0] == '\0')
			rc = error_set(err, ERR_USAGE,
			    "--files0-from=%s: name %zu is empty", from,
			    l->count + 1);
		else if (is_stdin && strcmp(line, "-") == 0)
			rc = error_set(err, ERR_USAGE,
			    "--files0-from=-: \"-\" cannot be in a list that "
			    "is read from standard input");
		else
			add(l, xstrdup(line));
	}
	if (rc == 0 && ferror(f))
		rc = error_errno(err, "%s", from);
	free(line);
	return rc;
}

int
file_list_read(struct file_list *l, const char *from, struct error *err)
{
	FILE *f = strcmp(from, "-") == 0 ? stdin : fopen(from, "re");
	int rc;

	if (f == NULL)
		return error_errno(err, "%s", from);
	rc = read_names(l, f, from, err);
	if (f != stdin)
		fclose(f);
	return rc;
}

/* ---- members ---- */

const char *
file_members(const char *text)
{
	const char *colons = strstr(text, "::");
	struct stat st;

	if (colons == NULL || stat(text, &st) == 0)
		return NULL;
	for (; colons != NULL; colons = strstr(colons + 1, "::")) {
		char *path = xstrndup(text, (size_t)(colons - text));
		bool found = strcmp(path, "-") == 0 ||
		    (stat(path, &st) == 0 && !S_ISDIR(st.st_mode));

		free(path);
		if (found && colons[2] != '\0')
			return colons + 2;
	}
	return NULL;
}
