"""httpd.conf as a list of directives, each with its place and the sections around it.

Conditions (IfModule, IfDefine) are decided and files included here, in the order of the text, as httpd does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from refjk.base.errors import InputError
from refjk.configuration.complaints import Complaint, Complaints, Severity, shown
from refjk.configuration.files import Files
from refjk.configuration.httpd_lines import expand_variables, logical_lines, split_name, split_words
from refjk.configuration.origins import Place
from refjk.configuration.print_faults import complain_of_curly_quotes

INCLUDE_DEPTH_MAX = 128
INCLUDED_FILES_MAX = 1000
DIRECTIVES_MAX = 100_000
# CFG-SEC-03: refjk has these without LoadModule.
BUILT_IN_MODULES = frozenset(
    {"core.c", "core_module", "mod_so.c", "so_module", "http_core.c", "http_module"}
    | {"mod_jk.c", "jk_module", "mod_log_config.c", "log_config_module", "mod_env.c", "env_module"}
    | {"refjk.c", "refjk_module"}
)
VIRTUAL_HOST = "VirtualHost"
PATH_SECTIONS = ("Location", "LocationMatch", "Directory", "DirectoryMatch", "Files", "FilesMatch")
_CONDITIONS = ("IfModule", "IfDefine")
_INSIDE = ("Limit", "LimitExcept", "RequireAll", "RequireAny", "RequireNone")
# CFG-SEC-05: their conditions or meanings are no matter of refjk.
_PASSED_OVER = (
    "If",
    "ElseIf",
    "Else",
    "IfVersion",
    "IfFile",
    "IfDirective",
    "IfSection",
    "Macro",
    "Proxy",
    "ProxyMatch",
    "AuthnProviderAlias",
    "AuthzProviderAlias",
    "MDomainSet",
)
_SECTIONS = {
    name.lower(): name for name in (VIRTUAL_HOST, *PATH_SECTIONS, *_CONDITIONS, *_INSIDE, *_PASSED_OVER)
}
_SECTION = re.compile(r"<(/?)([^\s>]*)\s*(.*)")


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A section: its name as httpd spells it, and the words behind it.

    Compared by identity, since a file that is included twice opens its sections twice.
    """

    name: str
    words: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Directive:
    """A directive, variables expanded. `arguments` is what stands behind the name.

    `sections` are those around it, from outside in, without conditions.
    """

    name: str
    arguments: str
    place: Place
    sections: tuple[Section, ...] = ()

    @property
    def line(self) -> str:
        """The whole of it, for complaints."""
        return f"{self.name} {self.arguments}".rstrip()


class Unreadable(InputError):
    """Nothing behind this place can be read with sense; carries the complaint."""

    def __init__(self, place: Place, name: str, text: str, clause: str, remedy: str = "") -> None:
        self.complaint = Complaint(Severity.ERROR, place, shown(name), text, clause, None, remedy)
        super().__init__(str(self.complaint))


