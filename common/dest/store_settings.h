/* SPDX-License-Identifier: MIT */
/*
 * store_settings: how a bucket is reached, as dlt's names of settings say.
 *
 * Source: contract.md section 11; dlt's AwsCredentials.
 */
#ifndef DLT_STORE_SETTINGS_H
#define DLT_STORE_SETTINGS_H

#include "common/config.h"
#include "common/s3.h"

/* destination.NAME.credentials (NAME: NULL is "filesystem"), then what
 * s3_account_complete() finds. Released also after a failure. */
int store_settings(struct config *c, const char *pipeline, const char *name,
    struct s3_account *out, struct error *err);

#endif
