# SPDX-License-Identifier: MIT
"""A REST API on loopback for the tests.

rest_server.py [CERTIFICATE KEY]

Listens on two ports of 127.0.0.1 (and, with a certificate, on a third with
TLS), prints its process id and the ports when it is there, and ends when its
parent does. The second port is the "other host" of redirects.

For the tests:

    /_log       what was asked since the last reset, as JSON: {"requests": [{
                "method", "target", "path", "query", "headers", "body",
                "status", "port", "in", "out"}], "in_flight", "max_in_flight",
                "max_of": {GROUP: N}, "gave_up"}; a group is the first part of
                the path, "users", and "users/" all that is below it; secrets
                are "***"
    /_reset     forget all that, let go whoever is held
    /_hold?group=G&count=N&grace=S
                requests of the group wait until N of them are there, and S
                seconds more, for one that should not be; after that once they
                go on. Nobody waits longer than 20 seconds ("gave_up").

Rows:

    /pages/KIND   KIND: json_link, header_link, header_cursor, offset,
                  page_number, cursor, single_page. Rows {"id": N, "name": ...}
                  of ?total= (25), by ?limit= (10). In the query or a JSON body.
    /posts, /posts/N, /posts/N/comments, /post_comments?post_id=N
    /users, /users/N, /products, /products/N   24 and 32, a page each
    /pokeapi/api/v2/..., /github/repos/O/R/... like those two, in small
    /events?since=TIME  rows with updated_at, from TIME on, in ?limit= and page
    /numbers /empty /null /bom /broken /html /no_content /object

Trouble (?times=N: N times for the same target, then rows):

    /status/CODE[?after=SECONDS|DATE]  /cut /truncated /timeout /drip
    /encoding/wrong|gzip|deflate  /redirect/CODE?to=URL[&loop=N]  /large?bytes=N

Authentication (401 without it):

    /auth/bearer/... /auth/api_key/... (header X-Api-Key, query or cookie
    api_key) /auth/basic/... /auth/oauth2/... : rows. /oauth/token?expires_in=S
    gives tokens; /_expire takes them back.

    /cookie?page=N   403 without the cookie of the page before
    /echo            the request, as a row
"""

import base64
import gzip
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import zlib

TOKEN = "tok-en/+=1"
API_KEY = "k3y &=+/ü"
USER, PASSWORD = "us er", "pa:ss/wörd"
CLIENT_ID, CLIENT_SECRET = "cl-id", "cl-s3cret&"
MAX_WAIT = 20

changed = threading.Condition()


class State:
    def __init__(self):
        self.requests = []
        self.in_flight = self.max_in_flight = 0
        self.now_of, self.max_of = {}, {}
        self.gave_up = False
        self.seen = {}
        self.holds = {}
        self.tokens = getattr(self, "tokens", [])
        self.released = threading.Event()


state = State()


def secrets():
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    found = [TOKEN, API_KEY, PASSWORD, basic, CLIENT_SECRET, *state.tokens]
    return found + [urllib.parse.quote_plus(s) for s in found]


def masked(text):
    for secret in secrets():
        text = text.replace(secret, "***")
    return text


def rows(first, last, kind="row"):
    return [{"id": i, "name": f"{kind} {i}"} for i in range(first, last)]


class Answer:
    def __init__(self, value=None, status=200, headers=None, body=None):
        self.status, self.headers = status, dict(headers or {})
        self.body = json.dumps(value).encode() if body is None else body
        if body is None:
            self.headers.setdefault("Content-Type", "application/json")
        self.length = len(self.body)


class Gone(Exception):
    """The connection is closed without an answer."""


# ---- rows in pages ----


def url_with(h, **changes):
    query = dict(h.pairs)
    query.update({k: str(v) for k, v in changes.items()})
    return f"{h.origin()}{h.path}?{urllib.parse.urlencode(query)}"


