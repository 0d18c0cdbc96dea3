/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- folders of jobs ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
job_list_release(struct job_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->names[i]);
	free(l->names);
	memset(l, 0, sizeof(*l));
}

static int
job_list_add(struct job_list *l, const char *name, struct error *err)
{
	static const char skip[] = ".exception";
	size_t n = strlen(name);
	struct job_name job;

	if (n >= sizeof(skip) &&
	    strcmp(name + n - (sizeof(skip) - 1), skip) == 0)
		return 0;
	if (job_name_parse(name, &job, err))
		return -1;
	job_name_release(&job);
	l->names = xgrow(l->names, &l->cap, l->count + 1, sizeof(*l->names));
	l->names[l->count++] = xstrdup(name);
	return 0;
}

int
job_list_read(struct job_list *l, const char *path, const char *folder,
    struct error *err)
{
	char *dir = xasprintf("%s/%s", path, folder);
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	memset(l, 0, sizeof(*l));
	if (!d && errno != ENOENT)
		rc = error_errno(err, "%s", dir);
	while (d && !rc && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = job_list_add(l, e->d_name, err);
	if (d)
		closedir(d);
	if (rc && err->code == ERR_DATA)
		error_prefix(err, "%s/", dir);
	if (rc)
		job_list_release(l);
	else if (l->count)
		qsort(l->names, l->count, sizeof(*l->names), by_name);
	free(dir);
	return rc;
}

bool
package_job_elsewhere(const char *path, const char *id, struct error *err)
{
	static const char *const folders[] = { "started_jobs", "completed_jobs",
		"failed_jobs" };
	struct job_list l;
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(folders) && !found; i++) {
		if (job_list_read(&l, path, folders[i], err))
			return false;
		for (size_t k = 0; k < l.count && !found; k++) {
			struct job_name n;
			char *other;

			if (job_name_parse(l.names[k], &n, err))
				continue;
			other = job_id_format(&n);
			found = strcmp(other, id) == 0;
			free(other);
			job_name_release(&n);
		}
		job_list_release(&l);
	}
	return found;
}

/* ---- verify and seal ---- */

/* Checksum and size of a file as it is stored. */
static int
file_digest(const char *path, char out[HASH_HEX_LEN + 1], uint64_t *bytes,
    struct error *err)
{
	struct hash *h = hash_sha256_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *block = xaligned(IO_BLOCK);
	long n = -1;

	*bytes = 0;
	if (fd < 0)
		error_errno(err, "%s", path);
	else
		while ((n = zin_source_fd(&fd, block, IO_BLOCK, err)) > 0) {
			hash_update(h, block, (size_t)n);
			*bytes += (uint64_t)n;
		}
	if (n == 0)
		hash_final_hex(h, out);
	else
		hash_free(h);
	if (fd >= 0 && n < 0)
		error_prefix(err, "%s: ", path);
	if (fd >= 0)
		close(fd);
	free(block);
	return n < 0 ? -1 : 0;
}

static int
verify_file(const char *path, uint64_t bytes, const char *sha256,
    struct error *err)
{
	char hex[HASH_HEX_LEN + 1];
	uint64_t have;

	if (file_digest(path, hex, &have, err))
		return -1;
	if (have != bytes)
		return error_set(err, ERR_DATA,
		    "%s: has %llu bytes, manifest.json says %llu", path,
		    (unsigned long long)have, (unsigned long long)bytes);
	if (strcmp(hex, sha256) != 0)
		return error_set(err, ERR_DATA,
		    "%s: differs from manifest.json (checksum)", path);
	return 0;
}

static int
verify_folder(const char *path, const char *folder, struct manifest *m,
    const struct job_index *ids, struct error *err)
{
	struct job_list l;
	int rc;

	if (job_list_read(&l, path, folder, err))
		return -1;
	rc = 0;
	for (size_t i = 0; i < l.count && !rc; i++) {
		struct job_name n;
		char *file, *id;
		bool follow_up;
		long at;

		rc = job_name_parse(l.names[i], &n, err);
		if (rc)
			break;
		id = job_id_format(&n);
		file = xasprintf("%s/%s/%s", path, folder, l.names[i]);
		follow_up = strcmp(n.format, "sql") == 0 ||
		    strcmp(n.format, "reference") == 0;
		at = job_index_find(ids, id);
		if (at >= 0 && m->jobs[at].seen)
			rc = error_set(err, ERR_DATA, "%s: is there twice",
			    file);
		else if (at >= 0)
			rc = verify_file(file, m->jobs[at].bytes,
			    m->jobs[at].sha256, err);
		else if (!follow_up)
			rc = error_set(err, ERR_DATA,
			    "%s: not in manifest.json", file);
		if (at >= 0)
			m->jobs[at].seen = true;
		free(file);
		free(id);
		job_name_release(&n);
	}
	job_list_release(&l);
	return rc;
}

static int
verify_all(const char *path, struct manifest *m, struct error *err)
{
	static const char *const folders[] = { "new_jobs", "started_jobs",
		"failed_jobs", "completed_jobs" };
	struct job_index ids = { 0 };
	char *file = xasprintf("%s/schema.json", path);
	int rc = verify_file(file, m->schema_bytes, m->schema_sha256, err);
	struct stat st;
	bool loaded;

	free(file);
	for (size_t i = 0; i < m->count; i++)
		job_index_add(&ids, m->jobs[i].id, i);
	for (size_t i = 0; i < ARRAY_LEN(folders) && !rc; i++)
		rc = verify_folder(path, folders[i], m, &ids, err);
	/* What was loaded may have been deleted since. */
	file = xasprintf("%s/package_completed.json", path);
	loaded = stat(file, &st) == 0;
	free(file);
	for (size_t i = 0; i < m->count && !rc && !loaded; i++)
		if (!m->jobs[i].seen)
			rc = error_set(err, ERR_DATA, "%s: %s is missing", path,
			    m->jobs[i].id);
	job_index_release(&ids);
	return rc;
}

