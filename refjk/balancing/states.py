"""The states of a worker in the algorithm 1.2.50 and what moves it from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from refjk.balancing.model import Outcome, WorkerState

STATES = tuple(WorkerState)
"""In the order of their numbers; `local` copies and records hold numbers."""

IDLE, OK, RECOVERING, FORCED, BUSY, ERROR, PROBING = range(len(STATES))

# BAL-ACT-01: usable are the states before this one.
USABLE_END = BUSY


class Signal(Enum):
    """What happens to a worker."""

    CHOSEN = "chosen"
    NO_PLACE = "no place"  # all connections were in use for too long
    SERVED = "served"  # or the client failed, or a status for which only another worker is asked
    SPARED = "spared"  # failed, but the failure stays with the request
    REFUSED = "refused"  # its busy_limit was reached
    FAILED = "failed"
    PLACE_FREE = "place free"  # seen at the beginning of any request
    NOBODY_LEFT = "nobody left"
    WAITED = "waited"  # in maintenance: longer than the recover time since the last error
    ESCALATED = "escalated"  # in maintenance: the first error is as old as the escalation time
    UNUSED = "unused"  # in maintenance: not chosen since the last time
    RESET = "reset"  # by an operator
    RECOVER = "recover"  # by an operator
    ABANDONED = "abandoned"  # the process that had requests there has died


# BAL-MEM-01. One letter for each state: i(dle) o(k) r(ecovering) f(orced) b(usy) e(rror) p(robing).
TABLE: Mapping[Signal, str] = {
    #                  i o r f b e p
    Signal.CHOSEN: "   i o p f b e p",
    Signal.NO_PLACE: " b b b b b e b",
    Signal.SERVED: "   o o o o o o o",
    Signal.SPARED: "   o o o o o e o",
    Signal.REFUSED: "  b b b b b b b",
    Signal.FAILED: "   e e e e e e e",
    Signal.PLACE_FREE: "i o r f o e p",
    Signal.NOBODY_LEFT: "i o r f b f p",
    Signal.WAITED: "   i o r f b r p",
    Signal.ESCALATED: "e e r e e e e",
    Signal.UNUSED: "   i i r f b e p",
    Signal.RESET: "    i i i i i i i",
    Signal.RECOVER: "  i o r f b r p",
    Signal.ABANDONED: "i o r f b e r",
}

LETTERS = "iorfbep"


def _row(signal: Signal) -> tuple[int, ...]:
    return tuple(LETTERS.index(letter) for letter in TABLE[signal].split())


CHOSEN = _row(Signal.CHOSEN)
NO_PLACE = _row(Signal.NO_PLACE)
SERVED = _row(Signal.SERVED)
SPARED = _row(Signal.SPARED)
REFUSED = _row(Signal.REFUSED)
FAILED = _row(Signal.FAILED)
PLACE_FREE = _row(Signal.PLACE_FREE)
NOBODY_LEFT = _row(Signal.NOBODY_LEFT)
WAITED = _row(Signal.WAITED)
ESCALATED = _row(Signal.ESCALATED)
UNUSED = _row(Signal.UNUSED)
RESET = _row(Signal.RESET)
RECOVER = _row(Signal.RECOVER)
ABANDONED = _row(Signal.ABANDONED)

# BAL-MEM-02: what an end does to the state that all requests share, and the state in which this request
# sees the worker from then on. Two ends may put it in error as well (`judge`).
ENDS: Mapping[Outcome, tuple[tuple[int, ...], int]] = {
    Outcome.SUCCESS: (SERVED, OK),
    Outcome.CLIENT_ERROR: (SERVED, OK),
    Outcome.STATUS_SOFT: (SERVED, ERROR),
    Outcome.STATUS_FATAL: (FAILED, ERROR),
    Outcome.SERVER_ERROR: (SPARED, ERROR),
    Outcome.PROTOCOL_ERROR: (SPARED, ERROR),
    Outcome.BUSY: (REFUSED, BUSY),
    Outcome.REPLY_TIMEOUT: (SPARED, ERROR),
    Outcome.FAILURE: (SPARED, ERROR),
    Outcome.NO_PLACE: (NO_PLACE, BUSY),
}
