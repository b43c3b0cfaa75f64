"""A request of which everything is known, one of which nothing is, and the moment of both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from refjk.configuration.complaints import Complaints
from refjk.configuration.log_format import ACCESS_LETTERS, REQUEST_LETTERS, LogItem, parse_log_format
from refjk.configuration.origins import Place
from refjk.logformat import LogEntry, Moment

MOMENT = Moment(1_103_014_800_123_456, 4711, 255)  # 2004-12-14 09:00:00.123456 UTC
BARE = LogEntry("", "", "", "", "", 0, 0, 0)
FULL = LogEntry(
    remote_addr="192.0.2.7",
    user="joe",
    method="GET",
    target="/a%20b?c=d",
    protocol="HTTP/1.1",
    status=200,
    size=1234,
    duration_us=2_345_678,
    in_headers=[
        (b"Host", b"www.example"),
        (b"X-Two", b"1"),
        (b"x-two", b"2"),
        (b"Cookie", b"a=b; JSESSIONID = x.node1 ;empty="),
        (b"X-Empty", b""),
    ],
    out_headers=[
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Set-Cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"X-Two", b"1"),
        (b"X-Two", b"2"),
    ],
    in_trailers=[(b"X-In", b"i")],
    out_trailers=[(b"X-Out", b"o")],
    notes={"JK_WORKER_NAME": "balancer"},
    env={"COLOUR": "red", "EMPTY": ""},
    route="node1",
    filename="/srv/a b",
    handler="jakarta-servlet",
    host="www.example",
    server_name="own.example",
    server_port=80,
    local_addr="192.0.2.1",
    local_port=8080,
    remote_host="client.example",
    remote_port=50000,
    keepalive_number=3,
    connection_state="+",
    octets_in=100,
    octets_out=2000,
    original_status=404,
    log_id="id7",
)


def an_hour_east(second: int) -> datetime:
    """Local time as it is in winter in Paris."""
    return datetime.fromtimestamp(second, UTC).astimezone(timezone(timedelta(hours=1), "CET"))


def access_items(text: str) -> tuple[LogItem, ...]:
    return _items(text, ACCESS_LETTERS)


def request_items(text: str) -> tuple[LogItem, ...]:
    return _items(text, REQUEST_LETTERS)


def _items(text: str, letters: frozenset[str]) -> tuple[LogItem, ...]:
    complaints = Complaints()
    items = parse_log_format(text, letters, Place("test"), "test", complaints)
    assert complaints.found() == ()
    return items
