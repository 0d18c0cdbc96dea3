/* SPDX-License-Identifier: MIT */
/*
 * restq: requests by the REST client, for the tests.
 *
 * Standard input is a JSON object: {"base_url", "headers", "auth",
 * "per_second", "requests": [{"method", "path", "params", "headers", "json",
 * "form", "data", "final": [STATUS...]}], "threads", "limits": [N...],
 * "body_max"}; settings come from the configuration, with the sections
 * "sources" and "shop". A line of JSON for each request, in their order:
 * {"status", "url", "method", "body"}, or {"error", "code"}.
 *
 * restq -c FILE: cancel as soon as FILE can be opened and ends (a FIFO).
 * restq -n: print the requests instead. restq -u: lines {"op": "prepare" |
 * "resolve" | "join", "a", "b", "params"}, a line with the URL for each.
 */
#include "common/config.h"
#include "common/json.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "tools/dlt-extract/rest/rest_auth.h"
#include "tools/dlt-extract/rest/rest_client.h"
#include "tools/dlt-extract/rest/rest_limit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX 64

struct task {
	const struct json *spec;
	struct buf out;
};

static struct rest_client *client;
static struct rest_caller *caller;
static struct task *tasks;
static size_t task_count;
static atomic_size_t next_task;

static size_t
take_params(const struct json *object, struct rest_param *params)
{
	size_t n = 0;

	for (const struct json *m = object ? object->child : NULL; m && n < MAX;
	     m = m->next)
		params[n++] = (struct rest_param){ m->key, NULL, m };
	return n;
}

static size_t
take_headers(const struct json *object, struct http_header *headers)
{
	size_t n = 0;

	for (const struct json *m = object ? object->child : NULL; m && n < MAX;
	     m = m->next)
		if (m->kind == JSON_STRING)
			headers[n++] = (struct http_header){ m->key, m->str };
	return n;
}

static bool
is_final(void *arg, const struct rest_response *resp)
{
	const struct json *list = arg;

	for (const struct json *e = list->child; e; e = e->next)
		if (strtol(e->raw, NULL, 10) == resp->http.status)
			return true;
	return false;
}

/* ---- one request ---- */

struct memory {
	struct rest_param params[MAX], form[MAX];
	struct http_header headers[MAX];
	struct buf json;
};

static struct rest_request
make_request(const struct json *spec, struct memory *m)
{
	const struct json *json = json_get(spec, "json");
	const struct json *final = json_get(spec, "final");
	struct rest_request req = {
		.method = json_get_str(spec, "method", NULL),
		.path = json_get_str(spec, "path", NULL),
		.params = m->params,
		.param_count = take_params(json_get(spec, "params"), m->params),
		.headers = m->headers,
		.header_count = take_headers(json_get(spec, "headers"),
		    m->headers),
		.form = m->form,
		.form_count = take_params(json_get(spec, "form"), m->form),
		.data = json_get_str(spec, "data", NULL),
		.is_final = final ? is_final : NULL,
	};

	memcpy(&req.arg, &final, sizeof(final));
	if (json) {
		json_write(json, 0, &m->json);
		req.json = m->json.data;
	}
	return req;
}

static void
write_error(const struct error *err, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	jsonw_key(&w, "error");
	jsonw_str(&w, err->msg);
	jsonw_key(&w, "code");
	jsonw_str(&w,
	    err->code == ERR_TEMP         ? "temp"
	        : err->code == ERR_QUIET  ? "quiet"
	        : err->code == ERR_REMOTE ? "remote"
	                                  : "usage");
	jsonw_end_object(&w);
}

static void
write_answer(const struct rest_response *resp, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	jsonw_key(&w, "status");
	jsonw_int(&w, resp->http.status);
	jsonw_key(&w, "url");
	jsonw_str(&w, buf_str(&resp->url));
	jsonw_key(&w, "method");
	jsonw_str(&w, resp->method);
	jsonw_key(&w, "body");
	jsonw_strn(&w, buf_str(&resp->http.body), resp->http.body.len);
	jsonw_end_object(&w);
}

static void
run_task(struct task *t)
{
	struct memory *m = xcalloc(1, sizeof(*m));
	struct rest_request req = make_request(t->spec, m);
	struct rest_response resp = { 0 };
	struct error err = { 0 };

	if (rest_send(caller, &req, &resp, &err) < 0 ||
	    (!json_get(t->spec, "final") &&
	        rest_check(client, &resp, &err) < 0))
		write_error(&err, &t->out);
	else
		write_answer(&resp, &t->out);
	rest_response_release(&resp);
	buf_release(&m->json);
	free(m);
}

static void *
work(void *arg)
{
	size_t i;

	while ((i = atomic_fetch_add(&next_task, 1)) < task_count)
		run_task(&tasks[i]);
	return NULL;
}

static void *
cancel_later(void *arg)
{
	int fd = open(arg, O_RDONLY);
	char c;

	while (fd >= 0 && read(fd, &c, 1) > 0)
		;
	if (fd >= 0)
		close(fd);
	rest_caller_cancel(caller);
	return NULL;
}

/* ---- all of them ---- */

