"""`python -m tests.bench.cheroot_server PORT THREADS APPLICATION`.

cheroot's own command cannot raise the number of connections it keeps alive (10); beyond it every
request would pay for a new connection, which is not what is to be compared.
"""

from __future__ import annotations

import signal
import sys
from pkgutil import resolve_name

from cheroot.wsgi import Server


def main() -> None:
    """Serve until SIGTERM."""
    port, threads, application = sys.argv[1:]
    server = Server(("127.0.0.1", int(port)), resolve_name(application), numthreads=int(threads))
    server.keep_alive_conn_limit = 1024
    server.timeout = 75
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.safe_start()


if __name__ == "__main__":
    main()
