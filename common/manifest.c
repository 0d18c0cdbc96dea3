/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/json.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/package_private.h"
#include "common/scan.h"

#define WINDOW    ((size_t)64 << 10)
#define VALUE_MAX ((size_t)16 << 20) /* of a job with its origins */
#define SPILL     ((size_t)1 << 20)

/* ---- writing ---- */

struct manifest_out {
	struct buf text; /* behind what is in the file */
	char *dir;
	int fd; /* -1: none yet */
	bool in_memory;
	uint64_t spilled;
	size_t jobs;
	struct buf head;
};

static const char tail[] = "]}\n";

struct manifest_out *
manifest_out_new(const char *dir)
{
	struct manifest_out *m = xcalloc(1, sizeof(*m));

	m->fd = -1;
	m->dir = dir ? xstrdup(dir) : NULL;
	return m;
}

void
manifest_out_free(struct manifest_out *m)
{
	if (!m)
		return;
	if (m->fd >= 0)
		close(m->fd);
	buf_release(&m->text);
	buf_release(&m->head);
	free(m->dir);
	free(m);
}

static int
unnamed_file(const char *dir)
{
	char *path = dir ? xasprintf("%s/.manifest.XXXXXX", dir)
	                 : temp_path(".manifest.XXXXXX");
	int fd;

	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

/* A package in a directory is not written where there is no room; who writes a
 * stream may have no place for files at all. */
static int
spill(struct manifest_out *m, struct error *err)
{
	if (m->in_memory)
		return 0;
	if (m->fd < 0)
		m->fd = unnamed_file(m->dir);
	if (m->fd >= 0 && write_fully(m->fd, m->text.data, m->text.len) == 0) {
		m->spilled += m->text.len;
		buf_reset(&m->text);
		return 0;
	}
	if (m->dir)
		return error_errno(err, "%s/manifest.json: write", m->dir);
	if (m->fd >= 0 && lseek(m->fd, (off_t)m->spilled, SEEK_SET) < 0)
		return error_errno(err, "manifest.json: temporary file");
	m->in_memory = true;
	return 0;
}

static void
put_checksum(struct jsonw *w, const char *checksum)
{
	bool sha = checksum_kind_of(checksum) == CHECKSUM_SHA256;

	jsonw_key(w, sha ? "sha256" : "xxh128");
	jsonw_str(w, checksum);
}

int
manifest_out_add(struct manifest_out *m, const struct manifest_job *j,
    struct error *err)
{
	struct jsonw w;

	if (m->jobs++)
		buf_addc(&m->text, ',');
	jsonw_init(&w, &m->text, false);
	jsonw_object(&w);
	jsonw_key(&w, "id");
	jsonw_str(&w, j->id);
	jsonw_key(&w, "table");
	jsonw_str(&w, j->table);
	jsonw_key(&w, "rows");
	if (j->rows == UINT64_MAX)
		jsonw_null(&w);
	else
		jsonw_int(&w, (long long)j->rows);
	jsonw_key(&w, "bytes");
	jsonw_int(&w, (long long)j->bytes);
	put_checksum(&w, j->checksum);
	jsonw_key(&w, "origins");
	jsonw_raw(&w, j->origins, strlen(j->origins));
	jsonw_end_object(&w);
	return m->text.len < SPILL ? 0 : spill(m, err);
}

uint64_t
manifest_out_end(struct manifest_out *m, const struct manifest_head *head)
{
	struct jsonw w;

	buf_reset(&m->head);
	jsonw_init(&w, &m->head, false);
	jsonw_object(&w);
	jsonw_key(&w, "manifest");
	jsonw_int(&w, 1);
	jsonw_key(&w, "kind");
	jsonw_str(&w, head->kind);
	jsonw_key(&w, "load_id");
	jsonw_str(&w, head->load_id);
	jsonw_key(&w, "schema_name");
	jsonw_str(&w, head->schema_name);
	jsonw_key(&w, "version_hash");
	jsonw_str(&w, head->version_hash);
	jsonw_key(&w, "rejects");
	jsonw_int(&w, (long long)head->rejects);
	jsonw_key(&w, "schema");
	jsonw_object(&w);
	jsonw_key(&w, "bytes");
	jsonw_int(&w, (long long)head->schema_bytes);
	put_checksum(&w, head->schema_checksum);
	jsonw_end_object(&w);
	jsonw_key(&w, "jobs");
	buf_addc(&m->head, '[');
	return m->head.len + m->spilled + m->text.len + sizeof(tail) - 1;
}

int
manifest_out_copy(struct manifest_out *m, manifest_sink sink, void *arg,
    struct error *err)
{
	uint64_t left = m->spilled;
	char *block = xmalloc(WINDOW);
	int rc = sink(arg, m->head.data, m->head.len, err);

	if (rc == 0 && left && lseek(m->fd, 0, SEEK_SET) < 0)
		rc = error_errno(err, "manifest.json: temporary file");
	while (rc == 0 && left) {
		size_t want = left < WINDOW ? (size_t)left : WINDOW;
		ssize_t n = read(m->fd, block, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			rc = error_errno(err, "manifest.json: temporary file");
			break;
		}
		left -= (uint64_t)n;
		rc = sink(arg, block, (size_t)n, err);
	}
	free(block);
	if (rc == 0 && m->text.len)
		rc = sink(arg, m->text.data, m->text.len, err);
	return rc ? rc : sink(arg, tail, sizeof(tail) - 1, err);
}

struct file_sink {
	int fd;
	const char *file; /* for messages */
};

static int
file_sink(void *arg, const void *data, size_t len, struct error *err)
{
	const struct file_sink *to = arg;

	return write_fully(to->fd, data, len)
	    ? error_errno(err, "%s: write", to->file)
	    : 0;
}

int
manifest_out_file(struct manifest_out *m, const char *path, struct error *err)
{
	char *file = xasprintf("%s/manifest.json", path), hex[17], *tmp;
	struct file_sink to = { .file = file };
	int rc = -1;

	hash_random_hex(hex, 8);
	tmp = xasprintf("%s/%s", path, hex);
	to.fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (to.fd < 0) {
		error_errno(err, "%s", file);
		goto out;
	}
	output_remove_at_exit(tmp);
	rc = manifest_out_copy(m, file_sink, &to, err);
	if (rc == 0)
		rc = fsync_fd(to.fd, file, err);
	if (close(to.fd) && rc == 0)
		rc = error_errno(err, "%s: close", file);
	if (rc == 0 && rename(tmp, file))
		rc = error_errno(err, "%s", file);
	if (rc)
		unlink(tmp);
	output_keep(tmp);
out:
	free(tmp);
	free(file);
	return rc;
}

/* ---- reading ---- */

struct manifest_in {
	zin_source source;
	void *arg;
	int fd;     /* of manifest_in_open(), else -1 */
	char *file; /* its path, or NULL */
	char *data; /* the window, with SCAN_SLACK bytes behind it */
	size_t len, cap, pos;
	uint64_t before; /* bytes of the text before the window */
	bool eof;
	enum { AT_START, AT_MEMBER, AT_JOB, AT_END } state;
	bool had_jobs, in_list;
	size_t members;
	struct checksum *sum;
	char checksum[CHECKSUM_SIZE];
	struct json_doc job;
	char *origins;
	struct buf head_text;
	struct json_doc head_doc;
	struct manifest_head head;
	bool has_head, newer;
};

struct manifest_in *
manifest_in_new(zin_source source, void *arg)
{
	struct manifest_in *m = xcalloc(1, sizeof(*m));

	m->source = source;
	m->arg = arg;
	m->fd = -1;
	m->cap = WINDOW;
	m->data = xmalloc(m->cap + SCAN_SLACK);
	m->sum = checksum_new(CHECKSUM_XXH128);
	return m;
}

struct manifest_in *
manifest_in_open(const char *path, bool *missing, struct error *err)
{
	char *file = xasprintf("%s/manifest.json", path);
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct manifest_in *m;

	*missing = fd < 0 && errno == ENOENT;
	if (fd >= 0) {
		m = manifest_in_new(zin_source_fd, NULL);
		m->fd = fd;
		m->arg = &m->fd;
		m->file = file;
		return m;
	}
	if (!*missing)
		error_errno(err, "%s", file);
	free(file);
	return NULL;
}

void
manifest_in_free(struct manifest_in *m)
{
	if (!m)
		return;
	if (m->fd >= 0)
		close(m->fd);
	checksum_free(m->sum);
	free(m->file);
	free(m->data);
	free(m->origins);
	json_release(&m->job);
	json_release(&m->head_doc);
	buf_release(&m->head_text);
	free(m);
}

int
manifest_in_rewind(struct manifest_in *m, struct error *err)
{
	if (lseek(m->fd, 0, SEEK_SET) < 0)
		return error_errno(err, "manifest.json");
	checksum_free(m->sum);
	m->sum = checksum_new(CHECKSUM_XXH128);
	m->len = m->pos = 0;
	m->before = 0;
	m->eof = m->had_jobs = m->in_list = m->has_head = false;
	m->members = 0;
	m->state = AT_START;
	buf_reset(&m->head_text);
	return 0;
}

void
manifest_in_checksum(const struct manifest_in *m, char out[CHECKSUM_SIZE])
{
	memcpy(out, m->checksum, sizeof(m->checksum));
}

static int
bad(const struct manifest_in *m, const char *what, struct error *err)
{
	return error_set(err, ERR_DATA, "at byte %llu: %s",
	    (unsigned long long)(m->before + m->pos), what);
}

/* More text behind what the window has from pos on: 1; 0: there is none. */
static int
fill(struct manifest_in *m, struct error *err)
{
	long n;

	if (m->eof)
		return 0;
	if (m->pos) {
		memmove(m->data, m->data + m->pos, m->len - m->pos);
		m->before += m->pos;
		m->len -= m->pos;
		m->pos = 0;
	}
	if (m->len == m->cap) {
		if (m->cap >= VALUE_MAX)
			return bad(m, "too large", err);
		m->cap *= 2;
		m->data = xrealloc(m->data, m->cap + SCAN_SLACK);
	}
	n = m->source(m->arg, m->data + m->len, m->cap - m->len, err);
	if (n < 0)
		return -1;
	m->eof = n == 0;
	if (n)
		checksum_add(m->sum, m->data + m->len, (size_t)n);
	m->len += (size_t)n;
	memset(m->data + m->len, 0, SCAN_SLACK);
	return n > 0;
}

/* The next byte that is not white space; 0: the end; -1. */
static int
peek(struct manifest_in *m, struct error *err)
{
	for (;;) {
		const char *end = m->data + m->len;
		int rc;

		m->pos = (size_t)(scan_space(m->data + m->pos, end) - m->data);
		if (m->pos < m->len)
			return m->data[m->pos] ? (unsigned char)m->data[m->pos]
			                       : 256;
		rc = fill(m, err);
		if (rc <= 0)
			return rc;
	}
}

static int
expect(struct manifest_in *m, char c, struct error *err)
{
	char what[] = "expected 'x'";
	int got = peek(m, err);

	if (got < 0)
		return -1;
	what[10] = c;
	if (got != c)
		return bad(m, what, err);
	m->pos++;
	return 0;
}

/* A whole value at pos, to be parsed by the caller; pos moves behind it. */
static int
take_value(struct manifest_in *m, const char **text, size_t *len,
    struct error *err)
{
	int got = peek(m, err);

	if (got < 0)
		return -1;
	for (;;) {
		const char *p = m->data + m->pos;
		const char *end = scan_skip(p, m->data + m->len);

		if (end && end > p) {
			*text = p;
			*len = (size_t)(end - p);
			m->pos += *len;
			return 0;
		}
		got = end ? 0 : fill(m, err);
		if (got < 0)
			return -1;
		if (!got)
			return bad(m, end ? "expected a value" : "cut short",
			    err);
	}
}

/* Of either kind; NULL: there is none. */
static const char *
get_checksum(const struct json *obj)
{
	static const struct {
		const char *key;
		enum checksum_kind kind;
	} kinds[] = { { "xxh128", CHECKSUM_XXH128 },
		{ "sha256", CHECKSUM_SHA256 } };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *s = json_get_str(obj, kinds[i].key, "");

		if (checksum_is_valid(s) &&
		    checksum_kind_of(s) == kinds[i].kind)
			return s;
	}
	return NULL;
}

