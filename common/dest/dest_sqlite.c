/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_sqlite_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_S 5.0
/* To build an index takes as much again, twice over. */
#define CACHE_KIB 16384
/* Of new files; a quarter of the calls and less of the depth that 4096 has. */
#define PAGE_BYTES 16384

static enum err_code
code_of(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return ERR_TEMP;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_IO;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return ERR_DATA;
	default:
		return ERR_REMOTE;
	}
}

/* Where SQLite cannot make a file it tries to read it, and then says that it is
 * missing: what keeps us from making one beside it is the cause. */
static int
cause_of_missing(const struct sqlite_dest *s)
{
	char *probe = xasprintf("%s.XXXXXX", s->path);
	int fd = mkostemp(probe, O_CLOEXEC);
	int cause = fd < 0 ? errno : ENOENT;

	if (fd >= 0) {
		close(fd);
		unlink(probe);
	}
	free(probe);
	return cause;
}

int
sqlite_fail(struct sqlite_dest *s, const char *what, struct error *err)
{
	int code = sqlite3_extended_errcode(s->db);
	int system = sqlite3_system_errno(s->db);

	error_set(err, code_of(code), "%s%s%s", what, *what ? ": " : "",
	    sqlite3_errmsg(s->db));
	if ((code & 0xff) == SQLITE_CANTOPEN && system == ENOENT)
		system = cause_of_missing(s);
	if (err->code == ERR_IO && system) {
		size_t len = strlen(err->msg);

		snprintf(err->msg + len, sizeof(err->msg) - len, " (%s)",
		    strerror(system));
	}
	return -1;
}

int
sqlite_exec(struct sqlite_dest *s, const char *sql, struct error *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(s, "", err);
	return 0;
}

int
sqlite_query(struct sqlite_dest *s, const char *sql, const char *const *texts,
    size_t count, sqlite3_stmt **out, struct error *err)
{
	*out = NULL;
	if (sqlite3_prepare_v2(s->db, sql, -1, out, NULL) != SQLITE_OK)
		return sqlite_fail(s, "", err);
	for (size_t i = 0; i < count; i++) {
		if (sqlite3_bind_text(*out, (int)i + 1, texts[i], -1,
		        SQLITE_TRANSIENT) != SQLITE_OK) {
			sqlite_fail(s, "", err);
			sqlite3_finalize(*out);
			*out = NULL;
			return -1;
		}
	}
	return 0;
}

int
sqlite_step(struct sqlite_dest *s, sqlite3_stmt *q, struct error *err)
{
	switch (sqlite3_step(q)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_fail(s, "", err);
	}
}

int
sqlite_run(struct sqlite_dest *s, sqlite3_stmt *q, struct error *err)
{
	int rc = sqlite_step(s, q, err);

	sqlite3_finalize(q);
	return rc < 0 ? -1 : 0;
}

int
sqlite_has_table(struct sqlite_dest *s, const char *name, bool *found,
    struct error *err)
{
	sqlite3_stmt *q;
	int rc;

	if (sqlite_query(s,
	        "SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') "
	        "AND name = ?1 COLLATE NOCASE",
	        &name, 1, &q, err) < 0)
		return -1;
	rc = sqlite_step(s, q, err);
	*found = rc > 0;
	sqlite3_finalize(q);
	return rc < 0 ? -1 : 0;
}

/* SQLAlchemy's sqlite:///relative and sqlite:////absolute are understood; all
 * else is a path as it stands. */
static const char *
path_of(const char *rest)
{
	return !strncmp(rest, "///", 3) ? rest + 3 : rest;
}

/* Asks for the lock to read with, which looks for a journal. */
static bool
has_dead_writer(sqlite3 *db)
{
	sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL);
	return sqlite3_extended_errcode(db) == SQLITE_READONLY_ROLLBACK ||
	    sqlite3_extended_errcode(db) == SQLITE_READONLY_RECOVERY;
}

