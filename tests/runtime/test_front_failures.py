"""Workers that fail: what is sent again and where, what the client gets, what the balancer learns."""

from __future__ import annotations

import socket
import threading

import pytest

from refjk.ajp13.codec import encode_send_headers
from refjk.ajp13.codes import PACKET_SIZE_DEFAULT
from refjk.runtime.addresses import Address
from refjk.speccheck import covers
from tests.interop.peers.client import ask
from tests.runtime.containers import Talk, TinyContainer, echo
from tests.runtime.fronts import Running, answer_of, head_of, raw_client, running_front, wait_for


def drops(talk: Talk) -> None:
    """Take the request and its first body packet, say nothing and close."""
    talk.request()


def drops_late(talk: Talk) -> None:
    """Take the whole body before that."""
    talk.request()
    for _ in talk.body():
        pass


def hangs(talk: Talk) -> None:
    talk.request()
    talk.wait_for_end()


def nobody() -> Address:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Address("127.0.0.1", listener.getsockname()[1])


def states(running: Running) -> list[str]:
    return [snapshot.state.value for snapshot in running.front.snapshot()["balancer"]]


@covers("FWD-RTY-02", "FWD-STS-01")
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_worker_that_refuses_connections_is_passed_over_whatever_the_method(method: str) -> None:
    with TinyContainer() as container, running_front(nobody(), container.address) as running:
        answer = ask(running.port, "/x", method, body=b"body")
        assert (answer.status, answer.body) == (200, method.encode() + b" /x body")
        assert states(running) == ["error", "ok"]


@covers("FWD-RTY-02")
def test_a_worker_that_does_not_answer_cping_is_passed_over() -> None:
    def mute(talk: Talk) -> None:
        while True:
            talk.receive()

    with (
        TinyContainer(mute) as silent,
        TinyContainer() as container,
        running_front(silent.address, container.address, ping_timeout_s=0.2) as running,
    ):
        assert ask(running.port, "/x", "POST", body=b"body").body == b"POST /x body"
        assert states(running) == ["error", "ok"]


@covers("FWD-STS-01")
def test_without_any_worker_the_client_gets_503_at_once() -> None:
    with running_front(nobody(), nobody()) as running:
        assert ask(running.port).status == 503
        assert states(running) == ["error", "error"]
        assert ask(running.port).status == 503
        assert running.front.counters["ended_not_sent"] == 2
        assert running.front.counters["no_worker"] == 2


def test_a_worker_that_is_mounted_directly_is_tried_by_every_request() -> None:
    with running_front(nobody(), mounts=("/*=a",)) as running:
        assert [ask(running.port).status for _ in range(2)] == [503, 503]
        assert running.front.counters["ended_not_sent"] == 2


@covers("FWD-RTY-03", "FWD-RTY-06")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_an_idempotent_request_is_tried_twice_with_its_worker_and_then_with_the_next(method: str) -> None:
    with (
        TinyContainer(drops) as broken,
        TinyContainer() as container,
        running_front(broken.address, container.address) as running,
    ):
        answer = ask(running.port, "/x", method, body=b"body" * 100, headers={"Cookie": "JSESSIONID=1.a"})
        content = b"" if method == "HEAD" else method.encode() + b" /x " + b"body" * 100
        assert (answer.status, answer.body) == (200, content)
        assert (len(broken.talks), len(container.talks)) == (2, 1)
        assert states(running) == ["error", "ok"]


@covers("FWD-RTY-06")
def test_a_connection_that_broke_is_no_failure_when_the_next_one_serves() -> None:
    with (
        TinyContainer(drops, echo) as container,
        running_front(container.address) as running,
    ):
        assert ask(running.port, "/x").body == b"GET /x "
        assert states(running) == ["ok"]
        assert running.front.counters["sent_again"] == 1


@covers("FWD-RTY-04", "FWD-STS-03")
@pytest.mark.parametrize("method", ["POST", "PATCH", "PROPFIND", "get"])
def test_another_request_is_never_sent_twice(method: str) -> None:
    with (
        TinyContainer(drops) as broken,
        TinyContainer() as container,
        running_front(broken.address, container.address) as running,
    ):
        assert ask(running.port, "/x", method, body=b"body").status == 502
        assert (len(broken.talks), len(container.talks)) == (1, 0)
        assert states(running) == ["error", "ok"]


@covers("FWD-RTY-07", "AJP-RTY-01")
@pytest.mark.parametrize(("size", "status"), [(20000, 200), (20001, 502)])
def test_a_body_is_repeated_as_far_as_it_was_kept(size: int, status: int) -> None:
    with (
        TinyContainer(drops_late) as broken,
        TinyContainer() as container,
        running_front(broken.address, container.address, replay_size=20000, retries=0) as running,
    ):
        answer = ask(running.port, "/x", "PUT", body=bytes(size))
        assert answer.status == status
        assert len(container.talks) == (1 if status == 200 else 0)
        if status == 200:
            assert answer.body == b"PUT /x " + bytes(size)


