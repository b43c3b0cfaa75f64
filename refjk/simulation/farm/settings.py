"""What a simulated farm is set to, in the words of scenarios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from refjk.farm import FarmSettings, FetchRules, LateJoinerRules, TransferLimits
from refjk.simulation.cluster.settings import (
    NAMES,
    ClusterSettings,
    above_0,
    share,
    whole_ms,
    whole_number,
    with_setting,
)


@dataclass(frozen=True, slots=True)
class FarmSimulationSettings:
    """Times in ms. `lost`, `doubled` and `late` are shares of the messages that come to a deployer.

    A late one comes up to `late_ms` later, others meanwhile before it. `skew_ms`: how far the clocks of the
    machines are apart at most.
    """

    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    look_ms: int = 1000  # between two looks at the watched directory
    tick_ms: int = 1000
    start_ms: int = 0  # what the start of an application takes
    queue_max: int = 512  # messages that wait for a deployer
    catalog_ms: int = 30_000
    answer_ms: int = 5000  # for a catalog
    silent_ms: int = 600_000
    fetch_ms: int = 5000  # for a piece
    fetches: int = 4
    transfers: int = 16
    transfer_ms: int = 60_000  # without a part
    skew_ms: int = 0
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_ms: int = 0

    @property
    def farm(self) -> FarmSettings:
        """The rules of the deployers."""
        return FarmSettings(
            deploy_from_wire=True,
            transfers=TransferLimits(
                transfers=self.transfers,
                transfers_of_sender=max(self.transfers // 4, 1),
                silence_ms=self.transfer_ms,
            ),
            fetching=FetchRules(self.fetch_ms),
            joining=LateJoinerRules(
                every_ms=self.catalog_ms,
                answer_ms=self.answer_ms,
                silent_ms=self.silent_ms,
                refused_ms=self.silent_ms,
                fetches=self.fetches,
            ),
        )

    @property
    def settle_ms(self) -> int:
        """After the last fault and restart: how long until all must have the same, and nothing is under way.

        All see all; transfers and fetches that wait for something are given up; members that were left alone
        are asked again; the catalogs of the youngest reach the oldest, and from there all others.
        """
        waited = self.transfer_ms + 5 * self.fetch_ms + self.silent_ms
        sent = self.cluster.answer_time_ms + self.cluster.connect_time_ms
        return self.cluster.settle_ms + waited + 8 * (self.catalog_ms + self.tick_ms) + 4 * sent


# What follows `set` beside the settings of the cluster.
FARM_NAMES: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "look": (above_0(whole_ms), "look_ms"),
    "start": (whole_ms, "start_ms"),
    "inbox": (above_0(whole_number), "queue_max"),
    "catalog": (above_0(whole_ms), "catalog_ms"),
    "catalog-answer": (above_0(whole_ms), "answer_ms"),
    "silent": (above_0(whole_ms), "silent_ms"),
    "fetch": (above_0(whole_ms), "fetch_ms"),
    "fetches": (above_0(whole_number), "fetches"),
    "transfers": (above_0(whole_number), "transfers"),
    "transfer": (above_0(whole_ms), "transfer_ms"),
    "skew": (whole_ms, "skew_ms"),
    "lost": (share, "lost"),
    "doubled": (share, "doubled"),
    "late": (share, "late"),
    "late-by": (whole_ms, "late_ms"),
}
# These may change while nodes run.
OF_THE_MAIL = ("lost", "doubled", "late", "late-by")


def with_farm_setting(settings: FarmSimulationSettings, name: str, text: str) -> FarmSimulationSettings:
    """Raises `ValueError` for a name or value that does not exist."""
    if name in FARM_NAMES:
        read, field_name = FARM_NAMES[name]
        return replace(settings, **{field_name: read(text)})
    if name not in NAMES:
        raise ValueError(f"{name!r} cannot be set; what can: {', '.join([*FARM_NAMES, *NAMES])}")
    return replace(settings, cluster=with_setting(settings.cluster, name, text))
