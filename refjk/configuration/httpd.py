"""Reads a httpd.conf: which directives count where, and what all of them together come to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from refjk.base.errors import InputError
from refjk.configuration import httpd_directives, jk_directives
from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.directive_table import (
    BY_LOWER_NAME,
    HONOURED,
    SILENT,
    UNHEEDED,
    DirectiveInfo,
    Scope,
)
from refjk.configuration.draft import Draft, ServerDraft
from refjk.configuration.files import Files
from refjk.configuration.freeze import freeze_server
from refjk.configuration.httpd_lines import split_words
from refjk.configuration.httpd_model import Configuration
from refjk.configuration.httpd_tree import PATH_SECTIONS, VIRTUAL_HOST, Directive, Section, TreeReader
from refjk.configuration.origins import (
    DEFAULT_PROFILE,
    Origin,
    Place,
    Profile,
    Setting,
    Source,
    parse_profile,
)
from refjk.configuration.print_faults import complain_of_curly_quotes
from refjk.configuration.property_text import PropertyReader
from refjk.configuration.worker_model import Workers
from refjk.configuration.workers import DEFAULT_THREADS, build_workers

PROFILE_DIRECTIVE = "refjkprofile"
_GLUED = re.compile(r"([A-Za-z]+)[.\u00a0\u2007\u202f]+(.+)", re.DOTALL)


def read_httpd(
    path: str,
    files: Files,
    *,
    profile: Profile | None = None,
    environment: Mapping[str, str] | None = None,
    defines: Iterable[str] = (),
    server_root: str | None = None,
    threads: int = DEFAULT_THREADS,
) -> Configuration:
    """Reads a httpd.conf with all that it includes or names.

    `profile` given goes before RefjkProfile; `defines` are the names of `-D`; `server_root` counts until a
    ServerRoot, and is the folder of the file, or the one above when that is called `conf`. Never raises for
    what the files say: the result carries complaints.
    """
    complaints = Complaints()
    variables = dict(environment or {})
    tree = TreeReader(files, complaints, variables, defines)
    tree.read(path, server_root or _default_root(path))
    # CFG-PRO-02
    stated = _stated_profile(tree.directives, complaints)
    chosen = stated if profile is None else Setting(profile, Origin(Source.GIVEN))
    properties = PropertyReader(chosen.value, variables, complaints)
    draft = Draft(chosen.value, files, tree, complaints, properties, variables, Setting(threads))
    _Applier(draft).apply(tree.directives)
    workers = _read_workers(draft, Place(path))
    servers = tuple(freeze_server(draft, server) for server in draft.servers)
    _complain_of_unlisted(draft, workers)
    _complain_of_missing_log(draft, Place(path))
    return Configuration(
        profile=chosen,
        server_root=tree.server_root,
        servers=servers,
        listen=tuple(draft.listen),
        workers=workers,
        workers_file=draft.workers_file,
        threads=draft.threads,
        shm_file=_shm_file(draft, Place(path)),
        shm_size=draft.shm_size,
        watchdog_interval=draft.watchdog_interval,
        files=tuple(tree.files_read),
        complaints=complaints.found(),
    )


def _default_root(path: str) -> str:
    folder = posixpath.dirname(path)
    return posixpath.dirname(folder) if posixpath.basename(folder) == "conf" else folder


def _stated_profile(directives: Sequence[Directive], complaints: Complaints) -> Setting[Profile]:
    chosen = Setting(DEFAULT_PROFILE)
    for directive in directives:
        if directive.name.lower() == PROFILE_DIRECTIVE:
            words = split_words(directive.arguments) or [""]
            try:
                chosen = Setting(parse_profile(words[0]), Origin(Source.GIVEN, directive.place))
            except InputError as error:
                complaints.error(directive.place, directive.name, str(error), "CFG-PRO-02")
    return chosen


def _read_workers(draft: Draft, place: Place) -> Workers:
    """The properties of directives first, then those of the file. CFG-PRP-14"""
    if draft.workers_file.value is not None:
        path = draft.workers_file.value
        try:
            draft.properties.read_file(draft.files.read(path), path)
            draft.tree.files_read.append(path)
        except InputError as error:
            # CFG-DIR-11
            origin = draft.workers_file.origin.place or place
            draft.complaints.error(origin, "JkWorkersFile", str(error), "CFG-DIR-11")
    return build_workers(draft.properties.properties, draft.complaints, place, draft.threads.value)


def _complain_of_unlisted(draft: Draft, workers: Workers) -> None:
    """Mounts of workers that nobody lists are answered with an error later. CFG-DIR-17"""
    for server in draft.servers:
        rules = [*server.mounts.values(), *server.mount_file_rules]
        for rule in rules:
            if rule.worker not in workers.listed and not (rule.exclude and rule.worker == "*"):
                near = draft.complaints.nearest(rule.worker, workers.listed)
                what = f"the worker {shown(rule.worker)} is not in worker.list: requests get an error"
                draft.complaints.warning(rule.place, rule.pattern, what, "CFG-DIR-17", near)


def _shm_file(draft: Draft, place: Place) -> Setting[str | None]:
    if draft.profile is Profile.V1_2_7:
        return Setting(None)
    if draft.shm_file is not None:
        return draft.shm_file
    return Setting(_file_by_default("JkShmFile", draft, place))


def _complain_of_missing_log(draft: Draft, place: Place) -> None:
    if draft.profile is not Profile.V1_2_7 and draft.servers[0].log_file is None:
        _file_by_default("JkLogFile", draft, place)


def _file_by_default(name: str, draft: Draft, place: Place) -> str:
    """The default of a file directive; a warning where there is something to run. CFG-DIR-16"""
    default = draft.tree.absolute(BY_LOWER_NAME[name.lower()].default)
    if len(draft.properties.properties):
        draft.complaints.warning(place, name, f"not given: {default} is used", "CFG-DIR-16")
    return default


class _Applier:
    """Applies directives in order, each to the server it stands in."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._hosts = {section: self._new_host(section) for section in draft.tree.hosts}
        self._incomplete: Directive | None = None

    def apply(self, directives: Sequence[Directive]) -> None:
        """All of them."""
        for directive in directives:
            before, self._incomplete = self._incomplete, None
            name = directive.name.lower()
            server = self._server(directive)
            if name in BY_LOWER_NAME:
                self._apply_jk(BY_LOWER_NAME[name], server, directive)
            elif name in httpd_directives.HANDLERS:
                self._apply_honoured(name, server, directive)
            elif name in UNHEEDED:
                # CFG-HTD-04
                self._draft.warning(directive, f"passed over: {UNHEEDED[name]}", "CFG-HTD-04")
            elif name not in SILENT:
                self._complain_of_unknown(directive, before)

    def _server(self, directive: Directive) -> ServerDraft:
        for section in directive.sections:
            if section.name == VIRTUAL_HOST:
                return self._hosts[section]
        return self._draft.servers[0]

    def _new_host(self, section: Section) -> ServerDraft:
        addresses = httpd_directives.host_addresses(section)
        if addresses is None:
            what = f"{shown(' '.join(section.words))} is no ADDRESS[:PORT]"
            self._draft.complaints.error(section.place, f"<{section.name}", what, "CFG-HTD-09")
        host = ServerDraft(section.place, addresses or ())
        self._draft.servers.append(host)
        return host

    def _apply_jk(self, info: DirectiveInfo, server: ServerDraft, directive: Directive) -> None:
        draft = self._draft
        if not draft.profile.knows(info.since, info.gone):
            # CFG-DIR-02
            when = f"went with {info.gone}" if draft.profile.knows(info.since) else f"came with {info.since}"
            draft.error(
                directive, f"{info.name} is no directive of {draft.profile.value}: it {when}", "CFG-DIR-02"
            )
            return
        in_path = any(section.name in PATH_SECTIONS for section in directive.sections)
        scope = info.scope_of(draft.profile)
        # CFG-DIR-03
        if in_path and scope is not Scope.PATH:
            what = f"{info.name} cannot stand within <{directive.sections[-1].name}>"
            draft.error(directive, what, "CFG-DIR-03", f"it may stand in: {scope.value}")
            return
        if server is not draft.servers[0] and scope is Scope.MAIN:
            what = f"{info.name} cannot stand within <VirtualHost>"
            draft.error(directive, what, "CFG-DIR-03", f"it may stand in: {scope.value}")
            return
        if server is not draft.servers[0] and info.scope is Scope.MAIN:
            # CFG-DIR-18
            draft.warning(directive, f"{info.name} of the main server counts, not this one", "CFG-DIR-18")
            return
        words = split_words(directive.arguments) if info.words_max is not None else ()
        if self._takes(info, directive, words):
            self._complain_of_quotes(info, directive)
            jk_directives.HANDLERS[info.name.lower()](draft, server, directive, words)

    def _takes(self, info: DirectiveInfo, directive: Directive, words: Sequence[str]) -> bool:
        """Whether the number of words is right. CFG-DIR-04"""
        least = info.words_min
        if self._draft.profile is Profile.V1_2_7 and info.words_min_7 is not None:
            least = info.words_min_7
        if info.words_max is None:
            if not directive.arguments.partition("=")[2].strip():
                self._incomplete = directive
            return True
        # A mount of one word has its pattern from a Location, or lacks its worker.
        if len(words) < least or (info.scope is Scope.PATH and len(words) == 1):
            self._incomplete = directive
        if least <= len(words) and (info.many or len(words) <= info.words_max):
            return True
        remedy = f"write {info.name} {info.syntax}"
        if any(word.startswith("#") for word in words):
            remedy = "a comment needs a line of its own"
        what = f"{info.name} {shown(directive.arguments)}: wrong number of words"
        self._draft.error(directive, what, "CFG-DIR-04", remedy)
        return False

    def _complain_of_quotes(self, info: DirectiveInfo, directive: Directive) -> None:
        # Properties and files have their own look at this.
        if info.words_max is not None and "FILE" not in info.syntax and "FOLDER" not in info.syntax:
            complain_of_curly_quotes(
                directive.arguments, directive.line, directive.place, directive.name, self._draft.complaints
            )

    def _apply_honoured(self, name: str, server: ServerDraft, directive: Directive) -> None:
        draft = self._draft
        in_path = any(section.name in PATH_SECTIONS for section in directive.sections)
        main_only = name in httpd_directives.ONLY_MAIN and server is not draft.servers[0]
        if main_only or (in_path and name not in httpd_directives.IN_PATHS):
            what = f"{directive.name} cannot stand within <{directive.sections[-1].name}>"
            draft.error(directive, what, "CFG-DIR-03")
            return
        words = split_words(directive.arguments)
        least, most = httpd_directives.WORDS[name]
        if len(words) < least or (most is not None and len(words) > most):
            what = f"{directive.name} {shown(directive.arguments)}: wrong number of words"
            draft.error(directive, what, "CFG-DIR-04")
            return
        if name not in ("documentroot", "customlog", "transferlog"):
            complain_of_curly_quotes(
                directive.arguments, directive.line, directive.place, directive.name, draft.complaints
            )
        httpd_directives.HANDLERS[name](draft, server, directive, words)

    def _complain_of_unknown(self, directive: Directive, before: Directive | None) -> None:
        complaints, name, place = self._draft.complaints, directive.name, directive.place
        glued = _GLUED.fullmatch(directive.line)
        if glued is not None and self._known(glued[1]):
            self._complain_of_glue(glued[1], glued[2], directive)
            return
        if before is not None:
            # CFG-PRN-03
            what = f"{shown(directive.line)} is no directive, it seems to belong to line {before.place.line}"
            remedy = f"write both as one line: {shown(_joined(before, directive))}"
            complaints.error(place, name, what, "CFG-PRN-03", remedy=remedy)
            return
        near = complaints.nearest(
            name, [info.name for info in BY_LOWER_NAME.values()] + list(HONOURED.values())
        )
        if name.lower().startswith("jk"):
            # CFG-DIR-01
            complaints.error(place, name, f"there is no directive {shown(name)}", "CFG-DIR-01", near)
        elif re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) is None:
            # CFG-DIR-01
            complaints.error(place, name, f"{shown(name)} is no directive", "CFG-DIR-01")
        else:
            # CFG-HTD-04
            what = f"passed over: refjk does not know {shown(name)}"
            complaints.warning(place, name, what, "CFG-HTD-04", near)

    def _complain_of_glue(self, name: str, rest: str, directive: Directive) -> None:
        # CFG-PRN-02
        complaints = self._draft.complaints
        mended = Directive(name, rest, directive.place, directive.sections)
        complaints.error(
            directive.place,
            directive.name,
            f"{shown(name)} is glued to what stands behind it: httpd takes all of it for one unknown name",
            "CFG-PRN-02",
            remedy=f"write {shown(mended.line)}",
        )
        if name.lower() == "jkworkerproperty":
            # What else is wrong with it is better said at once.
            draft = self._draft
            PropertyReader(draft.profile, draft.environment, complaints).read_line(rest, directive.place)

    @staticmethod
    def _known(name: str) -> bool:
        return name.lower() in BY_LOWER_NAME or name.lower() in HONOURED


def _joined(before: Directive, directive: Directive) -> str:
    blank = "" if before.arguments.rstrip().endswith("=") else " "
    return before.line + blank + directive.line
