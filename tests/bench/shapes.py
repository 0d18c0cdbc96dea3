#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rows of a given shape: shapes.py columns|tables|depth|files|row N BYTES.

columns: flat rows of N columns; tables: small rows whose field "kind" is one of
N; depth: objects in objects, N levels; files: small rows, N of them; row: one
row of about BYTES. Else as many rows as BYTES need.
"""
import sys


def columns(n, size):
    names = [f'"column_{i}":' for i in range(n)]
    for r in range(max(3, size // (24 * n))):
        yield "{" + ",".join(
            f"{name}{(r * 7919 + i * 104729) % 1000000007}"
            for i, name in enumerate(names)) + "}"


def tables(n, size):
    for r in range(max(3, size // 100)):
        yield (f'{{"id":{r},"kind":"t{r * 7919 % n}","note":"a text of '
               f'{r * 104729 % 1000003} words","value":{r / 8},"at":'
               '"2024-02-03T04:05:06Z"}')


def depth(n, size):
    inner = '"id":{},"note":"a text of many words","value":{}'
    for r in range(max(3, size // (6 * n + 60))):
        yield ('{"k":' * (n - 1) + "{" + inner.format(r, r / 8) +
               "}" * n)


def files(n, size):
    return tables(1, 100 * n)


def row(n, size):
    yield '{"id":1,"text":"' + "some text " * (size // 10) + '"}'


def main():
    shape, n, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for line in globals()[shape](n, size):
        sys.stdout.write(line + "\n")


main()
