"""What can go wrong between web server and container, with what is needed to decide on another try."""

from __future__ import annotations

from refjk.base.errors import InputError, Unreachable, UsageError


class EndpointError(Unreachable):
    """A connection to a container failed, or could not be had.

    `sent`: at least one octet of a request left. `headers_seen`: SEND_HEADERS of its response
    came, so that the request must not be sent again. `body_asked`: so did a GET_BODY_CHUNK.
    `clause`: what the container broke, if that is the reason.
    """

    def __init__(
        self,
        text: str,
        *,
        sent: bool = False,
        headers_seen: bool = False,
        body_asked: bool = False,
        clause: str | None = None,
    ) -> None:
        super().__init__(text)
        self.sent = sent
        self.headers_seen = headers_seen
        self.body_asked = body_asked
        self.clause = clause


class ConnectFailed(EndpointError):
    """No connection: unknown name, refused, no answer in time."""


class NoConnectionFree(EndpointError):
    """All connections of the pool were in use for the whole waiting time, or the pool is closed."""


class NoPong(EndpointError):
    """CPING was not answered by CPONG in time. Nothing of a request was sent."""


class ReplyTimeout(EndpointError):
    """The container said nothing, or took nothing, for too long."""


class PeerGone(EndpointError):
    """The container closed or reset the connection in the middle of a cycle, within a packet or not."""


class SocketTimeout(PeerGone):
    """Not one octet came, or went, for the socket timeout: treated like a connection that broke."""


class ProtocolBroken(EndpointError):
    """The container broke `clause`."""


class UnknownPacket(ProtocolBroken):
    """A packet with an unknown prefix code, or a chunk whose length does not fit its packet."""


class RequestTooLarge(EndpointError):
    """The request fits no packet; nothing was sent, and the connection is as good as before."""

    exit_code = UsageError.exit_code


class BodyIncomplete(EndpointError):
    """The source of the request body ended before the announced length."""

    exit_code = InputError.exit_code
