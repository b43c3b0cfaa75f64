"""Who may do what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from refjk.speccheck import covers
from refjk.status import Policy, Reset, answer, parse_request
from tests.status.support import KEY, access, ask, body, post, report, status_worker


@covers("STA-ACC-01")
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_look(peer: str) -> None:
    assert ask("", who=access(peer=peer)).status == 200


@covers("STA-ACC-01")
@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "localhost", "", "unix:"])
def test_others_may_not_look_unless_that_was_said(peer: str) -> None:
    got = ask("mime=txt", who=access(peer=peer))
    assert got.status == 403
    assert body(got).startswith("Result: type=ERROR")
    assert "node1" not in body(ask("", who=access(peer=peer)))
    assert ask("mime=txt", who=access(peer=peer, remote=True)).status == 200


@covers("STA-ACC-02")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        (None, 200),
        ("localhost:8080", 200),
        ("LOCALHOST.", 200),
        ("127.0.0.1:8080", 200),
        ("192.0.2.7", 200),
        ("[::1]:8080", 200),
        ("www.example.com:8080", 200),
        ("WWW.example.com", 200),
        ("attacker.example", 403),
        ("attacker.example:8080", 403),
        ("127.0.0.1.attacker.example", 403),
        ("localhost:8080:8080", 403),
        ("", 403),
    ],
)
def test_the_server_is_asked_under_a_name_of_its_own(host: str | None, status: int) -> None:
    assert ask("", who=access(host=host, hosts=frozenset({"www.example.com"}))).status == status


@covers("STA-ACC-03")
def test_only_the_users_of_the_property_may_look() -> None:
    lines = ("user=alice,bob",)
    assert ask("", who=access("GET", *lines, user="bob")).status == 200
    for user in (None, "", "carol", "Bob"):
        assert ask("", who=access("GET", *lines, user=user)).status == 403
    assert ask("", who=access("GET", *lines, "user_case_insensitive=true", user="BOB")).status == 200
    assert ask("", who=access(user=None)).status == 200


def test_an_unknown_method_is_refused() -> None:
    got = ask("", who=access("DELETE"))
    assert got.status == 405
    assert ("Allow", "GET, HEAD, POST") in got.headers


@covers("STA-ACC-04")
@pytest.mark.parametrize("command", ["edit", "update", "reset", "recover"])
def test_read_only_refuses_what_changes_and_the_form(command: str) -> None:
    refused = 'Result: type=ERROR message="This command is not allowed in read only mode."\n'
    who = access("POST", writable=False)
    got = post(None, who, cmd=command, w="lb", sw="node1")
    assert (got.status, body(got), got.edits) == (200, refused, ())
    got = post(None, None, cmd=command, w="lb", sw="node1", opt="32")
    assert (body(got), got.edits) == (refused, ())
    assert 'type="hidden" name="cmd" value="reset"' not in body(ask("", who=replace(who, method="GET")))


@covers("STA-ACC-05")
def test_a_token_is_good_for_one_worker_one_user_and_one_start() -> None:
    who = access("POST", user="alice")
    good = who.token("lb")
    assert post(None, who, cmd="reset", w="lb", token=good).edits == (Reset("lb"),)
    other_start = replace(who, policy=replace(who.policy, key=KEY[::-1]))
    other_page = replace(who, policy=replace(who.policy, worker=replace(who.policy.worker, name="other")))
    others: list[tuple[Any, str]] = [(who, "solo"), (replace(who, user="bob"), "lb")]
    for sender, worker in [*others, (other_start, "lb"), (other_page, "lb")]:
        got = post(None, sender, cmd="reset", w=worker, token=good)
        assert (got.status, got.edits) == (403, ())


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="guessed"):
        Policy(status_worker(), b"short")


@covers("STA-ACC-06")
def test_a_token_in_the_query_does_not_count() -> None:
    who = access("POST")
    query = f"cmd=reset&w=lb&token={who.token('lb')}".encode()
    assert answer(parse_request(query), report(), who).status == 403
    assert answer(parse_request(query, b"token=" + who.token("lb").encode()), report(), who).edits


@covers("STA-ACC-07")
@pytest.mark.parametrize(
    ("about", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, 200),
        ({"host": "localhost", "origin": "https://LOCALHOST"}, 200),
        ({"fetch_site": "same-origin"}, 200),
        ({"fetch_site": "none"}, 200),
        ({"fetch_site": "same-site"}, 403),
        ({"fetch_site": "cross-site"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
        ({"host": "localhost", "origin": "http://localhost:81"}, 403),
        ({"host": "localhost", "origin": "http://attacker.example"}, 403),
        ({"host": "localhost", "origin": "file://localhost"}, 403),
        ({"origin": "http://localhost"}, 403),
    ],
)
def test_a_form_of_another_site_is_refused(about: dict[str, Any], status: int) -> None:
    got = post(None, access("POST", **about), cmd="reset", w="lb")
    assert got.status == status
    assert bool(got.edits) is (status == 200)


@covers("STA-ACC-07")
@pytest.mark.parametrize("token", ["", "0" * 64, "ä", "\ud800", "x" * 5000])
def test_a_wrong_token_is_refused(token: str) -> None:
    request = replace(parse_request(b"cmd=reset&w=lb&mime=txt"), token=token)
    got = answer(request, report(), access("POST"))
    assert (got.status, got.edits) == (403, ())


@covers("STA-ACC-08")
@pytest.mark.parametrize("command", ["update", "reset", "recover"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_change_by_get_is_answered_with_how_it_is_made(command: str, method: str) -> None:
    got = ask(f"cmd={command}&w=lb&sw=node1&mime=txt", who=access(method))
    assert (got.status, got.edits) == (200, ())
    assert "POST with the token" in body(got)
