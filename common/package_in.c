/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/archive.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/package_private.h"

/* No job file that anybody writes comes near; a tar header can claim 2^63. */
#define JOB_MAX ((uint64_t)1 << 44)

/* A job that came by in a stream, to be compared with the manifest. */
struct seen_job {
	uint64_t bytes;
	char sha256[HASH_HEX_LEN + 1];
};

struct stream_in {
	struct tar_in *tar;
	struct tar_entry entry;
	bool pending;          /* entry is read but not yet handled */
	bool complete;         /* between packages: the last one was verified */
	uint64_t complete_end; /* offset behind its manifest */
	struct job_index done; /* load ids of complete packages */
	struct job_index ids;  /* jobs of this package */
	struct seen_job *jobs;
	size_t count, cap;
	bool has_schema;
	uint64_t schema_bytes;
	char schema_sha256[HASH_HEX_LEN + 1];
};

struct dir_in {
	struct job_list list; /* files to give out, in order */
	long *manifest_at;    /* of each: its manifest entry, or -1 */
	size_t next;
	size_t file; /* the next of small_files */
	int fd;
	enum { DIR_BEGIN, DIR_FILES, DIR_JOBS, DIR_DONE } step;
};

struct package_in {
	char *path; /* of a directory; NULL: a stream */
	char *load_id;
	struct manifest manifest;
	bool has_manifest;
	char checksum[HASH_HEX_LEN + 1]; /* of the manifest */
	struct stream_in s;
	struct dir_in d;
	/* the current entry */
	struct buf name, data, job_path;
	struct job_name job;
	bool in_job;
	uint64_t bytes;
	struct hash *sha256;
};

static const char *const small_files[] = { "schema.json",
	"load_package_state.json", "schema_updates.json", "provenance.jsonl" };

static struct package_in *
package_in_new(void)
{
	struct package_in *p = xcalloc(1, sizeof(*p));

	p->d.fd = -1;
	return p;
}

bool
package_in_is_stream(const struct package_in *p)
{
	return !p->path;
}

static void
end_job(struct package_in *p)
{
	if (p->d.fd >= 0)
		close(p->d.fd);
	p->d.fd = -1;
	hash_free(p->sha256);
	p->sha256 = NULL;
	p->in_job = false;
}

static void
begin_job(struct package_in *p)
{
	p->in_job = true;
	p->bytes = 0;
	p->sha256 = hash_sha256_new();
}

void
package_in_free(struct package_in *p)
{
	if (!p)
		return;
	end_job(p);
	tar_in_free(p->s.tar);
	job_index_release(&p->s.done);
	job_index_release(&p->s.ids);
	free(p->s.jobs);
	job_list_release(&p->d.list);
	free(p->d.manifest_at);
	manifest_release(&p->manifest);
	job_name_release(&p->job);
	buf_release(&p->name);
	buf_release(&p->data);
	buf_release(&p->job_path);
	free(p->load_id);
	free(p->path);
	free(p);
}

/* ---- streams ---- */

static int
check_head(struct tar_in *tar, struct error *err)
{
	const char *head;
	size_t len, i = 0;

	if (tar_in_peek(tar, &head, &len, err))
		return -1;
	if (!len)
		return error_set(err, ERR_DATA, "upstream wrote nothing");
	if (len >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < len && head[i] && strchr(" \t\r\n", head[i]))
		i++;
	/* A load id may begin so, but then a tar header follows. */
	if (len == 512 && memcmp(head + 257, "ustar", 5) == 0)
		return 0;
	if (i < len && (head[i] == '{' || head[i] == '['))
		return error_set(err, ERR_DATA,
		    "these look like rows; use `dlt-extract NAME=-` first");
	if (len < 512)
		return error_set(err, ERR_DATA,
		    "truncated, or not a package stream");
	return error_set(err, ERR_DATA, "not a package stream");
}

