"""Who is older, whose messages are taken, and when a node that starts has what it lacked."""

from __future__ import annotations

import hashlib
from pathlib import Path

from refjk.farm import (
    CatalogMessage,
    Entry,
    FarmAdmission,
    FarmSettings,
    FarmSteps,
    Member,
    Report,
    Started,
    WebApplication,
    oldest_first,
)
from refjk.simulation.farm.disk import SimulatedDisk, Traps
from refjk.speccheck import covers

DIGEST = hashlib.sha256(b"x").digest()


def test_of_two_members_of_nearly_one_age_both_take_the_same_for_older() -> None:
    def member(name: str, alive_ms: int) -> Member:
        return Member(name, "h", 1, alive_ms)

    others = [member("c", 9000), member("a", 4900)]
    assert oldest_first(member("b", 5000), others, 200) == ["c", "a", "b"]
    assert oldest_first(member("b", 5000), others, 50) == ["c", "b", "a"]
    assert oldest_first(member("a", 5000), [member("b", 5100)], 200) == ["a", "b"]
    assert oldest_first(member("a", 5000), [member("b", 5201)], 200) == ["b", "a"]
    assert oldest_first(member("b", 5201), [member("a", 5000)], 200) == ["b", "a"]


class Nowhere:
    """A node without archives, and what it says to whom."""

    def __init__(self, others: list[Member]) -> None:
        self.own = Member("a", "h", 1, 9000)
        self.others = others
        self.reports: list[Report] = []
        disk = SimulatedDisk(Traps(lambda step, how: None, {}, {}), lambda name, version: None)
        self.steps = FarmSteps(
            self.own,
            disk,
            NoApplications(),
            lambda: [one.name or "" for one in self.others],
            settings=FarmSettings(deploy_from_wire=True),
        )
        self.admission = FarmAdmission(
            self.steps, lambda: self.own, lambda: self.others, 1000, self.reports.append
        )


class NoApplications:
    def start(self, context_path: str, folder: Path, application: WebApplication) -> Started:
        raise ImportError

    def stop(self, context_path: str) -> None:
        """There is none."""


@covers("FAR-LAT-12")
def test_a_node_alone_has_caught_up_and_one_with_others_waits_for_an_answer_whoever_is_older() -> None:
    alone = Nowhere([])
    assert list(alone.admission.members_changed(0)) == []
    assert alone.admission.catching_up.done

    node = Nowhere([Member("b", "h", 1, 100)])
    list(node.admission.members_changed(0))
    assert not node.admission.catching_up.answered
    (asked,) = node.steps.tick(0)
    assert (asked.to, asked.message) == ("b", CatalogMessage((), True))
    list(node.admission.receive(CatalogMessage((), False, node.others[0]), 1))
    assert node.admission.catching_up.answered
    assert not node.admission.progress()
    assert node.admission.catching_up.done


@covers("FAR-LAT-12")
def test_what_was_offered_first_must_have_come_or_been_refused() -> None:
    node = Nowhere([Member("b", "h", 1, 100)])
    offered = tuple(Entry(f"/{name}", 5, DIGEST, 10) for name in "xyz")
    list(node.admission.members_changed(0))
    list(node.admission.receive(CatalogMessage(offered, False, node.others[0]), 1))
    assert not node.admission.progress()
    node.steps.deployer.catalog.put(offered[0])
    assert node.admission.progress()  # something came, and more is lacking
    node.admission.catching_up.refused("/y")
    assert not node.admission.progress()
    assert not node.admission.catching_up.done
    node.steps.deployer.catalog.put(offered[2])
    node.admission.progress()
    assert node.admission.catching_up.done


@covers("FAR-DEP-12")
def test_a_message_of_nobody_and_of_who_is_no_member_is_refused() -> None:
    node = Nowhere([Member("b", "h", 1, 100)])
    for sender in (None, Member("c", "h", 1)):
        message = CatalogMessage((Entry("/x", 5, DIGEST, 10),), True, sender)
        assert list(node.admission.receive(message, 0)) == []
    assert [report.text for report in node.reports] == [
        "a message of nobody, who is no member",
        "a message of c, who is no member",
    ]
    assert node.admission.taking is None
