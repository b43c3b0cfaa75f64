"""The WSGI applications that the interop tests serve: one callable with a path for each behaviour.

Tests and requests that run meet by a name (`?name=…`): a request leaves notes under it and waits
for signals to it, other requests read the notes and give the signals. Every such wait ends at a
deadline, so that a lost partner is a failed request and not a hanging one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs
from wsgiref.validate import validator

DEADLINE_S = 20.0
BLOCK_SIZE = 1 << 16
PERIOD = 251  # prime, so that no packet or block size hides a shifted piece
ENDLESS_BLOCKS = 1 << 14

Environ = dict[str, Any]
Query = dict[str, list[str]]


class Notes:
    """What requests have written under a name, in order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._notes: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, name: str, note: str) -> None:
        with self._changed:
            self._notes[name].append(note)
            self._changed.notify_all()

    def wait(self, name: str, count: int) -> list[str]:
        """The notes, as soon as there are `count` of them or the deadline has passed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._notes[name]) >= count, DEADLINE_S)
            return list(self._notes[name])


notes = Notes()


def pattern(size: int, block_size: int = BLOCK_SIZE) -> Iterator[bytes]:
    """`size` octets that count up to `PERIOD` again and again."""
    repeated = bytes(range(PERIOD)) * (block_size // PERIOD + 2)
    for start in range(0, size, block_size):
        offset = start % PERIOD
        yield repeated[offset : offset + min(block_size, size - start)]


def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Goes by the first segment of the path; 404 for one that is not known."""
    segment = environ["PATH_INFO"].split("/")[1] if environ["PATH_INFO"].startswith("/") else "echo"
    handler = HANDLERS.get(segment)
    if handler is None:
        return text(start_response, f"no {segment}\n", "404 Not Found")
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True, encoding="latin-1")
    return handler(environ, start_response, query)


validated = validator(app)


def text(start_response: Callable[..., Any], content: str, status: str = "200 OK") -> list[bytes]:
    octets = content.encode("latin-1")
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(octets)))])
    return [octets]


def number(query: Query, name: str, default: int = 0) -> int:
    return int(query.get(name, [str(default)])[0])


def word(query: Query, name: str, default: str = "") -> str:
    return query.get(name, [default])[0]


def echo(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """The request as JSON; its body is read to the end in blocks."""
    digest = hashlib.sha256()
    length = 0
    while data := environ["wsgi.input"].read(BLOCK_SIZE):
        digest.update(data)
        length += len(data)
    seen = {
        "process": os.getpid(),
        "environ": {key: value for key, value in environ.items() if isinstance(value, str)},
        "attributes": environ["refjk.attributes"],
        "body": {"length": length, "sha256": digest.hexdigest()},
    }
    octets = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(octets)))])
    return [octets]


