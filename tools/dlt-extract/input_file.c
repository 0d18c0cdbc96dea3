/* SPDX-License-Identifier: MIT */
/* A file of any kind that common/archive.h knows, or standard input. */
#include "common/archive.h"
#include "tools/dlt-extract/input_kind.h"

static void *
file_open(const char *text, struct error *err)
{
	return input_open(text, err);
}

static int
file_next(void *self, const char **name, struct error *err)
{
	return input_next(self, name, err);
}

static void
file_close(void *self)
{
	input_close(self);
}

const struct input_kind input_file = {
	.open = file_open,
	.next = file_next,
	.read = input_read,
	.close = file_close,
};
