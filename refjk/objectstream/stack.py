"""Nested work without nested calls: generators that wait for one another, on a stack of our own.

A task yields the task whose result it needs and gets that result back. However deep a stream nests, the
interpreter's own stack stays flat.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

Task = Generator["Task", Any, Any]
"""Any as result: what a task waits for is known to the task alone."""


def run_tasks(first: Task, depth_max: int, too_deep: Callable[[], Exception]) -> Any:
    """The result of `first`; raises what `too_deep` makes when more than `depth_max` tasks wait."""
    stack = [first]
    result: Any = None
    while stack:
        try:
            task = stack[-1].send(result)
        except StopIteration as end:
            stack.pop()
            result = end.value
            continue
        if len(stack) >= depth_max:
            raise too_deep()
        stack.append(task)
        result = None
    return result
