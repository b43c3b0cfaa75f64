"""A Tomcat is killed under load: `python -m tests.interop.measure_failover` prints what that costs.

Clients with a session each ask the front again and again; behind it are two Tomcats. One gets SIGKILL,
and later it starts again on its port. Every answer must be one that the session may get.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.interop.peers import PeerMissing, Tomcat
from tests.interop.test_front_tomcat import RunningFront

CLIENTS = 50
ROUTES = ("left", "right")
RECOVER_TIME_S = 1
DEADLINE_S = 120.0
STEADY_REQUESTS = 20  # of each client: before the kill, while one Tomcat is gone, and at the end
PATH = "/session"


@dataclass(slots=True)
class Numbers:
    """What the clients saw, and what the front counted. Seconds unless told otherwise.

    `failures` holds a text for each request without a good answer, `cut_short` how many answers the
    front saw end after SEND_HEADERS. `moved` counts sessions that were lost with the killed Tomcat
    and begun anew at the other, `strayed` those that changed their Tomcat for another reason.
    `moved_within_s` runs from the kill to the last client's first answer from the other Tomcat,
    `back_within_s` from the return of the killed one to its first session.
    """

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    cut_short: int = 0
    sent_again: int = 0
    moved: int = 0
    strayed: int = 0
    longest_ms: int = 0
    moved_within_s: float = 0.0
    back_within_s: float = 0.0
    shares_before: dict[str, int] = field(default_factory=dict)
    shares_after: dict[str, int] = field(default_factory=dict)


class SessionUser:
    """One client: asks with the cookie it has until told to stop, over a connection of its own."""

    def __init__(self, front: RunningFront) -> None:
        self._front = front
        self._cookie = ""
        self._connection: http.client.HTTPConnection | None = None
        self.begin_anew = False  # forget the session before the next request
        self.route = ""
        self.changes: list[tuple[str, str]] = []  # of Tomcat within what the client took for one session
        self.requests = 0
        self.failures: list[str] = []
        self.longest_s = 0.0

    def run(self, over: threading.Event) -> None:
        while not over.is_set():
            if self.begin_anew:
                self._cookie = self.route = ""
                self.begin_anew = False
            started = time.monotonic()
            try:
                self._ask()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                self._connection = None
            self.longest_s = max(self.longest_s, time.monotonic() - started)
            self.requests += 1
        if self._connection is not None:
            self._connection.close()

    def _ask(self) -> None:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._front.port, timeout=DEADLINE_S)
        self._connection.request("GET", PATH, headers={"Cookie": self._cookie} if self._cookie else {})
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            self.failures.append(f"{response.status} {response.reason}")
            return
        self._cookie = (response.headers.get("Set-Cookie") or self._cookie).partition(";")[0]
        route = json.loads(body)["id"].partition(".")[2]
        if self.route and route != self.route:
            self.changes.append((self.route, route))
        self.route = route


def measure(clients: int = CLIENTS) -> Numbers:
    """The whole course; `TimeoutError` when a step of it does not come about."""
    numbers = Numbers()
    over = threading.Event()
    with (
        Tomcat(jvm_route=ROUTES[0]) as left,
        Tomcat(jvm_route=ROUTES[1]) as right,
        RunningFront(left, right, recover_time_s=RECOVER_TIME_S) as front,
        ThreadPoolExecutor(clients) as crowd,
    ):
        users = [SessionUser(front) for _ in range(clients)]
        running = [crowd.submit(user.run, over) for user in users]
        try:
            _kill_and_return(left, users, numbers)
        finally:
            over.set()
        for one in running:
            one.result(DEADLINE_S)
        numbers.cut_short = front.front.counters["ended_cut_short"]
        numbers.sent_again = front.front.counters["sent_again"]
    numbers.requests = sum(user.requests for user in users)
    numbers.failures = [failure for user in users for failure in user.failures]
    changes = Counter(change for user in users for change in user.changes)
    numbers.moved = changes.pop(ROUTES, 0)
    numbers.strayed = changes.total()
    numbers.longest_ms = round(max(user.longest_s for user in users) * 1000)
    return numbers


def _kill_and_return(left: Tomcat, users: list[SessionUser], numbers: Numbers) -> None:
    _wait_for_more_of_each(users, STEADY_REQUESTS)
    numbers.shares_before = _shares(users)
    left.kill()
    numbers.moved_within_s = _wait(lambda: all(user.route == "right" for user in users))
    _wait_for_more_of_each(users, STEADY_REQUESTS)
    left.start()
    # Sessions stay where they are, so that only new ones can show that it takes load again.
    started = time.monotonic()
    while not any(user.route == "left" for user in users):
        _anew(users)
        if time.monotonic() - started > DEADLINE_S:
            raise TimeoutError("nobody got to the Tomcat that is back")
    numbers.back_within_s = round(time.monotonic() - started, 3)
    _anew(users)
    _wait_for_more_of_each(users, STEADY_REQUESTS)
    numbers.shares_after = _shares(users)


def _anew(users: list[SessionUser]) -> None:
    """Each begins a new session and has its first answer."""
    for user in users:
        user.begin_anew = True
    _wait_for_more_of_each(users, 2)  # the first of them may have been under way


def _wait_for_more_of_each(users: list[SessionUser], count: int) -> None:
    wanted = [user.requests + count for user in users]
    _wait(lambda: all(user.requests >= least for user, least in zip(users, wanted, strict=True)))


def _wait(condition: Callable[[], bool]) -> float:
    """Seconds until the condition held."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > DEADLINE_S:
            raise TimeoutError(f"not within {DEADLINE_S:g} s")
        time.sleep(0.005)
    return round(time.monotonic() - started, 3)


def _shares(users: list[SessionUser]) -> dict[str, int]:
    """How many sessions are at each Tomcat."""
    return dict(sorted(Counter(user.route for user in users).items()))


def main() -> int:
    """Exit code 0; 1 when a request failed that need not, 4 without Tomcat."""
    logging.disable(logging.WARNING)  # what the front says of each lost connection
    try:
        numbers = measure()
    except PeerMissing as missing:
        print(missing, file=sys.stderr)
        return 4
    for name, value in dataclasses.asdict(numbers).items():
        print(f"{name}: {value}")
    return 0 if len(numbers.failures) <= numbers.cut_short else 1


if __name__ == "__main__":
    sys.exit(main())
