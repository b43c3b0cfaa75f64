"""`refjk node` as a user meets it: it serves what a server.xml says, it stops, and it says what is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from refjk.cli import main, node
from refjk.configuration import read_server_xml
from refjk.speccheck import covers
from tests.runtime.connectors import DEADLINE_S, AjpClient, request_attribute

PROJECT = Path(__file__).resolve().parents[2]
ARTICLE = PROJECT / "docs" / "examples" / "article"
SERVER = """\
<Server port="8005" shutdown="SHUTDOWN">
<Service name="Catalina">
<Connector port="0" protocol="AJP/1.3"/>
<Connector port="0" protocol="AJP/1.3" secret="s3cret" maxThreads="2"/>
<Engine name="Catalina" defaultHost="localhost" jvmRoute="node7">
<Host name="localhost" appBase="webapps"/>
</Engine>
</Service>
</Server>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's folder with the application of the example."""
    shutil.copytree(ARTICLE / "webapps" / "ClusterTest", tmp_path / "webapps" / "ClusterTest")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "server.xml").write_text(SERVER, "utf-8")
    return tmp_path


@contextmanager
def running(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A node's process, and the ports of its two connectors."""
    process = subprocess.Popen(
        [sys.executable, "-m", "refjk", "node", str(folder), *words],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        ports: list[int] = []
        told = []
        for line in process.stderr:
            told.append(line)
            if found := re.fullmatch(r"refjk node node7 serves on ajp://127\.0\.0\.1:(\d+)\n", line):
                ports.append(int(found[1]))
            if len(ports) == 2:
                break
        assert len(ports) == 2, told
        yield process, ports
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


def test_a_node_serves_its_applications_on_all_its_connectors_and_stops(folder: Path) -> None:
    with running(folder) as (process, ports):
        with AjpClient(ports[0]) as client:
            attributes = [request_attribute(b"AJP_REMOTE_PORT", b"4711")]
            first = json.loads(client.ask(b"/ClusterTest/json", attributes=attributes).body)
            second = json.loads(client.ask(b"/ClusterTest/json").body)
            assert client.ask(b"/ClusterTest").status == 302
            assert client.ask(b"/ClusterTest/style.css").header(b"content-type") == b"text/css"
            page = client.ask(b"/ClusterTest/").body
            assert b"A small application of a cluster" in page and b"node7" in page
            assert client.ask(b"/ClusterTest/none").status == 404
            assert client.ask(b"/other").status == 404
        with AjpClient(ports[1]) as client:
            assert client.ask(b"/ClusterTest/json").status == 403
        assert (first["node"], first["session"][32:]) == ("node7", ".node7")
        assert first["client"].endswith(":4711")
        assert second["requests of this node"] == first["requests of this node"] + 1
        process.send_signal(signal.SIGTERM)
        _, remarks = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert "Traceback" not in remarks and "refjk stops" in remarks
    assert len(re.findall("refjk node node7 counted: ", remarks)) == 2


def test_check_config_loads_everything_and_listens_nowhere(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["node", str(folder), "--check-config"]) == 0
    assert "application /ClusterTest: can be started" in capsys.readouterr().out
    shutil.rmtree(folder / "webapps" / "ClusterTest" / "WEB-INF" / "classes")
    sys.modules.pop("clustertest", None)
    assert main.main(["node", str(folder / "conf" / "server.xml"), "--check-config"]) == 3
    assert "no module named 'clustertest'" in capsys.readouterr().out


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_nodes_of_the_example_can_be_started(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["node", str(ARTICLE / f"node{number}"), "--check-config"]) == 0
    told = capsys.readouterr()
    assert f"ajp://127.0.0.1:90{number}2" in told.out
    assert "application /ClusterTest: can be started" in told.out


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        ('"AJP/1.3"/>', "”AJP/1.3”/>", "server.xml:3: error: typographic quotes"),
        ('jvmRoute="node7"', 'jvmRout="node7"', "nearest known name is jvmRoute"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, remark: str
) -> None:
    (folder / "conf" / "server.xml").write_text(SERVER.replace(old, new, 1), "utf-8")
    refused = 3 if "error" in remark else 0
    assert main.main(["node", str(folder), "--check-config"]) == refused
    assert remark in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["node", str(tmp_path)]) == 3
    assert "no such file" in capsys.readouterr().err


@covers("SXM-CON-02")
def test_a_connector_beyond_loopback_does_not_start_without_a_secret(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_text = SERVER.replace(
        'port="0" protocol="AJP/1.3"/>', 'port="0" address="0.0.0.0" protocol="AJP/1.3"/>'
    )
    (folder / "conf" / "server.xml").write_text(open_text, "utf-8")
    assert main.main(["node", str(folder), "--check-config"]) == 2
    assert "is not a loopback address" in capsys.readouterr().err


@covers("SXM-CON-02")
def test_the_attributes_of_a_connector_become_its_settings() -> None:
    attributes = (
        'secret="ß" packetSize="9000" maxThreads="7" maxConnections="8" maxHeaderCount="9"'
        ' connectionTimeout="1500" keepAliveTimeout="-1" tomcatAuthentication="false"'
        ' allowedRequestAttributesPattern="a.*"'
    )
    text = SERVER.replace('<Connector port="0"', f'<Connector port="0" {attributes}', 1)
    server = read_server_xml(text, "server.xml").server
    assert server is not None
    settings = node.connector_settings(server.services[0].connectors[0])
    assert settings.secret == "ß".encode()
    assert (settings.packet_size, settings.threads, settings.connections_max) == (9000, 7, 8)
    assert (settings.header_count_max, settings.read_timeout_s) == (9, 1.5)
    assert settings.idle_timeout_s == float("inf") and settings.trust_remote_user
    assert settings.allowed_attributes is not None and settings.allowed_attributes.fullmatch(b"abc")
    plain = node.connector_settings(server.services[0].connectors[1])
    assert server.services[0].connectors[1].address == "127.0.0.1"
    assert (plain.threads, plain.trust_remote_user, plain.allowed_attributes) == (2, False, None)
