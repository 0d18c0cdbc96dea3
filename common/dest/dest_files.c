/* SPDX-License-Identifier: MIT */
/*
 * file:DIR: dlt's filesystem destination. Job files are copied as they are.
 *
 * There are no transactions: files are complete under other names first, and
 * get their own at commit, in an order and with names that make a repeat after
 * a kill harmless. New files of a replaced table come before the old ones go.
 */
#include "common/dest/dest_files_private.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/testhook.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK      ((size_t)256 << 10)
#define TEMP_TRIES 10

/* ---- the folder ---- */

static int
hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* DIR as it stands, or what a URL with slashes means: file:///DIR. */
static char *
path_of(const char *rest, struct error *err)
{
	struct buf path = { 0 };

	if (strncmp(rest, "//", 2) != 0) {
		buf_adds(&path, rest);
	} else {
		rest += !strncmp(rest, "//localhost/", 12) ? 11 : 2;
		for (; *rest == '/' || path.len; rest++) {
			bool code = *rest == '%' && hex_digit(rest[1]) >= 0 &&
			    hex_digit(rest[2]) >= 0;

			if (!*rest)
				break;
			buf_addc(&path,
			    code ? (char)(hex_digit(rest[1]) << 4 |
			               hex_digit(rest[2]))
			         : *rest);
			rest += code ? 2 : 0;
		}
	}
	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.data[--path.len] = '\0';
	if (!path.len || strlen(path.data) != path.len) {
		error_set(err, ERR_USAGE, "expected file:DIR or file:///DIR");
		buf_release(&path);
		return NULL;
	}
	return buf_take(&path);
}

static void
files_close(struct dest *d)
{
	struct files_dest *s = (struct files_dest *)d;

	files_forget_marks(s);
	free(s->marks);
	free(s->targets);
	free(s->data.items);
	free(s->meta.items);
	free(s->emptied);
	free(s->root);
	free(s->layout);
	free(s);
}

static struct dest *
files_open(const char *rest, const struct dest_settings *set, struct error *err)
{
	const char *layout = set->layout ? set->layout : FILES_LAYOUT;
	struct files_dest *s;
	struct stat st;
	char *path;

	if (files_layout_check(layout, err) < 0)
		return NULL;
	path = path_of(rest, err);
	if (!path)
		return NULL;
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		error_set(err, ERR_IO, "is no folder");
		free(path);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	/* Without a name, the folder is the dataset. */
	s->root = set->dataset
	    ? xasprintf("%s/%s", strcmp(path, "/") ? path : "", set->dataset)
	    : xstrdup(path);
	s->layout = xstrdup(layout);
	s->states = set->state_files ? set->state_files : FILES_STATES;
	s->read_only = set->read_only;
	s->temp_fd = -1;
	free(path);
	return &s->base;
}

/* ---- transactions ---- */

static void
forget_moves(struct files_moves *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->items[i].from);
		free(m->items[i].to);
		buf_release(&m->items[i].text);
	}
	m->count = 0;
}

static struct files_move *
note_move(struct files_moves *m, char *from, char *to)
{
	m->items = xgrow(m->items, &m->cap, m->count + 1, sizeof(*m->items));
	m->items[m->count] = (struct files_move){ .from = from, .to = to };
	return &m->items[m->count++];
}

struct buf *
files_note_text(struct files_dest *s, char *path)
{
	return &note_move(&s->meta, NULL, path)->text;
}

static void
drop_temp(struct files_dest *s)
{
	struct error ignored;
	char *slash;

	if (!s->temp)
		return;
	remove_tree(s->temp, &ignored);
	output_keep(s->temp);
	close(s->temp_fd);
	s->temp_fd = -1;
	slash = strrchr(s->temp, '/');
	*slash = '\0';
	rmdir(s->temp); /* unless another process is at work there */
	free(s->temp);
	s->temp = NULL;
}

static void
files_rollback(struct dest *d)
{
	struct files_dest *s = (struct files_dest *)d;

	drop_temp(s);
	forget_moves(&s->data);
	forget_moves(&s->meta);
	for (size_t i = 0; i < s->emptied_count; i++)
		free(s->emptied[i]);
	s->emptied_count = 0;
}

static int
files_begin(struct dest *d, struct error *err)
{
	return files_init((struct files_dest *)d, err);
}

