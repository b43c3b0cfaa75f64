"""Answers, and the receiving end of a connection."""

from __future__ import annotations

import random

import pytest

from refjk.base.errors import Malformed
from refjk.channel import (
    Answer,
    AnswerReader,
    AnswerTime,
    ChannelLimits,
    Envelope,
    FrameReader,
    ReceivingConnection,
    Tomcat55Channel,
)
from refjk.speccheck import covers

ACK = b"\x06\x02\x03"
DIALECT = Tomcat55Channel()


def frame_of(payload: bytes) -> bytes:
    return DIALECT.encode_frame(DIALECT.wrap(payload, answered=True, now_ms=0))


@covers("CHN-ACK-07")
def test_an_answer_is_complete_at_octet_03_however_it_is_cut() -> None:
    for octets in (ACK, b"\x03", b"hello\0\x01" + ACK, ACK + b"more"):
        assert DIALECT.answer_reader().receive(octets) is Answer.ACCEPTED
    reader = DIALECT.answer_reader()
    assert reader.receive(b"\x06\x02") is None
    assert reader.receive(b"\x03") is Answer.ACCEPTED


@covers("CHN-ACK-08")
def test_ten_other_octets_are_skipped_and_eleven_are_refused() -> None:
    assert DIALECT.answer_reader().receive(b"x" * 10 + b"\x03") is Answer.ACCEPTED
    with pytest.raises(Malformed, match="CHN-ACK-08"):
        DIALECT.answer_reader().receive(b"x" * 11 + b"\x03")
    reader = DIALECT.answer_reader()
    assert reader.receive(b"x" * 10) is None
    with pytest.raises(Malformed, match="CHN-ACK-08"):
        reader.receive(b"x")
    original = Tomcat55Channel(answer_as_original=True).answer_reader()
    assert original.receive(b"x" * 10_000) is None
    assert original.receive(b"\x03") is Answer.ACCEPTED


@covers("CHN-ACK-09")
def test_the_end_of_the_stream_is_no_answer_unless_read_as_the_original_does() -> None:
    assert DIALECT.answer_reader().receive_eof() is None
    assert Tomcat55Channel(answer_as_original=True).answer_reader().receive_eof() is Answer.ACCEPTED


@covers("CHN-ACK-01", "CHN-ACK-02", "CHN-ACK-03")
def test_each_frame_is_answered_once_and_after_it_was_processed() -> None:
    connection = ReceivingConnection(DIALECT)
    messages = connection.receive(frame_of(b"one") + frame_of(b"two") + frame_of(b"three")[:10])
    assert [message.payload for message in messages] == [b"one", b"two"]
    assert connection.answers_to_send() == b""
    for message in messages:
        connection.processed(message, handled=True)
    assert connection.answers_to_send() == ACK + ACK
    connection.answers_sent(4)
    assert connection.answers_to_send() == ACK[1:]
    assert (connection.messages, connection.answers) == (2, 2)


@covers("CHN-ACK-04")
def test_a_message_that_could_not_be_handled_is_answered_all_the_same() -> None:
    connection = ReceivingConnection(DIALECT)
    [message] = connection.receive(frame_of(b"one"))
    connection.processed(message, handled=False)
    assert connection.answers_to_send() == ACK


@covers("CHN-ACK-05")
def test_answers_can_be_switched_off() -> None:
    connection = ReceivingConnection(Tomcat55Channel(answers=False))
    [message] = connection.receive(frame_of(b"one"))
    connection.processed(message, handled=True)
    assert connection.answers_to_send() == b""


@covers("CHN-ACK-06")
def test_answers_that_nobody_reads_are_dropped_at_a_bound() -> None:
    connection = ReceivingConnection(DIALECT)
    for _ in range(2000):
        [message] = connection.receive(frame_of(b"one"))
        connection.processed(message, handled=True)
    assert len(connection.answers_to_send()) == 4095
    assert connection.answers_dropped == 2000 - 1365


def test_the_messages_before_a_fault_are_given_out_and_the_fault_stays() -> None:
    connection = ReceivingConnection(DIALECT)
    assert len(connection.receive(frame_of(b"one") + b"nonsense")) == 1
    assert connection.failure is not None
    assert connection.receive(frame_of(b"two")) == []


class Loud:
    """A dialect that differs in all that a dialect may decide: lines, and answers `yes` or `no`."""

    name = "loud"

    def wrap(self, payload: bytes, *, answered: bool, now_ms: int) -> Envelope:
        return Envelope(payload, 2 if answered else 0, b"id", b"me", now_ms)

    def encode_frame(self, envelope: Envelope) -> bytes:
        return b"%d %s\n" % (envelope.options, envelope.payload.hex().encode())

    def frame_reader(self, limits: ChannelLimits) -> FrameReader:
        return LoudFrames()

    def answer_time(self, envelope: Envelope) -> AnswerTime:
        return (AnswerTime.NEVER, AnswerTime.ON_ARRIVAL, AnswerTime.AFTER_PROCESSING)[envelope.options]

    def encode_answer(self, answer: Answer) -> bytes:
        return b"yes\n" if answer is Answer.ACCEPTED else b"no\n"

    def answer_reader(self) -> AnswerReader:
        return LoudAnswers()

    def holds_object(self, envelope: Envelope) -> bool:
        return False


class LoudFrames:
    def __init__(self) -> None:
        self._octets = b""
        self.failure: Malformed | None = None

    @property
    def buffered(self) -> int:
        return len(self._octets)

    def receive(self, octets: bytes) -> list[Envelope]:
        *lines, self._octets = (self._octets + octets).split(b"\n")
        return [Envelope(bytes.fromhex(line[2:].decode()), int(line[:1])) for line in lines]


class LoudAnswers:
    def __init__(self) -> None:
        self._octets = b""

    def receive(self, octets: bytes) -> Answer | None:
        self._octets += octets
        if not self._octets.endswith(b"\n"):
            return None
        return Answer.ACCEPTED if self._octets == b"yes\n" else Answer.REJECTED

    def receive_eof(self) -> Answer | None:
        return None


@covers("CHN-DLC-01", "CHN-DLC-02")
@pytest.mark.parametrize(("options", "answers"), [(0, b""), (1, b"yes\n"), (2, b"no\n")])
def test_another_dialect_decides_on_answers_frame_by_frame(options: int, answers: bytes) -> None:
    connection = ReceivingConnection(Loud())
    [message] = connection.receive(Loud().encode_frame(Envelope(b"hello", options)))
    assert message.payload == b"hello"
    assert connection.answers_to_send() == (answers if options == 1 else b"")
    connection.processed(message, handled=False)
    assert connection.answers_to_send() == answers


def test_any_octets_back_are_an_answer_or_malformed() -> None:
    chance, read = random.Random(3), 0
    for _ in range(2000):
        reader = DIALECT.answer_reader()
        try:
            read += reader.receive(chance.randbytes(chance.randrange(30))) is Answer.ACCEPTED
        except Malformed:
            continue
    assert read > 10