def test_a_chunked_body_is_repeated_as_well() -> None:
    with (
        TinyContainer(drops_late) as broken,
        TinyContainer() as container,
        running_front(broken.address, container.address) as running,
    ):
        answer = ask(running.port, "/x", "PUT", body=[bytes(9000), b"end"])
        assert answer.body == b"PUT /x " + bytes(9000) + b"end"


@covers("FWD-STS-03", "AJP-ERR-06")
def test_an_answer_that_breaks_a_clause_before_headers_gives_502() -> None:
    def wrong(talk: Talk) -> None:
        talk.request()
        talk.send(b"XX\0\1\5")
        talk.wait_for_end()

    with TinyContainer(wrong) as container, running_front(container.address) as running:
        assert ask(running.port, "/x", "POST", body=b"x").status == 502
        assert running.front.counters["ended_garbled"] == 1


@covers("FWD-RTY-05", "FWD-STS-04")
def test_silence_gives_504_and_no_other_worker_is_troubled() -> None:
    with (
        TinyContainer(hangs) as silent,
        TinyContainer() as container,
        running_front(silent.address, container.address, reply_timeout_s=0.2) as running,
    ):
        assert ask(running.port).status == 504
        assert (len(silent.talks), len(container.talks)) == (1, 0)
        assert states(running) == ["error", "ok"]
        assert ask(running.port).status == 200


