"""Lines of the access log, and the file they go to."""

from __future__ import annotations

import io
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from refjk.base.errors import InputError, UsageError
from refjk.configuration.log_format import LogItem
from refjk.runtime.access_log import FORMATS, AccessLog, LogEntry
from refjk.speccheck import covers

ENTRY = LogEntry(
    remote_addr="192.0.2.7",
    user="joe",
    method="GET",
    target="/a?b=c",
    protocol="HTTP/1.1",
    status=200,
    size=1234,
    duration_us=5678,
    referer="http://example/",
    user_agent="Agent/1 (x)",
    route="node1",
)
BARE = LogEntry("", "", "GET", "/", "HTTP/1.1", 204, 0, 1)


def lines(tmp_path: Path, log_format: str, *entries: LogEntry) -> list[str]:
    """What the log holds after these entries, each with its time taken out."""
    log = AccessLog(str(tmp_path / "log"), log_format)
    for entry in entries:
        log.write(entry, now=86400.0)
    log.close()
    text = (tmp_path / "log").read_text(encoding="ascii")
    assert text.endswith("\n")
    return [line.replace(line[line.index("[") : line.index("]") + 1], "[T]") for line in text.splitlines()]


@covers("WSG-LOG-01")
@pytest.mark.parametrize(
    ("log_format", "full", "bare"),
    [
        ("common", "", ""),
        ("combined", ' "http://example/" "Agent/1 (x)"', ' "-" "-"'),
        ("timed", " 5678 node1", " 1 -"),
    ],
)
def test_each_format_has_its_line(log_format: str, full: str, bare: str, tmp_path: Path) -> None:
    assert lines(tmp_path, log_format, ENTRY, BARE) == [
        f'192.0.2.7 - joe [T] "GET /a?b=c HTTP/1.1" 200 1234{full}',
        f'- - - [T] "GET / HTTP/1.1" 204 -{bare}',
    ]


