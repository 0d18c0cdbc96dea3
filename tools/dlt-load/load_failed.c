/* SPDX-License-Identifier: MIT */
/*
 * Packages that failed for good stay until somebody tries them again or drops
 * them. They hold up only what must come in order: rows that replace or merge
 * those of the same tables, and the state.
 */
#include "tools/dlt-load/load.h"

#include "common/failed.h"
#include "common/msg.h"

#include <string.h>

static const char *
first_line(const char *why)
{
	return why ? why : "not tried";
}

static int
line_len(const char *why)
{
	return (int)strcspn(first_line(why), "\r\n");
}

/* Do rows of a table that is not in come before those of t? */
static bool
must_follow(struct loader *l, const struct failed_job *before,
    const struct table *t, enum load_how how)
{
	const struct table *late = schema_table(l->schema, before->table);

	if (!late)
		return false;
	if (how == LOAD_EMPTIED || how == LOAD_STAGED)
		return schema_root(l->schema, late) ==
		    schema_root(l->schema, t);
	return late == t && !strcmp(t->name, "_dlt_pipeline_state");
}

static int
check_table(struct loader *l, const struct failed_list *list,
    const struct table *t, enum load_how how, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct failed_package *p = &list->items[i];

		for (size_t k = 0; k < p->count; k++)
			if (must_follow(l, &p->jobs[k], t, how))
				return error_set(err, ERR_REMOTE,
				    "waits for package %s, which has failed "
				    "and has rows for table \"%s\", too; "
				    "dlt-package retry -p %s %s, or drop",
				    p->load_id, t->name, l->workdir->name,
				    p->load_id);
	}
	return 0;
}

int
load_check_order(struct loader *l, const struct table *const *tables,
    const enum load_how *how, size_t count, struct error *err)
{
	struct failed_list list;
	int rc = failed_read(l->workdir, true, &list, err);

	for (size_t i = 0; i < count && rc == 0 && list.count; i++)
		rc = check_table(l, &list, tables[i], how[i], err);
	failed_release(&list);
	return rc;
}

int
load_tell_failed(struct loader *l, struct error *err)
{
	struct failed_list list;
	int rc = failed_read(l->workdir, true, &list, err);

	for (size_t i = 0; i < list.count && rc == 0; i++) {
		const struct failed_package *p = &list.items[i];
		const struct failed_job *job = failed_first(p);
		const char *why = job ? job->why : NULL;

		msg_error("package %s has failed: %s: %.*s", p->load_id,
		    job ? job->file : "no job", line_len(why), first_line(why));
	}
	if (rc == 0 && list.count)
		rc = error_set(err, ERR_DATA,
		    "%zu package%s not loaded; try again: dlt-package retry "
		    "-p %s; give up: dlt-package drop -p %s LOAD_ID",
		    list.count, list.count > 1 ? "s are" : " is",
		    l->workdir->name, l->workdir->name);
	failed_release(&list);
	return rc;
}
