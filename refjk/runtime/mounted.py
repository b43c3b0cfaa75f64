"""An application at its path while requests run: who still has it, and when it may end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from refjk.runtime.applications import Application
from refjk.runtime.environ import Environ
from refjk.runtime.wsgi import StartResponse, WsgiApplication


class Mounted:
    """One version of an application at its path, and how many of its requests run."""

    def __init__(self, application: Application, served: WsgiApplication, facts: Environ) -> None:
        self.application = application
        self.redirects = application.folder is not None and application.error is None
        self._served = served
        self._facts = facts
        self._changed = threading.Condition()
        self._running = 0
        self._closed = False

    @property
    def running(self) -> int:
        """Requests that have not been answered to their end."""
        return self._running

    def begin(self) -> bool:
        """A request comes; `serve` is to follow. False once it is closed."""
        with self._changed:
            if self._closed:
                return False
            self._running += 1
        return True

    def serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ.update(self._facts)
        try:
            body = self._served(environ, start_response)
        except BaseException:
            self._end()
            raise
        if isinstance(body, (list, tuple)):
            self._end()
            return body
        return _CountedBody(body, self._end)

    def close(self, timeout_s: float) -> bool:
        """No request begins any more; whether those that run ended in time. FAR-VER-03"""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: self._running == 0, timeout_s)

    def _end(self) -> None:
        with self._changed:
            self._running -= 1
            if self._closed and not self._running:
                self._changed.notify_all()


class _CountedBody:
    """A streamed answer; `end` is called once, when the server closes it."""

    def __init__(self, body: Iterable[bytes], end: Callable[[], None]) -> None:
        self._body = body
        self._end: Callable[[], None] | None = end

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            end, self._end = self._end, None
            if end is not None:
                end()
