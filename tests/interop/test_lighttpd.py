"""`refjk serve` behind lighttpd, for requests without a body."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from refjk.speccheck import covers
from tests.interop.applications import pattern
from tests.interop.fronts import Upload, download, environ_of, fresh_name, noted
from tests.interop.peers import Lighttpd, RawConnection, ask
from tests.interop.refjk_server import RefjkServer

pytestmark = pytest.mark.interop

MEGABYTES_50 = 50 << 20
MEMORY_GROWTH_MAX = 16 << 20


class WholePaths(Lighttpd):
    """With "/" as its place a container would get the path up to the second slash only."""

    def __init__(self, port: int) -> None:
        server = f'ajp13.server = ( "" => (( "host" => "127.0.0.1", "port" => {port} )) )'
        super().__init__(
            [port], directives=f'server.stream-response-body = 1\n$HTTP["url"] =~ "" {{ {server} }}'
        )


@pytest.fixture(scope="module")
def container() -> Iterator[RefjkServer]:
    with RefjkServer() as server:
        yield server


@pytest.fixture(scope="module")
def lighttpd(container: RefjkServer) -> Iterator[Lighttpd]:
    with WholePaths(container.port) as peer:
        yield peer


def test_get_and_head_reach_the_application_with_query_and_headers(lighttpd: Lighttpd) -> None:
    headers = {"X-Part": "one", "X_Part": "forged", "Cookie": "a=1; b=2", "Accept-Language": "de"}
    environ = environ_of(ask(lighttpd.port, "/echo/a%20b?x=%20&leer", headers=headers))
    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("GET", "/echo/a b")
    assert (environ["QUERY_STRING"], environ["HTTP_X_PART"]) == ("x=%20&leer", "one")
    assert (environ["HTTP_COOKIE"], environ["HTTP_ACCEPT_LANGUAGE"]) == ("a=1; b=2", "de")
    assert (environ["REMOTE_ADDR"], environ["SERVER_PORT"]) == ("127.0.0.1", str(lighttpd.port))
    head = ask(lighttpd.port, "/big?n=100000&length=1", "HEAD")
    assert (head.status, head.body, head.header("Content-Length")) == (200, b"", "100000")


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PROPFIND", "REPORT"])
def test_other_methods_reach_the_application(lighttpd: Lighttpd, method: str) -> None:
    assert environ_of(ask(lighttpd.port, "/echo", method))["REQUEST_METHOD"] == method


def test_octets_above_127_arrive_unchanged(lighttpd: Lighttpd) -> None:
    octets = bytes(range(0xA0, 0x100))
    environ = environ_of(ask(lighttpd.port, "/echo", headers={"X-High": octets.decode("latin-1")}))
    assert environ["HTTP_X_HIGH"].encode("latin-1") == octets


def test_large_headers_pass_in_both_directions(lighttpd: Lighttpd) -> None:
    large = "x" * 7500
    assert environ_of(ask(lighttpd.port, "/echo", headers={"X-Large": large}))["HTTP_X_LARGE"] == large
    assert ask(lighttpd.port, "/status?large=7500").header("X-Large") == "y" * 7500


@covers("AJP-RSP-10", "AJP-RSP-13")
def test_statuses_and_repeated_headers_reach_the_client(lighttpd: Lighttpd) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lighttpd.port, timeout=30)
    for code in (200, 204, 304, 404, 418, 500):
        connection.request("GET", f"/status?code={code}&header=Set-Cookie:a=1&header=Set-Cookie:b=2")
        response = connection.getresponse()
        assert (response.status, response.read()) == (code, b"" if code in (204, 304) else b"xxxxx")
        assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    connection.close()


def test_answers_arrive_whole(lighttpd: Lighttpd) -> None:
    for size in (0, 1, 8183, 8184, 8185, 20000, 1_000_000):
        for length in ("", "&length=1"):
            assert ask(lighttpd.port, f"/big?n={size}{length}").body == b"".join(pattern(size))


def test_50_megabytes_come_down_and_memory_stays_flat(lighttpd: Lighttpd, container: RefjkServer) -> None:
    before = container.memory_peak
    expected = Upload(MEGABYTES_50)
    assert sum(map(len, expected)) == MEGABYTES_50
    assert download(lighttpd.port, f"/big?n={MEGABYTES_50}") == (MEGABYTES_50, expected.digest)
    assert container.memory_peak - before < MEMORY_GROWTH_MAX


def test_a_piece_reaches_the_client_before_the_next_one_exists(lighttpd: Lighttpd) -> None:
    name = fresh_name()
    with RawConnection(lighttpd.port) as raw:
        raw.send(b"GET /stream?name=%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % name.encode())
        raw.receive_until(b"first\n")
        ask(lighttpd.port, f"/signal?name={name}")
        assert b"second\n" in raw.receive_to_end()


def test_a_failure_is_500_before_the_headers_and_a_broken_answer_after_them(lighttpd: Lighttpd) -> None:
    name = fresh_name()
    assert ask(lighttpd.port, f"/fail?name={name}").status == 500
    assert noted(lighttpd.port, name, 0) == ["called"]
    with pytest.raises(http.client.IncompleteRead):
        ask(lighttpd.port, f"/fail?after=100&length=5000&name={name}")
    assert ask(lighttpd.port, "/echo").status == 200


def test_a_download_whose_client_goes_away_is_closed(lighttpd: Lighttpd) -> None:
    name = fresh_name()
    raw = RawConnection(lighttpd.port)
    raw.send(b"GET /endless?name=%s HTTP/1.1\r\nHost: h\r\n\r\n" % name.encode())
    raw.receive(100_000)
    raw.reset()
    assert noted(lighttpd.port, name, 1) == ["closed"]


def test_50_clients_at_once_get_their_own_answers(lighttpd: Lighttpd) -> None:
    def client(number: int) -> list[str]:
        paths = [f"/echo/{number}/{turn}" for turn in range(5)]
        return [path for path in paths if environ_of(ask(lighttpd.port, path))["PATH_INFO"] != path]

    with ThreadPoolExecutor(50) as clients:
        assert list(clients.map(client, range(50), timeout=60)) == [[]] * 50


def test_a_client_keeps_its_connection(lighttpd: Lighttpd) -> None:
    """lighttpd opens a new one to the container for every request."""
    connection = http.client.HTTPConnection("127.0.0.1", lighttpd.port, timeout=30)
    connection.connect()
    first_socket = connection.sock
    for number in range(20):
        connection.request("HEAD" if number % 2 else "GET", f"/echo/{number}")
        response = connection.getresponse()
        assert (b"/echo/%d" % number in response.read()) is (number % 2 == 0)
        assert connection.sock is first_socket
    connection.close()
