"""Plays a recorded exchange: both of refjk's ends are driven along the recorded packets.

Toward each end go the packets that its peer sent, and what it makes of them must be what is
recorded; and it is made to say what was said in its place, and its octets must be those that are
recorded. All of it happens three times: packets fed whole, octet by octet, and with the next
packets glued on where their sender need not have waited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from hashlib import sha256
from itertools import islice

from refjk.vectors.document import Node
from refjk.vectors.exchange_container import ContainerPlay
from refjk.vectors.exchange_web_server import WebServerPlay
from refjk.vectors.recording import Close, Cycle, Frame, Recording, Step, read_recording
from refjk.vectors.result import Played, Unlike, played_once

KIND = "ajp13 exchange"


class Feeding(Enum):
    WHOLE = "each packet whole"
    OCTETS = "octet by octet"
    GLUED = "with the next packet glued on"

    def pieces(self, frames: Sequence[Frame]) -> list[bytes]:
        """What a group of packets arrives as."""
        octets = b"".join(frame.packet for frame in frames)
        if self is Feeding.OCTETS:
            return [octets[at : at + 1] for at in range(len(octets))]
        return [octets] if self is Feeding.GLUED else [frame.packet for frame in frames]


def play_exchange(document: Node) -> Played:
    """Raises `InputError` for a document that does not keep to the schema."""
    notes: dict[str, None] = {}
    try:
        recording = read_recording(document)
        for feeding in Feeding:
            for steps in recording.connections.values():
                try:
                    _play(steps, recording, feeding, notes)
                except Unlike as unlike:
                    found = unlike.difference
                    raise Unlike(f"{found.where}, {feeding.value}", found.expected, found.actual) from unlike
        _compare_with_http(document["http"], list(recording.cycles.values()))
    except Unlike as unlike:
        return played_once(KIND, unlike.difference, tuple(notes))
    return played_once(KIND, None, tuple(notes))


def _play(steps: Sequence[Step], recording: Recording, feeding: Feeding, notes: dict[str, None]) -> None:
    container = ContainerPlay(recording, notes)
    web_server = WebServerPlay(recording, notes)
    for group in _groups(steps, glue=feeding is Feeding.GLUED):
        if isinstance(group, Close):
            container.close(group)
            web_server.close(group)
        elif group[0].to_container:
            container.receive(group, feeding.pieces(group))
            for frame in group:
                web_server.say(frame)
        else:
            web_server.receive(group, feeding.pieces(group), _closes_next(steps, group[-1]))
            for frame in group:
                container.say(frame)
    container.finish()


def _groups(steps: Sequence[Step], glue: bool) -> Iterator[list[Frame] | Close]:
    """The steps one by one, or with those packets together that may arrive together."""
    group: list[Frame] = []
    for step in steps:
        if group and (isinstance(step, Close) or not (glue and _may_follow_at_once(group[-1], step))):
            yield group
            group = []
        if isinstance(step, Close):
            yield step
        else:
            group.append(step)
    if group:
        yield group


def _may_follow_at_once(frame: Frame, following: Frame) -> bool:
    if frame.to_container:
        return frame.type == "FORWARD_REQUEST" and following.to_container
    return not following.to_container and frame.type not in ("END_RESPONSE", "CPONG")


def _closes_next(steps: Sequence[Step], frame: Frame) -> bool:
    """Whether the recorded web server said nothing more after this packet than that it closes."""
    later = [step for step in steps if step.number > frame.number]
    spoken = [step for step in later if isinstance(step, Frame) and step.to_container]
    return not spoken and any(isinstance(step, Close) and step.by_web_server for step in later)


def _compare_with_http(http: Node, cycles: Sequence[Cycle]) -> None:
    """What the HTTP client sent and got against the body octets of the cycles.

    Compared where the client's answers and the completed cycles are as many, and where the
    statuses are the same: a web server may send again and may answer by itself.
    """
    answers = [answer for answer in map(_whole_answer, http.items()) if answer is not None]
    whole = [cycle for cycle in cycles if cycle.reuse is not None]
    if len(answers) == len(whole):
        for place, status, length, digest in answers:
            found = [bytes(cycle.body) for cycle in whole if cycle.status == status]
            # Where an error comes without a page, the web server may add its own.
            if status < 400 or all(found):
                _require_one_of(f"{place}.response", length, digest, found)
    for request in http.items():
        size, recorded = request.get("request_body_length"), request.get("request_body_sha256")
        if size is not None and recorded is not None:
            sent = [bytes(cycle.request_body) for cycle in cycles]
            same_size = [body for body in sent if len(body) == size.number()]
            _require_one_of(f"{request.place}.request_body", size.number(), recorded.text(), same_size)


def _whole_answer(request: Node) -> tuple[str, int, int, str] | None:
    response = request["response"]
    complete, line = response.get("body_complete"), response.get("status_line")
    if complete is None or line is None or not complete.flag():
        return None
    status = next(islice(line.text().split(), 1, 2), "")
    if not status.isascii() or not status.isdigit() or len(status) > 3:
        return None
    return request.place, int(status), response["body_length"].number(), response["body_sha256"].text()


def _require_one_of(where: str, length: int, digest: str, bodies: Sequence[bytes]) -> None:
    if not bodies:
        return
    seen = [f"{len(body)} octets, sha256 {sha256(body).hexdigest()}" for body in bodies]
    expected = f"{length} octets, sha256 {digest}"
    if expected not in seen:
        raise Unlike(where, expected, "; ".join(dict.fromkeys(seen)))
