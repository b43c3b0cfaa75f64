"""The farm deployer of a running node: one thread that owns the `FarmDriver`, and a bounded queue before it.

    farm = FarmNode(node, directories, watch_every=2)    # hears messages from now on, and keeps them
    node.start()
    farm.start(FarmApplications(contexts, loader))       # deploys what lies there, and what the others have
    ...
    farm.stop()                                          # before the node

Whoever brings a message only puts it into the queue; what the driver sends, it sends without any lock.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from refjk.base.errors import InputError, RefjkError
from refjk.farm import (
    Applications,
    Entry,
    FarmAdmission,
    FarmSettings,
    Member,
    Message,
    Report,
    WatchTicks,
)
from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.farm_driver import FarmDirectories, FarmDriver
from refjk.runtime.farm_files import partial_of
from refjk.runtime.farm_messages import FARM_MESSAGES

logger = logging.getLogger("refjk.farm")

LOOK_S = 1.0  # between two ticks of the driver
REPORTS_FILE = "farm-reports.txt"
REPORTS_MAX = 200


@dataclass(frozen=True, slots=True)
class FarmNodeSettings:
    """`watch_every`: background ticks from one look at the watched directory to the next.

    `queue_max` messages wait; who brings one more waits for `offer_s`, after which messages are dropped
    until there is room. A node that starts waits `answer_s` for the first answer of an older member, and
    `caught_up_s` for what that member has.
    """

    watch_every: int = 2
    farm: FarmSettings = field(default_factory=lambda: FarmSettings(deploy_from_wire=True))
    queue_max: int = 512
    offer_s: float = 5.0
    answer_s: float = 6.0
    caught_up_s: float = 60.0


class FarmNode:
    """Made before the node starts; `deployed`, `reports` and `dropped` may be read by any thread."""

    def __init__(
        self, node: ClusterNode, directories: FarmDirectories, settings: FarmNodeSettings | None = None
    ) -> None:
        self._node = node
        self.directories = directories
        self._settings = settings or FarmNodeSettings()
        self._changed = threading.Condition()  # guards the queue and the flags beside it
        self._inbox: deque[Message] = deque()
        self._full = False
        self._members_dirty = True
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="refjk-farm", daemon=True)
        self._driver: FarmDriver | None = None
        self._admission: FarmAdmission | None = None
        self._answered, self._caught_up = threading.Event(), threading.Event()
        self.dropped = 0
        self.deployed: tuple[Entry, ...] = ()
        self.reports: deque[tuple[int, Report]] = deque(maxlen=REPORTS_MAX)
        node.channel.add_listener(self)
        node.add_members_listener(self._take_members)

    # -- life ---------------------------------------------------------------------------------

    def start(self, applications: Applications) -> None:
        """Back when this node has what the oldest member has, or the time for that is over. FAR-LAT-12

        Raises `InputError` for directories that cannot be made.
        """
        watch = self.directories.watch
        if watch is not None:
            try:
                watch.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"watchDir {watch}: {error.strerror}") from None
        driver = FarmDriver(
            self._own_member(),
            self.directories,
            applications,
            self,
            settings=self._settings.farm,
            ticks=WatchTicks(enabled=watch is not None, every=self._settings.watch_every),
            report=self._report,
        )
        slack_ms = 2 * self._node.settings.membership.frequency_ms
        self._admission = FarmAdmission(
            driver.steps, self._node.own_address, self._node.members, slack_ms, self._report
        )
        try:
            driver.start()
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}") from None
        self._driver = driver
        self._thread.start()
        if self._answered.wait(self._settings.answer_s):
            self._caught_up.wait(self._settings.caught_up_s)

    def stop(self, grace_s: float = 5.0) -> None:
        """What is under way may come to its end."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(grace_s)

    # -- the channel's listener ---------------------------------------------------------------

    def accept(self, message: object) -> bool:
        return isinstance(message, FARM_MESSAGES)

    def received(self, message: object) -> None:
        """By the thread of a connection: the sender has its answer when this returns. FAR-DEP-14"""
        assert isinstance(message, FARM_MESSAGES)
        with self._changed:
            # Waits once: with an answer for each message that is too late nobody is served.
            if not self._full and not self._has_room():
                self._full = not self._changed.wait_for(self._has_room, self._settings.offer_s)
            if not self._has_room():
                self.dropped += 1
                return
            self._full = False
            self._inbox.append(message)
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._inbox) < self._settings.queue_max

    def _take_members(self) -> None:
        with self._changed:
            self._members_dirty = True
            self._changed.notify_all()

    @property
    def source(self) -> str | None:
        """The member whose message is being carried out."""
        return None if self._admission is None else self._admission.taking

    # -- the wire of the driver ---------------------------------------------------------------

    def members(self) -> Sequence[str]:
        return [one.name for one in self._node.members() if one.name is not None]

    def send(self, to: str, message: Message) -> None:
        self._node.send_message(
            replace(message, sender=self._own_member(), timestamp_ms=time.time_ns() // 1_000_000), to
        )

    def _own_member(self) -> Member:
        own = self._node.own_address()
        return Member(own.name, own.host, own.port, own.alive_ms, own.message_count, own.domain)

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        driver, admission = self._driver, self._admission
        assert driver is not None and admission is not None
        look_at = time.monotonic()
        background_at = look_at + self._node.settings.tick_s
        while not self._ends:
            message, members_changed = self._next(min(look_at, background_at))
            try:
                if members_changed:
                    driver.run(admission.members_changed(_now_ms()))
                    look_at = 0.0
                if message is not None:
                    driver.run(admission.receive(message, _now_ms()))
                now = time.monotonic()
                if now >= look_at:
                    driver.tick(_now_ms())
                    look_at = now + LOOK_S
                if now >= background_at:
                    driver.background_tick(_now_ms())
                    background_at = time.monotonic() + self._node.settings.tick_s
            except RefjkError as error:
                if not self._ends:  # otherwise the channel is stopped already
                    logger.warning("%s", error)
            except Exception:
                logger.exception("the farm failed at one step, and goes on")
            self.deployed = tuple(driver.deployer.catalog.entries())
            self._catch_up(admission)

    def _catch_up(self, admission: FarmAdmission) -> None:
        if admission.progress():
            self._take_members()  # which asks again at once
        if admission.catching_up.answered:
            self._answered.set()
        if admission.catching_up.done:
            self._caught_up.set()

    def _next(self, until: float) -> tuple[Message | None, bool]:
        """A message that waits, and whether members changed; both may lack when the time has come."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._inbox or self._members_dirty or self._ends, max(until - time.monotonic(), 0)
            )
            message = self._inbox.popleft() if self._inbox else None
            members_changed, self._members_dirty = self._members_dirty, False
            self._changed.notify_all()
        return message, members_changed

    # -- what is told -------------------------------------------------------------------------

    def _report(self, report: Report) -> None:
        """To the log, and to a file for whoever put an archive into the watched directory."""
        if report.refused and self._admission is not None:
            self._admission.catching_up.refused(report.context_path)
        if self.reports and self.reports[-1][1] == report:
            return
        self.reports.append((_now_ms(), report))
        level = logging.WARNING if report.refused else logging.INFO
        logger.log(level, "%s: %s", report.context_path or "/", report.text)
        file = self.directories.temp / REPORTS_FILE
        with contextlib.suppress(OSError):  # the log has it
            partial_of(file).write_text("".join(_line(at_ms, one) for at_ms, one in self.reports), "utf-8")
            os.replace(partial_of(file), file)


def directories_of(base: Path, temp: str, deploy: str, watch: str | None) -> FarmDirectories:
    """Those of a `Deployer`, relative ones below the base. Versions are unpacked in tempDir.

    Raises `InputError` unless they are different ones. FAR-DEP-13
    """
    named = {"tempDir": temp, "deployDir": deploy, **({} if watch is None else {"watchDir": watch})}
    places = {name: Path(os.path.normpath(base / folder)) for name, folder in named.items()}
    if len({path.resolve() for path in places.values()}) < len(places):
        raise InputError(f"Deployer: {', '.join(places)} must be different folders")
    return FarmDirectories(
        places["tempDir"], places["deployDir"], places["tempDir"] / "unpacked", places.get("watchDir")
    )


def _line(at_ms: int, report: Report) -> str:
    """Time, `ok` or `refused`, path, and the rest of the line is text."""
    kind = "refused" if report.refused else "ok"
    return f"{at_ms} {kind} {report.context_path or '/'} {' '.join(report.text.split())}\n"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
