"""The order of actions at one node, by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from refjk.base.errors import LocalProtocolError
from refjk.farm import (
    Action,
    CatalogMessage,
    Entry,
    FarmDeployer,
    FarmSettings,
    FileMessage,
    Install,
    Remove,
    Report,
    Send,
    SendArchive,
    StoreOctets,
    TransferDropped,
    UndeployMessage,
    Verify,
)
from refjk.speccheck import covers
from tests.farm.support import A, B, all_parts, content, part

ON = FarmSettings(deploy_from_wire=True)
V1, V2 = content(20, 1), content(20_000, 2)


def sha(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


def deployer(*entries: Entry) -> FarmDeployer:
    return FarmDeployer(A, ON, entries)


def kinds(actions: Sequence[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def watched(node: FarmDeployer, octets: bytes, now_ms: int = 0) -> list[Action]:
    return node.archive_changed("shop.war", node.new_transfer(), sha(octets), len(octets), now_ms)


def receive(node: FarmDeployer, octets: bytes, now_ms: int = 0) -> list[Action]:
    """All parts from B; returns what follows from the last, verified."""
    actions: list[Action] = []
    for message in all_parts(octets, B):
        actions = node.receive(message, now_ms)
    verify = actions[-1]
    assert isinstance(verify, Verify)
    return node.verified(verify.transfer, sha(octets), now_ms)


def undeploy(node: FarmDeployer, flag: bool, at_ms: int, path: str = "/shop") -> list[Action]:
    return node.receive(UndeployMessage.of(path, undeploy=flag, sender=B, now_ms=at_ms), at_ms)


@covers("FAR-DEP-02")
def test_a_new_archive_is_put_in_place_then_announced_then_sent() -> None:
    node = deployer()
    (install,) = watched(node, V1, 5)
    assert install == Install(1, "shop.war", "/shop", sha(V1), 5)
    report, announced, sent = node.installed("/shop", 9)
    assert isinstance(report, Report) and not report.refused
    message = UndeployMessage("/shop", False, "Undeploy:/shop:9", A, 9)
    assert announced == Send(None, message)
    assert sent == SendArchive("shop.war", "/shop", sha(V1), len(V1))


@covers("FAR-DEP-03")
def test_an_archive_that_does_not_start_is_announced_to_nobody() -> None:
    node = deployer()
    watched(node, V1)
    (report,) = node.installation_failed("/shop", "ImportError", 0)
    assert isinstance(report, Report) and report.refused and "ImportError" in report.text
    assert node.catalog.entries() == []


@covers("FAR-DEP-08")
def test_for_a_removed_archive_the_others_hear_first() -> None:
    node = deployer(Entry("/shop", 1, sha(V1), len(V1)))
    sent, removal = node.archive_removed("shop.war", 7)
    assert sent == Send(None, UndeployMessage("/shop", True, "Undeploy:/shop:7", A, 7))
    assert removal == Remove("shop.war", "/shop")
    assert kinds(node.removed("/shop")) == ["Report"]
    assert [entry.digest for entry in node.catalog.entries()] == [None]
    assert node.archive_removed("other.war", 8) == []


@covers("FAR-DEP-01")
@pytest.mark.parametrize(
    "message", [part(V1, 1), UndeployMessage("/shop", True), CatalogMessage((), True, B)]
)
def test_unless_switched_on_nothing_from_the_wire_is_taken(
    message: FileMessage | UndeployMessage | CatalogMessage,
) -> None:
    node = FarmDeployer(A, FarmSettings(), [Entry("/shop", 1, sha(V1), 20)])
    node.members_changed(["b", "a"], 0)
    (report,) = node.receive(message, 0)
    assert isinstance(report, Report) and report.refused
    assert node.tick(10_000_000) == []
    assert kinds(watched(node, V2)) == ["Install"]


def test_a_received_file_is_stored_verified_and_put_in_place() -> None:
    node = deployer()
    one, two = all_parts(V2, B)
    assert kinds(node.receive(two, 0)) == ["StoreOctets"]
    stored, verify = node.receive(one, 1)
    assert isinstance(stored, StoreOctets) and verify == Verify(1, "shop.war", len(V2))
    assert node.verified(1, sha(V2), 2) == [Install(1, "shop.war", "/shop", sha(V2), 2)]
    assert kinds(node.installed("/shop", 3)) == ["Report"]  # and nothing is sent on
    assert node.catalog.get("/shop") == Entry("/shop", 2, sha(V2), len(V2))


@covers("FAR-DEP-04")
def test_a_file_that_is_refused_leaves_everything_as_it_was() -> None:
    old = Entry("/shop", 1, sha(V1), len(V1))
    node = deployer(old)
    node.receive(part(content(5), 1, B), 0)
    dropped, report = node.verification_failed(1, "its checksum is wrong", 0)
    assert isinstance(dropped, TransferDropped)
    assert isinstance(report, Report) and report.refused and "checksum" in report.text
    assert node.catalog.get("/shop") == old


@covers("FAR-DEP-05")
def test_of_what_comes_while_a_path_is_busy_the_latest_is_done_after_it() -> None:
    node = deployer()
    watched(node, V1)
    assert receive(node, V2) == []
    assert kinds(undeploy(node, True, 5)) == ["TransferDropped"]
    third = content(30, 3)
    assert receive(node, third, 6) == []
    actions = node.installed("/shop", 7)
    assert kinds(actions) == ["Report", "Send", "SendArchive", "Install"]
    assert actions[-1] == Install(3, "shop.war", "/shop", sha(third), 6)
    other = node.archive_changed("other.war", node.new_transfer(), sha(V1), 20, 8)
    assert kinds(other) == ["Install"]


@covers("FAR-DEP-06")
def test_what_comes_last_is_the_later_version_whatever_the_clocks_say() -> None:
    node = deployer(Entry("/shop", 1_000_000, sha(V1), len(V1)))
    (install,) = receive(node, V2, now_ms=5)
    assert isinstance(install, Install) and install.stamp_ms == 1_000_001
    node.installed("/shop", 6)
    assert kinds(undeploy(node, True, 7)) == ["Remove"]
    node.removed("/shop")
    entry = node.catalog.get("/shop")
    assert entry is not None and entry.stamp_ms == 1_000_002


@covers("FAR-DEP-07", "FAR-DEP-09")
def test_the_version_that_is_there_is_neither_sent_nor_deployed_again() -> None:
    node = deployer(Entry("/shop", 1, sha(V1), len(V1)))
    assert kinds(watched(node, V1)) == ["TransferDropped"]
    assert kinds(receive(node, V1)) == ["TransferDropped", "Report"]


@covers("FAR-UND-04", "FAR-UND-08")
def test_only_the_flag_removes() -> None:
    node = deployer(Entry("/shop", 1, sha(V1), len(V1)))
    assert kinds(undeploy(node, False, 1)) == ["Report"]
    assert undeploy(node, True, 2) == [Remove("shop.war", "/shop")]
    assert undeploy(node, True, 3, "/unknown") == []


@covers("FAR-UND-03")
def test_an_undeploy_message_ends_the_transfers_of_its_sender_for_the_path() -> None:
    node = deployer()
    node.receive(part(V2, 1, B), 0)
    assert kinds(undeploy(node, False, 1, "/other")) == ["Report"]
    assert kinds(undeploy(node, False, 1)) == ["TransferDropped", "Report"]


@covers("FAR-UND-11")
def test_a_message_that_comes_again_changes_nothing() -> None:
    node = deployer(Entry("/shop", 1, sha(V1), len(V1)))
    assert kinds(undeploy(node, True, 2)) == ["Remove"]
    node.removed("/shop")
    receive(node, V2, 3)
    node.installed("/shop", 4)
    assert undeploy(node, True, 2) == []
    for n in range(256):
        undeploy(node, False, 1000 + n, "/x")
    assert kinds(undeploy(node, True, 2)) == ["Remove"]


@covers("FAR-UND-11")
def test_two_senders_that_speak_of_a_path_in_the_same_ms_are_both_heard() -> None:
    node = deployer(Entry("/shop", 1, sha(V1), len(V1)))
    announced = UndeployMessage.of("/shop", undeploy=False, sender=replace(B, name="tcp://c:4001"), now_ms=2)
    assert kinds(node.receive(announced, 2)) == ["Report"]
    assert kinds(undeploy(node, True, 2)) == ["Remove"]


@covers("FAR-UND-10")
def test_a_removal_that_failed_is_tried_again_until_it_is_done_or_something_later_comes() -> None:
    old = Entry("/shop", 1, sha(V1), len(V1))
    node = deployer(old)
    undeploy(node, True, 2)
    (report,) = node.removal_failed("/shop", "read-only file system")
    assert isinstance(report, Report) and report.refused
    assert node.catalog.entries() == [old]
    assert kinds(node.tick(3)) == ["Remove"]
    assert node.removal_failed("/shop", "read-only file system") == []
    watched(node, V2, 4)
    assert node.tick(5) == []
    node.installed("/shop", 6)
    assert node.tick(7) == []
    undeploy(node, True, 8)
    node.removed("/shop")
    assert node.tick(9) == []


@covers("FAR-CTX-05", "FAR-CTX-06")
@pytest.mark.parametrize("path", [None, "shop", "/other", "/../shop", "", "/SHOP"])
def test_a_part_whose_path_is_not_that_of_its_name_is_refused(path: str | None) -> None:
    node = deployer()
    (report,) = node.receive(replace(part(V1, 1, B), context_path=path), 0)
    assert isinstance(report, Report) and report.refused
    (report,) = node.receive(UndeployMessage("/../shop", True), 0)
    assert isinstance(report, Report) and report.refused


@covers("FAR-CTX-02", "FAR-CTX-03")
@pytest.mark.parametrize(("name", "path", "ours"), [("ROOT.war", "/ROOT", ""), ("a#b.war", "/a#b", "/a/b")])
def test_paths_as_an_original_writes_them_are_understood(name: str, path: str, ours: str) -> None:
    node = deployer()
    message = replace(part(V1, 1, B, name), context_path=path)
    verify = node.receive(message, 0)[-1]
    assert isinstance(verify, Verify)
    (install,) = node.verified(verify.transfer, sha(V1), 0)
    assert isinstance(install, Install) and (install.name, install.context_path) == (name, ours)


@covers("FAR-CHK-12")
def test_transfers_of_a_member_that_left_are_dropped() -> None:
    node = deployer()
    node.members_changed([A.name or "", B.name or ""], 0)
    node.receive(part(V2, 1, B), 0)
    assert kinds(node.members_changed([A.name or ""], 1)) == ["TransferDropped"]


def test_a_name_in_the_watched_directory_that_cannot_be_deployed_is_reported() -> None:
    node = deployer()
    actions = node.archive_changed("nul.war", node.new_transfer(), sha(V1), 20, 0)
    assert kinds(actions) == ["TransferDropped", "Report"]


def test_answers_that_nobody_waits_for_are_a_fault_of_the_driver() -> None:
    node = deployer()
    calls: list[Callable[[], object]] = [
        lambda: node.installed("/x", 0),
        lambda: node.removed("/x"),
        lambda: node.installation_failed("/x", "", 0),
        lambda: node.verified(9, sha(V1), 0),
        lambda: node.verification_failed(9, "", 0),
    ]
    for call in calls:
        with pytest.raises(LocalProtocolError):
            call()
