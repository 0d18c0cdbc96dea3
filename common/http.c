/* SPDX-License-Identifier: MIT */
#include "common/http.h"

#include "common/mem.h"
#include "common/output.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#define CONNECT_S  15
#define STALL_S    300
#define POLL_MS    500
#define BODY_MAX   ((size_t)64 << 20)
#define ERROR_MAX  ((size_t)64 << 10)
#define FIELDS_MAX ((size_t)256 << 10)
#define UPLOAD_BUF (512L << 10)

struct http_jar {
	CURLSH *share;
	/* of what libcurl names so: cookies, and its own count of handles */
	pthread_mutex_t locks[CURL_LOCK_DATA_LAST];
};

struct http {
	CURLM *multi;
	CURL *easy;
	char *user_agent, *ca_file;
	double connect_s, stall_s;
	int redirects;
	struct http_jar *jar;
	atomic_bool cancelled;

	/* of the exchange at hand */
	const struct http_request *req;
	struct http_response *resp;
	struct curl_slist *headers;
	struct error err; /* of a callback */
	char text[CURL_ERROR_SIZE];
	bool open;     /* the easy handle is in the multi handle */
	bool finished; /* has its result */
	CURLcode result;
	double moved_at; /* when a byte moved last */
	curl_off_t up, down;

	size_t sent;  /* of the body in memory */
	bool started; /* the body has been asked for */
	/* http_write() */
	bool written, paused, last;
	const char *chunk;
	size_t chunk_len;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void
global_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool
is_interrupted(struct http *h)
{
	return atomic_load(&h->cancelled) ||
	    (!h->req->deaf && signal_pending() != 0);
}

/* ---- what libcurl calls ---- */

static size_t
read_chunk(struct http *h, char *out, size_t room)
{
	size_t n = h->chunk_len < room ? h->chunk_len : room;

	if (!n && !h->last) {
		h->paused = true;
		return CURL_READFUNC_PAUSE;
	}
	if (n)
		memcpy(out, h->chunk, n);
	h->chunk += n;
	h->chunk_len -= n;
	return n;
}

static size_t
on_read(char *out, size_t size, size_t count, void *arg)
{
	struct http *h = arg;
	const struct http_body *b = h->req->body;
	size_t room = size * count, n;
	long got;

	h->started = true;
	if (h->written)
		return read_chunk(h, out, room);
	if (b->pull) {
		got = b->pull(b->arg, out, room, &h->err);
		return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
	}
	n = b->len - h->sent < room ? b->len - h->sent : room;
	if (n)
		memcpy(out, (const char *)b->data + h->sent, n);
	h->sent += n;
	return n;
}

static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http *h = arg;
	const struct http_body *b = h->req->body;

	if (!h->started)
		return CURL_SEEKFUNC_OK;
	if (h->written || !b || b->once || offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	if (b->pull && (!b->rewind || b->rewind(b->arg, &h->err) < 0))
		return CURL_SEEKFUNC_FAIL;
	h->sent = 0;
	return CURL_SEEKFUNC_OK;
}

static int
take_body(struct http *h, const char *data, size_t len)
{
	const struct http_request *r = h->req;
	struct buf *body = &h->resp->body;
	size_t max = r->body_max ? r->body_max : BODY_MAX;
	long status = 0;

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	if (r->push && status >= 200 && status < 300)
		return r->push(r->arg, data, len, &h->err);
	if (r->push) {
		max = ERROR_MAX;
		if (len > max - body->len)
			len = max - body->len;
	}
	if (len > max - body->len)
		return error_set(&h->err, ERR_REMOTE,
		    "the answer is larger than %zu bytes", max);
	buf_add(body, data, len);
	return 0;
}

static size_t
on_write(char *data, size_t size, size_t count, void *arg)
{
	/* anything but the count is a failure */
	return take_body(arg, data, size * count) < 0 ? CURL_WRITEFUNC_ERROR
	                                              : size * count;
}

/* Each answer begins with its status line: those before the last are of
 * redirects, and "100 Continue". */
static size_t
on_header(char *line, size_t size, size_t count, void *arg)
{
	struct http *h = arg;
	struct buf *out = &h->resp->fields;
	size_t len = size * count, end = len;
	const char *colon = memchr(line, ':', len);

	if (len >= 5 && !memcmp(line, "HTTP/", 5)) {
		buf_reset(out);
		buf_reset(&h->resp->body);
		return len;
	}
	if (!colon || memchr(line, '\0', len) || out->len + len > FIELDS_MAX)
		return len;
	while (end && strchr(" \t\r\n", line[end - 1]))
		end--;
	buf_add(out, line, (size_t)(colon - line));
	buf_addc(out, '\0');
	for (colon++; colon < line + end && strchr(" \t", *colon); colon++)
		;
	if (colon < line + end)
		buf_add(out, colon, (size_t)(line + end - colon));
	buf_addc(out, '\0');
	return len;
}

static int
on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
    curl_off_t ulnow)
{
	struct http *h = arg;

	if (ulnow != h->up || dlnow != h->down)
		h->moved_at = now_s();
	h->up = ulnow;
	h->down = dlnow;
	return is_interrupted(h);
}