struct package_in *
package_in_stream(int fd, struct error *err)
{
	struct package_in *p = package_in_new();

	p->s.tar = tar_in_new(fd);
	p->s.complete = true;
	if (check_head(p->s.tar, err)) {
		package_in_free(p);
		return NULL;
	}
	return p;
}

/* Nothing more comes, or nothing that is tar. */
static int
stream_end(struct package_in *p, enum package_event *event, int rc,
    struct error *err)
{
	if (rc < 0 && err->code != ERR_DATA)
		return -1;
	if (!p->s.complete)
		return rc < 0
		    ? error_prefix(err, "package stream, %s: ", p->load_id)
		    : error_set(err, ERR_DATA, "package stream, %s: truncated",
		          p->load_id);
	if (!p->s.done.count)
		return rc < 0 ? error_prefix(err, "package stream: ")
		              : error_set(err, ERR_DATA,
		                    "package stream: holds no package");
	rc = tar_in_drain(p->s.tar, p->s.complete_end, err);
	if (rc < 0)
		return error_prefix(err, "package stream: ");
	if (rc == 0)
		return error_set(err, ERR_DATA,
		    "package stream: truncated, or something else follows the "
		    "last package");
	*event = PACKAGE_END_OF_INPUT;
	return 0;
}

static int
refuse(const char *name, const char *why, struct error *err)
{
	return error_set(err, ERR_DATA, "package stream: %.200s: %s", name,
	    why);
}

/* A folder as tar(1) would add it: LOAD_ID/ or LOAD_ID/new_jobs/ and so on. */
static bool
is_known_folder(const char *rest)
{
	static const char *const known[] = { "", "new_jobs", "started_jobs",
		"failed_jobs", "completed_jobs", ".pending_transitions" };
	size_t n = strlen(rest);

	if (n && rest[n - 1] == '/')
		n--;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == n && memcmp(known[i], rest, n) == 0)
			return true;
	return false;
}

static int
start_package(struct package_in *p, const char *load_id, struct error *err)
{
	if (job_index_find(&p->s.done, load_id) >= 0)
		return refuse(load_id, "this package was there before", err);
	free(p->load_id);
	p->load_id = xstrdup(load_id);
	manifest_release(&p->manifest);
	job_index_release(&p->s.ids);
	p->s.count = 0;
	p->s.has_schema = false;
	p->s.complete = false;
	return 0;
}

/* The whole entry into p->data; memory grows with what really comes. */
static int
read_small(struct package_in *p, struct error *err)
{
	const struct tar_entry *e = &p->s.entry;
	long n;

	if (e->size > PACKAGE_SMALL_MAX)
		return refuse(p->name.data, "too large", err);
	buf_reset(&p->data);
	do {
		size_t room = IO_BLOCK;

		buf_reserve(&p->data, room);
		n = tar_in_read(p->s.tar, p->data.data + p->data.len, room,
		    err);
		if (n < 0)
			return error_prefix(err,
			    "package stream: %.200s: ", p->name.data);
		p->data.len += (size_t)n;
		p->data.data[p->data.len] = '\0';
	} while (n > 0);
	return 0;
}

static int
check_manifest(struct package_in *p, struct error *err)
{
	const struct manifest *m = &p->manifest;

	if (strcmp(m->load_id, p->load_id) != 0)
		return error_set(err, ERR_DATA, "is of load id \"%.100s\"",
		    m->load_id);
	if (!p->s.has_schema || m->schema_bytes != p->s.schema_bytes ||
	    strcmp(m->schema_sha256, p->s.schema_sha256) != 0)
		return error_set(err, ERR_DATA,
		    "schema.json is missing or damaged");
	for (size_t i = 0; i < m->count; i++) {
		long at = job_index_find(&p->s.ids, m->jobs[i].id);
		const struct seen_job *j;

		if (at < 0)
			return error_set(err, ERR_DATA, "%.255s is missing",
			    m->jobs[i].id);
		j = &p->s.jobs[at];
		if (j->bytes != m->jobs[i].bytes ||
		    strcmp(j->sha256, m->jobs[i].sha256) != 0)
			return error_set(err, ERR_DATA,
			    "%.255s is damaged (checksum)", m->jobs[i].id);
	}
	/* Ids are unique on both sides, so equal counts mean equal sets. */
	if (m->count != p->s.count)
		return error_set(err, ERR_DATA,
		    "lists %zu job files, the stream has %zu", m->count,
		    p->s.count);
	return 0;
}

