"""From a server.xml to running clusters: a node for each host that has one, sessions for applications."""

from __future__ import annotations

import logging
import socket
import threading
from dataclasses import replace
from pathlib import Path

from refjk.base.errors import InputError, LocalProtocolError
from refjk.channel import SendingRules
from refjk.configuration import (
    ClusterElement,
    DeployerElement,
    EngineElement,
    HostElement,
    ReceiverElement,
)
from refjk.membership import Authenticator, MembershipSettings
from refjk.runtime.applications import Application, ApplicationLoader
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.contexts import Hosts, Wrap
from refjk.runtime.farm_applications import FarmApplications
from refjk.runtime.farm_driver import FarmDirectories
from refjk.runtime.farm_node import FarmNode, FarmNodeSettings, directories_of
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.replication_receiver import ReceiverSettings
from refjk.runtime.senders_carrier import CarrierSettings
from refjk.runtime.senders_settings import Mode, SenderSettings
from refjk.runtime.session_wsgi import CookieSettings, SessionMiddleware
from refjk.runtime.sessions import Sessions
from refjk.runtime.wsgi import WsgiApplication
from refjk.session import ManagerSettings

logger = logging.getLogger("refjk.cluster")

AUTOMATIC = "auto"
MINUTE_S = 60


class ClusteredEngine:
    """The clusters of an engine; `exposed` allows them to speak to other machines without keys, and `key` is
    what their members know each other by. `watch_mutations` finds attributes of replicated sessions that were
    changed without being set.

    with_clusters = ClusteredEngine(engine, base)
    with_clusters.start()
    hosts = Hosts.of(engine, base, loader, with_clusters.wrap_for)
    with_clusters.deploy(hosts, loader)
    """

    def __init__(
        self,
        engine: EngineElement,
        base: Path,
        *,
        exposed: bool = False,
        key: bytes | None = None,
        watch_mutations: bool = False,
    ) -> None:
        self._engine = engine
        self._watch_mutations = watch_mutations
        self.nodes: dict[str, ClusterNode] = {}
        self.farms: dict[str, FarmNode] = {}
        self._replicated: dict[tuple[str, str], Sessions] = {}  # by host and path
        self._alone: list[Sessions] = []
        self._ends = threading.Event()
        for host in engine.hosts:
            if host.cluster is None:
                continue
            node = ClusterNode(node_settings(engine, host.cluster, exposed=exposed, key=key))
            self.nodes[host.name] = node
            deployer = host.cluster.deployer
            if deployer is not None:
                self.farms[host.name] = FarmNode(
                    node,
                    farm_directories(deployer, base),
                    FarmNodeSettings(watch_every=deployer.watch_every),
                )

    def start(self) -> None:
        """All of them; raises `InputError` and `UsageError` for what cannot be had."""
        for name, node in self.nodes.items():
            address = node.start()
            logger.info("the cluster of host %s listens at %s", name, address)
        threading.Thread(target=self._tick, name="refjk-own-sessions", daemon=True).start()

    def deploy(self, hosts: Hosts, loader: ApplicationLoader) -> None:
        """What lies in the deploy directories and what the others have; from now on, what comes. Raises
        `InputError`."""
        for name, farm in self.farms.items():
            contexts = hosts.hosts[name.lower()]

            def settle(path: str, application: Application | None, name: str = name) -> None:
                self._settle(name, path, application)

            farm.start(FarmApplications(contexts, loader, settle))

    def stop(self, grace_s: float) -> None:
        """All of them."""
        self._ends.set()
        for farm in self.farms.values():
            farm.stop(grace_s)
        for node in self.nodes.values():
            node.stop(grace_s)

    def wrap_for(self, host: HostElement) -> Wrap:
        """Gives the applications of a host their sessions. SXM-CTX-05"""

        def wrap(application: Application, served: WsgiApplication) -> WsgiApplication:
            sessions = self._sessions_of(application, host)
            self._attach_listeners(sessions, application)
            uses_cookies = application.context is None or application.context.cookies
            return SessionMiddleware(served, sessions, CookieSettings(enabled=uses_cookies))

        return wrap

    @staticmethod
    def _attach_listeners(sessions: Sessions, application: Application) -> None:
        """Those of this version of an application alone. SXM-CTX-06"""
        listeners = sessions.manager.listeners
        listeners.clear()
        for listener in application.listeners:
            try:
                listeners.add(listener() if isinstance(listener, type) else listener)
            except LocalProtocolError as error:
                logger.warning("%s: %s", application.path or "/", error)

    def _sessions_of(self, application: Application, host: HostElement) -> Sessions:
        """Its own; a version that replaces another one gets those of the path. FAR-VER-06"""
        node, cluster = self.nodes.get(host.name), host.cluster
        settings = manager_settings(
            self._engine.jvm_route, application, cluster, watch_mutations=self._watch_mutations
        )
        if node is None or cluster is None or not application.distributable:
            return self._alone_sessions(settings)
        key = (host.name, application.path)
        if key in self._replicated:
            with node.lock:
                self._replicated[key].manager.settings = settings
            return self._replicated[key]
        binder = None if application.context is None else application.context.route_binder
        binder = binder or host.route_binder or cluster.route_binder
        self._replicated[key] = node.add_context(
            settings,
            replication_filter=";".join(cluster.replication_valve.filter),
            turns_routes=binder is None or binder.enabled,
            asked=self.farms[host.name].source if host.name in self.farms else None,
        )
        return self._replicated[key]

    def _alone_sessions(self, settings: ManagerSettings) -> Sessions:
        """Of this process; idle ones end by the container's background tick."""
        sessions = Sessions.alone(settings)
        self._alone.append(sessions)
        return sessions

    def _tick(self) -> None:
        while not self._ends.wait(max(1, self._engine.background_s)):
            for sessions in list(self._alone):
                sessions.tick()

    def _settle(self, host_name: str, path: str, application: Application | None) -> None:
        """Ends the replicated sessions of a path where no application has any more."""
        if application is None or application.error is not None or not application.distributable:
            sessions = self._replicated.pop((host_name, path), None)
            if sessions is not None:
                self.nodes[host_name].remove_context(sessions)


