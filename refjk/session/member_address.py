"""Where a message came from, as it stands in every message of the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from refjk.base.errors import Malformed
from refjk.objectstream import ClassDescription, JavaObject
from refjk.session.codes import FLAGS_SINCE

CLASS_NAME = "org.apache.catalina.cluster.mcast.McastMember"
_PLAIN = ClassDescription.of(
    CLASS_NAME,
    1810110341747895778,
    "J memberAliveTime, I msgCount, I port, Ljava/lang/String; host, Ljava/lang/String; name",
)
_DOMAIN = ClassDescription.of(
    CLASS_NAME,
    3800046064851304238,
    "J memberAliveTime, I msgCount, I port, Ljava/lang/String; domain, Ljava/lang/String; host, "
    "Ljava/lang/String; name",
)
MEMBER_LAYOUTS = (_PLAIN, _DOMAIN)
"""SES-MSG-02"""


@dataclass(frozen=True, slots=True)
class MemberAddress:
    """A member at the moment of sending. `domain` is None before 5.5.10."""

    name: str | None
    host: str | None
    port: int
    alive_ms: int = 0
    message_count: int = 0
    domain: str | None = None


def record_of_member(member: MemberAddress | None, release: int) -> JavaObject | None:
    if member is None:
        return None
    values: dict[str, object] = {
        "memberAliveTime": member.alive_ms,
        "msgCount": member.message_count,
        "port": member.port,
        "host": member.host,
        "name": member.name,
    }
    if release < FLAGS_SINCE:
        return JavaObject.of(_PLAIN, **values)
    return JavaObject.of(_DOMAIN, **values, domain=member.domain)


def member_of_record(record: object) -> MemberAddress | None:
    """Raises `Malformed` for anything but null or a member of a known layout. SES-MSG-06"""
    if record is None:
        return None
    if not isinstance(record, JavaObject) or not has_layout(record, MEMBER_LAYOUTS):
        raise Malformed("SES-MSG-06", offset=0, expected="a member", actual=repr(record)[:80])
    fields = record.fields
    host, name, domain = (optional_text(fields.get(key)) for key in ("host", "name", "domain"))
    return MemberAddress(
        name,
        host,
        whole_number(fields["port"]),
        whole_number(fields["memberAliveTime"]),
        whole_number(fields["msgCount"]),
        domain,
    )


def has_layout(record: JavaObject, layouts: tuple[ClassDescription, ...]) -> bool:
    """Whether a record is of one of these classes, number and fields included."""
    found = record.description
    return isinstance(found, ClassDescription) and any(
        (found.name, found.serial_version_uid, found.flags, found.fields, found.superclass)
        == (one.name, one.serial_version_uid, one.flags, one.fields, one.superclass)
        for one in layouts
    )


def optional_text(value: object) -> str | None:
    """A field that is text or null; the string object itself, so that what is shared stays shared."""
    if value is None or isinstance(value, str):
        return value
    raise Malformed("SES-MSG-06", offset=0, expected="text or null", actual=type(value).__name__)


def whole_number(value: object) -> int:
    assert isinstance(value, int), "a field of a primitive type"
    return value
