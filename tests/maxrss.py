#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a command and append what memory it took to a file.

usage: maxrss.py FILE COMMAND [ARGUMENT...]

The line is "KIB COMMAND": the largest resident set of that process in KiB. The
exit status is the command's, or 128 and the number of its signal.

Linux counts the memory of the process before exec too, so no line is below
what Python itself needs, about 10 MB.
"""
import os
import sys


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    pid = os.fork()
    if pid == 0:
        try:
            os.execvp(sys.argv[2], sys.argv[2:])
        except OSError as e:
            print(f"maxrss.py: {sys.argv[2]}: {e.strerror}", file=sys.stderr)
            os._exit(127)
    # the pipe belongs to the command: its end must be seen when that ends
    os.close(0)
    os.close(1)
    _, status, usage = os.wait4(pid, 0)
    line = f"{usage.ru_maxrss} {os.path.basename(sys.argv[2])}\n"
    out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(out, line.encode())
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


main()
