/* SPDX-License-Identifier: MIT */
/* What needs no server. */
#include "common/s3_private.h"

#include "common/mem.h"

#include <unistd.h>

#include "tap.h"

/* ---- XML ---- */

static int
note(const char *path, const char *text, void *arg, struct error *err)
{
	(void)err;
	buf_addf(arg, "%s=%s;", path, text);
	return 0;
}

static void
check_xml(const char *text, size_t len, const char *want)
{
	struct buf got = { 0 };
	struct error err = { 0 };
	int rc = s3_xml(text, len, note, &got, &err);

	if (want)
		tap_str(rc < 0 ? err.msg : buf_str(&got), want, text);
	else
		tap_ok(rc < 0 && err.code == ERR_REMOTE, "refused: %.40s: %s",
		    text, err.msg);
	buf_release(&got);
}

static void
xml(const char *text, const char *want)
{
	/* at its exact size, so that reading past the end is noticed */
	size_t len = strlen(text);
	char *copy = xmalloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	check_xml(copy, len, want);
	free(copy);
}

static void
test_xml(void)
{
	char deep[40 * 3 + 1] = "";

	xml("<a/>", "a=;");
	xml("<?xml version=\"1.0\"?>\n<a><b>1</b>x<b>2 </b></a>\n",
	    "a/b=1;a/b=2 ;a=;");
	xml("<a x='1' y = \"&gt;\"><b z=''/></a>", "a/b=;a=;");
	xml("<s:a xmlns:s='u'><s:b>1</s:b></s:a>", "a/b=1;a=;");
	xml("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x1F600;</a>",
	    "a=<>&\"'AB\xf0\x9f\x98\x80;");
	xml("<a>1<!-- <b> -->2<![CDATA[<&]]>3</a><!---->", "a=12<&3;");
	xml("\xef\xbb\xbf<a>\xc3\xa9</a>", "a=\xc3\xa9;");
	xml("", NULL);
	xml("  ", NULL);
	xml("x<a/>", NULL);
	xml("<a/><b/>", NULL);
	xml("<a/>x", NULL);
	xml("<a>", NULL);
	xml("<a", NULL);
	xml("<", NULL);
	xml("<a/", NULL);
	xml("</a>", NULL);
	xml("<a></b>", NULL);
	xml("<a><b></a></b>", NULL);
	xml("<a></a", NULL);
	xml("<a b></a>", NULL);
	xml("<a b=1></a>", NULL);
	xml("<a b='1></a>", NULL);
	xml("<a b='<'></a>", NULL);
	xml("<a>&nbsp;</a>", NULL);
	xml("<a>&lt</a>", NULL);
	xml("<a>&", NULL);
	xml("<a>&#0;</a>", NULL);
	xml("<a>&#xD800;</a>", NULL);
	xml("<a>&#x110000;</a>", NULL);
	xml("<a>&#-1;</a>", NULL);
	xml("<a>&#;</a>", NULL);
	xml("<a>&#99999999999999;</a>", NULL);
	xml("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", NULL);
	xml("<![CDATA[x]]><a/>", NULL);
	xml("<a><![CDATA[x</a>", NULL);
	xml("<a><!-- x</a>", NULL);
	xml("<:/>", NULL);
	check_xml("<a>\0</a>", 8, NULL);
	for (int i = 0; i < 40; i++)
		strcat(deep, "<a>");
	xml(deep, NULL);
}

static int
ignore(const char *path, const char *text, void *arg, struct error *err)
{
	(void)err;
	*(size_t *)arg += strlen(path) + strlen(text);
	return 0;
}

/* Seeded changes of answers, at their exact sizes: for the sanitizers. */
static void
test_hostile(void)
{
	static const char *const seeds[] = {
		"<?xml version=\"1.0\"?><a:R x=\"\"><K>1&amp;&#x41;</K><T/></a:R>",
		"<R><!-- c --><![CDATA[<x>]]><K a='b'>&lt;</K></R>",
		"\xef\xbb\xbf<Error><Code>SlowDown</Code></Error>",
	};
	static const char bytes[] = "<>/&;#x!-[]?\"'= a0\xff";
	size_t seen = 0, accepted = 0;
	uint64_t state = 1;
	struct error err;

	for (int i = 0; i < 30000; i++) {
		const char *seed = seeds[i % 3];
		size_t len = strlen(seed), cut;
		char *text = xmalloc(len);

		memcpy(text, seed, len);
		for (int k = 0; k < 3; k++) {
			state = state * UINT64_C(6364136223846793005) + 1;
			text[(state >> 33) % len] =
			    bytes[(state >> 50) % sizeof(bytes)];
		}
		cut = (state >> 40) % 4 ? len : (state >> 20) % len;
		text = xrealloc(text, cut ? cut : 1);
		accepted += s3_xml(text, cut, ignore, &seen, &err) == 0;
		free(text);
	}
	tap_ok(accepted > 100, "%zu of 30000 changed answers were XML",
	    accepted);
}

