"""A front that a `httpd.conf` describes: where it listens, what it logs, what it serves by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from refjk.base.errors import UsageError
from refjk.configuration import (
    Complaints,
    Configuration,
    Listen,
    LogLevel,
    MountRule,
    Profile,
    read_mount_file,
)
from refjk.runtime.addresses import Address
from refjk.runtime.disk_files import DiskFiles
from refjk.runtime.front import HTTP_PORT_DEFAULT, Front
from refjk.runtime.front_files import FileService
from refjk.runtime.front_logs import FrontLogs
from refjk.runtime.front_settings import ServingSettings
from refjk.runtime.front_status import StatusService, new_key
from refjk.runtime.jk_log import JkLog
from refjk.runtime.shared_memory import SharedMemory
from refjk.runtime.traffic_trace import TrafficTrace
from refjk.webserver import Plan, compose

ANYWHERE = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class Site:
    """A configuration that was not refused, and what it comes to."""

    configuration: Configuration
    plan: Plan

    @classmethod
    def of(cls, configuration: Configuration) -> Site:
        """Raises `UsageError` when there is nothing to serve."""
        plan = compose(configuration)
        has_files = any(host.document_root or host.auto_alias for host in plan.hosts)
        if not has_files and not any(host.mounts or host.paths for host in plan.hosts):
            raise UsageError(f"{configuration.files[0]} has no JkMount and no DocumentRoot: nothing to serve")
        return cls(configuration, plan)

    def addresses(self) -> tuple[Address, ...]:
        """Where to listen. A configuration without Listen gets the loopback address. FWD-LSN-01"""
        if not self.configuration.listen:
            return (Address("127.0.0.1", HTTP_PORT_DEFAULT),)
        return tuple(dict.fromkeys(_address(listen) for listen in self.configuration.listen))

    def settings(self, settings: ServingSettings) -> ServingSettings:
        """As many threads as the configuration says, if it says so."""
        threads = self.configuration.threads
        return replace(settings, threads=threads.value) if threads.is_given else settings

    def front(
        self,
        settings: ServingSettings,
        sockets: Sequence[socket.socket],
        logs: FrontLogs,
        *,
        memory: SharedMemory | None = None,
        slot: int = 0,
        key: bytes | None = None,
        remote_status: bool = False,
    ) -> Front:
        """A front with all that the configuration says, on sockets that listen already.

        `key` makes the tokens of status forms, the same in all processes; `remote_status`: status pages are
        not for this machine alone.
        """
        log = logs.main
        is_old = self.configuration.profile.value is Profile.V1_2_7
        front = Front(
            self.settings(settings),
            plan=self.plan,
            sockets=sockets,
            memory=memory,
            slot=slot,
            lock=None if memory is None else memory.lock,
            watchdog_s=0 if is_old else max(0, self.configuration.watchdog_interval.value),
            read_mount_file=_read_mount_file,
            logs=logs,
            trace=_decisions(log) if log is not None and log.is_on(LogLevel.DEBUG) else None,
        )
        status = StatusService(front, self.configuration, key or new_key(), memory, remote=remote_status)
        front.services += [status, FileService(self.plan)]
        if log is not None and log.is_on(LogLevel.TRACE):
            front.trace_traffic(lambda name: TrafficTrace(log, name))
        return front


def _address(listen: Listen) -> Address:
    return Address(listen.host or ANYWHERE, listen.port)


def _decisions(log: JkLog) -> Callable[[str], None]:
    """Decisions at debug, with arrows that a log can hold, in the name of who notes them down."""
    arrows = str.maketrans({"→": "->", "←": "<-"})
    return lambda text: log.log(LogLevel.DEBUG, text.translate(arrows), 3)


def _read_mount_file(file: str) -> tuple[MountRule, ...]:
    """Raises `InputError` when the file cannot be read; what is wrong in it is left out."""
    return read_mount_file(DiskFiles().read(file), file, Complaints())
