/* SPDX-License-Identifier: MIT */
/*
 * file:DIR, s3://BUCKET: dlt's filesystem destination. Job files are copied as
 * they are.
 *
 * There are no transactions: files are complete under other names first, and
 * get their own at commit, in an order and with names that make a repeat after
 * a kill harmless. New files of a replaced table come before the old ones go;
 * which are old is asked before: what others add meanwhile stays.
 */
#include "common/dest/dest_files_private.h"

#include "common/mem.h"
#include "common/s3.h"
#include "common/testhook.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK_WAIT_S    10
#define S3_CONNECTIONS 16 /* a part of a file is in the memory of each */
#define CONNECTIONS    8

/* ---- lists of paths ---- */

void
files_add_path(struct files_paths *p, char *path)
{
	p->items = xgrow(p->items, &p->cap, p->count + 1, sizeof(*p->items));
	p->items[p->count++] = path;
}

void
files_forget_paths(struct files_paths *p)
{
	while (p->count)
		free(p->items[--p->count]);
}

static void
release_paths(struct files_paths *p)
{
	files_forget_paths(p);
	free(p->items);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- the place ---- */

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
release_shared(struct files_shared *s)
{
	files_forget_marks(s);
	free(s->marks);
	free(s->targets.items);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void
files_close(struct dest *d)
{
	struct files_dest *s = (struct files_dest *)d;

	if (s->owns_shared)
		release_shared(s->shared);
	release_paths(&s->staged);
	release_paths(&s->emptied);
	free(s->texts);
	s->store->ops->close(s->store);
	free(s->layout);
	free(s);
}

/* Takes the store. */
static struct dest *
open_in(struct store *store, const struct dest_settings *set)
{
	struct files_dest *s = xcalloc(1, sizeof(*s));

	s->store = store;
	s->layout = xstrdup(set->layout ? set->layout : FILES_LAYOUT);
	s->states = set->state_files ? set->state_files : FILES_STATES;
	s->wait_s = set->wait_s < 0 ? LOCK_WAIT_S : set->wait_s;
	s->read_only = set->read_only;
	s->owns_shared = !set->first;
	if (set->first) {
		s->shared = ((const struct files_dest *)set->first)->shared;
	} else {
		s->shared = xcalloc(1, sizeof(*s->shared));
		pthread_mutex_init(&s->shared->lock, NULL);
	}
	return &s->base;
}

static int
check_layout(const struct dest_settings *set, struct error *err)
{
	return set->layout ? files_layout_check(set->layout, err) : 0;
}

static struct dest *
open_local(const char *rest, const struct dest_settings *set, struct error *err)
{
	struct dest *d;
	struct stat st;
	char *path, *root;

	if (check_layout(set, err) < 0)
		return NULL;
	path = path_of(rest, err);
	if (!path)
		return NULL;
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		error_set(err, ERR_IO, "is no folder");
		free(path);
		return NULL;
	}
	/* Without a name, the folder is the dataset. */
	root = set->dataset
	    ? xasprintf("%s/%s", strcmp(path, "/") ? path : "", set->dataset)
	    : xstrdup(path);
	d = open_in(store_local_open(root), set);
	free(root);
	free(path);
	return d;
}

/* "//BUCKET/PREFIX" */
static struct dest *
open_bucket(const char *rest, const struct dest_settings *set,
    struct error *err)
{
	static const struct s3_account nobody;
	struct store *store;

	if (check_layout(set, err) < 0)
		return NULL;
	if (strncmp(rest, "//", 2) != 0 || strchr(rest, '@')) {
		error_set(err, ERR_USAGE,
		    "expected s3://BUCKET/PREFIX, and the keys in the "
		    "configuration or the environment");
		return NULL;
	}
	store = store_s3_open(rest + 2, set->dataset,
	    set->s3 ? set->s3 : &nobody, !set->first, err);
	return store ? open_in(store, set) : NULL;
}

/* ---- transactions ---- */

struct buf *
files_note_text(struct files_dest *s, char *path)
{
	s->texts = xgrow(s->texts, &s->text_cap, s->text_count + 1,
	    sizeof(*s->texts));
	s->texts[s->text_count] = (struct files_text){ .path = path };
	return &s->texts[s->text_count++].text;
}

static void
files_rollback(struct dest *d)
{
	struct files_dest *s = (struct files_dest *)d;

	s->store->ops->discard(s->store);
	s->store->ops->unlock(s->store);
	files_forget_paths(&s->staged);
	files_forget_paths(&s->emptied);
	while (s->text_count) {
		struct files_text *t = &s->texts[--s->text_count];

		free(t->path);
		buf_release(&t->text);
	}
}

static int
files_begin(struct dest *d, struct error *err)
{
	return files_init((struct files_dest *)d, err);
}

/* ---- copies ---- */

static int
target_of(struct files_dest *s, const struct dest_file *f, char **to,
    struct error *err)
{
	/* The layout is for others. */
	bool own = !strncmp(f->table, "_dlt", 4);
	struct buf path = { 0 };
	int rc = files_layout_path(own ? FILES_LAYOUT : s->layout, f, &path,
	    err);

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
	struct files_paths *known = &s->shared->targets;
	bool twice = false;

	if (strstr(s->layout, "{file_id}"))
		return 0;
	pthread_mutex_lock(&s->shared->lock);
	for (size_t i = 0; i < known->count && !twice; i++)
		twice = !strcmp(known->items[i], to);
	if (!twice)
		files_add_path(known, xstrdup(to));
	pthread_mutex_unlock(&s->shared->lock);
	return twice ? error_set(err, ERR_USAGE,
	                   "two job files would be \"%s/%s\": the layout "
	                   "\"%s\" needs {file_id}",
	                   s->store->shown, to, s->layout)
	             : 0;
}

static int
files_copy(struct dest *d, struct dest_file *f, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	char *to = NULL;

	if (target_of(s, f, &to, err) < 0 || check_target(s, to, err) < 0 ||
	    s->store->ops->stage(s->store, to, f->source, f->arg, err) < 0) {
		free(to);
		return -1;
	}
	files_add_path(&s->staged, to);
	return 0;
}

/* ---- the commit ---- */

struct search {
	const struct files_dest *dest;
	struct files_paths old;
};

static int
note_old(const char *path, void *arg, struct error *err)
{
	struct search *s = arg;
	const struct files_paths *own = &s->dest->staged;
	const char *slash = strrchr(path, '/');

	(void)err;
	if (strcmp(slash ? slash + 1 : path, "init") != 0 &&
	    !(own->count &&
	        bsearch(&path, own->items, own->count, sizeof(*own->items),
	            compare_paths)))
		files_add_path(&s->old, xstrdup(path));
	return 0;
}

/* Files of tables that are replaced; not those that come now. */
static int
find_old(struct files_dest *s, struct search *found, struct error *err)
{
	struct files_paths *own = &s->staged;
	int rc = 0;

	if (own->count)
		qsort(own->items, own->count, sizeof(*own->items),
		    compare_paths);
	for (size_t i = 0; i < s->emptied.count && rc == 0; i++)
		rc = s->store->ops->list(s->store, s->emptied.items[i],
		    note_old, found, err);
	return rc;
}

static int
write_texts(struct files_dest *s, struct error *err)
{
	for (size_t i = 0; i < s->text_count; i++) {
		const struct files_text *t = &s->texts[i];

		if (s->store->ops->put(s->store, t->path, buf_str(&t->text),
		        t->text.len, err) < 0)
			return -1;
		TEST_HOOK("files_noted");
	}
	return 0;
}

static int
files_commit(struct dest *d, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct search found = { .dest = s };
	int rc = -1;

	if (s->store->ops->lock(s->store, s->wait_s, err) < 0 ||
	    find_old(s, &found, err) < 0 ||
	    s->store->ops->publish(s->store, err) < 0)
		goto out;
	if (s->staged.count)
		TEST_RUN("files_published");
	if (found.old.count)
		rc = s->store->ops->remove(s->store, found.old.items,
		    found.old.count, err);
	else
		rc = 0;
	if (rc == 0)
		rc = write_texts(s, err);
out:
	s->store->ops->unlock(s->store);
	release_paths(&found.old);
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

	return files_layout_prefix(own ? FILES_LAYOUT : s->layout, schema,
	    table, out, err);
}

/* "" is the dataset itself. */
static int
make_folder(struct files_dest *s, const char *path, struct error *err)
{
	const char *slash = *path ? "/" : "";
	struct buf text = { 0 };
	bool found = true;
	int rc;

	if (!s->base.plan)
		return s->store->ops->make_folder(s->store, path, err);
	rc = s->store->ops->has_folder(s->store, path, &found, err);
	if (rc == 0 && !found) {
		buf_addf(&text, "-- new folder: %s%s%s", s->store->shown, slash,
		    path);
		dest_planned(&s->base, text.data);
	}
	buf_release(&text);
	return rc;
}

static int
files_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct buf prefix = { 0 };
	char *slash;
	int rc;

	(void)place;
	(void)added;
	rc = prefix_of(s, d->schema->name, t->name, &prefix, err);
	if (rc == 0) {
		slash = strrchr(prefix.data, '/');
		*(slash ? slash : prefix.data) = '\0';
		rc = make_folder(s, prefix.data, err);
	}
	buf_release(&prefix);
	return rc;
}

