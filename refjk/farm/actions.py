"""What a deployer asks of whoever drives it. Carry out each in order; some want an answer by a call."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.farm.extension import ExtensionMessage
from refjk.farm.messages import FileMessage, UndeployMessage
from refjk.farm.reassembly import StoreOctets, TransferDropped

Message = FileMessage | UndeployMessage | ExtensionMessage


@dataclass(frozen=True, slots=True)
class Send:
    """A message to one member, or (None) to each member in turn. The driver puts sender and time in."""

    to: str | None
    message: Message


@dataclass(frozen=True, slots=True)
class SendArchive:
    """The deployed archive, part by part, each part to each member in turn."""

    name: str
    context_path: str
    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class ServeOctets:
    """An `ArchivePiece` with octets of the deployed archive to one member.

    The driver reads the file through a handle on the version with this digest.
    """

    to: str
    name: str
    digest: bytes
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class Verify:
    """Check the transfer's file whole, then call `verified` or `verification_failed`."""

    transfer: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Install:
    """Put a verified archive in the place of the old one and start its application.

    The new version starts before the old one ends; if it does not start, the old archive and application
    stay. Then delete the transfer's file and call `installed` or `installation_failed`. The stamp is kept as
    the time of the file, so that it is known after a restart.
    """

    transfer: int
    name: str
    context_path: str
    digest: bytes
    stamp_ms: int


@dataclass(frozen=True, slots=True)
class Remove:
    """Stop the application, delete archive and unpacked directory, then call `removed`."""

    name: str
    context_path: str


@dataclass(frozen=True, slots=True)
class Report:
    """For the log and for whoever watches; `refused` is something that a peer or a user should know."""

    context_path: str
    text: str
    refused: bool = False


Action = Send | SendArchive | ServeOctets | Verify | Install | Remove | Report | StoreOctets | TransferDropped
