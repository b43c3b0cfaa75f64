"""How a connection is made: its socket's options, its local end, the order of addresses."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from refjk.runtime.addresses import Address
from refjk.runtime.connecting import SocketOptions, connect
from refjk.runtime.endpoint import EndpointSettings
from refjk.runtime.endpoint_errors import ConnectFailed
from refjk.speccheck import covers


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def address_of(listener: socket.socket) -> Address:
    return Address("127.0.0.1", listener.getsockname()[1])


def option(connected: socket.socket, level: int, name: int) -> int:
    return connected.getsockopt(level, name)


@covers("EPL-SCK-02", "EPL-SCK-04")
@pytest.mark.parametrize("keepalive", [False, True])
def test_small_packets_leave_at_once_and_keepalive_is_on_where_it_is_wanted(
    listener: socket.socket, keepalive: bool
) -> None:
    with connect(address_of(listener), 5, SocketOptions(keepalive=keepalive)) as connected:
        assert option(connected, socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert bool(option(connected, socket.SOL_SOCKET, socket.SO_KEEPALIVE)) is keepalive


@covers("EPL-SCK-05")
def test_a_buffer_size_is_asked_for_in_both_directions(listener: socket.socket) -> None:
    with connect(address_of(listener), 5, SocketOptions(buffer_size=20_000)) as connected:
        for direction in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            assert option(connected, socket.SOL_SOCKET, direction) in (20_000, 40_000)  # Linux doubles it


@covers("EPL-SCK-06")
def test_a_connection_leaves_from_its_source(listener: socket.socket) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with connect(address_of(listener), 5, SocketOptions(source=Address("127.0.0.3", port))) as connected:
        assert connected.getsockname() == ("127.0.0.3", port)
    with connect(address_of(listener), 5, SocketOptions(source=Address("127.0.0.4", 0))) as connected:
        assert connected.getsockname()[0] == "127.0.0.4"


@pytest.mark.parametrize("host", ["::1", "no-such-host.invalid", "a..b", "192.0.2.1"])
def test_a_source_that_cannot_be_had_is_a_failed_connect(listener: socket.socket, host: str) -> None:
    with pytest.raises(ConnectFailed, match="cannot connect to 127"):
        connect(address_of(listener), 5, SocketOptions(source=Address(host, 0)))


def resolved(monkeypatch: pytest.MonkeyPatch, *found: tuple[socket.AddressFamily, Any]) -> None:
    """Let every name have these addresses, in this order."""

    def lookup(*_: object, **__: object) -> list[Any]:
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where) for family, where in found]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@covers("EPL-SCK-07")
@pytest.mark.parametrize(("prefer_ipv6", "family"), [(False, socket.AF_INET), (True, socket.AF_INET6)])
def test_addresses_of_the_preferred_family_are_tried_first(
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    prefer_ipv6: bool,
    family: socket.AddressFamily,
) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener_6:
        ways: list[tuple[socket.AddressFamily, Any]] = [
            (socket.AF_INET6, listener_6.getsockname()),
            (socket.AF_INET, listener.getsockname()),
        ]
        for order in (ways, ways[::-1]):
            resolved(monkeypatch, *order)
            with connect(Address("name", 1), 5, SocketOptions(prefer_ipv6=prefer_ipv6)) as connected:
                assert connected.family == family


@covers("EPL-SCK-07")
def test_an_address_of_the_other_family_is_tried_when_the_first_refuses(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET6) as nobody:
        nobody.bind(("::1", 0))
        resolved(
            monkeypatch,
            (socket.AF_INET, listener.getsockname()),
            (socket.AF_INET6, nobody.getsockname()),
        )
        with connect(Address("name", 1), 5, SocketOptions(prefer_ipv6=True)) as connected:
            assert connected.family == socket.AF_INET


@covers("EPL-SCK-01")
def test_all_addresses_share_one_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # more than its queue holds, so that the system answers nobody any more
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        resolved(monkeypatch, *[(socket.AF_INET, full.getsockname())] * 10)
        started = time.monotonic()
        with pytest.raises(ConnectFailed, match=r"no answer within 0\.2 s"):
            connect(Address("name", 1), 0.2)
        assert time.monotonic() - started < 1.5


def test_a_connect_timeout_may_be_without_bound(listener: socket.socket) -> None:
    with connect(address_of(listener), math.inf) as connected:
        assert connected.getpeername() == listener.getsockname()


def test_the_settings_of_an_endpoint_hold_all_options_of_its_socket() -> None:
    source = Address("127.0.0.1", 0)
    settings = EndpointSettings(keepalive=True, buffer_size=9000, source=source, prefer_ipv6=True)
    assert settings.socket_options == SocketOptions(True, 9000, source, True)
