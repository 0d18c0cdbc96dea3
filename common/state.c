/* SPDX-License-Identifier: MIT */
/* state.json and what of it travels in a package (contract.md 12). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/timestamp.h"
#include "common/workdir.h"
#include "common/zlibtext.h"

#define STATE_TEXT_MAX ((size_t)256 << 20)
#define MARK_DATETIME  "\xef\x80\xa7" /* U+F027, contract.md 3.2 */

/* Keys that are no content: they come and go with versions. */
static bool
is_envelope(const char *key)
{
	return strcmp(key, "_state_version") == 0 ||
	    strcmp(key, "_state_engine_version") == 0 ||
	    strcmp(key, "_version_hash") == 0;
}

void
state_hash(const struct json *doc, bool package_state, char out[64])
{
	const char *local = package_state ? "load_metrics" : "_local";
	struct json *copies = xcalloc(doc->count, sizeof(*copies));
	struct json root = *doc;
	struct hash *h = hash_sha3_256_new();
	struct buf text = { 0 };
	size_t n = 0;

	for (const struct json *m = doc->child; m; m = m->next) {
		if (is_envelope(m->key) || strcmp(m->key, local) == 0)
			continue;
		copies[n] = *m;
		copies[n].next = NULL;
		if (n)
			copies[n - 1].next = &copies[n];
		n++;
	}
	root.child = n ? copies : NULL;
	root.count = n;
	json_write(&root, JSON_WRITE_SORTED | JSON_WRITE_PYTHON, &text);
	hash_update(h, text.data, text.len);
	hash_final_base64(h, out);
	buf_release(&text);
	free(copies);
}

/* ---- state.json ---- */

void
state_release(struct state *st)
{
	json_release(&st->doc);
	free(st->text);
	*st = (struct state){ 0 };
}

int
workdir_state(struct workdir *w, struct state *st, struct error *err)
{
	char *path = xasprintf("%s/state.json", w->path);
	long long engine;
	int rc;

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		st->text = xstrdup("{}");
		rc = json_parse(&st->doc, st->text, 2, err);
	} else {
		rc = json_read_file(&st->doc, path, &st->text, err);
	}
	if (!rc && st->doc.root->kind != JSON_OBJECT)
		rc = error_set(err, ERR_DATA, "%s: not an object", path);
	if (!rc) {
		engine = json_get_int(st->doc.root, "_state_engine_version", 1);
		if (engine > STATE_ENGINE)
			rc = error_set(err, ERR_DATA,
			    "%s: state engine %lld is newer than %d", path,
			    engine, STATE_ENGINE);
	}
	free(path);
	return rc;
}

int
workdir_save_state(struct workdir *w, const struct buf *new_state,
    struct error *err)
{
	char *path;
	int rc;

	if (!new_state->len)
		return 0;
	path = xasprintf("%s/state.json", w->path);
	rc = output_file(path, new_state->data, new_state->len, err);
	free(path);
	return rc;
}

/* Members of *obj but for those that skip() tells, into an open object. */
static void
copy_members(struct jsonw *w, const struct json *obj,
    bool (*skip)(const char *key))
{
	struct buf text = { 0 };

	for (const struct json *m = obj ? obj->child : NULL; m; m = m->next) {
		if (skip(m->key))
			continue;
		buf_reset(&text);
		json_write(m, 0, &text);
		jsonw_keyn(w, m->key, m->key_len);
		jsonw_raw(w, text.data, text.len);
	}
	buf_release(&text);
}

static bool
is_local(const char *key)
{
	return strcmp(key, "_local") == 0;
}

static bool
is_last_extracted(const char *key)
{
	return strcmp(key, "_last_extracted_at") == 0 ||
	    strcmp(key, "_last_extracted_hash") == 0;
}

static bool
is_nothing(const char *key)
{
	(void)key;
	return false;
}

static void
write_local(struct jsonw *w, const struct json *local, const char *hash,
    const char *at)
{
	char *cwd;

	jsonw_key(w, "_local");
	jsonw_object(w);
	if (!local || local->kind != JSON_OBJECT || !local->count) {
		cwd = getcwd(NULL, 0);
		jsonw_key(w, "first_run");
		jsonw_bool(w, true);
		jsonw_key(w, "_dev_mode");
		jsonw_bool(w, false);
		jsonw_key(w, "initial_cwd");
		jsonw_str(w, cwd ? cwd : ".");
		free(cwd);
	} else {
		copy_members(w, local, hash ? is_last_extracted : is_nothing);
	}
	if (hash) {
		struct buf marked = { 0 };

		buf_addf(&marked, "%s%s", MARK_DATETIME, at);
		jsonw_key(w, "_last_extracted_at");
		jsonw_strn(w, marked.data, marked.len);
		jsonw_key(w, "_last_extracted_hash");
		jsonw_str(w, hash);
		buf_release(&marked);
	}
	jsonw_end_object(w);
}

