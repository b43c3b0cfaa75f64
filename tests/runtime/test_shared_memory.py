"""What processes share: numbers, a text with a sequence, and the lock around both."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from refjk.base.errors import InputError, LocalProtocolError
from refjk.runtime.shared_memory import (
    BLOB_SIZE_MAX,
    MAGIC,
    VERSION,
    SharedLock,
    SharedMemory,
    layout_digest,
)
from refjk.speccheck import covers

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60.0


@pytest.fixture(params=["file", "no file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "jk.shm" if request.param == "file" else None


def run(script: str, *arguments: str) -> str:
    """A program of its own, because it forks; what it prints."""
    head = "import os, sys, threading\nfrom refjk.runtime.shared_memory import SharedMemory\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + script, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.stderr == ""
    return done.stdout


def test_parts_lie_one_after_the_other_and_begin_with_zeros(path: Path | None) -> None:
    memory = SharedMemory.create(path, {"clock": 1, "lb": 5})
    clock, lb = memory.part("clock"), memory.part("lb")
    assert (clock.format, len(clock), len(lb)) == ("q", 1, 5)
    assert lb.tolist() == [0] * 5
    lb[0] = -(1 << 63)
    lb[4] = (1 << 63) - 1
    clock[0] = 7
    assert (clock.tolist(), lb.tolist()) == ([7], [-(1 << 63), 0, 0, 0, (1 << 63) - 1])
    memory.close()


@covers("PRC-SHM-03")
def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    sizes = {"clock": 1, "lb": 2}
    memory = SharedMemory.create(tmp_path / "shm", sizes)
    memory.part("lb")[1] = 258
    memory.publish(b"text")
    octets = (tmp_path / "shm").read_bytes()
    assert octets[:8] == MAGIC
    head = memoryview(octets).cast("q")
    assert head[1:6].tolist() == [VERSION, layout_digest(sizes), 1, 0, 4]
    assert octets[-8:] == (258).to_bytes(8, sys.byteorder)
    assert layout_digest({"lb": 2, "clock": 1}) != layout_digest(sizes)
    memory.close()


@covers("PRC-SHM-01")
@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_nobody_else_can_open_the_file_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        SharedMemory.create(tmp_path / "shm", {}).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shm").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["shm"]


@covers("PRC-SHM-02")
def test_an_old_file_is_replaced_and_whoever_uses_it_keeps_it(tmp_path: Path) -> None:
    old = SharedMemory.create(tmp_path / "shm", {"lb": 1})
    old.part("lb")[0] = 1
    new = SharedMemory.create(tmp_path / "shm", {"lb": 1})
    assert new.part("lb")[0] == 0
    new.part("lb")[0] = 2
    assert old.part("lb")[0] == 1
    old.close()
    new.close()


@covers("PRC-SHM-02")
@pytest.mark.parametrize("kind", ["link", "hanging link", "directory", "fifo", "other file", "empty file"])
def test_whatever_is_no_old_file_of_the_kind_is_refused_and_left(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "shm", tmp_path / "other"
    if kind == "link":
        SharedMemory.create(other, {}).close()
    elif kind in ("other file", "empty file"):
        path.write_bytes(b"precious" if kind == "other file" else b"")
    if kind.endswith("link"):
        path.symlink_to(other)
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    before = path.lstat()
    with pytest.raises(InputError, match="shared memory file"):
        SharedMemory.create(path, {})
    after = path.lstat()
    assert (after.st_ino, after.st_size, after.st_mode) == (before.st_ino, before.st_size, before.st_mode)


@covers("PRC-SHM-02")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shm"
    SharedMemory.create(path, {}).close()
    os.chown(path, 12345, 12345)
    with pytest.raises(InputError, match="belongs to another user"):
        SharedMemory.create(path, {})
    assert path.stat().st_uid == 12345


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory"):
        SharedMemory.create(tmp_path / "nowhere" / "shm", {})


@covers("PRC-SHM-05")
def test_what_is_published_is_read_whole_with_its_sequence(path: Path | None) -> None:
    memory = SharedMemory.create(path, {})
    assert (memory.sequence, memory.read()) == (0, (0, b""))
    texts = [b"", b"x", bytes(range(256)) * 256, b"short"]
    for number, text in enumerate(texts, 1):
        assert memory.publish(text) == number
        assert memory.sequence == number
        assert memory.read() == (number, text)
    memory.close()


@covers("PRC-SHM-06")
def test_more_than_the_room_is_refused_and_changes_nothing(path: Path | None) -> None:
    memory = SharedMemory.create(path, {"lb": 1})
    memory.publish(b"before")
    with pytest.raises(LocalProtocolError, match="65537 octets do not fit"):
        memory.publish(bytes(BLOB_SIZE_MAX + 1))
    assert memory.read() == (1, b"before")
    memory.close()


@covers("PRC-SHM-05")
@pytest.mark.parametrize("where", ["sys.argv[1]", "None"])
def test_no_reader_sees_half_of_what_another_process_publishes(tmp_path: Path, where: str) -> None:
    script = f"""
