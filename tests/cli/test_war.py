"""`refjk war build` and `refjk war check`."""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import pytest

from refjk.base.errors import InputError
from refjk.cli import war

WEB_XML = (
    "<web-app><context-param><param-name>refjk.application</param-name>"
    "<param-value>shop:application</param-value></context-param></web-app>"
)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    war.add_arguments(parser)
    return war.run(parser.parse_args(words))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "a#shop"
    (root / "WEB-INF").mkdir(parents=True)
    (root / "WEB-INF/web.xml").write_text(WEB_XML)
    (root / "index.html").write_text("<p>hello")
    return root


def test_an_archive_is_built_beside_its_folder_and_passes_the_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build", str(folder)) == 0
    built = capsys.readouterr().out
    assert built.startswith(f"{folder}.war: shop:application at /a/shop; 2 entries, ")
    assert run("check", f"{folder}.war") == 0
    assert capsys.readouterr().out == built
    assert run("check", "--verbose", f"{folder}.war") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["  hidden  WEB-INF/web.xml", "  served  index.html"]


def test_the_archive_goes_where_it_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "ROOT.war"
    assert run("build", str(folder), "--output", str(target)) == 0
    assert "shop:application at /; " in capsys.readouterr().out
    assert zipfile.ZipFile(target).testzip() is None
    with pytest.raises(InputError, match="FAR-CTX-04"):
        run("build", str(folder), "--output", str(tmp_path / "x.zip"))


def test_a_folder_that_makes_no_archive_is_told_with_the_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "WEB-INF/web.xml").write_text("<web-app/>")
    with pytest.raises(InputError, match=r"no node would deploy it: FAR-ARC-13 .*refjk\.application"):
        run("build", str(folder))
    assert [path.name for path in tmp_path.iterdir()] == ["a#shop"]


def test_an_archive_that_a_node_would_refuse_exits_1_with_the_reason(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.war"
    with zipfile.ZipFile(bad, "w") as target:
        target.writestr("../evil", "x")
    assert run("check", str(bad)) == 1
    error = capsys.readouterr().err
    assert "refused: FAR-ARC-02" in error and "'../evil'" in error
    assert run("check", str(bad.rename(tmp_path / "nul.war"))) == 1
    with pytest.raises(InputError):
        run("check", str(tmp_path / "none.war"))