static int
open_client(const struct json *spec, struct config *config, struct error *err)
{
	static const struct config_context where = {
		.path = { "sources", "shop" },
		.count = 2,
	};
	const struct json *rate = json_get(spec, "per_second");
	struct http_header headers[MAX] = { 0 };
	struct rest_auth *auth = NULL;
	struct rest_settings set;
	struct buf text = { 0 };
	size_t n;
	bool secret;

	if (rest_settings_init(&set, config, &where, err) < 0 ||
	    rest_auth_new(json_get(spec, "auth"), config, &where, &auth, err) <
	        0)
		return -1;
	set.per_second = rate ? strtod(rate->raw, NULL) : 0;
	if (json_get(spec, "body_max"))
		set.body_max = (size_t)json_get_int(spec, "body_max", 0);
	n = take_headers(json_get(spec, "headers"), headers);
	client = rest_client_new(&set, json_get_str(spec, "base_url", ""),
	    headers, n, auth, err);
	if (!client)
		return -1;
	if (json_get(spec, "hide") &&
	    rest_secret(json_get(spec, "hide"), config, &where, &text, &secret,
	        err) == 0)
		rest_client_hide(client, buf_str(&text));
	buf_release(&text);
	return 0;
}

static void
send_all(const struct json *spec, char *cancel)
{
	long threads = (long)json_get_int(spec, "threads", 1);
	struct rest_limit *limits[4] = { 0 };
	pthread_t ids[MAX], canceller;
	size_t n = 0;

	for (const struct json *e = json_get(spec, "limits")
	         ? json_get(spec, "limits")->child
	         : NULL;
	     e && n < 4; e = e->next)
		limits[n++] = rest_limit_new(strtol(e->raw, NULL, 10), 0);
	caller = rest_caller_new(client, limits, n);
	if (cancel)
		pthread_create(&canceller, NULL, cancel_later, cancel);
	for (long i = 0; i < threads && i < MAX; i++)
		pthread_create(&ids[i], NULL, work, NULL);
	for (long i = 0; i < threads && i < MAX; i++)
		pthread_join(ids[i], NULL);
	if (cancel)
		pthread_join(canceller, NULL);
	for (size_t i = 0; i < task_count; i++)
		puts(buf_str(&tasks[i].out));
	rest_caller_free(caller);
	for (size_t i = 0; i < n; i++)
		rest_limit_free(limits[i]);
}

static int
print_all(struct error *err)
{
	for (size_t i = 0; i < task_count; i++) {
		struct memory *m = xcalloc(1, sizeof(*m));
		struct rest_request req = make_request(tasks[i].spec, m);
		int rc = rest_print(client, &req, &tasks[i].out, err);

		if (rc == 0)
			fputs(tasks[i].out.data, stdout);
		buf_release(&m->json);
		free(m);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
run_requests(char *cancel, bool print, struct error *err)
{
	struct config *config = config_load(NULL, err);
	struct json_doc doc = { 0 };
	char *text = NULL;
	int rc = -1;

	if (!config || json_read_file(&doc, "/dev/stdin", &text, err) < 0 ||
	    open_client(doc.root, config, err) < 0)
		goto out;
	tasks = xcalloc(json_get(doc.root, "requests")->count, sizeof(*tasks));
	for (const struct json *e = json_get(doc.root, "requests")->child; e;
	     e = e->next)
		tasks[task_count++].spec = e;
	rc = print ? print_all(err) : 0;
	if (!print)
		send_all(doc.root, cancel);
	for (size_t i = 0; i < task_count; i++)
		buf_release(&tasks[i].out);
	free(tasks);
out:
	rest_client_free(client);
	json_release(&doc);
	free(text);
	config_free(config);
	return rc;
}

/* ---- URLs ---- */

static int
run_url(const struct json *r, struct buf *out)
{
	const char *op = json_get_str(r, "op", ""),
	           *a = json_get_str(r, "a", ""), *b = json_get_str(r, "b", "");
	struct rest_param params[MAX];
	struct error err = { 0 };
	size_t n = take_params(json_get(r, "params"), params);

	if (!strcmp(op, "join"))
		rest_url_join(a, b, out);
	else if (!strcmp(op, "resolve"))
		rest_url_resolve(a, b, out);
	else if (rest_url_prepare(a, params, n, out, &err) < 0)
		return -1;
	return 0;
}

static int
run_urls(struct error *err)
{
	struct json_doc doc = { 0 };
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int rc = 0;

	while (rc == 0 && (len = getline(&line, &cap, stdin)) > 0) {
		struct buf url = { 0 }, quoted = { 0 };

		rc = json_parse(&doc, line, (size_t)len, err);
		if (rc == 0 && run_url(doc.root, &url) == 0)
			jsonw_quote(&quoted, buf_str(&url), url.len);
		else
			buf_adds(&quoted, "null");
		puts(quoted.data);
		buf_release(&url);
		buf_release(&quoted);
	}
	json_release(&doc);
	free(line);
	return rc;
}

int
main(int argc, char **argv)
{
	struct error err = { 0 };
	char *cancel = NULL;
	bool print = false, urls = false;
	int o, rc;

	msg_init("restq");
	signals_init();
	while ((o = getopt(argc, argv, "c:nuv")) != -1) {
		if (o == 'c')
			cancel = optarg;
		else if (o == 'n')
			print = true;
		else if (o == 'u')
			urls = true;
		else if (o == 'v')
			msg_set_verbosity(1);
		else
			return EXIT_USAGE;
	}
	rc = urls ? run_urls(&err) : run_requests(cancel, print, &err);
	return msg_close(rc < 0 ? msg_fail(&err) : EXIT_DONE);
}
