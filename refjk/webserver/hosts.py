"""Which of the servers a request is for, and whose its path is there."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from urllib.parse import unquote_to_bytes

from refjk.configuration import Complaints, MountRule, parse_rule_target
from refjk.configuration import Place as TextPlace
from refjk.mapping import Mapper, Mapper127, Mapper1250, Rule, Source, canonicalise_path, uri_to_forward
from refjk.mapping.jk_path import strip_session
from refjk.webserver.composing import compose_extensions, compose_rules
from refjk.webserver.endings import Style
from refjk.webserver.environment import HANDLER, NO_SURROUNDINGS, NOT_HANDLED, Environment, Surroundings
from refjk.webserver.plan import NO_EXTENSIONS, Extensions, HostPlan

KNOWN_PATHS_MAX = 1024
KNOWN_PATH_SIZE_MAX = 256
WORKER_VARIABLE = "JK_WORKER_NAME"
_ANYWHERE = ("*", "_default_", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a path leads: the URI to forward, and the worker or balancer it is mounted to."""

    uri: bytes
    worker: str
    extensions: Extensions
    surroundings: Surroundings
    why: str  # the rule and the clause, for people


@dataclass(frozen=True, slots=True)
class Place:
    """A request path as it was judged. `target` None: it belongs to no worker.

    `path` is decoded and without parameters; `file` is what names a file of the web server's own.
    """

    path: bytes
    file: bytes
    target: Target | None
    surroundings: Surroundings = NO_SURROUNDINGS


class Host:
    """One server, ready to be asked by any number of threads."""

    def __init__(self, plan: HostPlan, style: Style) -> None:
        self.plan = plan
        self.environment = Environment(plan.paths)
        self._places: dict[bytes, Place] = {}  # of paths that were asked for lately
        self._has_paths = bool(plan.paths)
        self._mapper: Mapper[Extensions]
        if style is Style.JK_127:
            self._mapper = Mapper127(plan.mounts)
        else:
            self._mapper = Mapper1250(plan.mounts, reject_unsafe=plan.reject_unsafe)

    @property
    def name(self) -> str:
        """What the server calls itself; empty when nobody told."""
        server = self.plan.server
        return server.name.value.host if server is not None and server.name.value else ""

    @property
    def rules(self) -> tuple[Rule[Extensions], ...]:
        """In the order in which they are asked."""
        return self._mapper.order

    def adopt_mount_file(self, rules: tuple[MountRule, ...]) -> None:
        """The rules of the mount file are these from now on. MAP-RLD-03"""
        # In this order, and the mapper read after the places: an old place never gets among the new ones.
        self._mapper = self._mapper.replaced(compose_rules(rules), Source.FILE)
        self._places = {}

    def place(self, raw_path: bytes) -> Place:
        """Raises `Malformed` for a path that is refused (the answer is 400)."""
        places = self._places  # the rules may be replaced meanwhile
        place = places.get(raw_path)
        if place is None:
            place = self._judge(raw_path)
            if len(raw_path) <= KNOWN_PATH_SIZE_MAX:
                if len(places) >= KNOWN_PATHS_MAX:
                    places.clear()
                places[raw_path] = place
        return place

    def _judge(self, raw_path: bytes) -> Place:
        canonical = canonicalise_path(raw_path)
        path = canonical.path
        around = NO_SURROUNDINGS
        if self._has_paths:
            around = self.environment.of(path.decode("utf-8", "surrogateescape"))
            # FWD-ENV-02
            if NOT_HANDLED in around.variables:
                return Place(path, self._file(canonical.uri), None, around)
        match = self._mapper.map(path)
        if match is not None:
            uri = uri_to_forward(self.plan.uri_form, canonical, raw_path)
            return Place(path, path, Target(uri, match.worker, match.extensions, around, str(match)), around)
        if around.handler == HANDLER:
            worker = around.variables.get(self._worker_variable())
            # FWD-ENV-03: without a name nobody has it; there is no worker by default (MAP-MAT-05).
            if worker:
                uri = uri_to_forward(self.plan.uri_form, canonical, raw_path)
                name, extensions = _read_worker(worker)
                target = Target(uri, name, extensions, around, "FWD-ENV-03: SetHandler")
                return Place(path, path, target, around)
        return Place(path, self._file(canonical.uri), None, around)

    def _worker_variable(self) -> str:
        server = self.plan.server
        if server is None or "JkWorkerIndicator" not in server.indicators:
            return WORKER_VARIABLE
        return server.indicators["JkWorkerIndicator"].value

    def _file(self, uri: bytes) -> bytes:
        """The file that a path names which belongs to no worker: a session id may be cut out of it."""
        path = unquote_to_bytes(uri)
        return path if self.plan.strip_session is None else strip_session(path, self.plan.strip_session)


class Hosts:
    """All servers of a plan. The first is the main one."""

    def __init__(self, plans: Sequence[HostPlan], style: Style) -> None:
        self.all = tuple(Host(plan, style) for plan in plans)
        self._virtual = [(host, _patterns(host.plan.names)) for host in self.all[1:]]

    def find(self, name: bytes, local_host: str, local_port: int) -> Host:
        """The host for a request with this authority's name that came in at this address.

        FWD-VHO-01
        """
        if not self._virtual:
            return self.all[0]
        # An address that is named is better than one that stands for all.
        here = [one for one in self._virtual if _is_at(one[0].plan, (local_host,), local_port)] or [
            one for one in self._virtual if _is_at(one[0].plan, _ANYWHERE, local_port)
        ]
        text = name.decode("latin-1").lower().rstrip(".")
        for host, patterns in here:
            if any(pattern.match(text) for pattern in patterns):
                return host
        # FWD-VHO-02
        return here[0][0] if here else self.all[0]


def _patterns(names: Iterable[str]) -> list[re.Pattern[str]]:
    return [re.compile(translate(name.replace("[", "[[]"))) for name in names]


def _is_at(plan: HostPlan, hosts: Container[str], local_port: int) -> bool:
    return any(address.host in hosts and address.port in (None, local_port) for address in plan.addresses)


def _read_worker(text: str) -> tuple[str, Extensions]:
    """The value of the worker variable: a name, and rule extensions behind it."""
    if ";" not in text:
        return text, NO_EXTENSIONS
    name, written = parse_rule_target(text, TextPlace(WORKER_VARIABLE), Complaints())
    return name, compose_extensions(written)
