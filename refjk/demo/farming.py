"""The farm in a node of the demo: what comes from the watched directory serves beside the demo's own page."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from refjk.base.errors import InputError
from refjk.configuration import WebApplication as Descriptor
from refjk.demo.app import manager_settings
from refjk.demo.gossip import Deployed
from refjk.demo.node_options import NodeOptions
from refjk.farm import SUFFIX, Report, WebApplication, file_name_of
from refjk.runtime.applications import Application, ApplicationLoader
from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.contexts import Contexts, wire_text
from refjk.runtime.farm_applications import FarmApplications, StartedVersion
from refjk.runtime.farm_files import CHUNK_SIZE, opened_file, unpacked_folder
from refjk.runtime.farm_node import FarmNode
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.runtime.sessions import Sessions
from refjk.runtime.wsgi import WsgiApplication

_MINUTE_S = 60


class Farming:
    """`served` is the callable of all paths at which nothing is deployed. `deployed`: from any thread."""

    def __init__(
        self, options: NodeOptions, node: ClusterNode, farm: FarmNode, served: WsgiApplication
    ) -> None:
        self._options = options
        self._node = node
        self._farm = farm
        self._sessions: dict[str, Sessions] = {}
        self._since_ms: dict[str, int] = {}
        page = Application("", None, Descriptor("refjk.demo"), servlets={"": served})
        self.contexts = Contexts([page], self._with_sessions, {"refjk.node": options.name})

    def start(self) -> None:
        """Back when this node has what the others have. Raises `InputError`."""
        applications = FarmApplications(self.contexts, ApplicationLoader(), self._settle)
        self._farm.start(_FromTheDirectory(applications, self._options, self._took_over))

    def deployed(self) -> tuple[Deployed, ...]:
        found = []
        for application in self.contexts.applications:
            if application.folder is not None:
                # The folder of a version is named by its digest.
                name = application.web.display_name.value or application.folder.name.rpartition("-")[2][:8]
                path = application.path.encode("latin-1").decode(errors="replace")
                found.append(Deployed(path, name, self._since_ms.get(application.path, 0)))
        return tuple(found)

    def refused(self) -> list[str]:
        """Why archives that lie in the watched directory are not deployed."""
        latest = {_file_of(report): report for _, report in list(self._farm.reports)}
        return [
            f"{name}: {report.text}"
            for name, report in latest.items()
            if report.refused and (self._options.watched() / name).exists()
        ]

    def _took_over(self, context_path: str) -> None:
        self._since_ms[wire_text(context_path)] = time.time_ns() // 1_000_000

    def _with_sessions(self, application: Application, served: WsgiApplication) -> WsgiApplication:
        """A version that replaces another one goes on with the sessions of the path."""
        path = application.path
        if not path:
            return served
        settings = replace(
            manager_settings(self._options.name),
            context_name=path,
            max_inactive_interval=application.web.session_timeout.value * _MINUTE_S,
        )
        if not application.distributable:
            return SessionMiddleware(served, Sessions.alone(settings))
        if path in self._sessions:
            with self._node.lock:
                self._sessions[path].manager.settings = settings
        else:
            self._sessions[path] = self._node.add_context(settings, asked=self._farm.source)
        return SessionMiddleware(served, self._sessions[path])

    def _settle(self, path: str, application: Application | None) -> None:
        if application is None or not application.distributable:
            sessions = self._sessions.pop(path, None)
            if sessions is not None:
                self._node.remove_context(sessions)


@dataclass(frozen=True, slots=True)
class _Started:
    """A version, and whom to tell when it has taken over."""

    version: StartedVersion
    took_over: Callable[[], None]

    def take_over(self) -> None:
        self.version.take_over()
        self.took_over()

    def give_up(self) -> None:
        self.version.give_up()


def _file_of(report: Report) -> str:
    """What a report is about: it has the file's name where that gives no path."""
    about = report.context_path
    return about if about.endswith(SUFFIX) else file_name_of(about)


class _FromTheDirectory:
    """Starts only what somebody has put into the watched directory, whatever came by the wire.

    Everybody on this machine can reach a receiver and speak for a member; who may write into that directory
    is another matter. What a node has deployed has been there, too.
    """

    def __init__(
        self, applications: FarmApplications, options: NodeOptions, took_over: Callable[[str], None]
    ) -> None:
        self._applications = applications
        self._took_over = took_over
        self._places = [options.watched(), *map(options.deploy_directory, options.names)]

    def start(self, context_path: str, folder: Path, application: WebApplication) -> _Started:
        if not context_path:
            raise InputError("the page of the demo is there, and stays")
        name = file_name_of(context_path)
        if not any(unpacked_folder(folder.parent, name, one) == folder for one in self._digests(name)):
            raise InputError("it was not put into the watched directory")
        started = self._applications.start(context_path, folder, application)
        return _Started(started, lambda: self._took_over(context_path))

    def stop(self, context_path: str) -> None:
        if context_path:
            self._applications.stop(context_path)

    def _digests(self, name: str) -> list[bytes]:
        found = []
        for place in self._places:
            digest = hashlib.sha256()
            try:
                with opened_file(place / name) as file:
                    while chunk := file.read(CHUNK_SIZE):
                        digest.update(chunk)
            except (InputError, OSError):
                continue
            found.append(digest.digest())
        return found
