"""A node that only receives, as a process of its own: what `senders` measures against.

It prints its port. For each number that it then reads it waits until it has got so many messages since the
last report, and prints one line of JSON: messages, octets on the wire, processor seconds, and the delays of
the messages in nanoseconds, from the time with which each begins to its listener.
"""

from __future__ import annotations

import json
import sys
import threading
import time

from refjk.channel import MessageRegistry, Tomcat55Channel
from refjk.runtime.senders_channel import Channel

DEADLINE_S = 120.0


class Inbox:
    """A listener that notes how long each message took; the clock is that of the whole machine."""

    def __init__(self) -> None:
        self._delays_ns: list[int] = []
        self._changed = threading.Condition()

    def accept(self, message: object) -> bool:
        return True

    def received(self, message: object) -> None:
        assert isinstance(message, bytearray)
        delay_ns = time.monotonic_ns() - int.from_bytes(message[:8], "big")
        with self._changed:
            self._delays_ns.append(delay_ns)
            self._changed.notify()

    def take(self, count: int) -> list[int]:
        """The delays, once there are `count` of them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._delays_ns) >= count, DEADLINE_S)
            taken, self._delays_ns = self._delays_ns, []
        return taken


def main() -> None:
    """Receive until standard input ends."""
    inbox = Inbox()
    channel = Channel(Tomcat55Channel(), MessageRegistry())
    channel.add_listener(inbox)
    print(channel.start().port, flush=True)
    cpu_s, octets = time.process_time(), 0
    for line in sys.stdin:
        delays = inbox.take(int(line))
        report = {
            "messages": len(delays),
            "octets": channel.received.octets - octets,
            "cpu_s": time.process_time() - cpu_s,
            "delays_ns": delays,
        }
        cpu_s, octets = time.process_time(), channel.received.octets
        print(json.dumps(report), flush=True)
    channel.stop(0)


if __name__ == "__main__":
    main()
