# SPDX-License-Identifier: MIT
"""URLs by restq and by Python: requests, urljoin and dlt's join_url.

rest_urls.py RESTQ COUNT [SEED]
"""

import json
import random
import subprocess
import sys
from urllib.parse import urljoin, urlsplit

import requests
from dlt.sources.helpers.rest_client.utils import join_url

PIECES = ["a", "b c", "%20", "%zz", "%2F", "%7e", "é", "..", ".", "/", "//", "?", "&", "=", "#", "+", "@", ":",
          "[", "]", "{", "|", "~", "%", "'", '"', "<", "!", "日本", "$", "x.y", "*", "\\", "^", "`", "%41"]
NUMBERS = [0, -1, 10**25, 1.0, 0.1, 1e16, 1e-5, 1e-4, 123456789012345680.0, 1e22, -0.0, 5e-324, 1.5e300, 12345.678]


def text(most):
    return "".join(random.choice(PIECES) for _ in range(random.randint(0, most)))


def value(depth=0):
    kind = random.random()
    if kind < 0.35:
        return text(4)
    if kind < 0.5:
        return random.choice([True, False, None])
    if kind < 0.7:
        return random.choice(NUMBERS)
    if depth == 0 and kind < 0.75:
        return {text(2) or "k": 1, "z": 2}
    if depth < 2 and kind < 0.95:
        return [value(depth + 1) for _ in range(random.randint(0, 3))]
    return ";" + text(2)


def is_deep(v):
    """Arrays in arrays in arrays are written as Python writes them."""
    return isinstance(v, list) and any(
        isinstance(x, list) and any(isinstance(y, (list, dict)) for y in x) for x in v)


def prepare():
    hosts = ["h", "H.Example.com", "u:p@h", "127.0.0.1:80", "u%20x:p@q@h:1", "[::1]:8"]
    url = f"http{random.choice(['', 's'])}://{random.choice(hosts)}{random.choice(['/', '?', '#', ''])}"
    if url[-1] in "/?#":
        url += text(6)
    params = {text(2) or "p": v for v in (value() for _ in range(random.randint(0, 3))) if not is_deep(v)}
    sent = requests.Request("GET", url, params=params).prepare()
    parts, path = urlsplit(sent.url), sent.path_url
    if path.startswith("//"):  # as requests.adapters has it
        path = "/" + path.lstrip("/")
    return {"op": "prepare", "a": url, "params": params}, f"{parts.scheme}://{parts.netloc}{path}"


def resolve():
    base = "http://h.x/" + text(5)
    ref = random.choice(["", "/", "//o/", "http://q/", "HTTPS://z/", "?x", "#f", "http:"]) + text(5)
    return {"op": "resolve", "a": base, "b": ref}, urljoin(base, ref)


def join():
    base = random.choice(["http://h/v1", "http://h/v1/", "http://h//", "", "https://h"])
    path = text(4)
    return {"op": "join", "a": base, "b": path}, join_url(base, path)


def main():
    random.seed(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    cases = []
    while len(cases) < int(sys.argv[2]):
        try:
            cases.append(random.choice([prepare, prepare, resolve, join])())
        except (ValueError, requests.RequestException):
            pass  # Python refuses it
    given = "".join(json.dumps(c) + "\n" for c, _ in cases)
    out = subprocess.run([sys.argv[1], "-u"], input=given, capture_output=True, text=True, check=True).stdout
    found, differ = out.split("\n")[:-1], 0
    for (case, want), line in zip(cases, found):
        if json.loads(line) != want:
            differ += 1
            print(json.dumps(case, ensure_ascii=False), "\n  want", want, "\n  got ", line)
    print(f"{len(found)} of {len(cases)}, {differ} differ")


main()
