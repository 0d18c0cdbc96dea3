/* SPDX-License-Identifier: MIT */
/* What crashes leave behind in a working directory (design 8.14). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/move.h"
#include "common/output.h"
#include "common/package.h"
#include "common/workdir.h"

#define PACKAGE_STATE_MAX ((size_t)64 << 20)

/* ---- a state that was committed but not saved ---- */

/* The newest state that packages hold. */
struct newest {
	long long version;
	char *text; /* the state, without _local */
	char *hash, *at;
	bool no_hash; /* state.json has none: its version may be that of the
	                 package that followed */
};

static bool
is_newer(const struct newest *n, long long version)
{
	return version > n->version ||
	    (version == n->version && n->no_hash && !n->text);
}

static void
take_state(struct newest *n, const struct json *ps)
{
	const struct json *state = json_get(ps, "state");
	const char *at = json_get_str(ps, "created_at", "");
	long long version = json_get_int(ps, "version", -1);
	char *text;

	if (!state || state->kind != JSON_STRING || !is_newer(n, version) ||
	    json_get_int(ps, "engine_version", 0) != STATE_ENGINE)
		return;
	text = state_unpack(state->str, state->len);
	if (!text)
		return;
	free(n->text);
	free(n->hash);
	free(n->at);
	n->version = version;
	n->text = text;
	n->hash = xstrdup(json_get_str(ps, "version_hash", ""));
	/* The mark of a datetime is put back on writing. */
	n->at = xstrdup(strncmp(at, "\xef\x80", 2) == 0 ? at + 3 : at);
}

/* A package's state file that was written before state.json has been seen by
 * whoever saved that; only its age is looked at, for there may be thousands of
 * loaded packages. What is damaged is reported by who reads the package. */
static void
look_at_package(const struct workdir *w, const char *package,
    const struct stat *saved, struct newest *n)
{
	char *path = xasprintf("%s/%s/load_package_state.json", w->path,
	    package);
	struct json_doc doc = { 0 };
	const struct json *ps;
	struct error err;
	struct stat st;
	char *text = NULL;
	size_t len;

	if (stat(path, &st) != 0 || st.st_mtim.tv_sec < saved->st_mtim.tv_sec ||
	    (st.st_mtim.tv_sec == saved->st_mtim.tv_sec &&
	        st.st_mtim.tv_nsec < saved->st_mtim.tv_nsec))
		goto out;
	if (read_file(path, PACKAGE_STATE_MAX, &text, &len, &err) ||
	    json_parse(&doc, text, len, &err))
		goto out;
	ps = json_get(doc.root, "pipeline_state");
	if (ps && strcmp(json_get_str(ps, "pipeline_name", ""), w->name) == 0)
		take_state(n, ps);
out:
	json_release(&doc);
	free(text);
	free(path);
}

static int
save_newest(struct workdir *w, const struct json *old, const struct newest *n,
    struct error *err)
{
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	struct error ignored;
	int rc = 0;

	if (json_parse(&doc, n->text, strlen(n->text), &ignored) == 0 &&
	    doc.root->kind == JSON_OBJECT) {
		state_join(doc.root, json_get(old, "_local"), n->hash, n->at,
		    &text);
		rc = workdir_save_state(w, &text, err);
	}
	json_release(&doc);
	buf_release(&text);
	return rc;
}

static int
recover_state(struct workdir *w, struct error *err)
{
	static const char *const folders[] = { "normalize/extracted",
		"load/normalized", "load/loaded" };
	char *path = xasprintf("%s/state.json", w->path);
	struct newest n = { 0 };
	struct state st = { 0 };
	struct stat saved = { 0 };
	int rc;

	if (stat(path, &saved) != 0)
		saved.st_mtim.tv_sec = 0;
	rc = workdir_state(w, &st, err);
	if (!rc) {
		n.version = json_get_int(st.doc.root, "_state_version", 0);
		n.no_hash = !*json_get_str(st.doc.root, "_version_hash", "");
	}
	for (size_t i = 0; i < ARRAY_LEN(folders) && !rc; i++) {
		char **names;
		size_t count;

		rc = workdir_list(w, folders[i], &names, &count, err);
		for (size_t k = 0; k < count; k++) {
			char *package = xasprintf("%s/%s", folders[i],
			    names[k]);

			look_at_package(w, package, &saved, &n);
			free(package);
		}
		workdir_free_names(names, count);
	}
	if (!rc && n.text)
		rc = save_newest(w, st.doc.root, &n, err);
	free(n.text);
	free(n.hash);
	free(n.at);
	state_release(&st);
	free(path);
	return rc;
}

/* ---- leftovers ---- */

