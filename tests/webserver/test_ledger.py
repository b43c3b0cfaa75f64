"""A process that dies takes nothing with it."""

from __future__ import annotations

import pytest

from refjk.balancing import WorkerState
from refjk.balancing.algorithm_1250 import Balancer1250
from refjk.speccheck import covers
from refjk.webserver import Ending, Offer, Target, WebServer
from refjk.webserver.plan import Plan
from tests.webserver.support import balancer, plan_of, properties, target_of, verdict_of

TEXT = balancer("a", "b") + properties("worker.list=solo", "worker.solo.type=ajp13")
MOUNTS = "JkMount /* lb\nJkMount /solo solo\n"


class Numbers:
    """Shared memory of one process."""

    def __init__(self, plan: Plan, processes: int) -> None:
        sizes = WebServer.parts(plan, processes)
        self._parts = {name: memoryview(bytearray(8 * size)).cast("q") for name, size in sizes.items()}

    def part(self, name: str) -> memoryview[int]:
        return self._parts[name]


class Two:
    """Two processes and the one that keeps the memory."""

    def __init__(self, *more: str) -> None:
        self.plan = plan_of(TEXT + MOUNTS + properties(*more))
        memory = Numbers(self.plan, 2)
        self.keeper = WebServer(self.plan, 0, memory)
        self.one, self.other = (WebServer(self.plan, 0, memory, slot, fresh=False) for slot in (0, 1))

    def begin(self, server: WebServer, path: bytes = b"/x", now_ms: int = 0) -> tuple[Target, Offer]:
        target = target_of(server.hosts.all[0], path)
        offer = server.offer(target, server.facts(target, ()), now_ms)
        assert isinstance(offer, Offer) and server.start(target, offer)
        return target, offer

    def balancer(self) -> Balancer1250:
        algorithm = self.keeper.balancers["lb"]
        assert isinstance(algorithm, Balancer1250)
        return algorithm

    @property
    def open(self) -> list[int]:
        return [snapshot.open for snapshot in self.balancer().snapshot()]


@covers("BAL-MNT-11")
def test_the_requests_of_a_dead_process_are_no_longer_open_and_those_of_others_are() -> None:
    two = Two()
    for server in (two.one, two.one, two.one, two.other):
        two.begin(server)
    assert two.open == [2, 2]
    two.keeper.forget_process(0)
    assert sum(two.open) == 1
    two.keeper.forget_process(0)
    assert sum(two.open) == 1
    two.keeper.forget_process(1)
    assert two.open == [0, 0]


@covers("BAL-MNT-11")
def test_a_request_that_ended_is_not_taken_back_a_second_time() -> None:
    two = Two()
    kept = two.begin(two.other)
    target, offer = two.begin(two.one)
    two.one.report(target, offer, verdict_of(Ending.SERVED, offer), 0, started=True)
    two.keeper.forget_process(0)
    assert sum(two.open) == 1
    two.other.report(*kept, verdict_of(Ending.SERVED, kept[1]), 0, started=True)
    assert two.open == [0, 0]


@covers("BAL-MNT-11")
@pytest.mark.parametrize("method", ["Busyness", "Request"])
def test_by_busyness_the_values_go_back_too(method: str) -> None:
    two = Two(f"worker.lb.method={method}", "worker.a.lbfactor=2")
    for server in (two.one, two.one, two.other):
        two.begin(server)
    before = [snapshot.value for snapshot in two.balancer().snapshot()]
    two.keeper.forget_process(0)
    after = [snapshot.value for snapshot in two.balancer().snapshot()]
    multiplicities = [snapshot.multiplicity for snapshot in two.balancer().snapshot()]
    expected = [number * times for number, times in zip(two.open, multiplicities, strict=True)]
    assert after == (expected if method == "Busyness" else before)


@covers("BAL-MNT-11")
def test_a_member_that_the_dead_process_was_probing_is_to_be_probed_again() -> None:
    two = Two("worker.lb.recover_time=60", "worker.maintain=60")
    target, offer = two.begin(two.one)
    assert two.one.report(target, offer, verdict_of(Ending.BROKEN, offer), 0, started=True)
    two.one.offer(target, two.one.facts(target, ()), 0)
    assert two.other.maintain(200_000)
    states = [snapshot.state for snapshot in two.balancer().snapshot()]
    assert states[0] is WorkerState.RECOVERING
    while two.begin(two.one, now_ms=200_000)[1].worker.name != "a":
        pass
    assert two.balancer().snapshot()[0].state is WorkerState.PROBING
    two.keeper.forget_process(0)
    assert two.balancer().snapshot()[0].state is WorkerState.RECOVERING
    assert two.open == [0, 0]


@covers("BAL-MNT-11")
def test_a_worker_by_itself_is_counted_as_well() -> None:
    two = Two()
    two.begin(two.one, b"/solo")
    two.begin(two.other, b"/solo")
    assert two.keeper.direct["solo"].open[0] == 2
    two.keeper.forget_process(0)
    assert two.keeper.direct["solo"].open[0] == 1


def test_without_memory_there_is_nothing_to_forget() -> None:
    server = WebServer(plan_of(TEXT + MOUNTS))
    target = target_of(server.hosts.all[0], b"/x")
    offer = server.offer(target, server.facts(target, ()), 0)
    assert isinstance(offer, Offer) and server.start(target, offer)
    server.forget_process(0)
    assert sum(snapshot.open for snapshot in server.balancers["lb"].snapshot()) == 1
