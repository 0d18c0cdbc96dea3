/* SPDX-License-Identifier: MIT */
/*
 * rest_auth: authentication of requests with dlt's keys, and values that are
 * secrets.
 *
 * Shape:  "bearer" | "api_key" | "http_basic" | "oauth2_client_credentials",
 *         as a name or as an object with `type` (bearer, if there is none) and
 *
 *	bearer                     token
 *	api_key                    api_key, name = "Authorization",
 *	                           location = "header" | "query" | "param" |
 *	                           "cookie"
 *	http_basic                 username, password
 *	oauth2_client_credentials  access_token_url, client_id, client_secret,
 *	                           access_token_request_data,
 *	                           default_token_expiration = 3600
 *
 *         A value is a text; { secret = "KEY" } is the setting KEY; a key that
 *         is left out is looked up under its own name, first in the section
 *         "credentials" as dlt does.
 * Errors: ERR_USAGE names the key (and where it was looked for), no value.
 * Thread: rest_auth_new() and rest_secret() ask the configuration, which
 *         belongs to one thread; the rest from any.
 * Owner:  rest_auth_new() -> rest_auth_free().
 * Source: dlt 1.26.0, sources/helpers/rest_client/auth.py; contract.md 11.2.
 */
#ifndef DLT_EXTRACT_REST_AUTH_H
#define DLT_EXTRACT_REST_AUTH_H

#include "common/buf.h"
#include "common/config.h"
#include "common/error.h"
#include "common/json.h"

struct rest_auth;

/* value: what stands at `auth`. *auth is NULL when it is null. config and
 * where may be NULL: nothing is looked up. */
int rest_auth_new(const struct json *value, struct config *config,
    const struct config_context *where, struct rest_auth **auth,
    struct error *err);
void rest_auth_free(struct rest_auth *a); /* NULL is legal */

/* The text of a value that may be { secret = "KEY" }, appended; *secret (NULL:
 * not wanted) says whether it was. Others as rest_str() has them. */
int rest_secret(const struct json *value, struct config *config,
    const struct config_context *where, struct buf *out, bool *secret,
    struct error *err);

#endif
