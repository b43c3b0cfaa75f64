"""Values, defaults, and the workers that come of them."""

from __future__ import annotations

from typing import Any

import pytest

from refjk.configuration import (
    Activation,
    BalancerWorker,
    Lock,
    Method,
    MountSource,
    PingMode,
    Profile,
    Source,
    StatusWorker,
    Workers,
)
from refjk.configuration.values import is_whole_number, parse_flag, parse_list, parse_number
from refjk.speccheck import covers
from tests.configuration.support import NEW, OLD, errors, short, warnings, workers


def ajp(*properties: str, profile: Profile = NEW, **options: Any) -> Any:
    """The worker `w` with these properties."""
    lines = ["worker.list=w", *(f"worker.w.{one}" for one in properties)]
    return workers(*lines, profile=profile, **options).workers["w"]


def balanced(*lines: str, profile: Profile = NEW) -> Workers:
    """A balancer `lb` over n1 and n2 with further lines."""
    start = ["worker.list=lb", "worker.lb.type=lb", "worker.lb.balance_workers=n1,n2"]
    return workers(*start, *(f"worker.{line}" for line in lines), profile=profile)


def balancer(*lines: str, profile: Profile = NEW) -> BalancerWorker:
    found = balanced(*lines, profile=profile).workers["lb"]
    assert isinstance(found, BalancerWorker)
    return found


# -- values ---------------------------------------------------------------------------------------


@covers("CFG-VAL-01")
@pytest.mark.parametrize(
    ("text", "number", "whole"),
    [
        ("8010", 8010, True),
        ("-5", -5, True),
        ("+5", 5, True),
        ("16k", 16384, True),
        ("1M", 1048576, True),
        ("10s", 10, False),
        ("10 k", 10240, False),
        ("abc", 0, False),
        ("", 0, False),
        ("1*2", 1, False),
        ("99999999999999999999", 2147483647, False),
        ("-99999999999999999999", -2147483648, False),
        ("٣", 0, False),
    ],
)
def test_numbers_are_leading_digits(text: str, number: int, whole: bool) -> None:
    assert (parse_number(text), is_whole_number(text)) == (number, whole)


@covers("CFG-VAL-01")
def test_a_value_that_is_not_simply_a_number_is_warned_of() -> None:
    read = workers("worker.list=w", "worker.w.retries=3x")
    assert (read.workers["w"].retries, short(read.complaints)) == (3, ["warning CFG-VAL-01 2"])  # type: ignore[union-attr]


@covers("CFG-VAL-02", "CFG-VAL-03")
@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("true", True, True),
        ("TRUE", True, True),
        ("yes", True, True),
        ("1", True, True),
        ("10", True, None),
        ("on", False, True),
        ("On", False, True),
        ("T", False, True),
        ("off", False, False),
        ("False", False, False),
        ("no", False, False),
        ("0", False, False),
        ("00", False, None),
        ("2", False, None),
        ("maybe", False, None),
    ],
)
def test_flags_by_version(text: str, old: bool, new: bool | None) -> None:
    assert (parse_flag(text, OLD), parse_flag(text, NEW)) == (old, new)


@covers("CFG-VAL-02", "CFG-VAL-03")
def test_a_flag_that_the_other_version_reads_otherwise_is_warned_of() -> None:
    assert balancer("lb.sticky_session=maybe").sticky_session
    assert warnings(balanced("lb.sticky_session=maybe").complaints) == ["CFG-VAL-03 4"]
    assert not balancer("lb.sticky_session=on", profile=OLD).sticky_session
    assert warnings(balanced("lb.sticky_session=on", profile=OLD).complaints) == ["CFG-VAL-02 4"]
    assert balanced("lb.sticky_session=yes", profile=OLD).complaints == ()


@covers("CFG-VAL-04")
def test_lists_are_cut_at_blanks_and_commas_and_once_at_stars() -> None:
    assert parse_list(" a, b\tc*d,,", NEW) == ("a", "b", "c*d")
    assert parse_list(" a, b\tc*d,,", OLD) == ("a", "b", "c", "d")
    assert ajp("fail_on_status=500, -404 503x").fail_on_status == (500, -404, 503)


