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
import threading
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
_MAIN = "refjk.application"  # the context-param that names it


@dataclass(frozen=True, slots=True)
class Application:
    """An application that is mounted at a context path, the empty one for the root.

    `servlets` are its callables by name, `main` the one for what neither they nor files have; `listeners`
    what its web.xml names; `context` what server.xml says of it, if it does. `error` tells why it could not
    be started. `modules` came from its own folders.
    """

    path: str
    folder: Path | None
    web: WebApplication
    servlets: Mapping[str, WsgiApplication] = field(default_factory=dict)
    main: WsgiApplication | None = None
    listeners: tuple[object, ...] = ()
    context: ContextElement | None = None
    error: str | None = None
    modules: Mapping[str, ModuleType] = field(default_factory=dict, repr=False, compare=False)

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
        self._loaded: list[Application] = []  # those with modules, in their order
        self._lock = threading.RLock()

    def load_folder(
        self, path: str, folder: Path, context: ContextElement | None = None, *, fresh: bool = False
    ) -> Application:
        """An application folder; without a web.xml all of it is files.

        `fresh`: with modules of its own, whatever has been imported from this folder before.
        """
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
            with self._lock:
                return self._load(application, _import_paths(folder), fresh=fresh)
        except (RefjkError, OSError) as error:
            return _failed(application, error)

    def load_callable(self, path: str, name: str, context: ContextElement | None = None) -> Application:
        """`module:app`, from the working folder or what is installed."""
        application = Application(path, None, WebApplication(name), context=context)
        try:
            with self._lock:
                return replace(application, servlets={"": load_application(name)})
        except RefjkError as error:
            return _failed(application, error)

    def unload(self, application: Application) -> None:
        """Its modules can be imported no more; what runs goes on with those that it has. FAR-VER-04

        Other applications, or other versions of it, are found under these names from now on.
        """
        with self._lock:
            self._loaded = [one for one in self._loaded if one is not application]
            for name, module in application.modules.items():
                if sys.modules.get(name) is module:
                    del sys.modules[name]
            for one in self._loaded:
                for name, module in one.modules.items():
                    sys.modules.setdefault(name, module)
            if application.folder is not None:
                used = {
                    path
                    for one in self._loaded
                    if one.folder is not None
                    for path in _import_paths(one.folder)
                }
                self._forget([path for path in _import_paths(application.folder) if path not in used])

    def _load(self, application: Application, paths: list[str], *, fresh: bool) -> Application:
        web = application.web
        main = web.parameters.get(_MAIN)
        with self._importing(paths, fresh=fresh) as modules:
            loaded = replace(
                application,
                servlets={name: load_application(servlet.target) for name, servlet in web.servlets.items()},
                main=None if main is None else load_application(main.value),
                listeners=tuple(_load_object(listener.target) for listener in web.listeners),
                modules=modules,
            )
        self._loaded.append(loaded)
        return loaded

    @contextlib.contextmanager
    def _importing(self, paths: list[str], *, fresh: bool) -> Iterator[dict[str, ModuleType]]:
        """`paths` come first while it lasts, and last afterwards, for imports inside of functions.

        Modules of other applications that these folders have too are out of sight in the meantime; if
        `fresh`, those that came from the very folders too. The dict gets what was imported from them.
        """
        here = os.getcwd()
        if here not in sys.path and "" not in sys.path:
            sys.path.append(here)
        others = [path for path in self._paths if fresh or path not in paths]
        known = [path for path in paths if path in self._paths]
        hidden = self._take_out(_module_names(paths), others)
        sys.path[:0] = paths
        importlib.invalidate_caches()
        modules: dict[str, ModuleType] = {}
        failed = True
        try:
            yield modules
            failed = False
        finally:
            del sys.path[: len(paths)]
            sys.path += [path for path in paths if path not in sys.path]
            self._paths += [path for path in paths if path not in self._paths]
            found = {name: one for name, one in sys.modules.copy().items() if _is_below(one, paths)}
            if fresh and failed:
                for name in found:
                    del sys.modules[name]
                self._forget([path for path in paths if path not in known])
            else:
                modules.update(found)
            sys.modules.update(hidden)

    def _forget(self, paths: list[str]) -> None:
        """Nothing is imported from these any more."""
        self._paths = [path for path in self._paths if path not in paths]
        sys.path[:] = [path for path in sys.path if path not in paths]

    def _take_out(self, names: set[str], folders: list[str]) -> dict[str, ModuleType]:
        """Removes modules of these names that came from these folders; returns them."""
        tops = {name for name in names if name in sys.modules and _is_below(sys.modules[name], folders)}
        found = {
            name: module for name, module in sys.modules.copy().items() if name.partition(".")[0] in tops
        }
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
