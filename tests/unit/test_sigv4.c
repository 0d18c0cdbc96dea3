/* SPDX-License-Identifier: MIT */
#include "common/sigv4.h"

#include "tap.h"

#define EMPTY                           \
	"e3b0c44298fc1c149afbf4c8996fb" \
	"92427ae41e4649b934ca495991b7852b855"

/* The examples of the S3 API Reference, "Signature Calculations for the
 * Authorization Header". */
static const struct sigv4_key s3 = { "AKIAIOSFODNN7EXAMPLE",
	"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3" };

#define HOST                                             \
	{                                                \
		"host", "examplebucket.s3.amazonaws.com" \
	}
#define AT "20130524T000000Z"
#define EMPTY_SUM                             \
	{                                     \
		"x-amz-content-sha256", EMPTY \
	}
#define DATE                     \
	{                        \
		"x-amz-date", AT \
	}

static void
check(const struct sigv4_key *key, const struct sigv4_request *req,
    const char *signature, const char *name)
{
	struct buf out = { 0 };
	const char *got;

	sigv4_sign(key, req, &out);
	got = strstr(buf_str(&out), "Signature=");
	tap_str(got ? got + 10 : NULL, signature, name);
	buf_release(&out);
}

static void
test_s3(void)
{
	static const struct sigv4_pair get[] = { HOST, { "range", "bytes=0-9" },
		EMPTY_SUM, DATE };
	static const struct sigv4_pair list[] = { HOST, EMPTY_SUM, DATE };
	static const char sum[] = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e"
	                          "99e42034a8b803f8b072";
	const struct sigv4_pair put[] = { { "date",
		                              "Fri, 24 May 2013 00:00:00 GMT" },
		HOST, { "x-amz-content-sha256", sum }, DATE,
		{ "x-amz-storage-class", "REDUCED_REDUNDANCY" } };
	struct buf path = { 0 };

	check(&s3,
	    &(struct sigv4_request){
	        "GET", "/test.txt", "", get, 4, EMPTY, AT },
	    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
	    "part of an object");
	sigv4_path("/test$file.text", &path);
	check(&s3,
	    &(struct sigv4_request){ "PUT", path.data, "", put, 5, sum, AT },
	    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
	    "an object of a name to be escaped");
	check(&s3,
	    &(struct sigv4_request){
	        "GET", "/", "lifecycle=", list, 3, EMPTY, AT },
	    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
	    "a parameter without value");
	check(&s3,
	    &(struct sigv4_request){
	        "GET", "/", "max-keys=2&prefix=J", list, 3, EMPTY, AT },
	    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
	    "a list");
	buf_release(&path);
}

/* Of Amazon's test suite for the version: get-vanilla and others. */
static void
test_suite(void)
{
	static const struct sigv4_key key = { "AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1",
		"service" };
	static const char at[] = "20150830T123600Z";
	static const struct sigv4_pair plain[] = {
		{ "host", "example.amazonaws.com" },
		{ "x-amz-date", "20150830T123600Z" }
	};
	static const struct sigv4_pair spaces[] = {
		{ "host", "example.amazonaws.com" },
		{ "my-header1", " value1" },
		{ "my-header2", " \"a   b   c\"  " },
		{ "x-amz-date", "20150830T123600Z" }
	};
	struct buf out = { 0 };

	check(&key,
	    &(struct sigv4_request){ "GET", "/", "", plain, 2, EMPTY, at },
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	    "get-vanilla");
	check(&key,
	    &(struct sigv4_request){ "POST", "/", "", plain, 2, EMPTY, at },
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
	    "post-vanilla");
	check(&key,
	    &(struct sigv4_request){ "GET", "/", "Param1=value1&Param2=value2",
	        plain, 2, EMPTY, at },
	    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
	    "get-vanilla-query-order-key-case");
	check(&key,
	    &(struct sigv4_request){ "GET", "/", "", spaces, 4, EMPTY, at },
	    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
	    "get-header-value-trim");
	sigv4_sign(&key,
	    &(struct sigv4_request){ "GET", "/", "", plain, 2, EMPTY, at },
	    &out);
	tap_str(out.data,
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
	    "service/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	    "the whole header");
	buf_release(&out);
}

static void
test_texts(void)
{
	static const struct sigv4_pair pairs[] = { { "prefix", "a b/\xc3\xa9" },
		{ "list-type", "2" }, { "a-b", "2" }, { "a", "3" },
		{ "a", "1&" } };
	char at[SIGV4_TIME_LEN + 1];
	struct buf out = { 0 };

	sigv4_query(pairs, 5, &out);
	tap_str(out.data, "a=1%26&a=3&a-b=2&list-type=2&prefix=a%20b%2F%C3%A9",
	    "a query is sorted and escaped");
	buf_reset(&out);
	sigv4_query(pairs, 0, &out);
	tap_str(buf_str(&out), "", "an empty query");
	sigv4_path("/a+b/c d~\xff", &out);
	tap_str(out.data, "/a%2Bb/c%20d~%FF", "a path keeps its slashes");
	sigv4_time(1369353600, at);
	tap_str(at, AT, "a time");
	buf_release(&out);
}

int
main(void)
{
	test_s3();
	test_suite();
	test_texts();
	return tap_done();
}
