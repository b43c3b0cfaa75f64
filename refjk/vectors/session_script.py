"""What the steps of the recorded manager scenarios do, in few verbs; the recordings say it in words.

Nodes are named first. `create A`: a request at A makes a session; `begin A 1`: one asks for the first session
of the scenario; `end A`: the request at A ends. In between `set A NAME VALUE`, `remove A NAME`,
`interval A SECONDS`, `invalidate A`. `wait MS`; `check A`: the background check; `start A`, `stop A`;
`leave A`: A gets no messages and is nobody's member, `join A`: it is again. `hold`: messages stay under way
until `no-hold`, and `deliver` brings those of these numbers. `question B A`: A is asked by B, out of sight.
`message B EVENT ID`, `delta B ID NAME=VALUE`: B gets one made by hand. `turn-over A`: A binds the route.
Values are text, or `int:1`, `bound:x`, `null`, `opaque`, `list-of-opaque`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """What a scenario sets for one of its nodes."""

    max_inactive_interval: int = 1800
    max_active_sessions: int = -1
    expire_sessions_on_shutdown: bool = False
    is_member: bool = True  # at the beginning


CHOICES: Mapping[tuple[str, str], NodeChoice] = {
    ("A (manager interval 1 s) creates, ends", "A"): NodeChoice(max_inactive_interval=1),
    ("A creates one session", "A"): NodeChoice(expire_sessions_on_shutdown=True),
    ("A creates the first session", "B"): NodeChoice(max_active_sessions=1),
    ("A (limit 1) creates one", "A"): NodeChoice(max_active_sessions=1),
    ("B starts and asks for the state", "B"): NodeChoice(is_member=False),
    ("B is a member now; A answers a state request, the answer is held back", "B"): NodeChoice(
        is_member=False
    ),
    ("state answer for B held back", "B"): NodeChoice(is_member=False),
}
"""By a step of the scenario, which names it better than its id, and the node."""

_NO_CHANGE_AT_A = "begin A 1; end A"
_NO_CHANGE_AT_B = "begin B 1; end B"

STEPS: Mapping[str, str] = {
    # one session's life
    "request at A creates a session": "create A",
    "the same request sets user=anna and ends": "set A user anna; end A",
    "request at A changes nothing": _NO_CHANGE_AT_A,
    "request at A sets user=bob, sets n=1, removes n, sets bound": (
        "begin A 1; set A user bob; set A n 1; remove A n; set A b bound:x; end A"
    ),
    "request at A sets the interval to 900": "begin A 1; interval A 900; end A",
    "request at A replaces bound and removes user": "begin A 1; set A b bound:y; remove A user; end A",
    "request at A removes a name that is not there": "begin A 1; remove A nothing; end A",
    "request at A sets null": "begin A 1; set A b null; end A",
    "request at A sets k=1 and invalidates": "begin A 1; set A k bound:z; invalidate A",
    # requests move
    "A creates, sets user=anna, ends": "create A; set A user anna; end A",
    "next request goes to B, changes nothing": _NO_CHANGE_AT_B,
    "again B, changes nothing": _NO_CHANGE_AT_B,
    "again B, sets n=1": "begin B 1; set B n 1; end B",
    "back at A, changes nothing": _NO_CHANGE_AT_A,
    "again A, changes nothing": _NO_CHANGE_AT_A,
    # two requests at once
    "A creates and sets x=0": "create A; set A x 0; end A",
    "request at B sets y=B (still running)": "begin B 1; set B y B",
    "meanwhile a request at A sets x=A and ends": "begin A 1; set A x A; end A",
    "the request at B ends": "end B",
    # time
    "A (manager interval 1 s) creates, ends": "create A; interval A 100; end A",
    "request at once, no change": _NO_CHANGE_AT_A,
    "after 1.2 s, request without change": f"wait 1200; {_NO_CHANGE_AT_A}",
    "A creates with interval 1 s, ends": "create A; interval A 1; end A",
    "after 1.3 s the background check runs at B": "wait 1300; check B",
    "then at A": "check A",
    "A creates with interval 1 s, ends; A dies": "create A; interval A 1; end A; leave A",
    "after 1.3 s the background check at B": "wait 1300; check B",
    "after 2.5 s": "wait 1200; check B",
    "A creates with interval 2 s, ends": "create A; interval A 2; end A",
    "after 1.5 s a request": f"wait 1500; {_NO_CHANGE_AT_A}",
    "0.8 s later the background check expires it although the last access was 0.8 s ago": (
        "wait 800; check A"
    ),
    # start and stop
    "A alone: two sessions": (
        "create A; set A user anna; set A b bound:p; end A; create A; set A n int:2; end A"
    ),
    "B starts and asks for the state": "join B; start B",
    "request at B sets k=v in the first session: not recorded, because a loaded session has no action "
    "list yet; only SESSION-ACCESSED goes out": "begin B 1; set B k v; end B",
    "next request at B sets k=w: recorded and sent": "begin B 1; set B k w; end B",
    "request at B for the second session, no change": "begin B 2; end B",
    "B stops, expireSessionsOnShutdown=false": "stop B",
    "A creates one session": "create A; end A",
    "A stops, expireSessionsOnShutdown=true": "start A; stop A",
    "first node starts: nobody to ask": "start A",
    # races
    "A creates x=0": "create A; set A x 0; end A",
    "B is a member now; A answers a state request, the answer is held back": "join B; hold; question B A",
    "A sets x=1: the delta overtakes the state and is dropped at B": ("no-hold; begin A 1; set A x 1; end A"),
    "the held state arrives at B": "deliver 1",
    "A creates a session": "create A; end A",
    "state answer for B held back": "join B; hold; question B A",
    "A invalidates the session": "no-hold; begin A 1; invalidate A",
    "the held state arrives: the session is back at B": "deliver 1",
    "two deltas x=1 and x=2 are held back": (
        "hold; begin A 1; set A x 1; end A; begin A 1; set A x 2; end A"
    ),
    "they arrive in the other order": "deliver 2 1",
    # messages that do not fit
    "messages for a session nobody knows": "message B 2 NOBODY; message B 3 NOBODY; message B 13 NOBODY",
    "created twice with the same id": "message B 1 DUP; message B 1 DUP",
    "an event code that is not defined": "message B 99 DUP",
    # values that cannot be written
    "set a value that is not serialisable": "begin A 1; set A o opaque",
    "the request ends": "end A",
    "set x=1 and a list that holds such a value, end": (
        "begin A 1; set A x 1; set A l list-of-opaque; end A"
    ),
    "set x=2, end: still nothing is sent": "begin A 1; set A x 2; end A",
    "remove the list, end: everything is sent": "begin A 1; remove A l; end A",
    # limits
    "A creates the first session": "create A",
    "A creates the second: B is full (maxActiveSessions=1)": "create A",
    "A (limit 1) creates one": "create A",
    "A creates another": "create A",
    # interval 0
    "A creates": "create A; end A",
    "A sets the interval to 0 during a request": "begin A 1; interval A 0",
    "the request ends: the manager does not find the session": "end A",
    # deltas with faults
    "A creates u=1": "create A; set A u 1; end A",
    "delta with an unknown action type arrives at B: exception, access count stays raised": (
        "delta B 1 v=1 ?=1 w=1"
    ),
    "delta whose inner session id is another one": "delta B OTHER z=1",
    # routes
    "tomcat1 creates a session and sets x=1": "create tomcat1; set tomcat1 x 1; end tomcat1",
    "tomcat1 dies; a request at tomcat2 carries the id: it renames the session and tells the others": (
        "leave tomcat1; turn-over tomcat2; begin tomcat2 1; end tomcat2"
    ),
    "next request at tomcat2 sets x=2": "begin tomcat2 1; set tomcat2 x 2; end tomcat2",
}
