/* SPDX-License-Identifier: MIT */
/*
 * Against a small server on loopback, a thread a connection, that does what the
 * path of a request names.
 */
#include "common/http.h"
#include "common/output.h"

#include "tests/unit/tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the server ---- */

static int accepted; /* connections */

static void
reply(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static bool
more(int fd, struct buf *in)
{
	char part[65536];
	ssize_t n = recv(fd, part, sizeof(part), 0);

	if (n > 0)
		buf_add(in, part, (size_t)n);
	return n > 0;
}

/* The whole request, its chunks as they came. */
static bool
read_request(int fd, struct buf *in, size_t *head)
{
	const char *end, *length;

	buf_reset(in);
	while (!(end = strstr(buf_str(in), "\r\n\r\n")))
		if (!more(fd, in))
			return false;
		else if (*in->data == 0x16) /* a greeting of TLS */
			reply(fd, "HTTP/1.1 400 No\r\n\r\n", 20);
	*head = (size_t)(end + 4 - in->data);
	if (!strncmp(in->data, "POST /early", 11))
		return true;
	length = strstr(in->data, "Content-Length: ");
	if (length && length < end) {
		size_t want = (size_t)atol(length + 16);

		while (in->len < *head + want)
			if (!more(fd, in))
				return false;
	} else if (strstr(in->data, "chunked")) {
		while (in->len < *head + 5 ||
		    memcmp(in->data + in->len - 5, "0\r\n\r\n", 5) != 0)
			if (!more(fd, in))
				return false;
	}
	return true;
}

static void
answer(int fd, const char *head, const void *body, size_t len)
{
	struct buf out = { 0 };

	buf_addf(&out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, len);
	buf_add(&out, body, len);
	reply(fd, out.data, out.len);
	buf_release(&out);
}

static char big[1 << 20];

static bool
serve(int fd, struct buf *in)
{
	const char *path = strchr(in->data, ' ') + 1;

	if (!strncmp(path, "/status/", 8)) {
		char head[64];

		snprintf(head, sizeof(head), "%.3s X\r\nretry-after:   7 ",
		    path + 8);
		answer(fd, head, "no luck\nat all", 14);
	} else if (!strncmp(path, "/cut", 4)) {
		reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		    41);
		return false;
	} else if (!strncmp(path, "/reset", 6)) {
		return false;
	} else if (!strncmp(path, "/hang", 5)) {
		while (more(fd, in))
			;
		return false;
	} else if (!strncmp(path, "/close", 6)) {
		answer(fd, "200 OK", "", 0);
		return false;
	} else if (!strncmp(path, "/early", 6)) {
		answer(fd, "400 No", "not so", 6);
		while (more(fd, in))
			;
		return false;
	} else if (!strncmp(path, "/big", 4)) {
		answer(fd, "200 OK", big, sizeof(big));
	} else if (!strncmp(path, "/moved", 6)) {
		answer(fd, "307 Moved\r\nLocation: /echo\r\nETag: old", "x", 1);
	} else if (!strncmp(path, "/none", 5)) {
		reply(fd, "HTTP/1.1 204 None\r\nETag: \"a:b\"\r\n\r\n", 35);
	} else {
		answer(fd, "200 OK\r\nETag: \"e\"\r\nX-Empty:", in->data,
		    in->len);
	}
	return true;
}

static void *
connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct buf in = { 0 };
	size_t head;

	while (read_request(fd, &in, &head) && serve(fd, &in))
		;
	close(fd);
	buf_release(&in);
	return NULL;
}

static void *
server(void *arg)
{
	int listener = (int)(intptr_t)arg, fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		pthread_t thread;

		__atomic_add_fetch(&accepted, 1, __ATOMIC_RELAXED);
		pthread_create(&thread, NULL, connection, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
	return NULL;
}

/* A port of loopback; listening: with the server behind it. */
static int
port_of(bool listening)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		abort();
	if (listening) {
		listen(fd, 16);
		pthread_create(&thread, NULL, server, (void *)(intptr_t)fd);
		pthread_detach(thread);
	} else {
		close(fd);
	}
	return ntohs(a.sin_port);
}

