/* SPDX-License-Identifier: MIT */
/*
 * metrics: what a run has done, as a file for the textfile collector of
 * Prometheus's node exporter.
 *
 * Shape:  gauges named dlt_run_*, with the labels stage, pipeline (where there
 *         is one) and table. Written whole, by rename.
 * Errors: ERR_IO with the path.
 * Source: Prometheus, "Exposition formats", text format 0.0.4.
 */
#ifndef DLT_METRICS_H
#define DLT_METRICS_H

#include "common/progress.h"

int metrics_write(const char *path, struct progress *p, bool failed,
    struct error *err);

#endif
