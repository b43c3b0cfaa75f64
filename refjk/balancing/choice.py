"""Which worker is chosen in the algorithm 1.2.50: by route, by domain, by value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from refjk.balancing.cookies import route_of
from refjk.balancing.members import Members
from refjk.balancing.settings import Activation
from refjk.balancing.states import USABLE_END

ACTIVE = Activation.ACTIVE
STOPPED = Activation.STOPPED


@dataclass(slots=True, eq=False)
class Course:
    """One request on its way through a balancer.

    `local` is its own copy of the states; `route` the route to send, once it is settled; `tries` counts those
    of this round; `rounds` the rounds that are over; `latest` is what the balancer said last.
    """

    ids: list[bytes]
    local: list[int]
    activations: list[Activation]
    is_stateless: bool
    is_forced_sticky: bool
    is_secure: bool
    route: str | None
    has_session: bool = False
    sets_cookie: bool = False
    tries: int = 0
    rounds: int = 0
    attempts: int = 0
    has_forced: bool = False
    latest: object = None

    def may_be_named(self, index: int) -> bool:
        """Whether a worker may be chosen by its route."""
        # BAL-ACT-05
        return self.local[index] < USABLE_END and self.activations[index] is not STOPPED


@dataclass(slots=True)
class Choice:
    """The chosen worker and how it came to be; `named` is a worker that had to be passed over.

    Compared were the members of `domain`, if it is set, or all of them, if `is_by_value`, and else nobody.
    """

    index: int
    clause: str
    is_sticky: bool = False
    session_id: bytes | None = None
    is_by_value: bool = False
    domain: bytes | None = None
    named: int | None = None


def choose(members: Members, course: Course) -> Choice | None:
    """The worker for the next attempt of a request."""
    if len(course.local) == 1:
        if not course.may_be_named(0):
            return None
        if course.activations[0] is ACTIVE:
            return Choice(0, "BAL-VAL-07", is_sticky=True)
    if course.ids:
        ids = course.ids
        # BAL-RTE-07
        course.ids = ids[:1]
        for session_id in ids:
            route = route_of(session_id)
            choice = None if route is None else _by_route(members, course, route)
            if choice is not None:
                choice.session_id = session_id
                return choice
        # BAL-RTE-06
        if course.is_forced_sticky:
            return None
    return _by_value(members, course) or _last_resort(members, course)


def _by_route(members: Members, course: Course, route: bytes) -> Choice | None:
    named = members.by_route.get(route)
    if named is None:
        return _by_domain(members, course, route, "BAL-RTE-02")
    if course.may_be_named(named):
        return Choice(named, "BAL-RTE-01", is_sticky=True)
    # BAL-RTE-05
    if course.is_forced_sticky:
        return None
    redirect, domain = members.workers[named].redirect, members.domains[named]
    if redirect or domain:
        # BAL-RTE-12
        course.route = None
    if redirect:
        index = members.by_route.get(redirect.encode())
        if index is None or not course.may_be_named(index):
            return None
        return Choice(index, "BAL-RTE-03", named=named)
    return _by_domain(members, course, domain.encode(), "BAL-RTE-04", named) if domain else None


def _by_domain(
    members: Members, course: Course, text: bytes, clause: str, named: int | None = None
) -> Choice | None:
    """The nearest, then least loaded active member of a domain: what stands before the first dot."""
    domain = text.partition(b".")[0]
    indexes = members.by_domain.get(domain)
    if indexes is None:
        return None
    index = _nearest(members, course, indexes)
    if index is None:
        return None
    # BAL-RTE-11
    course.route = members.domains[index]
    return Choice(index, clause, domain=domain, named=named)


def _by_value(members: Members, course: Course) -> Choice | None:
    # BAL-VAL-02
    count = len(course.local)
    order = members.numbers[members.next : members.next + count]
    index = _nearest(members, course, order, ignores_value=course.is_stateless)
    if index is None:
        return None
    members.next = (index + 1) % count
    clause = "BAL-VAL-08" if course.is_stateless else "BAL-VAL-01"
    return Choice(index, clause, is_by_value=True)


def _nearest(
    members: Members, course: Course, indexes: Iterable[int], ignores_value: bool = False
) -> int | None:
    """Of those that may be had the first with the least distance, and among these with the least value."""
    local, activations = course.local, course.activations
    distances, values = members.distances, members.records.value
    best = None
    distance_min = value_min = 0
    for index in indexes:
        if local[index] < USABLE_END and activations[index] is ACTIVE:
            distance = distances[index]
            # BAL-VAL-03
            if best is None or distance < distance_min:
                best, distance_min, value_min = index, distance, values[index]
            elif distance == distance_min and values[index] < value_min and not ignores_value:
                best, value_min = index, values[index]
    return best


def _last_resort(members: Members, course: Course) -> Choice | None:
    for worker in members.workers:
        if worker.redirect:
            choice = _by_route(members, course, worker.redirect.encode())
            if choice is not None:
                choice.clause, choice.is_sticky = "BAL-VAL-06", False
            return choice
    return None
