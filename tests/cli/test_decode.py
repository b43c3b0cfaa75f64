"""`refjk decode` as a user meets it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from refjk.cli import decode as command
from refjk.cli.main import main
from refjk.runtime.addresses import Address
from tests.ajp13.support import (
    CPING,
    CPONG,
    END_1,
    HEADERS_200,
    body_packet,
    chunk,
    content_length,
    forward_request,
    request_octets,
    string,
)
from tests.decode.support import Talk, pcap

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20.0
EXCHANGE = Talk().open().say(">", forward_request()).say("<", HEADERS_200 + chunk(b"x") + END_1)


def write(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def start(*words: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "refjk", "decode", *words],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have it ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,  # type: ignore[call-overload]
    )


def run(*words: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "refjk", "decode", *words],
        cwd=PROJECT,
        input=given,
        capture_output=True,
        timeout=DEADLINE_S,
        env={**os.environ, **environment},
    )


@contextlib.contextmanager
def deadline(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill the process when it takes too long, and in any case at the end."""
    timer = threading.Timer(DEADLINE_S, process.kill)
    timer.start()
    try:
        with process:
            yield
            process.kill()
    finally:
        timer.cancel()


# Exit codes.


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (pcap(EXCHANGE.packets), 0, "4 packets on 1 connection; nothing wrong"),
        ("12 34 00 01 0a\n", 0, "1 packet on 1 connection; nothing wrong"),
        ("41 42 00 02 05 01 41 42 00 01 09\n", 1, "2 packets on 1 connection; 1 wrong"),
        ("> 12 35 00 01 0a\n", 1, "0 packets on 1 connection; 1 wrong"),
        ("hello\n", 3, "recording: line 1: not octets in hexadecimal: 'hello'"),
        (b"\x00\x01\x02\x03", 3, "recording: neither a capture file (pcap, pcapng) nor hex text"),
        (b"", 3, "recording: there is nothing in it"),
        (pcap([])[:24] + b"\xff" * 16, 3, "recording: broken capture file: at octet 24"),
        (pcap([]), 5, "there is no AJP13 packet in"),
        ("dead beef\n", 5, "there is no AJP13 packet in"),
    ],
)
def test_the_exit_code_says_what_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | str, code: int, said: str
) -> None:
    assert main(["decode", write(tmp_path / "recording", content)]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_cannot_be_read_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", name]) == 3
    assert capsys.readouterr().err.startswith(f"refjk decode: {name}: ")


def test_what_was_decoded_before_an_error_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", write(tmp_path / "text", "12 34 00 01 0a\noops\n")]) == 3
    assert "CPING" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "0", "x"],
        ["--port", "70000", "x"],
        ["--packet-size", "100", "x"],
        ["--json", "--diagram", "x"],
        ["--relay", "8010"],
        ["--relay", "a:b"],
        ["--relay", "8010=127.0.0.1:x"],
        ["--relay", "127.0.0.1:8010=127.0.0.1:0"],
    ],
)
def test_options_that_make_no_sense_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["decode", *words])
    assert ended.value.code == 2
    assert "error: argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--write", "x"], "--write and --allow-remote go with --relay"),
        (["--relay", "0=127.0.0.1:1", "file"], "--relay takes neither FILE nor --port"),
        (["--relay", "0.0.0.0:0=127.0.0.1:1"], "0.0.0.0:0 is not a loopback address"),
        (
            ["--relay", "0=127.0.0.1:1", "--write", "/nowhere/x"],
            "cannot write --write /nowhere/x: No such file",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", *words]) == 2
    assert said in capsys.readouterr().err


# Input and output.


def test_standard_input_is_read_when_no_file_is_named() -> None:
    for words in ((), ("-",)):
        done = run(*words, given=pcap(EXCHANGE.packets))
        assert done.returncode == 0
        assert b"FORWARD_REQUEST" in done.stdout


def test_packets_appear_while_the_input_goes_on() -> None:
    process = start()
    with deadline(process):
        assert process.stdin and process.stdout
        for octets, kind in ((CPING, "CPING"), (CPONG, "CPONG"), (forward_request(), "FORWARD_REQUEST")):
            process.stdin.write(octets.hex(" ") + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            while line.startswith("connection"):
                line = process.stdout.readline()
            assert kind in line
        process.stdin.close()
        assert process.wait() == 0


def test_an_interrupt_ends_with_a_summary() -> None:
    process = start()
    with deadline(process):
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("12 34 00 01 0a\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read() == "refjk decode: 1 packet on 1 connection; nothing wrong\n"


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    path = write(tmp_path / "big", (CPING.hex() + "\n") * 20_000)
    process = start(path)
    with deadline(process):
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 141
        assert "internal error" not in process.stderr.read()


def test_an_output_without_arrows_gets_plain_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "recording", pcap(EXCHANGE.packets))
    for words in ((), ("--diagram",)):
        done = run(path, *words, PYTHONIOENCODING="ascii")
        assert done.returncode == 0
        assert done.stdout.isascii()
        assert b">" in done.stdout


def test_every_form_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "recording", pcap(EXCHANGE.packets))
    assert main(["decode", path, "-v"]) == 0
    assert '"HTTP/1.1"  [00 08 48 54' in capsys.readouterr().out
    assert main(["decode", path, "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["opened", *["packet"] * 4]
    assert main(["decode", path, "--diagram"]) == 0
    assert "▶ │" in capsys.readouterr().out


def test_secrets_are_shown_only_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packet = forward_request(attributes=b"\x0c" + string(b"s3cret"))
    path = write(tmp_path / "recording", packet.hex())
    for form in ("-v", "-vv", "--json", "--diagram"):
        assert main(["decode", path, form]) == 0
        assert "s3cret" not in capsys.readouterr().out
    assert main(["decode", path, "-v", "--show-secrets"]) == 0
    assert "s3cret" in capsys.readouterr().out


def test_packet_size_and_lenience_decide_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = write(tmp_path / "long", (request_octets(9000) + body_packet(b"b" * 9000)).hex())
    assert main(["decode", long]) == 0
    assert main(["decode", long, "--packet-size", "8192"]) == 1
    assert "AJP-FRM-09 at octet 2, web server" in capsys.readouterr().out
    odd = forward_request(headers=[content_length(0), string(b"transfer-encoding") + string(b"chunked")])
    path = write(tmp_path / "odd", odd.hex())
    assert main(["decode", path]) == 1
    assert main(["decode", path, "--lenient"]) == 0


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_colour_only_on_a_terminal_that_wants_it(
    tmp_path: Path, environment: dict[str, str], coloured: bool
) -> None:
    path = write(tmp_path / "recording", pcap(EXCHANGE.packets))
    leader, follower = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    words = [sys.executable, "-m", "refjk", "decode", path]
    with subprocess.Popen(
        words, cwd=PROJECT, stdout=follower, stderr=subprocess.PIPE, env={**clean, **environment}
    ) as process:
        assert process.wait(DEADLINE_S) == 0
        os.close(follower)
        out = os.read(leader, 65536)
        os.close(leader)
    assert (b"\x1b[" in out) is coloured
    assert b"\x1b[" not in run(path).stdout


# The relay.


@pytest.mark.parametrize(
    ("text", "listen", "target"),
    [
        ("8010=8009", ("127.0.0.1", 8010), ("127.0.0.1", 8009)),
        ("8010=host:8009", ("127.0.0.1", 8010), ("host", 8009)),
        ("127.0.0.1:8010=127.0.0.1:8009", ("127.0.0.1", 8010), ("127.0.0.1", 8009)),
        ("[::1]:8010=[::1]:8009", ("::1", 8010), ("::1", 8009)),
        ("8010:127.0.0.1:8009", ("127.0.0.1", 8010), ("127.0.0.1", 8009)),
        ("127.0.0.1:8010:127.0.0.1:8009", ("127.0.0.1", 8010), ("127.0.0.1", 8009)),
        ("localhost:8010:tomcat:8009", ("localhost", 8010), ("tomcat", 8009)),
        ("8010:[::1]:8009", ("127.0.0.1", 8010), ("::1", 8009)),
        ("[::1]:0:[::1]:8009", ("::1", 0), ("::1", 8009)),
    ],
)
def test_both_ways_to_write_a_relay_are_understood(
    text: str, listen: tuple[str, int], target: tuple[str, int]
) -> None:
    assert command._relay(text) == (Address(*listen), Address(*target))


@contextlib.contextmanager
def relay(target: tuple[str, int], *words: str) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    process = start("--relay", f"0={target[0]}:{target[1]}", *words)
    with deadline(process):
        assert process.stderr
        said = process.stderr.readline()
        found = re.fullmatch(r"refjk decode: relaying 127\.0\.0\.1:(\d+) to .*; Ctrl-C ends it\n", said)
        assert found, said
        yield process, ("127.0.0.1", int(found[1]))


def talk_through(
    address: tuple[str, int], listener: socket.socket, exchange: list[tuple[bytes, bytes]]
) -> None:
    with socket.create_connection(address, DEADLINE_S) as web_server:
        container, _ = listener.accept()
        with container:
            container.settimeout(DEADLINE_S)
            for question, answer in exchange:
                for sender, receiver, octets in (
                    (web_server, container, question),
                    (container, web_server, answer),
                ):
                    sender.sendall(octets)
                    got = b""
                    while len(got) < len(octets):
                        got += receiver.recv(65536)
                    assert got == octets


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_relay_shows_what_passes_and_ends_on_a_signal(tmp_path: Path, number: int) -> None:
    recorded = tmp_path / "recorded.pcap"
    exchange = [(CPING, CPONG), (forward_request(), HEADERS_200 + chunk(b"x" * 50_000) + END_1)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        with relay(listener.getsockname(), "--write", str(recorded)) as (process, address):
            talk_through(address, listener, exchange)
            assert process.stdout and process.stderr
            shown = ""
            while "closed by container" not in shown or "closed by web server" not in shown:
                shown += process.stdout.readline()
            process.send_signal(number)
            assert process.wait() == 0
            assert process.stderr.read() == "refjk decode: 6 packets on 1 connection; nothing wrong\n"
    kinds = re.findall(r"[→←] (\w+)", shown)
    assert kinds == [
        "container",
        "CPING",
        "CPONG",
        "FORWARD_REQUEST",
        "SEND_HEADERS",
        "SEND_BODY_CHUNK",
        "END_RESPONSE",
    ]
    assert stat.S_IMODE(recorded.stat().st_mode) == 0o600
    again = run(str(recorded))
    assert again.returncode == 0
    assert re.findall(r"[→←] (\w+)", again.stdout.decode()) == kinds
    assert f"container 127.0.0.1:{listener_port(shown)}" in again.stdout.decode()


def listener_port(shown: str) -> str:
    found = re.search(r"container 127\.0\.0\.1:(\d+)", shown)
    assert found
    return found[1]


def test_broken_traffic_is_passed_on_all_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        with relay(listener.getsockname()) as (process, address):
            talk_through(address, listener, [(b"GET / HTTP/1.1\r\n\r\n", b"AB\xff")])
            assert process.stdout
            shown = ""
            while "closed by container" not in shown:
                shown += process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait() == 1
    assert "wrong: AJP-FRM-04 at octet 0, web server: expected 12 34, got 47 45" in shown


def test_a_relay_whose_output_nobody_reads_passes_everything_on() -> None:
    data = chunk(b"d" * 60_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        with relay(listener.getsockname(), "--json", "-v") as (process, address):
            # Each packet is twice as long as text, far more than a pipe and the queue hold.
            talk_through(address, listener, [(forward_request(), HEADERS_200), *[(b"", data)] * 600])
            process.send_signal(signal.SIGTERM)
            out, said = process.communicate(timeout=DEADLINE_S)
    lost = re.search(r"(\d+) octets passed unseen", said)
    seen = sum(json.loads(line).get("size", 0) for line in out.splitlines())
    assert lost is not None
    assert 0 < seen < 600 * len(data)
    assert "the output was slower than the traffic" in out


def test_a_container_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = listener.getsockname()
    with relay(target) as (process, address):
        assert process.stdout
        with (
            socket.create_connection(address, DEADLINE_S) as web_server,
            contextlib.suppress(ConnectionError),
        ):
            web_server.recv(1)
        assert "#1 the container cannot be reached: Connection refused" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


def test_help_tells_the_forms_of_input_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["decode", "--help"])
    out = capsys.readouterr().out
    assert "LISTEN=TARGET" in out
    assert "hexdump -C" in out
    assert "5 no AJP13 packet in it" in out