/* Both -1 for "not there" and for what is no number. */
static int
read_head(struct manifest_in *m, struct error *err)
{
	struct manifest_head *h = &m->head;
	const struct json *root, *schema;
	long long version, rejects, bytes;

	if (!m->head_text.len)
		return error_set(err, ERR_DATA, "not a manifest");
	buf_addc(&m->head_text, '}');
	if (json_parse(&m->head_doc, m->head_text.data, m->head_text.len, err))
		return -1;
	m->head_text.data[--m->head_text.len] = '\0';
	root = m->head_doc.root;
	schema = json_get(root, "schema");
	version = json_get_int(root, "manifest", -1);
	rejects = json_get_int(root, "rejects", 0);
	bytes = json_get_int(schema, "bytes", -1);
	m->newer = version > 1;
	if (m->newer)
		return error_set(err, ERR_DATA,
		    "version %lld is newer than this program", version);
	if (version != 1 || rejects < 0)
		return error_set(err, ERR_DATA, "not a manifest");
	*h = (struct manifest_head){
		.kind = json_get_str(root, "kind", ""),
		.load_id = json_get_str(root, "load_id", ""),
		.schema_name = json_get_str(root, "schema_name", ""),
		.version_hash = json_get_str(root, "version_hash", ""),
		.rejects = (uint64_t)rejects,
		.schema_bytes = (uint64_t)bytes,
		.schema_checksum = get_checksum(schema),
	};
	if (strcmp(h->kind, "extracted") != 0 &&
	    strcmp(h->kind, "normalized") != 0)
		return error_set(err, ERR_DATA, "unknown kind \"%s\"", h->kind);
	if (!package_name_is_safe(h->load_id))
		return error_set(err, ERR_DATA, "no load id");
	if (bytes < 0 || !h->schema_checksum)
		return error_set(err, ERR_DATA, "no checksum of schema.json");
	m->has_head = true;
	return 0;
}

