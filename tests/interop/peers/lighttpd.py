"""lighttpd with mod_ajp13 before one or several containers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.interop.peers.process import Peer, PeerMissing, find_program, free_port

MODULE_FOLDERS = ("/usr/lib/lighttpd", "/usr/lib64/lighttpd", "/usr/local/lib/lighttpd")


class Lighttpd(Peer):
    """Everything goes to the containers at `ajp_ports`, in turn.

    lighttpd 1.4.69 puts no secret into requests that came without TLS, and its body packets lack the inner
    length, so that only requests without a body are of use here. `directives` end lighttpd.conf, for example
    `server.stream-response-body = 1`.
    """

    name = "lighttpd"

    def __init__(self, ajp_ports: Sequence[int], *, directives: str = "") -> None:
        super().__init__()
        self.ajp_ports = list(ajp_ports)
        self.directives = directives
        self.port = 0
        self._program = find_program("lighttpd", "lighttpd")
        if not any((Path(folder) / "mod_ajp13.so").exists() for folder in MODULE_FOLDERS):
            raise PeerMissing("lighttpd's mod_ajp13.so not found: apt-get install lighttpd (1.4.59 or newer)")

    @property
    def error_log(self) -> str:
        """lighttpd's error log so far."""
        return (self.directory / "error.log").read_text(errors="backslashreplace")

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _prepare(self) -> None:
        documents = self.directory / "htdocs"
        documents.mkdir(exist_ok=True)
        hosts = ", ".join(f'( "host" => "127.0.0.1", "port" => {port} )' for port in self.ajp_ports)
        (self.directory / "lighttpd.conf").write_text(f"""\
server.modules = ( "mod_ajp13" )
server.bind = "127.0.0.1"
server.port = {self.port}
server.document-root = "{documents}"
server.errorlog = "{self.directory}/error.log"
server.upload-dirs = ( "{self.directory}" )
server.max-connections = 512
server.max-fds = 2048
ajp13.balance = "round-robin"
ajp13.server = ( "/" => ( {hosts} ) )
{self.directives}
""")

    def _command(self) -> Sequence[str]:
        return [self._program, "-D", "-f", str(self.directory / "lighttpd.conf")]

    def _listening(self) -> Sequence[int]:
        return [self.port]
