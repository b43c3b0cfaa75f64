"""A server.xml for tests, whole and with one thing changed."""

from __future__ import annotations

from refjk.configuration import ContainerConfiguration, read_server_xml

PROPERTIES = {"catalina.base": "/srv/node1", "catalina.home": "/srv/node1"}
# Line numbers are asked for in tests: one element, one line.
CLUSTER = """\
<Cluster className="org.apache.catalina.cluster.tcp.SimpleTcpCluster">
<Membership className="org.apache.catalina.cluster.mcast.McastService" mcastAddr="228.0.0.4" mcastPort="45564" mcastFrequency="500" mcastDropTime="3000"/>
<Receiver className="org.apache.catalina.cluster.tcp.ReplicationListener" tcpListenAddress="127.0.0.1" tcpListenPort="9015"/>
<Sender className="org.apache.catalina.cluster.tcp.ReplicationTransmitter" replicationMode="pooled"/>
<Valve className="org.apache.catalina.cluster.tcp.ReplicationValve" filter=".*\\.gif;.*\\.txt;"/>
</Cluster>
"""  # noqa: E501
START = """\
<Server port="8005" shutdown="SHUTDOWN">
<Service name="Catalina">
<Connector port="8009" protocol="AJP/1.3"/>
<Engine name="Catalina" defaultHost="localhost" jvmRoute="node1">
<Host name="localhost" appBase="webapps">
"""
END = """\
</Host>
</Engine>
</Service>
</Server>
"""


def read(text: str) -> ContainerConfiguration:
    """A server.xml of this text."""
    return read_server_xml(text, "server.xml", PROPERTIES)


def read_host(inner: str) -> ContainerConfiguration:
    """One whose host holds this; it begins on line 6."""
    return read(START + inner + END)


def changed(old: str, new: str) -> ContainerConfiguration:
    """The whole file, host and cluster, with something else in one place; the cluster begins on line 6."""
    text = START + CLUSTER + END
    assert text.count(old) == 1, old
    return read(text.replace(old, new))
