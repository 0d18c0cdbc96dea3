/* SPDX-License-Identifier: MIT */
/*
 * duckq FILE|: SQL...: the rows of queries on a DuckDB database (: in memory),
 * columns between bars. "-": waits for the end of standard input.
 */
#include "common/buf.h"
#include "common/duck.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
print_rows(struct duck *d, const char *sql, struct error *err)
{
	struct buf full = { 0 };
	struct duck_rows *r;
	int rc;

	buf_addf(&full, "SELECT COLUMNS(*)::VARCHAR FROM (%s)", sql);
	r = duck_query(d, full.data, NULL, 0, err);
	buf_release(&full);
	if (!r)
		return -1;
	while ((rc = duck_next(r, err)) > 0) {
		for (size_t i = 0; i < duck_width(r); i++) {
			size_t len;
			const char *text = duck_text(r, i, &len);

			if (i)
				putchar('|');
			fwrite(text ? text : "NULL", 1, text ? len : 4, stdout);
		}
		putchar('\n');
	}
	duck_rows_free(r);
	return rc;
}

static void
wait_for_end(void)
{
	char c;

	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

static int
run(struct duck *d, const char *sql, struct error *err)
{
	if (!strcmp(sql, "-")) {
		wait_for_end();
		return 0;
	}
	if (!strncmp(sql, "SELECT", 6) || !strncmp(sql, "DESCRIBE", 8) ||
	    !strncmp(sql, "FROM", 4))
		return print_rows(d, sql, err);
	return duck_run(d, sql, err);
}

int
main(int argc, char **argv)
{
	struct error err = { 0 };
	struct duck *d;
	int rc = 0;

	if (argc < 2)
		return 2;
	d = duck_open(strcmp(argv[1], ":") ? argv[1] : NULL, NULL, &err);
	if (!d)
		rc = -1;
	for (int i = 2; i < argc && !rc; i++)
		rc = run(d, argv[i], &err);
	duck_close(d);
	if (rc)
		fprintf(stderr, "duckq: %s\n", err.msg);
	return rc ? 1 : 0;
}
