"""Plays golden messages of the farm, the cutting of files and the original receiver's file."""

from __future__ import annotations

from functools import partial

from refjk.base.errors import InputError, Malformed
from refjk.farm import (
    FILE_CLASS,
    MEMBER_CLASS,
    UNDEPLOY_CLASS,
    FileMessage,
    Layout,
    Member,
    OriginalWriter,
    UndeployMessage,
    message_of,
    parts_of,
    read_message,
    write_message,
)
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played

MESSAGE_KIND = "farm message"
PARTS_KIND = "parts of a file"
WRITES_KIND = "order of parts"

CLASSES = frozenset({FILE_CLASS, UNDEPLOY_CLASS})

_PAST_THE_END = "java.lang.IllegalArgumentException"


def play_farm_messages(document: Node) -> Played:
    """Both directions. The layout is told by the fields: those of the later one have `compress`."""
    later = any("compress" in vector["fields"].table() for vector in document["vectors"].items())
    return play_all(document, MESSAGE_KIND, partial(_play_message, Layout.V5510 if later else Layout.V555))


def _play_message(layout: Layout, vector: Node) -> None:
    octets, name = vector["hex"].octets(), vector["class"].text()
    same("length", vector["length"].number(), len(octets))
    if name == FILE_CLASS:
        message: FileMessage | UndeployMessage = _file_message(vector["fields"])
    elif name == UNDEPLOY_CLASS:
        message = _undeploy_message(vector["fields"])
    else:
        raise InputError(f"{vector['class'].place}: no message of the farm")
    same("written", octets.hex(), write_message(message, layout).hex())
    try:
        read: object = read_message(octets)
    except Malformed as error:
        read = f"refused: {error}"
    same("read", message, read)


def _file_message(fields: Node) -> FileMessage:
    data = fields.get("data")
    return FileMessage(
        file_name=_text(fields, "fileName"),
        context_path=_text(fields, "contextPath"),
        number=fields["messageNumber"].number(),
        total=fields["totalNrOfMsgs"].number(),
        total_size=fields["totalLength"].number(),
        data=None if data is None else data.octets(),
        data_size=fields["dataLength"].number(),
        sender=_member(fields),
        timestamp_ms=fields["timestamp"].number(),
        resend=_number(fields, "resend", 0),
        compress=_number(fields, "compress", 2),
    )


def _undeploy_message(fields: Node) -> UndeployMessage:
    return UndeployMessage(
        context_path=_text(fields, "contextPath"),
        undeploy=fields["undeploy"].flag(),
        unique_id=_text(fields, "uniqueId"),
        sender=_member(fields),
        timestamp_ms=fields["timestamp"].number(),
        resend=_number(fields, "resend", 2),
        compress=_number(fields, "compress", 2),
    )


def _member(fields: Node) -> Member | None:
    address = fields.get("address")
    if address is None:
        return None
    if address["t"].text() != MEMBER_CLASS:
        raise InputError(f"{address.place}: no member")
    return Member(
        name=_text(address, "name"),
        host=_text(address, "host"),
        port=address["port"].number(),
        alive_ms=address["memberAliveTime"].number(),
        message_count=address["msgCount"].number(),
        domain=_text(address, "domain"),
    )


def _text(fields: Node, name: str) -> str | None:
    found = fields.get(name)
    return None if found is None else found.text()


def _number(fields: Node, name: str, default: int) -> int:
    found = fields.get(name)
    return default if found is None else found.number()


def play_parts(document: Node) -> Played:
    """Which messages a file of a size becomes, and whether a receiver of 5.5.5 sees its end."""
    return play_all(document, PARTS_KIND, _play_parts)


def _play_parts(vector: Node) -> None:
    size = vector["file_size"].number()
    octets = bytes(n % 251 for n in range(size))
    writer, written, complete = OriginalWriter(), b"", False
    messages = []
    parts = parts_of(size, as_original=True)
    for part in parts:
        content = octets[part.offset : part.offset + part.size]
        message = message_of(part, content, file_name="a.war", context_path="/a", size=size, whole_array=True)
        appended, complete = writer.write(message)
        written += appended
        messages.append(
            {
                "number": message.number,
                "of": message.total,
                "totalLength": message.total_size,
                "dataLength": message.data_size,
                "data_array_length": len(message.data or b""),
                "writer_says_complete": complete,
            }
        )
    same("messages", vector["messages"].value, messages)
    same("complete at the receiver", vector["complete_at_receiver"].flag(), complete)
    past_the_end = _PAST_THE_END if next(parts, None) is None else "another part"
    same("read after the end", vector["read_after_end"].text(), past_the_end)
    same("octets equal", vector["bytes_equal"].flag(), written == octets)


def play_writes(document: Node) -> Played:
    """What the original receiver's file holds after parts in this order; part n says `<n>`."""
    return play_all(document, WRITES_KIND, _play_writes)


def _play_writes(vector: Node) -> None:
    writer, written = OriginalWriter(), b""
    for count, write in enumerate(vector["writes"].items()):
        number = write["number"].number()
        data = f"<{number}>".encode()
        message = FileMessage("a.war", "/a", number, vector["total"].number(), 0, data, len(data))
        appended, complete = writer.write(message)
        written += appended
        same(f"write {count}, complete", write["complete"].flag(), complete)
    same("file", vector["file"].text(), written.decode())
