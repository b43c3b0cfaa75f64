"""How a message travels: the part of a cluster's dialect that the channel needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from refjk.base.errors import Malformed


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as a frame carries it.

    `payload` is what the message's codec wrote. The rest is what a dialect puts beside it, empty where it
    puts nothing: its own `options`, an id, the announcement of the sender, the time of sending.
    """

    payload: bytes
    options: int = 0
    unique_id: bytes = b""
    sender: bytes = b""
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """What a peer may make us hold, in octets."""

    data_size: int = 256 * 1024 * 1024  # of one frame, as it is on the wire
    payload_size: int = 256 * 1024 * 1024  # of one message, unzipped: the state of a large node is one


class AnswerTime(Enum):
    """When a receiver answers a frame."""

    NEVER = "never"
    ON_ARRIVAL = "on arrival"
    AFTER_PROCESSING = "after processing"


class Answer(Enum):
    """What a receiver says of one message."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class FrameReader(Protocol):
    """Frames out of the octets of one connection."""

    @property
    def failure(self) -> Malformed | None:
        """Why nothing is read from this connection any more."""

    @property
    def buffered(self) -> int:
        """Octets held."""

    def receive(self, octets: bytes) -> list[Envelope]:
        """What is complete now, in order. Sets `failure` instead of raising; after it octets are dropped."""


class AnswerReader(Protocol):
    """The answer to one frame out of what comes back on its connection."""

    def receive(self, octets: bytes) -> Answer | None:
        """None while the answer is not complete. Raises `Malformed`."""

    def receive_eof(self) -> Answer | None:
        """What the end of the stream means: None for no answer."""


class ChannelDialect(Protocol):
    """Everything about frames and answers in which two dialects differ."""

    @property
    def name(self) -> str:
        """The dialect's name in configuration files and outputs."""

    def wrap(self, payload: bytes, *, answered: bool, now_ms: int) -> Envelope:
        """A message of this node; `answered`: the sender waits for the answer. `now_ms` since 1970."""

    def encode_frame(self, envelope: Envelope) -> bytes:
        """The octets of a frame, the same for every member and every resend."""

    def frame_reader(self, limits: ChannelLimits) -> FrameReader:
        """A reader for one connection."""

    def answer_time(self, envelope: Envelope) -> AnswerTime:
        """Whether and when the receiver of a frame answers it."""

    def encode_answer(self, answer: Answer) -> bytes:
        """The octets of an answer; empty for one that the dialect cannot say."""

    def answer_reader(self) -> AnswerReader:
        """A reader for the answer to one frame."""

    def holds_object(self, envelope: Envelope) -> bool:
        """Whether the payload is an object stream."""
