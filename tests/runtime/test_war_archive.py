"""Archives on the disk: checked, unpacked, built."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from refjk.base.errors import InputError, Malformed
from refjk.farm import ArchiveLimits
from refjk.runtime import farm_files, war_archive
from refjk.runtime.farm_files import sweep
from refjk.runtime.war_archive import build_archive, unpack_archive, verify_archive
from refjk.speccheck import covers
from tests.runtime.stepping import crashing_at_each_step

WEB_XML = (
    "<web-app><distributable/><context-param><param-name>refjk.application</param-name>"
    "<param-value>shop:application</param-value></context-param></web-app>"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application, unpacked."""
    root = tmp_path / "shop"
    for name, text in {
        "WEB-INF/web.xml": WEB_XML,
        "WEB-INF/classes/shop.py": "def application(environ, start_response): ...\n",
        "WEB-INF/lib/x.txt": "x" * 1000,
        "index.html": "<p>hello",
        "img/größe.svg": "<svg/>",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    target = tmp_path / "shop.war"
    build_archive(folder, target)
    return target


def made(path: Path, *entries: tuple[str, bytes], web_xml: bool = True) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        if web_xml:
            target.writestr("WEB-INF/web.xml", WEB_XML)
        for name, octets in entries:
            target.writestr(zipfile.ZipInfo(name), octets, zipfile.ZIP_DEFLATED)
    return path


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Malformed) as caught:
        call()
    return caught.value.clause


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@covers("FAR-ARC-11", "FAR-ARC-19")
def test_a_folder_is_built_checked_and_unpacked_to_the_same_files(
    folder: Path, archive: Path, tmp_path: Path
) -> None:
    report = verify_archive(archive)
    assert report.digest == hashlib.sha256(archive.read_bytes()).digest()
    assert report.size == archive.stat().st_size
    assert (report.application.module, report.application.distributable) == ("shop", True)
    assert unpack_archive(archive, tmp_path / "out") == report
    assert tree(tmp_path / "out") == tree(folder)
    assert report.expanded_size == sum(map(len, tree(folder).values()))


@covers("FAR-ARC-19")
def test_the_same_files_give_the_same_octets(folder: Path, archive: Path, tmp_path: Path) -> None:
    first = archive.read_bytes()
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    (folder / "WEB-INF/classes/__pycache__").mkdir()
    (folder / "WEB-INF/classes/__pycache__/shop.pyc").write_bytes(b"x")
    build_archive(folder, archive)
    assert archive.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@covers("FAR-ARC-19")
def test_what_packs_too_well_is_stored(folder: Path, archive: Path) -> None:
    (folder / "zeros").write_bytes(bytes(3_000_000))
    build_archive(folder, archive)
    assert verify_archive(archive).size > 3_000_000


@covers("FAR-ARC-19", "FAR-ARC-03")
def test_what_no_node_would_take_is_not_built(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "shop.war"
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="link"):
        build_archive(folder, target)
    (folder / "link").unlink()
    (folder / "dir").symlink_to("/etc")
    with pytest.raises(InputError, match="dir"):
        build_archive(folder, target)
    (folder / "dir").unlink()
    (folder / "A").write_text("x")
    (folder / "a").write_text("x")
    assert refusal(lambda: build_archive(folder, target)) == "FAR-ARC-08"
    (folder / "a").unlink()
    assert refusal(lambda: build_archive(folder, target, ArchiveLimits(entry_size=900))) == "FAR-ARC-06"
    (folder / "WEB-INF/web.xml").unlink()
    assert refusal(lambda: build_archive(folder, target)) == "FAR-ARC-12"
    with pytest.raises(InputError, match="no folder"):
        build_archive(folder / "index.html", target)
    assert not target.exists()


@covers("FAR-ARC-02", "FAR-ARC-11")
@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/evil",
        "a/../../evil",
        "..\\evil",
        "C:\\evil",
        "C:/evil",
        "a\0/../evil",
        "a/\uff0e\uff0e/evil",
    ],
)
def test_an_archive_that_would_break_out_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / "x.war", ("aa" + name[2:] if "\0" in name else name, b"evil"))
    octets = path.read_bytes()
    if "\0" in name:  # the library would cut it off when it writes
        octets = octets.replace(b"aa/../evil", b"a\0/../evil")
        path.write_bytes(octets)
    before = sorted(tmp_path.rglob("*"))
    assert refusal(lambda: unpack_archive(path, tmp_path / "out")) == "FAR-ARC-02"
    assert sorted(tmp_path.rglob("*")) == before


@covers("FAR-ARC-03")
def test_an_archive_with_a_link_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.war"
    with zipfile.ZipFile(path, "w") as target:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(info, "/etc")
        target.writestr("link/passwd", "x")
    assert refusal(lambda: unpack_archive(path, tmp_path / "out")) == "FAR-ARC-03"
    assert not (tmp_path / "out").exists()


@covers("FAR-ARC-07", "FAR-ARC-06", "FAR-ARC-05")
def test_an_archive_that_blows_up_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = made(tmp_path / "bomb.war", ("zeros", bytes(2_000_000)))
    many = made(tmp_path / "many.war", *((f"{n}", b"x") for n in range(10_001)))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("nothing is unpacked"))
    assert refusal(lambda: verify_archive(bomb)) == "FAR-ARC-07"
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the directory is not read"))
    assert refusal(lambda: verify_archive(many)) == "FAR-ARC-05"
    assert refusal(lambda: verify_archive(bomb, ArchiveLimits(archive_size=1000))) == "FAR-ARC-06"


