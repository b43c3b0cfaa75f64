"""What the others say of applications that have not begun at this node."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from refjk.session.messages import SessionMessage
from refjk.session.transfer import Heldable

MESSAGES_MAX = 10_000
OCTETS_MAX = 16 * 1024 * 1024
AGE_MAX_MS = 60_000  # longer than a message is under way


@dataclass(frozen=True, slots=True)
class _Early:
    at_ms: int
    name: str
    message: Heldable

    @property
    def size(self) -> int:
        return len(self.message.octets or b"") if isinstance(self.message, SessionMessage) else 0


class EarlyMessages:
    """Kept in the order in which they came, within bounds; the oldest are given up first. SES-XFR-13"""

    def __init__(self) -> None:
        self._kept: deque[_Early] = deque()
        self._octets = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, name: str, message: Heldable, now_ms: int) -> None:
        """For the application of this name."""
        early = _Early(now_ms, name, message)
        self._kept.append(early)
        self._octets += early.size
        while len(self._kept) > MESSAGES_MAX or self._octets > OCTETS_MAX:
            self._octets -= self._kept.popleft().size
        self._forget_old(now_ms)

    def take(self, name: str, now_ms: int) -> list[Heldable]:
        """What was kept for an application that begins now."""
        self._forget_old(now_ms)
        taken = [early.message for early in self._kept if early.name == name]
        self._kept = deque(early for early in self._kept if early.name != name)
        self._octets = sum(early.size for early in self._kept)
        return taken

    def _forget_old(self, now_ms: int) -> None:
        while self._kept and now_ms - self._kept[0].at_ms > AGE_MAX_MS:
            self._octets -= self._kept.popleft().size
