"""What every server command does once its server is made."""

from __future__ import annotations

import sys

from refjk.runtime.access_log import AccessLog
from refjk.runtime.addresses import Address
from refjk.runtime.server import Server
from refjk.runtime.signals import StopSignals


def run_until_stopped(server: Server, what: str, graceful_s: float, log: AccessLog | None) -> int:
    """Serve until a signal comes, finish what runs, and return the exit code."""
    signals = StopSignals(reopen=log.reopen if log else None, report=lambda: _tell_counters(server))
    signals.install()
    host, port = server.start()
    print(f"refjk {what} on {server.scheme}://{Address(host, port)}", file=sys.stderr, flush=True)
    signals.wait()
    print(f"refjk stops; running requests have {graceful_s:g} s", file=sys.stderr, flush=True)
    if not server.stop(graceful_s):
        print("refjk: some requests did not finish in time and were cut off", file=sys.stderr)
    _tell_counters(server)
    if log:
        log.close()
    return 0


def _tell_counters(server: Server) -> None:
    counted = ", ".join(f"{name} {count}" for name, count in server.counters.items() if count)
    print(f"refjk counted: {counted or 'nothing'}", file=sys.stderr, flush=True)
