"""From the parameters of a change to values that the caller applies."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from refjk.balancing import WorkerState
from refjk.base.errors import InputError
from refjk.status.attributes import (
    BALANCER_ATTRIBUTES,
    MEMBER_ATTRIBUTES,
    SHARED_ATTRIBUTES,
    WORKER_ATTRIBUTES,
    Attribute,
    Part,
    Setting,
    attribute_named,
    value_now,
)
from refjk.status.model import AjpStatus, BalancerStatus, MemberStatus, StatusReport
from refjk.status.request import Command, StatusRequest


@dataclass(frozen=True, slots=True)
class EditBalancer:
    """Other settings for a balancer: fields of `BalancerSettings`, and `lock`."""

    name: str
    changes: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class EditMember:
    """Other settings for a member: fields of `WorkerSettings`; no `route` means the name."""

    balancer: str
    member: str
    changes: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class EditWorker:
    """Other settings for a worker, member or not: fields of `AjpWorker`."""

    name: str
    changes: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Reset:
    """Counters, values, states and times of errors as at the start: of a member, all members, a worker."""

    worker: str
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Recover:
    """The end of the waiting of a member in error."""

    balancer: str
    member: str


Edit = EditBalancer | EditMember | EditWorker | Reset | Recover


class Refused(InputError):
    """A request that cannot be carried out; nothing was changed."""


def find_worker(request: StatusRequest, report: StatusReport) -> BalancerStatus | AjpStatus:
    """Whom the request names; raises `Refused` with the nearest name."""
    # STA-REQ-06
    if not request.worker:
        raise Refused("No worker is given: add w=NAME.")
    found = report.find(request.worker)
    if found is None:
        names = [b.name for b in report.balancers] + [ajp.name for ajp in report.workers]
        raise Refused(_unknown("worker", request.worker, names))
    return found


def find_member(request: StatusRequest, balancer: BalancerStatus) -> MemberStatus:
    """Which member the request names; raises `Refused` with the nearest name."""
    found = balancer.member(request.member)
    if found is None:
        raise Refused(_unknown("member", request.member, [member.name for member in balancer.members]))
    return found


def check_names(request: StatusRequest, report: StatusReport) -> None:
    """Raises `Refused` when a request names a worker or member that does not exist, or none where it must."""
    found = find_worker(request, report)
    if not request.member:
        if "sw" in request.values:
            raise Refused("The member is empty: add a name after sw=, or leave sw out.")
    elif isinstance(found, AjpStatus):
        raise Refused(f"Worker {_named(found.name)} has no members.")
    elif request.command is Command.UPDATE and set(request.member) & set("*?"):
        matching_members(request, found)
    else:
        find_member(request, found)
    is_edit_form = request.command is Command.EDIT and request.attribute
    if is_edit_form and attribute_named(request.attribute, SHARED_ATTRIBUTES) is None:
        raise Refused(f"There is no attribute {_named(request.attribute)} of all members.")


def edits_of(request: StatusRequest, report: StatusReport) -> tuple[Edit, ...]:
    """What a change comes to; only what differs from the values in force. Raises `Refused`."""
    found = find_worker(request, report)
    if request.command is Command.RESET:
        # STA-EDT-08
        return (Reset(found.name, request.member or None),)
    if request.command is Command.RECOVER:
        return (_recover(request, found),)
    if isinstance(found, AjpStatus):
        return tuple(_worker_edits(found, _given(request, WORKER_ATTRIBUTES)))
    if not request.member and request.attribute:
        edits = tuple(_shared_edits(request, found))
    elif not request.member:
        edits = tuple(_balancer_edits(request, found))
    else:
        given = _given(request, (*MEMBER_ATTRIBUTES, *WORKER_ATTRIBUTES))
        edits = tuple(
            edit
            for member in matching_members(request, found)
            for edit in _member_edits(found, member, given)
        )
    _check_routes(found, edits)
    return edits


def matching_members(request: StatusRequest, balancer: BalancerStatus) -> list[MemberStatus]:
    """The members that `sw` names, or those that it fits when it has a `*` or `?`."""
    # STA-EDT-07
    if not set(request.member) & set("*?"):
        return [find_member(request, balancer)]
    pattern = request.member.replace("[", "[[]")
    found = [member for member in balancer.members if fnmatch.fnmatchcase(member.name, pattern)]
    if not found:
        raise Refused(f"No member fits {_named(request.member)}.")
    return found


def _recover(request: StatusRequest, found: BalancerStatus | AjpStatus) -> Recover:
    # STA-EDT-09
    if isinstance(found, AjpStatus) or not request.member:
        raise Refused("Marking worker for recovery failed: add sw=NAME of a member of a balancer.")
    member = find_member(request, found)
    if member.snapshot.state is not WorkerState.ERROR:
        raise Refused(f"Marking worker for recovery failed: {_named(member.name)} is not in error.")
    return Recover(found.name, member.name)


def _given(request: StatusRequest, among: Iterable[Attribute]) -> dict[Attribute, Setting]:
    """The values that a request has for attributes."""
    return {
        attribute: _parse(attribute, attribute.parameter, request)
        for attribute in among
        if attribute.parameter in request.values
    }


def _parse(attribute: Attribute, parameter: str, request: StatusRequest) -> Setting:
    # STA-EDT-04
    try:
        return attribute.parse(request.values[parameter])
    except ValueError as error:
        raise Refused(f"Update failed: {parameter} ({attribute.label}) has to be {error}.") from None


def _changes(
    given: Mapping[Attribute, Setting], part: Part, subject: BalancerStatus | MemberStatus | AjpStatus
) -> dict[str, Setting]:
    return {
        attribute.field: value
        for attribute, value in given.items()
        if attribute.part is part and value != value_now(attribute, subject)
    }


def _balancer_edits(request: StatusRequest, balancer: BalancerStatus) -> Iterator[Edit]:
    changes = _changes(_given(request, BALANCER_ATTRIBUTES), Part.BALANCER, balancer)
    if changes:
        yield EditBalancer(balancer.name, changes)


def _member_edits(
    balancer: BalancerStatus, member: MemberStatus, given: Mapping[Attribute, Setting]
) -> Iterator[Edit]:
    changes = _changes(given, Part.MEMBER, member)
    if changes:
        yield EditMember(balancer.name, member.name, changes)
    yield from _worker_edits(member, given)


def _worker_edits(worker: MemberStatus | AjpStatus, given: Mapping[Attribute, Setting]) -> Iterator[Edit]:
    changes = _changes(given, Part.WORKER, worker)
    if changes:
        yield EditWorker(worker.name, changes)


def _shared_edits(request: StatusRequest, balancer: BalancerStatus) -> Iterator[Edit]:
    """`att` with `val0`, `val1`, …: one attribute for the members in their order."""
    attribute = attribute_named(request.attribute, SHARED_ATTRIBUTES)
    if attribute is None:
        raise Refused(f"Update failed: there is no attribute {_named(request.attribute)} of all members.")
    for index, member in enumerate(balancer.members):
        if (parameter := f"val{index}") in request.values:
            yield from _member_edits(balancer, member, {attribute: _parse(attribute, parameter, request)})


def _check_routes(balancer: BalancerStatus, edits: Iterable[Edit]) -> None:
    """Raises `Refused` when two members would have one route."""
    # STA-EDT-10
    routes = {member.name: member.snapshot.settings.effective_route for member in balancer.members}
    for edit in edits:
        if isinstance(edit, EditMember) and "route" in edit.changes:
            routes[edit.member] = str(edit.changes["route"] or edit.member)
    taken: dict[str, str] = {}
    for name, route in routes.items():
        if route in taken:
            both = f"{taken[route]} and {name} would both have the route {_named(route)}"
            raise Refused(f"Update failed: {both}.")
        taken[route] = name


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:200], known, n=1, cutoff=0.0)
    hint = f" The nearest name is {near[0]}." if near else ""
    return f"Could not find {what} {_named(name)}.{hint}"


def _named(name: str) -> str:
    return "'" + name[:60] + ("…" if len(name) > 60 else "") + "'"