/* ---- the tests ---- */

static int port;
static struct http *http;
static struct http_response resp;
static struct error err;
static char url[128];

static struct http_request
request(const char *method, const char *path)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
	err = (struct error){ 0 };
	return (struct http_request){ .method = method, .url = url };
}

static bool
echoed(const char *text)
{
	bool found = strstr(buf_str(&resp.body), text) != NULL;

	if (!found)
		printf("# %.300s\n", buf_str(&resp.body));
	return found;
}

static void
test_requests(void)
{
	struct http_header headers[] = { { "X-One", "1" }, { "X-None", "" } };
	struct http_body body = { .data = "hello", .len = 5 };
	struct http_request r = request("GET", "/echo?a=b");

	r.headers = headers;
	r.header_count = 2;
	tap_int(http_send(http, &r, &resp, &err), 0, "GET");
	tap_int(resp.status, 200, "its status");
	tap_ok(echoed("GET /echo?a=b HTTP/1.1\r\n"), "its line");
	tap_ok(echoed("\r\nX-One: 1\r\n"), "a header");
	tap_ok(echoed("\r\nX-None:\r\n"), "an empty header");
	tap_ok(echoed("\r\nUser-Agent: dlt-tools/"), "the user agent");
	tap_ok(!strstr(resp.body.data, "Content-"), "no body");
	tap_str(http_header(&resp, "etag"), "\"e\"", "a header comes back");
	tap_str(http_header(&resp, "X-EMPTY"), "", "an empty one");
	tap_str(http_header(&resp, "x"), NULL, "none");

	r = request("PATCH", "/echo");
	r.body = &body;
	tap_int(http_send(http, &r, &resp, &err), 0, "PATCH");
	tap_ok(echoed("PATCH /echo ") && echoed("Content-Length: 5\r\n"),
	    "has its length");
	tap_ok(echoed("\r\n\r\nhello"), "and its body");
	tap_ok(!strstr(resp.body.data, "Content-Type"), "and no type");
	r = request("PUT", "/echo");
	tap_int(http_send(http, &r, &resp, &err), 0, "PUT of nothing");
	tap_ok(echoed("PUT ") && echoed("Content-Length: 0\r\n"), "says so");
	r = request("DELETE", "/none");
	tap_int(http_send(http, &r, &resp, &err), 0, "DELETE");
	tap_int(resp.status, 204, "nothing comes back");
	tap_str(http_header(&resp, "ETag"), "\"a:b\"", "but a header");
	r = request("HEAD", "/status/404");
	tap_int(http_send(http, &r, &resp, &err), 0, "HEAD");
	tap_int(resp.status, 404, "its status");
	r = request("GET", "/moved");
	tap_int(http_send(http, &r, &resp, &err), 0, "a redirect");
	tap_int(resp.status, 307, "is not followed");
	headers[0].value = "a\r\nX-Two: 2";
	r = request("GET", "/echo");
	r.headers = headers;
	r.header_count = 1;
	tap_int(http_send(http, &r, &resp, &err), -1, "a line break");
	tap_int(err.code, ERR_USAGE, "is not sent");
}

/* Bytes of a source that can begin again. */
struct source {
	size_t at, len;
	int rewound;
	bool fails;
};

static long
pull(void *arg, void *data, size_t len, struct error *e)
{
	struct source *s = arg;

	if (s->fails)
		return error_set(e, ERR_IO, "bad disk");
	if (len > s->len - s->at)
		len = s->len - s->at;
	memset(data, 'x', len);
	s->at += len;
	return (long)len;
}

static int
rewind_source(void *arg, struct error *e)
{
	struct source *s = arg;

	s->at = 0;
	s->rewound++;
	return 0;
}