/* What stands before the jobs is all of the head, as we write it; after them
 * it is looked at again if need be. */
static int
begin_jobs(struct manifest_in *m, struct error *err)
{
	struct error why;

	if (m->had_jobs)
		return bad(m, "a second \"jobs\"", err);
	if (read_head(m, &why) && m->newer) {
		*err = why;
		return -1;
	}
	m->had_jobs = true;
	m->state = AT_JOB;
	if (expect(m, ':', err))
		return -1;
	if (peek(m, err) != '[')
		return error_set(err, ERR_DATA, "not a manifest");
	return expect(m, '[', err);
}

/* The text around the jobs becomes a document of its own. */
static int
take_member(struct manifest_in *m, struct error *err)
{
	static const char jobs[] = "\"jobs\"";
	const char *text;
	size_t len;

	if (peek(m, err) != '"')
		return bad(m, "expected a member", err);
	if (take_value(m, &text, &len, err))
		return -1;
	if (len == sizeof(jobs) - 1 && memcmp(text, jobs, len) == 0)
		return begin_jobs(m, err);
	buf_addc(&m->head_text, m->head_text.len ? ',' : '{');
	buf_add(&m->head_text, text, len);
	buf_addc(&m->head_text, ':');
	if (expect(m, ':', err) || take_value(m, &text, &len, err))
		return -1;
	buf_add(&m->head_text, text, len);
	if (m->head_text.len > VALUE_MAX)
		return bad(m, "too large", err);
	return 0;
}

