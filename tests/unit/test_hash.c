/* SPDX-License-Identifier: MIT */
#include "common/checksum.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/shake.h"
#include "tests/unit/tap.h"

/* ---- known answers ---- */

static void
test_digests(void)
{
	static const char *const cases[][3] = {
		{ "", "f5wrpOiPgn1hYA", "f5wrpOiPgn1hYEVQdgWF" },
		{ "abc", "WIEJLdgYv1z4ow", "WIEJLdgYv1z4o923k/vL" },
		{ "su7hIX75xYUFvQ_t__l_0", "gp8TsTUqnllokw",
		    "gp8TsTUqnllok0N4xxyi" },
		{ "123456_zen__webpath_0", "DLZqexu9nUyZgw",
		    "DLZqexu9nUyZg64K6MEk" },
	};
	char out[64];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i][0]);

		hash_id(cases[i][0], len, out);
		tap_str(out, cases[i][1], "ten bytes of SHAKE-128");
		hash_digest128(cases[i][0], len, 15, out);
		tap_str(out, cases[i][2], "fifteen bytes of SHAKE-128");
	}
}

/* Lengths around the rate of 168 bytes; values from Python's hashlib. */
static void
test_blocks(void)
{
	static const struct {
		size_t len;
		const char *want;
	} cases[] = {
		{ 1, "h7jROwXmNRXLbg" },
		{ 166, "PQMgSklCW5vMGg" },
		{ 167, "uPgfT41k6k07gQ" },
		{ 168, "FXCv/3BJ8LQJ/g" },
		{ 169, "49SnkSBBD2WOKw" },
		{ 335, "XC4BqEiYTDpgxw" },
		{ 336, "siYBDzWzppI28g" },
		{ 337, "7N1up+6aRh+a0Q" },
		{ 400, "bX9j6o1SUbfbJw" },
	};
	char data[400], out[64];
	unsigned char long_out[500], short_out[168];

	memset(data, 'q', sizeof(data));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		hash_id(data, cases[i].len, out);
		tap_ok(strcmp(out, cases[i].want) == 0, "%zu bytes: %s",
		    cases[i].len, out);
	}
	hash_shake128("abc", 3, long_out, sizeof(long_out));
	hash_shake128("abc", 3, short_out, sizeof(short_out));
	tap_ok(memcmp(long_out, short_out, sizeof(short_out)) == 0,
	    "a longer output begins with the shorter one");
	hash_base64_encode(long_out + 488, 12, out);
	tap_str(out, "8OxlCikhmCdSEaVr", "the third block of output");
}

/* Four at once are the same as one by one, whatever their lengths. */
static void
test_four(void)
{
	char text[4][200], ids[HASH_IDS][HASH_ID_LEN + 1];
	char want[HASH_ID_LEN + 1];
	const char *data[HASH_IDS] = { text[0], text[1], text[2], text[3] };
	size_t len[HASH_IDS];
	int wrong = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i / 200][i % 200] = (char)(i * 7 % 251);
	for (size_t n = 0; n < 200; n++) {
		for (size_t k = 0; k < HASH_IDS; k++)
			len[k] = (n * (k + 1)) % 200;
		hash_ids(data, len, ids);
		for (size_t k = 0; k < HASH_IDS; k++) {
			hash_id(data[k], len[k], want);
			wrong += strcmp(want, ids[k]) != 0;
		}
	}
	tap_ok(wrong == 0, "four ids at once%s",
	    hash_ids_pay() ? "" : " (one by one here)");
}

static void
test_ways(void)
{
	static const enum shake_way ways[] = { SHAKE_AVX2, SHAKE_AVX512 };
	const char *data[SHAKE_LANES] = { "", "a", "four digests", "at once" };
	const size_t len[SHAKE_LANES] = { 0, 1, 12, 7 };
	unsigned char out[SHAKE_LANES * 50], want[50];

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		bool same = true;

		shake128_four(ways[i], data, len, out, 50);
		for (size_t k = 0; k < SHAKE_LANES; k++) {
			hash_shake128(data[k], len[k], want, 50);
			same = same && memcmp(want, out + 50 * k, 50) == 0;
		}
		tap_ok(same, "instructions of kind %d%s", ways[i],
		    shake_has_lanes(ways[i]) ? "" : " (one by one here)");
	}
}

