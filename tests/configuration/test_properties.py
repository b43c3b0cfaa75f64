"""Property text: lines, names, repetitions, macros, references."""

from __future__ import annotations

from itertools import pairwise

import pytest

from refjk.configuration import AjpWorker, Profile, Source, Workers
from refjk.configuration.property_table import PROPERTIES, Of
from refjk.speccheck import covers
from tests.configuration.support import NEW, OLD, errors, httpd, short, warnings, workers


def entries(read: Workers) -> dict[str, str]:
    return {entry.name: entry.value for entry in read.properties}


def worker(read: Workers, name: str = "w") -> AjpWorker:
    found = read.workers[name]
    assert isinstance(found, AjpWorker)
    return found


@covers("CFG-PRP-01")
@pytest.mark.parametrize("profile", [OLD, NEW])
def test_a_number_sign_cuts_a_line_anywhere(profile: Profile) -> None:
    read = workers("# list", "  worker.list=w # x", "\tworker.w.secret=a#b", "", profile=profile)
    assert entries(read) == {"worker.list": "w", "worker.w.secret": "a"}
    assert read.complaints == ()


@covers("CFG-PRP-02")
def test_blanks_around_the_equals_sign_are_dropped_now_and_were_not_in_1_2_7() -> None:
    lines = ("worker.list = w ", "worker.w.port\t=\t8010")
    assert entries(workers(*lines)) == {"worker.list": "w", "worker.w.port": "8010"}
    old = workers(*lines, profile=OLD)
    assert entries(old) == {"worker.list ": " w", "worker.w.port\t": "\t8010"}
    assert [line for line in warnings(old.complaints) if "PRP-02" in line] == ["CFG-PRP-02 1", "CFG-PRP-02 2"]
    assert old.complaints[0].remedy == "write worker.list=w"


@covers("CFG-PRP-03")
@pytest.mark.parametrize("line", ["worker.w.port", "worker.w.port=", "=8010", "nonsense"])
def test_a_line_without_name_or_value_has_no_effect(line: str) -> None:
    read = workers("worker.list=w", line)
    assert entries(read) == {"worker.list": "w"}
    assert short(read.complaints) == ["warning CFG-PRP-03 2"]


@covers("CFG-PRP-03")
def test_a_backslash_does_not_continue_a_line() -> None:
    read = workers("worker.list=w", "worker.w.secret=a\\", "worker.w.host=b\\c")
    assert worker(read).secret == "a\\"
    assert short(read.complaints) == ["warning CFG-PRP-03 2"]


@covers("CFG-PRP-04")
@pytest.mark.parametrize(("profile", "size"), [(OLD, 1023), (NEW, 8191)])
def test_a_long_line_is_cut(profile: Profile, size: int) -> None:
    start = "worker.w.secret="
    fits = workers("worker.list=w", start + "x" * (size - 1 - len(start)), profile=profile)
    assert fits.complaints == ()
    cut = workers("worker.list=w", start + "x" * size + "worker.w.port=8010", profile=profile)
    assert len(worker(cut).secret or "") == size - len(start)
    assert "CFG-PRP-04 2" in warnings(cut.complaints)


@covers("CFG-PRP-05")
def test_case_of_names_matters_now_and_did_not_in_1_2_7() -> None:
    lines = ("worker.list=W", "Worker.w.Port=8010")
    assert worker(workers(*lines, profile=OLD), "W").port == 8010
    assert worker(workers(*lines), "W").port == 8009


@covers("CFG-PRP-06")
def test_in_1_2_7_a_name_given_again_joins_with_a_star() -> None:
    lines = (
        "worker.list=w",
        "worker.list=v",
        "worker.w.port=8010",
        "Worker.w.port=8011",
        "a.path=x",
        "a.path=y",
    )
    read = workers(*lines, "c.cmd_line=x", "c.cmd_line=y", profile=OLD)
    assert entries(read)["worker.list"] == "w*v"
    assert read.listed == ("w", "v")
    assert (entries(read)["worker.w.port"], worker(read).port) == ("8010*8011", 8010)
    assert (entries(read)["a.path"], entries(read)["c.cmd_line"]) == ("x:y", "x y")