void
state_join(const struct json *content, const struct json *local,
    const char *hash, const char *at, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	copy_members(&w, content, is_local);
	write_local(&w, local, hash, at);
	jsonw_end_object(&w);
}

/* ---- a state with the names of a run in it ---- */

struct names {
	const char *pipeline, *schema, *dataset;
};

static int
by_bytes(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* The list of all schemas, sorted, with one more. */
static void
write_schema_names(struct jsonw *w, const struct json *old, const char *schema)
{
	const char **list;
	size_t n = 0;

	list = xcalloc((old ? old->count : 0) + 1, sizeof(*list));
	if (schema)
		list[n++] = schema;
	if (old && old->kind == JSON_ARRAY)
		for (const struct json *v = old->child; v; v = v->next)
			if (v->kind == JSON_STRING &&
			    (!schema || strcmp(v->str, schema) != 0))
				list[n++] = v->str;
	if (n)
		qsort(list, n, sizeof(*list), by_bytes);
	jsonw_key(w, "schema_names");
	jsonw_array(w);
	for (size_t i = 0; i < n; i++)
		jsonw_str(w, list[i]);
	jsonw_end_array(w);
	free(list);
}

/* The value that is there, else the given one (NULL: null). */
static void
write_name(struct jsonw *w, const struct json *root, const char *key,
    const char *fallback)
{
	const char *old = json_get_str(root, key, NULL);

	jsonw_key(w, key);
	jsonw_str(w, old && *old ? old : fallback);
}

/* Engine 3 kept one name where 4 keeps type and name; the name is null when it
 * is the type's own, which it then always was. */
static void
write_old_destination(struct jsonw *w, const struct json *m)
{
	char *type = xasprintf("%s_type", m->key);
	char *name = xasprintf("%s_name", m->key);

	if (m->kind == JSON_STRING && m->len) {
		jsonw_key(w, type);
		jsonw_strn(w, m->str, m->len);
		jsonw_key(w, name);
		jsonw_null(w);
	}
	free(type);
	free(name);
}

static bool
is_written_first(const char *key)
{
	return is_envelope(key) || is_local(key) ||
	    strcmp(key, "pipeline_name") == 0 ||
	    strcmp(key, "dataset_name") == 0 ||
	    strcmp(key, "default_schema_name") == 0 ||
	    strcmp(key, "schema_names") == 0 ||
	    strcmp(key, "destination") == 0 || strcmp(key, "staging") == 0;
}

static void
write_raw(struct jsonw *w, const struct json *m)
{
	struct buf text = { 0 };

	json_write(m, 0, &text);
	jsonw_keyn(w, m->key, m->key_len);
	jsonw_raw(w, text.data, text.len);
	buf_release(&text);
}

static bool
is_forgotten(const struct state_change *change, const char *resource)
{
	for (size_t i = 0; i < change->count; i++)
		if (strcmp(change->resources[i], resource) == 0)
			return true;
	return change->whole;
}

/* Has an earlier value the same resource (and the same key)? Then it stands
 * where that one does. */
static bool
is_begun(const struct state_change *change, size_t i, bool same_key)
{
	const struct state_value *v = change->values;

	for (size_t k = 0; k < i; k++)
		if (strcmp(v[k].resource, v[i].resource) == 0 &&
		    (!same_key || strcmp(v[k].key, v[i].key) == 0))
			return true;
	return false;
}

/* Is the i-th value one of the resource, and under the key (NULL: any)? */
static bool
is_kept_by(const struct state_value *v, const char *resource, const char *key)
{
	return strcmp(v->resource, resource) == 0 &&
	    (!key || strcmp(v->key, key) == 0);
}

/* What stands under a key of a resource: old may be NULL. */
static void
write_kept(struct jsonw *w, const struct json *old, const char *resource,
    const char *key, const struct state_change *change)
{
	const struct json *m = old && old->kind == JSON_OBJECT ? old->child
	                                                       : NULL;
	const struct state_value *v;

	jsonw_key(w, key);
	for (size_t i = 0; i < change->value_count; i++) {
		v = &change->values[i];
		if (is_kept_by(v, resource, key) && !v->member) {
			jsonw_raw(w, v->json, strlen(v->json));
			return;
		}
	}
	jsonw_object(w);
	for (; m; m = m->next) {
		const struct state_value *now = NULL;

		for (size_t i = 0; i < change->value_count; i++) {
			v = &change->values[i];
			if (is_kept_by(v, resource, key) &&
			    strcmp(v->member, m->key) == 0)
				now = v;
		}
		if (!now) {
			write_raw(w, m);
		} else if (now->json) {
			jsonw_key(w, m->key);
			jsonw_raw(w, now->json, strlen(now->json));
		}
	}
	for (size_t i = 0; i < change->value_count; i++) {
		v = &change->values[i];
		if (!v->json || !is_kept_by(v, resource, key) ||
		    json_get(old, v->member))
			continue;
		jsonw_key(w, v->member);
		jsonw_raw(w, v->json, strlen(v->json));
	}
	jsonw_end_object(w);
}

/* A resource that the change has values of. */
static void
write_resource(struct jsonw *w, const struct json *old, const char *resource,
    const struct state_change *change)
{
	const struct json *m = old && old->kind == JSON_OBJECT ? old->child
	                                                       : NULL;

	jsonw_key(w, resource);
	jsonw_object(w);
	for (; m; m = m->next) {
		size_t i = 0;

		while (i < change->value_count &&
		    !is_kept_by(&change->values[i], resource, m->key))
			i++;
		if (i == change->value_count)
			write_raw(w, m);
		else
			write_kept(w, m, resource, m->key, change);
	}
	for (size_t i = 0; i < change->value_count; i++) {
		const struct state_value *v = &change->values[i];

		if (is_kept_by(v, resource, NULL) &&
		    !is_begun(change, i, true) && !json_get(old, v->key))
			write_kept(w, NULL, resource, v->key, change);
	}
	jsonw_end_object(w);
}

static void
write_resources(struct jsonw *w, const struct json *old,
    const struct state_change *change)
{
	const struct json *r = old ? old->child : NULL;

	jsonw_key(w, "resources");
	jsonw_object(w);
	for (; r; r = r->next) {
		size_t i = 0;

		if (is_forgotten(change, r->key))
			continue;
		while (i < change->value_count &&
		    !is_kept_by(&change->values[i], r->key, NULL))
			i++;
		if (i == change->value_count)
			write_raw(w, r);
		else
			write_resource(w, r, r->key, change);
	}
	for (size_t i = 0; i < change->value_count; i++) {
		const char *name = change->values[i].resource;

		if (!is_begun(change, i, false) &&
		    (is_forgotten(change, name) || !json_get(old, name)))
			write_resource(w, NULL, name, change);
	}
	jsonw_end_object(w);
}

/* The state of the source that changes. */
static void
write_source(struct jsonw *w, const struct json *old,
    const struct state_change *change)
{
	bool found = false;

	jsonw_key(w, change->source);
	jsonw_object(w);
	for (const struct json *m = old ? old->child : NULL; m; m = m->next) {
		if (strcmp(m->key, "resources") != 0 ||
		    m->kind != JSON_OBJECT) {
			if (!change->whole)
				write_raw(w, m);
			continue;
		}
		found = true;
		write_resources(w, m, change);
	}
	if (!found && change->value_count != 0)
		write_resources(w, NULL, change);
	jsonw_end_object(w);
}

static void
write_sources(struct jsonw *w, const struct json *old,
    const struct state_change *change)
{
	bool found = false;

	jsonw_key(w, "sources");
	jsonw_object(w);
	for (const struct json *m = old ? old->child : NULL; m; m = m->next) {
		if (strcmp(m->key, change->source) != 0) {
			write_raw(w, m);
			continue;
		}
		found = true;
		write_source(w, m, change);
	}
	if (!found)
		write_source(w, NULL, change);
	jsonw_end_object(w);
}

static bool
is_written_first_or_source(const char *key)
{
	return strcmp(key, "sources") == 0 || is_written_first(key);
}

/* Content only: no envelope, no _local. */
static void
write_content(const struct json *root, const struct names *names,
    const struct state_change *change, struct buf *out)
{
	const struct json *m;
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	write_name(&w, root, "pipeline_name", names->pipeline);
	write_name(&w, root, "dataset_name", names->dataset);
	write_name(&w, root, "default_schema_name", names->schema);
	write_schema_names(&w, json_get(root, "schema_names"), names->schema);
	if ((m = json_get(root, "destination")))
		write_old_destination(&w, m);
	if ((m = json_get(root, "staging")))
		write_old_destination(&w, m);
	copy_members(&w, root,
	    change ? is_written_first_or_source : is_written_first);
	if (change)
		write_sources(&w, json_get(root, "sources"), change);
	jsonw_end_object(&w);
}

/* Envelope and content, without _local: what the row carries. */
static void
write_versioned(const struct buf *content, long long version, const char *hash,
    struct buf *out)
{
	buf_addf(out, "{\"_state_version\":%lld,\"_state_engine_version\":%d,",
	    version, STATE_ENGINE);
	buf_add(out, content->data + 1, content->len - 2);
	buf_addf(out, ",\"_version_hash\":\"%s\"}", hash);
}

/* The new state of a run from the old one: its text without _local, version
 * and hash (contract.md 12.1: the first hash leaves the version alone). */
static int
advance(const struct json *old, const struct names *names,
    const struct state_change *change, struct buf *text, long long *version,
    char hash[64], struct error *err)
{
	const char *before = json_get_str(old, "_version_hash", "");
	struct json_doc doc = { 0 };
	struct buf content = { 0 };
	int rc;

	write_content(old, names, change, &content);
	rc = json_parse(&doc, content.data, content.len, err);
	if (!rc) {
		state_hash(doc.root, false, hash);
		*version = json_get_int(old, "_state_version", 0);
		/* Hashes of engines before 3 were made in another way. */
		if (json_get_int(old, "_state_engine_version", 1) >= 3 &&
		    *before && strcmp(before, hash) != 0)
			++*version;
		write_versioned(&content, *version, hash, text);
	}
	json_release(&doc);
	buf_release(&content);
	return rc;
}

void
state_fresh(const char *pipeline, struct buf *out)
{
	const struct names names = { pipeline, NULL, NULL };
	struct json none = { .kind = JSON_OBJECT };
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	long long version;
	struct error err;
	char hash[64];

	/* Only our own text is parsed: it cannot fail. */
	if (advance(&none, &names, NULL, &text, &version, hash, &err) == 0 &&
	    json_parse(&doc, text.data, text.len, &err) == 0)
		state_join(doc.root, NULL, NULL, NULL, out);
	json_release(&doc);
	buf_release(&text);
}

int
state_edit(const struct state *st, const struct state_change *change,
    struct buf *out, struct error *err)
{
	const struct names names = { NULL, NULL, NULL };
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	long long version;
	char hash[64];
	int rc;

	rc = advance(st->doc.root, &names, change, &text, &version, hash, err);
	if (!rc)
		rc = json_parse(&doc, text.data, text.len, err);
	if (!rc)
		state_join(doc.root, json_get(st->doc.root, "_local"), NULL,
		    NULL, out);
	json_release(&doc);
	buf_release(&text);
	return rc;
}

/* ---- the document of an extract ---- */

char *
state_unpack(const char *s, size_t len)
{
	struct buf out = { 0 };
	struct error err;
	char *packed;
	long n;

	if (len && s[0] == '{')
		return xstrndup(s, len);
	packed = xmalloc(len / 4 * 3 + 4);
	n = hash_base64_decode(s, len, packed);
	if (n < 0 ||
	    zlib_inflate(packed, (size_t)n, STATE_TEXT_MAX, &out, &err))
		buf_release(&out);
	free(packed);
	return out.len ? buf_take(&out) : NULL;
}

static void
created_at(const char *load_id, struct buf *out)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	struct timestamp ts;
	char *end = NULL;
	double v = strtod(load_id, &end);

	if (end == load_id || *end || strpbrk(load_id, "xXpP") ||
	    !timestamp_from_epoch(v, &ts)) {
		v = epoch && *epoch ? strtod(epoch, &end) : NAN;
		if (!epoch || *end || !timestamp_from_epoch(v, &ts))
			ts = timestamp_now();
	}
	ts.has_zone = true;
	ts.offset_s = 0;
	timestamp_format(&ts, out);
}

