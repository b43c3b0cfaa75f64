"""What an attempt does to the counts and the times of errors of a worker, in the algorithm 1.2.50."""

from __future__ import annotations

from refjk.balancing.members import Members
from refjk.balancing.model import Outcome
from refjk.balancing.records import UNSET, Records
from refjk.balancing.settings import BalancerSettings, Method


def counts(method: Method, has_session: bool) -> bool:
    """Whether the value of a worker grows when it gets such a request."""
    # BAL-CNT-01
    if method is Method.REQUESTS or method is Method.BUSYNESS:
        return True
    return method is not Method.TRAFFIC and not has_session


def count_start(records: Records, index: int, added: int, is_new: bool) -> None:
    """A request goes to a worker; `is_new` when it may begin a session."""
    records.value[index] += added
    records.elected[index] += 1
    records.sessions[index] += is_new
    now_open = records.open[index] = records.open[index] + 1
    if now_open > records.open_max[index]:
        records.open_max[index] = now_open


def count_end(members: Members, index: int, method: Method, octets_read: int, octets_written: int) -> None:
    """A request comes back from a worker, however."""
    records, multiplicity = members.records, members.multiplicities[index]
    records.open[index] -= 1
    records.octets_read[index] += octets_read
    records.octets_written[index] += octets_written
    # BAL-CNT-02
    if method is Method.TRAFFIC:
        records.value[index] += (octets_read + octets_written) * multiplicity
    elif method is Method.BUSYNESS:
        records.value[index] = max(0, records.value[index] - multiplicity)


def forgive(records: Records, index: int) -> None:
    """The worker has shown that it serves."""
    # BAL-MEM-03
    records.first_error_s[index] = records.last_error_s[index] = UNSET


def judge(records: Records, index: int, settings: BalancerSettings, outcome: Outcome, now_s: int) -> bool:
    """Keeps count and times of errors; whether the worker is in error for all requests from now on."""
    first_s, last_s = records.first_error_s, records.last_error_s
    if outcome is Outcome.FAILURE:
        # BAL-MEM-05
        escalation_s = settings.escalation_time_s
        is_old = first_s[index] != UNSET and now_s - first_s[index] >= escalation_s
        if first_s[index] == UNSET:
            first_s[index] = now_s
        last_s[index] = now_s
        records.errors[index] += 1
        return records.open[index] == 0 or escalation_s == 0 or is_old
    # BAL-MEM-04
    is_failed = outcome is Outcome.STATUS_FATAL or (
        outcome is Outcome.REPLY_TIMEOUT and records.reply_timeouts[index] > settings.max_reply_timeouts
    )
    if is_failed:
        records.errors[index] += 1
        first_s[index] = last_s[index] = now_s
    return is_failed