static int
take_manifest(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	if (read_small(p, err))
		return -1;
	if (manifest_parse(&p->manifest, p->data.data, p->data.len, err))
		return error_prefix(err, "package stream, %s: ", p->load_id);
	if (check_manifest(p, err))
		return error_prefix(err,
		    "package stream, %s: manifest.json: ", p->load_id);
	sha256_hex(p->data.data, p->data.len, p->checksum);
	job_index_add(&p->s.done, p->load_id, 0);
	p->s.complete = true;
	p->s.complete_end = p->s.entry.end;
	*event = PACKAGE_COMPLETE;
	e->name = "manifest.json";
	e->data = p->data.data;
	e->len = p->data.len;
	e->sha256 = p->checksum;
	return 0;
}

static int
take_job(struct package_in *p, const char *name, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	char *id;
	bool fresh;

	job_name_release(&p->job);
	if (job_name_parse(name, &p->job, err))
		return error_prefix(err, "package stream: ");
	if (p->s.entry.size > JOB_MAX)
		return refuse(name, "too large", err);
	id = job_id_format(&p->job);
	fresh = job_index_add(&p->s.ids, id, p->s.count);
	free(id);
	if (!fresh)
		return refuse(name, "comes twice", err);
	p->s.jobs = xgrow(p->s.jobs, &p->s.cap, p->s.count + 1,
	    sizeof(*p->s.jobs));
	p->s.count++;
	begin_job(p);
	*event = PACKAGE_JOB;
	e->name = name;
	e->job = p->job;
	e->len = (size_t)p->s.entry.size;
	return 0;
}

static int
take_file(struct package_in *p, const char *name, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	if (read_small(p, err))
		return -1;
	if (strcmp(name, "schema.json") == 0) {
		p->s.has_schema = true;
		p->s.schema_bytes = p->data.len;
		sha256_hex(p->data.data, p->data.len, p->s.schema_sha256);
	}
	*event = PACKAGE_FILE;
	e->name = name;
	e->data = p->data.data;
	e->len = p->data.len;
	return 0;
}

/* Split LOAD_ID/REST in p->name; NULL with err set when it is foreign. */
static char *
split_name(struct package_in *p, struct error *err)
{
	const struct tar_entry *t = &p->s.entry;
	char *slash;

	buf_reset(&p->name);
	buf_adds(&p->name, t->name);
	slash = strchr(p->name.data, '/');
	if (!slash) {
		refuse(t->name, "no entry of a package", err);
		return NULL;
	}
	*slash = '\0';
	if (package_name_is_safe(p->name.data) &&
	    (t->regular || (t->directory && is_known_folder(slash + 1))))
		return slash + 1;
	refuse(t->name,
	    t->regular || t->directory ? "no entry of a package"
	                               : "not a regular file",
	    err);
	return NULL;
}

/* Handle the entry at hand: 1 when it gives an event, 0 to go on, -1. */
static int
stream_entry(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	static const char jobs[] = "new_jobs/";
	char *rest = split_name(p, err);
	int rc;

	if (!rest)
		return -1;
	if (p->s.complete) {
		if (start_package(p, p->name.data, err))
			return -1;
		p->s.pending = true;
		*event = PACKAGE_BEGIN;
		return 1;
	}
	if (strcmp(p->name.data, p->load_id) != 0)
		return error_set(err, ERR_DATA,
		    "package stream: %.200s: truncated (%.200s begins before "
		    "its manifest.json)",
		    p->load_id, p->name.data);
	if (p->s.entry.directory)
		return 0;
	if (strcmp(rest, "_cancelled") == 0)
		return error_set(err, ERR_QUIET, "upstream failed");
	if (strcmp(rest, "manifest.json") == 0)
		rc = take_manifest(p, event, e, err);
	else if (package_file_is_known(rest))
		rc = take_file(p, rest, event, e, err);
	else if (strncmp(rest, jobs, sizeof(jobs) - 1) == 0)
		rc = take_job(p, rest + sizeof(jobs) - 1, event, e, err);
	else
		rc = refuse(p->s.entry.name, "no entry of a package", err);
	return rc ? -1 : 1;
}

