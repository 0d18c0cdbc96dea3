/* SPDX-License-Identifier: MIT */
/*
 * rest_url: URLs joined and encoded, byte for byte as dlt and the Python
 * library requests do it.
 *
 * Shape:  texts in, appended to a buffer; UTF-8 becomes %XX.
 * Errors: ERR_USAGE for what is no http or https URL; messages hold no URL.
 * Source: dlt 1.26.0, sources/helpers/rest_client/utils.py; requests 2.34,
 *         models.py (prepare_url) and utils.py (requote_uri); urllib3 2.8,
 *         util/url.py (parse_url); Python's urllib.parse (urlencode, urljoin);
 *         RFC 3986.
 */
#ifndef DLT_EXTRACT_REST_URL_H
#define DLT_EXTRACT_REST_URL_H

#include "common/buf.h"
#include "common/error.h"

struct json;

/* One parameter of a query or form: text, or (text NULL) a JSON value: null is
 * left out, true is "True", each element of an array is a parameter of its own,
 * of an object its keys are. */
struct rest_param {
	const char *name;
	const char *text;
	const struct json *value;
};

/* dlt's join_url(); a path that is an http or https URL stands alone. */
void rest_url_join(const char *base, const char *path, struct buf *out);

/* Python's str() of a value, for placeholders and headers: True, None, 1.0, a
 * text as it is; arrays and objects as JSON. */
void rest_str(const struct json *value, struct buf *out);

/* "a=1&b=x+y" */
void rest_encode_params(const struct rest_param *params, size_t count,
    struct buf *out);

/* The URL as it is sent: encoded where it has to be, dots taken out of its
 * path, parameters added. */
int rest_url_prepare(const char *url, const struct rest_param *params,
    size_t count, struct buf *out, struct error *err);

/* What `ref` means on the page `base` (Python's urljoin). */
void rest_url_resolve(const char *base, const char *ref, struct buf *out);

/* Scheme, host and port are the same. */
bool rest_url_same_host(const char *a, const char *b);
/* From http to https of the same host, on the usual ports. */
bool rest_url_is_upgrade(const char *a, const char *b);

/* Append the URL for messages: dlt's names of secret parameters and passwords
 * of users have the value "***". */
void rest_url_show(const char *url, struct buf *out);

#endif
