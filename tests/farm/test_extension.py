"""Catalogs, their messages, and fetching what is missing."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from refjk.base.errors import Malformed
from refjk.farm import (
    PIECE_SIZE_MAX,
    ArchivePiece,
    ArchiveRequest,
    Catalog,
    CatalogMessage,
    Entry,
    FarmDeployer,
    FarmSettings,
    FetchRules,
    Layout,
    Report,
    Send,
    ServeOctets,
    StoreOctets,
    TransferDropped,
    UndeployMessage,
    Verify,
    read_extension,
    read_message,
    write_extension,
    write_message,
)
from refjk.farm.catalog import decode_entries, encode_entries
from refjk.farm.fetching import Fetch, FetchStep
from refjk.objectstream import read_object
from refjk.speccheck import covers
from tests.farm.support import A, B, content, mutations, part

D1, D2 = (hashlib.sha256(bytes([n])).digest() for n in (1, 2))
DAY_MS = 86_400_000
MESSAGES = [
    CatalogMessage((Entry("", 5, D1, 10), Entry("/a/b", 6, None)), True, A, 7),
    CatalogMessage((), False),
    ArchiveRequest(D1, 65_536, B, 8),
    ArchivePiece(D1, 100, 50, content(50), A, 9),
]


@covers("FAR-LAT-01")
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_of_the_extension_comes_back_as_it_was(message: CatalogMessage, layout: Layout) -> None:
    octets = write_extension(message, layout)
    assert read_extension(octets) == message
    record = read_object(octets)
    assert record.class_name.startswith("refjk.farm.")  # type: ignore[attr-defined]
    assert record.serial_version_uid == 1  # type: ignore[attr-defined]
    with pytest.raises(Malformed):
        read_message(octets)


@covers("FAR-LAT-01", "FAR-LAT-02")
@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_mutated_message_is_read_or_malformed_and_nothing_else(message: CatalogMessage) -> None:
    refused = 0
    for octets in mutations(write_extension(message, Layout.V5510), 700):
        try:
            read_extension(octets)
        except Malformed:
            refused += 1
    assert refused > 350
    with pytest.raises(Malformed):
        read_extension(write_message(UndeployMessage("/x"), Layout.V555))


@covers("FAR-LAT-02")
def test_entries_are_lines() -> None:
    entries = [Entry("", 5, D1, 10), Entry("/a/b", 6, None)]
    text = f"5 {D1.hex()} 10 /\n6 - 0 /a/b\n"
    assert encode_entries(entries) == text
    assert decode_entries(text) == entries
    assert decode_entries("") == []
    assert len(decode_entries("".join(f"1 - 0 /{n}\n" for n in range(1000)))) == 1000


@covers("FAR-LAT-02")
@pytest.mark.parametrize(
    "text",
    [
        "5 - 0 /a",
        "\n",
        "5 - 0\n",
        "5  - 0 /a\n",
        "-5 - 0 /a\n",
        "x - 0 /a\n",
        "٥ - 0 /a\n",
        "5 - -1 /a\n",
        "5 - " + "9" * 19 + " /a\n",
        "5 -- 0 /a\n",
        f"5 {D1.hex().upper()} 0 /a\n",
        f"5 {D1.hex()[2:]} 0 /a\n",
        "5 - 0 a\n",
        "5 - 0 /../a\n",
        "5 - 0 /a\r\n",
        "".join(f"1 - 0 /{n}\n" for n in range(1001)),
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        decode_entries(text)


@covers("FAR-LAT-03")
def test_the_higher_rank_counts_in_whichever_order_they_come() -> None:
    entries = [
        Entry("/a", 5, None),
        Entry("/a", 5, min(D1, D2)),
        Entry("/a", 5, max(D1, D2)),
        Entry("/a", 6, None),
    ]
    for order in itertools.permutations(entries):
        catalog = Catalog()
        for entry in order:
            if catalog.is_newer(entry):
                catalog.put(entry)
        assert catalog.entries() == [entries[-1]]
    assert sorted(entries[::-1], key=lambda entry: entry.rank) == entries


@covers("FAR-LAT-09")
def test_beyond_the_bound_the_oldest_removals_are_forgotten() -> None:
    catalog = Catalog(entries_max=3)
    for stamp, path, digest in ((1, "/a", D1), (2, "/b", None), (3, "/c", None), (4, "/d", D2)):
        catalog.put(Entry(path, stamp, digest))
    assert [entry.context_path for entry in catalog.entries()] == ["/a", "/c", "/d"]


@covers("FAR-LAT-09")
def test_beyond_the_bound_no_further_application_is_taken() -> None:
    settings = FarmSettings(deploy_from_wire=True, entries=1)
    node = FarmDeployer(A, settings, [Entry("/shop", 1, D1, 5)])
    node.members_changed([B.name or "", A.name or ""], 0)
    assert offer(node, Entry("/other", 2, D2, 5)) == []
    (report,) = node.receive(part(b"x", 1, B, "other.war"), 0)
    assert isinstance(report, Report) and report.refused
    dropped, report = node.archive_changed("other.war", 1, D2, 5, 0)
    assert isinstance(dropped, TransferDropped) and isinstance(report, Report)
    assert len(offer(node, Entry("/shop", 2, D2, 5))) == 1


def test_a_removal_of_what_was_never_here_is_only_kept() -> None:
    node = late()
    removal = Entry("/shop", 5, None)
    assert offer(node, removal) == []
    assert node.catalog.get("/shop") == removal
    assert offer(node, Entry("/shop", 4, D1, 5)) == []


@covers("FAR-LAT-06")
def test_a_fetch_asks_for_each_piece_and_passes_over_what_it_did_not_ask_for() -> None:
    size = PIECE_SIZE_MAX + 10
    octets = content(size)
    fetch = Fetch(1, Entry("/a", 1, D1, size), "b", FetchRules(), 0)
    assert fetch.receive_piece(ArchivePiece(D2, size, 0, octets[:10]), 1) is FetchStep.NOTHING
    assert fetch.receive_piece(ArchivePiece(D1, size, 5, octets[5:10]), 1) is FetchStep.NOTHING
    first = ArchivePiece(D1, size, 0, octets[:PIECE_SIZE_MAX])
    assert fetch.receive_piece(first, 2) is FetchStep.ASK
    assert fetch.receive_piece(first, 3) is FetchStep.NOTHING
    assert fetch.offset == PIECE_SIZE_MAX
    assert fetch.receive_piece(ArchivePiece(D1, size, PIECE_SIZE_MAX, octets[-10:]), 4) is FetchStep.COMPLETE


@covers("FAR-LAT-07")
@pytest.mark.parametrize("size,data", [(99, b"x"), (0, b""), (10, b""), (10, bytes(11))])
def test_an_answer_that_does_not_fit_ends_the_fetch(size: int, data: bytes) -> None:
    fetch = Fetch(1, Entry("/a", 1, D1, 10), "b", FetchRules(), 0)
    assert fetch.receive_piece(ArchivePiece(D1, size, 0, data), 1) is FetchStep.GIVEN_UP


@covers("FAR-LAT-07")
def test_a_request_is_repeated_after_5_s_and_given_up_after_five() -> None:
    fetch = Fetch(1, Entry("/a", 1, D1, 10), "b", FetchRules(), 0)
    assert fetch.tick(4_999) is FetchStep.NOTHING
    assert fetch.next_wakeup_ms() == 5_000
    steps = [fetch.tick(now_ms) for now_ms in range(5_000, 25_001, 5_000)]
    assert steps == [FetchStep.ASK] * 4 + [FetchStep.GIVEN_UP]


def late(*entries: Entry) -> FarmDeployer:
    """A node that comes after B."""
    node = FarmDeployer(A, FarmSettings(deploy_from_wire=True), entries)
    node.members_changed([B.name or "", A.name or ""], 0)
    return node


def offer(node: FarmDeployer, *entries: Entry, now_ms: int = 0) -> list[object]:
    return list(node.receive(CatalogMessage(entries, False, B), now_ms))


@covers("FAR-LAT-14")
def test_a_node_sends_its_catalog_to_the_oldest_other_when_members_change_and_every_30_s() -> None:
    node = late()
    sent = Send(B.name, CatalogMessage((), True))
    assert node.tick(0) == [sent]
    assert offer(node, now_ms=1) == []
    assert node.tick(30_000) == []
    assert node.tick(30_001) == [sent]
    offer(node, now_ms=30_002)
    node.members_changed([B.name or "", A.name or "", "c"], 30_003)
    assert node.tick(30_003) == [sent]
    oldest = FarmDeployer(B, FarmSettings(deploy_from_wire=True), [Entry("/a", 1, D1, 10)])
    oldest.members_changed([B.name or "", A.name or ""], 0)
    assert oldest.tick(0) == [Send(A.name, CatalogMessage((Entry("/a", 1, D1, 10),), True))]
    answer = oldest.receive(CatalogMessage((), True, A), 0)
    assert answer == [Send(A.name, CatalogMessage((Entry("/a", 1, D1, 10),), False))]


def test_what_is_later_is_fetched_piece_by_piece_and_verified() -> None:
    octets = content(PIECE_SIZE_MAX + 5)
    digest = hashlib.sha256(octets).digest()
    node = late(Entry("/shop", 1, D1, 9))
    assert offer(node, Entry("/shop", 1, D1, 9)) == []
    entry = Entry("/shop", 2, digest, len(octets))
    assert offer(node, entry) == [Send(B.name, ArchiveRequest(digest, 0))]
    assert offer(node, entry) == []  # it is on its way
    first = node.receive(ArchivePiece(digest, len(octets), 0, octets[:PIECE_SIZE_MAX], B), 1)
    assert first == [
        StoreOctets(1, 0, octets[:PIECE_SIZE_MAX]),
        Send(B.name, ArchiveRequest(digest, PIECE_SIZE_MAX)),
    ]
    stored, verify = node.receive(ArchivePiece(digest, len(octets), PIECE_SIZE_MAX, octets[-5:], B), 2)
    assert isinstance(stored, StoreOctets) and verify == Verify(1, "shop.war", len(octets))
    assert [type(action).__name__ for action in node.verified(1, digest, 3)] == ["Install"]
    node.installed("/shop", 4)
    assert node.catalog.get("/shop") == entry


@covers("FAR-LAT-08")
def test_a_fetched_file_with_another_digest_is_refused_and_not_fetched_again() -> None:
    node = late()
    entry = Entry("/shop", 2, D1, 5)
    offer(node, entry)
    node.receive(ArchivePiece(D1, 5, 0, b"12345", B), 1)
    dropped, report = node.verified(1, D2, 2)
    assert isinstance(dropped, TransferDropped) and isinstance(report, Report) and report.refused
    assert offer(node, entry) == []
    assert len(offer(node, Entry("/shop", 3, D2, 5))) == 1


@covers("FAR-LAT-13")
def test_what_was_refused_or_did_not_start_is_fetched_again_after_ten_minutes() -> None:
    node = late()
    entry = Entry("/shop", 2, D1, 5)
    offer(node, entry)
    node.receive(ArchivePiece(D1, 5, 0, b"12345", B), 1)
    assert [type(action).__name__ for action in node.verified(1, D1, 2)] == ["Install"]
    node.installation_failed("/shop", "no space left on device", 1000)
    assert offer(node, entry, now_ms=600_999) == []
    assert offer(node, entry, now_ms=601_000) == [Send(B.name, ArchiveRequest(D1, 0))]


@covers("FAR-DEP-09")
def test_what_came_in_parts_while_it_was_fetched_is_not_deployed_again() -> None:
    octets = content(5)
    digest = hashlib.sha256(octets).digest()
    node = late()
    entry = Entry("/shop", 900, digest, 5)
    offer(node, entry)
    _, verify = node.receive(part(octets, 1, B), 1)
    assert isinstance(verify, Verify)
    node.verified(verify.transfer, digest, 2)
    node.installed("/shop", 3)
    assert node.catalog.get("/shop") == Entry("/shop", 2, digest, 5)
    node.receive(ArchivePiece(digest, 5, 0, octets, B), 4)
    assert node.verified(1, digest, 5) == [TransferDropped(1, "not needed")]
    assert node.catalog.get("/shop") == entry


@covers("FAR-LAT-10")
def test_an_entry_too_far_ahead_or_too_large_is_passed_over() -> None:
    node = late()
    large = FarmSettings().transfers.archive_size
    assert offer(node, Entry("/a", DAY_MS + 1, D1, 5), Entry("/b", 1, D2, large + 1)) == []
    assert len(offer(node, Entry("/a", DAY_MS, D1, 5), Entry("/b", 1, D2, large))) == 2


@covers("FAR-LAT-11")
def test_what_is_on_its_way_is_not_offered() -> None:
    node = late()
    offer(node, Entry("/shop", 2, D1, 5))
    (answer,) = node.receive(CatalogMessage((), True, B), 1)
    assert answer == Send(B.name, CatalogMessage((), False))


def test_requests_are_served_while_the_version_is_there() -> None:
    node = late(Entry("/shop", 2, D1, 5))
    assert node.receive(ArchiveRequest(D1, 3, B), 0) == [ServeOctets(B.name or "", "shop.war", D1, 5, 3)]
    for digest, offset in ((D1, 5), (D2, 0)):
        sent = Send(B.name, ArchivePiece(digest, 0, offset, b""))
        assert node.receive(ArchiveRequest(digest, offset, B), 0) == [sent]


def test_nobody_but_members_is_heard() -> None:
    node = FarmDeployer(A, FarmSettings(deploy_from_wire=True), [Entry("/shop", 2, D1, 5)])
    for message in (ArchiveRequest(D1, 0, B), CatalogMessage((Entry("/x", 9, D2, 5),), True, B)):
        assert node.receive(message, 0) == []
    node.members_changed([A.name or ""], 0)
    assert node.receive(CatalogMessage((Entry("/x", 9, D2, 5),), True, A), 0) == []
