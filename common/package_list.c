/* SPDX-License-Identifier: MIT */
/* Job files in the folders of a package. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/package_private.h"

/* How many names a list holds. */
#ifdef DLT_TEST_HOOKS
#define NAMES 512
#else
#define NAMES 65536
#endif

bool
job_is_follow_up(const struct job_name *n)
{
	return strcmp(n->format, "sql") == 0 ||
	    strcmp(n->format, "reference") == 0;
}

static bool
is_passed_over(const char *name)
{
	static const char skip[] = ".exception";
	size_t n = strlen(name);

	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    (n >= sizeof(skip) &&
	        strcmp(name + n - (sizeof(skip) - 1), skip) == 0);
}

int
job_folder_visit(const char *path, const char *folder, job_visit f, void *arg,
    struct error *err)
{
	char *dir = xasprintf("%s/%s", path, folder);
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (!d && errno != ENOENT)
		rc = error_errno(err, "%s", dir);
	while (d && !rc && (e = readdir(d))) {
		struct job_name n;

		if (is_passed_over(e->d_name))
			continue;
		rc = job_name_parse(e->d_name, &n, err);
		if (rc) {
			error_prefix(err, "%s/", dir);
		} else {
			rc = f(arg, e->d_name, &n, err);
			job_name_release(&n);
		}
	}
	if (d)
		closedir(d);
	free(dir);
	return rc;
}

/* ---- sorted ---- */

void
job_list_init(struct job_list *l, const char *path, const char *folder)
{
	memset(l, 0, sizeof(*l));
	l->path = xstrdup(path);
	l->folder = xstrdup(folder);
}

static void
forget_names(struct job_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->names[i]);
	l->count = l->next = 0;
}

void
job_list_release(struct job_list *l)
{
	forget_names(l);
	free(l->names);
	free(l->last);
	free(l->path);
	free(l->folder);
	memset(l, 0, sizeof(*l));
}

/* names[] as a heap, the largest on top: sink what stands at i. */
static void
sink(struct job_list *l, size_t i)
{
	for (;;) {
		size_t k = 2 * i + 1;
		char *other;

		if (k >= l->count)
			return;
		if (k + 1 < l->count &&
		    strcmp(l->names[k], l->names[k + 1]) < 0)
			k++;
		if (strcmp(l->names[i], l->names[k]) >= 0)
			return;
		other = l->names[i];
		l->names[i] = l->names[k];
		l->names[k] = other;
		i = k;
	}
}

static int
keep_smallest(void *arg, const char *name, const struct job_name *n,
    struct error *err)
{
	struct job_list *l = arg;

	(void)n;
	(void)err;
	if (l->last && strcmp(name, l->last) <= 0)
		return 0;
	if (l->count < NAMES) {
		l->names[l->count++] = xstrdup(name);
		if (l->count == NAMES)
			for (size_t i = NAMES / 2; i--;)
				sink(l, i);
		return 0;
	}
	l->whole = false;
	if (strcmp(name, l->names[0]) >= 0)
		return 0;
	free(l->names[0]);
	l->names[0] = xstrdup(name);
	sink(l, 0);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_names(struct job_list *l, struct error *err)
{
	if (l->count) {
		free(l->last);
		l->last = l->names[l->count - 1];
		l->count--;
	}
	forget_names(l);
	if (!l->names)
		l->names = xcalloc(NAMES, sizeof(*l->names));
	l->whole = true;
	if (job_folder_visit(l->path, l->folder, keep_smallest, l, err))
		return -1;
	qsort(l->names, l->count, sizeof(*l->names), by_name);
	return 0;
}

int
job_list_next(struct job_list *l, const char **name, struct error *err)
{
	if (l->next == l->count && !l->whole && read_names(l, err))
		return -1;
	if (l->next == l->count)
		return 0;
	*name = l->names[l->next++];
	return 1;
}

/* ---- names that do not follow from ids ---- */

void
job_renames_add(struct job_renames *r, const char *id, const char *name,
    const struct job_name *n)
{
	char *plain = job_name_format(n);
	bool usual = n->retry == 0 && strcmp(plain, name) == 0;

	free(plain);
	if (usual)
		return;
	r->items = xgrow(r->items, &r->cap, r->count + 1, sizeof(*r->items));
	r->items[r->count++] = (struct job_rename){ xstrdup(id),
		xstrdup(name) };
}

static int
by_id(const void *a, const void *b)
{
	const struct job_rename *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static int
id_against(const void *id, const void *item)
{
	return strcmp(id, ((const struct job_rename *)item)->id);
}

void
job_renames_sort(struct job_renames *r)
{
	if (r->count)
		qsort(r->items, r->count, sizeof(*r->items), by_id);
}

char *
job_renames_find(const struct job_renames *r, const char *id, const char *table)
{
	const struct job_rename *hit = NULL;
	size_t f;

	if (r->count)
		hit = bsearch(id, r->items, r->count, sizeof(*hit), id_against);
	if (hit)
		return xstrdup(hit->name);
	/* TABLE.ID.FORMAT: the retry count goes in behind ID. */
	f = strlen(table) + 1;
	f += strcspn(id + f, ".");
	return xasprintf("%.*s.0%s", (int)f, id, id + f);
}

void
job_renames_release(struct job_renames *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->items[i].id);
		free(r->items[i].name);
	}
	free(r->items);
	memset(r, 0, sizeof(*r));
}
