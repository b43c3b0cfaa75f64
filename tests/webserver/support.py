"""Web servers made from the text of a configuration, without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refjk.balancing import Wait
from refjk.configuration import Configuration, Severity
from refjk.webserver import Ending, Host, Offer, Plan, Target, Verdict, WebServer, compose, judge
from tests.configuration.support import httpd

QUIET = "JkShmFile logs/shm\nJkLogFile logs/jk.log\n"


def configuration(text: str, files: Mapping[str, str] | None = None) -> Configuration:
    """A configuration that nothing is wrong with."""
    read = httpd(QUIET + text, files)
    assert [str(one) for one in read.complaints if one.severity is Severity.ERROR] == []
    return read


def properties(*lines: str) -> str:
    return "".join(f"JkWorkerProperty {line}\n" for line in lines)


def balancer(*names: str, more: Sequence[str] = ()) -> str:
    """A balancer `lb` of members with these names, on ports from 8001 on."""
    lines = ["worker.list=lb", "worker.lb.type=lb", f"worker.lb.balance_workers={','.join(names)}"]
    for port, name in enumerate(names, 8001):
        lines += [f"worker.{name}.type=ajp13", f"worker.{name}.host=127.0.0.1", f"worker.{name}.port={port}"]
    return properties(*lines, *more)


def plan_of(text: str, files: Mapping[str, str] | None = None) -> Plan:
    return compose(configuration(text, files))


def target_of(host: Host, path: bytes) -> Target:
    """Where a path leads; it must lead somewhere."""
    target = host.place(path).target
    assert target is not None
    return target


def course(server: WebServer, target: Target, *endings: Ending, now_ms: int = 0) -> list[str]:
    """What the server says to one request whose attempts end like this: names, `wait`, or a status."""
    facts = server.facts(target, ())
    said: list[str] = []
    left = list(endings)
    answer: Offer | Wait | None = server.offer(target, facts, now_ms)
    while isinstance(answer, (Offer, Wait)):
        if isinstance(answer, Wait):
            said.append("wait")
        else:
            said.append(answer.worker.name)
            ending = left.pop(0)
            started = ending is not Ending.NO_PLACE
            if started and not server.start(target, answer):
                ending = Ending.BUSY
            verdict = judge(ending, answer.recovery, b"GET", is_held=True)
            goes_on = server.report(target, answer, verdict, now_ms, started=started)
            if not (goes_on and verdict.other):
                return [*said, str(verdict.status)]
        answer = server.offer(target, facts, now_ms, answer)
    return [*said, str(server.status_without_worker(target))]


def verdict_of(ending: Ending, offer: Offer) -> Verdict:
    return judge(ending, offer.recovery, b"GET", is_held=True)