def manager_settings(
    route: str | None,
    application: Application,
    cluster: ClusterElement | None,
    *,
    watch_mutations: bool = False,
) -> ManagerSettings:
    """How the sessions of an application are kept; without a cluster, in this process alone."""
    manager = None if application.context is None else application.context.manager
    settings = ManagerSettings(
        context_name=application.path,
        route=route,
        max_inactive_interval=application.web.session_timeout.value * MINUTE_S,
        max_active_sessions=-1 if manager is None else manager.sessions_max,
    )
    if cluster is None:
        return settings
    return replace(
        settings,
        expire_sessions_on_shutdown=cluster.expire_on_shutdown,
        notify_listeners_on_replication=cluster.notify_listeners,
        state_transfer_timeout_ms=1000 * cluster.state_transfer_timeout_s,  # SXM-CLU-06
        update_active_interval=cluster.update_active_interval_s,  # SXM-CLU-07
        expire_tolerance=cluster.expire_tolerance_s,
        watch_mutations=watch_mutations,
    )


def farm_directories(deployer: DeployerElement, base: Path) -> FarmDirectories:
    """Raises `InputError`."""
    watch = deployer.watch_dir if deployer.watch_enabled else None
    return directories_of(base, deployer.temp_dir, deployer.deploy_dir, watch)


def node_settings(
    engine: EngineElement, cluster: ClusterElement, *, exposed: bool = False, key: bytes | None = None
) -> NodeSettings:
    """What the elements of a cluster come to; raises `UsageError` for what refjk does not do."""
    membership, sender = cluster.membership, cluster.sender
    return NodeSettings(
        route=engine.jvm_route,
        membership=MembershipSettings(membership.frequency_ms, membership.drop_time_ms),
        multicast=MulticastSettings(
            group=membership.group,
            port=membership.port,
            bind=membership.bind_address,
            ttl=membership.ttl if membership.ttl >= 0 else None,
            read_timeout_ms=membership.read_timeout_ms if membership.read_timeout_ms > 0 else None,
            exposed=exposed,
        ),
        receiver=_receiver_settings(cluster.receiver, exposed=exposed),
        senders=SenderSettings(
            mode=Mode(sender.mode),
            carrier=CarrierSettings(rules=SendingRules(answer_time_ms=sender.ack_timeout_ms)),
        ),
        authenticator=None if key is None else Authenticator(key),
        tick_s=float(max(1, engine.background_s)),
    )


def _receiver_settings(receiver: ReceiverElement, *, exposed: bool) -> ReceiverSettings:
    return ReceiverSettings(
        address=_own_address() if receiver.address == AUTOMATIC else receiver.address,
        port=receiver.port,
        threads=receiver.threads,
        selector_timeout_ms=receiver.selector_timeout_ms,
        exposed=exposed,
    )


def _own_address() -> str:
    """The address of this machine's name, as `auto` means it."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError as error:
        raise InputError(f"tcpListenAddress auto: this machine's name has no address: {error}") from None
