"""Workers with all their effective values, ready to be run. Names are those of the properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, IntFlag

from refjk.configuration.complaints import Complaint
from refjk.configuration.mount_rules import MountRule
from refjk.configuration.origins import BY_DEFAULT, Origin, Profile
from refjk.configuration.property_text import Property


class Activation(Enum):
    """Whether a member takes requests: all, those of its sessions, or none."""

    ACTIVE = "active"
    DISABLED = "disabled"
    STOPPED = "stopped"


class Method(Enum):
    """What a balancer of 1.2.50 counts."""

    REQUEST = "Request"
    TRAFFIC = "Traffic"
    BUSYNESS = "Busyness"
    SESSIONS = "Sessions"
    NEXT = "Next"


class Lock(Enum):
    """How the processes of a server keep each other out of a balancer."""

    OPTIMISTIC = "Optimistic"
    PESSIMISTIC = "Pessimistic"


class PingMode(IntFlag):
    """When a connection is probed."""

    CONNECT = 1
    PREPOST = 2
    INTERVAL = 4


class RecoveryOption(IntEnum):
    """The bits of `recovery_options`."""

    NOT_AFTER_REQUEST = 1
    NOT_AFTER_HEADERS = 2
    CLOSE_ON_CLIENT_ERROR = 4
    HEAD_ALWAYS = 8
    GET_ALWAYS = 16


@dataclass(frozen=True, slots=True)
class AjpWorker:
    """A container. Units are those of the properties: `_timeout` of sockets and pool in s, others in ms.

    `origins` has an entry for every property that this version knows.
    """

    name: str
    type: str
    host: str
    port: int
    source: str | None
    prefer_ipv6: bool
    connection_pool_size: int
    connection_pool_minsize: int
    connection_pool_timeout: int
    recycle_timeout: int
    connection_acquire_timeout: int
    socket_timeout: int
    socket_connect_timeout: int
    socket_keepalive: bool
    socket_buffer: int
    connect_timeout: int
    prepost_timeout: int
    ping_mode: PingMode
    ping_timeout: int
    connection_ping_interval: int
    reply_timeout: int
    retries: int
    retry_interval: int
    recovery_options: int
    fail_on_status: tuple[int, ...]
    max_packet_size: int
    busy_limit: int
    secret: str | None = field(repr=False)
    secretkey: str | None = field(repr=False)
    origins: Mapping[str, Origin] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A worker as a member of a balancer."""

    worker: AjpWorker
    lbfactor: int
    route: str
    domain: str
    redirect: str | None
    distance: int
    activation: Activation
    local_worker: bool
    origins: Mapping[str, Origin] = field(repr=False)

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.worker.name


@dataclass(frozen=True, slots=True)
class BalancerWorker:
    """A worker of type `lb`. Times in s, `retry_interval` in ms."""

    name: str
    members: tuple[Member, ...]
    sticky_session: bool
    sticky_session_force: bool
    local_worker_only: bool
    method: Method
    lock: Lock
    recover_time: int
    error_escalation_time: int
    max_reply_timeouts: int
    retries: int
    retry_interval: int
    lb_retries: int
    session_cookie: str
    session_path: str
    set_session_cookie: bool
    session_cookie_path: str
    max_packet_size: int
    secret: str | None = field(repr=False)
    origins: Mapping[str, Origin] = field(repr=False)

    @property
    def type(self) -> str:
        """The word of the property `type`."""
        return "lb"


@dataclass(frozen=True, slots=True)
class StatusWorker:
    """A worker of type `status`. `good` and `bad` are empty where the built-in patterns count."""

    name: str
    css: str | None
    read_only: bool
    user: tuple[str, ...]
    user_case_insensitive: bool
    good: tuple[str, ...]
    bad: tuple[str, ...]
    ns: str
    xmlns: str
    doctype: str | None
    prefix: str
    origins: Mapping[str, Origin] = field(repr=False)

    @property
    def type(self) -> str:
        """The word of the property `type`."""
        return "status"


Worker = AjpWorker | BalancerWorker | StatusWorker


@dataclass(frozen=True, slots=True)
class Workers:
    """All that worker properties say.

    `properties` are the entries as they were read, references resolved; `listed` are the names of
    `worker.list`; `workers` has those and the members of balancers; `mounts` come from `mount` properties.
    """

    profile: Profile
    properties: tuple[Property, ...] = ()
    listed: tuple[str, ...] = ()
    workers: Mapping[str, Worker] = field(default_factory=dict)
    mounts: tuple[MountRule, ...] = ()
    maintain: int = 60
    complaints: tuple[Complaint, ...] = ()
    origins: Mapping[str, Origin] = field(
        default_factory=lambda: {"list": BY_DEFAULT, "maintain": BY_DEFAULT}
    )
