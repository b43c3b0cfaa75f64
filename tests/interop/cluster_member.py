"""One member of a cluster as a process: `python -m tests.interop.cluster_member --host IP --port N …`.

Prints a JSON line for whatever happens, each with `at`, the machine's monotonic clock in ms, which is the
same in all processes. `send TEXT` on standard input sends that text to all members; its end ends the member.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Sequence

from refjk.channel import MessageRegistry, Tomcat55Channel
from refjk.membership import (
    Event,
    MemberAdded,
    MemberDropped,
    MemberHeard,
    Membership,
    MembershipSettings,
    Tomcat55Membership,
)
from refjk.runtime.multicast import MulticastMembership, MulticastSettings
from refjk.runtime.replication_receiver import ReceiverSettings
from refjk.runtime.senders import Mode, SenderSettings
from refjk.runtime.senders_channel import Channel

_printing = threading.Lock()


def tell(event: str, **about: object) -> None:
    line = json.dumps({"event": event, "at": time.monotonic_ns() // 1_000_000, **about})
    with _printing:
        print(line, flush=True)


class Teller:
    """A listener of the channel that takes every text."""

    def accept(self, message: object) -> bool:
        return isinstance(message, str)

    def received(self, message: object) -> None:
        tell("received", text=str(message))


def tell_members(events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, MemberAdded):
            tell("added", member=event.member.text)
        elif isinstance(event, MemberHeard):
            tell("heard", member=event.member.text)
        elif isinstance(event, MemberDropped):
            tell("dropped", member=event.member.text, reason=event.reason.value)
        else:
            tell("refused", reason=event.reason.value, detail=event.detail)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--interface", required=True)
    parser.add_argument("--ttl", type=int, required=True)
    parser.add_argument("--frequency", type=int, required=True)
    parser.add_argument("--drop-time", type=int, required=True)
    options = parser.parse_args()
    channel = Channel(
        Tomcat55Channel(),
        MessageRegistry(),
        SenderSettings(Mode.SYNCHRONOUS),
        ReceiverSettings(address=options.host, exposed=True),
    )
    channel.add_listener(Teller())
    address = channel.start()
    dialect = Tomcat55Membership()
    own = dialect.introduce(address.host, address.port)

    def take(events: Sequence[Event]) -> None:
        channel.take_members(events)  # before it is told, so that who is told can be sent to
        tell_members(events)

    membership = MulticastMembership(
        Membership(dialect, own, MembershipSettings(options.frequency, options.drop_time)),
        MulticastSettings(port=options.port, interface=options.interface, ttl=options.ttl, exposed=True),
        take,
    )
    tell("starting", name=own.text)
    membership.start()
    tell("listening", name=own.text)
    for line in sys.stdin:
        command, _, text = line.rstrip("\n").partition(" ")
        assert command == "send"
        result = channel.send(text)
        tell("sent", fates={one.member.decode(): one.fate.value for one in result.members})
    membership.stop()
    channel.stop()


if __name__ == "__main__":
    main()