/* ---- errors ---- */

static enum err_code
code_of(CURLcode result, const char *text)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_AGAIN:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_OUT_OF_MEMORY:
		return ERR_TEMP;
	case CURLE_SSL_CONNECT_ERROR:
		/* cut, or no TLS at all on the other side */
		return strstr(text, "reset") || strstr(text, "SYSCALL") ||
		        strstr(text, "timed out")
		    ? ERR_TEMP
		    : ERR_REMOTE;
	default:
		return ERR_REMOTE;
	}
}

static int
fail(struct http *h, struct error *err)
{
	const char *text = *h->text ? h->text : curl_easy_strerror(h->result);

	if (is_interrupted(h))
		return error_set(err, ERR_QUIET, "interrupted");
	if (h->err.code) {
		*err = h->err;
		return -1;
	}
	if (h->result == CURLE_SEND_FAIL_REWIND)
		text = "the connection was closed while sending";
	return error_set(err, code_of(h->result, h->text), "%s", text);
}

/* ---- an exchange ---- */

static void
close_exchange(struct http *h)
{
	if (h->open)
		curl_multi_remove_handle(h->multi, h->easy);
	/* curl_easy_reset() would lose the list of files */
	if (h->jar)
		curl_easy_setopt(h->easy, CURLOPT_COOKIEFILE, NULL);
	curl_slist_free_all(h->headers);
	h->headers = NULL;
	h->open = false;
}

static bool
has_header(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->header_count; i++)
		if (curl_strequal(req->headers[i].name, name))
			return true;
	return false;
}

static int
add_header(struct http *h, const char *name, const char *value,
    struct error *err)
{
	/* an empty one would be taken for the wish to leave it out */
	char *line = xasprintf("%s%s%s", name, *value ? ": " : ";", value);
	struct curl_slist *list = NULL;
	int rc = 0;

	if (strpbrk(name, "\r\n:") || strpbrk(value, "\r\n"))
		rc = error_set(err, ERR_USAGE,
		    "a line break in the HTTP header \"%s\"", name);
	else if (!(list = curl_slist_append(h->headers, line)))
		rc = error_set(err, ERR_TEMP, "out of memory");
	else
		h->headers = list;
	free(line);
	return rc;
}

/* What libcurl adds by itself is left out: a type of content that nobody gave,
 * and the question whether the body is welcome, which costs a round trip. */
static int
set_headers(struct http *h, const struct http_request *req, struct error *err)
{
	static const char *const unwanted[] = { "Expect", "Content-Type" };
	bool chunked = req->body && req->body->pull && !req->body->sized;

	for (size_t i = 0; i < req->header_count; i++)
		if (!(h->jar &&
		        curl_strequal(req->headers[i].name, "Cookie")) &&
		    add_header(h, req->headers[i].name, req->headers[i].value,
		        err) < 0)
			return -1;
	if ((chunked || h->written) && !has_header(req, "Transfer-Encoding") &&
	    add_header(h, "Transfer-Encoding", "chunked", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(unwanted); i++) {
		char line[32] = "";
		struct curl_slist *list;

		if (has_header(req, unwanted[i]))
			continue;
		strcat(strcat(line, unwanted[i]), ":");
		list = curl_slist_append(h->headers, line);
		if (!list)
			return error_set(err, ERR_TEMP, "out of memory");
		h->headers = list;
	}
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
	return 0;
}

static void
set_certificates(struct http *h)
{
	const char *file = h->ca_file ? h->ca_file : getenv("SSL_CERT_FILE");
	const char *dir = h->ca_file ? NULL : getenv("SSL_CERT_DIR");

	if (file && *file)
		curl_easy_setopt(h->easy, CURLOPT_CAINFO, file);
	if (dir && *dir)
		curl_easy_setopt(h->easy, CURLOPT_CAPATH, dir);
	else if (h->ca_file)
		curl_easy_setopt(h->easy, CURLOPT_CAPATH, NULL);
}

/* A header of the request's own joins those of the jar. */
static void
set_cookies(struct http *h, const struct http_request *req)
{
	if (!h->jar)
		return;
	curl_easy_setopt(h->easy, CURLOPT_SHARE, h->jar->share);
	curl_easy_setopt(h->easy, CURLOPT_COOKIEFILE, "");
	for (size_t i = 0; i < req->header_count; i++)
		if (curl_strequal(req->headers[i].name, "Cookie"))
			curl_easy_setopt(h->easy, CURLOPT_COOKIE,
			    req->headers[i].value);
}

static void
set_connection(struct http *h)
{
	CURL *e = h->easy;

	if (h->jar) /* its list is forgotten, not freed, by what follows */
		curl_easy_setopt(e, CURLOPT_COOKIEFILE, NULL);
	curl_easy_reset(e);
	*h->text = '\0';
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->text);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, h->user_agent);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(h->connect_s * 1e3));
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUF);
	set_certificates(h);
	if (h->redirects > 0) {
		curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
		curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)h->redirects);
		curl_easy_setopt(e, CURLOPT_POSTREDIR,
		    (long)CURL_REDIR_POST_ALL);
	}
}

