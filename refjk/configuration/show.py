"""A configuration as rows: every property and directive with its effective value and origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from refjk.configuration.directive_table import DIRECTIVES
from refjk.configuration.httpd_model import Configuration, Server
from refjk.configuration.log_format import LogItem
from refjk.configuration.mount_rules import MountRule, RuleExtensions
from refjk.configuration.origins import Origin, Profile, Setting, Source
from refjk.configuration.property_table import BY_NAME
from refjk.configuration.worker_model import AjpWorker, BalancerWorker, PingMode, Workers

HIDDEN = frozenset({"secret", "secretkey"})
Shown = str | int | bool | None | list[str] | list[int]


@dataclass(frozen=True, slots=True)
class Row:
    """One value. `scope`: empty for what is not of one server; `unit` as in the tables."""

    scope: str
    name: str
    value: Shown
    unit: str
    origin: Origin


def worker_rows(workers: Workers) -> Iterator[Row]:
    """The properties of all workers, in the order of the table. Secrets are hidden. CFG-CMP-03"""
    yield _property_row("worker.", "list", list(workers.listed), workers.profile, workers.origins)
    if "maintain" in workers.origins:
        yield _property_row("worker.", "maintain", workers.maintain, workers.profile, workers.origins)
    members = {
        member.name: member
        for worker in workers.workers.values()
        if isinstance(worker, BalancerWorker)
        for member in worker.members
    }
    for name, worker in workers.workers.items():
        yield from _owner_rows(name, worker, worker.origins, workers.profile)
        if name in members and isinstance(worker, AjpWorker):
            yield from _owner_rows(name, members[name], members[name].origins, workers.profile)
    yield from rule_rows("", workers.mounts)


def _owner_rows(name: str, owner: object, origins: Mapping[str, Origin], profile: Profile) -> Iterator[Row]:
    for known in origins:
        value = getattr(owner, known, None)
        if known == "balance_workers" and isinstance(owner, BalancerWorker):
            value = tuple(member.name for member in owner.members)
        yield _property_row(f"worker.{name}.", known, _shown(value, known), profile, origins)


def _property_row(
    prefix: str, name: str, value: Shown, profile: Profile, origins: Mapping[str, Origin]
) -> Row:
    info = BY_NAME[name]
    return Row("", prefix + next(info.names(profile)), value, info.unit, origins[name])


def configuration_rows(configuration: Configuration) -> Iterator[Row]:
    """All of a httpd.conf: the process, each server, the workers."""
    profile = configuration.profile
    yield Row("", "profile", profile.value.value, "", profile.origin)
    yield Row("", "threads", configuration.threads.value, "", configuration.threads.origin)
    for listen in configuration.listen:
        address = f"{listen.host or '*'}:{listen.port}"
        yield Row("", "Listen", address, "", Origin(Source.GIVEN, listen.place))
    process: dict[str, Setting[Any]] = {
        "JkWorkersFile": configuration.workers_file,
        "JkShmFile": configuration.shm_file,
        "JkShmSize": configuration.shm_size,
        "JkWatchdogInterval": configuration.watchdog_interval,
    }
    for info in DIRECTIVES:
        if info.name in process and profile.value.knows(info.since, info.gone):
            yield _setting_row("", info.name, process[info.name], info.unit)
    for server in configuration.servers:
        yield from _server_rows(server, profile.value)
    yield from worker_rows(configuration.workers)


def _server_rows(server: Server, profile: Profile) -> Iterator[Row]:
    scope = "main server"
    if server.place is not None:
        hosts = " ".join(f"{one.host}:{one.port or '*'}" for one in server.addresses)
        scope = f"<VirtualHost {hosts}>"
    name = server.name.value
    yield Row(scope, "ServerName", None if name is None else name.host, "", server.name.origin)
    yield _setting_row(scope, "DocumentRoot", server.document_root)
    for log in server.access_logs:
        yield Row(scope, "CustomLog", f"{log.file} {_format_text(log.format)}", "", log.origin)
    settings = {directive: getattr(server, attribute) for directive, attribute in _SETTINGS.items()}
    for info in DIRECTIVES:
        if info.name in settings and profile.knows(info.since, info.gone):
            yield _setting_row(scope, info.name, settings[info.name], info.unit)
    yield _setting_row(scope, "JkOptions", server.forward_uri)
    for option, setting in server.options.items():
        yield _setting_row(scope, f"JkOptions {option.value}", setting)
    for variable in server.env_vars:
        yield Row(scope, f"JkEnvVar {variable.name}", variable.value, "", variable.origin)
    for indicator, variable_name in server.indicators.items():
        yield _setting_row(scope, indicator, variable_name)
    yield from rule_rows(scope, (*server.mounts, *server.mount_file_rules))


_SETTINGS = {
    "JkMountCopy": "mount_copy",
    "JkMountFile": "mount_file",
    "JkMountFileReload": "mount_file_reload",
    "JkAutoAlias": "auto_alias",
    "JkStripSession": "strip_session",
    "JkLogFile": "log_file",
    "JkLogLevel": "log_level",
    "JkLogStampFormat": "log_stamp_format",
    "JkRequestLogFormat": "request_log_format",
    "JkExtractSSL": "extract_ssl",
}


def _setting_row(scope: str, name: str, setting: Setting[Any], unit: str = "") -> Row:
    return Row(scope, name, _shown(setting.value, name), unit, setting.origin)


def rule_rows(scope: str, rules: Iterable[MountRule]) -> Iterator[Row]:
    """Mount rules; the name is the source and the pattern with its marks."""
    for rule in rules:
        marks = ("-" if rule.disabled else "") + ("!" if rule.exclude else "")
        target = ";".join([rule.worker, *_extension_words(rule.extensions)])
        name = f"{rule.source.value} {marks}{rule.pattern}"
        yield Row(scope, name, target, "", Origin(Source.GIVEN, rule.place))


def _extension_words(extensions: RuleExtensions) -> Iterator[str]:
    for name in RuleExtensions.__dataclass_fields__:
        value = getattr(extensions, name)
        if value != getattr(RuleExtensions(), name):
            text = ",".join(map(str, value)) if isinstance(value, tuple) else value
            yield f"{name}={int(text) if isinstance(text, bool) else text}"


def _shown(value: object, name: str) -> Shown:
    if name in HIDDEN and value is not None:
        return "(hidden)"
    if isinstance(value, PingMode):
        return "".join(letter for letter, mode in zip("CPI", PingMode, strict=True) if mode in value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        if any(isinstance(item, LogItem) for item in value):
            return _format_text(value)
        return [item if isinstance(item, int) else str(item) for item in value]  # type: ignore[return-value]
    assert value is None or isinstance(value, str | int)
    return value


def _format_text(items: tuple[LogItem, ...]) -> str:
    return "".join(_item_text(item) for item in items)


def _item_text(item: LogItem) -> str:
    if not item.letter:
        return item.argument.replace("%", "%%")
    statuses = ",".join(map(str, item.statuses))
    condition = statuses if item.only_if else f"!{statuses}"
    marks = (">" if item.final else "") + ("<" if item.original else "")
    argument = f"{{{item.argument}}}" if item.argument else ""
    return f"%{condition}{marks}{argument}{item.letter}"
