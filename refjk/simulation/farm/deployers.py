"""The two kinds of nodes: with refjk's deployer, and with one like that of Tomcat 5.5.5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from refjk.farm import (
    ArchivePiece,
    ArchiveRequest,
    CatalogMessage,
    FarmAdmission,
    FarmSteps,
    FileMessage,
    Message,
    OriginalDeployer,
    Outgoing,
    Report,
    Seen,
    Started,
    UndeployMessage,
    WatchTicks,
    WebApplication,
    file_name_of,
)
from refjk.simulation.cluster.journal import Started as NodeStarted
from refjk.simulation.farm.archives import Flaw, Judged, describe
from refjk.simulation.farm.disk import Placed, SimulatedDisk, Step, Traps
from refjk.simulation.farm.process import FarmThread, Machine, Shared, Sprung
from refjk.simulation.farm.records import CaughtUp, Ended, InPlace, Reported, TookOver
from refjk.simulation.farm.records import Sprung as SprungRecord

_EXTENSION = (CatalogMessage, ArchiveRequest, ArchivePiece)


class FarmMachine(Machine):
    """A machine with a disk. `original`: its processes are like those of Tomcat 5.5.5."""

    def __init__(self, shared: Shared, name: str, number: int, *, original: bool) -> None:
        super().__init__(shared.about, name, number)
        self._shared = shared
        self.original = original
        self.skew_ms = shared.random.randint(-shared.settings.skew_ms, shared.settings.skew_ms)
        self.traps = Traps(self._spring, {}, {})
        self.disk = SimulatedDisk(self.traps, self._placed)
        self.thread: FarmProcess | OriginalProcess | None = None

    def sending(self) -> None:
        self.traps.meet(Step.SEND)

    def start(self, names: dict[bytes, str]) -> None:
        again, self._started = self._started, True
        was_up, self.up = self.up, True
        self._about.journal.note(NodeStarted(self._about.clock.now_ms, self.name, again))
        kind = OriginalProcess if self.original else FarmProcess
        self._process = self.thread = kind(self._shared, self, names)
        self.thread.receiver.handling_ms = self._handling_ms
        if not was_up:
            self._about.network.machine_began()

    @property
    def serving(self) -> dict[str, str]:
        """The version that serves of each archive."""
        return {} if self.thread is None else dict(self.thread.serving)

    def _end(self, *, machine: bool) -> None:
        self.thread = None
        self.traps.ends.clear()
        super()._end(machine=machine)

    def _placed(self, archive: str, version: str | None) -> None:
        self._shared.journal.note(InPlace(self._about.clock.now_ms, self.name, archive, version))

    def _spring(self, step: Step, how: str) -> None:
        self._shared.journal.note(SprungRecord(self._about.clock.now_ms, self.name, step.value))
        raise Sprung(how)


class FarmProcess(FarmThread):
    """The steps of refjk's deployer on the simulated disk. The applications are here, too."""

    def __init__(self, shared: Shared, node: FarmMachine, names: dict[bytes, str]) -> None:
        self._disk = node.disk
        self.serving: dict[str, str] = {}
        self._parts: tuple[FarmSteps, FarmAdmission] | None = None
        self._look_at_ms = self._background_at_ms = 0
        self._caught_up = False
        super().__init__(shared, node, names, node.skew_ms)

    def begin(self) -> None:
        settings = self._shared.settings
        steps = self._shared.steps(
            self.own(),
            self._disk,
            self,
            self.names,
            settings=settings.farm,
            ticks=WatchTicks(enabled=True, every=1),
            folder="/watch",
            report=self._report,
        )
        slack_ms = 2 * settings.cluster.frequency_ms
        self._parts = steps, FarmAdmission(steps, self.own, self.others, slack_ms, self._report)
        steps.start()
        self._look_at_ms = self.now_ms
        self._background_at_ms = self.now_ms + settings.look_ms

    def next_wakeup_ms(self) -> int:
        return min(self._look_at_ms, self._background_at_ms)

    def round(self, message: Message | None, members_changed: bool) -> Iterator[Outgoing]:
        assert self._parts is not None
        steps, admission = self._parts
        if members_changed:
            yield from admission.members_changed(self.wall_ms)
            self._look_at_ms = 0
        if message is not None:
            yield from admission.receive(message, self.wall_ms)
        if self.now_ms >= self._look_at_ms:
            yield from steps.tick(self.wall_ms)
            self._look_at_ms = self.now_ms + self._shared.settings.tick_ms
        if self.now_ms >= self._background_at_ms:
            yield from steps.background_tick(self.wall_ms)
            self._background_at_ms = self.now_ms + self._shared.settings.look_ms
        if admission.progress():
            self._members_dirty = True  # which asks again at once
        if admission.catching_up.done and not self._caught_up:
            self._caught_up = True
            self._shared.journal.note(CaughtUp(self.now_ms, self._name))

    def _report(self, report: Report) -> None:
        if report.refused and self._parts is not None:
            self._parts[1].catching_up.refused(report.context_path)
        self._shared.journal.note(Reported(self.now_ms, self._name, report.context_path, report.text))

    # The applications.

    def start(self, context_path: str, folder: Path, application: WebApplication) -> Started:
        archive, digest = folder.parent.name, bytes.fromhex(folder.name)
        judged = self._disk.unpacked_versions[archive, digest]
        assert judged is not None
        self.busy_ms += self._shared.settings.start_ms
        if judged.flaw is Flaw.LAME:
            raise ImportError(f"{archive} {judged.version} does not start")
        return _StartedVersion(self, archive, judged)

    def stop(self, context_path: str) -> None:
        archive = file_name_of(context_path)
        version = self.serving.pop(archive, None)
        if version is not None:
            self._shared.journal.note(Ended(self.now_ms, self._name, archive, version))

    def take_over(self, archive: str, version: str) -> None:
        before = self.serving.get(archive)
        self.serving[archive] = version
        self._shared.journal.note(TookOver(self.now_ms, self._name, archive, version, before))