static int
skip_job(struct package_in *p, struct error *err)
{
	char *block;
	long n = 0;

	if (!p->in_job)
		return 0;
	block = xmalloc(65536);
	while (p->in_job && (n = package_in_read(p, block, 65536, err)) > 0)
		continue;
	free(block);
	return n < 0 ? -1 : 0;
}

static int
stream_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	int rc;

	if (skip_job(p, err))
		return -1;
	do {
		if (!p->s.pending) {
			rc = tar_in_next(p->s.tar, &p->s.entry, err);
			if (rc <= 0)
				return stream_end(p, event, rc, err);
		}
		p->s.pending = false;
		rc = stream_entry(p, event, e, err);
	} while (rc == 0);
	e->load_id = p->load_id;
	return rc < 0 ? -1 : 0;
}

static long
stream_read(struct package_in *p, void *data, size_t len, struct error *err)
{
	struct seen_job *j = &p->s.jobs[p->s.count - 1];
	long n = tar_in_read(p->s.tar, data, len, err);

	if (n < 0)
		return error_prefix(err,
		    "package stream, %s: %.255s: ", p->load_id,
		    strchr(p->s.entry.name, '/') + 1);
	hash_update(p->sha256, data, (size_t)n);
	p->bytes += (uint64_t)n;
	if (p->bytes == p->s.entry.size && p->sha256) {
		j->bytes = p->bytes;
		hash_final_hex(p->sha256, j->sha256);
		p->sha256 = NULL;
		end_job(p);
	}
	return n;
}

/* ---- directories ---- */

static int
unsealed(const struct package_in *p, const char *name, const char *what,
    struct error *err)
{
	return error_set(err, ERR_DATA,
	    "%s/new_jobs/%s: %s (`dlt-package seal %s` accepts edits made by "
	    "hand)",
	    p->path, name, what, p->path);
}

/* Where each listed job stands in the manifest; foreign ones are an error,
 * but for the follow-up jobs that a load adds. */
static int
match_manifest(struct package_in *p, const struct job_list *l, long *at,
    struct error *err)
{
	struct job_index ids = { 0 };
	int rc = 0;

	for (size_t i = 0; i < p->manifest.count; i++)
		job_index_add(&ids, p->manifest.jobs[i].id, i);
	for (size_t i = 0; i < l->count && !rc; i++) {
		struct job_name n;
		char *id;
		bool follow_up;

		rc = job_name_parse(l->names[i], &n, err);
		if (rc)
			break;
		id = job_id_format(&n);
		follow_up = strcmp(n.format, "sql") == 0 ||
		    strcmp(n.format, "reference") == 0;
		at[i] = job_index_find(&ids, id);
		free(id);
		job_name_release(&n);
		if (at[i] < 0 && !follow_up)
			rc = unsealed(p, l->names[i], "not in manifest.json",
			    err);
		else if (at[i] >= 0 && p->manifest.jobs[at[i]].seen)
			rc = unsealed(p, l->names[i], "is there twice", err);
		else if (at[i] >= 0)
			p->manifest.jobs[at[i]].seen = true;
	}
	for (size_t i = 0; i < p->manifest.count && !rc; i++)
		if (!p->manifest.jobs[i].seen &&
		    !package_job_elsewhere(p->path, p->manifest.jobs[i].id,
		        err))
			rc = unsealed(p, p->manifest.jobs[i].id, "is missing",
			    err);
	job_index_release(&ids);
	return rc;
}

