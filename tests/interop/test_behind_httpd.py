"""`refjk serve` behind httpd with mod_jk and with mod_proxy_ajp: requests, bodies, answers, failures."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from refjk.ajp13.codes import METHODS
from refjk.speccheck import covers
from tests.interop.applications import pattern
from tests.interop.fronts import FRONTS, BuildFront, Upload, download, environ_of, fresh_name, noted
from tests.interop.peers import Httpd, ModJk, RawConnection, ask
from tests.interop.refjk_server import RefjkServer

pytestmark = pytest.mark.interop

SIZES = [0, 1, 8183, 8184, 8185, 8186, 8187, 20000, 1_000_000]
MEGABYTES_50 = 50 << 20
MEMORY_GROWTH_MAX = 16 << 20
# httpd answers TRACE by itself.
FORWARDED = [name.decode() for name in METHODS if name != b"TRACE"]


@pytest.fixture(scope="module")
def container() -> Iterator[RefjkServer]:
    with RefjkServer() as server:
        yield server


@pytest.fixture(scope="module", params=list(FRONTS))
def build_front(request: pytest.FixtureRequest) -> BuildFront:
    return FRONTS[request.param]


@pytest.fixture(scope="module")
def httpd(container: RefjkServer, build_front: BuildFront) -> Iterator[Httpd]:
    with Httpd(build_front(container.port), users={"alice": "wonder"}) as peer:
        yield peer


# -- the request --------------------------------------------------------------------------


@covers("AJP-MTH-01", "AJP-MTH-03")
def test_every_method_reaches_the_application_by_its_name(httpd: Httpd) -> None:
    seen = {
        method: ask(httpd.port, "/echo", method).json()["environ"]["REQUEST_METHOD"]
        for method in [*FORWARDED, "PATCH", "QUERY", "get", "X-Y.Z"]
        if method != "HEAD"
    }
    assert all(name == method for method, name in seen.items()), seen


def test_path_query_and_protocol_are_those_of_the_client(httpd: Httpd) -> None:
    environ = environ_of(ask(httpd.port, "/echo/a%20b/%C3%A4;v=1?x=%20&x=2&leer"))
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/echo/a b/ä;v=1"
    assert environ["QUERY_STRING"] == "x=%20&x=2&leer"
    assert (environ["SERVER_PROTOCOL"], environ["SCRIPT_NAME"]) == ("HTTP/1.1", "")
    assert environ_of(ask(httpd.port, "/echo"))["QUERY_STRING"] == ""


def test_addresses_and_ports_are_those_of_the_clients_connection(httpd: Httpd) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=30)
    connection.request("GET", "/echo", headers={"Host": f"www.example:{httpd.port}"})
    assert connection.sock is not None
    own_port = connection.sock.getsockname()[1]
    with connection.getresponse() as response:
        assert response.status == 200
        answer = response.read()
    connection.close()
    environ = ask(httpd.port, "/echo", headers={"Host": f"www.example:{httpd.port}"}).json()["environ"]
    assert (environ["REMOTE_ADDR"], environ["SERVER_ADDR"]) == ("127.0.0.1", "127.0.0.1")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("www.example", str(httpd.port))
    assert f'"REMOTE_PORT": "{own_port}"'.encode() in answer
    assert (environ["wsgi.url_scheme"], environ.get("HTTPS")) == ("http", None)


@covers("AJP-STR-09", "AJP-HDR-05")
def test_octets_above_127_arrive_unchanged(httpd: Httpd) -> None:
    octets = bytes(range(0x80, 0x100))
    with RawConnection(httpd.port) as raw:
        raw.send(b"GET /echo?q=%s HTTP/1.0\r\nX-High: %s\r\nTE: trailers\r\n\r\n" % (octets, octets))
        head, _, body = raw.receive_to_end().partition(b"\r\n\r\n")
    assert b" 200 " in head
    environ = json.loads(body)["environ"]
    assert environ["QUERY_STRING"].encode("latin-1") == b"q=" + octets
    assert environ["HTTP_X_HIGH"].encode("latin-1") == octets
    assert environ["HTTP_TE"] == "trailers"
    reply = ask(httpd.port, "/status?header=X-High:" + quote(octets))
    assert (reply.header("X-High") or "").encode("latin-1") == octets


@covers("AJP-HDR-01")
def test_headers_become_environ_keys_and_ambiguous_names_do_not(httpd: Httpd) -> None:
    headers = [
        ("Accept-Language", "de"),
        ("X-Part", "one"),
        ("x-part", "two"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
        ("X_Part", "forged"),
        ("Remote_User", "forged"),
        ("Proxy", "http://evil.example"),
        ("wsgi.url_scheme", "https"),
    ]
    environ = environ_of(ask(httpd.port, "/echo", headers=headers))
    assert environ["HTTP_ACCEPT_LANGUAGE"] == "de"
    assert environ["HTTP_X_PART"].replace(" ", "") == "one,two"
    assert sorted(environ["HTTP_COOKIE"].replace(",", ";").replace(" ", "").split(";")) == ["a=1", "b=2"]
    assert environ["wsgi.url_scheme"] == "http"
    assert not {"HTTP_PROXY", "REMOTE_USER", "HTTP_REMOTE_USER"} & set(environ)


@covers("AJP-SEC-07")
def test_a_user_of_httpd_is_nobody_here_unless_the_front_is_trusted(httpd: Httpd) -> None:
    assert ask(httpd.port, "/private").status == 401
    environ = environ_of(ask(httpd.port, "/private", headers={"Authorization": "Basic YWxpY2U6d29uZGVy"}))
    assert not {"REMOTE_USER", "AUTH_TYPE"} & set(environ)


def test_large_headers_pass_in_both_directions(httpd: Httpd) -> None:
    large = "x" * 7500
    answer = ask(httpd.port, "/echo", headers={"X-Large": large})
    assert environ_of(answer)["HTTP_X_LARGE"] == large
    assert ask(httpd.port, "/status?large=7500").header("X-Large") == "y" * 7500


@covers("AJP-RSP-11")
def test_headers_that_fit_no_packet_are_an_error_and_nothing_hangs(httpd: Httpd) -> None:
    too_large = [(f"X-Large-{part}", "x" * 5000) for part in range(2)]
    assert ask(httpd.port, "/echo", headers=too_large).status in (400, 413)
    assert ask(httpd.port, "/status?large=8200").status == 500
    assert ask(httpd.port, "/echo").status == 200


# -- bodies -------------------------------------------------------------------------------


@covers("AJP-BOD-02", "AJP-BOD-05", "AJP-BOD-07")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_request_bodies_arrive_whole(httpd: Httpd, announced: bool) -> None:
    for size in SIZES:
        for block_size in (1 << 16, 1000) if size <= 20000 else (1 << 16,):
            upload = Upload(size, block_size)
            headers = {"Content-Length": str(size)} if announced else {}
            seen = ask(httpd.port, "/echo", "POST", body=upload, headers=headers).json()
            assert seen["body"] == {"length": size, "sha256": upload.digest}
            assert seen["environ"].get("CONTENT_LENGTH") == (str(size) if announced else None)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_answers_arrive_whole(httpd: Httpd, announced: bool) -> None:
    for size in SIZES:
        answer = ask(httpd.port, f"/big?n={size}{'&length=1' if announced else ''}")
        assert answer.body == b"".join(pattern(size))
        if announced:
            assert answer.header("Content-Length") == str(size)


@covers("WSG-LIM-06")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_50_megabytes_go_up_and_down_and_memory_stays_flat(
    httpd: Httpd, container: RefjkServer, announced: bool
) -> None:
    before = container.memory_peak
    upload = Upload(MEGABYTES_50)
    headers = {"Content-Length": str(MEGABYTES_50)} if announced else {}
    seen = ask(httpd.port, "/echo", "PUT", body=upload, headers=headers).json()["body"]
    assert seen == {"length": MEGABYTES_50, "sha256": upload.digest}
    path = f"/big?n={MEGABYTES_50}{'&length=1' if announced else ''}"
    assert download(httpd.port, path) == (MEGABYTES_50, upload.digest)
    assert container.memory_peak - before < MEMORY_GROWTH_MAX


def test_files_written_pieces_and_lines_pass(httpd: Httpd) -> None:
    assert ask(httpd.port, "/file?n=300000").body == b"".join(pattern(300000))
    assert ask(httpd.port, "/write").body == b"one two three"
    body = b"a\n" + b"b" * 9000 + b"\n" + b"c" * 30000
    assert ask(httpd.port, "/lines", "POST", body=body).body == b"2 9001 30000"


@covers("AJP-BOD-12", "AJP-END-06")
def test_a_body_that_nobody_reads_does_no_harm(httpd: Httpd) -> None:
    for announced in (True, False):
        upload = Upload(200_000)
        headers = {"Content-Length": "200000"} if announced else {}
        assert ask(httpd.port, "/unread", "POST", body=upload, headers=headers).body == b"unread"
        assert ask(httpd.port, "/echo").json()["environ"]["REQUEST_METHOD"] == "GET"


def test_a_client_that_expects_100_continue_gets_it(httpd: Httpd) -> None:
    with RawConnection(httpd.port) as raw:
        raw.send(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n")
        raw.send(b"Connection: close\r\n\r\n")
        assert raw.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        raw.send(b"hello")
        answer = raw.receive_to_end()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert hashlib.sha256(b"hello").hexdigest().encode() in answer


# -- answers ------------------------------------------------------------------------------


@covers("AJP-RSP-13", "AJP-CON-03")
def test_answers_without_a_body_leave_the_clients_connection_usable(httpd: Httpd) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=30)
    for method, path, status in (
        ("HEAD", "/big?n=100000&length=1", 200),
        ("HEAD", "/big?n=100000", 200),
        ("HEAD", "/echo", 200),
        ("GET", "/status?code=204", 204),
        ("GET", "/status?code=304&header=ETag:%221%22", 304),
        ("HEAD", "/status?code=404", 404),
        ("POST", "/status?code=204", 204),
    ):
        for _ in range(2):
            connection.request(method, path)
            first_socket = connection.sock
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
            assert connection.sock is first_socket is not None
        if path.endswith("length=1"):
            assert response.getheader("Content-Length") == "100000"
        connection.request("GET", "/status?length=7")
        assert connection.getresponse().read() == b"xxxxxxx"
    connection.close()


@covers("AJP-RSP-04", "AJP-RSP-06", "AJP-RSP-08", "AJP-RSP-10", "AJP-RSP-15")
def test_status_and_repeated_headers_reach_the_client_in_order(httpd: Httpd) -> None:
    for code in (200, 201, 299, 400, 404, 418, 500, 503, 599):
        assert ask(httpd.port, f"/status?code={code}").status == code
    headers = "&header=Set-Cookie:a=1&header=X-B:c&header=Set-Cookie:b=2&header=WWW-Authenticate:Odd"
    answer = ask(httpd.port, "/status?code=401" + headers)
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert (answer.header("X-B"), answer.header("WWW-Authenticate")) == ("c", "Odd")
    assert ask(httpd.port, "/status?header=Connection:X-B&header=X-B:c&length=9").header("X-B") == "c"
    assert ask(httpd.port, "/status?header=Transfer-Encoding:chunked&length=9").status == 500


@covers("AJP-FLU-01")
def test_a_piece_reaches_the_client_before_the_next_one_exists(httpd: Httpd) -> None:
    name = fresh_name()
    with RawConnection(httpd.port) as raw:
        raw.send(b"GET /stream?name=%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % name.encode())
        assert raw.receive_until(b"first\n").startswith(b"HTTP/1.1 200 ")
        ask(httpd.port, f"/signal?name={name}")
        assert b"second\n" in raw.receive_to_end()


# -- failures -----------------------------------------------------------------------------


@covers("AJP-ERR-02", "AJP-BOD-11")
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n4e20\r\n"]
)
def test_an_upload_whose_client_goes_away_fails_in_the_application(httpd: Httpd, framing: bytes) -> None:
    name = fresh_name()
    raw = RawConnection(httpd.port)
    raw.send(b"POST /read?name=%s HTTP/1.1\r\nHost: h\r\n" % name.encode() + framing + b"x" * 15000)
    assert noted(httpd.port, name, 1) == ["begun"]
    raw.reset()
    assert noted(httpd.port, name, 2) == ["begun", "failed with BodyUnavailable"]
    assert ask(httpd.port, "/echo").status == 200


def test_a_download_whose_client_goes_away_is_closed(httpd: Httpd) -> None:
    name = fresh_name()
    raw = RawConnection(httpd.port)
    raw.send(b"GET /endless?name=%s HTTP/1.1\r\nHost: h\r\n\r\n" % name.encode())
    raw.receive(100_000)
    raw.reset()
    assert noted(httpd.port, name, 1) == ["closed"]
    assert ask(httpd.port, "/echo").status == 200


@covers("AJP-ERR-04")
@pytest.mark.parametrize("moment", ["", "&started=1"])
def test_a_failure_before_the_headers_is_one_answer_500(httpd: Httpd, moment: str) -> None:
    name = fresh_name()
    answer = ask(httpd.port, f"/fail?name={name}{moment}")
    assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
    assert noted(httpd.port, name, 0) == ["called"]


@covers("AJP-ERR-05")
@pytest.mark.parametrize(
    "kind", ["/fail?after=100&length=5000", "/fail?after=300000&length=305000", "/short?"]
)
def test_a_failure_after_the_headers_is_never_a_complete_answer(httpd: Httpd, kind: str) -> None:
    """What is missing is more than the front may add about the failure."""
    name = fresh_name()
    with pytest.raises(http.client.IncompleteRead):
        ask(httpd.port, f"{kind}&name={name}")
    if kind.startswith("/fail"):
        assert noted(httpd.port, name, 0) == ["called"]
    assert ask(httpd.port, "/echo").status == 200


def test_without_a_length_a_failure_after_the_headers_is_a_broken_answer_or_an_error_page(
    httpd: Httpd,
) -> None:
    """mod_jk lets httpd end an answer that has begun with httpd's own page about the failure."""
    name = fresh_name()
    try:
        body = ask(httpd.port, f"/fail?after=100&name={name}").body
    except http.client.IncompleteRead as broken:
        body = broken.partial
        assert body == b"x" * 100
    else:
        assert isinstance(httpd.front, ModJk)
        assert body.startswith(b"x" * 100 + b"<!DOCTYPE HTML") and b"502 " in body
    assert noted(httpd.port, name, 0) == ["called"]
    assert ask(httpd.port, "/echo").status == 200


