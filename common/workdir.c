/* SPDX-License-Identifier: MIT */
#include "common/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/move.h"
#include "common/output.h"
#include "common/testhook.h"
#include "common/utf8.h"
#include "common/workdir_private.h"

#define NORMALIZE_VERSION "1.0.1"
#define LOAD_VERSION      "1.0.0"

/* ---- where data lives (contract.md 1.1) ---- */

static char *
home_folder(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (home)
		return xstrdup(home);
	user = getpwuid(getuid());
	return user ? xstrdup(user->pw_dir) : NULL;
}

/* Python's tempfile.gettempdir(), without trying to write a file. */
static const char *
temp_folder(void)
{
	static const char *const variables[] = { "TMPDIR", "TEMP", "TMP" };

	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const char *dir = getenv(variables[i]);

		if (dir && *dir && access(dir, W_OK | X_OK) == 0)
			return dir;
	}
	return "/tmp";
}

static char *
data_folder(void)
{
	const char *data = getenv("DLT_DATA_DIR"), *xdg;
	char *home, *dir;

	if (data)
		return xstrdup(*data ? data : ".");
	if (geteuid() == 0)
		return xstrdup("/var/dlt");
	home = home_folder();
	if (!home || access(home, W_OK) != 0) {
		free(home);
		return xasprintf("%s/dlt", temp_folder());
	}
	dir = xasprintf("%s/.dlt", home);
	free(home);
	xdg = getenv("XDG_DATA_HOME");
	if (xdg && access(dir, F_OK) != 0) {
		free(dir);
		dir = xasprintf("%s/dlt", xdg);
	}
	return dir;
}

char *
workdir_pipelines(void)
{
	char *data = data_folder(), *dir = xasprintf("%s/pipelines", data);

	free(data);
	return dir;
}

/* One component of a path, and nothing that a terminal or Python's storage
 * would stumble over. */
static bool
is_component(const char *s, const char *forbidden)
{
	size_t n = strlen(s);

	if (!n || n > 255 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0 ||
	    strspn(s, " ") == n || !utf8_is_valid(s, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f || s[i] == '/')
			return false;
	return !strpbrk(s, forbidden);
}

static int
place_name(struct workdir *w, const char *name, struct error *err)
{
	char *dir;

	if (!is_component(name, ".%{}<>:\"\\|?*"))
		return error_set(err, ERR_USAGE,
		    "\"%s\" is no name of a pipeline%s%s%s", name,
		    strchr(name, '/') ? "; write \"" : "",
		    strchr(name, '/') ? name : "",
		    strchr(name, '/') ? "/\" for a directory" : "");
	dir = workdir_pipelines();
	w->name = xstrdup(name);
	w->path = xasprintf("%s/%s", dir, name);
	free(dir);
	return 0;
}

/* DIR/: its last component is the pipeline's name, also when it is "." */
static int
place_dir(struct workdir *w, const char *dir, struct error *err)
{
	size_t n = strlen(dir);
	char *path, *real;
	const char *last;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	path = xstrndup(dir, n);
	real = realpath(path, NULL);
	last = strrchr(real ? real : path, '/');
	last = last ? last + 1 : path;
	if (!is_component(last, "")) {
		free(path);
		free(real);
		return error_set(err, ERR_USAGE,
		    "\"%s\" cannot be the directory of a pipeline", dir);
	}
	w->name = xstrdup(last);
	w->path = path;
	free(real);
	return 0;
}

/* ---- opening ---- */

static int
check_version(const struct workdir *w, const char *folder, const char *want,
    bool create, struct error *err)
{
	char *path = xasprintf("%s/%s/.version", w->path, folder);
	char *text = NULL;
	size_t len;
	int rc = 0;

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		if (create)
			rc = output_file(path, want, strlen(want), err);
		goto out;
	}
	rc = read_file(path, 4096, &text, &len, err);
	if (rc)
		goto out;
	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	if (strcmp(text, want) != 0)
		rc = error_set(err, ERR_DATA,
		    "%s: storage version \"%.40s\" is not supported, "
		    "only \"%s\"",
		    path, text, want);
out:
	free(text);
	free(path);
	return rc;
}

static int
make_folders(const struct workdir *w, struct error *err)
{
	static const char *const folders[] = { "schemas", "normalize/extracted",
		"load/new", "load/normalized", "load/loaded" };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(folders) && !rc; i++) {
		char *path = xasprintf("%s/%s", w->path, folders[i]);

		rc = make_dirs(path, err);
		free(path);
	}
	return rc;
}

static bool
is_missing(const char *path)
{
	return access(path, F_OK) != 0 && errno == ENOENT;
}

/* Under the lock of those who save one: another run may have made it and gone on
 * from there since. */
