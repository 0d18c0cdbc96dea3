/* SPDX-License-Identifier: MIT */
/* rest_client.c, rest_send.c and rest_auth.c share this. */
#ifndef DLT_EXTRACT_REST_PRIVATE_H
#define DLT_EXTRACT_REST_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/dlt-extract/rest/rest_auth.h"
#include "tools/dlt-extract/rest/rest_client.h"
#include "tools/dlt-extract/rest/rest_limit.h"

/* Headers; of the same name, in any case, the last one counts. */
struct rest_fields {
	struct http_header *list; /* names and values are owned */
	size_t count;
};

void
rest_fields_set(struct rest_fields *f, const char *name, const char *value);
const char *rest_fields_get(const struct rest_fields *f, const char *name);
void rest_fields_release(struct rest_fields *f);

/* A request as it is sent. */
struct rest_outgoing {
	char method[16];
	struct buf url;
	struct rest_fields fields;
	struct buf text; /* a body that was made */
	const char *body;
	size_t body_len;
	bool has_body;
};

void rest_outgoing_release(struct rest_outgoing *out);

#define REST_LIMITS 4

struct rest_work {
	struct http *http;
	struct rest_work *next;
};

struct rest_client {
	struct rest_settings set;
	char *base_url, *ca_file;
	struct rest_fields headers;
	struct rest_auth *auth;
	struct rest_limit *pace;     /* of all its requests */
	struct rest_limit *own_pace; /* the same, or NULL */
	struct http_jar *jar;
	char **hidden;
	size_t hidden_count;

	pthread_mutex_t lock;
	struct rest_work *idle; /* connections that nobody uses */
};

struct rest_caller {
	struct rest_client *client;
	struct rest_limit *limits[REST_LIMITS];
	size_t count;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct rest_work *running;
};

/* rest_client.c: all but authentication; headers: of the client, or NULL. */
int rest_compose(const struct rest_client *c, const struct rest_request *req,
    const struct rest_fields *headers, struct rest_outgoing *out,
    struct error *err);
void rest_mask(struct buf *text, const char *secret);
/* Secrets of the client and of auth (NULL: the client's own). */
void rest_client_mask(const struct rest_client *c, struct rest_auth *auth,
    struct buf *text);
void rest_scrub(const struct rest_client *c, struct rest_auth *auth,
    const char *method, const char *url, struct error *err);

/* rest_auth.c. How a token is asked for: a form by POST. */
struct rest_post {
	int (*send)(void *arg, const char *url, const struct rest_param *form,
	    size_t count, struct rest_response *resp, struct error *err);
	void *arg;
	const atomic_bool *stop;
};

/* Get what is needed (NULL: nothing is fetched, placeholders are used) and add
 * it to the request. a may be NULL. */
int rest_auth_apply(struct rest_auth *a, const struct rest_post *post,
    struct rest_outgoing *out, struct error *err);
void rest_auth_mask(struct rest_auth *a, struct buf *text);

/* rest_send.c, for tests: is the answer asked for again, and after how many
 * seconds (n: attempts so far)? */
bool rest_is_retried(int status);
double rest_delay(const struct rest_settings *set,
    const struct http_response *resp, long n);

#endif
