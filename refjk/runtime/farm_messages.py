"""The farm's messages as the channel reads and writes them."""

from __future__ import annotations

from refjk.channel import MessageClass
from refjk.farm import (
    FILE_CLASS,
    UNDEPLOY_CLASS,
    ArchivePiece,
    ArchiveRequest,
    CatalogMessage,
    FileMessage,
    Layout,
    UndeployMessage,
    decode_extension,
    decode_file_message,
    decode_undeploy_message,
    encode_file_message,
    encode_undeploy_message,
)
from refjk.farm.extension import encode_catalog, encode_piece, encode_request

FARM_MESSAGES = (FileMessage, UndeployMessage, CatalogMessage, ArchiveRequest, ArchivePiece)


def farm_message_classes(layout: Layout) -> list[MessageClass]:
    """All of them; both layouts are read, this one is written."""
    return [
        MessageClass(FILE_CLASS, FileMessage, decode_file_message, lambda m: encode_file_message(m, layout)),
        MessageClass(
            UNDEPLOY_CLASS,
            UndeployMessage,
            decode_undeploy_message,
            lambda m: encode_undeploy_message(m, layout),
        ),
        MessageClass(
            "refjk.farm.CatalogMessage", CatalogMessage, decode_extension, lambda m: encode_catalog(m, layout)
        ),
        MessageClass(
            "refjk.farm.ArchiveRequest", ArchiveRequest, decode_extension, lambda m: encode_request(m, layout)
        ),
        MessageClass(
            "refjk.farm.ArchivePiece", ArchivePiece, decode_extension, lambda m: encode_piece(m, layout)
        ),
    ]
