"""`refjk node --status`: where the page is, what is on it, and what is refused."""

from __future__ import annotations

import http.client
import json
import re
import signal
from pathlib import Path

import pytest

from refjk.cli import main
from refjk.speccheck import covers
from tests.cli.test_node import folder, running
from tests.runtime.connectors import DEADLINE_S, AjpClient

__all__ = ["folder"]  # a fixture


@covers("NOD-STS-04", "NOD-STS-15")
def test_a_node_tells_where_its_status_is_and_shows_applications_and_connectors(folder: Path) -> None:
    with running(folder, "--status", "127.0.0.1:0") as (process, ports):
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"refjk status: http://127\.0\.0\.1:(\d+)/\n", line)
        assert found is not None, line
        with AjpClient(ports[0]) as client:
            assert client.ask(b"/ClusterTest/json").status == 200
        asked = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=DEADLINE_S)
        asked.request("GET", "/?mime=json")
        shown = json.loads(asked.getresponse().read())
        asked.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    assert shown["name"] == "node7" and shown["clusters"] == []
    assert [(one["host"], one["path"]) for one in shown["contexts"]] == [
        ("Catalina/localhost", "/ClusterTest")
    ]
    urls = [f"ajp://127.0.0.1:{port}" for port in ports]
    assert [one["name"] for one in shown["connectors"]] == urls
    assert [one["counters"]["requests"] for one in shown["connectors"]] == [1, 0]


@covers("NOD-STS-01")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--status", "0.0.0.0:0"], "not a loopback address"),
        (["--status", "9090"], "a port without a host"),
        (["--status-remote"], "needs a --status"),
    ],
)
def test_a_status_that_makes_no_sense_is_refused(
    folder: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["node", str(folder), *words]) == 2
    assert complaint in capsys.readouterr().err
