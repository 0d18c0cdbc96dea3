/* SPDX-License-Identifier: MIT */
/*
 * gen a|b|c ROWS SEED: rows of made-up data, one JSON object a line.
 *
 * a: events of a code host, nested, 1.4 kB each, of seven kinds
 * b: flat, 9 columns, 200 bytes
 * c: what is awkward: 400 columns with odd names, 24 levels, escapes, lists of
 *    lists, objects that share few keys; 4 kB each
 *
 * The same arguments give the same bytes from the same build.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a)  (sizeof(a) / sizeof(*(a)))
#define PICK(a) ((a)[below(LEN(a))])

static const char *const first_names[] = { "James", "Mary", "Robert",
	"Patricia", "John", "Jennifer", "Linda", "David", "Elizabeth", "Susan",
	"Søren", "José", "Zoë", "Chloé", "Björn", "Wei", "Yuki", "Aarav",
	"Fatima", "Olga", "Ivan", "Nguyễn" };
static const char *const last_names[] = { "Smith", "Johnson", "Williams",
	"Brown", "Jones", "Garcia", "Miller", "Davis", "Lopez", "Wilson",
	"Taylor", "Moore", "Martin", "Lee", "Müller", "Sørensen", "Dvořák",
	"Tanaka", "Singh", "O'Brien" };
static const char *const words[] = { "fix", "the", "bug", "in", "parser",
	"when", "input", "is", "empty", "add", "test", "for", "update", "merge",
	"branch", "main", "of", "remove", "unused", "import", "handle", "error",
	"case", "bump", "version", "to", "dependency", "docs", "typo",
	"support", "new", "option", "config", "file", "path", "linux", "memory",
	"leak", "performance", "improve", "cache", "invalidate", "on", "write",
	"release", "changelog", "workflow", "build", "image", "deploy",
	"revert", "feature", "flag", "user", "session", "token", "auth",
	"endpoint", "response", "schema", "migration", "database", "index",
	"query", "slow", "log", "level", "debug" };

static uint64_t state[2];

/* xorshift128+ */
static uint64_t
draw(void)
{
	uint64_t a = state[0], b = state[1];

	state[0] = b;
	a ^= a << 23;
	state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
	return state[1] + b;
}

static unsigned
below(uint64_t n)
{
	return (unsigned)(draw() % n);
}

