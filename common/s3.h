/* SPDX-License-Identifier: MIT */
/*
 * s3: objects in a bucket, of Amazon's or of whoever speaks S3.
 *
 * Shape:  keys are any bytes but NUL, at most 1,024. Requests are signed
 *         (sigv4.h), with a checksum of what is sent, so that damage on the
 *         way is noticed. What fails for now is tried again, up to five times
 *         with growing pauses.
 *         A struct s3 is used by one thread at a time.
 * Errors: ERR_TEMP for what may be better later; ERR_REMOTE with the server's
 *         code and words; ERR_QUIET after a signal. They name the object, and
 *         never hold a secret.
 * Owner:  s3_new() -> s3_free().
 * Source: Amazon S3 API Reference, version 2006-03-01.
 */
#ifndef DLT_S3_H
#define DLT_S3_H

#include "common/buf.h"
#include "common/error.h"

struct s3;

/* Who asks whom; each may be NULL. Strings are owned. */
struct s3_account {
	char *endpoint; /* "http://localhost:9000"; NULL: Amazon's */
	char *region;   /* NULL: us-east-1, or what Amazon's answer says */
	char *key_id;   /* NULL: requests are not signed */
	char *secret, *token;
	char *style;   /* of URLs: "path" or "vhost"; NULL: path-style for
	                  endpoints, the other for Amazon's */
	char *ca_file; /* PEM */
};

/* Fill in what is missing: the AWS_* variables of the environment, then the
 * profile in ~/.aws/credentials and ~/.aws/config. With profile (NULL: that of
 * AWS_PROFILE, or "default") its keys beat those of the environment. ERR_USAGE
 * for a named profile that is not there, or a key without its secret. */
int s3_account_complete(struct s3_account *a, const char *profile,
    struct error *err);
void s3_account_release(struct s3_account *a);

/* The account must stay. ERR_USAGE for a bad endpoint, style or bucket. */
struct s3 *
s3_new(const struct s3_account *a, const char *bucket, struct error *err);
void s3_free(struct s3 *s); /* NULL is legal */

/* Appended to *out; more than max bytes are ERR_REMOTE. */
int s3_get(struct s3 *s, const char *key, size_t max, struct buf *out,
    bool *found, struct error *err);
int s3_head(struct s3 *s, const char *key, bool *found, uint64_t *size,
    struct error *err);
/* sha256: of the data, in hex; NULL: not known. */
int s3_put(struct s3 *s, const char *key, const void *data, size_t len,
    const char *sha256, struct error *err);
int s3_delete(struct s3 *s, const char *key, struct error *err);
/* A thousand with each request, where the server knows that. */
int
s3_delete_all(struct s3 *s, char *const *keys, size_t count, struct error *err);

/* Keys that begin with the prefix, in order of their bytes; f returns -1 to
 * stop, and must not use s. max: at most so many; 0: all. */
int s3_list(struct s3 *s, const char *prefix, size_t max,
    int (*f)(const char *key, void *arg, struct error *err), void *arg,
    struct error *err);

/*
 * An object in parts of at least 5 MiB but the last, at most 10,000. It is
 * not there before the end.
 */
struct s3_upload {
	char *key, *id;
	struct buf parts; /* the document that ends it */
	size_t count;
	uint64_t size;
};
int s3_upload_begin(struct s3 *s, const char *key, struct s3_upload *u,
    struct error *err);
int s3_upload_part(struct s3 *s, struct s3_upload *u, const void *data,
    size_t len, struct error *err);
int s3_upload_end(struct s3 *s, struct s3_upload *u, struct error *err);
/* Also after a signal; failures are nobody's business. */
void s3_upload_abort(struct s3 *s, struct s3_upload *u);
void s3_upload_release(struct s3_upload *u);
/* Abort uploads of keys with the prefix that began before a moment (seconds
 * since 1970-01-01 UTC); who may not ask for them, asks for nothing. */
void s3_upload_sweep(struct s3 *s, const char *prefix, int64_t before);

#endif
