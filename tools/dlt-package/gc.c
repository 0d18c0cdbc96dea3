/* SPDX-License-Identifier: MIT */
/* gc: loaded packages that nobody needs any more, and leftovers. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/failed.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "tools/dlt-package/leftovers.h"
#include "tools/dlt-package/look.h"

#define DAY 86400.0

struct gc {
	const struct look *look;
	uint64_t keep; /* so many of the newest stay */
	double older;  /* and those that were loaded in so many seconds */
	time_t now;
	size_t removed, leftovers;
	uint64_t bytes;
};

static int
parse_days(const char *text, double *seconds, struct error *err)
{
	char *end;
	double days;

	errno = 0;
	days = strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0 || !isfinite(days) ||
	    days < 0)
		return error_set(err, ERR_USAGE,
		    "--older: \"%s\" is no number of days", text);
	*seconds = days * DAY;
	return 0;
}

static int
parse(const struct look *l, struct gc *g, struct error *err)
{
	if (!l->pipeline)
		return error_set(err, ERR_USAGE,
		    "gc works on pipelines: name one with -p");
	if (l->package)
		return error_set(err, ERR_USAGE,
		    "gc: \"%s\" is one operand too many", l->package);
	if (!l->keep && !l->older)
		return error_set(err, ERR_USAGE,
		    "gc needs --keep N or --older DAYS (or both)");
	if (l->keep && opt_size(l->keep, &g->keep, err))
		return error_prefix(err, "--keep: ");
	if (l->older && parse_days(l->older, &g->older, err))
		return -1;
	g->now = time(NULL);
	return 0;
}

/* When it was loaded: package_completed.json is written last. */
static bool
is_old(const struct gc *g, const char *path)
{
	char *mark = xasprintf("%s/package_completed.json", path);
	struct stat st;
	bool old = false;

	if (stat(mark, &st) == 0 || stat(path, &st) == 0)
		old = difftime(g->now, st.st_mtime) >= g->older;
	free(mark);
	return old;
}

static bool
has_failed(const struct failed_list *failed, const char *load_id)
{
	for (size_t i = 0; i < failed->count; i++)
		if (strcmp(failed->items[i].load_id, load_id) == 0)
			return true;
	return false;
}

static void
say(const struct look *l, const char *key, const char *name, uint64_t bytes)
{
	struct buf b = { 0 };
	struct jsonw w;

	if (!l->json) {
		buf_adds(&b, name);
		look_line(l, &b);
		buf_release(&b);
		return;
	}
	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, key);
	jsonw_str(&w, name);
	jsonw_key(&w, "bytes");
	jsonw_int(&w, (long long)bytes);
	jsonw_key(&w, "removed");
	jsonw_bool(&w, !l->dry_run);
	jsonw_end_object(&w);
	look_line(l, &b);
	buf_release(&b);
}

static int
remove_package(const struct look *l, struct gc *g, const char *path,
    const char *load_id, struct error *err)
{
	uint64_t bytes = tree_size(path).bytes;

	if (!l->dry_run && remove_tree(path, err))
		return -1;
	g->removed++;
	g->bytes += bytes;
	say(l, "load_id", load_id, bytes);
	return 0;
}

static int
remove_leftover(void *arg, const char *name, const char *path, uint64_t bytes,
    struct error *err)
{
	struct gc *g = arg;

	if (!g->look->dry_run && remove_tree(path, err))
		return -1;
	g->leftovers++;
	g->bytes += bytes;
	say(g->look, "leftover", name, bytes);
	return 0;
}

static int
collect(const struct look *l, struct gc *g, struct workdir *w,
    const struct failed_list *failed, struct error *err)
{
	size_t count = 0, good = 0;
	char **names = NULL;
	int rc = workdir_list(w, "load/loaded", &names, &count, err);

	/* from the newest on: their names are times */
	for (size_t i = count; i-- > 0 && rc == 0;) {
		char *path;

		if (signal_pending())
			rc = error_set(err, ERR_QUIET, "interrupted");
		if (rc != 0 || has_failed(failed, names[i]) || good++ < g->keep)
			continue;
		path = workdir_package_dir(w, STAGE_LOAD, names[i]);
		if (is_old(g, path))
			rc = remove_package(l, g, path, names[i], err);
		free(path);
	}
	workdir_free_names(names, count);
	return rc;
}

int
do_gc(const struct look *l, struct error *err)
{
	struct gc g = { .look = l };
	struct workdir w = { 0 };
	struct failed_list failed = { 0 };
	int rc = -1;

	if (parse(l, &g, err) || workdir_open(&w, l->pipeline, false, err) < 0)
		return -1;
	/* what a crash left is told from what is loaded already by the loaded
	 * packages, so that comes first */
	if (workdir_lock(&w, STAGE_LOAD,
	        isinf(l->wait) ? WAIT_FOREVER : l->wait, err) == 0 &&
	    workdir_recover(&w, err) == 0 &&
	    failed_read(&w, false, &failed, err) == 0)
		rc = collect(l, &g, &w, &failed, err) ||
		        leftovers_find(&w, g.older, remove_leftover, &g, err)
		    ? -1
		    : 0;
	if (rc == 0)
		msg_info("%zu packages, %zu leftovers, %.1f MB%s", g.removed,
		    g.leftovers, (double)g.bytes / 1e6,
		    l->dry_run ? " would be removed" : " removed");
	failed_release(&failed);
	workdir_close(&w);
	return rc;
}
