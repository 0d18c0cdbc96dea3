/* SPDX-License-Identifier: MIT */
/*
 * One request: its turn, its redirects, its attempts.
 */
#include "common/mem.h"
#include "common/msg.h"
#include "tools/dlt-extract/rest/rest_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REDIRECTS_MAX 30

/* What is to be sent, and by whom. */
struct job {
	struct rest_caller *caller;
	const struct rest_request *req;
	struct rest_auth *auth;
	bool bare;  /* a form of secrets: no header of the client, and to its
	               host only */
	bool final; /* it failed before it was sent */
};

/* ---- connections ---- */

static struct rest_work *
take_idle(struct rest_client *c)
{
	struct rest_work *w;

	pthread_mutex_lock(&c->lock);
	w = c->idle;
	if (w != NULL)
		c->idle = w->next;
	pthread_mutex_unlock(&c->lock);
	return w;
}

static struct rest_work *
make_work(struct rest_client *c, struct error *err)
{
	const struct http_settings set = {
		.ca_file = c->set.ca_file,
		.connect_s = c->set.timeout,
		.stall_s = c->set.timeout,
		.jar = c->jar,
	};
	struct http *http = http_new(&set, err);
	struct rest_work *w;

	if (http == NULL)
		return NULL;
	w = xcalloc(1, sizeof(*w));
	w->http = http;
	return w;
}

/* A connection that the caller's cancellation reaches. */
static struct rest_work *
begin_work(struct rest_caller *u, struct error *err)
{
	struct rest_work *w = take_idle(u->client);

	if (w == NULL)
		w = make_work(u->client, err);
	if (w == NULL)
		return NULL;
	pthread_mutex_lock(&u->lock);
	w->next = u->running;
	u->running = w;
	if (atomic_load(&u->stop))
		http_cancel(w->http);
	pthread_mutex_unlock(&u->lock);
	return w;
}

