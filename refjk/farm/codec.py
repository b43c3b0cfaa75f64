"""The messages as objects of the original's classes, in both layouts."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from refjk.base.errors import Malformed
from refjk.farm.messages import FileMessage, Member, UndeployMessage
from refjk.objectstream import (
    ByteArray,
    ClassDescription,
    JavaObject,
    JavaString,
    Limits,
    read_object,
    write_object,
)

PACKAGE = "org.apache.catalina.cluster."
FILE_CLASS = PACKAGE + "deploy.FileMessage"
UNDEPLOY_CLASS = PACKAGE + "deploy.UndeployMessage"
MEMBER_CLASS = PACKAGE + "mcast.McastMember"

LIMITS = Limits(octets=64 * 1024, depth=50, records=200, string_octets=8192, array_items=32 * 1024, fields=50)
"""Of one message: a part and some short texts. FAR-MSG-07"""

_STRING = "Ljava/lang/String;"
_FROM = "Lorg/apache/catalina/cluster/Member; address"
_V = TypeVar("_V")


class Layout(Enum):
    """Which version's classes are written; both are read."""

    V555 = "5.5.5 to 5.5.9"
    V5510 = "5.5.10 and later"


def _description(name: str, uid: int, *fields: str) -> ClassDescription:
    return ClassDescription.of(name, uid, ", ".join(fields))


# FAR-MSG-01, FAR-UND-01
_TEXTS = (f"{_STRING} contextPath", "[B data", f"{_STRING} fileName")
_SIZES = ("J timestamp", "J totalLength", "J totalNrOfMsgs")
_DESCRIPTIONS: dict[Layout, dict[str, ClassDescription]] = {
    Layout.V555: {
        FILE_CLASS: _description(
            FILE_CLASS, 8508734763569880703, "I dataLength", "I messageNumber", *_SIZES, _FROM, *_TEXTS
        ),
        UNDEPLOY_CLASS: _description(
            UNDEPLOY_CLASS,
            719884544328367936,
            "J timestamp",
            "Z undeploy",
            _FROM,
            f"{_STRING} contextPath",
            f"{_STRING} uniqueId",
        ),
        MEMBER_CLASS: _description(
            MEMBER_CLASS,
            1810110341747895778,
            "J memberAliveTime",
            "I msgCount",
            "I port",
            f"{_STRING} host",
            f"{_STRING} name",
        ),
    },
    Layout.V5510: {
        FILE_CLASS: _description(
            FILE_CLASS,
            -9120449589159465911,
            "I compress",
            "I dataLength",
            "I messageNumber",
            "I resend",
            *_SIZES,
            _FROM,
            *_TEXTS,
        ),
        UNDEPLOY_CLASS: _description(
            UNDEPLOY_CLASS,
            -6856036480142609683,
            "I compress",
            "I resend",
            "J timestamp",
            "Z undeploy",
            _FROM,
            f"{_STRING} contextPath",
            f"{_STRING} uniqueId",
        ),
        MEMBER_CLASS: _description(
            MEMBER_CLASS,
            3800046064851304238,
            "J memberAliveTime",
            "I msgCount",
            "I port",
            f"{_STRING} domain",
            f"{_STRING} host",
            f"{_STRING} name",
        ),
    },
}


def encode_file_message(message: FileMessage, layout: Layout) -> JavaObject:
    """The object to write; the fields that a layout lacks are left out."""
    return _made(
        FILE_CLASS,
        layout,
        dataLength=message.data_size,
        messageNumber=message.number,
        timestamp=message.timestamp_ms,
        totalLength=message.total_size,
        totalNrOfMsgs=message.total,
        address=encode_member(message.sender, layout),
        contextPath=_text(message.context_path),
        data=None if message.data is None else ByteArray(message.data),
        fileName=_text(message.file_name),
        compress=message.compress,
        resend=message.resend,
    )


def encode_undeploy_message(message: UndeployMessage, layout: Layout) -> JavaObject:
    return _made(
        UNDEPLOY_CLASS,
        layout,
        timestamp=message.timestamp_ms,
        undeploy=message.undeploy,
        address=encode_member(message.sender, layout),
        contextPath=_text(message.context_path),
        uniqueId=_text(message.unique_id),
        compress=message.compress,
        resend=message.resend,
    )


def encode_member(member: Member | None, layout: Layout) -> JavaObject | None:
    if member is None:
        return None
    return _made(
        MEMBER_CLASS,
        layout,
        memberAliveTime=member.alive_ms,
        msgCount=member.message_count,
        port=member.port,
        host=_text(member.host),
        name=_text(member.name),
        domain=_text(member.domain),
    )