def slice_of(h, start, limit):
    total = h.number("total", 25)
    return rows(start, min(start + limit, total)), start + limit < total


def pages(h, kind):
    limit = h.number("limit", 10)
    if kind == "single_page":
        return Answer({"data": rows(0, h.number("total", 25))})
    if kind == "offset":
        found, _ = slice_of(h, h.number("offset", 0), limit)
        return Answer({"data": found, "total": h.number("total", 25)})
    if kind == "page_number":
        base = h.number("base", 1)
        found, _ = slice_of(h, (h.number("page", base) - base) * limit, limit)
        return Answer({"data": found,
                       "total_pages": -(-h.number("total", 25) // limit) + base - 1 + (base == 0)})
    if kind == "cursor":
        start = int(h.get("after", "c0")[1:])
        found, more = slice_of(h, start, limit)
        return Answer({"data": found, "cursors": {"next": f"c{start + limit}" if more else None}})
    if kind == "header_cursor":
        start = int(h.get("cursor", "c0")[1:])
        found, more = slice_of(h, start, limit)
        return Answer(found, headers={"X-Next-Cursor": f"c{start + limit}"} if more else {})
    page = h.number("page", 1)
    found, more = slice_of(h, (page - 1) * limit, limit)
    link = url_with(h, page=page + 1)
    if h.get("relative"):
        link = link[len(h.origin()):]
    if kind == "header_link":
        first = url_with(h, page=1)
        links = [f'<{first}>; rel="first"'] + ([f'<{link}>; rel="next"'] if more else [])
        return Answer(found, headers={"Link": ", ".join(links)})
    if kind == "json_link":
        return Answer({"data": found, "links": {"next": link if more else None}})
    return Answer({"error": "no such kind"}, 404)


def posts(h, parts):
    if not parts:
        found = [{"id": i, "title": f"Post {i}", "author": {"id": i % 3}} for i in range(1, 6)]
        return Answer(found)
    number = int(parts[0])
    if number > 5:
        return Answer({"error": "no such post"}, 404)
    if len(parts) == 1:
        return Answer({"id": number, "title": f"Post {number}", "body": "long " * number})
    return Answer([{"id": number * 10 + i, "post_id": number, "body": f"Comment {i}"}
                   for i in range(number % 3)])


def pokeapi(h, parts):
    names = {"pokemon": 25, "berry": 12, "location": 5}
    if parts[:2] != ["api", "v2"] or len(parts) < 3 or parts[2] not in names:
        return Answer(None, 404, body=b"Not Found")
    what = parts[2]
    if len(parts) > 3:
        return Answer({"id": int(parts[3].split("-")[1]), "name": parts[3], "weight": len(parts[3]) / 4})
    limit, offset, total = h.number("limit", 20), h.number("offset", 0), names[what]
    found = [{"name": f"{what}-{i}", "url": f"{h.origin()}{h.path.rstrip('/')}/{what}-{i}/"}
             for i in range(offset, min(offset + limit, total))]
    more = offset + limit < total
    return Answer({"count": total, "next": url_with(h, offset=offset + limit, limit=limit) if more else None,
                   "previous": None, "results": found})


def github(h, parts):
    if parts[:1] != ["repos"] or len(parts) < 4:
        return Answer({"message": "Not Found"}, 404)
    found = [{"id": 1000 + i, "number": i, "title": f"Issue {i}", "state": "open" if i % 2 else "closed",
              "updated_at": f"2024-01-{i:02d}T00:00:00Z", "labels": [{"id": j, "name": f"l{j}"} for j in range(i % 3)]}
             for i in range(1, 13)]
    if parts[3:] == ["issues"]:
        if h.get("state", "open") != "all":
            found = [r for r in found if r["state"] == h.get("state", "open")]
        found = [r for r in found if r["updated_at"] >= h.get("since", "")]
        found.sort(key=lambda r: r["number"], reverse=h.get("direction", "desc") == "desc")
    elif len(parts) == 6 and parts[5] == "comments":
        n = int(parts[4])
        found = [{"id": n * 100 + i, "body": f"comment {i} of {n}", "created_at": "2024-02-01T00:00:00Z"}
                 for i in range(n % 4)]
    else:
        return Answer({"message": "Not Found"}, 404)
    per, page = h.number("per_page", 30), h.number("page", 1)
    headers = {}
    if page * per < len(found):
        headers["Link"] = (f'<{url_with(h, page=page + 1)}>; rel="next", '
                           f'<{url_with(h, page=-(-len(found) // per))}>; rel="last"')
    return Answer(found[(page - 1) * per:page * per], headers=headers)


def events(h):
    found = [{"id": i, "updated_at": f"2024-01-01T{i:02d}:00:00Z", "value": i * 1.5} for i in range(24)]
    found = [r for r in found if h.get("since", "") <= r["updated_at"]
             and (not h.get("until") or r["updated_at"] < h.get("until"))]
    limit, page = h.number("limit", 10), h.number("page", 1)
    return Answer({"events": found[(page - 1) * limit:page * limit], "pages": -(-len(found) // limit)})


def collection(h, kind, count, parts):
    if not parts:
        return Answer([{"id": i, "name": f"{kind} {i}"} for i in range(1, count + 1)])
    number = int(parts[0])
    if number > count:
        return Answer({"error": f"no such {kind}"}, 404)
    return Answer({"id": number, "name": f"{kind} {number}", "detail": f"about {kind} {number}"})


ODD = {
    "numbers": b'[{"id":1,"big":123456789012345678901234567890,"dec":0.1234567890123456789,"exp":1E300,"neg":-0}]',
    "empty": b"[]",
    "null": b"null",
    "bom": b'\xef\xbb\xbf[{"id":1}]',
    "broken": b'[{"id":1},{"id":',
    "html": b"<html><body>hello</body></html>",
    "object": b'{"id":1,"name":"only"}',
    "no_content": b"",
}


# ---- trouble ----


def is_over(h):
    """True when ?times= of this target are through."""
    with changed:
        n = state.seen[h.target] = state.seen.get(h.target, 0) + 1
    return n > h.number("times", 1 << 30)


def trouble(h, kind, parts):
    if is_over(h):
        return Answer(rows(0, 3))
    if kind == "status":
        headers = {"Retry-After": h.get("after")} if h.get("after") is not None else {}
        return Answer({"error": f"status {parts[0]}"}, int(parts[0]), headers)
    if kind == "cut":
        raise Gone()
    if kind == "truncated":
        answer = Answer(rows(0, 3))
        answer.length += 100
        return answer
    if kind == "timeout":
        state.released.wait(MAX_WAIT)
        raise Gone()
    if kind == "drip":
        answer = Answer(rows(0, 3))
        answer.drip = True
        return answer
    if kind == "large":
        return Answer(body=b"[" + b"1," * (h.number("bytes", 1000) // 2) + b"1]",
                      headers={"Content-Type": "application/json"})
    return redirect(h, parts)


def redirect(h, parts):
    to, loop = h.get("to", "/posts"), h.number("loop", 0)
    if loop:
        to = url_with(h, loop=loop - 1)
    return Answer(None, int(parts[0]), {"Location": to}, body=b"moved")


def encoding(kind):
    body = json.dumps(rows(0, 100)).encode()
    if kind == "gzip":
        return Answer(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    if kind == "deflate":
        return Answer(body=zlib.compress(body), headers={"Content-Encoding": "deflate"})
    return Answer(body=body, headers={"Content-Encoding": "gzip"})


# ---- authentication ----


def is_allowed(h, kind):
    given = h.headers.get("Authorization", "")
    if kind == "bearer":
        return given == f"Bearer {TOKEN}"
    if kind == "basic":
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return given == f"Basic {pair}"
    if kind == "oauth2":
        with changed:
            return given[7:] in state.tokens and given.startswith("Bearer ")
    key = h.headers.get("X-Api-Key", "").encode("latin-1").decode("utf-8", "replace")
    cookie = h.headers.get("Cookie", "").encode("latin-1").decode("utf-8", "replace")
    return API_KEY in (key, h.get("api_key")) or f"api_key={API_KEY}" in cookie


def auth(h, parts):
    if not is_allowed(h, parts[0]):
        return Answer({"error": "who are you?"}, 401)
    return pages(h, parts[1]) if len(parts) > 1 and parts[1] != "items" else Answer(rows(0, 3))


def token(h):
    form = dict(urllib.parse.parse_qsl(h.body.decode()))
    if (form.get("client_id"), form.get("client_secret"), form.get("grant_type")) != \
            (CLIENT_ID, CLIENT_SECRET, "client_credentials") or h.command != "POST":
        return Answer({"error": "invalid_client"}, 401)
    with changed:
        made = f"t0ken-{len(state.tokens) + 1}-secret"
        state.tokens.append(made)
    answer = {"access_token": made, "token_type": "bearer", "scope": form.get("scope")}
    if h.get("expires_in") is not None:
        answer["expires_in"] = int(h.get("expires_in"))
    return Answer(answer)


# ---- for the tests ----


def hold(h):
    with changed:
        state.holds[h.get("group")] = {"count": h.number("count", 1), "grace": float(h.get("grace", "0.1"))}
    return Answer({})


def log():
    with changed:
        text = json.dumps({
            "requests": state.requests, "in_flight": state.in_flight,
            "max_in_flight": state.max_in_flight, "max_of": state.max_of,
            "gave_up": state.gave_up}, ensure_ascii=False)
    return Answer(body=masked(text).encode(), headers={"Content-Type": "application/json"})


def control(h):
    global state
    name = h.path[2:]
    if name == "log":
        return log()
    if name == "reset":
        with changed:
            old, tokens = state, state.tokens
            state = State()
            state.tokens = tokens
            old.released.set()
            changed.notify_all()
        return Answer({})
    if name == "expire":
        with changed:
            state.tokens = [f"expired-{t}" for t in state.tokens]
        return Answer({})
    if name == "hold":
        return hold(h)
    return Answer({}, 404)


def wait_if_held(group):
    """With `changed` held."""
    rule = state.holds.get(group)
    mine, deadline = state, time.monotonic() + MAX_WAIT
    while rule and mine is state and state.holds.get(group) is rule:
        if "until" not in rule and state.now_of[group] >= rule["count"]:
            rule["until"] = time.monotonic() + rule["grace"]
            changed.notify_all()
        now = time.monotonic()
        if now >= deadline:
            state.gave_up = True
            state.holds.pop(group, None)
        elif "until" in rule and now >= rule["until"]:
            state.holds.pop(group, None)
        else:
            changed.wait(min(rule.get("until", deadline), deadline) - now)
    changed.notify_all()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def origin(self):
        scheme = "https" if isinstance(self.connection, ssl.SSLSocket) else "http"
        return f"{scheme}://{self.headers.get('Host')}"

    def get(self, name, default=None):
        return self.values.get(name, default)

    def number(self, name, default):
        return int(self.values.get(name, default))

    def take(self):
        self.target = self.path
        parts = urllib.parse.urlsplit(self.path)
        self.path = parts.path
        self.pairs = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        self.values = dict(self.pairs)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Type") == "application/json" and self.body:
            try:
                given = json.loads(self.body)
                if isinstance(given, dict):
                    self.values.update(given)
            except ValueError:
                pass

    def route(self):
        parts = [urllib.parse.unquote(p) for p in self.path.split("/")[1:]]
        while parts and not parts[-1]:
            parts.pop()
        first, rest = (parts[0] if parts else ""), parts[1:]
        if first == "pages" and rest:
            return pages(self, rest[0])
        if first == "posts":
            return posts(self, rest)
        if first == "post_comments":
            return posts(self, [self.get("post_id", "1"), "comments"])
        if first == "users":
            return collection(self, "user", 24, rest)
        if first == "products":
            return collection(self, "product", 32, rest)
        if first == "pokeapi":
            return pokeapi(self, rest)
        if first == "github":
            return github(self, rest)
        if first == "events":
            return events(self)
        if first in ODD:
            return Answer(status=204 if first == "no_content" else 200, body=ODD[first],
                          headers={"Content-Type": "application/json"})
        if first in ("status", "cut", "truncated", "timeout", "drip", "redirect", "large"):
            return trouble(self, first, rest)
        if first == "encoding":
            return encoding(rest[0])
        if first == "auth" and rest:
            return auth(self, rest)
        if self.path == "/oauth/token":
            return token(self)
        if first == "cookie":  # a page is only for who brings the last one's
            page = self.number("page", 1)
            if page > 1 and f"visit={page - 1}" not in self.headers.get("Cookie", ""):
                return Answer({"error": "start at the beginning"}, 403)
            return Answer(rows(page, page + 1), headers={"Set-Cookie": f"visit={page}; Path=/"})
        if first == "echo":
            return Answer([self.record()])
        return Answer({"error": "no such path"}, 404)

    def record(self):
        return {"method": self.command, "target": self.target, "path": self.path,
                "query": self.pairs, "headers": self.shown_headers(),
                "body": self.body.decode("utf-8", "replace"),
                "port": self.server.server_address[1]}

    def shown_headers(self):
        found = {}
        for name, value in self.headers.items():
            if name.lower() in ("authorization", "cookie", "x-api-key"):
                value = "***"
            found[name.lower()] = value.encode("latin-1").decode("utf-8", "replace")
        return found

    def send(self, answer):
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(answer.length))
        if answer.length != len(answer.body):
            self.send_header("Connection", "close")
            self.close_connection = True
        body = b"" if self.command == "HEAD" or answer.status == 204 else answer.body
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer = []
        if not getattr(answer, "drip", False):
            self.wfile.write(head + body)
            return
        mine = state
        for i in range(len(body) - 1):  # never the last byte
            self.wfile.write(head + body[i:i + 1])
            head = b""
            if mine.released.wait(0.05 if i < 10 else 1):
                break
        self.close_connection = True

    def serve(self):
        self.take()
        if self.path.startswith("/_"):
            self.send(control(self))
            return
        first, *rest = self.path[1:].split("/", 1)
        groups = [first, first + "/"] if rest and rest[0] else [first]
        record = self.record()
        record["in"] = time.time()
        mine = state
        with changed:
            mine.requests.append(record)
            mine.in_flight += 1
            mine.max_in_flight = max(mine.max_in_flight, mine.in_flight)
            for group in groups:
                mine.now_of[group] = mine.now_of.get(group, 0) + 1
                mine.max_of[group] = max(mine.max_of.get(group, 0), mine.now_of[group])
            for group in groups:
                wait_if_held(group)
        try:
            answer = self.route()
            record["status"] = answer.status
            self.left(mine, groups, record)
            record = None
            self.send(answer)
        except (Gone, OSError):
            self.close_connection = True
        finally:
            if record:
                self.left(mine, groups, record)

    def left(self, mine, groups, record):
        """Before the answer goes: whoever has it may ask again at once."""
        record["out"] = time.time()
        with changed:
            mine.in_flight -= 1
            for group in groups:
                mine.now_of[group] -= 1
            changed.notify_all()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def listen(certificate=None):
    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    parent = os.getppid()
    ports = [listen(), listen()]
    if len(sys.argv) > 2:
        ports.append(listen(sys.argv[1:3]))
    print(os.getpid(), *ports, flush=True)
    while os.getppid() == parent:
        time.sleep(0.5)


main()
