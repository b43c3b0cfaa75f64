"""`mime=txt`: one line for each object. `mime=prop`: one line for each value."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.status.fields import Fields, Value
from refjk.status.listing import Listing, Section

# Which values of a line stand in quotes.
_QUOTED = frozenset({"web_server", "route", "redirect", "domain", "message"})


def text_lines(listing: Listing) -> Iterator[str]:
    """The lines of `txt`. STA-FMT-03"""
    for section in listing.sections:
        yield _heading(section) + "".join(_word(name, value, section.kind) for name, value in section.fields)
        yield from (f"{_line(name)}={_line(value)}" for name, value in section.properties)


def property_lines(listing: Listing, prefix: str) -> Iterator[str]:
    """The lines of `prop`; `prefix` stands before the names. STA-FMT-04, STA-FMT-05"""
    start = f"{prefix}." if prefix else ""
    for section in listing.sections:
        fields = dict(section.fields)
        name, owner = _line(fields.get("name", "")), _line(section.owner)
        match section.kind:
            case "balancers" | "ajp_workers":
                word = "lb" if section.kind == "balancers" else "ajp"
                yield f"{start}{word}_count={fields['count']}"
            case "balancer" | "ajp":
                yield f"{start}list={name}"
                yield from _named(f"{start}{name}.", section.fields[1:])
            case "member":
                yield f"{start}{owner}.balance_workers={name}"
                yield from _named(f"{start}{name}.", section.fields[1:])
            case "map":
                yield from _named(f"{start}{owner}.map.{fields['id']}.", section.fields[1:])
            case "configuration":
                yield from (f"{_line(name)}={_line(value)}" for name, value in section.properties)
            case "software":
                yield from _named(start, section.fields)
            case "result":
                yield from _named(f"{start}result.", section.fields)
            case kind:
                yield from _named(f"{start}{kind}_", section.fields)


def _named(start: str, fields: Fields) -> Iterator[str]:
    return (f"{start}{name}={_line(value)}" for name, value in fields)


def _heading(section: Section) -> str:
    words = {
        "balancers": "Balancer Workers",
        "balancer": "Balancer Worker",
        "ajp_workers": "AJP Workers",
        "ajp": "AJP Worker",
    }
    return words.get(section.kind, section.kind.capitalize()) + ":"


def _word(name: str, value: Value, kind: str) -> str:
    text = _line(value)
    if name in _QUOTED or (kind == "map" and name != "id"):
        quoted = text.replace('"', "'")
        return f' {name}="{quoted}"'
    return f" {name}={text}"


def _line(value: Value) -> str:
    """A value that stays on its line."""
    # STA-FMT-06
    return "".join(character if character.isprintable() else "?" for character in str(value))
