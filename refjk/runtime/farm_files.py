"""The directories of the farm: archives put in place by one step, and what a crash left swept away.

Every step can be the last one of a process: what was there before, or what was to come, is there whole
after it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from refjk.base.errors import InputError, Malformed
from refjk.farm import check_archive_name

CHUNK_SIZE = 64 * 1024
PARTIAL = ".partial"  # the end of a temporary name


def partial_of(path: Path) -> Path:
    """The temporary name for a file or folder, beside it."""
    return path.with_name(f".{path.name}{PARTIAL}")


@contextmanager
def opened_file(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, never what a link leads to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "a link" if error.errno == errno.ELOOP else error.strerror
        raise InputError(f"{path}: {reason}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: no regular file")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def transfer_file(temp: Path, transfer: int) -> Path:
    """Where a transfer grows; nothing of the name comes from the wire. FAR-CHK-15"""
    return temp / f".{transfer}{PARTIAL}"


def store_octets(temp: Path, transfer: int, offset: int, octets: bytes) -> None:
    """Raises `InputError`."""
    path = transfer_file(temp, transfer)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.seek(offset)
            file.write(octets)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def replace_archive(source: Path, folder: Path, name: str, digest: bytes, stamp_ms: int) -> None:
    """Puts a verified archive into `folder` under `name`, in the place of the old one, in one step.

    The octets are compared with the digest once more on their way, whether they are moved within a file
    system or copied into another. The stamp becomes the time of the file. `source` stays. Raises
    `Malformed`, `InputError`. FAR-ARC-16
    """
    check_archive_name(name)
    partial = partial_of(folder / name)
    with opened_file(source) as file:
        try:
            with open(partial, "wb") as out:
                found = hashlib.sha256()
                while chunk := file.read(CHUNK_SIZE):
                    found.update(chunk)
                    out.write(chunk)
                out.flush()
                # Before it is synced, so that the stamp is on the disk before the archive is in place.
                os.utime(out.fileno(), ns=(stamp_ms * 1_000_000, stamp_ms * 1_000_000))
                os.fsync(out.fileno())
            if found.digest() != digest:
                raise Malformed(
                    "FAR-ARC-16", offset=0, expected=digest.hex(), actual=f"{found.hexdigest()} of {name}"
                )
            os.replace(partial, folder / name)
            sync_folder(folder)
        except (Malformed, OSError) as error:
            # A disk that is full does not keep half a file as well (FAR-DEP-15).
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            if isinstance(error, Malformed):
                raise
            raise InputError(f"{folder / name}: {error.strerror}") from error


def unpacked_folder(folder: Path, name: str, digest: bytes) -> Path:
    """Where the version with this digest is unpacked: another folder for each. FAR-ARC-17"""
    return folder / f"{name}-{digest.hex()[:32]}"


def versions_unpacked(folder: Path, name: str) -> list[Path]:
    """Each unpacked version of an archive, sorted."""
    return sorted(path for path in folder.iterdir() if path.name.rpartition("-")[0] == name)


def remove_archive(folder: Path, name: str) -> None:
    """Deletes an archive. Raises `InputError`."""
    check_archive_name(name)
    try:
        (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise InputError(f"{folder / name}: {error.strerror}") from error


def sweep(folder: Path, keep: frozenset[str] | None = None) -> list[str]:
    """Deletes what a crash left in a folder of archives: temporary names.

    With `keep`, in a folder of unpacked ones, also whatever is not among those names. Returns what went,
    sorted. FAR-ARC-18
    """
    gone = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        left = entry.name.startswith(".") and entry.name.endswith(PARTIAL)
        if left or (keep is not None and entry.name not in keep):
            delete(Path(entry.path))
            gone.append(entry.name)
    return gone


def delete(path: Path) -> None:
    """A file, a link (never what it leads to), or a folder with all it holds."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
