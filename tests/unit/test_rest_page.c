/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_page.h"

#include "common/http.h"
#include "tools/dlt-extract/rest/rest_detect.h"
#include "tools/dlt-extract/source_check.h"

#include "tap.h"

/* Settings of the tests are right: no file is there to be blamed. */

int
source_blame(const struct source_file *f, const struct json *v, bool key,
    struct error *err)
{
	(void)f;
	(void)v;
	(void)key;
	return error_prefix(err, "file: ");
}

int
source_check_kind(const struct source_file *f, const struct json *v,
    const char *name, unsigned kinds, struct error *err)
{
	(void)f;
	return kinds & (1u << v->kind)
	    ? 0
	    : error_set(err, ERR_USAGE, "%s: kind", name);
}

int
source_check_keys(const struct source_file *f, const struct json *object,
    const struct source_key *keys, size_t count, struct error *err)
{
	(void)f;
	for (const struct json *v = object->child; v != NULL; v = v->next) {
		size_t i = 0;

		while (i < count && strcmp(keys[i].name, v->key) != 0)
			i++;
		if (i == count)
			return error_set(err, ERR_USAGE, "%s: unknown", v->key);
	}
	return 0;
}

struct series {
	struct json_doc spec, answer;
	struct rest_pager *pager;
	struct rest_pages pages;
	struct arena arena;
	struct buf url, shown;
	struct http_response http;
	struct rest_changing request;
};

static const char *
show(struct series *s, int rc, const struct error *err)
{
	buf_reset(&s->shown);
	if (rc < 0)
		buf_adds(&s->shown, err->msg);
	else if (rc == 0)
		buf_adds(&s->shown, "end");
	else
		buf_adds(&s->shown, buf_str(&s->url));
	if (rc > 0 && s->request.params != NULL) {
		buf_addc(&s->shown, ' ');
		json_write(s->request.params, 0, &s->shown);
	}
	if (rc > 0 && s->request.body != NULL) {
		buf_adds(&s->shown, " body ");
		json_write(s->request.body, 0, &s->shown);
	}
	return buf_str(&s->shown);
}

/* spec NULL: auto. The request as it begins. */
static const char *
begin(struct series *s, const char *spec)
{
	struct error err = { 0 };

	*s = (struct series){ .pager = NULL };
	buf_adds(&s->url, "http://h/a/b");
	s->request.arena = &s->arena;
	s->request.url = &s->url;
	if (spec != NULL &&
	    (json_parse(&s->spec, spec, strlen(spec), &err) < 0 ||
	        rest_pager_new(NULL, s->spec.root, &s->pager, &err) < 0))
		return show(s, -1, &err);
	return show(s,
	    rest_pages_begin(&s->pages, s->pager, &s->request, &err) < 0 ? -1
	                                                                 : 1,
	    &err);
}

static const char *
next(struct series *s, const char *answer, bool empty)
{
	struct rest_answer a = { .http = &s->http, .empty = empty };
	struct error err = { 0 };

	if (json_parse(&s->answer, answer, strlen(answer), &err) < 0)
		return "(the test's JSON)";
	a.json = s->answer.root;
	return show(s, rest_pages_next(&s->pages, &a, &s->request, &err), &err);
}

static void
end(struct series *s)
{
	rest_pages_release(&s->pages);
	rest_pager_free(s->pager);
	json_release(&s->spec);
	json_release(&s->answer);
	arena_release(&s->arena);
	buf_release(&s->url);
	buf_release(&s->shown);
	http_response_release(&s->http);
}

static void
header(struct series *s, const char *name, const char *value)
{
	buf_add(&s->http.fields, name, strlen(name) + 1);
	buf_add(&s->http.fields, value, strlen(value) + 1);
}

