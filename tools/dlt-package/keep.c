/* SPDX-License-Identifier: MIT */
/* verify, seal and why. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tools/dlt-package/look.h"

static void
say_verified(const struct look *l, const char *what)
{
	if (!l->json)
		msg_info("%s: undamaged", what);
	look_done(l, "package", what, "verified");
}

/* Reading a job to its end checks it against the manifest. */
static int
verify_visit(void *arg, struct package_in *in, enum package_event event,
    const struct package_entry *e, struct error *err)
{
	char block[65536];
	long n = 1;

	(void)arg;
	(void)e;
	while (event == PACKAGE_JOB && n > 0)
		n = package_in_read(in, block, sizeof(block), err);
	return n < 0 ? -1 : 0;
}

int
do_verify(const struct look *l, struct error *err)
{
	char *path = look_path(l, err);
	int rc;

	if (!path)
		return -1;
	rc = strcmp(path, "-") == 0 ? look_walk(l, verify_visit, NULL, err)
	                            : package_verify(path, err);
	if (!rc)
		say_verified(l, path);
	free(path);
	return rc;
}

int
do_seal(const struct look *l, struct error *err)
{
	char *path;
	int rc;

	if (!l->pipeline && (!l->package || strcmp(l->package, "-") == 0))
		return error_set(err, ERR_USAGE,
		    "seal needs the directory of a package");
	path = look_path(l, err);
	if (!path)
		return -1;
	rc = package_seal(path, err);
	if (!rc)
		look_done(l, "package", path, "sealed");
	free(path);
	return rc;
}

/* ---- why ---- */

struct why {
	const struct look *look;
	const char *column; /* in subject, behind the table's name */
	size_t table_len;
	size_t found;
	bool recorded; /* the package has a provenance */
};

static void
print_place(const struct look *l, const struct json *r)
{
	struct buf b = { 0 };
	const char *value = json_get_str(r, "value", NULL);
	long long line = json_get_int(r, "line", 0);
	long long byte = json_get_int(r, "byte", -1);

	buf_addf(&b, "%s.%s\t%s\t%s:%lld", json_get_str(r, "table", ""),
	    json_get_str(r, "column", ""), json_get_str(r, "data_type", ""),
	    json_get_str(r, "input", ""),
	    line ? line : json_get_int(r, "row", 0));
	if (byte >= 0)
		buf_addf(&b, " (byte %lld)", byte);
	if (value) /* JSON as it was written */
		buf_addf(&b, "\tvalue %s", value);
	if (json_get_str(r, "instead_of", NULL))
		buf_addf(&b,
		    "\tcould not enter %s; --column %s.%s:%s at extract "
		    "would avoid it",
		    json_get_str(r, "instead_of", ""),
		    json_get_str(r, "table", ""),
		    json_get_str(r, "instead_of", ""),
		    json_get_str(r, "data_type", ""));
	look_line(l, &b);
	buf_release(&b);
}

static int
why_line(struct why *y, const char *line, size_t len, struct error *err)
{
	struct json_doc doc = { 0 };
	const char *table;
	int rc = json_parse(&doc, line, len, err);

	if (!rc) {
		table = json_get_str(doc.root, "table", "");
		if (strlen(table) == y->table_len &&
		    memcmp(table, y->look->subject, y->table_len) == 0 &&
		    strcmp(json_get_str(doc.root, "column", ""), y->column) ==
		        0) {
			y->found++;
			if (y->look->json)
				printf("%.*s\n", (int)len, line);
			else
				print_place(y->look, doc.root);
		}
	}
	json_release(&doc);
	return rc;
}

static int
why_visit(void *arg, struct package_in *in, enum package_event event,
    const struct package_entry *e, struct error *err)
{
	struct why *y = arg;
	const char *p, *end, *stop;

	(void)in;
	if (event != PACKAGE_FILE || strcmp(e->name, "provenance.jsonl") != 0)
		return 0;
	y->recorded = true;
	for (p = e->data, end = p + e->len; p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			stop = end;
		if (stop > p && why_line(y, p, (size_t)(stop - p), err))
			return error_prefix(err, "provenance.jsonl: ");
	}
	return 0;
}

/* The load ids of a pipeline that normalize has written, oldest first. */
static int
why_packages(const struct look *l, char **names[2], size_t count[2],
    struct error *err)
{
	struct workdir w = { 0 };
	int rc;

	if (workdir_open(&w, l->pipeline, false, err))
		return -1;
	/* in this order: one that is loaded meanwhile is in both */
	rc = workdir_list(&w, "load/normalized", &names[1], &count[1], err) ||
	        workdir_list(&w, "load/loaded", &names[0], &count[0], err)
	    ? -1
	    : 0;
	workdir_close(&w);
	return rc;
}

/* A column comes from one package, and is in the schemas of all that follow:
 * without a load id each package of the pipeline is looked at, the newest first,
 * until one has made it. */
static int
why_pipeline(struct why *y, struct error *err)
{
	char **names[2] = { NULL, NULL };
	size_t count[2] = { 0, 0 };
	struct look one = *y->look;
	int rc = why_packages(y->look, names, count, err);

	/* what normalize has written last is not loaded yet */
	for (size_t k = 2; k-- > 0 && !rc;) {
		for (size_t i = count[k]; i-- > 0 && !rc && !y->found;) {
			one.package = names[k][i];
			rc = look_walk(&one, why_visit, y, err);
		}
	}
	if (!rc && !count[0] && !count[1])
		rc = error_set(err, ERR_DATA,
		    "pipeline \"%s\" has no normalized packages",
		    y->look->pipeline);
	for (size_t k = 0; k < 2; k++)
		workdir_free_names(names[k], count[k]);
	return rc;
}

static const char *
why_not(const struct why *y)
{
	if (y->look->pipeline && !y->look->package)
		return "no package that the pipeline still has created that "
		       "column, or Python dlt wrote it";
	return y->recorded ? "this package did not create that column"
	                   : "the package has no provenance.jsonl: no column "
	                     "was created, or Python dlt wrote it";
}

int
do_why(const struct look *l, struct error *err)
{
	const char *dot = strchr(l->subject, '.');
	struct why y = { .look = l };

	if (!dot || dot == l->subject || !dot[1])
		return error_set(err, ERR_USAGE, "\"%s\" is no TABLE.COLUMN",
		    l->subject);
	y.table_len = (size_t)(dot - l->subject);
	y.column = dot + 1;
	if (l->pipeline && !l->package ? why_pipeline(&y, err)
	                               : look_walk(l, why_visit, &y, err))
		return -1;
	if (y.found)
		return 0;
	return error_set(err, ERR_DATA, "%s: %s", l->subject, why_not(&y));
}