@covers("CFG-VAL-05")
def test_first_letters_and_digits_choose() -> None:
    lines = [f"lb.method={word}" for word in "RrT1bB23Sn4"]
    methods = [balancer(line).method.value[0] for line in lines]
    assert "".join(methods) == "RRTTBBBSSNN"
    assert balancer("lb.lock=pessimistic").lock is Lock.PESSIMISTIC
    assert balancer("lb.lock=0").lock is Lock.OPTIMISTIC
    activations = [balancer(f"n1.activation={word}").members[0].activation for word in ("Active", "d", "2")]
    assert activations == [Activation.ACTIVE, Activation.DISABLED, Activation.STOPPED]
    read = balanced("lb.method=X")
    assert (balancer("lb.method=X").method, short(read.complaints)) == (
        Method.REQUEST,
        ["warning CFG-VAL-05 4"],
    )


@covers("CFG-VAL-06")
@pytest.mark.parametrize(
    ("line", "profile", "value"),
    [
        ("lb.recover_time=0", NEW, 1),
        ("lb.recover_time=59", OLD, 60),
        ("lb.retries=0", NEW, 1),
        ("lb.retries=0", OLD, 1),
        ("lb.lb_retries=-1", NEW, 1),
        ("n1.lbfactor=0", NEW, 1),
        ("n1.lbfactor=-3", OLD, 1),
    ],
)
def test_what_is_below_the_least_value_counts_as_it(line: str, profile: Profile, value: int) -> None:
    owner: Any = balancer(line, profile=profile)
    name = line.partition(".")[2].partition("=")[0]
    owner = owner.members[0] if line.startswith("n1") else owner
    assert getattr(owner, name) == value
    assert short(balanced(line, profile=profile).complaints) == ["warning CFG-VAL-06 4"]


@covers("CFG-VAL-07")
def test_packet_size_is_aligned_and_bounds_the_socket_buffer() -> None:
    sizes = [ajp(f"max_packet_size={size}").max_packet_size for size in (0, 8192, 8193, 9216, 65536, 70000)]
    assert sizes == [8192, 8192, 9216, 9216, 65536, 65536]
    buffers = [
        ajp("max_packet_size=9000", f"socket_buffer={size}").socket_buffer for size in (0, 1, 9217, -1)
    ]
    assert buffers == [0, 9216, 9217, 0]


@covers("CFG-VAL-08")
def test_defaults_follow_from_other_values() -> None:
    worker = ajp("retries=4", "retry_interval=300", "socket_timeout=5", "connection_pool_size=7")
    assert worker.connection_acquire_timeout == 1200
    assert worker.socket_connect_timeout == 5000
    assert worker.connection_pool_minsize == 4
    assert worker.origins["connection_pool_minsize"].source is Source.DERIVED
    assert ajp(threads=30).connection_pool_size == 30
    assert balancer("lb.recover_time=91").error_escalation_time == 45
    west, plain = balancer("n1.route=west.1").members
    assert (west.domain, plain.domain, plain.route) == ("west", "", "n2")
    assert ajp("type=ajp14", "secretkey=x").port == 8011
    old = ajp("retries=4", "socket_timeout=5", "cachesize=7", profile=OLD)
    assert (old.connection_acquire_timeout, old.socket_connect_timeout, old.connection_pool_minsize) == (
        0,
        0,
        0,
    )
    assert balancer(profile=OLD).members[0].domain == "unknown"


