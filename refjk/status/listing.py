"""What an answer shows, as a list of objects in mod_jk's order; the forms print it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refjk.configuration import StatusWorker
from refjk.status.fields import (
    Fields,
    ajp_fields,
    balancer_fields,
    dump_fields,
    member_fields,
    rule_fields,
    time_fields,
)
from refjk.status.model import AjpStatus, BalancerStatus, StatusReport
from refjk.status.request import Command, Option, StatusRequest


@dataclass(frozen=True, slots=True)
class Result:
    """How a request ended."""

    is_ok: bool = True
    message: str = "Action finished"


@dataclass(frozen=True, slots=True)
class Section:
    """One object. `kind` is its XML name; `owner` is the worker that a member or a rule belongs to.

    `properties` are those of a dump.
    """

    kind: str
    fields: Fields
    owner: str = ""
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of an answer; the last one is the result."""

    sections: tuple[Section, ...]


def listing_of(
    request: StatusRequest, report: StatusReport, worker: StatusWorker, result: Result, is_xml: bool = False
) -> Listing:
    """What is shown; of a request that failed, or changes something, the result alone. STA-FMT-01"""
    sections: list[Section] = []
    if result.is_ok and not request.command.changes:
        sections += _head(request, report)
        sections += _Lister(request, report, worker, is_xml).sections()
    outcome = [("type", "OK" if result.is_ok else "ERROR"), ("message", result.message)]
    return Listing((*sections, Section("result", [*outcome])))


def _head(request: StatusRequest, report: StatusReport) -> Iterator[Section]:
    yield Section("server", [("name", report.server_name), ("port", report.server_port)])
    if request.command is not Command.EDIT:
        yield Section("time", time_fields(report))
        version = report.software.partition(" ")[0]
        yield Section("software", [("web_server", report.software), ("jk_version", version)])


class _Lister:
    def __init__(
        self, request: StatusRequest, report: StatusReport, worker: StatusWorker, is_xml: bool
    ) -> None:
        self._request = request
        self._report = report
        self._worker = worker
        self._is_xml = is_xml

    def sections(self) -> Iterator[Section]:
        request, report = self._request, self._report
        if request.command is Command.DUMP:
            yield Section("configuration", [], properties=tuple(dump_fields(report)))
        elif request.command is Command.SHOW:
            found = report.find(request.worker)
            if found is not None:
                yield from self._worker_sections(found)
        elif request.command is Command.LIST:
            yield from self._group("balancers", report.balancers, Option.NO_BALANCERS)
            yield from self._group("ajp_workers", report.workers, Option.NO_WORKERS)

    def _group(
        self, kind: str, workers: tuple[BalancerStatus, ...] | tuple[AjpStatus, ...], hide: Option
    ) -> Iterator[Section]:
        # STA-REQ-05
        if self._request.options & hide:
            return
        yield Section(kind, [("count", len(workers))])
        for worker in workers:
            yield from self._worker_sections(worker)

    def _worker_sections(self, found: BalancerStatus | AjpStatus) -> Iterator[Section]:
        request, report = self._request, self._report
        if isinstance(found, AjpStatus):
            yield Section("ajp", ajp_fields(report, found, self._is_xml))
        else:
            yield Section("balancer", balancer_fields(report, found, self._worker))
            only = request.member if request.command is Command.SHOW else ""
            for member in found.members:
                if not request.options & Option.NO_MEMBERS and only in ("", member.name):
                    yield Section("member", member_fields(report, found, member, self._is_xml), found.name)
        if not request.options & Option.NO_RULES:
            for number, entry in enumerate(report.rules_of(found.name), 1):
                yield Section("map", [("id", number), *rule_fields(entry)], found.name)
