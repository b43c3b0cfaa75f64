"""The simulated disk does what the directories of the runtime do, and fails where it is told to."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from refjk.base.errors import InputError, Malformed
from refjk.farm import ArchiveLimits, Disk, Lying
from refjk.runtime.farm_driver import FarmDirectories, FarmDisk
from refjk.runtime.war_archive import build_archive
from refjk.simulation.farm.archives import make_archive
from refjk.simulation.farm.disk import SimulatedDisk, Step, Traps

WEB_XML = (
    "<web-app><context-param><param-name>refjk.application</param-name>"
    "<param-value>shop:application</param-value></context-param></web-app>"
)
VERSIONS = ("v1", "v2", "v3")
NAMES = ("shop.war", "blog.war")


class Real:
    """A disk with real directories and archives."""

    def __init__(self, root: Path) -> None:
        self.where = FarmDirectories(root / "temp", root / "deploy", root / "unpacked", root / "watch")
        self.disk: Disk = FarmDisk(self.where, ArchiveLimits())
        self.octets: dict[str, bytes] = {}
        assert self.where.watch is not None
        self.where.watch.mkdir()
        for version in VERSIONS:
            source = root / version
            (source / "WEB-INF").mkdir(parents=True)
            (source / "WEB-INF/web.xml").write_text(WEB_XML, "utf-8")
            (source / "page").write_text(version, "utf-8")
            build_archive(source, root / f"{version}.war")
            self.octets[version] = (root / f"{version}.war").read_bytes()

    def put(self, name: str, octets: bytes) -> None:
        assert self.where.watch is not None
        (self.where.watch / name).write_bytes(octets)

    def state(self) -> tuple[int, dict[str, int], int]:
        deploy = {path.name: path.stat().st_mtime_ns // 1_000_000 for path in self.where.deploy.iterdir()}
        return len(list(self.where.temp.iterdir())), deploy, len(list(self.where.unpacked.iterdir()))


class Simulated:
    def __init__(self) -> None:
        self.simulated = SimulatedDisk(Traps(lambda step, how: None, {}, {}), lambda name, version: None)
        self.disk: Disk = self.simulated
        self.octets = {version: make_archive("shop", version, 400) for version in VERSIONS}

    def put(self, name: str, octets: bytes) -> None:
        self.simulated.watch[name] = (octets, 0)

    def state(self) -> tuple[int, dict[str, int], int]:
        disk = self.simulated
        deploy = {name: placed.stamp_ms for name, placed in disk.deploy.items()}
        return len(disk.temp), deploy, len(disk.unpacked_versions)


class Play:
    """The same calls, by chance, and what each came to."""

    def __init__(self, node: Real | Simulated, seed: int) -> None:
        self.node = node
        self.chance = random.Random(seed)
        self.transfers = 0
        self.known: dict[int, str] = {}  # transfers, and the version of which they are
        list(node.disk.begin())

    def step(self) -> str:
        acts: list[Callable[[], object]] = [
            self.copy,
            self.store,
            self.store,
            self.install,
            self.install,
            self.remove,
            self.discard,
            self.prune,
            self.begin,
            self.read,
        ]
        act = self.chance.choice(acts)
        try:
            return f"{act.__name__} {act()}"
        except (InputError, Malformed) as error:
            return f"{act.__name__} {type(error).__name__}"

    def copy(self) -> None:
        version, name = self.chance.choice(VERSIONS), self.chance.choice(NAMES)
        self.node.put(name, self.node.octets[version])
        self.transfers += 1
        self.known[self.transfers] = version
        self.node.disk.copy_watched(name, self.transfers)

    def store(self) -> None:
        """The second half, then the first or not."""
        version, whole = self.chance.choice(VERSIONS), self.chance.random() < 0.6
        octets = self.node.octets[version]
        half = len(octets) // 2
        self.transfers += 1
        self.known[self.transfers] = version
        self.node.disk.store(self.transfers, half, octets[half:])
        if whole:
            self.node.disk.store(self.transfers, 0, octets[:half])

    def install(self) -> str:
        transfer, name = self.chance.randint(1, self.transfers + 1), self.chance.choice(NAMES)
        checked = self.node.disk.verify(transfer)
        folder = self.node.disk.unpacked(transfer, name, checked.digest)
        self.node.disk.replace(transfer, name, checked.digest, 1000 + transfer)
        return f"{checked.size == len(self.node.octets[self.known[transfer]])} {bool(folder)}"

    def remove(self) -> None:
        self.node.disk.remove(self.chance.choice(NAMES))

    def discard(self) -> None:
        self.node.disk.discard(self.chance.randint(1, self.transfers + 1))

    def prune(self) -> None:
        name, lying = self.chance.choice(NAMES), [one for one in self.node.disk.begin()]
        self.node.disk.prune(
            name, [one.checked.digest for one in lying if isinstance(one, Lying) and one.name == name]
        )

    def begin(self) -> list[str]:
        return [one.name for one in self.node.disk.begin() if isinstance(one, Lying)]

    def read(self) -> str:
        with self.node.disk.deployed(self.chance.choice(NAMES)) as file:
            return str(len(file.read(3)))


@pytest.mark.parametrize("seed", range(10))
def test_the_simulated_disk_and_the_real_one_come_to_the_same(tmp_path: Path, seed: int) -> None:
    real, simulated = Play(Real(tmp_path), seed), Play(Simulated(), seed)
    for _ in range(40):
        assert real.step() == simulated.step()
        assert real.node.state() == simulated.node.state()


@pytest.mark.parametrize("step", [Step.WRITE, Step.REPLACE, Step.UNPACK])
def test_a_disk_that_fails_leaves_nothing_half_written(step: Step) -> None:
    node = Simulated()
    node.put("shop.war", node.octets["v1"])
    node.disk.copy_watched("shop.war", 1)
    digest = node.disk.verify(1).digest
    node.simulated._traps.fails[step] = 1
    with pytest.raises(InputError, match="No space left"):
        node.disk.unpacked(1, "shop.war", digest)
        node.disk.replace(1, "shop.war", digest, 5)

    assert (node.simulated.partial, node.simulated.deploy) == ({}, {})
    assert None not in node.simulated.unpacked_versions.values()
