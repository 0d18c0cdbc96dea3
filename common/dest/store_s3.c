/* SPDX-License-Identifier: MIT */
/*
 * Files in a bucket. What is staged waits in memory, as long as all of it is
 * small, or as an upload in parts: neither is seen by anybody before it is
 * published.
 *
 * Buckets have no locks: loads that replace one table at the same time leave
 * the rows of both.
 */
#include "common/dest/store.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/s3.h"
#include "common/testhook.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PART      ((size_t)8 << 20) /* bytes; also what may wait in memory */
#define STALE_S   86400
#define BLOCK_MIN ((size_t)64 << 10)

struct staged {
	char *key;
	bool done; /* it has its name */
	/* small ones */
	struct buf data;
	char sha256[65];
	/* others: upload.id is not NULL */
	struct s3_upload upload;
};

struct bucket {
	struct store base;
	struct s3 *s3;
	char *root; /* what keys begin with; ends with a slash, or is empty */
	bool swept;
	struct staged *items;
	size_t count, cap;
	size_t waiting; /* bytes in memory */
};

static char *
key_of(const struct bucket *b, const char *path)
{
	return xasprintf("%s%s", b->root, path);
}

/* ---- single files ---- */

struct listing {
	const struct bucket *bucket;
	store_visit f;
	void *arg;
};

static int
visit_key(const char *key, void *arg, struct error *err)
{
	const struct listing *l = arg;
	size_t len = strlen(l->bucket->root), own = strlen(key);

	/* Some tools make empty objects for folders. */
	if (strncmp(key, l->bucket->root, len) != 0 || own == len ||
	    key[own - 1] == '/')
		return 0;
	return l->f(key + len, l->arg, err);
}

static int
bucket_list(struct store *s, const char *prefix, store_visit f, void *arg,
    struct error *err)
{
	struct bucket *b = (struct bucket *)s;
	struct listing l = { b, f, arg };
	char *key = key_of(b, prefix);
	int rc = s3_list(b->s3, key, 0, visit_key, &l, err);

	free(key);
	return rc;
}

static int
bucket_exists(struct store *s, const char *path, bool *found, struct error *err)
{
	struct bucket *b = (struct bucket *)s;
	char *key = key_of(b, path);
	uint64_t size;
	int rc = s3_head(b->s3, key, found, &size, err);

	free(key);
	return rc;
}

static int
bucket_get(struct store *s, const char *path, size_t max, struct buf *out,
    bool *found, struct error *err)
{
	struct bucket *b = (struct bucket *)s;
	char *key = key_of(b, path);
	int rc = s3_get(b->s3, key, max, out, found, err);

	free(key);
	return rc;
}

static int
bucket_put(struct store *s, const char *path, const void *data, size_t len,
    struct error *err)
{
	struct bucket *b = (struct bucket *)s;
	char *key = key_of(b, path);
	int rc = s3_put(b->s3, key, data, len, NULL, err);

	free(key);
	return rc;
}

static int
bucket_remove(struct store *s, char *const *paths, size_t count,
    struct error *err)
{
	struct bucket *b = (struct bucket *)s;
	char **keys = xcalloc(count + 1, sizeof(*keys));
	int rc;

	for (size_t i = 0; i < count; i++)
		keys[i] = key_of(b, paths[i]);
	rc = s3_delete_all(b->s3, keys, count, err);
	TEST_HOOK("files_deleted");
	for (size_t i = 0; i < count; i++)
		free(keys[i]);
	free(keys);
	return rc;
}

static int
note_one(const char *key, void *arg, struct error *err)
{
	(void)key;
	(void)err;
	*(bool *)arg = true;
	return 0;
}

/* There are none, but keys with slashes look as if. */
static int
bucket_has_folder(struct store *s, const char *path, bool *found,
    struct error *err)
{
	struct bucket *b = (struct bucket *)s;
	char *key = xasprintf("%s%s%s", b->root, path, *path ? "/" : "");
	int rc;

	*found = false;
	rc = s3_list(b->s3, key, 1, note_one, found, err);
	free(key);
	return rc;
}

static int
bucket_make_folder(struct store *s, const char *path, struct error *err)
{
	(void)s;
	(void)path;
	(void)err;
	return 0;
}

/* Uploads of loads that were killed cost their owner money, unseen. */
static int
bucket_ready(struct store *s, struct error *err)
{
	struct bucket *b = (struct bucket *)s;

	(void)err;
	if (!b->swept)
		s3_upload_sweep(b->s3, b->root, (int64_t)time(NULL) - STALE_S);
	b->swept = true;
	return 0;
}

static int
bucket_lock(struct store *s, double wait_s, struct error *err)
{
	(void)s;
	(void)wait_s;
	(void)err;
	return 0;
}

static void
bucket_unlock(struct store *s)
{
	(void)s;
}

/* ---- staged files ---- */

static void
release_staged(struct staged *f)
{
	free(f->key);
	buf_release(&f->data);
	s3_upload_release(&f->upload);
}

static void
bucket_discard(struct store *s)
{
	struct bucket *b = (struct bucket *)s;

	for (size_t i = 0; i < b->count; i++) {
		if (!b->items[i].done)
			s3_upload_abort(b->s3, &b->items[i].upload);
		release_staged(&b->items[i]);
	}
	b->count = 0;
	b->waiting = 0;
}

