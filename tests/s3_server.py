# SPDX-License-Identifier: MIT
"""An S3 on loopback for the tests: moto, behind what verifies each request.

s3_server.py FAULTS_FILE

Prints its process id and port when it is there. Signatures and checksums of bodies are compared with what botocore makes of the
same request. Buckets whose names begin with "open" need none. The key is
KEY/SECRET below, or TOKEN's with it.

FAULTS_FILE holds lines COUNT WHAT METHOD REGEX, for requests to come whose
METHOD and path match: WHAT is a status (with its code as in 503=SlowDown), cut
(no answer), lost (done, but no answer), damage (a byte of the body is another
one), error (status 200, but an error), wait (until COUNT of them are there).

The tests ask for more by paths of their own: /_make/B, /_dump/B/DIR,
/_copy/FROM/TO, /_uploads/B, /_fill/B/PREFIX.
"""

import hashlib
import io
import os
import re
import sys
import threading
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import moto.server
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

KEY, SECRET = "AKIDTEST", "geheim+/=Schl"
TOKEN_KEY, TOKEN = "ASIATEST", "tok/en+=="

faults_file = sys.argv[1]
lock = threading.Lock()
met = threading.Condition(lock)
waiting = {}


class Refused(Exception):
    pass


def answer(start, status, code, message="m."):
    text = (f"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}"
            f"</Code><Message>{message}</Message></Error>").encode()
    start(f"{status} X", [("Content-Type", "application/xml"),
                          ("Content-Length", str(len(text)))])
    return [text]


def verify(environ, body):
    """Raises Refused with a code."""
    given = environ.get("HTTP_AUTHORIZATION", "")
    bucket = environ["RAW"].split("/")[1].split("?")[0]
    if not given:
        if bucket.startswith("open"):
            return
        raise Refused("AccessDenied")
    m = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d+)/([\w-]+)/s3/"
                     r"aws4_request, ?SignedHeaders=([\w;-]+), ?"
                     r"Signature=([0-9a-f]{64})", given)
    if not m:
        raise Refused("AuthorizationHeaderMalformed")
    key, _, region, names, signature = m.groups()
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN")
    if (key, token) not in ((KEY, None), (TOKEN_KEY, TOKEN)):
        raise Refused("InvalidAccessKeyId")
    sent = {}
    for name in names.split(";"):
        var = name.upper().replace("-", "_")
        sent[name] = environ.get("HTTP_" + var) or environ.get(var, "")
    for name in environ:
        if name.startswith("HTTP_X_AMZ_"):
            if name[5:].lower().replace("_", "-") not in sent:
                raise Refused("NotSigned")
    if "host" not in sent or "x-amz-date" not in sent:
        raise Refused("NotSigned")
    request = botocore.awsrequest.AWSRequest(
        environ["REQUEST_METHOD"], f"http://{sent['host']}{environ['RAW']}",
        sent, body)
    request.context["timestamp"] = sent["x-amz-date"]
    auth = botocore.auth.S3SigV4Auth(
        botocore.credentials.Credentials(key, SECRET), "s3", region)
    auth.headers_to_sign = lambda r: r.headers
    text = auth.string_to_sign(request, auth.canonical_request(request))
    if auth.signature(text, request) != signature:
        raise Refused("SignatureDoesNotMatch")
    want = sent.get("x-amz-content-sha256", "")
    if re.fullmatch("[0-9a-f]{64}", want) and \
            hashlib.sha256(body).hexdigest() != want:
        raise Refused("XAmzContentSHA256Mismatch")


def take_fault(method, path):
    """(WHAT, COUNT) of the first that matches, which is then used up."""
    try:
        with open(faults_file) as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return None, 0
    for i, line in enumerate(lines):
        count, what, on, regex = line.split(" ", 3)
        if on != method or not re.search(regex, path) or count == "0":
            continue
        if what != "wait":
            lines[i] = f"{int(count) - 1} {what} {on} {regex}"
            with open(faults_file, "w") as f:
                f.write("\n".join(lines))
        return what, int(count)
    return None, 0


def wait_for(count):
    with met:
        waiting["now"] = waiting.get("now", 0) + 1
        met.notify_all()
        if not met.wait_for(lambda: waiting["now"] >= count, 15):
            raise Refused("Alone")


def backend():
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def control(path):
    word, *args = [urllib.parse.unquote(a) for a in path[2:].split("/", 2)]
    s3 = backend()
    if word == "make":
        waiting.clear()
        s3.create_bucket(args[0], "us-east-1")
    elif word == "copy":
        if args[1] in s3.buckets:
            s3.buckets[args[1]].keys.clear()
            s3.buckets[args[1]].multiparts.clear()
        else:
            s3.create_bucket(args[1], "us-east-1")
        for name, key in s3.buckets[args[0]].keys.items():
            s3.put_object(args[1], name, key.value)
    elif word == "dump":
        os.makedirs(args[1], exist_ok=True)
        for name, key in s3.buckets[args[0]].keys.items():
            to = os.path.join(args[1], name)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            with open(to, "wb") as f:
                f.write(key.value)
    elif word == "fill":
        for i in range(1200):
            s3.put_object(args[0], f"{args[1]}{i}__00.jsonl", b"{}")
    elif word == "uploads":
        return str(len(s3.buckets[args[0]].multiparts))
    return "ok"


class Guard:
    def __init__(self, app):
        self.app = app

    def drop(self, environ):
        environ["werkzeug.socket"].shutdown(2)
        raise ConnectionError("as asked for")

    def serve(self, environ, start, what, count):
        if what and what[0].isdigit():
            status, _, code = what.partition("=")
            return answer(start, status, code or "Fault")
        if what == "error":
            return answer(start, 200, "InternalError")
        if what == "wait":
            wait_for(count)
        if what == "cut":
            self.drop(environ)
        result = self.app(environ, start)
        if what == "lost":
            list(result)
            self.drop(environ)
        return result

    def __call__(self, environ, start):
        raw = environ["RAW"] = environ["RAW_URI"]
        if raw.startswith("/_"):
            text = control(raw).encode()
            start("200 OK", [("Content-Length", str(len(text)))])
            return [text]
        stream = environ["wsgi.input"]
        if environ.get("HTTP_TRANSFER_ENCODING", "") == "chunked":
            body = stream.read()
        else:
            body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
        with lock:
            what, count = take_fault(environ["REQUEST_METHOD"], raw)
        if what == "damage":
            body = bytes([body[0] ^ 1]) + body[1:]
        try:
            verify(environ, body)
            environ["wsgi.input"] = io.BytesIO(body)
            return self.serve(environ, start, what, count)
        except Refused as refused:
            return answer(start, 403 if what != "damage" else 400,
                          refused.args[0])


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args):
        pass


server = make_server(
    "127.0.0.1", 0,
    Guard(moto.server.DomainDispatcherApplication(
        moto.server.create_backend_app)),
    threaded=True, request_handler=Quiet)
print(os.getpid(), server.port, flush=True)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
server.serve_forever()