int
sqlite_open_to_read(const char *path, sqlite3 **db)
{
	int rc = sqlite3_open_v2(path, db,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK || !has_dead_writer(*db))
		return rc;
	sqlite3_close(*db);
	rc = sqlite3_open_v2(path, db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		sqlite3_exec(*db, "PRAGMA query_only = 1", NULL, NULL, NULL);
	return rc;
}

static int
open_file(const char *path, bool read_only, sqlite3 **db)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_NOMUTEX;

	return read_only ? sqlite_open_to_read(path, db)
	                 : sqlite3_open_v2(path, db, flags, NULL);
}

/* SQLite counts its cache in pages of the size that it knows when this is said:
 * that of a file that exists becomes known with the first transaction. */
static int
limit_cache(struct sqlite_dest *s, struct error *err)
{
	char pragma[48];

	snprintf(pragma, sizeof(pragma), "PRAGMA main.cache_size = -%d",
	    s->cache_kib);
	return sqlite_exec(s, pragma, err);
}

static int
open_database(struct sqlite_dest *s, const struct dest_settings *set,
    struct error *err)
{
	double wait = set->wait_s < 0 ? BUSY_TIMEOUT_S : set->wait_s;
	char pragma[96];

	s->cache_kib = CACHE_KIB;
	if (set->cache && set->cache / 1024 < CACHE_KIB)
		s->cache_kib = (int)(set->cache / 1024);
	if (open_file(s->path, set->read_only, &s->db) != SQLITE_OK)
		return s->db ? sqlite_fail(s, "", err)
		             : error_set(err, ERR_IO, "out of memory");
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db,
	    wait > 2e6 ? 2000000000 : (int)(wait * 1e3));
	snprintf(pragma, sizeof(pragma), "PRAGMA page_size = %d", PAGE_BYTES);
	return sqlite_exec(s, pragma, err) < 0 ? -1 : limit_cache(s, err);
}

/* Is nothing in the file, which we have made? */
static bool
is_left_empty(const struct sqlite_dest *s)
{
	struct stat st;

	return s->created && stat(s->path, &st) == 0 && st.st_size == 0;
}

/* A file in which nothing came to be goes again, unless somebody else has begun
 * to write to it: he holds the lock then, or will see that it has gone. */
static void
remove_empty(struct sqlite_dest *s)
{
	if (!s->db || !is_left_empty(s))
		return;
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_busy_timeout(s->db, 0);
	if (sqlite3_exec(s->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) ==
	        SQLITE_OK &&
	    is_left_empty(s))
		unlink(s->path);
}

static void
sqlite_close(struct dest *d)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;

	sqlite_rows_forget(s);
	remove_empty(s);
	sqlite3_close(s->db);
	free(s->feed_cells);
	free(s->images);
	free(s->path);
	free(s);
}

/* SQLite tells no more than that it cannot open a file. */
static void
blame_folder(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1)
	                     : xstrdup(".");

	if (access(folder, W_OK | X_OK) < 0)
		error_errno(err, "%s", folder);
	free(folder);
}

static struct dest *
sqlite_open(const char *rest, const struct dest_settings *set,
    struct error *err)
{
	struct sqlite_dest *s;
	const char *path = path_of(rest);
	struct stat st;
	bool exists;

