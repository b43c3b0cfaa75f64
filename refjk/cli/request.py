"""`refjk request URL`: one request to a container, and its answer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from refjk.ajp13.events import HeadersReceived, ResponseBody
from refjk.ajp13.messages import ForwardRequest
from refjk.base.errors import CheckFailed, RefjkError, UsageError
from refjk.cli import request_options
from refjk.cli.json_file import write_json
from refjk.cli.packet_lines import PacketLines, printable
from refjk.runtime.addresses import AjpUrl, parse_url
from refjk.runtime.endpoint import Endpoint, EndpointSettings, ReadBody, ResponseEvent, Trace

HELP = "send one request to a container over AJP13 and print the answer"

add_arguments = request_options.add_arguments

STATUS_FAILED_MIN = 400


@dataclass(slots=True)
class Answer:
    """What is known of the answer so far; times in seconds since the start."""

    head: HeadersReceived | None = None
    body_size: int = 0
    reuse: bool = False
    times: dict[str, float] = field(default_factory=dict)


def run(options: argparse.Namespace) -> int:
    url = parse_url(options.url)
    if options.json == "-" and options.output is None:
        raise UsageError("--json - needs --output FILE, because the answer goes to standard output as well")
    answer = Answer()
    error: RefjkError | None = None
    try:
        with request_options.open_body(options) as body:
            request = request_options.build_request(options, url, body.size)
            _ask(options, url, request, body.read, answer)
    except RefjkError as caught:
        error = caught
    if options.json is not None:
        write_json(options.json, _as_json(url, answer, error))
    if error is not None:
        raise error
    assert answer.head is not None  # a cycle cannot end well without it
    if options.fail and answer.head.status >= STATUS_FAILED_MIN:
        print(f"refjk request: the status is {_status_text(answer.head)}", file=sys.stderr)
        return CheckFailed.exit_code
    return 0


def _ask(
    options: argparse.Namespace, url: AjpUrl, request: ForwardRequest, read_body: ReadBody, answer: Answer
) -> None:
    settings = EndpointSettings(
        packet_size=options.packet_size,
        connect_timeout_s=options.connect_timeout,
        reply_timeout_s=options.timeout,
        send_timeout_s=options.timeout,
    )
    started = time.monotonic()
    endpoint = Endpoint.connect(url.address, settings, _tracer(options))
    answer.times["connected"] = time.monotonic() - started
    try:
        with _open_output(options.output) as output:
            for event in endpoint.exchange(request, read_body):
                if isinstance(event, HeadersReceived):
                    answer.times["headers"] = time.monotonic() - started
                _take(event, answer, output, include=options.include)
        answer.reuse = not endpoint.closed
        answer.times["complete"] = time.monotonic() - started
    finally:
        endpoint.close()


def _take(event: ResponseEvent, answer: Answer, output: _Output, *, include: bool) -> None:
    if isinstance(event, HeadersReceived):
        answer.head = event
        if include:
            lines = [b"HTTP/1.1 %d %s" % (event.status, event.reason)]
            lines += [b"%s: %s" % header for header in event.headers]
            output.write(b"\r\n".join(lines) + b"\r\n\r\n")
    elif isinstance(event, ResponseBody):
        answer.body_size += len(event.data)
        output.write(event.data)
    else:
        output.flush()


class _Output:
    """Where the answer goes; a full disk is the user's trouble and no defect."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def write(self, data: bytes) -> None:
        with self._failures_named():
            self._stream.write(data)

    def flush(self) -> None:
        with self._failures_named():
            self._stream.flush()

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise  # who read the output has seen enough; `main` knows about that
        except OSError as error:
            raise UsageError(f"cannot write to {self._name}: {error.strerror}") from None


@contextmanager
def _open_output(path: str | None) -> Iterator[_Output]:
    if path is None:
        output = _Output(sys.stdout.buffer, "standard output")
        yield output
        output.flush()
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "wb"))
        except OSError as error:
            raise UsageError(f"cannot write --output {path}: {error.strerror}") from None
        output = _Output(file, path)
        yield output
        output.flush()


def _tracer(options: argparse.Namespace) -> Trace | None:
    if not options.verbose:
        return None
    packets = PacketLines(options.packet_size)

    def trace(direction: Literal["sent", "received"], octets: bytes) -> None:
        for line in packets.lines(direction, octets):
            print(line, file=sys.stderr, flush=True)

    return trace


def _status_text(head: HeadersReceived) -> str:
    return f"{head.status} {printable(head.reason)}".rstrip()


def _as_json(url: AjpUrl, answer: Answer, error: RefjkError | None) -> dict[str, Any]:
    """Octets are written as the characters of the same numbers (Latin-1)."""
    head = answer.head
    return {
        "target": str(url.address),
        "status": head and head.status,
        "reason": head and head.reason.decode("latin-1"),
        "headers": [
            [name.decode("latin-1"), value.decode("latin-1")]
            for name, value in (head.headers if head else ())
        ],
        "body_size": answer.body_size,
        "reuse": answer.reuse,
        "seconds": {name: round(value, 6) for name, value in answer.times.items()},
        "error": error
        and {
            "kind": type(error).__name__,
            "text": str(error),
            "clause": getattr(error, "clause", None),
        },
    }