static void
test_running(void)
{
	char out[HASH_HEX_LEN + 1];
	struct hash *h = hash_sha256_new();

	hash_update(h, "a", 1);
	hash_update(h, NULL, 0);
	hash_update(h, "bc", 2);
	hash_final_hex(h, out);
	tap_str(out,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "SHA-256 in hex");
	h = hash_sha3_256_new();
	hash_update(h, "abc", 3);
	hash_final_base64(h, out);
	tap_str(out, "Ophdp0/iJbIEXBcta9OQvYVfCG4+nVJbRr/iRRFDFTI=",
	    "SHA3-256 in base64");
	hash_free(hash_sha3_256_new());
	/* of 0 to 300 bytes, in pieces: what Python's hashlib makes of it */
	h = hash_sha3_256_new();
	for (size_t n = 0; n <= 300; n++) {
		char text[300], one[HASH_B64_LEN + 1];
		struct hash *part = hash_sha3_256_new(), *copy;
		size_t at = n / 3;

		memset(text, (int)n, sizeof(text));
		hash_update(part, text, at);
		copy = hash_copy(part);
		hash_free(part);
		hash_update(copy, text + at, n - at);
		hash_final_base64(copy, one);
		hash_update(h, one, HASH_B64_LEN);
	}
	hash_final_hex(h, out);
	tap_str(out,
	    "b4acdd7209ed634e4523aad378d22fc0f279ab55a4179d736e55cc4f99083d4e",
	    "SHA3-256 of all lengths");
	hash_free(NULL);
}

/* As xxhsum -H2 prints them. */
static void
test_checksums(void)
{
	char out[CHECKSUM_SIZE], zeros[1000] = { 0 };
	struct checksum *c = checksum_new(CHECKSUM_XXH128 | CHECKSUM_SHA256);

	checksum_hex(c, CHECKSUM_XXH128, out);
	tap_str(out, "99aa06d3014798d86001c324468d497f", "XXH3-128 of nothing");
	checksum_add(c, "ab", 2);
	checksum_hex(c, CHECKSUM_SHA256, out);
	tap_str(out,
	    "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603",
	    "SHA-256 of what was added so far");
	checksum_add(c, "c", 1);
	checksum_hex(c, CHECKSUM_XXH128, out);
	tap_str(out, "06b05ab6733a618578af5f94892f3950", "XXH3-128 of more");
	tap_int(checksum_kind_of(out), CHECKSUM_XXH128, "told by its length");
	checksum_hex(c, CHECKSUM_SHA256, out);
	tap_str(out,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "and SHA-256");
	tap_int(checksum_kind_of(out), CHECKSUM_SHA256, "likewise");
	tap_ok(checksum_is_valid(out), "is valid");
	out[63] = '\0';
	tap_ok(!checksum_is_valid(out), "cut");
	checksum_free(c);

	checksum_of(CHECKSUM_XXH128, zeros, sizeof(zeros), out);
	tap_str(out, "3fb94aea6d09b97224c1ea6074dd588c", "XXH3-128 of zeros");
	c = checksum_new(CHECKSUM_XXH128);
	for (size_t i = 0; i < sizeof(zeros); i += 125)
		checksum_add(c, zeros + i, 125);
	checksum_hex(c, CHECKSUM_XXH128, out);
	tap_str(out, "3fb94aea6d09b97224c1ea6074dd588c", "in pieces");
	checksum_free(c);
	tap_ok(!checksum_is_valid("99AA06d3014798d86001c324468d497f"),
	    "upper case");
	checksum_free(checksum_new(CHECKSUM_NONE));
	checksum_free(NULL);
}

