"""The regular work on a balancer of the algorithm 1.2.50, and when it is due."""

from __future__ import annotations

from collections.abc import MutableSequence
from enum import Enum

from refjk.balancing.members import Members
from refjk.balancing.records import UNSET
from refjk.balancing.settings import Activation, BalancerSettings, Method
from refjk.balancing.states import (
    ERROR,
    ESCALATED,
    NOBODY_LEFT,
    RECOVERING,
    UNUSED,
    USABLE_END,
    WAITED,
)


class Due(Enum):
    """What is to be done now."""

    NOTHING = "nothing"
    LOCAL = "local"  # what every process does for itself: idle connections
    GLOBAL = "global"  # that, and the work on balancers, which one process does for all


class MaintenanceClock:
    """When maintenance is due; one for each process. To be asked at each request, or now and then.

    `stamp` is the second of the last global run and shared by all processes. A period of 0 is never over.
    """

    def __init__(
        self, period_s: int, now_ms: int, stamp: MutableSequence[int] | memoryview[int] | None = None
    ) -> None:
        self.period_s = period_s
        self._stamp = [now_ms // 1000] if stamp is None else stamp
        self._checked_s: int | None = None

    def check(self, now_ms: int) -> Due:
        """What is due; the answer is given once."""
        now_s = now_ms // 1000
        # BAL-MNT-01
        if self.period_s <= 0 or not (self._checked_s is None or now_s - self._checked_s >= self.period_s):
            return Due.NOTHING
        self._checked_s = now_s
        # BAL-MNT-02
        if now_s - self._stamp[0] < self.period_s:
            return Due.LOCAL
        self._stamp[0] = now_s
        return Due.GLOBAL


def maintain(members: Members, settings: BalancerSettings, now_s: int, period_s: int) -> int:
    """One run for all members; returns the number of halvings."""
    records = members.records
    # BAL-MNT-03
    halvings = max(0, (now_s - records.maintained_s[0]) // period_s)
    records.maintained_s[0] = now_s
    value_max = _decay(members, settings.method, halvings)
    is_any_well = False
    for index, state in enumerate(records.state):
        first_s = records.first_error_s[index]
        if state == ERROR:
            # BAL-MNT-05
            if now_s - records.last_error_s[index] > settings.recover_time_s:
                records.state[index] = WAITED[state]
                records.reply_timeouts[index] = 0
                if settings.method is not Method.BUSYNESS:
                    records.value[index] = value_max
        # BAL-MNT-06
        elif state != RECOVERING and first_s != UNSET and now_s - first_s >= settings.escalation_time_s:
            records.state[index] = ESCALATED[state]
        # BAL-MNT-07
        elif records.elected[index] == records.elected_before[index]:
            records.state[index] = UNUSED[state]
        records.elected_before[index] = records.elected[index]
        is_any_well = is_any_well or records.state[index] != ERROR
    # BAL-MNT-08
    if not is_any_well:
        for index, state in enumerate(records.state):
            records.state[index] = NOBODY_LEFT[state]
            records.reply_timeouts[index] = 0
    return halvings


def _decay(members: Members, method: Method, halvings: int) -> int:
    """Lowers the values; returns the greatest one, which recovering members get."""
    values, timeouts = members.records.value, members.records.reply_timeouts
    least, greatest = 0, max(values)
    # BAL-MNT-04
    if method is Method.NEXT:
        least = min(
            (
                value
                for value, state, activation in zip(
                    values, members.records.state, members.activations, strict=True
                )
                if state < USABLE_END and activation is Activation.ACTIVE
            ),
            default=0,
        )
    for index, value in enumerate(values):
        if method is Method.NEXT:
            values[index] = max(0, value - least)
        elif method is not Method.BUSYNESS:
            values[index] = value >> halvings
        timeouts[index] >>= halvings
    return greatest if method is Method.NEXT else max(values)
