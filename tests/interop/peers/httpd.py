"""Apache httpd (mpm_event) with mod_jk, mod_proxy_ajp, mod_proxy_http, or nothing but files."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.peers.certificates import Certificates
from tests.interop.peers.process import Peer, PeerMissing, find_program, free_port

MODULE_FOLDERS = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2")
PACKAGES = {"jk": "libapache2-mod-jk"}
# Some of these are built in, depending on the distribution.
BASE_MODULES = ("mpm_event", "unixd", "log_config", "authz_core", "mime", "env", "setenvif", "headers")
READY_AGAIN = "resuming normal operations"


@dataclass(frozen=True, slots=True)
class JkWorker:
    """One ajp13 worker; times as mod_jk wants them (timeouts of pings in ms, of sockets in s)."""

    port: int
    name: str = "node"
    secret: str | None = None
    max_packet_size: int | None = None
    ping_mode: str | None = None
    ping_timeout: int | None = None
    connect_timeout: int | None = None
    prepost_timeout: int | None = None
    socket_timeout: int | None = None
    socket_connect_timeout: int | None = None
    reply_timeout: int | None = None
    route: str | None = None
    lbfactor: int | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    def properties(self) -> list[str]:
        """Lines of workers.properties."""
        own = ["secret", "max_packet_size", "ping_mode", "ping_timeout", "connect_timeout", "prepost_timeout"]
        own += ["socket_timeout", "socket_connect_timeout", "reply_timeout", "route", "lbfactor"]
        given = {key: getattr(self, key) for key in own if getattr(self, key) is not None}
        facts = {"type": "ajp13", "host": "127.0.0.1", "port": self.port, **given, **self.more}
        return [f"worker.{self.name}.{key}={value}" for key, value in facts.items()]


@dataclass(frozen=True, slots=True)
class ModJk:
    """Everything goes to the only worker, or to a balancer over them when there are several.

    `balancer` holds properties of the balancer (`{"method": "R"}`); given, even a single worker is
    balanced. `mounts` are patterns as in JkMount. `environment` maps JkEnvVar names to defaults.
    `as_directives` writes JkWorkerProperty lines instead of a workers file.
    """

    workers: Sequence[JkWorker]
    balancer: Mapping[str, object] | None = None
    mounts: Sequence[str] = ("/*",)
    unmounts: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    log_level: str = "info"
    as_directives: bool = False
    directives: str = ""

    modules = ("jk",)

    def configuration(self, directory: Path) -> str:
        """The part of httpd.conf; writes workers.properties into `directory` if it is used."""
        target, properties = self._worker_properties()
        lines = [f"JkShmFile {directory}/jk.shm", f"JkLogFile {directory}/mod_jk.log"]
        lines += [f"JkLogLevel {self.log_level}", "JkMountCopy All"]
        if self.as_directives:
            lines += [f"JkWorkerProperty {line}" for line in properties]
        else:
            (directory / "workers.properties").write_text("\n".join(properties) + "\n")
            lines.append(f"JkWorkersFile {directory}/workers.properties")
        lines += [f"JkOptions {option}" for option in self.options]
        lines += [f'JkEnvVar {name} "{default}"' for name, default in self.environment.items()]
        lines += [f"JkMount {pattern} {target}" for pattern in self.mounts]
        lines += [f"JkUnMount {pattern} {target}" for pattern in self.unmounts]
        return "\n".join([*lines, self.directives])

    def _worker_properties(self) -> tuple[str, list[str]]:
        lines = [line for worker in self.workers for line in worker.properties()]
        if len(self.workers) == 1 and self.balancer is None:
            name = self.workers[0].name
            return name, [f"worker.list={name}", *lines]
        members = ",".join(worker.name for worker in self.workers)
        lines += ["worker.balancer.type=lb", f"worker.balancer.balance_workers={members}"]
        lines += [f"worker.balancer.{key}={value}" for key, value in (self.balancer or {}).items()]
        return "balancer", ["worker.list=balancer", *lines]


@dataclass(frozen=True, slots=True)
class ModProxyAjp:
    """ProxyPass to one AJP container; `parameters` are further `key=value` words of ProxyPass.

    `io_buffer_size` is httpd's word for the packet size.
    """

    port: int
    secret: str | None = None
    ping: str | None = None
    io_buffer_size: int | None = None
    parameters: str = ""
    directives: str = ""

    modules = ("proxy", "proxy_ajp")

    def configuration(self, directory: Path) -> str:
        """The part of httpd.conf."""
        words = [f"ProxyPass / ajp://127.0.0.1:{self.port}/"]
        words += [f"secret={self.secret}"] if self.secret is not None else []
        words += [f"ping={self.ping}"] if self.ping is not None else []
        lines = ["ProxyPreserveHost On"]
        lines += [f"ProxyIOBufferSize {self.io_buffer_size}"] if self.io_buffer_size is not None else []
        return "\n".join([*lines, " ".join([*words, self.parameters]), self.directives])


@dataclass(frozen=True, slots=True)
class ModProxyHttp:
    """ProxyPass to one HTTP server, its connections kept and used again."""

    port: int
    parameters: str = ""
    directives: str = ""

    modules = ("proxy", "proxy_http")

    def configuration(self, directory: Path) -> str:
        """The part of httpd.conf."""
        return "\n".join(
            [
                "ProxyPreserveHost On",
                f"ProxyPass / http://127.0.0.1:{self.port}/ enablereuse=on {self.parameters}",
                self.directives,
            ]
        )


@dataclass(frozen=True, slots=True)
class Tls:
    """A second listener with TLS; `verify_client` is a word of SSLVerifyClient."""

    certificates: Certificates
    verify_client: str = "none"
    directives: str = ""

    def configuration(self, port: int) -> str:
        """The Listen line and the virtual host."""
        return f"""\
