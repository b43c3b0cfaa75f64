"""The container's end of an AJP13 connection, without I/O.

Feed what arrives to `receive`, handle the events in order, say the answer with the `send_…`
methods, and write what `data_to_send` hands out; when `phase` is CLOSED after that, close. While
a request runs nothing is read from what was fed, so after `end_response` call `resume` for what
may have been waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from refjk.ajp13.admission import ContainerPolicy, Refusal, admit
from refjk.ajp13.codec import (
    CPONG_PACKET,
    END_RESPONSE_CLOSE,
    END_RESPONSE_REUSE,
    FLUSH_PACKET,
    decode_request_body,
    encode_get_body_chunk,
    encode_send_body_chunk,
    encode_send_headers,
)
from refjk.ajp13.codes import (
    HEADER_SIZE,
    MAGIC_TO_CONTAINER,
    METHOD_CODES,
    PACKET_SIZE_DEFAULT,
    ToContainer,
    request_body_size_max,
    response_body_size_max,
)
from refjk.ajp13.events import (
    BodyEnded,
    BodyReceived,
    ContainerEvent,
    PeerClosed,
    RequestReceived,
    Violation,
)
from refjk.ajp13.forward_request import decode_forward_request
from refjk.ajp13.framing import PacketBuffer
from refjk.ajp13.messages import (
    EndResponse,
    GetBodyChunk,
    Header,
    MessageToWebServer,
    SendBodyChunk,
    SendHeaders,
)
from refjk.ajp13.rules import (
    CONTAINER_READS,
    CONTAINER_RECEIVE,
    CONTAINER_SEND,
    ContainerPhase,
    Incoming,
    response_has_body,
)
from refjk.base.errors import LocalProtocolError, Malformed

# Names of their own for what is asked on every request: an attribute of an enumeration class is
# slow to look up before Python 3.12.
_IDLE, _RUNNING, _BODY_DUE = ContainerPhase.IDLE, ContainerPhase.RUNNING, ContainerPhase.BODY_DUE
_DRAINING, _CLOSED = ContainerPhase.DRAINING, ContainerPhase.CLOSED
_FORWARD_REQUEST = int(ToContainer.FORWARD_REQUEST)

READ_AHEAD_MAX = 65536  # octets that may wait beyond one packet while a request runs

_METHOD_CODE_HEAD = bytes((METHOD_CODES[b"HEAD"],))


class ContainerConnection:
    """One connection, from accept to close; answers CPING by itself."""

    def __init__(self, policy: ContainerPolicy | None = None, packet_size: int = PACKET_SIZE_DEFAULT) -> None:
        self.phase = _IDLE
        self.packet_size = packet_size
        self.pings = 0  # answered so far
        self._policy = policy or ContainerPolicy()
        self._buffer = PacketBuffer(MAGIC_TO_CONTAINER, packet_size)
        self._held_max = packet_size + READ_AHEAD_MAX
        self._out: list[bytes] = []
        self._early_octets = 0  # of the buffer: arrived before the last cycle was over
        self._content_length: int | None = None
        self._body_received = 0
        self._body_ended = False
        self._method = b""
        self._headers_sent = False
        self._has_body = False
        self._reuse = True

    # -- what arrives ---------------------------------------------------------------------

    def receive(self, data: bytes) -> list[ContainerEvent]:
        """Octets from the web server; never raises for what they say."""
        if self.phase is _CLOSED:
            return []
        self._buffer.feed(data)
        events = self.resume()
        held = len(self._buffer)
        if held > self._held_max:
            expected = f"at most {self._held_max} octets while a request runs"
            events.append(self._fail(Malformed("AJP-LIM-01", offset=0, expected=expected, actual=str(held))))
        return events

    def resume(self) -> list[ContainerEvent]:
        """Go on with what has arrived already, as far as the phase allows."""
        events: list[ContainerEvent] = []
        try:
            while self.phase in CONTAINER_READS:
                packet = self._buffer.next_packet()
                if packet is None:
                    break
                if self.phase is _IDLE:
                    self._receive_typed(packet, events)
                else:
                    self._receive_body(packet, events)
        except Malformed as complaint:
            # Packet-level errors and errors in a body: close, no answer (AJP-ERR-01, AJP-ERR-02).
            events.append(self._fail(complaint))
        return events

    def receive_eof(self) -> list[ContainerEvent]:
        """The web server closed its side."""
        if self.phase is _CLOSED:
            return []
        clean = (self.phase, Incoming.END_OF_STREAM) in CONTAINER_RECEIVE and not len(self._buffer)
        self.abort()
        return [PeerClosed(clean)]

    def _receive_typed(self, packet: bytes, events: list[ContainerEvent]) -> None:
        if len(packet) == HEADER_SIZE:
            raise Malformed("AJP-FRM-10", offset=2, expected="a prefix code", actual="an empty packet")
        prefix = packet[HEADER_SIZE]
        if prefix == _FORWARD_REQUEST:
            if self._early_octets and self._policy.strict:
                raise Malformed(
                    "AJP-CON-07",
                    offset=0,
                    expected="a request only after END_RESPONSE",
                    actual="one that arrived before it",
                )
            self._receive_request(packet, events)
        elif prefix == ToContainer.CPING:
            self._out.append(CPONG_PACKET)  # AJP-PNG-01
            self.pings += 1
            self.phase = CONTAINER_RECEIVE[self.phase, Incoming.CPING]
        else:
            raise Malformed(
                "AJP-FRM-13" if prefix == ToContainer.SHUTDOWN else "AJP-FRM-12",
                offset=HEADER_SIZE,
                expected="prefix code 2 or 10",
                actual=str(prefix),
            )
        self._early_octets = max(0, self._early_octets - len(packet))

    def _receive_request(self, packet: bytes, events: list[ContainerEvent]) -> None:
        """Begin a cycle, or refuse the request with a status and close. AJP-REQ-06"""
        policy = self._policy
        try:
            request = decode_forward_request(
                packet, strict=policy.strict, header_count_max=policy.header_count_max
            )
        except Malformed as complaint:
            head = packet.startswith(_METHOD_CODE_HEAD, HEADER_SIZE + 1)
            events.append(self._refuse(complaint, 400, head))
            return
        try:
            content_length = admit(request, policy)
        except Refusal as refusal:
            events.append(self._refuse(refusal.within(packet), refusal.status, request.method == b"HEAD"))
            return
        # The table's row for a request; with a body announced, its first packet is due (AJP-BOD-01).
        self.phase = _BODY_DUE if content_length else _RUNNING
        self._content_length = content_length
        self._body_received = 0
        self._body_ended = content_length == 0
        self._method = request.method
        self._headers_sent = False
        events.append(RequestReceived(request, content_length))

    def _receive_body(self, packet: bytes, events: list[ContainerEvent]) -> None:
        data = decode_request_body(packet).data
        draining = self.phase is _DRAINING
        self.phase = CONTAINER_RECEIVE[self.phase, Incoming.BODY if data else Incoming.BODY_END]
        self._body_received += len(data)
        announced = self._content_length
        if announced is not None and self._body_received > announced:
            raise Malformed(
                "AJP-BOD-10",
                offset=HEADER_SIZE,
                expected=f"a body of {announced} octets",
                actual=f"{self._body_received}",
            )
        if draining:
            self._finish()
            return
        if data:
            events.append(BodyReceived(data))
        if not self._body_ended and (not data or self._body_received == announced):
            self._body_ended = True
            events.append(BodyEnded(0 if announced is None else announced - self._body_received))

    # -- what the container says ----------------------------------------------------------

    @property
    def body_is_over(self) -> bool:
        """Whether no octet of the request body is to come any more."""
        return self._body_ended

    @property
    def headers_sent(self) -> bool:
        return self._headers_sent

    @property
    def holds_octets(self) -> bool:
        """Whether octets that arrived wait to be read: a part of a packet, or more."""
        return len(self._buffer) > 0

    def ask_body(self, size_max: int | None = None) -> None:
        """GET_BODY_CHUNK; by default for as much as a packet holds. AJP-BOD-04

        Raises `LocalProtocolError` where no body packet may be asked for (AJP-BOD-02) and for
        sizes that cannot be answered (AJP-BOD-08).
        """
        most = request_body_size_max(self.packet_size)
        wanted = most if size_max is None else size_max
        if not 1 <= wanted <= most:
            raise LocalProtocolError(f"GET_BODY_CHUNK asks for 1 to {most} octets, not {wanted}")
        if self._content_length == 0:
            raise LocalProtocolError("the request has no body to ask for")
        self.phase = self._allowed(GetBodyChunk)
        self._out.append(encode_get_body_chunk(wanted))

    def send_headers(self, status: int, reason: bytes, headers: Sequence[Header]) -> None:
        """SEND_HEADERS, once per cycle.

        Raises `LocalProtocolError`, with nothing changed, for a status outside 200 to 999
        (AJP-RSP-04), for what the codec refuses, and for headers that do not fit one packet
        (AJP-RSP-11).
        """
        phase = self._allowed(SendHeaders)
        if not 200 <= status <= 999:
            raise LocalProtocolError(f"a response status is 200 to 999, not {status}")
        try:
            packet = encode_send_headers(status, reason, headers)
        except ValueError as error:
            raise LocalProtocolError(str(error)) from None
        if len(packet) > self.packet_size:
            raise LocalProtocolError(
                f"the response headers need a packet of {len(packet)} octets;"
                f" the packet size is {self.packet_size}"
            )
        self.phase = phase
        self._headers_sent = True
        self._has_body = response_has_body(self._method, status)
        self._out.append(packet)

    def send_body(self, data: bytes | memoryview) -> None:
        """SEND_BODY_CHUNK, as many as the octets need; none where the response has no body."""
        self.phase = self._allowed(SendBodyChunk)
        if not data or not self._has_body:
            return
        most = response_body_size_max(self.packet_size)
        if len(data) <= most:
            self._out.append(encode_send_body_chunk(data))
            return
        view = memoryview(data)
        for start in range(0, len(data), most):
            self._out.append(encode_send_body_chunk(view[start : start + most]))

    def flush(self) -> None:
        """Ask the web server to give the client what was sent so far."""
        self.phase = self._allowed(SendBodyChunk)
        self._out.append(FLUSH_PACKET)

    def end_response(self, reuse: bool = True) -> None:
        """END_RESPONSE; withheld while a body packet is outstanding, until it came. AJP-BOD-12"""
        self.phase = self._allowed(EndResponse)
        self._reuse = reuse
        if self.phase is _IDLE:
            self._finish()

    def abort(self) -> None:
        """Give the connection up: nothing more is said or read."""
        self.phase = _CLOSED
        self._out.clear()
        self._buffer.clear()

    def data_to_send(self) -> bytes:
        """What must leave now, in one piece; empty when nothing."""
        out = self._out
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    # -- helpers --------------------------------------------------------------------------

    def _allowed(self, kind: type[MessageToWebServer]) -> ContainerPhase:
        phase = CONTAINER_SEND.get((self.phase, self._headers_sent, kind))
        if phase is None:
            raise LocalProtocolError(
                f"{kind.__name__} may not be sent in {self.phase.name}"
                f" {'after' if self._headers_sent else 'before'} SEND_HEADERS"
            )
        return phase

    def _finish(self) -> None:
        self._out.append(END_RESPONSE_REUSE if self._reuse else END_RESPONSE_CLOSE)
        self.phase = _IDLE if self._reuse else _CLOSED  # AJP-END-03
        self._headers_sent = False
        self._early_octets = len(self._buffer)

    def _fail(self, complaint: Malformed) -> Violation:
        # What is queued already (a CPONG, a part of the answer) still leaves; nothing is added.
        self.phase = _CLOSED
        self._buffer.clear()
        return Violation.of(complaint)

    def _refuse(self, complaint: Malformed, status: int, head: bool) -> Violation:
        """Answer a request that is not admitted, whatever the application would say."""
        text = f"{status} {HTTPStatus(status).phrase}\n".encode("ascii")
        headers = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"%d" % len(text))]
        self._out.append(encode_send_headers(status, HTTPStatus(status).phrase.encode("ascii"), headers))
        if not head:
            self._out.append(encode_send_body_chunk(text))
        self._out.append(END_RESPONSE_CLOSE)
        self.phase = _CLOSED
        self._buffer.clear()
        return Violation.of(complaint, status)
