"""Every directive of mod_jk in both versions, and what becomes of those of httpd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from refjk.configuration.origins import Profile


class Scope(Enum):
    """Where a directive may stand."""

    MAIN = "main server"
    HOST = "main server, virtual host"
    PATH = "main server, virtual host, Location"


@dataclass(frozen=True, slots=True)
class DirectiveInfo:
    """One directive of mod_jk. `words_max` None: the rest of the line, unsplit.

    `scope_7`, `words_min_7` and `default_7` where 1.2.7 differs; `variable` is the default of an indicator.
    """

    name: str
    syntax: str
    scope: Scope
    words_min: int
    words_max: int | None
    default: str = ""
    default_7: str | None = None
    since: str = "1.2.6"
    gone: str | None = None
    scope_7: Scope | None = None
    words_min_7: int | None = None
    many: bool = False  # any number of words
    variable: str = ""
    unit: str = ""

    def scope_of(self, profile: Profile) -> Scope:
        """Where this version takes it."""
        return self.scope_7 if profile is Profile.V1_2_7 and self.scope_7 is not None else self.scope

    def default_of(self, profile: Profile) -> str:
        """The default in words."""
        return self.default_7 if profile is Profile.V1_2_7 and self.default_7 is not None else self.default


def _indicator(name: str, variable: str, since: str) -> DirectiveInfo:
    return DirectiveInfo(name, "VARIABLE", Scope.HOST, 1, 1, variable, since=since, variable=variable)


DIRECTIVES: tuple[DirectiveInfo, ...] = (
    DirectiveInfo("JkWorkersFile", "FILE", Scope.MAIN, 1, 1, "none", scope_7=Scope.HOST),
    DirectiveInfo("JkWorkerProperty", "NAME=VALUE", Scope.MAIN, 0, None, "none", scope_7=Scope.HOST),
    DirectiveInfo("JkMount", "[PATTERN] WORKER[;EXTENSION=VALUE…]", Scope.PATH, 1, 2, "none"),
    DirectiveInfo("JkUnMount", "[PATTERN] WORKER", Scope.PATH, 1, 2, "none"),
    DirectiveInfo("JkMountCopy", "On|Off|All", Scope.HOST, 1, 1, "Off"),
    DirectiveInfo("JkMountFile", "FILE", Scope.HOST, 1, 1, "none", since="1.2.9"),
    DirectiveInfo("JkMountFileReload", "SECONDS", Scope.HOST, 1, 1, "60", since="1.2.20", unit="s"),
    DirectiveInfo("JkAutoMount", "CONTEXT [WORKER]", Scope.HOST, 1, 2, "none", gone="1.2.26"),
    DirectiveInfo("JkAutoAlias", "FOLDER", Scope.HOST, 1, 1, "none"),
    DirectiveInfo("JkStripSession", "On|Off [NAME]", Scope.HOST, 1, 2, "Off ;jsessionid", since="1.2.21"),
    DirectiveInfo("JkLogFile", "FILE or |PROGRAM", Scope.HOST, 1, 1, "logs/mod_jk.log", "none"),
    DirectiveInfo("JkLogLevel", "trace|debug|info|warn|error|emerg", Scope.HOST, 1, 1, "info", "trace"),
    DirectiveInfo(
        "JkLogStampFormat",
        "STRFTIME",
        Scope.HOST,
        1,
        1,
        "[%a %b %d %H:%M:%S.%Q %Y] ",
        "[%a %b %d %H:%M:%S %Y] ",
    ),
    DirectiveInfo("JkRequestLogFormat", "FORMAT", Scope.HOST, 1, 1, "none"),
    DirectiveInfo(
        "JkOptions",
        "[+|-]OPTION…",
        Scope.HOST,
        0,
        0,
        "ForwardURIProxy ForwardKeySize",
        "ForwardURICompat",
        many=True,
    ),
    DirectiveInfo("JkEnvVar", "NAME [DEFAULT]", Scope.HOST, 1, 2, "none", words_min_7=2),
    DirectiveInfo("JkExtractSSL", "On|Off", Scope.HOST, 1, 1, "On"),
    _indicator("JkHTTPSIndicator", "HTTPS", "1.2.6"),
    _indicator("JkCERTSIndicator", "SSL_CLIENT_CERT", "1.2.6"),
    _indicator("JkCIPHERIndicator", "SSL_CIPHER", "1.2.6"),
    _indicator("JkSESSIONIndicator", "SSL_SESSION_ID", "1.2.6"),
    _indicator("JkKEYSIZEIndicator", "SSL_CIPHER_USEKEYSIZE", "1.2.6"),
    _indicator("JkSSLPROTOCOLIndicator", "SSL_PROTOCOL", "1.2.41"),
    _indicator("JkCERTCHAINPrefix", "SSL_CLIENT_CERT_CHAIN_", "1.2.22"),
    _indicator("JkWorkerIndicator", "JK_WORKER_NAME", "1.2.19"),
    _indicator("JkRemoteAddrIndicator", "JK_REMOTE_ADDR", "1.2.28"),
    _indicator("JkRemotePortIndicator", "JK_REMOTE_PORT", "1.2.28"),
    _indicator("JkRemoteHostIndicator", "JK_REMOTE_HOST", "1.2.28"),
    _indicator("JkRemoteUserIndicator", "JK_REMOTE_USER", "1.2.28"),
    _indicator("JkAuthTypeIndicator", "JK_AUTH_TYPE", "1.2.28"),
    _indicator("JkLocalNameIndicator", "JK_LOCAL_NAME", "1.2.28"),
    _indicator("JkLocalAddrIndicator", "JK_LOCAL_ADDR", "1.2.28"),
    _indicator("JkLocalPortIndicator", "JK_LOCAL_PORT", "1.2.28"),
    _indicator("JkIgnoreCLIndicator", "JK_IGNORE_CL", "1.2.38"),
    _indicator("JkRequestIdIndicator", "UNIQUE_ID", "1.2.49"),
    DirectiveInfo("JkShmFile", "FILE", Scope.MAIN, 1, 1, "logs/jk-runtime-status", since="1.2.9"),
    DirectiveInfo("JkShmSize", "KIBIOCTETS", Scope.MAIN, 1, 1, "computed", since="1.2.9", unit="KiB"),
    DirectiveInfo("JkWatchdogInterval", "SECONDS", Scope.MAIN, 1, 1, "0: off", since="1.2.27", unit="s"),
)

BY_LOWER_NAME: Mapping[str, DirectiveInfo] = {info.name.lower(): info for info in DIRECTIVES}

# Directives of httpd that refjk obeys.
HONOURED: Mapping[str, str] = {
    name.lower(): name
    for name in (
        "Listen",
        "ServerName",
        "ServerAlias",
        "ServerRoot",
        "DocumentRoot",
        "LogFormat",
        "CustomLog",
        "TransferLog",
        "SetHandler",
        "SetEnv",
        "ThreadsPerChild",
        "Include",
        "IncludeOptional",
        "Define",
        "UnDefine",
        "LoadModule",
        "RefjkProfile",
    )
}

# Directives of httpd that cannot change what a client or a container gets from refjk. CFG-HTD-03
SILENT: frozenset[str] = frozenset(
    name.lower()
    for name in (
        # Processes, threads and memory of httpd.
        "AcceptMutex",
        "AsyncRequestWorkerFactor",
        "CoreDumpDirectory",
        "DefaultRuntimeDir",
        "EnableMMAP",
        "EnableSendfile",
        "GracefulShutdownTimeout",
        "ListenBacklog",
        "LockFile",
        "MaxClients",
        "MaxConnectionsPerChild",
        "MaxMemFree",
        "MaxRequestWorkers",
        "MaxRequestsPerChild",
        "MaxSpareServers",
        "MaxSpareThreads",
        "MinSpareServers",
        "MinSpareThreads",
        "Mutex",
        "NumServers",
        "PidFile",
        "ScoreBoardFile",
        "ServerLimit",
        "StartServers",
        "StartThreads",
        "ThreadLimit",
        "ThreadStackSize",
        "User",
        "Group",
        "ChrootDir",
        "ListenCoresBucketsRatio",
        # httpd's own log and what its pages say about it.
        "ErrorLog",
        "ErrorLogFormat",
        "LogLevel",
        "ServerAdmin",
        "ServerSignature",
        "ServerTokens",
        "ExtendedStatus",
        "BufferedLogs",
        "ScriptLog",
        "ScriptLogLength",
        "ScriptLogBuffer",
        "SeeRequestTail",
        # Modules: refjk has what it has.
        "AddModule",
        "ClearModuleList",
        "LoadFile",
        # Per-folder files, indexes and icons, which refjk does not have.
        "AccessFileName",
        "AllowOverride",
        "AllowOverrideList",
        "AddIcon",
        "AddIconByEncoding",
        "AddIconByType",
        "DefaultIcon",
        "AddDescription",
        "HeaderName",
        "IndexIgnore",
        "IndexOptions",
        "IndexOrderDefault",
        "ReadmeName",
        "FileETag",
        "TypesConfig",
        "MIMEMagicFile",
        "HostnameLookups",
        "UseCanonicalName",
        "UseCanonicalPhysicalPort",
        "IdentityCheck",
        "NameVirtualHost",
        "BrowserMatch",
        "BrowserMatchNoCase",
        "ServerType",
        "ServerPath",
    )
)

# Directives of httpd that do matter, and what is missing without them. CFG-HTD-04
_ACCESS = "refjk does not restrict access: what it would keep out gets in"
_URIS = "refjk maps no URIs but by mounts and the document root"
_TLS = "refjk's front speaks no TLS"
_PROXY = "refjk forwards over AJP13 only"
_HEADERS = "refjk changes no headers"
_TYPES = "refjk has its own file types and handlers"
_TIMES = "refjk's front has its own limits and times (options of refjk front)"
_VARIABLES = "refjk sets no variables by conditions; no-jk and JK_ROUTE do not come to be this way"
UNHEEDED: Mapping[str, str] = {
    name.lower(): reason
    for reason, names in (
        (
            _ACCESS,
            "Require Order Allow Deny Satisfy AuthType AuthName AuthUserFile AuthGroupFile "
            "AuthBasicProvider AuthDigestProvider AuthMerging AuthzSendForbiddenOnFailure Options "
            "LimitRequestBody LimitXMLRequestBody",
        ),
        (
            _URIS,
            "Alias AliasMatch ScriptAlias ScriptAliasMatch Redirect RedirectMatch RedirectPermanent "
            "RedirectTemp RewriteEngine RewriteRule RewriteCond RewriteBase RewriteMap RewriteOptions "
            "DirectoryIndex DirectorySlash FallbackResource UserDir ErrorDocument AllowEncodedSlashes "
            "MergeSlashes AcceptPathInfo VirtualDocumentRoot Action Script",
        ),
        (
            _TLS,
            "SSLEngine SSLCertificateFile SSLCertificateKeyFile SSLCertificateChainFile SSLProtocol "
            "SSLCipherSuite SSLVerifyClient SSLVerifyDepth SSLCACertificateFile SSLCACertificatePath "
            "SSLOptions SSLRequire SSLRequireSSL SSLSessionCache SSLSessionCacheTimeout SSLUseStapling "
            "SSLHonorCipherOrder SSLPassPhraseDialog SSLRandomSeed SSLMutex SSLStrictSNIVHostCheck "
            "SSLProxyEngine Protocols ProtocolsHonorOrder H2Direct",
        ),
        (
            _PROXY,
            "ProxyPass ProxyPassMatch ProxyPassReverse ProxyPreserveHost ProxyRequests ProxyVia "
            "ProxyTimeout ProxySet BalancerMember ProxyIOBufferSize",
        ),
        (
            _HEADERS,
            "Header RequestHeader AddDefaultCharset ExpiresActive ExpiresDefault ExpiresByType "
            "SetOutputFilter SetInputFilter AddOutputFilter AddOutputFilterByType DeflateCompressionLevel "
            "ContentDigest TraceEnable RemoteIPHeader",
        ),
        (
            _TYPES,
            "AddType AddHandler AddEncoding AddCharset AddLanguage DefaultType DefaultLanguage ForceType "
            "LanguagePriority ForceLanguagePriority RemoveHandler RemoveType",
        ),
        (
            _TIMES,
            "Timeout TimeOut KeepAlive KeepAliveTimeout MaxKeepAliveRequests LimitRequestFields "
            "LimitRequestFieldSize LimitRequestLine RequestReadTimeout HttpProtocolOptions ReceiveBufferSize "
            "SendBufferSize AcceptFilter MaxRangeOverlaps MaxRanges",
        ),
        (_VARIABLES, "SetEnvIf SetEnvIfNoCase SetEnvIfExpr PassEnv UnsetEnv"),
    )
    for name in names.split()
}