@covers("CFG-PRP-07")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("worker.list", "1,2"),
        ("worker.a.balance_workers", "1,2"),
        ("worker.a.mount", "1,2"),
        ("worker.a.fail_on_status", "1,2"),
        ("worker.a.user", "1,2"),
        ("worker.a.port", "2"),
        ("worker.a.jvm_route", "2"),
        ("worker.a.disabled", "2"),
        ("worker.a.balanced_workers", "1*2"),
        ("worker.a.distance", "1*2"),
        ("worker.a.secretkey", "1*2"),
        ("worker.maintain", "1*2"),
        ("worker.a.class_path", "1:2"),
        ("worker.a.cmd_line", "1 2"),
        ("worker.a.sysprops", "1*2"),
        ("free", "1*2"),
        ("free.path", "1*2"),
    ],
)
def test_a_name_given_again_joins_or_replaces_by_its_kind(name: str, value: str) -> None:
    read = workers(f"{name}=1", f"{name}=2")
    assert entries(read)[name] == value
    entry = next(entry for entry in read.properties if entry.name == name)
    assert entry.place.line == 2
    assert ("CFG-PRP-07 2" in warnings(read.complaints)) == (value == "2")


@covers("CFG-PRP-08")
def test_macros_take_properties_above_and_then_the_environment() -> None:
    read = workers(
        "base=80",
        "nested=$(base)1",
        "worker.list=w",
        "worker.w.port=$(nested)0",
        "worker.w.host=$(HOST)",
        "worker.w.secret=$(later)$(",
        "later=1",
        environment={"HOST": "h", "base": "99"},
    )
    assert (worker(read).port, worker(read).host, worker(read).secret) == (8010, "h", "$(later)$(")
    assert short(read.complaints) == ["warning CFG-PRP-08 6"]


def test_what_a_macro_brought_is_not_looked_through_again() -> None:
    read = workers("a=$(HOST)", "b=$(a)", environment={"HOST": "$(X)", "X": "no"})
    assert entries(read) == {"a": "$(X)", "b": "$(X)"}


@covers("CFG-PRP-09")
def test_an_unknown_property_is_refused_with_the_nearest_name() -> None:
    read = workers("worker.list=w", "worker.w.socket_timout=5", "worker.w.x.colour=red", "other=1")
    assert errors(read.complaints) == ["CFG-PRP-09 2", "CFG-PRP-09 3"]
    assert read.complaints[0].nearest == "socket_timeout"
    assert read.complaints[0].name == "worker.w.socket_timout"
    directive = httpd("JkWorkerProperty worker.w.colour=red\n")
    assert errors(directive.complaints) == ["CFG-PRP-09 1"]


@covers("CFG-PRP-11")
def test_an_unknown_property_has_no_effect_in_1_2_7() -> None:
    read = workers("worker.list=w", "worker.w.max_packet_size=9000", "worker.w.colour=red", profile=OLD)
    assert short(read.complaints) == ["warning CFG-PRP-11 2", "warning CFG-PRP-11 3"]
    assert worker(read).max_packet_size == 8192


@covers("CFG-PRP-11")
def test_a_property_on_the_wrong_level_has_no_effect() -> None:
    read = workers("worker.list=w", "worker.port=8010", "worker.w.list=x", "worker.w.port=8011")
    assert short(read.complaints) == ["warning CFG-PRP-11 2", "warning CFG-PRP-11 3"]
    assert read.complaints[0].remedy == "write worker.NAME.port"


@covers("CFG-PRP-12")
def test_old_names_and_names_without_effect_are_warned_of() -> None:
    lines = ("worker.list=w", "worker.w.cachesize=5", "worker.w.recycle_timeout=5", "worker.w.jvm_lib=x")
    read = workers(*lines)
    assert short(read.complaints) == [f"warning CFG-PRP-12 {line}" for line in (2, 3, 4)]
    assert read.complaints[0].remedy == "write connection_pool_size"
    assert read.complaints[1].remedy == "use connection_pool_timeout"
    assert workers(*lines, profile=OLD).complaints == ()