/* Beside the tables, to be of the same file system. */
static int
make_temp(struct files_dest *s, struct error *err)
{
	char *parent = xasprintf("%s/_dlt_tmp", s->root), *path;
	int rc = -1;

	if (s->temp) {
		free(parent);
		return 0;
	}
	path = xasprintf("%s/XXXXXX", parent);
	/* Another process may sweep the folder away before we are in it. */
	for (int tries = 1;; tries++) {
		if (make_dirs(parent, err) < 0)
			goto out;
		if (mkdtemp(path))
			break;
		if (errno != ENOENT || tries == TEMP_TRIES) {
			error_errno(err, "%s", parent);
			goto out;
		}
		memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	}
	output_remove_at_exit(path);
	s->temp_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->temp_fd < 0) {
		error_errno(err, "%s", path);
		goto out;
	}
	flock(s->temp_fd, LOCK_EX | LOCK_NB);
	s->temp = path;
	path = NULL;
	rc = 0;
out:
	free(parent);
	free(path);
	return rc;
}

/* ---- copies ---- */

static int
write_all(int fd, const char *data, size_t len, struct error *err)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return error_errno(err, "write");
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int
copy_bytes(struct dest_file *f, int fd, struct error *err)
{
	struct hash *h = hash_sha256_new();
	char *block = xmalloc(BLOCK);
	int rc = 0;
	long n;

	while ((n = f->source(f->arg, block, BLOCK, err)) > 0 && rc == 0) {
		hash_update(h, block, (size_t)n);
		rc = signal_pending() ? error_set(err, ERR_QUIET, "interrupted")
		                      : write_all(fd, block, (size_t)n, err);
	}
	hash_final_hex(h, f->checksum);
	free(block);
	return rc < 0 || n < 0 ? -1 : 0;
}

static int
target_of(struct files_dest *s, const struct dest_file *f, char **to,
    struct error *err)
{
	struct buf path = { 0 };
	int rc;

	buf_addf(&path, "%s/", s->root);
	if (!strncmp(f->table, "_dlt", 4)) {
		/* The layout is for others. */
		rc = files_layout_path(FILES_LAYOUT, f, &path, err);
	} else {
		struct buf below = { 0 };

		rc = files_layout_path(s->layout, f, &below, err);
		buf_adds(&path, buf_str(&below));
		buf_release(&below);
	}
	if (rc == 0 && !s->keep_gz && path.len > 3 &&
	    !strcmp(path.data + path.len - 3, ".gz"))
		path.data[path.len -= 3] = '\0';
	*to = buf_take(&path);
	return rc;
}

/* A layout without {file_id} may make one name of two job files. */
static int
check_target(struct files_dest *s, const char *to, struct error *err)
{
	if (strstr(s->layout, "{file_id}"))
		return 0;
	for (size_t i = 0; i < s->target_count; i++)
		if (!strcmp(s->targets[i], to))
			return error_set(err, ERR_USAGE,
			    "two job files would be \"%s\": the layout \"%s\" "
			    "needs {file_id}",
			    to, s->layout);
	s->targets = xgrow(s->targets, &s->target_cap, s->target_count + 1,
	    sizeof(*s->targets));
	s->targets[s->target_count++] = xstrdup(to);
	return 0;
}

static int
files_copy(struct dest *d, struct dest_file *f, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	char *to = NULL, *from = NULL;
	int fd = -1, rc = -1;

	if (target_of(s, f, &to, err) < 0 || check_target(s, to, err) < 0 ||
	    make_temp(s, err) < 0)
		goto out;
	from = xasprintf("%s/%zu", s->temp, s->data.count);
	fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		error_errno(err, "%s", from);
		goto out;
	}
	if (copy_bytes(f, fd, err) < 0 || fsync_fd(fd, to, err) < 0)
		goto out;
	note_move(&s->data, from, to);
	from = to = NULL;
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	free(from);
	free(to);
	return rc;
}

/* ---- the commit ---- */

static int
compare_moves(const void *a, const void *b)
{
	return strcmp(((const struct files_move *)a)->to,
	    ((const struct files_move *)b)->to);
}

static int
compare_target(const void *path, const void *move)
{
	return strcmp(path, ((const struct files_move *)move)->to);
}

/* Sorted by name, so that files of one folder follow each other. */
static int
move_data(struct files_dest *s, struct error *err)
{
	char *last = NULL;
	int rc = 0;

	if (s->data.count)
		qsort(s->data.items, s->data.count, sizeof(*s->data.items),
		    compare_moves);
	for (size_t i = 0; i < s->data.count && rc == 0; i++) {
		struct files_move *m = &s->data.items[i];
		char *dir = xstrndup(m->to,
		    (size_t)(strrchr(m->to, '/') - m->to));

		if (!last || strcmp(last, dir) != 0) {
			rc = last ? fsync_path(last, err) : 0;
			free(last);
			last = xstrdup(dir);
			if (rc == 0)
				rc = make_dirs(dir, err);
		}
		if (rc == 0 && rename(m->from, m->to) < 0)
			rc = error_errno(err, "%s", m->to);
		free(dir);
		TEST_HOOK("files_moved");
	}
	if (rc == 0 && last)
		rc = fsync_path(last, err);
	free(last);
	return rc;
}

