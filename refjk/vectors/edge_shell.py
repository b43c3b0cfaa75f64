"""A container's shell in miniature: one connection, one application, a clock without time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from refjk.ajp13.admission import ContainerPolicy
from refjk.ajp13.codec import decode_to_web_server
from refjk.ajp13.codes import MAGIC_TO_WEB_SERVER, PACKET_SIZE_MAX
from refjk.ajp13.container import ContainerConnection
from refjk.ajp13.events import BodyEnded, BodyReceived, ContainerEvent, PeerClosed, RequestReceived, Violation
from refjk.ajp13.framing import PacketBuffer
from refjk.ajp13.messages import CPong, EndResponse, GetBodyChunk, SendHeaders
from refjk.ajp13.rules import CONTAINER_READS, ContainerPhase
from refjk.vectors.edge_application import (
    ApplicationFailed,
    BodyIncomplete,
    Call,
    HeadersTooBig,
    Steps,
    application,
)

# Why refjk stops or answers otherwise where its core reports no violation; each with its reason.
READ_TIMEOUT = "AJP-ERR-03"  # silence within a packet or a body is never answered
CLOSED_IN_CYCLE = "AJP-ERR-02"  # a body that can no longer come makes the read fail
BODY_SHORT = "AJP-BOD-11"  # the application must not take a part of the body for the whole
HEADERS_TOO_BIG = "AJP-RSP-11"  # the web server gets a 500 where the headers fit no packet
FAILED_LATE = "AJP-ERR-05"  # only a broken connection tells that the answer is not whole


class Ending(Enum):
    """How a connection stands when all is over."""

    CLOSED = "closed at once"
    SILENCE = "kept until the timeout"  # or open for as long as anybody waits


@dataclass(frozen=True, slots=True)
class Pong:
    def __str__(self) -> str:
        return "CPONG"


@dataclass(frozen=True, slots=True)
class Ask:
    size_max: int

    def __str__(self) -> str:
        return f"GET_BODY_CHUNK {self.size_max}"


@dataclass(frozen=True, slots=True)
class Head:
    """SEND_HEADERS; only whether the request is answered or refused is compared."""

    refused: bool

    def __str__(self) -> str:
        return "SEND_HEADERS with a status " + ("from 400" if self.refused else "below 400")


@dataclass(frozen=True, slots=True)
class End:
    reuse: bool

    def __str__(self) -> str:
        return f"END_RESPONSE {int(self.reuse)}"


Token = Pong | Ask | Head | End
"""What is compared of a container's packets; chunks are the application's affair."""


def head_of(status: int) -> Head:
    return Head(refused=status >= 400)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why refjk goes its own way from a token on."""

    position: int  # in `Shell.tokens`
    clause: str
    text: str


