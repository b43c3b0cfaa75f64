"""What a front looks after beside requests: maintenance, and mount files that have changed."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from refjk.base.errors import RefjkError
from refjk.configuration import MountRule
from refjk.mapping import MountFileWatch
from refjk.webserver import Host, Hosts

logger = logging.getLogger("refjk.front")

ReadMountFile = Callable[[str], tuple[MountRule, ...]]
"""Reads a mount file anew; raises `RefjkError`."""


class Chores:
    """Mount files are looked at when requests come; `maintain` is called every `watchdog_s` seconds, if ever.

    FWD-CHO-01
    """

    def __init__(
        self,
        hosts: Hosts,
        maintain: Callable[[int], None],
        watchdog_s: int,
        read_mount_file: ReadMountFile | None,
        now_ms: int,
    ) -> None:
        self._maintain = maintain
        self._watchdog_s = watchdog_s
        self._read = read_mount_file
        self._watches = [
            (host, host.plan.mount_file, MountFileWatch(_stamp(host.plan.mount_file), now_ms, reload_s))
            for host in hosts.all
            if host.plan.mount_file and (reload_s := host.plan.mount_file_reload_s) > 0
        ]
        self._lock = threading.Lock()  # one request at a time looks at the files; the others go on
        self._ends = threading.Event()

    @property
    def has_files(self) -> bool:
        """Whether `look` ever does anything."""
        return bool(self._watches)

    def start(self) -> None:
        """The watchdog begins, if there is one."""
        if self._watchdog_s > 0:
            threading.Thread(target=self._watch, name="refjk watchdog", daemon=True).start()

    def stop(self) -> None:
        """The watchdog ends."""
        self._ends.set()

    def look(self, now_ms: int) -> None:
        """A request has come: whose mount file is due is looked at."""
        if self._lock.acquire(blocking=False):
            try:
                for host, file, watch in self._watches:
                    if watch.is_due(now_ms):
                        self._look_at(host, file, watch, now_ms)
            finally:
                self._lock.release()

    def _watch(self) -> None:
        while not self._ends.wait(self._watchdog_s):
            self._maintain(int(time.monotonic() * 1000))

    def _look_at(self, host: Host, file: str, watch: MountFileWatch, now_ms: int) -> None:
        """MAP-RLD-02"""
        stamp = _stamp(file)
        # A file that is gone for a moment leaves the rules as they are, and is looked at again.
        if watch.looked(stamp, now_ms) and stamp is not None and self._read is not None:
            try:
                host.adopt_mount_file(self._read(file))
                logger.info("%s: read again", file)
            except RefjkError as error:
                logger.error("%s: %s; the rules stay as they were", file, error)


def _stamp(file: str | None) -> tuple[int, int] | None:
    try:
        found = os.stat(file or "")
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
