"""What somebody asks a status worker for, read from a query and, with POST, a form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntFlag
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

QUERY_SIZE_MAX = 8192
FORM_SIZE_MAX = 65536
PARAMETERS_MAX = 1000
REFRESH_S_MAX = 86400
_LEADING_NUMBER = re.compile(r"[ \t]*([0-9]{1,9})")


class Command(Enum):
    """`cmd`. Unknown is never sent: it stands for any other word."""

    LIST = "list"
    SHOW = "show"
    EDIT = "edit"
    UPDATE = "update"
    RESET = "reset"
    RECOVER = "recover"
    VERSION = "version"
    DUMP = "dump"
    UNKNOWN = ""

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self in (Command.UPDATE, Command.RESET, Command.RECOVER)

    @property
    def needs_worker(self) -> bool:
        return self.changes or self in (Command.SHOW, Command.EDIT)


class Mime(Enum):
    """`mime`. An answer to an unknown one has the form of `prop`."""

    HTML = "html"
    XML = "xml"
    TXT = "txt"
    PROP = "prop"
    JSON = "json"
    SVG = "svg"
    UNKNOWN = ""


class Option(IntFlag):
    """The bits of `opt`: what is left out."""

    NO_MEMBERS = 1
    NO_RULES = 2
    NO_LEGEND = 4
    NO_BALANCERS = 8
    NO_WORKERS = 16
    READ_ONLY = 32
    NO_BALANCER_SETTINGS = 64
    NO_BALANCER_SUMMARY = 128
    NO_WORKER_SETTINGS = 256


OPTIONS = Option(511)
NO_OPTION = Option(0)


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """One request. Empty `worker`, `member`, `attribute` and `token`: not given; `refresh_s` 0: never.

    `values` are all parameters by name; those that say what to change are read from there. `fault` says why
    the octets could not be read as parameters at all.
    """

    command: Command = Command.LIST
    mime: Mime = Mime.HTML
    worker: str = ""
    member: str = ""
    came_from: Command = Command.LIST
    refresh_s: int = 0
    options: Option = NO_OPTION
    attribute: str = ""
    token: str = ""
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fault: str = ""


def parse_request(query: bytes, form: bytes = b"") -> StatusRequest:
    """What the octets after `?` and the octets of a form ask for; never raises.

    What the form says stands before what the query says, and a token counts in the form only.
    """
    # STA-REQ-03
    if len(query) > QUERY_SIZE_MAX or len(form) > FORM_SIZE_MAX:
        return StatusRequest(mime=Mime.UNKNOWN, fault="The request is too long.")
    in_form = dict(_parameters(form))
    values = dict(_parameters(query)) | in_form
    if len(values) > PARAMETERS_MAX:
        return StatusRequest(mime=Mime.UNKNOWN, fault="The request has too many parameters.")
    came_from = _command(values.get("from", ""))
    return StatusRequest(
        command=_command(values.get("cmd", "")),
        mime=_mime(values.get("mime", "")),
        worker=values.get("w", ""),
        member=values.get("sw", ""),
        came_from=Command.SHOW if came_from is Command.SHOW else Command.LIST,
        refresh_s=min(_number(values.get("re", "")), REFRESH_S_MAX),
        options=Option(_number(values.get("opt", ""))) & OPTIONS,
        attribute=values.get("att", ""),
        # STA-ACC-06
        token=in_form.get("token", ""),
        values=MappingProxyType(values),
    )


def _parameters(octets: bytes) -> Iterator[tuple[str, str]]:
    # STA-REQ-02
    for part in octets.split(b"&", PARAMETERS_MAX + 1):
        name, equals, value = part.partition(b"=")
        if name:
            yield _decode(name), _decode(value) if equals else ""


def _decode(octets: bytes) -> str:
    return unquote_to_bytes(octets.replace(b"+", b" ")).decode("utf-8", "replace")


def _command(word: str) -> Command:
    # STA-REQ-01
    if not word:
        return Command.LIST
    return next((command for command in Command if command.value == word), Command.UNKNOWN)


def _mime(word: str) -> Mime:
    if not word:
        return Mime.HTML
    return next((mime for mime in Mime if mime.value == word), Mime.UNKNOWN)


def _number(text: str) -> int:
    # STA-REQ-04
    match = _LEADING_NUMBER.match(text)
    return int(match[1]) if match else 0