class Shell:
    """Feeds a `ContainerConnection` and lets time pass; `timeout_ms` None waits for ever."""

    def __init__(
        self,
        policy: ContainerPolicy,
        packet_size: int,
        asks_recorded: Sequence[int],
        timeout_ms: int | None,
    ) -> None:
        self.tokens: list[Token] = []
        self.reasons: list[Reason] = []
        self.ending = Ending.SILENCE
        self._core = ContainerConnection(policy, packet_size)
        self._packets = PacketBuffer(MAGIC_TO_WEB_SERVER, PACKET_SIZE_MAX)
        self._asks_recorded = list(asks_recorded)
        self._timeout_ms = timeout_ms
        self._call: Call | None = None
        self._steps: Steps | None = None
        self._now_ms = 0
        self._wakes_at_ms: int | None = None
        self._heard_at_ms = 0
        self._eof = False

    @property
    def closed(self) -> bool:
        return self._core.phase is ContainerPhase.CLOSED

    def receive(self, octets: bytes) -> None:
        if self.closed:
            return
        self._heard_at_ms = self._now_ms
        self._handle(self._core.receive(octets))
        self._run()

    def receive_eof(self) -> None:
        """The web server closed; noticed when the connection is read again."""
        self._eof = True
        self._run()

    def wait(self, duration_ms: int) -> None:
        """Let time pass: the application wakes up, and silence ends the connection."""
        end_ms = self._now_ms + duration_ms
        while not self.closed:
            wake_ms = self._wakes_at_ms
            if wake_ms is not None and wake_ms <= end_ms:
                self._now_ms = self._heard_at_ms = wake_ms
                self._wakes_at_ms = None
                self._run()
                continue
            if self._timeout_ms is not None and wake_ms is None:
                silent_at_ms = self._heard_at_ms + self._timeout_ms
                if silent_at_ms <= end_ms:
                    self._fall_silent()
            break
        self._now_ms = end_ms

    def _fall_silent(self) -> None:
        if self._core.phase is not ContainerPhase.IDLE or self._core.holds_octets:
            self._note(READ_TIMEOUT, "the web server is silent within a packet or a body")
        self._core.abort()

    def _run(self) -> None:
        """Go on with the application and with what has arrived, as far as both can."""
        while not self.closed:
            if self._steps is not None and self._wakes_at_ms is None:
                self._advance(self._steps)
            self._collect()
            if self._steps is not None:
                break
            events = self._core.resume()
            if not events:
                break
            self._handle(events)
        self._collect()
        if self._eof and self._core.phase in CONTAINER_READS:
            self._handle(self._core.receive_eof())

    def _advance(self, steps: Steps) -> None:
        try:
            duration_ms = next(steps)
        except StopIteration:
            self._steps = None
        except BodyIncomplete as failure:
            self._note(BODY_SHORT, str(failure))
            self._fail(str(failure))
        except HeadersTooBig as failure:
            self._note(HEADERS_TOO_BIG, str(failure))
            self._fail(str(failure))
        except ApplicationFailed as failure:
            self._fail(str(failure))
        else:
            if duration_ms is not None:
                self._wakes_at_ms = self._now_ms + duration_ms

    def _fail(self, text: str) -> None:
        """The application failed: a 500, or a broken connection where the answer has begun."""
        self._steps = None
        if self._core.headers_sent:
            self._collect()
            self._note(FAILED_LATE, text)
            self._core.abort()
            self.ending = Ending.CLOSED
        else:
            self._core.send_headers(500, b"500", [])
            self._core.end_response()

    def _handle(self, events: Sequence[ContainerEvent]) -> None:
        for event in events:
            if isinstance(event, RequestReceived):
                asks = self._asks_recorded.pop(0) if self._asks_recorded else 0
                self._call, self._steps = application(self._core, event.request, event.content_length, asks)
            elif isinstance(event, BodyReceived):
                if self._call is not None:
                    self._call.body_received += len(event.data)
            elif isinstance(event, BodyEnded):
                if self._call is not None:
                    self._call.body_missing = event.missing
            elif isinstance(event, Violation):
                before = len(self.tokens)
                self._collect()
                position = before if event.status is not None else len(self.tokens)
                self.reasons.append(Reason(position, event.clause, str(event)))
                self.ending = Ending.CLOSED
            elif isinstance(event, PeerClosed):
                if not event.clean:
                    self._note(CLOSED_IN_CYCLE, "the web server closed within a cycle")
                self.ending = Ending.CLOSED

    def _note(self, clause: str, text: str) -> None:
        self._collect()
        self.reasons.append(Reason(len(self.tokens), clause, text))

    def _collect(self) -> None:
        """Turn what leaves into tokens."""
        self._packets.feed(self._core.data_to_send())
        while (packet := self._packets.next_packet()) is not None:
            message = decode_to_web_server(packet)
            if isinstance(message, SendHeaders):
                self.tokens.append(head_of(message.status))
            elif isinstance(message, EndResponse):
                self.tokens.append(End(message.reuse))
            elif isinstance(message, GetBodyChunk):
                self.tokens.append(Ask(message.size_max))
            elif isinstance(message, CPong):
                self.tokens.append(Pong())
