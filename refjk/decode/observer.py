"""One connection followed from outside: what each packet is, and whether it was its turn.

Both directions go in, in the order in which they passed. Judgement follows the state tables of
the two ends (`refjk.ajp13.rules`). After a mistake the observer believes what it sees, so that one
mistake is reported once and not with every packet after it. Where the past is unknown (a
recording that begins in the middle, octets that are missing) nothing is judged that depends on it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from refjk.ajp13.codec import decode_request_body
from refjk.ajp13.codes import HEADER_SIZE, PACKET_SIZE_MAX, ToContainer, ToWebServer, request_body_size_max
from refjk.ajp13.fields import Field, packet_fields, packet_kind
from refjk.ajp13.messages import (
    CPing,
    CPong,
    EndResponse,
    ForwardRequest,
    GetBodyChunk,
    MessageToContainer,
    MessageToWebServer,
    RequestBody,
    SendBodyChunk,
    SendHeaders,
)
from refjk.ajp13.rules import (
    FLUSH_DROPPED,
    WEB_SERVER_CLAUSES,
    WEB_SERVER_RECEIVE,
    MessageKind,
    WebServerPhase,
    response_has_body,
)
from refjk.base.errors import Malformed
from refjk.decode.events import Finding, Side
from refjk.decode.judging import announced_length, judge_to_container, judge_to_web_server
from refjk.decode.shapes import is_exact_body, is_request

QUEUED_MAX = 16  # requests sent too early whose answers are still told apart

WIRE_NAMES: dict[MessageKind, str] = {
    SendHeaders: "SEND_HEADERS",
    SendBodyChunk: "SEND_BODY_CHUNK",
    GetBodyChunk: "GET_BODY_CHUNK",
    EndResponse: "END_RESPONSE",
    CPong: "CPONG",
}

_REQUEST_PREFIX = bytes((ToContainer.FORWARD_REQUEST,))
_RESPONDING = (WebServerPhase.SENT, WebServerPhase.OPEN)
_RESPONSE_PREFIXES = tuple(bytes((code,)) for code in (ToWebServer.SEND_HEADERS, ToWebServer.SEND_BODY_CHUNK))


@dataclass(frozen=True, slots=True)
class Seen:
    """What one whole packet turned out to be."""

    kind: str
    message: MessageToContainer | MessageToWebServer | None
    fields: tuple[Field, ...]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Cycle:
    """What is known of a request and its response; None where it is not known, or has no limit."""

    method: bytes | None = None
    content_length: int | None = None
    body_received: int = 0
    body_ended: bool = False
    response_has_body: bool = True
    response_left: int | None = None


class Observer:
    """`phase` is that of the web server's end, None while it is unknown."""

    def __init__(
        self, packet_size: int | None = None, *, strict: bool = True, from_start: bool = True
    ) -> None:
        self.phase: WebServerPhase | None = WebServerPhase.IDLE if from_start else None
        self._packet_size = packet_size or PACKET_SIZE_MAX
        self._strict = strict
        self._cycle = _Cycle()
        self._queued: deque[_Cycle] = deque(maxlen=QUEUED_MAX)
        self._bodies_known = from_start  # whether it is known how many body packets are due
        self._first_body_due = False
        self._bodies_asked = 0
        self._late_bodies = 0  # still due although the cycle is over
        self._early_bodies = 0  # came unasked, and may be asked for yet
        self._pings = 0
        self._findings: list[Finding] = []

    @property
    def in_cycle(self) -> bool:
        """Whether a request is known to run."""
        return self.phase in _RESPONDING

    def lose_count(self) -> None:
        """Something was not seen: nothing of the past counts any more."""
        self.phase = None
        self._cycle = _Cycle()
        self._queued.clear()
        self._bodies_known = False
        self._first_body_due = False
        self._bodies_asked = self._late_bodies = self._early_bodies = self._pings = 0

    def receive(self, sender: Side, packet: bytes) -> Seen:
        """One whole packet, header included, with the magic of its sender."""
        self._findings = []
        if len(packet) > self._packet_size:
            self._find(
                sender,
                "AJP-FRM-09",
                2,
                f"a payload of at most {self._packet_size - HEADER_SIZE} octets",
                str(len(packet) - HEADER_SIZE),
            )
        if sender is Side.CONTAINER:
            return self._to_web_server(packet)
        if self._is_body(packet):
            return self._body(packet)
        return self._to_container(packet)

    def receive_incomplete(self, sender: Side, octets: bytes, size: int) -> bool:
        """A packet of which only the first of `size` octets were seen; whether it is a body packet."""
        prefix = octets[HEADER_SIZE : HEADER_SIZE + 1]
        if sender is Side.WEB_SERVER:
            if self._bodies_known and self._first_body_due:
                self._first_body_due = False
            elif self._bodies_known and self._bodies_asked:
                self._bodies_asked -= 1
            elif not is_exact_body(octets, size):
                self.lose_count()
                if prefix == _REQUEST_PREFIX:
                    self.phase = WebServerPhase.SENT
                return False
            self._cycle.content_length = None
            return True
        self._cycle.response_left = None
        if prefix not in _RESPONSE_PREFIXES or self.phase not in _RESPONDING:
            self.lose_count()
        elif prefix == bytes((ToWebServer.SEND_HEADERS,)):
            self.phase = WebServerPhase.OPEN
        return False

    def _find(self, side: Side, clause: str, offset: int, expected: str, actual: str) -> None:
        self._findings.append(Finding(side, clause, offset, expected, actual))

    def _seen(
        self, packet: bytes, message: MessageToContainer | MessageToWebServer | None, *, is_body: bool = False
    ) -> Seen:
        kind = packet_kind(packet, is_body)
        return Seen(kind, message, packet_fields(packet, is_body), tuple(self._findings))

    # -- toward the container -------------------------------------------------------------

    def _is_body(self, packet: bytes) -> bool:
        """Whether a packet without a mark of its own is a body packet: the phase tells. AJP-FRM-06

        Where it was not the turn of what came, the form tells, as it does while nothing is known.
        """
        has_form = is_exact_body(packet, len(packet)) and not is_request(packet)
        if self._bodies_known and (self._first_body_due or self._bodies_asked):
            if has_form or not is_request(packet):
                return True
            clause = "AJP-BOD-01" if self._first_body_due else "AJP-BOD-04"
            self._find(Side.WEB_SERVER, clause, HEADER_SIZE, "a body packet", "FORWARD_REQUEST")
            return False
        if self.phase is WebServerPhase.IDLE and not self._late_bodies and len(packet) == HEADER_SIZE:
            return False
        return has_form

    def _body(self, packet: bytes) -> Seen:
        message = None
        unasked = False
        if self._first_body_due:
            self._first_body_due = False
        elif self._bodies_asked:
            self._bodies_asked -= 1
        elif self._late_bodies:
            self._late_bodies -= 1
            return self._seen(packet, decode_request_body(packet), is_body=True)
        else:
            unasked = self._bodies_known
        try:
            message = decode_request_body(packet)
        except Malformed as complaint:
            self._findings.append(Finding.of(Side.WEB_SERVER, complaint))
        if unasked:
            self._early_bodies += 1
            self._find(Side.WEB_SERVER, "AJP-BOD-17", 0, "no body packet, since none was asked for", "one")
        elif message is not None:
            self._count_body(message)
        return self._seen(packet, message, is_body=True)

    def _count_body(self, message: RequestBody) -> None:
        cycle = self._cycle
        cycle.body_received += len(message.data)
        announced = cycle.content_length
        if announced is None:
            return
        if cycle.body_received > announced:
            actual = f"{cycle.body_received}"
            self._find(Side.WEB_SERVER, "AJP-BOD-10", HEADER_SIZE, f"a body of {announced} octets", actual)
            cycle.content_length = None
        elif not message.data and cycle.body_received < announced and not cycle.body_ended:
            left = announced - cycle.body_received
            self._find(
                Side.WEB_SERVER, "AJP-BOD-15", HEADER_SIZE, f"{left} more octets of body", "the end marker"
            )
            cycle.body_ended = True

    def _to_container(self, packet: bytes) -> Seen:
        message, findings = judge_to_container(packet, self._strict)
        self._findings += findings
        if packet[HEADER_SIZE : HEADER_SIZE + 1] == _REQUEST_PREFIX:
            self._begin(message if isinstance(message, ForwardRequest) else None)
        elif isinstance(message, CPing):
            self._ping()
        return self._seen(packet, message)

    def _begin(self, request: ForwardRequest | None) -> None:
        if self.in_cycle:
            self._find(Side.WEB_SERVER, "AJP-CON-06", 0, "a request only after END_RESPONSE", "one before it")
        elif self.phase is WebServerPhase.PINGED:
            self._find(Side.WEB_SERVER, "AJP-STA-02", 0, "a request only after CPONG", "one before it")
        elif self.phase is WebServerPhase.CLOSED:
            self._find_after_close("FORWARD_REQUEST")
        cycle = _Cycle()
        if request is not None:
            cycle.method = request.method
            cycle.content_length = announced_length(request.headers)
        if self.in_cycle:
            self._queued.append(cycle)
        else:
            self.phase = WebServerPhase.SENT
            self._cycle = cycle
        self._bodies_known = request is not None
        self._first_body_due = bool(cycle.content_length)
        self._bodies_asked = self._late_bodies = self._early_bodies = 0

    def _ping(self) -> None:
        self._pings += 1
        if self.in_cycle:
            self._find(Side.WEB_SERVER, "AJP-PNG-03", 0, "CPING only on an idle connection", "one in a cycle")
            return
        if self.phase is WebServerPhase.CLOSED:
            self._find_after_close("CPING")
        self.phase = WebServerPhase.PINGED
        self._bodies_known = True

    def _find_after_close(self, actual: str) -> None:
        self._find(Side.WEB_SERVER, "AJP-END-02", 0, "nothing after END_RESPONSE without reuse", actual)

    # -- toward the web server ------------------------------------------------------------

    def _to_web_server(self, packet: bytes) -> Seen:
        message, findings = judge_to_web_server(packet, self._strict)
        self._findings += findings
        if message is None:
            self.lose_count()
        else:
            self._follow(message)
        return self._seen(packet, message)

    def _follow(self, message: MessageToWebServer) -> None:
        """Move to the next phase as the table says, or complain and move as if it had."""
        if isinstance(message, CPong):
            self._ponged()
            return
        flush = isinstance(message, SendBodyChunk) and not message.data
        if self.phase is WebServerPhase.CLOSED:
            if not flush:
                self._find(
                    Side.CONTAINER,
                    "AJP-END-03",
                    0,
                    "nothing after END_RESPONSE without reuse",
                    _name(message),
                )
            return
        if flush and (self.phase is None or self.phase in FLUSH_DROPPED):
            return
        if self.phase is None:
            known = True
            self.phase = _phase_after(message)
        else:
            after = WEB_SERVER_RECEIVE.get((self.phase, type(message)))
            known = after is not None
            if after is None:
                self._find_out_of_turn(message)
            else:
                self.phase = after
        if isinstance(message, SendHeaders):
            self._response_begins(message)
        elif isinstance(message, SendBodyChunk):
            self._count_response(message.data)
        elif isinstance(message, GetBodyChunk):
            self._body_asked(message.size_max, known)
        else:
            self._end(message.reuse, known)

    def _find_out_of_turn(self, message: MessageToWebServer) -> None:
        assert self.phase is not None
        allowed = [WIRE_NAMES[kind] for known, kind in WEB_SERVER_RECEIVE if known is self.phase]
        self._find(
            Side.CONTAINER,
            WEB_SERVER_CLAUSES.get((self.phase, type(message)), "AJP-STA-02"),
            HEADER_SIZE,
            f"{' or '.join(allowed) or 'nothing'} in phase {self.phase.name}",
            _name(message),
        )

    def _ponged(self) -> None:
        if self._pings:
            self._pings -= 1
        elif self.phase is not None:
            self._find(Side.CONTAINER, "AJP-PNG-07", HEADER_SIZE, "CPONG only after CPING", "CPONG")
        if not self._pings and (self.phase is None or self.phase is WebServerPhase.PINGED):
            self.phase = WebServerPhase.IDLE
            self._bodies_known = True

    def _response_begins(self, message: SendHeaders) -> None:
        cycle = self._cycle
        cycle.response_left = None
        if cycle.method is not None:
            cycle.response_has_body = response_has_body(cycle.method, message.status)
            if cycle.response_has_body:
                cycle.response_left = announced_length(message.headers)

    def _count_response(self, data: bytes) -> None:
        cycle = self._cycle
        if data and not cycle.response_has_body:
            self._find(
                Side.CONTAINER, "AJP-RSP-13", 5, "no octets of body in this response", f"{len(data)} octets"
            )
        elif cycle.response_left is not None:
            cycle.response_left -= len(data)
            if cycle.response_left < 0:
                left = cycle.response_left + len(data)
                self._find(
                    Side.CONTAINER, "AJP-RSP-17", 5, f"at most {left} more octets of body", str(len(data))
                )
                cycle.response_left = None

    def _body_asked(self, size_max: int, known: bool) -> None:
        most = request_body_size_max(self._packet_size)
        if not 1 <= size_max <= most:
            self._find(Side.CONTAINER, "AJP-BOD-08", 5, f"a wanted length of 1 to {most}", str(size_max))
        if not known:
            return
        if self._first_body_due or self._bodies_asked:
            expected = "GET_BODY_CHUNK only after the body packet that is due"
            self._find(Side.CONTAINER, "AJP-BOD-04", HEADER_SIZE, expected, "one before it")
        if self._cycle.content_length == 0:
            self._find(
                Side.CONTAINER, "AJP-BOD-02", HEADER_SIZE, "no GET_BODY_CHUNK with content-length 0", "one"
            )
        if self._early_bodies:
            self._early_bodies -= 1
        else:
            self._bodies_asked += 1

    def _end(self, reuse: bool, known: bool) -> None:
        cycle = self._cycle
        if known and cycle.response_has_body and cycle.response_left:
            self._find(
                Side.CONTAINER,
                "AJP-RSP-17",
                HEADER_SIZE,
                f"{cycle.response_left} more octets of body",
                "END_RESPONSE",
            )
        due = self._bodies_asked + self._first_body_due
        if due and reuse and not self._queued:
            self._find(
                Side.CONTAINER,
                "AJP-BOD-12",
                HEADER_SIZE,
                "END_RESPONSE after the body packet that is due",
                "END_RESPONSE before it",
            )
        if self._queued:
            self._cycle = self._queued.popleft()
            self.phase = WebServerPhase.SENT
            return
        self._late_bodies = due
        self._first_body_due = False
        self._bodies_asked = self._early_bodies = 0
        self._bodies_known = True
        self._cycle = _Cycle()
        if not reuse:
            self.phase = WebServerPhase.CLOSED
        else:
            self.phase = WebServerPhase.PINGED if self._pings else WebServerPhase.IDLE


def _phase_after(message: MessageToWebServer) -> WebServerPhase | None:
    """The phase that a message proves when the one before is unknown."""
    after = {phase for (_, kind), phase in WEB_SERVER_RECEIVE.items() if kind is type(message)}
    return after.pop() if len(after) == 1 else None


def _name(message: MessageToWebServer) -> str:
    return WIRE_NAMES[type(message)]
