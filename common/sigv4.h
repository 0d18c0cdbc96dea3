/* SPDX-License-Identifier: MIT */
/*
 * sigv4: requests signed as Amazon's services want it, version 4.
 *
 * Shape:  the caller says what the request will be, and sends just that: the
 *         same path and query, which come from sigv4_path() and sigv4_query(),
 *         all headers named here, and the result as "Authorization".
 * Errors: none.
 * Source: "Signature Version 4 for API requests" in Amazon's IAM User Guide;
 *         "Authenticating Requests" in the S3 API Reference (there the path is
 *         escaped once). HMAC: RFC 2104.
 */
#ifndef DLT_SIGV4_H
#define DLT_SIGV4_H

#include "common/buf.h"

#define SIGV4_TIME_LEN 16 /* "YYYYMMDDTHHMMSSZ" */

struct sigv4_key {
	const char *id, *secret;
	const char *region, *service;
};

struct sigv4_pair {
	const char *name, *value;
};

struct sigv4_request {
	const char *method;
	const char *path;  /* escaped, beginning with a slash */
	const char *query; /* as sigv4_query() gives it; "" for none */
	/* Names in lower case, sorted; "host" and "x-amz-date" among them. */
	const struct sigv4_pair *headers;
	size_t header_count;
	const char *body_sha256; /* in hex, or "UNSIGNED-PAYLOAD" */
	const char *time;        /* that of x-amz-date */
};

/* Seconds since 1970-01-01 UTC as x-amz-date. */
void sigv4_time(int64_t now, char out[SIGV4_TIME_LEN + 1]);

/* Appends the text escaped; slashes stay. */
void sigv4_path(const char *text, struct buf *out);
/* Appends "NAME=VALUE&...", escaped and sorted; at most 16 pairs. */
void sigv4_query(const struct sigv4_pair *pairs, size_t count, struct buf *out);

/* Appends the value of the header "Authorization". */
void sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *req,
    struct buf *out);

#endif