@covers("WSG-LOG-01")
def test_the_time_is_that_of_the_common_log_format(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    log.write(ENTRY, now=1_700_000_000.0)
    log.close()
    stamp = (tmp_path / "log").read_text().split("[")[1].split("]")[0]
    assert (stamp[3:6], stamp[6:12], stamp[20], len(stamp)) == ("Nov", "/2023:", " ", 26)


@covers("WSG-LOG-02")
@pytest.mark.parametrize("code", [*range(0x20), 0x22, 0x5C, *range(0x7F, 0x100)])
def test_octets_that_could_forge_a_line_are_escaped(code: int, tmp_path: Path) -> None:
    evil = f"a{chr(code)}b"
    entry = replace(
        ENTRY,
        remote_addr=evil,
        user=evil,
        method=evil,
        target=evil,
        protocol=evil,
        referer=evil,
        user_agent=evil,
        route=evil,
    )
    clean = f"a\\x{code:02x}b"
    assert lines(tmp_path, "combined", entry) == [
        f'{clean} - {clean} [T] "{clean} {clean} {clean}" 200 1234 "{clean}" "{clean}"'
    ]
    (tmp_path / "log").unlink()
    assert lines(tmp_path, "timed", entry)[0].endswith(f" 5678 {clean}")


def test_a_format_is_one_of_three_names_or_has_letters() -> None:
    assert FORMATS == ("common", "combined", "timed")
    with pytest.raises(UsageError, match="no access log format 'json'; there are common, combined, timed"):
        AccessLog("-", "json")
    with pytest.raises(UsageError, match="access log format '%h %Y': %Y says nothing"):
        AccessLog("-", "%h %Y")


@covers("LOG-ACC-01")
def test_a_format_may_be_text_with_letters_or_items_of_a_configuration(tmp_path: Path) -> None:
    entry = replace(ENTRY, target='/"')
    for log_format in ('[T] %m "%r" %D %{Referer}i', None):
        items = (LogItem("", "[T] "), LogItem("m"), LogItem("", ' "'), LogItem("r"), LogItem("", '" 5678 '))
        log = AccessLog(str(tmp_path / "log"), log_format or (*items, LogItem("i", "referer")))
        log.write(entry)
        log.close()
    line = '[T] GET "GET /\\" HTTP/1.1" 5678 http://example/'
    assert (tmp_path / "log").read_text().splitlines() == [line, line]


@covers("LOG-ACC-08", "LOG-ACC-09")
def test_a_condition_tells_which_requests_are_written(tmp_path: Path) -> None:
    entries = [replace(ENTRY, method=method, env=env) for method, env in (("A", {"X": ""}), ("B", {}))]
    for condition, methods in (("env=X", "A"), ("env=!X", "B"), ("expr=true", "AB"), ("", "AB")):
        log = AccessLog(str(tmp_path / f"log{condition}"), "%m", condition=condition)
        for entry in entries:
            log.write(entry)
        log.close()
        assert (tmp_path / f"log{condition}").read_text().split() == list(methods)


@covers("LOG-ACC-06")
def test_the_time_is_that_of_the_request_and_not_of_its_line(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"), "%{usec}t %{end:usec}t")
    log.write(ENTRY, now=1_700_000_000.5)
    log.write(ENTRY)
    log.close()
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first == "1700000000494322 1700000000500000"
    begin, end = map(int, second.split())
    assert end - begin == ENTRY.duration_us
    assert abs(end / 1e6 - time.time()) < 60


@covers("LOG-LIN-07")
def test_a_program_is_no_log() -> None:
    with pytest.raises(InputError, match=r"the access log \|rotatelogs x: refjk runs no programs .* a file"):
        AccessLog("|rotatelogs x")


@covers("WSG-LOG-01")
def test_what_is_in_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before [] line\n")
    assert len(lines(tmp_path, "common", ENTRY)) == 2


def test_standard_output_is_written_and_never_closed(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog("-")
    log.write(BARE)
    log.reopen()
    log.close()
    print("still open")
    out = capsys.readouterr().out
    assert out.count("\n") == 2
    assert '"GET / HTTP/1.1" 204 -' in out


@covers("WSG-LOG-03", "LOG-LIN-09")
def test_reopening_goes_on_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path))
    log.write(ENTRY)
    path.rename(tmp_path / "old")
    log.write(ENTRY)
    log.reopen()
    log.write(ENTRY)
    log.close()
    assert len((tmp_path / "old").read_text().splitlines()) == 2
    assert len(path.read_text().splitlines()) == 1


@covers("WSG-LOG-03", "LOG-LIN-09")
def test_when_reopening_fails_the_old_file_serves_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "logs" / "log"
    path.parent.mkdir()
    log = AccessLog(str(path))
    path.parent.rename(tmp_path / "moved")
    log.reopen()
    log.write(ENTRY)
    log.close()
    assert "cannot write the access log" in caplog.text
    assert "going on in the file that is open" in caplog.text
    assert len((tmp_path / "moved" / "log").read_text().splitlines()) == 1


@covers("WSG-LOG-03", "LOG-LIN-09")
def test_lines_written_while_the_log_is_reopened_are_all_kept(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))

    def write() -> None:
        for _ in range(500):
            log.write(ENTRY)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for number in range(20):
        (tmp_path / "log").rename(tmp_path / f"log.{number}")
        log.reopen()
    for writer in writers:
        writer.join(20)
    log.close()
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert len(text.splitlines()) == 1500
    assert len({line.split("]")[1] for line in text.splitlines()}) == 1


@covers("WSG-LOG-04", "LOG-LIN-08")
def test_a_log_that_cannot_be_written_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = io.StringIO()
    monkeypatch.setattr(sys, "stdout", gone)
    log = AccessLog("-")
    log.write(ENTRY)
    gone.close()
    for _ in range(3):
        log.write(ENTRY)
    log.close()
    assert [record.name for record in caplog.records] == ["refjk.access"]


@covers("WSG-STP-07")
@pytest.mark.parametrize("where", ["", "missing/log", "file/log", "zero\0"])
def test_a_log_that_cannot_be_opened_is_said_in_one_sentence(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the access log"):
        AccessLog(str(tmp_path / where))
