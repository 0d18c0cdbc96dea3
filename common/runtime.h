/* SPDX-License-Identifier: MIT */
/*
 * runtime: how a run talks to people, as the command line and the
 * configuration say: runtime.log_level, runtime.log_format, progress.
 *
 * Errors: ERR_USAGE for values that are none.
 * Source: contract.md 11.4.
 */
#ifndef DLT_RUNTIME_H
#define DLT_RUNTIME_H

#include "common/config.h"
#include "common/opt.h"
#include "common/progress.h"

/* Once the configuration is known, and before threads are made: format and level
 * of messages, for which the command line wins, and the progress of a run (none
 * with --show-config). spec: without its kind and quiet. */
int runtime_begin(struct config *c, const struct opt_common *o,
    const struct progress_spec *spec, struct progress **out, struct error *err);
/* At the end of the run, after its threads: writes --metrics and the end of
 * --trace, and frees p, which may be NULL. What cannot be written is worth a
 * warning. why: the error of a run that failed, else NULL. */
void runtime_end(struct progress *p, const struct opt_common *o,
    const struct error *why);

#endif