@pytest.mark.parametrize("info", PROPERTIES, ids=lambda info: info.name)
@pytest.mark.parametrize("profile", [OLD, NEW])
def test_every_property_of_the_table_is_taken_under_each_of_its_names(info: object, profile: Profile) -> None:
    names = list(info.names(profile))  # type: ignore[attr-defined]
    prefix = "worker." if info.of == (Of.GLOBAL,) else "worker.a."  # type: ignore[attr-defined]
    read = workers("worker.list=w", *(f"{prefix}{name}=1" for name in names), profile=profile)
    taken = [entry.name for entry in read.properties]
    assert [name for name in names if prefix + name not in taken] == []


# -- references -----------------------------------------------------------------------------------


@covers("CFG-PRP-13")
def test_a_reference_copies_what_is_missing_over_several_steps() -> None:
    read = workers(
        "worker.list=w",
        "worker.a.retries=4",
        "worker.a.host=a",
        "worker.b.reference=worker.a",
        "worker.b.host=b",
        "worker.w.reference=worker.b",
        "worker.w.port=8010",
    )
    found = worker(read)
    assert (found.port, found.host, found.retries) == (8010, "b", 4)
    origin = found.origins["retries"]
    assert (origin.source, origin.place and origin.place.line) == (Source.REFERENCE, 2)
    assert read.complaints == ()


@covers("CFG-PRP-13")
@pytest.mark.parametrize(
    "lines",
    [
        ["worker.w.reference=worker.none"],
        ["worker.w.reference=none"],
        ["worker.w.reference=worker.v", "worker.v.reference=worker.w"],
        [f"worker.{'w' if n == 0 else n}.reference=worker.{n + 1}" for n in range(25)] + ["worker.25.port=1"],
    ],
)
def test_a_reference_to_nothing_or_without_end_is_refused(lines: list[str]) -> None:
    assert errors(workers("worker.list=w", *lines).complaints) == ["CFG-PRP-13 2"]


@covers("CFG-PRP-13")
def test_twenty_references_in_a_row_are_fine_and_1_2_7_knows_none() -> None:
    lines = [f"worker.{'w' if n == 0 else n}.reference=worker.{n + 1}" for n in range(20)]
    assert worker(workers("worker.list=w", *lines, "worker.20.port=8020")).port == 8020
    old = workers("worker.list=w", "worker.w.reference=worker.a", "worker.a.port=8020", profile=OLD)
    assert worker(old).port == 8009


# -- directives and file, bounds ------------------------------------------------------------------


@covers("CFG-PRP-14")
def test_properties_of_directives_come_before_those_of_the_file() -> None:
    text = "JkWorkersFile w.properties\nJkWorkerProperty worker.list=w\nJkWorkerProperty worker.w.port=8010\n"
    files = {"/srv/w.properties": "worker.list=v\nworker.w.port=8011\n"}
    new, old = (httpd(text, files, profile=profile).workers for profile in (NEW, OLD))
    assert (new.listed, worker(new).port) == (("w", "v"), 8011)
    assert (old.listed, worker(old).port) == (("w", "v"), 8010)
    assert str(worker(new).origins["port"]) == "/srv/w.properties:2"


@covers("CFG-PRP-10")
def test_values_and_their_number_are_bounded() -> None:
    doubling = [
        "a=xxxxxxxxxxxxxxxx",
        *(f"{new}=$({old})$({old})" for old, new in pairwise("abcdefghijklmno")),
    ]
    assert errors(workers(*doubling).complaints) == ["CFG-PRP-10 14"]
    again = ["list=" + "x" * 8000] * 9
    assert errors(workers(*again).complaints) == ["CFG-PRP-10 9"]
    many = [f"n{number}=1" for number in range(20_001)]
    assert errors(workers(*many).complaints) == ["CFG-PRP-10 20001"]
    names = ",".join(f"n{number}" for number in range(1001))
    assert errors(workers(f"worker.list={names}").complaints) == ["CFG-PRP-10 0"]
    lines = ("worker.list=lb", "worker.lb.type=lb", f"worker.lb.balance_workers={names}")
    assert errors(workers(*lines).complaints) == ["CFG-PRP-10 3"]
