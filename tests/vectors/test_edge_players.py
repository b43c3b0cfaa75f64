"""What the players of edges call the same, stricter and unexplained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from refjk.ajp13.codec import (
    BODY_END_EMPTY_PACKET,
    CPING_PACKET,
    encode_request_body,
    encode_send_body_chunk,
    encode_send_headers,
)
from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.forward_request import encode_forward_request
from refjk.ajp13.messages import ForwardRequest, Header
from refjk.base.errors import InputError
from refjk.speccheck import covers
from refjk.vectors import Judgement, Played, Verdict, play
from refjk.vectors.document import Node

Document = dict[str, Any]
Make = Callable[..., Document]

END = "414200020501"
HEADERS = encode_send_headers(200, b"OK", [(b"Content-Type", b"text/plain")]).hex()
BODY = encode_send_body_chunk(b"body\n").hex()


def judged(document: Document) -> Judgement:
    played: Played = play(Node(document))
    assert played.failed == (played.verdict is Verdict.UNEXPLAINED)
    [judgement] = played.judgements
    return judgement


def request(name: str, *headers: Header, query: bytes | None = None, method: bytes = b"GET") -> Document:
    attributes = () if query is None else ((AttributeCode.QUERY_STRING, None, query),)
    message = ForwardRequest(
        method,
        b"HTTP/1.1",
        f"/app/p/{name}".encode(),
        b"127.0.0.1",
        None,
        b"www.example.test",
        80,
        False,
        headers or ((b"content-length", b"0"),),
        attributes,
    )
    return {"hex": encode_forward_request(message, 8192).hex()}


FIVE: Header = (b"content-length", b"5")
HELLO = {"hex": encode_request_body(b"hello").hex()}
CPING = {"hex": CPING_PACKET.hex()}


def test_the_same_packets_and_the_same_end_are_the_same(edge_of_container: Make) -> None:
    document = edge_of_container([CPING, request("echo")], ["CPONG", "SEND_HEADERS200", "END_RESPONSE1"])

    assert judged(document).verdict is Verdict.SAME


def test_going_on_where_the_container_refused_is_unexplained(edge_of_container: Make) -> None:
    document = edge_of_container([request("echo")], ["SEND_HEADERS400", "END_RESPONSE0"])

    judgement = judged(document)

    assert judgement.verdict is Verdict.UNEXPLAINED
    assert judgement.difference is not None
    assert judgement.difference.where == "received, answer 1"
    assert judgement.difference.expected == "SEND_HEADERS with a status from 400"
    assert judgement.difference.actual == "SEND_HEADERS with a status below 400"


@pytest.mark.parametrize(("answers", "closed"), [([], True), ([], False), (["CPONG"], True)])
def test_answering_where_the_container_fell_silent_or_closed_is_unexplained(
    edge_of_container: Make, answers: list[str], closed: bool
) -> None:
    assert judged(edge_of_container([CPING], answers, closed)).verdict is Verdict.UNEXPLAINED


def test_keeping_a_connection_for_reuse_that_the_container_gave_up_is_unexplained(
    edge_of_container: Make,
) -> None:
    document = edge_of_container([request("echo")], ["SEND_HEADERS200", "END_RESPONSE0"])

    assert judged(document).verdict is Verdict.UNEXPLAINED


@covers("AJP-HDR-10")
@pytest.mark.parametrize(
    "header", [(b"x-a", b"1\r\nb: 2"), (b"x\r\ny", b"1"), (b"x\0y", b"1"), (b"x-a", b"\0")]
)
def test_a_line_break_that_would_be_passed_on_is_refused_more_strictly(
    edge_of_container: Make, header: Header
) -> None:
    document = edge_of_container([request("echo", header)], ["SEND_HEADERS200", "END_RESPONSE1"])

    assert judged(document).clause == "AJP-HDR-10"


@covers("AJP-END-03")
def test_serving_on_after_a_refusal_is_what_refjk_does_not_do(edge_of_container: Make) -> None:
    refused = request("echo", (b"content-length", b"-5"))
    answers = ["SEND_HEADERS400", "END_RESPONSE0", "SEND_HEADERS200", "END_RESPONSE1"]

    assert judged(edge_of_container([refused, request("echo")], answers)).clause == "AJP-END-03"
    assert judged(edge_of_container([refused], answers[:2], closed=True)).verdict is Verdict.SAME


@covers("AJP-SEC-06")
def test_serving_on_after_a_wrong_secret_is_what_refjk_does_not_do(edge_of_container: Make) -> None:
    document = edge_of_container([request("echo")], ["SEND_HEADERS400", "END_RESPONSE0"], secret="s3cr3t")

    assert judged(document).clause == "AJP-SEC-06"


@covers("AJP-CON-07")
def test_a_request_behind_an_empty_body_is_not_taken_in(edge_of_container: Make) -> None:
    glued = {"hex": request("echo")["hex"] + request("echo")["hex"]}
    answers = ["SEND_HEADERS200", "END_RESPONSE1"] * 2

    assert judged(edge_of_container([glued], answers)).clause == "AJP-CON-07"
    assert judged(edge_of_container([request("echo"), request("echo")], answers)).verdict is Verdict.SAME


@covers("AJP-FRM-09")
def test_nothing_of_an_overlong_packet_is_read(edge_of_container: Make) -> None:
    inner = CPING_PACKET + bytes.fromhex(request("echo")["hex"])
    overlong = {"hex": (b"\x12\x34\x23\x28" + inner.ljust(9000, b"\0")).hex()}

    judgement = judged(edge_of_container([overlong], ["CPONG", "SEND_HEADERS200", "END_RESPONSE1"]))

    assert judgement.clause == "AJP-FRM-09"


@covers("AJP-ERR-05", "AJP-ERR-04")
def test_a_late_failure_ends_the_connection_and_an_early_one_does_not(edge_of_container: Make) -> None:
    late = edge_of_container([request("throwlate"), CPING], ["SEND_HEADERS200", "CPONG"])
    early = edge_of_container([request("throw"), CPING], ["SEND_HEADERS500", "END_RESPONSE1", "CPONG"])

    assert judged(late).clause == "AJP-ERR-05"
    assert judged(early).verdict is Verdict.SAME


@covers("AJP-RSP-11")
def test_headers_that_fit_no_packet_give_a_500_and_not_silence(edge_of_container: Make) -> None:
    document = edge_of_container([request("hdrs", query=b"n=90&l=150"), CPING], ["CPONG"])

    assert judged(document).clause == "AJP-RSP-11"


@covers("AJP-FRM-04", "AJP-ERR-02")
def test_a_broken_body_packet_ends_the_connection(edge_of_container: Make) -> None:
    broken = {"hex": "1233" + HELLO["hex"][4:]}
    document = edge_of_container([request("echo", FIVE, method=b"POST"), broken], ["SEND_HEADERS400"])

    assert judged(document).clause == "AJP-FRM-04"


@covers("AJP-ERR-02")
def test_a_web_server_that_closes_within_the_body_gets_no_answer(edge_of_container: Make) -> None:
    sent = [request("echo", FIVE, method=b"POST"), {"tcp": "FIN (write side shut down)"}]

    assert judged(edge_of_container(sent, ["SEND_HEADERS400"], closed=True)).clause == "AJP-ERR-02"
    assert judged(edge_of_container(sent, [], closed=True)).verdict is Verdict.SAME


@covers("AJP-ERR-03", "AJP-BOD-13")
def test_a_pause_as_long_as_the_timeout_ends_a_connection_with_a_body_due(edge_of_container: Make) -> None:
    post = request("noread", FIVE, method=b"POST")
    answers = ["SEND_HEADERS200", "END_RESPONSE1"]

    assert judged(edge_of_container([post, {"pause_ms": 2999}, HELLO], answers)).verdict is Verdict.SAME
    assert judged(edge_of_container([post, {"pause_ms": 3000}, HELLO], answers)).clause == "AJP-ERR-03"


@pytest.mark.parametrize("asks", [0, 1])
def test_asking_once_more_for_a_body_that_is_complete_makes_no_difference(
    edge_of_container: Make, asks: int
) -> None:
    sent = [request("echo", FIVE, method=b"POST"), HELLO, *[{"hex": BODY_END_EMPTY_PACKET.hex()}] * asks]
    answers = ["GET_BODY_CHUNK"] * asks + ["SEND_HEADERS200", "END_RESPONSE1"]

    assert judged(edge_of_container(sent, answers)).verdict is Verdict.SAME


@covers("AJP-BOD-12", "AJP-PNG-02")
@pytest.mark.parametrize(
    ("name", "query"), [("partread", b"n=2"), ("noread", None), ("earlywrite", None), ("sleep", b"ms=100")]
)
def test_an_application_that_reads_little_or_late_ends_like_any_other(
    edge_of_container: Make, name: str, query: bytes | None
) -> None:
    sent = [request(name, FIVE, method=b"POST", query=query), HELLO, {"pause_ms": 200}, CPING]
    document = edge_of_container(sent, ["SEND_HEADERS200", "END_RESPONSE1", "CPONG"])

    assert judged(document).verdict is Verdict.SAME


def test_a_second_run_with_cping_that_goes_otherwise_is_unexplained(edge_of_container: Make) -> None:
    document = edge_of_container([request("echo")], ["SEND_HEADERS200", "END_RESPONSE1"])
    document["cping_probe"] = {
        "sent_hex": CPING["hex"],
        "sent_after_ms": 900,
        "answer": [],
        "connection": "open",
    }

    judgement = judged(document)

    assert judgement.verdict is Verdict.UNEXPLAINED
    assert judgement.difference is not None
    assert judgement.difference.where.startswith("cping_probe")


def test_received_packets_must_be_what_their_description_says(edge_of_container: Make) -> None:
    document = edge_of_container([CPING], ["CPONG"])
    document["received"] = [{**document["received"][0], "hex": "414200020501"}]

    judgement = judged(document)

    assert judgement.verdict is Verdict.UNEXPLAINED
    assert judgement.difference is not None
    assert judgement.difference.where == "received[0].decoded.payload_length"


# -- web servers -------------------------------------------------------------------------------


def test_the_same_answer_and_connection_are_the_same(edge_of_web_server: Make) -> None:
    single = [{"send_hex_1byte_writes": HEADERS + BODY + END}]

    assert judged(edge_of_web_server([{"send_hex": HEADERS + BODY + END}])).verdict is Verdict.SAME
    assert judged(edge_of_web_server(single)).verdict is Verdict.SAME


@pytest.mark.parametrize("status_line", ["HTTP/1.1 502 Bad Gateway", "HTTP/1.1 200 OK"])
def test_delivering_or_keeping_what_the_web_server_refused_is_unexplained(
    edge_of_web_server: Make, status_line: str
) -> None:
    document = edge_of_web_server([{"send_hex": HEADERS + BODY + END}], status_line, kept=False)

    judgement = judged(document)

    assert judgement.verdict is Verdict.UNEXPLAINED
    assert judgement.difference is not None
    assert judgement.difference.expected == f"{status_line}, closed by the web server"
    assert judgement.difference.actual == "200 delivered with 5 octets, kept"


def test_delivering_another_body_is_unexplained(edge_of_web_server: Make) -> None:
    other = encode_send_body_chunk(b"other").hex()

    assert judged(edge_of_web_server([{"send_hex": HEADERS + other + END}])).verdict is Verdict.UNEXPLAINED


@covers("AJP-END-04", "AJP-FRM-04")
@pytest.mark.parametrize(
    ("after", "clause"),
    [(HEADERS + BODY + END, "AJP-END-04"), ("4142", "AJP-END-04"), ("676172", "AJP-FRM-04")],
)
def test_octets_after_the_end_are_never_taken_for_the_next_answer(
    edge_of_web_server: Make, after: str, clause: str
) -> None:
    judgement = judged(edge_of_web_server([{"send_hex": HEADERS + BODY + END + after}]))

    assert (judgement.verdict, judgement.clause) == (Verdict.STRICTER, clause)


@covers(
    "AJP-RSP-03",
    "AJP-RSP-05",
    "AJP-RSP-09",
    "AJP-RSP-18",
    "AJP-RSP-20",
    "AJP-FRM-15",
    "AJP-STR-07",
    "AJP-ERR-07",
)
@pytest.mark.parametrize(
    ("script", "clause"),
    [
        (BODY + HEADERS + END, "AJP-RSP-20"),
        (HEADERS + "4142000103" + END, "AJP-FRM-15"),
        (HEADERS + "4142000703003261626300" + END, "AJP-RSP-03"),
        ("414200100400c800024f4b000001a00000017600" + BODY + END, "AJP-RSP-09"),
        ("414200140400c800024f4b0000010003582059000001760041", "AJP-RSP-18"),
        ("414200150400c800024f4b0000010003582d410010006162634142", "AJP-STR-07"),
        ("4142000104" + BODY + END, "AJP-FRM-15"),
        ("41420000" + HEADERS + BODY + END, "AJP-FRM-15"),
        (encode_send_headers(100, b"S", []).hex() + BODY + END, "AJP-RSP-05"),
        (HEADERS + BODY, "AJP-ERR-07"),
    ],
)
def test_what_is_no_answer_is_never_delivered(edge_of_web_server: Make, script: str, clause: str) -> None:
    judgement = judged(edge_of_web_server([{"send_hex": script}]))

    assert (judgement.verdict, judgement.clause) == (Verdict.STRICTER, clause)


@covers("AJP-ERR-06", "AJP-ERR-07", "AJP-RTY-01")
def test_a_broken_answer_is_not_asked_for_again_once_it_has_begun(edge_of_web_server: Make) -> None:
    gone = {"do": "close the connection (FIN)"}
    begun = edge_of_web_server([{"send_hex": HEADERS + BODY}, gone], "HTTP/1.1 502 Bad Gateway", kept=False)
    silent = edge_of_web_server([gone], "HTTP/1.1 502 Bad Gateway", kept=False)
    for document in (begun, silent):
        document["results"]["a web server"]["forward_requests"] = 2

    assert judged(begun).clause == "AJP-RTY-01"
    assert judged(silent).verdict is Verdict.SAME


@covers("AJP-END-05")
def test_a_connection_is_closed_after_an_error(edge_of_web_server: Make) -> None:
    document = edge_of_web_server([{"pause_ms": 4000}], "HTTP/1.1 504 Gateway Time-out", kept=True)

    assert judged(document).clause == "AJP-END-05"


@covers("AJP-PNG-04")
@pytest.mark.parametrize(
    "step", [{"do": "fin"}, {"pause_ms": 4000}, {"send_hex": END}, {"send_hex": "1234000109"}]
)
def test_no_request_follows_a_cping_that_was_not_answered(edge_of_web_server: Make, step: Document) -> None:
    refused = edge_of_web_server([], "HTTP/1.1 503 Service Unavailable", kept=False, cping_script=[step])

    assert judged(refused).verdict is Verdict.SAME
    assert judged(edge_of_web_server([], cping_script=[step])).verdict is Verdict.STRICTER


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("container_script", 0), {"jump": 1}, "container_script[0]: expected send_hex"),
        (("container_script", 0), {"do": "dance"}, "container_script[0].do: unknown step"),
        (("request", "head"), ["GET"], "request.head: expected a request line"),
        (("request", "body_length"), -1, "request.body_length: expected 0"),
        (("results",), {}, "results: expected at least one"),
        (("results", "a web server", "http"), None, "results.a web server.http is missing"),
    ],
)
def test_an_edge_that_breaks_its_schema_is_refused_with_the_place(
    edge_of_web_server: Make, path: tuple[Any, ...], value: object, place: str
) -> None:
    document = edge_of_web_server([{"send_hex": HEADERS + BODY + END}])
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value

    with pytest.raises(InputError) as refused:
        play(Node(document))

    assert place in str(refused.value)
