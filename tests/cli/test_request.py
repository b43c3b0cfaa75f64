"""`refjk request` as a user meets it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from refjk.ajp13 import AttributeCode, ContainerPolicy, ForwardRequest
from refjk.ajp13.codec import END_RESPONSE_REUSE, encode_send_body_chunk, encode_send_headers
from refjk.cli.main import main
from tests.runtime.containers import Script, Talk, TinyContainer

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----\n"

Capture = pytest.CaptureFixture[bytes]


def request(container: TinyContainer, path: str, *words: str) -> int:
    return main(["request", f"ajp://{container.address}{path}", *words])


def sent(*words: str, path: str = "/a") -> tuple[ForwardRequest, bytes]:
    """The request and its body as the container gets them."""
    seen: list[tuple[ForwardRequest, bytes]] = []

    def script(talk: Talk) -> None:
        received = talk.request()
        seen.append((received.request, b"".join(talk.body())))
        talk.answer()

    with TinyContainer(script, packet_size=65536) as container:
        assert request(container, path, *words) == 0
    return seen[0]


def answering(status: int = 200, body: bytes = b"hello\n") -> Script:
    def script(talk: Talk) -> None:
        talk.request()
        talk.answer(body, status, [(b"X-A", b"1"), (b"X-A", b"\xe4")])

    return script


def saying(octets: bytes) -> Script:
    def script(talk: Talk) -> None:
        talk.request()
        talk.send(octets)

    return script


# -- the request --------------------------------------------------------------------------


def test_a_plain_request_says_what_a_web_server_would_say() -> None:
    seen, body = sent(path="/a%20b;c?x=1&y=")
    assert (seen.method, seen.protocol, seen.req_uri) == (b"GET", b"HTTP/1.1", b"/a%20b;c")
    assert seen.attributes == ((AttributeCode.QUERY_STRING, None, b"x=1&y="),)
    assert (seen.remote_addr, seen.remote_host, seen.server_name) == (b"127.0.0.1", None, b"127.0.0.1")
    assert (seen.server_port, seen.is_ssl, body) == (80, False, b"")
    assert [name for name, _ in seen.headers] == [b"host", b"user-agent", b"accept", b"content-length"]
    assert seen.header_values(b"host") == [b"127.0.0.1"]
    assert seen.header_values(b"content-length") == [b"0"]


def test_headers_keep_their_order_and_replace_those_of_refjk() -> None:
    seen, _ = sent("-H", "X-B: 1", "--header", "host:h", "-H", "x-b:  two words ", "-H", "X-Empty:")
    assert seen.headers == (
        (b"user-agent", seen.header_values(b"user-agent")[0]),
        (b"accept", b"*/*"),
        (b"X-B", b"1"),
        (b"host", b"h"),
        (b"x-b", b"two words"),
        (b"X-Empty", b""),
        (b"content-length", b"0"),
    )


def test_all_facts_of_the_connection_can_be_chosen(tmp_path: Path) -> None:
    certificate = tmp_path / "client.pem"
    certificate.write_text(f"comment\n{KEY}{PEM}{PEM}")
    facts = {
        "--remote-addr": "192.0.2.7",
        "--remote-host": "client.example",
        "--remote-port": "54321",
        "--remote-user": "alice",
        "--auth-type": "BASIC",
        "--server-name": "www.example",
        "--server-port": "8443",
        "--tls-cipher": "TLS_AES_128_GCM_SHA256",
        "--tls-key-size": "128",
        "--tls-session": "0a0b",
        "--tls-protocol": "TLSv1.3",
        "--tls-cert": str(certificate),
        "--route": "node1",
        "--attribute": "COLOUR=light=red",
        "--http-version": "1.0",
        "--method": "PATCH",
    }
    seen, _ = sent(*(word for pair in facts.items() for word in pair))
    assert (seen.method, seen.protocol) == (b"PATCH", b"HTTP/1.0")
    assert (seen.remote_addr, seen.remote_host) == (b"192.0.2.7", b"client.example")
    assert (seen.server_name, seen.server_port, seen.is_ssl) == (b"www.example", 8443, True)
    assert seen.header_values(b"host") == [b"www.example:8443"]
    assert seen.attribute(AttributeCode.REMOTE_USER) == b"alice"
    assert seen.attribute(AttributeCode.AUTH_TYPE) == b"BASIC"
    assert seen.attribute(AttributeCode.ROUTE) == b"node1"
    assert seen.attribute(AttributeCode.SSL_CIPHER) == b"TLS_AES_128_GCM_SHA256"
    assert seen.attribute(AttributeCode.SSL_KEY_SIZE) == 128
    assert seen.attribute(AttributeCode.SSL_SESSION) == b"0a0b"
    assert seen.attribute(AttributeCode.SSL_CERT) == (PEM + PEM).encode()  # and not the key
    assert list(seen.request_attributes()) == [
        (b"AJP_SSL_PROTOCOL", b"TLSv1.3"),
        (b"AJP_REMOTE_PORT", b"54321"),
        (b"COLOUR", b"light=red"),
    ]


def test_tls_alone_changes_the_scheme_and_the_port() -> None:
    seen, _ = sent("--tls")
    assert (seen.is_ssl, seen.server_port, seen.header_values(b"host")) == (True, 443, [b"127.0.0.1"])


def test_the_secret_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFJK_SECRET", "from the environment")
    assert sent()[0].attribute(AttributeCode.SECRET) == b"from the environment"
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    assert sent("--secret-file", str(file))[0].attribute(AttributeCode.SECRET) == b"from the file"
    monkeypatch.setenv("REFJK_SECRET", "")
    assert sent()[0].attribute(AttributeCode.SECRET) is None


# -- the body -----------------------------------------------------------------------------


def test_data_makes_it_a_post_of_that_length() -> None:
    seen, body = sent("-d", "häh?")
    assert (seen.method, body) == (b"POST", "häh?".encode())
    assert seen.header_values(b"content-length") == [b"5"]
    assert sent("-d", "")[0].header_values(b"content-length") == [b"0"]


@pytest.mark.parametrize("size", [0, 1, 100_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_file_is_sent_as_it_is(tmp_path: Path, size: int, chunked: bool) -> None:
    file = tmp_path / "data"
    file.write_bytes(os.urandom(size))
    seen, body = sent("-d", f"@{file}", "-X", "PUT", *(["--chunked"] if chunked else []))
    assert (seen.method, body) == (b"PUT", file.read_bytes())
    assert seen.header_values(b"content-length") == ([] if chunked else [b"%d" % size])
    assert seen.header_values(b"transfer-encoding") == ([b"chunked"] if chunked else [])


def test_a_pipe_is_sent_without_a_length_and_a_redirected_file_with_one(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"from a file")
    with TinyContainer() as container:
        command = [sys.executable, "-m", "refjk", "request", f"ajp://{container.address}/", "-v", "-d", "@-"]
        piped = subprocess.run(
            command, cwd=PROJECT, input=b"piped", capture_output=True, timeout=DEADLINE_S, check=True
        )
        with file.open("rb") as stdin:
            redirected = subprocess.run(
                command, cwd=PROJECT, stdin=stdin, capture_output=True, timeout=DEADLINE_S, check=True
            )
    assert piped.stdout == b"POST / piped"
    assert b"header Transfer-Encoding: chunked" in piped.stderr
    assert redirected.stdout == b"POST / from a file"
    assert b"header content-length: 11" in redirected.stderr


def test_a_file_that_shrinks_while_it_is_sent_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    class Shrunk(io.BytesIO):
        def fileno(self) -> int:
            return full.fileno()

    (tmp_path / "data").write_bytes(bytes(10))
    with (tmp_path / "data").open("rb") as full, TinyContainer() as container:
        stdin = io.TextIOWrapper(Shrunk(b"abc"))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert request(container, "/", "-d", "@-") == 3
        monkeypatch.undo()
        stdin.detach()
    assert b"ended 7 octets before its announced length" in capsysbinary.readouterr().err


# -- the answer ---------------------------------------------------------------------------


def test_the_body_goes_to_standard_output_as_it_is(capsysbinary: Capture) -> None:
    body = bytes(range(256)) * 100
    with TinyContainer(answering(body=body)) as container:
        assert request(container, "/") == 0
    assert capsysbinary.readouterr() == (body, b"")


def test_status_and_headers_are_printed_if_wanted(capsysbinary: Capture) -> None:
    with TinyContainer(answering(404)) as container:
        assert request(container, "/", "-i") == 0
    assert capsysbinary.readouterr().out == b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nX-A: \xe4\r\n\r\nhello\n"


def test_the_answer_can_go_into_a_file(tmp_path: Path, capsysbinary: Capture) -> None:
    file = tmp_path / "answer"
    with TinyContainer(answering()) as container:
        assert request(container, "/", "-o", str(file), "-i") == 0
    assert file.read_bytes().endswith(b"\r\n\r\nhello\n")
    assert capsysbinary.readouterr() == (b"", b"")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (399, 0), (400, 1), (503, 1)])
def test_a_status_of_400_or_more_can_be_a_failure(status: int, code: int, capsysbinary: Capture) -> None:
    with TinyContainer(answering(status)) as container:
        assert request(container, "/", "--fail") == code
    out, err = capsysbinary.readouterr()
    assert out == b"hello\n"
    assert err.startswith(b"refjk request: the status is %d" % status) if code else not err


def test_verbose_shows_all_packets_and_no_secret(
    capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFJK_SECRET", "hush")
    words = ["-v", "-d", "abc", "-H", "X-Odd: \x1b[31m", "--tls-key-size", "1"]
    with TinyContainer(answering()) as container:
        assert request(container, "/x?y", *words) == 0
    out, err = capsysbinary.readouterr()
    lines = err.decode().splitlines()
    assert out == b"hello\n"
    assert [line for line in lines if line[2] != " "] == [
        lines[0],
        "> BODY, 9 octets",
        "< SEND_HEADERS, 32 octets",
        "< SEND_BODY_CHUNK, 14 octets",
        "< END_RESPONSE, 6 octets",
    ]
    assert lines[0].startswith("> FORWARD_REQUEST, ")
    assert {
        ">   method: 4 (POST)",
        ">   req_uri: /x",
        ">   remote_host: null",
        ">   header X-Odd: \\x1b[31m",
        ">   attribute secret: 4 octets, not shown",
        ">   attribute query_string: y",
        ">   attribute ssl_key_size: 1",
        ">   data: 3 octets",
        "<   status: 200",
        "<   header X-A: \\xe4",
        "<   data: 6 octets",
        "<   reuse: 1",
    } <= set(lines)
    assert "hush" not in err.decode()


def test_json_tells_the_answer_and_the_times(tmp_path: Path, capsysbinary: Capture) -> None:
    file = tmp_path / "result.json"
    with TinyContainer(answering(201)) as container:
        assert request(container, "/", "--json", str(file)) == 0
    result = json.loads(file.read_text())
    assert (result["target"], result["status"]) == (str(container.address), 201)
    assert (result["reason"], result["headers"]) == ("Created", [["X-A", "1"], ["X-A", "ä"]])
    assert (result["body_size"], result["reuse"], result["error"]) == (6, True, None)
    times = result["seconds"]
    assert 0 <= times["connected"] <= times["headers"] <= times["complete"]


def test_json_may_go_to_standard_output_when_the_answer_does_not(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    with TinyContainer(answering()) as container:
        assert request(container, "/", "--json", "-") == 2
        assert b"needs --output" in capsysbinary.readouterr().err
        assert request(container, "/", "--json", "-", "-o", str(tmp_path / "x")) == 0
    assert json.loads(capsysbinary.readouterr().out)["status"] == 200


# -- failures -----------------------------------------------------------------------------


def test_an_absent_container_is_one_line_and_exit_code_4(capsysbinary: Capture, tmp_path: Path) -> None:
    kept, file = tmp_path / "kept", tmp_path / "result.json"
    kept.write_text("of old")
    with TinyContainer() as container:
        pass
    assert request(container, "/", "-o", str(kept), "--json", str(file)) == 4
    text = f"cannot connect to {container.address}: Connection refused"
    assert capsysbinary.readouterr() == (b"", f"refjk request: {text}\n".encode())
    assert kept.read_text() == "of old"
    assert json.loads(file.read_text())["error"] == {"kind": "ConnectFailed", "text": text, "clause": None}


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"broke AJP-FRM-04 at octet 0"),
        (b"", b"closed the connection"),
        (encode_send_headers(200, b"", []) + encode_send_body_chunk(b"part"), b"closed the connection"),
        (encode_send_headers(200, b"", []) * 2 + END_RESPONSE_REUSE, b"broke AJP-RSP-19"),
    ],
)
def test_a_broken_answer_is_explained(octets: bytes, text: bytes, capsysbinary: Capture) -> None:
    with TinyContainer(saying(octets)) as container:
        assert request(container, "/", "-v") == 4
    out, err = capsysbinary.readouterr()
    assert text in err.splitlines()[-1]
    assert out in (b"", b"part")
    if b"AJP-" in text:
        assert any(line.startswith(b"! AJP-") for line in err.splitlines())


def test_silence_ends_after_the_time_that_was_given(capsysbinary: Capture) -> None:
    with TinyContainer(Talk.wait_for_end) as container:
        assert request(container, "/", "--timeout", "0.1") == 4
    assert b"did not answer within 0.1 s" in capsysbinary.readouterr().err


def test_a_request_that_fits_no_packet_is_refused_here(capsysbinary: Capture) -> None:
    with TinyContainer(packet_size=65536) as container:
        words = ("-H", f"X-Large: {'x' * 9000}")
        assert request(container, "/", *words) == 2
        assert b"the packet size is 8192" in capsysbinary.readouterr().err
        assert request(container, "/", *words, "--packet-size", "65536") == 0


def test_a_refused_secret_is_an_answer(capsysbinary: Capture) -> None:
    with TinyContainer(Talk.request_forever, policy=ContainerPolicy(secret=b"s")) as container:
        assert request(container, "/", "-i") == 0
    assert capsysbinary.readouterr().out.startswith(b"HTTP/1.1 403 Forbidden\r\n")


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["http://h/"], 2, "is not an ajp:// address"),
        (["ajp://h:x/"], 2, "is not a port"),
        (["ajp://h/", "-H", "no colon"], 2, "is not 'NAME: VALUE'"),
        (["ajp://h/", "-H", "bad name: x"], 2, "is not 'NAME: VALUE'"),
        (["ajp://h/", "-H", "X: a\r\nY: b"], 2, "line break"),
        (["ajp://h/", "-H", "Content-Length: 5"], 2, "--chunked leaves its length unannounced"),
        (["ajp://h/", "-X", "GET /"], 2, "is not the name of a method"),
        (["ajp://h/", "--attribute", "x"], 2, "is not NAME=VALUE"),
        (["ajp://h/", "-d", "@/no/such/file"], 3, "cannot read /no/such/file: No such file"),
        (["ajp://h/", "-d", "@/"], 3, "cannot read /: Is a directory"),
        (["ajp://h/", "--secret-file", "/no/such/file"], 3, "cannot read the secret file"),
        (["ajp://h/", "--tls-cert", "/no/such/file"], 3, "cannot read the certificate file"),
        (["ajp://h/", "--tls-cert", "/dev/null"], 3, "there is no certificate in /dev/null"),
    ],
)
def test_a_mistake_is_one_line_with_its_exit_code(
    words: list[str], code: int, complaint: str, capsysbinary: Capture
) -> None:
    assert main(["request", *words]) == code
    err = capsysbinary.readouterr().err.decode()
    assert complaint in err and err.count("\n") == 1


def test_an_output_file_that_cannot_be_written_is_told_before_anything_is_sent(capsysbinary: Capture) -> None:
    with TinyContainer() as container:
        assert request(container, "/", "-o", "/no/such/folder/x") == 2
    assert all(not talk.arrivals for talk in container.talks)
    assert b"cannot write --output /no/such/folder/x: No such file" in capsysbinary.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_no_defect(capsysbinary: Capture) -> None:
    with TinyContainer(answering(body=bytes(1 << 20))) as container:
        assert request(container, "/", "-o", "/dev/full") == 2
    assert b"cannot write to /dev/full: No space left on device" in capsysbinary.readouterr().err


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    with TinyContainer(answering(body=bytes(1 << 22))) as container:
        command = [sys.executable, "-m", "refjk", "request", f"ajp://{container.address}/"]
        with subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.read(10) == bytes(10)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(DEADLINE_S) == 141


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--http-version", "one"], "'one' is not a version such as 1.1"),
        (["--remote-port", "65536"], "65536 is not within 0 to 65535"),
        (["--packet-size", "8191"], "packet size 8191 is not within 8192 to 65536"),
        (["--timeout", "0"], "leaves no time"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    words: list[str], complaint: str, capsysbinary: Capture
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["request", "ajp://h/", *words])
    assert exit_.value.code == 2
    assert complaint.encode() in capsysbinary.readouterr().err
