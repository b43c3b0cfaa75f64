"""What a web server shall do, whichever files or options say so: hosts, mounts, balancers, workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from refjk.ajp13.codes import PACKET_SIZE_DEFAULT
from refjk.balancing import NO_RULE, BalancerSettings, BalancingRule, WorkerSettings
from refjk.balancing.cookies import COOKIE_NAME
from refjk.configuration import AjpWorker, HostAddress, PathRule, RuleExtensions, Server, StatusWorker
from refjk.mapping import Rule, UriForm
from refjk.webserver.endings import Recovery, Style

NOTHING_WRITTEN = RuleExtensions()
REFJK_RECOVERY = Recovery()


@dataclass(frozen=True, slots=True)
class Extensions:
    """What a mount rule changes for its requests; `written` is what the file says."""

    balancing: BalancingRule = NO_RULE
    reply_timeout_ms: int | None = None
    fail_on_status: tuple[int, ...] | None = None
    use_server_errors: int | None = None
    written: RuleExtensions = NOTHING_WRITTEN


NO_EXTENSIONS = Extensions()


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """One container: where it is and what holds for requests to it.

    `ajp` has the other properties where the worker comes from a configuration.
    """

    name: str
    host: str
    port: int
    secret: bytes | None = None
    packet_size: int = PACKET_SIZE_DEFAULT
    busy_limit: int = 0  # requests open at once, 0: any number
    recovery: Recovery = REFJK_RECOVERY
    ajp: AjpWorker | None = None


@dataclass(frozen=True, slots=True)
class BalancerPlan:
    """One balancer and its members, in the order in which they are written."""

    name: str
    settings: BalancerSettings
    members: tuple[WorkerSettings, ...]
    # For those who know the session cookie under another name than the algorithm does (1.2.7).
    session_cookie: bytes = COOKIE_NAME


@dataclass(frozen=True, slots=True)
class StatusPlan:
    """A status worker. `writable`: the file says in words that it may change something."""

    name: str
    settings: StatusWorker
    writable: bool


@dataclass(frozen=True, slots=True)
class HostPlan:
    """The main server or a virtual host. Names are in lower case; a name may have `*` and `?` in it.

    `server` is what the configuration says of it; None without one.
    """

    names: tuple[str, ...] = ()
    addresses: tuple[HostAddress, ...] = ()
    mounts: tuple[Rule[Extensions], ...] = ()
    paths: tuple[PathRule, ...] = ()
    uri_form: UriForm = UriForm.PROXY
    reject_unsafe: bool = False
    disable_reuse: bool = False
    flush_header: bool = False
    forward_local_address: bool = False
    strip_session: bytes | None = None
    document_root: str | None = None
    auto_alias: str | None = None
    mount_file: str | None = None
    mount_file_reload_s: int = 0
    env_vars: tuple[tuple[str, str | None], ...] = ()  # sent as attributes; None: only when set
    server: Server | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it; the first of `hosts` is the main server. `maintain_s` 0: no maintenance.

    `listed` are the workers that mounts may name; None: all.
    """

    style: Style
    hosts: tuple[HostPlan, ...]
    workers: Mapping[str, WorkerPlan]
    balancers: Mapping[str, BalancerPlan] = field(default_factory=dict)
    statuses: Mapping[str, StatusPlan] = field(default_factory=dict)
    maintain_s: int = 0
    listed: frozenset[str] | None = None
