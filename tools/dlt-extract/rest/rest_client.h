/* SPDX-License-Identifier: MIT */
/*
 * rest_client: requests to one REST API, as dlt's RESTClient and its wrapper
 * of the library requests send them.
 *
 * Shape:  a struct rest_client is shared by all resources with the same base
 *         URL; a struct rest_caller is one resource's input, with the limits
 *         that hold for it. rest_send() does one request: joins and encodes the
 *         URL, adds authentication, waits for its turn, follows redirects,
 *         tries again. Any status is success: who sends judges it, and makes
 *         dlt's error by rest_check().
 * Errors: no answer after all attempts is ERR_TEMP; ERR_REMOTE what another
 *         attempt will not mend; ERR_USAGE a URL or header that cannot be
 *         sent; ERR_QUIET after rest_caller_cancel() or a signal. Messages name
 *         method and URL, and hold no secret.
 * Thread: rest_send(), rest_check() and the functions of callers from any
 *         thread, also at once for one caller; the rest from one.
 * Owner:  rest_client_new() -> rest_client_free() after its callers;
 *         rest_caller_new() -> rest_caller_free() when none of its requests
 *         runs. Strings in settings and requests are borrowed for the call.
 *         struct rest_response is zeroed before its first use.
 * Source: dlt 1.26.0, sources/helpers/rest_client/client.py and
 *         sources/helpers/requests/retry.py; requests 2.34, sessions.py.
 */
#ifndef DLT_EXTRACT_REST_CLIENT_H
#define DLT_EXTRACT_REST_CLIENT_H

#include "common/buf.h"
#include "common/error.h"
#include "common/http.h"
#include "tools/dlt-extract/rest/rest_url.h"

struct config;
struct config_context;
struct rest_auth;
struct rest_caller;
struct rest_client;
struct rest_limit;

/* rest_settings_init() fills in what the configuration says (in the section
 * "runtime" of where, as dlt's), or the defaults; config may be NULL. */
struct rest_settings {
	long max_attempts;      /* request_max_attempts; 5 */
	double backoff_factor;  /* request_backoff_factor; 1 */
	double max_retry_delay; /* request_max_retry_delay, seconds; 300 */
	double timeout;         /* request_timeout, seconds; 60 */
	bool show_error_body;   /* http_show_error_body; no */
	long error_body_max; /* http_max_error_body_length, characters; 8192 */
	size_t body_max;     /* bytes of an answer, decoded; 256 MiB */
	double per_second;   /* requests_per_second; 0: any number */
	/* That holds instead, for clients that share it; borrowed, or NULL. */
	struct rest_limit *pace;
	const char *ca_file; /* request_ca_file; NULL: the environment says */
};

int rest_settings_init(struct rest_settings *s, struct config *config,
    const struct config_context *where, struct error *err);

/* base_url "" when all paths are URLs. The headers go with every request. auth
 * (NULL: none) becomes the client's, also after a failure. */
struct rest_client *rest_client_new(const struct rest_settings *settings,
    const char *base_url, const struct http_header *headers,
    size_t header_count, struct rest_auth *auth, struct error *err);
void rest_client_free(struct rest_client *c); /* NULL is legal */
/* A text that messages and rest_print() show as "***": of a header that is a
 * secret. */
void rest_client_hide(struct rest_client *c, const char *secret);

/* limits: each of them holds (rest_limit.h), from the narrowest (the resource's)
 * to the widest (the run's); NULLs among them are skipped. At most four. */
struct rest_caller *rest_caller_new(struct rest_client *c,
    struct rest_limit *const *limits, size_t count);
void rest_caller_free(struct rest_caller *u); /* NULL is legal */
/* From any thread: what it sends, now or later, ends with ERR_QUIET. */
void rest_caller_cancel(struct rest_caller *u);

struct rest_response {
	struct http_response http; /* status; body, decoded; http_header() */
	struct buf url;            /* that answered, with all its parameters */
	char method[16];
	struct rest_auth *auth; /* that it was asked with, for messages */
};

void rest_response_release(struct rest_response *resp);

/* Zeros and NULLs are the defaults. */
struct rest_request {
	const char *method; /* in any case; "GET" */
	const char *path;   /* joined to base_url, or a URL of its own */
	const struct rest_param *params;
	size_t param_count;
	const struct http_header *headers; /* win over the client's */
	size_t header_count;
	/* At most one body: */
	const char *json; /* JSON text, NUL-terminated */
	const struct rest_param *form;
	size_t form_count;
	const char *data; /* raw, NUL-terminated */
	/* The resource's own authentication, borrowed; NULL: the client's. */
	struct rest_auth *auth;
	/* Not NULL: an answer that it says true of is not asked for again,
	 * whatever its status (response_actions). */
	bool (*is_final)(void *arg, const struct rest_response *resp);
	void *arg;
};

int rest_send(struct rest_caller *u, const struct rest_request *req,
    struct rest_response *resp, struct error *err);

/* 0 below 400. Else -1 and dlt's "404 Client Error: Not Found for url: URL",
 * with the body where the settings say so; ERR_TEMP for 408, 425, 429 and 5xx
 * (not 501, 505). */
int rest_check(const struct rest_client *c, const struct rest_response *resp,
    struct error *err);

/* Put "METHOD URL: " before a message, as in "GET https://x/y: ..."; -1. */
int rest_blame(const struct rest_client *c, const struct rest_response *resp,
    struct error *err);

/* What rest_send() would send at first, for people: a line "METHOD URL", one
 * for each header, then an empty line and the body; secrets are "***". No token is
 * fetched. */
int rest_print(struct rest_client *c, const struct rest_request *req,
    struct buf *out, struct error *err);

#endif
