"""The applications that the farm starts and stops, at their paths in a running host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from refjk.base.errors import InputError
from refjk.farm import WebApplication
from refjk.runtime.applications import Application, ApplicationLoader
from refjk.runtime.contexts import Contexts, wire_text
from refjk.runtime.mounted import Mounted

STOP_S = 10.0  # for requests that run when their application is removed


class FarmApplications:
    """What a `FarmDriver` deploys to. `settle` is told what is at a path after each change: None, nothing.

    What server.xml says of a path holds for each version that comes to it.
    """

    def __init__(
        self,
        contexts: Contexts,
        loader: ApplicationLoader,
        settle: Callable[[str, Application | None], None] = lambda path, application: None,
        *,
        stop_s: float = STOP_S,
    ) -> None:
        self._contexts = contexts
        self._loader = loader
        self._settle = settle
        self._stop_s = stop_s

    def start(self, context_path: str, folder: Path, application: WebApplication) -> StartedVersion:
        """Raises `InputError`, and whatever its sessions may raise. FAR-VER-05"""
        path = wire_text(context_path)
        current = self._contexts.get(path)
        context = None if current is None else current.application.context
        loaded = self._loader.load_folder(path, folder, context, fresh=True)
        if loaded.error is not None:
            raise InputError(loaded.error)
        try:
            return StartedVersion(self, self._contexts.prepare(loaded))
        except BaseException:
            self._end(loaded)
            raise

    def stop(self, context_path: str) -> None:
        """Requests that run have some time to come to their end."""
        removed = self._contexts.remove(wire_text(context_path))
        if removed is not None:
            removed.close(self._stop_s)
            self._end(removed.application)

    def take_over(self, mounted: Mounted) -> None:
        replaced = self._contexts.put(mounted)
        if replaced is None:
            return
        if replaced.application.distributable and not mounted.application.distributable:
            replaced.close(self._stop_s)  # its sessions are about to end
        self._end(replaced.application)

    def give_up(self, mounted: Mounted) -> None:
        self._end(mounted.application)

    def _end(self, application: Application) -> None:
        self._loader.unload(application)
        left = self._contexts.get(application.path)
        self._settle(application.path, None if left is None else left.application)


class StartedVersion:
    """A version that is loaded and has its sessions; it gets no request before `take_over`."""

    def __init__(self, applications: FarmApplications, mounted: Mounted) -> None:
        self._applications = applications
        self._mounted = mounted

    def take_over(self) -> None:
        self._applications.take_over(self._mounted)

    def give_up(self) -> None:
        self._applications.give_up(self._mounted)
