"""Configuration files as values: those of httpd and mod_jk, and those of the container.

`spec/configuration.md`, `spec/container-configuration.md`; no I/O: whoever has a disk brings `Files`,
or the text.

    configuration = read_httpd(path, files)          # Configuration
    workers = read_workers(text, name)               # Workers
    rules = read_mount_file(text, name, complaints)  # tuple[MountRule, ...]
    node = read_server_xml(text, name, properties)   # ContainerConfiguration
    application = read_web_xml(text, name)           # WebApplication
    raise_if_refused(configuration.complaints)       # InputError for the first error

Reading never raises for what a text says. A result with an error among its complaints is a best guess.
"""

from refjk.configuration.complaints import Complaint, Complaints, Severity, raise_if_refused
from refjk.configuration.files import Files, FilesInMemory
from refjk.configuration.httpd import read_httpd
from refjk.configuration.httpd_model import (
    AccessLog,
    AutoMount,
    Configuration,
    EnvVar,
    ForwardUri,
    HostAddress,
    JkOption,
    Listen,
    LogLevel,
    PathRule,
    Server,
    ServerName,
)
from refjk.configuration.log_format import LogItem
from refjk.configuration.mount_rules import (
    MountRule,
    MountSource,
    RuleExtensions,
    parse_rule_target,
    read_mount_file,
)
from refjk.configuration.origins import (
    DEFAULT_PROFILE,
    Origin,
    Place,
    Profile,
    Setting,
    Source,
    parse_profile,
)
from refjk.configuration.property_text import Property
from refjk.configuration.server_xml import read_server_xml
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
    ReceiverElement,
    ReplicationValveElement,
    RouteBinderElement,
    RouteListenerElement,
    SenderElement,
    ServerElement,
    ServiceElement,
)
from refjk.configuration.web_xml import (
    DEFAULT_SERVLET,
    ListenerName,
    Servlet,
    ServletMapping,
    WebApplication,
    read_web_xml,
)
from refjk.configuration.worker_model import (
    Activation,
    AjpWorker,
    BalancerWorker,
    Lock,
    Member,
    Method,
    PingMode,
    RecoveryOption,
    StatusWorker,
    Worker,
    Workers,
)
from refjk.configuration.workers import DEFAULT_THREADS, read_workers, stated_profile

__all__ = [
    "DEFAULT_PROFILE",
    "DEFAULT_SERVLET",
    "DEFAULT_THREADS",
    "AccessLog",
    "Activation",
    "AjpWorker",
    "AutoMount",
    "BalancerWorker",
    "ClusterElement",
    "Complaint",
    "Complaints",
    "Configuration",
    "ConnectorElement",
    "ContainerConfiguration",
    "ContextElement",
    "DeployerElement",
    "EngineElement",
    "EnvVar",
    "Files",
    "FilesInMemory",
    "ForwardUri",
    "HostAddress",
    "HostElement",
    "JkOption",
    "Listen",
    "ListenerName",
    "Lock",
    "LogItem",
    "LogLevel",
    "ManagerElement",
    "Member",
    "MembershipElement",
    "Method",
    "MountRule",
    "MountSource",
    "Origin",
    "PathRule",
    "PingMode",
    "Place",
    "Profile",
    "Property",
    "ReceiverElement",
    "RecoveryOption",
    "ReplicationValveElement",
    "RouteBinderElement",
    "RouteListenerElement",
    "RuleExtensions",
    "SenderElement",
    "Server",
    "ServerElement",
    "ServerName",
    "ServiceElement",
    "Servlet",
    "ServletMapping",
    "Setting",
    "Severity",
    "Source",
    "StatusWorker",
    "WebApplication",
    "Worker",
    "Workers",
    "parse_profile",
    "parse_rule_target",
    "raise_if_refused",
    "read_httpd",
    "read_mount_file",
    "read_server_xml",
    "read_web_xml",
    "read_workers",
    "stated_profile",
]
