"""Every element, attribute and class that a `server.xml` may name: what it reads as, and what it does here.

`docs/reference/server-xml.md` is made from these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How a value is read."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    WORD = "word"
    CLASS = "class"
    PATH = "path"
    PATTERN = "regular expression"
    PATTERNS = "regular expressions"


class Effect(Enum):
    """What an attribute does in refjk."""

    HONOURED = "honoured"
    QUIET = "taken"  # nothing depends on it, here or there
    NONE = "without effect"  # somebody may wait for what it does; a warning


@dataclass(frozen=True, slots=True)
class AttributeInfo:
    """`field` is that of the model. Numbers lie within `least` and `most`; `words` are all there are."""

    name: str
    kind: Kind = Kind.TEXT
    default: str | int | bool | None = None
    field: str = ""
    effect: Effect = Effect.HONOURED
    unit: str = ""
    least: int | None = None
    most: int | None = None
    words: tuple[str, ...] = ()
    required: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """`part` is the row of `ATTRIBUTES`; empty for a class that is known and does nothing here."""

    element: str
    part: str
    note: str = ""


_CATALINA = "org.apache.catalina."
_CLUSTER = _CATALINA + "cluster."
DELTA_MANAGER = _CLUSTER + "session.DeltaManager"
STANDARD_MANAGER = _CATALINA + "session.StandardManager"
REPLICATION_VALVE = _CLUSTER + "tcp.ReplicationValve"
NUMBER_MAX = 2**31 - 1
PORT_MAX = 65535
_FACTOR = "no effect in 5.5.5 either"


def _standard(kind: str) -> AttributeInfo:
    name = f"{_CATALINA}core.Standard{kind}"
    return AttributeInfo("className", Kind.CLASS, name, effect=Effect.QUIET, words=(name,))


def _class(name: str, *others: str) -> AttributeInfo:
    return AttributeInfo("className", Kind.CLASS, None, "class_name", required=True, words=(name, *others))


def _number(
    name: str,
    default: int | None,
    field: str,
    unit: str = "",
    least: int = 0,
    most: int = NUMBER_MAX,
    **more: str,
) -> AttributeInfo:
    return AttributeInfo(
        name, Kind.NUMBER, default, field, unit=unit, least=least, most=most, note=more.get("note", "")
    )


def _demanded(name: str, field: str, unit: str, most: int = NUMBER_MAX) -> AttributeInfo:
    return AttributeInfo(name, Kind.NUMBER, None, field, unit=unit, least=1, most=most, required=True)


def _flag(name: str, default: bool, field: str, note: str = "") -> AttributeInfo:
    return AttributeInfo(name, Kind.FLAG, default, field, note=note)


def _text(
    name: str, field: str, default: str | None = None, note: str = "", *, required: bool = False
) -> AttributeInfo:
    return AttributeInfo(name, Kind.TEXT, default, field, required=required, note=note)


def _path(name: str, field: str, default: str | None = None, *, required: bool = False) -> AttributeInfo:
    return AttributeInfo(name, Kind.PATH, default, field, required=required)


def _quiet(names: str, note: str = "") -> tuple[AttributeInfo, ...]:
    return tuple(AttributeInfo(name, effect=Effect.QUIET, note=note) for name in names.split())


def _passed(names: str, note: str = "") -> tuple[AttributeInfo, ...]:
    return tuple(AttributeInfo(name, effect=Effect.NONE, note=note) for name in names.split())


ATTRIBUTES: Mapping[str, tuple[AttributeInfo, ...]] = {
    "Server": (
        _standard("Server"),
        *_quiet("port shutdown", "a signal stops a node; nothing listens for the word"),
        *_quiet("debug"),
    ),
    "Service": (_standard("Service"), _text("name", "name", "Catalina"), *_quiet("debug")),
    "Connector": (
        _number("port", None, "port", most=PORT_MAX, note="demanded for AJP; 0 takes a free one"),
        AttributeInfo(
            "protocol",
            Kind.WORD,
            "HTTP/1.1",
            "protocol",
            words=("AJP/1.3", "HTTP/1.1"),
            note="a connector for HTTP is not opened",
        ),
        _text("address", "address", "127.0.0.1", "all addresses in Tomcat 5.5"),
        _text("secret", "secret", note="`requiredSecret` is its older name"),
        _text("requiredSecret", "required_secret"),
        _flag("secretRequired", False, "secret_required", "`true` refuses to start without a secret"),
        _number("maxThreads", 200, "threads", least=1, most=10_000),
        _number("maxConnections", 1024, "connections_max", least=1),
        _number("packetSize", 8192, "packet_size", "octets", 8192, 65536),
        _number("maxHeaderCount", 100, "header_count_max", least=1),
        _number("connectionTimeout", 60_000, "read_timeout_ms", "ms", -1, note="0 or -1: no bound"),
        _number("keepAliveTimeout", 600_000, "idle_timeout_ms", "ms", -1, note="0 or -1: no bound"),
        _flag(
            "tomcatAuthentication", True, "own_authentication", "`false` takes the user from the web server"
        ),
        AttributeInfo(
            "allowedRequestAttributesPattern",
            Kind.PATTERN,
            None,
            "allowed_attributes",
            note="other request attributes are refused with 403",
        ),
        *_quiet("acceptCount backlog bufferSize debug enableLookups maxSpareThreads minSpareThreads"),
        *_quiet("minProcessors maxProcessors threadPriority tcpNoDelay strategy maxIdleTime"),
        *_quiet("redirectPort", "nothing here asks for confidential transport"),
        *_passed(
            "ajpFlush allowTrace emptySessionPath executor maxParameterCount maxPostSize maxSavePostSize"
        ),
        *_passed("maxKeepAliveRequests proxyName proxyPort scheme secure soLinger soTimeout URIEncoding"),
        *_passed("useBodyEncodingForURI useIPVHosts xpoweredBy"),
        *_passed(
            "SSLEnabled algorithm ciphers clientAuth compressableMimeType compression connectionLinger"
            " connectionUploadTimeout disableUploadTimeout keyAlias keystoreFile keystorePass keystoreType"
            " maxHttpHeaderSize noCompressionUserAgents restrictedUserAgents server socketBuffer sslProtocol"
            " truststoreFile truststorePass truststoreType",
            "of HTTP",
        ),
    ),
    "Engine": (
        _standard("Engine"),
        _text("name", "name", "Catalina"),
        _text("defaultHost", "default_host", required=True),
        _text("jvmRoute", "jvm_route"),
        _number(
            "backgroundProcessorDelay",
            10,
            "background_s",
            "s",
            -1,
            note="the tick of expiry and of the watch",
        ),
        *_quiet("debug"),
    ),
    "Host": (
        _standard("Host"),
        _text("name", "name", required=True),
        _path("appBase", "app_base", "webapps"),
        _flag("deployOnStartup", True, "deploy_on_startup", "each folder of appBase becomes a context"),
        *_quiet("autoDeploy debug unpackWARs xmlValidation xmlNamespaceAware", "archives are the Deployer's"),
        *_passed("allow backgroundProcessorDelay configClass contextClass deny deployXML"),
        *_passed("deployIgnore errorReportValveClass liveDeploy workDir"),
    ),
    "Context": (
        _standard("Context"),
        _text("path", "path", note="demanded; empty for the root context"),
        _path("docBase", "doc_base", required=True),
        _flag("distributable", False, "distributable", "or `<distributable/>` in the web.xml"),
        _flag("cookies", True, "cookies"),
        *_quiet("cachingAllowed cacheMaxSize cacheTTL caseSensitive debug reloadable unpackWAR useNaming"),
        *_passed("allowLinking antiJARLocking antiResourceLocking backgroundProcessorDelay crossContext"),
        *_passed("override privileged swallowOutput workDir wrapperClass useHttpOnly tldValidation"),
        *_passed("tldNamespaceAware processTlds"),
    ),
    "Manager": (
        AttributeInfo(
            "className",
            Kind.CLASS,
            STANDARD_MANAGER,
            "class_name",
            words=(STANDARD_MANAGER, DELTA_MANAGER),
            note="a context with the StandardManager is not replicated",
        ),
        _number("maxActiveSessions", -1, "sessions_max", least=-1, note="-1: no bound"),
        *_quiet("debug distributable"),
        *_passed("algorithm checkInterval entropy maxInactiveInterval pathname processExpiresFrequency"),
        *_passed("randomClass sessionIdLength"),
    ),
    "Cluster": (
        _class(_CLUSTER + "tcp.SimpleTcpCluster"),
        _text("clusterName", "name", note="a label"),
        AttributeInfo(
            "managerClassName",
            Kind.CLASS,
            DELTA_MANAGER,
            "manager_class_name",
            words=(DELTA_MANAGER,),
            note="the manager of each distributable context",
        ),
        _flag("expireSessionsOnShutdown", True, "expire_on_shutdown"),
        _flag("notifyListenersOnReplication", True, "notify_listeners"),
        _number(
            "manager.updateActiveInterval",
            None,
            "update_active_interval_s",
            "s",
            note="since 5.5.24; none: as long as a session lives",
        ),
        _number(
            "manager.expireTolerance",
            None,
            "expire_tolerance_s",
            "s",
            note="since 5.5.24; none: as long as the session lives, once more",
        ),
        *_quiet("useDirtyFlag", "the DeltaManager never looks at it"),
        *_quiet("printToScreen protocol debug", _FACTOR),
        _number(
            "manager.stateTransferTimeout",
            60,
            "state_transfer_timeout_s",
            "s",
            -1,
            note="since 5.5.10; the longest wait of a node that starts for the sessions of others; -1: none",
        ),
        *_passed("doClusterLog clusterLogName defaultMode", "since 5.5.10"),
    ),
    "Membership": (
        _class(_CLUSTER + "mcast.McastService"),
        _text("mcastAddr", "group", required=True),
        _demanded("mcastPort", "port", "", PORT_MAX),
        _demanded("mcastFrequency", "frequency_ms", "ms"),
        _demanded("mcastDropTime", "drop_time_ms", "ms"),
        _text("mcastBindAddress", "bind_address"),
        _number("mcastTTL", -1, "ttl", least=-1, most=255, note="-1: as the system has it"),
        _number("mcastSoTimeout", -1, "read_timeout_ms", "ms", -1, note="-1: none"),
        *_quiet("debug"),
        *_passed("mcastClusterDomain", "since 5.5.10"),
        *_passed("recoveryEnabled recoveryCounter recoverySleepTime", "since 5.5.25"),
    ),
    "Receiver": (
        _class(_CLUSTER + "tcp.ReplicationListener"),
        _text(
            "tcpListenAddress",
            "address",
            note="`auto`: the address of this machine's name",
            required=True,
        ),
        _number("tcpListenPort", 0, "port", most=PORT_MAX, note="0 takes a free one and announces that"),
        _number(
            "tcpThreadCount",
            6,
            "threads",
            least=1,
            most=1000,
            note="0 by default in 5.5.5, which reads nothing",
        ),
        _number("tcpSelectorTimeout", 0, "selector_timeout_ms", "ms", note="0: no limit"),
        *_quiet("debug"),
        *_passed("compress tcpListenMaxPort waitForAck", "since 5.5.8 to 5.5.10"),
    ),
    "Sender": (
        _class(_CLUSTER + "tcp.ReplicationTransmitter"),
        AttributeInfo(
            "replicationMode",
            Kind.WORD,
            None,
            "mode",
            words=("synchronous", "pooled", "asynchronous"),
            required=True,
        ),
        _number("ackTimeout", 15_000, "ack_timeout_ms", "ms", 1),
        *_quiet("debug"),
        *_passed(
            "autoConnect compress doProcessingStats keepAliveMaxRequestCount keepAliveTimeout", "since 5.5.8"
        ),
        *_passed("maxPoolSocketLimit resend waitForAck", "since 5.5.8"),
    ),
    "ReplicationValve": (
        _class(REPLICATION_VALVE),
        AttributeInfo(
            "filter",
            Kind.PATTERNS,
            None,
            "filter",
            note="parted by `;`; what one of them matches as a whole waits",
        ),
        *_quiet("debug"),
        *_passed("doProcessingStats primaryIndicator primaryIndicatorName", "since 5.5.8"),
    ),
    "JvmRouteBinderValve": (
        _class(_CLUSTER + "session.JvmRouteBinderValve"),
        _flag("enabled", True, "enabled"),
        _text("sessionIdAttribute", "session_id_attribute", "JvmRouteOrignalSessionID"),
        *_quiet("debug"),
    ),
    "JvmRouteSessionIDBinderListener": (
        _class(
            _CLUSTER + "session.JvmRouteSessionIDBinderLifecycleListener",
            _CLUSTER + "session.JvmRouteSessionIDBinderListener",
        ),
        _flag("enabled", True, "enabled"),
        *_quiet("debug"),
    ),
    "ClusterSessionListener": (
        _class(_CLUSTER + "session.ClusterSessionListener"),
        *_quiet("debug"),
    ),
    "Deployer": (
        _class(_CLUSTER + "deploy.FarmWarDeployer"),
        _path("tempDir", "temp_dir", required=True),
        _path("deployDir", "deploy_dir", required=True),
        _path("watchDir", "watch_dir"),
        _flag("watchEnabled", False, "watch_enabled"),
        _number("processDeployFrequency", 2, "watch_every", "ticks", 1),
        *_quiet("debug"),
    ),
}


def _of(element: str, *classes: str, part: str = "", note: str = "") -> dict[str, ClassInfo]:
    return {_CATALINA + name: ClassInfo(element, part, note) for name in classes}


CLASSES: Mapping[str, ClassInfo] = {
    **_of("Cluster", "cluster.tcp.SimpleTcpCluster", part="Cluster"),
    **_of("Membership", "cluster.mcast.McastService", part="Membership"),
    **_of("Receiver", "cluster.tcp.ReplicationListener", part="Receiver"),
    **_of("Sender", "cluster.tcp.ReplicationTransmitter", part="Sender"),
    **_of("Valve", "cluster.tcp.ReplicationValve", part="ReplicationValve"),
    **_of("Valve", "cluster.session.JvmRouteBinderValve", part="JvmRouteBinderValve"),
    **_of("Deployer", "cluster.deploy.FarmWarDeployer", part="Deployer"),
    **_of("ClusterListener", "cluster.session.ClusterSessionListener", part="ClusterSessionListener"),
    **_of(
        "ClusterListener",
        "cluster.session.JvmRouteSessionIDBinderListener",
        part="JvmRouteSessionIDBinderListener",
    ),
    **_of(
        "Listener",
        "cluster.session.JvmRouteSessionIDBinderLifecycleListener",
        part="JvmRouteSessionIDBinderListener",
    ),
    **_of("Manager", "session.StandardManager", "cluster.session.DeltaManager", part="Manager"),
    **_of(
        "Valve",
        "valves.AccessLogValve",
        "valves.FastCommonAccessLogValve",
        "valves.RequestDumperValve",
        "authenticator.SingleSignOn",
    ),
    **_of(
        "Listener",
        "core.AprLifecycleListener",
        "core.JasperListener",
        "core.JreMemoryLeakPreventionListener",
        "mbeans.GlobalResourcesLifecycleListener",
        "mbeans.ServerLifecycleListener",
        "storeconfig.StoreConfigLifecycleListener",
    ),
}

# What an element of server.xml may hold; the keys are all elements that are read.
CHILDREN: Mapping[str, tuple[str, ...]] = {
    "Server": ("Service", "Listener"),
    "Service": ("Connector", "Engine"),
    "Connector": (),
    "Engine": ("Host", "Valve"),
    "Host": ("Alias", "Cluster", "Context", "Listener", "Valve"),
    "Alias": (),
    "Context": ("Manager", "Valve"),
    "Manager": (),
    "Cluster": ("Membership", "Receiver", "Sender", "Valve", "Deployer", "ClusterListener"),
    "Membership": (),
    "Receiver": (),
    "Sender": (),
    "Valve": (),
    "Deployer": (),
    "Listener": (),
    "ClusterListener": (),
}

# Known to Tomcat, of no use here; what stands in them is not looked at.
PASSED_ELEMENTS = frozenset(
    {
        "DefaultContext",
        "Ejb",
        "Environment",
        "Executor",
        "Factory",
        "GlobalNamingResources",
        "InstanceListener",
        "Loader",
        "Logger",
        "Parameter",
        "Realm",
        "Resource",
        "ResourceLink",
        "ResourceParams",
        "Resources",
        "Store",
        "Transaction",
        "WatchedResource",
        "WrapperLifecycle",
        "WrapperListener",
    }
)

# What Tomcat 6 and later call the same.
RENAMED = {
    "org.apache.catalina.ha.tcp.SimpleTcpCluster": _CLUSTER + "tcp.SimpleTcpCluster",
    "org.apache.catalina.ha.tcp.ReplicationValve": _CLUSTER + "tcp.ReplicationValve",
    "org.apache.catalina.ha.session.DeltaManager": DELTA_MANAGER,
    "org.apache.catalina.ha.session.JvmRouteBinderValve": _CLUSTER + "session.JvmRouteBinderValve",
    "org.apache.catalina.ha.session.ClusterSessionListener": _CLUSTER + "session.ClusterSessionListener",
    "org.apache.catalina.ha.deploy.FarmWarDeployer": _CLUSTER + "deploy.FarmWarDeployer",
    "org.apache.catalina.tribes.membership.McastService": _CLUSTER + "mcast.McastService",
    "org.apache.catalina.tribes.transport.nio.NioReceiver": _CLUSTER + "tcp.ReplicationListener",
    "org.apache.catalina.tribes.transport.ReplicationTransmitter": _CLUSTER + "tcp.ReplicationTransmitter",
}
