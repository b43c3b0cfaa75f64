"""Files out of parts that come in any order, twice, from several senders, or not at all."""

from __future__ import annotations

import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from refjk.base.errors import Malformed
from refjk.farm.messages import FileMessage
from refjk.farm.names import check_archive_name, last_part
from refjk.farm.parts import Part, checked_part


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """What senders may make a receiver hold."""

    archive_size: int = 256 * 1024 * 1024  # octets of one archive
    octets: int = 512 * 1024 * 1024  # of all transfers that are under way, as they announce themselves
    transfers: int = 16  # under way at once
    transfers_of_sender: int = 4
    silence_ms: int = 60_000  # without a new part
    finished: int = 64  # remembered, so that a part sent again is known


@dataclass(frozen=True, slots=True)
class StoreOctets:
    """Write these octets at this place of the transfer's file in the temporary directory."""

    transfer: int
    offset: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class TransferComplete:
    """Every octet is there. `name` has passed the check of names."""

    transfer: int
    sender: str
    name: str
    context_path: str
    size: int
    timestamp_ms: int  # of its latest part


@dataclass(frozen=True, slots=True)
class TransferDropped:
    """Delete the transfer's file."""

    transfer: int
    reason: str


@dataclass(frozen=True, slots=True)
class PartRefused:
    """A message that was not used, and why."""

    sender: str
    error: Malformed


Event = StoreOctets | TransferComplete | TransferDropped | PartRefused
_Key = tuple[str, str]


@dataclass(slots=True)
class _Transfer:
    number: int
    name: str
    context_path: str
    size: int
    heard_at_ms: int
    timestamp_ms: int = 0
    digests: dict[int, bytes] = field(default_factory=dict)  # of the parts that are there
    octets: int = 0

    @property
    def complete(self) -> bool:
        """All octets, even if the empty last part of an original sender never comes. FAR-CHK-08"""
        return self.octets == self.size


class Reassembly:
    """All transfers to one node. Handle the events of each call in order.

    Transfers are told apart by sender and file name, and numbered from `numbers`, which others may share.
    What a part says never makes this raise. FAR-CHK-07
    """

    def __init__(self, limits: TransferLimits | None = None, numbers: Iterator[int] | None = None) -> None:
        self.limits = limits or TransferLimits()
        self._numbers = itertools.count(1) if numbers is None else numbers
        self._under_way: dict[_Key, _Transfer] = {}
        self._finished: OrderedDict[_Key, _Transfer] = OrderedDict()

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    def receive_part(self, message: FileMessage, now_ms: int) -> list[Event]:
        sender = (message.sender and message.sender.name) or ""
        try:
            part, octets = checked_part(message, self.limits.archive_size)
            name = check_archive_name(last_part(message.file_name or ""))
        except Malformed as error:
            return [PartRefused(sender, error)]
        key = (sender, message.file_name or "")
        events: list[Event] = []
        digest = hashlib.blake2b(octets, digest_size=16).digest()
        if self._fits(self._finished.get(key), message, part, digest, repeated=True):
            return []
        transfer = self._under_way.get(key)
        if transfer is not None and not self._fits(transfer, message, part, digest):
            # FAR-CHK-10: the sender has begun anew with another version.
            events += self._drop(key, "another version began")
            transfer = None
        if transfer is None:
            try:
                self._admit(sender, message.total_size)
            except Malformed as error:
                return [*events, PartRefused(sender, error)]
            transfer = self._begin(key, name, message, now_ms)
        if part.number in transfer.digests:
            return events  # FAR-CHK-09
        transfer.digests[part.number] = digest
        transfer.octets += part.size
        transfer.heard_at_ms = now_ms
        transfer.timestamp_ms = max(transfer.timestamp_ms, message.timestamp_ms)
        events.append(StoreOctets(transfer.number, part.offset, octets))
        if transfer.complete:
            events.append(self._complete(key, sender))
        return events

    def forget(self, sender: str, context_path: str) -> list[Event]:
        """The sender begins anew, or takes the application away: what it sent for it is dropped."""
        under_way = [
            k for k, t in self._under_way.items() if k[0] == sender and t.context_path == context_path
        ]
        for key in [
            k for k, t in self._finished.items() if k[0] == sender and t.context_path == context_path
        ]:
            del self._finished[key]
        return [event for key in under_way for event in self._drop(key, "the sender began anew")]

    def forget_sender(self, sender: str) -> list[Event]:
        """The member is gone. FAR-CHK-12"""
        keys = [key for key in self._under_way if key[0] == sender]
        return [event for key in keys for event in self._drop(key, "the sender is gone")]

    def tick(self, now_ms: int) -> list[Event]:
        """Drops what has been silent for too long. FAR-CHK-11"""
        silent = [
            key
            for key, transfer in self._under_way.items()
            if now_ms - transfer.heard_at_ms > self.limits.silence_ms
        ]
        return [event for key in silent for event in self._drop(key, "no part came any more")]

    def next_wakeup_ms(self) -> int | None:
        oldest = min((transfer.heard_at_ms for transfer in self._under_way.values()), default=None)
        return None if oldest is None else oldest + self.limits.silence_ms + 1

    @staticmethod
    def _fits(
        transfer: _Transfer | None, message: FileMessage, part: Part, digest: bytes, repeated: bool = False
    ) -> bool:
        """Whether a part can be one of this transfer's; with `repeated` it must be one of those it had."""
        if transfer is None or (transfer.size, transfer.context_path) != (
            message.total_size,
            message.context_path or "",
        ):
            return False
        known = transfer.digests.get(part.number)
        if known is None and repeated:
            return part.size == 0
        return known is None or known == digest

    def _admit(self, sender: str, size: int) -> None:
        held = list(self._under_way)
        octets = sum(transfer.size for transfer in self._under_way.values())
        for what, value, limit in (
            ("transfers", len(held) + 1, self.limits.transfers),
            (
                "transfers of one sender",
                sum(k[0] == sender for k in held) + 1,
                self.limits.transfers_of_sender,
            ),
            ("octets under way", octets + size, self.limits.octets),
        ):
            if value > limit:
                raise Malformed("FAR-CHK-13", offset=4, expected=f"at most {limit} {what}", actual=str(value))

    def _begin(self, key: _Key, name: str, message: FileMessage, now_ms: int) -> _Transfer:
        self._finished.pop(key, None)
        transfer = _Transfer(
            next(self._numbers), name, message.context_path or "", message.total_size, now_ms
        )
        self._under_way[key] = transfer
        return transfer

    def _complete(self, key: _Key, sender: str) -> TransferComplete:
        transfer = self._under_way.pop(key)
        self._finished[key] = transfer
        while len(self._finished) > self.limits.finished:
            self._finished.popitem(last=False)
        return TransferComplete(
            transfer.number,
            sender,
            transfer.name,
            transfer.context_path,
            transfer.size,
            transfer.timestamp_ms,
        )

    def _drop(self, key: _Key, reason: str) -> list[Event]:
        return [TransferDropped(self._under_way.pop(key).number, reason)]