	if (!*path || !strncmp(path, "//", 2)) {
		error_set(err, ERR_USAGE, "expected sqlite:FILE");
		return NULL;
	}
	exists = stat(path, &st) == 0;
	if (exists && S_ISDIR(st.st_mode)) {
		error_set(err, ERR_IO, "is a directory");
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->path = xstrdup(path);
	s->created = !exists && !set->read_only;
	if (set->read_only && !exists)
		return &s->base;
	if (open_database(s, set, err) < 0 || sqlite_rows_init(s, err) < 0) {
		if (!exists)
			blame_folder(path, err);
		sqlite_close(&s->base);
		return NULL;
	}
	return &s->base;
}

static int
sqlite_begin(struct dest *d, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	int rc, moved = 0;

	sqlite_rows_forget(s); /* what is attached would be locked, too */
	rc = sqlite_exec(s, "BEGIN IMMEDIATE", err);
	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (!moved)
		return rc < 0 ? -1 : limit_cache(s, err);
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return error_set(err, ERR_TEMP,
	    "the database was removed by another process meanwhile");
}

/* A file without a name is private and removed by SQLite; it holds what does
 * not fit into the cache. */
int
sqlite_need_staging(struct sqlite_dest *s, struct error *err)
{
	if (s->staging)
		return 0;
	if (sqlite_exec(s, "ATTACH '' AS " SQLITE_STAGING, err) < 0 ||
	    sqlite_exec(s, "PRAGMA " SQLITE_STAGING ".journal_mode = MEMORY",
	        err) < 0)
		return -1;
	s->staging = true;
	return 0;
}

/* Not possible within a transaction. */
static void
drop_staging(struct sqlite_dest *s)
{
	sqlite_rows_forget(s);
	if (s->staging &&
	    sqlite3_exec(s->db, "DETACH " SQLITE_STAGING, NULL, NULL, NULL) ==
	        SQLITE_OK)
		s->staging = false;
}

static int
sqlite_commit(struct dest *d, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;

	if (sqlite_exec(s, "COMMIT", err) < 0)
		return -1;
	if (s->staging)
		drop_staging(s);
	return 0;
}

static void
sqlite_rollback(struct dest *d)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;

	if (s->db && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->jobs_table = false;
	drop_staging(s);
}

static void
sqlite_name(void *d, enum dest_place place, const char *table, struct buf *out)
{
	buf_adds(out, place == DEST_STAGING ? SQLITE_STAGING "." : "main.");
	ddl_quote(table, out);
}

static int
sqlite_execute(struct dest *d, const char *sql, struct error *err)
{
	return sqlite_exec((struct sqlite_dest *)d, sql, err);
}

static const char *const merge_strategies[] = { "delete-insert", "scd2", NULL };
static const char *const replace_strategies[] = { "truncate-and-insert",
	"insert-from-staging", NULL };

/* Rows keep the order in which they came: the first of equals stays, as with
 * Python dlt, whose sort leaves them in order. */
static const struct merge_dialect merging = {
	.when_true = "1",
	.when_false = "0",
	.any_order = "rowid",
	.tie_break = "rowid",
	.time_open = "'",
	.time_close = "'",
	.zone = true,
	.temp_create = "CREATE TABLE ",
	.temp_suffix = "",
	.temp_staged = true,
	.temp_sorted = true,
	.empty_open = "DELETE FROM ",
	.empty_close = "",
};

extern const struct dest_ops dest_sqlite;
const struct dest_ops dest_sqlite = {
	.scheme = "sqlite",
	.form = "sqlite:FILE",
	.values = { true, true, true },
	.caps = { merge_strategies, replace_strategies, .isolated = true,
	    .private_staging = true, .merge = &merging },
	.open = sqlite_open,
	.close = sqlite_close,
	.ledger = &sqlite_ledger,
	.stored_schema = ledger_stored_schema,
	.stored_state = ledger_stored_state,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.has_version = ledger_has_version,
	.add_version = ledger_add_version,
	.drop_versions = ledger_drop_versions,
	.migrate = sqlite_migrate,
	.empty = sqlite_empty,
	.drop = dest_drop,
	.insert = sqlite_insert,
	.name = sqlite_name,
	.execute = sqlite_execute,
	.marked = ledger_marked,
	.mark = ledger_mark,
	.each_mark = ledger_each_mark,
	.unmark = ledger_unmark,
	.has_load = ledger_has_load,
	.add_load = ledger_add_load,
};
