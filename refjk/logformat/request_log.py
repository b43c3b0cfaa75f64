"""JkRequestLogFormat: its letters, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from refjk.configuration.log_format import LogItem
from refjk.logformat.entry import NOTE_ROUTE, NOTE_WORKER, LogEntry
from refjk.logformat.stamps import US_PER_S

RequestRenderer = Callable[[LogEntry], str]


def compile_request_log(items: Sequence[LogItem]) -> RequestRenderer:
    """What renders the text of one request, not yet made fit for a line (see `request_line`)."""
    parts = [_constant(item.argument) if not item.letter else REQUEST_ITEMS[item.letter] for item in items]
    return lambda entry: "".join([part(entry) for part in parts])


def _constant(text: str) -> RequestRenderer:
    return lambda entry: text


def _request(entry: LogEntry) -> str:
    return f"{entry.method} {entry.target} {entry.protocol}".rstrip() if entry.method else "-"


def _duration(entry: LogEntry) -> str:
    seconds, us = divmod(entry.duration_us, US_PER_S)
    return f"{seconds}.{us:06d}"


# LOG-REQ-02
REQUEST_ITEMS: Mapping[str, RequestRenderer] = {
    "b": lambda entry: str(entry.size or "-"),
    "B": lambda entry: str(entry.size),
    "H": lambda entry: entry.protocol or "-",
    "m": lambda entry: entry.method or "-",
    "p": lambda entry: str(entry.server_port),
    "q": lambda entry: entry.query,
    "r": _request,
    "s": lambda entry: str(entry.status) if entry.status > 0 else "-",
    "T": _duration,
    "U": lambda entry: entry.decoded_path or "-",
    "v": lambda entry: entry.server_name or "-",
    "V": lambda entry: entry.host or entry.server_name or "-",
    "w": lambda entry: entry.note(NOTE_WORKER) or "-",
    "R": lambda entry: entry.note(NOTE_ROUTE) or "-",
}
