"""The container's end of a recorded exchange, played by refjk."""

from __future__ import annotations

from collections.abc import Sequence

from refjk.ajp13.codes import RESPONSE_HEADER_CODES
from refjk.ajp13.container import ContainerConnection
from refjk.ajp13.events import BodyEnded, BodyReceived, ContainerEvent, PeerClosed, RequestReceived, Violation
from refjk.ajp13.messages import EndResponse, ForwardRequest, GetBodyChunk, SendBodyChunk, SendHeaders
from refjk.ajp13.rules import ContainerPhase
from refjk.base.errors import LocalProtocolError, Malformed
from refjk.vectors.document import shorten
from refjk.vectors.packets import describe_to_web_server, events_text
from refjk.vectors.recording import Close, Cycle, Frame, Recording
from refjk.vectors.result import Unlike


class ContainerPlay:
    """One connection. `notes` collects in passing what was not driven, and why."""

    def __init__(self, recording: Recording, notes: dict[str, None]) -> None:
        self._recording = recording
        self._notes = notes
        self._cycle: Cycle | None = None
        self._running = False
        self._body_left: int | None = 0
        self._body_over = True
        self._closed = False
        self._start()

    def _start(self) -> None:
        self._core = ContainerConnection(self._recording.policy, self._recording.container_packet_size)
        self._given_up = False
        self._said = b""

    def receive(self, group: Sequence[Frame], pieces: Sequence[bytes]) -> None:
        """Packets of the web server; what refjk reports must be what is recorded of them."""
        self._start_again(group[0])
        driven = not self._given_up and not self._closed
        expected = [event for frame in group for event in self._expect(frame)]
        if not driven:
            return
        actual = [event for piece in pieces for event in self._core.receive(piece)]
        if actual and isinstance(actual[-1], Violation):
            violation = actual.pop()
            if actual != expected[: len(actual)] or not self._recorded_container_gave_up():
                raise Unlike(group[-1].where, events_text(expected), events_text([*actual, violation]))
            self._notes[f"refused like the recorded container: {violation}"] = None
            self._given_up = True
            return
        if actual != expected:
            raise Unlike(group[-1].where, events_text(expected), events_text(actual))
        self._said += self._core.data_to_send()

    def say(self, frame: Frame) -> None:
        """What the recorded container said, said by refjk: the octets must be the same."""
        if self._given_up or self._closed:
            self._end_cycle(frame)
            return
        try:
            self._send(frame)
        except LocalProtocolError as error:
            raise Unlike(frame.where, "that the container may say this", str(error)) from None
        said = self._said + self._core.data_to_send()
        self._said = b""
        if said != frame.packet and not _says_the_same(frame, said):
            raise Unlike(frame.where, shorten(frame.packet.hex(), 300), shorten(said.hex() or "nothing", 300))
        self._end_cycle(frame)

    def close(self, close: Close) -> None:
        if not self._closed and not self._given_up and self._core.phase is not ContainerPhase.CLOSED:
            if close.by_web_server:
                expected: list[ContainerEvent] = [PeerClosed(clean=not self._running)]
                actual = self._core.receive_eof()
                if actual != expected:
                    raise Unlike(
                        f"frames[{close.number}] (close)", events_text(expected), events_text(actual)
                    )
            else:
                self._core.abort()
        self._closed = True

    def finish(self) -> None:
        """Nothing may be left that refjk said and the recorded container did not."""
        if self._said and not self._closed:
            raise Unlike("the end of the connection", "nothing more from the container", self._said.hex())

    def _recorded_container_gave_up(self) -> bool:
        return self._cycle is not None and self._cycle.container_gave_up

    def _start_again(self, frame: Frame) -> None:
        """A web server that ignores the end of reuse goes on; refjk's end has closed."""
        over = self._given_up or self._core.phase is ContainerPhase.CLOSED
        if over and not self._running and not self._closed:
            self._notes["the recorded ends went on after END_RESPONSE without reuse"] = None
            self._start()

    def _expect(self, frame: Frame) -> list[ContainerEvent]:
        if frame.type == "CPING":
            return []
        if frame.request is not None:
            self._cycle = self._recording.cycles[frame.number]
            self._running = True
            self._body_left = _announced_length(frame.request)
            self._body_over = self._body_left == 0
            return [RequestReceived(frame.request, self._body_left)]
        data = frame.body
        events: list[ContainerEvent] = [BodyReceived(data)] if data else []
        if self._body_left is not None:
            self._body_left -= len(data)
        if not self._body_over and (not data or self._body_left == 0):
            self._body_over = True
            events.append(BodyEnded(self._body_left or 0))
        return events

    def _send(self, frame: Frame) -> None:
        message, core = frame.message, self._core
        if isinstance(message, SendHeaders):
            core.send_headers(message.status, message.message or b"", message.headers)
        elif isinstance(message, SendBodyChunk):
            if message.data:
                core.send_body(message.data)
            else:
                core.flush()
        elif isinstance(message, GetBodyChunk):
            core.ask_body(message.size_max)
        elif isinstance(message, EndResponse):
            if self._cycle is not None and self._cycle.container_refused:
                raise Unlike(frame.where, "a request that is refused", "one that was admitted")
            core.end_response(message.reuse)

    def _end_cycle(self, frame: Frame) -> None:
        if frame.type == "END_RESPONSE":
            self._running = False


def _announced_length(request: ForwardRequest) -> int | None:
    """What is no length is refused anyway, and so is more than one; what is given then plays no part."""
    values = request.header_values(b"content-length")
    return int(values[0]) if values and values[0].isdigit() and len(values[0]) < 20 else None


def _says_the_same(frame: Frame, said: bytes) -> bool:
    """Whether SEND_HEADERS differs only in what its sender may choose.

    refjk codes every name that has a code (AJP-RSP-08) and never says null (AJP-RSP-06).
    """
    if not isinstance(frame.message, SendHeaders):
        return False
    try:
        _, message = describe_to_web_server(said)
    except Malformed:
        return False
    if not isinstance(message, SendHeaders):
        return False
    by_choice = frame.message.message is None or any(
        header["code"] is None and header["name"].lower().encode("latin-1") in RESPONSE_HEADER_CODES
        for header in frame.entry["headers"]
    )
    return by_choice and _unspelled(frame.message) == _unspelled(message)


def _unspelled(message: SendHeaders) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    headers = [
        (name.lower() if name.lower() in RESPONSE_HEADER_CODES else name, value)
        for name, value in message.headers
    ]
    return message.status, message.message or b"", headers