static void
add_compressed(struct jsonw *w, const struct buf *text)
{
	struct buf packed = { 0 };
	char *b64;
	size_t n;

	zlib_deflate9(text->data, text->len, &packed);
	b64 = xmalloc(4 * ((packed.len + 2) / 3) + 1);
	n = hash_base64_encode(packed.data, packed.len, b64);
	jsonw_strn(w, b64, n);
	free(b64);
	buf_release(&packed);
}

static void
write_row(const struct buf *text, const char *pipeline, long long version,
    const char *hash, const char *load_id, const char *at, struct buf *doc)
{
	struct buf marked = { 0 };
	struct jsonw w;

	buf_addf(&marked, "%s%s", MARK_DATETIME, at);
	jsonw_init(&w, doc, false);
	jsonw_object(&w);
	jsonw_key(&w, "version");
	jsonw_int(&w, version);
	jsonw_key(&w, "engine_version");
	jsonw_int(&w, STATE_ENGINE);
	jsonw_key(&w, "pipeline_name");
	jsonw_str(&w, pipeline);
	jsonw_key(&w, "state");
	add_compressed(&w, text);
	jsonw_key(&w, "created_at");
	jsonw_strn(&w, marked.data, marked.len);
	jsonw_key(&w, "version_hash");
	jsonw_str(&w, hash);
	jsonw_key(&w, "_dlt_load_id");
	jsonw_str(&w, load_id);
	jsonw_end_object(&w);
	buf_release(&marked);
}