int
package_verify(const char *path, struct error *err)
{
	struct manifest m;
	bool missing;
	int rc;

	if (manifest_read(&m, path, &missing, NULL, err))
		return -1;
	if (missing)
		return error_set(err, ERR_DATA, "%s: has no manifest.json",
		    path);
	rc = verify_all(path, &m, err);
	manifest_release(&m);
	return rc;
}

/* Rows of a file that is new or was changed: one a line in jsonl; in other
 * formats only a parser could say. */
static int
count_rows(const char *path, const char *format, uint64_t *rows,
    struct error *err)
{
	struct zin *z;
	char *block;
	long n;
	char last = '\n';

	*rows = UINT64_MAX;
	if (strcmp(format, "jsonl") != 0)
		return 0;
	z = zin_open(path, err);
	if (!z)
		return -1;
	block = xmalloc(IO_BLOCK);
	*rows = 0;
	while ((n = zin_read(z, block, IO_BLOCK, err)) > 0) {
		for (long i = 0; i < n; i++)
			*rows += block[i] == '\n';
		last = block[n - 1];
	}
	*rows += last != '\n';
	free(block);
	zin_free(z);
	return n < 0 ? -1 : 0;
}

static int
seal_job(struct manifest *out, const char *path, const char *name,
    const struct manifest_job *old, struct error *err)
{
	struct manifest_job *j = manifest_add(out);
	char *file = xasprintf("%s/new_jobs/%s", path, name);
	struct job_name n;
	int rc = job_name_parse(name, &n, err);

	if (rc == 0) {
		j->id = job_id_format(&n);
		j->table = xstrdup(n.table);
		j->origins = xstrdup("[]");
		rc = file_digest(file, j->sha256, &j->bytes, err);
		if (rc == 0 && old && strcmp(old->sha256, j->sha256) == 0) {
			j->rows = old->rows;
			free(j->origins);
			j->origins = xstrdup(old->origins);
		} else if (rc == 0) {
			rc = count_rows(file, n.format, &j->rows, err);
		}
		job_name_release(&n);
	}
	free(file);
	return rc;
}

/* Jobs that the old manifest knows keep their order, others follow by name. */
static int
seal_jobs(struct manifest *out, const struct manifest *old, const char *path,
    struct error *err)
{
	struct job_index ids = { 0 };
	struct job_list l;
	int rc;

	if (job_list_read(&l, path, "new_jobs", err))
		return -1;
	for (size_t i = 0; i < l.count; i++) {
		struct job_name n;
		char *id;

		if (job_name_parse(l.names[i], &n, err))
			continue;
		id = job_id_format(&n);
		job_index_add(&ids, id, i);
		free(id);
		job_name_release(&n);
	}
	rc = 0;
	for (size_t i = 0; i < old->count && !rc; i++) {
		long at = job_index_find(&ids, old->jobs[i].id);

		if (at < 0)
			continue;
		rc = seal_job(out, path, l.names[at], &old->jobs[i], err);
		free(l.names[at]);
		l.names[at] = NULL;
	}
	for (size_t i = 0; i < l.count && !rc; i++)
		if (l.names[i])
			rc = seal_job(out, path, l.names[i], NULL, err);
	job_index_release(&ids);
	job_list_release(&l);
	return rc;
}

static int
seal_schema(struct manifest *m, const char *path, struct error *err)
{
	char *file = xasprintf("%s/schema.json", path);
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	int rc = read_file(file, PACKAGE_SMALL_MAX, &text.data, &text.len, err);

	if (rc == 0) {
		text.cap = text.len + 1;
		m->schema_bytes = text.len;
		sha256_hex(text.data, text.len, m->schema_sha256);
		rc = package_unpack(&text, file, err);
	}
	if (rc == 0 && json_parse(&doc, text.data, text.len, err))
		rc = error_prefix(err, "%s:", file);
	if (rc == 0) {
		m->schema_name = xstrdup(json_get_str(doc.root, "name", ""));
		m->version_hash = xstrdup(json_get_str(doc.root, "version_hash",
		    ""));
	}
	json_release(&doc);
	buf_release(&text);
	free(file);
	return rc;
}

static int
seal_new(struct manifest *m, const struct manifest *old, const char *path,
    struct error *err)
{
	char *updates = xasprintf("%s/schema_updates.json", path);
	struct stat st;
	int rc;

	/* Only normalize writes that file. */
	m->kind = xstrdup(old->kind       ? old->kind
	        : stat(updates, &st) == 0 ? "normalized"
	                                  : "extracted");
	free(updates);
	m->rejects = old->rejects;
	m->load_id = package_load_id(path, err);
	rc = m->load_id ? seal_schema(m, path, err) : -1;
	return rc ? rc : seal_jobs(m, old, path, err);
}

int
package_seal(const char *path, struct error *err)
{
	struct manifest old, m = { 0 };
	struct buf text = { 0 };
	bool missing;
	char *file;
	int rc;

	if (manifest_read(&old, path, &missing, NULL, err))
		return -1;
	rc = seal_new(&m, &old, path, err);
	if (rc == 0) {
		manifest_write(&m, &text);
		file = xasprintf("%s/manifest.json", path);
		rc = output_file(file, text.data, text.len, err);
		free(file);
	}
	buf_release(&text);
	manifest_release(&m);
	manifest_release(&old);
	return rc;
}
