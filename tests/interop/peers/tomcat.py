"""Apache Tomcat 10.1 with one AJP connector and the test servlet of `tests/interop/tomcat_app`."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.interop.peers.process import Peer, PeerMissing, find_program, free_port

SOURCE = Path(__file__).resolve().parents[1] / "tomcat_app" / "TestServlet.java"
JVM_OPTIONS = (
    "-Xms32m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.security.egd=file:/dev/./urandom",
    "-Djava.awt.headless=true",
    "-Dtomcat.util.scan.StandardJarScanFilter.jarsToSkip=*.jar",
)
WEB_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0" metadata-complete="true">
  <servlet>
    <servlet-name>test</servlet-name>
    <servlet-class>TestServlet</servlet-class>
    <load-on-startup>1</load-on-startup>
  </servlet>
  <servlet-mapping>
    <servlet-name>test</servlet-name>
    <url-pattern>/</url-pattern>
  </servlet-mapping>
</web-app>
"""


def tomcat_home() -> Path:
    """The folder with bin/bootstrap.jar: CATALINA_HOME, or where Debian keeps it."""
    home = Path(os.environ.get("CATALINA_HOME", "/usr/share/tomcat10"))
    if not (home / "bin" / "bootstrap.jar").exists():
        raise PeerMissing(f"no Tomcat in {home}: apt-get install tomcat10-common")
    return home


@functools.cache
def compiled_classes() -> Path:
    """The folder with the servlet's class, compiled once per process and removed at its end."""
    javac = find_program("default-jdk-headless", "javac")
    api = tomcat_home() / "lib" / "servlet-api.jar"
    classes = Path(tempfile.mkdtemp(prefix="refjk-tomcat-classes-"))
    atexit.register(shutil.rmtree, classes, ignore_errors=True)
    command = [javac, "-nowarn", "-cp", str(api), "-d", str(classes), str(SOURCE)]
    subprocess.run(command, check=True, timeout=120)
    return classes


class Tomcat(Peer):
    """Tomcat with an AJP connector on `port`; what the application answers is told in its source.

    `secret` None means a connector that demands none. `connector` holds further attributes
    of the Connector element (and overrides ours), `jvm_route` becomes part of session ids.
    """

    name = "tomcat"

    def __init__(
        self,
        *,
        secret: str | None = None,
        packet_size: int | None = None,
        allowed_attributes: str | None = None,
        tomcat_authentication: bool = True,
        jvm_route: str | None = None,
        threads: int = 250,
        connector: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__()
        self.secret = secret
        self.packet_size = packet_size
        self.allowed_attributes = allowed_attributes
        self.tomcat_authentication = tomcat_authentication
        self.jvm_route = jvm_route
        self.threads = threads
        self.connector = dict(connector or {})
        self.port = 0
        self._java = find_program("default-jdk-headless", "java")
        self._home = tomcat_home()
        self._classes = compiled_classes()

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _prepare(self) -> None:
        application = self.directory / "application"
        for folder in ("conf", "temp", "webapps", "application/WEB-INF"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        (self.directory / "conf" / "server.xml").write_text(self._server_xml(application))
        (application / "WEB-INF" / "web.xml").write_text(WEB_XML)
        shutil.copytree(self._classes, application / "WEB-INF" / "classes", dirs_exist_ok=True)

    def _command(self) -> Sequence[str]:
        jars = [self._home / "bin" / "bootstrap.jar", self._home / "bin" / "tomcat-juli.jar"]
        return [
            self._java,
            *JVM_OPTIONS,
            f"-Dcatalina.home={self._home}",
            f"-Dcatalina.base={self.directory}",
            f"-Djava.io.tmpdir={self.directory / 'temp'}",
            "-cp",
            os.pathsep.join(str(jar) for jar in jars),
            "org.apache.catalina.startup.Bootstrap",
            "start",
        ]

    def _listening(self) -> Sequence[int]:
        return [self.port]

    def _connector_attributes(self) -> str:
        facts: dict[str, object] = {
            "protocol": "AJP/1.3",
            "address": "127.0.0.1",
            "port": self.port,
            # The port opens when the application answers, so that a connection means readiness.
            "bindOnInit": "false",
            "secretRequired": "false" if self.secret is None else "true",
            "tomcatAuthentication": str(self.tomcat_authentication).lower(),
            "maxThreads": self.threads,
            "allowTrace": "true",
        }
        if self.secret is not None:
            facts["secret"] = self.secret
        if self.packet_size is not None:
            facts["packetSize"] = self.packet_size
        if self.allowed_attributes is not None:
            facts["allowedRequestAttributesPattern"] = self.allowed_attributes
        facts |= self.connector
        return " ".join(f"{key}={quoteattr(str(value))}" for key, value in facts.items())

    def _server_xml(self, application: Path) -> str:
        route = f" jvmRoute={quoteattr(self.jvm_route)}" if self.jvm_route is not None else ""
        return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<Server port="-1" shutdown="none">
  <Service name="Catalina">
    <Connector {self._connector_attributes()}/>
    <Engine name="Catalina" defaultHost="localhost"{route}>
      <Host name="localhost" appBase="webapps" autoDeploy="false" deployOnStartup="false">
        <Context path="" docBase={quoteattr(str(application))} containerSciFilter=".*">
          <Manager pathname=""/>
        </Context>
      </Host>
    </Engine>
  </Service>
</Server>
"""
