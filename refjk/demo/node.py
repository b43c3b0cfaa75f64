"""One node's process: `python -m refjk.demo.node NAME PORT NAME,NAME…`.

Prints its port on standard output and serves until standard input ends, which happens at the
latest when the process that started it is gone, however that came about.
"""

from __future__ import annotations

import signal
import sys

from refjk.base.errors import RefjkError
from refjk.demo.app import Application
from refjk.runtime.connector import AjpServer

GRACE_S = 2.0


def main(arguments: list[str]) -> int:
    name, port, names = arguments
    # Ctrl-C reaches the whole group of processes; the one that started us decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = AjpServer(Application(name, names.split(",")), f"127.0.0.1:{port}")
    try:
        _, bound = server.start()
    except RefjkError as error:
        print(error, flush=True)
        return error.exit_code
    print(bound, flush=True)
    sys.stdin.buffer.read()
    server.stop(GRACE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
