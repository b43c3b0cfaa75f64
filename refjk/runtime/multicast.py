"""The membership on a multicast group: its socket and the thread that drives it."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import queue
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refjk.base.errors import InputError, UsageError
from refjk.membership import Announcement, Event, MemberAdded, MemberDropped, Membership

logger = logging.getLogger("refjk.runtime")

GROUP = "228.0.0.4"
PORT = 45564

_READ_SIZE = 65536  # more than any datagram, so that those too long are seen to be so
_READS_AT_ONCE = 100  # before others have their turn
_IDLE_S = 60.0
_JOIN_S = 5.0
_REPORTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class MulticastSettings:
    """Where the announcements go; None: as the system has it.

    `bind` is an address of this machine, whose interface is used unless `interface` (a name, or an address)
    says which. `read_timeout_ms` wakes the reader at least so often. `exposed` allows announcements that
    anybody can make to leave this machine. Raises `UsageError`.
    """

    group: str = GROUP
    port: int = PORT
    bind: str | None = None
    ttl: int | None = None
    loopback: bool = True
    interface: str | None = None
    read_timeout_ms: int | None = None
    exposed: bool = False

    def __post_init__(self) -> None:
        try:
            multicast = ipaddress.IPv4Address(self.group).is_multicast
        except ValueError:
            multicast = False
        if not multicast:  # MEM-SCK-08
            raise UsageError(f"mcastAddr {self.group!r} is not an IPv4 multicast address (224.0.0.0/4)")
        if not 1 <= self.port <= 65535:
            raise UsageError(f"mcastPort {self.port} is not within 1 to 65535")
        if self.ttl is not None and not 0 <= self.ttl <= 255:
            raise UsageError(f"mcastTTL {self.ttl} is not within 0 to 255")
        if self.read_timeout_ms is not None and self.read_timeout_ms < 1:
            raise UsageError("mcastSoTimeout is at least 1 ms")

    @property
    def confined(self) -> bool:
        """Whether nothing leaves this machine."""
        return self.ttl == 0 or _is_loopback(self.interface or self.bind)


def open_multicast(settings: MulticastSettings) -> socket.socket:
    """A socket that is a member of the group. Raises `InputError` that says what is wrong."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # All members on one machine share the port (MEM-SCK-07).
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(opened, settings)
        chosen = _chosen_interface(settings)
        opened.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(settings.group) + chosen
        )
        if settings.interface or settings.bind:  # MEM-SCK-04
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(4) + chosen)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, settings.loopback)  # MEM-SCK-03
        if settings.ttl is not None:  # MEM-SCK-02
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, settings.ttl)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise InputError(f"cannot join {settings.group}:{settings.port}: {error.strerror or error}") from None
    except BaseException:
        opened.close()
        raise
    return opened


def _bind(opened: socket.socket, settings: MulticastSettings) -> None:
    """To the group, so that nothing else is heard; to all where that is forbidden. MEM-SCK-01"""
    try:
        opened.bind((settings.group, settings.port))
    except OSError:
        opened.bind(("", settings.port))


def _chosen_interface(settings: MulticastSettings) -> bytes:
    """Address (4) and index (4) of an interface, as `ip_mreqn` has them behind the group."""
    chosen = settings.interface or settings.bind
    if chosen is None:
        return bytes(8)
    try:
        return ipaddress.IPv4Address(chosen).packed + bytes(4)
    except ValueError:
        pass
    try:
        return bytes(4) + struct.pack("@i", socket.if_nametoindex(chosen))
    except OSError:
        raise InputError(f"this machine has no interface {chosen!r}") from None


def _is_loopback(interface: str | None) -> bool:
    try:
        return interface is not None and ipaddress.ip_address(interface).is_loopback
    except ValueError:
        return interface == "lo"