/* A part, or the rest: less than PART only at the end. */
static int
read_part(zin_source source, void *arg, struct hash *sum, struct buf *part,
    bool *end, struct error *err)
{
	buf_reset(part);
	*end = false;
	while (part->len < PART && !*end) {
		size_t room = part->len < BLOCK_MIN ? BLOCK_MIN : part->len;
		long n;

		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (room > PART - part->len)
			room = PART - part->len;
		buf_reserve(part, room);
		n = source(arg, part->data + part->len, room, err);
		if (n < 0)
			return -1;
		*end = n == 0;
		part->len += (size_t)n;
	}
	hash_update(sum, part->data, part->len);
	return 0;
}

static int
send_parts(struct bucket *b, struct staged *f, zin_source source, void *arg,
    struct hash *sum, struct buf *part, bool end, struct error *err)
{
	if (s3_upload_begin(b->s3, f->key, &f->upload, err) < 0)
		return -1;
	for (;;) {
		TEST_HOOK("s3_part");
		TEST_RUN("s3_part");
		if (s3_upload_part(b->s3, &f->upload, part->data, part->len,
		        err) < 0)
			return -1;
		if (end)
			return 0;
		if (read_part(source, arg, sum, part, &end, err) < 0)
			return -1;
		if (!part->len)
			return 0;
	}
}

static int
bucket_stage(struct store *s, const char *path, zin_source source, void *arg,
    struct error *err)
{
	struct bucket *b = (struct bucket *)s;
	struct hash *h = hash_sha256_new();
	struct staged f = { .key = key_of(b, path) };
	struct buf part = { 0 };
	bool end;
	int rc = read_part(source, arg, h, &part, &end, err);

	if (rc == 0 && end && b->waiting + part.len <= PART) {
		b->waiting += part.len;
		f.data = part;
		part = (struct buf){ 0 };
	} else if (rc == 0) {
		rc = send_parts(b, &f, source, arg, h, &part, end, err);
	}
	hash_final_hex(h, f.sha256);
	if (rc == 0) {
		b->items = xgrow(b->items, &b->cap, b->count + 1,
		    sizeof(*b->items));
		b->items[b->count++] = f;
	} else {
		s3_upload_abort(b->s3, &f.upload);
		release_staged(&f);
	}
	buf_release(&part);
	return rc;
}

static int
publish_one(struct bucket *b, struct staged *f, struct error *err)
{
	int rc = f->upload.id
	    ? s3_upload_end(b->s3, &f->upload, err)
	    : s3_put(b->s3, f->key, f->data.data, f->data.len, f->sha256, err);

	if (rc < 0)
		return -1;
	f->done = true;
	b->waiting -= f->data.len;
	buf_release(&f->data);
	return 0;
}

static int
bucket_publish(struct store *s, struct error *err)
{
	struct bucket *b = (struct bucket *)s;

	for (size_t i = 0; i < b->count; i++) {
		if (!b->items[i].done && publish_one(b, &b->items[i], err) < 0)
			return -1;
		TEST_HOOK("files_moved");
	}
	return 0;
}

static void
bucket_close(struct store *s)
{
	struct bucket *b = (struct bucket *)s;

	bucket_discard(s);
	s3_free(b->s3);
	free(b->items);
	free(b->root);
	free(b->base.shown);
	free(b);
}

static const struct store_ops ops = {
	.close = bucket_close,
	.ready = bucket_ready,
	.lock = bucket_lock,
	.unlock = bucket_unlock,
	.list = bucket_list,
	.exists = bucket_exists,
	.get = bucket_get,
	.put = bucket_put,
	.remove = bucket_remove,
	.has_folder = bucket_has_folder,
	.make_folder = bucket_make_folder,
	.stage = bucket_stage,
	.publish = bucket_publish,
	.discard = bucket_discard,
};

/* Names between slashes, none of which could lead elsewhere. */
static int
check_prefix(const char *prefix, struct error *err)
{
	for (const char *p = prefix; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");

		if (!len || (len <= 2 && !strncmp(p, "..", len)))
			return error_set(err, ERR_USAGE,
			    "\"%s\" cannot be what keys begin with", prefix);
		p += len;
	}
	return 0;
}

struct store *
store_s3_open(const char *place, const char *dataset,
    const struct s3_account *account, bool first, struct error *err)
{
	struct bucket *b;
	size_t len = strcspn(place, "/");
	char *name = xstrndup(place, len);
	char *prefix = xstrdup(place[len] ? place + len + 1 : "");
	struct s3 *s3 = NULL;

	for (len = strlen(prefix); len && prefix[len - 1] == '/';)
		prefix[--len] = '\0';
	if (check_prefix(prefix, err) == 0)
		s3 = s3_new(account, name, err);
	if (s3) {
		b = xcalloc(1, sizeof(*b));
		b->base.ops = &ops;
		b->base.shown = xasprintf("s3://%s%s%s%s%s", name,
		    len ? "/" : "", prefix, dataset ? "/" : "",
		    dataset ? dataset : "");
		b->root = xasprintf("%s%s%s%s", prefix, len ? "/" : "",
		    dataset ? dataset : "", dataset ? "/" : "");
		b->s3 = s3;
		b->swept = !first;
	}
	free(name);
	free(prefix);
	return s3 ? &b->base : NULL;
}
