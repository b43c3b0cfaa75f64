"""The JkLogFile: who writes into it, at which level, and what a trace of the traffic looks like."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codec import (
    BODY_END_EMPTY_PACKET,
    CPING_PACKET,
    CPONG_PACKET,
    END_RESPONSE_REUSE,
    encode_send_body_chunk,
    encode_send_headers,
)
from refjk.ajp13.forward_request import encode_forward_request
from refjk.base.errors import InputError
from refjk.configuration.httpd_model import LogLevel
from refjk.configuration.origins import Profile
from refjk.runtime.jk_log import JkLog, JkLogHandler, current_request_id, logging_level
from refjk.runtime.traffic_trace import TrafficTrace
from refjk.speccheck import covers

LEVELS = list(LogLevel)
PID_TID = rf"\[{os.getpid()}:\d+\]"


OPENED: list[JkLog] = []


@pytest.fixture(autouse=True)
def all_closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def open_log(tmp_path: Path, level: LogLevel = LogLevel.TRACE, profile: Profile = Profile.V1_2_50) -> JkLog:
    """A log that is closed after the test."""
    log = JkLog(str(tmp_path / "jk.log"), level, profile=profile, stamp_format="[T] ")
    OPENED.append(log)
    return log


def lines(tmp_path: Path) -> list[str]:
    return (tmp_path / "jk.log").read_text("ascii").splitlines()


def texts(tmp_path: Path) -> list[str]:
    """Lines without what stands before the text."""
    return [line.split("): ", 1)[1] for line in lines(tmp_path)]


# -- lines ----------------------------------------------------------------------------------


@covers("LOG-LIN-02", "LOG-LIN-03")
def test_a_line_names_the_place_that_wrote_it(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.info("one")
    log.log(LogLevel.WARN, "two")
    first, second = lines(tmp_path)
    head = rf"\[T\] \[NO-ID\] {PID_TID}"
    me = r"test_a_line_names_the_place_that_wrote_it::test_jk_log\.py"
    assert re.fullmatch(rf"{head} \[info\] {me} \(\d+\): one", first)
    assert re.fullmatch(rf"{head} \[warn\] {me} \(\d+\): two", second)


@covers("LOG-LVL-02")
@pytest.mark.parametrize("threshold", LEVELS)
def test_a_log_holds_its_own_level_and_what_is_above(threshold: LogLevel, tmp_path: Path) -> None:
    log = open_log(tmp_path, threshold)
    for write in (log.trace, log.debug, log.info, log.warn, log.error, log.emerg):
        write("text")
    on = LEVELS[LEVELS.index(threshold) :]
    assert [line.split("] ")[3].lstrip("[") for line in lines(tmp_path)] == [level.value for level in on]
    assert [level for level in LEVELS if log.is_on(level)] == on


@covers("LOG-LVL-02")
def test_the_level_may_change(tmp_path: Path) -> None:
    log = open_log(tmp_path, LogLevel.ERROR)
    log.info("no")
    log.level = LogLevel.INFO
    log.info("yes")
    assert texts(tmp_path) == ["yes"]


@covers("LOG-LIN-03")
def test_the_id_is_that_of_the_request_of_this_thread(tmp_path: Path) -> None:
    log = open_log(tmp_path)

    def serve(name: str) -> None:
        current_request_id.set(name)
        log.info(name)

    before = current_request_id.set("CONFIG")
    log.info("CONFIG")
    threads = [threading.Thread(target=serve, args=(f"id{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    log.info("CONFIG")
    current_request_id.reset(before)
    log.info("NO-ID")
    assert all(f"[T] [{line.rpartition(' ')[2]}] [" in line for line in lines(tmp_path))
    assert len(lines(tmp_path)) == 6


@covers("LOG-STP-01")
@pytest.mark.parametrize(
    ("profile", "pattern"),
    [
        (Profile.V1_2_7, r"\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}\] \[info\] .*: text"),
        (Profile.V1_2_50, r"\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{3} \d{4}\] \[NO-ID\] .*: text"),
    ],
)
def test_each_version_has_its_stamp(profile: Profile, pattern: str, tmp_path: Path) -> None:
    log = JkLog(str(tmp_path / "jk.log"), profile=profile)
    log.info("text")
    log.close()
    assert re.fullmatch(pattern, lines(tmp_path)[0])


@covers("LOG-LIN-01")
def test_1_2_7_shows_threads_once_the_log_is_at_debug(tmp_path: Path) -> None:
    log = open_log(tmp_path, LogLevel.INFO, profile=Profile.V1_2_7)
    log.error("a")
    log.level = LogLevel.DEBUG
    log.error("b")
    first, second = lines(tmp_path)
    assert first.startswith("[T] [error] ")
    assert re.match(rf"\[T\] {PID_TID} \[error\] ", second)


@covers("LOG-REQ-01")
@pytest.mark.parametrize("level", LEVELS)
def test_a_request_line_is_written_at_every_level(level: LogLevel, tmp_path: Path) -> None:
    open_log(tmp_path, level).request('node1 "GET /\r\n" 200')
    assert lines(tmp_path) == ['[T] node1 "GET /\\x0d\\x0a" 200']


# -- the file -------------------------------------------------------------------------------


@covers("LOG-LIN-07")
def test_a_program_is_no_log() -> None:
    with pytest.raises(InputError, match=r"the JkLogFile \|rotate: refjk runs no programs .* to a file"):
        JkLog("|rotate")


def test_a_file_that_cannot_be_opened_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write the JkLogFile .*: No such file"):
        JkLog(str(tmp_path / "missing" / "jk.log"))


@covers("LOG-LIN-08")
def test_a_full_disk_is_said_once_and_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    log = JkLog("/dev/full")
    handler = JkLogHandler(log)
    log.info("a")
    log.request("b")
    handler.emit(logging.LogRecord("refjk", logging.ERROR, "x.py", 1, "c", (), None))
    log.close()
    assert capsys.readouterr().err == (
        "refjk: the JkLogFile cannot be written: [Errno 28] No space left on device\n"
    )


@covers("LOG-LIN-09")
def test_reopening_goes_on_in_a_new_file_or_in_the_old_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = JkLog(str(folder / "jk.log"))
    (folder / "jk.log").rename(folder / "old")
    log.info("a")
    log.reopen()
    log.info("b")
    folder.rename(tmp_path / "moved")
    log.reopen()
    log.info("c")
    log.close()
    assert (tmp_path / "moved" / "old").read_text().endswith(": a\n")
    assert [line[-1] for line in (tmp_path / "moved" / "jk.log").read_text().splitlines()] == ["b", "c"]
    assert "going on in the file that is open" in capsys.readouterr().err


# -- loggers --------------------------------------------------------------------------------


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[logging.Logger]:
    """A logger whose lines go to a JkLogFile at trace."""
    log = open_log(tmp_path)
    handler = JkLogHandler(log)
    logger = logging.getLogger("refjk.test-of-jk-log")
    logger.addHandler(handler)
    logger.setLevel(logging_level(LogLevel.TRACE))
    yield logger
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@covers("LOG-LVL-03")
@pytest.mark.parametrize(
    ("number", "level"),
    [
        (1, "trace"),
        (9, "trace"),
        (logging.DEBUG, "debug"),
        (logging.INFO, "info"),
        (logging.WARNING, "warn"),
        (logging.ERROR, "error"),
        (logging.CRITICAL, "emerg"),
        (99, "emerg"),
    ],
)
def test_what_a_logger_says_has_its_level_and_place(
    number: int, level: str, logger: logging.Logger, tmp_path: Path
) -> None:
    logger.setLevel(1)
    logger.log(number, "hello %s", "you")
    (line,) = lines(tmp_path)
    place = r"test_what_a_logger_says_has_its_level_and_place::test_jk_log\.py \(\d+\)"
    assert re.fullmatch(rf"\[T\] \[NO-ID\] {PID_TID} \[{level}\] {place}: hello you", line)


@covers("LOG-LVL-02", "LOG-LVL-03")
def test_a_logger_writes_no_more_than_the_log_takes(tmp_path: Path) -> None:
    handler = JkLogHandler(open_log(tmp_path, LogLevel.WARN))
    for number in (logging.INFO, logging.WARNING):
        handler.handle(logging.LogRecord("refjk", number, "x.py", 1, "text", (), None))
    assert len(lines(tmp_path)) == 1
    assert logging_level(LogLevel.WARN) == logging.WARNING


@covers("LOG-LIN-06")
def test_a_traceback_is_a_line_for_each_of_its_lines(logger: logging.Logger, tmp_path: Path) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logger.exception("it failed")
    said = texts(tmp_path)
    assert said[:2] == ["it failed", "Traceback (most recent call last):"]
    assert said[-2:] == ["ValueError: first", "second"]
    assert len({line.split("): ", 1)[0] for line in lines(tmp_path)}) == 1


def test_a_record_that_cannot_be_made_text_breaks_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = JkLogHandler(open_log(tmp_path))
    for text, number in (("%d", "none"), ("%s", "next")):
        handler.handle(logging.LogRecord("refjk", logging.INFO, "x.py", 1, text, (number,), None))
    assert texts(tmp_path) == ["next"]
    assert "Logging error" in capsys.readouterr().err


# -- the traffic ----------------------------------------------------------------------------

FACTS = ConnectionFacts(b"192.0.2.7", b"www.example", 80)
REQUEST = encode_forward_request(
    build_forward_request(
        b"POST",
        b"/a",
        b"q",
        [(b"Host", b"h"), (b"Authorization", b"Basic swordfish"), (b"Cookie", b"id=swordfish")],
        FACTS,
        body_size=3,
    ),
    8192,
)
BODY = b"\x12\x34\x00\x05\x00\x03abc"
ANSWER = (
    encode_send_headers(200, b"OK", [(b"Set-Cookie", b"id=swordfish")])
    + encode_send_body_chunk(bytes(range(256)) * 8)
    + END_RESPONSE_REUSE
)
TALK: list[tuple[Literal["sent", "received"], bytes]] = [
    ("sent", CPING_PACKET),
    ("received", CPONG_PACKET),
    ("sent", REQUEST + BODY),
    ("received", ANSWER),
]


def traced(tmp_path: Path, piece: int) -> list[str]:
    """What a log holds after the talk, fed in pieces of so many octets."""
    log = open_log(tmp_path)
    trace = TrafficTrace(log, "node1")
    for direction, octets in TALK:
        for start in range(0, len(octets), piece):
            trace(direction, octets[start : start + piece])
    trace.close()
    assert all("] [trace] " in line for line in lines(tmp_path))
    said = texts(tmp_path)
    (tmp_path / "jk.log").unlink()
    return said


def is_dump(text: str) -> bool:
    return re.match(r"node1: [0-9a-f]{4}    ", text) is not None


@covers("LOG-LVL-04")
def test_each_packet_is_a_line_of_words(tmp_path: Path) -> None:
    said = traced(tmp_path, 1 << 20)
    assert [text for text in said if not is_dump(text)] == [
        "node1: sent CPING, 5 octets",
        "node1: received CPONG, 5 octets",
        f"node1: sent FORWARD_REQUEST, {len(REQUEST)} octets:"
        " POST /a?q HTTP/1.1, 4 headers, content-length 3",
        "node1: sent BODY, 9 octets: 3 octets",
        f"node1: received SEND_HEADERS, {len(ANSWER) - 6 - 2056} octets: 200 OK, 1 header",
        "node1: received SEND_BODY_CHUNK, 2056 octets: 2048 octets",
        "node1: 1032 octets more",
        "node1: received END_RESPONSE, 6 octets: reuse",
    ]


@covers("LOG-LVL-04")
@pytest.mark.parametrize("piece", [1, 2, 7])
def test_pieces_make_no_difference(piece: int, tmp_path: Path) -> None:
    assert traced(tmp_path, piece) == traced(tmp_path, 1 << 20)


@covers("LOG-LVL-04")
def test_octets_stand_sixteen_in_a_line_and_1024_at_most(tmp_path: Path) -> None:
    said = traced(tmp_path, 1 << 20)
    at = said.index("node1: received SEND_BODY_CHUNK, 2056 octets: 2048 octets")
    dump = said[at + 1 : said.index("node1: 1032 octets more")]
    assert dump[0] == "node1: 0000    41 42 08 04 03 08 00 00 01 02 03 04 05 06 07 08  - AB.............."
    assert len(dump) == 64 and all(is_dump(line) for line in dump)
    assert "node1: 0000    12 34 00 05 00 03 61 62 63                       - .4....abc" in said


@covers("LOG-LVL-05")
def test_secrets_are_masked_in_words_and_in_octets(tmp_path: Path) -> None:
    said = traced(tmp_path, 1 << 20)
    signs = "".join(text.rpartition("  - ")[2] for text in said if is_dump(text))
    pairs = " ".join(text[15:62] for text in said if is_dump(text))
    assert "swordfish" not in "\n".join(said) + signs
    assert b"sword".hex(" ") not in re.sub(r" +", " ", pairs)
    assert pairs.count("**") == len("Basic swordfish") + 2 * len("id=swordfish") + 3 * 3


@covers("LOG-LVL-05")
def test_what_cannot_be_decoded_is_masked(tmp_path: Path) -> None:
    trace = TrafficTrace(open_log(tmp_path), "node1")
    trace("sent", b"\x12\x34\x00\x0d\x02\x02secretstuff")
    trace("received", b"\x00nonsense")
    trace("sent", b"\x12\x34\x00\x20\x02")
    trace.close()
    said = "\n".join(texts(tmp_path))
    assert "secret" not in said and b"sec".hex(" ") not in said
    assert "wrong: " in said
    assert "octets missing" in said


def test_the_end_marker_is_a_packet_too(tmp_path: Path) -> None:
    trace = TrafficTrace(open_log(tmp_path), "node1")
    trace("sent", REQUEST)
    trace("sent", BODY_END_EMPTY_PACKET)
    assert "node1: sent BODY_END, 4 octets: end marker" in texts(tmp_path)
