"""The server's end of one HTTP/1.1 connection: octets in, events and octets out, no I/O.

A shell reads while `may_receive`, gives what it read to `receive`, handles the events in order,
answers each request with `send_response`, `send_body`, `end_response`, writes `data_to_send()`
after every call, and calls `resume` once after each answer. When `must_close` it closes after the
last octet was written; when `answer_broken` it closes with a reset, because an answer without a
length would else look complete.
"""

from __future__ import annotations

from collections.abc import Sequence

from refjk.base.errors import LocalProtocolError
from refjk.http1.body import BodyReader, ChunkedReader, LengthReader
from refjk.http1.head import decode_head
from refjk.http1.limits import Limits
from refjk.http1.lines import LineScanner, head_section
from refjk.http1.messages import (
    BodyEnded,
    BodyKind,
    BodyReceived,
    Event,
    PeerClosed,
    Refused,
    RequestReceived,
)
from refjk.http1.refusal import Refusal, encode_refusal
from refjk.http1.response import AnswerHead, Framing, check_headers, encode_answer_head
from refjk.http1.rules import ANSWER_BEGUN, NEXT, READING, READING_BODY, Phase, Step


class ServerConnection:
    """Reads requests one at a time and writes their answers.

    What arrives never makes it raise; asking for something illegal raises `LocalProtocolError` and
    changes nothing. `refusal_headers` (Date, Server) go into the answers that the core makes itself.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        # Below this size no line and no head can be too long, whatever it looks like.
        self._size_unchecked = min(
            limits.request_line_size_max, limits.header_line_size_max, limits.head_size_max
        )
        self._refusal_headers: tuple[tuple[bytes, bytes], ...] = ()
        self._phase = Phase.HEAD_DUE
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._input_ended = False
        self._keep = True  # the connection may serve another request
        self._broken = False
        # Reading:
        self._searched = 0  # no end of head begins before this index
        self._scanner: LineScanner | None = None
        self._empty_line_skipped = False
        self._request: RequestReceived | None = None
        self._reader: BodyReader = LengthReader(0)
        self._continue_due = False
        self._drain_left = limits.drain_size_max
        # Answering:
        self._framing = Framing.EMPTY
        self._answer_left = 0  # octets still to come when framing is LENGTH

    # What a caller may look at

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can go on after the answer under way."""
        return self._keep and not (self._input_ended and not self._buffer)

    @property
    def must_close(self) -> bool:
        """Nothing more is read or answered: write what `data_to_send` gives, then close."""
        return self._phase is Phase.CLOSED

    @property
    def answer_broken(self) -> bool:
        """The answer was given up after its beginning; the client must be able to see that."""
        return self._broken

    @property
    def may_receive(self) -> bool:
        """Whether reading serves a purpose; False leaves octets in the socket, which slows the client."""
        return self._phase in READING and not self._input_ended

    @property
    def body_wanted(self) -> bool:
        """Whether more of the request body is reported when it arrives."""
        return self._phase in (Phase.BODY_DUE, Phase.BODY_ANSWERING)

    @property
    def continue_due(self) -> bool:
        """Whether the client waits for 100 before it sends the body."""
        return self._continue_due

    @property
    def buffered_size(self) -> int:
        """Octets that arrived and were not used yet; at most `Limits.buffer_size_max`."""
        return len(self._buffer)

    @property
    def refusal_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return self._refusal_headers

    @refusal_headers.setter
    def refusal_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        check_headers(headers)
        self._refusal_headers = tuple(headers)

    # What arrives

    def receive(self, data: bytes) -> list[Event]:
        """Octets from the client; what is behind the request under way waits for `resume`."""
        if self._phase is Phase.CLOSED:
            return []
        self._buffer += data
        return self._advance()

    def receive_eof(self) -> list[Event]:
        """The client has ended its side; a request that is complete is still answered.

        HTP-EOF-03
        """
        self._input_ended = True
        return self._advance()

    def resume(self) -> list[Event]:
        """After `end_response`: go on with what has arrived meanwhile."""
        if self._phase in (Phase.DRAINING, Phase.CLOSED):
            return []  # `receive` goes on by itself when the rest of the body is gone
        self._go(Step.RESUME)
        self._begin_head()
        return self._advance()

    # What is answered

    def send_continue(self) -> None:
        """Tell the client to send the body; only while `continue_due`.

        HTP-EXP-03
        """
        if not self._continue_due:
            raise LocalProtocolError("100 (Continue) is not asked for now")
        self._continue_due = False
        self._out.append(b"HTTP/1.1 100 Continue\r\n\r\n")

    def prepare_response(
        self, status: int, reason: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> AnswerHead:
        """The head of an answer for `begin_response`; nothing has happened yet.

        `headers` should have a Date, and a Content-Length where the size is known. The core frames the
        content and adds Connection. Raises `LocalProtocolError` for what cannot be sent.

        HTP-EXP-04
        """
        self._check(Step.ANSWER_BEGIN)
        assert self._request is not None
        return encode_answer_head(
            status,
            reason,
            headers,
            method=self._request.method,
            version=self._request.version,
            # A client that still waits for 100 may send the body or not: what follows has no known start.
            keep_alive=self.keep_alive and not self._continue_due,
        )

    def begin_response(self, answer: AnswerHead) -> None:
        """The answer begins with this head, which was prepared for this request."""
        self._go(Step.ANSWER_BEGIN)
        self._continue_due = False
        self._keep = answer.keep_alive
        self._framing = answer.framing
        self._answer_left = answer.size
        self._out.append(answer.octets)

    def send_response(self, status: int, reason: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """`prepare_response` and `begin_response` in one."""
        self.begin_response(self.prepare_response(status, reason, headers))

    def send_body(self, data: bytes) -> None:
        """More content; dropped where the answer has none (HEAD, 204, 304).

        HTP-RSP-09
        """
        if self._phase not in ANSWER_BEGUN:
            raise LocalProtocolError(f"no content can be sent in phase {self._phase.value!r}")
        if not data or self._framing is Framing.EMPTY:
            return
        if self._framing is Framing.CHUNKED:
            self._out += (b"%x\r\n" % len(data), data, b"\r\n")
            return
        if self._framing is Framing.LENGTH:
            if len(data) > self._answer_left:
                raise LocalProtocolError(
                    f"{len(data)} octets of content, {self._answer_left} left of Content-Length"
                )
            self._answer_left -= len(data)
        self._out.append(data)

    def end_response(self) -> None:
        """The answer is complete; with less content than announced it is broken instead.

        HTP-RSP-10, HTP-DRN-01, HTP-DRN-02
        """
        if self._phase not in ANSWER_BEGUN:
            raise LocalProtocolError(f"no answer can end in phase {self._phase.value!r}")
        if self._framing is Framing.LENGTH and self._answer_left:
            self.abort()
            return
        if self._framing is Framing.CHUNKED:
            self._out.append(b"0\r\n\r\n")
        self._drain_left = self._limits.drain_size_max
        is_read = self._phase is Phase.ANSWERING
        if self.keep_alive and (is_read or self._reader.left <= self._drain_left):
            self._go(Step.ANSWER_END)
        else:
            self._close()

    def abort(self) -> None:
        """Give the connection up; an answer that has begun never gets its proper end.

        HTP-RSP-11
        """
        if self._phase is not Phase.CLOSED:
            self._broken = self._phase in ANSWER_BEGUN
            self._close()

    def data_to_send(self) -> bytes:
        """What must leave now, in one piece; empty when nothing must."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # Inside

    def _check(self, step: Step) -> None:
        if (self._phase, step) not in NEXT:
            raise LocalProtocolError(f"no {step.value!r} in phase {self._phase.value!r}")

    def _go(self, step: Step) -> None:
        self._check(step)
        self._phase = NEXT[self._phase, step]

    def _close(self) -> None:
        self._go(Step.CLOSE)
        self._continue_due = False
        self._buffer.clear()

    def _advance(self) -> list[Event]:
        """Use the buffer as far as the phase allows.

        HTP-PIP-01, HTP-EOF-01, HTP-EOF-02
        """
        events: list[Event] = []
        try:
            while True:
                if self._phase is Phase.HEAD_DUE:
                    goes_on = self._read_head(events)
                elif self._phase in READING_BODY:
                    goes_on = self._read_body(events)
                else:
                    break
                if not goes_on:
                    break
        except Refusal as refusal:
            events.append(self._refuse(refusal))
        if self._input_ended and self._phase in READING:
            is_clean = self._phase is Phase.HEAD_DUE and not self._buffer
            self.abort()
            events.append(PeerClosed(is_clean))
        elif self._buffer and self._phase not in READING:
            self._bound_rest()
        return events

    def _bound_rest(self) -> None:
        """Keep the start of later requests, unless none will be answered.

        HTP-PIP-02, HTP-PIP-03
        """
        if len(self._buffer) > self._limits.pipelined_size_max:
            self._keep = False
        if not self._keep:
            self._buffer.clear()

    def _begin_head(self) -> None:
        self._searched = 0
        self._scanner = None
        self._empty_line_skipped = False
        self._request = None

    def _read_head(self, events: list[Event]) -> bool:
        """Whether a head was complete."""
        buffer = self._buffer
        if not self._empty_line_skipped and buffer.startswith(b"\r\n"):
            del buffer[:2]
            self._empty_line_skipped = True
        end = buffer.find(b"\r\n\r\n", self._searched) + 4
        request = None
        if 4 <= end <= self._size_unchecked:
            request = decode_head(bytes(buffer[: end - 2]), self._limits)
        if request is None:
            # Incomplete, long, or faulty: line by line, so that the first fault is named at once.
            if self._scanner is None:
                self._scanner = LineScanner(head_section(self._limits), 0)
            scanned = self._scanner.check(buffer)
            if scanned is None:
                self._searched = max(len(buffer) - 3, 0)
                return False
            request = decode_head(bytes(buffer[: scanned - 2]), self._limits)
            assert request is not None and scanned == end
        del buffer[:end]
        self._accept(request, end)
        events.append(request)
        return True

    def _accept(self, request: RequestReceived, head_size: int) -> None:
        self._request = request
        self._keep = request.persistent
        self._continue_due = request.expect_continue
        if request.body_kind is BodyKind.NONE:
            self._go(Step.REQUEST)
            return
        if request.body_size is None:
            self._reader = ChunkedReader(self._limits, head_size)
        else:
            self._reader = LengthReader(request.body_size)
        self._go(Step.REQUEST_WITH_BODY)

    def _read_body(self, events: list[Event]) -> bool:
        """Whether the body is complete."""
        pieces: list[bytes] = []
        is_draining = self._phase is Phase.DRAINING
        size_before = len(self._buffer)
        if size_before:
            self._continue_due = False
        try:
            has_ended = self._reader.read(self._buffer, pieces)
        finally:
            # What came before a fault is reported before it.
            if pieces and not is_draining:
                events.append(BodyReceived(b"".join(pieces)))
        if is_draining:
            self._drain_left -= size_before - len(self._buffer)
            if self._drain_left < 0:
                self._close()
                return False
        if has_ended:
            self._go(Step.BODY_END)
            if is_draining:
                self._begin_head()
            else:
                events.append(BodyEnded())
        return has_ended

    def _refuse(self, refusal: Refusal) -> Refused:
        """Answer if that is still possible, and close.

        HTP-REF-02, HTP-REF-03, HTP-REF-04
        """
        if self._phase in (Phase.HEAD_DUE, Phase.BODY_DUE):
            is_head = self._request.method == b"HEAD" if self._request else self._buffer.startswith(b"HEAD ")
            self._out.append(encode_refusal(refusal, self._refusal_headers, with_text=not is_head))
        self.abort()
        return Refused(refusal.status, refusal.clause, refusal.offset, refusal.expected, refusal.actual)
