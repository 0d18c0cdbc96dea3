/* SPDX-License-Identifier: MIT */
#include "common/space.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "common/mem.h"
#include "common/output.h"

#ifdef __linux__
static bool
is_honest(const char *path)
{
	static const unsigned long types[] = { 0xef53, /* ext4 */
		0x58465342,                            /* XFS */
		0xf2f52010,                            /* f2fs */
		0x01021994 };                          /* tmpfs */
	struct statfs st;

	if (statfs(path, &st))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (((unsigned long)st.f_type & 0xffffffff) == types[i])
			return true;
	return false;
}
#else
static bool
is_honest(const char *path)
{
	(void)path;
	return false;
}
#endif

/* The path, or the nearest folder above that is there. */
static char *
nearest(const char *path)
{
	char *at = xstrdup(path);
	struct stat st;

	while (stat(at, &st) && errno == ENOENT && strcmp(at, ".") != 0 &&
	    strcmp(at, "/") != 0) {
		char *up = path_parent(at);

		free(at);
		at = up;
	}
	return at;
}

uint64_t
space_free(const char *path)
{
	char *at = nearest(path);
	uint64_t bytes = UINT64_MAX, blocks;
	struct statvfs st;

	/* tmpfs without a limit has no blocks at all */
	if (is_honest(at) && statvfs(at, &st) == 0 && st.f_blocks) {
		blocks = geteuid() == 0 ? st.f_bfree : st.f_bavail;
		if (__builtin_mul_overflow(blocks, (uint64_t)st.f_frsize,
		        &bytes))
			bytes = UINT64_MAX;
	}
	free(at);
	return bytes;
}

int
space_check(const char *path, uint64_t need, struct error *err)
{
	uint64_t room = space_free(path);

	if (need <= room)
		return 0;
	return error_set(err, ERR_IO,
	    "%s: %s: %.1f MB are needed, %.1f MB are free", path,
	    strerror(ENOSPC), (double)need / 1e6, (double)room / 1e6);
}

/* nftw() takes no argument of its own. */
static _Thread_local uint64_t tree_bytes;

static int
add_size(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (flag == FTW_F && S_ISREG(st->st_mode))
		tree_bytes += (uint64_t)st->st_size;
	return 0;
}

uint64_t
space_of_tree(const char *path)
{
	tree_bytes = 0;
	nftw(path, add_size, 16, FTW_PHYS);
	return tree_bytes;
}
