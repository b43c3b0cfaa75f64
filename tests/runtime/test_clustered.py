"""From the elements of a server.xml to sessions of its applications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refjk.configuration import WebApplication, read_server_xml
from refjk.runtime.applications import Application, ApplicationLoader
from refjk.runtime.clustered import ClusteredEngine, manager_settings
from refjk.runtime.contexts import Hosts
from refjk.speccheck import covers
from tests.configuration.server_xml_texts import changed
from tests.interop.clusters import free_udp_port
from tests.runtime.replication import until

SERVER = """<Server><Service name="Catalina"><Connector port="8009" protocol="AJP/1.3"/>
<Engine name="Catalina" defaultHost="localhost" jvmRoute="n1"><Host name="localhost" appBase="webapps"/>
</Engine></Service></Server>"""
WEB = """<web-app><listener><listener-class>heard:Heard</listener-class></listener>
<servlet><servlet-name>s</servlet-name><servlet-class>heard:app</servlet-class></servlet>
<servlet-mapping><servlet-name>s</servlet-name><url-pattern>/*</url-pattern></servlet-mapping></web-app>"""
APPLICATION = """
heard = []

class Heard:
    def session_created(self, event):
        heard.append(f"created {event.session.id[-3:]}")

    def session_destroyed(self, event):
        heard.append("destroyed")

def app(environ, start_response):
    session = environ["refjk.session"]
    if environ["PATH_INFO"] == "/end":
        session.invalidate()
    else:
        session.set("n", 1)
    start_response("200 OK", [])
    return [", ".join(heard).encode()]
"""
CLUSTERED = """<Server><Service name="Catalina"><Connector port="8009" protocol="AJP/1.3"/>
<Engine name="Catalina" defaultHost="localhost" jvmRoute="n1" backgroundProcessorDelay="1">
<Host name="localhost" appBase="webapps"><Context path="/shop" docBase="cart:app" distributable="true"/>
<Cluster className="org.apache.catalina.cluster.tcp.SimpleTcpCluster" {times}>
<Membership className="org.apache.catalina.cluster.mcast.McastService" mcastAddr="228.0.0.4" mcastTTL="0"
 mcastBindAddress="127.0.0.1" mcastPort="{port}" mcastFrequency="50" mcastDropTime="10000"/>
<Receiver className="org.apache.catalina.cluster.tcp.ReplicationListener" tcpListenAddress="127.0.0.1"/>
<Sender className="org.apache.catalina.cluster.tcp.ReplicationTransmitter" replicationMode="pooled"/>
<Valve className="org.apache.catalina.cluster.tcp.ReplicationValve"/></Cluster></Host>
</Engine></Service></Server>"""
CART = """
def app(environ, start_response):
    session = environ["refjk.session"]
    if "cart" in session:
        session.get("cart").append("pear")
        session.set("other", 1)
    else:
        session.set("cart", ["apple"])
    start_response("200 OK", [])
    return [b""]
"""


@covers("SXM-CTX-06")
def test_listeners_of_a_web_xml_hear_of_sessions(tmp_path: Path) -> None:
    classes = tmp_path / "webapps" / "shop" / "WEB-INF" / "classes"
    classes.mkdir(parents=True)
    (classes / "heard.py").write_text(APPLICATION)
    (classes.parent / "web.xml").write_text(WEB)
    server = read_server_xml(SERVER, "server.xml", {}).server
    assert server is not None
    engine = server.services[0].engine
    clusters = ClusteredEngine(engine, tmp_path)
    clusters.start()
    hosts = Hosts.of(engine, tmp_path, ApplicationLoader(), clusters.wrap_for)
    ask = asking(hosts)

    try:
        assert ask("/shop/") == "created .n1"
        assert ask("/shop/end") == "created .n1, destroyed"
    finally:
        clusters.stop(1.0)


def asking(hosts: Hosts) -> Callable[[str], str]:
    """A browser: the text of a path, with the cookie that it was given last."""
    cookie = ""

    def ask(path: str) -> str:
        nonlocal cookie

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            nonlocal cookie
            cookie = dict(headers).get("Set-Cookie", cookie).partition(";")[0]

        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "HTTP_COOKIE": cookie,
            "wsgi.url_scheme": "http",
        }
        return b"".join(hosts(environ, start)).decode()

    return ask


@contextmanager
def clustered(folder: Path, times: str = "", **options: Any) -> Iterator[tuple[ClusteredEngine, Hosts]]:
    """A node with the application that changes its cart without setting it."""
    server = read_server_xml(CLUSTERED.format(times=times, port=free_udp_port()), "server.xml").server
    assert server is not None
    engine = server.services[0].engine
    clusters = ClusteredEngine(engine, folder, **options)
    clusters.start()
    try:
        yield clusters, Hosts.of(engine, folder, ApplicationLoader(), clusters.wrap_for)
    finally:
        clusters.stop(1.0)


@covers("SXM-CLU-06")
@pytest.mark.parametrize(("written", "waits_ms"), [("", 60_000), ("300", 300_000), ("-1", -1000)])
def test_how_long_a_node_waits_for_the_sessions_of_others_is_configured(written: str, waits_ms: int) -> None:
    attribute = f' manager.stateTransferTimeout="{written}"' if written else ""
    read = changed('tcp.SimpleTcpCluster"', f'tcp.SimpleTcpCluster"{attribute}')
    assert read.server is not None and read.complaints == ()
    cluster = read.server.services[0].engine.hosts[0].cluster

    application = Application("", None, WebApplication("web.xml"))
    settings = manager_settings("n1", application, cluster)

    assert settings.state_transfer_timeout_ms == waits_ms
    assert manager_settings("n1", application, None).state_transfer_timeout_ms == 60_000


@covers("SES-ATT-07")
@pytest.mark.parametrize("watches", [True, False])
def test_a_node_tells_of_attributes_that_were_changed_without_being_set_if_it_is_asked_to(
    watches: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cart.py").write_text(CART)
    monkeypatch.syspath_prepend(tmp_path)
    with clustered(tmp_path, watch_mutations=watches) as (clusters, hosts):
        manager = clusters.nodes["localhost"].contexts.get("/shop")
        assert manager is not None
        ask = asking(hosts)
        ask("/shop/")
        ask("/shop/")
        if watches:
            told = "/shop: mutated: attribute 'cart' was changed without being set"
            assert until(lambda: any(told in record.getMessage() for record in caplog.records))
        else:
            assert manager.reports() == []


@covers("SXM-CLU-07")
@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ('manager.updateActiveInterval="60" manager.expireTolerance="300"', (60, 300)),
        ("", (None, None)),
    ],
)
def test_the_times_of_a_manager_are_those_of_its_cluster(
    times: str,
    expected: tuple[int | None, int | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cart.py").write_text(CART)
    monkeypatch.syspath_prepend(tmp_path)
    with clustered(tmp_path, times) as (clusters, _):
        manager = clusters.nodes["localhost"].contexts.get("/shop")

    assert manager is not None
    assert (manager.settings.update_active_interval, manager.settings.expire_tolerance) == expected