def with_sizes(octets: bytes, name: bytes, size: int) -> bytes:
    """The unpacked size of one entry changed, in its head and in the directory."""
    made = bytearray(octets)
    for mark, at_size, at_name in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        at = made.find(mark)
        while bytes(made[at + at_name : at + at_name + len(name)]) != name:
            at = made.find(mark, at + 1)
        made[at + at_size : at + at_size + 4] = struct.pack("<I", size)
    return bytes(made)


@covers("FAR-ARC-10")
@pytest.mark.parametrize("size", [0, 999, 1001, 100_000])
def test_an_archive_that_lies_about_a_size_is_refused(tmp_path: Path, size: int) -> None:
    path = made(tmp_path / "x.war", ("a.txt", random.Random(1).randbytes(1000)))
    path.write_bytes(with_sizes(path.read_bytes(), b"a.txt", size))
    assert refusal(lambda: verify_archive(path)) == "FAR-ARC-10"


@covers("FAR-ARC-10", "FAR-ARC-11")
def test_an_archive_with_a_wrong_octet_anywhere_in_a_file_is_refused(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(1000)
    path = made(tmp_path / "x.war", ("a.txt", content))
    octets = path.read_bytes()
    at = octets.index(b"a.txt") + 5
    for offset in range(at + 5, at + 1000, 97):
        path.write_bytes(octets[:offset] + bytes([octets[offset] ^ 1]) + octets[offset + 1 :])
        with pytest.raises(Malformed):
            unpack_archive(path, tmp_path / "out")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["x.war"]


@covers("FAR-ARC-12")
def test_an_archive_without_a_descriptor_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "x.war", ("a", b"x"), web_xml=False)
    assert refusal(lambda: verify_archive(path)) == "FAR-ARC-12"
    path = made(tmp_path / "y.war", ("WEB-INF/web.xml", b" " * 70_000), web_xml=False)
    assert refusal(lambda: verify_archive(path)) == "FAR-ARC-12"


@covers("FAR-ARC-12")
def test_the_name_in_the_directory_counts_and_no_second_one(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        info = zipfile.ZipInfo("x")
        name = b"WEB-INF/web.xml"
        body = b"\1" + struct.pack("<I", 0x8CDC1683) + name  # 8CDC1683: CRC-32 of "x"
        info.extra = struct.pack("<HH", 0x7075, len(body)) + body
        target.writestr(info, WEB_XML)
    path = tmp_path / "x.war"
    path.write_bytes(out.getvalue())
    with pytest.raises(Malformed):
        verify_archive(path)


def test_a_link_a_folder_and_an_absent_file_are_no_archives(archive: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.war"
    link.symlink_to(archive)
    os.mkfifo(tmp_path / "fifo.war")
    for path in (link, tmp_path, tmp_path / "fifo.war", tmp_path / "none.war"):
        with pytest.raises(InputError):
            verify_archive(path)


@covers("FAR-ARC-14")
def test_rights_in_the_archive_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.war"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("WEB-INF/web.xml", WEB_XML)
        info = zipfile.ZipInfo("tool")
        info.external_attr = (stat.S_IFREG | 0o6777) << 16
        target.writestr(info, "x")
    unpack_archive(path, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/tool").stat().st_mode) & 0o7133 == 0


@covers("FAR-ARC-14", "FAR-ARC-18")
def test_a_crash_at_any_step_of_unpacking_leaves_no_half_folder(tmp_path: Path) -> None:
    archive, where = made(tmp_path / "x.war", ("a/b", b"x")), tmp_path / "unpacked"
    where.mkdir()
    target = where / "shop"
    steps = 0
    for crashed in crashing_at_each_step(
        lambda: unpack_archive(archive, target), (war_archive.__file__, farm_files.__file__)
    ):
        steps += 1
        if target.exists():
            assert tree(target) == {"WEB-INF/web.xml": WEB_XML.encode(), "a/b": b"x"}
            farm_files.delete(target)
        elif not crashed:
            pytest.fail("it did not end")
        sweep(where)
        assert list(where.iterdir()) == []
    assert steps > 100


@covers("FAR-ARC-14")
def test_what_lies_under_the_temporary_name_is_replaced_and_a_link_there_is_not_followed(
    archive: Path, folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    (tmp_path / ".out.partial").symlink_to(elsewhere)
    unpack_archive(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(folder)
    assert [path.name for path in elsewhere.iterdir()] == ["kept"]
    with pytest.raises(InputError):
        unpack_archive(archive, tmp_path / "out")  # it is there


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        yield


@covers("FAR-DEP-15")
def test_a_full_disk_is_told_and_leaves_nothing_in_place(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk(monkeypatch), pytest.raises(InputError, match="No space"):
        unpack_archive(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".out.partial").exists()


@covers("FAR-ARC-10", "FAR-ARC-11")
def test_a_mutated_archive_is_taken_or_refused_and_nothing_else(archive: Path, tmp_path: Path) -> None:
    octets = archive.read_bytes()
    path, refused, chance = tmp_path / "m.war", 0, random.Random(3)
    for _ in range(1000):
        made = bytearray(octets)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(made))
            if chance.random() < 0.3:
                del made[at : at + chance.randint(1, 20)]
            else:
                made[at] = chance.choice([0, 1, 0x7F, 0xFF, chance.randrange(256)])
        path.write_bytes(made)
        try:
            verify_archive(path)
        except Malformed:
            refused += 1
    assert refused > 700
