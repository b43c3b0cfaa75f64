"""`refjk members`: watch a cluster as a mere listener: who comes, beats and vanishes."""

from __future__ import annotations

import argparse
import contextlib
import queue
import re
import signal
import time
from collections.abc import Sequence
from types import FrameType

from refjk.base.errors import Unreachable, UsageError
from refjk.cli.members_view import MembersView
from refjk.cli.secret_file import read_secret
from refjk.membership import Authenticator, Event, Membership, MembershipSettings
from refjk.membership.watching import AnyLayout
from refjk.runtime.multicast import GROUP, PORT, MulticastMembership, MulticastSettings

HELP = "watch a cluster without joining it: who comes, beats and vanishes"

_POLL_S = 0.2
_WAITING_MAX = 1000  # reports that the output has not taken yet
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|)")
_UNITS_MS = {"ms": 1, "s": 1000, "": 1000, "m": 60_000, "h": 3_600_000}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "It announces nothing. Exit: 0 somebody was heard, 3 the group cannot be joined, 4 nobody was heard,"
        " 130 interrupted before anybody was heard."
    )
    parser.add_argument("--address", default=GROUP, help="the group, mcastAddr (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="N", help="its port, mcastPort (default: %(default)s)"
    )
    parser.add_argument(
        "--bind", metavar="IP", help="an own address, mcastBindAddress: listen on its interface"
    )
    parser.add_argument(
        "--interface", metavar="NAME", help="listen on this interface: its name or its address"
    )
    parser.add_argument(
        "--drop-time",
        type=duration_ms,
        default=MembershipSettings().drop_time_ms,
        metavar="TIME",
        help="silence after which a member has vanished, mcastDropTime (default: 3s)",
    )
    parser.add_argument("--domain", metavar="NAME", help="only members that announce this domain")
    parser.add_argument(
        "--key-file", metavar="FILE", help="hear only announcements signed with the key on the first line"
    )
    parser.add_argument(
        "--for",
        dest="duration",
        type=duration_ms,
        metavar="TIME",
        help="how long, such as 10s (else: until Ctrl-C)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no line for each heartbeat")
    parser.add_argument("--json", metavar="FILE", help="also write JSON lines; - prints only these")
    parser.add_argument("--picture", metavar="FILE", help="at the end draw a time-line as SVG")


def duration_ms(text: str) -> int:
    """`500ms`, `10s`, `2m`, `1h`; a bare number is seconds."""
    found = _DURATION.fullmatch(text)
    value = int(float(found[1]) * _UNITS_MS[found[2]]) if found else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 500ms, 10s, 2m or 1h")
    return value


def run(options: argparse.Namespace) -> int:
    membership = Membership(
        AnyLayout(),
        None,
        MembershipSettings(
            drop_time_ms=options.drop_time,
            domain=None if options.domain is None else options.domain.encode(),
        ),
        authenticator=_authenticator(options.key_file),
    )
    settings = MulticastSettings(
        group=options.address,
        port=options.port,
        bind=options.bind,
        interface=options.interface,
        exposed=True,  # a listener has nothing that could leave this machine
    )
    with contextlib.ExitStack() as files:
        view = MembersView(options, files)
        interrupted = _watch(membership, settings, options.duration, view)
        view.finish(_now_ms())
    if view.watch.members():
        return 0
    if interrupted:
        raise KeyboardInterrupt
    raise Unreachable(f"nobody was heard on {options.address}:{options.port}")


def _authenticator(key_file: str | None) -> Authenticator | None:
    if key_file is None:
        return None
    if not key_file:
        raise UsageError("--key-file is given without a file; leave it out to hear everybody")
    return Authenticator(read_secret(key_file))


def _watch(
    membership: Membership, settings: MulticastSettings, duration: int | None, view: MembersView
) -> bool:
    """Shows what happens until the time is over or a signal comes, which is what it answers."""
    stop = _Stop()
    reports: queue.Queue[tuple[int, Sequence[Event]]] = queue.Queue(_WAITING_MAX)

    def take(events: Sequence[Event]) -> None:
        """Waits where the output is slow, so that the membership counts what is left out."""
        while not stop.asked:
            with contextlib.suppress(queue.Full):
                reports.put((_now_ms(), events), timeout=_POLL_S)
                break

    listening = MulticastMembership(membership, settings, take)
    listening.start()
    stop.install()
    try:
        view.begin(_now_ms(), settings)
        until_ms = None if duration is None else _now_ms() + duration
        while not stop.asked and (until_ms is None or _now_ms() < until_ms):
            left_s = _POLL_S if until_ms is None else (until_ms - _now_ms()) / 1000
            try:
                at_ms, events = reports.get(timeout=max(min(left_s, _POLL_S), 0.001))
            except queue.Empty:
                continue
            view.show(events, at_ms)
    finally:
        interrupted, stop.asked = stop.asked, True
        listening.stop()
    if listening.events_dropped:
        view.remark(f"{listening.events_dropped} heartbeats unseen: the output was slower than they came")
    return interrupted


class _Stop:
    """The first Ctrl-C or SIGTERM ends the watch and lets the summary be written; a second one ends all."""

    def __init__(self) -> None:
        self.asked = False

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
