"""What is said of a packet in one line and field by field, with secrets left out unless asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from refjk.ajp13.fields import Field
from refjk.decode.events import Finding, PacketSeen

MASKED = "***"
_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie", "set-cookie2"}
)
_SECRET_ATTRIBUTE = "secret"
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Style:
    """What every form of output is told: `detail` 0 to 2, and whether secrets are shown."""

    detail: int = 0
    show_secrets: bool = False


def is_secret(field: Field) -> bool:
    """Whether the value is nobody's business: the secret, passwords and cookies."""
    if field.name == "header_value":
        return field.label.lower() in _SECRET_HEADERS
    return field.name == "attribute_value" and field.label == _SECRET_ATTRIBUTE


def shown(octets: bytes) -> str:
    """Octets as text that no terminal takes for a command: printable ASCII, the rest as \\xNN."""
    return "".join(
        chr(octet) if 0x20 <= octet < 0x7F and octet != 0x5C else f"\\x{octet:02x}" for octet in octets
    )


def value_text(field: Field, style: Style) -> str:
    """A field's value for people."""
    if is_secret(field) and not style.show_secrets:
        return MASKED
    value = field.value
    if value is None:
        return "null"
    if isinstance(value, int):
        if field.name == "header_name":
            return f"{value:04X} {field.label}"
        return f"{value} {field.label}" if field.name in _LABELLED else str(value)
    if field.name in ("magic", "data"):
        return value.hex(" ") if field.name == "magic" else amount(len(value), "octet")
    return f'"{shown(value)}"'


_LABELLED = ("prefix_code", "method", "attribute_code")


def finding_text(finding: Finding, fields: Iterable[Field], style: Style) -> tuple[str, str]:
    """`expected` and `actual` of a finding; where it quotes a secret, that is left out."""
    actual = finding.actual
    if not style.show_secrets:
        for field in fields:
            if is_secret(field) and field.value and repr(field.value) in actual:
                actual = MASKED
    return finding.expected, actual


def summary(packet: PacketSeen, style: Style) -> str:
    """The essential fields in one line; of a packet that is not whole, those that are there."""
    first: dict[str, Field] = {}
    for field in packet.fields:
        first.setdefault(field.name, field)
    parts = [part for part in _essentials(packet, first) if part]
    if packet.missing:
        parts.append(f"{packet.missing} of {packet.size} octets missing")
    return ", ".join(parts)


def _essentials(packet: PacketSeen, first: dict[str, Field]) -> Iterable[str]:
    kind = packet.kind
    if kind == "FORWARD_REQUEST":
        yield _request_line(packet, first)
        yield _count(first, "num_headers", "header")
        length = _header(packet, "content-length")
        yield f"content-length {shown(length)}" if length is not None else ""
    elif kind == "SEND_HEADERS" and "status" in first:
        message = first["message"].value if "message" in first else None
        yield f"{_number(first, 'status')} {shown(message) if isinstance(message, bytes) else ''}".rstrip()
        yield _count(first, "num_headers", "header")
    elif kind in ("BODY", "SEND_BODY_CHUNK") and "data_length" in first:
        size = _number(first, "data_length")
        nothing = "end marker" if kind == "BODY" else "flush"
        yield nothing if size == 0 else amount(size, "octet")
    elif kind == "BODY_END":
        yield "end marker"
    elif kind == "GET_BODY_CHUNK" and "wanted_length" in first:
        yield f"{amount(_number(first, 'wanted_length'), 'octet')} wanted"
    elif kind == "END_RESPONSE" and "reuse" in first:
        yield "reuse" if _number(first, "reuse") else "no reuse"


def _request_line(packet: PacketSeen, first: dict[str, Field]) -> str:
    method = first["method"].label if "method" in first else ""
    query = ""
    for field in packet.fields:
        if field.name == "attribute_value" and isinstance(field.value, bytes):
            if field.label == "stored_method":
                method = shown(field.value)
            elif field.label == "query_string":
                query = f"?{shown(field.value)}"
    uri = first["req_uri"].value if "req_uri" in first else None
    protocol = first["protocol"].value if "protocol" in first else None
    words = [method, f"{shown(uri)}{query}" if isinstance(uri, bytes) else ""]
    words.append(shown(protocol) if isinstance(protocol, bytes) else "")
    return " ".join(word for word in words if word)


def _header(packet: PacketSeen, name: str) -> bytes | None:
    for field in packet.fields:
        if field.name == "header_value" and field.label.lower() == name and isinstance(field.value, bytes):
            return field.value
    return None


def _number(first: dict[str, Field], name: str) -> int:
    value = first[name].value
    assert isinstance(value, int)
    return value


def _count(first: dict[str, Field], name: str, what: str) -> str:
    return amount(_number(first, name), what) if name in first else ""


def amount(number: int, what: str) -> str:
    """`1 octet`, `2 octets`"""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def undecoded(packet: PacketSeen) -> tuple[int, bytes]:
    """Offset and octets of what no field covers."""
    end = packet.fields[-1].offset + packet.fields[-1].size if packet.fields else 0
    return end, packet.octets[end:]


def time_of_day(time_ns: int | None) -> str:
    """`08:15:00.123456`, in UTC; empty when it is not known."""
    return "" if time_ns is None else iso_time(time_ns)[11:26]


def iso_time(time_ns: int) -> str:
    """`2005-03-01T08:15:00.123456789Z`; times that no calendar holds become the first one."""
    seconds, fraction = divmod(time_ns, _NS_PER_S)
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        at, fraction = datetime.fromtimestamp(0, UTC), 0
    return f"{at:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
