"""What the signals mean to a server process of refjk."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType


class StopSignals:
    """SIGTERM and SIGINT ask for an orderly stop (WSG-STP-01), a second one ends the process at once
    (WSG-STP-04).

    `wait` returns when the first has come. SIGHUP calls `reopen`, where that is given.
    """

    def __init__(self, reopen: Callable[[], None] | None = None) -> None:
        self._asked = False
        # Not an Event: a handler runs in the thread that waits, and would wait for itself at the
        # Event's lock when the signal comes in the wrong moment. This `put` is made for handlers.
        self._first: SimpleQueue[None] = SimpleQueue()
        self._reopen = reopen

    def install(self) -> None:
        """Only from the main thread, as Python demands."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)

    def wait(self) -> None:
        self._first.get()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            print("refjk: stopped at once", file=sys.stderr, flush=True)
            os._exit(130 if number == signal.SIGINT else 128 + number)
        self._asked = True
        self._first.put(None)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._reopen is not None:
            self._reopen()
