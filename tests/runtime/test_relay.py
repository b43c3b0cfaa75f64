"""The relay with real sockets: what goes in comes out, whoever looks, and however it ends."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Self

import pytest

from refjk.base import InputError, Unreachable
from refjk.runtime import relay as relay_module
from refjk.runtime.addresses import Address
from refjk.runtime.relay import Relay
from refjk.runtime.relay_tap import RelayEnded, RelayEvent, RelayFailed, RelayOpened, RelayPassed, Tap

DEADLINE_S = 10.0


class Target:
    """A listener that gives its accepted connections to the test."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE_S)
        self.address = Address(*self.listener.getsockname())

    def accept(self) -> socket.socket:
        accepted, _ = self.listener.accept()
        accepted.settimeout(DEADLINE_S)
        return accepted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()


@contextlib.contextmanager
def relaying(target: Address, *taps: Tap, **options: int) -> Iterator[Address]:
    relay = Relay(Address("127.0.0.1", 0), target, taps, **options)
    address = relay.start()
    try:
        yield address
    finally:
        relay.stop()


def connect(address: Address) -> socket.socket:
    return socket.create_connection((address.host, address.port), timeout=DEADLINE_S)


def receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    return data


def take(tap: Tap, count: int) -> list[RelayEvent]:
    events = []
    for _ in range(count):
        event = tap.take(DEADLINE_S)
        assert event is not None
        events.append(event)
    return events


