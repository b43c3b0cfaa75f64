"""What the steps of a node need around them: a disk, a container, and somebody who sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from refjk.farm.actions import Message, Report
from refjk.farm.watching import Seen
from refjk.farm.web_xml import WebApplication


class Checked(Protocol):
    """An archive that passed every check."""

    @property
    def size(self) -> int: ...

    @property
    def digest(self) -> bytes: ...

    @property
    def application(self) -> WebApplication: ...


@dataclass(frozen=True, slots=True)
class Lying:
    """A whole archive in the deploy directory, as a start finds it."""

    name: str
    checked: Checked
    stamp_ms: int


class Octets(Protocol):
    """A file that stays the same however long it is read."""

    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...


class Disk(Protocol):
    """The directories of one node.

    Raises `Malformed` for an archive that is refused, and `InputError` for what the disk does not do.
    """

    def begin(self) -> Iterable[Lying | Report]:
        """Sweeps what a crash left; what lies whole in the deploy directory, sorted, and what does not."""

    def entries(self) -> list[Seen]:
        """The watched directory."""

    def copy_watched(self, name: str, transfer: int) -> None:
        """A private copy as the file of a transfer."""

    def store(self, transfer: int, offset: int, octets: bytes) -> None: ...

    def discard(self, transfer: int) -> None:
        """The file of a transfer, if there is one."""

    def verify(self, transfer: int) -> Checked: ...

    def unpacked(self, transfer: int | None, name: str, digest: bytes) -> Path:
        """The folder of this version, made of the transfer's file or (None) the archive in place."""

    def replace(self, transfer: int, name: str, digest: bytes, stamp_ms: int) -> None:
        """The file of the transfer takes the place of the archive in one step."""

    def remove(self, name: str) -> None:
        """The archive in place, if there is one."""

    def prune(self, name: str, kept: Sequence[bytes]) -> None:
        """Unpacked versions of an archive but these."""

    def deployed(self, name: str) -> AbstractContextManager[Octets]:
        """The archive in place."""


class Started(Protocol):
    """A new version that runs beside the old one and gets no request yet."""

    def take_over(self) -> None:
        """New requests go to it; the old version ends when those that it has are done."""

    def give_up(self) -> None:
        """It ends; the old version stays as it is."""


class Applications(Protocol):
    """The container, as far as deploying goes."""

    def start(self, context_path: str, folder: Path, application: WebApplication) -> Started:
        """Whatever it raises means that the version does not start."""

    def stop(self, context_path: str) -> None:
        """The application of this path, if there is one."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to a member; whoever sends it puts sender and time in."""

    to: str
    message: Message


Outgoings = Iterator[Outgoing]