static int
make_state(struct workdir *w, struct error *err)
{
	char *path = xasprintf("%s/state.json", w->path);
	struct buf fresh = { 0 };
	int rc = 0;

	if (!is_missing(path))
		goto out;
	TEST_RUN("workdir.state");
	rc = workdir_lock(w, STAGE_COMMIT, WAIT_FOREVER, err);
	if (rc == 0 && is_missing(path)) {
		state_fresh(w->name, &fresh);
		rc = output_file(path, fresh.data, fresh.len, err);
	}
	workdir_unlock(w, STAGE_COMMIT);
out:
	buf_release(&fresh);
	free(path);
	return rc;
}

static int
check_state(struct workdir *w, struct error *err)
{
	struct state st = { 0 };
	int rc = workdir_state(w, &st, err);

	state_release(&st);
	return rc;
}

static int
open_checked(struct workdir *w, bool create, struct error *err)
{
	struct stat sb;

	if (stat(w->path, &sb) == 0 && !S_ISDIR(sb.st_mode)) {
		errno = ENOTDIR;
		return error_errno(err, "%s", w->path);
	}
	if (access(w->path, F_OK) != 0 && errno != ENOENT && !create)
		return error_errno(err, "%s", w->path);
	if (access(w->path, F_OK) != 0 && !create)
		return error_set(err, ERR_DATA,
		    "pipeline \"%s\" does not exist (no %s)", w->name, w->path);
	/* First everything is looked at: what is too new stays untouched. */
	if (check_version(w, "normalize", NORMALIZE_VERSION, false, err) ||
	    check_version(w, "load", LOAD_VERSION, false, err) ||
	    check_state(w, err))
		return -1;
	if (create &&
	    (make_dirs(w->path, err) || make_state(w, err) ||
	        workdir_complete(w, err)))
		return -1;
	return 0;
}

int
workdir_complete(struct workdir *w, struct error *err)
{
	if (make_folders(w, err) ||
	    check_version(w, "normalize", NORMALIZE_VERSION, true, err) ||
	    check_version(w, "load", LOAD_VERSION, true, err))
		return -1;
	return 0;
}

bool
workdir_is_pythons(struct workdir *w)
{
	char *trace = xasprintf("%s/trace.pickle", w->path);
	bool found = access(trace, F_OK) == 0;
	struct state st = { 0 };
	struct error ignored;

	if (!found && workdir_state(w, &st, &ignored) == 0)
		found = json_get(json_get(st.doc.root, "_local"),
		            "last_run_context") != NULL;
	state_release(&st);
	free(trace);
	return found;
}

int
workdir_open(struct workdir *w, const char *pipeline, bool create,
    struct error *err)
{
	size_t n = strlen(pipeline);
	int rc;

	*w = (struct workdir){ .build_lock = LOCK_NONE };
	for (size_t i = 0; i < STAGE_COUNT; i++)
		w->locks[i] = LOCK_NONE;
	if (n && pipeline[n - 1] == '/')
		rc = place_dir(w, pipeline, err);
	else
		rc = place_name(w, pipeline, err);
	if (!rc)
		rc = open_checked(w, create, err);
	if (rc)
		workdir_close(w);
	return rc;
}

void
workdir_close(struct workdir *w)
{
	if (!w->path)
		return; /* never opened: the descriptors are not ours */
	lock_drop(&w->build_lock);
	for (size_t i = 0; i < STAGE_COUNT; i++)
		workdir_unlock(w, i);
	free(w->build_folder);
	free(w->path);
	free(w->name);
	*w = (struct workdir){ .build_lock = LOCK_NONE };
}

/* ---- packages ---- */

static int
by_bytes(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

void
workdir_free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static bool
is_folder_at(DIR *d, const struct dirent *e)
{
	struct stat sb;

	if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK)
		return e->d_type == DT_DIR;
	return fstatat(dirfd(d), e->d_name, &sb, 0) == 0 && S_ISDIR(sb.st_mode);
}

int
workdir_list(const struct workdir *w, const char *folder, char ***names,
    size_t *count, struct error *err)
{
	char *path = xasprintf("%s/%s", w->path, folder);
	DIR *d = opendir(path);
	struct dirent *e;
	size_t cap = 0;
	int rc = 0;

	*names = NULL;
	*count = 0;
	if (!d) {
		if (errno != ENOENT)
			rc = error_errno(err, "%s", path);
		free(path);
		return rc;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || !is_folder_at(d, e))
			continue;
		*names = xgrow(*names, &cap, *count + 1, sizeof(**names));
		(*names)[(*count)++] = xstrdup(e->d_name);
	}
	closedir(d);
	free(path);
	if (*count)
		qsort(*names, *count, sizeof(**names), by_bytes);
	return 0;
}

int
workdir_pending(struct workdir *w, enum stage stage, char ***names,
    size_t *count, struct error *err)
{
	*names = NULL;
	*count = 0;
	if (workdir_recover(w, err))
		return -1;
	return workdir_list(w,
	    stage == STAGE_LOAD ? "load/normalized" : "normalize/extracted",
	    names, count, err);
}

