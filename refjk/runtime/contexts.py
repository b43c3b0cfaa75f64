"""The applications of a node at their paths, and the hosts that hold them.

    hosts = Hosts.of(engine, base, ApplicationLoader())
    AjpServer(hosts, "127.0.0.1:8009")

A host is a WSGI callable that looks for the application with the longest path; an application is one that
looks for the servlet, or else for the file.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from refjk.base.errors import InputError
from refjk.configuration import DEFAULT_SERVLET, EngineElement, HostElement
from refjk.runtime.applications import Application, ApplicationLoader
from refjk.runtime.environ import Environ
from refjk.runtime.mounted import Mounted
from refjk.runtime.static_files import StaticAnswer, StaticFiles
from refjk.runtime.wsgi import StartResponse, WsgiApplication

logger = logging.getLogger("refjk.runtime")

Wrap = Callable[[Application, WsgiApplication], WsgiApplication]

_PRIVATE = frozenset({"web-inf", "meta-inf"})
_QUERY_SAFE = "%/?:@!$&'()*+,;=-._~[]"
_CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range")
_REASONS = {
    200: "OK",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    304: "Not Modified",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    416: "Range Not Satisfiable",
    503: "Service Unavailable",
}


def node_properties(file: str) -> dict[str, str]:
    """What `${…}` in a server.xml stands for: the folder above `conf`, or that of the file. SXM-VAL-06"""
    base = str(node_base(file))
    return {"catalina.base": base, "catalina.home": base, "java.io.tmpdir": tempfile.gettempdir()}


def node_base(file: str) -> Path:
    """The folder that relative paths of a server.xml begin at."""
    folder = Path(os.path.abspath(file)).parent
    return folder.parent if folder.name == "conf" else folder


class Prefixes:
    """Paths, and which of them is the longest that another path begins with, segment by segment."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)
        self._depth = max((path.count("/") for path in self._paths), default=0)

    def find(self, path: str) -> tuple[str, int] | None:
        """The longest of the paths, and where in `path` it ends. SXM-DSP-01

        What stands behind `;` in a segment does not belong to its name.
        """
        found = ("", 0) if "" in self._paths else None
        key, end = "", 0
        for _ in range(self._depth):
            if not path.startswith("/", end):
                break
            start, end = end + 1, path.find("/", end + 1)
            if end < 0:
                end = len(path)
            key += "/" + path[start:end].partition(";")[0]
            if key in self._paths:
                found = (key, end)
        return found


