/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_client.h"

#include "common/config.h"
#include "common/mem.h"
#include "tools/dlt-extract/rest/rest_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MASK_MIN 3 /* bytes; what is shorter is in every text */

/* ---- settings ---- */

static int
read_settings(struct rest_settings *s, struct config *c,
    const struct config_context *ctx, struct error *err)
{
	if (config_count(c, ctx, "request_max_attempts", 1, &s->max_attempts,
	        err) < 0 ||
	    config_double(c, ctx, "request_backoff_factor", &s->backoff_factor,
	        err) < 0 ||
	    config_double(c, ctx, "request_max_retry_delay",
	        &s->max_retry_delay, err) < 0 ||
	    config_double(c, ctx, "request_timeout", &s->timeout, err) < 0 ||
	    config_bool(c, ctx, "http_show_error_body", &s->show_error_body,
	        err) < 0 ||
	    config_count(c, ctx, "http_max_error_body_length", 0,
	        &s->error_body_max, err) < 0 ||
	    config_double(c, ctx, "requests_per_second", &s->per_second, err) <
	        0 ||
	    config_string(c, ctx, "request_ca_file", &s->ca_file, err) < 0)
		return -1;
	if (!(s->per_second >= 0))
		return error_set(err, ERR_USAGE,
		    "requests_per_second has to be 0 or more");
	if (!(s->timeout > 0))
		return error_set(err, ERR_USAGE,
		    "request_timeout has to be more than 0 seconds");
	return 0;
}

int
rest_settings_init(struct rest_settings *s, struct config *config,
    const struct config_context *where, struct error *err)
{
	struct config_context ctx = { 0 };
	const char *const bundles[] = { getenv("REQUESTS_CA_BUNDLE"),
		getenv("CURL_CA_BUNDLE") };

	*s = (struct rest_settings){
		.max_attempts = 5,
		.backoff_factor = 1,
		.max_retry_delay = 300,
		.timeout = 60,
		.error_body_max = 8192,
		.body_max = (size_t)256 << 20,
	};
	for (size_t i = ARRAY_LEN(bundles); i-- > 0;)
		if (bundles[i] != NULL && *bundles[i] != '\0')
			s->ca_file = bundles[i];
	if (config == NULL)
		return 0;
	if (where != NULL)
		ctx = *where;
	ctx.section = "runtime";
	return read_settings(s, config, &ctx, err);
}

/* ---- headers ---- */

void
rest_fields_set(struct rest_fields *f, const char *name, const char *value)
{
	size_t i = 0;

	while (i < f->count && strcasecmp(f->list[i].name, name) != 0)
		i++;
	if (i == f->count) {
		f->list = xrealloc(f->list, (f->count + 1) * sizeof(*f->list));
		f->count++;
	} else {
		free((char *)(uintptr_t)f->list[i].name);
		free((char *)(uintptr_t)f->list[i].value);
	}
	f->list[i] = (struct http_header){ xstrdup(name), xstrdup(value) };
}

const char *
rest_fields_get(const struct rest_fields *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcasecmp(f->list[i].name, name) == 0)
			return f->list[i].value;
	return NULL;
}

void
rest_fields_release(struct rest_fields *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free((char *)(uintptr_t)f->list[i].name);
		free((char *)(uintptr_t)f->list[i].value);
	}
	free(f->list);
	*f = (struct rest_fields){ 0 };
}

void
rest_outgoing_release(struct rest_outgoing *out)
{
	buf_release(&out->url);
	buf_release(&out->text);
	rest_fields_release(&out->fields);
}

void
rest_response_release(struct rest_response *resp)
{
	http_response_release(&resp->http);
	buf_release(&resp->url);
}

/* ---- the client ---- */

struct rest_client *
rest_client_new(const struct rest_settings *settings, const char *base_url,
    const struct http_header *headers, size_t header_count,
    struct rest_auth *auth, struct error *err)
{
	struct rest_client *c;
	struct buf url = { 0 };

