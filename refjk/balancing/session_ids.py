"""Session ids in a request as the algorithm 1.2.50 finds them: all of them, by names that can be set."""

from __future__ import annotations

import re
from functools import cache

from refjk.balancing.cookies import SESSION_IDS_MAX
from refjk.balancing.model import RequestFacts
from refjk.balancing.settings import BalancerSettings

_PATH_VALUE_END = re.compile(rb"[?;/]")
_COOKIE_VALUE_END = re.compile(rb"[;,]")


def find_session_ids(facts: RequestFacts, settings: BalancerSettings) -> list[bytes]:
    """The session ids of a request in the order in which they are to be tried."""
    rule = facts.rule
    # BAL-RTE-09
    if not settings.sticky_session or rule.sticky_ignore:
        return []
    # BAL-RTE-10
    if facts.route is not None:
        return [b"." + facts.route.encode()]
    # BAL-CKY-15
    path_name = settings.session_path if rule.session_path is None else rule.session_path
    value = _path_value(facts.uri, path_name)
    if value is not None:
        ids = [value]
    elif facts.cookie_headers:
        name = settings.session_cookie if rule.session_cookie is None else rule.session_cookie
        ids = _cookie_values(facts.cookie_headers, name)
    else:
        return []
    # BAL-CKY-14
    return [] if ids == [b""] else ids


def _path_value(uri: bytes, name: bytes) -> bytes | None:
    # BAL-CKY-10
    start = uri.find(name + b"=") + len(name) + 1
    if start == len(name) or start == len(uri):
        return None
    # BAL-CKY-11
    end = _PATH_VALUE_END.search(uri, start)
    return uri[start : end.start() if end else len(uri)]


def _cookie_values(headers: tuple[bytes, ...], name: bytes) -> list[bytes]:
    found: list[bytes] = []
    pattern = _value_start(name)
    for header in headers:
        hit = pattern.search(header) if name in header else None
        # BAL-CKY-12
        while hit and len(found) < SESSION_IDS_MAX:
            value_end = _COOKIE_VALUE_END.search(header, hit.end())
            end = value_end.start() if value_end else len(header)
            found.append(_unquoted(header[hit.end() : end]))
            hit = pattern.search(header, end)
    return found


def _unquoted(value: bytes) -> bytes:
    # BAL-CKY-13
    return value[1:-1] if len(value) > 1 and value[:1] == value[-1:] == b'"' else value


@cache
def _value_start(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:\A|(?<=[;,\s]))" + re.escape(name) + rb"\s*=(?=.)", re.DOTALL)