/* The manifest's id lacks the retry part; put one in, to check the grammar. */
static bool
is_job_id(const char *id, const char *table)
{
	size_t t = strlen(table), f;
	struct job_name n;
	struct error err;
	char name[512];
	int len;

	if (!t || strncmp(id, table, t) != 0 || id[t] != '.')
		return false;
	f = t + 1 + strcspn(id + t + 1, ".");
	len = snprintf(name, sizeof(name), "%.*s.0%s", (int)f, id, id + f);
	if (len < 0 || (size_t)len >= sizeof(name) ||
	    job_name_parse(name, &n, &err))
		return false;
	job_name_release(&n);
	return true;
}

static int
take_job(struct manifest_in *m, struct manifest_job *j, struct error *err)
{
	const struct json *v, *origins;
	const char *text, *id;
	long long rows, bytes;
	size_t len;

	if (take_value(m, &text, &len, err))
		return -1;
	if (json_parse(&m->job, text, len, err)) {
		m->pos -= len;
		return error_prefix(err, "job at byte %llu: ",
		    (unsigned long long)(m->before + m->pos));
	}
	v = m->job.root;
	id = json_get_str(v, "id", "");
	origins = json_get(v, "origins");
	rows = json_get_int(v, "rows", -1);
	bytes = json_get_int(v, "bytes", -1);
	free(m->origins);
	m->origins = origins ? xstrndup(origins->raw, origins->raw_len) : NULL;
	*j = (struct manifest_job){
		.id = id,
		.table = json_get_str(v, "table", ""),
		.rows = rows < 0 ? UINT64_MAX : (uint64_t)rows,
		.bytes = (uint64_t)bytes,
		.checksum = get_checksum(v),
		.origins = m->origins ? m->origins : "[]",
	};
	if (!is_job_id(id, j->table))
		return error_set(err, ERR_DATA, "\"%.300s\" is no job id", id);
	if (bytes < 0)
		return error_set(err, ERR_DATA, "%s: no size", id);
	if (!j->checksum)
		return error_set(err, ERR_DATA, "%s: no checksum", id);
	return 1;
}

