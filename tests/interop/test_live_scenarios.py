"""The same configuration, nodes and requests through httpd with mod_jk and through `refjk front`."""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.configuration import Severity, read_httpd
from refjk.runtime.disk_files import DiskFiles
from tests.interop.scenarios import (
    HttpdFront,
    RefjkFront,
    play,
    read_scenario,
    scenario_names,
)

pytestmark = pytest.mark.interop

NAMES = scenario_names()


@pytest.mark.parametrize("name", NAMES)
def test_mod_jk_gives_every_request_to_the_node_that_the_scenario_tells(name: str) -> None:
    scenario = read_scenario(name)
    assert play(scenario, HttpdFront) == scenario.expected


@pytest.mark.parametrize("name", NAMES)
def test_refjk_gives_every_request_to_the_node_that_mod_jk_gives_it_to(name: str) -> None:
    scenario = read_scenario(name)
    assert play(scenario, RefjkFront) == scenario.expected


@pytest.mark.parametrize("name", NAMES)
def test_refjk_finds_nothing_wrong_in_the_files(name: str, tmp_path: Path) -> None:
    scenario = read_scenario(name)
    ports = {node: str(9000 + number) for number, node in enumerate(scenario.nodes)}
    (tmp_path / "workers.properties").write_text(scenario.workers.format(**ports))
    (tmp_path / "httpd.conf").write_text(f"ServerRoot {tmp_path}\n{scenario.httpd_conf}")
    read = read_httpd(str(tmp_path / "httpd.conf"), DiskFiles())
    assert [complaint for complaint in read.complaints if complaint.severity is Severity.ERROR] == []
    assert set(scenario.nodes) < set(read.workers.workers)
