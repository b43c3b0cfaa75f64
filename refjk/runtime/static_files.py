"""Files that the front serves itself: below a document root, and of web applications (JkAutoAlias).

    files = StaticFiles(Path("/srv/www"), None)
    with contextlib.ExitStack() as stack:
        answer = files.open(b"/logo.png", b"GET", request.headers)
        if answer is not None:  # None: 404
            stack.enter_context(answer)

The rules are those of `spec/static-files.md`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from refjk.base.errors import RefjkError
from refjk.http1.conditional import Content, Headers, select
from refjk.runtime.media_types import type_of

READ_SIZE = 65536
INDEX = ("index.html",)

_PRIVATE = (b"web-inf", b"meta-inf")
_PLAIN = "/-._~!$&'()*+,=:@"
# A folder on the way is entered, not read; where O_PATH is unknown that needs the right to read it.
_ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe would keep the open waiting for somebody who writes.
_AT_THE_END = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class FileChanged(RefjkError):
    """A file became shorter, or unreadable, while it was sent: the answer has to stay visibly incomplete."""


class _Refused(Exception):
    """The path is answered with 403."""


class _Absent(Exception):
    """There is nothing at the path."""


@dataclass(slots=True)
class StaticAnswer:
    """Status, headers and content of an answer; `size` is what Content-Length says. To be closed.

    `body` is None when nothing is sent: to HEAD, with 304, and where the front writes the content of an
    error itself. Reading it raises `FileChanged` when the file has less than was promised.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: Iterator[bytes] | None = None
    size: int = 0
    _opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)

    def close(self) -> None:
        """May be called again."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StaticFiles:
    """Answers for canonical paths from the file system; keeps nothing, so any number of threads may ask."""

    def __init__(
        self, document_root: Path | None, auto_alias: Path | None, index: Sequence[str] = INDEX
    ) -> None:
        self._document_root = None if document_root is None else os.fsencode(document_root)
        self._auto_alias = None if auto_alias is None else os.fsencode(auto_alias)
        self._index = [os.fsencode(name) for name in index]

    def open(
        self, path: bytes, method: bytes, headers: Headers, query: bytes | None = None
    ) -> StaticAnswer | None:
        """The answer for a path that is canonical and decoded; None when there is nothing, which is 404.

        `query` is what stood behind the path, and only goes into a redirection.
        """
        with contextlib.ExitStack() as opened:
            try:
                answer = self._find(opened, path, method, headers, query)
            except _Absent:
                return None
            except _Refused:
                return StaticAnswer(403, [])
            if answer.body is not None:
                answer._opened = opened.pop_all()
            return answer

    def _place(self, segments: list[bytes]) -> tuple[bytes, list[bytes]]:
        """The folder below which the file has to be, and the segments from there on."""
        if self._auto_alias is not None:
            # SFI-ALI-02
            if segments[0].lower().endswith(b".war"):
                raise _Refused
            folder = os.path.join(self._auto_alias, segments[0])
            # SFI-ALI-01
            if segments[0] and os.path.isdir(folder):
                # SFI-ALI-03
                _below(os.path.realpath(self._auto_alias), os.path.realpath(folder))
                return folder, segments[1:]
        if self._document_root is None:
            raise _Absent
        return self._document_root, segments

    def _find(
        self,
        opened: contextlib.ExitStack,
        path: bytes,
        method: bytes,
        headers: Headers,
        query: bytes | None,
    ) -> StaticAnswer:
        segments = path[1:].split(b"/")
        _check_names(segments)
        root, rest = self._place(segments)
        fd = _open_below(opened, root, rest)
        facts = os.fstat(fd)
        is_folder = stat.S_ISDIR(facts.st_mode)
        # SFI-PTH-01
        if not is_folder and not stat.S_ISREG(facts.st_mode):
            raise _Refused
        # SFI-PTH-07
        if not is_folder and path.endswith(b"/"):
            raise _Absent
        # SFI-PTH-08
        if method not in (b"GET", b"HEAD"):
            return StaticAnswer(405, [(b"Allow", b"GET, HEAD")])
        if not is_folder:
            return _file_answer(fd, facts, segments[-1], method, headers)
        # SFI-PTH-05
        if not path.endswith(b"/"):
            location = quote(path, safe=_PLAIN).encode() + b"/"
            return StaticAnswer(301, [(b"Location", location if query is None else location + b"?" + query)])
        # SFI-PTH-06
        for name in self._index:
            with contextlib.suppress(_Absent):
                fd = _open_below(opened, root, [*rest, name])
                facts = os.fstat(fd)
                if stat.S_ISREG(facts.st_mode):
                    return _file_answer(fd, facts, name, method, headers)
        raise _Refused


def _check_names(segments: Sequence[bytes]) -> None:
    for segment in segments:
        name = segment.lower()
        # SFI-PTH-03. No canonical path has the others; nobody who forgets that shall leave the root by it.
        if name in _PRIVATE or name in (b".", b"..") or b"\0" in name:
            raise _Absent
        # SFI-PTH-04
        if name.startswith(b".ht"):
            raise _Refused


def _below(root: bytes, target: bytes) -> bytes:
    """What `target` is called from `root`; both without links."""
    upper = root.rstrip(b"/") + b"/"
    # SFI-PTH-02
    if target != root and not target.startswith(upper):
        raise _Refused
    return target[len(upper) :]


def _open_below(opened: contextlib.ExitStack, root: bytes, segments: Sequence[bytes]) -> int:
    """A file or folder inside `root`, opened for reading.

    Links are resolved first. The result is then walked down folder by folder without following any, so
    that one which takes a folder's place in between leads nowhere.
    """
    root = os.path.realpath(root)
    wanted = os.path.join(root, *segments)
    try:
        target = os.path.realpath(wanted, strict=True)
    except OSError as error:
        _below(root, os.path.realpath(wanted))
        raise _why_not(error) from None
    names = [name for name in _below(root, target).split(b"/") if name]
    # What a link leads to is named as little as what the client names.
    _check_names(names)
    try:
        fd = os.open(root, _ON_THE_WAY)
        opened.callback(os.close, fd)
        for number, name in enumerate(names, 1):
            fd = os.open(name, _AT_THE_END if number == len(names) else _ON_THE_WAY, dir_fd=fd)
            opened.callback(os.close, fd)
    except OSError as error:
        raise _why_not(error) from None
    return fd


def _why_not(error: OSError) -> Exception:
    """SFI-PTH-09"""
    return _Absent() if error.errno in (errno.ENOENT, errno.ENOTDIR) else _Refused()


def _file_answer(
    fd: int, facts: os.stat_result, name: bytes, method: bytes, headers: Headers
) -> StaticAnswer:
    content = _content(facts, time.time_ns())
    selection = select(headers, method == b"GET", content)
    # SFI-CND-01, SFI-CND-06
    own = [
        (b"Last-Modified", formatdate(content.modified_s, usegmt=True).encode("ascii")),
        (b"ETag", content.tag),
    ]
    if selection.status == 412:
        return StaticAnswer(412, own)
    if selection.status == 416:
        return StaticAnswer(416, [*own, (b"Content-Range", b"bytes */%d" % content.size)])
    own.append((b"Accept-Ranges", b"bytes"))
    if selection.status == 304:
        return StaticAnswer(304, own)
    start, size = selection.start, selection.size
    if selection.status == 206:
        own.append((b"Content-Range", b"bytes %d-%d/%d" % (start, start + size - 1, content.size)))
    media_type = type_of(name)
    own += [] if media_type is None else [(b"Content-Type", media_type)]
    own.append((b"Content-Length", b"%d" % size))
    if method == b"HEAD":
        return StaticAnswer(selection.status, own, None, size)
    return StaticAnswer(selection.status, own, _pieces(fd, start, size), size)


def _content(facts: os.stat_result, now_ns: int) -> Content:
    tag = b'"%x-%x"' % (facts.st_size, facts.st_mtime_ns // 1000)
    # SFI-CND-02
    if now_ns - facts.st_mtime_ns < 1_000_000_000:
        tag = b"W/" + tag
    return Content(facts.st_size, facts.st_mtime_ns // 1_000_000_000, tag)


def _pieces(fd: int, start: int, size: int) -> Iterator[bytes]:
    """SFI-SND-01"""
    while size:
        try:
            piece = os.pread(fd, min(size, READ_SIZE), start)
        except OSError as error:
            raise FileChanged(f"a file cannot be read on: {error.strerror}") from None
        if not piece:
            raise FileChanged(f"a file ended {size} octets early while it was sent")
        start += len(piece)
        size -= len(piece)
        yield piece
