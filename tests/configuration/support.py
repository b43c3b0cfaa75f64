"""Configurations in memory, and complaints in short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from refjk.configuration import (
    Complaint,
    Complaints,
    Configuration,
    FilesInMemory,
    MountRule,
    Profile,
    Severity,
    Workers,
    read_httpd,
    read_mount_file,
    read_workers,
)

MAIN = "/srv/conf/httpd.conf"
OLD = Profile.V1_2_7
NEW = Profile.V1_2_50
WORKER = "JkWorkerProperty worker.list=w\nJkShmFile x\nJkLogFile x\n"


def httpd(text: str, files: Mapping[str, str] | None = None, **options: Any) -> Configuration:
    """A httpd.conf in /srv/conf; `files` by absolute path."""
    return read_httpd(MAIN, FilesInMemory({**(files or {}), MAIN: text}), **options)


def workers(*lines: str, profile: Profile = NEW, **options: Any) -> Workers:
    """A workers file of these lines."""
    return read_workers("\n".join(lines), "workers.properties", profile=profile, **options)


def mount_rules(*lines: str) -> tuple[tuple[MountRule, ...], tuple[Complaint, ...]]:
    """A mount file of these lines, and what is wrong in it."""
    complaints = Complaints()
    rules = read_mount_file("\n".join(lines), "uriworkermap.properties", complaints)
    return rules, complaints.found()


def short(complaints: Iterable[Complaint]) -> list[str]:
    """`error CFG-DIR-01 3` for each: severity, clause, line."""
    return [f"{one.severity.value} {one.clause} {one.place.line}" for one in complaints]


def errors(complaints: Iterable[Complaint]) -> list[str]:
    """`CFG-DIR-01 3` for each error."""
    return [f"{one.clause} {one.place.line}" for one in complaints if one.severity is Severity.ERROR]


def warnings(complaints: Iterable[Complaint]) -> list[str]:
    """`CFG-DIR-01 3` for each warning."""
    return [f"{one.clause} {one.place.line}" for one in complaints if one.severity is Severity.WARNING]
