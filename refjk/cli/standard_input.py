"""Standard input, read so that Ctrl-C always ends it."""

from __future__ import annotations

import os
import select
import signal
import sys

from refjk.base.errors import InputError


class StandardInput:
    """What comes on standard input, as it comes. A context manager, for the main thread.

    Python looks for signals before it reads, and one that comes between the two would be noticed only
    with the next input. Here the signal itself ends the wait.
    """

    def __enter__(self) -> StandardInput:
        if sys.stdin is None:
            raise InputError("it is closed")
        self._input = sys.stdin.fileno()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(self._input, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._before)
        os.close(self._woken)
        os.close(self._waker)

    def read1(self, size: int) -> bytes:
        """At least one octet, or none at the end; the handler of a signal may raise."""
        while self._input not in [fd for fd, _ in self._poll.poll()]:
            os.read(self._woken, 64)
        return os.read(self._input, size)