static void
test_base64(void)
{
	static const char *const good[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "\xff\xef", "/+8=" },
	};
	static const char *const bad[] = { "Zg", "Zg=", "=",
		"====", "Z===", "Zg==Zg==", "Zm9v\n", "Zm-v", "Zm_v", " Zm9",
		"Zm=v" };
	char out[64];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		long n;

		hash_base64_encode(good[i][0], strlen(good[i][0]), out);
		tap_str(out, good[i][1], "encodes");
		n = hash_base64_decode(out, strlen(out), out);
		tap_ok(n == (long)strlen(good[i][0]) &&
		        memcmp(out, good[i][0], (size_t)n) == 0,
		    "decodes \"%s\" in place", good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		tap_ok(hash_base64_decode(bad[i], strlen(bad[i]), out) == -1,
		    "refuses bad base64 %zu", i);
}

static void
test_random(void)
{
	char ids[1000][HASH_ID_LEN + 1], hex[201];
	bool same = false, shaped = true;

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		hash_random_id(ids[i]);
		shaped = shaped && strlen(ids[i]) == HASH_ID_LEN;
		for (size_t k = 0; k < i; k++)
			same = same || strcmp(ids[i], ids[k]) == 0;
	}
	tap_ok(shaped && !same, "a thousand random ids, all different");
	hash_random_hex(hex, 100);
	tap_ok(strspn(hex, "0123456789abcdef") == 200 && hex[200] == '\0',
	    "a hundred random bytes in hex");
	hash_random_hex(hex, 0);
	tap_str(hex, "", "no random bytes");
}

/* ---- oracle ---- */

static bool
agrees(const struct json *line)
{
	const char *fn = json_get_str(line, "fn", "");
	const char *want = json_get_str(line, "out", "");
	struct buf text = { 0 };
	char out[64];
	bool ok;

	if (strcmp(fn, "digest128") == 0) {
		const struct json *in = json_get(line, "in");

		hash_id(in->str, in->len, out);
		ok = strcmp(out, json_get_str(line, "len10", "")) == 0;
		hash_digest128(in->str, in->len, 15, out);
		return ok && strcmp(out, json_get_str(line, "len15", "")) == 0;
	}
	if (strcmp(fn, "nested_row_hash") == 0) {
		buf_addf(&text, "%s_%s_%lld", json_get_str(line, "parent", ""),
		    json_get_str(line, "table", ""),
		    json_get_int(line, "idx", -1));
	} else {
		struct json_doc doc = { 0 };
		struct error err = { 0 };
		const struct json *raw = json_get(line, "raw");

		if (json_parse(&doc, raw->str, raw->len, &err) < 0)
			return false;
		/* The row's own keys only. */
		for (struct json **m = &doc.root->child; *m;)
			if (strncmp((*m)->key, "_dlt", 4) == 0)
				*m = (*m)->next;
			else
				m = &(*m)->next;
		json_write(doc.root, JSON_WRITE_SORTED | JSON_WRITE_PYTHON,
		    &text);
		json_release(&doc);
	}
	hash_id(buf_str(&text), text.len, out);
	buf_release(&text);
	return strcmp(out, want) == 0;
}

static void
test_oracle(void)
{
	char path[4096], *line = NULL;
	size_t cap = 0, count = 0, wrong = 0;
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	ssize_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/oracles/hashes.jsonl",
	    getenv("TEST_DATA") ? getenv("TEST_DATA") : ".");
	f = fopen(path, "r");
	if (!f) {
		tap_skip("all lines of hashes.jsonl agree", "no TEST_DATA");
		return;
	}
	for (; (len = getline(&line, &cap, f)) > 0; count++) {
		if (json_parse(&doc, line, (size_t)len, &err) < 0 ||
		    !agrees(doc.root)) {
			wrong++;
			printf("# %s", line);
		}
	}
	tap_ok(count > 0 && wrong == 0, "all %zu lines of hashes.jsonl agree",
	    count);
	json_release(&doc);
	free(line);
	fclose(f);
}

int
main(void)
{
	test_digests();
	test_blocks();
	test_four();
	test_ways();
	test_running();
	test_checksums();
	test_base64();
	test_random();
	test_oracle();
	return tap_done();
}
