"""What the signals mean to a server process of refjk."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType


class StopSignals:
    """SIGTERM and SIGINT ask for an orderly stop (WSG-STP-01), a second one ends the process at once
    (WSG-STP-04).

    `wait` returns when the first has come. SIGHUP calls `reopen`, SIGUSR1 `report`, where given.
    """

    def __init__(
        self, reopen: Callable[[], None] | None = None, report: Callable[[], None] | None = None
    ) -> None:
        self._asked = False
        self._arrivals = -1  # where the numbers of signals can be read
        self._reopen = reopen
        self._report = report

    def install(self) -> None:
        """Only from the main thread, as Python demands."""
        self._arrivals, end = os.pipe()
        os.set_blocking(end, False)
        signal.set_wakeup_fd(end)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        # What these mean is done in `wait`: a handler runs in the middle of anything, a write of
        # the same log included.
        signal.signal(signal.SIGHUP, _nothing)
        signal.signal(signal.SIGUSR1, _nothing)

    def wait(self) -> None:
        """Once, after `install`."""
        # Not a lock of any kind: Python looks for signals before it waits at one, and one that comes
        # between the two would be noticed only with the next.
        arrived = b""
        while not {signal.SIGTERM, signal.SIGINT}.intersection(arrived):
            arrived = os.read(self._arrivals, 64)
            if signal.SIGHUP in arrived and self._reopen is not None:
                self._reopen()
            if signal.SIGUSR1 in arrived and self._report is not None:
                self._report()
        os.close(signal.set_wakeup_fd(-1))
        os.close(self._arrivals)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            os.write(2, b"refjk: stopped at once\n")
            os._exit(130 if number == signal.SIGINT else 128 + number)
        self._asked = True


def _nothing(number: int, frame: FrameType | None) -> None:
    """The arrival of the signal is all that counts."""