/* The files go with the commit. A folder without any is no table. */
static int
files_drop(struct dest *d, enum dest_place place, const char *table,
    struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct buf prefix = { 0 };

	(void)place;
	if (prefix_of(s, d->schema->name, table, &prefix, err) < 0) {
		buf_release(&prefix);
		return -1;
	}
	if (d->plan)
		buf_release(&prefix);
	else
		files_add_path(&s->emptied, buf_take(&prefix));
	return 0;
}

static int
files_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err)
{
	return files_drop(d, place, t->name, err);
}

static const char *const replace_strategies[] = { "truncate-and-insert", NULL };
static const char *const no_strategies[] = { NULL };
static const char *const copied[] = { "jsonl", "csv", "insert_values",
	"parquet", NULL };

/* But for the place, they are the same. */
#define FILES_OPS                                                           \
	.values = { true, true, true }, .close = files_close,               \
	.stored_schema = files_stored_schema,                               \
	.stored_state = files_stored_state, .begin = files_begin,           \
	.commit = files_commit, .rollback = files_rollback,                 \
	.has_version = files_has_version, .add_version = files_add_version, \
	.migrate = files_migrate, .empty = files_empty, .drop = files_drop, \
	.copy = files_copy, .marked = files_marked, .mark = files_mark,     \
	.each_mark = files_each_mark, .unmark = files_unmark,               \
	.has_load = files_has_load, .add_load = files_add_load,             \
	.add_state = files_add_state

#define FILES_CAPS                                                  \
	.merge_strategies = no_strategies,                          \
	.replace_strategies = replace_strategies, .isolated = true, \
	.append_merges = true, .copied = copied, .case_counts = true

extern const struct dest_ops dest_file, dest_s3;
const struct dest_ops dest_file = {
	.scheme = "file",
	.form = "file:DIR",
	.open = open_local,
	.caps = { FILES_CAPS, .connections = CONNECTIONS },
	FILES_OPS,
};
const struct dest_ops dest_s3 = {
	.scheme = "s3",
	.form = "s3://BUCKET",
	.open = open_bucket,
	.caps = { FILES_CAPS, .connections = S3_CONNECTIONS },
	FILES_OPS,
};
