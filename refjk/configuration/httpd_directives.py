"""What the directives of httpd that refjk obeys do to the draft."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from refjk.configuration.complaints import shown
from refjk.configuration.draft import Draft, LogLine, ServerDraft, given
from refjk.configuration.httpd_model import EnvVar, HostAddress, Listen, PathRule, ServerName
from refjk.configuration.httpd_tree import PATH_SECTIONS, Directive, Section
from refjk.configuration.jk_directives import Handler, file_of, location_path, number_of
from refjk.configuration.origins import Setting

JAKARTA_HANDLER = "jakarta-servlet"
_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):)?([0-9]{1,5}|\*)")
_SERVER_NAME = re.compile(
    r"(?:([a-z]+)://)?(\[[0-9A-Fa-f:.]*\]|[^/:\[]*)(?::([^/]*))?(?:/.*)?", re.IGNORECASE
)
PORT_MAX = 65535


def _listen(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    # CFG-HTD-01
    found = _ADDRESS.fullmatch(words[0]) if words else None
    if found is None or not 0 < int(found[2].replace("*", "0")) <= PORT_MAX or len(words) > 2:
        draft.error(directive, f"Listen takes [ADDRESS:]PORT, not {shown(directive.arguments)}", "CFG-HTD-01")
        return
    if len(words) == 2 and words[1].lower() != "http":
        draft.warning(directive, f"refjk's front speaks plain HTTP only, not {shown(words[1])}", "CFG-HTD-04")
    host = None if found[1] in (None, "*") else found[1].strip("[]")
    draft.listen.append(Listen(host, int(found[2]), directive.place))


def _server_name(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    # CFG-HTD-02
    found = _SERVER_NAME.fullmatch(words[0])
    port = None if found is None or found[3] is None else found[3]
    if found is None or (port is not None and not _is_port(port)):
        draft.error(directive, f"{shown(words[0])} is no [SCHEME://]HOST[:PORT]", "CFG-HTD-02")
        return
    name = ServerName(found[2], None if port is None else int(port), found[1])
    server.name = Setting(name, given(directive))


def _is_port(text: str) -> bool:
    return re.fullmatch("[0-9]{1,5}", text) is not None and 0 < int(text) <= PORT_MAX


def _server_alias(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    if server is draft.servers[0]:
        draft.error(directive, "ServerAlias can stand within <VirtualHost> only", "CFG-DIR-03")
        return
    server.aliases += words


def _document_root(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    server.document_root = Setting(file_of(draft, directive, words[0]), given(directive))


def _log_format(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    if len(words) == 2:
        server.log_formats[words[1]] = words[0]
    else:
        server.default_format = words[0]


def _custom_log(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    condition = words[2] if len(words) == 3 else ""
    # CFG-HTD-05
    if condition and not condition.lower().startswith(("env=", "expr=")):
        draft.error(directive, f"{shown(condition)} is no env=… or expr=…", "CFG-HTD-05")
        return
    file = words[0] if words[0].startswith("|") else file_of(draft, directive, words[0])
    if condition.lower().startswith("expr="):
        draft.warning(directive, "expr= has no effect: all requests are logged", "CFG-HTD-04")
    server.logs.append(LogLine(file, words[1], condition, given(directive)))


def _transfer_log(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    file = words[0] if words[0].startswith("|") else file_of(draft, directive, words[0])
    server.logs.append(LogLine(file, None, "", given(directive)))


def _set_handler(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    # CFG-HTD-07
    if words[0] != JAKARTA_HANDLER:
        what = f"refjk has no handler {shown(words[0])}"
        draft.warning(directive, what, "CFG-HTD-04", f"SetHandler {JAKARTA_HANDLER} is obeyed")
        return
    server.paths.append(_path_rule(directive, words[0], ()))


def _set_env(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    variable = EnvVar(words[0], words[1] if len(words) == 2 else "", given(directive))
    server.paths.append(_path_rule(directive, None, (variable,)))


def _path_rule(directive: Directive, handler: str | None, variables: tuple[EnvVar, ...]) -> PathRule:
    path = location_path(directive)
    sections = [section for section in directive.sections if section.name in PATH_SECTIONS]
    name = sections[-1].name if sections else ""
    if sections and sections[-1].words[:1] == ("~",):
        name = "locationmatch" if name.lower() == "location" else f"{name}match"
    return PathRule(name, path, handler, variables, directive.place)


def _threads_per_child(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    # CFG-HTD-08
    threads = number_of(draft, directive, words[0])
    if threads < 1:
        draft.error(directive, "a server process needs at least one thread", "CFG-HTD-08")
        return
    draft.threads = Setting(threads, given(directive))


def _heeded_already(draft: Draft, server: ServerDraft, directive: Directive, words: Sequence[str]) -> None:
    """ServerRoot and RefjkProfile count before all others and have been read."""


def host_addresses(section: Section) -> tuple[HostAddress, ...] | None:
    """The addresses of a `<VirtualHost>`; None when one of them is none. CFG-HTD-09"""
    addresses = []
    for word in section.words:
        host, _, port = (
            word.rpartition(":") if re.search(r"(?<=[^:]):[0-9*]+$|\]:", word) else (word, "", "*")
        )
        if port != "*" and not _is_port(port):
            return None
        host = "*" if host.lower() == "_default_" else host.strip("[]")
        addresses.append(HostAddress(host, None if port == "*" else int(port)))
    return tuple(addresses)


# Words a directive takes, at least and at most; None: any number.
WORDS: Mapping[str, tuple[int, int | None]] = {
    "listen": (0, None),
    "servername": (1, 1),
    "serveralias": (1, None),
    "serverroot": (1, 1),
    "documentroot": (1, 1),
    "logformat": (1, 2),
    "customlog": (2, 3),
    "transferlog": (1, 1),
    "sethandler": (1, 1),
    "setenv": (1, 2),
    "threadsperchild": (1, 1),
    "refjkprofile": (1, 1),
}
HANDLERS: Mapping[str, Handler] = {
    "listen": _listen,
    "servername": _server_name,
    "serveralias": _server_alias,
    "serverroot": _heeded_already,
    "documentroot": _document_root,
    "logformat": _log_format,
    "customlog": _custom_log,
    "transferlog": _transfer_log,
    "sethandler": _set_handler,
    "setenv": _set_env,
    "threadsperchild": _threads_per_child,
    "refjkprofile": _heeded_already,
}
ONLY_MAIN = frozenset({"listen", "serverroot", "threadsperchild", "refjkprofile"})
IN_PATHS = frozenset({"sethandler", "setenv"})