# -- many ---------------------------------------------------------------------------------


def test_200_clients_at_once_get_their_own_answers(httpd: Httpd) -> None:
    start = threading.Barrier(200, timeout=30)

    def client(number: int) -> None:
        start.wait()
        for turn in range(3):
            answer = ask(httpd.port, f"/echo/{number}/{turn}", "POST", body=b"%d" % number)
            seen = answer.json()
            assert seen["environ"]["PATH_INFO"] == f"/echo/{number}/{turn}"
            assert seen["body"]["sha256"] == hashlib.sha256(b"%d" % number).hexdigest()

    with ThreadPoolExecutor(200) as clients:
        done = list(clients.map(client, range(200), timeout=60))
    assert len(done) == 200


def test_200_requests_run_at_the_same_time_where_there_are_threads_for_them(build_front: BuildFront) -> None:
    with (
        RefjkServer("--threads", "201") as server,  # one of them waits for connections
        Httpd(build_front(server.port)) as httpd,
        ThreadPoolExecutor(200) as clients,
    ):
        answers = list(clients.map(lambda _: ask(httpd.port, "/meet?name=all&n=200").body, range(200)))
    assert answers == [b"200"] * 200


def test_the_validator_of_wsgi_has_nothing_to_say(build_front: BuildFront) -> None:
    with (
        RefjkServer(application="tests.interop.applications:validated") as server,
        Httpd(build_front(server.port)) as httpd,
    ):
        for method, path, body in (
            ("GET", "/echo?a=b", None),
            ("POST", "/echo", b"x" * 20000),
            ("HEAD", "/echo", None),
            ("GET", "/big?n=100000", None),
            ("GET", "/big?n=100000&length=1", None),
            ("GET", "/file?n=100000", None),
            ("GET", "/write", None),
            ("POST", "/lines", b"a\nb\n"),
            ("GET", "/status?code=204", None),
            ("GET", "/status?code=304", None),
            ("GET", "/status?header=X-A:1", None),
            ("GET", "/say?name=alice", None),
            ("POST", "/unread", b"x" * 20000),
        ):
            assert ask(httpd.port, path, method, body=body).status in (200, 204, 304), path
        assert "said alice" in server.output
        assert "Error" not in server.output and "Warning" not in server.output, server.output
