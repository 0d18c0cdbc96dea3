/* SPDX-License-Identifier: MIT */
/* In place of reader_postgres.c where libpq is missing. */
#include "common/dest/reader.h"

static void *
pg_open(const char *rest, const char *password, const struct reader_query *q,
    struct error *err)
{
	error_set(err, ERR_USAGE,
	    "built without PostgreSQL; install libpq (Debian: libpq-dev) and "
	    "build again");
	return NULL;
}

static int
pg_tables(const char *rest, const char *password, struct buf *names,
    struct error *err)
{
	pg_open(rest, password, NULL, err);
	return -1;
}

const struct reader_ops reader_postgres = {
	.open = pg_open,
	.tables = pg_tables,
};
