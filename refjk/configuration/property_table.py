"""Every worker property of both versions: one table, from which reading, defaults and documents follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from refjk.configuration.origins import Profile


class Kind(Enum):
    """How a value is read."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    NAMES = "names"
    STATUSES = "statuses"
    LETTER = "letter"  # its first letter chooses
    LETTERS = "letters"  # each of its letters chooses
    PATTERNS = "patterns"


class Of(Enum):
    """What a property belongs to."""

    ANY = "any worker"
    AJP = "ajp13, ajp14"
    AJP14 = "ajp14"
    BALANCER = "lb"
    MEMBER = "member of an lb"
    STATUS = "status"
    GLOBAL = "all workers together"
    JNI = "jni"


class Repeat(Enum):
    """What 1.2.50 makes of a name that is given again."""

    UNIQUE = "the later value"
    LIST = "a longer list"
    JOINED = "joined with *"


@dataclass(frozen=True, slots=True)
class OldName:
    """An earlier name of a property."""

    name: str
    since: str = "1.2.6"
    repeat: Repeat = Repeat.UNIQUE


@dataclass(frozen=True, slots=True)
class PropertyInfo:
    """One property. A default is a value, or words for one that follows from others.

    `default_7` is also what 1.2.7 does where it does not know the name. `retired`: 1.2.50 takes it, warns,
    and does nothing with it. `minimum` and `minimum_7`: what is below counts as this.
    """

    name: str
    of: tuple[Of, ...]
    kind: Kind
    since: str
    default: Value
    default_7: Value
    unit: str = ""
    repeat: Repeat = Repeat.UNIQUE
    old: tuple[OldName, ...] = ()
    derived: str = ""
    retired: bool = False
    minimum: int | None = None
    minimum_7: int | None = None

    def default_of(self, profile: Profile) -> Value:
        """The value that counts when none is given."""
        return self.default_7 if profile is Profile.V1_2_7 else self.default

    def minimum_of(self, profile: Profile) -> int | None:
        """The least value; what is below counts as this."""
        return self.minimum_7 if profile is Profile.V1_2_7 else self.minimum

    def names(self, profile: Profile) -> Iterator[str]:
        """The names under which this version takes it, the one that wins first."""
        if profile.knows(self.since):
            yield self.name
        for old in self.old:
            if profile.knows(old.since):
                yield old.name


Value = str | int | bool | None | tuple[str, ...] | tuple[int, ...]

_AJP = (Of.AJP,)
_LB = (Of.BALANCER,)
_MEMBER = (Of.MEMBER,)
_STATUS = (Of.STATUS,)
_TEXT, _NUMBER, _FLAG = Kind.TEXT, Kind.NUMBER, Kind.FLAG