	if (*base_url != '\0' &&
	    rest_url_prepare(base_url, NULL, 0, &url, err) < 0) {
		rest_auth_free(auth);
		return NULL;
	}
	buf_release(&url);
	c = xcalloc(1, sizeof(*c));
	c->set = *settings;
	if (settings->ca_file != NULL)
		c->set.ca_file = c->ca_file = xstrdup(settings->ca_file);
	c->base_url = xstrdup(base_url);
	for (size_t i = 0; i < header_count; i++)
		rest_fields_set(&c->headers, headers[i].name, headers[i].value);
	c->auth = auth;
	c->pace = settings->pace;
	if (c->pace == NULL)
		c->pace = c->own_pace = rest_limit_new(0, settings->per_second);
	c->jar = http_jar_new();
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void
rest_client_free(struct rest_client *c)
{
	if (c == NULL)
		return;
	while (c->idle != NULL) {
		struct rest_work *w = c->idle;

		c->idle = w->next;
		http_free(w->http);
		free(w);
	}
	for (size_t i = 0; i < c->hidden_count; i++)
		free(c->hidden[i]);
	free(c->hidden);
	http_jar_free(c->jar);
	rest_limit_free(c->own_pace);
	rest_auth_free(c->auth);
	rest_fields_release(&c->headers);
	pthread_mutex_destroy(&c->lock);
	free(c->base_url);
	free(c->ca_file);
	free(c);
}

void
rest_client_hide(struct rest_client *c, const char *secret)
{
	c->hidden = xrealloc(c->hidden,
	    (c->hidden_count + 1) * sizeof(*c->hidden));
	c->hidden[c->hidden_count++] = xstrdup(secret);
}

struct rest_caller *
rest_caller_new(struct rest_client *c, struct rest_limit *const *limits,
    size_t count)
{
	struct rest_caller *u = xcalloc(1, sizeof(*u));

	u->client = c;
	for (size_t i = 0; i < count && u->count < REST_LIMITS; i++)
		if (limits[i] != NULL)
			u->limits[u->count++] = limits[i];
	pthread_mutex_init(&u->lock, NULL);
	return u;
}

void
rest_caller_free(struct rest_caller *u)
{
	if (u == NULL)
		return;
	pthread_mutex_destroy(&u->lock);
	free(u);
}

void
rest_caller_cancel(struct rest_caller *u)
{
	pthread_mutex_lock(&u->lock);
	atomic_store(&u->stop, true);
	for (struct rest_work *w = u->running; w != NULL; w = w->next)
		http_cancel(w->http);
	pthread_mutex_unlock(&u->lock);
	for (size_t i = 0; i < u->count; i++)
		rest_limit_wake(u->limits[i]);
	rest_limit_wake(u->client->pace);
}

/* ---- requests ---- */

static int
compose_method(const char *method, struct rest_outgoing *out, struct error *err)
{
	size_t len;

	if (method == NULL || *method == '\0')
		method = "GET";
	len = strlen(method);
	if (len >= sizeof(out->method))
		return error_set(err, ERR_USAGE, "no such method: %s", method);
	for (size_t i = 0; i < len; i++) {
		if (!isalpha((unsigned char)method[i]))
			return error_set(err, ERR_USAGE, "no such method: %s",
			    method);
		out->method[i] = (char)toupper((unsigned char)method[i]);
	}
	out->method[len] = '\0';
	return 0;
}

static int
compose_body(const struct rest_request *req, struct rest_outgoing *out,
    struct error *err)
{
	const char *type = NULL;

	if ((req->json != NULL) + (req->data != NULL) + (req->form_count > 0) >
	    1)
		return error_set(err, ERR_USAGE,
		    "a request has either json or data");
	if (req->json != NULL) {
		out->body = req->json;
		type = "application/json";
	} else if (req->form_count > 0) {
		rest_encode_params(req->form, req->form_count, &out->text);
		out->body = buf_str(&out->text);
		type = "application/x-www-form-urlencoded";
	} else if (req->data != NULL && *req->data != '\0') {
		out->body = req->data;
	}
	out->has_body = out->body != NULL;
	out->body_len = out->has_body ? strlen(out->body) : 0;
	if (type != NULL &&
	    rest_fields_get(&out->fields, "Content-Type") == NULL)
		rest_fields_set(&out->fields, "Content-Type", type);
	return 0;
}

int
rest_compose(const struct rest_client *c, const struct rest_request *req,
    const struct rest_fields *headers, struct rest_outgoing *out,
    struct error *err)
{
	struct buf joined = { 0 };
	int rc;

	rest_url_join(c->base_url, req->path != NULL ? req->path : "", &joined);
	rc = rest_url_prepare(buf_str(&joined), req->params, req->param_count,
	    &out->url, err);
	buf_release(&joined);
	for (size_t i = 0; headers != NULL && i < headers->count; i++)
		rest_fields_set(&out->fields, headers->list[i].name,
		    headers->list[i].value);
	for (size_t i = 0; i < req->header_count; i++)
		rest_fields_set(&out->fields, req->headers[i].name,
		    req->headers[i].value);
	if (rc < 0 || compose_method(req->method, out, err) < 0)
		return -1;
	return compose_body(req, out, err);
}

int
rest_print(struct rest_client *c, const struct rest_request *req,
    struct buf *out, struct error *err)
{
	struct rest_auth *auth = req->auth != NULL ? req->auth : c->auth;
	struct rest_outgoing o = { 0 };
	struct buf text = { 0 };
	int rc = -1;

