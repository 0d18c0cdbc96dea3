/* SPDX-License-Identifier: MIT */
#include "common/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/testhook.h"
#include "common/utf8.h"

#define NORMALIZE_VERSION "1.0.1"
#define LOAD_VERSION      "1.0.0"
#define LOCK_STEP_NS      50000000L /* between two tries with a time limit */

static const char *const stage_names[STAGE_COUNT] = { "extract", "normalize",
	"load", "commit" };

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

	*w = (struct workdir){ .build_fd = -1 };
	for (size_t i = 0; i < STAGE_COUNT; i++)
		w->lock_fd[i] = -1;
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
	if (w->build_fd >= 0)
		close(w->build_fd);
	for (size_t i = 0; i < STAGE_COUNT; i++)
		workdir_unlock(w, i);
	free(w->build_folder);
	free(w->path);
	free(w->name);
	*w = (struct workdir){ .build_fd = -1 };
}

/* ---- locks ---- */

static int
in_use(const struct workdir *w, int fd, enum stage stage, struct error *err)
{
	char holder[96] = "";
	long n = pread(fd, holder, sizeof(holder) - 1, 0);
	char *tool;

	holder[n > 0 ? n : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	tool = strchr(holder, ' ');
	if (tool)
		*tool++ = '\0';
	if (!*holder || strspn(holder, "0123456789") != strlen(holder))
		return error_set(err, ERR_TEMP,
		    "pipeline \"%s\" is in use by another process (%s)",
		    w->name, stage_names[stage]);
	return error_set(err, ERR_TEMP,
	    "pipeline \"%s\" is in use by process %s%s%s%s", w->name, holder,
	    tool ? " (" : "", tool ? tool : "", tool ? ")" : "");
}

static double
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* flock() has no time limit, so with one the lock is tried in steps; without,
 * the kernel queues us. */
static int
wait_for(const struct workdir *w, int fd, enum stage stage, double wait,
    struct error *err)
{
	bool forever = wait < 0 || isinf(wait);
	double end = seconds_now() + (forever ? 0 : wait);
	struct timespec step = { 0, LOCK_STEP_NS };

	while (flock(fd, LOCK_EX | (forever ? 0 : LOCK_NB))) {
		if (errno == EINTR) {
			if (signal_pending())
				return error_set(err, ERR_QUIET, "interrupted");
			continue;
		}
		if (errno != EWOULDBLOCK)
			return error_errno(err, "%s: lock", w->path);
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (seconds_now() >= end)
			return in_use(w, fd, stage, err);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
	}
	return 0;
}

/* Is the file that we have locked still the one that others will find? Python
 * removes whole working directories. */
static bool
same_file(int fd, const char *path)
{
	struct stat mine, theirs;

	return fstat(fd, &mine) == 0 && stat(path, &theirs) == 0 &&
	    mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

static int
lock_path(const struct workdir *w, const char *path, enum stage stage,
    double wait, struct error *err)
{
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0666);
		if (fd < 0)
			return error_errno(err, "%s", path);
		if (wait_for(w, fd, stage, wait, err)) {
			close(fd);
			return -1;
		}
		if (same_file(fd, path))
			return fd;
		close(fd);
	}
}

/* For the message of whoever comes second; losing it harms nobody. */
static void
sign(int fd)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "%ld %s\n", (long)getpid(),
	    msg_tool());

	if (ftruncate(fd, 0) == 0 && n > 0 &&
	    pwrite(fd, text, (size_t)n, 0) != n)
		msg_debug("a lock file could not be signed");
}

int
workdir_lock(struct workdir *w, enum stage stage, double wait,
    struct error *err)
{
	char *path;
	int fd;

	if (w->lock_fd[stage] >= 0)
		return 0;
	path = xasprintf("%s/.lock.%s", w->path, stage_names[stage]);
	fd = lock_path(w, path, stage, wait, err);
	free(path);
	if (fd < 0)
		return -1;
	sign(fd);
	w->lock_fd[stage] = fd;
	if (stage == STAGE_EXTRACT && workdir_recover(w, err)) {
		workdir_unlock(w, stage);
		return -1;
	}
	return 0;
}

void
workdir_unlock(struct workdir *w, enum stage stage)
{
	if (!w->path || w->lock_fd[stage] < 0)
		return;
	/* Closing alone would not do if a child had inherited it. */
	flock(w->lock_fd[stage], LOCK_UN);
	close(w->lock_fd[stage]);
	w->lock_fd[stage] = -1;
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
		w->build_fd = lock_path(w, lock, STAGE_EXTRACT, 0, err);
		rc = w->build_fd < 0 ? -1 : 0;
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
		bool held = w->lock_fd[STAGE_COMMIT] >= 0;
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

/* The folder of an extract, when it has become empty but for its lock. */
static int
leave_extract_folder(struct workdir *w, struct error *err)
{
	char *lock;

	if (!w->build_folder)
		return 0;
	lock = xasprintf("%s/.lock", w->build_folder);
	unlink(lock);
	free(lock);
	if (rmdir(w->build_folder) && errno != ENOENT) {
		if (errno == ENOTEMPTY || errno == EEXIST)
			return 0; /* another package is being built there */
		return error_errno(err, "%s: rmdir", w->build_folder);
	}
	output_keep(w->build_folder);
	free(w->build_folder);
	w->build_folder = NULL;
	close(w->build_fd);
	w->build_fd = -1;
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
	return rename_synced(from, to, err);
}

int
workdir_commit(struct workdir *w, enum stage stage, const char *build_dir,
    const char *load_id, struct error *err)
{
	bool held = w->lock_fd[STAGE_COMMIT] >= 0;
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
