"""A `server.xml`: what a node is, from its connectors to its cluster. `spec/container-configuration.md`

    read = read_server_xml(text, "conf/server.xml", {"catalina.base": "/srv/node1"})
    raise_if_refused(read.complaints)
    read.server.services[0].engine.jvm_route

Nothing is raised for what the text says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.server_xml_model import (
    ClusterElement,
    ConnectorElement,
    ContainerConfiguration,
    ContextElement,
    DeployerElement,
    EngineElement,
    HostElement,
    ManagerElement,
    MembershipElement,
    Part,
    ReceiverElement,
    ReplicationValveElement,
    RouteBinderElement,
    RouteListenerElement,
    SenderElement,
    ServerElement,
    ServiceElement,
)
from refjk.configuration.server_xml_table import ATTRIBUTES, CHILDREN, CLASSES, RENAMED, REPLICATION_VALVE
from refjk.configuration.server_xml_values import ValueReader, Values
from refjk.configuration.xml_reader import XmlElement, read_xml

P = TypeVar("P", bound=Part)

_CALLABLE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_BAD_PATH = re.compile(r"//|/\.{1,2}(?:/|$)|[?#;%\x00-\x20\x7f-\x9f]")


def read_server_xml(
    text: str, file: str, properties: Mapping[str, str] | None = None
) -> ContainerConfiguration:
    """`properties` are what `${name}` in a value may stand for, such as `catalina.base`."""
    complaints = Complaints()
    root = read_xml(text, file, complaints)
    server = None
    if root is not None:
        server = _Reader(ValueReader(complaints, properties or {}), complaints).server(root)
    return ContainerConfiguration(file, server, complaints.found())


def is_callable_name(text: str) -> bool:
    """Whether it has the shape `module:app`. SXM-CTX-02"""
    return _CALLABLE.fullmatch(text) is not None


class _Reader:
    """From elements to parts, from the outside in."""

    def __init__(self, values: ValueReader, complaints: Complaints) -> None:
        self._values = values
        self._complaints = complaints

    def server(self, root: XmlElement) -> ServerElement | None:
        if root.name != "Server":
            # SXM-ELM-04
            self._complaints.error(
                root.place,
                root.name,
                f"the outermost element is <Server>, not <{shown(root.name)}>",
                "SXM-ELM-04",
            )
            return None
        values = self._values.read(root, "Server")
        self._check_children(root)
        self._listeners(root)
        services = [self._service(child) for child in root.all("Service")]
        found = tuple(service for service in services if service is not None)
        connectors = [connector for service in found for connector in service.connectors]
        if not connectors:
            # SXM-CON-03
            self._complaints.error(
                root.place,
                "Connector",
                "no connector for AJP is here, so nothing could reach this node",
                "SXM-CON-03",
                remedy='write <Connector port="8009" protocol="AJP/1.3"/> in the <Service>',
            )
        self._check_ports(connectors)
        return ServerElement(**values.as_arguments(), services=found)

    def _check_children(self, element: XmlElement) -> None:
        known = CHILDREN[element.name]
        for child in element.children:
            if child.name == "Cluster" and "Cluster" not in known:
                # SXM-CLU-01
                self._complaints.error(
                    child.place,
                    "Cluster",
                    f"<Cluster> stands in <{element.name}>, where no cluster comes of it",
                    "SXM-CLU-01",
                    remedy="move it into the <Host>",
                )
            elif child.name not in known:
                self._values.unknown_element(child, element.name)

    def _one(self, parent: XmlElement, name: str, clause: str = "SXM-ELM-05") -> XmlElement | None:
        """The only child of a name; of several the last one counts."""
        found = list(parent.all(name))
        for child in found[:-1]:
            self._again(child, clause)
        return found[-1] if found else None

    def _again(self, element: XmlElement, clause: str = "SXM-ELM-05") -> None:
        self._complaints.warning(
            element.place, element.name, f"a later <{element.name}> takes the place of this one", clause
        )

    def _part(self, element: XmlElement) -> str:
        """The part of refjk that an element's class names; empty when there is none, which is told.

        SXM-CLS-01, SXM-CLS-02
        """
        attribute = element.attributes.get("className")
        name = (self._values.text(element, "className") or "").strip()
        known = [one for one, info in CLASSES.items() if info.element == element.name]
        if attribute is None or not name:
            # The class of a valve or listener says what it is; of the others there is one that counts.
            if element.name not in ATTRIBUTES:
                self._complaints.error(
                    element.place,
                    element.name,
                    f"<{element.name}> needs className",
                    "SXM-VAL-03",
                    remedy=f'such as className="{known[0]}"',
                )
            return element.name
        info = CLASSES.get(name) or CLASSES.get(attribute.joined or "")
        if info is None or info.element != element.name:
            self._values.foreign_class(attribute, name, known)
            renamed = CLASSES.get(RENAMED.get(name, ""))
            return renamed.part if renamed is not None and renamed.element == element.name else ""
        if not info.part:
            self._complaints.warning(element.place, name, f"{name} has no effect in refjk", "SXM-CLS-02")
        return info.part

    # -- service and connectors -------------------------------------------------------------------

    def _service(self, element: XmlElement) -> ServiceElement | None:
        values = self._values.read(element, "Service")
        self._check_children(element)
        connectors = [self._connector(child) for child in element.all("Connector")]
        engine = self._one(element, "Engine")
        if engine is None:
            self._complaints.error(element.place, "Engine", "<Service> needs an <Engine>", "SXM-ELM-04")
            return None
        return ServiceElement(
            **values.as_arguments(),
            connectors=tuple(connector for connector in connectors if connector is not None),
            engine=self._engine(engine),
        )

    def _connector(self, element: XmlElement) -> ConnectorElement | None:
        self._check_children(element)
        protocol = (self._values.text(element, "protocol") or "HTTP/1.1").strip()
        if protocol == "HTTP/1.1":
            # SXM-CON-01
            self._complaints.warning(
                element.place,
                "Connector",
                "nodes of refjk speak AJP; this connector for HTTP is not opened",
                "SXM-CON-01",
                remedy='write protocol="AJP/1.3", or let a web server speak HTTP',
            )
            return None
        values = self._values.read(element, "Connector")
        if values.by_field["port"] is None:
            self._complaints.error(
                element.place, "port", "<Connector> needs port", "SXM-VAL-03", remedy='write port="8009"'
            )
            values.by_field["port"] = 0
        connector = ConnectorElement(**values.as_arguments())
        if connector.secret_required and not connector.shared_secret:
            # SXM-CON-04
            self._complaints.error(
                element.place,
                "secretRequired",
                "secretRequired is true and there is no secret",
                "SXM-CON-04",
                remedy='write secret="…", the same as in the web server',
            )
        return connector

    def _check_ports(self, connectors: Iterable[ConnectorElement]) -> None:
        """SXM-CON-05"""
        taken: dict[tuple[str, int], ConnectorElement] = {}
        for connector in connectors:
            first = taken.setdefault((connector.address, connector.port), connector)
            if first is not connector and connector.port:
                self._complaints.error(
                    connector.origins["port"].place or connector.place,
                    "port",
                    f"port {connector.port} is taken by the connector in line {first.place.line}",
                    "SXM-CON-05",
                )

    # -- engine, hosts and contexts ---------------------------------------------------------------

    def _engine(self, element: XmlElement) -> EngineElement:
        values = self._values.read(element, "Engine")
        self._check_children(element)
        self._valves(element)
        hosts = tuple(self._host(child) for child in element.all("Host"))
        engine = EngineElement(**values.as_arguments(), hosts=hosts)
        names = self._unique(((host.name.lower(), host) for host in hosts), "Host")
        # SXM-HST-01
        if engine.default_host and engine.default_host.lower() not in names:
            self._complaints.error(
                (engine.origins["defaultHost"].place or engine.place),
                "defaultHost",
                f"there is no <Host> {shown(engine.default_host)}",
                "SXM-HST-01",
                self._complaints.nearest(engine.default_host, names),
            )
        clustered = any(host.cluster is not None for host in hosts)
        if clustered and not engine.jvm_route:
            # SXM-HST-03
            self._complaints.warning(
                engine.place,
                "jvmRoute",
                "without jvmRoute no session id names this node, so a balancer cannot keep to it",
                "SXM-HST-03",
                remedy="write jvmRoute= with the name of the worker",
            )
        return engine

    def _unique(self, named: Iterable[tuple[str, P]], what: str) -> set[str]:
        """SXM-HST-02"""
        first: dict[str, P] = {}
        for name, part in named:
            if first.setdefault(name, part) is not part:
                self._complaints.error(
                    part.place,
                    name,
                    f'there is a <{what}> "{shown(name)}" in line {first[name].place.line} already',
                    "SXM-HST-02",
                )
        return set(first)

    def _host(self, element: XmlElement) -> HostElement:
        values = self._values.read(element, "Host")
        self._check_children(element)
        valves = self._valves(element)
        contexts = tuple(self._context(child) for child in element.all("Context"))
        self._unique(((context.path, context) for context in contexts), "Context")
        cluster = self._one(element, "Cluster")
        return HostElement(
            **values.as_arguments(),
            aliases=tuple(alias.text for alias in element.all("Alias") if alias.text),
            contexts=contexts,
            cluster=None if cluster is None else self._cluster(cluster),
            route_binder=self._route_binder(valves),
            route_listener=self._listeners(element),
        )

    def _context(self, element: XmlElement) -> ContextElement:
        values = self._values.read(element, "Context")
        self._check_children(element)
        by_field = values.by_field
        self._check_path(element, values)
        doc_base = str(by_field["doc_base"])
        manager = self._one(element, "Manager")
        return ContextElement(
            **values.as_arguments(),
            is_callable=is_callable_name(doc_base),
            manager=None if manager is None else self._manager(manager),
            route_binder=self._route_binder(self._valves(element)),
        )

    def _check_path(self, element: XmlElement, values: Values) -> None:
        """SXM-CTX-01. The empty path is the root context, so here it is not the same as none."""
        attribute = element.attributes.get("path")
        path = str(values.by_field["path"] or "")
        if attribute is None:
            self._complaints.error(
                element.place, "path", "<Context> needs path", "SXM-VAL-03", remedy='write path="/…"'
            )
        elif path == "/":
            self._complaints.warning(
                attribute.place,
                "path",
                'the root context has the path ""',
                "SXM-CTX-01",
                remedy='write path=""',
            )
            path = ""
        elif path and (not path.startswith("/") or path.endswith("/") or _BAD_PATH.search(path)):
            self._complaints.error(
                attribute.place,
                "path",
                f"{shown(path)} is not a context path",
                "SXM-CTX-01",
                remedy="write / and a name, without a / at the end",
            )
        values.by_field["path"] = path

    def _manager(self, element: XmlElement) -> ManagerElement | None:
        self._check_children(element)
        if not self._part(element):
            return None
        return ManagerElement(**self._values.read(element, "Manager").as_arguments())

    # -- valves and listeners ---------------------------------------------------------------------

    def _valves(self, parent: XmlElement) -> Mapping[str, Values]:
        """The valves of refjk in an element, by part; of several the last one counts. SXM-CLU-04"""
        found: dict[str, tuple[XmlElement, Values]] = {}
        for element in parent.all("Valve"):
            self._check_children(element)
            part = self._part(element)
            if part in ("", "Valve"):
                continue
            if part == "ReplicationValve" and parent.name != "Cluster":
                self._complaints.warning(
                    element.place,
                    "Valve",
                    f"the ReplicationValve has no effect in <{parent.name}>",
                    "SXM-ELM-01",
                    remedy="it belongs in <Cluster>",
                )
                continue
            if part in found:
                self._again(found[part][0], "SXM-CLU-04")
            found[part] = (element, self._values.read(element, part))
        return {part: values for part, (_, values) in found.items()}

    def _route_binder(self, valves: Mapping[str, Values]) -> RouteBinderElement | None:
        values = valves.get("JvmRouteBinderValve")
        return None if values is None else RouteBinderElement(**values.as_arguments())

    def _listeners(self, parent: XmlElement, name: str = "Listener") -> RouteListenerElement | None:
        route_listener = None
        for element in parent.all(name):
            self._check_children(element)
            part = self._part(element)
            if part not in ("", name):
                values = self._values.read(element, part)
                if part == "JvmRouteSessionIDBinderListener":
                    route_listener = RouteListenerElement(**values.as_arguments())
        return route_listener

    # -- cluster ----------------------------------------------------------------------------------

    def _cluster(self, element: XmlElement) -> ClusterElement | None:
        self._check_children(element)
        if not self._part(element):
            return None
        values = self._values.read(element, "Cluster")
        valves = self._valves(element)
        route_listener = self._listeners(element, "ClusterListener")
        membership = self._child(element, "Membership", MembershipElement)
        receiver = self._child(element, "Receiver", ReceiverElement)
        sender = self._child(element, "Sender", SenderElement)
        deployer = self._child(element, "Deployer", DeployerElement, optional=True)
        valve = valves.get("ReplicationValve")
        if valve is None:
            self._lacks(element, "Valve", REPLICATION_VALVE)
        if membership is not None and 0 < membership.drop_time_ms <= membership.frequency_ms:
            # SXM-CLU-05
            self._complaints.warning(
                membership.place,
                "mcastDropTime",
                "a member is dropped before its next heartbeat can come",
                "SXM-CLU-05",
                remedy="write a mcastDropTime of several times mcastFrequency",
            )
        if membership is None or receiver is None or sender is None or valve is None:
            return None
        return ClusterElement(
            **values.as_arguments(),
            membership=membership,
            receiver=receiver,
            sender=sender,
            replication_valve=ReplicationValveElement(**valve.as_arguments()),
            route_binder=self._route_binder(valves),
            route_listener=route_listener,
            deployer=deployer,
        )

    def _child(self, cluster: XmlElement, name: str, kind: type[P], *, optional: bool = False) -> P | None:
        element = self._one(cluster, name, "SXM-CLU-04")
        if element is None:
            if not optional:
                self._lacks(cluster, name, next(one for one, info in CLASSES.items() if info.element == name))
            return None
        self._check_children(element)
        part = self._part(element)
        return kind(**self._values.read(element, part).as_arguments()) if part else None

    def _lacks(self, cluster: XmlElement, name: str, class_name: str) -> None:
        """SXM-CLU-02"""
        self._complaints.error(
            cluster.place,
            name,
            f"<Cluster> needs a <{name}>",
            "SXM-CLU-02",
            remedy=f'write <{name} className="{class_name}" …/> in it',
        )


def all_hosts(server: ServerElement) -> Iterator[HostElement]:
    """The hosts of all services, in the order of the file."""
    return (host for service in server.services for host in service.engine.hosts)
