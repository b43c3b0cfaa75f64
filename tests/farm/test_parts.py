"""Files in parts, and parts put together again."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from refjk.farm import (
    PART_SIZE,
    FileMessage,
    OriginalWriter,
    Reassembly,
    StoreOctets,
    TransferDropped,
    TransferLimits,
    message_of,
    part_of,
    parts_of,
)
from refjk.farm.reassembly import Event, PartRefused, TransferComplete
from refjk.speccheck import covers
from tests.farm.support import A, B, all_parts, content, part

SIZES = [0, 1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE, 3 * PART_SIZE + 5]


class Disk:
    """Carries out events."""

    def __init__(self, reassembly: Reassembly) -> None:
        self.reassembly = reassembly
        self.files: dict[int, bytearray] = {}
        self.complete: list[tuple[TransferComplete, bytes]] = []
        self.refused: list[str] = []

    def feed(self, *messages: FileMessage, now_ms: int = 0) -> None:
        for message in messages:
            self.do(self.reassembly.receive_part(message, now_ms))

    def do(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, StoreOctets):
                file = self.files.setdefault(event.transfer, bytearray())
                file.extend(bytes(max(0, event.offset - len(file))))
                file[event.offset : event.offset + len(event.octets)] = event.octets
            elif isinstance(event, TransferComplete):
                self.complete.append((event, bytes(self.files.pop(event.transfer))))
            elif isinstance(event, TransferDropped):
                self.files.pop(event.transfer, None)
            else:
                assert isinstance(event, PartRefused)
                self.refused.append(event.error.clause)

    @property
    def contents(self) -> list[bytes]:
        return [octets for _, octets in self.complete]


@pytest.fixture
def disk() -> Disk:
    return Disk(Reassembly())


@covers("FAR-CHK-01", "FAR-CHK-02", "FAR-CHK-03")
@pytest.mark.parametrize("size", SIZES)
def test_parts_cover_the_file_and_the_last_number_is_always_sent(size: int) -> None:
    parts = list(parts_of(size))
    assert [p.number for p in parts] == list(range(1, size // PART_SIZE + 2))
    assert {p.total for p in parts} == {size // PART_SIZE + 1}
    assert [p.offset for p in parts] == [n * PART_SIZE for n in range(len(parts))]
    assert sum(p.size for p in parts) == size
    assert parts[-1].number == parts[-1].total


@covers("FAR-CHK-03", "FAR-CHK-04")
@pytest.mark.parametrize("size", SIZES)
def test_an_original_receiver_sees_the_end_of_every_file(size: int) -> None:
    octets, writer, written, ends = content(size), OriginalWriter(), b"", []
    for p in parts_of(size):
        whole = message_of(
            p,
            octets[p.offset : p.offset + p.size],
            file_name="a",
            context_path="/a",
            size=size,
            whole_array=True,
        )
        assert whole.data is not None and len(whole.data) == PART_SIZE
        appended, complete = writer.write(whole)
        written += appended
        ends.append(complete)
    assert written == octets
    assert ends == [False] * (len(ends) - 1) + [True]


@covers("FAR-CHK-08", "FAR-CHK-09")
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [PART_SIZE, 5 * PART_SIZE + 3])
def test_any_order_and_any_repetition_gives_the_file_once(disk: Disk, size: int, seed: int) -> None:
    octets, chance = content(size, seed), random.Random(seed)
    messages = all_parts(octets) * 2
    chance.shuffle(messages)
    disk.feed(*messages)
    assert disk.contents == [octets]
    assert disk.files == {} and disk.reassembly.under_way == 0


@covers("FAR-CHK-08")
def test_a_file_of_an_original_sender_needs_no_empty_last_part(disk: Disk) -> None:
    octets = content(2 * PART_SIZE)
    disk.feed(*all_parts(octets)[:2])
    assert disk.contents == [octets]


@covers("FAR-CHK-08")
@pytest.mark.parametrize("missing", range(4))
def test_a_file_with_a_gap_is_never_complete(disk: Disk, missing: int) -> None:
    messages = all_parts(content(3 * PART_SIZE + 5))
    disk.feed(*messages[:missing], *messages[missing + 1 :])
    assert disk.contents == []
    assert disk.reassembly.under_way == 1


@covers("FAR-CHK-07")
def test_two_senders_and_two_files_at_once_do_not_mix(disk: Disk) -> None:
    files = {
        (s, n): content(3 * PART_SIZE, seed) for seed, (s, n) in enumerate([(A, "x"), (A, "y"), (B, "x")])
    }
    rows = [all_parts(octets, sender, f"{name}.war") for (sender, name), octets in files.items()]
    for messages in zip(*rows, strict=True):
        disk.feed(*messages)
    found = {(done.sender, done.name): octets for done, octets in disk.complete}
    assert found == {(s.name, f"{n}.war"): octets for (s, n), octets in files.items()}


@covers("FAR-CHK-10")
@pytest.mark.parametrize("size", [3 * PART_SIZE + 5, 3 * PART_SIZE + 6])
def test_a_sender_that_begins_anew_with_another_version_gives_that_version(disk: Disk, size: int) -> None:
    old, new = content(3 * PART_SIZE + 5, 1), content(size, 2)
    disk.feed(*all_parts(old)[:3])
    disk.feed(*all_parts(new))
    assert disk.contents == [new]
    assert disk.files == {}


@covers("FAR-CHK-09")
def test_parts_that_come_again_after_the_end_change_nothing_and_a_new_version_does(disk: Disk) -> None:
    old, new = content(2 * PART_SIZE + 5, 1), content(2 * PART_SIZE + 5, 2)
    disk.feed(*all_parts(old), *all_parts(old))
    assert disk.contents == [old]
    disk.feed(*all_parts(new))
    assert disk.contents == [old, new]
    disk.do(disk.reassembly.forget(A.name or "", "/shop"))
    disk.feed(*all_parts(new))
    assert disk.contents == [old, new, new]


@covers("FAR-CHK-11")
def test_a_transfer_is_dropped_after_60_s_without_a_new_part(disk: Disk) -> None:
    messages = all_parts(content(3 * PART_SIZE))
    disk.feed(messages[0], now_ms=0)
    disk.feed(messages[1], now_ms=30_000)
    disk.feed(messages[1], now_ms=60_000)  # nothing new
    assert disk.reassembly.next_wakeup_ms() == 90_001
    disk.do(disk.reassembly.tick(90_000))
    assert len(disk.files) == 1
    disk.do(disk.reassembly.tick(90_001))
    assert disk.files == {} and disk.reassembly.next_wakeup_ms() is None
    disk.feed(messages[2], now_ms=90_002)
    assert disk.contents == []


@covers("FAR-CHK-12", "FAR-UND-03")
def test_transfers_of_a_member_that_is_gone_or_begins_anew_are_dropped(disk: Disk) -> None:
    octets = content(2 * PART_SIZE)
    disk.feed(part(octets, 1, A, "x.war"), part(octets, 1, A, "y.war"), part(octets, 1, B, "x.war"))
    disk.do(disk.reassembly.forget(A.name or "", "/x"))
    assert len(disk.files) == 2
    disk.do(disk.reassembly.forget_sender(A.name or ""))
    assert len(disk.files) == 1
    disk.feed(part(octets, 2, B, "x.war"))
    assert disk.contents == [octets]


@covers("FAR-CHK-13")
def test_the_number_of_transfers_and_their_octets_are_bounded() -> None:
    disk = Disk(Reassembly(TransferLimits(transfers=3, transfers_of_sender=2, octets=8 * PART_SIZE)))
    octets = content(2 * PART_SIZE + 1)
    disk.feed(*(part(octets, 1, A, f"{n}.war") for n in "abc"))
    assert disk.refused == ["FAR-CHK-13"]
    disk.feed(*(part(octets, 1, B, f"{n}.war") for n in "ab"))
    assert disk.refused == ["FAR-CHK-13"] * 2
    disk.feed(*all_parts(octets, A, "a.war"))
    disk.feed(part(content(4 * PART_SIZE), 1, B, "big.war"))
    assert disk.refused == ["FAR-CHK-13"] * 3
    disk.feed(part(octets, 1, B, "b.war"))
    assert disk.refused == ["FAR-CHK-13"] * 3
    assert disk.reassembly.under_way == 3


@covers("FAR-CHK-05")
def test_a_file_that_is_too_large_is_refused_at_its_first_part() -> None:
    disk = Disk(Reassembly(TransferLimits(archive_size=PART_SIZE)))
    disk.feed(part(content(PART_SIZE + 1), 1))
    assert disk.refused == ["FAR-CHK-05"]
    disk.feed(part(content(PART_SIZE), 1))
    assert len(disk.contents) == 1


@covers("FAR-CHK-06")
@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"number": -1},
        {"number": 4},
        {"total": 2},
        {"total": 4},
        {"total_size": -1},
        {"total_size": 3 * PART_SIZE},
        {"data_size": PART_SIZE - 1},
        {"data_size": PART_SIZE + 1},
        {"data_size": -1},
        {"data": None},
        {"data": b""},
        {"data": bytes(PART_SIZE + 1)},
        {"data": bytes(PART_SIZE - 1)},
    ],
)
def test_a_part_whose_numbers_disagree_is_refused(disk: Disk, change: dict[str, object]) -> None:
    message = part(content(2 * PART_SIZE + 7), 2)
    disk.feed(replace(message, **change))  # type: ignore[arg-type]
    assert len(disk.refused) == 1 and disk.refused[0].startswith("FAR-CHK-0")
    assert disk.files == {}
    disk.feed(message)
    assert len(disk.files) == 1


@covers("FAR-CTX-04", "FAR-MSG-06")
@pytest.mark.parametrize("name", [None, "", "/x/", "/x/..", "..\\..war", "/x/a.zip", "/x/a\0.war"])
def test_a_part_of_a_file_whose_name_is_refused_writes_nothing(disk: Disk, name: str | None) -> None:
    disk.feed(replace(part(b"x", 1), file_name=name))
    assert disk.refused == ["FAR-CTX-04"]


@covers("FAR-CHK-15")
def test_what_is_stored_is_named_by_a_number_alone(disk: Disk) -> None:
    events = disk.reassembly.receive_part(part(content(20), 1), 0)
    assert isinstance(events[0], StoreOctets) and events[0].transfer == 1
    assert part_of(1, 20).size == 20