Listen 127.0.0.1:{port} https
<VirtualHost 127.0.0.1:{port}>
SSLEngine On
SSLCertificateFile {self.certificates.server}
SSLCertificateKeyFile {self.certificates.server_key}
SSLCACertificateFile {self.certificates.authority}
SSLVerifyClient {self.verify_client}
SSLOptions +StdEnvVars +ExportCertData
{self.directives}
</VirtualHost>
"""


class Httpd(Peer):
    """httpd on `port` (and `tls_port` with `tls`); `threads` requests run at the same time.

    With `users` (name to password) the location `private` asks for Basic authentication.
    `directives` end the main part of httpd.conf. Files of `documents` are served without a front.
    """

    name = "httpd"

    def __init__(
        self,
        front: ModJk | ModProxyAjp | ModProxyHttp | None = None,
        *,
        tls: Tls | None = None,
        users: Mapping[str, str] | None = None,
        private: str = "/private",
        threads: int = 256,
        access_log: bool = True,
        log_level: str = "info",
        directives: str = "",
    ) -> None:
        super().__init__()
        self.front = front
        self.tls = tls
        self.users = dict(users or {})
        self.private = private
        self.threads = threads
        self.access_log = access_log
        self.log_level = log_level
        self.directives = directives
        self.port = 0
        self.tls_port = 0
        self._program = find_program("apache2", "apache2", "httpd")
        self._modules = self._module_lines()

    @property
    def documents(self) -> Path:
        """The folder with the static files."""
        return self.directory / "htdocs"

    @property
    def error_log(self) -> str:
        """httpd's error log so far."""
        path = self.directory / "error.log"
        return path.read_text(errors="backslashreplace") if path.exists() else ""

    @property
    def jk_log(self) -> str:
        """mod_jk's log so far."""
        path = self.directory / "mod_jk.log"
        return path.read_text(errors="backslashreplace") if path.exists() else ""

    def reload(self) -> None:
        """Graceful restart with the configuration written anew; open requests go on."""
        assert self.process is not None
        self._prepare()
        before = self.error_log.count(READY_AGAIN)
        self.process.send_signal(signal.SIGUSR1)
        self.wait_until(lambda: self.error_log.count(READY_AGAIN) > before, "reload", 20)

    def _choose_ports(self) -> None:
        self.port = free_port()
        self.tls_port = free_port() if self.tls else 0

    def _prepare(self) -> None:
        self.documents.mkdir(exist_ok=True)
        if self.users:
            hashed = {
                name: base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
                for name, password in self.users.items()
            }
            lines = [f"{name}:{{SHA}}{digest}\n" for name, digest in hashed.items()]
            (self.directory / "users").write_text("".join(lines))
        (self.directory / "httpd.conf").write_text(self._configuration())

    def _command(self) -> Sequence[str]:
        return [self._program, "-D", "FOREGROUND", "-f", str(self.directory / "httpd.conf")]

    def _listening(self) -> Sequence[int]:
        return [self.port, self.tls_port] if self.tls else [self.port]

    def _configuration(self) -> str:
        parts = [self._modules, self._main_part(), self._user_part(), self._private_part()]
        if self.front is not None:
            parts.append(self.front.configuration(self.directory))
        parts.append(self.directives)
        if self.tls is not None:
            parts.append("SSLSessionCache shmcb:" + str(self.directory / "sessions") + "(512000)")
            parts.append(self.tls.configuration(self.tls_port))
        return "\n".join(parts) + "\n"

    def _main_part(self) -> str:
        """One active child with all threads, so that pools and counters are the same in every run."""
        access = f"CustomLog {self.directory}/access.log common" if self.access_log else ""
        return f"""\
ServerRoot {self.directory}
DefaultRuntimeDir {self.directory}
PidFile {self.directory}/httpd.pid
ServerName 127.0.0.1
Listen 127.0.0.1:{self.port}
ErrorLog {self.directory}/error.log
LogLevel {self.log_level}
LogFormat "%h %u \\"%r\\" %>s %b" common
{access}
DocumentRoot {self.documents}
TypesConfig /dev/null
Timeout 60
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
StartServers 1
ServerLimit 4
ThreadLimit {self.threads}
ThreadsPerChild {self.threads}
MaxRequestWorkers {self.threads}
MinSpareThreads 1
MaxSpareThreads {self.threads}
"""

    def _user_part(self) -> str:
        if os.geteuid() != 0:
            return ""  # httpd ignores User then.
        known = {entry.pw_name for entry in pwd.getpwall()}
        user = next(name for name in ("www-data", "apache", "nobody") if name in known)
        return f"User {user}\nGroup #{pwd.getpwnam(user).pw_gid}"

    def _private_part(self) -> str:
        if not self.users:
            return ""
        return f"""\
<Location "{self.private}">
AuthType Basic
AuthName "refjk tests"
AuthBasicProvider file
AuthUserFile {self.directory}/users
Require valid-user
</Location>
"""

    def _module_lines(self) -> str:
        wanted = list(BASE_MODULES)
        wanted += ["authn_core", "authn_file", "authz_user", "auth_basic"] if self.users else []
        wanted += ["socache_shmcb", "ssl"] if self.tls else []
        wanted += self.front.modules if self.front is not None else []
        folder = next((path for path in map(Path, MODULE_FOLDERS) if path.is_dir()), None)
        if folder is None:
            raise PeerMissing("httpd's modules not found: apt-get install apache2")
        lines = []
        for name in wanted:
            path = folder / f"mod_{name}.so"
            if path.exists():
                lines += [f"<IfModule !{name}_module>", f"LoadModule {name}_module {path}", "</IfModule>"]
            elif name not in ("unixd", "log_config"):
                raise PeerMissing(f"{path} not found: apt-get install {PACKAGES.get(name, 'apache2')}")
        return "\n".join(lines)
