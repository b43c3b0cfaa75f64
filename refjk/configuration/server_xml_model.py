"""A `server.xml` as values. Each element has the place of its tag and the origin of each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from refjk.configuration.complaints import Complaint
from refjk.configuration.origins import Origin, Place, Setting
from refjk.configuration.server_xml_table import DELTA_MANAGER


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What all elements have. `origins` and `others` are by attribute; `others` are those without effect."""

    place: Place
    origins: Mapping[str, Origin] = field(default_factory=dict)
    others: Mapping[str, Setting[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorElement(Part):
    """A connector for AJP; those for HTTP are left out. -1 ms is no bound."""

    port: int
    protocol: str
    address: str
    secret: str | None
    required_secret: str | None
    secret_required: bool
    threads: int
    connections_max: int
    packet_size: int
    header_count_max: int
    read_timeout_ms: int
    idle_timeout_ms: int
    own_authentication: bool
    allowed_attributes: str | None

    @property
    def shared_secret(self) -> str | None:
        """What the web server must send, by either of its names."""
        return self.secret or self.required_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerElement(Part):
    """The session manager that a context has of its own. -1: no bound."""

    class_name: str
    sessions_max: int

    @property
    def replicates(self) -> bool:
        """Whether it is one of the cluster's."""
        return self.class_name == DELTA_MANAGER


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteBinderElement(Part):
    """The valve that gives a session id the route of this node after a failover."""

    class_name: str
    enabled: bool
    session_id_attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteListenerElement(Part):
    """The listener for session ids that other nodes changed."""

    class_name: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextElement(Part):
    """An application: `doc_base` is a folder, or `module:app` (`is_callable`)."""

    path: str
    doc_base: str
    is_callable: bool
    distributable: bool
    cookies: bool
    manager: ManagerElement | None
    route_binder: RouteBinderElement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipElement(Part):
    """Where and how often a node says that it is there. -1: not set."""

    class_name: str
    group: str
    port: int
    frequency_ms: int
    drop_time_ms: int
    bind_address: str | None
    ttl: int
    read_timeout_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverElement(Part):
    """Where messages of the others arrive; `address` may be `auto`."""

    class_name: str
    address: str
    port: int
    threads: int
    selector_timeout_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderElement(Part):
    """How messages leave: `mode` is synchronous, pooled or asynchronous."""

    class_name: str
    mode: str
    ack_timeout_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationValveElement(Part):
    """A request whose URI one pattern of the filter matches as a whole sends nothing."""

    class_name: str
    filter: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployerElement(Part):
    """The farm deployer; folders as written, relative ones below the base."""

    class_name: str
    temp_dir: str
    deploy_dir: str
    watch_dir: str | None
    watch_enabled: bool
    watch_every: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterElement(Part):
    """A cluster with all its parts."""

    class_name: str
    name: str | None
    manager_class_name: str
    expire_on_shutdown: bool
    notify_listeners: bool
    state_transfer_timeout_s: int  # negative: no limit
    update_active_interval_s: int | None
    expire_tolerance_s: int | None
    membership: MembershipElement
    receiver: ReceiverElement
    sender: SenderElement
    replication_valve: ReplicationValveElement
    route_binder: RouteBinderElement | None
    route_listener: RouteListenerElement | None
    deployer: DeployerElement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostElement(Part):
    """A virtual host; `aliases` are further names of it."""

    name: str
    app_base: str
    deploy_on_startup: bool
    aliases: tuple[str, ...]
    contexts: tuple[ContextElement, ...]
    cluster: ClusterElement | None
    route_binder: RouteBinderElement | None
    route_listener: RouteListenerElement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineElement(Part):
    """The hosts behind the connectors; `background_s` is the pause between background ticks."""

    name: str
    default_host: str
    jvm_route: str | None
    background_s: int
    hosts: tuple[HostElement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceElement(Part):
    """Connectors and the engine that they feed."""

    name: str
    connectors: tuple[ConnectorElement, ...]
    engine: EngineElement


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerElement(Part):
    """All of a node."""

    services: tuple[ServiceElement, ...]


@dataclass(frozen=True, slots=True)
class ContainerConfiguration:
    """What a `server.xml` comes to; `server` is None where too little of it can be read."""

    file: str
    server: ServerElement | None
    complaints: tuple[Complaint, ...]
