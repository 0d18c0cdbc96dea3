/* SPDX-License-Identifier: MIT */
/*
 * dlt's files NAME__TIME__HASH.jsonl, of schemas and states.
 */
#include "common/dest/dest_files_private.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

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
files_each_name(struct store *s, const char *folder,
    int (*f)(const struct files_name *n, void *arg, struct error *err),
    void *arg, struct error *err)
{
	struct naming_walk w = { f, arg };

	return s->ops->list(s, folder, split_name, &w, err);
}
