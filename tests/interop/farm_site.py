"""A farm as processes: nodes whose server.xml has a Deployer, an application to deploy, and users."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from refjk.runtime.war_archive import build_archive
from tests.interop.clusters import free_udp_port
from tests.interop.peers import free_port
from tests.interop.peers.process import PROJECT

DEADLINE_S = 50.0

SERVER_XML = """\
<Server>
  <Service name="Catalina">
    <Connector port="{port}" protocol="AJP/1.3"/>
    <Engine name="Catalina" defaultHost="localhost" jvmRoute="{name}" backgroundProcessorDelay="1">
      <Host name="localhost" appBase="webapps">
        <Cluster className="org.apache.catalina.cluster.tcp.SimpleTcpCluster"
                 managerClassName="org.apache.catalina.cluster.session.DeltaManager"
                 expireSessionsOnShutdown="false">
          <Membership className="org.apache.catalina.cluster.mcast.McastService" mcastAddr="228.0.0.4"
                      mcastBindAddress="127.0.0.1" mcastPort="{group_port}" mcastFrequency="200"
                      mcastDropTime="10000"/>
          <Receiver className="org.apache.catalina.cluster.tcp.ReplicationListener"
                    tcpListenAddress="127.0.0.1" tcpListenPort="{receiver_port}"/>
          <Sender className="org.apache.catalina.cluster.tcp.ReplicationTransmitter"
                  replicationMode="pooled" ackTimeout="15000"/>
          <Valve className="org.apache.catalina.cluster.tcp.ReplicationValve" filter=""/>
          <Deployer className="org.apache.catalina.cluster.deploy.FarmWarDeployer"
                    tempDir="${{catalina.base}}/cluster/temp" deployDir="${{catalina.base}}/farm"
                    watchDir="${{catalina.base}}/cluster/watch" watchEnabled="{watches}"
                    processDeployFrequency="1"/>
        </Cluster>
      </Host>
    </Engine>
  </Service>
</Server>
"""
WEB_XML = (
    "<web-app><distributable/><context-param><param-name>refjk.application</param-name>"
    "<param-value>shop:application</param-value></context-param></web-app>"
)
SHOP = """\
from parts import VERSION

def application(environ, start_response):
    session = environ["refjk.session"]
    count = session.get("count", 0) + 1
    session.set("count", count)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{VERSION} {environ['refjk.node']} {count}".encode()]
"""
OTHER_XML = (
    "<web-app><servlet><servlet-name>s</servlet-name><servlet-class>other:app</servlet-class></servlet>"
    "<servlet-mapping><servlet-name>s</servlet-name><url-pattern>/*</url-pattern></servlet-mapping></web-app>"
)
# Its helper has the name of one of the shop's.
OTHER = """\
from parts import VERSION

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION.encode()]
"""


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def shop_war(folder: Path, version: str, *, name: str = "shop", code: str = SHOP, ballast: int = 0) -> Path:
    """The archive of a version of the application, in a folder of its own."""
    source = folder / f"{name}-{version}" / "source"
    put(source / "WEB-INF/web.xml", WEB_XML)
    put(source / "WEB-INF/classes/shop.py", code)
    put(source / "WEB-INF/classes/parts.py", f"VERSION = {version!r}\n")
    put(source / "about.txt", f"this is {version}")
    if ballast:
        (source / "ballast.bin").write_bytes(os.urandom(ballast))
    target = source.parent / f"{name}.war"
    build_archive(source, target)
    return target


class Node:
    """`refjk node`; the folder has all its directories."""

    def __init__(self, root: Path, name: str, group_port: int, *, watches: bool = False) -> None:
        self.name, self.folder = name, root / name
        self.port = free_port()
        self._log = self.folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        text = SERVER_XML.format(
            name=name,
            port=self.port,
            receiver_port=free_port(),
            group_port=group_port,
            watches=str(watches).lower(),
        )
        put(self.folder / "conf/server.xml", text)
        put(self.folder / "webapps/other/WEB-INF/web.xml", OTHER_XML)
        put(self.folder / "webapps/other/WEB-INF/classes/other.py", OTHER)
        put(self.folder / "webapps/other/WEB-INF/classes/parts.py", "VERSION = 'other'\n")

    @property
    def watch(self) -> Path:
        return self.folder / "cluster/watch"

    @property
    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "refjk", "node", str(self.folder)],
                cwd=PROJECT,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_serving(self) -> None:
        assert self._process is not None
        process = self._process
        wait_for(lambda: " serves on ajp://" in self.said or process.poll() is not None, "no node")
        assert process.poll() is None, self.said

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)


@contextlib.contextmanager
def running_nodes(root: Path, count: int) -> Iterator[list[Node]]:
    """Nodes of which the first watches; the test starts them, and they are stopped here."""
    group_port = free_udp_port()
    nodes = [Node(root, f"node{n}", group_port, watches=n == 1) for n in range(1, count + 1)]
    try:
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def get(port: int, path: str, cookie: str = "") -> tuple[int, str, str]:
    """Status, text and session cookie of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, text, (answer.getheader("Set-Cookie") or "").partition(";")[0]


@dataclass
class User:
    """Asks for the shop, where it is open, and for the other application, in turns."""

    port: int
    shop_open: threading.Event
    asking: bool = False
    cookie: str = ""
    version: str = ""
    count: int = 0
    answers: int = 0
    failures: list[str] = field(default_factory=list)
    nodes: set[str] = field(default_factory=set)

    def ask_until(self, over: threading.Event) -> None:
        while not over.is_set():
            try:
                self._ask_other()
                self.asking = True
                if self.shop_open.is_set():
                    self._ask_shop()
                self.asking = False
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
            over.wait(0.02)

    def _ask_other(self) -> None:
        status, text, _ = get(self.port, "/other/")
        if (status, text) != (200, "other"):
            self.failures.append(f"other: {status} {text[:80]!r}")
        self.answers += 1

    def _ask_shop(self) -> None:
        status, text, cookie = get(self.port, "/shop/", self.cookie)
        if status != 200:
            self.failures.append(f"shop: {status} {text[:80]!r}")
            return
        self.cookie = cookie or self.cookie
        self.version, node, count = text.split()
        if int(count) != self.count + 1:
            self.failures.append(f"the session went from {self.count} to {count}")
        self.count = int(count)
        self.nodes.add(node)
