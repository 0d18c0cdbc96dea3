/* SPDX-License-Identifier: MIT */
/*
 * refresh: what a run does away with before it begins: tables of its resources
 * and what the state has of them.
 *
 * Shape:  the schema loses the tables (drop_sources: all of them, and all else
 *         it has), the load is told which ones to drop; with drop_data they
 *         stay, and the load empties them. Tables that never had rows are not
 *         in the destination, so the load hears nothing of them.
 * Owner:  refresh_release().
 * Source: contract.md 1.6, 10.2; dlt's refresh modes
 */
#ifndef DLT_REFRESH_H
#define DLT_REFRESH_H

#include "common/config.h"
#include "common/schema.h"
#include "common/workdir.h"
#include "tools/dlt-extract/source_files.h"

enum refresh_mode {
	REFRESH_NONE,
	REFRESH_SOURCES,
	REFRESH_RESOURCES,
	REFRESH_DATA,
};

struct refresh {
	enum refresh_mode mode;
	struct buf tables; /* their objects, with commas; empty: none */
};

/* The setting `refresh`, of the pipeline (NULL: none) or of all. */
int refresh_look_up(struct refresh *r, struct config *c, const char *pipeline,
    struct error *err);
/* Does to the schema, as the last run has left it, what the mode says; again,
 * when somebody has changed it meanwhile. *s becomes another one; NULL: a new
 * one is to be made. */
void refresh_schema(struct refresh *r, struct schema **s,
    const struct sources *sources);
/* The member of load_package_state.json, behind a comma; nothing to say: "". */
void refresh_write(const struct refresh *r, struct buf *out);
/* What becomes of the state of the source. */
void refresh_state(const struct refresh *r, struct state_change *change);
void refresh_release(struct refresh *r);

#endif
