"""What deployers tell each other: parts of a file, and that an application is to go."""

from __future__ import annotations

from dataclasses import dataclass, field

PART_SIZE = 10240  # octets of every part but the last


@dataclass(frozen=True, slots=True)
class Member:
    """The sender, as it stands in a message. `domain` is none in the layout of 5.5.5."""

    name: str | None
    host: str | None
    port: int
    alive_ms: int = 0
    message_count: int = 0
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class FileMessage:
    """A part of a file.

    `data` may be longer than what counts of it (`data_size`). `number` counts from 1. Times are ms since
    1970, sizes octets; the fields are whatever the sender wrote, `reassembly` judges them.
    """

    file_name: str | None
    context_path: str | None
    number: int = 0
    total: int = 0
    total_size: int = 0
    data: bytes | None = field(default=None, repr=False)
    data_size: int = 0
    sender: Member | None = None
    timestamp_ms: int = 0
    resend: int = 0
    compress: int = 2

    @property
    def unique_id(self) -> str:
        """Not on the wire; the original makes it of these. FAR-MSG-05"""
        return f"{self.file_name}#-#{self.number}#-#{self.timestamp_ms}"


@dataclass(frozen=True, slots=True)
class UndeployMessage:
    """An application is to go: for good (`undeploy`), or because its new version is on the way."""

    context_path: str | None
    undeploy: bool = False
    unique_id: str | None = None
    sender: Member | None = None
    timestamp_ms: int = 0
    resend: int = 2
    compress: int = 2

    @classmethod
    def of(cls, context_path: str, *, undeploy: bool, sender: Member, now_ms: int) -> UndeployMessage:
        """A message with the id that the original gives it. FAR-UND-02"""
        return cls(context_path, undeploy, f"Undeploy:{context_path}:{now_ms}", sender, now_ms)