static int
take_end(struct manifest_in *m, struct error *err)
{
	int c = peek(m, err);

	if (c < 0)
		return -1;
	if (c)
		return bad(m, "something follows", err);
	if (!m->had_jobs)
		return read_head(m, err)
		    ? -1
		    : error_set(err, ERR_DATA, "not a manifest");
	if (!m->has_head && read_head(m, err))
		return -1;
	checksum_hex(m->sum, CHECKSUM_XXH128, m->checksum);
	return 0;
}

/* One step: 1 a job, 0 go on, -1. */
static int
step(struct manifest_in *m, struct manifest_job *j, struct error *err)
{
	int c = peek(m, err);

	if (c < 0)
		return -1;
	if (m->state == AT_START) {
		if (c != '{')
			return error_set(err, ERR_DATA, "not a manifest");
		m->pos++;
		m->state = AT_MEMBER;
		return 0;
	}
	if (m->state == AT_MEMBER) {
		if (c == '}') {
			m->pos++;
			m->state = AT_END;
			return take_end(m, err);
		}
		if (m->members++ && expect(m, ',', err))
			return -1;
		return take_member(m, err);
	}
	if (c == ']') {
		m->pos++;
		m->state = AT_MEMBER;
		return 0;
	}
	if (m->in_list && expect(m, ',', err))
		return -1;
	m->in_list = true;
	return take_job(m, j, err);
}

static int
name_file(const struct manifest_in *m, struct error *err)
{
	return error_prefix(err, "%s: ", m->file ? m->file : "manifest.json");
}

int
manifest_in_next(struct manifest_in *m, struct manifest_job *j,
    struct error *err)
{
	int rc = 0;

	while (m->state != AT_END && rc == 0)
		rc = step(m, j, err);
	return rc < 0 && err->code != ERR_QUIET ? name_file(m, err) : rc;
}

const struct manifest_head *
manifest_in_head(struct manifest_in *m, struct error *err)
{
	struct manifest_job unused;
	int rc = 0;

	while (!m->has_head && m->state != AT_END && rc >= 0)
		rc = step(m, &unused, err);
	if (rc >= 0)
		return &m->head;
	if (err->code != ERR_QUIET)
		name_file(m, err);
	return NULL;
}