struct emptying {
	const struct files_dest *s;
	const char *prefix;
};

static int
delete_old(const char *path, void *arg, struct error *err)
{
	const struct emptying *e = arg;
	const char *slash = strrchr(path, '/');

	if (strncmp(path, e->prefix, strlen(e->prefix)) != 0 ||
	    !strcmp(slash + 1, "init"))
		return 0;
	if (e->s->data.count &&
	    bsearch(path, e->s->data.items, e->s->data.count,
	        sizeof(*e->s->data.items), compare_target))
		return 0;
	if (unlink(path) < 0 && errno != ENOENT)
		return error_errno(err, "%s", path);
	TEST_HOOK("files_deleted");
	return 0;
}

static int
delete_data(struct files_dest *s, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->emptied_count && rc == 0; i++) {
		struct emptying e = { s, s->emptied[i] };
		char *dir = xstrndup(e.prefix,
		    (size_t)(strrchr(e.prefix, '/') - e.prefix));

		rc = files_walk(dir, delete_old, &e, err);
		free(dir);
	}
	return rc;
}

static int
write_meta(struct files_dest *s, struct error *err)
{
	for (size_t i = 0; i < s->meta.count; i++) {
		struct files_move *m = &s->meta.items[i];
		char *dir = xstrndup(m->to,
		    (size_t)(strrchr(m->to, '/') - m->to));
		int rc = make_dirs(dir, err);

		free(dir);
		if (rc < 0 ||
		    output_file(m->to, buf_str(&m->text), m->text.len, err) < 0)
			return -1;
		TEST_HOOK("files_noted");
	}
	return 0;
}

static int
files_commit(struct dest *d, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	int rc = move_data(s, err) < 0 || delete_data(s, err) < 0 ||
	        write_meta(s, err) < 0
	    ? -1
	    : 0;

	if (rc == 0)
		files_rollback(d);
	return rc;
}

/* ---- tables ---- */

static int
prefix_of(struct files_dest *s, const char *schema, const char *table,
    struct buf *out, struct error *err)
{
	bool own = !strncmp(table, "_dlt", 4);
	struct buf below = { 0 };
	int rc = files_layout_prefix(own ? FILES_LAYOUT : s->layout, schema,
	    table, &below, err);

	buf_addf(out, "%s/%s", s->root, buf_str(&below));
	buf_release(&below);
	return rc;
}

static int
files_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct buf prefix = { 0 };
	int rc;

	(void)place;
	(void)added;
	rc = prefix_of(s, d->schema->name, t->name, &prefix, err);
	if (rc == 0) {
		*strrchr(prefix.data, '/') = '\0';
		if (access(prefix.data, F_OK) < 0) {
			struct buf text = { 0 };

			buf_addf(&text, "-- new folder: %s", prefix.data);
			if (!dest_planned(d, text.data))
				rc = make_dirs(prefix.data, err);
			buf_release(&text);
		}
	}
	buf_release(&prefix);
	return rc;
}

static int
files_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct buf prefix = { 0 };

	(void)place;
	if (prefix_of(s, d->schema->name, t->name, &prefix, err) < 0) {
		buf_release(&prefix);
		return -1;
	}
	s->emptied = xgrow(s->emptied, &s->emptied_cap, s->emptied_count + 1,
	    sizeof(*s->emptied));
	s->emptied[s->emptied_count++] = buf_take(&prefix);
	return 0;
}

static const char *const replace_strategies[] = { "truncate-and-insert", NULL };
static const char *const no_strategies[] = { NULL };
static const char *const copied[] = { "jsonl", "csv", "insert_values",
	"parquet", NULL };

extern const struct dest_ops dest_file;
const struct dest_ops dest_file = {
	.scheme = "file",
	.form = "file:DIR",
	.values = { true, true, true },
	.caps = { .merge_strategies = no_strategies,
	    .replace_strategies = replace_strategies,
	    .isolated = true,
	    .append_merges = true,
	    .copied = copied },
	.open = files_open,
	.close = files_close,
	.stored_schema = files_stored_schema,
	.stored_state = files_stored_state,
	.begin = files_begin,
	.commit = files_commit,
	.rollback = files_rollback,
	.has_version = files_has_version,
	.add_version = files_add_version,
	.migrate = files_migrate,
	.empty = files_empty,
	.copy = files_copy,
	.marked = files_marked,
	.mark = files_mark,
	.each_mark = files_each_mark,
	.unmark = files_unmark,
	.has_load = files_has_load,
	.add_load = files_add_load,
	.add_state = files_add_state,
};
