/* SPDX-License-Identifier: MIT */
#include "tools/dlt-package/look.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/output.h"

/* Its path, if it is a package. */
static char *
package_at(const struct workdir *w, const char *folder, const char *name)
{
	char *path = xasprintf("%s/%s/%s", w->path, folder, name);

	if (!package_is_foreign(path))
		return path;
	free(path);
	return NULL;
}

/* The newest package of a pipeline, or the one with the load id given: the
 * stages are looked at backwards, for a package is in one of them. */
static char *
of_pipeline(struct workdir *w, const char *load_id, struct error *err)
{
	static const char *const folders[] = { "load/normalized",
		"normalize/extracted", "load/loaded" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char **names, *path = NULL;
		size_t count;

		if (workdir_list(w, folders[i], &names, &count, err))
			return NULL;
		for (size_t k = count; k-- && !path;)
			if (!load_id || strcmp(names[k], load_id) == 0)
				path = package_at(w, folders[i], names[k]);
		workdir_free_names(names, count);
		if (path)
			return path;
	}
	if (load_id)
		error_set(err, ERR_DATA, "pipeline \"%s\" has no package %s",
		    w->name, load_id);
	else
		error_set(err, ERR_DATA, "pipeline \"%s\" has no packages",
		    w->name);
	return NULL;
}

char *
look_path(const struct look *l, struct error *err)
{
	struct workdir w = { 0 };
	char *path;

	if (!l->pipeline) {
		if (!l->package && isatty(STDIN_FILENO)) {
			error_set(err, ERR_USAGE,
			    "no PACKAGE given, and standard input is a "
			    "terminal");
			return NULL;
		}
		return xstrdup(l->package ? l->package : "-");
	}
	if (workdir_open(&w, l->pipeline, false, err))
		return NULL;
	path = of_pipeline(&w, l->package, err);
	workdir_close(&w);
	return path;
}

int
look_walk(const struct look *l, look_visit visit, void *arg, struct error *err)
{
	char *path = look_path(l, err);
	enum package_event event = PACKAGE_BEGIN;
	struct package_entry e = { 0 };
	struct package_in *in = NULL;
	int rc = -1;

	if (path)
		in = strcmp(path, "-") == 0
		    ? package_in_stream(STDIN_FILENO, err)
		    : package_in_dir(path, err);
	while (in && event != PACKAGE_END_OF_INPUT) {
		rc = package_in_next(in, &event, &e, err);
		if (!rc && event != PACKAGE_END_OF_INPUT)
			rc = visit(arg, in, event, &e, err);
		if (!rc && signal_pending())
			rc = error_set(err, ERR_QUIET, "interrupted");
		if (rc)
			break;
	}
	package_in_free(in);
	free(path);
	return rc;
}

void
look_line(const struct look *l, struct buf *b)
{
	buf_addc(b, l->null ? '\0' : '\n');
	fwrite(b->data, 1, b->len, stdout);
	buf_reset(b);
}

void
look_done(const struct look *l, const char *key, const char *name,
    const char *done)
{
	struct buf b = { 0 };
	struct jsonw w;

	if (!l->json)
		return;
	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, key);
	jsonw_str(&w, name);
	jsonw_key(&w, done);
	jsonw_bool(&w, true);
	jsonw_end_object(&w);
	look_line(l, &b);
	buf_release(&b);
}
