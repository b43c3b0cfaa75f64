"""A cluster's decoded traffic as lines and as JSON, whose keys `docs/howto/see-the-wire.md` lists."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator

from refjk.cli.object_tree import Line, lines_of, printable, scalar_text
from refjk.decode.cluster_events import (
    AnswerSeen,
    ChannelEnded,
    ChannelMisfit,
    ChannelOpened,
    ClusterEvent,
    DatagramSeen,
    Fault,
    FrameSeen,
)
from refjk.decode.describe import MASKED, Style, amount, iso_time, time_of_day
from refjk.objectstream import ByteArray, JavaObject, ObjectArray, Stream

OCTETS_SHOWN = 64  # unless more detail is asked for

_COLOURS = {"wrong": "31", "head": "1", "frame": "36", "answer": "32", "datagram": "35"}
# Ids of sessions and passwords; the unique id of a message of a session holds the session's.
_SECRET = re.compile(
    r"(?:m?session_?id|orignalSessionID|backupSessionID|ssoId|uniqueId|password)", re.IGNORECASE
)


class ClusterTextForm:
    """Turns events into lines; `colour` adds escape sequences for a terminal."""

    def __init__(self, style: Style, *, colour: bool = False) -> None:
        self._style = style
        self._colour = colour

    def lines(self, event: ClusterEvent) -> Iterator[str]:
        if isinstance(event, DatagramSeen):
            yield from self._datagram(event)
        elif isinstance(event, FrameSeen):
            yield from self._frame(event)
        elif isinstance(event, AnswerSeen):
            text = f"{self._paint('answer', '← ANSWER         ')} {len(event.octets):>5}"
            yield self._line(event.time_ns, event.connection, text)
            yield from self._wrong(event.fault)
        elif isinstance(event, ChannelMisfit):
            yield self._line(event.time_ns, event.connection, self._paint("wrong", _fault_text(event.fault)))
        elif isinstance(event, ChannelOpened):
            known = f": sender {event.sender} → receiver {event.receiver}" if event.sender else ""
            yield self._paint("head", f"connection #{event.connection}{known}")
        else:
            note = f", {event.note}" if event.note else ""
            yield self._line(event.time_ns, event.connection, f"{event.how} by {event.who}{note}")

    def _datagram(self, event: DatagramSeen) -> Iterator[str]:
        head = self._paint("datagram", "ANNOUNCEMENT     ")
        parts = [_announced(event)]
        if event.signed_ms is not None:
            parts.append(f"signed {iso_time(event.signed_ms * 1_000_000)}")
        if event.source:
            parts.append(f"{event.source} → {event.target}")
        text = f"{head} {len(event.octets):>5}  {', '.join(part for part in parts if part)}".rstrip()
        yield self._line(event.time_ns, None, text)
        if self._style.detail:
            yield f"    layout {event.layout.name.lower()}, octets {self._octets(event.octets)}"
        if event.refused is not None:
            what = f"{event.refused.reason.value}: {printable(event.refused.detail)}"
            yield f"    {self._paint('wrong', f'wrong: {what}')}"

    def _frame(self, event: FrameSeen) -> Iterator[str]:
        parts = [_message_text(event.message, self._style)]
        if event.flag is not None:
            parts.append(f"flag {event.flag}")
        if event.payload is not None:
            parts.append(f"{amount(len(event.payload), 'octet')}{' unzipped' if event.zipped else ''}")
        text = (
            f"{self._paint('frame', '→ FRAME          ')} {event.size:>5}  {', '.join(filter(None, parts))}"
        )
        yield self._line(event.time_ns, event.connection, text)
        if self._style.detail and event.message is not None:
            for line in lines_of(event.message):
                yield f"    {_masked(line, self._style)}"
        if self._style.detail > 1 and event.payload is not None and self._style.show_secrets:
            yield f"    payload {self._octets(event.payload)}"
        yield from self._wrong(event.fault)

    def _wrong(self, fault: Fault | None) -> Iterator[str]:
        if fault is not None:
            yield f"    {self._paint('wrong', _fault_text(fault))}"

    def _octets(self, octets: bytes) -> str:
        if self._style.detail > 1 or len(octets) <= OCTETS_SHOWN:
            return octets.hex(" ")
        return f"{octets[:OCTETS_SHOWN].hex(' ')} … {len(octets) - OCTETS_SHOWN} more"

    def _line(self, time_ns: int | None, connection: int | None, text: str) -> str:
        at = time_of_day(time_ns)
        return " ".join(part for part in (at, "" if connection is None else f"#{connection}", text) if part)

    def _paint(self, what: str, text: str) -> str:
        return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if self._colour else text


class ClusterJsonForm:
    """Turns events into lines."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def lines(self, event: ClusterEvent) -> Iterator[str]:
        time = None if event.time_ns is None else iso_time(event.time_ns)
        connection = None if isinstance(event, DatagramSeen) else event.connection
        yield json.dumps({**self._about(event), "connection": connection, "time": time})

    def _about(self, event: ClusterEvent) -> dict[str, object]:
        if isinstance(event, DatagramSeen):
            return _datagram_json(event)
        if isinstance(event, FrameSeen):
            return {
                "event": "frame",
                "size": event.size,
                "flag": event.flag,
                "zipped": event.zipped,
                "payload_size": None if event.payload is None else len(event.payload),
                "class": _class_name(event.message),
                "message": self._message(event.message),
                "wrong": _wrong_json(event.fault),
            }
        if isinstance(event, AnswerSeen):
            return {"event": "answer", "octets": event.octets.hex(), "wrong": _wrong_json(event.fault)}
        if isinstance(event, ChannelMisfit):
            return {"event": "misfit", "wrong": _wrong_json(event.fault)}
        if isinstance(event, ChannelOpened):
            return {"event": "opened", "sender": event.sender or None, "receiver": event.receiver or None}
        assert isinstance(event, ChannelEnded)
        return {"event": "ended", "from": event.who, "how": event.how, "note": event.note or None}

    def _message(self, message: Stream | None) -> list[dict[str, object]] | None:
        if message is None:
            return None
        return [_masked(line, self._style).as_json() for line in lines_of(message)]


