"""Archives in the place of others, step by step; and what is left after a crash."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from refjk.base.errors import InputError, Malformed
from refjk.runtime import farm_files
from refjk.runtime.farm_files import (
    remove_archive,
    replace_archive,
    store_octets,
    sweep,
    transfer_file,
    unpacked_folder,
    versions_unpacked,
)
from refjk.speccheck import covers
from tests.runtime.stepping import crashing_at_each_step

OLD, NEW = b"old" * 50_000, b"new!" * 60_000


def sha(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A deploy directory with an old version, and a new one beside it."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "shop.war").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    return folder


@covers("FAR-ARC-16")
def test_the_new_archive_takes_the_place_of_the_old_with_its_stamp(deploy: Path) -> None:
    replace_archive(deploy.parent / "new", deploy, "shop.war", sha(NEW), 1_234_567)
    assert [path.name for path in deploy.iterdir()] == ["shop.war"]
    assert (deploy / "shop.war").read_bytes() == NEW
    assert (deploy / "shop.war").stat().st_mtime_ns == 1_234_567_000_000
    assert (deploy.parent / "new").exists()


@covers("FAR-ARC-16", "FAR-ARC-18")
def test_a_crash_at_any_step_leaves_the_old_archive_or_the_new_one(deploy: Path) -> None:
    def replace() -> None:
        replace_archive(deploy.parent / "new", deploy, "shop.war", sha(NEW), 5)

    found = []
    for _ in crashing_at_each_step(replace, (farm_files.__file__,)):
        octets = (deploy / "shop.war").read_bytes()
        assert octets in (OLD, NEW)
        found.append(octets == NEW)
        sweep(deploy)
        assert [path.name for path in deploy.iterdir()] == ["shop.war"]
        (deploy / "shop.war").write_bytes(OLD)
    assert found == sorted(found) and {False, True} == set(found)
    assert len(found) > 20


@covers("FAR-ARC-16")
def test_a_copy_with_another_digest_never_takes_the_place(deploy: Path) -> None:
    with pytest.raises(Malformed) as caught:
        replace_archive(deploy.parent / "new", deploy, "shop.war", sha(OLD), 5)
    assert caught.value.clause == "FAR-ARC-16"
    assert (deploy / "shop.war").read_bytes() == OLD
    assert [path.name for path in deploy.iterdir()] == ["shop.war"]


@covers("FAR-ARC-16", "FAR-CTX-04")
def test_names_links_and_absent_files_are_refused(deploy: Path, tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        replace_archive(tmp_path / "new", deploy, "../shop.war", sha(NEW), 5)
    (tmp_path / "link").symlink_to(tmp_path / "new")
    for source in (tmp_path / "link", tmp_path / "none"):
        with pytest.raises(InputError):
            replace_archive(source, deploy, "shop.war", sha(NEW), 5)
    with pytest.raises(InputError):
        replace_archive(tmp_path / "new", tmp_path / "nowhere", "shop.war", sha(NEW), 5)
    assert (deploy / "shop.war").read_bytes() == OLD


@covers("FAR-CHK-15")
def test_a_transfer_grows_in_any_order_under_a_name_of_its_own(tmp_path: Path) -> None:
    for offset in (6, 0, 3):
        store_octets(tmp_path, 7, offset, b"abc")
    path = transfer_file(tmp_path, 7)
    assert path.read_bytes() == b"abcabcabc"
    assert [entry.name for entry in tmp_path.iterdir()] == [".7.partial"]
    (tmp_path / "target").write_text("kept")
    transfer_file(tmp_path, 8).symlink_to(tmp_path / "target")
    with pytest.raises(InputError):
        store_octets(tmp_path, 8, 0, b"x")
    assert (tmp_path / "target").read_text() == "kept"


@covers("FAR-ARC-17")
def test_each_version_is_unpacked_into_a_folder_of_its_own(tmp_path: Path) -> None:
    folders = {unpacked_folder(tmp_path, "shop.war", sha(octets)) for octets in (OLD, NEW)}
    assert len(folders) == 2
    assert all(folder.parent == tmp_path and folder.name.startswith("shop.war-") for folder in folders)


@covers("FAR-ARC-18")
def test_sweeping_takes_what_a_crash_left_and_versions_that_no_archive_stands_for(tmp_path: Path) -> None:
    for name in (".a.war.partial", ".b.partial", "b.war", "c.war-1", "c.war-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("x")
    (tmp_path / ".7.partial").write_text("x")
    (tmp_path / ".8.partial").symlink_to(tmp_path / "b.war")
    assert sweep(tmp_path) == [".7.partial", ".8.partial", ".a.war.partial", ".b.partial"]
    assert (tmp_path / "b.war/x").exists()
    assert sweep(tmp_path, frozenset({"c.war-2", "b.war"})) == ["c.war-1"]
    assert sorted(os.listdir(tmp_path)) == ["b.war", "c.war-2"]


@covers("FAR-UND-09")
def test_removal_takes_the_archive(deploy: Path) -> None:
    for _ in range(2):
        remove_archive(deploy, "shop.war")
        assert list(deploy.iterdir()) == []
    with pytest.raises(Malformed):
        remove_archive(deploy, "../x.war")


@covers("FAR-UND-09")
def test_the_unpacked_versions_of_an_archive_are_told_from_those_of_others(tmp_path: Path) -> None:
    for name in ("shop.war", "shop.war-x.war", "other.war"):
        unpacked_folder(tmp_path, name, sha(OLD)).mkdir()
    assert versions_unpacked(tmp_path, "shop.war") == [unpacked_folder(tmp_path, "shop.war", sha(OLD))]


@covers("FAR-DEP-15")
def test_a_full_disk_keeps_the_old_archive_and_no_half_one(
    deploy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        replace_archive(deploy.parent / "new", deploy, "shop.war", sha(NEW), 5)
    assert [(path.name, path.read_bytes()) for path in deploy.iterdir()] == [("shop.war", OLD)]
