"""Users of a simulated cluster, and the balancer in front of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

from refjk.simulation.cluster.clock import Clock
from refjk.simulation.sessions.process import Reply, Request, SessionNode

_AGAIN_MS = 500  # after an error, or when no node is ready


class User:
    """One browser: a cookie, and one request at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session_id: str | None = None
        self.click = 0  # the newest that this session has shown
        self.waiting = False
        self.next_what: str | None = None  # instead of what chance says
        self.answers: list[Reply | None] = []


class Crowd:
    """Users who come back to the node of their route, and to another one if that is gone.

    `moves` is the share of requests that go to another node without need. `think_ms` is from an answer to the
    next request.
    """

    def __init__(
        self, clock: Clock, nodes: Mapping[str, SessionNode], source: random.Random, counts: Counter[str]
    ) -> None:
        self._clock = clock
        self._nodes = nodes
        self._random = source
        self._counts = counts
        self.users: list[User] = []
        self.active = False
        self.moves = 0.0
        self.think_ms = (200, 1500)

    def begin(self, names: list[str]) -> None:
        """They click from now on."""
        self.active = True
        for name in names:
            user = User(name)
            self.users.append(user)
            self._clock.after(self._random.randint(0, self.think_ms[1]), self._step, user)

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for an answer."""
        return any(user.waiting for user in self.users)

    def renew(self) -> None:
        """Everybody gives up the session and begins another."""
        for user in self.users:
            user.next_what = "logout"

    def send(self, user: User, node: SessionNode, what: str, then: Callable[[], None] | None = None) -> None:
        """One request, now."""
        assert node.process is not None
        before = user.session_id
        user.waiting = True

        def told(reply: Reply | None) -> None:
            user.waiting = False
            user.answers.append(reply)
            self._take(user, before, reply)
            if then is not None:
                then()

        node.process.serve(Request(user.session_id, what, told))

    def _take(self, user: User, before: str | None, reply: Reply | None) -> None:
        self._counts["requests"] += 1
        if reply is None:
            self._counts["failed"] += 1
            return
        if before is not None and not reply.found:
            self._counts["not found"] += 1
            user.click = 0
        self._counts["went back"] += reply.session_id is not None and reply.found and reply.click < user.click
        user.session_id = reply.session_id
        user.click = 0 if reply.session_id is None else reply.click

    def _step(self, user: User, number: int) -> None:
        node = self._choose(user) if self.active and not user.waiting else None
        if node is None:
            self._clock.after(_AGAIN_MS, self._step, user)
            return
        what, user.next_what = user.next_what, None
        if what is None:
            what = self._random.choices(("click", "look", "logout"), (80, 17, 3))[0]
        if what == "logout" and user.session_id is None:
            what = "click"
        self.send(user, node, what, lambda: self._later(user))

    def _later(self, user: User) -> None:
        self._clock.after(self._random.randint(*self.think_ms), self._step, user)

    def _choose(self, user: User) -> SessionNode | None:
        ready = [node for node in self._nodes.values() if node.ready]
        if not ready:
            return None
        route = (user.session_id or "").partition(".")[2]
        sticky = self._nodes.get(route)
        if sticky is not None and sticky.ready and self._random.random() >= self.moves:
            return sticky
        return self._random.choice(ready)
