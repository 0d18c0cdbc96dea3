/* SPDX-License-Identifier: MIT */
/*
 * insert DATABASE TABLE FILE: the loop that one would write first: a prepared
 * INSERT for each row of FILE, in one transaction. FILE has a row a line, its
 * fields between tabs, \x01 for NULL; nothing is escaped. Splitting that costs
 * next to nothing, so this is SQLite's time.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COLUMNS 64

static sqlite3 *db;
static int count;
static char types[COLUMNS]; /* i, f or t, by declared type */

static int
run(const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int
look_at_table(const char *table)
{
	char sql[256];
	sqlite3_stmt *s;

	snprintf(sql, sizeof(sql), "SELECT type FROM pragma_table_info('%s')",
	    table);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return 0;
	while (sqlite3_step(s) == SQLITE_ROW && count < COLUMNS) {
		const char *type = (const char *)sqlite3_column_text(s, 0);

		types[count++] = strstr(type, "INT") || strstr(type, "BOOL")
		    ? 'i'
		    : strstr(type, "DOUBLE") || strstr(type, "REAL") ? 'f'
		                                                     : 't';
	}
	sqlite3_finalize(s);
	return count > 0;
}

static sqlite3_stmt *
prepare(const char *table)
{
	char sql[256 + 2 * COLUMNS];
	sqlite3_stmt *s = NULL;
	int n = snprintf(sql, sizeof(sql) - 2 * COLUMNS,
	    "INSERT INTO %s VALUES (?", table);

	for (int i = 1; i < count; i++)
		n += snprintf(sql + n, 3, ",?");
	snprintf(sql + n, 2, ")");
	sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	return s;
}

static void
bind(sqlite3_stmt *s, int i, const char *p, size_t len)
{
	if (len == 1 && *p == 1)
		sqlite3_bind_null(s, i + 1);
	else if (types[i] == 'i')
		sqlite3_bind_int64(s, i + 1, strtoll(p, NULL, 10));
	else if (types[i] == 'f')
		sqlite3_bind_double(s, i + 1, strtod(p, NULL));
	else
		sqlite3_bind_text(s, i + 1, p, (int)len, SQLITE_STATIC);
}

static int
insert_rows(sqlite3_stmt *s, const char *p, const char *end)
{
	while (p < end) {
		for (int i = 0; i < count; i++) {
			char stop = i == count - 1 ? '\n' : '\t';
			const char *e = memchr(p, stop, (size_t)(end - p));

			if (e == NULL)
				return 0;
			bind(s, i, p, (size_t)(e - p));
			p = e + 1;
		}
		if (sqlite3_step(s) != SQLITE_DONE)
			return 0;
		sqlite3_reset(s);
	}
	return 1;
}

int
main(int argc, char **argv)
{
	FILE *f = argc == 4 ? fopen(argv[3], "rb") : NULL;
	struct stat st;
	sqlite3_stmt *s = NULL;
	char *text;
	size_t len;
	int ok;

	if (f == NULL || fstat(fileno(f), &st) < 0)
		return 2;
	len = (size_t)st.st_size;
	text = malloc(len + 1);
	if (text == NULL || fread(text, 1, len, f) != len)
		return 2;
	text[len] = '\0';
	fclose(f);
	ok = sqlite3_open(argv[1], &db) == SQLITE_OK &&
	    look_at_table(argv[2]) && (s = prepare(argv[2])) != NULL &&
	    run("PRAGMA synchronous = OFF") && run("BEGIN") &&
	    insert_rows(s, text, text + len) && run("COMMIT");
	if (!ok)
		fprintf(stderr, "insert: %s\n", sqlite3_errmsg(db));
	sqlite3_finalize(s);
	sqlite3_close(db);
	free(text);
	return !ok;
}
