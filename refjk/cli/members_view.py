"""What `refjk members` writes: lines for people, JSON lines, a summary, a picture."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from refjk.base.errors import UsageError
from refjk.cli.object_tree import printable
from refjk.membership import DatagramRefused, Event
from refjk.membership.timeline import timeline_svg
from refjk.membership.watching import Happening, Seen, Sighting, Watch
from refjk.runtime.multicast import MulticastSettings

STDOUT = "-"
REFUSALS_SHOWN = 20  # of each reason; the rest is counted


class MembersView:
    """Lines for people, JSON lines, and the picture."""

    def __init__(self, options: argparse.Namespace, files: ExitStack) -> None:
        self.watch = Watch()
        self._quiet = options.quiet
        self._text = options.json != STDOUT
        self._json = _opened("--json", options.json, files)
        # Opened at once: that it cannot be written should not be learnt at the end.
        self._picture = _opened("--picture", options.picture, files)
        self._began_ms = self._began_wall_ms = 0
        self._title = ""

    def begin(self, now_ms: int, settings: MulticastSettings) -> None:
        self._began_ms, self._began_wall_ms = now_ms, time.time_ns() // 1_000_000
        self._title = f"{settings.group}:{settings.port} from {self._time(now_ms)}"
        if self._text:
            self.remark(f"listening on {settings.group}:{settings.port}; Ctrl-C ends it")

    def show(self, events: Sequence[Event], now_ms: int) -> None:
        for event in events:
            sighting = self.watch.take(event, now_ms)
            if sighting is not None:
                self._sighting(sighting)
            elif isinstance(event, DatagramRefused):
                self._refused(event, now_ms)

    def remark(self, text: str) -> None:
        print(f"refjk members: {text}", file=sys.stderr, flush=True)

    def finish(self, now_ms: int) -> None:
        """The summary and the picture."""
        members = self.watch.members()
        if self._text:
            for line in _summary(members):
                print(line)
        for seen in members:
            self._write({"event": "summary", **_facts(seen)})
        for reason, number in self.watch.refused.items():
            self._write({"event": "refusals", "reason": reason.value, "number": number})
            self.remark(f"{number} datagrams refused: {reason.value}")
        if self._picture is not None:
            self._picture.write(timeline_svg(members, self._began_ms, now_ms, self._title))

    def _sighting(self, sighting: Sighting) -> None:
        happening, seen = sighting.happening, sighting.seen
        time_text = self._time(sighting.at_ms)
        self._write({"event": happening.value, "time": time_text, **_facts(seen)})
        if self._text and not (self._quiet and happening in (Happening.BEAT, Happening.REPEATED)):
            print(f"{time_text[11:23]} {happening.value:<9} {_line(seen, happening)}", flush=True)

    def _refused(self, event: DatagramRefused, now_ms: int) -> None:
        if self.watch.refused[event.reason] > REFUSALS_SHOWN:
            return
        time_text = self._time(now_ms)
        self._write(
            {"event": "refused", "time": time_text, "reason": event.reason.value, "detail": event.detail}
        )
        if self._text:
            print(f"{time_text[11:23]} refused   {event.reason.value}: {printable(event.detail)}", flush=True)

    def _write(self, about: dict[str, object]) -> None:
        if self._json is not None:
            self._json.write(json.dumps(about) + "\n")
            self._json.flush()

    def _time(self, now_ms: int) -> str:
        """The time of day, counted from the start: a clock that is set does not disorder the lines."""
        at = datetime.fromtimestamp((self._began_wall_ms + now_ms - self._began_ms) / 1000, UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _opened(option: str, name: str | None, files: ExitStack) -> TextIO | None:
    if name is None:
        return None
    if name == STDOUT:
        return sys.stdout
    try:
        return files.enter_context(Path(name).open("w", encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot write {option} {name}: {error.strerror}") from None


def _line(seen: Seen, happening: Happening) -> str:
    member = seen.member
    parts = [f"{printable(member.text)} at {member.host}:{member.port}"]
    if member.domain:
        parts.append(f"domain {printable(member.domain.decode('utf-8', 'replace'))}")
    if happening in (Happening.VANISHED, Happening.LEFT):
        parts.append(f"last heard {_seconds((seen.stays[-1].until_ms or 0) - seen.stays[-1].silent_ms)} ago")
    else:
        parts.append(f"alive {_seconds(member.alive_ms)}")
    if seen.gap_ms is not None:
        parts.append(f"gap {seen.gap_ms} ms, jitter {seen.jitter_ms:.1f} ms, loss {_percent(seen)}")
    return ", ".join(parts)


def _summary(members: Sequence[Seen]) -> Iterator[str]:
    yield f"--- {len(members)} seen, {sum(seen.present for seen in members)} there"
    for seen in members:
        state = "there" if seen.present else "gone"
        interval = "unknown" if seen.interval_ms is None else f"{seen.interval_ms} ms"
        yield (
            f"{printable(seen.member.text)}: {state}, alive {_seconds(seen.member.alive_ms)},"
            f" heard {seen.heard}, missed {seen.missed} ({_percent(seen)}),"
            f" interval {interval}, jitter {seen.jitter_ms:.1f} ms"
            + (f", {seen.restarts} restarts" if seen.restarts else "")
        )


def _facts(seen: Seen) -> dict[str, object]:
    member = seen.member
    return {
        "member": member.text,
        "host": member.host,
        "port": member.port,
        "domain": member.domain.decode("utf-8", "replace") or None,
        "alive_ms": member.alive_ms,
        "present": seen.present,
        "gap_ms": seen.gap_ms,
        "interval_ms": seen.interval_ms,
        "jitter_ms": round(seen.jitter_ms, 3),
        "heard": seen.heard,
        "missed": seen.missed,
        "repeated": seen.repeated,
        "restarts": seen.restarts,
        "loss": round(seen.loss, 6),
    }


def _percent(seen: Seen) -> str:
    return f"{100 * seen.loss:.3g} %"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"
