"""Other properties than the configuration has, to see what they would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refjk.base.errors import UsageError
from refjk.configuration import Complaints, Origin, Place, Property, Source, Workers
from refjk.configuration.property_text import PropertyMap, PropertyReader
from refjk.configuration.workers import build_workers
from refjk.simulation.subject import choose_balancer

PLACE = Place("--worker")
# An old name is as good as the present one.
_OLD_NAME = "CFG-PRP-12"


@dataclass(frozen=True, slots=True)
class WorkerChange:
    """Properties of one worker, or of the balancer itself, each `NAME=VALUE`."""

    worker: str
    properties: tuple[str, ...] = ()


def parse_worker_change(text: str) -> WorkerChange:
    """`WORKER`, or `WORKER=NAME=VALUE,NAME=VALUE…`; raises `ValueError`."""
    worker, equals, rest = text.partition("=")
    properties = tuple(rest.split(",")) if equals else ()
    if not worker or any(not all(part.partition("=")) for part in properties):
        raise ValueError(f"{text!r}: write WORKER=NAME=VALUE,…, for instance node2=lbfactor=3,distance=1")
    return WorkerChange(worker, properties)


def change_workers(workers: Workers, changes: Sequence[WorkerChange], name: str | None = None) -> Workers:
    """The workers with these properties in the place of their own.

    A worker of which the configuration knows nothing becomes a member of the balancer.

    Raises `UsageError` when the version does not know a property, `InputError` when there is no balancer.
    """
    balancer = choose_balancer(workers, name)
    changed = PropertyMap(workers.profile)
    for entry in workers.properties:
        # What a reference brought is looked up anew.
        if entry.origin.source is not Source.REFERENCE:
            changed.put(entry)
    for entry in _entries(workers, changes):
        changed.put(entry)
    known = {entry.name.rpartition(".")[0] for entry in workers.properties}
    new = [change.worker for change in changes if f"worker.{change.worker}" not in known]
    if new:
        members = dict.fromkeys([*(member.name for member in balancer.members), *new])
        text = f"worker.{balancer.name}.balance_workers"
        changed.put(Property(text, ",".join(members), Origin(Source.GIVEN, PLACE)))
    return build_workers(changed, Complaints(), PLACE)


def _entries(workers: Workers, changes: Sequence[WorkerChange]) -> list[Property]:
    complaints = Complaints()
    reader = PropertyReader(workers.profile, {}, complaints)
    for change in changes:
        for text in change.properties:
            reader.read_line(f"worker.{change.worker}.{text}", PLACE)
    for complaint in complaints.found():
        if complaint.clause != _OLD_NAME:
            hint = f"; the nearest known name is {complaint.nearest}" if complaint.nearest else ""
            raise UsageError(f"--worker: {complaint.text}{hint}")
    return reader.properties.entries()