def _made(class_name: str, layout: Layout, /, **values: object) -> JavaObject:
    description = _DESCRIPTIONS[layout][class_name]
    known = {f.name for f in description.fields}
    return JavaObject.of(description, **{key: value for key, value in values.items() if key in known})


def _text(text: str | None) -> JavaString | None:
    """Each text its own object: equal ones of the original are not the same. FAR-MSG-02"""
    return None if text is None else JavaString(text)


def decode_file_message(record: JavaObject) -> FileMessage:
    """Of either layout. Raises `Malformed` for an object of another class or with other fields."""
    layout = _layout_of(record, FILE_CLASS)
    later = layout is Layout.V5510
    data = record["data"]
    return FileMessage(
        file_name=_string(record, "fileName"),
        context_path=_string(record, "contextPath"),
        number=_number(record, "messageNumber"),
        total=_number(record, "totalNrOfMsgs"),
        total_size=_number(record, "totalLength"),
        data=None if data is None else bytes(_typed(record, "data", ByteArray)),
        data_size=_number(record, "dataLength"),
        sender=decode_member(record["address"]),
        timestamp_ms=_number(record, "timestamp"),
        resend=_number(record, "resend") if later else 0,
        compress=_number(record, "compress") if later else 2,
    )


def decode_undeploy_message(record: JavaObject) -> UndeployMessage:
    """Of either layout. Raises `Malformed` for an object of another class or with other fields."""
    layout = _layout_of(record, UNDEPLOY_CLASS)
    later = layout is Layout.V5510
    return UndeployMessage(
        context_path=_string(record, "contextPath"),
        undeploy=_typed(record, "undeploy", bool),
        unique_id=_string(record, "uniqueId"),
        sender=decode_member(record["address"]),
        timestamp_ms=_number(record, "timestamp"),
        resend=_number(record, "resend") if later else 2,
        compress=_number(record, "compress") if later else 2,
    )


def decode_member(record: object) -> Member | None:
    """Null is no member. Raises `Malformed`."""
    if record is None:
        return None
    if not isinstance(record, JavaObject):
        raise refused(f"an object of {MEMBER_CLASS}", type(record).__name__)
    layout = _layout_of(record, MEMBER_CLASS)
    return Member(
        name=_string(record, "name"),
        host=_string(record, "host"),
        port=_number(record, "port"),
        alive_ms=_number(record, "memberAliveTime"),
        message_count=_number(record, "msgCount"),
        domain=_string(record, "domain") if layout is Layout.V5510 else None,
    )


def _layout_of(record: JavaObject, name: str) -> Layout:
    for layout, descriptions in _DESCRIPTIONS.items():
        if same_class(record, descriptions[name]):
            return layout
    raise refused(
        f"an object of {name} in a layout of 5.5", f"{record.class_name} {record.serial_version_uid}"
    )


def same_class(record: JavaObject, known: ClassDescription) -> bool:
    """Whether an object is of the very class that we know. FAR-MSG-03"""
    found = record.description
    return (
        isinstance(found, ClassDescription)
        and (found.name, found.serial_version_uid, found.flags, found.fields, found.superclass)
        == (known.name, known.serial_version_uid, known.flags, known.fields, None)
        and len(record.data) == 1
        and record.data[0].values is not None
    )


def _string(record: JavaObject, name: str) -> str | None:
    value = record[name]
    return None if value is None else str(_typed(record, name, JavaString))


def _number(record: JavaObject, name: str) -> int:
    return _typed(record, name, int)


def _typed(record: JavaObject, name: str, wanted: type[_V]) -> _V:
    value = record[name]
    if not isinstance(value, wanted):
        raise refused(f"{wanted.__name__} as {name}", type(value).__name__)
    return value


def refused(expected: str, actual: str) -> Malformed:
    """The error to raise; a record has no offset of its own, that of the first object stands for it.

    FAR-MSG-04
    """
    return Malformed("FAR-MSG-04", offset=4, expected=expected, actual=actual)


def write_message(message: FileMessage | UndeployMessage, layout: Layout) -> bytes:
    """The stream that a frame carries."""
    if isinstance(message, FileMessage):
        return write_object(encode_file_message(message, layout))
    return write_object(encode_undeploy_message(message, layout))


def read_message(octets: bytes) -> FileMessage | UndeployMessage:
    """A stream with one message of the farm. Raises `Malformed`."""
    record = read_object(octets, limits=LIMITS)
    if isinstance(record, JavaObject):
        if record.class_name == FILE_CLASS:
            return decode_file_message(record)
        if record.class_name == UNDEPLOY_CLASS:
            return decode_undeploy_message(record)
    raise refused("a message of the farm", type(record).__name__)
