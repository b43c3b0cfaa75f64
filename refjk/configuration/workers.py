"""From the property map to workers: defaults, values that follow from others, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.effective import Effective
from refjk.configuration.mount_rules import MountRule, MountSource
from refjk.configuration.origins import DEFAULT_PROFILE, Place, Profile, parse_profile
from refjk.configuration.property_text import PropertyMap, PropertyReader
from refjk.configuration.references import resolve_references
from refjk.configuration.worker_builder import MEMBERS_MAX, WorkerBuilder
from refjk.configuration.worker_model import Worker, Workers

DEFAULT_THREADS = 25


def read_workers(
    text: str,
    file: str,
    *,
    profile: Profile = DEFAULT_PROFILE,
    environment: Mapping[str, str] | None = None,
    threads: int = DEFAULT_THREADS,
) -> Workers:
    """Reads a workers.properties; `threads` is what a server process has, the default size of a pool.

    Never raises for what the text says: the result carries complaints.
    """
    complaints = Complaints()
    reader = PropertyReader(profile, environment or {}, complaints)
    reader.read_file(text, file)
    return build_workers(reader.properties, complaints, Place(file), threads)


def stated_profile(text: str) -> Profile | None:
    """The profile that a workers file states with `refjk.profile=…`, a name that mod_jk takes for a variable.

    Raises `InputError` when it is none. CFG-PRO-03
    """
    stated = re.search(r"^[ \t]*refjk\.profile[ \t]*=([^#\r\n]*)", text, re.MULTILINE)
    return None if stated is None else parse_profile(stated[1].strip())


def build_workers(
    properties: PropertyMap, complaints: Complaints, place: Place, threads: int = DEFAULT_THREADS
) -> Workers:
    """Resolves references and builds what `worker.list` names; `place` is for faults of the whole."""
    profile = properties.profile
    if profile is not Profile.V1_2_7:
        resolve_references(properties, complaints)
    whole = Effective("", properties, complaints)
    listed = tuple(dict.fromkeys(whole.names("list")))
    if not listed:
        # CFG-WRK-01
        complaints.error(place, "worker.list", "the list names no worker", "CFG-WRK-01")
    builder = WorkerBuilder(properties, complaints, threads)
    if len(listed) > MEMBERS_MAX:
        complaints.error(place, "worker.list", f"more than {MEMBERS_MAX} workers", "CFG-PRP-10")
    for name in listed[:MEMBERS_MAX]:
        entry = whole.given("list")
        builder.build(name, place if entry is None else entry.place)
    builder.complain_of_unused()
    return Workers(
        profile,
        tuple(properties.entries()),
        listed,
        builder.workers,
        _mounts(builder.workers, listed, properties, complaints),
        whole.number("maintain"),
        complaints.found(),
        whole.known_origins(),
    )


def _mounts(
    workers: Mapping[str, Worker], listed: tuple[str, ...], properties: PropertyMap, complaints: Complaints
) -> tuple[MountRule, ...]:
    """The rules of `mount` properties; members that are not listed have none."""
    rules = []
    for name in listed:
        if name not in workers or properties.profile is Profile.V1_2_7:
            continue
        values = Effective(name, properties, complaints)
        entry = values.given("mount")
        for text in values.names("mount") if entry is not None else ():
            assert entry is not None
            exclude = text.startswith("!")
            pattern = text[1:] if exclude else text
            # CFG-WRK-09
            if not pattern.startswith("/"):
                what = f"the pattern {shown(pattern)} does not begin with /"
                complaints.error(entry.place, entry.name, what, "CFG-WRK-09")
                continue
            rules.append(MountRule(pattern, name, MountSource.PROPERTY, entry.place, exclude))
    return tuple(rules)