/* Files in the order of the manifest, then those that it does not know. */
static void
order_jobs(struct package_in *p, struct job_list *l, long *at)
{
	long *where = xmalloc((p->manifest.count + 1) * sizeof(*where));
	size_t k = 0;

	p->d.list.names = xcalloc(l->count + 1, sizeof(char *));
	p->d.manifest_at = xcalloc(l->count + 1, sizeof(long));
	for (size_t i = 0; i < p->manifest.count; i++)
		where[i] = -1;
	for (size_t i = 0; i < l->count; i++)
		if (at[i] >= 0)
			where[at[i]] = (long)i;
	for (size_t i = 0; i < p->manifest.count; i++)
		if (where[i] >= 0) {
			p->d.manifest_at[k] = (long)i;
			p->d.list.names[k++] = l->names[where[i]];
		}
	for (size_t i = 0; i < l->count; i++)
		if (at[i] < 0) {
			p->d.manifest_at[k] = -1;
			p->d.list.names[k++] = l->names[i];
		}
	p->d.list.count = l->count;
	free(l->names); /* the strings have moved */
	free(where);
}

static int
dir_list(struct package_in *p, struct error *err)
{
	struct job_list l;
	long *at;
	int rc = 0;

	if (job_list_read(&l, p->path, "new_jobs", err))
		return -1;
	at = xmalloc((l.count + 1) * sizeof(*at));
	for (size_t i = 0; i < l.count; i++)
		at[i] = -1;
	if (p->has_manifest)
		rc = match_manifest(p, &l, at, err);
	if (rc)
		job_list_release(&l);
	else
		order_jobs(p, &l, at);
	free(at);
	return rc;
}

static int
dir_open(struct package_in *p, struct error *err)
{
	char *schema = xasprintf("%s/schema.json", p->path);
	struct stat st;
	bool missing = false;
	int rc = -1;

	if (stat(p->path, &st))
		error_errno(err, "%s", p->path);
	else if (!S_ISDIR(st.st_mode))
		error_set(err, ERR_DATA, "%s: not a package directory",
		    p->path);
	else if (stat(schema, &st))
		error_set(err, ERR_DATA,
		    "%s: not a package (it has no schema.json)", p->path);
	else if (manifest_read(&p->manifest, p->path, &missing, p->checksum,
	             err) == 0) {
		p->has_manifest = !missing;
		p->load_id = package_load_id(p->path, err);
		rc = p->load_id ? dir_list(p, err) : -1;
	}
	free(schema);
	return rc;
}

struct package_in *
package_in_dir(const char *path, struct error *err)
{
	struct package_in *p = package_in_new();
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	p->path = xstrndup(path, n);
	if (dir_open(p, err)) {
		package_in_free(p);
		return NULL;
	}
	return p;
}

/* The next small file that exists: 1, 0 none left, -1. */
static int
dir_file(struct package_in *p, struct package_entry *e, struct error *err)
{
	while (p->d.file < ARRAY_LEN(small_files)) {
		const char *name = small_files[p->d.file++];
		char *path = xasprintf("%s/%s", p->path, name);
		char hex[HASH_HEX_LEN + 1];
		bool is_schema = p->d.file == 1;
		struct stat st;
		int rc = 0;

		if (stat(path, &st) && errno == ENOENT) {
			free(path);
			continue;
		}
		buf_release(&p->data);
		rc = read_file(path, PACKAGE_SMALL_MAX, &p->data.data,
		    &p->data.len, err);
		p->data.cap = p->data.data ? p->data.len + 1 : 0;
		if (rc == 0 && is_schema && p->has_manifest) {
			sha256_hex(p->data.data, p->data.len, hex);
			if (strcmp(hex, p->manifest.schema_sha256) != 0)
				rc = error_set(err, ERR_DATA,
				    "%s: differs from manifest.json "
				    "(`dlt-package seal %s` accepts edits "
				    "made by hand)",
				    path, p->path);
		}
		if (rc == 0)
			rc = package_unpack(&p->data, path, err);
		free(path);
		e->name = name;
		e->data = p->data.data;
		e->len = p->data.len;
		return rc ? -1 : 1;
	}
	return 0;
}

