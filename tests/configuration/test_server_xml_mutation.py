"""Seeded mutation of XML: whatever a file says, reading gives a result and complaints."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from refjk.configuration import Complaints, Severity, WebApplication, read_web_xml
from refjk.configuration.complaints import COMPLAINTS_MAX
from refjk.configuration.container_rows import application_rows, container_rows
from refjk.configuration.server_xml_table import ATTRIBUTES, CHILDREN, CLASSES
from refjk.configuration.xml_mending import mend
from refjk.configuration.xml_reader import XML_SIZE_MAX
from tests.configuration.server_xml_texts import CLUSTER, END, START, read
from tests.configuration.test_mutation import mutated

SEED = 20050101
ROUNDS = 500
SECONDS_MAX = 10.0
ARTICLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "article"
NODE = (ARTICLE / "node1" / "conf" / "server.xml").read_text("utf-8")
WEB = (ARTICLE / "webapps" / "ClusterTest" / "WEB-INF" / "web.xml").read_text("utf-8")
NAMES = [*CHILDREN, *CLASSES, *(info.name for infos in ATTRIBUTES.values() for info in infos)]
PIECES = [
    *("<", ">", "/>", "</", "</Host>", '"', "'", "”", "“", "&", "&amp;", "&#0;", "&#x10FFFF;", "&x;", "="),
    *("<!--", "-->", "<!–", "<![CDATA[", "]]>", "<?x", "?>", "<!DOCTYPE a [", "<!ENTITY a 'b'>", "]>"),
    *("${catalina.base}", "${", "\n", "\r", "\t", "\u00a0", "\u2028", "\x00", "\x1b", "\ud800", "\U0010ffff"),
    *(
        "<Cluster",
        "<Valve ",
        "<Context path=''",
        "<servlet>",
        "<url-pattern>",
        "99999999999",
        "xmlns:a='b'",
        "a:",
    ),
]


def accidents(text: str, source: random.Random) -> str:
    """Those of other texts, and a few that only XML has."""
    text = mutated(text, source)
    for _ in range(source.randint(0, 4)):
        at = source.randrange(len(text) + 1)
        piece = source.choice(PIECES) if source.random() < 0.7 else source.choice(NAMES)
        text = text[:at] + piece + text[at + source.choice([0, 0, len(piece)]) :]
    return text


def test_a_server_xml_of_any_text_gives_a_result() -> None:
    print(f"seed {SEED}")
    source = random.Random(SEED)
    for number in range(ROUNDS):
        where = f"seed {SEED}, round {number}"
        text = accidents(source.choice([NODE, START + CLUSTER + END]), source)
        start = time.monotonic()
        try:
            found = read(text)
            listing = "".join(f"{row}\n" for row in container_rows(found))
        except Exception as error:
            raise AssertionError(f"{where}: reading raised for {text!r}") from error
        assert len(found.complaints) <= COMPLAINTS_MAX, where
        # What is read as nothing is said to be wrong.
        refused = any(complaint.severity is Severity.ERROR for complaint in found.complaints)
        assert refused or found.server is not None, where
        assert all("\n" not in str(complaint) for complaint in found.complaints), where
        assert len(listing) < 1_000_000, where
        assert time.monotonic() - start < SECONDS_MAX, where


def test_a_web_xml_of_any_text_gives_a_result() -> None:
    print(f"seed {SEED}")
    source = random.Random(f"{SEED} web")
    for number in range(ROUNDS):
        where = f"seed {SEED}, round {number}"
        text = accidents(WEB, source)
        try:
            found = read_web_xml(text, "web.xml")
            assert list(application_rows(found)), where
        except Exception as error:
            raise AssertionError(f"{where}: reading raised for {text!r}") from error
        refused = any(complaint.severity is Severity.ERROR for complaint in found.complaints)
        assert refused or found.display_name != WebApplication("").display_name or "web-app" in text, where


def heavy_texts() -> Iterator[tuple[str, str]]:
    """Texts that would take long if something were done again for each of many."""
    size = XML_SIZE_MAX - 100
    yield "open", "<a>" * (size // 3)
    yield "open, and ends of others", "<a>" * (size // 7) + "</b>" * (size // 7)
    yield "spaces in a value without end", '<a b="' + " " * size
    yield "spaces and names", "<a " + "b " * (size // 2)
    yield "ampersands", "&" * size
    yield "less-than signs", "<" * size
    yield "greater-than signs in a value", '<a b="' + ">" * size + '"/>'
    yield "attributes", "<a " + " ".join(f'b{number}=""' for number in range(size // 12)) + "/>"
    yield "attributes, broken", "<a " + "".join(f'b{number}=""' for number in range(size // 12)) + "/>"
    yield "quotes of one kind", "<a " + "b='\"" * (size // 4)
    yield "unknown children", "<Server>" + "<Servicee/>" * 9000 + "</Server>"
    yield "unknown attributes", "<Server " + " ".join(f'shutdwn{n}=""' for n in range(size // 20)) + "/>"
    yield "line ends in a value", '<a b="' + "\n" * size + '"/>'
    yield "line ends in a broken value", '<a b="' + "\n" * size


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in heavy_texts()])
def test_a_text_that_makes_work_is_read_in_time(text: str) -> None:
    start = time.monotonic()
    found = read(text)
    assert found.server is None or found.complaints
    assert time.monotonic() - start < SECONDS_MAX


def test_mending_keeps_the_lines() -> None:
    source = random.Random(f"{SEED} lines")
    for number in range(300):
        text = accidents(NODE, source).replace("\r", " ")
        mended = mend(text, "server.xml", Complaints())
        assert mended.count("\n") == text.count("\n"), f"seed {SEED}, round {number}: {text!r}"
