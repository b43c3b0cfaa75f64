"""The text of httpd.conf: physical lines become logical ones, and what stands in them words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from refjk.configuration.complaints import Complaints, shown
from refjk.configuration.origins import Place

LINE_SIZE_MAX = 65536
_BLANKS = " \t\v\f\r\n"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_WORD = re.compile(r"""[ \t\v\f\r\n]*(?:"((?:\\[\\"]|[^"])*)"?|'((?:\\[\\']|[^'])*)'?|([^ \t\v\f\r\n]+))""")


def logical_lines(text: str, file: str, complaints: Complaints) -> Iterator[tuple[Place, str]]:
    """Lines without comments and blank lines, each with the place where it begins.

    CFG-TXT-01, CFG-TXT-02
    """
    pending: list[str] = []
    start = 0
    lines = text.split("\n")
    for number, physical in enumerate(lines, start=1):
        line = physical.removesuffix("\r")
        start = start or number
        if line.endswith("\\") and number < len(lines):
            pending.append(line[:-1])
            continue
        if line.rstrip(_BLANKS).endswith("\\") and not line.endswith("\\"):
            complaints.warning(
                Place(file, number),
                "\\",
                "a backslash with blanks behind it does not continue the line",
                "CFG-TXT-01",
                remedy="remove the blanks at the end of the line",
            )
        whole = "".join([*pending, line]).strip(_BLANKS)
        if len(whole) > LINE_SIZE_MAX:
            # CFG-INC-03
            what = f"a line of more than {LINE_SIZE_MAX} characters is left out"
            complaints.error(Place(file, start), "line", what, "CFG-INC-03")
        elif whole.startswith("#"):
            _complain_of_swallowed(pending, line, Place(file, start), complaints)
        elif whole:
            yield Place(file, start), whole
        pending, start = [], 0


def _complain_of_swallowed(pending: list[str], last: str, place: Place, complaints: Complaints) -> None:
    swallowed = [line for line in [*pending[1:], last] if line.strip(_BLANKS)]
    if pending and not all(line.lstrip(_BLANKS).startswith("#") for line in swallowed):
        complaints.warning(
            place,
            "#",
            f"the comment ends in a backslash and swallows {shown(swallowed[0].strip(_BLANKS))}",
            "CFG-TXT-02",
            remedy="remove the backslash",
        )


def split_name(line: str) -> tuple[str, str]:
    """The first word of a line and what stands behind it."""
    name, *rest = re.split(f"[{_BLANKS}]+", line, maxsplit=1)
    return name, rest[0] if rest else ""


def split_words(text: str) -> list[str]:
    """The words of a directive's arguments.

    A word in quotes ends at its closing quote, whatever follows, or with the text; quotes inside a word
    are plain characters. CFG-TXT-03
    """
    words = []
    for found in _WORD.finditer(text):
        double, single, plain = found.groups()
        if double is not None:
            words.append(re.sub(r"\\([\\\"])", r"\1", double))
        elif single is not None:
            words.append(re.sub(r"\\([\\'])", r"\1", single))
        else:
            words.append(plain.replace("\\\\", "\\"))
    return words


def expand_variables(text: str, variables: Mapping[str, str], complain: Callable[[str], None]) -> str:
    """`${NAME}` replaced by what Define or the environment says; `complain` hears of unknown names.

    CFG-TXT-04
    """

    def one(found: re.Match[str]) -> str:
        value = variables.get(found[1])
        if value is None:
            complain(found[1])
            return found[0]
        return value

    return _VARIABLE.sub(one, text) if "${" in text else text
