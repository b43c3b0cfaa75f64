"""Answers of Tomcat 5.5: three octets, of which the last one counts."""

from __future__ import annotations

from refjk.base.errors import Malformed
from refjk.channel.dialect import Answer

ACKNOWLEDGEMENT = b"\x06\x02\x03"  # CHN-ACK-01

_LAST = 0x03
_OTHERS_MAX = 10


class LastOctetReader:
    """An answer is complete at octet 03, whatever stands before it.

    `as_original` bounds nothing and takes the end of the stream for an answer, as Tomcat 5.5.5 does.
    """

    def __init__(self, *, as_original: bool = False) -> None:
        self._as_original = as_original
        self._others = 0

    def receive(self, octets: bytes) -> Answer | None:
        before = octets.find(_LAST)
        self._others += len(octets) if before < 0 else before
        if self._others > _OTHERS_MAX and not self._as_original:  # CHN-ACK-08
            raise Malformed(
                "CHN-ACK-08", offset=_OTHERS_MAX, expected="octet 03", actual=f"{self._others} others"
            )
        return None if before < 0 else Answer.ACCEPTED  # CHN-ACK-07

    def receive_eof(self) -> Answer | None:
        """CHN-ACK-09"""
        return Answer.ACCEPTED if self._as_original else None
