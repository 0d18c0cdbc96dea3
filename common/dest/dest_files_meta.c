/* SPDX-License-Identifier: MIT */
/*
 * What dlt keeps beside the tables: "init", _dlt_version, _dlt_loads and
 * _dlt_pipeline_state, one JSON object a file; and _dlt_jobs, which is ours.
 */
#include "common/dest/dest_files_private.h"

#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/package.h"
#include "common/timestamp.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX ((size_t)256 << 20)

static void
add_now(struct jsonw *w)
{
	struct timestamp now = timestamp_now();
	struct buf text = { 0 };

	now.has_zone = true;
	timestamp_format(&now, &text);
	jsonw_str(w, text.data);
	buf_release(&text);
}

static void
add_member(struct jsonw *w, const char *key, const char *value)
{
	jsonw_key(w, key);
	jsonw_str(w, value);
}

static int
get(struct files_dest *s, const char *path, struct buf *text, bool *found,
    struct error *err)
{
	return s->store->ops->get(s->store, path, TEXT_MAX, text, found, err);
}

/* 1: there; 0: not. The text must outlive the document. */
static int
read_object(struct files_dest *s, const char *path, struct json_doc *doc,
    struct buf *text, struct error *err)
{
	bool found;

	if (get(s, path, text, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (json_parse(doc, buf_str(text), text->len, err) < 0)
		return error_prefix(err, "%s/%s: ", s->store->shown, path);
	if (doc->root->kind != JSON_OBJECT)
		return error_set(err, ERR_REMOTE, "%s/%s: is no JSON object",
		    s->store->shown, path);
	return 1;
}

/* ---- init ---- */

static int
write_init(struct files_dest *s, int first, struct error *err)
{
	struct buf text = { 0 };
	int rc;

	buf_addf(&text, "{\"initial_version\":%d,\"current_version\":2}",
	    first);
	rc = s->store->ops->put(s->store, "init", text.data, text.len, err);
	buf_release(&text);
	return rc;
}

static int
read_init(struct files_dest *s, const struct buf *text, struct error *err)
{
	struct json_doc doc = { 0 };
	long long first = 0, now = 0;

	if (!text->len || !text->data[strspn(text->data, " \t\r\n")]) {
		s->keep_gz = false;
		return s->read_only ? 0 : write_init(s, 1, err);
	}
	if (json_parse(&doc, text->data, text->len, err) == 0) {
		first = json_get_int(doc.root, "initial_version", 0);
		now = json_get_int(doc.root, "current_version", 0);
	}
	json_release(&doc);
	if (first < 1 || first > 2 || now < 1 || now > 2)
		return error_set(err, ERR_REMOTE,
		    "%s/init: is of a version that is not known (1 and 2 are)",
		    s->store->shown);
	s->keep_gz = first == 2;
	if (now == 2 || s->read_only)
		return 0;
	return write_init(s, (int)first, err);
}

int
files_init(struct files_dest *s, struct error *err)
{
	struct buf text = { 0 };
	bool found;
	int rc = 0;

	if (s->ready)
		return 0;
	if (!s->read_only)
		rc = s->store->ops->ready(s->store, err);
	if (rc == 0)
		rc = get(s, "init", &text, &found, err);
	if (rc == 0 && found) {
		rc = read_init(s, &text, err);
	} else if (rc == 0) {
		s->keep_gz = true;
		rc = s->read_only ? 0 : write_init(s, 2, err);
	}
	s->ready = rc == 0;
	buf_release(&text);
	return rc;
}

/* ---- _dlt_version ---- */

/* dlt's hashes are base64; names have them in hex. */
static void
hex_of(const char *hash, struct buf *out)
{
	size_t len = strlen(hash);
	unsigned char *bytes = xmalloc(len + 1);
	long n = hash_base64_decode(hash, len, bytes);

	for (long i = 0; i < n; i++)
		buf_addf(out, "%02x", bytes[i]);
	if (n <= 0)
		buf_adds(out, "-");
	free(bytes);
}

struct search {
	const char *name, *hash; /* NULL: any */
	char *time, *path;       /* of the newest */
};

static int
note_newest(const struct files_name *n, void *arg, struct error *err)
{
	struct search *s = arg;

	(void)err;
	if ((s->name && strcmp(s->name, n->name) != 0) ||
	    (s->hash && strcmp(s->hash, n->hash) != 0) ||
	    strcmp(n->time, s->time ? s->time : "0") <= 0)
		return 0;
	free(s->time);
	free(s->path);
	s->time = xstrdup(n->time);
	s->path = xstrdup(n->path);
	return 0;
}

static int
find_newest(struct files_dest *f, const char *folder, struct search *s,
    struct error *err)
{
	int rc = files_each_name(f->store, folder, note_newest, s, err);

	free(s->time);
	s->time = NULL;
	return rc;
}

int
files_has_version(struct dest *d, const char *hash, bool *found,
    struct error *err)
{
	struct buf hex = { 0 };
	struct search s = { 0 };
	int rc;

	hex_of(hash, &hex);
	s.hash = hex.data;
	rc = find_newest((struct files_dest *)d, "_dlt_version/", &s, err);
	*found = s.path != NULL;
	free(s.path);
	buf_release(&hex);
	return rc;
}

int
files_stored_schema(struct dest *d, const char *schema_name, struct buf *json,
    bool *found, struct error *err)
{
	struct search s = { .name = schema_name };
	struct json_doc doc = { 0 };
	const struct json *schema;
	struct buf text = { 0 };
	int rc;

	*found = false;
	if (find_newest((struct files_dest *)d, "_dlt_version/", &s, err) < 0)
		return -1;
	rc = s.path
	    ? read_object((struct files_dest *)d, s.path, &doc, &text, err)
	    : 0;
	if (rc > 0) {
		schema = json_get(doc.root, "schema");
		if (schema && schema->kind == JSON_STRING) {
			buf_add(json, schema->str, schema->len);
			*found = true;
			rc = 0;
		} else {
			rc = error_set(err, ERR_REMOTE, "%s/%s: has no schema",
			    ((struct files_dest *)d)->store->shown, s.path);
		}
	}
	json_release(&doc);
	buf_release(&text);
	free(s.path);
	return rc;
}

int
files_add_version(struct dest *d, const struct schema *schema,
    struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct buf hex = { 0 }, json = { 0 };
	struct jsonw w;
	char *now;

	if (files_name_check("schema", schema->name, err) < 0)
		return -1;
	now = load_id_now();
	hex_of(schema->hash, &hex);
	schema_write(schema, false, &json);
	jsonw_init(&w,
	    files_note_text(s,
	        xasprintf("_dlt_version/%s__%s__%s.jsonl", schema->name, now,
	            hex.data)),
	    false);
	jsonw_object(&w);
	add_member(&w, "version_hash", schema->hash);
	add_member(&w, "schema_name", schema->name);
	jsonw_key(&w, "version");
	jsonw_int(&w, schema->version);
	jsonw_key(&w, "engine_version");
	jsonw_int(&w, 11);
	jsonw_key(&w, "inserted_at");
	add_now(&w);
	add_member(&w, "schema", json.data);
	jsonw_end_object(&w);
	buf_release(&json);
	buf_release(&hex);
	free(now);
	return 0;
}

/* ---- _dlt_pipeline_state ---- */

int
files_stored_state(struct dest *d, const char *pipeline_name, struct buf *doc,
    bool *found, struct error *err)
{
	struct search s = { .name = pipeline_name };
	struct json_doc stored = { 0 };
	struct buf text = { 0 };
	int rc;

	*found = false;
	if (find_newest((struct files_dest *)d, "_dlt_pipeline_state/", &s,
	        err) < 0)
		return -1;
	rc = s.path
	    ? read_object((struct files_dest *)d, s.path, &stored, &text, err)
	    : 0;
	if (rc > 0) {
		buf_add(doc, stored.root->raw, stored.root->raw_len);
		*found = true;
		rc = 0;
	}
	json_release(&stored);
	buf_release(&text);
	free(s.path);
	return rc;
}

/* The document is typed in packages, and plain here. */
static void
write_state(const struct json *doc, struct buf *out)
{
	static const char typed[] = "\xef\x80\xa7"; /* U+F027: a timestamp */
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	for (const struct json *m = doc->child; m; m = m->next) {
		jsonw_keyn(&w, m->key, m->key_len);
		if (m->kind == JSON_STRING && !strncmp(m->str, typed, 3))
			jsonw_strn(&w, m->str + 3, m->len - 3);
		else
			jsonw_raw(&w, m->raw, m->raw_len);
	}
	jsonw_end_object(&w);
}

struct states {
	const char *pipeline;
	char **paths;
	double *times;
	size_t count, cap, time_cap;
};

static int
note_state(const struct files_name *n, void *arg, struct error *err)
{
	struct states *s = arg;

	(void)err;
	if (strcmp(n->name, s->pipeline) != 0)
		return 0;
	s->paths = xgrow(s->paths, &s->cap, s->count + 1, sizeof(*s->paths));
	s->times = xgrow(s->times, &s->time_cap, s->count + 1,
	    sizeof(*s->times));
	s->times[s->count] = strtod(n->time, NULL);
	s->paths[s->count++] = xstrdup(n->path);
	return 0;
}

/* One is about to be added: room for it. There are few to delete: one each
 * time, as a rule. */
static int
drop_states(struct files_dest *s, const char *pipeline, struct error *err)
{
	struct store *in = s->store;
	struct states all = { .pipeline = pipeline };
	int rc = s->states < 1 ? 0
	                       : files_each_name(in, "_dlt_pipeline_state/",
	                             note_state, &all, err);
	size_t left = all.count;

	while (rc == 0 && s->states > 0 && left >= (size_t)s->states) {
		size_t oldest = 0;

		for (size_t i = 1; i < left; i++)
			if (all.times[i] < all.times[oldest])
				oldest = i;
		rc = in->ops->remove(in, &all.paths[oldest], 1, err);
		free(all.paths[oldest]);
		left--;
		all.paths[oldest] = all.paths[left];
		all.times[oldest] = all.times[left];
	}
	while (left)
		free(all.paths[--left]);
	free(all.paths);
	free(all.times);
	return rc;
}

int
files_add_state(struct dest *d, const char *load_id,
    const struct schema *schema, const struct json *doc, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	const char *pipeline = json_get_str(doc, "pipeline_name", "");
	struct buf hex = { 0 };
	char *path;

	if (files_name_check("pipeline", pipeline, err) < 0 ||
	    files_name_check("load id", load_id, err) < 0)
		return -1;
	hex_of(schema->hash, &hex);
	path = xasprintf("_dlt_pipeline_state/%s__%s__%s.jsonl", pipeline,
	    load_id, hex.data);
	write_state(doc, files_note_text(s, path));
	buf_release(&hex);
	return drop_states(s, pipeline, err);
}

/* ---- _dlt_loads ---- */

static char *
load_path(const char *load_id, const char *schema)
{
	return xasprintf("_dlt_loads/%s__%s.jsonl", schema, load_id);
}

int
files_has_load(struct dest *d, const char *load_id, const char *schema_name,
    bool *found, struct error *err)
{
	struct store *s = ((struct files_dest *)d)->store;
	char *path;
	int rc;

	if (files_name_check("load id", load_id, err) < 0 ||
	    files_name_check("schema", schema_name, err) < 0)
		return -1;
	path = load_path(load_id, schema_name);
	rc = s->ops->exists(s, path, found, err);
	free(path);
	return rc;
}

int
files_add_load(struct dest *d, const char *load_id, const struct schema *schema,
    struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct jsonw w;

	(void)err; /* has_load() has checked the names */
	jsonw_init(&w, files_note_text(s, load_path(load_id, schema->name)),
	    false);
	jsonw_object(&w);
	add_member(&w, "load_id", load_id);
	add_member(&w, "schema_name", schema->name);
	jsonw_key(&w, "status");
	jsonw_int(&w, 0);
	jsonw_key(&w, "inserted_at");
	add_now(&w);
	add_member(&w, "schema_version_hash", schema->hash);
	jsonw_end_object(&w);
	return 0;
}

/* ---- marks: of packages in _dlt_jobs, of jobs while we run ---- */

static char *
mark_path(const char *load_id)
{
	return xasprintf("_dlt_jobs/%s.json", load_id);
}

static void
release_mark(struct files_mark *m)
{
	free(m->load_id);
	free(m->job_id);
	free(m->checksum);
}

void
files_forget_marks(struct files_shared *s)
{
	while (s->mark_count)
		release_mark(&s->marks[--s->mark_count]);
	files_forget_paths(&s->targets);
}

static int
marked_package(struct files_dest *s, const char *load_id, struct buf *checksum,
    uint64_t *rows, struct error *err)
{
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	char *path;
	int rc;

	if (files_name_check("load id", load_id, err) < 0)
		return -1;
	path = mark_path(load_id);
	rc = read_object(s, path, &doc, &text, err);
	if (rc > 0) {
		buf_adds(checksum, json_get_str(doc.root, "checksum", "-"));
		*rows = 0;
	}
	json_release(&doc);
	buf_release(&text);
	free(path);
	return rc < 0 ? -1 : 0;
}

/* Jobs of an earlier try are copied again. */
int
files_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err)
{
	buf_reset(checksum);
	*rows = 0;
	return *job_id ? 0
	               : marked_package((struct files_dest *)d, load_id,
	                     checksum, rows, err);
}

static void
add_mark(struct files_shared *s, const struct dest_mark *m)
{
	pthread_mutex_lock(&s->lock);
	s->marks = xgrow(s->marks, &s->mark_cap, s->mark_count + 1,
	    sizeof(*s->marks));
	s->marks[s->mark_count++] = (struct files_mark){ xstrdup(m->load_id),
		xstrdup(m->job_id), xstrdup(m->checksum) };
	pthread_mutex_unlock(&s->lock);
}

int
files_mark(struct dest *d, const struct dest_mark *m, struct error *err)
{
	struct files_dest *s = (struct files_dest *)d;
	struct jsonw w;

	(void)err;
	if (*m->job_id) {
		add_mark(s->shared, m);
		return 0;
	}
	jsonw_init(&w, files_note_text(s, mark_path(m->load_id)), false);
	jsonw_object(&w);
	add_member(&w, "load_id", m->load_id);
	add_member(&w, "checksum", m->checksum);
	jsonw_key(&w, "inserted_at");
	add_now(&w);
	jsonw_end_object(&w);
	return 0;
}

static int
compare_marks(const void *a, const void *b)
{
	return strcmp(((const struct files_mark *)a)->job_id,
	    ((const struct files_mark *)b)->job_id);
}

int
files_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err)
{
	struct files_shared *s = ((struct files_dest *)d)->shared;

	(void)err;
	if (s->mark_count)
		qsort(s->marks, s->mark_count, sizeof(*s->marks),
		    compare_marks);
	for (size_t i = 0; i < s->mark_count; i++) {
		const struct files_mark *own = &s->marks[i];
		struct dest_mark m = { load_id, own->job_id, own->checksum, 0 };

		/* A chain that was tried again is marked twice. */
		if (strcmp(own->load_id, load_id) != 0 ||
		    (i && !compare_marks(own, own - 1) &&
		        !strcmp(own->load_id, own[-1].load_id)))
			continue;
		f(&m, arg);
	}
	return 0;
}

int
files_unmark(struct dest *d, const char *load_id, struct error *err)
{
	(void)load_id;
	(void)err;
	files_forget_marks(((struct files_dest *)d)->shared);
	return 0;
}
