/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/package_private.h"

void
sha256_hex(const void *data, size_t len, char out[HASH_HEX_LEN + 1])
{
	struct hash *h = hash_sha256_new();

	hash_update(h, data, len);
	hash_final_hex(h, out);
}

/* ---- index of jobs ---- */

static size_t
slot_of(const struct job_index *x, const char *id)
{
	uint64_t h = 1469598103934665603u; /* FNV-1a */
	size_t i;

	for (const char *p = id; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	for (i = h & (x->cap - 1); x->ids[i]; i = (i + 1) & (x->cap - 1))
		if (strcmp(x->ids[i], id) == 0)
			break;
	return i;
}

static void
index_grow(struct job_index *x)
{
	struct job_index old = *x;

	x->cap = old.cap ? old.cap * 2 : 64;
	x->ids = xcalloc(x->cap, sizeof(*x->ids));
	x->at = xcalloc(x->cap, sizeof(*x->at));
	for (size_t i = 0; i < old.cap; i++)
		if (old.ids[i]) {
			size_t k = slot_of(x, old.ids[i]);

			x->ids[k] = old.ids[i];
			x->at[k] = old.at[i];
		}
	free(old.ids);
	free(old.at);
}

bool
job_index_add(struct job_index *x, const char *id, size_t at)
{
	size_t i;

	if (2 * (x->count + 1) > x->cap)
		index_grow(x);
	i = slot_of(x, id);
	if (x->ids[i])
		return false;
	x->ids[i] = xstrdup(id);
	x->at[i] = at;
	x->count++;
	return true;
}

long
job_index_find(const struct job_index *x, const char *id)
{
	size_t i;

	if (!x->cap)
		return -1;
	i = slot_of(x, id);
	return x->ids[i] ? (long)x->at[i] : -1;
}

void
job_index_release(struct job_index *x)
{
	for (size_t i = 0; i < x->cap; i++)
		free(x->ids[i]);
	free(x->ids);
	free(x->at);
	memset(x, 0, sizeof(*x));
}

/* ---- text ---- */

struct manifest_job *
manifest_add(struct manifest *m)
{
	struct manifest_job *j;

	m->jobs = xgrow(m->jobs, &m->cap, m->count + 1, sizeof(*m->jobs));
	j = &m->jobs[m->count++];
	memset(j, 0, sizeof(*j));
	j->rows = UINT64_MAX;
	return j;
}

void
manifest_release(struct manifest *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->jobs[i].id);
		free(m->jobs[i].table);
		free(m->jobs[i].origins);
	}
	free(m->jobs);
	free(m->kind);
	free(m->load_id);
	free(m->schema_name);
	free(m->version_hash);
	memset(m, 0, sizeof(*m));
}

static void
write_job(struct jsonw *w, const struct manifest_job *j)
{
	jsonw_object(w);
	jsonw_key(w, "id");
	jsonw_str(w, j->id);
	jsonw_key(w, "table");
	jsonw_str(w, j->table);
	jsonw_key(w, "rows");
	if (j->rows == UINT64_MAX)
		jsonw_null(w);
	else
		jsonw_int(w, (long long)j->rows);
	jsonw_key(w, "bytes");
	jsonw_int(w, (long long)j->bytes);
	jsonw_key(w, "sha256");
	jsonw_str(w, j->sha256);
	jsonw_key(w, "origins");
	jsonw_raw(w, j->origins, strlen(j->origins));
	jsonw_end_object(w);
}

void
manifest_write(const struct manifest *m, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	jsonw_key(&w, "manifest");
	jsonw_int(&w, 1);
	jsonw_key(&w, "kind");
	jsonw_str(&w, m->kind);
	jsonw_key(&w, "load_id");
	jsonw_str(&w, m->load_id);
	jsonw_key(&w, "schema_name");
	jsonw_str(&w, m->schema_name);
	jsonw_key(&w, "version_hash");
	jsonw_str(&w, m->version_hash);
	jsonw_key(&w, "rejects");
	jsonw_int(&w, (long long)m->rejects);
	jsonw_key(&w, "schema");
	jsonw_object(&w);
	jsonw_key(&w, "bytes");
	jsonw_int(&w, (long long)m->schema_bytes);
	jsonw_key(&w, "sha256");
	jsonw_str(&w, m->schema_sha256);
	jsonw_end_object(&w);
	jsonw_key(&w, "jobs");
	jsonw_array(&w);
	for (size_t i = 0; i < m->count; i++)
		write_job(&w, &m->jobs[i]);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	buf_addc(out, '\n');
}

static bool
get_sha(const struct json *obj, char out[HASH_HEX_LEN + 1])
{
	const char *s = json_get_str(obj, "sha256", "");

	if (strlen(s) != HASH_HEX_LEN ||
	    strspn(s, "0123456789abcdef") != HASH_HEX_LEN)
		return false;
	memcpy(out, s, HASH_HEX_LEN + 1);
	return true;
}

/* The manifest's id lacks the retry part; put one in, to check the grammar. */
static bool
is_job_id(const char *id, const char *table)
{
	size_t t = strlen(table), f;
	struct job_name n;
	struct error err;
	char *name;
	bool ok;

	if (!t || strncmp(id, table, t) != 0 || id[t] != '.')
		return false;
	f = t + 1 + strcspn(id + t + 1, ".");
	name = xasprintf("%.*s.0%s", (int)f, id, id + f);
	ok = job_name_parse(name, &n, &err) == 0;
	free(name);
	if (ok)
		job_name_release(&n);
	return ok;
}

