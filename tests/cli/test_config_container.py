"""`refjk config` with the files of the container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refjk.cli.main import main

ARTICLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "article"
SERVER = str(ARTICLE / "node1" / "conf" / "server.xml")
WEB = str(ARTICLE / "webapps" / "ClusterTest" / "WEB-INF" / "web.xml")


def test_the_kind_of_an_xml_file_is_told_by_name_and_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.xml"
    other.write_text("<?xml version='1.0'?>\n<web-app/>", "utf-8")
    assert main(["config", "check", "--json", "-", SERVER, WEB, str(other)]) == 0
    assert [one["kind"] for one in json.loads(capsys.readouterr().out)] == ["server", "webapp", "webapp"]
    forced = tmp_path / "node.conf"
    forced.write_text("<Server>", "utf-8")
    assert main(["config", "check", "--kind", "server", str(forced)]) == 1
    assert f"{forced}:1: error: the element <Server> is not closed" in capsys.readouterr().out


def test_every_value_is_shown_with_its_line_and_properties_put_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", SERVER, WEB]) == 0
    lines = capsys.readouterr().out.splitlines()
    watch = next(line for line in lines if line.startswith("  watchDir = "))
    assert watch.split()[2] == str(ARTICLE / "node1" / "cluster" / "watch")
    assert any(line.startswith("  mcastDropTime = 3000 ms ") and f"{SERVER}:" in line for line in lines)
    assert any(line.startswith("servlet counter = clustertest:app ") for line in lines)


def test_errors_of_print_make_exit_code_1_and_show_ends_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "server.xml"
    file.write_text(Path(SERVER).read_text("utf-8").replace('"pooled"', "”pooled”"), "utf-8")
    assert main(["config", "check", str(file)]) == 1
    told = capsys.readouterr().out
    assert 'write replicationMode="pooled"' in told and "1 error, 0 warnings" in told
    assert main(["config", "show", str(file)]) == 3
    assert "replicationMode = pooled" in capsys.readouterr().out
