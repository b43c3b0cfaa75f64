"""When an AJP13 message may be said: the state tables of both ends.

A pair that is missing is a violation. The rules that do not fit a table stand directly below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from refjk.ajp13.messages import (
    CPong,
    EndResponse,
    GetBodyChunk,
    MessageToWebServer,
    SendBodyChunk,
    SendHeaders,
)

MessageKind = type[MessageToWebServer]


class ContainerPhase(IntEnum):
    """Where the container's end of a connection stands."""

    IDLE = 0  # between cycles
    BODY_DUE = 1  # the first body packet was announced and has not come
    RUNNING = 2  # a request runs, no body packet is outstanding
    BODY_ASKED = 3  # GET_BODY_CHUNK was sent and not answered
    DRAINING = 4  # the response is complete, a body packet is still outstanding
    CLOSED = 5


class Incoming(IntEnum):
    """What can arrive at the container. In which phase an octet is a body, only the phase tells."""

    FORWARD_REQUEST = 0
    CPING = 1
    OTHER_TYPE = 2
    BODY = 3
    BODY_END = 4
    END_OF_STREAM = 5


# AJP-STA-01
CONTAINER_RECEIVE: Mapping[tuple[ContainerPhase, Incoming], ContainerPhase] = {
    (ContainerPhase.IDLE, Incoming.FORWARD_REQUEST): ContainerPhase.RUNNING,
    (ContainerPhase.IDLE, Incoming.CPING): ContainerPhase.IDLE,
    (ContainerPhase.IDLE, Incoming.END_OF_STREAM): ContainerPhase.CLOSED,
    (ContainerPhase.BODY_DUE, Incoming.BODY): ContainerPhase.RUNNING,
    (ContainerPhase.BODY_DUE, Incoming.BODY_END): ContainerPhase.RUNNING,
    (ContainerPhase.BODY_ASKED, Incoming.BODY): ContainerPhase.RUNNING,
    (ContainerPhase.BODY_ASKED, Incoming.BODY_END): ContainerPhase.RUNNING,
    (ContainerPhase.DRAINING, Incoming.BODY): ContainerPhase.IDLE,
    (ContainerPhase.DRAINING, Incoming.BODY_END): ContainerPhase.IDLE,
}
# Three rules beside the table: a FORWARD_REQUEST that announces a body leads to BODY_DUE instead
# of RUNNING; the end of DRAINING leads to CLOSED instead of IDLE when END_RESPONSE says no reuse;
# in RUNNING nothing is read, so whatever has arrived waits there until the cycle is over.

CONTAINER_READS = frozenset(phase for phase, _ in CONTAINER_RECEIVE)

_SENDING = (ContainerPhase.BODY_DUE, ContainerPhase.RUNNING, ContainerPhase.BODY_ASKED)

# Phase and whether SEND_HEADERS has been sent -> what may be sent, and the phase after it.
CONTAINER_SEND: Mapping[tuple[ContainerPhase, bool, MessageKind], ContainerPhase] = {
    (ContainerPhase.IDLE, False, CPong): ContainerPhase.IDLE,
    (ContainerPhase.RUNNING, False, GetBodyChunk): ContainerPhase.BODY_ASKED,
    (ContainerPhase.RUNNING, True, GetBodyChunk): ContainerPhase.BODY_ASKED,
    **{(phase, False, SendHeaders): phase for phase in _SENDING},
    **{(phase, True, SendBodyChunk): phase for phase in _SENDING},
    (ContainerPhase.RUNNING, True, EndResponse): ContainerPhase.IDLE,
    (ContainerPhase.BODY_DUE, True, EndResponse): ContainerPhase.DRAINING,
    (ContainerPhase.BODY_ASKED, True, EndResponse): ContainerPhase.DRAINING,
}
# Two rules beside the table: END_RESPONSE without reuse leads to CLOSED instead of IDLE, and in
# DRAINING it is withheld until the outstanding body packet has come.


class WebServerPhase(IntEnum):
    """Where the web server's end of a connection stands."""

    IDLE = 0
    PINGED = 1  # CPING was sent and not answered
    SENT = 2  # a request was sent, SEND_HEADERS has not come
    OPEN = 3  # SEND_HEADERS has come
    CLOSED = 4


# AJP-STA-02; a flush is a SEND_BODY_CHUNK without octets and has a table of its own.
WEB_SERVER_RECEIVE: Mapping[tuple[WebServerPhase, MessageKind], WebServerPhase] = {
    (WebServerPhase.PINGED, CPong): WebServerPhase.IDLE,
    (WebServerPhase.SENT, SendHeaders): WebServerPhase.OPEN,
    (WebServerPhase.SENT, GetBodyChunk): WebServerPhase.SENT,
    (WebServerPhase.OPEN, SendBodyChunk): WebServerPhase.OPEN,
    (WebServerPhase.OPEN, GetBodyChunk): WebServerPhase.OPEN,
    (WebServerPhase.OPEN, EndResponse): WebServerPhase.IDLE,
}
# One rule beside the table: END_RESPONSE without reuse leads to CLOSED instead of IDLE.

FLUSH_DROPPED = frozenset({WebServerPhase.IDLE, WebServerPhase.PINGED, WebServerPhase.SENT})
"""Phases in which a flush means nothing and does no harm. AJP-FLU-02, AJP-FLU-03"""

# Which clause a message breaks that the table does not allow; the rest break AJP-STA-02 itself.
WEB_SERVER_CLAUSES: Mapping[tuple[WebServerPhase, MessageKind], str] = {
    (WebServerPhase.OPEN, SendHeaders): "AJP-RSP-19",
    (WebServerPhase.SENT, SendBodyChunk): "AJP-RSP-20",
    (WebServerPhase.SENT, EndResponse): "AJP-RSP-21",
    (WebServerPhase.IDLE, CPong): "AJP-PNG-07",
    (WebServerPhase.SENT, CPong): "AJP-PNG-07",
    (WebServerPhase.OPEN, CPong): "AJP-PNG-07",
    (WebServerPhase.PINGED, SendHeaders): "AJP-PNG-04",
    (WebServerPhase.PINGED, SendBodyChunk): "AJP-PNG-04",
    (WebServerPhase.PINGED, GetBodyChunk): "AJP-PNG-04",
    (WebServerPhase.PINGED, EndResponse): "AJP-PNG-04",
    (WebServerPhase.IDLE, SendHeaders): "AJP-END-04",
    (WebServerPhase.IDLE, SendBodyChunk): "AJP-END-04",
    (WebServerPhase.IDLE, GetBodyChunk): "AJP-END-04",
    (WebServerPhase.IDLE, EndResponse): "AJP-END-04",
}

STATUS_WITHOUT_BODY = frozenset({204, 205, 304})


def response_has_body(method: bytes, status: int) -> bool:
    """Whether SEND_BODY_CHUNK with octets belongs to this response. AJP-RSP-13, AJP-RSP-14"""
    return method != b"HEAD" and status not in STATUS_WITHOUT_BODY
