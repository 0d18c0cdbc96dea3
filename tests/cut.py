#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cut.py DIR N before|after: a PostgreSQL server's socket in DIR that passes all on to $PGHOST, but cuts the connection with the Nth COMMIT.

before: the server never hears of it; after: it has committed, but the client does not hear of that. All other connections stay as they are."""
import os, select, socket, sys, threading

directory, left, when = sys.argv[1], int(sys.argv[2]), sys.argv[3]
name, lock = "/.s.PGSQL." + os.environ.get("PGPORT", "5432"), threading.Lock()


def is_due(data):
    global left
    if b"COMMIT\0" not in data:
        return False
    with lock:
        left -= 1
        return left == 0


def serve(client):
    server = socket.socket(socket.AF_UNIX)
    server.connect(os.environ["PGHOST"] + name)
    while True:
        for s in select.select([client, server], [], [])[0]:
            data = s.recv(65536)
            due = s is client and is_due(data)
            if data and not (due and when == "before"):
                (server if s is client else client).sendall(data)
            if due and when == "after":
                server.recv(65536)
            if due or not data:
                client.close()
                server.close()
                return


listener = socket.socket(socket.AF_UNIX)
listener.bind(directory + name)
listener.listen(50)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
