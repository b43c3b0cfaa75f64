"""Plays a hand-made container's answers against refjk's web-server end, and judges each product."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from refjk.ajp13.codec import END_RESPONSE_REUSE, encode_send_body_chunk, encode_send_headers
from refjk.ajp13.codes import AttributeCode, request_body_size_max
from refjk.ajp13.events import (
    BodyWanted,
    HeadersReceived,
    PeerClosed,
    Ponged,
    ResponseBody,
    ResponseEnded,
    Violation,
    WebServerEvent,
)
from refjk.ajp13.messages import Attribute, ForwardRequest
from refjk.ajp13.web_server import WebServerConnection
from refjk.base.errors import InputError, LocalProtocolError
from refjk.vectors.document import Node
from refjk.vectors.result import Difference, Judgement, Played, Verdict, judged_once

KIND = "ajp13 edge, web server"

REPLY_TIMEOUT_MS = 4000  # of the recorded web servers
BODY_SIZE_MAX = 1 << 24
BODY_PATTERN = b"0123456789abcdefghijklmnopqrstuvwxyz"

# What the hand-made container answers where it has no script.
GOOD_ANSWER = encode_send_headers(200, b"OK", []) + encode_send_body_chunk(b"ok\n") + END_RESPONSE_REUSE

# Which clause speaks where the core itself reports no violation; each with its reason.
FAILED_BEFORE_HEADERS = "AJP-ERR-06"  # silence or EOF with nothing told to the client
FAILED_AFTER_HEADERS = "AJP-ERR-07"  # silence or EOF with an answer half told
PING_UNANSWERED = "AJP-PNG-04"  # no CPONG: nothing was sent that could be lost
NOT_REUSED = "AJP-END-02"  # the container said that it will not serve this connection again
OCTETS_LEFT = "AJP-END-04"  # what waits unread would be taken for the next answer
CLOSED_AFTER_ERROR = "AJP-END-05"  # nobody knows where the next packet would begin
NEVER_AGAIN = "AJP-RTY-01"  # once an answer has begun, a second one must not be mixed with it


@dataclass(slots=True)
class _Outcome:
    """What came of the request: delivered whole, or refused by a clause."""

    delivered: bool = False
    status: int | None = None
    body: bytes = b""
    clause: str = ""
    reason: str = ""
    kept: bool = False
    may_send_again: bool = True


@dataclass(frozen=True, slots=True)
class _Theirs:
    """The same for a product, as far as its client and the container could see."""

    delivered: bool
    status: int | None
    body_digest: str | None
    kept: bool
    sent_again: bool
    next_failed: bool
    text: str


def play_edge_web_server(document: Node) -> Played:
    """Raises `InputError` for a document that does not keep to the schema."""
    ours = _Driver(document["request"]).play(document["container_script"], document.get("cping_script"))
    judgements = [
        _judge(product, ours, _read_result(result, ours)) for product, result in document["results"].entries()
    ]
    if not judgements:
        raise InputError("results: expected at least one web server")
    return judged_once(KIND, judgements)


class _Driver:
    """The smallest web server around the core: one request, one connection."""

    def __init__(self, request: Node) -> None:
        self._request = _read_request(request)
        size = request["body_length"].number()
        if not 0 <= size <= BODY_SIZE_MAX:
            raise InputError(f"{request.place}.body_length: expected 0 to {BODY_SIZE_MAX}, got {size}")
        self._body = (BODY_PATTERN * (size // len(BODY_PATTERN) + 1))[:size]
        self._core = WebServerConnection()
        self._outcome = _Outcome()
        self._ended = False
        self._ponged = False

    def play(self, script: Node, cping_script: Node | None) -> _Outcome:
        if cping_script is not None:
            self._core.send_ping()
            self._follow(cping_script)
            if not self._ponged:
                self._refuse(PING_UNANSWERED, "no CPONG")
        if not self._core.closed:
            self._send_request(script.place)
            if script.items():
                self._follow(script)
            else:
                self._handle(self._core.receive(GOOD_ANSWER))
            if not self._ended:
                self._fail("the container is silent")
        self._outcome.kept = self._core.reusable
        if not self._outcome.kept and not self._outcome.clause:
            self._outcome.clause = NOT_REUSED if self._core.closed else OCTETS_LEFT
        return self._outcome

    def _send_request(self, place: str) -> None:
        try:
            self._core.send_request(self._request)
        except LocalProtocolError as error:
            raise InputError(f"request: refjk does not send it: {error}") from None
        if self._core.first_body_due:
            self._send_body(request_body_size_max(self._core.packet_size))

    def _follow(self, script: Node) -> None:
        for step in script.items():
            if self._core.closed:
                return
            if step.get("send_hex") is not None:
                self._handle(self._core.receive(step["send_hex"].octets()))
            elif step.get("send_hex_1byte_writes") is not None:
                for octet in step["send_hex_1byte_writes"].octets():
                    self._handle(self._core.receive(bytes((octet,))))
            elif step.get("pause_ms") is not None:
                if step["pause_ms"].number() >= REPLY_TIMEOUT_MS and not self._ended:
                    self._fail("the container is silent")
            elif step.get("do") is not None:
                self._do(step["do"])
            else:
                raise InputError(f"{step.place}: expected send_hex, send_hex_1byte_writes, pause_ms or do")

    def _do(self, step: Node) -> None:
        words = step.text().lower()
        if words.startswith("wait"):
            return  # for a packet that the core has sent already
        if not any(word in words for word in ("fin", "rst", "close", "reset")):
            raise InputError(f"{step.place}: unknown step {step.text()!r}")
        self._handle(self._core.receive_eof())

    def _handle(self, events: list[WebServerEvent]) -> None:
        outcome = self._outcome
        for event in events:
            if isinstance(event, Ponged):
                self._ponged = True
            elif isinstance(event, HeadersReceived):
                outcome.status = event.status
            elif isinstance(event, ResponseBody):
                outcome.body += event.data
            elif isinstance(event, BodyWanted):
                self._send_body(min(event.size_max, request_body_size_max(self._core.packet_size)))
            elif isinstance(event, ResponseEnded):
                self._ended = outcome.delivered = True
            elif isinstance(event, Violation):
                self._refuse(event.clause, str(event))
            elif isinstance(event, PeerClosed) and not self._ended:
                self._fail("the container closed")
        self._core.data_to_send()

    def _send_body(self, size_max: int) -> None:
        piece = self._body[:size_max]
        self._body = self._body[len(piece) :]
        if piece:
            self._core.send_body(piece)
        else:
            self._core.end_body()

    def _fail(self, text: str) -> None:
        self._refuse(FAILED_BEFORE_HEADERS if self._outcome.status is None else FAILED_AFTER_HEADERS, text)

    def _refuse(self, clause: str, text: str) -> None:
        """Give the connection up; after the end of the answer that is no refusal of it."""
        if not self._outcome.clause:
            self._outcome.clause, self._outcome.reason = clause, text
        self._outcome.may_send_again = self._core.may_send_again
        self._ended = True
        self._core.close()


def _read_request(request: Node) -> ForwardRequest:
    lines = [line.latin_1() for line in request["head"].items()]
    parts = lines[0].split(b" ") if lines else []
    if len(parts) != 3:
        raise InputError(f"{request.place}.head: expected a request line first")
    path, mark, query = parts[1].partition(b"?")
    attributes: tuple[Attribute, ...] = ((AttributeCode.QUERY_STRING, None, query),) if mark else ()
    headers = tuple(
        (name.lower(), value.strip()) for name, _, value in (h.partition(b":") for h in lines[1:])
    )
    host = dict(headers).get(b"host")
    return ForwardRequest(parts[0], parts[2], path, b"127.0.0.1", None, host, 80, False, headers, attributes)


def _read_result(result: Node, ours: _Outcome) -> _Theirs:
    http = result["http"]
    attempts = [attempt["member"].number() for attempt in result["attempts"].items()]
    elsewhere = any(member != 1 for member in attempts)
    line = http.get("status_line")
    status = _status(line.text()) if line is not None else None
    complete, digest = http.get("body_complete"), http.get("body_sha256")
    whole = http.get("error") is None and complete is not None and complete.flag() and status is not None
    # A status from 400 that the container did not say is the web server's own.
    own = status is not None and status >= 400 and status != ours.status
    states = [
        connection["state"].text()
        for connection in result["connections_after"].items()
        if connection["member"].number() == 1
    ]
    following = result.get("next_request")
    return _Theirs(
        delivered=whole and not own and not elsewhere,
        status=status,
        body_digest=None if digest is None else digest.text(),
        kept=states[-1:] == ["open"],
        sent_again=result["forward_requests"].number() > 1,
        next_failed=following is not None and _status(following["status"].text()) != 200,
        text=f"{line.text() if line is not None else 'no answer'}, {', '.join(states) or 'no connection'}",
    )


def _status(line: str) -> int | None:
    parts = line.split(" ")
    return int(parts[1]) if len(parts) > 1 and parts[1].isascii() and parts[1].isdigit() else None


def _judge(product: str, ours: _Outcome, theirs: _Theirs) -> Judgement:
    def stricter(clause: str) -> Judgement:
        return Judgement(product, Verdict.STRICTER, clause, ours.reason or theirs.text)

    if ours.delivered:
        if (
            not theirs.delivered
            or theirs.status != ours.status
            or not _same_body(ours, theirs)
            or (ours.kept and (not theirs.kept or theirs.next_failed))
        ):
            return _unexplained(product, ours, theirs)
        return stricter(ours.clause) if theirs.kept and not ours.kept else Judgement(product, Verdict.SAME)
    if theirs.delivered:
        return stricter(ours.clause)
    if theirs.sent_again and not ours.may_send_again:
        return stricter(NEVER_AGAIN)
    return stricter(CLOSED_AFTER_ERROR) if theirs.kept else Judgement(product, Verdict.SAME)


def _same_body(ours: _Outcome, theirs: _Theirs) -> bool:
    """Where an error comes without a page, the web server may add its own."""
    own_page = ours.status is not None and ours.status >= 400 and not ours.body
    return own_page or theirs.body_digest in (None, sha256(ours.body).hexdigest())


def _unexplained(product: str, ours: _Outcome, theirs: _Theirs) -> Judgement:
    actual = f"{ours.status} delivered with {len(ours.body)} octets, {'kept' if ours.kept else 'closed'}"
    return Judgement(
        product, Verdict.UNEXPLAINED, difference=Difference(f"results, {product}", theirs.text, actual)
    )
