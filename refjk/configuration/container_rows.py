"""A `server.xml` and a `web.xml` as rows: every value with its origin, for `refjk config show`."""

from __future__ import annotations

from collections.abc import Iterator

from refjk.configuration.origins import Origin, Source
from refjk.configuration.server_xml_model import (
    ClusterElement,
    ContainerConfiguration,
    ContextElement,
    HostElement,
    Part,
)
from refjk.configuration.server_xml_table import ATTRIBUTES, Effect
from refjk.configuration.show import Row
from refjk.configuration.web_xml import WebApplication

# SXM-SHW-01
_HIDDEN = frozenset({"secret", "requiredSecret", "keystorePass", "truststorePass"})


def container_rows(configuration: ContainerConfiguration) -> Iterator[Row]:
    """All of a server.xml, element by element; the scope is the way to the element."""
    server = configuration.server
    if server is None:
        return
    yield from _part_rows("Server", "Server", server)
    for service in server.services:
        scope = f"Service {service.name}"
        yield from _part_rows(scope, "Service", service)
        for connector in service.connectors:
            yield from _part_rows(f"{scope}, Connector {connector.port}", "Connector", connector)
        engine = service.engine
        scope = f"Engine {engine.name}"
        yield from _part_rows(scope, "Engine", engine)
        for host in engine.hosts:
            yield from _host_rows(f"{scope}, Host {host.name}", host)


def _host_rows(scope: str, host: HostElement) -> Iterator[Row]:
    yield from _part_rows(scope, "Host", host)
    if host.aliases:
        yield Row(scope, "Alias", list(host.aliases), "", Origin(Source.GIVEN, host.place))
    yield from _part_rows(f"{scope}, Valve", "JvmRouteBinderValve", host.route_binder)
    yield from _part_rows(f"{scope}, Listener", "JvmRouteSessionIDBinderListener", host.route_listener)
    for context in host.contexts:
        yield from _context_rows(f'{scope}, Context "{context.path}"', context)
    if host.cluster is not None:
        yield from _cluster_rows(f"{scope}, Cluster", host.cluster)


def _context_rows(scope: str, context: ContextElement) -> Iterator[Row]:
    yield from _part_rows(scope, "Context", context)
    yield from _part_rows(f"{scope}, Manager", "Manager", context.manager)
    yield from _part_rows(f"{scope}, Valve", "JvmRouteBinderValve", context.route_binder)


def _cluster_rows(scope: str, cluster: ClusterElement) -> Iterator[Row]:
    yield from _part_rows(scope, "Cluster", cluster)
    parts: tuple[tuple[str, str, Part | None], ...] = (
        ("Membership", "Membership", cluster.membership),
        ("Receiver", "Receiver", cluster.receiver),
        ("Sender", "Sender", cluster.sender),
        ("Valve", "ReplicationValve", cluster.replication_valve),
        ("Valve", "JvmRouteBinderValve", cluster.route_binder),
        ("ClusterListener", "JvmRouteSessionIDBinderListener", cluster.route_listener),
        ("Deployer", "Deployer", cluster.deployer),
    )
    for element, name, part in parts:
        yield from _part_rows(f"{scope}, {element}", name, part)


def _part_rows(scope: str, name: str, part: Part | None) -> Iterator[Row]:
    """The attributes of an element in the order of the table; those without effect if they are written."""
    if part is None:
        return
    for info in ATTRIBUTES[name]:
        if info.effect is Effect.HONOURED:
            value, origin = getattr(part, info.field), part.origins[info.name]
        elif info.name in part.others:
            value, origin = part.others[info.name].value, part.others[info.name].origin
        else:
            continue
        if info.name in _HIDDEN and value is not None:
            value = "(hidden)"
        yield Row(scope, info.name, list(value) if isinstance(value, tuple) else value, info.unit, origin)


def application_rows(application: WebApplication) -> Iterator[Row]:
    """All of a web.xml."""
    name, timeout = application.display_name, application.session_timeout
    distributable, welcome = application.distributable, application.welcome_files
    yield Row("", "display-name", name.value, "", name.origin)
    yield Row("", "distributable", distributable.value, "", distributable.origin)
    yield Row("", "session-timeout", timeout.value, "min", timeout.origin)
    yield Row("", "welcome-file-list", list(welcome.value), "", welcome.origin)
    for listener in application.listeners:
        yield Row("", "listener", listener.target, "", Origin(Source.GIVEN, listener.place))
    for servlet in application.servlets.values():
        yield Row("", f"servlet {servlet.name}", servlet.target, "", Origin(Source.GIVEN, servlet.place))
    for mapping in application.mappings:
        origin = Origin(Source.GIVEN, mapping.place)
        yield Row("", f"servlet-mapping {mapping.pattern}", mapping.servlet, "", origin)
    for extension, media_type in application.media_types.items():
        yield Row("", f"mime-mapping {extension}", media_type.value, "", media_type.origin)
    for key, parameter in application.parameters.items():
        yield Row("", f"context-param {key}", parameter.value, "", parameter.origin)
