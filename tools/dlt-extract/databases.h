/* SPDX-License-Identifier: MIT */
/*
 * databases: inputs database:NAME::TABLE, whose URL is in the configuration.
 *
 * Shape:  databases_find() puts the URL in place of "database:NAME", and the
 *         password into the plan; before anything is opened, as settings belong
 *         to one thread.
 * Errors: ERR_USAGE for a name that is not configured.
 * Owner:  databases_release(), after the run.
 */
#ifndef DLT_DATABASES_H
#define DLT_DATABASES_H

#include "tools/dlt-extract/pull.h"

struct databases {
	char **passwords;
	size_t count, cap;
};

int databases_find(struct databases *d, struct sources *s,
    struct pull_resource *plans, struct config *c, const char *pipeline,
    struct error *err);
void databases_release(struct databases *d);

#endif
