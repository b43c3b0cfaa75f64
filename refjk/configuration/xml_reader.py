"""XML as elements with lines: bounded, without entities of its own, and with a complaint instead of an error.

    root = read_xml(text, "conf/server.xml", complaints)  # XmlElement, or None

Text that is not well-formed is mended as far as that goes (`xml_mending`), so that all of its faults are
told at once; what is read from it then is a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.parsers import expat

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Place
from refjk.configuration.xml_mending import ENTITIES, joined, mend

XML_SIZE_MAX = 500_000  # characters
XML_DEPTH_MAX = 32
XML_ELEMENTS_MAX = 10_000

_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>")
_ATTRIBUTE = re.compile(r"([^\s=]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_TAG_NAME = re.compile(r"<[^\s/>]+")
_FOREIGN_ENTITY = re.compile(rf"&(?!#|(?:{'|'.join(ENTITIES)});)[^;]*;")


@dataclass(frozen=True, slots=True)
class XmlAttribute:
    """A value as XML has it. `joined` is the value as one line where it was broken, and None elsewhere."""

    name: str
    value: str
    place: Place
    joined: str | None = None


@dataclass(frozen=True, slots=True)
class XmlElement:
    """An element; `text` is all of its own text, `place` where its tag begins."""

    name: str
    place: Place
    attributes: Mapping[str, XmlAttribute]
    children: tuple[XmlElement, ...]
    text: str

    def all(self, name: str) -> Iterator[XmlElement]:
        """The children of a name."""
        return (child for child in self.children if child.name == name)


class _Stop(Exception):
    """Reading cannot go on; the complaint is made."""


def read_xml(text: str, file: str, complaints: Complaints) -> XmlElement | None:
    """The root element; None, with an error among the complaints, when there is nothing to be had.

    SXM-XML-03
    """
    # SXM-XML-02
    if len(text) > XML_SIZE_MAX:
        complaints.error(Place(file), "", f"more than {XML_SIZE_MAX} characters", "SXM-XML-02")
        return None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode("utf-8", "replace").decode("utf-8")
    try:
        try:
            return _Reader(text, file, complaints).read()
        except expat.ExpatError as error:
            before = complaints.refused
            mended = mend(text, file, complaints)
            if before == complaints.refused:
                _complain(error, file, complaints)
            if mended == text:
                return None
            return _Reader(mended, file, complaints).read()
    except expat.ExpatError as error:
        _complain(error, file, complaints)
    except _Stop:
        pass
    return None


def _complain(error: expat.ExpatError, file: str, complaints: Complaints) -> None:
    reason = expat.ErrorString(error.code)
    complaints.error(Place(file, error.lineno), "", f"this is not well-formed XML: {reason}", "SXM-XML-03")


@dataclass(slots=True)
class _Open:
    """An element whose end has not come yet."""

    name: str
    place: Place
    attributes: dict[str, XmlAttribute]
    children: list[XmlElement]
    text: list[str]


class _Reader:
    """One run of expat over a text."""

    def __init__(self, text: str, file: str, complaints: Complaints) -> None:
        self._octets = text.encode("utf-8")
        self._file = file
        self._complaints = complaints
        self._open: list[_Open] = []
        self._root: XmlElement | None = None
        self._count = 0
        # What the declaration says of the encoding is over: the text has been decoded.
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._entity
        self._parser.SkippedEntityHandler = self._skipped

    def read(self) -> XmlElement | None:
        """Raises `expat.ExpatError` and `_Stop`."""
        self._parser.Parse(self._octets, True)
        return self._root

    def _here(self) -> Place:
        return Place(self._file, self._parser.CurrentLineNumber)

    def _refuse(self, name: str, text: str, clause: str, remedy: str = "") -> _Stop:
        self._complaints.error(self._here(), name, text, clause, remedy=remedy)
        return _Stop()

    def _doctype(self, name: str, system: str | None, public: str | None, has_internal: int) -> None:
        # SXM-XML-01
        if has_internal:
            raise self._refuse(
                name, "a DOCTYPE with declarations of its own is not taken", "SXM-XML-01", "take out the […]"
            )

    def _entity(self, name: str, *_: object) -> None:
        raise self._refuse(name, f"the entity {shown(name)} is declared here; none is taken", "SXM-XML-01")

    def _skipped(self, name: str, is_parameter: bool) -> None:
        self._complain_of_entity(self._here(), f"&{name};")

    def _complain_of_entity(self, place: Place, reference: str) -> None:
        self._complaints.error(
            place,
            reference,
            f"nothing says what {shown(reference)} stands for",
            "SXM-PRN-06",
            remedy=f"write &amp;{shown(reference[1:])} if this is plain text",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > XML_ELEMENTS_MAX or len(self._open) >= XML_DEPTH_MAX:
            raise self._refuse(
                name,
                f"more than {XML_ELEMENTS_MAX} elements, or deeper than {XML_DEPTH_MAX}",
                "SXM-XML-02",
            )
        place = self._here()
        found = self._attributes(attributes, place) if attributes else {}
        self._open.append(_Open(name, place, found, [], []))

    def _attributes(self, values: dict[str, str], place: Place) -> dict[str, XmlAttribute]:
        """The attributes with the lines that they begin on, which expat does not tell."""
        tag = self._raw_tag()
        position = tag_name.end() if (tag_name := _TAG_NAME.match(tag)) else 0
        lines: dict[str, tuple[int, str]] = {}
        line, counted = place.line, 0
        for found in _ATTRIBUTE.finditer(tag, position):
            line += tag.count("\n", counted, found.start())
            counted = found.start()
            lines[found[1]] = (line, found[2][1:-1])
        attributes = {}
        for name, value in values.items():
            at, raw = lines.get(name, (place.line, ""))
            where = Place(self._file, at)
            for reference in _FOREIGN_ENTITY.finditer(raw):
                self._complain_of_entity(where, reference[0])
            one_line = joined(_unescaped(raw)) if "\n" in raw else None
            attributes[name] = XmlAttribute(name, value, where, one_line)
        return attributes

    def _raw_tag(self) -> str:
        # A greater-than sign may stand in a value, so the end is found with the quotes.
        found = _TAG.match(self._octets, self._parser.CurrentByteIndex)
        return found[0].decode("utf-8", "replace") if found else ""

    def _end(self, name: str) -> None:
        done = self._open.pop()
        element = XmlElement(
            done.name, done.place, done.attributes, tuple(done.children), "".join(done.text).strip()
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element

    def _characters(self, data: str) -> None:
        self._open[-1].text.append(data)


def _unescaped(raw: str) -> str:
    for name, character in ENTITIES.items():
        raw = raw.replace(f"&{name};", character)
    return raw