class MulticastMembership:
    """Runs a `Membership` until it is stopped.

    `on_events` is called in order by a thread that does nothing else, so that it may take its time; what it
    raises is logged. Without `settings` there is no socket, and members are those of the configuration.
    Raises `UsageError` when announcements that nobody signs would leave this machine (MEM-SCK-09).
    """

    def __init__(
        self,
        membership: Membership,
        settings: MulticastSettings | None,
        on_events: Callable[[Sequence[Event]], None],
    ) -> None:
        sends = membership.own_announcement(0) is not None
        if sends and settings and not (settings.confined or settings.exposed or membership.authenticated):
            raise UsageError(
                "announcements without a key would leave this machine: give a key, or the loopback "
                "interface, or allow it explicitly"
            )
        self._membership = membership
        self._settings = settings
        self._on_events = on_events
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._waker: socket.socket | None = None
        self._stopping = threading.Event()
        self._announcing = threading.Event()
        self._reports: queue.SimpleQueue[Sequence[Event] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name="refjk-membership", daemon=True),
            threading.Thread(target=self._deliver, name="refjk-membership-events", daemon=True),
        ]
        self.send_errors = 0
        self.events_dropped = 0

    def start(self) -> None:
        """Joins the group and listens. Raises `InputError`."""
        if self._settings is not None:
            self._socket = open_multicast(self._settings)
            self._selector.register(self._socket, selectors.EVENT_READ)
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        with self._lock:
            events = self._membership.start(_now_ms())
            listener = self._membership.own_announcement(0) is None
        if listener:
            self._announcing.set()
        self._tell(events)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Says farewell where the dialect has one, leaves the group and closes the socket. MEM-SCK-06"""
        self._stopping.set()
        if self._waker is None:
            return
        with contextlib.suppress(OSError):  # it has stopped already
            self._waker.send(b"x")
        self._reports.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_JOIN_S)

    def members(self) -> tuple[Announcement, ...]:
        """The others, oldest first."""
        with self._lock:
            return self._membership.members()

    def own_announcement(self) -> Announcement | None:
        """This node as it would announce itself now."""
        with self._lock:
            return self._membership.own_announcement(_now_ms())

    def wait_announcing(self, timeout_s: float) -> bool:
        """Waits until the others can know this node; whether they can. At once for a listener."""
        return self._announcing.wait(timeout_s)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wait()
                self._drain_wakes()
                self._read()
                self._tick()
            with self._lock:
                self._membership.stop(_now_ms(), _wall_ms())
                self._send(self._membership.datagrams_to_send())
        finally:
            self._selector.close()
            for opened in (self._socket, self._waker, self._woken):
                if opened is not None:
                    opened.close()  # which leaves the group

    def _wait(self) -> None:
        with self._lock:
            wakeup_ms = self._membership.next_wakeup_ms()
        wait_s = _IDLE_S if wakeup_ms is None else (wakeup_ms - _now_ms()) / 1000
        if self._settings is not None and self._settings.read_timeout_ms is not None:  # MEM-SCK-05
            wait_s = min(wait_s, self._settings.read_timeout_ms / 1000)
        self._selector.select(max(wait_s, 0))

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(64)

    def _read(self) -> None:
        if self._socket is None:
            return
        for _ in range(_READS_AT_ONCE):
            try:
                datagram = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                # Not at once again: the error may stay.
                logger.warning("cannot read announcements: %s", error.strerror)
                self._stopping.wait(0.5)
                return
            with self._lock:
                events = self._membership.receive_datagram(datagram, _now_ms(), _wall_ms())
            self._tell(events)

    def _tick(self) -> None:
        with self._lock:
            events = self._membership.tick(_now_ms(), _wall_ms())
            outgoing = self._membership.datagrams_to_send()
            announcing = self._membership.announcing
        self._send(outgoing)
        if announcing:
            self._announcing.set()
        self._tell(events)

    def _send(self, datagrams: list[bytes]) -> None:
        if self._socket is None or self._settings is None:
            return
        for datagram in datagrams:
            try:
                self._socket.sendto(datagram, (self._settings.group, self._settings.port))
            except OSError as error:
                self.send_errors += 1
                if self.send_errors == 1:
                    logger.warning("cannot send announcements: %s", error.strerror)

    def _tell(self, events: Sequence[Event]) -> None:
        """Where the listener lags behind, it loses what is heard and keeps who comes and goes: of that
        there is no more than the table has room for in a drop time."""
        if self._reports.qsize() > _REPORTS_MAX:
            kept = [event for event in events if isinstance(event, MemberAdded | MemberDropped)]
            self.events_dropped += len(events) - len(kept)
            events = kept
        if events:
            self._reports.put(events)

    def _deliver(self) -> None:
        while (events := self._reports.get()) is not None:
            try:
                self._on_events(events)
            except Exception:
                logger.exception("a listener of the membership failed")


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
