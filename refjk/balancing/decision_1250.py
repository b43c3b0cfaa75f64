"""What the algorithm 1.2.50 answers, with what is needed to explain it."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.balancing.choice import Choice, Course
from refjk.balancing.model import Candidate, Decision, PassedOver, Wait, Why, WorkerState
from refjk.balancing.settings import Activation, WorkerSettings
from refjk.balancing.states import STATES, USABLE_END


@dataclass(slots=True, eq=False)
class Decision1250(Decision):
    """With what was there right after the choice; `added` is what starting the attempt adds to the value."""

    course: Course
    choice: Choice
    added: int
    workers: tuple[WorkerSettings, ...]
    state_numbers: list[int]
    values: list[int]
    activations: list[Activation]
    domains: list[str]

    @property
    def states(self) -> tuple[WorkerState, ...]:
        """All workers as this request saw them; one that it is probing is shown so."""
        return tuple(STATES[number] for number in self.state_numbers)

    @property
    def why(self) -> Why:
        indexes = [self.index]
        if self.choice.domain is not None:
            text = self.choice.domain.decode()
            indexes = [index for index, domain in enumerate(self.domains) if domain == text]
        elif self.choice.is_by_value:
            indexes = list(range(len(self.workers)))
        distance_min = self.workers[self.index].distance
        passed_over = []
        if self.choice.named is not None and self.choice.named not in indexes:
            passed_over.append(
                PassedOver(self.workers[self.choice.named].name, self._flaw(self.choice.named))
            )
        candidates = []
        for index in indexes:
            name = self.workers[index].name
            if index == self.index:
                candidates.append(Candidate(name, self.values[index], self.values[index] + self.added))
            elif flaw := self._flaw(index):
                passed_over.append(PassedOver(name, flaw))
            elif self.workers[index].distance > distance_min:
                passed_over.append(PassedOver(name, f"distance {self.workers[index].distance}"))
            else:
                candidates.append(Candidate(name, self.values[index], self.values[index]))
        return Why(self.clause, self.session_id, tuple(candidates), tuple(passed_over))

    def _flaw(self, index: int) -> str:
        """Why a worker could not be had by value, empty when it could."""
        if self.state_numbers[index] >= USABLE_END:
            return STATES[self.state_numbers[index]].value
        activation = self.activations[index]
        return "" if activation is Activation.ACTIVE else activation.name.lower()


@dataclass(slots=True, eq=False)
class Wait1250(Wait):
    """With the request it belongs to."""

    course: Course
