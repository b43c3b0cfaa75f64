"""`refjk node SERVER.XML`: one node, as its server.xml describes it."""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from refjk.base.errors import UsageError
from refjk.cli.secret_file import read_secret_if_given
from refjk.cli.values import pause
from refjk.configuration import (
    ConnectorElement,
    ServerElement,
    ServiceElement,
    Severity,
    raise_if_refused,
    read_server_xml,
)
from refjk.runtime.access_log import FORMATS, AccessLog
from refjk.runtime.addresses import Address
from refjk.runtime.applications import ApplicationLoader
from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.clustered import ClusteredEngine, farm_directories
from refjk.runtime.connector import AjpServer, check_exposure
from refjk.runtime.contexts import Hosts, node_base, node_properties
from refjk.runtime.disk_files import DiskFiles
from refjk.runtime.farm_node import FarmNode
from refjk.runtime.listening import open_listeners, resolve
from refjk.runtime.node_status import NodeStatus
from refjk.runtime.process_group import watch_lifeline
from refjk.runtime.settings import ConnectorSettings
from refjk.runtime.signals import StopSignals

CLUSTER_GRACE_S = 5.0

HELP = "run one node: the connectors and applications of a server.xml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", metavar="DIR|FILE", help="a server.xml, or a folder with conf/server.xml or server.xml in it"
    )
    parser.add_argument(
        "--graceful-timeout",
        type=pause,
        metavar="S",
        default=10.0,
        help="how long running requests may take to finish on SIGTERM (default %(default)g s)",
    )
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        help="a secret of the cluster, at least 16 octets, by which members know each other's announcements",
    )
    parser.add_argument(
        "--exposed",
        action="store_true",
        help="let the cluster speak to other machines although anybody there could speak for a member",
    )
    parser.add_argument(
        "--watch-mutations",
        action="store_true",
        help="tell which attributes of replicated sessions were changed without being set (slow; for tests)",
    )
    parser.add_argument(
        "--status", metavar="HOST:PORT", help="serve a page about this node there, json and /metrics too"
    )
    parser.add_argument(
        "--status-remote",
        action="store_true",
        help="let the status be seen from other machines (protect the port by other means)",
    )
    parser.add_argument("--access-log", metavar="FILE", help="`-` is standard output")
    parser.add_argument("--access-log-format", choices=FORMATS, default="common", help="default %(default)s")
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="load everything, listen nowhere, and exit; 3 when an application cannot be started",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes. SIGHUP opens the access log anew."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if options.status_remote and not options.status:
        raise UsageError("--status-remote needs a --status")
    file = find_server_xml(options.place)
    server = read_node(file)
    loader, base = ApplicationLoader(), node_base(file)
    if options.check_config:
        return _tell_check([(one, Hosts.of(one.engine, base, loader)) for one in server.services], base)
    key = read_secret_if_given(options.key_file)
    clusters = [
        ClusteredEngine(
            one.engine,
            base,
            exposed=options.exposed,
            key=key,
            watch_mutations=options.watch_mutations,
        )
        for one in server.services
    ]
    for service in server.services:
        _try_ports(service)
    watch_lifeline()
    log = AccessLog(options.access_log, options.access_log_format) if options.access_log else None
    with contextlib.ExitStack() as stack:
        nodes = []
        for service, cluster in zip(server.services, clusters, strict=True):
            stack.callback(cluster.stop, CLUSTER_GRACE_S)
            cluster.start()
            hosts = Hosts.of(service.engine, base, loader, cluster.wrap_for)
            cluster.deploy(hosts, loader)
            nodes.append((service, hosts))
        members: dict[str, ClusterNode] = {}
        farms: dict[str, FarmNode] = {}
        for service, cluster in zip(server.services, clusters, strict=True):
            members |= {f"{service.name}/{host}": node for host, node in cluster.nodes.items()}
            farms |= {f"{service.name}/{host}": farm for host, farm in cluster.farms.items()}
        return _serve(nodes, members, farms, options, log)


def _try_ports(service: ServiceElement) -> None:
    """Raises `InputError` for an address that cannot be had, before the others hear of the node. NOD-STA-03

    They are not kept: a web server that is refused goes elsewhere, one that is let wait does not.
    """
    for connector in service.connectors:
        for listener in open_listeners(Address(connector.address, connector.port)):
            listener.close()


def find_server_xml(place: str) -> str:
    """The server.xml of a folder (`conf/server.xml` or `server.xml` in it), or the file itself."""
    for name in ("conf/server.xml", "server.xml"):
        if (Path(place) / name).is_file():
            return str(Path(place) / name)
    return place


