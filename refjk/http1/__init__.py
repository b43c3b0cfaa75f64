"""The strict little HTTP/1.1 of the web server's client side, without I/O (`spec/http-front.md`)."""

from refjk.http1.connection import ServerConnection
from refjk.http1.limits import Limits
from refjk.http1.messages import (
    BodyEnded,
    BodyKind,
    BodyReceived,
    Event,
    PeerClosed,
    Refused,
    RequestReceived,
)
from refjk.http1.response import AnswerHead
from refjk.http1.rules import Phase

__all__ = [
    "AnswerHead",
    "BodyEnded",
    "BodyKind",
    "BodyReceived",
    "Event",
    "Limits",
    "PeerClosed",
    "Phase",
    "Refused",
    "RequestReceived",
    "ServerConnection",
]