/* The state in a row of _dlt_pipeline_state that a destination has. */
static int
stored_state(const struct buf *row, struct state *st, struct error *err)
{
	struct json_doc doc = { 0 };
	const struct json *packed;
	int rc = json_parse(&doc, row->data, row->len, err);

	packed = rc ? NULL : json_get(doc.root, "state");
	if (packed && packed->kind == JSON_STRING)
		st->text = state_unpack(packed->str, packed->len);
	if (!rc && json_get_int(doc.root, "engine_version", 0) > STATE_ENGINE)
		rc = error_set(err, ERR_DATA,
		    "the stored state is of a newer "
		    "version of dlt");
	else if (!rc &&
	    (!st->text ||
	        json_parse(&st->doc, st->text, strlen(st->text), err) ||
	        st->doc.root->kind != JSON_OBJECT))
		rc = error_set(err, ERR_DATA, "the stored state is damaged");
	json_release(&doc);
	return rc;
}

int
state_begin(struct workdir *w, const char *name, const struct buf *stored,
    struct state *st, struct error *err)
{
	struct buf fresh = { 0 };

	if (stored && stored->len)
		return stored_state(stored, st, err);
	if (w) {
		if (workdir_state(w, st, err))
			return -1;
		if (st->doc.root->count)
			return 0;
		state_release(st);
	}
	state_fresh(name, &fresh);
	st->text = buf_take(&fresh);
	return json_parse(&st->doc, st->text, strlen(st->text), err);
}

