"""Who is older, whose messages are taken, and when a node that starts has what it lacked."""

from __future__ import annotations

from refjk.farm import Member, oldest_first


def test_of_two_members_of_nearly_one_age_both_take_the_same_for_older() -> None:
    def member(name: str, alive_ms: int) -> Member:
        return Member(name, "h", 1, alive_ms)

    others = [member("c", 9000), member("a", 4900)]
    assert oldest_first(member("b", 5000), others, 200) == ["c", "a", "b"]
    assert oldest_first(member("b", 5000), others, 50) == ["c", "b", "a"]
    assert oldest_first(member("a", 5000), [member("b", 5100)], 200) == ["a", "b"]
    assert oldest_first(member("a", 5000), [member("b", 5201)], 200) == ["b", "a"]
    assert oldest_first(member("b", 5201), [member("a", 5000)], 200) == ["b", "a"]
