"""All messages of the farm by the names of their classes, to and from the records of an object stream."""

from __future__ import annotations

from collections.abc import Mapping

from refjk.farm.actions import Message
from refjk.farm.codec import (
    FILE_CLASS,
    UNDEPLOY_CLASS,
    Layout,
    decode_file_message,
    decode_undeploy_message,
    encode_file_message,
    encode_undeploy_message,
)
from refjk.farm.extension import (
    CATALOG_DESCRIPTION,
    PIECE_DESCRIPTION,
    REQUEST_DESCRIPTION,
    ArchivePiece,
    ArchiveRequest,
    CatalogMessage,
    decode_extension,
    encode_catalog,
    encode_piece,
    encode_request,
)
from refjk.farm.messages import FileMessage, UndeployMessage
from refjk.objectstream import JavaObject

MESSAGE_CLASSES: Mapping[str, type[Message]] = {
    FILE_CLASS: FileMessage,
    UNDEPLOY_CLASS: UndeployMessage,
    CATALOG_DESCRIPTION.name: CatalogMessage,
    REQUEST_DESCRIPTION.name: ArchiveRequest,
    PIECE_DESCRIPTION.name: ArchivePiece,
}


def message_of_record(record: JavaObject) -> Message:
    """Raises `Malformed`. Both layouts are read."""
    if record.class_name == FILE_CLASS:
        return decode_file_message(record)
    if record.class_name == UNDEPLOY_CLASS:
        return decode_undeploy_message(record)
    return decode_extension(record)


def record_of_message(message: Message, layout: Layout) -> JavaObject:
    if isinstance(message, FileMessage):
        return encode_file_message(message, layout)
    if isinstance(message, UndeployMessage):
        return encode_undeploy_message(message, layout)
    if isinstance(message, CatalogMessage):
        return encode_catalog(message, layout)
    if isinstance(message, ArchiveRequest):
        return encode_request(message, layout)
    return encode_piece(message, layout)