static void
test_bodies(void)
{
	struct source s = { .len = 300000 };
	struct http_body body = { .pull = pull,
		.rewind = rewind_source,
		.arg = &s,
		.len = 300000,
		.sized = true };
	struct http_request r = request("PUT", "/echo");
	struct http_settings set = { .redirects = 3 };
	struct http *h = http_new(&set, &err);
	bool done = true;

	r.body = &body;
	tap_int(http_send(http, &r, &resp, &err), 0, "a pulled body");
	tap_ok(echoed("Content-Length: 300000\r\n"), "of known length");
	tap_ok(resp.body.len > 300000, "went over");
	s.at = 0;
	body.sized = false;
	tap_int(http_send(http, &r, &resp, &err), 0, "a pulled body");
	tap_ok(echoed("Transfer-Encoding: chunked\r\n"), "in chunks");
	tap_ok(!strstr(resp.body.data, "Expect"), "without a question");
	s.at = 0;
	r = request("POST", "/moved");
	r.body = &body;
	tap_int(http_send(h, &r, &resp, &err), 0, "a redirect is followed");
	tap_ok(echoed("POST /echo ") && s.rewound == 1, "the body again");
	tap_str(http_header(&resp, "ETag"), "\"e\"", "the last one's headers");
	s.fails = true;
	r = request("POST", "/echo");
	r.body = &body;
	tap_int(http_send(http, &r, &resp, &err), -1, "a source that fails");
	tap_str(err.msg, "bad disk", "says why");

	r = request("POST", "/echo");
	tap_int(http_begin(http, &r, &resp, &err), 0, "a written body");
	tap_int(http_write(http, "abc", 3, &done, &err), 0, "a part");
	tap_ok(!done, "not answered yet");
	tap_int(http_write(http, "", 0, NULL, &err), 0, "nothing");
	tap_int(http_write(http, big, sizeof(big), NULL, &err), 0, "much");
	tap_int(http_end(http, &err), 0, "the end");
	tap_ok(echoed("abc") && resp.body.len > sizeof(big), "went over");
	r = request("POST", "/echo");
	tap_int(http_begin(http, &r, &resp, &err), 0, "an empty one");
	tap_int(http_end(http, &err), 0, "the end");
	tap_ok(echoed("\r\n\r\n0\r\n\r\n"), "went over");
	r = request("POST", "/early");
	tap_int(http_begin(http, &r, &resp, &err), 0, "an early answer");
	for (int i = 0; i < 1000 && !done; i++)
		if (http_write(http, big, sizeof(big), &done, &err) < 0)
			break;
	tap_ok(done, "is seen while writing");
	tap_int(http_end(http, &err), 0, "and taken");
	tap_int(resp.status, 400, "its status");
	tap_str(buf_str(&resp.body), "not so", "its body");
	r = request("POST", "/echo");
	tap_int(http_begin(http, &r, &resp, &err), 0, "one");
	http_abort(http);
	tap_int(http_end(http, &err), -1, "that was abandoned");
	http_free(h);
}

static int
take(void *arg, const void *data, size_t len, struct error *e)
{
	size_t *left = arg;

	if (len > *left)
		return error_set(e, ERR_IO, "disk full");
	*left -= len;
	return 0;
}

static void
test_answers(void)
{
	size_t left = sizeof(big);
	struct http_request r = request("GET", "/big");

	r.push = take;
	r.arg = &left;
	tap_int(http_send(http, &r, &resp, &err), 0, "a pushed answer");
	tap_int((long long)left, 0, "all of it");
	left = 1000;
	tap_int(http_send(http, &r, &resp, &err), -1, "nobody takes it");
	tap_str(err.msg, "disk full", "why");
	r = request("GET", "/status/503");
	r.push = take;
	r.arg = &left;
	tap_int(http_send(http, &r, &resp, &err), 0, "503");
	tap_int(http_retry_after(&resp), 7, "Retry-After");
	tap_int(http_check(&resp, &err), -1, "is an error");
	tap_int(err.code, ERR_TEMP, "for now");
	tap_str(err.msg, "HTTP 503: no luck", "with its reason");
	r = request("GET", "/big");
	r.body_max = 1000;
	tap_int(http_send(http, &r, &resp, &err), -1, "too large");
	tap_str(err.msg, "the answer is larger than 1000 bytes", "says so");
	r = request("GET", "/status/404");
	tap_int(http_send(http, &r, &resp, &err), 0, "404");
	http_check(&resp, &err);
	tap_int(err.code, ERR_REMOTE, "for good");
}

