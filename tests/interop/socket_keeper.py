"""Holds a listening socket across restarts of the server that uses it.

python -m tests.interop.socket_keeper PORT COMMAND…

The command inherits the socket as descriptor 3 and finds LISTEN_FDS=1 in its environment.
SIGHUP: SIGTERM to the server, and when it has ended, a new one. SIGTERM: the same without a new
one; ends with the server's exit code.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

INHERITED = 3
BACKLOG = 256


def main(port: int, command: list[str]) -> int:
    listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    if listener.fileno() == INHERITED:
        listener.set_inheritable(True)
    else:
        os.dup2(listener.fileno(), INHERITED)
    signals = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    while True:
        server = subprocess.Popen(
            command,
            env={**os.environ, "LISTEN_FDS": "1"},
            pass_fds=[INHERITED],
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, signals),
        )
        received = signal.sigwait(signals)
        server.terminate()
        code = server.wait()
        if received != signal.SIGHUP or code != 0:
            return code


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2:]))
