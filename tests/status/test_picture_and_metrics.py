"""The picture and the metrics."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from refjk.balancing import Activation, WorkerState
from refjk.speccheck import covers
from refjk.status import AjpStatus, Traffic, answer_metrics
from tests.status.support import access, ask, body, header, report, with_error, with_member

SVG = "{http://www.w3.org/2000/svg}"


@covers("STA-PIC-01")
def test_a_picture_shows_state_activation_value_share_and_open_requests() -> None:
    whole = with_member(report(), "node1", elected=30, value=4, open=2, open_max=6, state=WorkerState.OK)
    whole = with_error(with_member(whole, "node2", elected=10, value=8), "node2")
    whole = with_member(whole, "node2", settings={"activation": Activation.DISABLED})
    root = ET.fromstring(ask("mime=svg", whole).body)
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert {"lb", "node1", "node2", "OK", "ERR DIS", "75.0 %", "25.0 %", "4", "8", "2 / 6"} <= set(texts)
    widths = [float(one.get("width", "0")) for one in root.iter(f"{SVG}rect") if one.get("class") == "share"]
    assert widths == [63.0, 21.0]
    assert [one.get("class") for one in root.iter(f"{SVG}circle")] == ["good", "bad"]


@covers("STA-PIC-01")
def test_a_picture_needs_nothing_from_elsewhere_and_fits_light_and_dark() -> None:
    got = body(ask("mime=svg"))
    assert "prefers-color-scheme: dark" in got
    assert "href" not in got and "url(" not in got and "<script" not in got


@covers("STA-PIC-01")
def test_a_picture_of_one_balancer_shows_no_other() -> None:
    whole = report()
    other = replace(whole.balancers[0], name="other")
    whole = replace(whole, balancers=(*whole.balancers, other))
    both, one = body(ask("mime=svg", whole)), body(ask("mime=svg&cmd=show&w=other", whole))
    assert ">lb<" in both and ">other<" in both
    assert ">lb<" not in one and ">other<" in one
    assert "No balancer." in body(ask("mime=svg", replace(whole, balancers=())))
    assert "No balancer." in body(ask("mime=svg&cmd=show&w=solo", whole))


@covers("STA-PIC-02")
def test_the_page_has_the_picture_of_each_balancer() -> None:
    whole = report()
    whole = replace(whole, balancers=(*whole.balancers, replace(whole.balancers[0], name="other")))
    assert body(ask("", whole)).count('<svg class="pic" role="img"') == 2


@covers("STA-PIC-03")
def test_a_picture_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(ask("mime=svg", with_error(report())).body)
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root.findtext(f"{SVG}title") == "Balancers of 127.0.0.1:8080"
    expected = "lb: node1: OK/IDLE, active, value 0, share –, busy 0; node2: ERR, active, value 0, share –"
    assert str(root.findtext(f"{SVG}desc")).startswith(expected)


SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (-?\d+)')


def samples(text: str) -> dict[tuple[str, str], int]:
    """Name and labels to value; checks the form of every line."""
    found: dict[tuple[str, str], int] = {}
    kinds: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            assert (match[1], match[2]) not in found and list(kinds)[-1] == match[1]
            assert (kinds[match[1]] == "counter") is match[1].endswith("_total")
            found[match[1], match[2]] = int(match[3])
    assert text.count("# HELP ") == len(kinds)
    return found


@covers("STA-MET-01", "STA-MET-02")
def test_metrics_have_the_values_of_balancers_members_and_workers_alone() -> None:
    whole = with_member(report(), "node1", elected=5, errors=2, octets_written=9, value=3, open=1)
    solo = AjpStatus(whole.workers[0].worker, Traffic(used=7, busy=2), connected=4)
    got = answer_metrics(replace(whole, workers=(solo,)), access())
    assert got.status == 200
    assert header(got, "Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(body(got))
    node1, alone = 'balancer="lb",worker="node1"', 'balancer="",worker="solo"'
    assert found["refjk_worker_requests_total", node1] == 5
    assert found["refjk_worker_errors_total", node1] == 2
    assert found["refjk_worker_written_bytes_total", node1] == 9
    assert found["refjk_worker_load_value", node1] == 3
    assert found["refjk_worker_busy", node1] == 1
    assert found["refjk_worker_requests_total", alone] == 7
    assert found["refjk_worker_connected", alone] == 4
    assert found["refjk_balancer_members", 'balancer="lb",rating="good"'] == 2
    names = {name for name, _ in found}
    assert all(name.startswith(("refjk_balancer_", "refjk_worker_", "refjk_info")) for name in names)


@covers("STA-MET-01")
def test_a_metric_without_samples_is_left_out() -> None:
    found = samples(body(answer_metrics(replace(report(), balancers=(), workers=()), access())))
    assert [name for name, _ in found] == ["refjk_info"]


@covers("STA-MET-03")
@pytest.mark.parametrize("state", list(WorkerState))
def test_a_state_is_one_among_samples_of_all(state: WorkerState) -> None:
    whole = with_member(report(), "node1", state=state, settings={"activation": Activation.STOPPED})
    found = samples(body(answer_metrics(whole, access())))
    states = {key[1]: value for key, value in found.items() if key[0] == "refjk_worker_state"}
    assert len(states) == 2 * len(WorkerState)
    assert sum(value for labels, value in states.items() if 'worker="node1"' in labels) == 1
    activation = 'balancer="lb",worker="node1",activation="stopped"'
    assert found["refjk_worker_activation", activation] == 1


@covers("STA-MET-04")
def test_metrics_are_for_those_who_may_look() -> None:
    assert answer_metrics(report(), access(peer="10.0.0.1", remote=True)).status == 200
    for who in (access(peer="10.0.0.1"), access(host="attacker.example"), access("GET", "user=alice")):
        got = answer_metrics(report(), who)
        assert got.status == 403 and "refjk_" not in body(got)


@covers("STA-MET-05")
def test_labels_are_escaped() -> None:
    whole = report()
    whole = replace(whole, balancers=(replace(whole.balancers[0], name='a"b\\c\nd'),))
    found = samples(body(answer_metrics(whole, access())))
    assert ("refjk_balancer_busy", 'balancer="a\\"b\\\\c\\nd"') in found
