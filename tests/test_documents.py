"""What the documents promise a reader who follows them: links that lead somewhere, commands that parse."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

import pytest

from refjk.cli.main import COMMANDS, build_parser
from refjk.runtime.loading import load_application

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "spec").rglob("*.md")),
]
README = (ROOT / "README.md").read_text("utf-8")
FENCE = "```"
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
HEADING = re.compile(r"#{1,6} +(.*?)(?: +#+)?$")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
UNIT_FILE = re.compile(r"^ExecStart=(\S*/)?(?=refjk )")
BEFORE_A_PROGRAM = re.compile(r"sudo|until|while|if|do|!|[A-Z_]+=.*")
TEST_COMMAND = re.compile(r"^test_command\(\) \{\n.*?^\}\n", re.S | re.M)


@dataclass(frozen=True)
class Line:
    """One line of a page; `number` counts from 1, `block` is that of its fenced block or None."""

    number: int
    text: str
    block: int | None


def lines_of(text: str) -> Iterator[Line]:
    """All lines but the fences."""
    blocks = 0
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(FENCE):
            inside = not inside
            blocks += inside
        else:
            yield Line(number, line, blocks if inside else None)


# -- links --------------------------------------------------------------------------------


def links_of(text: str) -> Iterator[tuple[int, str]]:
    """Line and target of each link into this project."""
    for line in lines_of(text):
        if line.block is None:
            for match in LINK.finditer(CODE_SPAN.sub("", line.text)):
                if not ELSEWHERE.match(match[1]):
                    yield line.number, match[1]


def anchors_of(text: str) -> set[str]:
    """The fragments that lead to the headings of a page, as GitHub forms them."""
    anchors: set[str] = set()
    for line in lines_of(text):
        if line.block is None and (match := HEADING.match(line.text)):
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).replace("`", "").lower()
            anchor = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
            later = (f"{anchor}-{number}" for number in range(1, 100))
            anchors.add(next(name for name in (anchor, *later) if name not in anchors))
    return anchors


def dead_links(page: Path, root: Path = ROOT) -> list[str]:
    dead = []
    for number, link in links_of(page.read_text("utf-8")):
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            dead.append(f"line {number}: {link}: there is no such file")
        elif not target.is_relative_to(root):
            dead.append(f"line {number}: {link}: leads out of the project")
        elif fragment and fragment not in anchors_of(target.read_text("utf-8")):
            dead.append(f"line {number}: {link}: there is no such heading")
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_project_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    text = (
        "# One & `two_three`\n## Again\n## Again\n[a](#one--two_three) [b](#again-1) [c](https://there/#x)\n"
        "`[d](not-a-link.md)`\n```\n[e](neither.md)\n# no heading\n```\n[f](gone.md#x) and [g](../a b)\n"
    )
    assert list(links_of(text)) == [(4, "#one--two_three"), (4, "#again-1"), (10, "gone.md#x")]
    assert anchors_of(text) == {"one--two_three", "again", "again-1"}
    page = tmp_path / "page.md"
    page.write_text("# Title\n[a](#title)\n[b](#other)\n[c](gone.md)\n[d](page.md#title)\n[e](..)\n")
    assert dead_links(page, tmp_path) == [
        "line 3: #other: there is no such heading",
        "line 4: gone.md: there is no such file",
        "line 6: ..: leads out of the project",
    ]


# -- commands -----------------------------------------------------------------------------


def joined(lines: list[Line]) -> Iterator[Line]:
    """Lines of one block, with those that a backslash continues put together."""
    waiting: Line | None = None
    for line in lines:
        text = line.text if waiting is None else waiting.text + line.text.lstrip()
        waiting = Line(line.number if waiting is None else waiting.number, text, line.block)
        if text.endswith("\\"):
            waiting = Line(waiting.number, text[:-1], line.block)
        else:
            yield waiting
            waiting = None


def shell_lines(text: str) -> Iterator[tuple[int, str]]:
    """What a reader would type: in a block with prompts the lines behind them, in others each line."""
    blocks: dict[int, list[Line]] = {}
    for line in lines_of(text):
        if line.block is not None:
            blocks.setdefault(line.block, []).append(line)
    for lines in blocks.values():
        whole = [Line(line.number, line.text.strip(), line.block) for line in joined(lines)]
        prompted = any(line.text.startswith("$ ") for line in whole)
        for line in whole:
            if not prompted:
                yield line.number, line.text
            elif line.text.startswith("$ "):
                yield line.number, line.text[2:]


def simple_commands(line: str) -> list[list[str]]:
    """The words of each simple command of a shell line; none of a line that is no shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    redirected = False
    try:
        for word in lexer:
            if set(word) <= set("<>"):
                redirected = True
            elif set(word) <= set(";|&"):
                commands.append([])
            elif redirected:
                redirected = False
            else:
                commands[-1].append(word)
    except ValueError:
        return []
    return commands


