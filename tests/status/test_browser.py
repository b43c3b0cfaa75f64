"""The page in a real browser, served on loopback with the headers of the answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from refjk.speccheck import covers
from tests.status.browser import browse, dump_dom
from tests.status.support import Page, access, ask, report, with_error, with_member


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the status of a fixed report."""

    def do_GET(self) -> None:
        whole = with_error(with_member(report(), "node1", elected=30), "node2")
        who = access(host=self.headers["Host"], peer=self.client_address[0])
        got = ask(self.path.partition("?")[2], whole, who)
        self.send_response(got.status)
        for name, value in (*got.headers, ("Content-Length", str(len(got.body)))):
            if self.path.startswith("/status/spoilt"):
                value = value.replace("sha256-", "sha256-A")
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(got.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/status"
        finally:
            server.shutdown()
            thread.join(10)


@covers("STA-FMT-10", "STA-PIC-02")
def test_a_browser_sees_the_members_and_the_picture(url: str, tmp_path: Path) -> None:
    dom = dump_dom(url, tmp_path)
    members = re.search(r'<table class="members">.*?</table>', dom, re.DOTALL)
    assert members is not None
    rows = re.findall(r"<tr>(.*?)</tr>", members[0], re.DOTALL)
    assert [re.findall(r"<t[dh]>(\w+)</t[dh]>", row)[0] for row in rows] == ["name", "node1", "node2"]
    assert "<td>30</td>" in rows[1] and ">ERR<" in rows[2]
    picture = re.search(r'<svg class="pic" role="img".*?</svg>', dom, re.DOTALL)
    assert picture is not None and picture[0].count("<circle") == 2
    assert Page(dom).all("button")


def test_a_browser_takes_the_form_with_its_fields(url: str, tmp_path: Path) -> None:
    page = Page(dump_dom(f"{url}?cmd=edit&w=lb&sw=node1", tmp_path))
    fields = {str(tag["name"]): tag.get("value") for tag in page.all("input")}
    assert fields["vaprt"] == "9012" and fields["token"] == access().token("lb")
    assert {"vwa"} == {str(tag["name"]) for tag in page.all("select")}


@covers("STA-FMT-11")
@pytest.mark.parametrize("query", ["", "mime=svg"])
def test_a_browser_draws_with_the_style_that_the_policy_permits(url: str, tmp_path: Path, query: str) -> None:
    assert complaints(f"{url}?{query}", tmp_path / "own") == 0
    assert complaints(f"{url}/spoilt?{query}", tmp_path / "spoilt") > 0


def complaints(url: str, directory: Path) -> int:
    """How often a browser says that a policy forbids something."""
    return browse(url, directory, "--enable-logging=stderr").stderr.count(b"Content Security Policy")
