/* SPDX-License-Identifier: MIT */
#include "common/s3_private.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REGION      "us-east-1"
#define TRIES       5 /* of what the server cannot do now */
#define TRIES_UNMET 4 /* of a server that does not answer */
#define PAUSE_MS    100
#define PAUSE_MAX_S 20
#define STALL_S     120
#define HEADERS     8

static const char empty_sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649"
                                   "b934ca495991b7852b855";

/* ---- where to ---- */

static bool
is_bucket(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= 255 && *name != '.' &&
	    strspn(name,
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	        "0123456789.-_") == len;
}

/* Names with dots have no certificate, others no name in the DNS. */
static bool
can_be_host(const char *bucket)
{
	return strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
	    strlen(bucket);
}

static int
set_style(struct s3 *s, struct error *err)
{
	const char *style = s->account->style;

	if (style && strcmp(style, "path") != 0 &&
	    strcmp(style, "vhost") != 0 && strcmp(style, "virtual") != 0)
		return error_set(err, ERR_USAGE,
		    "s3_url_style \"%s\": expected path or vhost", style);
	s->path_style = style ? !strcmp(style, "path")
	                      : s->account->endpoint || !can_be_host(s->bucket);
	return 0;
}

/* "http://HOST[:PORT][/PATH]" -> host and path. The port that the scheme means
 * is not sent in the header, and must not be signed. */
static int
set_base(struct s3 *s, const char *url, struct error *err)
{
	bool plain = !strncmp(url, "http://", 7);
	const char *host, *port = plain ? ":80" : ":443";
	size_t len, own;

	if (!plain && strncmp(url, "https://", 8) != 0)
		return error_set(err, ERR_USAGE,
		    "endpoint_url \"%s\": expected http:// or https://", url);
	host = url + (plain ? 7 : 8);
	own = strcspn(host, "/");
	if (!own || strcspn(host, "?#@ ") < strlen(host))
		return error_set(err, ERR_USAGE,
		    "endpoint_url: expected only scheme, host, port and path");
	len = strlen(host);
	while (len > own && host[len - 1] == '/')
		len--;
	s->base_path = xstrndup(host + own, len - own);
	if (own > strlen(port) &&
	    !strncmp(host + own - strlen(port), port, strlen(port)))
		own -= strlen(port);
	s->host = s->path_style
	    ? xstrndup(host, own)
	    : xasprintf("%s.%.*s", s->bucket, (int)own, host);
	s->base = xasprintf("%s://%s", plain ? "http" : "https", s->host);
	return 0;
}

static int
set_place(struct s3 *s, struct error *err)
{
	const char *given = s->account->endpoint;
	bool china = !strncmp(s->region, "cn-", 3);
	char *url;
	int rc;

	if (!given)
		url = xasprintf("https://s3.%s.amazonaws.com%s", s->region,
		    china ? ".cn" : "");
	else
		url = xasprintf("%s%s", strstr(given, "://") ? "" : "https://",
		    given);
	free(s->base);
	free(s->host);
	free(s->base_path);
	s->base = s->host = s->base_path = NULL;
	rc = set_base(s, url, err);
	free(url);
	return rc;
}