def read_node(file: str) -> ServerElement:
    """Warnings go to standard error, an error is raised as `InputError`."""
    configuration = read_server_xml(DiskFiles().read(file), file, node_properties(file))
    for complaint in configuration.complaints:
        if complaint.severity is Severity.WARNING:
            print(complaint, file=sys.stderr)
    raise_if_refused(configuration.complaints)
    assert configuration.server is not None
    return configuration.server


def connector_settings(connector: ConnectorElement) -> ConnectorSettings:
    """A connector's attributes as the connector takes them; raises `UsageError`. SXM-CON-02"""
    pattern, secret = connector.allowed_attributes, connector.shared_secret
    try:
        allowed = None if pattern is None else re.compile(pattern.encode("utf-8"))
    except re.error as error:
        raise UsageError(f"allowedRequestAttributesPattern: {error}") from None
    return ConnectorSettings(
        secret=None if secret is None else secret.encode("utf-8"),
        packet_size=connector.packet_size,
        threads=connector.threads,
        connections_max=connector.connections_max,
        header_count_max=connector.header_count_max,
        read_timeout_s=_seconds(connector.read_timeout_ms),
        idle_timeout_s=_seconds(connector.idle_timeout_ms),
        trust_remote_user=not connector.own_authentication,
        allowed_attributes=allowed,
    )


def _seconds(timeout_ms: int) -> float:
    return timeout_ms / 1000 if timeout_ms > 0 else math.inf


def _tell_check(nodes: Sequence[tuple[ServiceElement, Hosts]], base: Path) -> int:
    failed = 0
    for service, hosts in nodes:
        for connector in service.connectors:
            address = Address(connector.address, connector.port)
            bound = (Address(host, address.port) for _, host in resolve(address))
            check_exposure(bound, connector_settings(connector))
            print(f"connector: ajp://{address}")
        for host in service.engine.hosts:
            if host.cluster is not None and host.cluster.deployer is not None:
                where = farm_directories(host.cluster.deployer, base)
                watches = "" if where.watch is None else f", watches {where.watch}"
                print(f"farm: deploys to {where.deploy}{watches}")
        for application in hosts.applications():
            failed += application.error is not None
            print(f"application {application.path or '/'}: {application.error or 'can be started'}")
    return 3 if failed else 0


def _serve(
    nodes: Sequence[tuple[ServiceElement, Hosts]],
    members: Mapping[str, ClusterNode],
    farms: Mapping[str, FarmNode],
    options: argparse.Namespace,
    log: AccessLog | None,
) -> int:
    graceful_s = options.graceful_timeout
    servers = list(_servers(nodes, log))
    signals = StopSignals(reopen=log.reopen if log else None, report=lambda: _tell_counters(servers))
    signals.install()
    finished, status = True, None
    connectors: dict[str, AjpServer] = {}
    try:
        for name, server in servers:
            url = f"ajp://{Address(*server.start())}"
            connectors[url] = server
            print(f"refjk node {name} serves on {url}", file=sys.stderr, flush=True)
        if options.status:
            status = NodeStatus(
                options.status,
                name=", ".join(service.engine.jvm_route or service.name for service, _ in nodes),
                nodes=members,
                servers=connectors,
                hosts={service.name: hosts for service, hosts in nodes},
                farms=farms,
                remote=options.status_remote,
            )
            print(f"refjk status: http://{status.start()}/", file=sys.stderr, flush=True)
        signals.wait()
        print(f"refjk stops; running requests have {graceful_s:g} s", file=sys.stderr, flush=True)
        # All of them first: none takes a request while another one waits for its last.
        for _, server in servers:
            server.retire()
    finally:
        if status is not None:
            status.stop()
        until = time.monotonic() + graceful_s
        for _, server in servers:
            finished = server.stop(max(until - time.monotonic(), 0.0)) and finished
    if not finished:
        print("refjk: some requests did not finish in time and were cut off", file=sys.stderr)
    _tell_counters(servers)
    if log:
        log.close()
    return 0


def _servers(
    nodes: Sequence[tuple[ServiceElement, Hosts]], log: AccessLog | None
) -> Iterator[tuple[str, AjpServer]]:
    for service, hosts in nodes:
        name = service.engine.jvm_route or service.name
        for connector in service.connectors:
            address = str(Address(connector.address, connector.port))
            yield name, AjpServer(hosts, address, connector_settings(connector), access_log=log)


def _tell_counters(servers: Sequence[tuple[str, AjpServer]]) -> None:
    for name, server in servers:
        counted = ", ".join(f"{key} {count}" for key, count in server.counters.items() if count)
        print(f"refjk node {name} counted: {counted or 'nothing'}", file=sys.stderr, flush=True)
