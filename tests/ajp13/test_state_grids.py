"""The full grid of phase and message for both ends, got by driving the cores.

What the cores really do is printed and compared with the texts in `golden/`, so that a new arrow is a
visible line in a diff, and with the tables of `refjk.ajp13.rules`. After an intended change run the
tests with `REFJK_GOLDEN=write` in the environment and read the diff.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from refjk.ajp13 import ContainerConnection, ContainerPhase, WebServerConnection, WebServerPhase
from refjk.ajp13.events import Flushed, PeerClosed, ResponseEnded, Violation
from refjk.ajp13.messages import CPong, EndResponse, GetBodyChunk, SendBodyChunk, SendHeaders
from refjk.ajp13.rules import (
    CONTAINER_RECEIVE,
    CONTAINER_SEND,
    FLUSH_DROPPED,
    WEB_SERVER_CLAUSES,
    WEB_SERVER_RECEIVE,
    Incoming,
    MessageKind,
)
from refjk.base import LocalProtocolError
from refjk.speccheck import covers
from tests.ajp13.support import (
    BODY_END_EMPTY,
    BODY_END_ZERO,
    CPING,
    CPONG,
    END_0,
    END_1,
    FLUSH,
    HEADERS_200,
    body_packet,
    chunk,
    container,
    forward_request,
    get_body_chunk,
    request,
    request_octets,
    string,
    to_container,
    to_web_server,
    web_server,
)

GOLDEN = Path(__file__).parent / "golden"
END_OF_STREAM = b""

NAMES_TO_WEB_SERVER = {
    3: "SEND_BODY_CHUNK",
    4: "SEND_HEADERS",
    5: "END_RESPONSE",
    6: "GET_BODY_CHUNK",
    9: "CPONG",
}


def compare(name: str, lines: Iterable[str]) -> None:
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    path = GOLDEN / name
    if os.environ.get("REFJK_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


def table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The rows in columns; an empty first cell continues the row above."""
    cells = [heads, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    yield title
    previous = ""
    for row in cells:
        if row[0] != previous:
            yield ""
        shown = (row[0] if row[0] != previous else "", *row[1:])
        previous = row[0]
        yield "  ".join(cell.ljust(width) for cell, width in zip(shown, widths, strict=True))


def sent_by_container(octets: bytes) -> str:
    names = []
    while octets:
        size = 4 + int.from_bytes(octets[2:4], "big")
        name = NAMES_TO_WEB_SERVER[octets[4]]
        if octets[:size] == FLUSH:
            name = "flush"
        if octets[4] == 5:
            name += f" {octets[5]}"
        names.append(name)
        octets = octets[size:]
    return ", ".join(names) or "-"


def sent_by_web_server(octets: bytes) -> str:
    if not octets:
        return "-"
    known = {CPING: "CPING", BODY_END_EMPTY: "end marker"}
    return known.get(octets) or ("FORWARD_REQUEST" if octets[4] == 2 else "body packet")


def shown(events: Iterable[object]) -> str:
    return ", ".join(_shown_event(event) for event in events) or "-"


def _shown_event(event: object) -> str:
    name = type(event).__name__
    if isinstance(event, Violation):
        return f"{name} {event.clause}" + (f" ({event.status})" if event.status else "")
    if isinstance(event, PeerClosed):
        return f"{name} {'clean' if event.clean else 'not clean'}"
    if isinstance(event, ResponseEnded):
        return f"{name} {'reuse' if event.reuse else 'no reuse'}"
    return name


# -- container ------------------------------------------------------------------------------

TO_CONTAINER: dict[str, bytes] = {
    "FORWARD_REQUEST": request_octets(),
    "FORWARD_REQUEST, length 0": request_octets(0),
    "FORWARD_REQUEST, length 9": request_octets(9),
    "FORWARD_REQUEST, refused": forward_request(req_uri=string(b"")),
    "FORWARD_REQUEST, undecodable": forward_request(end=b""),
    "CPING": CPING,
    "body packet": body_packet(b"hello"),
    "body packet, too many octets": body_packet(bytes(10)),
    "packet without payload": BODY_END_EMPTY,
    "packet with L = 0": BODY_END_ZERO,
    "SHUTDOWN": to_container(b"\x07"),
    "PING": to_container(b"\x08"),
    "any other prefix code": to_container(b"\x0b"),
    "wrong magic": CPONG,
    "payload above P - 4": b"\x12\x34\x1f\xfd",
    "end of the connection": END_OF_STREAM,
}
INCOMING: dict[str, Incoming] = {
    "FORWARD_REQUEST": Incoming.FORWARD_REQUEST,
    "CPING": Incoming.CPING,
    "any other prefix code": Incoming.OTHER_TYPE,
    "body packet": Incoming.BODY,
    "packet without payload": Incoming.BODY_END,
    "end of the connection": Incoming.END_OF_STREAM,
}
CONTAINER_PHASES: dict[str, Callable[[], ContainerConnection]] = {
    "IDLE": lambda: container(),
    "BODY_DUE": lambda: container(ContainerPhase.BODY_DUE, announced=9),
    "RUNNING": lambda: container(ContainerPhase.RUNNING),
    "BODY_ASKED": lambda: container(ContainerPhase.BODY_ASKED),
    "DRAINING, reuse": lambda: container(ContainerPhase.DRAINING, announced=9),
    "DRAINING, no reuse": lambda: container(ContainerPhase.DRAINING, announced=9, reuse=False),
    "CLOSED": lambda: container(ContainerPhase.CLOSED),
}


def feed_container(end: ContainerConnection, octets: bytes) -> list[object]:
    return list(end.receive(octets) if octets else end.receive_eof())


def container_receives() -> Iterator[tuple[str, ...]]:
    for phase, make in CONTAINER_PHASES.items():
        for name, octets in TO_CONTAINER.items():
            end = make()
            events = feed_container(end, octets)
            row = (phase, name, end.phase.name, shown(events), sent_by_container(end.data_to_send()))
            then = ""
            if end.phase is ContainerPhase.RUNNING and phase == "RUNNING":
                end.send_headers(200, b"OK", [])
                end.end_response()
                end.data_to_send()
                events = list(end.resume())
                sent = sent_by_container(end.data_to_send())
                then = f"{end.phase.name}: {shown(events)}; {sent}"
            yield (*row, then)


@covers("AJP-STA-01")
def test_the_container_reacts_to_each_packet_in_each_phase_as_the_golden_text_says() -> None:
    heads = ("phase", "arrives", "phase after", "events", "sent", "after END_RESPONSE")
    compare(
        "container_receives.txt",
        table("What the container does with what arrives.", heads, container_receives()),
    )


@covers("AJP-STA-01")
def test_the_container_accepts_exactly_what_its_table_of_received_packets_allows() -> None:
    accepted: dict[tuple[ContainerPhase, Incoming], ContainerPhase] = {}
    for phase in ContainerPhase:
        for name, incoming in INCOMING.items():
            end = container(phase)
            events = feed_container(end, TO_CONTAINER[name])
            complained = any(
                isinstance(event, Violation) or (isinstance(event, PeerClosed) and not event.clean)
                for event in events
            )
            held_or_ignored = not events and end.phase is phase and not end.data_to_send()
            if not complained and not held_or_ignored:
                accepted[phase, incoming] = end.phase
            elif complained:
                assert end.phase is ContainerPhase.CLOSED, (phase, name)
            else:
                assert phase in (ContainerPhase.RUNNING, ContainerPhase.CLOSED), (phase, name)

    assert accepted == dict(CONTAINER_RECEIVE)


SayToWebServer = Callable[[ContainerConnection], object]
CONTAINER_SAYS: dict[str, tuple[MessageKind, SayToWebServer]] = {
    "GET_BODY_CHUNK": (GetBodyChunk, lambda end: end.ask_body()),
    "SEND_HEADERS": (SendHeaders, lambda end: end.send_headers(200, b"OK", [])),
    "SEND_BODY_CHUNK": (SendBodyChunk, lambda end: end.send_body(b"hello")),
    "flush": (SendBodyChunk, lambda end: end.flush()),
    "END_RESPONSE 1": (EndResponse, lambda end: end.end_response(True)),
    "END_RESPONSE 0": (EndResponse, lambda end: end.end_response(False)),
}
CYCLE_PHASES = (ContainerPhase.BODY_DUE, ContainerPhase.RUNNING, ContainerPhase.BODY_ASKED)


def saying_containers() -> Iterator[tuple[ContainerPhase, bool]]:
    for phase in ContainerPhase:
        if phase in CYCLE_PHASES:
            yield phase, False
        yield phase, phase in CYCLE_PHASES or phase is ContainerPhase.DRAINING


def container_sends() -> Iterator[tuple[str, ...]]:
    for phase, headers_sent in saying_containers():
        for name, (_, say) in CONTAINER_SAYS.items():
            end = container(phase, headers_sent=headers_sent)
            try:
                say(end)
                after = end.phase.name
            except LocalProtocolError:
                assert end.phase is phase
                after = "refused"
            row = (f"{phase.name}, headers sent" if headers_sent else phase.name, name, after)
            yield (*row, sent_by_container(end.data_to_send()))


@covers("AJP-STA-01", "AJP-RSP-01")
def test_the_container_says_in_each_phase_what_the_golden_text_says() -> None:
    heads = ("phase", "asked to say", "phase after", "sent")
    compare("container_sends.txt", table("What the container may say.", heads, container_sends()))


@covers("AJP-STA-01", "AJP-RSP-01")
def test_the_container_says_exactly_what_its_table_of_sent_packets_allows() -> None:
    said: dict[tuple[ContainerPhase, bool, MessageKind], ContainerPhase] = {}
    for phase, headers_sent in saying_containers():
        for name, (kind, say) in CONTAINER_SAYS.items():
            end = container(phase, headers_sent=headers_sent)
            try:
                say(end)
            except LocalProtocolError:
                assert (phase, headers_sent, kind) not in CONTAINER_SEND
                continue
            if name == "END_RESPONSE 0" and end.phase is ContainerPhase.CLOSED:
                continue  # the rule beside the table
            assert said.setdefault((phase, headers_sent, kind), end.phase) is end.phase
        asked = container(phase, headers_sent=headers_sent)
        asked.receive(CPING)
        if asked.data_to_send() == CPONG:
            said[phase, headers_sent, CPong] = asked.phase

    assert said == dict(CONTAINER_SEND)


# -- web server -----------------------------------------------------------------------------

TO_WEB_SERVER: dict[str, tuple[MessageKind | None, bytes]] = {
    "CPONG": (CPong, CPONG),
    "SEND_HEADERS": (SendHeaders, HEADERS_200),
    "SEND_BODY_CHUNK": (SendBodyChunk, chunk(b"hello")),
    "flush": (None, FLUSH),
    "GET_BODY_CHUNK": (GetBodyChunk, get_body_chunk(8186)),
    "END_RESPONSE 1": (EndResponse, END_1),
    "END_RESPONSE 0": (None, END_0),
    "any other prefix code": (None, to_web_server(b"\x0b")),
    "packet without payload": (None, to_web_server(b"")),
    "wrong magic": (None, CPING),
    "payload above P - 4": (None, b"AB\x1f\xfd"),
    "end of the connection": (None, END_OF_STREAM),
}


def feed_web_server(end: WebServerConnection, octets: bytes) -> list[object]:
    return list(end.receive(octets) if octets else end.receive_eof())


def web_server_receives() -> Iterator[tuple[str, ...]]:
    for phase in WebServerPhase:
        for name, (_, octets) in TO_WEB_SERVER.items():
            end = web_server(phase)
            events = feed_web_server(end, octets)
            assert end.data_to_send() == b""
            again = "may be sent again" if phase is WebServerPhase.SENT and end.closed else ""
            if again and not end.may_send_again:
                again = "never sent again"
            if phase is WebServerPhase.OPEN and end.closed:
                again = "may be sent again" if end.may_send_again else "never sent again"
            yield phase.name, name, end.phase.name, shown(events), again


@covers("AJP-STA-02")
def test_the_web_server_reacts_to_each_packet_in_each_phase_as_the_golden_text_says() -> None:
    heads = ("phase", "arrives", "phase after", "events", "the request")
    compare(
        "web_server_receives.txt",
        table("What the web server does with what arrives.", heads, web_server_receives()),
    )


@covers("AJP-STA-02", "AJP-FLU-02", "AJP-FLU-03")
def test_the_web_server_accepts_exactly_what_its_tables_allow() -> None:
    accepted: dict[tuple[WebServerPhase, MessageKind], WebServerPhase] = {}
    complaints: dict[tuple[WebServerPhase, MessageKind], str] = {}
    flush_dropped = set()
    for phase in set(WebServerPhase) - {WebServerPhase.CLOSED}:
        for kind, octets in TO_WEB_SERVER.values():
            end = web_server(phase)
            events = feed_web_server(end, octets)
            last = events[-1] if events else None
            if octets == FLUSH and not events:
                flush_dropped.add(phase)
                assert end.phase is phase
            elif octets == FLUSH:
                assert events == [Flushed()]
            elif isinstance(last, Violation):
                assert end.closed
                if kind is not None:
                    complaints[phase, kind] = last.clause
            elif kind is not None:
                accepted[phase, kind] = end.phase

    assert accepted == dict(WEB_SERVER_RECEIVE)
    assert flush_dropped == FLUSH_DROPPED
    assert complaints == dict(WEB_SERVER_CLAUSES)


WEB_SERVER_SAYS: dict[str, Callable[[WebServerConnection], object]] = {
    "CPING": lambda end: end.send_ping(),
    "FORWARD_REQUEST": lambda end: end.send_request(request()),
    "body packet": lambda end: end.send_body(b"hello"),
    "end marker": lambda end: end.end_body(),
}


def saying_web_servers() -> Iterator[tuple[str, Callable[[], WebServerConnection]]]:
    with_body, without = request(body_size=9), request()
    for phase in WebServerPhase:
        if phase not in (WebServerPhase.SENT, WebServerPhase.OPEN):
            yield phase.name, lambda phase=phase: web_server(phase)  # type: ignore[misc]
            continue
        yield f"{phase.name}, nothing wanted", lambda phase=phase: web_server(phase, asked=without)  # type: ignore[misc]
        yield f"{phase.name}, first due", lambda phase=phase: web_server(phase, asked=with_body)  # type: ignore[misc]
        yield f"{phase.name}, asked for", lambda phase=phase: wanting(phase)  # type: ignore[misc]


def wanting(phase: WebServerPhase) -> WebServerConnection:
    end = web_server(phase)
    end.receive(get_body_chunk(8186))
    return end


def web_server_sends() -> Iterator[tuple[str, ...]]:
    for situation, make in saying_web_servers():
        for name, say in WEB_SERVER_SAYS.items():
            end = make()
            before = end.phase
            try:
                say(end)
                after = end.phase.name
            except LocalProtocolError:
                assert end.phase is before
                after = "refused"
            yield situation, name, after, sent_by_web_server(end.data_to_send())


@covers("AJP-STA-02", "AJP-BOD-17", "AJP-CON-06", "AJP-PNG-03")
def test_the_web_server_says_in_each_phase_what_the_golden_text_says() -> None:
    heads = ("phase", "asked to say", "phase after", "sent")
    compare("web_server_sends.txt", table("What the web server may say.", heads, web_server_sends()))


@covers("AJP-STA-01", "AJP-STA-02")
@pytest.mark.parametrize(
    "name", ["container_receives", "container_sends", "web_server_receives", "web_server_sends"]
)
def test_each_golden_text_names_every_phase(name: str) -> None:
    text = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")

    phases = ContainerPhase if name.startswith("container") else WebServerPhase
    assert [phase.name for phase in phases if f"\n{phase.name}" not in text] == []