struct s3 *
s3_new(const struct s3_account *a, const char *bucket, struct error *err)
{
	struct http_settings set = { .ca_file = a->ca_file,
		.stall_s = STALL_S };
	struct s3 *s;

	if (!is_bucket(bucket)) {
		error_set(err, ERR_USAGE, "\"%s\" is no name of a bucket",
		    bucket);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->account = a;
	s->bucket = xstrdup(bucket);
	s->region = xstrdup(a->region ? a->region : REGION);
	if (strspn(s->region, "abcdefghijklmnopqrstuvwxyz0123456789-") !=
	    strlen(s->region))
		error_set(err, ERR_USAGE, "\"%s\" is no name of a region",
		    s->region);
	else if (set_style(s, err) == 0 && set_place(s, err) == 0)
		s->http = http_new(&set, err);
	if (s->http)
		return s;
	s3_free(s);
	return NULL;
}

void
s3_free(struct s3 *s)
{
	if (!s)
		return;
	http_free(s->http);
	http_response_release(&s->resp);
	free(s->bucket);
	free(s->region);
	free(s->base);
	free(s->host);
	free(s->base_path);
	free(s);
}

/* ---- one request ---- */

/* The headers that are signed, in order of their names; and all in *count. */
struct signing {
	struct sigv4_pair pairs[HEADERS];
	struct http_header headers[HEADERS];
	size_t count;
	char time[SIGV4_TIME_LEN + 1];
	struct buf authorization;
};

static void
add_pair(struct signing *g, const char *name, const char *value)
{
	g->pairs[g->count] = (struct sigv4_pair){ name, value };
	g->headers[g->count++] = (struct http_header){ name, value };
}

static void
sign(struct s3 *s, const struct s3_request *r, const char *path,
    const char *query, const char *sum, struct signing *g)
{
	const struct s3_account *a = s->account;
	const struct sigv4_key key = { a->key_id, a->secret, s->region, "s3" };
	struct sigv4_request req = { r->method, path, query, g->pairs, 0, sum,
		g->time };

	if (r->md5)
		add_pair(g, "content-md5", r->md5);
	add_pair(g, "host", s->host);
	if (!a->key_id)
		return;
	sigv4_time((int64_t)time(NULL), g->time);
	add_pair(g, "x-amz-content-sha256", sum);
	add_pair(g, "x-amz-date", g->time);
	if (a->token)
		add_pair(g, "x-amz-security-token", a->token);
	req.header_count = g->count;
	sigv4_sign(&key, &req, &g->authorization);
	g->headers[g->count++] = (struct http_header){ "authorization",
		g->authorization.data };
}

static int
send_once(struct s3 *s, const struct s3_request *r, const char *sum,
    struct error *err)
{
	struct buf path = { 0 }, query = { 0 }, url = { 0 };
	struct signing g = { .count = 0 };
	const struct http_body body = { .data = r->data, .len = r->len };
	struct http_request req = { .method = r->method,
		.headers = g.headers,
		.body = r->data ? &body : NULL,
		.body_max = r->body_max,
		.deaf = r->deaf };
	int rc;

	buf_adds(&path, s->base_path);
	buf_addc(&path, '/');
	if (s->path_style)
		buf_addf(&path, "%s", s->bucket);
	if (r->key && s->path_style)
		buf_addc(&path, '/');
	if (r->key)
		sigv4_path(r->key, &path);
	sigv4_query(r->query, r->query_count, &query);
	sign(s, r, path.data, buf_str(&query), sum, &g);
	buf_addf(&url, "%s%s%s%s", s->base, path.data, query.len ? "?" : "",
	    buf_str(&query));
	req.url = url.data;
	req.header_count = g.count;
	rc = http_send(s->http, &req, &s->resp, err);
	buf_release(&path);
	buf_release(&query);
	buf_release(&url);
	buf_release(&g.authorization);
	return rc;
}

/* ---- again ---- */

/* With some chance in it, so that many do not come back together. False: a
 * signal has come. */
static bool
wait_a_while(int tries, long asked_s, bool deaf)
{
	struct timespec slice = { .tv_nsec = 20000000 }, now;
	long ms = PAUSE_MS;

	for (int i = 1; i < tries; i++)
		ms *= 3;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms += now.tv_nsec / 1000 % (ms / 2);
	if (asked_s > 0)
		ms = (asked_s < PAUSE_MAX_S ? asked_s : PAUSE_MAX_S) * 1000;
	for (; ms > 0; ms -= 20) {
		if (!deaf && signal_pending())
			return false;
		nanosleep(&slice, NULL);
	}
	return true;
}

/* Amazon tells where a bucket is; once is enough. */
static bool
follow_region(struct s3 *s)
{
	struct buf told = { 0 };
	struct error ignored;
	bool other = !s->moved && !s->account->endpoint &&
	    s3_told_region(&s->resp, &told) && strcmp(told.data, s->region);

	if (other) {
		s->moved = true;
		free(s->region);
		s->region = xstrdup(told.data);
		other = set_place(s, &ignored) == 0;
	}
	buf_release(&told);
	return other;
}

static bool
is_temporary(struct s3 *s)
{
	struct buf code = { 0 }, message = { 0 };
	bool yes;

	if (s->resp.status < 300 && s->resp.status >= 200)
		return false;
	s3_code(&s->resp, &code, &message);
	yes = s3_is_temporary(s->resp.status, buf_str(&code));
	buf_release(&code);
	buf_release(&message);
	return yes;
}

int
s3_send(struct s3 *s, const struct s3_request *r, struct error *err)
{
	char hex[HASH_HEX_LEN + 1];
	const char *sum = r->sha256 ? r->sha256 : empty_sha256;
	int tries = 1, limit;
	struct hash *h;
	int rc;

	if (r->data && !r->sha256) {
		h = hash_sha256_new();
		hash_update(h, r->data, r->len);
		hash_final_hex(h, hex);
		sum = hex;
	}
	for (;; tries++) {
		rc = send_once(s, r, sum, err);
		if (rc == 0 && follow_region(s))
			continue;
		if (rc == 0 ? !is_temporary(s) : err->code != ERR_TEMP)
			break;
		limit = rc == 0 ? TRIES : TRIES_UNMET;
		if (tries >= (r->deaf ? 2 : limit))
			break;
		if (!wait_a_while(tries,
		        rc == 0 ? http_retry_after(&s->resp) : -1, r->deaf))
			return error_set(err, ERR_QUIET, "interrupted");
	}
	if (rc < 0 && err->code != ERR_QUIET)
		error_prefix(err, "s3://%s: %s: ", s->bucket, s->host);
	return rc;
}

/* ---- objects ---- */

int
s3_get(struct s3 *s, const char *key, size_t max, struct buf *out, bool *found,
    struct error *err)
{
	const struct s3_request r = {
		.method = "GET", .key = key, .body_max = max
	};
	struct buf code = { 0 }, message = { 0 };
	int rc = s3_send(s, &r, err);

	*found = false;
	if (rc == 0 && s->resp.status == 404)
		s3_code(&s->resp, &code, &message);
	if (rc == 0 && strcmp(buf_str(&code), "NoSuchKey") != 0)
		rc = s3_check(s, key, err);
	if (rc == 0 && !code.len) {
		*found = true;
		buf_add(out, buf_str(&s->resp.body), s->resp.body.len);
	}
	buf_release(&code);
	buf_release(&message);
	return rc;
}

int
s3_head(struct s3 *s, const char *key, bool *found, uint64_t *size,
    struct error *err)
{
	const struct s3_request r = { .method = "HEAD", .key = key };
	const char *len;

	*found = false;
	if (s3_send(s, &r, err) < 0)
		return -1;
	if (s->resp.status == 404)
		return 0;
	if (s3_check(s, key, err) < 0)
		return -1;
	len = http_header(&s->resp, "content-length");
	*size = len ? strtoull(len, NULL, 10) : 0;
	*found = true;
	return 0;
}

int
s3_put(struct s3 *s, const char *key, const void *data, size_t len,
    const char *sha256, struct error *err)
{
	const struct s3_request r = { .method = "PUT",
		.key = key,
		.data = len ? data : "",
		.len = len,
		.sha256 = sha256 };

	return s3_send(s, &r, err) < 0 ? -1 : s3_check(s, key, err);
}

/* ---- lists ---- */

struct listing {
	int (*f)(const char *key, void *arg, struct error *err);
	void *arg;
	size_t left; /* of those that are wanted; 0: all */
	bool more, enough;
	struct buf token;
};

static int
note_listed(const char *path, const char *text, void *arg, struct error *err)
{
	static const char root[] = "ListBucketResult/";
	struct listing *l = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (!strcmp(path, "IsTruncated")) {
		l->more = !strcmp(text, "true");
	} else if (!strcmp(path, "NextContinuationToken")) {
		buf_adds(&l->token, text);
	} else if (!strcmp(path, "Contents/Key") && !l->enough) {
		if (l->f(text, l->arg, err) < 0)
			return -1;
		l->enough = l->left && !--l->left;
	}
	return 0;
}

/* One page; *token is what it begins with, and then the next with. */
static int
list_page(struct s3 *s, const char *prefix, struct buf *token, size_t max,
    struct listing *l, struct error *err)
{
	char most[24];
	const struct sigv4_pair pairs[] = { { "list-type", "2" },
		{ "prefix", prefix }, { "max-keys", most },
		{ "continuation-token", buf_str(token) } };
	const struct s3_request r = { .method = "GET",
		.query = pairs,
		.query_count = token->len ? 4 : 3 };

	snprintf(most, sizeof(most), "%zu", max);
	if (s3_send(s, &r, err) < 0 || s3_check(s, NULL, err) < 0)
		return -1;
	l->more = false;
	buf_reset(&l->token);
	if (s3_xml(buf_str(&s->resp.body), s->resp.body.len, note_listed, l,
	        err) < 0)
		return error_prefix(err, "s3://%s: ", s->bucket);
	if (l->more &&
	    (!l->token.len || !strcmp(l->token.data, buf_str(token))))
		return error_set(err, ERR_REMOTE,
		    "s3://%s: a list goes on without saying where", s->bucket);
	buf_reset(token);
	buf_adds(token, buf_str(&l->token));
	return 0;
}

int
s3_list(struct s3 *s, const char *prefix, size_t max,
    int (*f)(const char *key, void *arg, struct error *err), void *arg,
    struct error *err)
{
	struct listing l = { .f = f, .arg = arg, .left = max };
	struct buf token = { 0 };
	int rc;

	do {
		rc = list_page(s, prefix, &token,
		    max && max < 1000 ? max : 1000, &l, err);
	} while (rc == 0 && l.more && !l.enough);
	buf_release(&l.token);
	buf_release(&token);
	return rc;
}