memory = SharedMemory.create({where}, {{}})
pids = []
for number in range(1, 4):
    pid = os.fork()
    if not pid:
        for turn in range(300):
            memory.publish(bytes([number]) * (number * 10000 + turn))
        os._exit(0)
    pids.append(pid)
seen = set()
while memory.sequence < 900:
    sequence, text = memory.read()
    seen.add(len(set(text)))
    assert not text or len(text) // 10000 == text[0]
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
print(max(seen), memory.sequence)
"""
    assert run(script, str(tmp_path / "shm")) == "1 900\n"


@covers("PRC-SHM-05", "PRC-LCK-02")
def test_a_process_that_dies_while_it_publishes_leaves_what_was_there() -> None:
    """The writer is killed where the octets are written and the sequence is not."""
    script = """
import refjk.runtime.shared_memory as module

memory = SharedMemory.create(None, {})
memory.publish(b"whole")
pid = os.fork()
if not pid:
    class Numbers:
        def __init__(self, numbers): self.numbers = numbers
        def __getitem__(self, place): return self.numbers[place]
        def __setitem__(self, place, value): os.kill(os.getpid(), 9)
    memory._numbers = Numbers(memory._numbers)
    memory.publish(b"half of it")
    os._exit(1)
status = os.waitpid(pid, 0)[1]
print(os.waitstatus_to_exitcode(status), memory.read(), memory.publish(b"next"), memory.read())
"""
    assert run(script) == "-9 (1, b'whole') 2 (2, b'next')\n"


@covers("PRC-LCK-01")
@pytest.mark.parametrize("where", ["sys.argv[1]", "None"])
def test_no_addition_is_lost_between_processes_and_threads(tmp_path: Path, where: str) -> None:
    script = f"""
memory = SharedMemory.create({where}, {{"sum": 1}})
total = memory.part("sum")

def add():
    for _ in range(2000):
        with memory.lock:
            now = total[0]
            memory.sequence
            total[0] = now + 1

pids = []
for _ in range(3):
    pid = os.fork()
    if not pid:
        threads = [threading.Thread(target=add) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        os._exit(0)
    pids.append(pid)
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
print(total[0])
"""
    assert run(script, str(tmp_path / "shm")) == "18000\n"


@covers("PRC-LCK-02")
def test_the_lock_of_a_killed_process_is_free_again() -> None:
    script = """
memory = SharedMemory.create(None, {})
held, said = os.pipe()
pid = os.fork()
if not pid:
    with memory.lock:
        os.write(said, b"x")
        threading.Event().wait(50)
os.read(held, 1)
os.kill(pid, 9)
with memory.lock:
    os.waitpid(pid, 0)
    print("free")
"""
    assert run(script) == "free\n"


def test_the_lock_is_let_go_after_an_error(path: Path | None) -> None:
    memory = SharedMemory.create(path, {})
    with pytest.raises(ZeroDivisionError), memory.lock:
        raise ZeroDivisionError
    taken = threading.Event()

    def take() -> None:
        memory.lock.__enter__()
        taken.set()

    with memory.lock:
        thread = threading.Thread(target=take)
        thread.start()
        assert not taken.wait(0.1)
    assert taken.wait(DEADLINE_S)
    memory.lock.__exit__(None, None, None)
    thread.join()
    memory.close()


def test_a_lock_that_the_system_refuses_is_not_held_in_part(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_RDONLY | os.O_CREAT, 0o600)
    lock = SharedLock(fd)  # not open for writing
    for _ in range(2):
        with pytest.raises(OSError), lock:
            pass
    os.close(fd)


@covers("PRC-LCK-03")
def test_one_process_needs_no_lock_of_the_system(path: Path | None) -> None:
    memory = SharedMemory.create(path, {}, several=False)
    assert isinstance(memory.lock, type(threading.Lock()))
    assert memory.publish(b"x") == 1
    memory.close()


def test_closing_leaves_parts_that_are_in_use(path: Path | None) -> None:
    memory = SharedMemory.create(path, {"lb": 4})
    piece = memory.part("lb")[1:3]
    memory.close()
    piece[0] = 5
    assert piece.tolist() == [5, 0]
