"""The same configuration in httpd with mod_jk and in refjk: names, order and structure of xml, txt, prop."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Protocol

import pytest

from refjk.configuration import read_workers
from refjk.speccheck import covers
from refjk.status import StatusReport
from tests.interop.peers import Answer, Httpd, JkWorker, ModJk, ask, free_port
from tests.status.support import PROPERTIES, access, apply, edits, report_of, rule, with_error
from tests.status.support import ask as ask_refjk
from tests.status.support import body as refjk_body

pytestmark = pytest.mark.interop

DIRECTIVES = """\
JkMount /status jkstatus
JkMount /solo/*.do solo
JkUnMount /app/x lb
"""


class Ask(Protocol):
    """The body of the answer to a query."""

    def __call__(self, query: str, path: str = "/status") -> str: ...


class Named(ModJk):
    """mod_jk with a text of properties of our own."""

    def _worker_properties(self) -> tuple[str, list[str]]:
        return "lb", text_of(self.workers).splitlines()


def text_of(workers: Sequence[JkWorker]) -> str:
    """The properties with ports where nobody listens."""
    text = PROPERTIES
    for old, worker in zip(("9012", "9022", "9099"), workers, strict=True):
        text = text.replace(old, str(worker.port))
    return text


@pytest.fixture(scope="module")
def nobody() -> list[JkWorker]:
    return [JkWorker(free_port()) for _ in range(3)]


@pytest.fixture(scope="module")
def mod_jk(nobody: list[JkWorker]) -> Iterator[Ask]:
    with Httpd(Named(nobody, mounts=("/app/*",), directives=DIRECTIVES)) as peer:

        def ask_peer(query: str, path: str = "/status") -> str:
            got: Answer = ask(peer.port, f"{path}?{query}")
            assert got.status == (200 if path == "/status" else 503)
            return got.body.decode()

        yield ask_peer


@pytest.fixture(scope="module")
def report(nobody: list[JkWorker]) -> StatusReport:
    rules = [rule("/app/*", "lb"), rule("/app/x", "lb", exclude=True), rule("/solo/*.do", "solo")]
    return report_of(read_workers(text_of(nobody), "workers.properties"), rules)


QUERIES = [
    *("cmd=list", "", "cmd=show&w=lb", "cmd=show&w=lb&sw=node2", "cmd=show&w=solo", "cmd=version"),
    *("cmd=dump", "cmd=edit&w=lb", "cmd=nonsense", "cmd=show&w=nobody", "cmd=show", "cmd=list&opt=2"),
    *("cmd=list&opt=9", "cmd=list&opt=17", "cmd=list&opt=1", "cmd=list&opt=508", "cmd=recover&w=lb&sw=node1"),
    *("cmd=show&w=lb&sw=nobody", "cmd=show&w=lb&sw="),
]


@pytest.mark.parametrize("query", QUERIES)
@covers("STA-FMT-02")
def test_xml_has_the_elements_and_attributes_of_mod_jk_in_its_order(
    mod_jk: Ask, report: StatusReport, query: str
) -> None:
    real = ET.fromstring(mod_jk(f"mime=xml&{query}"))
    own = ET.fromstring(_own(f"mime=xml&{query}", report))
    assert _shape(own) == _shape(real)


@pytest.mark.parametrize("query", QUERIES)
@covers("STA-FMT-03")
def test_txt_has_the_lines_and_names_of_mod_jk_in_its_order(
    mod_jk: Ask, report: StatusReport, query: str
) -> None:
    real = [_names_of_line(line) for line in mod_jk(f"mime=txt&{query}").splitlines()]
    real = [names for names in real if names != "ServerRoot"]
    own = [_names_of_line(line) for line in _own(f"mime=txt&{query}", report).splitlines()]
    assert own == real


@pytest.mark.parametrize("query", [*QUERIES, "cmd=list&mime=nonsense"])
@covers("STA-FMT-04", "STA-FMT-05")
def test_prop_has_the_names_of_mod_jk_in_its_order(mod_jk: Ask, report: StatusReport, query: str) -> None:
    real = [line.partition("=")[0] for line in mod_jk(f"mime=prop&{query}").splitlines()]
    own = [line.partition("=")[0] for line in _own(f"mime=prop&{query}", report).splitlines()]
    assert own == list(_with_own_names(real))


@covers("STA-LST-01", "STA-LST-02", "STA-LST-04")
def test_values_are_those_of_mod_jk_where_no_time_or_name_of_the_server_is_in_them(
    mod_jk: Ask, report: StatusReport
) -> None:
    passing = re.compile(r" (last_reset_at|last_reset_ago|time_to_maintenance_\w+|server)=\S+")
    kinds = ("Balancer", "Member", "AJP", "Map", "Result")
    real = [passing.sub("", line) for line in mod_jk("mime=txt").splitlines() if line.startswith(kinds)]
    own = [passing.sub("", line) for line in _own("mime=txt", report).splitlines() if line.startswith(kinds)]
    real, own = (sorted(line.replace("id=2", "id=1") for line in lines) for lines in (real, own))
    assert own == real


@covers("STA-EDT-01", "STA-EDT-02")
def test_values_after_edits_are_those_of_mod_jk(mod_jk: Ask, report: StatusReport) -> None:
    mod_jk("cmd=update&w=lb&sw=node1&vwa=d&vwf=3&vwd=4&vwr=node2&vart=7000&vamps=9000&mime=txt")
    mod_jk("cmd=update&w=lb&vlr=5&vlm=b&vll=p&vlt=30&vls=off&mime=txt")
    real = [_fields(mod_jk("mime=txt"), start) for start in ("Member: name=node1", "Balancer Worker:")]
    mod_jk("cmd=update&w=lb&sw=node1&vwa=a&vwf=1&vwd=0&vwr=&vart=0&vamps=8192&mime=txt")
    mod_jk("cmd=update&w=lb&vlr=2&vlm=r&vll=o&vlt=60&vls=on&mime=txt")
    own_edits = [
        *edits(report, w="lb", sw="node1", vwa="d", vwf="3", vwd="4", vwr="node2", vart="7000", vamps="9000"),
        *edits(report, w="lb", vlr="5", vlm="b", vll="p", vlt="30", vls="off"),
    ]
    edited = apply(report, own_edits)
    own = [_fields(_own("mime=txt", edited), start) for start in ("Member: name=node1", "Balancer Worker:")]
    for fields in (*real, *own):
        for name in ("last_reset_at", "last_reset_ago", "lbmult", *_MAINTENANCE):
            fields.pop(name, None)
    assert own == real


@covers("STA-LST-03", "STA-LST-09")
def test_a_member_in_error_is_shown_as_mod_jk_shows_it(mod_jk: Ask, report: StatusReport) -> None:
    mod_jk("", "/app/any")
    real = {mime: mod_jk(f"mime={mime}&cmd=show&w=lb") for mime in ("xml", "txt")}
    mod_jk("cmd=reset&w=lb&mime=txt")
    own = with_error(with_error(report, "node1"), "node2")
    assert _shape(ET.fromstring(_own("mime=xml&cmd=show&w=lb", own))) == _shape(ET.fromstring(real["xml"]))
    lines = [_names_of_line(line) for line in real["txt"].splitlines()]
    own_text = _own("mime=txt&cmd=show&w=lb", own)
    assert [_names_of_line(line) for line in own_text.splitlines()] == lines
    states = [_fields(text, "Member: name=node2")["state"] for text in (real["txt"], own_text)]
    assert states == ["ERR", "ERR"]


_MAINTENANCE = ("time_to_maintenance_min", "time_to_maintenance_max")


def _own(query: str, report: StatusReport) -> str:
    """What a GET changes in mod_jk, refjk refuses; there is nothing but a result in either case."""
    return refjk_body(ask_refjk(query, report, access()))


def _shape(element: ET.Element) -> object:
    names = [name for name in element.attrib if name != "ServerRoot"]
    return element.tag, names, [_shape(child) for child in element]


def _names_of_line(line: str) -> object:
    """The beginning of a line and the names in it; quoted values may hold blanks."""
    head, colon, rest = line.partition(":")
    if not colon or "=" in head:
        return line.partition("=")[0]
    return head, re.findall(r'(\w+)=(?:"[^"]*"|\S*)', rest)


def _fields(text: str, start: str) -> dict[str, str]:
    line = next(line for line in text.splitlines() if line.startswith(start))
    return dict(re.findall(r'(\w+)="?([^" ]*)"?', line))


def _with_own_names(names: list[str]) -> Iterator[str]:
    """Two kinds of names differ: those of a member's last reset, and the list of workers alone."""
    member = ""
    for name in names:
        parts = name.split(".")
        if len(parts) == 3 and parts[2] == "type":
            member = parts[1]
        if name.startswith("worker.lb.last_reset_") and member != "lb":
            yield name.replace("worker.lb.", f"worker.{member}.")
        elif name == "worker.solo.list":
            yield "worker.list"
        elif name != "ServerRoot":
            yield name
