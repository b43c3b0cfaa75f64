"""The users of a simulation: when they come, what they do between requests, when they go."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from refjk.simulation.agenda import Agenda
from refjk.simulation.container import User
from refjk.simulation.distributions import Constant, Exponential, Sampler
from refjk.simulation.scenario import Scenario
from refjk.simulation.tally import Tally


class Crowd:
    """All users; `begin` is what sends a request of one.

    Each kind of chance has a source of its own, so that the same users come however containers behave.
    """

    def __init__(
        self, agenda: Agenda, scenario: Scenario, tally: Tally, begin: Callable[[User, int], None]
    ) -> None:
        self.users = [User() for _ in range(scenario.users)]
        self._agenda = agenda
        self._tally = tally
        self._begin = begin
        self._think = scenario.think.sampler(Random(f"{scenario.seed} think"))
        self._length = _lengths(scenario.session_length, Random(f"{scenario.seed} length"))
        self._idle: list[User] = []
        self._is_open = scenario.arrivals is not None
        arrivals = scenario.arrivals
        random = Random(f"{scenario.seed} arrivals")
        if arrivals is None:
            # As if they had been there before.
            for user in self.users:
                agenda.add(scenario.think.rest_us(random), self._visit, user)
            return
        kind = Exponential if arrivals.is_random else Constant
        self._between: Sampler = kind(arrivals.between_us).sampler(random)
        self._idle = self.users[::-1]
        agenda.add(self._between(), self._arrive)

    def go_on(self, user: User) -> None:
        """A request of this user has ended."""
        user.left -= 1
        if user.left:
            self._agenda.add(self._think(), self._begin, user)
        elif self._is_open:
            self._idle.append(user)
        else:
            self._agenda.add(self._think(), self._visit, user)

    def _arrive(self, _subject: object, _number: int) -> None:
        if self._idle:
            self._visit(self._idle.pop(), 0)
        else:
            self._tally.turned_away += 1
        self._agenda.add(self._between(), self._arrive)

    def _visit(self, user: User, number: int) -> None:
        """Without a session id, for some requests."""
        self._tally.visits += 1
        user.session_at = None
        user.left = self._length()
        self._begin(user, number)


def _lengths(mean: float, random: Random) -> Sampler:
    """A source of numbers of requests: after each one the session ends with the same probability."""
    if mean == 1:
        return lambda: 1
    stay = math.log(1 - 1 / mean)
    return lambda: 1 + int(math.log(1.0 - random.random()) / stay)
