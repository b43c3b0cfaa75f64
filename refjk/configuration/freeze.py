"""From drafts to servers: defaults, and what a virtual host has from the main server."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from refjk.configuration.complaints import shown
from refjk.configuration.directive_table import BY_LOWER_NAME, DIRECTIVES
from refjk.configuration.draft import Draft, LogLine, ServerDraft
from refjk.configuration.httpd_model import (
    AccessLog,
    EnvVar,
    ForwardUri,
    JkOption,
    LogLevel,
    Server,
)
from refjk.configuration.log_format import ACCESS_LETTERS, parse_log_format
from refjk.configuration.mount_rules import MountRule
from refjk.configuration.origins import Origin, Profile, Setting, Source

# The format of TransferLog when no LogFormat without a name came before it.
COMMON_LOG_FORMAT = '%h %l %u %t "%r" %>s %b'
DEFAULT_RELOAD_S = 60
T = TypeVar("T")


def freeze_server(draft: Draft, server: ServerDraft) -> Server:
    """The effective values of a server. CFG-DIR-19"""
    main = draft.servers[0]
    copies = server is not main and _copies_mounts(draft, server)
    return Server(
        name=_pick(server.name, main.name, Setting(None)),
        aliases=tuple(server.aliases),
        addresses=server.addresses,
        place=server.place,
        document_root=_pick(server.document_root, main.document_root, Setting(None)),
        access_logs=_access_logs(draft, server, main),
        paths=tuple(server.paths if server is main else [*main.paths, *server.paths]),
        mounts=_mounts(server, main, copies),
        mount_file=_pick(server.mount_file, main.mount_file if copies else None, Setting(None)),
        mount_file_rules=_mount_file_rules(server, main, copies),
        mount_file_reload=_pick(server.mount_file_reload, main.mount_file_reload, Setting(DEFAULT_RELOAD_S)),
        mount_copy=server.mount_copy or Setting(copies),
        auto_alias=_pick(server.auto_alias, main.auto_alias if copies else None, Setting(None)),
        auto_mounts=tuple(server.auto_mounts),
        strip_session=_pick(server.strip_session, main.strip_session, Setting(None)),
        log_file=_pick(server.log_file, main.log_file, _default_log_file(draft)),
        log_level=_pick(server.log_level, main.log_level, Setting(_default_log_level(draft.profile))),
        log_stamp_format=_pick(
            server.log_stamp_format,
            main.log_stamp_format,
            Setting(BY_LOWER_NAME["jklogstampformat"].default_of(draft.profile)),
        ),
        request_log_format=_pick(server.request_log_format, main.request_log_format, Setting(())),
        forward_uri=_pick(server.forward_uri, main.forward_uri, _default_forward_uri(draft.profile)),
        options={option: _option(option, server, main, draft.profile) for option in JkOption},
        env_vars=_env_vars(server, main),
        extract_ssl=_pick(server.extract_ssl, main.extract_ssl, Setting(True)),
        indicators=_indicators(server, main, draft.profile),
    )


def _pick(own: Setting[T] | None, main: Setting[T] | None, default: Setting[T]) -> Setting[T]:
    if own is not None:
        return own
    return default if main is None else replace(main, origin=Origin(Source.INHERITED, main.origin.place))


def _copies_mounts(draft: Draft, server: ServerDraft) -> bool:
    """CFG-DIR-12"""
    if draft.profile is Profile.V1_2_7:
        return False
    return draft.copy_to_all if server.mount_copy is None else server.mount_copy.value


def _mounts(server: ServerDraft, main: ServerDraft, copies: bool) -> tuple[MountRule, ...]:
    rules = dict(server.mounts)
    for key, rule in main.mounts.items() if copies else ():
        rules.setdefault(key, rule)
    return tuple(rules.values())


def _mount_file_rules(server: ServerDraft, main: ServerDraft, copies: bool) -> tuple[MountRule, ...]:
    if server.mount_file is None and copies:
        return main.mount_file_rules
    return server.mount_file_rules


def _default_log_file(draft: Draft) -> Setting[str | None]:
    default = BY_LOWER_NAME["jklogfile"].default_of(draft.profile)
    return Setting(None if default == "none" else draft.tree.absolute(default))


def _default_log_level(profile: Profile) -> LogLevel:
    return LogLevel(BY_LOWER_NAME["jkloglevel"].default_of(profile))


def _default_forward_uri(profile: Profile) -> Setting[ForwardUri]:
    return Setting(ForwardUri.COMPAT if profile is Profile.V1_2_7 else ForwardUri.PROXY)


def _option(option: JkOption, server: ServerDraft, main: ServerDraft, profile: Profile) -> Setting[bool]:
    default = option is JkOption.FORWARD_KEY_SIZE and profile is not Profile.V1_2_7
    return _pick(server.options.get(option), main.options.get(option), Setting(default))


def _env_vars(server: ServerDraft, main: ServerDraft) -> tuple[EnvVar, ...]:
    variables = dict(server.env_vars)
    if server is not main:
        for name, variable in main.env_vars.items():
            origin = Origin(Source.INHERITED, variable.origin.place)
            variables.setdefault(name, replace(variable, origin=origin))
    return tuple(variables.values())


def _indicators(server: ServerDraft, main: ServerDraft, profile: Profile) -> dict[str, Setting[str]]:
    indicators = {}
    for info in DIRECTIVES:
        if info.variable and profile.knows(info.since, info.gone):
            above = main.indicators.get(info.name)
            if info.name == "JkLocalAddrIndicator" and server is not main:
                above = None  # CFG-DIR-20
            indicators[info.name] = _pick(server.indicators.get(info.name), above, Setting(info.variable))
    return indicators


def _access_logs(draft: Draft, server: ServerDraft, main: ServerDraft) -> tuple[AccessLog, ...]:
    """A host without logs of its own writes to those of the main server."""
    logs = []
    for line in server.logs or main.logs:
        text = _format_text(draft, server, main, line)
        place = line.origin.place
        assert place is not None
        items = parse_log_format(text, ACCESS_LETTERS, place, "CustomLog", draft.complaints)
        origin = line.origin if server.logs else Origin(Source.INHERITED, place)
        logs.append(AccessLog(line.file, items, line.condition, origin))
    return tuple(logs)


def _format_text(draft: Draft, server: ServerDraft, main: ServerDraft, line: LogLine) -> str:
    if line.format is None:
        return server.default_format or main.default_format or COMMON_LOG_FORMAT
    named = server.log_formats.get(line.format, main.log_formats.get(line.format))
    if named is not None:
        return named
    if "%" not in line.format:
        # CFG-HTD-05
        assert line.origin.place is not None
        what = f"no LogFormat is called {shown(line.format)}: these very words are logged"
        draft.complaints.warning(line.origin.place, "CustomLog", what, "CFG-HTD-05")
    return line.format
