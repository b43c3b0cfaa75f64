"""What a balancer of the algorithm 1.2.50 remembers of its workers between requests."""

from __future__ import annotations

from collections.abc import MutableSequence

UNSET = -1
"""In the place of a time."""

_COLUMNS = (
    "value",
    "state",  # a number of `refjk.balancing.states`
    "first_error_s",
    "last_error_s",
    "reply_timeouts",
    "open",
    "open_max",
    "elected",
    "elected_before",  # at the last maintenance
    "sessions",
    "errors",
    "client_errors",
    "octets_read",
    "octets_written",
    "maintained_s",  # of the balancer: the first place only
)


class Records:
    """One column of whole numbers for each thing to remember, one place in it for each worker.

    `storage` holds all columns one after the other: `size(count)` numbers of 64 bits, such as a memoryview of
    format `q` over memory that several processes share. The one that comes first has `fresh` on. Without
    storage, lists are made. No lock is taken here.
    """

    __slots__ = _COLUMNS

    value: MutableSequence[int]
    state: MutableSequence[int]
    first_error_s: MutableSequence[int]
    last_error_s: MutableSequence[int]
    reply_timeouts: MutableSequence[int]
    open: MutableSequence[int]
    open_max: MutableSequence[int]
    elected: MutableSequence[int]
    elected_before: MutableSequence[int]
    sessions: MutableSequence[int]
    errors: MutableSequence[int]
    client_errors: MutableSequence[int]
    octets_read: MutableSequence[int]
    octets_written: MutableSequence[int]
    maintained_s: MutableSequence[int]

    def __init__(self, count: int, now_s: int, storage: memoryview | None = None, fresh: bool = True) -> None:
        for number, name in enumerate(_COLUMNS):
            part = None if storage is None else storage[number * count : (number + 1) * count]
            setattr(self, name, [0] * count if part is None else part)
        if fresh:
            self.maintained_s[0] = now_s
            for index in range(count):
                self.clear(index)

    @staticmethod
    def size(count: int) -> int:
        """How many numbers `storage` has for so many workers."""
        return len(_COLUMNS) * count

    def clear(self, index: int) -> None:
        """One worker as if nothing had happened; requests that are open stay so."""
        # BAL-VAL-05, BAL-MNT-09
        self.value[index] = self.state[index] = 0
        self.first_error_s[index] = self.last_error_s[index] = UNSET
        self.reply_timeouts[index] = self.elected[index] = self.elected_before[index] = 0
        self.sessions[index] = self.errors[index] = self.client_errors[index] = 0
        self.octets_read[index] = self.octets_written[index] = self.open_max[index] = 0
