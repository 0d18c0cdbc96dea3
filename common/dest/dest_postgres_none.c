/* SPDX-License-Identifier: MIT */
/* In place of dest_postgres*.c where libpq is missing. */
#include "common/dest/dest.h"

static struct dest *
postgres_open(const char *rest, const struct dest_settings *set,
    struct error *err)
{
	error_set(err, ERR_USAGE,
	    "built without PostgreSQL; install libpq (Debian: libpq-dev) and "
	    "build again");
	return NULL;
}

static const char *const no_strategies[] = { NULL };

extern const struct dest_ops dest_postgresql, dest_postgres;
const struct dest_ops dest_postgresql = {
	.scheme = "postgresql",
	.form = "postgresql://HOST/DATABASE",
	.caps = { no_strategies, no_strategies },
	.open = postgres_open,
};
const struct dest_ops dest_postgres = {
	.scheme = "postgres",
	.form = "postgresql://HOST/DATABASE",
	.caps = { no_strategies, no_strategies },
	.open = postgres_open,
};