class ServletFolder:
    """The servlets and files of one application folder, by the mappings of its web.xml."""

    def __init__(self, application: Application) -> None:
        assert application.folder is not None
        web = application.web
        self._files = StaticFiles(application.folder, None, web.welcome_files.value)
        self._media_types = {name.lower(): kind.value for name, kind in web.media_types.items()}
        self._exact: dict[str, WsgiApplication] = {}
        self._below: dict[str, WsgiApplication] = {}
        self._extensions: dict[str, WsgiApplication] = {}
        self._serve: WsgiApplication = self._serve_file
        self._main = application.main
        self._rest: WsgiApplication = self._serve if self._main is None else self._serve_file_or_main
        for mapping in web.mappings:
            own = mapping.servlet != DEFAULT_SERVLET
            target = application.servlets[mapping.servlet] if own else self._serve
            pattern = wire_text(mapping.pattern)
            if pattern == "/":
                self._rest = target
            elif pattern.endswith("/*"):
                self._below[pattern[:-2]] = target
            elif pattern.startswith("*."):
                self._extensions[pattern[2:]] = target
            else:
                self._exact[pattern] = target
        self._prefixes = Prefixes(self._below)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """WXM-APP-02"""
        path = environ["PATH_INFO"]
        plain = _without_parameters(path)
        # SXM-DSP-04
        first = next((segment for segment in plain.split("/") if segment), "")
        if first.lower() in _PRIVATE:
            return _answer(start_response, 404)
        if plain in self._exact:
            return self._exact[plain](environ, start_response)
        below = self._prefixes.find(path)
        if below is not None:
            target = self._below[below[0]]
            # WXM-APP-03; a file is looked for by its whole path.
            if target is not self._serve:
                environ["SCRIPT_NAME"] += below[0]
                environ["PATH_INFO"] = path[below[1] :]
            return target(environ, start_response)
        extension = plain.rpartition("/")[2].rpartition(".")[2]
        return self._extensions.get(extension, self._rest)(environ, start_response)

    def _serve_file(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path, answer = self._opened(environ)
        if answer is None:
            return _answer(start_response, 404)
        return self._send(answer, path, environ, start_response)

    def _serve_file_or_main(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """FAR-VER-01"""
        assert self._main is not None
        if environ["REQUEST_METHOD"] in ("GET", "HEAD") and not environ["PATH_INFO"].endswith("/"):
            path, answer = self._opened(environ)
            if answer is not None and answer.status not in (301, 403):
                return self._send(answer, path, environ, start_response)
        return self._main(environ, start_response)

    def _opened(self, environ: Environ) -> tuple[str, StaticAnswer | None]:
        """The file at a path, of which `;…` and repeated slashes do not count."""
        segments = _without_parameters(environ["PATH_INFO"]).split("/")
        kept = [segment for segment in segments[1:-1] if segment]
        path = "/" + "/".join([*kept, segments[-1]])
        query = quote(environ["QUERY_STRING"].encode("latin-1"), safe=_QUERY_SAFE)
        answer = self._files.open(
            path.encode("latin-1"),
            environ["REQUEST_METHOD"].encode("latin-1"),
            _conditions(environ),
            query.encode("ascii") if query else None,
        )
        return path, answer

    def _send(
        self, answer: StaticAnswer, path: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
        own_type = self._media_types.get(path.rpartition(".")[2].lower())
        if own_type is not None and answer.status in (200, 206):  # WXM-MIM-01
            headers = [(name, value) for name, value in headers if name != "Content-Type"]
            headers.append(("Content-Type", own_type))
        if answer.status == 301:
            prefix = quote(environ["SCRIPT_NAME"].encode("latin-1"))
            headers = [(n, prefix + value if n == "Location" else value) for n, value in headers]
        if answer.status >= 400 or answer.status == 301:
            answer.close()
            return _answer(start_response, answer.status, headers)
        start_response(f"{answer.status} {_REASONS[answer.status]}", headers)
        return [] if answer.body is None else _FileBody(answer, answer.body)


class _FileBody:
    """The content of a file; whoever takes the answer closes it."""

    def __init__(self, answer: StaticAnswer, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.close = answer.close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


@dataclass(frozen=True, slots=True)
class _Table:
    """What is mounted; never changed, only replaced by another one."""

    mounted: Mapping[str, Mounted]
    prefixes: Prefixes


class Contexts:
    """The applications of one host. They may change while requests run:

    mounted = contexts.prepare(application)   # with its sessions; nothing is asked of it yet
    replaced = contexts.put(mounted)          # requests that begin from now on are its own
    """

    def __init__(
        self, applications: Sequence[Application], wrap: Wrap | None = None, facts: Environ | None = None
    ) -> None:
        self._wrap = wrap
        self._host_facts = facts or {}
        self._lock = threading.Lock()  # of those who change the table; requests read it as it is
        mounted = {one.path: self.prepare(one) for one in applications}
        self._table = _Table(mounted, Prefixes(mounted))

    @property
    def applications(self) -> tuple[Application, ...]:
        return tuple(one.application for one in self._table.mounted.values())

    def get(self, path: str) -> Mounted | None:
        """What is at this very path."""
        return self._table.mounted.get(path)

    def prepare(self, application: Application) -> Mounted:
        served = _callable_of(application)
        if application.error is None and self._wrap is not None:
            served = self._wrap(application, served)
        # WXM-PRM-01
        parameters = {name: value.value for name, value in application.web.parameters.items()}
        facts = {
            **self._host_facts,
            "refjk.context_path": application.path,
            "refjk.context_params": parameters,
        }
        return Mounted(application, served, facts)

    def put(self, mounted: Mounted) -> Mounted | None:
        """In the place of what was at its path, which is returned; its requests go on. FAR-VER-02"""
        with self._lock:
            replaced = self.get(mounted.application.path)
            after = {**self._table.mounted, mounted.application.path: mounted}
            self._table = _Table(after, Prefixes(after))
        return replaced

    def remove(self, path: str) -> Mounted | None:
        """What was at a path, and is reached no more; its requests go on."""
        with self._lock:
            after = dict(self._table.mounted)
            removed = after.pop(path, None)
            self._table = _Table(after, Prefixes(after))
        return removed

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        while True:
            table = self._table
            found = table.prefixes.find(path)
            # SXM-DSP-05
            if found is None:
                return _answer(start_response, 404)
            name, end = found
            mounted = table.mounted[name]
            # SXM-DSP-03
            if end == len(path) and mounted.redirects and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                return _to_folder(environ, path, start_response)
            if mounted.begin():
                break  # otherwise it was removed since the table was read
        # SXM-DSP-02
        environ["SCRIPT_NAME"] += name
        environ["PATH_INFO"] = path[end:]
        return mounted.serve(environ, start_response)


class Hosts:
    """The hosts of an engine, by the name that a request asks for. SXM-DSP-06"""

    def __init__(self, hosts: Mapping[str, Contexts], default: str) -> None:
        self.hosts = {name.lower(): contexts for name, contexts in hosts.items()}
        self._default = self.hosts[default.lower()]

    @classmethod
    def of(
        cls,
        engine: EngineElement,
        base: Path,
        loader: ApplicationLoader,
        wrap_for: Callable[[HostElement], Wrap] | None = None,
    ) -> Hosts:
        """All applications of all hosts, loaded.

        What `wrap_for` gives for a host gets each application that could be started, and what serves it.
        """
        hosts: dict[str, Contexts] = {}
        for host in engine.hosts:
            wrap = None if wrap_for is None else wrap_for(host)
            contexts = Contexts(load_host(host, base, loader), wrap, {"refjk.node": engine.jvm_route or ""})
            for name in (host.name, *host.aliases):
                hosts.setdefault(name, contexts)
        return cls(hosts, engine.default_host)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        contexts = self.hosts.get(environ["SERVER_NAME"].lower(), self._default)
        return contexts(environ, start_response)

    def applications(self) -> Iterator[Application]:
        """All of them, each once."""
        for contexts in dict.fromkeys(self.hosts.values()):
            yield from contexts.applications


def load_host(host: HostElement, base: Path, loader: ApplicationLoader) -> list[Application]:
    """The contexts that the host names, then one for each folder of its appBase. SXM-DEP-01"""
    app_base = _folder(base, host.app_base)
    found: dict[str, Application] = {}
    for context in host.contexts:
        path = wire_text(context.path)
        if context.is_callable:
            found[path] = loader.load_callable(path, context.doc_base, context)
        else:
            found[path] = loader.load_folder(path, _folder(app_base, context.doc_base), context)
    for folder in _folders(app_base) if host.deploy_on_startup else ():
        path = "" if folder.name == "ROOT" else "/" + wire_text(folder.name)
        if path not in found:
            found[path] = loader.load_folder(path, folder)
    return list(found.values())


def wire_text(name: str) -> str:
    """A name in the form that paths in the environ have, one character for each octet."""
    return os.fsencode(name).decode("latin-1")


def _folder(base: Path, name: str) -> Path:
    """A folder by its name from another one, which need not exist."""
    return Path(os.path.normpath(base / name))


def _folders(app_base: Path) -> list[Path]:
    try:
        entries = sorted(app_base.iterdir())
    except FileNotFoundError:
        logger.info("%s: no such folder, so no applications come from it", app_base)
        return []
    except OSError as error:
        raise InputError(f"{app_base}: {error.strerror}") from None
    return [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]


def _callable_of(application: Application) -> WsgiApplication:
    if application.error is not None:
        return _unavailable
    if application.folder is None:
        return application.servlets[""]
    return ServletFolder(application)


def _unavailable(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return _answer(start_response, 503)


def _to_folder(environ: Environ, path: str, start_response: StartResponse) -> Iterable[bytes]:
    """From the path of a context to the same with a slash, so that relative links in its pages are right."""
    folder, last = path.rsplit("/", 1)
    name, mark, parameters = last.partition(";")
    target = f"{environ['SCRIPT_NAME']}{folder}/{name}/{mark}{parameters}"
    location = quote(target.encode("latin-1"), safe="/;=._-!~")
    query = quote(environ["QUERY_STRING"].encode("latin-1"), safe=_QUERY_SAFE)
    return _answer(start_response, 302, [("Location", f"{location}?{query}" if query else location)])


def _without_parameters(path: str) -> str:
    if ";" not in path:
        return path
    return "/".join(segment.partition(";")[0] for segment in path.split("/"))


def _conditions(environ: Environ) -> list[tuple[bytes, bytes]]:
    keys = ((name, environ.get("HTTP_" + name.upper().replace("-", "_"))) for name in _CONDITIONS)
    return [(name.encode(), value.encode("latin-1")) for name, value in keys if value is not None]


def _answer(
    start_response: StartResponse, status: int, headers: Sequence[tuple[str, str]] = ()
) -> list[bytes]:
    body = f"{status} {_REASONS[status]}\n".encode()
    own = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {_REASONS[status]}", [*headers, *own])
    return [body]
