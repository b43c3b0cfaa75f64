"""`refjk ping TARGET`: CPING, as often as wanted, and how long the answers took."""

from __future__ import annotations

import argparse
import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from refjk.base.errors import UsageError
from refjk.cli.json_file import write_json
from refjk.cli.values import count, pause, seconds
from refjk.runtime.addresses import Address, parse_url
from refjk.runtime.endpoint import Endpoint, EndpointSettings
from refjk.runtime.endpoint_errors import EndpointError

HELP = "send CPING to a container and report the answers"

KEPT_MAX = 10_000  # single results in the JSON file; the last ones
EXIT_ALL_ANSWERED, EXIT_SOME_LOST, EXIT_NONE_ANSWERED = 0, 1, 4


@dataclass(frozen=True, slots=True)
class Ping:
    """One question: the time until CPONG, or why there was none."""

    number: int
    milliseconds: float | None
    error: str | None = None
    clause: str | None = None


class Statistics:
    """Of any number of pings, in constant space."""

    def __init__(self) -> None:
        self.sent = 0
        self.answered = 0
        self.min_ms = math.inf
        self.max_ms = 0.0
        self._mean = 0.0
        self._squares = 0.0  # of the distances from the mean (Welford)
        self.last: deque[Ping] = deque(maxlen=KEPT_MAX)

    def add(self, ping: Ping) -> None:
        self.sent += 1
        self.last.append(ping)
        if ping.milliseconds is None:
            return
        self.answered += 1
        self.min_ms = min(self.min_ms, ping.milliseconds)
        self.max_ms = max(self.max_ms, ping.milliseconds)
        before = ping.milliseconds - self._mean
        self._mean += before / self.answered
        self._squares += before * (ping.milliseconds - self._mean)

    @property
    def exit_code(self) -> int:
        if not self.answered:
            return EXIT_NONE_ANSWERED
        return EXIT_ALL_ANSWERED if self.answered == self.sent else EXIT_SOME_LOST

    def times_ms(self) -> dict[str, float] | None:
        """None when there was no answer."""
        if not self.answered:
            return None
        deviation = math.sqrt(self._squares / self.answered)
        times = {"min": self.min_ms, "avg": self._mean, "max": self.max_ms, "stddev": deviation}
        return {name: round(value, 3) for name, value in times.items()}

    def lines(self, target: Address) -> Iterator[str]:
        lost = self.sent - self.answered
        percent = 100 * lost / self.sent if self.sent else 0
        yield f"--- {target} CPING statistics"
        yield f"{self.sent} sent, {self.answered} answered, {lost} lost ({percent:.3g} %)"
        times = self.times_ms()
        if times:
            values = "/".join(f"{value:.3f}" for value in times.values())
            yield f"{'/'.join(times)} = {values} ms"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="ajp://HOST:PORT or HOST:PORT (default port 8009)")
    parser.add_argument(
        "-c", "--count", type=count, default=4, metavar="N", help="how many (default 4; 0: until Ctrl-C)"
    )
    parser.add_argument(
        "-i",
        "--interval",
        type=pause,
        default=1.0,
        metavar="S",
        help="seconds from one to the next (default 1)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="S",
        help="seconds to wait for a connection and for each answer (default 10)",
    )
    parser.add_argument(
        "--reconnect", action="store_true", help="a new connection for each, whose opening is not timed"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the result as JSON; - prints only that")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only the statistics")


def run(options: argparse.Namespace) -> int:
    target = parse_url(options.target)
    if (target.path, target.query) != ("/", None):
        raise UsageError(f"CPING has no path; leave out what follows {target.address} in {options.target!r}")
    only_json = options.json == "-"
    statistics = Statistics()
    try:
        for ping in _pings(target.address, options):
            statistics.add(ping)
            if not (options.quiet or only_json):
                print(_line(target.address, ping), flush=True)
    except KeyboardInterrupt:
        pass  # The statistics so far are the result, as a user of ping expects.
    if not only_json:
        print("\n".join(statistics.lines(target.address)))
    if options.json is not None:
        write_json(options.json, _as_json(target.address, statistics))
    return statistics.exit_code


def _pings(address: Address, options: argparse.Namespace) -> Iterator[Ping]:
    """One result after the other; after a failure, and with `--reconnect`, over a new connection."""
    settings = EndpointSettings(connect_timeout_s=options.timeout, ping_timeout_s=options.timeout)
    endpoint: Endpoint | None = None
    number = 0
    due = time.monotonic()
    try:
        while not options.count or number < options.count:
            time.sleep(max(0.0, due - time.monotonic()))
            due = time.monotonic() + options.interval
            number += 1
            try:
                if endpoint is None:
                    endpoint = Endpoint.connect(address, settings)
                took_s = endpoint.ping()
            except EndpointError as error:
                endpoint = None  # closed by itself
                yield Ping(number, None, str(error), error.clause)
                continue
            if options.reconnect:
                endpoint.close()
                endpoint = None
            yield Ping(number, round(took_s * 1000, 4))
    finally:
        if endpoint is not None:
            endpoint.close()


def _line(address: Address, ping: Ping) -> str:
    if ping.milliseconds is None:
        return f"{ping.number}: {ping.error}"
    return f"{ping.number}: CPONG from {address} after {ping.milliseconds:.3f} ms"


def _as_json(address: Address, statistics: Statistics) -> dict[str, object]:
    return {
        "target": str(address),
        "sent": statistics.sent,
        "answered": statistics.answered,
        "milliseconds": statistics.times_ms(),
        "pings": [asdict(ping) for ping in statistics.last],
    }
