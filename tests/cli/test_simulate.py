"""`refjk simulate`: the seed, the files it writes, and what it tells users who are mistaken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from refjk.cli.main import main

PROJECT = Path(__file__).resolve().parents[2]
WORKERS = """\
worker.list=lb
worker.lb.type=lb
worker.lb.balance_workers=node1,node2,node3
worker.node1.port=9012
worker.node2.port=9022
worker.node3.port=9032
"""


@pytest.fixture
def workers(tmp_path: Path) -> str:
    file = tmp_path / "workers.properties"
    file.write_text(WORKERS)
    return str(file)


def run(workers: str, *options: str) -> int:
    return main(["simulate", "--workers", workers, "--users", "50", "--duration", "30s", *options])


def test_the_seed_is_the_first_and_the_last_thing_printed(
    workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(workers, "--seed", "7", "--fail", "node2@10s..20s") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[-1] == "seed 7"
    assert lines.count("seed 7") == 2
    assert "node2: down from 10s to 20s" in lines


def test_a_seed_is_made_up_that_repeats_the_run(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(workers)
    first = capsys.readouterr().out
    run(workers, "--seed", first.splitlines()[0].removeprefix("seed "))
    assert capsys.readouterr().out == first
    run(workers)
    assert capsys.readouterr().out != first


@pytest.mark.parametrize("profile", ["1.2.7", "1.2.50"])
def test_the_same_seed_gives_the_same_files_in_every_process(
    workers: str, tmp_path: Path, profile: str
) -> None:
    outputs = set()
    for hash_seed in ("1", "2"):
        json_file, svg_file = tmp_path / f"{hash_seed}.json", tmp_path / f"{hash_seed}.svg"
        words = f"--workers {workers} --profile {profile} --json {json_file} --svg {svg_file}"
        words += " --seed 7 --duration 1m --users 100 --fail node2@20s..30s"
        words += " --arrivals poisson:5 --response node1=lognormal:80ms,0.5"
        done = subprocess.run(
            [sys.executable, "-m", "refjk", "simulate", *words.split()],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        outputs.add((done.stdout, json_file.read_text(), svg_file.read_text()))
    assert len(outputs) == 1


def test_json_has_everything(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--fail", "node2@10s..20s", "--drain", "node3@5s..:stop", "--arrivals", "every:1s"]
    assert run(workers, "--seed", "7", "--json", "-", *options) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["seed"]) == ("refjk simulation 1", 7)
    assert document["balancer"]["profile"] == "1.2.50"
    scenario, totals = document["scenario"], document["totals"]
    assert scenario["arrivals"] == {"kind": "every", "between_s": 1.0}
    assert scenario["think"] == {"kind": "exponential", "mean_s": 5.0}
    assert scenario["spans"] == [
        {"worker": "node2", "kind": "down", "from_s": 10.0, "to_s": 20.0},
        {"worker": "node3", "kind": "stopped", "from_s": 5.0, "to_s": None},
    ]
    assert [one["name"] for one in document["workers"]] == ["node1", "node2", "node3"]
    assert sum(one["requests"] for one in document["workers"]) == totals["served"] > 0
    assert sum(one["share"] for one in document["workers"]) == pytest.approx(1, abs=1e-5)
    series = document["series"]
    assert series["part_s"] == 0.15
    for one in document["workers"]:
        assert sum(series["served"][one["name"]]) == one["requests"]


def test_svg_is_written_or_printed(workers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shares.svg"
    assert run(workers, "--seed", "7", "--svg", str(file)) == 0
    capsys.readouterr()
    assert run(workers, "--seed", "7", "--svg", "-") == 0
    printed = capsys.readouterr().out
    assert printed == file.read_text(encoding="utf-8")
    assert ElementTree.fromstring(printed).tag.endswith("svg")


def test_the_configuration_of_the_article_is_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(PROJECT / "docs" / "examples" / "article" / "httpd.conf")
    assert run(file, "--profile", "1.2.7", "--seed", "7") == 0
    out = capsys.readouterr().out
    assert "balancer balancer of mod_jk 1.2.7, sticky sessions, 3 workers" in out
    assert all(f"\nnode{number} " in out for number in (1, 2, 3))


def test_what_if_a_worker_had_another_factor_and_there_were_one_more(
    workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--worker", "node1=lbfactor=3", "--worker", "node4=lbfactor=2", "--session-length", "1"]
    assert run(workers, "--seed", "7", "--json", "-", "--think", "500ms", *options) == 0
    shares = {one["name"]: one["share"] for one in json.loads(capsys.readouterr().out)["workers"]}
    expected = {"node1": 3 / 7, "node2": 1 / 7, "node3": 1 / 7, "node4": 2 / 7}
    assert shares == pytest.approx(expected, abs=0.01)


def test_workers_alone_make_a_balancer(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--worker", "a", "--worker", "b=lbfactor=2", "--worker", "balancer=method=B", "--duration", "5s"]
    assert main(["simulate", *words, "--seed", "7"]) == 0
    assert (
        "balancer balancer of mod_jk 1.2.50, method B, sticky sessions, 2 workers" in capsys.readouterr().out
    )


def test_the_profile_that_a_file_states_counts(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(workers).write_text(f"{WORKERS}refjk.profile=1.2.7\n")
    assert run(workers) == 0
    assert "of mod_jk 1.2.7" in capsys.readouterr().out


def test_warnings_about_the_configuration_go_to_standard_error(
    workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(workers).write_text(f"{WORKERS}worker.node1.cachesize=5\n")
    assert run(workers) == 0
    assert "cachesize is the old name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--fail", "node22@5s..9s"], 2, "the balancer lb has no worker 'node22'; the nearest name is node2"),
        (["--response", "nod1=5ms"], 2, "the nearest name is node1"),
        (["--fail", "node2@9s..9s"], 2, "ends before it begins"),
        (["--fail", "node2@1m.."], 2, "never played"),
        (["--fail", "node2"], 2, "write WORKER@FROM..TO"),
        (["--fail", "node2@1s..5s", "--fail", "node2@4s.."], 2, "outages of node2 overlap"),
        (["--drain", "node2@1s..:halt"], 2, "disable or stop"),
        (["--drain", "node2@1s..", "--profile", "1.2.7"], 2, "profile 1.2.50 can"),
        (["--duration", "10x"], 2, "'10x' is no time"),
        (["--duration", "0"], 2, "duration of 0"),
        (["--response", "gauss:3s"], 2, "constant:… or exponential:… or lognormal:…"),
        (["--response", "=3s"], 2, "names no worker"),
        (["--think", "0"], 2, "think for at least 1 ms"),
        (["--arrivals", "poisson:0"], 2, "poisson:25"),
        (["--users", "0"], 2, "at least 1"),
        (["--users", "1000000"], 2, "200000"),
        (["--session-length", "x"], 2, "not a number of requests"),
        (["--session-length", "nan"], 2, "at least 1 request"),
        (["--replication", "some"], 2, "none, domain, all"),
        (["--seed", "x"], 2, "not a number"),
        (["--profile", "1.2.8"], 2, "1.2.7 or 1.2.50"),
        (["--balancer", "lbb"], 2, "there is no balancer 'lbb'; the nearest name is lb"),
        (["--worker", "node2=lbfactr=3"], 2, "the nearest known name is lbfactor"),
        (["--worker", "node2=lbfactor"], 2, "WORKER=NAME=VALUE"),
        (["--json", "-", "--svg", "-"], 2, "cannot both be printed"),
        (["--svg", "/nowhere/x.svg"], 2, "cannot write --svg"),
        (["--workers", "/nowhere/missing.properties"], 3, "no such file"),
    ],
)
def test_a_mistake_is_told(
    workers: str, options: list[str], code: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = run(workers, *options)
    except SystemExit as refusal:
        found = int(refusal.code or 0)
    assert (found, reason in capsys.readouterr().err) == (code, True)


def test_without_a_configuration_it_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate"]) == 2
    assert "give --workers FILE" in capsys.readouterr().err


def test_a_configuration_that_is_refused_is_not_simulated(
    workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(workers).write_text(WORKERS.replace("9012", "99999"))
    assert run(workers) == 3
    assert run(workers, "--worker", "node2=lbfactor=2") == 3
    assert "port 99999 is not within" in capsys.readouterr().err