static int
parse_job(struct manifest *m, const struct json *v, struct job_index *ids,
    struct error *err)
{
	const char *id = json_get_str(v, "id", "");
	const char *table = json_get_str(v, "table", "");
	const struct json *origins = json_get(v, "origins");
	long long rows = json_get_int(v, "rows", -1);
	long long bytes = json_get_int(v, "bytes", -1);
	struct manifest_job *j;

	if (!is_job_id(id, table))
		return error_set(err, ERR_DATA, "\"%s\" is no job id", id);
	if (bytes < 0)
		return error_set(err, ERR_DATA, "%s: no size", id);
	if (!job_index_add(ids, id, m->count))
		return error_set(err, ERR_DATA, "%s is listed twice", id);
	j = manifest_add(m);
	j->id = xstrdup(id);
	j->table = xstrdup(table);
	j->rows = rows < 0 ? UINT64_MAX : (uint64_t)rows;
	j->bytes = (uint64_t)bytes;
	j->origins = origins ? xstrndup(origins->raw, origins->raw_len)
	                     : xstrdup("[]");
	if (!get_sha(v, j->sha256))
		return error_set(err, ERR_DATA, "%s: no sha256", id);
	return 0;
}

static int
parse_fields(struct manifest *m, const struct json *root, struct error *err)
{
	const struct json *schema = json_get(root, "schema");
	const struct json *jobs = json_get(root, "jobs");
	struct job_index ids = { 0 };
	long long version = json_get_int(root, "manifest", -1);
	long long rejects = json_get_int(root, "rejects", 0);
	long long bytes = json_get_int(schema, "bytes", -1);
	int rc = 0;

	if (version > 1)
		return error_set(err, ERR_DATA,
		    "version %lld is newer than this program", version);
	if (version != 1 || !jobs || jobs->kind != JSON_ARRAY || rejects < 0)
		return error_set(err, ERR_DATA, "not a manifest");
	m->kind = xstrdup(json_get_str(root, "kind", ""));
	m->load_id = xstrdup(json_get_str(root, "load_id", ""));
	m->schema_name = xstrdup(json_get_str(root, "schema_name", ""));
	m->version_hash = xstrdup(json_get_str(root, "version_hash", ""));
	m->rejects = (uint64_t)rejects;
	if (strcmp(m->kind, "extracted") != 0 &&
	    strcmp(m->kind, "normalized") != 0)
		return error_set(err, ERR_DATA, "unknown kind \"%s\"", m->kind);
	if (!package_name_is_safe(m->load_id))
		return error_set(err, ERR_DATA, "no load id");
	if (bytes < 0 || !get_sha(schema, m->schema_sha256))
		return error_set(err, ERR_DATA, "no checksum of schema.json");
	m->schema_bytes = (uint64_t)bytes;
	for (const struct json *v = jobs->child; v && !rc; v = v->next)
		rc = parse_job(m, v, &ids, err);
	job_index_release(&ids);
	return rc;
}

int
manifest_parse(struct manifest *m, const char *text, size_t len,
    struct error *err)
{
	struct json_doc doc = { 0 };
	int rc;

	memset(m, 0, sizeof(*m));
	rc = json_parse(&doc, text, len, err);
	if (rc == 0)
		rc = parse_fields(m, doc.root, err);
	json_release(&doc);
	if (rc) {
		manifest_release(m);
		error_prefix(err, "manifest.json: ");
	}
	return rc;
}

int
manifest_read(struct manifest *m, const char *path, bool *missing, char *sha256,
    struct error *err)
{
	char *file = xasprintf("%s/manifest.json", path);
	char *text = NULL;
	struct stat st;
	size_t len;
	int rc = -1;

	memset(m, 0, sizeof(*m));
	*missing = stat(file, &st) != 0 && errno == ENOENT;
	if (*missing) {
		rc = 0;
	} else if (read_file(file, PACKAGE_SMALL_MAX, &text, &len, err) == 0) {
		rc = manifest_parse(m, text, len, err);
		if (rc)
			error_prefix(err, "%s/", path);
		else if (sha256)
			sha256_hex(text, len, sha256);
	}
	free(text);
	free(file);
	return rc;
}

int
package_checksum(const char *path, char out[65], struct error *err)
{
	struct manifest m;
	bool missing;

	out[0] = '\0';
	if (manifest_read(&m, path, &missing, out, err))
		return -1;
	manifest_release(&m);
	return 0;
}

char *
package_load_id(const char *path, struct error *err)
{
	struct manifest m;
	bool missing;
	char *id, *real;

	if (manifest_read(&m, path, &missing, NULL, err))
		return NULL;
	if (!missing) {
		id = xstrdup(m.load_id);
		manifest_release(&m);
		return id;
	}
	real = realpath(path, NULL);
	if (!real) {
		error_errno(err, "%s", path);
		return NULL;
	}
	id = xstrdup(strrchr(real, '/') + 1);
	free(real);
	return id;
}
