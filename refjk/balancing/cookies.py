"""Session ids in a request and the route in a session id.

The scanner is tolerant on purpose: browsers, proxies and scripts put odd cookies beside ours, and none of
them may cost a user the session.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from refjk.balancing.model import RequestFacts

COOKIE_NAME = b"JSESSIONID"
PATH_PARAMETER_NAME = b"jsessionid"
SESSION_IDS_MAX = 32

_VALUE_END = re.compile(rb"[;,]")
_PATH_VALUE_END = re.compile(rb"[?;]")
# A pair whose value is one well-formed quoted string. The name may start only where a pair may start,
# which keeps the search linear.
_QUOTED_PAIR = re.compile(
    rb'(?<![^;,\s])([^;,\s="]+)\s*=\s*"[^"\\]*(?:\\.[^"\\]*)*"(?=\s*(?:[;,]|\Z))', re.DOTALL
)


def request_session_ids(facts: RequestFacts) -> list[bytes]:
    """The session ids of a request, in the order in which they are to be tried."""
    # BAL-CKY-01
    from_path = session_id_from_path(facts.uri)
    if from_path is not None:
        return [from_path]
    return session_ids(facts.cookie_headers) if facts.cookie_headers else []


def session_id_from_path(uri: bytes, name: bytes = PATH_PARAMETER_NAME) -> bytes | None:
    """The value of the path parameter `name`, None when there is none; the value itself may be empty."""
    # BAL-CKY-02: directly followed by the equals sign and by at least one more octet.
    start = uri.find(b";" + name + b"=") + len(name) + 2
    if start == len(name) + 1 or start == len(uri):
        return None
    # BAL-CKY-03
    end = _PATH_VALUE_END.search(uri, start)
    return uri[start : end.start() if end else len(uri)]


def session_ids(cookie_header_values: Iterable[bytes], name: bytes = COOKIE_NAME) -> list[bytes]:
    """The values of the session cookie, at most `SESSION_IDS_MAX`; quotes around a value stay part of it."""
    found: list[bytes] = []
    for header in cookie_header_values:
        if name in header:
            found += _ids_of_header(header, name)
    # BAL-CKY-09
    return found[:SESSION_IDS_MAX]


def route_of(session_id: bytes) -> bytes | None:
    """What follows the first dot, possibly nothing; None without a dot."""
    # BAL-CKY-08
    _, dot, route = session_id.partition(b".")
    return route if dot else None


def _ids_of_header(header: bytes, name: bytes) -> list[bytes]:
    pair_start, anywhere = _patterns(name)
    # BAL-CKY-07: the likeliest place first, the contents of quoted neighbours last.
    masked = _mask_quoted_neighbours(header, name)
    hit = pair_start.search(masked) or anywhere.search(masked) or anywhere.search(header)
    if hit is None:
        return []
    # BAL-CKY-05
    value_end = _VALUE_END.search(header, hit.end())
    end = value_end.start() if value_end else len(header)
    ids: list[bytes] = []
    # BAL-CKY-06: what follows is searched inside this value only.
    while hit and len(ids) < SESSION_IDS_MAX:
        ids.append(header[hit.end() : end])
        hit = anywhere.search(header, hit.end(), end)
    return ids


@cache
def _patterns(name: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Where a value of the cookie begins: at the start of a pair, and anywhere it is allowed at all."""
    tail = re.escape(name) + rb"\s*=(?=.)"
    pair_start = re.compile(rb"(?:\A|;)\s*" + tail, re.DOTALL)
    # BAL-CKY-04: at the very start of the header or behind a separator.
    anywhere = re.compile(rb"(?:\A|(?<=[;,\s]))" + tail, re.DOTALL)
    return pair_start, anywhere


def _mask_quoted_neighbours(header: bytes, name: bytes) -> bytes:
    """The header, of the same length, with every quoted value of other cookies made harmless."""
    if b'"' not in header:
        return header
    return _QUOTED_PAIR.sub(
        lambda pair: pair.group() if pair.group(1) == name else b"_" * len(pair.group()), header
    )
