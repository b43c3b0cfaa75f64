"""A container in a simulation: threads, a queue before them, sessions, crashes."""

from __future__ import annotations

from refjk.balancing import Decision, RequestFacts, Wait
from refjk.simulation.distributions import Sampler
from refjk.simulation.subject import Member
from refjk.simulation.tally import WorkerTally


class Group:
    """Containers that have the same sessions; with all of them down these are gone, and `epoch` is higher."""

    __slots__ = ("epoch", "up")

    def __init__(self) -> None:
        self.up = 0
        self.epoch = 0


class User:
    """Somebody with a browser, who does one thing at a time.

    `session_at` is the container whose route the session id has; `epoch` that of its group when the session
    was last used; `left` the requests still to come in this session. The rest is about the present request:
    `answer` is what the balancer said last, `tries` counts those of the present attempt and `timeouts` those
    of them that were in vain, `at` is the container that has a try now, `due` the number of the event that
    will end it, `deadline_us` when patience ends.
    """

    __slots__ = (
        "answer",
        "at",
        "begun_us",
        "deadline_us",
        "due",
        "epoch",
        "left",
        "looks",
        "session_at",
        "timeouts",
        "tries",
        "waited_us",
    )

    def __init__(self) -> None:
        self.answer: Decision | Wait | None = None
        self.at: Container | None = None
        self.session_at: Container | None = None
        self.begun_us = self.deadline_us = self.waited_us = 0
        self.due = self.epoch = self.left = self.looks = self.timeouts = self.tries = 0


class Container:
    """One worker's other end. `facts` is what a request looks like whose session id has its route.

    `taken` counts the requests to which the web server has given a place, `running` the threads at work,
    `queue` has who waits for a thread, and since when. `boots` tells events of an earlier life apart.
    """

    __slots__ = (
        "boots",
        "down",
        "facts",
        "group",
        "member",
        "queue",
        "reply_timeout_us",
        "running",
        "sample",
        "taken",
        "tally",
        "threads",
    )

    def __init__(
        self, member: Member, group: Group, facts: RequestFacts, sample: Sampler, threads: int
    ) -> None:
        self.member = member
        self.group = group
        self.facts = facts
        self.sample = sample
        self.threads = threads
        self.reply_timeout_us = member.reply_timeout_ms * 1000
        self.tally = WorkerTally()
        self.taken = self.running = self.boots = 0
        self.down = 0  # outages at this moment
        self.queue: dict[User, int] = {}
        group.up += 1

    def go_down(self) -> bool:
        """An outage begins; whether it is the only one, so that what was here is lost."""
        self.down += 1
        if self.down > 1:
            return False
        self.boots += 1
        self.running = 0
        self.queue.clear()
        self.group.up -= 1
        if not self.group.up:
            self.group.epoch += 1
        return True

    def come_up(self) -> None:
        """An outage ends."""
        self.down -= 1
        if not self.down:
            self.group.up += 1