class _StartedVersion:
    def __init__(self, process: FarmProcess, archive: str, judged: Judged) -> None:
        self._process = process
        self._archive = archive
        self._judged = judged

    def take_over(self) -> None:
        self._process.take_over(self._archive, self._judged.version)

    def give_up(self) -> None:
        """It had no request yet."""


class OriginalProcess(FarmThread):
    """A deployer of Tomcat 5.5.5 and its host. Messages of refjk's extension it cannot read.

    What its host serves is told as the octets have it: whole or not.
    """

    def __init__(self, shared: Shared, node: FarmMachine, names: dict[bytes, str]) -> None:
        self._disk = node.disk
        self.serving: dict[str, str] = {}
        self._temp: dict[str, bytearray] = {}
        self._serviced: set[str] = set()
        self._deployer = OriginalDeployer(self, watch_enabled=True)
        self._background_at_ms = 0
        super().__init__(shared, node, names, node.skew_ms)

    def understands(self, message: Message) -> bool:
        return not isinstance(message, _EXTENSION)

    def begin(self) -> None:
        for name in sorted(self._disk.deploy):
            self.check(_original_path(name))
        self._background_at_ms = self.now_ms + self._shared.settings.look_ms

    def next_wakeup_ms(self) -> int:
        return self._background_at_ms

    def round(self, message: Message | None, members_changed: bool) -> Iterator[Outgoing]:
        if isinstance(message, FileMessage | UndeployMessage):
            self._deployer.receive(message)
        if self.now_ms < self._background_at_ms:
            return
        for told in self._deployer.tick(self.wall_ms * 1_000_000, "/watch"):
            for member in self.names():
                yield Outgoing(member, told)
        self._background_at_ms = self.now_ms + self._shared.settings.look_ms

    # Its host.

    def is_serviced(self, path: str) -> bool:
        return path in self._serviced

    def add_serviced(self, path: str) -> None:
        self._serviced.add(path)

    def remove_serviced(self, path: str) -> None:
        self._serviced.discard(path)

    def check(self, path: str) -> None:
        """Deploys what lies there and does not run."""
        name = _original_name(path)
        if name not in self._disk.deploy or name in self.serving:
            return
        self.serving[name] = describe(self._disk.deploy[name].octets)
        self._shared.journal.note(TookOver(self.now_ms, self._name, name, self.serving[name], None))

    def stop(self, path: str) -> bool:
        version = self.serving.pop(_original_name(path), None)
        if version is not None:
            self._shared.journal.note(Ended(self.now_ms, self._name, _original_name(path), version))
        return version is not None

    def delete(self, path: str) -> None:
        self._disk.remove(_original_name(path))

    def entries(self) -> Sequence[Seen]:
        return self._disk.entries()

    def watched(self, name: str) -> bytes:
        return self._disk.watch[name][0]

    def copy_to_deploy(self, name: str) -> None:
        self._place(name, self._disk.watch[name][0])
        self.check(_original_path(name))

    def clear_temp(self, name: str) -> None:
        self._temp[name] = bytearray()

    def append_temp(self, name: str, octets: bytes) -> None:
        self._temp.setdefault(name, bytearray()).extend(octets)

    def move_to_deploy(self, name: str) -> None:
        self._place(name, bytes(self._temp.pop(name)))

    def _place(self, name: str, octets: bytes) -> None:
        self._disk.deploy[name] = Placed(octets, self.wall_ms)
        self._shared.journal.note(InPlace(self.now_ms, self._name, name, describe(octets)))


def _original_name(path: str) -> str:
    return f"{path.removeprefix('/')}.war"


def _original_path(name: str) -> str:
    return f"/{name.removesuffix('.war')}"
