"""The attributes of one element of a `server.xml`: names, values, defaults, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import BY_DEFAULT, Origin, Place, Setting, Source
from refjk.configuration.print_faults import straightened
from refjk.configuration.server_xml_table import (
    ATTRIBUTES,
    CHILDREN,
    PASSED_ELEMENTS,
    RENAMED,
    AttributeInfo,
    Effect,
    Kind,
)
from refjk.configuration.xml_reader import XmlAttribute, XmlElement

_REFERENCE = re.compile(r"\$\{([^${}]*)\}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")
_FREE = frozenset({Kind.TEXT, Kind.PATH, Kind.PATTERN, Kind.PATTERNS})


@dataclass(slots=True)
class Values:
    """What the attributes of an element come to: by field of the model, and by attribute."""

    place: Place
    by_field: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    others: dict[str, Setting[str]] = field(default_factory=dict)

    def as_arguments(self) -> dict[str, Any]:
        """For the constructor of a `Part`."""
        return {"place": self.place, "origins": self.origins, "others": self.others, **self.by_field}


class ValueReader:
    """Reads attributes by the tables. `properties` are what `${name}` may stand for."""

    def __init__(self, complaints: Complaints, properties: Mapping[str, str]) -> None:
        self.complaints = complaints
        self._properties = properties

    def read(self, element: XmlElement, part: str) -> Values:
        """All attributes of an element that is a `part`."""
        infos = {info.name: info for info in ATTRIBUTES[part]}
        values = Values(element.place)
        for attribute in element.attributes.values():
            info = infos.get(attribute.name)
            if info is None:
                self._unknown_attribute(element, attribute, infos)
                continue
            self._complain_of_print(attribute, info)
            text = self._expanded(attribute)
            if info.effect is Effect.HONOURED:
                self._honoured(info, text, attribute, values)
                continue
            values.others[info.name] = Setting(text, Origin(Source.GIVEN, attribute.place))
            if info.kind is Kind.CLASS and text not in info.words:
                self.foreign_class(attribute, text, info.words)
            if info.effect is Effect.NONE:
                # SXM-ELM-03
                self.complaints.warning(
                    attribute.place,
                    info.name,
                    f"{info.name} has no effect in refjk",
                    "SXM-ELM-03",
                    remedy=f"it is {info.note}" if info.note else "",
                )
        for info in infos.values():
            if info.effect is Effect.HONOURED and info.field not in values.by_field:
                self._absent(info, element, values)
        return values

    def text(self, element: XmlElement, name: str) -> str | None:
        """One attribute as it is after the references in it."""
        attribute = element.attributes.get(name)
        return None if attribute is None else self._expanded(attribute, silent=True)

    # -- names ------------------------------------------------------------------------------------

    def _unknown_attribute(self, element: XmlElement, attribute: XmlAttribute, known: Iterable[str]) -> None:
        """SXM-ELM-02"""
        self.complaints.warning(
            attribute.place,
            attribute.name,
            f"<{shown(element.name)}> has no attribute {shown(attribute.name)}; it is ignored",
            "SXM-ELM-02",
            self.complaints.nearest(attribute.name, known),
        )

    def unknown_element(self, element: XmlElement, parent: str) -> None:
        """SXM-ELM-01, SXM-ELM-03"""
        name = element.name
        if name in PASSED_ELEMENTS:
            self.complaints.warning(element.place, name, f"<{name}> has no effect in refjk", "SXM-ELM-03")
            return
        places = [holder for holder, children in CHILDREN.items() if name in children]
        if places:
            where = " or ".join(f"<{place}>" for place in places)
            self.complaints.warning(
                element.place,
                name,
                f"<{name}> has no effect in <{parent}>",
                "SXM-ELM-01",
                remedy=f"it belongs in {where}",
            )
            return
        self.complaints.warning(
            element.place,
            name,
            f"there is no element <{shown(name)}>; it is ignored with all that stands in it",
            "SXM-ELM-01",
            self.complaints.nearest(name, CHILDREN),
        )

    def foreign_class(self, attribute: XmlAttribute, name: str, known: Iterable[str]) -> None:
        """SXM-CLS-01"""
        renamed = RENAMED.get(name)
        self.complaints.error(
            attribute.place,
            name,
            f"refjk has nothing for the class {shown(name)}",
            "SXM-CLS-01",
            None if renamed else self.complaints.nearest(name, known),
            remedy=f"in Tomcat 5.5 it is {renamed}" if renamed else "",
        )

    # -- values -----------------------------------------------------------------------------------

    def _complain_of_print(self, attribute: XmlAttribute, info: AttributeInfo) -> None:
        name, value = attribute.name, attribute.value
        if attribute.joined is not None:
            # SXM-PRN-05
            complain = self.complaints.warning if info.kind in _FREE else self.complaints.error
            complain(
                attribute.place,
                name,
                f"the value of {name} goes over the end of a line, which XML reads as a space",
                "SXM-PRN-05",
                remedy=f'write {name}="{shown(attribute.joined)}"',
            )
        if straightened(value) != value:
            self.complaints.warning(
                attribute.place,
                name,
                f"typographic quotes in {shown(value)} are part of the value",
                "SXM-PRN-01",
                remedy=f'write {name}="{shown(straightened(value).strip(_QUOTES))}"',
            )

    def _expanded(self, attribute: XmlAttribute, *, silent: bool = False) -> str:
        """SXM-VAL-01"""

        def value_of(found: re.Match[str]) -> str:
            if found[1] in self._properties:
                return self._properties[found[1]]
            if not silent:
                self.complaints.warning(
                    attribute.place,
                    found[0],
                    f"nothing says what {shown(found[0])} stands for; it stays as it is",
                    "SXM-VAL-01",
                    self.complaints.nearest(found[1], self._properties),
                )
            return found[0]

        return _REFERENCE.sub(value_of, attribute.value)

    def _honoured(self, info: AttributeInfo, text: str, attribute: XmlAttribute, values: Values) -> None:
        if info.required and not text.strip():
            self._demand(info, attribute.place)
            value: Any = _guess(info)
        else:
            value = self._parsed(info, text.strip(), attribute)
        values.by_field[info.field] = value
        values.origins[info.name] = Origin(Source.GIVEN, attribute.place)

    def _absent(self, info: AttributeInfo, element: XmlElement, values: Values) -> None:
        if info.required:
            self._demand(info, element.place, f"<{element.name}>")
        values.by_field[info.field] = _guess(info) if info.required else _default(info)
        values.origins[info.name] = BY_DEFAULT

    def _demand(self, info: AttributeInfo, place: Place, where: str = "") -> None:
        """SXM-VAL-03"""
        words = f": {', '.join(info.words)}" if info.words else ""
        subject = f"{where} needs {info.name}" if where else f"{info.name} is empty"
        self.complaints.error(place, info.name, subject, "SXM-VAL-03", remedy=f"write {info.name}=…{words}")

    def _parsed(self, info: AttributeInfo, text: str, attribute: XmlAttribute) -> Any:
        if info.kind is Kind.NUMBER:
            return self._number(info, text, attribute.place)
        if info.kind is Kind.FLAG:
            return self._flag(info, text, attribute.place)
        if info.kind is Kind.WORD:
            return self._word(info, text, attribute.place)
        if info.kind is Kind.PATTERN:
            self._pattern(info, text, attribute.place)
            return text or None
        if info.kind is Kind.PATTERNS:
            parts = tuple(part for part in text.split(";") if part)
            return tuple(part for part in parts if self._pattern(info, part, attribute.place))
        if info.kind is Kind.CLASS:
            return self._class(info, text, attribute)
        return (text or None) if info.kind is Kind.TEXT else text

    def _class(self, info: AttributeInfo, text: str, attribute: XmlAttribute) -> str:
        if attribute.joined in info.words:
            return attribute.joined
        # What stands in className has been judged before, when the part was found.
        if text not in info.words and info.name != "className":
            self.foreign_class(attribute, text, info.words)
        return text if text in info.words else str(_guess(info))

    def _number(self, info: AttributeInfo, text: str, place: Place) -> int:
        """SXM-VAL-02"""
        assert info.least is not None and info.most is not None
        number = int(text) if _NUMBER.fullmatch(text) else None
        if number is not None and info.least <= number <= info.most:
            return number
        self.complaints.error(
            place,
            info.name,
            f"{info.name} is a number from {info.least} to {info.most}, not {shown(text)}",
            "SXM-VAL-02",
        )
        return _guess(info)  # type: ignore[no-any-return]

    def _flag(self, info: AttributeInfo, text: str, place: Place) -> bool:
        """SXM-VAL-04"""
        lower = text.lower()
        if lower not in ("true", "false"):
            self.complaints.warning(
                place,
                info.name,
                f"{info.name} is true or false; {shown(text)} reads as false",
                "SXM-VAL-04",
            )
        return lower == "true"

    def _word(self, info: AttributeInfo, text: str, place: Place) -> str:
        """SXM-VAL-02"""
        if text in info.words:
            return text
        self.complaints.error(
            place,
            info.name,
            f"{info.name} is {' or '.join(info.words)}, not {shown(text)}",
            "SXM-VAL-02",
            self.complaints.nearest(text, info.words),
        )
        return str(_guess(info))

    def _pattern(self, info: AttributeInfo, text: str, place: Place) -> bool:
        """SXM-VAL-05"""
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            self.complaints.error(
                place, info.name, f"{shown(text)} is not a regular expression: {error}", "SXM-VAL-05"
            )
            return False
        return True


_QUOTES = "\"'"


def _default(info: AttributeInfo) -> Any:
    return () if info.kind is Kind.PATTERNS and info.default is None else info.default


def _guess(info: AttributeInfo) -> Any:
    """Something to go on with after an error."""
    if info.default is not None:
        return info.default
    if info.kind is Kind.NUMBER:
        return info.least
    return info.words[0] if info.words else ""
