"""`refjk ping` as a user meets it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from refjk.ajp13.codec import END_RESPONSE_REUSE
from refjk.cli.main import main
from refjk.cli.ping import Ping, Statistics
from tests.runtime.containers import Talk, TinyContainer

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20


def ping(container: TinyContainer, *words: str) -> int:
    return main(["ping", f"ajp://{container.address}", "--interval", "0", *words])


def closed_container() -> TinyContainer:
    with TinyContainer() as container:
        pass
    return container


def breaks_off(talk: Talk) -> None:
    talk.receive()


def answers_wrongly(talk: Talk) -> None:
    talk.receive()
    talk.send(END_RESPONSE_REUSE)
    talk.wait_for_end()


def test_each_answer_has_a_line_and_the_end_has_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    with TinyContainer() as container:
        assert ping(container) == 0
        assert len(container.talks) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" after ")[0] for line in lines[:4]] == [
        f"{number}: CPONG from {container.address}" for number in (1, 2, 3, 4)
    ]
    assert lines[4:6] == [f"--- {container.address} CPING statistics", "4 sent, 4 answered, 0 lost (0 %)"]
    assert lines[6].startswith("min/avg/max/stddev = ")
    assert len(lines) == 7


def test_the_target_may_be_written_without_scheme(capsys: pytest.CaptureFixture[str]) -> None:
    with TinyContainer() as container:
        assert main(["ping", str(container.address), "--count", "1"]) == 0
    assert "1 sent, 1 answered" in capsys.readouterr().out


def test_a_lost_answer_costs_a_new_connection_and_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with TinyContainer(breaks_off, Talk.request_forever) as container:
        assert ping(container, "--count", "3") == 1
        assert len(container.talks) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"1: no CPONG: {container.address} closed the connection"
    assert lines[1].startswith("2: CPONG from")
    assert "3 sent, 2 answered, 1 lost (33.3 %)" in lines


def test_without_any_answer_the_target_counts_as_unreachable(capsys: pytest.CaptureFixture[str]) -> None:
    container = closed_container()
    assert ping(container, "--count", "2") == 4
    assert capsys.readouterr().out.splitlines() == [
        f"1: cannot connect to {container.address}: Connection refused",
        f"2: cannot connect to {container.address}: Connection refused",
        f"--- {container.address} CPING statistics",
        "2 sent, 0 answered, 2 lost (100 %)",
    ]


def test_the_wait_for_an_answer_has_the_time_that_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    with TinyContainer(Talk.wait_for_end) as container:
        assert ping(container, "--count", "1", "--timeout", "0.1") == 4
    assert "did not answer within 0.1 s" in capsys.readouterr().out


def test_a_new_connection_for_each_if_wanted() -> None:
    with TinyContainer() as container:
        assert ping(container, "--count", "3", "--reconnect", "--quiet") == 0
        assert len(container.talks) == 3


def test_quiet_prints_only_the_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    with TinyContainer() as container:
        ping(container, "--quiet")
    assert capsys.readouterr().out.startswith("--- ")


def test_json_tells_each_result_with_the_clause_that_was_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ping.json"
    with TinyContainer(answers_wrongly, Talk.request_forever) as container:
        assert ping(container, "--count", "2", "--json", str(file)) == 1
    result = json.loads(file.read_text())
    first, second = result["pings"]
    assert (result["target"], result["sent"], result["answered"]) == (str(container.address), 2, 1)
    assert (first["number"], first["milliseconds"], first["clause"]) == (1, None, "AJP-PNG-04")
    assert second["milliseconds"] == pytest.approx(result["milliseconds"]["avg"], abs=0.01)
    assert "2 sent" in capsys.readouterr().out


def test_json_on_standard_output_is_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert ping(closed_container(), "--count", "1", "--json", "-") == 4
    assert json.loads(capsys.readouterr().out)["milliseconds"] is None


def test_ctrl_c_prints_the_statistics_and_ends_by_the_results() -> None:
    with TinyContainer() as container:
        command = [sys.executable, "-m", "refjk", "ping", str(container.address), "-c", "0", "-i", "0.01"]
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline().startswith("1: CPONG from ")
                process.send_signal(signal.SIGINT)
                rest, _ = process.communicate(timeout=DEADLINE_S)
            finally:
                process.kill()
    assert process.returncode == 0
    assert " CPING statistics\n" in rest and ", 0 lost (0 %)\n" in rest


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["127.0.0.1:x"], "'x' is not a port"),
        (["http://127.0.0.1:80"], "is not an ajp:// address"),
        (["ajp://127.0.0.1:1/path"], "CPING has no path"),
        (["127.0.0.1:1", "--count", "1", "--json", "/no/such/folder/x"], "cannot write --json"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ping", *words]) == 2
    err = capsys.readouterr().err
    assert complaint in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--count", "-1"], "'-1' is not a number of 0 or more"),
        (["--interval", "nan"], "'nan' is not a number of seconds"),
        (["--timeout", "0"], "leaves no time"),
        (["--timeout", "inf"], "is not a number of seconds"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["ping", "127.0.0.1:1", *words])
    assert exit_.value.code == 2
    assert complaint in capsys.readouterr().err


def test_statistics_are_those_of_the_times() -> None:
    statistics = Statistics()
    for number, time_ms in enumerate([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, None]):
        statistics.add(Ping(number, time_ms))
    assert statistics.times_ms() == {"min": 2.0, "avg": 5.0, "max": 9.0, "stddev": 2.0}
    assert statistics.exit_code == 1
    assert Statistics().exit_code == 4
