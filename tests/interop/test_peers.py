"""The peers themselves work: each starts, does what the later tests rely on, and leaves nothing behind."""

from __future__ import annotations

import base64
import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.peers import (
    Certificates,
    Frame,
    Httpd,
    JkWorker,
    Lighttpd,
    ModJk,
    ModProxyAjp,
    PeerFailed,
    PeerMissing,
    Program,
    RawConnection,
    Tls,
    Tomcat,
    ask,
    dissect,
    find_program,
    peak_rss,
    processes_of_group,
)
from tests.interop.peers.process import LIVE

pytestmark = pytest.mark.interop

HTTP_SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
CPING = bytes.fromhex("123400010a")
REQUEST = bytes.fromhex(
    "1234 0024 02 02 0008 485454502f312e31 00 0002 2f61 00 0001 78 00 0001 68 00 0001 63 00 0050 00 0000 ff"
)
END_RESPONSE = bytes.fromhex("4142 0002 05 01")
CPONG = bytes.fromhex("4142000109")


def test_httpd_serves_files_reloads_and_leaves_no_process() -> None:
    with Httpd(threads=32) as httpd:
        (httpd.documents / "hello.txt").write_text("hello")
        assert httpd.process is not None
        group = httpd.process.pid
        assert len(processes_of_group(group)) >= 2
        assert ask(httpd.port, "/hello.txt").body == b"hello"
        assert ask(httpd.port, "/absent").status == 404
        httpd.reload()
        assert ask(httpd.port, "/hello.txt").status == 200
        httpd.restart()
        assert ask(httpd.port, "/hello.txt").status == 200
        second_group = httpd.process.pid
        directory = httpd.directory
    assert processes_of_group(group) == processes_of_group(second_group) == []
    assert not directory.exists()
    with pytest.raises(RuntimeError, match="outside its `with` block"):
        httpd.start()
    assert httpd not in LIVE


def test_tomcat_behind_mod_jk_echoes_every_method(tomcat: Tomcat) -> None:
    with Httpd(ModJk([JkWorker(tomcat.port)])) as httpd:
        assert ask(httpd.port, "/echo/a?b=c", headers={"X-Two": "2"}).json()["query"] == "b=c"
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get"):
            answer = ask(httpd.port, "/echo", method)
            assert (answer.status, answer.json()["method"]) == (200, method)
        assert ask(httpd.port, "/echo", "HEAD").body == b""
        body = bytes(range(256)) * 500
        for sent in (body, [body[:70000], body[70000:]]):
            facts = ask(httpd.port, "/echo", "POST", body=sent).json()["body"]
            assert facts["length"] == len(body)
            assert facts["sha256"] == hashlib.sha256(body).hexdigest()


def test_tomcat_answers_big_bodies_statuses_pieces_and_sessions(tomcat: Tomcat) -> None:
    with Httpd(ModProxyAjp(tomcat.port)) as httpd:
        big = ask(httpd.port, "/big?n=100000").body
        assert big == (bytes(range(251)) * 400)[:100000]
        assert ask(httpd.port, "/status?code=418&header=X-A:1&header=X-A:2").status == 418
        assert ask(httpd.port, "/flush?n=3").body == b"piece 0\npiece 1\npiece 2\n"
        first = ask(httpd.port, "/session")
        cookie = (first.header("Set-Cookie") or "").partition(";")[0]
        assert ask(httpd.port, "/session", headers={"Cookie": cookie}).json()["count"] == 2
        assert ask(httpd.port, "/fail").status == 500


def test_lighttpd_reaches_tomcat(tomcat: Tomcat) -> None:
    with Lighttpd([tomcat.port]) as lighttpd:
        assert lighttpd.process is not None
        group = lighttpd.process.pid
        assert ask(lighttpd.port, "/echo?x=1").json()["query"] == "x=1"
        assert len(ask(lighttpd.port, "/big?n=1000000").body) == 1000000
    assert processes_of_group(group) == []


