/* SPDX-License-Identifier: MIT */
/* What the REST client does without a network. */
#include "common/config.h"
#include "common/json.h"
#include "tools/dlt-extract/rest/rest_private.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct error err;

static const struct json *
parse(struct json_doc *doc, const char *text)
{
	if (json_parse(doc, text, strlen(text), &err) < 0) {
		printf("# %s: %s\n", text, err.msg);
		exit(1);
	}
	return doc->root;
}

/* ---- URLs; what is expected comes from requests 2.34 and Python 3.11 ---- */

static void
test_join(void)
{
	static const char *const cases[][3] = {
		{ "http://h/v1", "a/b", "http://h/v1/a/b" },
		{ "http://h/v1//", "//a", "http://h/v1/a" },
		{ "http://h/v1/", "", "http://h/v1/" },
		{ "", "a", "a" },
		{ "http://h", "https://o/x", "https://o/x" },
		{ "http://h", "HTTPS://o/x", "HTTPS://o/x" },
		{ "http://h", "httpx://o", "http://h/httpx://o" },
		{ "http://h?x=1", "a", "http://h?x=1/a" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = { 0 };

		rest_url_join(cases[i][0], cases[i][1], &out);
		tap_str(buf_str(&out), cases[i][2], cases[i][2]);
		buf_release(&out);
	}
}

static void
test_prepare(void)
{
	static const char *const cases[][3] = {
		{ "HTTP://Ex.Example:80", "{}", "http://ex.example:80/" },
		{ "https://h?x=1#f", "{\"a\":\"b c\"}",
		    "https://h/?x=1&a=b+c" },
		{ "http://h/a/./b/../c d/\xc3\xa9", "{}",
		    "http://h/a/c%20d/%C3%A9" },
		{ "http://h/%7e%2f%zz", "{}", "http://h/%257E%252F%25zz" },
		{ "http://h/%7e%2f", "{}", "http://h/~%2F" },
		{ "http://h//x", "{}", "http://h/x" },
		{ "http://u:p w@h/", "{}", "http://u:p%20w@h/" },
		{ "http://h/",
		    "{\"q\":\"a b&c=d/\\u00e9~\",\"t\":true,\"f\":false,"
		    "\"n\":null,\"i\":7,\"x\":1.0,\"y\":1e16,\"z\":1e-5,"
		    "\"l\":[\"a\",null,1,[2,null]],\"o\":{\"k\":1,\"m\":2},"
		    "\"e\":\"\",\"el\":[]}",
		    "http://h/?q=a+b%26c%3Dd%2F%C3%A9~&t=True&f=False&i=7&"
		    "x=1.0&y=1e%2B16&z=1e-05&l=a&l=1&l=2&l=None&o=k&o=m&e=" },
		{ "http://h/x?y[]=1&z={a}|b", "{}",
		    "http://h/x?y%5B%5D=1&z=%7Ba%7D%7Cb" },
		{ "http://h/a?", "{}", "http://h/a" },
		{ "http://h/..", "{}", "http://h/" },
		{ "http://h/a/.", "{}", "http://h/a/" },
		{ "ftp://h/", "{}", NULL },
		{ "h/x", "{}", NULL },
		{ "http:///x", "{}", NULL },
		{ "http://h:port/", "{}", NULL },
		{ "http://h h/", "{}", NULL },
		{ "", "{}", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_doc doc = { 0 };
		struct rest_param params[16];
		struct buf out = { 0 };
		size_t count = 0;

		for (const struct json *m = parse(&doc, cases[i][1])->child; m;
		     m = m->next)
			params[count++] = (struct rest_param){ m->key, NULL,
				m };
		if (rest_url_prepare(cases[i][0], params, count, &out, &err) <
		    0)
			tap_ok(cases[i][2] == NULL, "%s: %s", cases[i][0],
			    err.msg);
		else
			tap_str(out.data, cases[i][2], cases[i][0]);
		buf_release(&out);
		json_release(&doc);
	}
}

static void
test_resolve(void)
{
	static const char *const cases[][3] = {
		{ "http://h/a/b?q", "c", "http://h/a/c" },
		{ "http://h/a/b?q", "?x=1", "http://h/a/b?x=1" },
		{ "http://h/a/b?q", "/c?d", "http://h/c?d" },
		{ "http://h:1/a/b", "//o/c", "http://o/c" },
		{ "https://h/a/b", "//o/c", "https://o/c" },
		{ "http://h/a/b", "https://o/c", "https://o/c" },
		{ "http://h/a/b/", "../c/./d/..", "http://h/a/c/" },
		{ "http://h/a", "../../c", "http://h/c" },
		{ "http://h", "c", "http://h/c" },
		{ "http://h/a?q", "", "http://h/a?q" },
		{ "http://h/a?q", " \tx\ny ", "http://h/xy " },
		{ "http://u:p@h/a", "/b", "http://u:p@h/b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = { 0 };

		rest_url_resolve(cases[i][0], cases[i][1], &out);
		tap_str(buf_str(&out), cases[i][2], cases[i][2]);
		buf_release(&out);
	}
	tap_ok(rest_url_same_host("http://H/a", "http://h:80/b"), "same host");
	tap_ok(!rest_url_same_host("http://h/a", "https://h/"), "scheme");
	tap_ok(!rest_url_same_host("http://h/a", "http://h:8080/"), "port");
	tap_ok(!rest_url_same_host("http://h/", "http://h@o/"), "user");
	tap_ok(rest_url_is_upgrade("http://h/a", "https://h/b"), "upgrade");
	tap_ok(!rest_url_is_upgrade("http://h:1/a", "https://h/b"), "no");
}

static void
test_show(void)
{
	static const char *const cases[][2] = {
		{ "https://u:p@h/x?a=1&api_key=geheim&b=2#f",
		    "https://u:***@h/x?a=1&api_key=***&b=2" },
		{ "https://h/?TOKEN=x&token=&=&&key",
		    "https://h/?TOKEN=***&token=***&=&&key" },
		{ "path", "path" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = { 0 };

		rest_url_show(cases[i][0], &out);
		tap_str(buf_str(&out), cases[i][1], cases[i][1]);
		buf_release(&out);
	}
}

static void
test_str(void)
{
	static const char *const cases[][2] = {
		{ "null", "None" },
		{ "true", "True" },
		{ "-0", "0" },
		{ "12345678901234567890123", "12345678901234567890123" },
		{ "-0.0", "-0.0" },
		{ "1E2", "100.0" },
		{ "0.1", "0.1" },
		{ "123456.789", "123456.789" },
		{ "0.0001", "0.0001" },
		{ "0.00001", "1e-05" },
		{ "1e15", "1000000000000000.0" },
		{ "1.5e16", "1.5e+16" },
		{ "5e-324", "5e-324" },
		{ "\"a\\u00e9\"", "a\xc3\xa9" },
		{ "[1, {\"a\": null}]", "[1,{\"a\":null}]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_doc doc = { 0 };
		struct buf out = { 0 };

		rest_str(parse(&doc, cases[i][0]), &out);
		tap_str(buf_str(&out), cases[i][1], cases[i][0]);
		buf_release(&out);
		json_release(&doc);
	}
}

/* ---- attempts ---- */

static double
delay_after(const struct rest_settings *set, const char *retry_after, long n)
{
	struct http_response resp = { .status = 429 };
	double delay;

	buf_adds(&resp.fields, "Retry-After");
	buf_addc(&resp.fields, '\0');
	buf_adds(&resp.fields, retry_after);
	buf_addc(&resp.fields, '\0');
	delay = rest_delay(set, &resp, n);
	http_response_release(&resp);
	return delay;
}

static void
test_attempts(void)
{
	static const int again[] = { 429, 500, 501, 503, 599 };
	static const int done[] = { 200, 304, 400, 401, 404, 408, 425 };
	struct rest_settings set;
	time_t soon = time(NULL) + 100;
	char date[64];
	double d;

	rest_settings_init(&set, NULL, NULL, &err);
	for (size_t i = 0; i < ARRAY_LEN(again); i++)
		tap_ok(rest_is_retried(again[i]), "%d again", again[i]);
	for (size_t i = 0; i < ARRAY_LEN(done); i++)
		tap_ok(!rest_is_retried(done[i]), "%d once", done[i]);
	tap_ok(rest_delay(&set, NULL, 1) == 1, "first");
	tap_ok(rest_delay(&set, NULL, 4) == 8, "fourth");
	tap_ok(rest_delay(&set, NULL, 10) == 300, "at most");
	tap_ok(rest_delay(&set, NULL, 5000) == 300, "far out");
	set.backoff_factor = 0;
	tap_ok(rest_delay(&set, NULL, 3) == 0, "no factor");
	tap_ok(rest_delay(&set, NULL, 5000) == 0, "no factor, far out");
	tap_ok(delay_after(&set, "7", 1) == 7, "seconds");
	tap_ok(delay_after(&set, "0", 1) == 0, "none");
	tap_ok(delay_after(&set, "7000", 1) == 300, "too many");
	tap_ok(delay_after(&set, "soon", 1) == 0, "no number");
	tap_ok(delay_after(&set, "Wed, 21 Oct 2015 07:28:00 GMT", 1) == 0,
	    "a date that is past");
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT",
	    gmtime(&soon));
	d = delay_after(&set, date, 1);
	tap_ok(d > 0 && d <= 100, "a date to come");
}

/* ---- what is sent ---- */

static void
check_print(const char *auth_text, const char *want, const char *name)
{
	static const struct http_header mine[] = { { "accept", "b" },
		{ "X-Secret", "hidden-value" } };
	static const struct http_header theirs[] = { { "Accept", "a" },
		{ "X-Other", "o" } };
	const struct rest_request req = {
		.method = "post",
		.path = "items",
		.params = &(struct rest_param){ "q", "a hidden-value", NULL },
		.param_count = 1,
		.headers = mine,
		.header_count = 2,
		.json = "{\"a\":1}",
	};
	struct json_doc doc = { 0 };
	struct rest_auth *auth = NULL;
	struct rest_settings set;
	struct rest_client *c;
	struct buf out = { 0 };

	rest_settings_init(&set, NULL, NULL, &err);
	if (rest_auth_new(parse(&doc, auth_text), NULL, NULL, &auth, &err) <
	    0) {
		tap_str(err.msg, want, name);
		json_release(&doc);
		return;
	}
	c = rest_client_new(&set, "https://h/v1", theirs, 2, auth, &err);
	rest_client_hide(c, "hidden-value");
	rest_print(c, &req, &out, &err);
	tap_str(buf_str(&out), want, name);
	buf_release(&out);
	rest_client_free(c);
	json_release(&doc);
}

#define LINE(query) "POST https://h/v1/items?q=a+***" query "\n"
#define REST        "accept: b\nX-Other: o\nX-Secret: ***\n"
#define TYPE        "Content-Type: application/json\n"
#define BODY        "\n{\"a\":1}\n"

static void
test_print(void)
{
	check_print("null", LINE("") REST TYPE BODY, "no auth");
	check_print("{\"token\":\"abc\"}",
	    LINE("") REST TYPE "Authorization: Bearer ***\n" BODY, "bearer");
	check_print("{\"type\":\"api_key\",\"api_key\":\"a b+c\","
	            "\"name\":\"k\",\"location\":\"query\"}",
	    LINE("&k=***") REST TYPE BODY, "a key in the query");
	check_print("{\"type\":\"api_key\",\"api_key\":\"abc\","
	            "\"name\":\"accept\"}",
	    LINE("") "accept: ***\nX-Other: o\nX-Secret: ***\n" TYPE BODY,
	    "a key in a header");
	check_print("{\"type\":\"api_key\",\"api_key\":\"abc\","
	            "\"name\":\"s\",\"location\":\"cookie\"}",
	    LINE("") REST TYPE "Cookie: s=***\n" BODY, "a key in a cookie");
	check_print("{\"type\":\"http_basic\",\"username\":\"u\","
	            "\"password\":\"pw\xc3\xa9\"}",
	    LINE("") REST TYPE "Authorization: Basic ***\n" BODY, "basic");
	check_print("{\"type\":\"oauth2_client_credentials\","
	            "\"access_token_url\":\"https://o/t\","
	            "\"client_id\":\"i\",\"client_secret\":\"abc\"}",
	    LINE("") REST TYPE "Authorization: Bearer ***\n" BODY, "oauth2");
}

static void
test_bad_auth(void)
{
	check_print("1", "auth has to be a name or an object", "a number");
	check_print("\"basic\"",
	    "auth has no type \"basic\": bearer, api_key, http_basic or "
	    "oauth2_client_credentials",
	    "an unknown type");
	check_print("{\"type\":1}", "auth.type has to be a text", "no text");
	check_print("\"bearer\"",
	    "auth \"bearer\" needs \"token\": set it as credentials.token in "
	    "secrets.toml or as CREDENTIALS__TOKEN in the environment",
	    "nothing given");
	check_print("{\"token\":1}", "auth.token has to be a text", "number");
	check_print("{\"token\":\"x\",\"tokn\":\"y\"}",
	    "auth of type \"bearer\" has no key \"tokn\"", "unknown key");
	check_print("{\"type\":\"api_key\",\"api_key\":\"x\","
	            "\"location\":\"body\"}",
	    "auth.location is header, query, param or cookie, not \"body\"",
	    "unknown place");
	check_print("{\"token\":{\"secret\":\"a\"}}",
	    "auth.token: the secret \"a\" is not set: put it into "
	    "secrets.toml or the environment",
	    "a secret that is not set");
}

/* ---- secrets of the configuration ---- */

static void
check_secret(struct config *c, const char *auth_text, const char *want)
{
	static const struct config_context where = {
		.path = { "sources", "shop" },
		.count = 2,
	};
	struct rest_outgoing out = { 0 };
	struct json_doc doc = { 0 };
	struct rest_auth *auth = NULL;
	const char *got = NULL;

	if (rest_auth_new(parse(&doc, auth_text), c, &where, &auth, &err) < 0)
		got = err.msg;
	else if (rest_auth_apply(auth, NULL, &out, &err) == 0)
		got = rest_fields_get(&out.fields, "Authorization");
	tap_str(got, want, auth_text);
	rest_outgoing_release(&out);
	rest_auth_free(auth);
	json_release(&doc);
}

static void
test_config(void)
{
	struct config *c;

	setenv("SOURCES__SHOP__CREDENTIALS__TOKEN", "t1", 1);
	setenv("SOURCES__CREDENTIALS__API_KEY", "t2", 1);
	setenv("SOURCES__SHOP__CREDENTIALS__NAME", "Authorization", 1);
	setenv("SOURCES__SHOP__MINE", "t3", 1);
	setenv("DEEP__DOWN__KEY", "t4", 1);
	setenv("PASSWORD", "pw", 1);
	c = config_open(NULL, NULL, NULL, &err);
	check_secret(c, "\"bearer\"", "Bearer t1");
	check_secret(c, "{\"type\":\"bearer\"}", "Bearer t1");
	check_secret(c, "\"api_key\"", "t2");
	check_secret(c, "{\"token\":{\"secret\":\"mine\"}}", "Bearer t3");
	check_secret(c, "{\"token\":{\"secret\":\"deep.down.key\"}}",
	    "Bearer t4");
	check_secret(c, "{\"type\":\"http_basic\",\"username\":\"u\"}",
	    "Basic dTpwdw==");
	check_secret(c, "\"oauth2_client_credentials\"",
	    "auth \"oauth2_client_credentials\" needs \"client_secret\": set "
	    "it as sources.shop.credentials.client_secret in secrets.toml or "
	    "as SOURCES__SHOP__CREDENTIALS__CLIENT_SECRET in the environment");
	config_free(c);

	setenv("SOURCES__SHOP__CREDENTIALS", "native", 1);
	setenv("SOURCES__SHOP__RUNTIME__REQUEST_MAX_ATTEMPTS", "3", 1);
	setenv("RUNTIME__REQUEST_TIMEOUT", "0.5", 1);
	c = config_open(NULL, NULL, NULL, &err);
	check_secret(c, "\"bearer\"", "Bearer native");
	check_secret(c, "\"oauth2_client_credentials\"", "Bearer native");
	config_free(c);
}

static void
test_settings(void)
{
	static const struct config_context where = {
		.path = { "sources", "shop" },
		.count = 2,
	};
	struct config *c = config_open(NULL, NULL, NULL, &err);
	struct rest_settings set;

	tap_int(rest_settings_init(&set, c, &where, &err), 0, "settings");
	tap_int(set.max_attempts, 3, "of the source");
	tap_ok(set.timeout == 0.5, "of all");
	tap_ok(set.backoff_factor == 1, "a default");
	config_free(c);
	setenv("RUNTIME__REQUEST_TIMEOUT", "0", 1);
	c = config_open(NULL, NULL, NULL, &err);
	tap_int(rest_settings_init(&set, c, &where, &err), -1, "no time");
	config_free(c);
}

/* ---- messages ---- */

static void
test_check(void)
{
	struct rest_response resp = { .method = "GET" };
	struct rest_settings set;
	struct rest_client *c;

	rest_settings_init(&set, NULL, NULL, &err);
	set.error_body_max = 4;
	c = rest_client_new(&set, "", NULL, 0, NULL, &err);
	rest_client_hide(c, "hidden");
	buf_adds(&resp.url, "https://h/hidden?token=x");
	buf_adds(&resp.http.body, "a\xc3\xa9hiddenrest");
	resp.http.status = 302;
	tap_int(rest_check(c, &resp, &err), 0, "302 is no error");
	resp.http.status = 404;
	rest_check(c, &resp, &err);
	tap_str(err.msg,
	    "404 Client Error: Not Found for url: https://h/***?token=***",
	    "404");
	tap_int(err.code, ERR_REMOTE, "for good");
	c->set.show_error_body = true;
	resp.http.status = 503;
	rest_check(c, &resp, &err);
	tap_str(err.msg,
	    "503 Server Error: Service Unavailable for url: "
	    "https://h/***?token=***; response: a\xc3\xa9hi… (truncated)",
	    "503 with its body");
	tap_int(err.code, ERR_TEMP, "for now");
	error_set(&err, ERR_DATA, "bad: hidden");
	rest_blame(c, &resp, &err);
	tap_str(err.msg, "GET https://h/***?token=***: bad: ***", "blame");
	rest_response_release(&resp);
	rest_client_free(c);
}

int
main(void)
{
	test_join();
	test_prepare();
	test_resolve();
	test_show();
	test_str();
	test_attempts();
	test_print();
	test_bad_auth();
	test_config();
	test_settings();
	test_check();
	return tap_done();
}