def refjk_words(command: list[str]) -> list[str] | None:
    """What stands behind `refjk` or `python -m refjk`; None for other programs and for what refjk says."""
    words = list(dropwhile(BEFORE_A_PROGRAM.fullmatch, command))
    if words[1:3] == ["-m", "refjk"] and Path(words[0]).name.startswith("python"):
        return words[3:]
    said_by_refjk = len(words) < 2 or words[1].endswith(":")
    return words[1:] if words[:1] == ["refjk"] and not said_by_refjk else None


def commands_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line and words of each refjk command in the fenced blocks that has no placeholder."""
    for number, line in shell_lines(text):
        for command in simple_commands(UNIT_FILE.sub("", line)):
            words = refjk_words(command)
            if words is not None and not any("…" in word for word in words):
                yield number, words


def problem(words: list[str], capsys: pytest.CaptureFixture[str]) -> str | None:
    """What the parser says against a command line; None when it takes it."""
    named = next((word for word in words if word in COMMANDS), None)
    try:
        build_parser(named).parse_args(words)
    except SystemExit as end:
        return None if end.code == 0 else capsys.readouterr().err.strip().splitlines()[-1]
    return None


COMMAND_LINES = [
    pytest.param(words, id=f"{page.relative_to(ROOT)}:{number}")
    for page in PAGES
    for number, words in commands_of(page.read_text("utf-8"))
]


@pytest.mark.parametrize("words", COMMAND_LINES)
def test_every_command_line_in_a_document_parses(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem(words, capsys) is None, shlex.join(words)


def test_command_lines_are_found_as_a_shell_would_and_wrong_ones_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (
        "refjk ping outside\n"
        "```sh\n"
        "echo 12 | python3 -m refjk decode > out  # hex\n"
        "refjk front --mount '/*=a' \\\n"
        "    --worker a=127.0.0.1:1 &\n"
        "refjk serve …\n"
        "# refjk no\n"
        "```\n"
        "```\n$ until A=b refjk ping --no-such ajp://a; do sleep 1; done\nrefjk ping answered\n```\n"
        "```\nrefjk demo: open\nhere ══▶ (refjk x)\nExecStart=/bin/refjk demo --check\n```\n"
    )
    found = list(commands_of(text))
    assert found == [
        (3, ["decode"]),
        (4, ["front", "--mount", "/*=a", "--worker", "a=127.0.0.1:1"]),
        (10, ["ping", "--no-such", "ajp://a"]),
        (16, ["demo", "--check"]),
    ]
    verdicts = [problem(words, capsys) for _, words in found]
    assert [verdicts[0], verdicts[1], verdicts[3]] == [None, None, None]
    assert "--no-such" in (verdicts[2] or "")
    assert "sreve" in (problem(["sreve", "a:b"], capsys) or "")


def test_the_readme_shows_at_least_one_command_of_each_kind() -> None:
    shown = {words[0] for _, words in commands_of(README)}
    assert shown >= {"demo", "serve", "decode", "ping", "request", "vectors", "spec"}


def test_the_application_that_the_readme_serves_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    served = [
        build_parser("serve").parse_args(words).application
        for _, words in commands_of(README)
        if words[0] == "serve"
    ]
    assert served
    for name in served:
        assert callable(load_application(name))


def test_the_readme_has_the_test_command_where_the_ci_looks_for_it() -> None:
    looked_up = TEST_COMMAND.search((ROOT / ".ci" / "run").read_text("utf-8"))
    assert looked_up is not None
    found = subprocess.run(
        ["bash", "-c", f"{looked_up[0]}\ntest_command"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    assert README.count("<!-- test command -->") == 1
    assert f"<!-- test command -->\n```\n{found}```\n" in README
    assert "'.[test]'" in found and "-m pytest" in found