@contextlib.contextmanager
def linked(*taps: Tap) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A web server's and a container's socket with a relay between them."""
    with Target() as target, relaying(target.address, *taps) as address:
        web_server = connect(address)
        with web_server, target.accept() as container:
            yield web_server, container


def test_octets_pass_unchanged_in_both_directions_and_are_seen() -> None:
    tap = Tap()
    with linked(tap) as (web_server, container):
        web_server.sendall(b"\x12\x34 not a packet \xff")
        assert receive(container, 17) == b"\x12\x34 not a packet \xff"
        container.sendall(b"AB")
        assert receive(web_server, 2) == b"AB"
        opened, up, down = take(tap, 3)
        assert isinstance(opened, RelayOpened)
        assert opened.web_server == web_server.getsockname()
        assert opened.container == container.getsockname()
        assert isinstance(up, RelayPassed) and isinstance(down, RelayPassed)
        assert (up.toward_container, up.data) == (True, b"\x12\x34 not a packet \xff")
        assert (down.toward_container, down.data) == (False, b"AB")
        assert opened.time_ns <= up.time_ns <= down.time_ns


@pytest.mark.parametrize("web_server_first", [True, False])
def test_a_half_close_is_passed_on_and_the_other_half_goes_on(web_server_first: bool) -> None:
    tap = Tap()
    with linked(tap) as ends:
        one, other = ends if web_server_first else ends[::-1]
        one.sendall(b"last words")
        one.shutdown(socket.SHUT_WR)
        assert receive(other, 11) == b"last words"
        other.sendall(b"answer")
        assert receive(one, 6) == b"answer"
        other.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
        events = take(tap, 5)
        ended = [event.by_web_server for event in events if isinstance(event, RelayEnded) and not event.reset]
        assert ended == [web_server_first, not web_server_first]


@pytest.mark.parametrize("by_web_server", [True, False])
def test_a_reset_is_passed_on_as_a_reset(by_web_server: bool) -> None:
    tap = Tap()
    with linked(tap) as ends:
        one, other = ends if by_web_server else ends[::-1]
        one.sendall(b"x")
        assert receive(other, 1) == b"x"
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        with pytest.raises(ConnectionResetError):
            other.recv(1)
        ended = take(tap, 3)[-1]
        assert isinstance(ended, RelayEnded)
        assert (ended.by_web_server, ended.reset) == (by_web_server, True)


def test_what_was_said_before_an_end_still_arrives() -> None:
    with linked(Tap()) as (web_server, container):
        container.sendall(b"y" * 200_000)
        container.close()
        assert receive(web_server, 200_001) == b"y" * 200_000


def test_many_octets_pass_both_ways_at_once() -> None:
    data = bytes(range(256)) * 20_000
    with linked(Tap()) as (web_server, container):
        senders = [threading.Thread(target=end.sendall, args=(data,)) for end in (web_server, container)]
        got: dict[str, bytes] = {}
        readers = [
            threading.Thread(target=lambda n, e: got.update({n: receive(e, len(data))}), args=(name, end))
            for name, end in (("up", container), ("down", web_server))
        ]
        for thread in (*senders, *readers):
            thread.start()
        for thread in (*senders, *readers):
            thread.join(DEADLINE_S)
        assert got == {"up": data, "down": data}


def test_a_receiver_that_does_not_read_slows_its_sender_and_nobody_else() -> None:
    with contextlib.ExitStack() as opened:
        target = opened.enter_context(Target())
        address = opened.enter_context(relaying(target.address, Tap()))
        stuck = opened.enter_context(connect(address))
        opened.enter_context(target.accept())
        stuck.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 1 << 28:
                sent += stuck.send(bytes(1 << 16))
        assert sent < 1 << 26
        other = opened.enter_context(connect(address))
        answering = opened.enter_context(target.accept())
        other.sendall(b"ping")
        assert receive(answering, 4) == b"ping"


def test_a_tap_that_nobody_takes_from_does_not_stop_the_traffic() -> None:
    tap = Tap(size_max=1000, count_max=50)
    with linked(tap) as (web_server, container):
        for _ in range(100):
            web_server.sendall(b"z" * 500)
            assert receive(container, 500) == b"z" * 500
        web_server.shutdown(socket.SHUT_WR)
        assert container.recv(1) == b""
        opened, first, second, ended = take(tap, 4)
        assert isinstance(opened, RelayOpened)
        assert isinstance(first, RelayPassed) and isinstance(second, RelayPassed)
        assert isinstance(ended, RelayEnded)
        assert len(first.data) + len(second.data) + ended.lost == 50_000
        assert tap.octets_lost == ended.lost > 0


def test_octets_after_a_loss_say_how_many_were_lost() -> None:
    tap = Tap(size_max=10)
    for data in (b"12345", b"67890", b"lost", b"too"):
        tap.put(RelayPassed(1, 0, True, data))
    tap.put(RelayPassed(1, 0, False, b""))
    assert [event.lost for event in take(tap, 3) if isinstance(event, RelayPassed)] == [0, 0, 0]
    tap.put(RelayPassed(1, 0, True, b"again"))
    assert take(tap, 1) == [RelayPassed(1, 0, True, b"again", lost=7)]
    assert tap.octets_lost == 7


def test_a_tap_is_bounded_for_events_without_octets_too() -> None:
    tap = Tap(count_max=10)
    for number in range(1000):
        tap.put(RelayOpened(number, 0, ("", 0), ("", 0)))
        tap.put(RelayEnded(number, 0, True, reset=True))
    assert len(tap._events) == 20
    assert tap.events_lost == 1980


def test_a_closed_tap_still_gives_what_waits_in_it() -> None:
    tap = Tap()
    tap.put(RelayFailed(1, 0, "why"))
    tap.close()
    assert list(tap.events()) == [RelayFailed(1, 0, "why")]


def test_a_target_that_refuses_closes_the_web_servers_connection() -> None:
    with Target() as target:
        closed = target.address
    tap = Tap()
    with relaying(closed, tap) as address, connect(address) as web_server:
        with contextlib.suppress(ConnectionResetError):
            assert web_server.recv(1) == b""
        (failed,) = take(tap, 1)
        assert isinstance(failed, RelayFailed)
        assert failed.reason == "Connection refused"


def test_a_target_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "CONNECT_TIMEOUT_S", 0.2)
    tap = Tap()
    # A listener whose queue is full answers no further connection.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    with relaying(Address(*listener.getsockname()), tap) as address, connect(address) as web_server:
        with contextlib.suppress(ConnectionResetError):
            assert web_server.recv(1) == b""
        (failed,) = take(tap, 1)
        assert failed == RelayFailed(1, failed.time_ns, "no answer in time")
    for opened in (*fillers, listener):
        opened.close()


def test_only_so_many_connections_are_accepted_and_the_next_waits() -> None:
    with Target() as target, relaying(target.address, Tap(), connections_max=1) as address:
        with connect(address) as first, target.accept() as container:
            first.sendall(b"1")
            assert receive(container, 1) == b"1"
            second = connect(address)
            second.sendall(b"2")
            target.listener.settimeout(0.2)
            with pytest.raises(TimeoutError):
                target.accept()
            target.listener.settimeout(DEADLINE_S)
        with second, target.accept() as container:
            assert receive(container, 1) == b"2"


def test_stopping_ends_all_connections_and_closes_the_taps() -> None:
    tap = Tap()
    with Target() as target:
        relay = Relay(Address("127.0.0.1", 0), target.address, [tap])
        address = relay.start()
        with connect(address) as web_server, target.accept() as container:
            web_server.sendall(b"x")
            assert receive(container, 1) == b"x"
            relay.stop()
            assert web_server.recv(1) == b""
            assert container.recv(1) == b""
        assert [type(event) for event in tap.events()] == [RelayOpened, RelayPassed]
        with pytest.raises(ConnectionRefusedError):
            connect(address)


def test_a_port_that_is_taken_and_a_name_that_nobody_knows_are_told() -> None:
    with Target() as target:
        with pytest.raises(InputError, match="cannot listen"):
            Relay(target.address, target.address, []).start()
        with pytest.raises(Unreachable, match=r"no address for no\.such\.host\.invalid"):
            Relay(Address("127.0.0.1", 0), Address("no.such.host.invalid", 1), []).start()


def test_ipv6_is_relayed_where_the_system_has_it() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on loopback")
    listener.settimeout(DEADLINE_S)
    target = Address("::1", listener.getsockname()[1])
    with listener, relaying(target, Tap()) as address, connect(address) as web_server:
        container, _ = listener.accept()
        web_server.sendall(b"six")
        assert receive(container, 3) == b"six"
        container.close()
