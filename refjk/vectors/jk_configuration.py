"""Plays golden readings of mod_jk 1.2.7 and 1.2.50 against `refjk.configuration`.

Kind `conf`, what is compared: whether a text is refused, which names are complained of and how gravely, the
entries of the map, the effective values of every worker, the rules of `mount` properties. The words of
messages are not. Kind `uriworkermap`: the rules that a mount file comes to; what they match is for a mapper.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from math import lcm
from typing import Any

from refjk.configuration import (
    Activation,
    BalancerWorker,
    Complaints,
    Member,
    MountRule,
    Place,
    Profile,
    Severity,
    Worker,
    Workers,
    parse_rule_target,
    read_mount_file,
)
from refjk.configuration.property_text import PropertyReader
from refjk.configuration.workers import build_workers
from refjk.vectors.jk_cases import Kinds, play_cases, same

SOURCES = {"mod_jk 1.2.50": Profile.V1_2_50, "mod_jk 1.2.7": Profile.V1_2_7}
KINDS = frozenset({"conf", "uriworkermap"})
THREADS = 25  # of a server process in the recordings

_FILE = "workers.properties"
_NAMED = re.compile(r"(?:The attribute|Duplicate key) '([^']*)'")
# What the recorded program says about single names: old, unknown, given again.
_NAMED_CLAUSES = ("CFG-PRP-12", "CFG-PRP-09", "CFG-PRN-04", "CFG-PRP-07")
_LETTERS = {Activation.ACTIVE: "ACT", Activation.DISABLED: "DIS", Activation.STOPPED: "STP"}
_RENAMED = {
    "pool_size": "connection_pool_size",
    "pool_minsize": "connection_pool_minsize",
    "pool_timeout": "connection_pool_timeout",
    "acquire_timeout": "connection_acquire_timeout",
    "ping_interval": "connection_ping_interval",
    "cachesize": "connection_pool_size",
    "cache_timeout": "connection_pool_timeout",
}


def play(document: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Plays one document; returns how many of its cases passed and one line per case that differs.

    Raises `InputError` when the document is of another kind or source or does not keep to its schema.
    """
    source = next((name for name in SOURCES if name in str(document.get("source"))), "mod_jk")
    profile = SOURCES.get(source, Profile.V1_2_50)
    kinds: Kinds = {
        "conf": ("cases", "id", partial(_play_conf, profile)),
        "uriworkermap": ("sets", "id", _play_mount_file),
    }
    return play_cases(document, source, kinds)


def _play_conf(profile: Profile, case: Mapping[str, Any]) -> None:
    complaints = Complaints()
    reader = PropertyReader(profile, case.get("environment", {}), complaints)
    from_file = case["given_as"] == _FILE
    if from_file:
        reader.read_file("\n".join(case["lines"]), _FILE)
    else:
        for number, line in enumerate(case["lines"], start=1):
            reader.read_line(line, Place("httpd.conf", number))
    errors = [one.place.line for one in complaints.found() if one.severity is Severity.ERROR]
    # The recorded program leaves a file at its first error; refjk goes on to find all of them.
    last = errors[0] if errors and from_file else len(case["lines"])
    if profile is not Profile.V1_2_7:
        _compare_messages(case, complaints, last)
    workers = build_workers(reader.properties, complaints, Place(_FILE), THREADS)
    unresolved = any(one.clause == "CFG-PRP-13" for one in workers.complaints)
    same("references resolved", case.get("references", True), not unresolved)
    same("accepted", case["accepted"], not errors and not unresolved)
    entries = [[one.name, one.value] for one in workers.properties if one.place.line <= last]
    same("map", case["map"], entries)
    if case["accepted"]:
        _compare_start(case, workers)


def _play_mount_file(case: Mapping[str, Any]) -> None:
    """The rules of the file and of `jkmount`, without the order in which they are asked."""
    rules = read_mount_file("\n".join(case["file_lines"]), "uriworkermap.properties", Complaints())
    actual = [(rule.pattern, rule.worker, _rule_type(rule)) for rule in rules]
    for mount in case.get("jkmount", ()):
        # JkMount knows no marks and no bar, and takes the worker as the file does.
        worker, _ = parse_rule_target(mount["worker"], Place("httpd.conf"), Complaints())
        actual.append((mount["uri"], worker, _type_of_pattern(mount["uri"])))
    recorded = [(rule["uri"], rule["worker"], rule["type"]) for rule in case["order"]]
    same("rules", sorted(recorded), sorted(actual))


def _rule_type(rule: MountRule) -> str:
    marks = ("Disabled " if rule.disabled else "") + ("Unmount " if rule.exclude else "")
    return marks + _type_of_pattern(rule.pattern)


def _type_of_pattern(pattern: str) -> str:
    return "Wildchar" if "*" in pattern or "?" in pattern else "Exact"


def _compare_messages(case: Mapping[str, Any], complaints: Complaints, last: int) -> None:
    recorded = [[level, found[1]] for level, text in case["messages"] if (found := _NAMED.match(text))]
    words = {Severity.ERROR: "error", Severity.WARNING: "warn"}
    actual = [
        [words[one.severity], one.name]
        for one in complaints.found()
        if one.clause in _NAMED_CLAUSES and one.place.line <= last
    ]
    same("names complained of", recorded, actual)


def _compare_start(case: Mapping[str, Any], workers: Workers) -> None:
    refused = any(one.severity is Severity.ERROR for one in workers.complaints)
    same("started", case["started"], not refused)
    if refused:
        return
    same("names of the workers", sorted(case["workers"]), sorted(workers.workers))
    for name, recorded in case["workers"].items():
        worker = workers.workers[name]
        for key, value in recorded.items():
            same(f"{key} of {name}", value, _value(worker, key, workers))
    mounts = [[("!" if rule.exclude else "") + rule.pattern, rule.worker] for rule in workers.mounts]
    same("mounts", sorted(case.get("mounts", [])), sorted(mounts))


def _value(worker: Worker, key: str, workers: Workers) -> object:
    if isinstance(worker, BalancerWorker):
        if key == "members":
            return [member.name for member in worker.members]
        if key == "member_settings":
            factors = lcm(*(member.lbfactor for member in worker.members))
            return {member.name: _member(member, factors, workers.profile) for member in worker.members}
        if key == "maintain":
            return workers.maintain
    return _plain(getattr(worker, _RENAMED.get(key, key)))


def _member(member: Member, factors: int, profile: Profile) -> dict[str, object]:
    if profile is Profile.V1_2_7:
        names: Sequence[str] = ("lbfactor", "domain", "local_worker")
        return {name: _plain(getattr(member, name)) for name in names}
    names = ("route", "domain", "redirect", "distance", "lbfactor")
    return {
        **{name: _plain(getattr(member, name)) for name in names},
        "redirect": member.redirect or "",
        "activation": _LETTERS[member.activation],
        "lb_mult": factors // member.lbfactor,
    }


def _plain(value: object) -> object:
    """As the recordings write it: flags as numbers, words of choices as they are."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, tuple):
        return list(value)
    return getattr(value, "value", value)
