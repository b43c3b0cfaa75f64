"""The receiving end of one connection."""

from __future__ import annotations

from refjk.base.errors import Malformed
from refjk.channel.dialect import Answer, AnswerTime, ChannelDialect, ChannelLimits, Envelope

ANSWERS_HELD_MAX = 4096  # octets of answers that a sender does not read


class ReceivingConnection:
    """Octets in, messages out, answers back.

    Handle the messages of `receive` in order and tell `processed` of each; write `answers_to_send()` after
    all of them (CHN-ACK-03) and tell `answers_sent`. When `failure` is set, write what is left and close.
    """

    def __init__(self, dialect: ChannelDialect, limits: ChannelLimits | None = None) -> None:
        self._dialect = dialect
        self._reader = dialect.frame_reader(limits or ChannelLimits())
        self._answers = bytearray()
        self.messages = 0
        self.octets = 0
        self.answers = 0
        self.answers_dropped = 0

    @property
    def failure(self) -> Malformed | None:
        """Why the connection has to be closed."""
        return self._reader.failure

    @property
    def buffered(self) -> int:
        """Octets of an incomplete frame."""
        return self._reader.buffered

    def receive(self, octets: bytes) -> list[Envelope]:
        """The messages that are complete now, in the order of their frames."""
        self.octets += len(octets)
        complete = self._reader.receive(octets)
        self.messages += len(complete)
        for envelope in complete:
            if self._dialect.answer_time(envelope) is AnswerTime.ON_ARRIVAL:
                self._answer(Answer.ACCEPTED)
        return complete

    def processed(self, envelope: Envelope, *, handled: bool) -> None:
        """A message was given to those who wanted it. CHN-ACK-02"""
        if self._dialect.answer_time(envelope) is AnswerTime.AFTER_PROCESSING:
            self._answer(Answer.ACCEPTED if handled else Answer.REJECTED)

    def answers_to_send(self) -> bytes:
        return bytes(self._answers)

    def answers_sent(self, size: int) -> None:
        """So many octets of the answers were taken by the socket."""
        del self._answers[:size]

    def _answer(self, answer: Answer) -> None:
        octets = self._dialect.encode_answer(answer)
        # Nobody who waits for answers leaves so many unread (CHN-ACK-06).
        if len(self._answers) + len(octets) > ANSWERS_HELD_MAX:
            self.answers_dropped += 1
            return
        self.answers += 1
        self._answers += octets
