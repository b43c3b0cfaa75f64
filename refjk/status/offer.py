"""The form of `cmd=edit` as values: what can be changed, the values in force, and the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from refjk.status.access import Access
from refjk.status.attributes import (
    BALANCER_ATTRIBUTES,
    MEMBER_ATTRIBUTES,
    SHARED_ATTRIBUTES,
    WORKER_ATTRIBUTES,
    Attribute,
    attribute_named,
    shown,
    value_now,
)
from refjk.status.model import AjpStatus, StatusReport
from refjk.status.request import StatusRequest


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a form: the name under which the value is sent, and what it is called."""

    parameter: str
    label: str
    value: str
    attribute: Attribute


def entries_of(request: StatusRequest, report: StatusReport) -> list[Entry]:
    """The lines of the form for the worker, member or attribute that a request names and that exist."""
    found = report.find(request.worker)
    assert found is not None
    if isinstance(found, AjpStatus):
        return [_entry(attribute, value_now(attribute, found)) for attribute in WORKER_ATTRIBUTES]
    if request.member:
        member = found.member(request.member)
        assert member is not None
        among = (*MEMBER_ATTRIBUTES, *WORKER_ATTRIBUTES)
        return [_entry(attribute, value_now(attribute, member)) for attribute in among]
    shared = attribute_named(request.attribute, SHARED_ATTRIBUTES)
    if shared is not None:
        return [
            Entry(f"val{index}", f"{shared.label} of {member.name}", shown(value_now(shared, member)), shared)
            for index, member in enumerate(found.members)
        ]
    return [_entry(attribute, value_now(attribute, found)) for attribute in BALANCER_ATTRIBUTES]


def offered(request: StatusRequest, report: StatusReport, access: Access) -> dict[str, Any]:
    """The form for programs."""
    entries = entries_of(request, report)
    return {
        "token": access.token(request.worker),
        "attributes": [
            {"parameter": entry.parameter, "label": entry.label, "value": entry.value} for entry in entries
        ],
    }


def _entry(attribute: Attribute, value: Any) -> Entry:
    return Entry(attribute.parameter, attribute.label, shown(value), attribute)