char *
workdir_package_dir(struct workdir *w, enum stage stage, const char *load_id)
{
	static const char *const folders[STAGE_COUNT] = { "normalize/extracted",
		"load/normalized", "load/loaded", "load/loaded" };

	return xasprintf("%s/%s/%s", w->path, folders[stage], load_id);
}

static int
check_load_id(struct workdir *w, enum stage stage, const char *load_id,
    struct error *err)
{
	if (!is_component(load_id, "") || load_id[0] == '.')
		return error_set(err, ERR_DATA,
		    "\"%.100s\" cannot be a load id: it names a directory",
		    load_id);
	if (stage != STAGE_EXTRACT)
		return 0;
	for (enum stage s = STAGE_EXTRACT; s <= STAGE_LOAD; s++) {
		char *path = workdir_package_dir(w, s, load_id);
		bool there = access(path, F_OK) == 0;

		free(path);
		if (there)
			return error_set(err, ERR_DATA,
			    "pipeline \"%s\" has a package %s already", w->name,
			    load_id);
	}
	return 0;
}

/* normalize/HEX, locked, so that nobody takes it for a dead one's. */
static int
extract_folder(struct workdir *w, struct error *err)
{
	char hex[17], *lock;
	int rc;

	if (w->build_folder)
		return 0;
	hash_random_hex(hex, 8);
	w->build_folder = xasprintf("%s/normalize/%s", w->path, hex);
	output_remove_at_exit(w->build_folder);
	rc = make_dirs(w->build_folder, err);
	if (!rc) {
		lock = xasprintf("%s/.lock", w->build_folder);
		rc = workdir_lock_file(w, &w->build_lock, lock, STAGE_EXTRACT,
		    0, err);
		free(lock);
	}
	if (rc) {
		free(w->build_folder);
		w->build_folder = NULL;
	}
	return rc;
}

char *
workdir_build_dir(struct workdir *w, enum stage stage, const char *load_id,
    struct error *err)
{
	char *path;

	if (check_load_id(w, stage, load_id, err))
		return NULL;
	if (stage == STAGE_LOAD)
		return workdir_package_dir(w, STAGE_NORMALIZE, load_id);
	if (stage == STAGE_EXTRACT) {
		/* Nobody may look for dead folders while it is made. */
		bool held = w->locks[STAGE_COMMIT].fd >= 0;
		int rc = workdir_lock(w, STAGE_COMMIT, WAIT_FOREVER, err) ||
		    extract_folder(w, err);

		if (!held)
			workdir_unlock(w, STAGE_COMMIT);
		if (rc)
			return NULL;
		path = xasprintf("%s/%s", w->build_folder, load_id);
	} else {
		path = xasprintf("%s/load/new/%s", w->path, load_id);
	}
	if (remove_tree(path, err) || make_dirs(path, err)) {
		free(path);
		return NULL;
	}
	output_remove_at_exit(path);
	return path;
}

/* Is another package being built in the folder of an extract? */
static bool
is_in_use(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	bool used = false;

	while (d && !used && (e = readdir(d)))
		used = e->d_name[0] != '.';
	if (d)
		closedir(d);
	return used;
}

/* The folder of an extract, when it has become empty but for its lock. */
static int
leave_extract_folder(struct workdir *w, struct error *err)
{
	char *lock;

	if (!w->build_folder || is_in_use(w->build_folder))
		return 0;
	lock = xasprintf("%s/.lock", w->build_folder);
	unlink(lock);
	free(lock);
	lock_drop(&w->build_lock);
	if (rmdir(w->build_folder) && errno != ENOENT)
		return error_errno(err, "%s: rmdir", w->build_folder);
	output_keep(w->build_folder);
	free(w->build_folder);
	w->build_folder = NULL;
	return 0;
}

static int
move_package(const char *from, const char *to, struct error *err)
{
	char *parent = xstrndup(to, (size_t)(strrchr(to, '/') - to));
	int rc = make_dirs(parent, err);

	free(parent);
	if (rc || fsync_path(from, err))
		return -1;
	if (access(to, F_OK) == 0 && rmdir(to) != 0)
		return error_set(err, ERR_DATA, "%s: is there already", to);
	return move_dir(from, to, false, err);
}

int
workdir_commit(struct workdir *w, enum stage stage, const char *build_dir,
    const char *load_id, struct error *err)
{
	bool held = w->locks[STAGE_COMMIT].fd >= 0;
	char *to;
	int rc;

	if (workdir_lock(w, STAGE_COMMIT, WAIT_FOREVER, err))
		return -1;
	to = workdir_package_dir(w, stage, load_id);
	rc = move_package(build_dir, to, err);
	if (!rc && stage != STAGE_LOAD)
		output_keep(build_dir);
	if (!rc && stage == STAGE_EXTRACT)
		rc = leave_extract_folder(w, err);
	free(to);
	if (!held)
		workdir_unlock(w, STAGE_COMMIT);
	return rc;
}
