"""Plays a scenario: one client, one request after the other over one connection.

A connection's next request is looked at only when the one before is over, also for the balancer's books;
with a new connection for each request the two could overtake each other.
"""

from __future__ import annotations

import contextlib
import http.client
import time

from tests.interop.scenarios.fronts import FrontUnderTest, JkFiles
from tests.interop.scenarios.nodes import NODE_HEADER, ROUTE_HEADER, Node, running_nodes
from tests.interop.scenarios.reading import Ask, Kill, Return, Says, Scenario

ANSWER_DEADLINE_S = 30.0
UNTIL_DEADLINE_S = 30.0
UNTIL_PAUSE_S = 0.1


def play(scenario: Scenario, front: FrontUnderTest) -> list[str]:
    """The steps that ask, each with the answer that came."""
    with running_nodes(scenario.nodes) as nodes:
        ports = {name: str(node.port) for name, node in nodes.items()}
        files = JkFiles(httpd_conf=scenario.httpd_conf, workers_properties=scenario.workers.format(**ports))
        with front(files) as running:
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=ANSWER_DEADLINE_S)
            with contextlib.closing(connection):
                return _play_steps(scenario, nodes, connection)


def _play_steps(
    scenario: Scenario, nodes: dict[str, Node], connection: http.client.HTTPConnection
) -> list[str]:
    answers = []
    for step in scenario.steps:
        if isinstance(step, Kill):
            nodes[step.node].kill()
        elif isinstance(step, Return):
            nodes[step.node].start()
        elif isinstance(step, Says):
            nodes[step.node].status = step.status
        else:
            answer = _answer(connection, step, scenario.routes_compared)
            deadline = time.monotonic() + UNTIL_DEADLINE_S
            while step.until and answer != step.answer and time.monotonic() < deadline:
                time.sleep(UNTIL_PAUSE_S)
                answer = _answer(connection, step, scenario.routes_compared)
            answers.append(f"{step.text} -> {answer}")
    return answers


def _answer(connection: http.client.HTTPConnection, step: Ask, routes_compared: bool) -> str:
    headers = {} if step.cookie is None else {"Cookie": f"JSESSIONID={step.cookie}"}
    body = b"x" * step.body_size if step.method == "POST" else None
    connection.request(step.method, step.path, body, headers)
    response = connection.getresponse()
    response.read()
    node, route = response.headers.get(NODE_HEADER), response.headers.get(ROUTE_HEADER)
    if node is None:
        return f"status {response.status}"
    status = "" if response.status == 200 else f", status {response.status}"
    told = f" for {route}" if routes_compared and route != node else ""
    return f"{node}{told}{status}"
