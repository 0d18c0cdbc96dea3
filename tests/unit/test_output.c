/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/output.h"
#include "tests/unit/tap.h"

static char scratch[] = "/tmp/test_output.XXXXXX";

static const char *
at(const char *name)
{
	static char paths[4][256];
	static int turn;
	char *p = paths[turn++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", scratch, name);
	return p;
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		tap_ok(false, "%s: %s", path, strerror(errno));
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Entries of the scratch directory that are hidden or 16 hex digits. */
static int
leftovers(const char *dir)
{
	char *cmd = xasprintf("ls -A %s | grep -cE '^\\.|^[0-9a-f]{16}'", dir);
	FILE *f = popen(cmd, "r");
	int n = -1;

	if (!f || fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		pclose(f);
	free(cmd);
	return n;
}

static void
content(const char *path, const char *want, const char *name)
{
	struct error err = { 0 };
	char *text = NULL;
	size_t len;

	if (read_file(path, 1 << 20, &text, &len, &err))
		tap_ok(false, "%s: %s", name, err.msg);
	else
		tap_str(text, want, name);
	free(text);
}

static void
test_file(void)
{
	struct error err = { 0 };
	char *text;
	size_t len;

	tap_int(output_file(at("f"), "one", 3, &err), 0, "write a file");
	content(at("f"), "one", "content");
	tap_int(output_file(at("f"), "", 0, &err), 0, "write it again");
	content(at("f"), "", "replaced");
	tap_int(output_file(at("none/f"), "x", 1, &err), -1, "no such folder");
	tap_ok(err.code == ERR_IO && strstr(err.msg, "none/f"), "%s", err.msg);
	mkdir(at("dir"), 0777);
	tap_int(output_file(at("dir"), "x", 1, &err), -1, "over a folder");
	tap_int(leftovers(scratch), 0, "no temporary file stays");
	put(at("f"), "12345");
	tap_int(read_file(at("f"), 5, &text, &len, &err), 0, "read 5 of 5");
	free(text);
	tap_int(read_file(at("f"), 4, &text, &len, &err), -1, "5 of 4");
	tap_int(err.code, ERR_DATA, "is too large");
	tap_int(read_file(at("g"), 4, &text, &len, &err), -1, "absent");
	tap_int(err.code, ERR_IO, "is an I/O error");
	tap_int(read_file(at("dir"), 4, &text, &len, &err), -1, "a folder");
}

static void
test_tree(void)
{
	struct error err = { 0 };

	tap_int(make_dirs(at("a/b/c"), &err), 0, "mkdir -p");
	tap_int(make_dirs(at("a/b/c/"), &err), 0, "again");
	tap_int(make_dirs(at("f/x"), &err), -1, "below a file");
	put(at("keep"), "kept");
	mkdir(at("other"), 0777);
	put(at("other/file"), "kept");
	put(at("a/b/c/f"), "x");
	tap_int(symlink("../../other", at("a/b/link")), 0, "link to a folder");
	tap_int(symlink("../../keep", at("a/b/flink")), 0, "link to a file");
	tap_int(remove_tree(at("a"), &err), 0, "remove the tree");
	tap_ok(!exists(at("a")), "is gone");
	content(at("other/file"), "kept", "links were not followed");
	content(at("keep"), "kept", "nor the file's");
	tap_int(symlink("other", at("l")), 0, "link");
	tap_int(remove_tree(at("l"), &err), 0, "remove a link");
	content(at("other/file"), "kept", "not what it names");
	tap_int(remove_tree(at("absent"), &err), 0, "absent is fine");
	put(at("r1"), "x");
	tap_int(rename_synced(at("r1"), at("other/r2"), &err), 0, "rename");
	content(at("other/r2"), "x", "moved");
	tap_int(rename_synced(at("r1"), at("r2"), &err), -1, "absent source");
	tap_int(fsync_path(at("other"), &err), 0, "fsync a folder");
	tap_int(fsync_path(at("absent"), &err), -1, "fsync of nothing");
}

static char *
begin(const char *target, const char *text)
{
	struct error err = { 0 };
	char *tmp = NULL, *file;

	if (output_dir_begin(target, &tmp, &err)) {
		tap_ok(false, "%s", err.msg);
		return NULL;
	}
	file = xasprintf("%s/file", tmp);
	put(file, text);
	free(file);
	return tmp;
}

static void
test_dir(void)
{
	struct error err = { 0 };
	char *tmp;

	tmp = begin(at("new/deep/pkg"), "1");
	tap_int(output_dir_commit(tmp, at("new/deep/pkg"), false, &err), 0,
	    "commit to an absent path, parents made");
	content(at("new/deep/pkg/file"), "1", "is there");
	mkdir(at("empty"), 0777);
	tmp = begin(at("empty/"), "2");
	tap_int(output_dir_commit(tmp, at("empty/"), false, &err), 0,
	    "an empty directory is filled");
	content(at("empty/file"), "2", "is there");
	tmp = begin(at("empty"), "3");
	tap_int(output_dir_commit(tmp, at("empty"), false, &err), -1,
	    "one that is not empty is refused");
	tap_ok(strstr(err.msg, "empty: ") != NULL, "%s", err.msg);
	output_dir_abort(tmp);
	content(at("empty/file"), "2", "and unchanged");
	tmp = begin(at("empty"), "4");
	tap_int(output_dir_commit(tmp, at("empty"), true, &err), 0,
	    "exchanged on demand");
	content(at("empty/file"), "4", "the new one is there");
	put(at("plain"), "x");
	tmp = begin(at("plain"), "5");
	tap_int(output_dir_commit(tmp, at("plain"), true, &err), -1,
	    "a file is not replaced");
	output_dir_abort(tmp);
	content(at("plain"), "x", "and unchanged");
	tap_int(symlink("empty", at("ln")), 0, "link");
	tmp = begin(at("ln"), "6");
	tap_int(output_dir_commit(tmp, at("ln"), true, &err), 0,
	    "through a symbolic link");
	content(at("empty/file"), "6", "what it names is replaced");
	tap_int(leftovers(scratch), 0, "no temporary directory stays");
	output_dir_abort(NULL);
}

/* Run f in a child; returns its wait status. */
static int
child(void (*f)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		f();
		exit(7);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void
die_unfinished(void)
{
	struct error err;
	char *tmp;

	if (chdir(scratch) || output_dir_begin("late", &tmp, &err))
		_exit(1);
	if (chdir(tmp))
		_exit(1);
	put("x", "x");
	mkdir("y", 0777);
	free(tmp);
	if (chdir(scratch))
		_exit(1);
	put(at("kept"), "x");
	put(at("doomed"), "x");
	output_remove_at_exit("kept");
	output_remove_at_exit(at("doomed"));
	output_keep("kept");
	if (chdir("/"))
		_exit(1);
}

static void
die_by_signal(void)
{
	signals_init();
	die_unfinished();
	raise(SIGTERM);
	if (signal_pending() != SIGTERM)
		_exit(2);
	signal_reraise();
}

static void
die_twice(void)
{
	signals_init();
	raise(SIGINT);
	raise(SIGINT);
}

static void
die_of_pipe(void)
{
	int fd[2];

	signals_init();
	if (pipe(fd) || close(fd[0]) || write(fd[1], "x", 1) != -1 ||
	    errno != EPIPE)
		_exit(2);
	signal_note(SIGPIPE);
	signal_reraise();
}

static void
ignored_stays(void)
{
	signal(SIGHUP, SIG_IGN);
	signals_init();
	raise(SIGHUP);
	_exit(signal_pending() ? 1 : 0);
}

static void
test_exit(void)
{
	int st = child(die_unfinished);

	tap_int(WIFEXITED(st) ? WEXITSTATUS(st) : -1, 7, "child ended");
	tap_int(leftovers(scratch), 0, "its unfinished directory is gone");
	tap_ok(!exists(at("doomed")) && exists(at("kept")), "so is its file");
	st = child(die_by_signal);
	tap_int(WIFSIGNALED(st) ? WTERMSIG(st) : -1, SIGTERM, "dies by signal");
	tap_int(leftovers(scratch), 0, "after tidying up");
	st = child(die_twice);
	tap_int(WIFSIGNALED(st) ? WTERMSIG(st) : -1, SIGINT, "at once by two");
	st = child(die_of_pipe);
	tap_int(WIFSIGNALED(st) ? WTERMSIG(st) : -1, SIGPIPE, "EPIPE");
	st = child(ignored_stays);
	tap_int(WIFEXITED(st) ? WEXITSTATUS(st) : -1, 0, "nohup is respected");
}

int
main(void)
{
	struct error err;

	if (!mkdtemp(scratch))
		return 1;
	test_file();
	test_tree();
	test_dir();
	test_exit();
	remove_tree(scratch, &err);
	return tap_done();
}