class TreeReader:
    """Reads files into directives; one object for one configuration."""

    def __init__(
        self, files: Files, complaints: Complaints, environment: Mapping[str, str], defines: Iterable[str]
    ) -> None:
        self.directives: list[Directive] = []
        self.hosts: list[Section] = []
        self.server_root = ""
        self.files_read: list[str] = []
        self._files = files
        self._complaints = complaints
        self._variables = dict(environment)
        self._defined = set(defines)
        self._modules = set(BUILT_IN_MODULES)
        self._open: list[Section] = []
        self._expanded = 0

    def read(self, path: str, server_root: str) -> None:
        """Reads the main file; faults after which nothing can be read end it with a complaint."""
        self.server_root = server_root
        try:
            self._read_file(path, Place(path), 0)
        except Unreadable as fault:
            self._complaints.add(fault.complaint)

    def absolute(self, path: str) -> str:
        """A path below the server root, unless it is absolute. CFG-INC-01"""
        return posixpath.normpath(posixpath.join(self.server_root, path.replace("\\", "/")))

    def _read_file(self, path: str, place: Place, depth: int) -> None:
        # CFG-INC-02
        if depth > INCLUDE_DEPTH_MAX:
            what = f"files include each other more than {INCLUDE_DEPTH_MAX} deep"
            raise Unreadable(place, "Include", what, "CFG-INC-02")
        # CFG-INC-03
        if len(self.files_read) >= INCLUDED_FILES_MAX:
            raise Unreadable(place, "Include", f"more than {INCLUDED_FILES_MAX} files", "CFG-INC-03")
        self.files_read.append(path)
        try:
            text = self._files.read(path)
        except InputError as error:
            raise Unreadable(place, "Include", str(error), "CFG-INC-01") from None
        outside = len(self._open)
        lines = logical_lines(text, path, self._complaints)
        for where, line in lines:
            if line.startswith("<"):
                self._read_section(line, where, lines, outside)
            else:
                self._read_directive(line, where, depth)
        if len(self._open) > outside:
            # CFG-SEC-01
            left = self._open[-1]
            raise Unreadable(left.place, f"<{left.name}", f"<{left.name}> is not closed", "CFG-SEC-01")

    # -- directives ---------------------------------------------------------------------------

    def _read_directive(self, line: str, place: Place, depth: int) -> None:
        name, rest = split_name(line)
        around = tuple(section for section in self._open if section.name not in _CONDITIONS)
        directive = Directive(name, self._expand(rest, name, place), place, around)
        lower = name.lower()
        if lower in ("include", "includeoptional"):
            self._include(directive, lower == "includeoptional", depth)
        elif lower == "define":
            self._define(directive)
        elif lower == "undefine":
            for word in split_words(directive.arguments):
                self._defined.discard(word)
                self._variables.pop(word, None)
        elif lower == "loadmodule":
            self._load_module(directive)
        else:
            if lower == "serverroot":
                self._set_server_root(directive)
            # CFG-INC-03
            if len(self.directives) >= DIRECTIVES_MAX:
                raise Unreadable(place, name, f"more than {DIRECTIVES_MAX} directives", "CFG-INC-03")
            self.directives.append(directive)

    def _expand(self, text: str, name: str, place: Place) -> str:
        def unknown(variable: str) -> None:
            what = f"${{{shown(variable)}}} is not defined, and stays as it is"
            self._complaints.warning(place, name, what, "CFG-TXT-04")

        expanded = expand_variables(text, self._variables, unknown)
        # A variable may hold variables' values, so that few lines could make texts without end.
        self._expanded += len(expanded) - len(text)
        if self._expanded > 1 << 20:
            raise Unreadable(place, name, "variables expand to more than a megabyte", "CFG-INC-03")
        return expanded

    def _include(self, directive: Directive, optional: bool, depth: int) -> None:
        words = split_words(directive.arguments)
        place = directive.place
        if len(words) != 1:
            raise Unreadable(place, directive.name, f"{directive.name} takes one argument", "CFG-DIR-04")
        complain_of_curly_quotes(
            words[0], directive.line, place, directive.name, self._complaints, names_file=not optional
        )
        try:
            found = self._files.expand(self.absolute(words[0]))
        except InputError as error:
            if not optional:
                raise Unreadable(place, directive.name, str(error), "CFG-INC-01") from None
            return
        # CFG-INC-04
        if not found and not optional and re.search(r"[*?\[]", words[0]):
            what = f"nothing matches {shown(words[0])}"
            remedy = "write IncludeOptional if that may be"
            raise Unreadable(place, directive.name, what, "CFG-INC-04", remedy)
        for path in found:
            self._read_file(path, place, depth + 1)

    def _define(self, directive: Directive) -> None:
        words = split_words(directive.arguments)
        if len(words) not in (1, 2):
            raise Unreadable(directive.place, directive.name, "Define takes 1 or 2 arguments", "CFG-DIR-04")
        self._defined.add(words[0])
        self._variables[words[0]] = words[1] if len(words) == 2 else ""

    def _load_module(self, directive: Directive) -> None:
        words = split_words(directive.arguments)
        complain_of_curly_quotes(
            directive.arguments,
            directive.line,
            directive.place,
            directive.name,
            self._complaints,
            names_file=True,
        )
        if len(words) != 2:
            self._complaints.error(
                directive.place, directive.name, "LoadModule takes two arguments", "CFG-DIR-04"
            )
            return
        stem = re.split(r"[/\\]", words[1])[-1].partition(".")[0]
        self._modules |= {words[0], f"{stem}.c"}

    def _set_server_root(self, directive: Directive) -> None:
        words = split_words(directive.arguments)
        if len(words) == 1:
            self.server_root = self.absolute(words[0])

    # -- sections -----------------------------------------------------------------------------

    def _read_section(
        self, line: str, place: Place, lines: Iterator[tuple[Place, str]], outside: int
    ) -> None:
        closing, name, arguments = _section_parts(line)
        if closing:
            self._close(name, place, outside)
            return
        known = _SECTIONS.get(name.lower())
        if known is None:
            what = f"there is no section <{shown(name)}>"
            near = self._complaints.nearest(name, _SECTIONS.values())
            self._complaints.error(place, f"<{name}", what, "CFG-SEC-01", near)
            _skip(name, place, lines, self._complaints)
            return
        arguments = self._section_arguments(known, arguments, place)
        if known in _CONDITIONS:
            if self._holds(known, arguments, place):
                self._open.append(Section(known, (), place))
            else:
                _skip(known, place, lines, self._complaints)
        elif known in _PASSED_OVER:
            what = f"the content of <{known}> is passed over"
            self._complaints.warning(place, f"<{known}", what, "CFG-SEC-05")
            _skip(known, place, lines, self._complaints)
        else:
            words = tuple(split_words(self._expand(arguments, f"<{known}", place)))
            self._check_nesting(known, words, place)
            section = Section(known, words, place)
            self._open.append(section)
            if known == VIRTUAL_HOST:
                self.hosts.append(section)

    def _section_arguments(self, name: str, arguments: str, place: Place) -> str:
        # CFG-SEC-01
        content, bracket, _ = arguments.rpartition(">")
        if not bracket:
            raise Unreadable(place, f"<{name}", f"<{name} has no closing >", "CFG-SEC-01")
        if not content.strip() and name not in ("Else", "RequireAll", "RequireAny", "RequireNone"):
            raise Unreadable(place, f"<{name}", f"<{name}> needs an argument", "CFG-SEC-01")
        return content.strip()

    def _check_nesting(self, name: str, words: tuple[str, ...], place: Place) -> None:
        # CFG-SEC-02
        around = [section.name for section in self._open if section.name not in _CONDITIONS]
        if name == VIRTUAL_HOST and around:
            what = f"<{name}> cannot stand within <{around[-1]}>"
            self._complaints.error(place, f"<{name}", what, "CFG-SEC-02")
        if name.startswith(("Location", "Directory")) and set(around) & set(PATH_SECTIONS):
            what = f"<{name}> cannot stand within <{around[-1]}>"
            self._complaints.error(place, f"<{name}", what, "CFG-SEC-02")
        complain_of_curly_quotes(
            " ".join(words), f"<{name} {' '.join(words)}>", place, f"<{name}", self._complaints
        )

    def _close(self, name: str, place: Place, outside: int) -> None:
        # CFG-SEC-01
        if len(self._open) <= outside:
            what = f"</{shown(name)}> closes nothing that was opened in this file"
            raise Unreadable(place, f"</{name}", what, "CFG-SEC-01")
        if self._open[-1].name.lower() != name.lower():
            opened = self._open[-1]
            what = f"</{shown(name)}> where </{opened.name}> is due, opened on line {opened.place.line}"
            raise Unreadable(place, f"</{name}", what, "CFG-SEC-01")
        self._open.pop()

    def _holds(self, condition: str, arguments: str, place: Place) -> bool:
        # CFG-SEC-03, CFG-SEC-04
        word = (split_words(arguments) or [""])[0]
        complain_of_curly_quotes(word, f"<{condition} {word}>", place, f"<{condition}", self._complaints)
        negated = word.startswith("!")
        known = self._modules if condition == "IfModule" else self._defined
        return (word.removeprefix("!") in known) is not negated


def _section_parts(line: str) -> tuple[bool, str, str]:
    """Whether it closes, the name, and all behind it with the closing bracket."""
    found = _SECTION.fullmatch(line)
    assert found is not None
    return bool(found[1]), found[2], found[3]


def _skip(name: str, place: Place, lines: Iterator[tuple[Place, str]], complaints: Complaints) -> None:
    """Passes over a section and those within it, which still must be closed in order. CFG-SEC-06"""
    open_names = [name.lower()]
    for where, line in lines:
        complain_of_curly_quotes(line, line, where, split_name(line)[0], complaints)
        if not line.startswith("<"):
            continue
        closing, inner, _ = _section_parts(line)
        if not closing:
            open_names.append(inner.lower())
        elif inner.lower() != open_names.pop():
            raise Unreadable(where, f"</{inner}", f"</{shown(inner)}> closes another section", "CFG-SEC-01")
        if not open_names:
            return
    raise Unreadable(place, f"<{name}", f"<{shown(name)}> is not closed", "CFG-SEC-01")
