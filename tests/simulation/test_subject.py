"""From the user's configuration to the balancer, and with other properties."""

from __future__ import annotations

import pytest

from refjk.balancing import Activation, Balancer127, Balancer1250, Method
from refjk.base.errors import InputError, UsageError
from refjk.configuration import Profile, Workers, raise_if_refused, read_workers
from refjk.simulation import change_workers, parse_worker_change, read_subject
from tests.simulation.support import NEW, OLD, subject

TWO = """\
worker.list=one,two
worker.one.type=lb
worker.one.balance_workers=a,b
worker.two.type=lb
worker.two.balance_workers=a
worker.base.lbfactor=3
worker.a.port=9001
worker.b.reference=worker.base
worker.b.port=9002
"""


def workers(text: str = TWO, profile: Profile = NEW) -> Workers:
    found = read_workers(text, "workers.properties", profile=profile)
    raise_if_refused(found.complaints)
    return found


def changed(*changes: str, profile: Profile = NEW) -> Workers:
    return change_workers(workers(profile=profile), [parse_worker_change(text) for text in changes], "one")


def test_every_setting_reaches_the_balancer() -> None:
    whose = subject(
        "a.lbfactor=4",
        "a.route=r",
        "a.domain=d",
        "a.distance=2",
        "a.redirect=b",
        "a.activation=stopped",
        "a.busy_limit=9",
        "lb.method=Busyness",
        "lb.sticky_session=false",
        "lb.sticky_session_force=true",
        "lb.recover_time=7",
        "lb.retries=5",
        "lb.retry_interval=6",
        "lb.lb_retries=4",
        "lb.error_escalation_time=3",
        "lb.max_reply_timeouts=8",
        "lb.session_cookie=SID",
        "lb.set_session_cookie=true",
        "maintain=11",
    )
    a = whose.members[0].settings
    assert (a.factor, a.route, a.domain, a.distance, a.redirect) == (4, "r", "d", 2, "b")
    assert (a.activation, a.busy_limit) == (Activation.STOPPED, 9)
    lb = whose.settings
    assert (lb.method, lb.sticky_session, lb.sticky_session_force) == (Method.BUSYNESS, False, True)
    assert (lb.recover_time_s, lb.retries, lb.retry_interval_ms, lb.lb_retries) == (7, 5, 6, 4)
    assert (lb.escalation_time_s, lb.max_reply_timeouts, lb.session_cookie) == (3, 8, b"SID")
    assert lb.set_session_cookie
    assert whose.maintain_s == 11
    assert isinstance(whose.balancer(), Balancer1250)


def test_the_old_version_has_its_own_settings() -> None:
    lines = ["a.local_worker=1", "lb.local_worker_only=1", "lb.recover_time=70", "b.domain=d"]
    whose = subject(*lines, profile=OLD)
    assert whose.members[0].settings.local
    assert (whose.settings.local_worker_only, whose.settings.recover_time_s) == (True, 70)
    assert [member.settings.domain for member in whose.members] == ["unknown", "d", "unknown"]
    assert isinstance(whose.balancer(), Balancer127)


def test_one_of_several_balancers_is_chosen_by_its_name() -> None:
    assert [member.name for member in read_subject(workers(), "two").members] == ["a"]
    with pytest.raises(UsageError, match="choose one of the balancers one, two"):
        read_subject(workers())
    with pytest.raises(UsageError, match="there is no balancer 'tow'; the nearest name is two"):
        read_subject(workers(), "tow")


def test_without_a_balancer_there_is_nothing_to_simulate() -> None:
    with pytest.raises(InputError, match="no worker of type lb"):
        read_subject(workers("worker.list=a\nworker.a.type=ajp13\n"))


@pytest.mark.parametrize("profile", [OLD, NEW])
def test_a_property_takes_the_place_of_the_configured_one(profile: Profile) -> None:
    found = read_subject(changed("a=lbfactor=6", "a=domain=d", profile=profile), "one")
    a = found.members[0].settings
    assert (a.factor, a.domain) == (6, "d")


def test_a_property_goes_before_a_reference_and_changes_what_refers_to_it() -> None:
    assert read_subject(changed("b=lbfactor=9"), "one").members[1].settings.factor == 9
    of_template = read_subject(changed("base=lbfactor=8"), "one")
    assert [(one.name, one.settings.factor) for one in of_template.members] == [("a", 1), ("b", 8)]


def test_a_new_name_joins_the_balancer_and_its_own_name_means_the_balancer() -> None:
    found = read_subject(changed("c=lbfactor=2", "one=method=Sessions"), "one")
    assert [member.name for member in found.members] == ["a", "b", "c"]
    assert (found.members[2].settings.factor, found.settings.method) == (2, Method.SESSIONS)


def test_an_unknown_property_is_refused_and_an_old_name_is_not() -> None:
    with pytest.raises(UsageError, match="lbfactr; the nearest known name is lbfactor"):
        changed("a=lbfactr=5")
    with pytest.raises(UsageError, match="given again"):
        changed("a=lbfactor=5", "a=lbfactor=6")
    found = read_subject(changed("a=cachesize=3"), "one")
    assert found.members[0].places == 3