@covers("CFG-VAL-09")
@pytest.mark.parametrize(
    ("text", "mode", "timeouts"),
    [
        ("C", PingMode.CONNECT, (10000, 0, 0)),
        ("p", PingMode.PREPOST, (0, 10000, 0)),
        ("I", PingMode.INTERVAL, (0, 0, 100)),
        ("A", PingMode.CONNECT | PingMode.PREPOST | PingMode.INTERVAL, (10000, 10000, 100)),
        ("CP", PingMode.CONNECT | PingMode.PREPOST, (10000, 10000, 0)),
        ("xyz", PingMode(0), (0, 0, 0)),
    ],
)
def test_letters_of_ping_mode_switch_pings_on(text: str, mode: PingMode, timeouts: tuple[int, ...]) -> None:
    worker = ajp(f"ping_mode={text}")
    assert worker.ping_mode == mode
    assert (worker.connect_timeout, worker.prepost_timeout, worker.connection_ping_interval) == timeouts
    complaints = workers("worker.list=w", f"worker.w.ping_mode={text}").complaints
    assert short(complaints) == (["warning CFG-VAL-09 2"] if text == "xyz" else [])


@covers("CFG-VAL-10")
@pytest.mark.parametrize(
    ("size", "expected"), [(60, []), (61, ["warning"]), (63, ["warning"]), (64, ["error"])]
)
def test_names_must_fit(size: int, expected: list[str]) -> None:
    name = "n" * size
    for lines in ([f"worker.list={name}"], ["worker.list=w", f"worker.w.host={name}"]):
        found = [one.split()[0] for one in short(workers(*lines).complaints) if "VAL-10" in one]
        assert found == expected
        assert "CFG-VAL-10" not in str(short(workers(*lines, profile=OLD).complaints))


@covers("CFG-VAL-11")
@pytest.mark.parametrize(
    ("port", "profile", "fine"),
    [
        (0, NEW, True),
        (65535, NEW, True),
        (65536, NEW, False),
        (-1, NEW, False),
        (1025, OLD, True),
        (1024, OLD, False),
        (0, OLD, False),
    ],
)
def test_ports_are_within_bounds(port: int, profile: Profile, fine: bool) -> None:
    read = workers("worker.list=w", f"worker.w.port={port}", profile=profile)
    assert errors(read.complaints) == ([] if fine else ["CFG-VAL-11 2"])


@covers("CFG-VAL-11")
def test_a_member_with_port_0_counts_as_stopped() -> None:
    member = balancer("n1.port=0", "n1.activation=active").members[0]
    assert (member.activation, member.origins["activation"].source) == (Activation.STOPPED, Source.DERIVED)


# -- workers --------------------------------------------------------------------------------------


@covers("CFG-WRK-01")
def test_without_a_list_there_is_the_worker_ajp13() -> None:
    for profile in (OLD, NEW):
        assert list(workers(profile=profile).workers) == ["ajp13"]
        assert list(workers("worker.list=b a,b", profile=profile).workers) == ["b", "a"]
        assert errors(workers("worker.list=,", profile=profile).complaints) == ["CFG-WRK-01 0"]


@covers("CFG-WRK-02")
@pytest.mark.parametrize(
    ("type_", "old", "new"),
    [
        ("ajp13", True, True),
        ("status", False, True),
        ("AJP13", False, False),
        ("ajp99", False, False),
        ("ajp12", False, False),
        ("jni", False, False),
        ("ajp14", False, False),
    ],
)
def test_types_by_version(type_: str, old: bool, new: bool) -> None:
    for profile, fine in ((OLD, old), (NEW, new)):
        complaints = workers("worker.list=w", f"worker.w.type={type_}", profile=profile).complaints
        assert errors(complaints) == (
            [] if fine else ["CFG-WRK-02 2" if type_ != "ajp14" else "CFG-WRK-02 1"]
        )


def test_the_nearest_type_is_named() -> None:
    assert workers("worker.list=w", "worker.w.type=AJP13").complaints[0].nearest == "ajp13"


def test_a_status_worker_has_its_own_properties() -> None:
    lines = ("worker.list=s", "worker.s.type=status", "worker.s.read_only=on", "worker.s.user=a b")
    worker = workers(*lines).workers["s"]
    assert isinstance(worker, StatusWorker)
    assert (worker.read_only, worker.user, worker.prefix, worker.ns) == (True, ("a", "b"), "worker", "jk:")


