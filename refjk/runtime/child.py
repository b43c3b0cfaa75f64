"""One process of several that serve together, from the inside; `processes` starts them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from refjk.base.errors import InternalDefect, RefjkError
from refjk.runtime.addresses import Address
from refjk.runtime.server import Server
from refjk.runtime.signals import Arrivals

CHILD_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
# Meant for the parent alone, which decides; a terminal sends them to all processes.
_FOR_THE_PARENT = (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
LOOK_S = 0.05  # how often a retiring process looks whether a connection is left


@dataclass(frozen=True, slots=True)
class ChildControl:
    """What a child gets. `slot` counts from 0; a successor has the slot of the child that died.

    `sockets` are all listening sockets, `listeners` the same by the address that was asked for (with none in
    it when they were inherited). `attend` must be called in the main thread.
    """

    slot: int
    sockets: Sequence[socket.socket]
    listeners: Mapping[Address, Sequence[socket.socket]]
    graceful_s: float
    retire_s: float
    arrivals: Arrivals
    ready_fd: int
    lifeline_fd: int  # its other end is the parent's alone

    def attend(
        self,
        *servers: Server,
        reopen: Callable[[], None] | None = None,
        report: Callable[[], None] | None = None,
    ) -> int:
        """Tell the parent that these servers, started already, serve; then do what the parent wants until
        it wants the end. Returns the exit code. SIGUSR1 calls `reopen` and `report`, where given."""
        with contextlib.suppress(BrokenPipeError):  # the parent is gone, as the lifeline tells
            os.write(self.ready_fd, b"\1")
        os.close(self.ready_fd)
        retire_end: float | None = None
        while True:
            timeout_s = None if retire_end is None else LOOK_S
            signals, readable = self.arrivals.wait(timeout_s, [self.lifeline_fd])
            if signal.SIGUSR1 in signals:
                for call in (reopen, report):
                    if call is not None:
                        call()
            if signal.SIGUSR2 in signals and retire_end is None:
                retire_end = time.monotonic() + self.retire_s
                for server in servers:
                    server.retire()
            is_over = retire_end is not None and (
                time.monotonic() >= retire_end or all(server.retired for server in servers)
            )
            # PRC-SUP-06: the lifeline can be read when the parent is gone.
            if is_over or signal.SIGTERM in signals or readable:
                break
        end = time.monotonic() + self.graceful_s
        in_time = [server.stop(max(0.0, end - time.monotonic())) for server in servers]
        if not all(in_time):
            print("refjk: some requests did not finish in time and were cut off", file=sys.stderr)
        return 0


def install_signals() -> Arrivals:
    """First thing in a child, while all signals are held back."""
    signal.set_wakeup_fd(-1)
    for number in _FOR_THE_PARENT:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.SIG_IGN)
    arrivals = Arrivals()
    arrivals.install(CHILD_SIGNALS)
    return arrivals


def run_and_exit(serve: Callable[[ChildControl], int], control: ChildControl) -> None:
    """The rest of a child's life; never returns, so that nothing of the parent's is run a second time."""
    code = InternalDefect.exit_code
    try:
        code = serve(control)
    except RefjkError as error:
        print(f"refjk: {error}", file=sys.stderr)
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more, or it was closed
                stream.flush()
        os._exit(code)
