/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/move.h"
#include "common/output.h"
#include "tests/unit/tap.h"

static char scratch[] = "/tmp/test_moveXXXXXX";
static char far[] = "/dev/shm/test_moveXXXXXX";
static char from[64], to[64];

static void
put(const char *dir, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	char *parent = path_parent(path);
	struct error err;

	if (make_dirs(parent, &err) ||
	    output_file(path, text, strlen(text), &err))
		abort();
	free(parent);
	free(path);
}

/* "" when it is not there. */
static const char *
content(const char *dir, const char *name)
{
	static char kept[64];
	char *path = xasprintf("%s/%s", dir, name), *text = NULL;
	struct error err;
	size_t len;

	snprintf(kept, sizeof(kept), "%s",
	    read_file(path, sizeof(kept), &text, &len, &err) ? "" : text);
	free(text);
	free(path);
	return kept;
}

static void
put_package(const char *dir)
{
	put(dir, "schema.json", "schema");
	put(dir, "manifest.json", "manifest");
	put(dir, "new_jobs/a", "rows a");
	put(dir, "new_jobs/b", "rows b");
	put(dir, "empty/.keep", "");
}

static void
check_moved(const char *what)
{
	tap_ok(access(from, F_OK) != 0, "%s: the source is gone", what);
	tap_str(content(to, "new_jobs/a"), "rows a", "... a file");
	tap_str(content(to, "schema.json"), "schema", "... the schema");
	tap_str(content(to, "manifest.json"), "manifest", "... the manifest");
	tap_ok(!move_is_half(to) && !move_is_begun(to), "... and no mark");
	tap_str(content(to, "old"), "", "... nothing that was there before");
}

static void
clear(void)
{
	struct error err;

	if (remove_tree(from, &err) || remove_tree(to, &err))
		abort();
}

/* As a process leaves it that dies after a file. */
static void
put_half(void)
{
	clear();
	put_package(from);
	put(from, ".moving", to);
	put(to, ".half", "from\n");
	put(to, "new_jobs/a", "rows");
	put(to, "new_jobs/old", "old");
	put(to, "old/dir/x", "old");
}

static void
test_move(const char *what)
{
	struct error err = { 0 };

	clear();
	put_package(from);
	tap_int(move_dir(from, to, false, &err), 0, what);
	check_moved(what);
	put_package(from);
	tap_int(move_dir(from, to, false, &err), -1, "TO is taken");
	tap_ok(!move_is_begun(from), "... and the source as before");
	clear();
	put_package(from);
	if (mkdir(to, 0777))
		abort();
	tap_int(move_dir(from, to, false, &err), 0, "TO is empty");
	check_moved("it is filled");
	put(to, "schema.json", "an old one");
	put(to, "old", "an old one");
	put_package(from);
	tap_int(move_dir(from, to, true, &err), 0, "TO is replaced");
	check_moved("it is");
}

static void
test_failure(void)
{
	struct error err = { 0 };
	char link[96];

	clear();
	put_package(from);
	snprintf(link, sizeof(link), "%s/link", from);
	if (symlink("nowhere", link))
		abort();
	tap_int(move_dir(from, to, false, &err), -1, "links are not copied");
	tap_ok(strstr(err.msg, "/link") != NULL, "... %s", err.msg);
	tap_ok(access(to, F_OK) != 0, "... TO is absent");
	tap_ok(!move_is_begun(from), "... and the source as before");
	put(to, "old", "x");
	tap_int(move_dir(from, to, true, &err), -1, "... nor over others");
	tap_ok(move_is_half(to) && move_is_begun(from), "... which stays half");
	unlink(link);
	tap_int(move_settle(from, to, MOVE_FINISH, &err), 0, "gone on with");
	check_moved("after the failure");
}

static void
test_settle(void)
{
	struct error err = { 0 };

	put_half();
	tap_int(move_refuse_half(to, &err), -1, "a half is refused");
	tap_int(err.code, ERR_TEMP, "... for now");
	tap_int(move_settle(from, to, MOVE_FINISH, &err), 0, "finish");
	check_moved("a half");
	tap_str(content(to, "new_jobs/old"), "", "... in no folder");
	tap_int(move_refuse_half(to, &err), 0, "and is none any more");

	put_half();
	tap_int(move_settle(from, to, MOVE_UNDO, &err), 0, "undo");
	tap_ok(access(to, F_OK) != 0, "... the half is gone");
	tap_str(content(from, "new_jobs/a"), "rows a", "... the whole is not");
	tap_ok(!move_is_begun(from), "... and has no mark");

	put(from, ".moving", to);
	tap_int(move_settle(from, to, MOVE_FINISH, &err), 0, "no copy yet");
	tap_ok(!move_is_begun(from), "... nothing has happened");
	put(from, ".moving", to);
	if (mkdir(to, 0777))
		abort();
	tap_int(move_settle(from, to, MOVE_FINISH, &err), 0, "only a folder");
	tap_ok(access(to, F_OK) != 0, "... which is gone");

	put(from, ".moving", to);
	put_package(to);
	tap_int(move_settle(from, to, MOVE_UNDO, &err), 0, "a rest");
	check_moved("it has been copied");
	put_package(from);
	tap_int(move_settle(from, to, MOVE_FINISH, &err), 0, "no move at all");
	tap_str(content(from, "schema.json"), "schema", "... of either");
}

int
main(void)
{
	struct stat a, b;
	struct error err;

	if (!mkdtemp(scratch))
		return 1;
	snprintf(from, sizeof(from), "%s/from", scratch);
	snprintf(to, sizeof(to), "%s/to", scratch);
	test_settle();
	clear();
	put_package(from);
	tap_int(move_dir(from, to, false, &err), 0, "a rename");
	check_moved("renamed");
	if (mkdtemp(far) && stat(far, &a) == 0 && stat(scratch, &b) == 0 &&
	    a.st_dev != b.st_dev) {
		snprintf(to, sizeof(to), "%s/to", far);
		test_move("to another disk");
		test_failure();
		test_settle();
	} else {
		tap_skip("copies", "/dev/shm is no other disk");
	}
	tap_ok(move_is_refusal(EXDEV) && !move_is_refusal(ENOSPC), "refusals");
	remove_tree(scratch, &err);
	remove_tree(far, &err);
	return tap_done();
}