def status(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """`code` and `reason`, each `header` as NAME:VALUE, one of `large` octets, a text of `length` octets."""
    headers = [tuple(header.split(":", 1)) for header in query.get("header", [])]
    if "large" in query:
        headers.append(("X-Large", "y" * number(query, "large")))
    code = word(query, "code", "200")
    bodiless = code in ("204", "304")
    content = b"x" * number(query, "length", 0 if bodiless else 5)
    if not bodiless:
        headers.append(("Content-Type", "text/plain"))
    start_response(f"{code} {word(query, 'reason', 'Told')}", headers)
    return [content] if content else []


def big(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """`n` octets of the pattern; the length is announced with `length=1`."""
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in query:
        headers.append(("Content-Length", word(query, "n")))
    start_response("200 OK", headers)
    return pattern(number(query, "n"), number(query, "block", BLOCK_SIZE))


def file(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """`n` octets of the pattern through `wsgi.file_wrapper`."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    content = io.BytesIO(b"".join(pattern(number(query, "n"))))
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](content, BLOCK_SIZE)
    return wrapped


def write(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Three pieces, two of them by the `write` callable."""
    tell = start_response("200 OK", [("Content-Type", "text/plain")])
    tell(b"one ")
    tell(b"two ")
    return [b"three"]


def lines(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """The lengths of the body's lines."""
    lengths = [len(line) for line in environ["wsgi.input"]]
    return text(start_response, " ".join(map(str, lengths)))


def stream(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """One piece at once, the second only after a signal to `name`."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces() -> Iterator[bytes]:
        yield b"first\n"
        yield b"second\n" if "signal" in notes.wait(word(query, "name"), 1) else b"no signal came\n"

    return pieces()


def pause(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """One piece at once, the second after `ms` milliseconds."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces() -> Iterator[bytes]:
        yield b"first\n"
        time.sleep(number(query, "ms") / 1000)
        yield b"second\n"

    return pieces()


def unread(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Answers without looking at the body."""
    return text(start_response, "unread")


def read(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Reads the body and notes how that began and ended."""
    name = word(query, "name")
    length = 0
    try:
        while data := environ["wsgi.input"].read(1024):
            if not length:
                notes.add(name, "begun")
            length += len(data)
    except OSError as error:
        notes.add(name, f"failed with {type(error).__name__}")
        raise
    notes.add(name, f"complete with {length}")
    return text(start_response, str(length))


def endless(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Blocks until somebody stops asking for them; notes its own end."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])

    def blocks() -> Iterator[bytes]:
        try:
            for _ in range(ENDLESS_BLOCKS):
                yield b"x" * BLOCK_SIZE
        except GeneratorExit:
            notes.add(word(query, "name"), "closed")
            raise
        notes.add(word(query, "name"), "taken to the end")

    return blocks()


def fail(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Raises: at once, after `start_response`, or after `after` octets of body were given."""
    notes.add(word(query, "name"), "called")
    if "after" not in query:
        if "started" in query:
            start_response("200 OK", [("Content-Type", "text/plain")])
        raise RuntimeError("told to fail")
    headers = [("Content-Type", "text/plain")]
    if "length" in query:
        headers.append(("Content-Length", word(query, "length")))
    start_response("200 OK", headers)

    def pieces() -> Iterator[bytes]:
        yield b"x" * number(query, "after")
        raise RuntimeError("told to fail late")

    return pieces()


def short(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Announces more than it gives."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5000")])
    return iter([b"x" * 60])


def meet(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Answers once `n` requests of the same name are here at the same time."""
    name = word(query, "name")
    notes.add(name, "here")
    return text(start_response, str(min(len(notes.wait(name, number(query, "n"))), number(query, "n"))))


def slow(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """Keeps a thread for `ms` milliseconds, 5 without a query."""
    time.sleep(number(query, "ms", 5) / 1000)
    return text(start_response, str(os.getpid()))


def signal(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    notes.add(word(query, "name"), "signal")
    return text(start_response, "signalled")


def noted(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """The notes under `name` as JSON, once there are `count` of them."""
    octets = json.dumps(notes.wait(word(query, "name"), number(query, "count"))).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(octets)))])
    return [octets]


def say(environ: Environ, start_response: Callable[..., Any], query: Query) -> Iterable[bytes]:
    """A line for `wsgi.errors`."""
    environ["wsgi.errors"].write(f"said {word(query, 'name')}\n")
    environ["wsgi.errors"].flush()
    return text(start_response, "said")


HANDLERS: dict[str, Callable[[Environ, Callable[..., Any], Query], Iterable[bytes]]] = {
    "big": big,
    "echo": echo,
    "endless": endless,
    "fail": fail,
    "file": file,
    "lines": lines,
    "meet": meet,
    "noted": noted,
    "pause": pause,
    "private": echo,
    "read": read,
    "say": say,
    "short": short,
    "signal": signal,
    "slow": slow,
    "status": status,
    "stream": stream,
    "unread": unread,
    "write": write,
}
