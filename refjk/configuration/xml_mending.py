"""What typesetting does to XML that was copied out of a journal or a web page, and how to undo it.

`mend` is asked only about text that is not well-formed. What it gives back has the same lines.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Place
from refjk.configuration.print_faults import straightened

# In the order in which they are replaced: the ampersand last.
ENTITIES = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}

_DOUBLE = '"“”„‟«»″\x84\x93\x94'
_SINGLE = "'‘’‚‛‹›′\x82\x91\x92"
_CLOSERS = {**dict.fromkeys(_DOUBLE, _DOUBLE), **dict.fromkeys(_SINGLE, _SINGLE)}
_TAG_START = re.compile(r"<(/?)([A-Za-z_:][\w:.-]*)")
_SPACE = re.compile(r"[\s\u00a0\u2000-\u200b]*")
_PLAIN_SPACE = re.compile(r"[ \t\n]*")
_NAME = re.compile(r"[A-Za-z_:][\w:.-]*")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"(?:[^\s<>\"'“”„/]|/(?!>))*")
# Where a value ends whose quote never comes: before the next attribute or the end of the tag or line.
_VALUE_END = re.compile(r"(?<!\s)\s+(?:[\w:.-]+\s*=|/?>)|/?>|<|\n|$")
_LINE_BREAK = re.compile(r"(?<!\s)\s*\n\s*")
_BARE_AMPERSAND = re.compile(r"&(?!#[0-9]+;|#x[0-9A-Fa-f]+;|(?:lt|gt|quot|apos|amp);)")
_SKIPPED = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">"))
_TYPESET_COMMENT = re.compile(r"<!\s?[–—]+-?")
_TYPESET_END = re.compile(r"(?:--|-?[–—]+)>")


def mend(text: str, file: str, complaints: Complaints) -> str:
    """The text with the faults undone that are recognised, each complained of with line and remedy."""
    return _Mender(text, file, complaints).run()


def joined(value: str) -> str:
    """A value that goes over line ends, as one line."""
    return _LINE_BREAK.sub("", value).strip()


@dataclass(slots=True)
class _Mender:
    """Walks over the text once, from tag to tag."""

    text: str
    file: str
    complaints: Complaints
    _at: int = 0
    _line: int = 1
    _counted: int = 0
    _out: list[str] = field(default_factory=list)
    _open: list[tuple[str, Place]] = field(default_factory=list)
    _open_names: Counter[str] = field(default_factory=Counter)

    def run(self) -> str:
        while self._at < len(self.text):
            mark = self.text.find("<", self._at)
            end = len(self.text) if mark < 0 else mark
            self._out.append(self._ampersands(self._at, end))
            self._at = end
            if mark >= 0 and not self._skip():
                self._tag()
        for name, place in reversed(self._open):
            self._unclosed(name, place, "at the end of the file")
        return "".join(self._out)

    def _place(self, at: int) -> Place:
        # Attributes are looked at before what stands in front of them is done with, so `at` may go back.
        if at < self._counted:
            return Place(self.file, self._line - self.text.count("\n", at, self._counted))
        self._line += self.text.count("\n", self._counted, at)
        self._counted = at
        return Place(self.file, self._line)

    def _error(self, at: int, name: str, text: str, clause: str, remedy: str) -> None:
        self.complaints.error(self._place(at), name, text, clause, remedy=remedy)

    def _ampersands(self, start: int, end: int) -> str:
        """A stretch of text with each bare `&` written as XML wants it."""

        def complained(found: re.Match[str]) -> str:
            self._error(
                start + found.start(),
                "&",
                "& begins a reference in XML, and there is none here",
                "SXM-PRN-06",
                "write &amp;",
            )
            return "&amp;"

        return _BARE_AMPERSAND.sub(complained, self.text[start:end])

    def _skip(self) -> bool:
        """Passes over a comment and its like; False when a tag may stand here."""
        typeset = _TYPESET_COMMENT.match(self.text, self._at)
        if typeset:
            end = _TYPESET_END.search(self.text, typeset.end())
            stop = end.end() if end else len(self.text)
            self._error(
                self._at, "<!--", "a dash is not two hyphens", "SXM-PRN-07", "write a comment as <!-- … -->"
            )
            self._out.append("\n" * self.text.count("\n", self._at, stop))
            self._at = stop
            return True
        for begin, ending in _SKIPPED:
            if self.text.startswith(begin, self._at):
                found = self.text.find(ending, self._at + len(begin))
                stop = len(self.text) if found < 0 else found + len(ending)
                self._out.append(self.text[self._at : stop])
                self._at = stop
                return True
        return False

    def _tag(self) -> None:
        start = _TAG_START.match(self.text, self._at)
        if start is None:
            self._error(
                self._at, "<", "< begins a tag in XML, and there is none here", "SXM-PRN-06", "write &lt;"
            )
            self._out.append("&lt;")
            self._at += 1
            return
        at, name = self._at, start[2]
        self._at = start.end()
        if start[1]:
            self._end_tag(name, at)
        else:
            self._start_tag(name, at)

    def _end_tag(self, name: str, at: int) -> None:
        self._at = _PLAIN_SPACE.match(self.text, self._at).end()  # type: ignore[union-attr]
        space = self.text[at : self._at].count("\n")
        if self.text.startswith(">", self._at):
            self._at += 1
        else:
            self._error(
                at, name, f"the tag </{shown(name)} is not closed", "SXM-PRN-03", f"write </{shown(name)}>"
            )
        if not self._open_names[name]:
            self._error(
                at, name, f"</{shown(name)}> closes nothing", "SXM-PRN-04", "take it out, or open the element"
            )
            self._out.append("\n" * space)
            return
        while self._open[-1][0] != name:
            opened, place = self._open.pop()
            self._open_names[opened] -= 1
            self._unclosed(opened, place, f"before </{shown(name)}> in line {self._place(at).line}")
        self._open.pop()
        self._open_names[name] -= 1
        self._out.append(f"</{name}>" + "\n" * space)

    def _unclosed(self, name: str, place: Place, where: str) -> None:
        self.complaints.error(
            place,
            name,
            f"the element <{shown(name)}> is not closed",
            "SXM-PRN-04",
            remedy=f"write </{shown(name)}> {where}, or end its tag with />",
        )
        self._out.append(f"</{name}>")

    def _start_tag(self, name: str, at: int) -> None:
        self._out.append(f"<{name}")
        names: set[str] = set()
        while True:
            space = self._spaces()
            if self.text.startswith("/>", self._at):
                self._at += 2
                self._out.append("/>")
                return
            if self.text.startswith(">", self._at):
                self._at += 1
                break
            found = _NAME.match(self.text, self._at)
            if found is None and self._at < len(self.text) and self.text[self._at] != "<":
                self._stray()
                continue
            if found is None:
                self._error(
                    at, name, f"the tag <{shown(name)} is not closed", "SXM-PRN-03", "end it with > or />"
                )
                break
            if not space:
                self._error(
                    self._at,
                    found[0],
                    f"no space stands before {shown(found[0])}",
                    "SXM-PRN-02",
                    f"write a space before {shown(found[0])}=",
                )
                self._out.append(" ")
            self._attribute(found, names)
        self._out.append(">")
        self._open.append((name, self._place(at)))
        self._open_names[name] += 1

    def _spaces(self) -> bool:
        """Passes over what stands between attributes; whether there was something."""
        found = _SPACE.match(self.text, self._at)
        assert found is not None
        if not found[0]:
            return False
        plain = "".join(character if character in " \t\n" else " " for character in found[0])
        if plain != found[0]:
            self._error(
                self._at,
                " ",
                "a space of another kind stands between attributes",
                "SXM-PRN-07",
                "write a plain one",
            )
        self._out.append(plain)
        self._at = found.end()
        return True

    def _stray(self) -> None:
        character = self.text[self._at]
        self._error(
            self._at,
            character,
            f"{character} stands between attributes",
            "SXM-PRN-07",
            "take it out, or close the quote before it",
        )
        self._at += 1

    def _attribute(self, name: re.Match[str], names: set[str]) -> None:
        self._at = name.end()
        equals = _EQUALS.match(self.text, self._at)
        if equals is None:
            self._error(
                name.start(),
                name[0],
                f"{shown(name[0])} has no value",
                "SXM-PRN-07",
                f'write {shown(name[0])}="…"',
            )
            return
        self._at = equals.end()
        value = self._value(name)
        if name[0] in names:
            self._error(
                name.start(), name[0], f"{shown(name[0])} is here twice", "SXM-PRN-07", "take one of them out"
            )
            self._out.append("\n" * value.count("\n"))
            return
        names.add(name[0])
        self._out.append(name[0] + equals[0] + '"' + value.replace('"', "&quot;").replace("<", "&lt;") + '"')

    def _value(self, name: re.Match[str]) -> str:
        """The value, without its quotes; passes over them."""
        begin = self._at
        quote = self.text[begin : begin + 1]
        if quote not in _CLOSERS or not quote:
            found = _UNQUOTED.match(self.text, begin)
            assert found is not None
            self._at = found.end()
            self._error(
                name.start(),
                name[0],
                f"no quotes stand around the value of {shown(name[0])}",
                "SXM-PRN-07",
                f'write {shown(name[0])}="{shown(found[0])}"',
            )
            return self._ampersands(begin, self._at)
        end = self._closing_quote(begin + 1, _CLOSERS[quote])
        if end is None:
            missing = _VALUE_END.search(self.text, begin + 1)
            self._at = end = missing.start() if missing else len(self.text)
            self._error(
                begin,
                name[0],
                f"no quote closes the value of {shown(name[0])}",
                "SXM-PRN-07",
                f'write {shown(name[0])}="{shown(joined(self.text[begin + 1 : end]))}"',
            )
        else:
            self._at = end + 1
            written = self.text[begin : end + 1]
            if straightened(quote + written[-1]) != quote + written[-1]:
                self._error(
                    begin,
                    name[0],
                    f"typographic quotes stand around the value of {shown(name[0])}",
                    "SXM-PRN-01",
                    f'write {shown(name[0])}="{shown(joined(written[1:-1]))}"',
                )
        return self._ampersands(begin + 1, end)

    def _closing_quote(self, at: int, closers: str) -> int | None:
        """Where the value ends: at a quote of its family; None when a tag begins before one comes."""
        found = _STOPS[closers].search(self.text, at)
        return found.start() if found is not None and found[0] != "<" else None


_STOPS = {closers: re.compile(f"[{re.escape(closers)}<]") for closers in (_DOUBLE, _SINGLE)}
