"""A process that ends at any line of a piece of code, without ending this one."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from types import FrameType
from typing import Any


class Crash(BaseException):
    """Nothing in the code catches it."""


def crashing_at_each_step(call: Callable[[], object], files: Collection[str]) -> Iterator[bool]:
    """Calls again and again, each time crashing one line later in these files; at last without a crash.

    Yields after each call whether it crashed, so that the caller can look at what is left and clear up.
    """
    step = 0
    while True:
        crashed = _call(call, files, step)
        yield crashed
        if not crashed:
            return
        step += 1


def _call(call: Callable[[], object], files: Collection[str], step: int) -> bool:
    left = step

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            if left == 0:
                left = -1
                raise Crash
            left -= left > 0
        return trace

    before = sys.gettrace()
    with warnings.catch_warnings():
        # Files that nobody closes any more, as after the end of a process.
        warnings.simplefilter("ignore", ResourceWarning)
        sys.settrace(trace)
        try:
            call()
        except Crash:
            return True
        finally:
            sys.settrace(before)
    return False