def _announced(event: DatagramSeen) -> str:
    member = event.announcement
    if member is None:
        return ""
    text = f"{printable(member.text)} at {member.host}:{member.port}, alive {member.alive_ms / 1000:g} s"
    return f"{text}, domain {printable(member.domain.decode('utf-8', 'replace'))}" if member.domain else text


def _datagram_json(event: DatagramSeen) -> dict[str, object]:
    member, refused = event.announcement, event.refused
    return {
        "event": "announcement",
        "source": event.source or None,
        "target": event.target or None,
        "layout": event.layout.name.lower(),
        "member": None if member is None else member.text,
        "host": None if member is None else member.host,
        "port": None if member is None else member.port,
        "alive_ms": None if member is None else member.alive_ms,
        "domain": member.domain.decode("utf-8", "replace") if member is not None and member.domain else None,
        "signed": None if event.signed_ms is None else iso_time(event.signed_ms * 1_000_000),
        "octets": event.octets.hex(),
        "refused": None if refused is None else {"reason": refused.reason.value, "detail": refused.detail},
    }


def _class_name(message: Stream | None) -> str | None:
    """Of the first object; None where there is none."""
    first = next(iter(message.contents), None) if message is not None else None
    return first.class_name if isinstance(first, JavaObject) else None


def _message_text(message: Stream | None, style: Style) -> str:
    """The first object in one line: its class, and its fields without what they hold themselves."""
    if message is None or not message.contents:
        return ""
    first = message.contents[0]
    if not isinstance(first, JavaObject):
        return str(next(lines_of(message)))
    fields = [
        f"{printable(field.name)}={_field_text(field.name, value, style)}"
        for part in first.data
        for field, value in zip(part.description.fields, part.values or (), strict=False)
    ]
    return f"{printable(first.class_name).rpartition('.')[2]} {' '.join(fields)}".rstrip()


def _field_text(name: str, value: object, style: Style) -> str:
    if isinstance(value, ByteArray):
        return f"[{amount(len(value), 'octet')}]"
    if isinstance(value, JavaObject | ObjectArray):
        described = value.class_name if isinstance(value, JavaObject) else value.description.name
        return printable(described).rpartition(".")[2]
    return MASKED if _SECRET.fullmatch(name) and not style.show_secrets else scalar_text(value)


def _masked(line: Line, style: Style) -> Line:
    if style.show_secrets or not _SECRET.fullmatch(line.label) or line.text == "null":
        return line
    return dataclasses.replace(line, text=MASKED)


def _fault_text(fault: Fault) -> str:
    where = f"{fault.clause} at octet {fault.offset}"
    return f"wrong: {where}: expected {printable(fault.expected)}, got {printable(fault.actual)}"


def _wrong_json(fault: Fault | None) -> list[dict[str, object]]:
    return [] if fault is None else [dataclasses.asdict(fault)]
