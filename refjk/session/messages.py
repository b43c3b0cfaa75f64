"""What nodes tell each other of sessions, and how these messages look as Java objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import ByteArray, ClassDescription, JavaObject, read_object, write_object
from refjk.session.bounds import MESSAGE_LIMITS
from refjk.session.codes import HYPHEN_SINCE
from refjk.session.member_address import (
    MemberAddress,
    has_layout,
    member_of_record,
    optional_text,
    record_of_member,
    whole_number,
)

_DEFAULT = 2  # of compress and resend: as the sender is configured
_MEMBER = "Lorg/apache/catalina/cluster/Member;"
_TEXT = "Ljava/lang/String;"


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """`octets` is a delta request or a state; `event_type` a number of `EventType`, or one that nobody knows.

    `compress`, `resend`, `timestamp_set` are sent since 5.5.10.
    """

    event_type: int
    context_name: str | None
    session_id: str | None
    octets: bytes | None = None
    unique_id: str | None = None
    timestamp_ms: int = 0
    address: MemberAddress | None = None
    timestamp_set: bool = False
    resend: int = _DEFAULT
    compress: int = _DEFAULT


@dataclass(frozen=True, slots=True)
class SessionIdMessage:
    """A session has a new id. `host` is sent since 5.5.13."""

    original_id: str | None
    new_id: str | None
    context_path: str | None
    message_number: int = 0
    timestamp_ms: int = 0
    address: MemberAddress | None = None
    host: str | None = None
    resend: int = _DEFAULT
    compress: int = _DEFAULT

    def unique_id(self, now_ms: int) -> str:
        """SES-MSG-09"""
        return f"{self.original_id}#-#{self.new_id}#-#{self.message_number}#-#{now_ms}"


@dataclass(frozen=True, slots=True, repr=False)
class SingleSignOnMessage:
    """Since 5.5.21. `action` is a number of `SingleSignOnAction`. The password is in clear, and not shown."""

    action: int
    sso_id: str | None
    session_id: str | None = None
    context_name: str | None = None
    auth_type: str | None = None
    username: str | None = None
    password: str | None = None
    timestamp_ms: int = 0
    address: MemberAddress | None = None
    own_unique_id: str | None = None
    resend: int = _DEFAULT
    compress: int = _DEFAULT

    def unique_id(self, now_ms: int) -> str:
        """SES-SSO-03"""
        return self.own_unique_id if self.own_unique_id is not None else f"{self.sso_id}#-#{now_ms}"

    def __repr__(self) -> str:
        return (
            f"SingleSignOnMessage(action={self.action}, sso_id={self.sso_id!r}, username={self.username!r})"
        )


Message = SessionMessage | SessionIdMessage | SingleSignOnMessage


def stamped(message: Message, address: MemberAddress, now_ms: int) -> Message:
    """The message as it leaves: with the sender and the time. SES-MSG-05"""
    if isinstance(message, SessionMessage):
        return replace(message, address=address, timestamp_ms=now_ms, timestamp_set=True)
    return replace(message, address=address, timestamp_ms=now_ms)


# -- the classes ----------------------------------------------------------------------------------

# A field of the class, and where it is in the message.
_Fields = tuple[tuple[str, str, str], ...]

_FLAGS: _Fields = (("I", "compress", "compress"), ("I", "resend", "resend"))
_SESSION: _Fields = (
    ("I", "mEvtType", "event_type"),
    ("J", "serializationTimestamp", "timestamp_ms"),
    (_TEXT, "mContextName", "context_name"),
    ("[B", "mSession", "octets"),
    (_TEXT, "mSessionID", "session_id"),
    (_MEMBER, "mSrc", "address"),
    (_TEXT, "uniqueId", "unique_id"),
)
_SESSION_ID: _Fields = (
    ("I", "messageNumber", "message_number"),
    ("J", "timestamp", "timestamp_ms"),
    (_MEMBER, "address", "address"),
    (_TEXT, "backupSessionID", "new_id"),
    (_TEXT, "contextPath", "context_path"),
    (_TEXT, "orignalSessionID", "original_id"),
)
_SINGLE_SIGN_ON: _Fields = (
    ("I", "action", "action"),
    ("J", "timestamp", "timestamp_ms"),
    (_MEMBER, "address", "address"),
    (_TEXT, "authType", "auth_type"),
    (_TEXT, "ctxname", "context_name"),
    (_TEXT, "password", "password"),
    (_TEXT, "sessionId", "session_id"),
    (_TEXT, "ssoId", "sso_id"),
    (_TEXT, "uniqueId", "own_unique_id"),
    (_TEXT, "username", "username"),
)


@dataclass(frozen=True, slots=True)
class MessageLayout:
    """A message class in the releases from 5.5.`since` on, up to the next layout of the class."""

    type: type[Any]
    since: int
    description: ClassDescription
    fields: _Fields


def _layout(kind: type[Any], name: str, since: int, uid: int, fields: _Fields) -> MessageLayout:
    """Fields stand in the order that Java gives them: primitive ones first, each group by name."""
    ordered = sorted(fields, key=lambda field: (field[0][0] in "L[", field[1]))
    text = ", ".join(f"{code} {field}" for code, field, _ in ordered)
    full_name = f"org.apache.catalina.cluster.{name}"
    return MessageLayout(kind, since, ClassDescription.of(full_name, uid, text), tuple(ordered))


LAYOUTS: tuple[MessageLayout, ...] = (
    _layout(SessionMessage, "session.SessionMessageImpl", 5, -5310109269366189206, _SESSION),
    _layout(
        SessionMessage,
        "session.SessionMessageImpl",
        10,
        2727574238588481892,
        (*_SESSION, *_FLAGS, ("Z", "timestampSet", "timestamp_set")),
    ),
    _layout(SessionIdMessage, "session.SessionIDMessage", 5, -6140098522257962277, _SESSION_ID),
    _layout(SessionIdMessage, "session.SessionIDMessage", 10, 6417082285201199690, (*_SESSION_ID, *_FLAGS)),
    _layout(
        SessionIdMessage,
        "session.SessionIDMessage",
        13,
        -1070335831576319266,
        (*_SESSION_ID, *_FLAGS, (_TEXT, "host", "host")),
    ),
    _layout(
        SingleSignOnMessage,
        "authenticator.SingleSignOnMessage",
        10,
        1750606199695610106,
        (*_SINGLE_SIGN_ON, *_FLAGS),
    ),
)
"""SES-MSG-01, SES-MSG-02, SES-SSO-01"""
MESSAGE_CLASSES = {layout.description.name: layout.type for layout in LAYOUTS}
"""The message classes by the name that stands in the stream."""


def _layout_for(kind: type[Any], release: int) -> MessageLayout:
    found = [layout for layout in LAYOUTS if layout.type is kind and layout.since <= release]
    if not found:
        raise LocalProtocolError(f"5.5.{release} has no {kind.__name__}")
    return found[-1]


def record_of_message(message: Message, release: int) -> JavaObject:
    """The object that a node of release 5.5.`release` sends."""
    layout = _layout_for(type(message), release)
    values: dict[str, object] = {}
    for code, field, attribute in layout.fields:
        value = getattr(message, attribute)
        if code == _MEMBER:
            value = record_of_member(value, release)
        elif code == "[B" and value is not None:
            value = ByteArray(value)
        values[field] = value
    return JavaObject.of(layout.description, **values)


def message_of_record(record: object) -> Message:
    """Raises `Malformed` for anything but a message of one of `LAYOUTS`. SES-MSG-03, SES-MSG-04"""
    if isinstance(record, JavaObject):
        for layout in LAYOUTS:
            if has_layout(record, (layout.description,)):
                return _read(record, layout)
    raise Malformed("SES-MSG-04", offset=0, expected="a session message", actual=repr(record)[:120])


def _read(record: JavaObject, layout: MessageLayout) -> Message:
    values = {attribute: _READERS[code](record[field]) for code, field, attribute in layout.fields}
    made: Message = layout.type(**values)
    return made


def _octets(value: object) -> bytes | None:
    if value is None or isinstance(value, ByteArray):
        return None if value is None else bytes(value)
    raise Malformed("SES-MSG-06", offset=0, expected="octets or null", actual=type(value).__name__)


_READERS: dict[str, Callable[[object], object]] = {
    "I": whole_number,
    "J": whole_number,
    "Z": bool,
    _TEXT: optional_text,
    "[B": _octets,
    _MEMBER: member_of_record,
}


def encode_message(message: Message, release: int) -> bytes:
    """The octets of a message, as a stream of its own."""
    return write_object(record_of_message(message, release))


def decode_message(octets: bytes) -> Message:
    """Raises `Malformed`."""
    return message_of_record(read_object(octets, limits=MESSAGE_LIMITS))


def request_unique_id(session_id: str, now_ms: int, release: int) -> str:
    """The unique id of CREATED, ACCESSED and DELTA. SES-MSG-08"""
    hyphen = "-" if release >= HYPHEN_SINCE else ""
    return f"{session_id}{hyphen}{now_ms}"
