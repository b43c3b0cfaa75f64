"""`refjk demo --check` and `--picture`: nodes die while users click, and it is told what that has cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from refjk.cli.main import main
from refjk.demo.failover import Event, Failover, Kind
from refjk.demo.picture import picture
from refjk.demo.users import Crowd, User, Visitor
from tests.cli.demo_support import PROJECT
from tests.interop.peers.process import processes_of_group

STEPS = 14


@pytest.mark.parametrize(
    ("mode", "nodes", "last"),
    [
        ("pooled", 3, "no update is lost"),
        ("synchronous", 2, "no update is lost"),
        ("asynchronous", 2, "only what a killed node had not sent is lost"),
    ],
)
def test_the_check_passes_tells_what_it_saw_and_leaves_nobody_behind(
    tmp_path: Path, mode: str, nodes: int, last: str
) -> None:
    result = tmp_path / "result.json"
    command = [
        *(sys.executable, "-m", "refjk", "demo", "--check", "--users", "12"),
        *("--mode", mode, "--nodes", str(nodes), "--json", str(result)),
    ]
    with subprocess.Popen(
        command, cwd=PROJECT, start_new_session=True, stdout=subprocess.PIPE, text=True
    ) as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    lines = said.splitlines()
    assert lines[0].startswith(f"checking {nodes} nodes behind http://127.0.0.1:")
    assert [line[:4] for line in lines[1:-1]] == ["ok  "] * STEPS
    assert lines[-1] == f"{STEPS} passed, 0 failed"
    told = json.loads(result.read_text())
    assert (told["passed"], told["mode"], len(told["steps"])) == (True, mode, STEPS)
    steps = {step["name"]: step["numbers"] for step in told["steps"]}
    turned = steps["their sessions go on with the new version, and no update is lost"]
    assert turned["users"] == 12 and turned["clicks"] >= 12 * 3 * 2
    assert (turned["failed"], turned["lost"], turned["moves"]) == (0, 0, 0)
    numbers = steps[last]
    assert numbers["users"] == 12 and numbers["clicks"] >= 12 * 3 * (nodes + 1) and numbers["moves"] > 0
    assert (numbers["failed"], numbers["lost_without_failover"]) == (0, 0)
    assert numbers["lost"] == 0 or mode == "asynchronous"
    assert processes_of_group(process.pid) == []


def test_the_check_fails_when_something_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("refjk.demo.check.FIRST_ANSWER_S", 0.0)
    assert main(["demo", "--check", "--nodes", "2", "--users", "4"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  first answer" in said and said.endswith(f"{STEPS - 1} passed, 1 failed\n")


def test_the_check_fails_where_updates_are_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("refjk.demo.cluster.why_not", lambda port: "no multicast here")
    assert main(["demo", "--check", "--nodes", "2", "--users", "4"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  sessions are replicated: no multicast here" in said
    assert "FAIL  its sessions go on" in said and "FAIL  no update is lost" in said
    assert "FAIL  archives are deployed on all nodes: no farm: no multicast here" in said


def clicking(*answers: tuple[str, int] | None) -> User:
    """A user who got these answers, None for none."""
    left = list(answers)

    class Scripted(Visitor):
        def ask(self) -> bool:
            answer = left.pop(0)
            if answer is None:
                self.failures.append("nothing")
                return False
            self.node, self.count = answer
            return True

    user = User(1, Scripted(0))
    for _ in answers:
        user.click()
    return user


@pytest.mark.parametrize(
    ("answers", "lost", "lost_without_failover", "repeated"),
    [
        ([("a", 1), ("a", 2), ("b", 3)], 0, 0, 0),
        ([("a", 1), ("a", 2), ("b", 2)], 1, 0, 0),
        ([("a", 1), ("a", 2), ("a", 2)], 1, 1, 0),
        ([("a", 1), ("a", 2), ("a", 3), ("b", 1)], 3, 0, 0),
        ([("a", 1), ("b", 3)], 0, 0, 1),
        ([("a", 1), None, ("b", 3)], 0, 0, 0),
        ([("a", 1), None, ("b", 2)], 0, 0, 0),
        ([("a", 1), None, ("b", 4)], 0, 0, 1),
    ],
)
def test_a_user_notices_what_is_lost_and_what_was_counted_twice(
    answers: list[tuple[str, int] | None], lost: int, lost_without_failover: int, repeated: int
) -> None:
    crowd = Crowd([])
    crowd.users = [clicking(*answers)]
    tally = crowd.tally()
    assert (tally.lost, tally.lost_without_failover, tally.repeated) == (
        lost,
        lost_without_failover,
        repeated,
    )
    assert tally.failed == answers.count(None) and tally.clicks == len(answers) - tally.failed


def test_a_failover_that_happened_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "failover.svg"
    assert main(["demo", "--picture", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: a failover in steps\n"
    said = "".join(text for text in ElementTree.parse(file).getroot().itertext())
    for words in (
        "answers: count = 3",
        "is killed (SIGKILL)",
        "new id: now",
        "answers: count = 4",
        "has noticed that",
        "get all",
        "all session data",
        "is back, with a copy of the session",
        "delta: count = 5",
        "answers: count = 5",
    ):
        assert words in said, words
    steps = [said.index(words) for words in ("delta: count = 3", "is killed", "delta: count = 4", "is back")]
    assert steps == sorted(steps)


def test_a_picture_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["demo", "--picture", str(tmp_path / "no" / "file.svg"), "--nodes", "2"]) == 2
    assert "cannot write --picture" in capsys.readouterr().err


def test_without_replication_there_is_no_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("refjk.demo.cluster.why_not", lambda port: "no multicast here")
    assert main(["demo", "--picture", str(tmp_path / "file.svg"), "--nodes", "2"]) == 4
    assert "without replication: no multicast here" in capsys.readouterr().err


def test_the_picture_stands_alone_and_shows_all_where_nothing_moves() -> None:
    events = (
        Event(0, Kind.CLICK, "you", ("a<b",)),
        Event(3, Kind.MESSAGE, "a<b", ("c",), "delta: count = 1", {"c": 1}),
        Event(4, Kind.ANSWER, "a<b", ("you",), "count = 1", {"a<b": 1}),
        Event(9, Kind.KILLED, "a<b"),
        Event(19, Kind.DROPPED, "a<b", ("c",)),
        Event(90, Kind.BACK, "a<b", copies={"a<b": 1}),
    )
    text = picture(Failover("pooled", ("a<b", "c"), "a<b", events))
    root = ElementTree.fromstring(text)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "script" not in names and "image" not in names
    assert text.count("http") == 1 and "url(" not in text
    groups = [element for element in root if element.tag.endswith("}g")]
    assert len(groups) == len(events)
    assert all(
        group.get("opacity") is None and "freeze" in ElementTree.tostring(group, "unicode")
        for group in groups
    )
