/* SPDX-License-Identifier: MIT */
/*
 * http: requests to servers. http.c is the only includer of curl/curl.h;
 * http_none.c stands in where libcurl is missing: http_new() then fails.
 *
 * Shape:  a struct http keeps its connections between requests and is used by
 *         one thread at a time; any number of them may work side by side.
 *         TLS is verified, always. HTTP/2 over TLS where the server can.
 *         Proxies come from the environment (https_proxy, no_proxy, ...),
 *         certificates from the settings, else SSL_CERT_FILE, SSL_CERT_DIR,
 *         else the system's. Nothing but http and https is spoken.
 *         A whole exchange is http_send(). Who makes the body bit by bit calls
 *         http_begin(), http_write() as often as needed, then http_end().
 * Errors: no answer (refused, reset, time-out, unknown host) is ERR_TEMP; what
 *         will not change (certificates, bad URLs) ERR_REMOTE; a signal
 *         (output.h) ends all waiting with ERR_QUIET. An answer of any status
 *         is success: http_check() makes errors of statuses.
 *         Messages hold neither URLs nor headers of requests; what a server
 *         says is shown.
 * Owner:  http_new() -> http_free(); struct http_response is zeroed before its
 *         first use, and http_response_release() frees what it holds.
 * Source: RFC 9110; libcurl 7.88, "The multi interface".
 */
#ifndef DLT_HTTP_H
#define DLT_HTTP_H

#include "common/buf.h"
#include "common/error.h"

struct http;

/* Cookies that servers set, for those who share them. */
struct http_jar;

/* NULL where built without libcurl. Freed after all who use it. */
struct http_jar *http_jar_new(void);
void http_jar_free(struct http_jar *jar); /* NULL is legal */

/* Zeros and NULLs are the defaults. */
struct http_settings {
	const char *user_agent; /* "dlt-tools/VERSION" */
	const char *ca_file;    /* PEM; is then the only one believed */
	double connect_s;       /* to have a connection; 15 */
	double stall_s;         /* without a byte either way; 300; < 0: ever */
	int redirects;          /* to be followed; 0. Authorization does not
	                           go to other hosts, other headers do. */
	struct http_jar *jar;   /* NULL: no cookies are kept */
};

struct http_header {
	const char *name, *value;
};

/* What is sent. Memory must stay until the exchange has ended. */
struct http_body {
	const void *data;
	size_t len;
	/* Not NULL: comes from there, bytes, 0 at the end, or -1. */
	long (*pull)(void *arg, void *data, size_t len, struct error *err);
	/* Back to the start, for a connection that turns out to be dead or a
	 * redirect; NULL: cannot. */
	int (*rewind)(void *arg, struct error *err);
	void *arg;
	bool sized; /* pull: has len bytes; else chunked */
	/* Never sent again by itself: who cannot bear it twice. */
	bool once;
};

struct http_request {
	const char *method; /* "GET", "PUT", ... */
	const char *url;
	const struct http_header *headers;
	size_t header_count;
	const struct http_body *body; /* NULL: none. POST and PUT then say that
	                                 its length is 0. */
	bool decode; /* ask for compressed answers, and decode them */
	/* Not NULL: takes the body of answers with status 2xx; -1 ends the
	 * exchange with its error. Else all goes into the response. */
	int (*push)(void *arg, const void *data, size_t len, struct error *err);
	void *arg;
	size_t body_max; /* more is ERR_REMOTE; 0: 64 MiB */
	bool deaf;       /* signals do not end it: what cleans up after one */
};

struct http_response {
	int status;
	struct buf body;   /* of other statuses with push: its first 64 KiB */
	struct buf fields; /* of the headers: name, NUL, value, NUL, ... */
};

/* NULL with ERR_USAGE where built without libcurl. settings may be NULL;
 * nothing of it is needed afterwards. */
struct http *http_new(const struct http_settings *settings, struct error *err);
void http_free(struct http *h); /* NULL is legal */

/* The response is emptied first. */
int http_send(struct http *h, const struct http_request *req,
    struct http_response *resp, struct error *err);

/* req->body: NULL, or with once and header fields only; its bytes come by
 * http_write(), which returns when they are copied or on their way. After a
 * failure, or when http_write() sets *done (NULL: not wanted) as the server has
 * answered before the end, comes http_end() or http_abort(). */
int http_begin(struct http *h, const struct http_request *req,
    struct http_response *resp, struct error *err);
int http_write(struct http *h, const void *data, size_t len, bool *done,
    struct error *err);
int http_end(struct http *h, struct error *err);
void http_abort(struct http *h); /* nothing when none is open */
/* From any thread, for good: what runs or is begun ends soon with ERR_QUIET. */
void http_cancel(struct http *h);

/* The value of a header of the response, the name in any case; NULL: none. */
const char *http_header(const struct http_response *resp, const char *name);
/* Seconds that Retry-After asks for; -1: it does not. */
long http_retry_after(const struct http_response *resp);
/* 0 for 2xx. Else -1: "HTTP 403: first line of the body"; 408, 425, 429 and 5xx
 * but 501 and 505 are ERR_TEMP, others ERR_REMOTE. */
int http_check(const struct http_response *resp, struct error *err);
void http_response_release(struct http_response *resp);

/* Append text with all but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986); keep: also
 * left as they are, as "/". */
void
http_escape(const char *text, size_t len, const char *keep, struct buf *out);
/* Undo it; false for a % without two digits, or one of a NUL. */
bool http_unescape(const char *text, size_t len, struct buf *out);

#endif
