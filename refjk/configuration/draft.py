"""A configuration while it is being read: what directives said so far, and whom to tell of faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from refjk.configuration.complaints import Complaints
from refjk.configuration.files import Files
from refjk.configuration.httpd_model import (
    AutoMount,
    EnvVar,
    ForwardUri,
    HostAddress,
    JkOption,
    Listen,
    LogLevel,
    PathRule,
    ServerName,
)
from refjk.configuration.httpd_tree import Directive, TreeReader
from refjk.configuration.log_format import LogItem
from refjk.configuration.mount_rules import MountRule
from refjk.configuration.origins import Origin, Place, Profile, Setting, Source
from refjk.configuration.property_text import PropertyReader


@dataclass(slots=True)
class LogLine:
    """A CustomLog before its format is looked up; `format` None: the one of the last LogFormat."""

    file: str
    format: str | None
    condition: str
    origin: Origin


@dataclass(slots=True)
class ServerDraft:
    """One server's own directives; None and empty: it said nothing."""

    place: Place | None = None
    addresses: tuple[HostAddress, ...] = ()
    name: Setting[ServerName | None] | None = None
    aliases: list[str] = field(default_factory=list)
    document_root: Setting[str | None] | None = None
    log_formats: dict[str, str] = field(default_factory=dict)
    default_format: str | None = None
    logs: list[LogLine] = field(default_factory=list)
    paths: list[PathRule] = field(default_factory=list)
    mounts: dict[tuple[str, bool], MountRule] = field(default_factory=dict)  # by pattern and exclude
    mount_file: Setting[str | None] | None = None
    mount_file_rules: tuple[MountRule, ...] = ()
    mount_file_reload: Setting[int] | None = None
    mount_copy: Setting[bool] | None = None
    auto_alias: Setting[str | None] | None = None
    auto_mounts: list[AutoMount] = field(default_factory=list)
    strip_session: Setting[str | None] | None = None
    log_file: Setting[str | None] | None = None
    log_level: Setting[LogLevel] | None = None
    log_stamp_format: Setting[str] | None = None
    request_log_format: Setting[tuple[LogItem, ...]] | None = None
    forward_uri: Setting[ForwardUri] | None = None
    options: dict[JkOption, Setting[bool]] = field(default_factory=dict)
    env_vars: dict[str, EnvVar] = field(default_factory=dict)
    extract_ssl: Setting[bool] | None = None
    indicators: dict[str, Setting[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """Everything while it is read. `servers` begins with the main server."""

    profile: Profile
    files: Files
    tree: TreeReader
    complaints: Complaints
    properties: PropertyReader
    environment: Mapping[str, str]
    threads: Setting[int]
    servers: list[ServerDraft] = field(default_factory=lambda: [ServerDraft()])
    listen: list[Listen] = field(default_factory=list)
    workers_file: Setting[str | None] = field(default_factory=lambda: Setting(None))
    shm_file: Setting[str | None] | None = None
    shm_size: Setting[int | None] = field(default_factory=lambda: Setting(None))
    watchdog_interval: Setting[int] = field(default_factory=lambda: Setting(0))
    copy_to_all: bool = False

    def error(self, directive: Directive, text: str, clause: str, remedy: str = "") -> None:
        """A directive that is refused."""
        self.complaints.error(directive.place, directive.name, text, clause, remedy=remedy)

    def warning(self, directive: Directive, text: str, clause: str, remedy: str = "") -> None:
        """A directive that passes."""
        self.complaints.warning(directive.place, directive.name, text, clause, remedy=remedy)


def given(directive: Directive) -> Origin:
    """The origin of what a directive says."""
    return Origin(Source.GIVEN, directive.place)
