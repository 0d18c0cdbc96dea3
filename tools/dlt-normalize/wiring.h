/* SPDX-License-Identifier: MIT */
/*
 * wiring: where packages come from and go to: a stream, directories, or the
 * working directory of a pipeline.
 */
#ifndef DLT_NORMALIZE_WIRING_H
#define DLT_NORMALIZE_WIRING_H

#include "common/exchange.h"
#include "common/pathlist.h"
#include "tools/dlt-normalize/normalize.h"
#include "tools/dlt-normalize/plan.h"

struct wiring {
	const char *pipeline; /* -p, or NULL */
	double wait;
	const char *output;        /* -o, or NULL */
	const char *packages_from; /* -T, or NULL */
	const char *schema_file;   /* --schema, or NULL */
	bool print, nul;
	struct opt_list operands;
	struct pathlist paths; /* they and those of -T */
	struct normalize_settings set;
	struct exchange exchange;
	bool codec_given, target_given;
	bool size_given;    /* file_max_bytes, if only 0 */
	struct caps staged; /* set.target by way of a bucket */
	struct normalize_totals totals;
	struct rejects_spec rejects; /* path NULL: none */
	struct plan *plan;           /* say what would change; NULL: do it */
};

/* What the configuration says, into w->set. pipeline and max_memory: of the
 * command line, or NULL. */
int settings_read(struct config *c, const char *pipeline,
    const char *max_memory, struct wiring *w, struct error *err);

/* Work for a destination; staged: by way of a bucket, where it can. */
void wiring_target(struct wiring *w, const struct caps *t, bool staged);

/* Normalize what the command line names. */
int wiring_run(struct wiring *w, struct error *err);

/* At the end: to standard output where it is free (json), and by msg_info(). */
void wiring_report(const struct wiring *w, bool json);

#endif
