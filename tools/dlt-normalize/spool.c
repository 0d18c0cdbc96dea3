/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/output.h"

int
spool_make(char **path, struct error *err)
{
	int fd;

	*path = temp_path("dlt-spool.XXXXXX");
	fd = mkostemp(*path, O_CLOEXEC);
	if (fd < 0) {
		error_errno(err, "%s", *path);
		free(*path);
		*path = NULL;
		return -1;
	}
	output_remove_at_exit(*path);
	return fd;
}

int
spool_write(int fd, const char *path, const char *data, size_t len,
    struct error *err)
{
	return write_fully(fd, data, len) ? error_errno(err, "%s", path) : 0;
}

void
spool_remove(char *path)
{
	if (!path)
		return;
	unlink(path);
	output_keep(path);
	free(path);
}
