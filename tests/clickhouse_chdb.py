"""A current ClickHouse for tests: the engine of the Python package chdb behind
as much of ClickHouse's HTTP interface as dlt-load uses.

clickhouse_chdb.py DIR PORT_FILE: data are kept in DIR; the port is written to
PORT_FILE once requests are answered. Statements run one after the other.
"""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import session

engine = session.Session(os.path.join(sys.argv[1], "data"))
lock = threading.Lock()
known = {}
PARAMETERS = {"database", "query", "query_id", "wait_end_of_query"}


def run(sql):
    result = engine.query(sql, "TabSeparated")
    return result.bytes() if result is not None else b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, sql, parameters):
        for key, value in parameters.items():
            if key not in PARAMETERS and known.get(key) != value:
                run(f"SET {key} = '{value}'")
                known[key] = value
        return run(sql)

    def do_POST(self):
        parameters = dict(parse_qsl(urlsplit(self.path).query))
        sql = self.body()  # bytes: rows in it are not text
        if self.headers.get("X-ClickHouse-User") != "default":
            return self.send(403, b"Code: 516. DB::Exception: no such user", 516)
        try:
            with lock:
                text = self.answer(sql, parameters)
        except Exception as e:
            message = str(e).encode("utf-8", "surrogateescape")
            code = message.split(b"Code: ")[-1].split(b".")[0]
            return self.send(500, message, code.decode())
        self.send(200, text)

    def send(self, status, text, code=None):
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(ThreadingHTTPServer):
    request_queue_size = 100


server = Server(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".new", "w") as f:
    f.write(f"{server.server_address[1]}\n")
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