static void
set_callbacks(struct http *h)
{
	CURL *e = h->easy;

	curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(e, CURLOPT_READDATA, h);
	curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(e, CURLOPT_SEEKDATA, h);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, h);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
}

/* POST to libcurl is what has a body of a known or chunked length; the name of
 * the method is set beside it. */
static void
set_method(struct http *h, const struct http_request *req)
{
	const struct http_body *b = req->body;
	bool empty = !b && !h->written;
	CURL *e = h->easy;

	if (!strcmp(req->method, "HEAD")) {
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
		return;
	}
	if (empty && strcmp(req->method, "POST") != 0 &&
	    strcmp(req->method, "PUT") != 0) {
		curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
	} else {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		if (empty)
			curl_easy_setopt(e, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(empty             ? 0
		            : h->written           ? -1
		            : b->pull && !b->sized ? -1
		                                   : (curl_off_t)b->len));
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
}

static int
start(struct http *h, const struct http_request *req,
    struct http_response *resp, struct error *err)
{
	close_exchange(h);
	h->req = req;
	h->resp = resp;
	h->err = (struct error){ 0 };
	h->finished = h->paused = h->last = h->started = false;
	h->result = CURLE_OK;
	h->sent = h->chunk_len = 0;
	h->up = h->down = 0;
	h->moved_at = now_s();
	resp->status = 0;
	buf_reset(&resp->body);
	buf_reset(&resp->fields);

	set_connection(h);
	set_cookies(h, req);
	set_callbacks(h);
	set_method(h, req);
	curl_easy_setopt(h->easy, CURLOPT_URL, req->url);
	if (req->decode)
		curl_easy_setopt(h->easy, CURLOPT_ACCEPT_ENCODING, "");
	if (set_headers(h, req, err) < 0) {
		close_exchange(h);
		return -1;
	}
	if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK) {
		close_exchange(h);
		return error_set(err, ERR_TEMP, "out of memory");
	}
	h->open = true;
	return 0;
}

static void
take_result(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		h->finished = true;
		h->result = m->data.result;
	}
}

/* Work until the exchange has ended, or (write) until it wants more. */
static int
run(struct http *h, struct error *err)
{
	int running, wait_ms = POLL_MS;

	if (h->stall_s >= 0 && h->stall_s * 1e3 < POLL_MS)
		wait_ms = (int)(h->stall_s * 1e3) + 1;
	h->moved_at = now_s();
	for (;;) {
		CURLMcode rc = curl_multi_perform(h->multi, &running);

		take_result(h);
		if (h->finished)
			break;
		if (is_interrupted(h) || rc != CURLM_OK || !running)
			break;
		if (h->written && !h->last && h->paused && !h->chunk_len)
			return 0;
		if (h->stall_s >= 0 && now_s() - h->moved_at > h->stall_s)
			return error_set(err, ERR_TEMP,
			    "nothing came or went for %g s", h->stall_s);
		if (curl_multi_poll(h->multi, NULL, 0, wait_ms, NULL) !=
		    CURLM_OK)
			break;
	}
	if (!h->finished || h->result != CURLE_OK)
		return fail(h, err);
	return 0;
}

