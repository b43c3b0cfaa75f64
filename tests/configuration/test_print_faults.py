"""What typesetting does to a configuration, each with the complaint that mends it."""

from __future__ import annotations

import pytest

from refjk.speccheck import covers
from tests.configuration.support import OLD, errors, httpd, mount_rules, short, warnings, workers


@covers("CFG-PRN-01")
@pytest.mark.parametrize("line", ["JkLogFile “logs/mod_jk.log”", "JkLogFile „logs/mod_jk.log‟"])
def test_curly_quotes_around_a_file_are_an_error_with_the_mended_line(line: str) -> None:
    complaints = httpd(line + "\n").complaints
    assert short(complaints) == ["error CFG-PRN-01 1"]
    assert complaints[0].remedy == 'write it with straight ones: JkLogFile "logs/mod_jk.log"'


@covers("CFG-PRN-01")
@pytest.mark.parametrize(
    "text",
    [
        "LoadModule jk_module “modules/mod_jk.so”",
        "JkWorkersFile “w”",
        "DocumentRoot ‘htdocs’",
        "Include “a.conf”",
        "JkShmFile \x93x\x94",
    ],
)
def test_curly_quotes_of_every_file_are_an_error(text: str) -> None:
    assert "CFG-PRN-01 1" in errors(httpd(text + "\n").complaints)


@covers("CFG-PRN-01")
def test_curly_quotes_elsewhere_are_a_warning() -> None:
    text = "JkMount “/a” w\nJkMount /“b w\nJkEnvVar A ‘b’\n<Location “/x”>\n</Location>\n"
    complaints = httpd(text).complaints
    assert [line for line in warnings(complaints) if "PRN" in line] == [
        "CFG-PRN-01 4",
        "CFG-PRN-01 1",
        "CFG-PRN-01 2",
        "CFG-PRN-01 3",
    ]
    assert warnings(workers("worker.list=“w”").complaints) == ["CFG-PRN-01 1"]
    assert warnings(mount_rules("/a=“w”")[1]) == ["CFG-PRN-01 1"]


@covers("CFG-PRN-01")
def test_curly_quotes_are_seen_in_what_a_condition_skips() -> None:
    text = "<IfModule !mod_jk.c>\nLoadModule jk_module “modules/mod_jk.dll”\n</IfModule>\n"
    complaints = httpd(text).complaints
    assert short(complaints) == ["warning CFG-PRN-01 2"]
    assert '"modules/mod_jk.dll"' in complaints[0].remedy


@covers("CFG-PRN-02")
def test_a_directive_glued_to_its_argument_is_an_error_with_the_mended_line() -> None:
    complaints = httpd("JkWorkerProperty.worker.w.port=8010\n").complaints
    assert short(complaints) == ["error CFG-PRN-02 1"]
    assert complaints[0].remedy == "write JkWorkerProperty worker.w.port=8010"


@covers("CFG-PRN-02")
@pytest.mark.parametrize("line", ["JkMount./a w", "JkMount\u00a0/a w", "Listen.80"])
def test_other_directives_can_be_glued_too(line: str) -> None:
    assert errors(httpd(line + "\n").complaints) == ["CFG-PRN-02 1"]


@covers("CFG-PRN-02", "CFG-PRN-04")
def test_what_else_is_wrong_with_a_glued_property_is_said_at_once() -> None:
    complaints = httpd("JkWorkerProperty.worker.node1.lb_factor=1\n").complaints
    assert short(complaints) == ["error CFG-PRN-02 1", "error CFG-PRN-04 1"]
    assert complaints[1].remedy == "write worker.node1.lbfactor"


@covers("CFG-PRN-03")
@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (
            "JkWorkerProperty worker.lb.balance_workers=\n\nn1,n2\n",
            "JkWorkerProperty worker.lb.balance_workers=n1,n2",
        ),
        ("JkMount /a/*\nbalancer\n", "JkMount /a/* balancer"),
        ("JkLogLevel\ndebug\n", "JkLogLevel debug"),
    ],
)
def test_a_value_on_the_next_line_is_an_error_with_the_mended_line(text: str, mended: str) -> None:
    complaints = [one for one in httpd(text).complaints if one.clause == "CFG-PRN-03"]
    assert [(one.severity.value, one.remedy) for one in complaints] == [
        ("error", f"write both as one line: {mended}")
    ]


@covers("CFG-PRN-03")
def test_a_value_on_the_next_line_of_a_workers_file_is_a_warning() -> None:
    read = workers("worker.list=lb", "worker.lb.type=lb", "worker.lb.balance_workers=", "# x", "n1,n2")
    assert "CFG-PRN-03 3" not in warnings(read.complaints)
    read = workers("worker.list=w", "worker.w.host=", "localhost", "worker.w.source=")
    assert "CFG-PRN-03 2" in warnings(read.complaints)
    assert "worker.w.host=localhost" in str(read.complaints)


@covers("CFG-PRN-04")
def test_lb_factor_is_an_error_now_and_had_no_effect_then() -> None:
    lines = ("worker.list=w", "worker.w.lb_factor=2")
    now, then = workers(*lines), workers(*lines, profile=OLD)
    assert short(now.complaints) == ["error CFG-PRN-04 2"]
    assert short(then.complaints) == ["warning CFG-PRN-04 2"]
    for complaint in (*now.complaints, *then.complaints):
        assert (complaint.nearest, complaint.remedy) == ("lbfactor", "write worker.w.lbfactor")


def test_all_of_it_together_is_told_line_by_line() -> None:
    text = (
        "JkWorkerProperty worker.list=lb\n"
        "JkWorkerProperty.worker.n1.lb_factor=1\n"
        "JkWorkerProperty worker.lb.balanced_workers=\n"
        "\n"
        "n1,n2\n"
        "JkWorkerProperty worker.lb.type=lb\n"
        "JkLogFile “logs/mod_jk.log”\n"
    )
    found = errors(httpd(text).complaints)
    assert {"CFG-PRN-02 2", "CFG-PRN-04 2", "CFG-PRN-03 5", "CFG-PRN-01 7"} <= set(found)
