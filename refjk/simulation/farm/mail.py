"""The last bit of way of a message, from the channel to a deployer: where some are lost, doubled or late."""

from __future__ import annotations

import random
from collections.abc import Mapping

from refjk.farm import ArchivePiece, ArchiveRequest, CatalogMessage, FileMessage, Message, UndeployMessage
from refjk.simulation.farm.settings import FarmSimulationSettings

# The words of scenarios.
KINDS: Mapping[str, type[Message]] = {
    "part": FileMessage,
    "undeploy": UndeployMessage,
    "catalog": CatalogMessage,
    "request": ArchiveRequest,
    "piece": ArchivePiece,
}


class Mail:
    """By chance as the settings say, and by hand: `order` decides about one message to come."""

    def __init__(self, settings: FarmSimulationSettings, source: random.Random) -> None:
        self.settings = settings
        self._random = source
        self._orders: list[tuple[str, type[Message], int, tuple[int, ...]]] = []

    def order(self, node: str, kind: str, count: int, delays_ms: tuple[int, ...]) -> None:
        """The `count`th message of a kind that comes to a node from now on comes after each of the delays."""
        self._orders.append((node, KINDS[kind], count, delays_ms))

    def delays_ms(self, node: str, message: Message) -> tuple[int, ...]:
        """After how long a message is there: usually once, at once. Empty: it is lost."""
        ordered = None
        for at, (to, kind, count, delays_ms) in enumerate(self._orders):
            if to == node and isinstance(message, kind):
                self._orders[at] = (to, kind, count - 1, delays_ms)
                if count == 1:
                    ordered = delays_ms
        self._orders = [order for order in self._orders if order[2] > 0]
        return self._by_chance() if ordered is None else ordered

    def _by_chance(self) -> tuple[int, ...]:
        settings, chance = self.settings, self._random
        if settings.lost and chance.random() < settings.lost:
            return ()
        late = settings.late and chance.random() < settings.late
        delay_ms = chance.randint(1, max(settings.late_ms, 1)) if late else 0
        if settings.doubled and chance.random() < settings.doubled:
            return delay_ms, chance.randint(0, settings.late_ms)
        return (delay_ms,)


def describe_message(message: Message) -> str:
    """For people, in a few words."""
    if isinstance(message, FileMessage):
        name = (message.file_name or "").rpartition("/")[2]
        return f"part {message.number} of {message.total} of {name}"
    if isinstance(message, UndeployMessage):
        return f"undeploy {message.context_path}" + ("" if message.undeploy else ", a new version comes")
    if isinstance(message, CatalogMessage):
        entries = ", ".join(
            f"{one.context_path or '/'} {one.digest.hex()[:6] if one.digest else 'removed'}"
            for one in message.entries
        )
        return f"catalog{', and yours?' if message.answer_wanted else ''}: {entries or 'empty'}"
    if isinstance(message, ArchiveRequest):
        return f"octets of {message.digest.hex()[:6]} from {message.offset} on, please"
    return f"octets of {message.digest.hex()[:6]} from {message.offset}: {len(message.data)}"
