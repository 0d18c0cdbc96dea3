/* SPDX-License-Identifier: MIT */
/* In place of http.c where libcurl is missing. */
#include "common/http.h"

struct http *
http_new(const struct http_settings *settings, struct error *err)
{
	error_set(err, ERR_USAGE,
	    "built without HTTP; install libcurl (Debian: "
	    "libcurl4-openssl-dev) and build again");
	return NULL;
}

void
http_free(struct http *h)
{
}

int
http_send(struct http *h, const struct http_request *req,
    struct http_response *resp, struct error *err)
{
	return -1;
}

int
http_begin(struct http *h, const struct http_request *req,
    struct http_response *resp, struct error *err)
{
	return -1;
}

int
http_write(struct http *h, const void *data, size_t len, bool *done,
    struct error *err)
{
	return -1;
}

int
http_end(struct http *h, struct error *err)
{
	return -1;
}

void
http_abort(struct http *h)
{
}

void
http_cancel(struct http *h)
{
}

struct http_jar *
http_jar_new(void)
{
	return NULL;
}

void
http_jar_free(struct http_jar *jar)
{
}
