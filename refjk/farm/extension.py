"""refjk's own messages, with which a node that comes later gets what it missed.

Their classes exist in no Tomcat: an original member cannot read them, says so in its log and answers the
frame all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from refjk.farm.catalog import DIGEST_SIZE, Entry, decode_entries, encode_entries
from refjk.farm.codec import Layout, decode_member, encode_member, refused, same_class
from refjk.farm.messages import Member
from refjk.objectstream import (
    ByteArray,
    ClassDescription,
    JavaObject,
    JavaString,
    Limits,
    read_object,
    write_object,
)

PIECE_SIZE_MAX = 64 * 1024
EXTENSION_LIMITS = Limits(
    octets=1024 * 1024,
    depth=50,
    records=200,
    string_octets=768 * 1024,
    array_items=PIECE_SIZE_MAX,
    fields=50,
)

_FROM = "Lorg/apache/catalina/cluster/Member; address"
_DIGEST = "Ljava/lang/String; digest"

# FAR-LAT-01
CATALOG_DESCRIPTION = ClassDescription.of(
    "refjk.farm.CatalogMessage", 1, f"J timestamp, Z answerWanted, {_FROM}, Ljava/lang/String; entries"
)
REQUEST_DESCRIPTION = ClassDescription.of(
    "refjk.farm.ArchiveRequest", 1, f"J offset, J timestamp, {_FROM}, {_DIGEST}"
)
PIECE_DESCRIPTION = ClassDescription.of(
    "refjk.farm.ArchivePiece", 1, f"J offset, J timestamp, J totalLength, {_FROM}, [B data, {_DIGEST}"
)


@dataclass(frozen=True, slots=True)
class CatalogMessage:
    """All that the sender has; `answer_wanted`: and what have you?"""

    entries: tuple[Entry, ...]
    answer_wanted: bool
    sender: Member | None = None
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """The octets from `offset` on, please, of the archive with this digest."""

    digest: bytes
    offset: int
    sender: Member | None = None
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class ArchivePiece:
    """Octets of an archive; none when the sender has no such archive any more."""

    digest: bytes
    size: int  # of the whole archive
    offset: int
    data: bytes = field(repr=False)
    sender: Member | None = None
    timestamp_ms: int = 0


ExtensionMessage = CatalogMessage | ArchiveRequest | ArchivePiece


def encode_catalog(message: CatalogMessage, layout: Layout) -> JavaObject:
    return JavaObject.of(
        CATALOG_DESCRIPTION,
        timestamp=message.timestamp_ms,
        answerWanted=message.answer_wanted,
        address=encode_member(message.sender, layout),
        entries=JavaString(encode_entries(message.entries)),
    )


def encode_request(message: ArchiveRequest, layout: Layout) -> JavaObject:
    return JavaObject.of(
        REQUEST_DESCRIPTION,
        offset=message.offset,
        timestamp=message.timestamp_ms,
        address=encode_member(message.sender, layout),
        digest=JavaString(message.digest.hex()),
    )


def encode_piece(message: ArchivePiece, layout: Layout) -> JavaObject:
    return JavaObject.of(
        PIECE_DESCRIPTION,
        offset=message.offset,
        timestamp=message.timestamp_ms,
        totalLength=message.size,
        address=encode_member(message.sender, layout),
        data=ByteArray(message.data),
        digest=JavaString(message.digest.hex()),
    )


def decode_extension(record: JavaObject) -> ExtensionMessage:
    """Raises `Malformed` for an object of another class, or with contents that make no sense."""
    sender = decode_member(record["address"]) if "address" in record else None
    if same_class(record, CATALOG_DESCRIPTION):
        entries = record["entries"]
        if not isinstance(entries, JavaString):
            raise refused("text as entries", type(entries).__name__)
        return CatalogMessage(
            tuple(decode_entries(entries)), bool(record["answerWanted"]), sender, _number(record, "timestamp")
        )
    if same_class(record, REQUEST_DESCRIPTION):
        return ArchiveRequest(_digest(record), _size(record, "offset"), sender, _number(record, "timestamp"))
    if same_class(record, PIECE_DESCRIPTION):
        data = record["data"]
        if not isinstance(data, ByteArray):
            raise refused("octets as data", type(data).__name__)
        return ArchivePiece(
            _digest(record),
            _size(record, "totalLength"),
            _size(record, "offset"),
            bytes(data),
            sender,
            _number(record, "timestamp"),
        )
    raise refused("a message of the extension", record.class_name)


def _number(record: JavaObject, name: str) -> int:
    value = record[name]
    assert isinstance(value, int)
    return value


def _size(record: JavaObject, name: str) -> int:
    value = _number(record, name)
    if value < 0:
        raise refused(f"{name} of 0 or more", str(value))
    return value


def _digest(record: JavaObject) -> bytes:
    text = record["digest"]
    if (
        not isinstance(text, JavaString)
        or len(text) != 2 * DIGEST_SIZE
        or set(text) - set("0123456789abcdef")
    ):
        raise refused(f"a digest of {DIGEST_SIZE} octets in hex", repr(text)[:80])
    return bytes.fromhex(text)


def write_extension(message: ExtensionMessage, layout: Layout) -> bytes:
    """The stream that a frame carries; the layout is that of the sender's address."""
    if isinstance(message, CatalogMessage):
        return write_object(encode_catalog(message, layout))
    if isinstance(message, ArchiveRequest):
        return write_object(encode_request(message, layout))
    return write_object(encode_piece(message, layout))


def read_extension(octets: bytes) -> ExtensionMessage:
    """A stream with one message of the extension. Raises `Malformed`."""
    record = read_object(octets, limits=EXTENSION_LIMITS)
    if not isinstance(record, JavaObject):
        raise refused("a message of the extension", type(record).__name__)
    return decode_extension(record)
