"""How one try to have a request served can end, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from refjk.balancing import Outcome
from refjk.configuration import RecoveryOption

# FWD-RTY-03: the methods that RFC 9110 calls idempotent.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class Ending(Enum):
    """How a try ended. Up to and with SEND_HEADERS unless something else is said."""

    __hash__ = object.__hash__  # quicker than that of Enum, for a table that each request asks

    SERVED = "served"
    CLIENT_FAILED = "client failed"  # its body did not come, or it did not take the answer
    TOO_LARGE = "too large"  # the request fits no packet
    NO_PLACE = "no place"  # all connections to the worker were in use for too long
    BUSY = "busy"  # more requests are open on the worker than its busy_limit
    NOT_SENT = "not sent"  # no connection, no CPONG, or broken before an octet of the request left
    BROKEN = "broken"  # the connection ended
    GARBLED = "garbled"  # the worker broke a clause
    UNKNOWN_PACKET = "unknown packet"  # the same, by a packet that nobody knows
    SILENT = "silent"  # nothing came in time
    STATUS_FATAL = "fatal status"  # the answer has a status of fail_on_status
    STATUS_SOFT = "soft status"  # the same, of a negative one
    UNFIT = "unfit"  # SEND_HEADERS holds what cannot be said in HTTP
    HEAD_ONLY = "head only"  # any failure of the worker but the next one, before the client got SEND_HEADERS
    HEAD_STALLED = "head stalled"  # nothing more came in time, before the client got SEND_HEADERS
    CUT_SHORT = "cut short"  # any failure of the worker but the next one, after that
    STALLED = "stalled"  # nothing came in time after that


class Again(Enum):
    """Whether a request may be sent again after an ending, given that its body can be repeated."""

    NEVER = "never"
    IDEMPOTENT = "if idempotent"
    OPTIONS = "recovery_options"  # as bits 1, 8 and 16 say
    HEAD_OPTIONS = "recovery_options, if idempotent"  # as bits 1, 2, 8 and 16 say
    ALWAYS = "always"


class Style(Enum):
    """By whose rules a request is sent again, and connections are kept."""

    __hash__ = object.__hash__

    REFJK = "refjk"
    JK_127 = "mod_jk 1.2.7"
    JK_1250 = "mod_jk 1.2.50"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an ending means for the client, for the request and for the balancer.

    `status` is None where the client has its answer, or its beginning, already. `again` has a rule for each
    style, the `REFJK` one first.
    """

    status: int | None
    outcome: Outcome
    refjk: Again
    jk_127: Again
    jk_1250: Again

    def again(self, style: Style) -> Again:
        """The rule of a style."""
        return (self.refjk, self.jk_127, self.jk_1250)[_STYLES[style]]


_STYLES = {style: number for number, style in enumerate(Style)}
_BROKEN = (Ending.BROKEN, Ending.GARBLED, Ending.UNKNOWN_PACKET)
_MAY_BE_THE_CONNECTION = (*_BROKEN, Ending.HEAD_ONLY)
_NEVER, _IF, _OPTIONS, _ALWAYS = Again.NEVER, Again.IDEMPOTENT, Again.OPTIONS, Again.ALWAYS

CONSEQUENCES: Mapping[Ending, Consequence] = {
    #                              client  balancer               refjk    1.2.7     1.2.50
    Ending.SERVED: Consequence(None, Outcome.SUCCESS, _NEVER, _NEVER, _NEVER),
    # FWD-OUT-01
    Ending.CLIENT_FAILED: Consequence(None, Outcome.CLIENT_ERROR, _NEVER, _NEVER, _NEVER),
    # FWD-STS-02, FWD-OUT-02
    Ending.TOO_LARGE: Consequence(413, Outcome.CLIENT_ERROR, _NEVER, _NEVER, _NEVER),
    # FWD-OUT-03, EPL-RTY-05
    Ending.NO_PLACE: Consequence(503, Outcome.NO_PLACE, _NEVER, _NEVER, _ALWAYS),
    # EPL-RTY-06
    Ending.BUSY: Consequence(503, Outcome.BUSY, _ALWAYS, _ALWAYS, _ALWAYS),
    # FWD-RTY-02, EPL-RTY-02
    Ending.NOT_SENT: Consequence(503, Outcome.FAILURE, _ALWAYS, _ALWAYS, _ALWAYS),
    # FWD-RTY-04, FWD-STS-03, EPL-RTY-03
    Ending.BROKEN: Consequence(502, Outcome.FAILURE, _IF, _OPTIONS, _OPTIONS),
    Ending.GARBLED: Consequence(502, Outcome.PROTOCOL_ERROR, _IF, _OPTIONS, _OPTIONS),
    # EPL-RTY-07
    Ending.UNKNOWN_PACKET: Consequence(500, Outcome.FAILURE, _IF, _OPTIONS, _ALWAYS),
    # FWD-RTY-05, FWD-STS-04, EPL-RTY-04
    Ending.SILENT: Consequence(504, Outcome.REPLY_TIMEOUT, _NEVER, _ALWAYS, _OPTIONS),
    # EPL-RTY-08
    Ending.STATUS_FATAL: Consequence(503, Outcome.STATUS_FATAL, _ALWAYS, _ALWAYS, _ALWAYS),
    Ending.STATUS_SOFT: Consequence(503, Outcome.STATUS_SOFT, _ALWAYS, _ALWAYS, _ALWAYS),
    # FWD-STS-05
    Ending.UNFIT: Consequence(502, Outcome.CLIENT_ERROR, _NEVER, _NEVER, _NEVER),
    # FWD-RTY-08, EPL-RTY-14
    Ending.HEAD_ONLY: Consequence(502, Outcome.FAILURE, _IF, _NEVER, Again.HEAD_OPTIONS),
    Ending.HEAD_STALLED: Consequence(504, Outcome.REPLY_TIMEOUT, _NEVER, _NEVER, _NEVER),
    # FWD-RTY-01, EPL-RTY-12
    Ending.CUT_SHORT: Consequence(None, Outcome.FAILURE, _NEVER, _NEVER, _NEVER),
    Ending.STALLED: Consequence(None, Outcome.REPLY_TIMEOUT, _NEVER, _NEVER, _NEVER),
}


