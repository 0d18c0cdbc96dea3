/* SPDX-License-Identifier: MIT */
/*
 * DuckDB makes a file by writing three blocks. Whoever is killed in between
 * leaves one that nobody can open, with nothing in it; so does a disk that is
 * full. Such a file is made whole, under the lock that DuckDB itself takes.
 */
#include "common/dest/dest_duckdb_private.h"

#include "common/mem.h"
#include "common/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANK_SIZE 12288 /* of a new file */
#define HEAD_SIZE  12    /* a checksum, then the magic bytes */

static bool
is_unfinished(int fd)
{
	char head[HEAD_SIZE];
	struct stat st;
	long n;

	if (fstat(fd, &st) < 0 || st.st_size >= BLANK_SIZE)
		return false;
	n = pread(fd, head, sizeof(head), 0);
	return n == 0 ||
	    (n == HEAD_SIZE && memcmp(head + HEAD_SIZE - 4, "DUCK", 4) == 0);
}

/* A file of full size is never opened here: closing it would give back the lock
 * of another connection of this process. */
bool
duckdb_is_unfinished(const char *path)
{
	struct stat st;
	bool yes;
	int fd;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size >= BLANK_SIZE)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	yes = is_unfinished(fd);
	close(fd);
	return yes;
}

bool
duckdb_is_new(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ||
	    (S_ISREG(st.st_mode) && st.st_size < BLANK_SIZE);
}

bool
duckdb_is_blank(const char *path)
{
	char *wal = xasprintf("%s.wal", path);
	struct stat st;
	bool yes = stat(path, &st) == 0 && st.st_size == BLANK_SIZE &&
	    lstat(wal, &st) < 0 && errno == ENOENT;

	free(wal);
	return yes;
}

/* What DuckDB writes into a new file. */
static int
read_blank(const char *path, char out[BLANK_SIZE], struct error *err)
{
	struct duck *duck = duck_open(path, NULL, err);
	long n = -1;
	int fd;

	if (!duck)
		return -1;
	duck_close(duck);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = pread(fd, out, BLANK_SIZE, 0);
		close(fd);
	}
	unlink(path);
	if (n != BLANK_SIZE)
		return error_set(err, ERR_IO, "%s: DuckDB made a strange file",
		    path);
	return 0;
}

static int
make_blank(char out[BLANK_SIZE], struct error *err)
{
	char *dir = temp_path("dlt-duckdb.XXXXXX");
	char *path;
	int rc;

	if (!mkdtemp(dir)) {
		error_errno(err, "%s", dir);
		free(dir);
		return -1;
	}
	path = xasprintf("%s/new.duckdb", dir);
	rc = read_blank(path, out, err);
	rmdir(dir);
	free(path);
	free(dir);
	return rc;
}

static int
fill(int fd, struct error *err)
{
	char blank[BLANK_SIZE];

	if (make_blank(blank, err) < 0)
		return -1;
	if (pwrite(fd, blank, sizeof(blank), 0) != (long)sizeof(blank) ||
	    fsync(fd) < 0)
		return error_errno(err, "cannot complete the new file");
	return 0;
}

int
duckdb_finish(const char *path, struct error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, rc = 0;

	if (!duckdb_is_unfinished(path))
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", path);
	/* who has the lock is about to finish it */
	if (fcntl(fd, F_SETLK, &lock) == 0 && is_unfinished(fd))
		rc = fill(fd, err);
	close(fd);
	return rc;
}