static bool
exists(struct workdir *w, enum stage stage, const char *load_id)
{
	char *path = workdir_package_dir(w, stage, load_id);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* A normalize that died after its commit: the extracted package goes. */
static int
remove_done(struct workdir *w, struct error *err)
{
	char **names;
	size_t count;
	int rc = workdir_list(w, "normalize/extracted", &names, &count, err);

	for (size_t i = 0; i < count && !rc; i++) {
		char *path;

		if (!exists(w, STAGE_NORMALIZE, names[i]) &&
		    !exists(w, STAGE_LOAD, names[i]))
			continue;
		path = workdir_package_dir(w, STAGE_EXTRACT, names[i]);
		if (!package_is_foreign(path))
			rc = remove_tree(path, err);
		free(path);
	}
	workdir_free_names(names, count);
	return rc;
}

/* Only folders with a lock file are ours; Python's have none. */
static int
remove_if_dead(const char *folder, struct error *err)
{
	char *lock = xasprintf("%s/.lock", folder);
	int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct lock l;
	int rc = 0;

	if (fd >= 0 && lock_take(&l, fd, lock, false) == LOCK_TAKEN) {
		rc = remove_tree(folder, err);
		lock_drop(&l);
	} else if (fd >= 0) {
		close(fd);
	}
	free(lock);
	return rc;
}

static int
remove_dead(struct workdir *w, struct error *err)
{
	char **names;
	size_t count;
	int rc = workdir_list(w, "normalize", &names, &count, err);

	for (size_t i = 0; i < count && !rc; i++) {
		char *path;

		if (strlen(names[i]) != 16 ||
		    strspn(names[i], "0123456789abcdef") != 16)
			continue;
		path = xasprintf("%s/normalize/%s", w->path, names[i]);
		rc = remove_if_dead(path, err);
		free(path);
	}
	workdir_free_names(names, count);
	return rc;
}

/* ---- packages that were moved by copying ---- */

/* One of load/normalized that goes to load/loaded, or comes back from there, has
 * been decided upon, and arrives; what a dead extract or normalize was about to
 * commit is made again. */
static int
settle_package(struct workdir *w, const char *folder, const char *load_id,
    enum stage to, enum move_settling how, struct error *err)
{
	char *from = xasprintf("%s/%s/%s", w->path, folder, load_id);
	char *target = workdir_package_dir(w, to, load_id);
	int rc = move_settle(from, target, how, err);

	free(from);
	free(target);
	return rc;
}

static int
settle_folder(struct workdir *w, const char *folder, enum stage to,
    enum move_settling how, struct error *err)
{
	char **names;
	size_t count;
	int rc = workdir_list(w, folder, &names, &count, err);

	for (size_t i = 0; i < count && !rc; i++)
		rc = settle_package(w, folder, names[i], to, how, err);
	workdir_free_names(names, count);
	return rc;
}

/* normalize/HEX, the folders of extracts. */
static int
settle_extracts(struct workdir *w, struct error *err)
{
	char **names;
	size_t count;
	int rc = workdir_list(w, "normalize", &names, &count, err);

	for (size_t i = 0; i < count && !rc; i++) {
		char *folder = xasprintf("normalize/%s", names[i]);

		if (strcmp(names[i], "extracted") != 0)
			rc = settle_folder(w, folder, STAGE_EXTRACT, MOVE_UNDO,
			    err);
		free(folder);
	}
	workdir_free_names(names, count);
	return rc;
}

#define CONVERT "..convert-" /* then the load id, a dot, and 16 digits */

/* A package of which a dead dlt-package was putting another form in its place. */
static int
settle_convert(struct workdir *w, const char *name, struct error *err)
{
	static const enum stage stages[] = { STAGE_EXTRACT, STAGE_NORMALIZE };
	size_t n = strlen(CONVERT), len = strlen(name);
	char *from = xasprintf("%s/%s", w->path, name), *load_id;
	int rc = 0;

	load_id = xstrndup(name + n, len < n + 17 ? 0 : len - n - 17);
	for (size_t i = 0; i < ARRAY_LEN(stages) && *load_id && !rc; i++) {
		char *to = workdir_package_dir(w, stages[i], load_id);

		if (move_is_half(to))
			rc = move_settle(from, to, MOVE_FINISH, err);
		free(to);
	}
	if (!rc)
		rc = remove_tree(from, err);
	free(load_id);
	free(from);
	return rc;
}

static int
settle_converts(struct workdir *w, struct error *err)
{
	DIR *d = opendir(w->path);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return error_errno(err, "%s", w->path);
	while (!rc && (e = readdir(d)))
		if (strncmp(e->d_name, CONVERT, strlen(CONVERT)) == 0)
			rc = settle_convert(w, e->d_name, err);
	closedir(d);
	return rc;
}

/* Moves are made under the commit lock: one that has begun is a dead one's. */
static int
settle_moves(struct workdir *w, struct error *err)
{
	return settle_converts(w, err) || settle_extracts(w, err) ||
	        settle_folder(w, "load/new", STAGE_NORMALIZE, MOVE_UNDO, err) ||
	        settle_folder(w, "load/normalized", STAGE_LOAD, MOVE_FINISH,
	            err) ||
	        settle_folder(w, "load/loaded", STAGE_NORMALIZE, MOVE_FINISH,
	            err)
	    ? -1
	    : 0;
}

int
workdir_recover(struct workdir *w, struct error *err)
{
	bool held = w->locks[STAGE_COMMIT].fd >= 0;
	int rc;

	if (workdir_lock(w, STAGE_COMMIT, WAIT_FOREVER, err))
		return -1;
	rc = settle_moves(w, err) || recover_state(w, err) ||
	        remove_done(w, err) || remove_dead(w, err)
	    ? -1
	    : 0;
	if (!held)
		workdir_unlock(w, STAGE_COMMIT);
	return rc;
}
