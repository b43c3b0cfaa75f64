"""The web server's end of an AJP13 connection, without I/O.

Ask with `send_ping` and `send_request`, feed what arrives to `receive`, handle the events in
order, and write what `data_to_send` hands out. After `ResponseEnded(reuse=True)` the connection
may serve the next request while `reusable` holds; after `Violation` or `PeerClosed` it is over,
and `may_send_again` tells whether the request may go to another connection.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

from refjk.ajp13.codec import (
    BODY_END_EMPTY_PACKET,
    BODY_END_ZERO_LENGTH,
    CPING_PACKET,
    decode_to_web_server,
    encode_request_body,
    has_control,
)
from refjk.ajp13.codes import (
    HEADER_SIZE,
    MAGIC_TO_WEB_SERVER,
    PACKET_SIZE_DEFAULT,
    ToWebServer,
    request_body_size_max,
)
from refjk.ajp13.events import (
    BodyWanted,
    Flushed,
    HeadersReceived,
    PeerClosed,
    Ponged,
    ResponseBody,
    ResponseEnded,
    Violation,
    WebServerEvent,
)
from refjk.ajp13.forward_request import encode_forward_request
from refjk.ajp13.framing import PacketBuffer
from refjk.ajp13.messages import (
    EndResponse,
    ForwardRequest,
    GetBodyChunk,
    MessageToWebServer,
    SendBodyChunk,
    SendHeaders,
)
from refjk.ajp13.rules import (
    FLUSH_DROPPED,
    WEB_SERVER_CLAUSES,
    WEB_SERVER_RECEIVE,
    WebServerPhase,
    response_has_body,
)
from refjk.base.errors import LocalProtocolError, Malformed

_SEND_HEADERS = bytes((ToWebServer.SEND_HEADERS,))
_PHRASES = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}


class EndMarker(Enum):
    """The two ways to say that the request body is over."""

    EMPTY_PACKET = BODY_END_EMPTY_PACKET  # payload length 0, as mod_jk
    ZERO_LENGTH = BODY_END_ZERO_LENGTH  # inner length 0, as mod_proxy_ajp


class WebServerConnection:
    """One connection, from connect to close."""

    def __init__(
        self,
        packet_size: int = PACKET_SIZE_DEFAULT,
        *,
        strict: bool = True,
        end_marker: EndMarker = EndMarker.EMPTY_PACKET,
    ) -> None:
        self.phase = WebServerPhase.IDLE
        self.packet_size = packet_size
        self._strict = strict
        self._end_marker = end_marker
        self._buffer = PacketBuffer(MAGIC_TO_WEB_SERVER, packet_size)
        self._out: list[bytes] = []
        self._first_body_due = False
        self._bodies_wanted = 0
        self._request_body_left: int | None = 0  # octets; None: length not announced
        self._method = b""
        self._response_has_body = True
        self._response_body_left: int | None = None
        self._headers_seen = False

    # -- what the web server says ---------------------------------------------------------

    @property
    def closed(self) -> bool:
        return self.phase is WebServerPhase.CLOSED

    @property
    def reusable(self) -> bool:
        """Whether the next request may go over this connection. AJP-END-04"""
        return self.phase is WebServerPhase.IDLE and not len(self._buffer)

    @property
    def may_send_again(self) -> bool:
        """Whether the response had not begun, so that the request may go elsewhere. AJP-RTY-01

        Whether the body can be replayed is the caller's knowledge.
        """
        return not self._headers_seen

    @property
    def first_body_due(self) -> bool:
        """Whether the first body packet must follow the request now, unasked."""
        return self._first_body_due

    def send_ping(self) -> None:
        """CPING; only between cycles. AJP-PNG-03"""
        if self.phase is not WebServerPhase.IDLE:
            raise LocalProtocolError(f"CPING may not be sent in {self.phase.name}")
        self.phase = WebServerPhase.PINGED
        self._headers_seen = False  # those of the cycle before
        self._out.append(CPING_PACKET)

    def send_request(self, request: ForwardRequest) -> None:
        """FORWARD_REQUEST; only between cycles (AJP-CON-06).

        With a content-length above 0 `send_body` must follow at once (AJP-BOD-01). Raises
        `LocalProtocolError`, with nothing changed, for a request that fits no packet, has its
        query in the URI (AJP-REQ-08) or announces its length in an unusable way (AJP-HDR-12).
        """
        if not self.reusable:
            raise LocalProtocolError(f"a request may not be sent in {self.phase.name}")
        if b"?" in request.req_uri:
            raise LocalProtocolError("the query belongs in attribute 5, not in the request URI")
        content_length = _announced_length(request)
        try:
            packet = encode_forward_request(request, self.packet_size)
        except ValueError as error:
            raise LocalProtocolError(str(error)) from None
        self._out.append(packet)
        self.phase = WebServerPhase.SENT
        self._first_body_due = bool(content_length)
        self._bodies_wanted = 0
        self._request_body_left = content_length
        self._method = request.method
        self._headers_seen = False

    def send_body(self, data: bytes) -> None:
        """One body packet: the first one after the request, or the answer to `BodyWanted`.

        Never unasked otherwise (AJP-BOD-17), never more than a packet holds or than was announced.
        """
        if not data:
            raise LocalProtocolError("no octets: say end_body")
        if len(data) > request_body_size_max(self.packet_size):
            raise LocalProtocolError(f"{len(data)} octets do not fit one body packet")
        left = self._request_body_left
        if left is not None and len(data) > left:
            raise LocalProtocolError(f"{len(data)} octets of body where {left} were announced")
        self._take_turn()
        if left is not None:
            self._request_body_left = left - len(data)
        self._out.append(encode_request_body(data))

    def end_body(self, marker: EndMarker | None = None) -> None:
        """The end marker, in a body packet's place, as often as it is asked for. AJP-BOD-06"""
        self._take_turn()
        self._out.append((marker or self._end_marker).value)

    def close(self) -> None:
        """Give the connection up, for whatever reason."""
        self.phase = WebServerPhase.CLOSED
        self._out.clear()
        self._buffer.clear()

    def data_to_send(self) -> bytes:
        """What must leave now, in one piece; empty when nothing."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _take_turn(self) -> None:
        if self.phase not in (WebServerPhase.SENT, WebServerPhase.OPEN):
            raise LocalProtocolError(f"a body packet may not be sent in {self.phase.name}")
        if self._first_body_due:
            self._first_body_due = False
        elif self._bodies_wanted:
            self._bodies_wanted -= 1
        else:
            raise LocalProtocolError("a body packet that nobody asked for")

    # -- what arrives ---------------------------------------------------------------------

    def receive(self, data: bytes) -> list[WebServerEvent]:
        """Octets from the container; never raises for what they say."""
        events: list[WebServerEvent] = []
        if self.closed:
            return events
        self._buffer.feed(data)
        try:
            while not self.closed:
                packet = self._buffer.next_packet()
                if packet is None:
                    break
                # Seen is seen: a SEND_HEADERS that cannot be decoded forbids another try as well.
                if self.phase is WebServerPhase.SENT and packet.startswith(_SEND_HEADERS, HEADER_SIZE):
                    self._headers_seen = True
                self._receive_message(decode_to_web_server(packet, self._strict), events)
        except Malformed as complaint:
            # AJP-ERR-06, AJP-ERR-07, AJP-END-05: whatever it was, this connection is over.
            self.close()
            events.append(Violation.of(complaint))
        return events

    def receive_eof(self) -> list[WebServerEvent]:
        """The container closed its side; between cycles that is no error. AJP-CON-05"""
        if self.closed:
            return []
        clean = self.reusable
        self.close()
        return [PeerClosed(clean)]

    def _receive_message(self, message: MessageToWebServer, events: list[WebServerEvent]) -> None:
        if isinstance(message, SendBodyChunk) and not message.data and self.phase in FLUSH_DROPPED:
            return
        phase = WEB_SERVER_RECEIVE.get((self.phase, type(message)))
        if phase is None:
            raise Malformed(
                WEB_SERVER_CLAUSES.get((self.phase, type(message)), "AJP-STA-02"),
                offset=4,
                expected=_expected(self.phase),
                actual=type(message).__name__,
            )
        self.phase = phase
        if isinstance(message, SendBodyChunk):
            self._receive_chunk(message.data, events)
        elif isinstance(message, SendHeaders):
            self._receive_headers(message, events)
        elif isinstance(message, GetBodyChunk):
            self._bodies_wanted += 1
            events.append(BodyWanted(message.size_max))
        elif isinstance(message, EndResponse):
            self._receive_end(message.reuse, events)
        else:
            events.append(Ponged())

    def _receive_headers(self, message: SendHeaders, events: list[WebServerEvent]) -> None:
        if not 200 <= message.status <= 999:
            raise Malformed(
                "AJP-RSP-05", offset=5, expected="a status of 200 to 999", actual=str(message.status)
            )
        self._response_has_body = response_has_body(self._method, message.status)
        self._response_body_left = _response_length(message, self._strict)
        events.append(HeadersReceived(message.status, _reason(message), message.headers))

    def _receive_chunk(self, data: bytes, events: list[WebServerEvent]) -> None:
        if not data:
            events.append(Flushed())
            return
        if not self._response_has_body:
            return
        if self._response_body_left is not None:
            if len(data) > self._response_body_left:
                raise Malformed(
                    "AJP-RSP-17",
                    offset=5,
                    expected=f"at most {self._response_body_left} more octets of body",
                    actual=str(len(data)),
                )
            self._response_body_left -= len(data)
        events.append(ResponseBody(data))

    def _receive_end(self, reuse: bool, events: list[WebServerEvent]) -> None:
        if self._response_has_body and self._response_body_left:
            raise Malformed(
                "AJP-RSP-17",
                offset=4,
                expected=f"{self._response_body_left} more octets of body",
                actual="END_RESPONSE",
            )
        # Where a body packet that was announced or asked for has not left, the container may still
        # wait for it and would take the next request for it.
        reuse = reuse and not self._first_body_due and not self._bodies_wanted
        if not reuse:
            self.close()  # AJP-END-02
        events.append(ResponseEnded(reuse))


def _announced_length(request: ForwardRequest) -> int | None:
    values = request.header_values(b"content-length")
    if not values:
        return None
    if len(values) > 1 or not values[0].isdigit() or len(values[0]) > 19:
        raise LocalProtocolError(f"not one content-length in digits: {values!r}")
    return int(values[0])


def _response_length(message: SendHeaders, strict: bool) -> int | None:
    """The announced length of the response body; None when there is none.

    Transfer-Encoding has no meaning in AJP13 and is refused when strict (AJP-RSP-16).
    """
    length: int | None = None
    for name, value in message.headers:
        lowered = name.lower()
        if lowered == b"content-length":
            if length is not None or not value.isdigit() or len(value) > 19:
                raise Malformed(
                    "AJP-RSP-17", offset=4, expected="one Content-Length in digits", actual=repr(value)
                )
            length = int(value)
        elif lowered == b"transfer-encoding" and strict:
            raise Malformed("AJP-RSP-16", offset=4, expected="no Transfer-Encoding", actual=repr(value))
    return length


def _reason(message: SendHeaders) -> bytes:
    """The reason phrase to pass on: the standard one where the message is of no use. AJP-RSP-07"""
    if message.message and not has_control(message.message):
        return message.message
    return _PHRASES.get(message.status, b"")


def _expected(phase: WebServerPhase) -> str:
    kinds = [kind.__name__ for known, kind in WEB_SERVER_RECEIVE if known is phase]
    return " or ".join(kinds) or "nothing"