static void
test_failures(void)
{
	struct http_settings set = { .stall_s = 0.05 };
	struct http *h = http_new(&set, &err);
	static const char *const paths[] = { "/cut", "/reset", "/hang" };
	struct http_request r;
	int was;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		r = request("GET", paths[i]);
		tap_int(http_send(h, &r, &resp, &err), -1, paths[i]);
		tap_int(err.code, ERR_TEMP, "may be tried again");
		printf("# %s\n", err.msg);
	}
	r = request("GET", "/echo");
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port_of(false));
	tap_int(http_send(http, &r, &resp, &err), -1, "nobody listens");
	tap_int(err.code, ERR_TEMP, "may be tried again");
	snprintf(url, sizeof(url), "https://u:hush@127.0.0.1:%d/", port);
	tap_int(http_send(http, &r, &resp, &err), -1, "no TLS there");
	tap_int(err.code, ERR_REMOTE, "for good");
	tap_ok(!strstr(err.msg, "hush"), "without the password: %s", err.msg);
	snprintf(url, sizeof(url), "file:///etc/passwd");
	tap_int(http_send(http, &r, &resp, &err), -1, "another protocol");
	tap_int(err.code, ERR_REMOTE, "for good");

	was = accepted;
	for (int i = 0; i < 5; i++) {
		r = request("GET", "/echo");
		tap_int(http_send(http, &r, &resp, &err), 0, "again");
	}
	tap_ok(accepted - was <= 1, "one connection for all");
	for (int i = 0; i < 5; i++) {
		r = request("POST", "/close");
		r.body = &(struct http_body){ .data = "abc", .len = 3 };
		tap_int(http_send(http, &r, &resp, &err), 0,
		    "a new connection");
	}
	http_free(h);
}

static void
test_text(void)
{
	struct buf b = { 0 };

	http_escape("a b/\xc3\xa4~%", 8, "/", &b);
	tap_str(b.data, "a%20b/%C3%A4~%25", "escaped");
	buf_reset(&b);
	tap_ok(http_unescape("a%20b%2f%C3%a4", 14, &b), "unescaped");
	tap_str(b.data, "a b/\xc3\xa4", "as it was");
	tap_ok(!http_unescape("%2", 2, &b), "cut");
	tap_ok(!http_unescape("%zz", 3, &b), "no digits");
	tap_ok(!http_unescape("%00", 3, &b), "a NUL");
	buf_release(&b);
	http_response_release(&resp);
	tap_int(http_retry_after(&resp), -1, "no Retry-After");
	buf_add(&resp.fields, "Retry-After\0Fri, 31 Dec 1999 23:59:59 GMT", 42);
	tap_int(http_retry_after(&resp), 0, "a date that has passed");
	buf_reset(&resp.fields);
	buf_add(&resp.fields, "Retry-After\0soon", 17);
	tap_int(http_retry_after(&resp), -1, "no date");
}

int
main(void)
{
	struct http_request r;

	signal(SIGPIPE, SIG_IGN);
	http = http_new(NULL, &err);
	if (!http) {
		tap_skip("all", err.msg);
		return tap_done();
	}
	port = port_of(true);
	memset(big, 'y', sizeof(big));
	test_requests();
	test_bodies();
	test_answers();
	test_failures();
	test_text();
	/* the last one: it does not go away */
	signal_note(SIGTERM);
	r = request("GET", "/hang");
	tap_int(http_send(http, &r, &resp, &err), -1, "a signal");
	tap_int(err.code, ERR_QUIET, "ends it");
	http_response_release(&resp);
	http_free(http);
	return tap_done();
}
