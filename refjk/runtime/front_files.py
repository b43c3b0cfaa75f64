"""Files of the front's own, for paths that belong to no worker."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from refjk.runtime.front_local import LocalAnswer, LocalRequest
from refjk.runtime.static_files import StaticAnswer, StaticFiles
from refjk.webserver import Plan


class FileService:
    """DocumentRoot and JkAutoAlias of each host (a `LocalService`)."""

    def __init__(self, plan: Plan) -> None:
        self._files = {
            id(host): StaticFiles(_path(host.document_root), _path(host.auto_alias))
            for host in plan.hosts
            if host.document_root or host.auto_alias
        }

    def __call__(self, request: LocalRequest) -> LocalAnswer | None:
        files = self._files.get(id(request.host.plan))
        if files is None or request.place.target is not None:
            return None
        head = request.request
        answer = files.open(request.place.file, head.method, head.headers, head.query)
        return None if answer is None else _local(answer)


def _local(answer: StaticAnswer) -> LocalAnswer:
    if answer.status in (200, 206, 304) or answer.body is not None:
        return LocalAnswer(answer.status, answer.headers, _Body(answer))
    text = b"%d %b\n" % (answer.status, HTTPStatus(answer.status).phrase.encode("ascii"))
    headers = [
        *answer.headers,
        (b"Content-Type", b"text/plain; charset=us-ascii"),
        (b"Content-Length", b"%d" % len(text)),
    ]
    return LocalAnswer(answer.status, headers, (text,))


class _Body:
    """The content of a file, closed with it."""

    def __init__(self, answer: StaticAnswer) -> None:
        self._answer = answer

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        if self._answer.body is None:
            raise StopIteration
        return next(self._answer.body)

    def close(self) -> None:
        self._answer.close()


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