const struct json *
state_resource(const struct state *st, const char *source, const char *resource)
{
	const struct json *sources = json_get(st->doc.root, "sources");

	return json_get(json_get(json_get(sources, source), "resources"),
	    resource);
}

int
state_for_extract(struct workdir *w, const char *schema_name,
    const struct state_change *change, const struct buf *stored,
    const char *load_id, struct buf *doc, struct buf *new_state,
    struct error *err)
{
	const char *name = w ? w->name : schema_name;
	char *dataset = w ? xasprintf("%s_dataset", name) : NULL;
	const struct names names = { name, schema_name, dataset };
	struct buf text = { 0 }, at = { 0 };
	struct state st = { 0 };
	struct json_doc fresh = { 0 };
	const struct json *local;
	long long version = 0;
	char hash[64];
	bool changed;
	int rc = -1;

	if (state_begin(w, name, stored, &st, err) ||
	    advance(st.doc.root, &names, change, &text, &version, hash, err) ||
	    json_parse(&fresh, text.data, text.len, err))
		goto out;
	local = json_get(st.doc.root, "_local");
	changed = (change && change->send) ||
	    strcmp(json_get_str(local, "_last_extracted_hash", ""), hash) != 0;
	created_at(load_id, &at);
	if (changed)
		write_row(&text,
		    json_get_str(fresh.root, "pipeline_name", name), version,
		    hash, load_id, buf_str(&at), doc);
	state_join(fresh.root, local, changed ? hash : NULL, buf_str(&at),
	    new_state);
	rc = 0;
out:
	json_release(&fresh);
	state_release(&st);
	buf_release(&text);
	buf_release(&at);
	free(dataset);
	return rc;
}