	if (rest_compose(c, req, &c->headers, &o, err) == 0 &&
	    rest_auth_apply(auth, NULL, &o, err) == 0) {
		buf_addf(&text, "%s ", o.method);
		rest_url_show(buf_str(&o.url), &text);
		buf_addc(&text, '\n');
		for (size_t i = 0; i < o.fields.count; i++)
			buf_addf(&text, "%s: %s\n", o.fields.list[i].name,
			    o.fields.list[i].value);
		if (o.body_len > 0)
			buf_addf(&text, "\n%s\n", o.body);
		rest_client_mask(c, auth, &text);
		buf_add(out, buf_str(&text), text.len);
		rc = 0;
	}
	buf_release(&text);
	rest_outgoing_release(&o);
	return rc;
}

/* ---- messages ---- */

static void
mask_text(struct buf *text, const char *secret, size_t len)
{
	struct buf out = { 0 };
	const char *p = buf_str(text), *end = p + text->len, *hit;

	if (len < MASK_MIN || memmem(p, text->len, secret, len) == NULL)
		return;
	while ((hit = memmem(p, (size_t)(end - p), secret, len)) != NULL) {
		buf_add(&out, p, (size_t)(hit - p));
		buf_adds(&out, "***");
		p = hit + len;
	}
	buf_add(&out, p, (size_t)(end - p));
	buf_release(text);
	*text = out;
}

/* As it is, and as it stands in a query, a form and in JSON. */
void
rest_mask(struct buf *text, const char *secret)
{
	struct rest_param p = { "", secret, NULL };
	struct buf coded = { 0 };

	mask_text(text, secret, strlen(secret));
	rest_encode_params(&p, 1, &coded);
	mask_text(text, coded.data + 1, coded.len - 1);
	buf_release(&coded);
}

void
rest_client_mask(const struct rest_client *c, struct rest_auth *auth,
    struct buf *text)
{
	for (size_t i = 0; i < c->hidden_count; i++)
		rest_mask(text, c->hidden[i]);
	rest_auth_mask(c->auth, text);
	if (auth != c->auth)
		rest_auth_mask(auth, text);
}

/* "METHOD URL: " before a message, without secrets. */
void
rest_scrub(const struct rest_client *c, struct rest_auth *auth,
    const char *method, const char *url, struct error *err)
{
	struct buf text = { 0 };

	if (err->code == ERR_QUIET)
		return;
	buf_addf(&text, "%s ", method);
	rest_url_show(url, &text);
	buf_addf(&text, ": %s", err->msg);
	rest_client_mask(c, auth, &text);
	error_set(err, err->code, "%s", buf_str(&text));
	buf_release(&text);
}

int
rest_blame(const struct rest_client *c, const struct rest_response *resp,
    struct error *err)
{
	rest_scrub(c, resp->auth, resp->method, buf_str(&resp->url), err);
	return -1;
}

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 423, "Locked" },
		{ 424, "Failed Dependency" },
		{ 425, "Too Early" },
		{ 426, "Upgrade Required" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
		{ 508, "Loop Detected" },
		{ 511, "Network Authentication Required" },
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

static void
add_error_body(const struct buf *body, long max, struct buf *out)
{
	const char *p = buf_str(body);
	size_t end = 0;

	for (long n = 0; end < body->len && n < max; n++)
		do
			end++;
		while (end < body->len && (p[end] & 0xC0) == 0x80);
	buf_adds(out, "; response: ");
	buf_add(out, p, end);
	if (end < body->len)
		buf_adds(out, "… (truncated)");
}

int
rest_check(const struct rest_client *c, const struct rest_response *resp,
    struct error *err)
{
	int status = resp->http.status;
	struct buf text = { 0 };
	struct error kind = { 0 };

	if (status < 400)
		return 0;
	http_check(&resp->http, &kind);
	buf_addf(&text, "%d %s Error: %s for url: ", status,
	    status < 500 ? "Client" : "Server", reason_of(status));
	rest_url_show(buf_str(&resp->url), &text);
	if (c->set.show_error_body && resp->http.body.len > 0)
		add_error_body(&resp->http.body, c->set.error_body_max, &text);
	rest_client_mask(c, resp->auth, &text);
	error_set(err, kind.code, "%s", buf_str(&text));
	buf_release(&text);
	return -1;
}
