"""Numbers and a short text that several processes of the front share, and the lock that guards them.

memory = SharedMemory.create(path, {"maintenance": 1, "lb": Records.size(3)})   # before the first fork
with memory.lock:
    memory.part("lb")[0] += 1
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import secrets
import stat
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from refjk.base.errors import InputError, LocalProtocolError

MAGIC = b"refjkshm"
VERSION = 1
BLOB_SIZE_MAX = 65536  # octets
HEADER_SIZE = 64  # octets

# Places in the header, counted in numbers of 64 bits; the magic is in place 0.
_VERSION, _DIGEST, _SEQUENCE, _BLOB_SIZES = 1, 2, 3, 4  # a size for each of the two blobs


class SharedLock:
    """A lock between all threads of all processes that were forked after it was made.

    A record lock belongs to a process and not to a descriptor, so the descriptor may be inherited, and the
    system takes the lock back when its process ends. Threads of one process have a lock of their own
    before it. No process may open and close the same file a second time: that would give the lock away.
    """

    __slots__ = ("_fd", "_threads")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        # PRC-LCK-01
        self._threads.acquire()
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()


class SharedMemory:
    """Made by one process before it forks; its children see the same memory. Nothing is locked here
    but `publish` and `read`: whoever changes a part holds `lock`.

    After a header of 64 octets (`MAGIC`, version, digest of the layout, sequence, two sizes) come two blobs,
    then the parts in their order, as numbers of 64 bits of this machine.
    """

    def __init__(self, memory: mmap.mmap, fd: int, sizes: Mapping[str, int], *, several: bool) -> None:
        self._memory = memory
        self._fd = fd
        self._numbers = memoryview(memory).cast("q")
        self.lock: SharedLock | threading.Lock = SharedLock(fd) if several else threading.Lock()
        self._parts: dict[str, memoryview] = {}
        at = (HEADER_SIZE + 2 * BLOB_SIZE_MAX) // 8
        for name, size in sizes.items():
            self._parts[name] = self._numbers[at : at + size]
            at += size
        memory[: len(MAGIC)] = MAGIC
        self._numbers[_VERSION] = VERSION
        self._numbers[_DIGEST] = layout_digest(sizes)

    @classmethod
    def create(
        cls, path: str | Path | None, sizes: Mapping[str, int], *, several: bool = True
    ) -> SharedMemory:
        """Memory full of zeros with parts of these sizes, counted in numbers of 64 bits.

        With a path it is seen in the file system, else it has no name. Without `several` only one process at
        a time uses it, and `lock` costs no system call. Raises `InputError` for a path that cannot be had.
        """
        size = HEADER_SIZE + 2 * BLOB_SIZE_MAX + 8 * sum(sizes.values())
        if path is not None:
            fd = _create_file(Path(path), size)
            return cls(mmap.mmap(fd, size), fd, sizes, several=several)
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
        return cls(mmap.mmap(-1, size), fd, sizes, several=several)

    def part(self, name: str) -> memoryview:
        """The numbers of a part, a memoryview of format `q`."""
        return self._parts[name]

    @property
    def sequence(self) -> int:
        """How often something was published; without the lock, so that each request may ask."""
        number: int = self._numbers[_SEQUENCE]
        return number

    def publish(self, octets: bytes) -> int:
        """Replace the blob for all processes; returns the new sequence.

        Raises `LocalProtocolError` above `BLOB_SIZE_MAX`. PRC-SHM-06
        """
        if len(octets) > BLOB_SIZE_MAX:
            raise LocalProtocolError(f"{len(octets)} octets do not fit into {BLOB_SIZE_MAX}")
        with self.lock:
            # The blob that nobody reads is written, and the sequence last: a process that dies in
            # between leaves what was there (PRC-SHM-05).
            sequence = self.sequence + 1
            which = sequence % 2
            at = HEADER_SIZE + which * BLOB_SIZE_MAX
            self._memory[at : at + len(octets)] = octets
            self._numbers[_BLOB_SIZES + which] = len(octets)
            self._numbers[_SEQUENCE] = sequence
        return sequence

    def read(self) -> tuple[int, bytes]:
        """The sequence and what was published with it; 0 and nothing at the beginning."""
        with self.lock:
            sequence = self.sequence
            at = HEADER_SIZE + sequence % 2 * BLOB_SIZE_MAX
            return sequence, self._memory[at : at + self._numbers[_BLOB_SIZES + sequence % 2]]

    def close(self) -> None:
        """For this process; the memory itself goes when nobody uses a part any more."""
        for part in (*self._parts.values(), self._numbers):
            with contextlib.suppress(BufferError):  # somebody has a piece of it
                part.release()
        with contextlib.suppress(BufferError):
            self._memory.close()
        os.close(self._fd)


def layout_digest(sizes: Mapping[str, int]) -> int:
    """What tells one order of parts from another: the first 8 octets of a SHA-256, as a signed number."""
    text = ";".join(f"{name}={size}" for name, size in sizes.items())
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little", signed=True)


def _create_file(path: Path, size: int) -> int:
    """The descriptor of a new file at `path` that nobody else has or can open.

    Made under another name and moved to its place: a process that still uses the old one keeps that.
    """
    _check_place(path)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # PRC-SHM-01
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refused(path, error) from None
    try:
        os.fchmod(fd, 0o600)
        # Room that a full disk refuses later would end the process at a write.
        os.posix_fallocate(fd, 0, size)
        os.rename(fresh, path)
    except OSError as error:
        os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise _refused(path, error) from None
    return fd


def _check_place(path: Path) -> None:
    """Nothing is replaced but an old file of the same kind and owner. PRC-SHM-02"""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        if path.is_symlink():
            raise InputError(f"shared memory file {path}: a symbolic link is not followed") from None
        raise _refused(path, error) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"shared memory file {path}: something that is no file is there")
        if status.st_uid != os.geteuid():
            raise InputError(f"shared memory file {path}: the file there belongs to another user")
        if os.read(fd, len(MAGIC)) != MAGIC:
            raise InputError(f"shared memory file {path}: another file is there; name a path of its own")
    finally:
        os.close(fd)


def _refused(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot make the shared memory file {path}: {error.strerror}")