static void __attribute__((format(printf, 1, 2))) put(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

static void
put_hex(int digits)
{
	while (digits--)
		putchar("0123456789abcdef"[below(16)]);
}

/* Some words; escaped: with line ends and quotes among them. */
static void
put_text(unsigned count, int escaped)
{
	static const char *const marks[] = { "\\n\\n", " \\\"x\\\"", "\\r\\n- ",
		" `a/b`" };

	for (unsigned i = 0; i < count; i++) {
		put("%s%s", i ? " " : "", PICK(words));
		if (escaped && below(10) == 0)
			put("%s", PICK(marks));
	}
}

static void
put_time(unsigned seconds)
{
	put("2024-%02u-%02uT%02u:%02u:%02uZ", 1 + seconds / 2419200 % 12,
	    1 + seconds / 86400 % 28, seconds / 3600 % 24, seconds / 60 % 60,
	    seconds % 60);
}

/* ---- a ---- */

static void
name_of(unsigned id, char name[64])
{
	static const char *const suffixes[] = { "dev", "hub", "io", "42", "x",
		"code", "bot", "labs", "-ops", "99" };

	snprintf(name, 64, "%s%s%u", words[id % LEN(words)],
	    suffixes[id / 70 % LEN(suffixes)], id % 977);
}

static void
put_user(unsigned id)
{
	char n[64];

	name_of(id, n);
	put("{\"login\":\"%s\",\"id\":%u,\"node_id\":\"MDQ6VXNlc", n, id);
	put_hex(10);
	put("\",\"avatar_url\":\"https://avatars.example.com/u/%u?v=4\"", id);
	put(",\"gravatar_id\":\"\",\"url\":\"https://api.example.com/users/%s\""
	    ",\"html_url\":\"https://example.com/%s\"",
	    n, n);
	put(",\"followers_url\":\"https://api.example.com/users/%s/followers\""
	    ",\"type\":\"User\",\"site_admin\":false}",
	    n);
}

static void
put_users(unsigned count)
{
	put("[");
	for (unsigned i = 0; i < count; i++) {
		if (i)
			put(",");
		put_user(1000 + below(50000));
	}
	put("]");
}

static void
put_commits(unsigned count, const char *repo)
{
	put("[");
	for (unsigned i = 0; i < count; i++) {
		put("%s{\"sha\":\"", i ? "," : "");
		put_hex(40);
		put("\",\"author\":{\"email\":\"%s@mail.example.com\"",
		    PICK(words));
		put(",\"name\":\"%s %s\"},\"message\":\"", PICK(first_names),
		    PICK(last_names));
		put_text(3 + below(15), 1);
		put("\",\"distinct\":%s,\"url\":\"https://api.example.com/"
		    "repos/%s/commits/",
		    below(9) ? "true" : "false", repo);
		put_hex(40);
		put("\"}");
	}
	put("]");
}

static void
put_push(unsigned repo_id, const char *repo, uint64_t i)
{
	unsigned count = 1 + below(below(3) ? 2 : 6);

	put("\"repository_id\":%u,\"push_id\":%" PRIu64, repo_id,
	    UINT64_C(15000000000) + i * 3);
	put(",\"size\":%u,\"distinct_size\":%u,\"ref\":\"refs/heads/%s\"",
	    count, count, below(3) ? "main" : PICK(words));
	put(",\"head\":\"");
	put_hex(40);
	put("\",\"before\":\"");
	put_hex(40);
	put("\",\"commits\":");
	put_commits(count, repo);
}

static void
put_labels(unsigned count)
{
	put("[");
	for (unsigned i = 0; i < count; i++)
		put("%s{\"id\":%u,\"name\":\"%s\",\"color\":\"%06x\","
		    "\"default\":%s,\"description\":%s}",
		    i ? "," : "", below(1u << 31), PICK(words), below(1 << 24),
		    below(2) ? "true" : "false", below(2) ? "null" : "\"\"");
	put("]");
}

static void
put_issue(const char *kind, const char *repo, unsigned time)
{
	unsigned number = below(9999);

	put("\"%s\":{\"url\":\"https://api.example.com/repos/%s/issues/%u\"",
	    kind, repo, number);
	put(",\"id\":%u,\"node_id\":\"PR_kw", 1600000000 + below(300000000));
	put_hex(14);
	put("\",\"number\":%u,\"state\":\"open\",\"locked\":false,\"title\":\"",
	    number);
	put_text(4 + below(8), 0);
	put("\",\"user\":");
	put_user(1000 + below(90000));
	put(",\"body\":");
	if (below(5)) {
		put("\"");
		put_text(20 + below(120), 1);
		put("\"");
	} else {
		put("null");
	}
	put(",\"labels\":");
	put_labels(below(4));
	put(",\"assignees\":");
	put_users(below(3));
	put(",\"milestone\":null,\"comments\":%u,\"created_at\":\"", below(30));
	put_time(time);
	put("\",\"closed_at\":null,\"draft\":false,\"score\":%.6f}",
	    below(1000000) / 1e6);
}

static void
put_fork(void)
{
	unsigned topics = below(5);

	put("\"forkee\":{\"id\":%u,\"name\":\"%s\",\"owner\":",
	    below(700000000), PICK(words));
	put_user(below(500000));
	put(",\"private\":false,\"topics\":[");
	for (unsigned i = 0; i < topics; i++)
		put("%s\"%s\"", i ? "," : "", PICK(words));
	put("],\"forks\":%u,\"watchers\":%u,\"size\":%u}", below(5), below(5),
	    below(90000));
}

static void
put_payload(unsigned kind, unsigned repo_id, const char *repo, uint64_t i)
{
	if (kind < 50) {
		put_push(repo_id, repo, i);
	} else if (kind < 67) {
		put("\"ref\":\"%s-%u\",\"ref_type\":\"branch\","
		    "\"master_branch\":\"main\",\"pusher_type\":\"user\"",
		    PICK(words), below(1000));
	} else if (kind < 85) {
		put("\"action\":\"%s\",", below(2) ? "opened" : "closed");
		put_issue(kind < 75 ? "pull_request" : "issue", repo,
		    (unsigned)i / 8);
	} else if (kind < 95) {
		put("\"action\":\"started\"");
	} else {
		put_fork();
	}
}

static const char *
kind_name(unsigned kind)
{
	return kind < 50 ? "PushEvent"
	    : kind < 60  ? "CreateEvent"
	    : kind < 67  ? "DeleteEvent"
	    : kind < 75  ? "PullRequestEvent"
	    : kind < 85  ? "IssueCommentEvent"
	    : kind < 95  ? "WatchEvent"
	                 : "ForkEvent";
}

static void
put_event(uint64_t i)
{
	unsigned actor = 1000 + below(1 + below(500000));
	unsigned repo_id = 5000 + below(1 + below(900000)), kind = below(100);
	char name[64], repo[140];

	name_of(repo_id * 7, name);
	snprintf(repo, sizeof(repo), "%s/%s-%s", name,
	    words[repo_id % LEN(words)], words[repo_id / 3 % LEN(words)]);
	put("{\"id\":\"%" PRIu64 "\",\"type\":\"%s\",\"actor\":",
	    UINT64_C(34500000000) + i, kind_name(kind));
	put_user(actor);
	put(",\"repo\":{\"id\":%u,\"name\":\"%s\","
	    "\"url\":\"https://api.example.com/repos/%s\"},\"payload\":{",
	    repo_id, repo, repo);
	put_payload(kind, repo_id, repo, i);
	put("},\"public\":true,\"created_at\":\"");
	put_time((unsigned)i / 8);
	put("\"");
	if (below(3) == 0)
		put(",\"org\":{\"id\":%u,\"login\":\"%s\",\"gravatar_id\":\"\","
		    "\"url\":\"https://api.example.com/orgs/%s\"}",
		    repo_id * 3, name, name);
	put("}\n");
}

/* ---- b ---- */

static void
put_flat(uint64_t i)
{
	put("{\"id\":%" PRIu64 ",\"name\":\"%s %s\"", i + 1, PICK(first_names),
	    PICK(last_names));
	put(",\"email\":\"%s.%s%u@example.com\",\"created_at\":\"", PICK(words),
	    PICK(words), below(10000));
	put_time(below(31622400));
	put("\",\"amount\":%u.%02u,\"flag\":%s", below(100000), below(100),
	    below(2) ? "true" : "false");
	put(",\"country\":\"%c%c\",\"score\":%d,\"note\":",
	    'A' + (int)below(26), 'A' + (int)below(26),
	    (int)below(2000) - 1000);
	if (below(10) == 0) {
		put("null}\n");
	} else {
		put("\"");
		put_text(2 + below(4), 0);
		put("\"}\n");
	}
}

/* ---- c ---- */

static void
put_wide(void)
{
	put("{\"id\":%u", below(1 << 30));
	for (int i = 0; i < 400; i++) {
		put(",\"Column Name-%d.x\":", i);
		switch (i % 5) {
		case 0:
			put("%d", (int)below(1 << 30));
			break;
		case 1:
			put("\"%s\"", PICK(words));
			break;
		case 2:
			put("-%u.%ue-%u", below(10), below(1000000), below(30));
			break;
		case 3:
			put("%s", below(2) ? "true" : "null");
			break;
		default:
			put("%u.5", below(1000));
		}
	}
	put("}\n");
}

static void
put_deep(unsigned depth)
{
	for (unsigned i = depth; i; i--)
		put("{\"Level%u\":%u,\"camelCaseKey%u\":[[%u,%u],[%u,[%u]]],"
		    "\"sub\":",
		    i, below(100), i, below(9), below(9), below(9), below(9));
	put("{\"leaf\":%u}", below(100));
	for (unsigned i = 0; i < depth; i++)
		put("}");
	put("\n");
}

static void
put_escapes(void)
{
	static const char *const pieces[] = { "\\u00e9", "\\ud83d\\ude00",
		"\\\\", "\\\"", "\\n", "\\t", "é", "漢", "😀", "a", "b", "\\/",
		"\\u0001" };

	put("{\"esc\":\"");
	for (unsigned i = 200 + below(2000); i; i--)
		put("%s", PICK(pieces));
	put("\",\"k\":[0");
	for (unsigned i = below(300); i; i--)
		put(",%d", (int)below(100000) - 50000);
	put("]}\n");
}

static void
put_ragged(void)
{
	unsigned count = below(60);

	put("{\"items\":[");
	for (unsigned i = 0; i < count; i++) {
		put("%s", i ? ",{" : "{");
		for (unsigned k = below(6); k; k--)
			put("\"k%u\":%u,", k * 7 + below(7), below(1000));
		put("\"sub\":[{\"a\":1,\"b\":[{\"c\":%u}]},{}]}", below(9));
	}
	put("]}\n");
}

static void
put_awkward(void)
{
	switch (below(4)) {
	case 0:
		put_wide();
		break;
	case 1:
		put_deep(8 + below(16));
		break;
	case 2:
		put_escapes();
		break;
	default:
		put_ragged();
	}
}

int
main(int argc, char **argv)
{
	if (argc != 4 || !strchr("abc", argv[1][0])) {
		fputs("usage: gen a|b|c ROWS SEED\n", stderr);
		return 2;
	}
	state[0] = UINT64_C(88172645463325252) ^
	    strtoull(argv[3], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15);
	state[1] = 0x1234567;
	for (uint64_t i = 0, n = strtoull(argv[2], NULL, 10); i < n; i++) {
		if (argv[1][0] == 'a')
			put_event(i);
		else if (argv[1][0] == 'b')
			put_flat(i);
		else
			put_awkward();
	}
	return fflush(stdout) || ferror(stdout);
}
