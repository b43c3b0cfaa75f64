"""Plays golden frames, receive buffers and send queues of Tomcat 5.5 against `refjk.channel`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from refjk.base.errors import InputError, LocalProtocolError, Malformed
from refjk.channel import (
    Frame,
    FrameLayout,
    OriginalCutter,
    QueueRules,
    SendQueue,
    StrictCutter,
    encode_frame,
    unzip_data,
    zip_payload,
)
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played, Unlike

FRAME_KIND = "frame"
QUEUE_KIND = "send queue"

_SIZE_MAX = 64 * 1024 * 1024


def play_frames(document: Node) -> Played:
    """Frames in both directions, and what a receive buffer holds after each step.

    The layout is told by the entries: those of the later one have flags.
    """
    return play_all(document, FRAME_KIND, partial(_play_frame_or_trace, _layout(document)))


def _layout(document: Node) -> FrameLayout:
    for vector in document["vectors"].items():
        steps = vector.get("steps")
        if "flag" in vector.table() or any(
            "packages_read" in step.table() for step in (steps.items() if steps else ())
        ):
            return FrameLayout.FLAGGED
    return FrameLayout.PLAIN


def _play_frame_or_trace(layout: FrameLayout, vector: Node) -> None:
    operation = vector["op"].text()
    if operation == "frame":
        _play_frame(layout, vector)
    elif operation == "trace":
        _play_trace(layout, vector)
    else:
        raise InputError(f"{vector['op'].place}: unknown operation {operation!r}")


def _play_frame(layout: FrameLayout, vector: Node) -> None:
    """How well gzip packs is the implementation's affair: our own data are compared unzipped."""
    octets, payload = vector["frame"].octets(), vector["payload"].octets()
    content = vector.get("gzip") or vector["content"]
    flag = vector["flag"].number() if layout is FrameLayout.FLAGGED else 0
    zipped = layout is FrameLayout.PLAIN or vector["gzipped"].flag()
    wanted = Frame(content.octets(), flag)
    same("written", octets.hex(), encode_frame(wanted, layout).hex())
    for cutter in (StrictCutter(layout, _SIZE_MAX), OriginalCutter(layout, _SIZE_MAX)):
        cutter.append(octets)
        frame = _taken(cutter)
        same("read", (wanted.data.hex(), flag), frame and (frame.data.hex(), frame.flag))
        same("octets left", 0, cutter.buffered)
    if zipped:
        same("unzipped", payload.hex(), _unzipped(wanted.data))
        same("zipped and unzipped again", payload.hex(), _unzipped(zip_payload(payload)))


def _taken(cutter: StrictCutter | OriginalCutter) -> Frame | None:
    try:
        return cutter.take()
    except Malformed as error:
        raise Unlike("read", "a frame", f"refused: {error}") from None


def _unzipped(data: bytes) -> str:
    try:
        return unzip_data(data, _SIZE_MAX).hex()
    except Malformed as error:
        return f"refused: {error}"


def _play_trace(layout: FrameLayout, vector: Node) -> None:
    cutter = OriginalCutter(layout, _SIZE_MAX)
    for number, step in enumerate(vector["steps"].items()):
        where = f"step {number}"
        if (octets := step.get("append")) is not None:
            same(f"{where}, returned", step["returned"].flag(), cutter.append(octets.octets()))
            same(f"{where}, packages", _expected_count(step), _count(cutter))
        elif (operation := step["op"].text()) == "extract_all":
            _compare_extracted(where, step, cutter)
        elif operation == "peek":
            expected = "none" if "exception" in step.table() else step["payload"].text()
            frame = cutter.peek()
            same(where, expected, "none" if frame is None else _unzipped(frame.data))
        elif operation == "clear":
            cutter.clear()
        else:
            raise InputError(f"{step.place}: unknown operation {operation!r}")
        same(f"{where}, octets held", step["buffered_after"].number(), cutter.buffered)


def _expected_count(step: Node) -> int | str:
    return "refused" if "count_exception" in step.table() else step["packages"].number()


def _count(cutter: OriginalCutter) -> int | str:
    try:
        return cutter.count()
    except Malformed:
        return "refused"


def _compare_extracted(where: str, step: Node, cutter: OriginalCutter) -> None:
    frames: list[Frame] = []
    try:
        while (frame := cutter.take()) is not None:
            frames.append(frame)
    except Malformed as error:
        same(f"{where}, refused", "count_exception" in step.table() or str(error), True)
    if (read := step.get("packages_read")) is not None:
        expected: Sequence[object] = [(one["flag"].number(), one["content"].text()) for one in read.items()]
        same(where, expected, [(frame.flag, frame.data.hex()) for frame in frames])
        return
    payloads = step["payloads"].items()
    same(f"{where}, frames", len(payloads), len(frames))
    for payload, frame in zip(payloads, frames, strict=True):
        unzipped = _unzipped(frame.data)
        if isinstance(payload.value, dict):  # an exception
            same(where, True, unzipped.startswith("refused"))
        else:
            same(where, payload.text(), unzipped)


def play_queues(document: Node) -> Played:
    """Step by step; an empty queue answers at once, so that waiting is not played."""
    return play_all(document, QUEUE_KIND, _play_queue)


def _play_queue(vector: Node) -> None:
    queue = SendQueue(QueueRules(key_needed=True))
    for number, step in enumerate(vector["steps"].items()):
        where = f"step {number}"
        if (added := step.get("add")) is not None:
            key, value = (one.text() for one in added.items())
            queue.offer(key, value.encode(), 0)
        elif (operation := step["op"].text()) == "remove":
            taken = queue.take(0)
            got = step.get("got")
            same(where, got and got.value, taken and [taken.key, taken.frame.decode()])
            queue.sent()
        elif operation.startswith("add_with_null_"):
            same(where, "exception" in step.table(), _refuses(queue, operation))
        else:
            raise InputError(f"{step.place}: unknown operation {operation!r}")
        same(f"{where}, size", step["size"].number(), len(queue))


def _refuses(queue: SendQueue, operation: str) -> bool:
    """Whether nothing for a key, or for a message, is refused."""
    try:
        queue.offer(
            None if operation.endswith("key") else "a", b"" if operation.endswith("value") else b"v", 0
        )
    except LocalProtocolError:
        return True
    return False