static int
dir_job(struct package_in *p, struct package_entry *e, struct error *err)
{
	const char *name = p->d.list.names[p->d.next];
	long at = p->d.manifest_at[p->d.next++];
	struct stat st;

	job_name_release(&p->job);
	if (job_name_parse(name, &p->job, err))
		return -1;
	buf_reset(&p->job_path);
	buf_addf(&p->job_path, "%s/new_jobs/%s", p->path, name);
	if (stat(p->job_path.data, &st))
		return error_errno(err, "%s", p->job_path.data);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_DATA, "%s: not a file",
		    p->job_path.data);
	e->name = name;
	e->job = p->job;
	e->path = p->job_path.data;
	e->len = (size_t)st.st_size;
	if (at >= 0) {
		const struct manifest_job *m = &p->manifest.jobs[at];

		e->origins = m->origins;
		e->rows = m->rows;
		e->sha256 = m->sha256;
	}
	begin_job(p);
	return 0;
}

static int
dir_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	int rc;

	end_job(p);
	e->load_id = p->load_id;
	switch (p->d.step) {
	case DIR_BEGIN:
		p->d.step = DIR_FILES;
		*event = PACKAGE_BEGIN;
		return 0;
	case DIR_FILES:
		*event = PACKAGE_FILE;
		rc = dir_file(p, e, err);
		if (rc)
			return rc < 0 ? -1 : 0;
		p->d.step = DIR_JOBS;
		/* fall through */
	case DIR_JOBS:
		*event = PACKAGE_JOB;
		if (p->d.next < p->d.list.count)
			return dir_job(p, e, err);
		p->d.step = DIR_DONE;
		*event = PACKAGE_COMPLETE;
		e->sha256 = p->has_manifest ? p->checksum : NULL;
		return 0;
	case DIR_DONE:
		break;
	}
	*event = PACKAGE_END_OF_INPUT;
	return 0;
}

static long
dir_read(struct package_in *p, void *data, size_t len, struct error *err)
{
	const char *name = p->d.list.names[p->d.next - 1];
	long at = p->d.manifest_at[p->d.next - 1];
	char hex[HASH_HEX_LEN + 1];
	long n;

	if (p->d.fd < 0) {
		p->d.fd = open(p->job_path.data, O_RDONLY | O_CLOEXEC);
		if (p->d.fd < 0)
			return error_errno(err, "%s", p->job_path.data);
		zio_tune_fd(p->d.fd);
	}
	n = zin_source_fd(&p->d.fd, data, len, err);
	if (n < 0)
		return err->code == ERR_QUIET
		    ? -1
		    : error_prefix(err, "%s: ", p->job_path.data);
	if (n > 0) {
		hash_update(p->sha256, data, (size_t)n);
		return n;
	}
	hash_final_hex(p->sha256, hex);
	p->sha256 = NULL;
	end_job(p);
	if (at >= 0 && strcmp(hex, p->manifest.jobs[at].sha256) != 0)
		return unsealed(p, name,
		    "differs from manifest.json (checksum)", err);
	return 0;
}

/* ---- both ---- */

int
package_in_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	memset(e, 0, sizeof(*e));
	e->rows = UINT64_MAX;
	return p->path ? dir_next(p, event, e, err)
	               : stream_next(p, event, e, err);
}

long
package_in_read(void *arg, void *data, size_t len, struct error *err)
{
	struct package_in *p = arg;

	if (!p->in_job || !len)
		return 0;
	return p->path ? dir_read(p, data, len, err)
	               : stream_read(p, data, len, err);
}
