"""Archives on the disk: checked whole, unpacked, built.

What may be in an archive is judged by `refjk.farm`; here files are read and written. Nothing that a check
has not passed is ever written outside a temporary name. `refjk.runtime.farm_files` puts an archive in the
place of another.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from refjk.base.errors import InputError, Malformed
from refjk.farm import (
    DESCRIPTOR,
    DESCRIPTOR_SIZE_MAX,
    END_SEARCH_SIZE,
    ArchiveEntry,
    ArchiveLimits,
    SizeGuard,
    WebApplication,
    check_end,
    check_entries,
    read_web_xml,
)
from refjk.runtime.farm_files import CHUNK_SIZE, delete, opened_file, partial_of, sync_folder

_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, LookupError)
"""What the library raises for octets that are no sound zip file."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same archive from the same folder, whenever it is built
_STORE_RATIO = 50  # what packs better than so is stored, so that no reader takes it for a bomb


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """An archive that passed. `digest` is the SHA-256 of the file."""

    size: int
    digest: bytes
    application: WebApplication
    names: tuple[str, ...]
    expanded_size: int


# -- checking ---------------------------------------------------------------------------------


def verify_archive(path: Path, limits: ArchiveLimits | None = None) -> ArchiveReport:
    """Reads all of an archive: its directory, every file with its checksum, the descriptor.

    Raises `Malformed` for one that is refused, `InputError` for a file that cannot be read. FAR-ARC-11
    """
    with opened_file(path) as file:
        return _verify(file, limits or ArchiveLimits())


def _verify(file: IO[bytes], limits: ArchiveLimits) -> ArchiveReport:
    size = os.fstat(file.fileno()).st_size
    digest = hashlib.sha256()
    file.seek(max(size - END_SEARCH_SIZE, 0))
    count = check_end(file.read(END_SEARCH_SIZE), size, limits)
    with _zip(file) as archive:
        entries = [_entry(info) for info in archive.infolist()]
        if len(entries) != count:
            raise _broken(zipfile.BadZipFile(f"{len(entries)} entries where {count} are promised"))
        check_entries(entries, archive.start_dir, limits)
        for info, entry in zip(archive.infolist(), entries, strict=True):
            for _ in _contents(archive, info, entry):
                pass
        application = read_web_xml(_descriptor(archive))
    file.seek(0)
    while chunk := file.read(CHUNK_SIZE):
        digest.update(chunk)
    names = tuple(entry.name for entry in entries)
    return ArchiveReport(size, digest.digest(), application, names, sum(entry.size for entry in entries))


@contextmanager
def _zip(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The reader of the library, with whatever it says of a broken file as `Malformed`."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except _FAULTS as error:
        raise _broken(error) from error


def _broken(error: Exception) -> Malformed:
    return Malformed("FAR-ARC-10", offset=0, expected="a sound zip file", actual=str(error)[:100] or "none")


def _entry(info: zipfile.ZipInfo) -> ArchiveEntry:
    """The name is that of the archive's directory, before anybody cuts or turns it."""
    return ArchiveEntry(
        info.orig_filename,
        info.file_size,
        info.compress_size,
        info.header_offset,
        info.compress_type,
        info.flag_bits,
        info.external_attr >> 16,
    )


def _contents(archive: zipfile.ZipFile, info: zipfile.ZipInfo, entry: ArchiveEntry) -> Iterator[bytes]:
    """One file, checked as it goes: its size, and at the end its checksum."""
    guard = SizeGuard(entry)
    with archive.open(info) as source:
        while chunk := source.read(CHUNK_SIZE):
            guard.add(len(chunk))
            yield chunk
    guard.end()


def _descriptor(archive: zipfile.ZipFile) -> bytes:
    info = next((info for info in archive.infolist() if info.orig_filename == DESCRIPTOR), None)
    if info is None:
        raise Malformed("FAR-ARC-12", offset=0, expected=DESCRIPTOR, actual="no such file")
    if info.file_size > DESCRIPTOR_SIZE_MAX:
        raise Malformed(
            "FAR-ARC-12", offset=0, expected=f"up to {DESCRIPTOR_SIZE_MAX} octets", actual=str(info.file_size)
        )
    return archive.read(info)


# -- unpacking --------------------------------------------------------------------------------


def unpack_archive(path: Path, target: Path, limits: ArchiveLimits | None = None) -> ArchiveReport:
    """Verifies an archive and unpacks it into the new folder `target`, which appears whole or not at all.

    Files and folders get ordinary rights, whatever the archive says. Raises as `verify_archive` does, and
    `InputError` when the folder cannot be made. FAR-ARC-14
    """
    partial = partial_of(target)
    with opened_file(path) as file:
        report = _verify(file, limits or ArchiveLimits())
        try:
            if partial.is_symlink() or partial.exists():
                delete(partial)
            partial.mkdir()
            with _zip(file) as archive:
                for info in archive.infolist():
                    _unpack_entry(archive, info, partial)
            _sync_tree(partial)
            os.rename(partial, target)
            sync_folder(target.parent)
        except (Malformed, OSError) as error:
            # Its name has the digest: nobody would write over it.
            with suppress(OSError):
                delete(partial)
            if isinstance(error, Malformed):
                raise
            raise InputError(f"{target}: {error.strerror}") from error
    return report


def _unpack_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, root: Path) -> None:
    entry = _entry(info)
    path = root.joinpath(*entry.name.split("/"))
    if entry.is_folder:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as out:
        for chunk in _contents(archive, info, entry):
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())


def _sync_tree(root: Path) -> None:
    for folder, _, _ in os.walk(root):
        sync_folder(Path(folder))


# -- building ---------------------------------------------------------------------------------


def build_archive(folder: Path, target: Path, limits: ArchiveLimits | None = None) -> ArchiveReport:
    """Makes an archive of a folder and checks it; the same folder gives the same octets.

    Raises `Malformed` for contents that no node would take, `InputError` for what cannot be read or
    written. FAR-ARC-19
    """
    limits = limits or ArchiveLimits()
    partial = partial_of(target)
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in _files_below(folder, skip=(target, partial)):
                _add(archive, folder, path, limits)
        report = verify_archive(partial, limits)
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"{error.filename or target}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{target}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return report


def _files_below(folder: Path, skip: tuple[Path, ...]) -> list[Path]:
    """Sorted. Links are not followed: what they mean is elsewhere on every other node."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no folder")
    skipped = [path.resolve() for path in skip]
    files = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in [*names, *(f for f in folders if Path(where, f).is_symlink())]:
            path = Path(where, name)
            if path.is_symlink() or not path.is_file():
                raise InputError(f"{path}: no regular file; links and devices cannot be deployed")
            if path.resolve() not in skipped:
                files.append(path)
    return sorted(files, key=lambda path: path.relative_to(folder).as_posix())


def _add(archive: zipfile.ZipFile, folder: Path, path: Path, limits: ArchiveLimits) -> None:
    if path.stat().st_size > limits.entry_size:
        raise Malformed(
            "FAR-ARC-06", offset=0, expected=f"up to {limits.entry_size} octets", actual=str(path)
        )
    octets = path.read_bytes()
    info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
    info.create_system = 3  # Unix, wherever it is built
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    packs_well = len(octets) > CHUNK_SIZE and len(zlib.compress(octets, 1)) * _STORE_RATIO < len(octets)
    info.compress_type = zipfile.ZIP_STORED if packs_well else zipfile.ZIP_DEFLATED
    archive.writestr(info, octets)
