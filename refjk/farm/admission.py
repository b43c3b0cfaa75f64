"""Whose messages a node takes, in which order of age it sees the members, and when it has caught up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from refjk.farm.actions import Message, Report
from refjk.farm.catalog import Entry
from refjk.farm.extension import CatalogMessage
from refjk.farm.steps import FarmSteps
from refjk.farm.surroundings import Outgoings


class Aged(Protocol):
    """A member as its last announcement told it."""

    @property
    def name(self) -> str | None: ...

    @property
    def alive_ms(self) -> int: ...


_Member = TypeVar("_Member", bound=Aged)


def oldest_first(own: _Member, others: Sequence[_Member], slack_ms: int) -> list[str]:
    """The names of all members, this one among them.

    What is known of another's age is as old as its last announcement: of two whose ages are closer than
    `slack_ms`, the one with the lesser name counts as older, so that both agree on it.
    """

    def is_older(other: _Member) -> bool:
        ahead_ms = other.alive_ms - own.alive_ms
        return (other.name or "") < (own.name or "") if abs(ahead_ms) <= slack_ms else ahead_ms > 0

    older = [one for one in others if is_older(one)]
    younger = [one for one in others if not is_older(one)]
    return [one.name for one in [*older, own, *younger] if one.name is not None]


class CatchingUp:
    """What a node that starts still lacks of what the oldest member has. FAR-LAT-12"""

    def __init__(self) -> None:
        self.answered = False
        self.done = False
        self._wanted: dict[str, Entry] = {}

    def nobody_else(self) -> None:
        self.answered = True
        self.done = self.done or not self._wanted

    def wants(self, entries: Iterable[Entry]) -> None:
        if not self.answered:
            self._wanted = {one.context_path: one for one in entries if one.digest is not None}
            self.answered = True

    def refused(self, context_path: str) -> None:
        self._wanted.pop(context_path, None)

    def progress(self, deployed: Iterable[Entry]) -> bool:
        """Whether something came and more is lacking."""
        if not self.answered or self.done:
            return False
        before = len(self._wanted)
        for entry in deployed:
            wanted = self._wanted.get(entry.context_path)
            if wanted is not None and entry.rank >= wanted.rank:
                del self._wanted[entry.context_path]
        self.done = not self._wanted
        return 0 < len(self._wanted) < before


class FarmAdmission:
    """Between a node's members and messages and its `FarmSteps`; iterators as there.

    `others`: the members but this one, as they are now. `taking` is the sender of the message that is being
    carried out.
    """

    def __init__(
        self,
        steps: FarmSteps,
        own: Callable[[], Aged],
        others: Callable[[], Sequence[Aged]],
        slack_ms: int,
        report: Callable[[Report], None],
    ) -> None:
        self._steps = steps
        self._own = own
        self._others = others
        self._slack_ms = slack_ms
        self._report = report
        self._order: list[str] = []  # all members, oldest first, as the steps know them
        self.taking: str | None = None
        self.catching_up = CatchingUp()

    def members_changed(self, now_ms: int) -> Outgoings:
        own = self._own()
        others = [one for one in self._others() if one.name is not None]
        self._order = oldest_first(own, others, self._slack_ms)
        if not others:
            self.catching_up.nobody_else()
        yield from self._steps.members_changed(self._order, now_ms)

    def receive(self, message: Message, now_ms: int) -> Outgoings:
        sender = None if message.sender is None else message.sender.name
        if sender is None or all(sender != one.name for one in self._others()):
            # FAR-DEP-12
            self._report(Report("", f"a message of {sender or 'nobody'}, who is no member", refused=True))
            return
        if sender not in self._order:
            yield from self.members_changed(now_ms)  # its message was faster than the news of it
        # FAR-VER-07
        self.taking = sender
        try:
            yield from self._steps.receive(message, now_ms)
        finally:
            self.taking = None
        if isinstance(message, CatalogMessage) and not message.answer_wanted:
            self.catching_up.wants(message.entries)

    def progress(self) -> bool:
        """Whether a node that starts has something of what it lacks, and is to ask for more."""
        return self.catching_up.progress(self._steps.deployer.catalog.entries())
