"""LogFormat and CustomLog: each item becomes a function once, a line is what they say one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from refjk.configuration.log_format import LogItem
from refjk.logformat.access_time import time_item
from refjk.logformat.entry import Headers, LogEntry, Moment, header_value
from refjk.logformat.escaping import Escape, as_hex, as_httpd
from refjk.logformat.stamps import LocalTime

AccessRenderer = Callable[[LogEntry, Moment], str]
_US_PER_UNIT = {"": 1_000_000, "s": 1_000_000, "ms": 1000, "us": 1}
_FIELDS = {b"referer": "referer", b"user-agent": "user_agent"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How text from others is escaped, and whether a request without a first line is one `-` or three."""

    escape: Escape
    words_of_nothing: str


HTTPD = Dialect(as_httpd, "-")
PLAIN = Dialect(as_hex, "- - -")


def compile_access(
    items: Sequence[LogItem], local_time: LocalTime, dialect: Dialect = HTTPD
) -> AccessRenderer:
    """What renders one line without its end. Letters are those of `ACCESS_LETTERS`."""
    parts = [_part(item, local_time, dialect) for item in items]
    return lambda entry, moment: "".join([part(entry, moment) for part in parts])


def is_logged(condition: str, env: Mapping[str, str]) -> bool:
    """Whether the word behind a CustomLog lets a request through. LOG-ACC-08"""
    kind, _, name = condition.partition("=")
    if kind.lower() != "env":
        return True  # LOG-ACC-09
    return name[1:] not in env if name.startswith("!") else name in env


def _part(item: LogItem, local_time: LocalTime, dialect: Dialect) -> AccessRenderer:
    if not item.letter:
        return _constant(item.argument)
    if item.letter == "t":
        render: AccessRenderer = time_item(item.argument, local_time)
    elif item.letter == "s":
        render = _final_status if item.final else _original_status
    elif item.letter == "r":
        render = _request_line(dialect)
    elif item.letter in _TEXTS:
        render = _text(_TEXTS[item.letter], dialect.escape)
    elif item.letter in _NAMED:
        render = _named(_NAMED[item.letter], item.argument, dialect.escape)
    elif item.letter in _BY_ARGUMENT:
        render = _BY_ARGUMENT[item.letter](item.argument.lower()) or _constant(item.argument)
    else:
        render = _PLAIN[item.letter]
    return _with_condition(item, render) if item.statuses else render


def _with_condition(item: LogItem, render: AccessRenderer) -> AccessRenderer:
    """LOG-ACC-05"""
    statuses, only_if = frozenset(item.statuses), item.only_if
    return lambda entry, moment: render(entry, moment) if (entry.status in statuses) is only_if else "-"


def _constant(text: str) -> AccessRenderer:
    return lambda entry, moment: text


def _text(get: Callable[[LogEntry], str], escape: Escape) -> AccessRenderer:
    return lambda entry, moment: escape(get(entry)) or "-"


def _named(get: Callable[[LogEntry, str], str | None], name: str, escape: Escape) -> AccessRenderer:
    """A value that is there and empty stays empty; `-` says that there is none."""

    def render(entry: LogEntry, moment: Moment) -> str:
        value = get(entry, name)
        return "-" if value is None else escape(value)

    return render


def _request_line(dialect: Dialect) -> AccessRenderer:
    escape, nothing = dialect.escape, dialect.words_of_nothing

    def render(entry: LogEntry, moment: Moment) -> str:
        if not entry.method and not entry.target:
            return nothing
        return escape(f"{entry.method or '-'} {entry.target or '-'} {entry.protocol or '-'}")

    return render


def _final_status(entry: LogEntry, moment: Moment) -> str:
    return str(entry.status) if entry.status > 0 else "-"


def _original_status(entry: LogEntry, moment: Moment) -> str:
    """The answer before an error page took its place."""
    return _final_status(entry, moment) if entry.original_status is None else str(entry.original_status)


def _sum(entry: LogEntry) -> int | None:
    if entry.octets_in is None or entry.octets_out is None:
        return None
    return entry.octets_in + entry.octets_out


