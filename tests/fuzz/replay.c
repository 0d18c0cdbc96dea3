/* SPDX-License-Identifier: MIT */
/*
 * replay: drives a fuzz target without libFuzzer: every file of the corpus
 * directory ($TEST_DATA or the first argument) and seeded mutations. A finding
 * aborts.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/mem.h"
#include "tests/fuzz/mutate.h"

#define ROUNDS 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf text = { 0 };
	char block[4096];
	size_t n;

	if (!f)
		return;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(&text, block, n);
	fclose(f);
	LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&text), text.len);
	buf_release(&text);
}

static int
replay_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int files = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		char *name = xasprintf("%s/%s", path, e->d_name);

		if (e->d_name[0] != '.') {
			replay_file(name);
			files++;
		}
		free(name);
	}
	closedir(dir);
	return files;
}

int
main(int argc, char *argv[])
{
	const char *data = getenv("TEST_DATA");
	char *path = argc > 1
	    ? xstrdup(argv[1])
	    : xasprintf("%s/JSONTestSuite/test_parsing", data ? data : ".");
	char text[MUTATE_MAX];
	uint64_t state = 1;
	int files = replay_directory(path);

	printf("%sok 1 - corpus of %d files%s\n", files || !data ? "" : "not ",
	    files, files || data ? "" : " # SKIP no TEST_DATA");
	for (int i = 0; i < ROUNDS; i++) {
		size_t len = mutate(&state, text);

		LLVMFuzzerTestOneInput((const uint8_t *)text, len);
	}
	printf("ok 2 - %d mutations\n1..2\n", ROUNDS);
	free(path);
	return files || !data ? EXIT_SUCCESS : EXIT_FAILURE;
}