static void
test_escape(void)
{
	struct buf b = { 0 };

	s3_xml_escape("\"<a>&", &b);
	tap_str(b.data, "&quot;&lt;a&gt;&amp;", "escaped");
	buf_release(&b);
}

/* ---- errors ---- */

static void
check_error(int status, const char *body, enum err_code code, const char *want)
{
	struct s3_account nobody = { 0 };
	struct s3 s = { .account = &nobody, .bucket = (char[]){ "b" } };
	struct error err = { 0 };

	s.resp.status = status;
	buf_adds(&s.resp.body, body);
	if (s3_check(&s, "k", &err) == 0)
		strcpy(err.msg, "no error");
	tap_str(err.msg, want, want);
	tap_ok(err.code == code, "its kind is %d: %d", code, err.code);
	buf_release(&s.resp.body);
}

static void
test_errors(void)
{
	check_error(200, "", ERR_NONE, "no error");
	check_error(404,
	    "<Error><Code>NoSuchBucket</Code><Message>Gone.</Message></Error>",
	    ERR_REMOTE, "s3://b/k: NoSuchBucket: Gone; make the bucket first");
	check_error(403, "", ERR_REMOTE,
	    "s3://b/k: HTTP 403; no credentials were given or found");
	check_error(503,
	    "<Error><Code>SlowDown</Code><Message>m</Message></Error>",
	    ERR_TEMP, "s3://b/k: SlowDown: m");
	check_error(400,
	    "<Error><Code>RequestTimeout</Code><Message>m</Message></Error>",
	    ERR_TEMP, "s3://b/k: RequestTimeout: m");
	check_error(502, "<html>Bad gateway", ERR_TEMP,
	    "s3://b/k: HTTP 502: <html>Bad gateway");
	check_error(501, "", ERR_REMOTE, "s3://b/k: HTTP 501");
}

static void
check_region(const char *header, const char *body, const char *want)
{
	struct http_response resp = { .status = 400 };
	struct buf region = { 0 };
	bool told;

	if (header)
		buf_add(&resp.fields, header, strlen(header) + 1);
	if (header)
		buf_add(&resp.fields, "eu-west-3", 10);
	buf_adds(&resp.body, body);
	told = s3_told_region(&resp, &region);
	tap_str(told ? region.data : "none", want, "a region");
	buf_release(&region);
	http_response_release(&resp);
}

static void
test_regions(void)
{
	check_region("X-Amz-Bucket-Region", "", "eu-west-3");
	check_region(NULL,
	    "<Error><Code>AuthorizationHeaderMalformed</Code>"
	    "<Region>eu-north-1</Region></Error>",
	    "eu-north-1");
	check_region(NULL, "<Error><Region>a/b</Region></Error>", "none");
	check_region(NULL, "", "none");
}

/* ---- where to ---- */

static void
check_place(struct s3_account a, const char *bucket, const char *host,
    const char *path)
{
	struct error err = { 0 };
	struct s3 *s = s3_new(&a, bucket, &err);

	tap_str(s ? s->host : err.msg, host, host);
	if (path)
		tap_str(s ? s->base_path : err.msg, path, "and its path");
	s3_free(s);
}

