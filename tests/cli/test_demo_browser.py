"""The page of the demo in a real browser: members, copies, and a count that outlives its node."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.demo_browser import Browser
from tests.cli.demo_support import demo_process

COUNT = "document.getElementById('count')?.textContent"
NODE = "document.getElementById('node')?.textContent"


def copies(browser: Browser) -> dict[str, str]:
    """What the page says of each node's copy."""
    found: dict[str, str] = browser.evaluate(
        "Object.fromEntries([...document.querySelectorAll('td[id^=copy-]')].map(e => [e.id, e.textContent]))"
    )
    return found


def test_a_browser_sees_members_copies_and_messages_and_its_count_outlives_the_node(tmp_path: Path) -> None:
    with demo_process("--port", "0") as (_, port, _), Browser(tmp_path) as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        victim = browser.wait_for(f"{COUNT} === '1' && {NODE}")
        assert victim in ("node1", "node2", "node3")
        browser.evaluate("document.querySelector('button.first').click()")
        browser.wait_for(f"{COUNT} === '2'")
        shown = copies(browser)
        assert sorted(shown) == ["copy-node1", "copy-node2", "copy-node3"]
        for node, text in shown.items():
            role = "primary" if node == f"copy-{victim}" else "backup"
            assert re.fullmatch(rf"2 [0-9A-F]{{6}}….{victim} {role}", text), (node, text)
        members = browser.evaluate("document.getElementById('members').innerText")
        assert len(set(re.findall(r"tcp://127\.0\.0\.1:\d+", members))) == 3
        flows = browser.evaluate("document.getElementById('flows').innerText")
        others = sorted({"node1", "node2", "node3"} - {victim})
        for count in ("1", "2"):
            assert re.search(rf"delta count = {count}\s+{victim}\s+{', '.join(others)}", flows), flows

        browser.evaluate(f"document.getElementById('kill-{victim}').click()")
        heir = browser.wait_for(f"{COUNT} === '3' && {NODE}")
        assert heir in others
        page = browser.evaluate("document.body.innerText")
        assert f"The session came from {victim} and goes on here" in page and "attempt 2" in page
        # The page goes on by itself: the node is dropped from the membership, and can be started again.
        browser.wait_for(f"document.getElementById('row-{victim}').innerText.includes('no member')")
        browser.evaluate(f"document.getElementById('start-{victim}').click()")
        browser.wait_for(f"{COUNT} === '4'")
        assert [text[:2] for text in copies(browser).values()] == ["4 "] * 3


def test_a_browser_sees_the_nodes_turn_over_and_its_count_goes_on(tmp_path: Path) -> None:
    with demo_process("--port", "0") as (_, port, _), Browser(tmp_path) as browser:

        def deployed(words: str) -> str:
            """True when each node's cell has these words, empty ones none."""
            cells = "[...document.querySelectorAll('td[id^=farm-]')].map(e => e.innerText)"
            test = f"t.includes('{words}')" if words else "t === ''"
            return f"{cells}.length === 3 && {cells}.every(t => {test})"

        for version, count in (("1", "1"), ("2", "2")):
            browser.open(f"http://127.0.0.1:{port}/")
            browser.wait_for("!!document.getElementById('deploy-node1')")
            browser.evaluate("document.getElementById('deploy-node1').click()")
            browser.wait_for(deployed(f"version {version}"))
            browser.evaluate("document.querySelector('td[id^=farm-] a').click()")
            browser.wait_for(f"document.getElementById('version')?.textContent === '{version}'")
            assert browser.evaluate(COUNT) == count
        browser.evaluate("document.querySelector('button').click()")
        browser.wait_for(f"{COUNT} === '3'")
        browser.evaluate("document.querySelector('a').click()")
        browser.wait_for("!!document.getElementById('remove-node1')")
        assert "archive hello.war" in browser.evaluate("document.getElementById('flows').innerText")
        browser.evaluate("document.getElementById('remove-node1').click()")
        browser.wait_for(deployed(""))


def test_the_page_runs_nothing_but_its_own_script(tmp_path: Path) -> None:
    with demo_process("--port", "0", "--nodes", "2") as (_, port, _), Browser(tmp_path) as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait_for(f"{COUNT} === '1'")
        browser.evaluate(
            "const s = document.createElement('script'); s.textContent = 'window.foreign = 1';"
            "document.body.append(s)"
        )
        assert browser.evaluate("window.foreign") is None
        assert browser.evaluate(
            "performance.getEntriesByType('resource').every(e => e.name.startsWith(origin))"
        )
