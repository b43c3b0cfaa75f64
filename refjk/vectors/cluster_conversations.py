"""Plays recorded TCP traffic of Tomcat 5.5.5 nodes against `refjk.channel`, with the original's own rules.

The sender's end is driven along what was sent: each connection, frame, resend and close must be what the
rules ask for at that moment. The receiver's end must find the recorded messages in the frames, and owe the
answers that were recorded.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from refjk.channel import (
    Answer,
    AnswerReader,
    ReceivingConnection,
    SendingConnection,
    SendingRules,
    Step,
    Tomcat55Channel,
)
from refjk.vectors.document import Node
from refjk.vectors.golden import same
from refjk.vectors.result import Unlike

_EARLY_MS, _LATE_MS = 60.0, 400.0  # around the end of a wait
_FIRST_MS = 15_000
_ASYNCHRONOUS = "asynchronous"


def play_conversation(vector: Node) -> None:
    """The events of one recording."""
    _Conversation(vector).play()


@dataclass
class _Sender:
    """One sending connection of a node, as its rules see it."""

    core: SendingConnection
    connection: int = 0
    step: Step | None = None  # the one whose end has not been seen yet
    since_ms: float = 0.0
    answers: AnswerReader | None = None


@dataclass
class _Link:
    """One TCP connection of the recording."""

    opener: str
    receiving: ReceivingConnection
    answered: int = 0
    peer_ended: bool = False  # its end of stream has come
    dead: bool = False  # a write fails
    whole: bool = True  # all data of its frames are in the recording


@dataclass
class _Conversation:
    vector: Node
    links: dict[int, _Link] = field(default_factory=dict)
    senders: list[tuple[str, _Sender]] = field(default_factory=list)
    arrived: Counter[tuple[str, int]] = field(default_factory=Counter)

    def play(self) -> None:
        told: Counter[tuple[str, int]] = Counter()
        for number, event in enumerate(self.vector["events"].items()):
            if "conn" in event.table():
                try:
                    self._pass(event)
                except Unlike as unlike:
                    found = unlike.difference
                    raise Unlike(f"event {number}, {found.where}", found.expected, found.actual) from None
            elif (size := re.match(r"recv start .* bytes=(\d+)", event["event"].text())) is not None:
                told[event["at"].text(), int(size[1])] += 1
        if all(link.whole for link in self.links.values()):
            scripted = not told  # a scripted peer does not tell the sizes of messages
            same("messages at the receivers", told if not scripted else self.arrived, self.arrived)

    def _pass(self, event: Node) -> None:
        opener, receiver = event["dir"].text().split(">")
        number, now_ms = event["conn"].number(), float(event["t_ms"].value)
        if event.get("tcp") is not None and event["tcp"].text() == "SYN":
            answers = self._mode(receiver) != _ASYNCHRONOUS
            core = ReceivingConnection(Tomcat55Channel(answers=answers, resynchronise=True))
            self.links[number] = _Link(opener, core)
            self._connects(opener, number, now_ms)
            return
        link = self.links.get(number)
        if link is None:
            raise Unlike(f"connection {number}", "opened before", "not")
        forward = opener == link.opener
        if event.get("tcp") is not None:
            if forward:
                self._closes(number, now_ms)
            else:
                self._peer_ends(number, now_ms, reset=event["tcp"].text() == "RST")
        elif forward:
            data = event.get("data")
            self._frame(number, receiver, None if data is None else data.octets(), now_ms)
        else:
            data = event.get("data")
            self._answer(number, b"\x06\x02\x03" if data is None else data.octets(), now_ms)

    # The sender's end.

    def _connects(self, opener: str, number: int, now_ms: float) -> None:
        sender = self._sender_for(opener)
        if sender.step is None:
            self._do(sender, sender.core.begin(round(now_ms)), now_ms)
            # The connection of before is dead: the write on it fails without a trace.
            if sender.step is Step.WRITE and self.links[sender.connection].dead:
                self._do(sender, sender.core.failed(), now_ms)
        same("asked for", Step.CONNECT, sender.step)
        sender.connection = number

    def _sender_for(self, opener: str) -> _Sender:
        ours = [sender for name, sender in self.senders if name == opener]
        for sender in ours:
            if sender.step is Step.CONNECT and self.links[sender.connection].dead:
                return sender
        if self._mode(opener) == "pooled":
            ours = [sender for sender in ours if sender.step is None and self.links[sender.connection].dead]
        if ours:
            return ours[0]
        waits, times = self._mode(opener) != _ASYNCHRONOUS, self._answer_time_ms()
        first = _FIRST_MS if self._mode(opener) == "synchronous" else None
        sender = _Sender(
            SendingConnection(SendingRules(times, first, waits, keep_after_failure=True)),
        )
        self.senders.append((opener, sender))
        return sender

    def _frame(self, number: int, receiver: str, octets: bytes | None, now_ms: float) -> None:
        sender, link = self._owner(number), self.links[number]
        if sender.step is Step.AWAIT:  # given up without a trace, and this is the next message
            self._times_out(sender, now_ms)
        if sender.step is None:
            self._do(sender, sender.core.begin(round(now_ms)), now_ms)
        elif sender.step is Step.CONNECT:
            self._do(sender, sender.core.succeeded(round(now_ms)), now_ms)
        same("asked for", Step.WRITE, sender.step)
        self._do(sender, sender.core.succeeded(round(now_ms)), now_ms)
        if link.peer_ended and sender.step is Step.AWAIT:
            self._stream_ends(sender, now_ms)
        if octets is None:
            link.whole = False
            return
        messages = link.receiving.receive(octets)
        same("frames in it", 1, len(messages))
        for message in messages:
            self.arrived[receiver, len(message.payload)] += 1
            link.receiving.processed(message, handled=True)

    def _answer(self, number: int, octets: bytes, now_ms: float) -> None:
        sender, link = self._owner(number), self.links[number]
        link.answered += len(octets)
        # A scripted peer says what its script wants.
        if link.whole and "receiver" not in self.vector["setup"].table():
            owed = len(link.receiving.answers_to_send())
            same("answers not more than owed", True, link.answered <= owed)
        awaited = sender.answers if sender.step is Step.AWAIT else None
        if awaited is not None and awaited.receive(octets) is Answer.ACCEPTED:
            self._do(sender, sender.core.succeeded(round(now_ms)), now_ms)

    def _closes(self, number: int, now_ms: float) -> None:
        sender = self._owner(number)
        self.links[number].dead = True
        if sender.connection != number:
            return  # closed before, and the other connection has come first
        if sender.step is Step.AWAIT:
            self._times_out(sender, now_ms)
        elif sender.step is None:
            sender.core.lost()

    def _peer_ends(self, number: int, now_ms: float, *, reset: bool) -> None:
        sender, link = self._owner(number), self.links[number]
        link.dead = link.dead or reset
        link.peer_ended = True
        if sender.connection != number:
            return
        if sender.step is Step.CONNECT:
            self._do(sender, sender.core.failed(), now_ms)
        elif sender.step is Step.AWAIT:
            self._stream_ends(sender, now_ms)

    def _stream_ends(self, sender: _Sender, now_ms: float) -> None:
        """As the original takes it: for an answer."""
        assert sender.answers is not None
        same("the end of the stream", Answer.ACCEPTED, sender.answers.receive_eof())
        self._do(sender, sender.core.succeeded(round(now_ms)), now_ms)

    def _times_out(self, sender: _Sender, now_ms: float) -> None:
        waited_ms, answer_ms = now_ms - sender.since_ms, sender.core.answer_time_ms
        if waited_ms < answer_ms - _EARLY_MS:
            raise Unlike("waited for the answer", f"{waited_ms:.0f} ms", f"{answer_ms} ms")
        self._do(sender, sender.core.failed(), now_ms)
        if sender.step is Step.CONNECT and waited_ms > answer_ms + _LATE_MS:
            raise Unlike("waited for the answer", f"{waited_ms:.0f} ms", f"{answer_ms} ms")

    def _do(self, sender: _Sender, steps: list[Step], now_ms: float) -> None:
        last = steps[-1]
        sender.step = None if last in (Step.DONE, Step.GIVE_UP) else last
        sender.since_ms = now_ms
        if last is Step.AWAIT:
            sender.answers = Tomcat55Channel(answer_as_original=True).answer_reader()

    def _owner(self, number: int) -> _Sender:
        opener = self.links[number].opener
        ours = [sender for name, sender in self.senders if name == opener]
        return next((sender for sender in ours if sender.connection == number), ours[0])

    # The setup.

    def _mode(self, node: str) -> str:
        """Of a scripted peer, that of the node that talks to it."""
        setup = self.vector["setup"].table()
        return str(setup.get(f"mode_{node}", setup.get("mode")))

    def _answer_time_ms(self) -> int:
        setup = self.vector["setup"]
        return setup["ackTimeout"].number() if setup.get("ackTimeout") is not None else _FIRST_MS