@covers("CFG-WRK-03")
def test_a_balancer_without_members_is_refused() -> None:
    for profile in (OLD, NEW):
        read = workers("worker.list=lb", "worker.lb.type=lb", profile=profile)
        assert errors(read.complaints) == ["CFG-WRK-03 1"]


@covers("CFG-WRK-04")
def test_old_flags_count_without_activation() -> None:
    lines = ["n1.disabled=1", "n1.stopped=true", "n2.disabled=true"]
    assert [member.activation for member in balancer(*lines).members] == [
        Activation.STOPPED,
        Activation.DISABLED,
    ]
    assert balancer(*lines, "n1.activation=active").members[0].activation is Activation.ACTIVE
    assert balancer("n1.disabled=false").members[0].activation is Activation.ACTIVE


@covers("CFG-WRK-05")
def test_the_current_name_wins_over_the_old_one() -> None:
    lines = ["lb.balanced_workers=n3", "n1.route=new", "n1.jvm_route=old", "n2.jvm_route=only"]
    found = balancer(*lines)
    assert [member.route for member in found.members] == ["new", "only"]
    assert ajp("cachesize=3", "connection_pool_size=8").connection_pool_size == 8
    assert ajp("cachesize=3", "connection_pool_size=8", profile=OLD).connection_pool_size == 3


@covers("CFG-WRK-06")
def test_a_member_without_secret_has_that_of_its_balancer() -> None:
    first, second = balancer("lb.secret=s", "n2.secret=own").members
    assert (first.worker.secret, second.worker.secret) == ("s", "own")
    assert first.worker.origins["secret"].source is Source.INHERITED
    assert balancer("lb.secret=s", profile=OLD).members[0].worker.secret is None


@covers("CFG-WRK-07")
@pytest.mark.parametrize("type_", ["lb", "status"])
def test_only_containers_are_balanced(type_: str) -> None:
    assert errors(balanced(f"n1.type={type_}").complaints) == ["CFG-WRK-07 3"]


@covers("CFG-WRK-08")
def test_a_worker_that_nobody_names_is_warned_of() -> None:
    read = balanced("n1.port=8010", "m1.port=8011", "tpl.retries=3", "n2.reference=worker.tpl")
    assert short(read.complaints) == ["warning CFG-WRK-08 5"]
    assert read.complaints[0].nearest == "n1" or read.complaints[0].nearest is None


@covers("CFG-WRK-09")
def test_mount_properties_are_rules_of_a_listed_worker() -> None:
    read = workers("worker.list=w", "worker.w.mount=/a /a/*", "worker.w.mount=!/a/x", "worker.v.mount=/v")
    assert [(rule.pattern, rule.worker, rule.exclude, rule.source) for rule in read.mounts] == [
        ("/a", "w", False, MountSource.PROPERTY),
        ("/a/*", "w", False, MountSource.PROPERTY),
        ("/a/x", "w", True, MountSource.PROPERTY),
    ]
    assert errors(workers("worker.list=w", "worker.w.mount=a").complaints) == ["CFG-WRK-09 2"]
    assert workers("worker.list=w", "worker.w.mount=/a", profile=OLD).mounts == ()


@covers("CFG-WRK-10")
def test_two_members_of_one_route_are_refused() -> None:
    assert errors(balanced("n1.route=x", "n2.route=x").complaints) == ["CFG-WRK-10 3"]
    again = workers("worker.list=lb", "worker.lb.type=lb", "worker.lb.balance_workers=n1 n1")
    assert errors(again.complaints) == ["CFG-WRK-10 3"]
    old = workers("worker.list=lb", "worker.lb.type=lb", "worker.lb.balance_workers=n1 n1", profile=OLD)
    assert errors(old.complaints) == []
    assert [member.name for member in old.workers["lb"].members] == ["n1", "n1"]  # type: ignore[union-attr]
