"""`refjk decode` of a cluster's traffic, as a user meets it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from refjk.cli.main import main
from refjk.objectstream import JavaObject, read_object, write_object
from tests.decode.cluster_support import (
    ANSWER,
    RECEIVER,
    SENDER,
    announcement,
    flagged,
    frame,
    golden,
    udp,
)
from tests.decode.support import Talk, pcap

SESSION_MESSAGE = next(vector for vector in golden("traces.json") if vector["id"] == "tr-2")["events"]
RECORDED = bytes.fromhex(next(e for e in SESSION_MESSAGE if e.get("data", "").startswith("464c54"))["data"])


@pytest.fixture
def capture(tmp_path: Path) -> str:
    said = Talk(SENDER, RECEIVER).open().say(">", RECORDED).say("<", ANSWER).end(">").end("<")
    file = tmp_path / "cluster.pcap"
    file.write_bytes(pcap([udp(announcement()), *said.packets]))
    return str(file)


def test_announcements_frames_and_answers_have_a_line_each(
    capture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", capture]) == 0
    shown = capsys.readouterr()
    first, head, message, answer, *ends = shown.out.splitlines()
    assert first.endswith(
        "ANNOUNCEMENT         35  tcp://10.0.0.1:4001 at 10.0.0.1:4001, alive 0.5 s,"
        " 10.0.0.1:45564 → 228.0.0.4:45564"
    )
    assert head == "connection #1: sender 10.0.0.1:40000 → receiver 10.0.0.2:4001"
    assert f"#1 → FRAME             {len(RECORDED)}  SessionMessageImpl mEvtType=13 " in message
    assert message.endswith("octets unzipped")
    assert answer.endswith("#1 ← ANSWER              3")
    assert [end.split("#1 ")[1] for end in ends] == ["closed by sender", "closed by receiver"]
    assert shown.err == "refjk decode: 2 packets on 1 connection, 1 announcement; nothing wrong\n"


def test_ids_of_sessions_are_hidden_in_every_form_unless_asked_for(
    capture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    forms: tuple[list[str], ...] = ([], ["-v"], ["-vv"], ["--json"], ["--json", "-v"], ["--diagram"])
    secrets = secrets_of(RECORDED)
    for words in forms:
        assert main(["decode", capture, *words]) == 0
        out = capsys.readouterr().out
        assert "***" in out
        assert not [secret for secret in secrets if secret in out]
        assert main(["decode", capture, *words, "--show-secrets"]) == 0
        out = capsys.readouterr().out
        assert "***" not in out
        assert all(secret in out for secret in secrets)


def secrets_of(octets: bytes) -> list[str]:
    message = read_object(zlib.decompress(octets[11:-7], 31))
    assert isinstance(message, JavaObject)
    return [str(message["mSessionID"]), str(message["uniqueId"])]


def test_detail_shows_the_message_as_a_tree(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", capture, "-v"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "      mEvtType: 13" in lines
    assert any(line.startswith("      mSrc: org.apache.catalina.cluster.mcast.McastMember") for line in lines)
    assert any(line.startswith("    layout plain, octets 00 00 00 00 00 00 01 f4") for line in lines)


def test_json_has_an_object_for_each_event(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", capture, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == [
        "announcement",
        "opened",
        "frame",
        "answer",
        "ended",
        "ended",
    ]
    heard, opened, message, answer, *_ = events
    assert (heard["member"], heard["port"], heard["alive_ms"], heard["domain"]) == (
        "tcp://10.0.0.1:4001",
        4001,
        500,
        None,
    )
    assert (heard["connection"], heard["layout"], heard["signed"], heard["refused"]) == (
        None,
        "plain",
        None,
        None,
    )
    assert (opened["sender"], opened["receiver"]) == ("10.0.0.1:40000", "10.0.0.2:4001")
    assert message["class"] == "org.apache.catalina.cluster.session.SessionMessageImpl"
    assert (message["flag"], message["zipped"], message["wrong"]) == (None, True, [])
    assert {
        "depth": 1,
        "label": "mEvtType",
        "kind": "value",
        "text": "13",
        "number": None,
        "again": False,
    } in (message["message"])
    assert answer["octets"] == "060203"
    assert answer["time"] == "1970-01-01T00:00:06.000005000Z"


def test_what_is_wrong_has_its_clause_and_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.txt"
    file.write_text(f"> {frame()[:-1].hex()} 00 {frame().hex()}\n< 03\n")
    assert main(["decode", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("#1 wrong: CHN-FRM-06 at octet ")
    assert lines[-1] == "    wrong: CHN-ACK-01 at octet 0: expected 06 02 03, got 03"
    file.write_text(bytes(7).hex())
    assert main(["decode", "--protocol", "membership", str(file)]) == 1
    assert "wrong: malformed: MEM-DAT-05" in capsys.readouterr().out


def test_flags_names_and_texts_from_the_wire_are_shown_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.txt"
    file.write_text(flagged(2, write_object("a\x1b[31m")).hex())
    assert main(["decode", "-v", str(file)]) == 0
    out = capsys.readouterr().out
    assert r'"a\x1b[31m", flag 2, ' in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--protocol", "ajp", "FILE"], 5, "there is no AJP13 packet in"),
        (["--protocol", "smb", "FILE"], 2, "'smb' is not ajp, membership or channel"),
        (["--protocol", "channel", "--relay", "0=1"], 2, "--relay shows AJP13 only"),
        (["--protocol", "channel", "--port", "1", "FILE"], 5, "nor anything of a cluster"),
    ],
)
def test_mistakes_are_told(
    capture: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, text: str
) -> None:
    try:
        assert main(["decode", *(capture if word == "FILE" else word for word in words)]) == code
    except SystemExit as ended:
        assert ended.code == code
    assert text in capsys.readouterr().err