static void
test_places(void)
{
	struct s3_account a = { 0 };

	check_place(a, "b", "b.s3.us-east-1.amazonaws.com", "");
	check_place(a, "b.c", "s3.us-east-1.amazonaws.com", "");
	a.region = (char[]){ "cn-north-1" };
	check_place(a, "b", "b.s3.cn-north-1.amazonaws.com.cn", "");
	a.style = (char[]){ "path" };
	check_place(a, "b", "s3.cn-north-1.amazonaws.com.cn", "");
	a.endpoint = (char[]){ "http://localhost:9000/" };
	check_place(a, "b", "localhost:9000", "");
	a.endpoint = (char[]){ "http://localhost:80/x//" };
	check_place(a, "b", "localhost", "/x");
	a.endpoint = (char[]){ "example.com:443" };
	check_place(a, "b", "example.com", "");
	a.style = (char[]){ "vhost" };
	check_place(a, "b", "b.example.com", "");
	a.style = (char[]){ "sideways" };
	check_place(a, "b", "s3_url_style \"sideways\": expected path or vhost",
	    NULL);
	a.style = NULL;
	a.endpoint = (char[]){ "ftp://x" };
	check_place(a, "b",
	    "endpoint_url \"ftp://x\": expected http:// or https://", NULL);
	a.endpoint = (char[]){ "http://u:p@x" };
	check_place(a, "b",
	    "endpoint_url: expected only scheme, host, port and path", NULL);
	a.endpoint = NULL;
	check_place(a, "../b", "\"../b\" is no name of a bucket", NULL);
	check_place(a, "", "\"\" is no name of a bucket", NULL);
	a.region = (char[]){ "a/b" };
	check_place(a, "b", "\"a/b\" is no name of a region", NULL);
}

/* ---- accounts ---- */

static void
clear(void)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

static void
check_account(struct s3_account a, const char *profile, const char *want)
{
	struct error err = { 0 };
	struct buf got = { 0 };
	const char *parts[] = { a.key_id, a.secret, a.token, a.region,
		a.endpoint };

	if (s3_account_complete(&a, profile, &err) < 0) {
		buf_adds(&got, err.msg);
	} else {
		parts[0] = a.key_id;
		parts[1] = a.secret;
		parts[2] = a.token;
		parts[3] = a.region;
		parts[4] = a.endpoint;
		for (size_t i = 0; i < ARRAY_LEN(parts); i++)
			buf_addf(&got, "%s ", parts[i] ? parts[i] : "-");
	}
	tap_str(got.data, want, want);
	s3_account_release(&a);
	buf_release(&got);
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void
test_accounts(void)
{
	char dir[] = "/tmp/test_s3.XXXXXX", *one, *two;
	struct s3_account half = { 0 };

	if (!mkdtemp(dir))
		abort();
	one = xasprintf("%s/credentials", dir);
	two = xasprintf("%s/config", dir);
	write_file(one,
	    "# keys\n[default]\naws_access_key_id = d1\r\n"
	    "aws_secret_access_key=d2\n[other]\naws_access_key_id=o1\n"
	    "aws_secret_access_key=o2=\naws_session_token=o3\n[half]\n"
	    "aws_access_key_id=h1\n");
	write_file(two,
	    "[default]\nregion=rd\n[profile other]\nregion = ro\n"
	    "s3 =\n  endpoint_url = nested\nendpoint_url = http://e\n");
	setenv("AWS_SHARED_CREDENTIALS_FILE", one, 1);
	setenv("AWS_CONFIG_FILE", two, 1);
	clear();
	check_account(half, NULL, "d1 d2 - rd - ");
	check_account(half, "other", "o1 o2= o3 ro http://e ");
	check_account(half, "none",
	    "no profile \"none\" in ~/.aws/credentials or ~/.aws/config");
	setenv("AWS_PROFILE", "other", 1);
	check_account(half, NULL, "o1 o2= o3 ro http://e ");
	setenv("AWS_ACCESS_KEY_ID", "e1", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "e2", 1);
	setenv("AWS_REGION", "re", 1);
	check_account(half, NULL, "e1 e2 - re http://e ");
	setenv("AWS_ENDPOINT_URL", "http://all", 1);
	check_account(half, "other", "o1 o2= o3 re http://all ");
	setenv("AWS_ENDPOINT_URL_S3", "http://s3", 1);
	half.key_id = xstrdup("c1");
	half.secret = xstrdup("c2");
	check_account(half, NULL, "c1 c2 - re http://s3 ");
	half.key_id = xstrdup("c1");
	half.secret = NULL;
	check_account(half, NULL,
	    "of aws_access_key_id and aws_secret_access_key, one is missing");
	half.key_id = NULL;
	check_account(half, "half",
	    "of aws_access_key_id and aws_secret_access_key, one is missing");
	clear();
	unlink(one);
	unlink(two);
	check_account(half, NULL, "- - - - - ");
	rmdir(dir);
	free(one);
	free(two);
}

int
main(void)
{
	test_xml();
	test_hostile();
	test_escape();
	test_errors();
	test_regions();
	test_places();
	test_accounts();
	return tap_done();
}
