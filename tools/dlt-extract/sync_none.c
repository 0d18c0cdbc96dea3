/* SPDX-License-Identifier: MIT */
/* In place of sync.c where the tree is built without destinations. */
#include "tools/dlt-extract/sync.h"

int
sync_read(const char *url, const char *schema_name, const char *pipeline,
    struct schema **s, struct buf *state, struct error *err)
{
	(void)url, (void)schema_name, (void)pipeline, (void)s, (void)state;
	return error_set(err, ERR_USAGE,
	    "--sync: built without any destination");
}
