"""What a front answers by itself: status pages, files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from refjk.ajp13.messages import Header
from refjk.http1 import RequestReceived
from refjk.runtime.addresses import Address
from refjk.webserver import Host, Place


@dataclass(frozen=True, slots=True)
class LocalRequest:
    """A request that goes to no container. `read_body` gives its next octets, none at its end."""

    host: Host
    place: Place
    request: RequestReceived
    peer: Address
    local: Address
    read_body: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """`headers` have the length of the body, if it is known; a body that raises breaks the answer off."""

    status: int
    headers: list[Header]
    body: Iterable[bytes] = ()


LocalService = Callable[[LocalRequest], LocalAnswer | None]
"""Answers a request, or leaves it to the next one. A body with `close` is closed in any case."""
