"""What is known of a request when it is over, and of the moment in which its line is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote_to_bytes

Headers = Sequence[tuple[bytes, bytes]]

NOTE_WORKER = "JK_WORKER_NAME"
NOTE_ROUTE = "JK_WORKER_ROUTE"


@dataclass(slots=True)  # not frozen: it is made for each request, and that takes three times as long
class LogEntry:
    """One request. Text holds octets as latin-1 and is empty where nothing is known.

    `path` is the decoded path, by default that of `target`; `host` the name the client asked for and
    `server_name` what the server calls itself. `original_status` is the one before the server put an
    error page of its own in place of an answer. `octets_in` and `octets_out` count heads as well.
    `keepalive_number` is how many requests came on the connection before this one, `connection_state`
    `X` for broken off, `+` for goes on, `-` for closed after the answer.
    """

    remote_addr: str
    user: str
    method: str
    target: str
    protocol: str
    status: int
    size: int  # octets of response body
    duration_us: int
    referer: str = ""
    user_agent: str = ""
    route: str = ""
    in_headers: Headers = ()
    out_headers: Headers = ()
    in_trailers: Headers = ()
    out_trailers: Headers = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    filename: str = ""
    handler: str = ""
    host: str = ""
    server_name: str = ""
    server_port: int = 0
    local_addr: str = ""
    local_port: int = 0
    remote_host: str = ""
    remote_port: int = 0
    keepalive_number: int = 0
    connection_state: Literal["X", "+", "-"] = "-"
    octets_in: int | None = None
    octets_out: int | None = None
    original_status: int | None = None
    log_id: str = ""

    @property
    def query(self) -> str:
        """What stands behind the first `?`, with it; empty without one."""
        _, mark, query = self.target.partition("?")
        return mark + query

    @property
    def decoded_path(self) -> str:
        """`path`, or that of `target`: without authority and query, `%XX` decoded."""
        if self.path:
            return self.path
        raw = self.target.partition("?")[0]
        if "://" in raw and not raw.startswith("/"):
            raw = f"/{raw.partition('://')[2].partition('/')[2]}"
        return unquote_to_bytes(raw.encode("latin-1", "replace")).decode("latin-1")

    def note(self, name: str) -> str:
        """The note of a name; the route is one even when nobody wrote it down."""
        return self.notes.get(name, "") or (self.route if name == NOTE_ROUTE else "")


@dataclass(frozen=True, slots=True)
class Moment:
    """When and by whom a line is written; microseconds since 1970."""

    now_us: int
    pid: int
    tid: int


def header_value(headers: Headers, name: bytes) -> str | None:
    """All values of a header in one, `, ` between them; None without the header. `name` in small letters."""
    values = [value for key, value in headers if key.lower() == name]
    return b", ".join(values).decode("latin-1") if values else None
