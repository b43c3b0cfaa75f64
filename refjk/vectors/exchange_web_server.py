"""The web server's end of a recorded exchange, played by refjk."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

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
from refjk.ajp13.messages import EndResponse, GetBodyChunk, SendBodyChunk, SendHeaders
from refjk.ajp13.rules import response_has_body
from refjk.ajp13.web_server import EndMarker, WebServerConnection
from refjk.base.errors import LocalProtocolError
from refjk.vectors.document import shorten
from refjk.vectors.packets import events_text
from refjk.vectors.recording import Close, Cycle, Frame, Recording
from refjk.vectors.result import Unlike

_PHRASES = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}


class WebServerPlay:
    """One connection. `notes` collects in passing what was not driven, and why."""

    def __init__(self, recording: Recording, notes: dict[str, None]) -> None:
        self._recording = recording
        self._notes = notes
        self._core = WebServerConnection(recording.web_server_packet_size)
        self._cycle: Cycle | None = None
        self._running = False
        self._pinged = False
        self._first_body_due = False
        self._status: int | None = None
        self._given_up = False
        self._closed = False

    def say(self, frame: Frame) -> None:
        """What the recorded web server said, said by refjk: the octets must be the same."""
        if frame.request is not None:
            self._begin(frame)
        if self._given_up or self._core.closed:
            return
        try:
            self._send(frame)
        except LocalProtocolError as error:
            if frame.request is not None and self._cycle is not None and self._cycle.container_refused:
                self._notes[f"not sent, and refused by the recorded container: {error}"] = None
                self._given_up = True
                return
            raise Unlike(frame.where, "that the web server may say this", str(error)) from None
        said = self._core.data_to_send()
        if said != frame.packet:
            raise Unlike(frame.where, shorten(frame.packet.hex(), 300), shorten(said.hex(), 300))

    def receive(self, group: Sequence[Frame], pieces: Sequence[bytes], closes_next: bool) -> None:
        """Packets of the container; what refjk reports must be what is recorded of them."""
        driven = not self._given_up and not self._core.closed
        expected = [event for frame in group for event in self._expect(frame)]
        if not driven:
            return
        actual = [event for piece in pieces for event in self._core.receive(piece)]
        if actual and isinstance(actual[-1], Violation) and actual[:-1] == expected[: len(actual) - 1]:
            violation = actual[-1]
            if closes_next:
                self._notes[f"given up like the recorded web server: {violation}"] = None
                self._given_up = True
                return
        if actual != expected:
            raise Unlike(group[-1].where, events_text(expected), events_text(actual))

    def close(self, close: Close) -> None:
        if not self._closed and not self._core.closed and not self._given_up:
            if close.by_web_server:
                self._core.close()
            else:
                expected: list[WebServerEvent] = [PeerClosed(not (self._running or self._pinged))]
                actual = self._core.receive_eof()
                if actual != expected:
                    raise Unlike(
                        f"frames[{close.number}] (close)", events_text(expected), events_text(actual)
                    )
        self._closed = True

    def _begin(self, frame: Frame) -> None:
        assert frame.request is not None
        if self._closed:
            self._notes["the recorded web server used a connection that its container had closed"] = None
        elif self._given_up or self._core.closed:
            self._notes["the recorded ends went on after END_RESPONSE without reuse"] = None
            self._core = WebServerConnection(self._recording.web_server_packet_size)
            self._given_up = False
        self._cycle = self._recording.cycles[frame.number]
        self._running = True
        self._status = None
        self._first_body_due = frame.request.header_values(b"content-length") not in ([], [b"0"])

    def _send(self, frame: Frame) -> None:
        if frame.request is not None:
            self._core.send_request(frame.request)
        elif frame.type == "CPING":
            self._core.send_ping()
            self._pinged = True
        else:
            self._first_body_due = False
            if frame.body:
                self._core.send_body(frame.body)
            else:
                empty = frame.type == "BODY_END"
                self._core.end_body(EndMarker.EMPTY_PACKET if empty else EndMarker.ZERO_LENGTH)

    def _expect(self, frame: Frame) -> list[WebServerEvent]:
        message = frame.message
        if isinstance(message, SendHeaders):
            self._status = message.status
            reason = message.message or _PHRASES.get(message.status, b"")
            return [HeadersReceived(message.status, reason, message.headers)]
        if isinstance(message, SendBodyChunk):
            return self._expect_chunk(message.data)
        if isinstance(message, GetBodyChunk):
            return [BodyWanted(message.size_max)]
        if isinstance(message, EndResponse):
            self._running = False
            return [ResponseEnded(message.reuse and not self._first_body_due)]
        self._pinged = False
        return [Ponged()]

    def _expect_chunk(self, data: bytes) -> list[WebServerEvent]:
        if self._status is None or self._cycle is None:
            return []
        if not data:
            return [Flushed()]
        return [ResponseBody(data)] if response_has_body(self._cycle.request.method, self._status) else []
