"""What the signals mean to a server process of refjk."""

from __future__ import annotations

import math
import os
import select
import signal
from collections.abc import Callable, Iterable
from types import FrameType


class Arrivals:
    """Signals as numbers that can be waited for, together with descriptors.

    Not a lock of any kind: Python looks for signals before it waits at one, and one that comes between
    the two would be noticed only with the next.
    """

    def __init__(self) -> None:
        self._fd = -1

    def install(self, numbers: Iterable[int]) -> None:
        """From now on these signals do nothing but arrive. Only from the main thread, as Python demands."""
        self._fd, end = os.pipe()
        os.set_blocking(end, False)
        signal.set_wakeup_fd(end)
        for number in numbers:
            signal.signal(number, _nothing)

    def wait(
        self, timeout_s: float | None = None, descriptors: Iterable[int] = ()
    ) -> tuple[list[int], list[int]]:
        """The signals that came, and which of the descriptors can be read; both empty when time is up."""
        poll = select.poll()  # unlike `select`, for descriptors of any number
        for fd in (self._fd, *descriptors):
            poll.register(fd, select.POLLIN)
        readable = [fd for fd, _ in poll.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))]
        if self._fd not in readable:
            return [], readable
        readable.remove(self._fd)
        return list(os.read(self._fd, 64)), readable

    def close(self) -> None:
        """The handlers stay."""
        os.close(signal.set_wakeup_fd(-1))
        os.close(self._fd)


class StopSignals:
    """SIGTERM and SIGINT ask for an orderly stop (WSG-STP-01), a second one ends the process at once
    (WSG-STP-04).

    `wait` returns when the first has come. SIGHUP calls `reopen`, SIGUSR1 `report`, where given.
    """

    def __init__(
        self, reopen: Callable[[], None] | None = None, report: Callable[[], None] | None = None
    ) -> None:
        self._asked = False
        self._arrivals = Arrivals()
        self._reopen = reopen
        self._report = report

    def install(self) -> None:
        """Only from the main thread, as Python demands."""
        # What these mean is done in `wait`: a handler runs in the middle of anything, a write of
        # the same log included.
        self._arrivals.install((signal.SIGHUP, signal.SIGUSR1))
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def wait(self) -> None:
        """Once, after `install`."""
        arrived: list[int] = []
        while not {signal.SIGTERM, signal.SIGINT}.intersection(arrived):
            arrived, _ = self._arrivals.wait()
            if signal.SIGHUP in arrived and self._reopen is not None:
                self._reopen()
            if signal.SIGUSR1 in arrived and self._report is not None:
                self._report()
        self._arrivals.close()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            os.write(2, b"refjk: stopped at once\n")
            os._exit(130 if number == signal.SIGINT else 128 + number)
        self._asked = True


def _nothing(number: int, frame: FrameType | None) -> None:
    """The arrival of the signal is all that counts."""
