"""People who click: each with a cookie, one click at a time, and a count that must never go back."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from refjk.base.errors import Unreachable

ANSWER_DEADLINE_S = 20.0
CLICKS_DEADLINE_S = 20.0
PAUSE_S = 0.1  # at most, between two clicks


@dataclass(slots=True)
class Visitor:
    """A client with a cookie of its own."""

    port: int
    cookie: str = ""
    node: str = ""
    count: int = 0
    failures: list[str] = field(default_factory=list)

    def ask(self) -> bool:
        """One click; what came is in the attributes."""
        shown = self.get("/json")
        if shown is not None:
            self.node, self.count = shown["node"], shown["count"]
        return shown is not None

    def get(self, path: str) -> dict[str, Any] | None:
        """What JSON comes, None when that went wrong, which is in `failures` then."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_DEADLINE_S)
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie} if self.cookie else {})
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                self.failures.append(f"status {response.status}")
                return None
            self.cookie = (response.getheader("Set-Cookie") or self.cookie).partition(";")[0]
            values: dict[str, Any] = json.loads(body)
            return values
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            return None
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Loss:
    """An answer that knew less than the one before it. `updates` that had been answered are gone."""

    user: int
    updates: int
    had: int
    got: int
    before: str  # the node that had answered last
    now: str

    @property
    def by_failover(self) -> bool:
        """Whether the session moved; nothing may be lost otherwise, whatever the mode is."""
        return self.before != self.now


@dataclass(slots=True)
class User:
    """One of the crowd, and what it has seen.

    `repeated`: updates beyond its own clicks, which is what comes of a request that is sent again after the
    node that had carried it out died.
    """

    number: int
    visitor: Visitor
    clicks: int = 0
    moves: int = 0
    repeated: int = 0
    unsure: int = 0  # clicks without an answer since the last one that had one
    losses: list[Loss] = field(default_factory=list)

    def click(self) -> None:
        visitor = self.visitor
        before, had = visitor.node, visitor.count
        if not visitor.ask():
            self.unsure += 1
            return
        self.clicks += 1
        self.moves += before not in ("", visitor.node)
        due = had + 1
        if visitor.count < due:
            self.losses.append(
                Loss(self.number, due - visitor.count, had, visitor.count, before, visitor.node)
            )
        self.repeated += max(visitor.count - due - self.unsure, 0)
        self.unsure = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What all users have seen together."""

    users: int
    clicks: int
    failed: int
    moves: int
    lost: int
    lost_without_failover: int
    repeated: int


class Crowd:
    """Users that click at the same time, until told to stop."""

    def __init__(self, visitors: Sequence[Visitor]) -> None:
        self.users = [User(number, visitor) for number, visitor in enumerate(visitors, 1)]
        self._over = threading.Event()
        self._clicked = threading.Condition()

    @contextmanager
    def clicking(self) -> Iterator[None]:
        """They click as long as the context lasts; an answer that is due is waited for."""
        threads = [threading.Thread(target=self._click, args=(user,)) for user in self.users]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def wait_for_clicks(self, more: int) -> None:
        """Until everybody has had so many more answers. Raises `Unreachable` when they do not come."""
        due = [user.clicks + more for user in self.users]
        with self._clicked:
            done = self._clicked.wait_for(
                lambda: all(user.clicks >= number for user, number in zip(self.users, due, strict=True)),
                CLICKS_DEADLINE_S,
            )
        if not done:
            raise Unreachable(f"a user got no {more} answers in {CLICKS_DEADLINE_S:g} s")

    def tally(self) -> Tally:
        losses = [loss for user in self.users for loss in user.losses]
        return Tally(
            users=len(self.users),
            clicks=sum(user.clicks for user in self.users),
            failed=sum(len(user.visitor.failures) for user in self.users),
            moves=sum(user.moves for user in self.users),
            lost=sum(loss.updates for loss in losses),
            lost_without_failover=sum(loss.updates for loss in losses if not loss.by_failover),
            repeated=sum(user.repeated for user in self.users),
        )

    def _click(self, user: User) -> None:
        pause = random.Random(user.number)
        while not self._over.is_set():
            user.click()
            with self._clicked:
                self._clicked.notify_all()
            self._over.wait(pause.random() * PAUSE_S)


def failures_of(visitors: Sequence[Visitor]) -> str:
    """Empty when there were none."""
    found = [failure for visitor in visitors for failure in visitor.failures]
    return f"; {len(found)} failed, the first one with {found[0]}" if found else ""


@contextmanager
def newcomers_without_pause(port: int, clients: int) -> Iterator[list[Visitor]]:
    """Clients that ask as new ones all the time while the context lasts; then `count` tells how often."""
    visitors = [Visitor(port) for _ in range(clients)]
    over = threading.Event()

    def run(visitor: Visitor) -> None:
        asked = 0
        while not over.is_set():
            visitor.cookie = ""  # new sessions: every node is asked
            visitor.ask()
            asked += 1
        visitor.count = asked

    threads = [threading.Thread(target=run, args=(visitor,)) for visitor in visitors]
    for thread in threads:
        thread.start()
    try:
        yield visitors
    finally:
        over.set()
        for thread in threads:
            thread.join()


def first_at(port: int, node: str, deadline_s: float) -> float | None:
    """Seconds until a new client is served by the node; None when that takes longer than the deadline."""
    begun = time.monotonic()
    with_pause = threading.Event()
    while (waited_s := time.monotonic() - begun) < deadline_s:
        newcomer = Visitor(port)
        newcomer.ask()
        if newcomer.node == node:
            return waited_s
        with_pause.wait(0.05)
    return None
