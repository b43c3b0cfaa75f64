"""The balancer of mod_jk 1.2.7 beside another program's smooth weighted choice: nginx's round robin.

Both credit every node with its weight, take the first with the greatest value, and charge it with the
sum of the weights. They begin differently: nginx with the value 0 everywhere, mod_jk 1.2.7 with each
member's weight. So the two are always one round of credits apart, and the orders differ, even as cycles;
the period and what a node gets in it do not.

nginx can be brought to mod_jk's beginning: a server heavier than all others is chosen first, refuses
the connection, and is left alone from then on. The others keep the credit of that round. From there on
the sequences are the same, request by request.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import gcd

import pytest

from refjk.balancing import Balancer127, BalancerSettings, Outcome, RequestFacts, WorkerSettings
from refjk.speccheck import covers
from tests.interop.peers import Nginx, Upstream

pytestmark = pytest.mark.interop

CYCLES = 3
NODES_MAX = 6
WEIGHT_MAX = 9
HEAVIER_THAN_ALL = WEIGHT_MAX + 1


def weight_sets() -> list[tuple[int, ...]]:
    """Two well-known ones and ten that a seed gives."""
    chance = random.Random(127)
    sizes = [chance.randint(2, NODES_MAX) for _ in range(10)]
    return [(5, 1, 1), (3, 2, 1), *(tuple(chance.randint(1, WEIGHT_MAX) for _ in range(n)) for n in sizes)]


WEIGHT_SETS = weight_sets()


def named(weights: Sequence[int]) -> str:
    return "-".join(map(str, weights))


@contextlib.contextmanager
def http_node(name: str) -> Iterator[int]:
    """An HTTP server that answers with its name; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(name)))
            self.end_headers()
            self.wfile.write(name.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def nginx() -> Iterator[Nginx]:
    """Two upstreams for each set: as it is, and with the server that has the first turn and refuses it."""
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(http_node(f"node{number}")) for number in range(NODES_MAX)]
        refusing = Upstream(stack.enter_context(refusing_port()), HEAVIER_THAN_ALL, fails_max=1)
        upstreams = {}
        for weights in WEIGHT_SETS:
            nodes = [Upstream(port, weight) for port, weight in zip(ports, weights, strict=False)]
            upstreams[f"from-zero-{named(weights)}"] = nodes
            upstreams[f"from-weight-{named(weights)}"] = [*nodes, refusing]
        yield stack.enter_context(Nginx(upstreams))


def cycle_size(weights: Sequence[int]) -> int:
    return sum(weights) // gcd(*weights)


def by_nginx(nginx: Nginx, upstream: str, count: int) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=30)
    names = []
    for _ in range(count):
        connection.request("GET", f"/{upstream}")
        response = connection.getresponse()
        assert response.status == 200
        names.append(response.read().decode())
    connection.close()
    return names


def by_mod_jk(weights: Sequence[int], count: int) -> list[str]:
    """What the algorithm 1.2.7 chooses for requests that all succeed."""
    workers = [WorkerSettings(f"node{number}", weight) for number, weight in enumerate(weights)]
    balancer = Balancer127(workers, BalancerSettings())
    names = []
    for _ in range(count):
        decision = balancer.choose(RequestFacts(b"/"), 0)
        assert decision is not None
        names.append(decision.worker.name)
        balancer.report(decision, Outcome.SUCCESS, 0)
    return names


@covers("BAL-SEL-01", "BAL-SEL-02", "BAL-SEL-04")
@pytest.mark.parametrize("weights", WEIGHT_SETS, ids=named)
def test_from_the_same_beginning_both_choose_the_same_node_for_every_request(
    nginx: Nginx, weights: tuple[int, ...]
) -> None:
    count = CYCLES * cycle_size(weights)
    assert by_nginx(nginx, f"from-weight-{named(weights)}", count) == by_mod_jk(weights, count)


@pytest.mark.parametrize("weights", WEIGHT_SETS, ids=named)
def test_from_its_own_beginning_nginx_repeats_after_as_many_requests_and_shares_alike(
    nginx: Nginx, weights: tuple[int, ...]
) -> None:
    size = cycle_size(weights)
    theirs = by_nginx(nginx, f"from-zero-{named(weights)}", CYCLES * size)
    ours = by_mod_jk(weights, CYCLES * size)
    assert (theirs, ours) == (theirs[:size] * CYCLES, ours[:size] * CYCLES)
    assert Counter(theirs[:size]) == Counter(ours[:size])


def test_the_beginning_decides_the_order_for_good(nginx: Nginx) -> None:
    """Neither order is a turn of the other's cycle, so that no shift brings them together."""
    theirs = "".join(name[-1] for name in by_nginx(nginx, "from-zero-5-1-1", 7))
    ours = "".join(name[-1] for name in by_mod_jk((5, 1, 1), 7))
    assert (theirs, ours) == ("0010200", "0001002")
    assert theirs not in ours * 2
