"""One simulated connection to one member: the stream under `SendingConnection`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from refjk.base.errors import Malformed
from refjk.channel import Answer, AnswerReader, Phase, Step
from refjk.simulation.cluster.journal import Written
from refjk.simulation.cluster.network import Connecting
from refjk.simulation.cluster.streams import Stream
from refjk.simulation.cluster.surroundings import Life, Message, Surroundings

# Called with the reason of a failure, or None.
Done = Callable[[str | None], None]


class Carrier:
    """Does the steps of the core one after the other, as the carrier of the runtime does with a socket."""

    def __init__(self, about: Surroundings, life: Life, node: str, target: str) -> None:
        self._about = about
        self._life = life
        self._node = node
        self._target = target
        self._core = about.cores.sending(about.settings.sending)
        self._stream: Stream | None = None
        self._closed_by_other = False
        self._connecting: Connecting | None = None
        self._reader: AnswerReader | None = None
        self._message: Message | None = None
        self._done: Done = lambda reason: None
        self._written = False  # this message, on this or an earlier stream
        self._reason = ""
        self._timer = 0
        self._ended = False

    def carry(self, message: Message, done: Done) -> None:
        """Sends one message as the rules say."""
        self._message, self._done, self._written = message, done, False
        if self._closed_by_other:
            self._close()
        if self._stream is None:
            self._core.lost()
        self._do(self._core.begin(self._about.clock.now_ms))

    def end(self) -> None:
        """What is being carried fails at once, and so does all that follows."""
        self._ended = True
        if self._message is None:
            self._close()
        else:
            self._failed("the sender was closed")

    # The endpoint of the stream.

    def octets_arrived(self, stream: Stream, octets: bytes) -> None:
        """An answer; one that nobody waits for is taken in."""
        if not self._life.running or stream is not self._stream or self._reader is None:
            return
        try:
            answer = self._reader.receive(octets)
        except Malformed as error:
            self._failed(str(error))
            return
        self._answered(answer)

    def stream_ended(self, stream: Stream, *, reset: bool) -> None:
        if not self._life.running or stream is not self._stream:
            return
        self._closed_by_other = True
        if self._reader is None:
            return
        answer = None if reset else self._reader.receive_eof()
        if answer is None:
            self._failed("the connection was closed before the answer")
        else:
            self._answered(answer)

    def _answered(self, answer: Answer | None) -> None:
        if answer is Answer.ACCEPTED:
            self._succeeded()
        elif answer is Answer.REJECTED:
            self._failed("the other node could not handle the message")

    # The steps.

    def _do(self, steps: Iterable[Step]) -> None:
        waiting = deque(steps)
        while waiting:
            step = waiting.popleft()
            if step is Step.CLOSE:
                self._close()
            elif step is Step.CONNECT and self._ended:
                self._reason = "the sender was closed"
                waiting.extend(self._core.failed())
            elif step is Step.CONNECT:
                self._connect()
            elif step is Step.WRITE:
                waiting.extend(self._core.succeeded(self._about.clock.now_ms, self._write()))
            elif step is Step.AWAIT:
                self._await()
            else:
                self._finish(None if step is Step.DONE else self._reason)

    def _connect(self) -> None:
        self._connecting = self._about.network.connect(self._node, self._target, self, self._connected)
        self._limit(self._about.settings.connect_time_ms, "no connection")

    def _connected(self, stream: Stream | None) -> None:
        self._connecting = None
        if stream is None:
            self._failed("connect failed: refused")
            return
        self._stream = stream
        self._succeeded()

    def _write(self) -> int:
        assert self._stream is not None and self._message is not None
        now_ms, message = self._about.clock.now_ms, self._message
        number, again = self._stream.number, self._written
        self._written = True
        self._about.journal.note(Written(now_ms, self._node, self._target, message.number, number, again))
        self._stream.write(self._node, message.frame)
        return len(message.frame)

    def _await(self) -> None:
        self._reader = self._about.cores.channel_dialect.answer_reader()
        self._limit(self._core.answer_time_ms, "no answer")
        if self._closed_by_other:
            self._failed("the connection was closed before the answer")

    def _limit(self, limit_ms: int, what: str) -> None:
        self._timer = self._about.clock.after(limit_ms, self._time_over, f"{what} within {limit_ms} ms")

    def _time_over(self, reason: str, number: int) -> None:
        if self._life.running and number == self._timer:
            self._failed(reason)

    def _succeeded(self) -> None:
        self._stop_waiting()
        self._do(self._core.succeeded(self._about.clock.now_ms))

    def _failed(self, reason: str) -> None:
        self._stop_waiting()
        self._reason = reason
        self._do(self._core.failed())

    def _stop_waiting(self) -> None:
        self._timer, self._reader = 0, None
        if self._connecting is not None:
            self._connecting.given_up = True
            self._connecting = None

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        self._closed_by_other = False
        if stream is not None:
            stream.close(self._node)

    def _finish(self, reason: str | None) -> None:
        assert self._core.phase in (Phase.CLOSED, Phase.OPEN)
        self._message = None
        self._done(reason)
        if self._ended and self._message is None:
            self._close()
