"""Object streams alone: processor time to read and to write them, beside json and pickle."""

from __future__ import annotations

import io
import json
import os
import pickle
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from refjk.objectstream import Long, read_object, read_stream, write_object, write_stream
from refjk.session import (
    DeltaRequest,
    EventType,
    MemberAddress,
    SessionMessage,
    SessionState,
    decode_all_sessions,
    decode_delta_request,
    decode_message,
    encode_all_sessions,
    encode_delta_request,
    encode_message,
)
from tests.bench import report
from tests.interop.peers.process import PROJECT

RECORDINGS = PROJECT / "spec" / "vectors" / "java-serialization"
FIELDLESS = ("refjk.sample.NoDefault",)  # a class of one recording whose streams need to be told of it
SMALL = 4096  # octets; the few larger recordings are almost nothing but text and blocks
RELEASE = 5
SESSION_ID = "0123456789ABCDEF0123456789ABCDEF.node1"
SECONDS = 0.1

Rates = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True)
class Case:
    """What is read and written; `octets` of one repetition."""

    octets: int
    read: Callable[[], object]
    write: Callable[[], object]


def cart(number: int) -> dict[str, object]:
    """What a shop keeps in a session."""
    return {
        "user": f"user{number}@shop.example.test",
        "cart": [
            {"id": line + number, "title": f"Book {line}", "count": 1, "price": 9.5} for line in range(4)
        ],
        "seen": [line * 17 + number for line in range(12)],
        "language": "en-GB",
        "member": number % 2 == 0,
    }


def message() -> SessionMessage:
    """A delta of three attributes, as the valve sends it after a request."""
    return SessionMessage(
        EventType.DELTA,
        "/shop",
        SESSION_ID,
        encode_delta_request(delta()),
        f"{SESSION_ID}1104537600000",
        1104537600000,
        MemberAddress("tcp://192.0.2.10:4001", "192.0.2.10", 4001, 123456, 42),
    )


def delta() -> DeltaRequest:
    """The changes in that message."""
    request = DeltaRequest(SESSION_ID)
    request.set_attribute("user", "anna@shop.example.test")
    request.set_attribute("cart", cart(1)["cart"])
    request.set_attribute("visited", Long(1104537600000))
    return request


def states() -> list[SessionState]:
    """What a node that starts is sent."""
    return [
        SessionState(
            f"{number:032X}.node1", 1104537600000, 1104537601000, 1104537602000, 1800, attributes=cart(number)
        )
        for number in range(100)
    ]


def recordings(size_max: int | None) -> list[bytes]:
    """The recorded streams, those of up to `size_max` octets."""
    found = []
    for path in sorted(RECORDINGS.glob("*.json")):
        vectors = json.loads(path.read_text("utf-8"))["vectors"]
        found += [bytes.fromhex(vector["hex"]) for vector in vectors if "hex" in vector]
    return [octets for octets in found if size_max is None or len(octets) <= size_max]


def cases() -> dict[str, Case]:
    """What is measured, by name; the last three are yardsticks for the one before them."""
    carts = [cart(number) for number in range(100)]
    sessions, changes, sent = states(), delta(), message()
    octets_of = {
        "state": encode_all_sessions(sessions, RELEASE),
        "delta": encode_delta_request(changes),
        "sent": encode_message(sent, RELEASE),
        "carts": write_object(carts),
        "json": json.dumps(carts).encode(),
        "pickle": pickle.dumps(carts),
    }

    def case(name: str, read: Callable[[bytes], object], write: Callable[[], object]) -> Case:
        octets = octets_of[name]
        return Case(len(octets), lambda: read(octets), write)

    return {
        "recorded streams of up to 4 KiB": recorded(SMALL),
        "all recorded streams": recorded(None),
        "session message": case("sent", decode_message, lambda: encode_message(sent, RELEASE)),
        "delta in that message": case("delta", decode_delta_request, lambda: encode_delta_request(changes)),
        "state of 100 sessions": case(
            "state",
            lambda octets: decode_all_sessions(octets, RELEASE),
            lambda: encode_all_sessions(sessions, RELEASE),
        ),
        "100 carts": case("carts", read_object, lambda: write_object(carts)),
        "100 carts, pickle in Python": case("pickle", unpickled_in_python, lambda: pickled_in_python(carts)),
        "100 carts, pickle": case("pickle", pickle.loads, lambda: pickle.dumps(carts)),
        "100 carts, json": case("json", json.loads, lambda: json.dumps(carts).encode()),
    }


def recorded(size_max: int | None) -> Case:
    """All those recordings in a row."""
    octets = recordings(size_max)
    streams = [read_stream(one, fieldless=FIELDLESS) for one in octets]
    return Case(
        sum(map(len, octets)),
        lambda: [read_stream(one, fieldless=FIELDLESS) for one in octets],
        lambda: [write_stream(one) for one in streams],
    )


def pickled_in_python(value: object) -> bytes:
    """The same work as here, in the same language."""
    target = io.BytesIO()
    pickle._Pickler(target).dump(value)
    return target.getvalue()


def unpickled_in_python(octets: bytes) -> object:
    return pickle._Unpickler(io.BytesIO(octets)).load()


def seconds_each(call: Callable[[], object], seconds: float) -> float:
    """Processor time of one call, from as many as fill that time."""
    count, begin = 0, time.process_time()
    while (passed := time.process_time() - begin) < seconds or not count:
        call()
        count += 1
    return passed / count


def measure(rounds: int, seconds: float = SECONDS) -> Rates:
    """By case: octets, and for each round the microseconds of one read and of one write, interleaved."""
    measured = cases()
    rates: Rates = {
        name: {"octets": [case.octets], "read_us": [], "write_us": []} for name, case in measured.items()
    }
    for _ in range(rounds):
        for name, case in measured.items():
            rates[name]["read_us"].append(seconds_each(case.read, seconds) * 1e6)
            rates[name]["write_us"].append(seconds_each(case.write, seconds) * 1e6)
    return rates


def as_markdown(rates: Rates) -> str:
    """The facts and one table."""
    rows = []
    for name, numbers in rates.items():
        octets = numbers["octets"][0]
        times = [statistics.median(numbers[which]) for which in ("read_us", "write_us")]
        cells = [cell for us in times for cell in (f"{octets / us:.1f}", f"{us:.0f}")]
        rows.append([name, f"{octets:.0f}", *cells])
    facts = report.machine() | {
        "load of the machine": f"{os.getloadavg()[0]:.1f}",
        "measured": "median, one thread, processor time; read to values and written from values",
    }
    header = ["object stream", "octets", "read MB/s", "read µs", "written MB/s", "written µs"]
    return report.facts_as_text(facts) + "\n\n" + report.table(header, rows)
