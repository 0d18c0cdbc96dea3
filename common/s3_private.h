/* SPDX-License-Identifier: MIT */
/*
 * s3: what its files share; for them and their tests only.
 *
 * Shape:  s3.c holds requests and objects, _delete what deletes many of them,
 *         _upload what comes in parts, _error
 *         what answers mean, _account who asks, _xml the answers' form.
 */
#ifndef DLT_S3_PRIVATE_H
#define DLT_S3_PRIVATE_H

#include "common/http.h"
#include "common/s3.h"
#include "common/sigv4.h"

struct s3 {
	const struct s3_account *account;
	struct http *http;
	struct http_response resp;
	char *bucket;
	char *region;
	bool moved;      /* the region is that of an answer */
	bool path_style; /* the bucket is in the path */
	bool one_by_one; /* the server deletes no more at once */
	char *base;      /* "http://HOST", and of endpoints their path */
	char *host;      /* as in the header */
	char *base_path; /* the part of base behind the host */
};

struct s3_request {
	const char *method, *key; /* key NULL: of the bucket */
	const struct sigv4_pair *query;
	size_t query_count;
	const void *data;
	size_t len;
	const char *sha256; /* of the data; NULL: not known */
	const char *md5;    /* the same in base64; NULL: not sent */
	size_t body_max;    /* of the answer; 0: 64 MiB */
	bool deaf;
};

/* An answer of any status but what is temporary, in s->resp. */
int s3_send(struct s3 *s, const struct s3_request *r, struct error *err);

/* ---- s3_error.c ---- */

/* The code of an answer that tells of an error; "" for none. */
void s3_code(const struct http_response *resp, struct buf *code,
    struct buf *message);
/* 0 for status 2xx; else what the answer says of the object. */
int s3_check(const struct s3 *s, const char *key, struct error *err);
bool s3_is_temporary(int status, const char *code);
/* Where an answer says that the bucket is; false: it does not. */
bool s3_told_region(const struct http_response *resp, struct buf *region);

/* ---- s3_xml.c ---- */

/* Calls f at the end of each element with the names from the root on, joined
 * by slashes, without prefixes; and its text, empty where it has elements.
 * ERR_REMOTE for what is not well-formed, for document types, and for more
 * than 32 levels. */
int s3_xml(const char *text, size_t len,
    int (*f)(const char *path, const char *text, void *arg, struct error *err),
    void *arg, struct error *err);
/* Appends with & < > " escaped. */
void s3_xml_escape(const char *text, struct buf *out);

#endif