@covers("FWD-ANS-02", "FWD-RTY-01", "AJP-ERR-07")
@pytest.mark.parametrize("head", [b"Content-Length", b"X-Length"])
def test_a_worker_that_fails_in_the_middle_of_its_answer_leaves_it_visibly_incomplete(head: bytes) -> None:
    def breaks(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", [(head, b"100")])
        talk.core.send_body(b"half")
        talk.push()

    with (
        TinyContainer(breaks) as broken,
        TinyContainer() as container,
        running_front(broken.address, container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert head_of(client).startswith("HTTP/1.1 200 OK\r\n")
        assert client.receive_to_end() in (b"half", b"4\r\nhalf\r\n")
        assert (len(broken.talks), len(container.talks)) == (1, 0)
        assert states(running) == ["error", "ok"]


def head_alone(talk: Talk) -> None:
    """A container that ends after SEND_HEADERS."""
    talk.request()
    talk.core.send_headers(200, b"OK", [(b"Content-Length", b"100")])
    talk.push()


@covers("FWD-RTY-08", "FWD-ANS-04")
def test_a_worker_that_fails_before_anything_follows_its_head_is_replaced_unseen() -> None:
    with (
        TinyContainer(head_alone) as broken,
        TinyContainer() as container,
        running_front(broken.address, container.address) as running,
    ):
        answer = ask(running.port)
        assert (answer.status, answer.header("Content-Length") == "100") == (200, False)
        assert (len(broken.talks), len(container.talks)) == (2, 1)  # the connection, and then the worker
        assert states(running) == ["error", "ok"]


@covers("FWD-RTY-08", "FWD-RTY-04")
def test_what_may_not_be_sent_again_gets_502_where_only_a_head_came() -> None:
    with (
        TinyContainer(head_alone) as broken,
        TinyContainer() as container,
        running_front(broken.address, container.address) as running,
    ):
        assert ask(running.port, method="POST", body=b"x").status == 502
        assert (len(broken.talks), len(container.talks)) == (1, 0)


@covers("FWD-ANS-04")
def test_a_head_with_nothing_behind_it_in_time_gives_504() -> None:
    def stalls(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", [(b"Content-Length", b"100")])
        talk.push()
        talk.wait_for_end()

    with TinyContainer(stalls) as slow, running_front(slow.address, reply_timeout_s=0.2) as running:
        assert ask(running.port).status == 504
        assert running.front.counters["ended_head_stalled"] == 1


@covers("FWD-ANS-04")
@pytest.mark.parametrize("follows", ["flush", "question", "end"])
def test_a_head_leaves_with_the_first_thing_that_follows(follows: str) -> None:
    go_on = threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", [(b"X-Early", b"1")])
        if follows == "flush":
            talk.core.flush()
        elif follows == "question":
            talk.core.ask_body()
        else:
            talk.core.end_response()
        talk.push()
        assert go_on.wait(10)

    with (
        TinyContainer(script) as container,
        running_front(container.address) as running,
        raw_client(running) as client,
    ):
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert "X-Early" in head_of(client)
        go_on.set()


@covers("FWD-ANS-02")
def test_an_http_1_0_answer_that_breaks_ends_with_a_reset() -> None:
    def breaks(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", ())
        talk.core.send_body(b"half")
        talk.push()

    with TinyContainer(breaks) as broken, running_front(broken.address) as running:
        client = socket.create_connection(("127.0.0.1", running.port), timeout=10)
        with client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                while client.recv(65536):
                    pass


@covers("FWD-STS-02", "FWD-OUT-02")
def test_a_request_that_fits_no_packet_gives_413_and_blames_nobody() -> None:
    headers = {f"X-{number}": "v" * 4000 for number in range(3)}
    with TinyContainer() as container, running_front(container.address) as running:
        assert ask(running.port, headers=headers).status == 413
        assert states(running) == ["ok"]
        assert ask(running.port).status == 200
        assert len(container.talks) == 1 and PACKET_SIZE_DEFAULT == 8192


@covers("FWD-OUT-03")
def test_a_pool_that_is_in_use_gives_503_and_blames_nobody() -> None:
    go_on = threading.Event()

    def waits(talk: Talk) -> None:
        talk.request()
        assert go_on.wait(10)
        talk.answer(b"late", headers=[(b"Content-Length", b"4")])

    with (
        TinyContainer(waits) as container,
        running_front(container.address, pool_size=1, connect_timeout_s=0.2) as running,
        raw_client(running) as client,
    ):
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_for(lambda: len(container.talks) == 1)
        assert ask(running.port).status == 503
        assert running.front.counters["ended_no_place"] == 1
        assert states(running) == ["ok"]
        go_on.set()
        assert answer_of(client)[1] == b"late"


@covers("FWD-STS-05")
def test_a_head_that_http_cannot_say_becomes_502() -> None:
    def unfit(talk: Talk) -> None:
        talk.request()
        talk.send(encode_send_headers(200, b"OK", [(b"X", b"holder")]).replace(b"holder", b"\x01\x02\x7f..."))
        talk.wait_for_end()

    with TinyContainer(unfit) as container, running_front(container.address) as running:
        answer = ask(running.port)
        assert answer.status == 502 and answer.header("x") is None
        assert states(running) == ["ok"]


def test_an_error_status_of_the_application_is_an_answer_like_any_other() -> None:
    def fails(talk: Talk) -> None:
        talk.request()
        talk.answer(b"down", 503, [(b"Content-Length", b"4")])

    with TinyContainer(fails) as container, running_front(container.address) as running:
        answer = ask(running.port)
        assert (answer.status, answer.body) == (503, b"down")
        assert states(running) == ["ok"]


def test_sessions_stay_with_their_worker_and_move_when_it_dies() -> None:
    def named(name: bytes) -> TinyContainer:
        def script(talk: Talk) -> None:
            while True:
                talk.request()
                talk.answer(name, headers=[(b"Content-Length", b"%d" % len(name))])

        return TinyContainer(script)

    cookie = {"Cookie": 'other="x; y"; JSESSIONID=1.a'}
    with named(b"beta") as second:
        with named(b"alpha") as first:
            addresses = first.address, second.address
            with running_front(*addresses) as running:
                assert {ask(running.port, headers=cookie).body for _ in range(5)} == {b"alpha"}
                assert ask(running.port, "/x;jsessionid=1.b", headers=cookie).body == b"beta"
                assert [ask(running.port).body for _ in range(4)] == [b"alpha", b"beta"] * 2
        with running_front(*addresses) as running:
            assert {ask(running.port, headers=cookie).body for _ in range(5)} == {b"beta"}
            assert states(running) == ["error", "ok"]


def test_a_worker_that_returns_is_found_after_the_recovery_time() -> None:
    address = nobody()
    with TinyContainer() as container, running_front(address, container.address, recover_time_s=0) as running:
        assert ask(running.port).status == 200
        assert states(running) == ["error", "ok"]
        with socket.create_server((address.host, address.port)) as listener:
            listener.settimeout(10)
            found = threading.Event()

            def accept() -> None:
                accepted, _ = listener.accept()
                with accepted:
                    found.set()

            thread = threading.Thread(target=accept)
            thread.start()
            wait_for(lambda: ask(running.port).status == 200 and found.is_set())
            thread.join()


def test_decisions_are_told_to_the_trace() -> None:
    lines: list[str] = []
    with (
        TinyContainer() as container,
        running_front(nobody(), container.address, trace=lines.append) as running,
    ):
        ask(running.port, "/x")
    assert lines[0] == "GET /x → a, attempt 1: BAL-SEL-01: a 1→0, b 1→2"
    assert lines[1].startswith("GET /x ← a: not sent: cannot connect to 127.0.0.1:")
    assert lines[2] == "GET /x → b, attempt 2: BAL-SEL-01: b 2→2"