static void
test_ranges(void)
{
	struct series s;

	tap_str(begin(&s, "{\"type\":\"offset\",\"limit\":10,\"offset\":5}"),
	    "http://h/a/b {\"offset\":5,\"limit\":10}", "an offset");
	tap_str(next(&s, "{\"total\":25}", false),
	    "http://h/a/b {\"offset\":15,\"limit\":10}", "the next one");
	tap_str(next(&s, "{\"total\":\" 25 \"}", false), "end",
	    "a total as text");
	end(&s);
	begin(&s, "{\"type\":\"offset\",\"limit\":10}");
	tap_str(next(&s, "{\"total\":25}", true), "end", "no rows");
	tap_str(next(&s, "{}", false),
	    "the answer has no \"total\" with the number of all rows; "
	    "total_path names another place, or with null none",
	    "no total");
	tap_str(next(&s, "{\"total\":\"many\"}", false),
	    "\"total\" of the answer is no number: \"many\"", "no number");
	end(&s);
	begin(&s,
	    "{\"type\":\"page_number\",\"base_page\":1,\"total_path\":false,"
	    "\"has_more_path\":\"more\",\"maximum_page\":2,"
	    "\"stop_after_empty_page\":false}");
	tap_str(next(&s, "{\"more\":true}", true), "http://h/a/b {\"page\":2}",
	    "has_more wins over the maximum");
	tap_str(next(&s, "{\"more\":\"Yes\"}", true),
	    "http://h/a/b {\"page\":3}", "yes");
	tap_str(next(&s, "{\"more\":\"f\"}", true), "end", "f");
	tap_str(next(&s, "{\"more\":1}", true),
	    "\"more\" of the answer is no boolean: 1", "1 is none");
	tap_str(next(&s, "{}", true),
	    "the answer has no \"more\" to say whether there is more",
	    "missing");
	end(&s);
	tap_str(begin(&s,
	            "{\"type\":\"offset\",\"limit\":2,\"offset_body_path\":"
	            "\"p.q.from\",\"limit_body_path\":\"p.n\"}"),
	    "http://h/a/b body {\"p\":{\"q\":{\"from\":0},\"n\":2}}",
	    "in the body");
	tap_str(next(&s, "{\"total\":9}", false),
	    "http://h/a/b body {\"p\":{\"q\":{\"from\":2},\"n\":2}}",
	    "replaced there");
	end(&s);
}

static void
test_references(void)
{
	struct series s;

	begin(&s, "\"json_link\"");
	tap_str(next(&s, "{\"next\":\"?p=2\"}", false), "http://h/a/b?p=2",
	    "a link beside the URL");
	tap_str(next(&s, "{\"next\":\"https://o/x\"}", false), "https://o/x",
	    "elsewhere");
	tap_str(next(&s, "{\"next\":\"https://o/x\"}", false),
	    "the next page of the answer is itself", "the same again");
	tap_str(next(&s, "{\"next\":7}", false),
	    "\"next\" of the answer is no URL: 7", "a number");
	tap_str(next(&s, "{\"next\":\"\"}", false), "end", "an empty one");
	tap_str(next(&s, "[]", false), "end", "no object");
	end(&s);
	begin(&s, "{\"type\":\"cursor\",\"cursor_path\":\"c\"}");
	tap_str(next(&s, "{\"c\":12345678901234567890}", false),
	    "http://h/a/b {\"cursor\":12345678901234567890}",
	    "a cursor keeps its digits");
	tap_str(next(&s, "{\"c\":\"\\u00e4\"}", true),
	    "http://h/a/b {\"cursor\":\"\xc3\xa4\"}",
	    "an empty page does not end cursors");
	tap_str(next(&s, "{\"c\":0}", false), "end", "0 is none");
	tap_str(next(&s, "{\"c\":false}", false), "end", "nor false");
	end(&s);
	begin(&s,
	    "{\"type\":\"cursor\",\"has_more_path\":\"more\","
	    "\"stop_after_empty_page\":true}");
	tap_str(next(&s, "{\"cursors\":{\"next\":1},\"more\":false}", false),
	    "end", "no more, with a cursor");
	tap_str(next(&s, "{\"cursors\":{},\"more\":true}", false),
	    "the answer says that there is more, but has no cursor "
	    "\"cursors.next\"",
	    "more, without one");
	tap_str(next(&s, "{\"cursors\":{\"next\":1},\"more\":true}", true),
	    "end", "an empty page may end them");
	end(&s);
}

