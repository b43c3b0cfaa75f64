"""The data of a frame: gzip, unzipped within bounds."""

from __future__ import annotations

import zlib

from refjk.base.errors import Malformed

_GZIP = 31  # zlib's number for the gzip format
# A fifth of the time of the usual level, for a twentieth more octets.
_LEVEL = 1
_MEMBER = b"\x1f\x8b\x08"
_MEMBERS_MAX = 1000
_SLICE = 65536


def zip_payload(payload: bytes) -> bytes:
    """One gzip member without name and time, so that the same payload gives the same octets."""
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return packer.compress(payload) + packer.flush()


def unzip_data(data: bytes, size_max: int) -> bytes:
    """The payload of all members; what follows the last one is ignored. CHN-FRM-03

    Raises `Malformed` for data that cannot be unzipped, for more than `size_max` octets, of which no more
    are ever made, and for too many members.
    """
    pieces: list[bytes] = []
    made, offset, members = 0, 0, 0
    while not members or data.startswith(_MEMBER, offset):
        if members == _MEMBERS_MAX:
            raise Malformed("CHN-FRM-08", offset=offset, expected=f"up to {members} members", actual="more")
        members += 1
        unpacker = zlib.decompressobj(wbits=_GZIP)
        while not unpacker.eof:
            if offset >= len(data):
                raise _bad(offset, "the end of the data")
            # In slices: what zlib leaves over it copies, and with many members that would add up.
            end = min(offset + _SLICE, len(data))
            try:
                piece = unpacker.decompress(data[offset:end], size_max - made + 1)
            except zlib.error as error:
                raise _bad(offset, str(error)) from None
            made += len(piece)
            if made > size_max:
                raise Malformed(
                    "CHN-FRM-08", offset=offset, expected=f"up to {size_max} octets", actual="more"
                )
            pieces.append(piece)
            offset = end - len(unpacker.unused_data)
    return b"".join(pieces)


def _bad(offset: int, actual: str) -> Malformed:
    return Malformed("CHN-FRM-07", offset=offset, expected="gzip", actual=actual)
