"""Octets of any kind: nothing raises, and every answer is well formed."""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ET

import pytest

from refjk.status import StatusAnswer, answer, decide, parse_request, render
from tests.status.support import Page, access, body, header, report, with_error

WORDS = [
    word.encode()
    for line in (
        "cmd= mime= w= sw= att= from= re= opt= token= & = % + list show edit update reset recover version",
        "dump html xml txt prop json svg lb solo node1 node2 node* ? vlr= vlm= vwa= vwn= vahst= vaprt=",
        "val0= val1= vwf vart 0 1 -7 99999999999 <b> \" ' %00 %ff %0d%0a %e2%80%a8",
    )
    for word in line.split()
]
GOOD = [
    b"cmd=show&mime=xml&w=lb",
    b"cmd=edit&w=lb&sw=node1",
    b"cmd=list&mime=json&opt=3",
    b"cmd=dump&mime=prop",
    b"cmd=update&w=lb&sw=node1&vwa=1&vwf=3",
    b"cmd=list&mime=svg&re=5",
    b"cmd=edit&w=lb&att=vwf&mime=json",
]


def queries(seed: int, count: int) -> list[bytes]:
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        kind = chance.randrange(3)
        if kind == 0:
            found.append(chance.randbytes(chance.randrange(120)))
        elif kind == 1:
            found.append(b"".join(chance.choices(WORDS, k=chance.randrange(30))))
        else:
            query = bytearray(chance.choice(GOOD))
            for _ in range(chance.randrange(1, 4)):
                query[chance.randrange(len(query))] = chance.randrange(256)
            found.append(bytes(query))
    return found


def check(got: StatusAnswer) -> str:
    """The kind of an answer that is well formed."""
    content_type = str(header(got, "Content-Type")).partition(";")[0]
    match content_type:
        case "text/html":
            Page(body(got))
        case "text/xml" | "image/svg+xml":
            ET.fromstring(got.body)
        case "application/json":
            json.loads(got.body)
        case _:
            assert all(line.isprintable() for line in body(got).split("\n"))
    return content_type


@pytest.mark.parametrize("seed", range(4))
def test_any_query_gets_a_well_formed_answer(seed: int) -> None:
    whole, who = with_error(report()), access()
    kinds = set()
    for query in queries(seed, 250):
        got = answer(parse_request(query), whole, who)
        assert got.status == 200 and got.edits == (), query
        kinds.add(check(got))
    assert len(kinds) >= 4


@pytest.mark.parametrize("seed", range(4))
def test_any_form_with_the_right_token_gets_a_well_formed_answer(seed: int) -> None:
    whole, who = with_error(report()), access("POST")
    changed = 0
    for query in queries(100 + seed, 250):
        request = parse_request(b"", query)
        token = who.token(request.worker)
        request = parse_request(b"", query + b"&token=" + token.encode())
        verdict = decide(request, whole, who)
        changed += len(verdict.edits)
        assert verdict.result.is_ok or verdict.edits == ()
        check(render(request, whole, who, verdict))
    assert changed > 0
