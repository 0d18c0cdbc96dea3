/* SPDX-License-Identifier: MIT */
/* schemas/ of a working directory (contract.md 1.8, 8.6). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/output.h"
#include "common/workdir.h"

static char *
schema_path(const struct workdir *w, const char *name, struct error *err)
{
	if (!name_is_schema_name(name)) {
		error_set(err, ERR_DATA, "\"%.100s\" is no name of a schema",
		    name);
		return NULL;
	}
	return xasprintf("%s/schemas/%s.schema.json", w->path, name);
}

/* Older engines are migrated on reading, which changes the hash. */
static int
check_hash(const struct schema *s, const char *path, struct error *err)
{
	char hash[64];

	if (s->engine_version != SCHEMA_ENGINE)
		return 0;
	schema_hash(s, hash);
	if (strcmp(hash, s->hash) == 0)
		return 0;
	return error_set(err, ERR_DATA,
	    "%s: was changed by hand: its version_hash is not that of its "
	    "content",
	    path);
}

struct schema *
workdir_schema(struct workdir *w, const char *name, bool *missing,
    struct error *err)
{
	char *path = schema_path(w, name, err);
	struct schema *s = NULL;

	*missing = false;
	if (!path)
		return NULL;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		*missing = true;
	else
		s = schema_read(path, err);
	if (s && check_hash(s, path, err)) {
		schema_free(s);
		s = NULL;
	}
	free(path);
	return s;
}

/* Is the stored schema one that s grew out of? */
static bool
is_ancestor(const struct schema *stored, const struct schema *s)
{
	if (strcmp(stored->hash, s->hash) == 0)
		return true;
	for (size_t i = 0; i < s->previous_count; i++)
		if (strcmp(s->previous_hashes[i], stored->hash) == 0)
			return true;
	return false;
}

static int
save_locked(struct workdir *w, struct schema *s, const char *path,
    struct error *err)
{
	struct buf text = { 0 };
	struct schema *stored;
	bool missing;
	int rc = 0;

	stored = workdir_schema(w, s->name, &missing, err);
	if (!stored && !missing)
		return -1;
	/* Somebody has saved since s was read: both changes are kept. */
	if (stored && !is_ancestor(stored, s))
		rc = schema_merge(s, stored, 0, err);
	schema_free(stored);
	if (rc) {
		/* who begins again begins with the other one */
		err->code = ERR_TEMP;
		return error_prefix(err,
		    "%s: changed meanwhile by another process: ", path);
	}
	schema_bump(s);
	schema_write(s, true, &text);
	rc = output_file(path, text.data, text.len, err);
	buf_release(&text);
	return rc;
}

int
workdir_save_schema(struct workdir *w, struct schema *s, struct error *err)
{
	bool held = w->locks[STAGE_COMMIT].fd >= 0;
	char *path = schema_path(w, s->name, err), *dir;
	int rc = -1;

	if (!path)
		return -1;
	dir = xasprintf("%s/schemas", w->path);
	if (make_dirs(dir, err) ||
	    workdir_lock(w, STAGE_COMMIT, WAIT_FOREVER, err))
		goto out;
	rc = save_locked(w, s, path, err);
	if (!held)
		workdir_unlock(w, STAGE_COMMIT);
out:
	free(dir);
	free(path);
	return rc;
}
