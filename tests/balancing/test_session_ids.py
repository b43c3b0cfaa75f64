"""Session ids as mod_jk 1.2.50 finds them."""

from __future__ import annotations

import pytest

from refjk.balancing import BalancerSettings, BalancingRule, RequestFacts
from refjk.balancing.session_ids import find_session_ids
from refjk.speccheck import covers
from tests.balancing.support import balancer, serve, values

SETTINGS = BalancerSettings()


def ids(uri: str, *cookies: str, settings: BalancerSettings = SETTINGS, **rule: object) -> list[str]:
    facts = RequestFacts(
        uri.encode(),
        tuple(map(str.encode, cookies)),
        rule=BalancingRule(**rule),  # type: ignore[arg-type]
    )
    return [found.decode() for found in find_session_ids(facts, settings)]


@covers("BAL-CKY-10", "BAL-CKY-11")
@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/a;jsessionid=1.n1", ["1.n1"]),
        ("/a;jsessionidx=0;jsessionid=1.n1?x;y", ["1.n1"]),
        ("/a;jsessionid=1.n1/b", ["1.n1"]),
        ("/a;jsessionid=1.n1;x=y", ["1.n1"]),
        ("/a;jsessionid=", []),
        ("/a;JSESSIONID=1.n1", []),
        ("/a", []),
    ],
)
def test_id_in_the_path(uri: str, expected: list[str]) -> None:
    assert ids(uri) == expected


@covers("BAL-CKY-12", "BAL-CKY-13")
@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        (["JSESSIONID=1.n1; a=b; JSESSIONID=2.n2", "JSESSIONID=3.n3"], ["1.n1", "2.n2", "3.n3"]),
        (["JSESSIONID=1 JSESSIONID=2"], ["1 JSESSIONID=2"]),
        (['JSESSIONID="1.n1"'], ["1.n1"]),
        (['JSESSIONID="1.n1'], ['"1.n1']),
        (['JSESSIONID="'], ['"']),
        (["JSESSIONID=;JSESSIONID=2.n2"], ["", "2.n2"]),
        (["XJSESSIONID=1.n1"], []),
    ],
)
def test_ids_in_cookies(cookies: list[str], expected: list[str]) -> None:
    assert ids("/a", *cookies) == expected


@covers("BAL-CKY-14")
def test_single_empty_id_is_none_and_hides_cookies_when_it_stands_in_the_path() -> None:
    assert ids("/a", 'JSESSIONID=""') == []
    assert ids("/a;jsessionid=;x", "JSESSIONID=1.n1") == []
    assert ids("/a;jsessionid=", "JSESSIONID=1.n1") == ["1.n1"]


@covers("BAL-CKY-15")
def test_names_can_be_set_for_the_balancer_and_by_rule() -> None:
    renamed = BalancerSettings(session_cookie=b"SID", session_path=b"sid")
    assert ids("/a/sid=1.n1", settings=renamed) == ["1.n1"]
    assert ids("/a", "SID=1.n1; JSESSIONID=2.n2", settings=renamed) == ["1.n1"]
    assert ids("/a", "SID=1.n1; ID=2.n2", settings=renamed, session_cookie=b"ID") == ["2.n2"]
    assert ids("/a;id=2.n2", settings=renamed, session_path=b";id") == ["2.n2"]


@covers("BAL-CKY-09")
def test_no_more_than_32_cookies_count() -> None:
    assert len(ids("/a", "; ".join(f"JSESSIONID={n}" for n in range(40)))) == 32


@covers("BAL-RTE-09")
def test_sessions_are_ignored_when_stickiness_is_off_or_the_rule_says_so() -> None:
    assert ids("/a;jsessionid=1.n1", settings=BalancerSettings(sticky_session=False)) == []
    assert ids("/a;jsessionid=1.n1", sticky_ignore=True) == []
    subject = balancer("a", "b", sticky_session=False)
    serve(subject, RequestFacts(b"/a;jsessionid=1.b"))
    assert values(subject) == [1, 0]
    assert subject.snapshot()[0].sessions == 1


@covers("BAL-RTE-10")
def test_route_of_the_web_server_takes_the_place_of_all_ids_and_is_sent() -> None:
    facts = RequestFacts(b"/a;jsessionid=1.a", (b"JSESSIONID=2.a",), route="b")
    assert find_session_ids(facts, SETTINGS) == [b".b"]
    assert str(serve(balancer("a", "b"), facts)) == "b"
    unknown = serve(balancer("a", "b"), RequestFacts(b"/a", route="zz")).attempts[0]
    assert (unknown.worker.name, unknown.route) == ("a", "zz")