static void
test_headers(void)
{
	struct series s;

	begin(&s, "\"header_link\"");
	header(&s, "X", "y");
	header(&s, "link",
	    "<http://h/1>; rel=prev, </c?x=1,2>; title=\"t\"; "
	    "rel=\"next\"");
	header(&s, "LINK", "<http://h/9>; rel=\"last\"");
	tap_str(next(&s, "[]", false), "http://h/c?x=1,2", "links");
	end(&s);
	begin(&s, "{\"type\":\"header_link\",\"links_next_key\":\"more\"}");
	header(&s, "Link", "<http://h/1>; rel=next, nonsense, <x");
	tap_str(next(&s, "[]", false), "end", "another relation");
	end(&s);
	begin(&s, "{\"type\":\"header_cursor\",\"cursor_key\":\"X-Next\"}");
	header(&s, "x-next", "a b");
	tap_str(next(&s, "[]", false), "http://h/a/b {\"cursor\":\"a b\"}",
	    "a header's cursor");
	end(&s);
}

static void
guess(const char *answer, const char *want)
{
	struct series s;

	begin(&s, NULL);
	tap_str(next(&s, answer, false), want, answer);
	end(&s);
}

static void
test_guesses(void)
{
	guess("{\"links\":{\"Next\":{\"title\":\"\",\"href\":\"/z\"}}}",
	    "http://h/z");
	guess("{\"next_url\":\"http://h/z\",\"pages\":3}", "http://h/z");
	guess("{\"a\":{\"total_pages\":3}}", "http://h/a/b {\"page\":1}");
	guess("{\"next page.token\":\"abc\"}",
	    "http://h/a/b {\"cursor\":\"abc\"}");
	guess("{\"next\":\"abc\",\"totalPages\":\"2\"}",
	    "http://h/a/b {\"page\":1}");
	guess("{\"next\":null,\"pagesize\":4}", "end");
	guess("[{\"next\":\"/z\"}]", "end");
	tap_ok(rest_detect_single("a/{resources.b.c-d}/"), "a single object");
	tap_ok(rest_detect_single("{id}?x=1"), "with a query");
	tap_ok(!rest_detect_single("a/{id}/b"), "a list of one");
	tap_ok(!rest_detect_single("a/{}"), "no placeholder");
	tap_ok(!rest_detect_single(""), "no path");
}

static void
selects(const char *answer, const char *want)
{
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	struct jsonpath *p = NULL;
	const struct json *v = NULL;
	struct buf b = { 0 };

	if (json_parse(&doc, answer, strlen(answer), &err) == 0)
		p = rest_detect_selector(doc.root, &err);
	if (p != NULL)
		v = jsonpath_first(p, doc.root);
	if (v != NULL)
		json_write(v, 0, &b);
	tap_str(buf_str(&b), want, answer);
	buf_release(&b);
	jsonpath_free(p);
	json_release(&doc);
}

int
main(void)
{
	test_ranges();
	test_references();
	test_headers();
	test_guesses();
	selects("[1]", "[1]");
	selects("{\"a\":1}", "{\"a\":1}");
	selects("{\"links\":[],\"x\":{\"y\":{\"items\":[2]}}}", "[2]");
	selects("{\"x\":{\"y\":{\"z\":{\"items\":[2]}}},\"b\":[3]}", "[3]");
	selects("{\"a \\\"b\\\\.c\":[4]}", "[4]");
	return tap_done();
}
