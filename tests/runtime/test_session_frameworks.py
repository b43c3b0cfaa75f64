"""The example applications: sessions under Flask, where it is installed, and under a stack like Django's."""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refjk.membership import MembershipSettings
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.runtime.sessions import Sessions
from refjk.session import ManagerSettings
from tests.runtime.replication import until

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
Application = Callable[[dict[str, Any], Any], Any]
_numbers = itertools.count()
_groups = itertools.count(47_000 + os.getpid() % 9_000)


def example(path: str) -> ModuleType:
    """A fresh copy of the module at a path below the examples."""
    name = f"refjk_example_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


class Browser:
    """Keeps cookies, unless it is told not to; `applications` are the nodes, in turn."""

    def __init__(self, *applications: Application, keeps_cookies: bool = True) -> None:
        self._nodes = itertools.cycle(applications)
        self._keeps_cookies = keeps_cookies
        self.cookies: dict[str, str] = {}
        self.location = ""

    def ask(self, target: str, form: str | None = None) -> tuple[str, str]:
        """Status and text of an answer; `form` makes it a POST."""
        path, _, query = target.partition("?")
        body = (form or "").encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET" if form is None else "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        status = ""

        def start(line: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], None]:
            nonlocal status
            status = line
            for name, value in headers:
                if name.lower() == "set-cookie" and self._keeps_cookies:
                    self.cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
                elif name.lower() == "location":
                    self.location = value
            return lambda data: None

        answer = next(self._nodes)(environ, start)
        text = b"".join(answer).decode()
        if hasattr(answer, "close"):
            answer.close()
        return status, text


@pytest.fixture
def two_nodes() -> Iterator[list[Sessions]]:
    """The sessions of one application at two nodes that know each other."""
    group = MulticastSettings(port=next(_groups), interface="127.0.0.1", ttl=0)
    membership = MembershipSettings(frequency_ms=50, drop_time_ms=2000)
    settings = [
        NodeSettings(route=name, multicast=group, membership=membership) for name in ("node1", "node2")
    ]
    nodes = [ClusterNode(one) for one in settings]
    try:
        for node in nodes:
            node.start()
        assert until(lambda: all(len(node.members()) == 1 for node in nodes))
        yield [node.add_context(ManagerSettings(route=node.settings.route)) for node in nodes]
    finally:
        for node in nodes:
            node.stop(1.0)


# -- a stack like Django's ----------------------------------------------------------------


def test_a_stack_of_middleware_finds_the_session_and_counts_in_it() -> None:
    browser = Browser(example("django-style/counter.py").app)
    assert browser.ask("/") == ("200 OK", "somebody was here 1 times\n")
    assert browser.ask("/") == ("200 OK", "somebody was here 2 times\n")
    assert browser.ask("/nowhere") == ("404 Not Found", "no such page\n")


def test_logging_in_gives_another_session_id_and_keeps_the_number() -> None:
    browser = Browser(example("django-style/counter.py").app)
    browser.ask("/")
    before = browser.cookies["JSESSIONID"]
    browser.ask("/login")
    assert browser.cookies["JSESSIONID"] != before
    assert browser.ask("/")[1] == "anna was here 2 times\n"


def test_a_stack_of_middleware_counts_on_at_the_other_node(two_nodes: list[Sessions]) -> None:
    application = example("django-style/counter.py").application
    browser = Browser(*(SessionMiddleware(application, sessions) for sessions in two_nodes))
    answers = [browser.ask("/")[1] for _ in range(4)]
    assert answers == [f"somebody was here {number} times\n" for number in (1, 2, 3, 4)]


# -- Flask ---------------------------------------------------------------------------------


@pytest.fixture
def shop() -> ModuleType:
    pytest.importorskip("flask", reason="Flask is not installed")
    return example("flask/shop.py")


def test_a_cart_in_flask_lives_in_a_session_of_refjk(shop: ModuleType) -> None:
    browser = Browser(shop.app)
    assert browser.ask("/add", "item=apple")[0] == "302 FOUND"
    browser.ask("/add", "item=%3Cpear%3E")
    assert "<li>apple</li><li>&lt;pear&gt;</li>" in browser.ask("/")[1]
    browser.ask("/leave", "")
    assert "<li>" not in browser.ask("/")[1]


def test_flask_serves_clients_without_cookies_by_the_url(shop: ModuleType) -> None:
    browser = Browser(shop.app, keeps_cookies=False)
    browser.ask("/add", "item=apple")
    assert browser.location.startswith("/;jsessionid=")
    text = browser.ask(browser.location)[1]
    assert "<li>apple</li>" in text
    assert 'action="/add;jsessionid=' in text


def test_flask_finds_the_cart_at_the_other_node(shop: ModuleType, two_nodes: list[Sessions]) -> None:
    browser = Browser(*(SessionMiddleware(shop.flask_app, sessions) for sessions in two_nodes))
    for item in ("apple", "pear", "plum"):
        browser.ask("/add", f"item={item}")
    assert "<li>apple</li><li>pear</li><li>plum</li>" in browser.ask("/")[1]
