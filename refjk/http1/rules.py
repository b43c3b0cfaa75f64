"""When what may be said: the phases of a connection, as a table.

`spec/http-front.md` shows the same grid; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Phase(Enum):
    """Where a connection is between reading requests and answering them."""

    __hash__ = object.__hash__  # the one of Enum is Python, and these are looked up for each request

    HEAD_DUE = "head due"  # no request under way
    BODY_DUE = "body due"  # body arriving, answer not begun
    BODY_ANSWERING = "body answering"  # body arriving, answer begun
    ANSWER_DUE = "answer due"  # request complete, answer not begun
    ANSWERING = "answering"  # request complete, answer begun
    DRAINING = "draining"  # answer complete, rest of the body thrown away
    ANSWERED = "answered"  # both complete, `resume` awaited
    CLOSED = "closed"  # nothing is read or answered any more


class Step(Enum):
    """What moves a connection on."""

    __hash__ = object.__hash__  # the one of Enum is Python, and these are looked up for each request

    REQUEST = "request"  # a head without a body arrived
    REQUEST_WITH_BODY = "request with body"
    BODY_END = "body end"
    ANSWER_BEGIN = "answer begin"
    ANSWER_END = "answer end"  # and the connection is kept
    RESUME = "resume"
    CLOSE = "close"  # refusal, end of input, abort, or an answer that ends the connection


NEXT: Mapping[tuple[Phase, Step], Phase] = {
    (Phase.HEAD_DUE, Step.REQUEST): Phase.ANSWER_DUE,
    (Phase.HEAD_DUE, Step.REQUEST_WITH_BODY): Phase.BODY_DUE,
    (Phase.HEAD_DUE, Step.CLOSE): Phase.CLOSED,
    (Phase.BODY_DUE, Step.BODY_END): Phase.ANSWER_DUE,
    (Phase.BODY_DUE, Step.ANSWER_BEGIN): Phase.BODY_ANSWERING,
    (Phase.BODY_DUE, Step.CLOSE): Phase.CLOSED,
    (Phase.BODY_ANSWERING, Step.BODY_END): Phase.ANSWERING,
    (Phase.BODY_ANSWERING, Step.ANSWER_END): Phase.DRAINING,
    (Phase.BODY_ANSWERING, Step.CLOSE): Phase.CLOSED,
    (Phase.ANSWER_DUE, Step.ANSWER_BEGIN): Phase.ANSWERING,
    (Phase.ANSWER_DUE, Step.CLOSE): Phase.CLOSED,
    (Phase.ANSWERING, Step.ANSWER_END): Phase.ANSWERED,
    (Phase.ANSWERING, Step.CLOSE): Phase.CLOSED,
    (Phase.DRAINING, Step.BODY_END): Phase.HEAD_DUE,
    (Phase.DRAINING, Step.CLOSE): Phase.CLOSED,
    (Phase.ANSWERED, Step.RESUME): Phase.HEAD_DUE,
    (Phase.ANSWERED, Step.CLOSE): Phase.CLOSED,
}

READING_BODY = frozenset({Phase.BODY_DUE, Phase.BODY_ANSWERING, Phase.DRAINING})
READING = READING_BODY | {Phase.HEAD_DUE}
ANSWER_BEGUN = frozenset({Phase.BODY_ANSWERING, Phase.ANSWERING})