static void
take_status(struct http *h)
{
	long status = 0;

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	h->resp->status = (int)status;
}

int
http_send(struct http *h, const struct http_request *req,
    struct http_response *resp, struct error *err)
{
	int rc;

	h->written = false;
	if (start(h, req, resp, err) < 0)
		return -1;
	rc = run(h, err);
	if (rc == 0)
		take_status(h);
	close_exchange(h);
	return rc;
}

int
http_begin(struct http *h, const struct http_request *req,
    struct http_response *resp, struct error *err)
{
	h->written = true;
	return start(h, req, resp, err);
}

static int
resume(struct http *h, struct error *err)
{
	if (h->paused) {
		h->paused = false;
		curl_easy_pause(h->easy, CURLPAUSE_CONT);
	}
	return run(h, err);
}

int
http_write(struct http *h, const void *data, size_t len, bool *done,
    struct error *err)
{
	int rc = 0;

	if (!h->open)
		return error_set(err, ERR_TEMP, "the connection is closed");
	if (!h->finished && len) {
		h->chunk = data;
		h->chunk_len = len;
		rc = resume(h, err);
		h->chunk_len = 0;
	}
	if (done)
		*done = h->finished;
	return rc;
}

int
http_end(struct http *h, struct error *err)
{
	int rc = -1;

	if (!h->open)
		return error_set(err, ERR_TEMP, "the connection is closed");
	h->last = true;
	h->chunk_len = 0;
	if (!h->finished)
		rc = resume(h, err);
	else
		rc = h->result == CURLE_OK ? 0 : fail(h, err);
	if (rc == 0)
		take_status(h);
	close_exchange(h);
	return rc;
}

void
http_abort(struct http *h)
{
	close_exchange(h);
}

void
http_cancel(struct http *h)
{
	atomic_store(&h->cancelled, true);
	curl_multi_wakeup(h->multi);
}

/* ---- cookies ---- */

static void
lock_jar(CURL *easy, curl_lock_data data, curl_lock_access access, void *arg)
{
	struct http_jar *jar = arg;

	(void)easy;
	(void)access;
	pthread_mutex_lock(&jar->locks[data]);
}

static void
unlock_jar(CURL *easy, curl_lock_data data, void *arg)
{
	struct http_jar *jar = arg;

	(void)easy;
	pthread_mutex_unlock(&jar->locks[data]);
}

struct http_jar *
http_jar_new(void)
{
	struct http_jar *jar = xcalloc(1, sizeof(*jar));

	pthread_once(&global_once, global_init);
	for (size_t i = 0; i < ARRAY_LEN(jar->locks); i++)
		pthread_mutex_init(&jar->locks[i], NULL);
	jar->share = curl_share_init();
	if (jar->share) {
		curl_share_setopt(jar->share, CURLSHOPT_LOCKFUNC, lock_jar);
		curl_share_setopt(jar->share, CURLSHOPT_UNLOCKFUNC, unlock_jar);
		curl_share_setopt(jar->share, CURLSHOPT_USERDATA, jar);
		curl_share_setopt(jar->share, CURLSHOPT_SHARE,
		    CURL_LOCK_DATA_COOKIE);
	}
	return jar;
}

void
http_jar_free(struct http_jar *jar)
{
	if (!jar)
		return;
	curl_share_cleanup(jar->share);
	for (size_t i = 0; i < ARRAY_LEN(jar->locks); i++)
		pthread_mutex_destroy(&jar->locks[i]);
	free(jar);
}

/* ---- the handle ---- */

struct http *
http_new(const struct http_settings *set, struct error *err)
{
	static const struct http_settings none = { 0 };
	struct http *h = xcalloc(1, sizeof(*h));

	if (!set)
		set = &none;
	pthread_once(&global_once, global_init);
	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	if (!h->multi || !h->easy) {
		http_free(h);
		error_set(err, ERR_TEMP, "out of memory");
		return NULL;
	}
	h->user_agent = xstrdup(set->user_agent ? set->user_agent
	                                        : "dlt-tools/" DLT_VERSION);
	h->ca_file = set->ca_file ? xstrdup(set->ca_file) : NULL;
	h->connect_s = set->connect_s > 0 ? set->connect_s : CONNECT_S;
	h->stall_s = set->stall_s ? set->stall_s : STALL_S;
	h->redirects = set->redirects;
	h->jar = set->jar;
	return h;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	close_exchange(h);
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	free(h->user_agent);
	free(h->ca_file);
	free(h);
}