static void
end_work(struct rest_caller *u, struct rest_work *w)
{
	struct rest_client *c = u->client;
	struct rest_work **at;
	bool dead;

	pthread_mutex_lock(&u->lock);
	for (at = &u->running; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	dead = atomic_load(&u->stop);
	pthread_mutex_unlock(&u->lock);
	if (dead) {
		http_free(w->http);
		free(w);
		return;
	}
	pthread_mutex_lock(&c->lock);
	w->next = c->idle;
	c->idle = w;
	pthread_mutex_unlock(&c->lock);
}

/* ---- redirects ---- */

static const char *
redirect_of(const struct http_response *resp)
{
	switch (resp->status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return http_header(resp, "Location");
	default:
		return NULL;
	}
}

/* What another host may see: nothing that could be a secret. */
static bool
is_harmless(const char *name)
{
	return strncasecmp(name, "Accept", 6) == 0 ||
	    strcasecmp(name, "Content-Type") == 0 ||
	    strcasecmp(name, "User-Agent") == 0;
}

static void
drop_headers(struct rest_fields *f, bool (*keep)(const char *name))
{
	struct rest_fields kept = { 0 };

	for (size_t i = 0; i < f->count; i++)
		if (keep(f->list[i].name))
			rest_fields_set(&kept, f->list[i].name,
			    f->list[i].value);
	rest_fields_release(f);
	*f = kept;
}

static bool
is_of_no_body(const char *name)
{
	return strcasecmp(name, "Content-Type") != 0;
}

/* As browsers, and requests, do it. */
static void
change_method(struct rest_outgoing *out, int status)
{
	bool head = strcmp(out->method, "HEAD") == 0;

	if (((status == 303 || status == 302) && !head) ||
	    (status == 301 && strcmp(out->method, "POST") == 0))
		strcpy(out->method, "GET");
	if (status == 307 || status == 308)
		return;
	out->has_body = false;
	out->body = NULL;
	out->body_len = 0;
	drop_headers(&out->fields, is_of_no_body);
}

static int
follow(const struct job *j, struct rest_outgoing *out, int status,
    const char *location, struct error *err)
{
	struct buf joined = { 0 }, url = { 0 };
	const char *from = buf_str(&out->url);
	bool same;

	rest_url_resolve(from, location, &joined);
	if (rest_url_prepare(buf_str(&joined), NULL, 0, &url, err) < 0) {
		buf_release(&joined);
		buf_release(&url);
		err->code = ERR_REMOTE;
		return error_prefix(err, "the server redirects: ");
	}
	buf_release(&joined);
	same = rest_url_same_host(from, buf_str(&url)) ||
	    rest_url_is_upgrade(from, buf_str(&url));
	if (!same && j->bare) {
		buf_release(&url);
		return error_set(err, ERR_REMOTE,
		    "the server redirects to another host, which does not get "
		    "the secrets");
	}
	change_method(out, status);
	if (!same)
		drop_headers(&out->fields, is_harmless);
	buf_release(&out->url);
	out->url = url;
	return 0;
}

/* ---- an attempt ---- */

static int
exchange(const struct job *j, struct http *http,
    const struct rest_outgoing *out, struct rest_response *resp,
    struct error *err)
{
	const struct http_body body = {
		.data = out->body,
		.len = out->body_len,
	};
	const struct http_request req = {
		.method = out->method,
		.url = buf_str(&out->url),
		.headers = out->fields.list,
		.header_count = out->fields.count,
		.body = out->has_body ? &body : NULL,
		.decode = true,
		.body_max = j->caller->client->set.body_max,
	};

	strcpy(resp->method, out->method);
	buf_reset(&resp->url);
	buf_add(&resp->url, buf_str(&out->url), out->url.len);
	return http_send(http, &req, &resp->http, err);
}

static int
follow_all(const struct job *j, struct http *http, struct rest_outgoing *out,
    struct rest_response *resp, struct error *err)
{
	for (int i = 0;; i++) {
		const char *location;

		if (exchange(j, http, out, resp, err) < 0)
			return -1;
		location = redirect_of(&resp->http);
		if (location == NULL)
			return 0;
		if (i == REDIRECTS_MAX)
			return error_set(err, ERR_REMOTE,
			    "the server redirects more than %d times",
			    REDIRECTS_MAX);
		if (follow(j, out, resp->http.status, location, err) < 0)
			return -1;
	}
}

static int send_form(void *arg, const char *url, const struct rest_param *form,
    size_t count, struct rest_response *resp, struct error *err);

static int
compose(struct job *j, struct rest_outgoing *out, struct rest_response *resp,
    struct error *err)
{
	const struct rest_post post = { send_form, j, &j->caller->stop };
	const struct rest_client *c = j->caller->client;

	if (rest_compose(c, j->req, j->bare ? NULL : &c->headers, out, err) < 0)
		return -1;
	strcpy(resp->method, out->method);
	buf_reset(&resp->url);
	buf_add(&resp->url, buf_str(&out->url), out->url.len);
	return j->bare ? 0 : rest_auth_apply(j->auth, &post, out, err);
}

static int
attempt(struct job *j, struct rest_response *resp, struct error *err)
{
	struct rest_outgoing out = { 0 };
	struct rest_work *w = NULL;
	int rc = -1;

	j->final = true;
	if (compose(j, &out, resp, err) < 0)
		goto out;
	w = begin_work(j->caller, err);
	if (w == NULL)
		goto out;
	j->final = false;
	rc = follow_all(j, w->http, &out, resp, err);
out:
	if (w != NULL)
		end_work(j->caller, w);
	rest_outgoing_release(&out);
	return rc;
}

/* ---- attempts ---- */

bool
rest_is_retried(int status)
{
	return status == 429 || status >= 500;
}

double
rest_delay(const struct rest_settings *set, const struct http_response *resp,
    long n)
{
	long after = resp != NULL ? http_retry_after(resp) : -1;
	double delay = (double)after;

	if (after < 0)
		delay = set->backoff_factor > 0
		    ? set->backoff_factor * pow(2, (double)(n - 1))
		    : 0;
	if (delay > set->max_retry_delay)
		delay = set->max_retry_delay;
	return delay > 0 ? delay : 0;
}

/* What came of an attempt: is there to be another one? */
static bool
wants_more(const struct job *j, const struct rest_response *resp, int rc,
    const struct error *err)
{
	const struct rest_request *req = j->req;

	if (rc < 0)
		return err->code == ERR_TEMP && !j->final;
	return rest_is_retried(resp->http.status) &&
	    (req->is_final == NULL || !req->is_final(req->arg, resp));
}

static void
tell(const struct rest_client *c, const struct rest_response *resp, int rc,
    const struct error *err, long n, double delay)
{
	struct error text = { 0 };

	if (msg_verbosity() < 1)
		return;
	error_set(&text, ERR_TEMP, "HTTP %d", resp->http.status);
	if (rc < 0)
		text = *err;
	rest_blame(c, resp, &text);
	msg_info("%s; attempt %ld of %ld in %g s", text.msg, n + 1,
	    c->set.max_attempts, delay);
}

static void
add_attempts(struct error *err, long n)
{
	struct error copy = *err;

	if (n > 1)
		error_set(err, copy.code, "%s (%ld attempts)", copy.msg, n);
}

static int
try_all(struct job *j, struct rest_response *resp, struct error *err)
{
	struct rest_caller *u = j->caller;
	struct rest_client *c = u->client;
	struct error bad;
	double delay;
	int rc;

	for (long n = 1;; n++) {
		if (rest_limit_take(c->pace, &u->stop, err) < 0)
			return -1;
		bad = (struct error){ 0 };
		rc = attempt(j, resp, &bad);
		rest_limit_give(c->pace);
		if (!wants_more(j, resp, rc, &bad))
			break;
		if (n >= c->set.max_attempts) {
			add_attempts(&bad, n);
			break;
		}
		delay = rest_delay(&c->set, rc < 0 ? NULL : &resp->http, n);
		tell(c, resp, rc, &bad, n, delay);
		if (rest_limit_pause(c->pace, delay, &u->stop, err) < 0)
			return -1;
	}
	if (rc < 0) {
		rest_scrub(c, j->auth, resp->method, buf_str(&resp->url), &bad);
		*err = bad;
	}
	return rc;
}

/* A token is asked for within the turn of the request that needs it. */
static int
send_form(void *arg, const char *url, const struct rest_param *form,
    size_t count, struct rest_response *resp, struct error *err)
{
	const struct rest_request req = {
		.method = "POST",
		.path = url,
		.form = form,
		.form_count = count,
	};
	const struct job *outer = arg;
	struct job j = { outer->caller, &req, outer->auth, .bare = true };

	resp->auth = j.auth;
	if (try_all(&j, resp, err) < 0)
		return -1;
	return rest_check(j.caller->client, resp, err);
}

int
rest_send(struct rest_caller *u, const struct rest_request *req,
    struct rest_response *resp, struct error *err)
{
	struct job j = { u, req,
		req->auth != NULL ? req->auth : u->client->auth, false, false };
	size_t taken = 0;
	int rc = 0;

	resp->auth = j.auth;
	resp->http.status = 0;
	snprintf(resp->method, sizeof(resp->method), "%s",
	    req->method != NULL ? req->method : "GET");
	buf_reset(&resp->url);
	buf_adds(&resp->url, req->path != NULL ? req->path : "");
	while (rc == 0 && taken < u->count) {
		rc = rest_limit_take(u->limits[taken], &u->stop, err);
		if (rc == 0)
			taken++;
	}
	if (rc == 0)
		rc = try_all(&j, resp, err);
	while (taken > 0)
		rest_limit_give(u->limits[--taken]);
	return rc;
}
