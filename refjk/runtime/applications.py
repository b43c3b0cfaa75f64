"""Applications of a node: a folder with `WEB-INF/web.xml`, or a callable of a module.

    loader = ApplicationLoader()
    application = loader.load_folder("/shop", Path("webapps/shop"))
    application = loader.load_callable("/api", "shop.api:app")

Nothing is raised for what is wrong with an application: it has an `error` then, and others go on.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from types import ModuleType

from refjk.base.errors import InputError, RefjkError
from refjk.configuration import (
    ContextElement,
    Severity,
    WebApplication,
    raise_if_refused,
    read_web_xml,
)
from refjk.runtime.disk_files import DiskFiles
from refjk.runtime.loading import load_application
from refjk.runtime.wsgi import WsgiApplication

logger = logging.getLogger("refjk.runtime")

_ARCHIVES = (".zip", ".whl")


@dataclass(frozen=True, slots=True)
class Application:
    """An application that is mounted at a context path, the empty one for the root.

    `servlets` are its callables by name; `listeners` what its web.xml names; `context` what server.xml
    says of it, if it does. `error` tells why it could not be started.
    """

    path: str
    folder: Path | None
    web: WebApplication
    servlets: Mapping[str, WsgiApplication] = field(default_factory=dict)
    listeners: tuple[object, ...] = ()
    context: ContextElement | None = None
    error: str | None = None

    @property
    def distributable(self) -> bool:
        """Whether its sessions are replicated, if there is a cluster. SXM-CTX-03"""
        if self.context is not None and self.context.manager is not None:
            return self.context.manager.replicates
        return self.web.distributable.value or (self.context is not None and self.context.distributable)


class ApplicationLoader:
    """Imports applications, each from its own folders first. One for a process. SXM-DEP-03"""

    def __init__(self) -> None:
        self._paths: list[str] = []  # of all applications so far

    def load_folder(self, path: str, folder: Path, context: ContextElement | None = None) -> Application:
        """An application folder; without a web.xml all of it is files."""
        file = folder / "WEB-INF" / "web.xml"
        application = Application(path, folder, WebApplication(str(file)), context=context)
        try:
            if not folder.is_dir():
                raise InputError(f"{folder}: no such folder")
            if not file.exists():
                return application
            web = read_web_xml(DiskFiles().read(str(file)), str(file))
            application = replace(application, web=web)
            for complaint in web.complaints:
                if complaint.severity is Severity.WARNING:
                    logger.warning("%s", complaint)
            raise_if_refused(web.complaints)
            with self._importing(_import_paths(folder)):
                return replace(
                    application,
                    servlets={
                        name: load_application(servlet.target) for name, servlet in web.servlets.items()
                    },
                    listeners=tuple(_load_object(listener.target) for listener in web.listeners),
                )
        except (RefjkError, OSError) as error:
            return _failed(application, error)

    def load_callable(self, path: str, name: str, context: ContextElement | None = None) -> Application:
        """`module:app`, from the working folder or what is installed."""
        application = Application(path, None, WebApplication(name), context=context)
        try:
            return replace(application, servlets={"": load_application(name)})
        except RefjkError as error:
            return _failed(application, error)

    @contextlib.contextmanager
    def _importing(self, paths: list[str]) -> Iterator[None]:
        """`paths` come first while it lasts, and last afterwards, for imports inside of functions.

        Modules of other applications that these folders have too are out of sight in the meantime.
        """
        here = os.getcwd()
        if here not in sys.path and "" not in sys.path:
            sys.path.append(here)
        others = [path for path in self._paths if path not in paths]
        hidden = self._take_out(_module_names(paths), others)
        sys.path[:0] = paths
        importlib.invalidate_caches()
        try:
            yield
        finally:
            del sys.path[: len(paths)]
            sys.path += [path for path in paths if path not in sys.path]
            self._paths += [path for path in paths if path not in self._paths]
            sys.modules.update(hidden)

    def _take_out(self, names: set[str], folders: list[str]) -> dict[str, ModuleType]:
        """Removes modules of these names that came from these folders; returns them."""
        tops = {name for name in names if name in sys.modules and _is_below(sys.modules[name], folders)}
        found = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in tops}
        for name in found:
            del sys.modules[name]
        return found


def _failed(application: Application, error: Exception) -> Application:
    """SXM-DEP-02"""
    logger.error("the application at %s cannot be started: %s", application.path or "/", error)
    return replace(application, error=str(error))


def _import_paths(folder: Path) -> list[str]:
    inside = (folder / "WEB-INF").resolve()
    archives = sorted(path for path in (inside / "lib").glob("*") if path.suffix in _ARCHIVES)
    return [str(inside / "classes"), *map(str, archives)]


def _module_names(paths: list[str]) -> set[str]:
    """The modules and packages that lie directly in these folders."""
    return {Path(name).stem for path in paths if os.path.isdir(path) for name in os.listdir(path)}


def _is_below(module: ModuleType, folders: list[str]) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(place and place.startswith(folder + os.sep) for place in places for folder in folders)


def _load_object(name: str) -> object:
    module, _, path = name.partition(":")
    try:
        return attrgetter(path)(importlib.import_module(module))
    except (Exception, SystemExit) as error:
        raise InputError(f"the listener {name} cannot be had: {type(error).__name__}: {error}") from None
