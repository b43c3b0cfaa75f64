"""The membership over real sockets; nothing leaves the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from refjk.base.errors import InputError, UsageError
from refjk.membership import (
    Authenticator,
    Departure,
    Event,
    MemberAdded,
    MemberDropped,
    MemberHeard,
    Membership,
    MembershipSettings,
    Refusal,
    Tomcat55Membership,
)
from refjk.runtime.multicast import MulticastMembership, MulticastSettings, open_multicast
from refjk.speccheck import covers

DIALECT = Tomcat55Membership()
TIMES = MembershipSettings(frequency_ms=30, drop_time_ms=1500)
DEADLINE_S = 10.0


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def settings() -> MulticastSettings:
    return MulticastSettings(port=free_port(), ttl=0, interface="127.0.0.1")


class Node:
    """A running membership and what it reported."""

    def __init__(
        self,
        settings: MulticastSettings | None,
        port: int | None,
        times: MembershipSettings = TIMES,
        key: bytes | None = None,
        static: Sequence[int] = (),
    ) -> None:
        self.port = port
        own = None if port is None else DIALECT.introduce("127.0.0.1", port)
        members = [DIALECT.introduce("127.0.0.1", one) for one in static]
        self.core = Membership(
            DIALECT, own, times, authenticator=Authenticator(key) if key else None, static=members
        )
        self.events: list[Event] = []
        self._heard = threading.Condition()
        self.shell = MulticastMembership(self.core, settings, self._take)

    def _take(self, events: Sequence[Event]) -> None:
        with self._heard:
            self.events += events
            self._heard.notify_all()

    def wait(self, condition: Callable[[], bool]) -> bool:
        with self._heard:
            return self._heard.wait_for(condition, DEADLINE_S)

    def sees(self, *ports: int) -> bool:
        return self.wait(lambda: sorted(one.port for one in self.shell.members()) == sorted(ports))


@contextlib.contextmanager
def running(*nodes: Node) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for node in nodes:
            node.shell.start()
            stack.callback(node.shell.stop)
        yield


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@covers("MEM-SCK-07", "MEM-HBT-01")
def test_members_on_one_machine_find_each_other_and_notice_who_is_gone(settings: MulticastSettings) -> None:
    a, b, c = (Node(settings, port) for port in (4001, 4002, 4003))
    with running(a, b):
        with running(c):
            assert a.sees(4002, 4003)
            assert b.sees(4001, 4003)
            assert c.sees(4001, 4002)
        assert a.sees(4002)
        assert b.sees(4001)
    dropped = [event for event in a.events if isinstance(event, MemberDropped)]
    assert [(event.member.port, event.reason) for event in dropped] == [(4003, Departure.SILENT)]


PROCESS = """
import sys, threading
from refjk.membership import Membership, MembershipSettings, Tomcat55Membership
from refjk.runtime.multicast import MulticastMembership, MulticastSettings
dialect = Tomcat55Membership()
own = dialect.introduce("127.0.0.1", 4005)
settings = MulticastSettings(port=int(sys.argv[1]), ttl=0, interface="127.0.0.1")
MulticastMembership(
    Membership(dialect, own, MembershipSettings(frequency_ms=30)), settings, print
).start()
threading.Event().wait(60)
"""


@covers("MEM-EXP-03", "MEM-EXP-05")
def test_a_member_that_is_killed_is_dropped_everywhere_when_its_time_is_over(
    settings: MulticastSettings,
) -> None:
    nodes = [Node(settings, port) for port in (4001, 4002, 4003, 4004)]
    command = [sys.executable, "-c", PROCESS, str(settings.port)]
    with (
        running(*nodes),
        subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2]) as process,
    ):
        try:
            for node in nodes:
                assert node.wait(lambda: any(one.port == 4005 for one in node.shell.members()))  # noqa: B023
        finally:
            process.kill()
        killed_at = time.monotonic()
        for node in nodes:
            others = {4001, 4002, 4003, 4004} - {node.port}
            assert node.sees(*others)
        assert time.monotonic() - killed_at > (TIMES.drop_time_ms - 2 * TIMES.frequency_ms) / 1000
    for node in nodes:
        dropped = [event.member.port for event in node.events if isinstance(event, MemberDropped)]
        assert dropped[:1] == [4005]


def test_the_member_that_announces_longest_comes_first(settings: MulticastSettings) -> None:
    listener, old, young = Node(settings, None), Node(settings, 4001), Node(settings, 4002)
    with running(listener, old):
        assert listener.sees(4001)
        with running(young):
            assert listener.sees(4001, 4002)
            assert [one.port for one in listener.shell.members()] == [4001, 4002]
        assert listener.shell.own_announcement() is None
        assert listener.shell.wait_announcing(0)
        assert old.shell.wait_announcing(DEADLINE_S)


@covers("MEM-SCK-06")
def test_after_a_stop_the_socket_is_closed_and_nothing_is_sent(settings: MulticastSettings) -> None:
    node = Node(settings, 4001)
    with open_multicast(settings) as watcher, running(node):
        watcher.settimeout(DEADLINE_S)
        assert DIALECT.decode(watcher.recv(2000)).port == 4001
        node.shell.stop()
        watcher.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while watcher.recv(2000):
                pass
        watcher.settimeout(0.2)
        with pytest.raises(TimeoutError):
            watcher.recv(2000)
    node.shell.stop()  # a second time does no harm


@covers("MEM-SCK-01", "MEM-SCK-02", "MEM-SCK-03", "MEM-SCK-04")
@pytest.mark.parametrize("interface", ["127.0.0.1", "lo"])
def test_the_sockets_options_are_those_of_the_settings(settings: MulticastSettings, interface: str) -> None:
    with open_multicast(replace(settings, interface=interface, loopback=False, ttl=0)) as opened:
        assert opened.getsockname() == ("228.0.0.4", settings.port)
        assert opened.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 0
        assert opened.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == 0
    with open_multicast(replace(settings, interface=interface, ttl=7)) as opened:
        assert opened.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 7
        assert opened.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == 1


@covers("MEM-SCK-04")
def test_the_bind_address_chooses_the_interface_unless_another_is_named(settings: MulticastSettings) -> None:
    by_bind = replace(settings, interface=None, bind="127.0.0.1")
    with open_multicast(by_bind) as sender, open_multicast(replace(settings, interface="lo")) as watcher:
        assert socket.inet_ntoa(sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)) in (
            "127.0.0.1",
            "0.0.0.0",
        )
        watcher.settimeout(DEADLINE_S)
        sender.sendto(b"hello", (settings.group, settings.port))
        assert watcher.recv(100) == b"hello"


def test_an_interface_that_is_not_there_is_named(settings: MulticastSettings) -> None:
    with pytest.raises(InputError, match="no interface 'nowhere0'"):
        open_multicast(replace(settings, interface="nowhere0"))
    with pytest.raises(InputError, match="cannot join"):
        open_multicast(replace(settings, interface="192.0.2.1"))


@covers("MEM-SCK-08")
@pytest.mark.parametrize(
    "wrong",
    [{"group": "127.0.0.1"}, {"group": "name"}, {"port": 0}, {"ttl": 256}, {"read_timeout_ms": 0}],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        MulticastSettings(**wrong)  # type: ignore[arg-type]


@covers("MEM-SCK-09")
def test_announcements_that_anybody_can_make_stay_on_this_machine() -> None:
    open_ = MulticastSettings(port=1, ttl=1)
    with pytest.raises(UsageError, match="without a key"):
        Node(open_, 4001)
    Node(open_, 4001, key=b"k" * 16)
    Node(replace(open_, exposed=True), 4001)
    Node(replace(open_, interface="lo"), 4001)
    assert not replace(open_, interface="10.0.0.1").confined


@covers("MEM-SCK-05")
def test_a_read_timeout_drops_silent_members_in_time(settings: MulticastSettings) -> None:
    node = Node(replace(settings, read_timeout_ms=20), None)
    with running(node), open_multicast(settings) as sender:
        sender.sendto(DIALECT.encode(DIALECT.introduce("127.0.0.1", 4009)), (settings.group, settings.port))
        assert node.sees(4009)
        assert node.sees()


def test_a_key_keeps_others_out(settings: MulticastSettings) -> None:
    a, b, other = (Node(settings, port, key=key * 16) for port, key in ((1, b"k"), (2, b"k"), (3, b"x")))
    with running(a, b, other):
        assert a.sees(2)
        assert b.sees(1)
        assert until(lambda: a.core.counters.refused[Refusal.NOT_AUTHENTIC] > 3)
        assert other.shell.members() == ()


@covers("MEM-TAB-10")
def test_members_of_the_configuration_need_no_multicast() -> None:
    node = Node(None, 4001, static=[4002])
    with running(node):
        assert node.sees(4002)
    assert [type(event) for event in node.events] == [MemberAdded]


def test_a_slow_listener_does_not_hold_up_the_heartbeats(settings: MulticastSettings) -> None:
    gate = threading.Event()
    own = DIALECT.introduce("127.0.0.1", 4001)

    def wait(events: Sequence[Event]) -> None:
        gate.wait(DEADLINE_S)

    shell = MulticastMembership(Membership(DIALECT, own, TIMES), settings, wait)
    other = Node(settings, 4002)
    with running(other):
        shell.start()
        try:
            assert until(lambda: len(shell.members()) == 1)
            assert other.sees(4001)
            assert other.wait(lambda: sum(isinstance(event, MemberHeard) for event in other.events) > 20)
            assert not any(isinstance(event, MemberDropped) for event in other.events)
        finally:
            gate.set()
            shell.stop()


def test_a_listener_that_raises_does_not_end_the_membership(settings: MulticastSettings) -> None:
    calls: list[int] = []

    def fail(events: Sequence[Event]) -> None:
        calls.append(len(events))
        raise RuntimeError("listener")

    shell = MulticastMembership(Membership(DIALECT, None, TIMES), settings, fail)
    shell.start()
    try:
        with open_multicast(settings) as sender:
            for port in (1, 2):
                datagram = DIALECT.encode(DIALECT.introduce("127.0.0.1", port))
                sender.sendto(datagram, (settings.group, settings.port))
        assert until(lambda: len(shell.members()) == 2)
        assert until(lambda: len(calls) >= 2)
    finally:
        shell.stop()