def _requests_before(entry: LogEntry, moment: Moment) -> str:
    """httpd does not count the request that closes a connection others came on before."""
    number = entry.keepalive_number
    return str(number - 1 if number and entry.connection_state == "-" else number)


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _in_header(entry: LogEntry, name: str) -> str | None:
    """Several of one name are one value, as httpd has them after reading. LOG-ACC-03"""
    key = name.lower().encode("latin-1", "replace")
    if not entry.in_headers and key in _FIELDS:
        return getattr(entry, _FIELDS[key]) or None
    return header_value(entry.in_headers, key)


def _out_header(entry: LogEntry, name: str) -> str | None:
    """LOG-ACC-04"""
    key = name.lower().encode("latin-1", "replace")
    if key == b"set-cookie":
        return header_value(entry.out_headers, key)
    value = _first(entry.out_headers, key)
    return value.partition(";")[0].rstrip() if value is not None and key == b"content-type" else value


def _first(headers: Headers, key: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == key), None)


def _in_trailer(entry: LogEntry, name: str) -> str | None:
    return header_value(entry.in_trailers, name.lower().encode("latin-1", "replace"))


def _out_trailer(entry: LogEntry, name: str) -> str | None:
    return _first(entry.out_trailers, name.lower().encode("latin-1", "replace"))


def _cookie(entry: LogEntry, name: str) -> str | None:
    cookies = header_value(entry.in_headers, b"cookie") or ""
    for cookie in cookies.split(";"):
        key, _, value = cookie.partition("=")
        if key.strip().lower() == name.lower() and value:
            return value.strip()
    return None


def _port(argument: str) -> AccessRenderer | None:
    ports: dict[str, AccessRenderer] = {
        "": lambda entry, moment: str(entry.server_port),
        "canonical": lambda entry, moment: str(entry.server_port),
        "local": lambda entry, moment: str(entry.local_port or entry.server_port),
        "remote": lambda entry, moment: str(entry.remote_port),
    }
    return ports.get(argument)


def _process(argument: str) -> AccessRenderer | None:
    numbers: dict[str, AccessRenderer] = {
        "": lambda entry, moment: str(moment.pid),
        "pid": lambda entry, moment: str(moment.pid),
        "tid": lambda entry, moment: str(moment.tid),
        "hextid": lambda entry, moment: f"{moment.tid:x}",
    }
    return numbers.get(argument)


def _duration(argument: str) -> AccessRenderer | None:
    """LOG-ACC-07"""
    unit = _US_PER_UNIT.get(argument)
    return None if unit is None else lambda entry, moment: str(entry.duration_us // unit)


# LOG-ACC-01: the letters. Text that others chose:
_TEXTS: Mapping[str, Callable[[LogEntry], str]] = {
    "a": lambda entry: entry.remote_addr,
    "A": lambda entry: entry.local_addr,
    "f": lambda entry: entry.filename,
    "h": lambda entry: entry.remote_host or entry.remote_addr,
    "H": lambda entry: entry.protocol,
    "L": lambda entry: entry.log_id,
    "m": lambda entry: entry.method,
    "R": lambda entry: entry.handler,
    "u": lambda entry: entry.user,
    "U": lambda entry: entry.decoded_path,
    "v": lambda entry: entry.server_name,
    "V": lambda entry: entry.host or entry.server_name,
}
# Values by name:
_NAMED: Mapping[str, Callable[[LogEntry, str], str | None]] = {
    "C": _cookie,
    "e": lambda entry, name: entry.env.get(name),
    "i": _in_header,
    "n": lambda entry, name: entry.note(name) or None,
    "o": _out_header,
    "q": lambda entry, name: entry.query,
    "^ti": _in_trailer,
    "^to": _out_trailer,
}
# Numbers in the unit or of the kind that the argument says; an argument that is none is written itself:
_BY_ARGUMENT: Mapping[str, Callable[[str], AccessRenderer | None]] = {
    "p": _port,
    "P": _process,
    "T": _duration,
}
# Numbers and marks:
_PLAIN: Mapping[str, AccessRenderer] = {
    "b": lambda entry, moment: str(entry.size or "-"),
    "B": lambda entry, moment: str(entry.size),
    "D": lambda entry, moment: str(entry.duration_us),
    "I": lambda entry, moment: _count(entry.octets_in),
    "k": _requests_before,
    "l": lambda entry, moment: "-",
    "O": lambda entry, moment: _count(entry.octets_out),
    "S": lambda entry, moment: _count(_sum(entry)),
    "X": lambda entry, moment: entry.connection_state,
}
