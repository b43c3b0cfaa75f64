"""What a mere listener can tell of a cluster: who comes, beats and vanishes, how evenly, and what was lost.

    watch = Watch()
    for event in events:                         # those of a `Membership` that announces nothing
        sighting = watch.take(event, now_ms)
    watch.members()                              # one `Seen` each, in the order of their first sight

The alive time in an announcement is the clock of its sender. It tells when the announcement was made, and
so, compared with the arrivals, how uneven the way was and how many announcements did not arrive.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import Enum

from refjk.base.errors import Malformed
from refjk.membership.announcement import Announcement
from refjk.membership.events import (
    DatagramRefused,
    Departure,
    Event,
    MemberAdded,
    MemberDropped,
    MemberHeard,
    Refusal,
)
from refjk.membership.tomcat55 import Layout, Tomcat55Membership

WATCHED_MAX = 2000  # more than a table has members, so that one who is gone can be forgotten
BEATS_MAX = 2000  # remembered of each member
STAYS_MAX = 100

_INTERVALS_MAX = 32
_SMOOTHING = 16  # as RFC 3550 smooths its jitter


@dataclass(frozen=True, slots=True)
class AnyLayout(Tomcat55Membership):
    """Reads both layouts of Tomcat 5.5, told apart by what they hold.

    The layout domain has a size where the layout plain has the name, and no name of a node begins with the
    octets of a size that fits.
    """

    def decode(self, octets: bytes) -> Announcement:
        try:
            return Tomcat55Membership(Layout.DOMAIN).decode(octets)
        except Malformed:
            return Tomcat55Membership(Layout.PLAIN).decode(octets)


class Happening(Enum):
    """What was seen of a member."""

    CAME = "came"
    RETURNED = "returned"
    RESTARTED = "restarted"
    BEAT = "beat"
    REPEATED = "repeated"
    VANISHED = "vanished"
    LEFT = "left"


@dataclass(slots=True)
class Stay:
    """From coming to vanishing; `until_ms` None while the member is there.

    `silent_ms` is when it was last heard.
    """

    from_ms: int
    silent_ms: int
    until_ms: int | None = None


@dataclass(slots=True)
class Seen:
    """All that was seen of one member. Times are those of the listener's clock.

    `interval_ms`: between two announcements, by the member's own clock; None before there were two.
    `missed`: announcements that it must have made and that did not arrive; one that was made more than half
    an interval late cannot be told from them.
    """

    member: Announcement
    stays: deque[Stay] = field(default_factory=lambda: deque(maxlen=STAYS_MAX))
    beats_ms: deque[int] = field(default_factory=lambda: deque(maxlen=BEATS_MAX))
    heard: int = 0
    missed: int = 0
    repeated: int = 0
    restarts: int = 0
    gap_ms: int | None = None
    jitter_ms: float = 0.0
    _intervals_ms: deque[int] = field(default_factory=lambda: deque(maxlen=_INTERVALS_MAX))

    @property
    def present(self) -> bool:
        return bool(self.stays) and self.stays[-1].until_ms is None

    @property
    def interval_ms(self) -> int | None:
        # Nodes wait out their interval and are late at times, but never early: the least is the true one.
        return min(self._intervals_ms, default=None)

    @property
    def loss(self) -> float:
        """The share of announcements that did not arrive, 0 to 1."""
        return self.missed / (self.heard + self.missed) if self.heard else 0.0

    def beat(self, member: Announcement, now_ms: int) -> Happening:
        """Takes in a further announcement, also the first one after an absence."""
        made_ms = member.alive_ms - self.member.alive_ms  # since the last one, by the member's clock
        gap_ms = now_ms - self.beats_ms[-1]
        # A new life is younger than the silence before it; what is older than that was overtaken.
        restarted = made_ms < 0 and member.alive_ms < gap_ms
        if made_ms <= 0 and not restarted:
            self.repeated += 1
            self.beats_ms.append(now_ms)
            return Happening.REPEATED
        self.member = member
        self.heard += 1
        self.gap_ms = gap_ms
        self.beats_ms.append(now_ms)
        if restarted:
            self.restarts += 1
            self._intervals_ms.clear()
            return Happening.RESTARTED
        self._intervals_ms.append(made_ms)
        self.missed += max(_rounded(made_ms / (self.interval_ms or made_ms)) - 1, 0)
        self.jitter_ms += (abs(gap_ms - made_ms) - self.jitter_ms) / _SMOOTHING
        return Happening.BEAT


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that happened to one member."""

    at_ms: int
    happening: Happening
    seen: Seen


class Watch:
    """Everybody who was seen. Bounded: who is gone longest is forgotten first."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Seen] = {}
        self.refused: Counter[Refusal] = Counter()
        self.forgotten = 0

    def take(self, event: Event, now_ms: int) -> Sighting | None:
        """None for a datagram that was refused, which is only counted.

        `now_ms` may be late: a heartbeat tells itself how long after the one before it arrived.
        """
        if isinstance(event, DatagramRefused):
            self.refused[event.reason] += 1
            return None
        identity = event.member.identity
        seen = self._seen.get(identity)
        if isinstance(event, MemberDropped):
            return None if seen is None else _gone(seen, event.reason, now_ms)
        if seen is None:
            self._make_room()
            seen = self._seen[identity] = Seen(event.member)
            seen.heard = 1
            seen.beats_ms.append(now_ms)
            happening = Happening.CAME
        else:
            if isinstance(event, MemberHeard):
                now_ms = seen.beats_ms[-1] + event.gap_ms
            happening = seen.beat(event.member, now_ms)
            if isinstance(event, MemberAdded) and happening is not Happening.RESTARTED:
                happening = Happening.RETURNED
        if seen.present:
            seen.stays[-1].silent_ms = now_ms
        else:
            seen.stays.append(Stay(now_ms, now_ms))
        return Sighting(now_ms, happening, seen)

    def members(self) -> tuple[Seen, ...]:
        """In the order of their first sight."""
        return tuple(self._seen.values())

    def _make_room(self) -> None:
        if len(self._seen) >= WATCHED_MAX:
            gone = [
                (seen.beats_ms[-1], identity) for identity, seen in self._seen.items() if not seen.present
            ]
            if gone:
                del self._seen[min(gone)[1]]
                self.forgotten += 1


def _gone(seen: Seen, reason: Departure, now_ms: int) -> Sighting:
    seen.stays[-1].until_ms = now_ms
    return Sighting(now_ms, Happening.LEFT if reason is Departure.LEFT else Happening.VANISHED, seen)


def _rounded(number: float) -> int:
    """Halves upward; `round` would take them to the even side."""
    return math.floor(number + 0.5)