@dataclass(frozen=True, slots=True)
class Recovery:
    """How often a request is tried with one worker, and whether it may be sent again at all.

    `tries` with one worker, with a pause before each from number `pause_from` on. `options` are the bits
    of `recovery_options`. Of `fail_on_status` a negative entry is soft. Without `reply_timeout_ms` an answer
    may take any time.
    """

    style: Style = Style.REFJK
    tries: int = 2
    pause_ms: int = 0
    pause_from: int = 2
    options: int = 0
    fail_on_status: tuple[int, ...] = ()
    reply_timeout_ms: int | None = None

    def pause_before(self, number: int) -> int:
        """Milliseconds to wait before the try of this number (the first is 1)."""
        # EPL-RTY-01
        return self.pause_ms if number >= self.pause_from else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an ending: for the client (None: it has its answer), and for the next try.

    `same`: the same worker may have the request once more. `other`: another one may.
    """

    status: int | None
    outcome: Outcome
    same: bool = False
    other: bool = False


def judge(
    ending: Ending, recovery: Recovery, method: bytes, *, is_held: bool, body_asked: bool = False
) -> Verdict:
    """`is_held`: all octets that were sent can be sent again; `body_asked`: the worker asked for more."""
    consequence = CONSEQUENCES[ending]
    again = _may_send_again(consequence.again(recovery.style), recovery, method, is_held, body_asked)
    outcome = consequence.outcome
    status = consequence.status
    if recovery.style is Style.REFJK:
        # FWD-OUT-03: a balancer of 1.2.7 knows no want of places.
        outcome = Outcome.CLIENT_ERROR if ending is Ending.NO_PLACE else outcome
        # FWD-STS-03
        status = 502 if ending in _BROKEN else status
        # FWD-RTY-06: it may have been the connection and not the worker.
        return Verdict(status, outcome, again and ending in _MAY_BE_THE_CONNECTION, again)
    # EPL-RTY-11
    if recovery.style is Style.JK_127 and status is not None and ending is not Ending.TOO_LARGE:
        status = 500
    same = again and ending not in (Ending.NO_PLACE, Ending.BUSY)
    return Verdict(status, outcome, same, again)


def _may_send_again(again: Again, recovery: Recovery, method: bytes, is_held: bool, body_asked: bool) -> bool:
    # FWD-RTY-07
    if again is Again.NEVER or not is_held:
        return False
    if recovery.style is not Style.REFJK and body_asked and method not in IDEMPOTENT:
        # EPL-RTY-09
        return False
    if again is Again.HEAD_OPTIONS:
        # EPL-RTY-14
        if method not in IDEMPOTENT or recovery.options & RecoveryOption.NOT_AFTER_HEADERS:
            return False
        again = Again.OPTIONS
    if again is Again.OPTIONS:
        # EPL-RTY-03
        return not recovery.options & RecoveryOption.NOT_AFTER_REQUEST or _is_exempt(recovery, method)
    return again is Again.ALWAYS or method in IDEMPOTENT


def _is_exempt(recovery: Recovery, method: bytes) -> bool:
    """Whether bit 1 does not count for this method."""
    # EPL-RTY-10
    if recovery.style is not Style.JK_1250:
        return False
    if recovery.options & RecoveryOption.HEAD_ALWAYS:
        return method == b"HEAD"
    return bool(recovery.options & RecoveryOption.GET_ALWAYS) and method == b"GET"


def judge_status(status: int, fail_on_status: tuple[int, ...]) -> Ending | None:
    """The ending that an answer of this status is; None when it is to be passed on."""
    # EPL-RTY-08
    if status in fail_on_status:
        return Ending.STATUS_FATAL
    return Ending.STATUS_SOFT if -status in fail_on_status else None
