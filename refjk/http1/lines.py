"""The lines of a head or of a trailer section, checked one by one as they arrive.

The first fault in wire order is the one that is named, however the octets were cut into pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from refjk.http1.limits import Limits
from refjk.http1.refusal import Refusal, shown
from refjk.http1.syntax import (
    HEADER_LINE,
    LINE_BREAK,
    NOT_TARGET,
    NOT_TOKEN,
    NOT_VALUE,
    REQUEST_LINE,
    TOKEN,
    VERSION,
)


@dataclass(frozen=True, slots=True)
class Section:
    """Bounds of a block of lines, each with the clause that names it."""

    first_size_max: int | None  # of the request line; None in a trailer section
    line_size_max: int
    count_max: int
    size_max: int
    size_clause: str


def head_section(limits: Limits) -> Section:
    """A request head."""
    return Section(
        first_size_max=limits.request_line_size_max,
        line_size_max=limits.header_line_size_max,
        count_max=limits.header_count_max,
        size_max=limits.head_size_max,
        size_clause="HTP-LIM-03",
    )


def trailer_section(limits: Limits) -> Section:
    """The lines behind the last chunk."""
    return Section(
        first_size_max=None,
        line_size_max=limits.header_line_size_max,
        count_max=limits.header_count_max,
        size_max=limits.trailer_size_max,
        size_clause="HTP-CHK-06",
    )


class LineScanner:
    """Checks each line once and remembers how far it came; raises `Refusal` at the first fault."""

    def __init__(self, section: Section, offset: int) -> None:
        self._section = section
        self._offset = offset  # of the buffer's first octet, from the start of the request
        self._start = 0  # of the line under way
        self._scanned = 0
        self._count = 0  # header lines that are complete

    def check(self, buffer: bytearray) -> int | None:
        """The index behind the empty line, None while that has not arrived.

        The same buffer is given each time, with nothing taken from its front.
        """
        while True:
            found = LINE_BREAK.search(buffer, self._scanned)
            at = found.start() if found else len(buffer)
            # The octet behind a bare CR is what shows that it is one.
            self._check_size(at if found is None or buffer[at] == 0x0A else at + 1)
            if not found:
                self._scanned = max(at - 1, self._start)  # a final CR is judged when its successor is known
                return None
            self._check_break(buffer, at)
            line = bytes(buffer[self._start : at - 1])
            if self._is_first():
                check_request_line(line)
            elif not line:
                return at + 1
            else:
                self._check_header_line(line)
            self._start = self._scanned = at + 1

    def _is_first(self) -> bool:
        return self._start == 0 and self._section.first_size_max is not None

    def _check_size(self, at: int) -> None:
        section = self._section
        status, clause, what, line_size_max = 431, "HTP-LIM-02", "header line", section.line_size_max
        if self._start == 0 and section.first_size_max is not None:
            status, clause, what, line_size_max = 414, "HTP-LIM-01", "request line", section.first_size_max
        line_end_max = self._start + line_size_max + 1  # where the line feed may be
        if at < section.size_max and at <= line_end_max:
            return
        if section.size_max <= line_end_max:
            status, clause, what, line_size_max = 431, section.size_clause, "section", section.size_max
        raise Refusal(
            status,
            clause,
            offset=self._offset + min(section.size_max, line_end_max),
            expected=f"a {what} of at most {line_size_max} octets",
            actual="more",
        )

    def _check_break(self, buffer: bytearray, at: int) -> None:
        bare_cr = buffer[at] != 0x0A
        if bare_cr or at == self._start or buffer[at - 1] != 0x0D:
            raise Refusal(
                400,
                "HTP-END-02" if bare_cr else "HTP-END-01",
                offset=self._offset + at,
                expected="lines that end with CR LF",
                actual="a bare CR" if bare_cr else "a bare LF",
            )

    def _check_header_line(self, line: bytes) -> None:
        self._count += 1
        if self._count > self._section.count_max:
            raise Refusal(
                431,
                "HTP-LIM-04",
                offset=self._offset + self._start,
                expected=f"at most {self._section.count_max} header lines",
                actual="more",
            )
        if not HEADER_LINE.fullmatch(line):
            _raise_header_fault(line, self._offset + self._start)


def check_request_line(line: bytes) -> None:
    """Raise `Refusal` unless `REQUEST_LINE` matches, naming the part that is wrong."""
    if REQUEST_LINE.fullmatch(line):
        return
    if not line:
        raise Refusal(
            400, "HTP-LIN-01", offset=0, expected="a request line after one empty line", actual="another"
        )
    parts = line.split(b" ")
    if len(parts) != 3 or not all(parts):
        raise Refusal(
            400,
            "HTP-LIN-02",
            offset=0,
            expected="method, target, version, one space between",
            actual=shown(line),
        )
    method, target, version = parts
    if odd := NOT_TOKEN.search(method):
        raise Refusal(400, "HTP-LIN-03", offset=odd.start(), expected="a method token", actual=shown(method))
    target_offset = len(method) + 1
    if odd := NOT_TARGET.search(target):
        raise Refusal(
            400,
            "HTP-LIN-04",
            offset=target_offset + odd.start(),
            expected='octets 21 to 7E without "#" in the target',
            actual=shown(odd[0]),
        )
    known_shape = VERSION.fullmatch(version)
    raise Refusal(
        505 if known_shape else 400,
        "HTP-LIN-08" if known_shape else "HTP-LIN-09",
        offset=target_offset + len(target) + 1,
        expected="HTTP/1.0 or HTTP/1.1",
        actual=shown(version),
    )


def _raise_header_fault(line: bytes, offset: int) -> NoReturn:
    if line[0] in b" \t":
        raise Refusal(400, "HTP-FLD-02", offset=offset, expected="no folded line", actual=shown(line))
    name, colon, value = line.partition(b":")
    if not colon or not TOKEN.fullmatch(name):
        odd = NOT_TOKEN.search(line)
        assert odd is not None or not colon
        raise Refusal(
            400,
            "HTP-FLD-01",
            offset=offset + (odd.start() if odd else len(line)),
            expected="a name token directly followed by a colon",
            actual=shown(line),
        )
    odd = NOT_VALUE.search(value)
    assert odd is not None
    raise Refusal(
        400,
        "HTP-FLD-03",
        offset=offset + len(name) + 1 + odd.start(),
        expected="a value without control octets",
        actual=shown(odd[0]),
    )
