"""Five members that find each other, lose one, are cut apart and heal, over real sockets.

Each bound is stated: a pause of four intervals and one more to be seen by all, the drop time and one check to
be dropped. `SLACK_MS` is added for what else a machine has to do.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from itertools import permutations

import pytest

from refjk.speccheck import covers
from tests.interop.clusters import (
    DROP_TIME_MS,
    FREQUENCY_MS,
    PAUSE_MS,
    SLACK_MS,
    Member,
    free_udp_port,
    network,
    now_ms,
    started,
)

pytestmark = pytest.mark.interop
SIZE = 5


def check_all_see_all(members: list[Member], since: int) -> None:
    """Within a pause and an interval after both were there, and no earlier than the pause allows."""
    for seeing, seen in permutations(members, 2):
        at = seeing.wait_for("added", since, member=seen.name)["at"]
        starting, listening = seen.all("starting")[0]["at"], seen.all("listening")[0]["at"]
        here = seeing.all("listening")[0]["at"]
        assert at >= starting + PAUSE_MS
        assert at <= max(listening + PAUSE_MS, here) + FREQUENCY_MS + SLACK_MS


def check_dropped(remaining: list[Member], gone: Member, gone_at: int) -> None:
    """Everywhere, after more than the drop time without a heartbeat, and within one check after that."""
    for member in remaining:
        dropped = member.wait_for("dropped", gone_at, member=gone.name)
        signs = member.all("added", member=gone.name) + member.all("heard", member=gone.name)
        last_at = max(told["at"] for told in signs if told["at"] < dropped["at"])
        assert dropped["reason"] == "silent"
        assert dropped["at"] - last_at > DROP_TIME_MS - FREQUENCY_MS  # these are times of telling
        assert dropped["at"] <= gone_at + DROP_TIME_MS + FREQUENCY_MS + SLACK_MS


def check_arrives(sender: Member, others: list[Member], text: str) -> None:
    """At all, acknowledged by all, once at each."""
    assert sender.send(text) == {member.name: "acknowledged" for member in others}
    for member in others:
        member.wait_for("received", text=text)
        assert len(member.all("received", text=text)) == 1
    assert sender.all("received", text=text) == []


def check_undisturbed(members: list[Member]) -> None:
    """No member was dropped but those that a test took away, and no datagram was refused."""
    for member in members:
        assert member.all("dropped") == []
        assert member.all("refused") == []


@covers("MEM-TAB-03", "MEM-EXP-01", "MEM-EXP-03", "MEM-EXP-04", "MEM-HBT-01", "MEM-SCK-03", "MEM-SCK-07")
def test_five_members_on_loopback_find_each_other_and_drop_one_that_was_killed() -> None:
    port = free_udp_port()
    with ExitStack() as stack:
        members = started(stack, [Member("127.0.0.1", "127.0.0.1", port, ttl=0) for _ in range(SIZE)])
        check_all_see_all(members, since=0)
        check_arrives(members[0], members[1:], "hello")
        check_undisturbed(members)
        killed, *remaining = members
        killed_at = now_ms()
        killed.kill()
        check_dropped(remaining, killed, killed_at)
        check_arrives(remaining[0], remaining[1:], "without the first")
        assert [len(member.all("dropped")) for member in remaining] == [1] * (SIZE - 1)


@covers("MEM-TAB-06", "MEM-EXP-03", "MEM-HBT-04", "MEM-SCK-02", "MEM-SCK-04", "CHN-BUS-05")
def test_five_members_in_five_namespaces_lose_one_are_cut_apart_and_heal() -> None:
    with network(SIZE) as built, ExitStack() as stack:
        port = free_udp_port()
        members = started(
            stack,
            [
                Member(host, "eth0", port, ttl=1, within=built.within(number))
                for number, host in enumerate(built.hosts, 1)
            ],
        )
        check_all_see_all(members, since=0)
        check_arrives(members[0], members[1:], "hello")
        check_undisturbed(members)

        killed, *remaining = members
        killed_at = now_ms()
        killed.kill()
        check_dropped(remaining, killed, killed_at)

        first, second, unplugged, switched_off = remaining
        cut_at = now_ms()
        built.cable(4, "down")
        built.interface(5, "down")
        for gone in (unplugged, switched_off):
            check_dropped([first, second], gone, cut_at)
        for alone, gone in permutations(remaining, 2):
            if alone in (unplugged, switched_off):
                check_dropped([alone], gone, cut_at)
        check_arrives(first, [second], "only two of us")

        healed_at = now_ms()
        built.cable(4, "up")
        built.interface(5, "up")
        for seeing, seen in permutations(remaining, 2):
            if {seeing, seen} != {first, second}:
                at = seeing.wait_for("added", healed_at, member=seen.name)["at"]
                assert at <= healed_at + FREQUENCY_MS + SLACK_MS
        check_arrives(switched_off, [first, second, unplugged], "all again")
        assert first.all("dropped", member=second.name) == []
        assert second.all("dropped", member=first.name) == []


def test_no_namespace_of_this_process_is_left() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can have made any")
    with network(1) as built:
        assert built.bridge in listed()
    assert [name for name in listed() if name.startswith(f"refjk{os.getpid()}-")] == []


def listed() -> list[str]:
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, timeout=20, check=True)
    return [line.split()[0] for line in done.stdout.splitlines() if line]
