"""Whether a member counts as good, degraded or bad: the properties `good` and `bad`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import product

from refjk.balancing import Activation, WorkerState
from refjk.configuration import StatusWorker
from refjk.status.model import MemberStatus

Situation = tuple[Activation, WorkerState]


class Rating(Enum):
    """How a member is doing."""

    GOOD = "good"
    DEGRADED = "degraded"
    BAD = "bad"


EVERY = frozenset(product(Activation, WorkerState))
_RECOVERING = (WorkerState.RECOVERING, WorkerState.FORCED, WorkerState.PROBING)


def _of(*states: WorkerState) -> frozenset[Situation]:
    return frozenset(situation for situation in EVERY if situation[1] in states)


def _with(activation: Activation) -> frozenset[Situation]:
    return frozenset(situation for situation in EVERY if situation[0] is activation)


# STA-LST-05: the first letter of a word decides.
LETTERS: Mapping[str, frozenset[Situation]] = {
    "a": _with(Activation.ACTIVE),
    "d": _with(Activation.DISABLED),
    "s": _with(Activation.STOPPED),
    "o": _of(WorkerState.OK),
    "i": _of(WorkerState.IDLE),
    "n": _of(WorkerState.IDLE),
    "b": _of(WorkerState.BUSY),
    "r": _of(*_RECOVERING),
    "e": _of(WorkerState.ERROR),
}
GOOD_DEFAULT = LETTERS["a"] - LETTERS["e"]
BAD_DEFAULT = LETTERS["s"] | LETTERS["e"]


def rate(member: MemberStatus, worker: StatusWorker) -> Rating:
    """What the patterns of a status worker say about a member; bad stands before good."""
    situation = (member.snapshot.settings.activation, member.snapshot.state)
    # STA-LST-06
    if situation in (_situations(worker.bad) if worker.bad else BAD_DEFAULT):
        return Rating.BAD
    return Rating.GOOD if situation in _good(worker) else Rating.DEGRADED


def _good(worker: StatusWorker) -> frozenset[Situation]:
    return _situations(worker.good) if worker.good else GOOD_DEFAULT


def _situations(patterns: Iterable[str]) -> frozenset[Situation]:
    found: set[Situation] = set()
    for pattern in patterns:
        first, dot, second = pattern.lstrip(" \t.").partition(".")
        situations = LETTERS.get(first[:1].lower(), frozenset())
        found |= situations & LETTERS.get(second[:1].lower(), frozenset()) if dot and second else situations
    return frozenset(found)
