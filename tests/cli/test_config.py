"""`refjk config` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from refjk.cli.main import main

ARTICLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "article" / "httpd.conf"
Write = Callable[[str, str | bytes], str]
GOOD = "JkWorkerProperty worker.list=w\nJkShmFile x\nJkLogFile y\nJkMount /a w\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def one(name: str, text: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return one


def config(*words: str) -> int:
    return main(["config", *words])


# -- check ----------------------------------------------------------------------------------------


def test_a_good_file_has_nothing_to_complain_of(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert config("check", write("httpd.conf", GOOD)) == 0
    assert capsys.readouterr().out == "0 errors, 0 warnings\n"


def test_errors_make_exit_code_1_and_each_complaint_is_a_line(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("httpd.conf", GOOD + "JkMont /b w\nRequire all denied\n")
    assert config("check", file) == 1
    first, second, total = capsys.readouterr().out.splitlines()
    assert first.startswith(
        f"{file}:5: error: there is no directive JkMont; the nearest known name is JkMount"
    )
    assert second.startswith(f"{file}:6: warning: ")
    assert total == "1 error, 1 warning"


def test_the_kind_of_a_file_is_told_by_name_and_content_or_by_an_option(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    workers, mounts = write("workers.properties", "worker.list=w\n"), write("x.properties", "# x\n/a=w\n")
    kinds = [write("uriworkermap.properties", "/a=w\n"), write("other", GOOD)]
    assert config("check", "--json", "-", workers, mounts, *kinds) == 0
    found = [result["kind"] for result in json.loads(capsys.readouterr().out)]
    assert found == ["workers", "mounts", "mounts", "httpd"]
    assert config("check", "--kind", "workers", write("strange.txt", "worker.list=w\n")) == 0
    with pytest.raises(SystemExit) as exit_:
        config("check", "--kind", "nonsense", workers)
    assert exit_.value.code == 2


def test_the_profile_comes_from_the_option_or_the_file(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write("workers.properties", "refjk.profile=1.2.7\nworker.list=w\nworker.w.lb_factor=1\n")
    assert config("check", old) == 0
    assert config("check", "--profile", "1.2.50", old) == 1
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        config("check", "--profile", "1.3", old)
    assert exit_.value.code == 2
    assert "1.2.7 or 1.2.50" in capsys.readouterr().err


def test_included_files_are_read_from_the_disk(
    write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write("sites/b.conf", "JkMount /b w\n")
    write("sites/a.conf", "JkMount /a w\n")
    write("d/x/y", "JkMount /y w\n")
    file = write(
        "conf/httpd.conf", GOOD + "Include sites/*.conf\nInclude d\nIncludeOptional n/*.conf\nInclude n\n"
    )
    assert config("check", file) == 1
    assert f"{tmp_path}/n: no such file" in capsys.readouterr().out
    config("show", "--json", "-", file)
    names = [row["name"] for row in json.loads(capsys.readouterr().out)[0]["values"]]
    assert [name for name in names if name.startswith("JkMount /")] == [
        "JkMount /a",
        "JkMount /b",
        "JkMount /y",
    ]


def test_defines_and_the_environment_reach_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("httpd.conf", GOOD + "<IfDefine BAD>\nJkBogus\n</IfDefine>\nJkMount /${PART} w\n")
    monkeypatch.setenv("PART", "x")
    assert config("check", file) == 0
    assert config("check", "--define", "BAD", file) == 1


@pytest.mark.parametrize("text", [b"\xff\xfe", b"JkLogFile \x93logs/x\x94\n", "\ufeff# x\n".encode()])
def test_files_of_any_octets_can_be_read(text: bytes, write: Write) -> None:
    assert config("check", write("httpd.conf", text)) in (0, 1)


def test_a_file_that_cannot_be_read_makes_exit_code_3(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert config("check", str(tmp_path / "nix")) == 3
    assert config("show", str(tmp_path)) == 3
    assert "no such file" in capsys.readouterr().err


# -- show -----------------------------------------------------------------------------------------


def test_show_prints_every_value_with_its_origin(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    file = write("httpd.conf", GOOD + "JkWorkerProperty worker.w.secret=hush\n")
    assert config("show", file) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert f"worker.list = w {file}:1" in lines
    assert "worker.w.port = 8009 default" in lines
    assert f"JkMount /a = w {file}:4" in lines
    assert "worker.w.connection_pool_minsize = 13 connections derived" in lines
    assert "hush" not in out


def test_show_of_properties_and_mounts(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert config("show", write("workers.properties", "worker.list=w\n")) == 0
    assert "worker.w.host = localhost" in capsys.readouterr().out
    assert config("show", write("uriworkermap.properties", "!/a|/*=w;stateless=1\n")) == 0
    assert "uriworkermap !/a/* = w;stateless=1" in capsys.readouterr().out


def test_show_of_what_is_refused_says_so_and_exits_with_3(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert config("show", write("httpd.conf", GOOD + "JkMont x\n")) == 3
    out, err = capsys.readouterr()
    assert "worker.list = w" in out
    assert "there is no directive JkMont" in err


def test_json_goes_to_a_file_beside_the_text(
    write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = write("workers.properties", "worker.list=w\nworker.w.cachesize=5\n")
    assert config("show", "--json", str(tmp_path / "out.json"), file) == 0
    (result,) = json.loads((tmp_path / "out.json").read_text())
    assert (result["errors"], result["warnings"]) == (0, 1)
    assert result["complaints"][0]["clause"] == "CFG-PRP-12"
    pool = next(row for row in result["values"] if row["name"] == "worker.w.connection_pool_size")
    assert (pool["value"], pool["unit"], pool["line"], pool["source"]) == (5, "connections", 2, "given")
    assert "worker.list = w" in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["1.2.7", "1.2.50"])
def test_the_articles_configuration_is_taken(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert config("check", "--profile", profile, str(ARTICLE)) == 0
    assert "0 errors" in capsys.readouterr().out
