"""Plays golden session messages and message classes of Tomcat 5.5 against `refjk.session`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from refjk.base.errors import InputError, Malformed
from refjk.objectstream import ClassDescription, ClassObject, Field, JavaString, read_stream, write_stream
from refjk.session import (
    LAYOUTS,
    MESSAGE_CLASSES,
    EventType,
    MemberAddress,
    Message,
    SessionIdMessage,
    SessionMessage,
    SingleSignOnMessage,
    decode_message,
    encode_message,
)
from refjk.session.codes import FLAGS_SINCE
from refjk.session.member_address import MEMBER_LAYOUTS
from refjk.session.principal import DESCRIPTION as PRINCIPAL_LAYOUT
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played, Unlike

MESSAGE_KIND = "session message"
CLASS_KIND = "message class"

_DEFAULT = 2


def play_messages(document: Node) -> Played:
    """Fields to octets and back. The release is told by the fields: later ones have flags."""
    return play_all(document, MESSAGE_KIND, _play_message)


def knows_class(vector: Node) -> bool:
    """Whether an entry is of a class that is about sessions."""
    return vector["class"].text() in MESSAGE_CLASSES


def _play_message(vector: Node) -> None:
    if not knows_class(vector):
        raise InputError(f"{vector['class'].place}: no message about sessions: {vector['class'].text()}")
    octets, fields = vector["hex"].octets(), vector["fields"]
    release = FLAGS_SINCE + 3 if "compress" in fields.table() else FLAGS_SINCE - 1
    build = partial(_MAKERS[MESSAGE_CLASSES[vector["class"].text()]], fields)
    written = [encode_message(build(_Texts(shared)), release) for shared in (False, True)]
    if octets not in written:
        same("written", octets.hex(), written[0].hex())
    try:
        read = decode_message(octets)
    except Malformed as error:
        raise Unlike("read", "a message", f"refused: {error}") from None
    same("read", repr(build(_Texts(False))), repr(read))
    same("read, all fields", build(_Texts(False)), read)
    same("read and written again", octets.hex(), encode_message(read, release).hex())
    if isinstance(read, SessionMessage):
        known = read.event_type in EventType.__members__.values()
        same("known event", fields["eventTypeString"].text() != "UNKNOWN-EVENT-TYPE", known)


class _Texts:
    """Text objects; `shared`: equal ones are one, which the notation does not tell."""

    def __init__(self, shared: bool) -> None:
        self._shared = shared
        self._known: dict[str, JavaString] = {}

    def of(self, node: Node | None) -> JavaString | None:
        if node is None:
            return None
        made = JavaString(node.text())
        return self._known.setdefault(made, made) if self._shared else made


def _address(fields: Node, texts: _Texts) -> MemberAddress | None:
    node = fields.get("address")
    if node is None:
        return None
    return MemberAddress(
        texts.of(node.get("name")),
        texts.of(node.get("host")),
        node["port"].number(),
        node["memberAliveTime"].number(),
        node["msgCount"].number(),
        texts.of(node.get("domain")),
    )


def _flag(fields: Node, name: str) -> int:
    node = fields.get(name)
    return _DEFAULT if node is None else node.number()


def _session_message(fields: Node, texts: _Texts) -> Message:
    octets, timestamp_set = fields.get("session"), fields.get("timestampSet")
    return SessionMessage(
        fields["eventType"].number(),
        texts.of(fields.get("contextName")),
        texts.of(fields.get("sessionID")),
        None if octets is None else octets.octets(),
        texts.of(fields.get("uniqueId")),
        fields["timestamp"].number(),
        _address(fields, texts),
        timestamp_set is not None and timestamp_set.flag(),
        _flag(fields, "resend"),
        _flag(fields, "compress"),
    )


def _session_id_message(fields: Node, texts: _Texts) -> Message:
    return SessionIdMessage(
        texts.of(fields.get("orignalSessionID")),
        texts.of(fields.get("backupSessionID")),
        texts.of(fields.get("contextPath")),
        fields["messageNumber"].number(),
        fields["timestamp"].number(),
        _address(fields, texts),
        texts.of(fields.get("host")),
        _flag(fields, "resend"),
        _flag(fields, "compress"),
    )


def _single_sign_on_message(fields: Node, texts: _Texts) -> Message:
    return SingleSignOnMessage(
        fields["action"].number(),
        texts.of(fields.get("ssoId")),
        texts.of(fields.get("sessionId")),
        texts.of(fields.get("ctxname")),
        texts.of(fields.get("authType")),
        texts.of(fields.get("username")),
        texts.of(fields.get("password")),
        fields["timestamp"].number(),
        _address(fields, texts),
        texts.of(fields.get("uniqueId")),
        _flag(fields, "resend"),
        _flag(fields, "compress"),
    )


_MAKERS: dict[type, Callable[[Node, _Texts], Message]] = {
    SessionMessage: _session_message,
    SessionIdMessage: _session_id_message,
    SingleSignOnMessage: _single_sign_on_message,
}


# -- classes --------------------------------------------------------------------------------------

_KNOWN = (*(layout.description for layout in LAYOUTS), *MEMBER_LAYOUTS, PRINCIPAL_LAYOUT)


def play_message_classes(document: Node) -> Played:
    """Each as a descriptor to octets and back; those that are about sessions are those of refjk."""
    return play_all(document, CLASS_KIND, _play_class)


def _play_class(vector: Node) -> None:
    name, number = vector["name"].text(), vector["suid"].number()
    fields = tuple(
        Field(one["code"].text(), one["name"].text(), None if one.get("type") is None else one["type"].text())
        for one in vector["fields"].items()
    )
    description = ClassDescription(name, number, vector["flags"].octets()[0], fields)
    same("number in hex", vector["suid_hex"].text(), f"{number & (1 << 64) - 1:016x}")
    read = read_stream(write_stream([ClassObject(description)])).contents[0]
    assert isinstance(read, ClassObject)
    _same_class("read again", description, read.description)
    ours = [one for one in _KNOWN if one.name == name]
    if not ours:
        return
    matching = [one for one in ours if one.serial_version_uid == number]
    same("known to refjk", True, bool(matching))
    _same_class("in refjk", description, matching[0])


def _same_class(where: str, expected: ClassDescription, actual: object) -> None:
    assert isinstance(actual, ClassDescription)
    for what in ("name", "serial_version_uid", "flags", "fields", "superclass"):
        same(f"{where}, {what}", getattr(expected, what), getattr(actual, what))
