"""A node that comes later learns what is deployed and gets what it lacks; all nodes come to the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from refjk.farm.actions import Action, Report, Send, ServeOctets, Verify
from refjk.farm.catalog import Catalog, Entry
from refjk.farm.extension import ArchivePiece, ArchiveRequest, CatalogMessage
from refjk.farm.fetching import Fetch, FetchRules, FetchStep
from refjk.farm.names import file_name_of
from refjk.farm.reassembly import StoreOctets, TransferDropped


@dataclass(frozen=True, slots=True)
class LateJoinerRules:
    """Whom to ask, and how often."""

    every_ms: int = 30_000  # when all is well
    answer_ms: int = 5_000
    tries: int = 3  # without an answer; then the member is taken for one of the original protocol
    silent_ms: int = 600_000  # and left alone for so long
    fetches: int = 4  # at once
    refusals: int = 1000  # remembered
    refused_ms: int = 600_000  # until a version that was refused is fetched once more
    ahead_ms: int = 86_400_000  # a stamp that is further in the future is refused


class LateJoiner:
    """Compares this node's catalog with the oldest other member's, and fetches what is later there."""

    def __init__(
        self,
        own_name: str,
        catalog: Catalog,
        transfers: Iterator[int],
        rules: LateJoinerRules,
        fetch_rules: FetchRules,
        archive_size_max: int,
    ) -> None:
        self._own_name = own_name
        self._catalog = catalog
        self._transfers = transfers
        self._rules = rules
        self._fetch_rules = fetch_rules
        self._archive_size_max = archive_size_max
        self._members: tuple[str, ...] = ()
        self._unanswered: dict[str, int] = {}
        self._silent_until_ms: dict[str, int] = {}
        self._ask_at_ms = 0
        self._fetches: dict[str, Fetch] = {}
        self._fetched: dict[int, Entry] = {}
        self._refused: dict[str, tuple[Entry, int]] = {}  # and until when

    def members_changed(self, oldest_first: Sequence[str], now_ms: int) -> list[str]:
        """Returns who is gone. Whoever is asked now is asked at once."""
        gone = [name for name in self._members if name not in oldest_first]
        for name in gone:
            self._unanswered.pop(name, None)
            self._silent_until_ms.pop(name, None)
        self._members = tuple(oldest_first)
        self._ask_at_ms = now_ms
        return gone

    def refuse(self, entry: Entry, now_ms: int) -> None:
        """This version did not work here: it is not fetched again for a while. FAR-LAT-13"""
        if len(self._refused) >= self._rules.refusals:
            del self._refused[next(iter(self._refused))]
        self._refused[entry.context_path] = entry, now_ms + self._rules.refused_ms

    def take_fetched(self, transfer: int) -> Entry:
        return self._fetched.pop(transfer)

    def receive(
        self,
        message: CatalogMessage | ArchiveRequest | ArchivePiece,
        latest: Callable[[str], Entry | None],
        now_ms: int,
    ) -> tuple[list[Action], list[Entry]]:
        """Actions, and removals to carry out. `latest`: what a path will hold when all jobs are done."""
        sender = (message.sender and message.sender.name) or ""
        if sender not in self._members or sender == self._own_name:
            return [], []
        if isinstance(message, ArchiveRequest):
            return [self._answer(sender, message)], []
        if isinstance(message, ArchivePiece):
            return self._receive_piece(sender, message, now_ms), []
        self._unanswered.pop(sender, None)
        self._silent_until_ms.pop(sender, None)
        if not message.answer_wanted and sender == self._asked(now_ms):
            self._ask_at_ms = now_ms + self._rules.every_ms
        actions: list[Action] = []
        if message.answer_wanted:
            actions.append(Send(sender, CatalogMessage(tuple(self._catalog.entries()), False)))
        removals = []
        for entry in message.entries:
            if self._wants(entry, latest(entry.context_path), now_ms):
                if entry.digest is None:
                    removals.append(entry)
                else:
                    actions += self._begin(entry, sender, now_ms)
        return actions, removals

    def tick(self, now_ms: int) -> list[Action]:
        actions: list[Action] = []
        for path in list(self._fetches):
            fetch = self._fetches[path]
            actions += self._after(fetch, fetch.tick(now_ms))
        asked = self._asked(now_ms)
        if asked is None or now_ms < self._ask_at_ms:
            return actions
        tries = self._unanswered.get(asked, 0)
        self._ask_at_ms = now_ms + self._rules.answer_ms
        if tries >= self._rules.tries:
            # FAR-LAT-05
            self._silent_until_ms[asked] = now_ms + self._rules.silent_ms
            del self._unanswered[asked]
            self._ask_at_ms = now_ms
            return actions
        self._unanswered[asked] = tries + 1
        return [*actions, Send(asked, CatalogMessage(tuple(self._catalog.entries()), True))]

    def _asked(self, now_ms: int) -> str | None:
        """The oldest other member that speaks the extension.

        The oldest one asks the next: it cannot know for sure that it is the oldest, and two that both take
        themselves for it would never hear of each other. FAR-LAT-14
        """
        for name in self._members:
            if name != self._own_name and self._silent_until_ms.get(name, now_ms) <= now_ms:
                return name
        return None

    def _wants(self, entry: Entry, latest: Entry | None, now_ms: int) -> bool:
        if entry.stamp_ms > now_ms + self._rules.ahead_ms or entry.size > self._archive_size_max:
            return False  # FAR-LAT-10
        if latest is not None and latest.rank >= entry.rank:
            return False
        if entry.digest is None and (latest is None or latest.digest is None):
            self._catalog.put(entry)  # there is nothing to remove
            return False
        known = self._catalog.get(entry.context_path)
        if known is not None and known is latest and known.digest == entry.digest:
            self._catalog.put(entry)
            return False
        refused, until_ms = self._refused.get(entry.context_path, (None, 0))
        if refused is not None and refused.digest == entry.digest and now_ms < until_ms:
            return False
        fetch = self._fetches.get(entry.context_path)
        if fetch is not None:
            return entry.rank > fetch.entry.rank and entry.digest != fetch.entry.digest
        has_room = self._catalog.has_room_for(entry.context_path) and len(self._fetches) < self._rules.fetches
        return entry.digest is None or has_room

    def _begin(self, entry: Entry, source: str, now_ms: int) -> list[Action]:
        actions = self._end(entry.context_path, "a later version is there")
        fetch = Fetch(next(self._transfers), entry, source, self._fetch_rules, now_ms)
        self._fetches[entry.context_path] = fetch
        return [*actions, self._request(fetch)]

    def _end(self, context_path: str, reason: str) -> list[Action]:
        fetch = self._fetches.pop(context_path, None)
        return [] if fetch is None else [TransferDropped(fetch.transfer, reason)]

    def _answer(self, sender: str, request: ArchiveRequest) -> Action:
        for entry in self._catalog.entries():
            if entry.digest == request.digest and request.offset < entry.size:
                name = file_name_of(entry.context_path)
                return ServeOctets(sender, name, request.digest, entry.size, request.offset)
        return Send(sender, ArchivePiece(request.digest, 0, request.offset, b""))

    def _receive_piece(self, sender: str, piece: ArchivePiece, now_ms: int) -> list[Action]:
        for fetch in self._fetches.values():
            if fetch.source == sender and fetch.entry.digest == piece.digest:
                offset = fetch.offset
                step = fetch.receive_piece(piece, now_ms)
                stored: list[Action] = []
                if fetch.offset > offset:
                    stored.append(StoreOctets(fetch.transfer, offset, piece.data))
                return [*stored, *self._after(fetch, step)]
        return []

    def _after(self, fetch: Fetch, step: FetchStep) -> list[Action]:
        path = fetch.entry.context_path
        if step is FetchStep.ASK:
            return [self._request(fetch)]
        if step is FetchStep.GIVEN_UP:
            text = f"{fetch.source} does not give the archive that it offered"
            return [*self._end(path, text), Report(path, text, refused=True)]
        if step is FetchStep.COMPLETE:
            del self._fetches[path]
            self._fetched[fetch.transfer] = fetch.entry
            return [Verify(fetch.transfer, file_name_of(path), fetch.entry.size)]
        return []

    @staticmethod
    def _request(fetch: Fetch) -> Action:
        assert fetch.entry.digest is not None
        return Send(fetch.source, ArchiveRequest(fetch.entry.digest, fetch.offset))
