"""Decoded traffic as JSON, one object on a line. `docs/howto/see-the-wire.md` lists the keys."""

from __future__ import annotations

import json
from collections.abc import Iterator

from refjk.ajp13.fields import Field
from refjk.decode.describe import MASKED, Style, finding_text, is_secret, iso_time
from refjk.decode.events import Ended, Event, Finding, Misfit, Opened, PacketSeen

DATA_SHOWN = 64  # octets of a body, unless more detail is asked for


class JsonForm:
    """Turns events into lines. Strings are latin-1, one character for each octet."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def lines(self, event: Event) -> Iterator[str]:
        time = None if event.time_ns is None else iso_time(event.time_ns)
        yield json.dumps({**self._about(event), "connection": event.connection, "time": time})

    def _about(self, event: Event) -> dict[str, object]:
        if isinstance(event, PacketSeen):
            return {
                "event": "packet",
                "from": event.sender.value,
                "type": event.kind,
                "size": event.size,
                "missing": event.missing,
                "fields": [self._field(field) for field in event.fields],
                "wrong": [self._finding(finding, event.fields) for finding in event.findings],
            }
        if isinstance(event, Misfit):
            return {
                "event": "misfit",
                "from": event.finding.side.value,
                "wrong": [self._finding(event.finding, ())],
            }
        if isinstance(event, Opened):
            return {
                "event": "opened",
                "web_server": event.web_server or None,
                "container": event.container or None,
            }
        if isinstance(event, Ended):
            return {"event": "ended", "from": event.side.value, "how": event.how, "note": event.note or None}
        return {"event": "remark", "text": event.text}

    def _field(self, field: Field) -> dict[str, object]:
        shown = {"name": field.name, "offset": field.offset, "size": field.size, "value": self._value(field)}
        return {**shown, "label": field.label} if field.label else shown

    def _value(self, field: Field) -> str | int | None:
        if is_secret(field) and not self._style.show_secrets:
            return MASKED
        if not isinstance(field.value, bytes):
            return field.value
        if field.name == "data":
            return field.value[: None if self._style.detail else DATA_SHOWN].hex()
        return field.value.hex() if field.name == "magic" else field.value.decode("latin-1")

    def _finding(self, finding: Finding, fields: tuple[Field, ...]) -> dict[str, object]:
        expected, actual = finding_text(finding, fields, self._style)
        return {
            "clause": finding.clause,
            "side": finding.side.value,
            "offset": finding.offset,
            "expected": expected,
            "actual": actual,
        }
