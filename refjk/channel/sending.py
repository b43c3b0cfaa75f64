"""How one message goes to one member over one connection: the rules of the waiting senders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class SendingRules:
    """Times in ms; None for a limit that does not exist.

    Two are there to play what Tomcat 5.5.5 does: `answer_time_first_ms` is how long the first connection of
    a sender waits, whatever else is configured; `keep_after_failure` leaves the connection open when a
    message is given up, so that its late answer counts for the next one.
    """

    answer_time_ms: int = 15_000
    answer_time_first_ms: int | None = None
    waits: bool = True
    keep_alive_ms: int | None = 60_000
    keep_alive_messages: int | None = 100
    resends_max: int = 1
    keep_after_failure: bool = False


class Phase(Enum):
    """What a connection is doing."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    WRITING = "writing"
    AWAITING = "awaiting"
    OPEN = "open"


class Step(Enum):
    """What the holder of the socket has to do next; the first four can fail, except CLOSE."""

    CLOSE = "close"
    CONNECT = "connect"
    WRITE = "write"
    AWAIT = "await"
    DONE = "done"
    GIVE_UP = "give up"


_STEPS: Mapping[Phase, Step] = {
    Phase.CONNECTING: Step.CONNECT,
    Phase.WRITING: Step.WRITE,
    Phase.AWAITING: Step.AWAIT,
}
_AFTER_SUCCESS: Mapping[Phase, Phase] = {
    Phase.CONNECTING: Phase.WRITING,
    Phase.WRITING: Phase.AWAITING,  # OPEN for those who do not wait
    Phase.AWAITING: Phase.OPEN,
}
_AFTER_FAILURE: Mapping[Phase, Phase] = {
    Phase.CONNECTING: Phase.CLOSED,  # nothing was sent, nothing is repeated (CHN-SYN-06)
    Phase.WRITING: Phase.CONNECTING,  # CLOSED when no resend is left
    Phase.AWAITING: Phase.CONNECTING,  # CLOSED when no resend is left
}


@dataclass(slots=True)
class SendingCounters:
    """What one connection's sends have come to."""

    messages: int = 0
    octets: int = 0
    resends: int = 0
    answers_missed: int = 0
    connects: int = 0
    failures: int = 0


class SendingConnection:
    """One connection to one member, one message at a time.

    `begin` and, after each step that can fail, `succeeded` or `failed` give the steps to do next, in
    order; DONE and GIVE_UP end the message. Whoever calls keeps the messages apart (CHN-SYN-01).
    """

    def __init__(self, rules: SendingRules) -> None:
        self._rules = rules
        self._phase = Phase.CLOSED
        self._opened_at_ms = 0
        self._carried = 0
        self._resends = 0
        self.counters = SendingCounters()

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def answer_time_ms(self) -> int:
        """How long the answer that is awaited now may take, from the end of the write. CHN-SYN-07"""
        first = self._rules.answer_time_first_ms
        return first if first is not None and self.counters.connects == 1 else self._rules.answer_time_ms

    def begin(self, now_ms: int) -> list[Step]:
        """The next message."""
        assert self._phase in (Phase.CLOSED, Phase.OPEN)
        self._resends = 0
        self.counters.messages += 1
        before = self._close_if_worn(now_ms)
        self._phase = Phase.WRITING if self._phase is Phase.OPEN else Phase.CONNECTING
        return [*before, _STEPS[self._phase]]

    def succeeded(self, now_ms: int, octets: int = 0) -> list[Step]:
        """The last step was done; `octets` were written by it."""
        ended = self._phase
        self.counters.octets += octets
        if ended is Phase.CONNECTING:
            self.counters.connects += 1
            self._opened_at_ms, self._carried = now_ms, 0
        self._phase = _AFTER_SUCCESS[ended]
        if ended is Phase.WRITING and not self._rules.waits:
            self._phase = Phase.OPEN
        if self._phase is not Phase.OPEN:
            return [_STEPS[self._phase]]
        self._carried += 1
        return [*self._close_if_worn(now_ms), Step.DONE]

    def failed(self) -> list[Step]:
        """The last step failed: an error, the end of the stream, or its time is over. CHN-SYN-04"""
        awaited = self._phase is Phase.AWAITING
        if awaited:
            self.counters.answers_missed += 1
        self._phase = _AFTER_FAILURE[self._phase]
        if self._phase is Phase.CONNECTING and self._resends < self._rules.resends_max:
            self._resends += 1
            self.counters.resends += 1
            return [Step.CLOSE, Step.CONNECT]
        self.counters.failures += 1
        if self._rules.keep_after_failure and awaited:
            self._phase = Phase.OPEN
            return [Step.GIVE_UP]
        self._phase = Phase.CLOSED
        return [Step.CLOSE, Step.GIVE_UP]  # CHN-SYN-05

    def lost(self) -> None:
        """The connection was closed between two messages."""
        self._phase = Phase.CLOSED

    def _close_if_worn(self, now_ms: int) -> list[Step]:
        """CHN-SYN-02, CHN-SYN-03"""
        if self._phase is not Phase.OPEN:
            return []
        age_max, carried_max = self._rules.keep_alive_ms, self._rules.keep_alive_messages
        old = age_max is not None and now_ms - self._opened_at_ms > age_max
        if old or (carried_max is not None and self._carried >= carried_max):
            self._phase = Phase.CLOSED
            return [Step.CLOSE]
        return []
