"""What a httpd.conf says, effective, ready to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from refjk.configuration.complaints import Complaint
from refjk.configuration.log_format import LogItem
from refjk.configuration.mount_rules import MountRule
from refjk.configuration.origins import Origin, Place, Profile, Setting
from refjk.configuration.worker_model import Workers


class ForwardUri(Enum):
    """The form in which the URI goes to a container."""

    COMPAT = "ForwardURICompat"
    COMPAT_UNPARSED = "ForwardURICompatUnparsed"
    ESCAPED = "ForwardURIEscaped"
    PROXY = "ForwardURIProxy"


class JkOption(Enum):
    """The other options of JkOptions."""

    FORWARD_KEY_SIZE = "ForwardKeySize"
    FORWARD_DIRECTORIES = "ForwardDirectories"
    FORWARD_LOCAL_ADDRESS = "ForwardLocalAddress"
    FORWARD_PHYSICAL_ADDRESS = "ForwardPhysicalAddress"
    FLUSH_PACKETS = "FlushPackets"
    FLUSH_HEADER = "FlushHeader"
    DISABLE_REUSE = "DisableReuse"
    FORWARD_SSL_CERT_CHAIN = "ForwardSSLCertChain"
    REJECT_UNSAFE_URI = "RejectUnsafeURI"


class LogLevel(Enum):
    """Levels of JkLogFile, the most talkative first."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    EMERG = "emerg"


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; host None for all of them."""

    host: str | None
    port: int
    place: Place


@dataclass(frozen=True, slots=True)
class HostAddress:
    """An address of a `<VirtualHost>`; `*` for any host, None for any port."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class ServerName:
    """The name a server calls itself."""

    host: str
    port: int | None = None
    scheme: str | None = None


@dataclass(frozen=True, slots=True)
class AccessLog:
    """A CustomLog or TransferLog. `condition` is what stands behind it (`env=…`, `expr=…`), or empty."""

    file: str
    format: tuple[LogItem, ...]
    condition: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class EnvVar:
    """A variable of JkEnvVar or SetEnv. A JkEnvVar without default is sent only when it is set."""

    name: str
    value: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class PathRule:
    """What SetHandler and SetEnv say for a path. `path` None: for the whole server.

    `section` tells how the path is compared (Location, LocationMatch, …).
    """

    section: str
    path: str | None
    handler: str | None
    variables: tuple[EnvVar, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class AutoMount:
    """A JkAutoMount of 1.2.7: a context that goes to a worker; None for the default worker."""

    context: str
    worker: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Server:
    """The main server, or a virtual host with all it inherits.

    `addresses` are those of `<VirtualHost>`; the main server has none. `mounts` are the rules of JkMount
    and JkUnMount in force here, those that JkMountCopy brought last; `mount_file_rules` those of the mount
    file as it was read. `strip_session` is the name that is cut out of paths, None for off. `log_file`
    None: no log.
    """

    name: Setting[ServerName | None]
    aliases: tuple[str, ...]
    addresses: tuple[HostAddress, ...]
    place: Place | None
    document_root: Setting[str | None]
    access_logs: tuple[AccessLog, ...]
    paths: tuple[PathRule, ...]
    mounts: tuple[MountRule, ...]
    mount_file: Setting[str | None]
    mount_file_rules: tuple[MountRule, ...]
    mount_file_reload: Setting[int]
    mount_copy: Setting[bool]
    auto_alias: Setting[str | None]
    auto_mounts: tuple[AutoMount, ...]
    strip_session: Setting[str | None]
    log_file: Setting[str | None]
    log_level: Setting[LogLevel]
    log_stamp_format: Setting[str]
    request_log_format: Setting[tuple[LogItem, ...]]
    forward_uri: Setting[ForwardUri]
    options: Mapping[JkOption, Setting[bool]]
    env_vars: tuple[EnvVar, ...]
    extract_ssl: Setting[bool]
    indicators: Mapping[str, Setting[str]]


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of it. `servers` begins with the main server; `files` are those that were read, in order.

    Without a Listen `listen` is empty.
    """

    profile: Setting[Profile]
    server_root: str
    servers: tuple[Server, ...]
    listen: tuple[Listen, ...]
    workers: Workers
    workers_file: Setting[str | None]
    threads: Setting[int]
    shm_file: Setting[str | None]
    shm_size: Setting[int | None]
    watchdog_interval: Setting[int]
    files: tuple[str, ...]
    complaints: tuple[Complaint, ...] = field(default=())

    @property
    def main(self) -> Server:
        """The main server."""
        return self.servers[0]