PROPERTIES: tuple[PropertyInfo, ...] = (
    PropertyInfo("list", (Of.GLOBAL,), Kind.NAMES, "1.2.6", ("ajp13",), ("ajp13",), repeat=Repeat.LIST),
    PropertyInfo("maintain", (Of.GLOBAL,), _NUMBER, "1.2.13", 60, 0, "s", repeat=Repeat.JOINED, minimum=0),
    PropertyInfo("type", (Of.ANY,), _TEXT, "1.2.6", "ajp13", "ajp13"),
    PropertyInfo("reference", (Of.ANY,), _TEXT, "1.2.26", None, None),
    PropertyInfo("mount", (Of.ANY,), Kind.PATTERNS, "1.2.9", (), (), repeat=Repeat.LIST),
    PropertyInfo("host", _AJP, _TEXT, "1.2.6", "localhost", "localhost"),
    PropertyInfo("port", _AJP, _NUMBER, "1.2.6", 8009, 8009, derived="8009; 8011 of an ajp14"),
    PropertyInfo("source", _AJP, _TEXT, "1.2.41", None, None),
    PropertyInfo("prefer_ipv6", _AJP, _FLAG, "1.2.38", False, False),
    PropertyInfo(
        "connection_pool_size",
        _AJP,
        _NUMBER,
        "1.2.12",
        None,
        1,
        "connections",
        old=(OldName("cachesize"),),
        derived="threads of a server process",
    ),
    PropertyInfo(
        "connection_pool_minsize",
        _AJP,
        _NUMBER,
        "1.2.16",
        None,
        0,
        "connections",
        derived="(connection_pool_size + 1) / 2",
    ),
    PropertyInfo(
        "connection_pool_timeout", _AJP, _NUMBER, "1.2.16", 0, 15, "s", old=(OldName("cache_timeout"),)
    ),
    PropertyInfo("recycle_timeout", _AJP, _NUMBER, "1.2.7b1", 0, 0, "s", retired=True),
    PropertyInfo(
        "connection_acquire_timeout",
        _AJP,
        _NUMBER,
        "1.2.27",
        None,
        0,
        "ms",
        derived="retries × retry_interval",
    ),
    PropertyInfo("socket_timeout", _AJP, _NUMBER, "1.2.6", 0, -1, "s"),
    PropertyInfo(
        "socket_connect_timeout", _AJP, _NUMBER, "1.2.27", None, 0, "ms", derived="socket_timeout × 1000"
    ),
    PropertyInfo("socket_keepalive", _AJP, _FLAG, "1.2.6", False, False),
    PropertyInfo("socket_buffer", _AJP, _NUMBER, "1.2.9", 0, 8192, "octets"),
    PropertyInfo(
        "connect_timeout", _AJP, _NUMBER, "1.2.6", 0, 0, "ms", derived="0; ping_timeout when ping_mode has C"
    ),
    PropertyInfo(
        "prepost_timeout", _AJP, _NUMBER, "1.2.6", 0, 0, "ms", derived="0; ping_timeout when ping_mode has P"
    ),
    PropertyInfo("ping_mode", _AJP, Kind.LETTERS, "1.2.27", "", ""),
    PropertyInfo("ping_timeout", _AJP, _NUMBER, "1.2.27", 10000, 10000, "ms"),
    PropertyInfo(
        "connection_ping_interval",
        _AJP,
        _NUMBER,
        "1.2.27",
        0,
        0,
        "s",
        derived="0; ping_timeout / 100 when ping_mode has I",
    ),
    PropertyInfo("reply_timeout", _AJP, _NUMBER, "1.2.6", 0, 0, "ms"),
    PropertyInfo("retries", (Of.AJP, Of.BALANCER), _NUMBER, "1.2.7b1", 2, 3, "tries", minimum=1, minimum_7=1),
    PropertyInfo("retry_interval", (Of.AJP, Of.BALANCER), _NUMBER, "1.2.27", 100, 100, "ms"),
    PropertyInfo("recovery_options", _AJP, _NUMBER, "1.2.6", 0, 0, "bits"),
    PropertyInfo("fail_on_status", _AJP, Kind.STATUSES, "1.2.20", (), (), repeat=Repeat.LIST),
    PropertyInfo("max_packet_size", _AJP, _NUMBER, "1.2.19", 8192, 8192, "octets"),
    PropertyInfo("busy_limit", _AJP, _NUMBER, "1.2.41", 0, 0, "requests"),
    PropertyInfo("secret", (Of.AJP, Of.BALANCER), _TEXT, "1.2.6", None, None),
    PropertyInfo("secretkey", (Of.AJP14,), _TEXT, "1.2.6", None, None, repeat=Repeat.JOINED),
    PropertyInfo("lbfactor", _MEMBER, _NUMBER, "1.2.6", 1, 1, minimum=1, minimum_7=1),
    PropertyInfo(
        "route",
        _MEMBER,
        _TEXT,
        "1.2.20",
        None,
        None,
        old=(OldName("jvm_route", "1.2.9"),),
        derived="the worker's name",
    ),
    PropertyInfo(
        "domain", _MEMBER, _TEXT, "1.2.7b2", None, "unknown", derived="the route up to its first dot, if any"
    ),
    PropertyInfo("redirect", _MEMBER, _TEXT, "1.2.9", None, None),
    PropertyInfo("distance", _MEMBER, _NUMBER, "1.2.16", 0, 0, repeat=Repeat.JOINED),
    PropertyInfo(
        "activation",
        _MEMBER,
        Kind.LETTER,
        "1.2.19",
        "active",
        "active",
        old=(OldName("disabled", "1.2.9"), OldName("stopped", "1.2.11")),
    ),
    PropertyInfo("local_worker", _MEMBER, _FLAG, "1.2.6", False, False, retired=True),
    PropertyInfo(
        "balance_workers",
        _LB,
        Kind.NAMES,
        "1.2.7b3",
        (),
        (),
        repeat=Repeat.LIST,
        old=(OldName("balanced_workers", "1.2.6", Repeat.JOINED),),
    ),
    PropertyInfo("sticky_session", _LB, _FLAG, "1.2.6", True, True),
    PropertyInfo("sticky_session_force", _LB, _FLAG, "1.2.9", False, False),
    PropertyInfo("local_worker_only", _LB, _FLAG, "1.2.6", False, False, retired=True),
    PropertyInfo("method", _LB, Kind.LETTER, "1.2.9", "Request", "Request"),
    PropertyInfo("lock", _LB, Kind.LETTER, "1.2.13", "Optimistic", "Optimistic"),
    PropertyInfo("recover_time", _LB, _NUMBER, "1.2.7b1", 60, 60, "s", minimum=1, minimum_7=60),
    PropertyInfo("error_escalation_time", _LB, _NUMBER, "1.2.28", None, 0, "s", derived="recover_time / 2"),
    PropertyInfo("max_reply_timeouts", _LB, _NUMBER, "1.2.24", 0, 0, "timeouts"),
    PropertyInfo("lb_retries", _LB, _NUMBER, "1.2.44", 2, 0, "tries", minimum=1),
    PropertyInfo("session_cookie", _LB, _TEXT, "1.2.27", "JSESSIONID", "JSESSIONID"),
    PropertyInfo("session_path", _LB, _TEXT, "1.2.27", ";jsessionid", ";jsessionid"),
    PropertyInfo("set_session_cookie", _LB, _FLAG, "1.2.38", False, False),
    PropertyInfo("session_cookie_path", _LB, _TEXT, "1.2.38", "/", "/"),
    PropertyInfo("css", _STATUS, _TEXT, "1.2.20", None, None),
    PropertyInfo("read_only", _STATUS, _FLAG, "1.2.20", False, False),
    PropertyInfo("user", _STATUS, Kind.NAMES, "1.2.20", (), (), repeat=Repeat.LIST),
    PropertyInfo("user_case_insensitive", _STATUS, _FLAG, "1.2.21", False, False),
    PropertyInfo("good", _STATUS, Kind.NAMES, "1.2.20", (), (), repeat=Repeat.LIST),
    PropertyInfo("bad", _STATUS, Kind.NAMES, "1.2.20", (), (), repeat=Repeat.LIST),
    PropertyInfo("ns", _STATUS, _TEXT, "1.2.20", "jk:", "jk:"),
    PropertyInfo("xmlns", _STATUS, _TEXT, "1.2.20", "http://tomcat.apache.org", "http://tomcat.apache.org"),
    PropertyInfo("doctype", _STATUS, _TEXT, "1.2.20", None, None),
    PropertyInfo("prefix", _STATUS, _TEXT, "1.2.20", "worker", "worker"),
    *(
        PropertyInfo(name, (Of.JNI,), _TEXT, "1.2.6", None, None, repeat=Repeat.JOINED, retired=True)
        for name in (
            "bridge",
            "class_path",
            "cmd_line",
            "jvm_lib",
            "ld_path",
            "ms",
            "mx",
            "native_lib",
            "stdout",
            "stderr",
            "sysprops",
        )
    ),
)

BY_NAME: Mapping[str, PropertyInfo] = {info.name: info for info in PROPERTIES}


@dataclass(frozen=True, slots=True)
class KnownName:
    """A name as it stands behind `worker.NAME.`, or behind `worker.` for a global one."""

    info: PropertyInfo
    repeat: Repeat
    deprecated: bool


def known_names(profile: Profile) -> Mapping[str, KnownName]:
    """Every name that this version takes, current and old."""
    return _KNOWN[profile]


def _known(profile: Profile) -> dict[str, KnownName]:
    known = {}
    modern = profile is not Profile.V1_2_7
    for info in PROPERTIES:
        repeats = {info.name: info.repeat} | {old.name: old.repeat for old in info.old}
        for name in info.names(profile):
            deprecated = modern and (info.retired or name != info.name)
            known[name] = KnownName(info, repeats[name], deprecated)
    return known


_KNOWN = {profile: _known(profile) for profile in Profile}
