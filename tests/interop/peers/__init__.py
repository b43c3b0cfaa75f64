"""Real programs as test peers, each a context manager with its own configuration and free loopback ports."""

from tests.interop.peers.certificates import Certificates, create_certificates
from tests.interop.peers.client import Answer, RawConnection, ask
from tests.interop.peers.httpd import Httpd, JkWorker, ModJk, ModProxyAjp, ModProxyHttp, Tls
from tests.interop.peers.lighttpd import Lighttpd
from tests.interop.peers.nginx import Nginx, Upstream
from tests.interop.peers.process import (
    Peer,
    PeerFailed,
    PeerMissing,
    Program,
    find_program,
    free_port,
    peak_rss,
    processes_of_group,
)
from tests.interop.peers.tomcat import Tomcat
from tests.interop.peers.tshark import Dissected, Frame, dissect, write_pcap

__all__ = [
    "Answer",
    "Certificates",
    "Dissected",
    "Frame",
    "Httpd",
    "JkWorker",
    "Lighttpd",
    "ModJk",
    "ModProxyAjp",
    "ModProxyHttp",
    "Nginx",
    "Peer",
    "PeerFailed",
    "PeerMissing",
    "Program",
    "RawConnection",
    "Tls",
    "Tomcat",
    "Upstream",
    "ask",
    "create_certificates",
    "dissect",
    "find_program",
    "free_port",
    "peak_rss",
    "processes_of_group",
    "write_pcap",
]