def test_secret_attributes_packet_size_and_balancer_reach_the_connector() -> None:
    with Tomcat(secret="s", packet_size=65536, allowed_attributes="COLOUR", jvm_route="a") as tomcat:
        fact = {"secret": "s", "max_packet_size": 65536, "ping_mode": "A", "connect_timeout": 5000}
        jk = ModJk(
            [JkWorker(tomcat.port, "a", **fact)], balancer={"method": "R"}, environment={"COLOUR": "red"}
        )
        with Httpd(jk) as httpd, Httpd(ModProxyAjp(tomcat.port, secret="wrong")) as stranger:
            assert ask(httpd.port, "/echo?attribute=COLOUR").json()["attributes"] == {"COLOUR": "red"}
            assert ask(httpd.port, "/session").json()["id"].endswith(".a")
            assert ask(stranger.port, "/echo").status == 403
            tomcat.restart()
            assert ask(httpd.port, "/echo", headers={"X-Long": "y" * 8000}).status == 200


def test_worker_properties_can_stand_in_httpd_conf(tomcat: Tomcat) -> None:
    with Httpd(ModJk([JkWorker(tomcat.port)], mounts=("/echo|/*",), as_directives=True)) as httpd:
        assert ask(httpd.port, "/echo/x").status == 200
        assert ask(httpd.port, "/other").status == 404


def test_tls_and_users_reach_the_application(certificates: Certificates) -> None:
    tls = Tls(certificates, verify_client="optional")
    with Tomcat(tomcat_authentication=False) as tomcat:
        jk = ModJk([JkWorker(tomcat.port)])
        with Httpd(jk, tls=tls, users={"alice": "wonder"}) as httpd:
            context = certificates.client_context(with_certificate=True)
            facts = ask(httpd.tls_port, "/echo", tls=context).json()
            assert (facts["scheme"], facts["secure"]) == ("https", True)
            assert "refjk client" in facts["tls"]["certificates"][0]
            assert facts["tls"]["key_size"] >= 128
            assert ask(httpd.port, "/private/x").status == 401
            basic = "Basic " + base64.b64encode(b"alice:wonder").decode()
            user = ask(httpd.port, "/private/x", headers={"Authorization": basic}).json()["remote_user"]
            assert user == "alice"


def test_two_hundred_clients_are_served_at_once(tomcat: Tomcat) -> None:
    with Httpd(ModJk([JkWorker(tomcat.port)])) as httpd, ThreadPoolExecutor(200) as clients:
        waiting = [clients.submit(ask, httpd.port, "/sleep?ms=500") for _ in range(200)]
        assert {answer.result().status for answer in waiting} == {200}


def test_tshark_reads_good_packets_and_marks_bad_ones() -> None:
    good = dissect([Frame("request", REQUEST), Frame("answer", END_RESPONSE)])
    assert [packet.direction for packet in good] == ["request", "answer"]
    assert all(packet.is_ajp and not packet.complaints for packet in good)
    assert good[0].values("ajp13.uri") == ["/a"]
    cut = REQUEST[:2] + bytes.fromhex("0008") + REQUEST[4:12]
    assert "malformed" in dissect([Frame("request", cut)])[0].complaints


def test_raw_connection_speaks_to_a_container(tomcat: Tomcat) -> None:
    with RawConnection(tomcat.port) as raw:
        raw.send(CPING)
        assert raw.receive(5) == CPONG
        raw.send(b"\0\0\0\0")
        assert raw.receive_to_end() == b""


def test_a_program_is_measured_and_killed() -> None:
    with Program("http.server", lambda port: [*HTTP_SERVER, str(port)]) as server:
        assert ask(server.port, "/").status == 200
        assert server.process is not None
        assert peak_rss(server.process.pid) > 1_000_000
        assert server.kill() == -9
    assert server.process is None


def test_a_peer_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    code = "import signal, sys; from http.server import *; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    code += "ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()"
    with Program("stubborn", lambda port: [sys.executable, "-c", code, str(port)]) as server:
        assert ask(server.port, "/").status == 200
        assert server.stop(grace_s=0.2) == -9


def test_a_peer_that_ends_tells_its_output() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with pytest.raises(PeerFailed, match=r"exit code 1\n(.|\n)*no such thing"):
        Program("broken", lambda port: command).__enter__()


def test_a_peer_that_dies_under_the_test_is_a_failure() -> None:
    with (
        pytest.raises(PeerFailed, match="ended by itself"),
        Program("http.server", lambda port: [*HTTP_SERVER, str(port)]) as server,
    ):
        assert server.process is not None
        server.process.terminate()
        server.process.wait(10)


def test_an_absent_program_names_its_package() -> None:
    with pytest.raises(PeerMissing, match="apt-get install some-package"):
        find_program("some-package", "no-such-program")
