"""From the elements of a server.xml to sessions of its applications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refjk.configuration import WebApplication, read_server_xml
from refjk.runtime.applications import Application, ApplicationLoader
from refjk.runtime.clustered import ClusteredEngine, manager_settings
from refjk.runtime.contexts import Hosts
from refjk.speccheck import covers
from tests.configuration.server_xml_texts import changed

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

    try:
        assert ask("/shop/") == "created .n1"
        assert ask("/shop/end") == "created .n1, destroyed"
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
