"""Where refjk does better than the original on purpose, each to be switched back."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Rules:
    """Each True is what Tomcat 5.5.5 does. The octets on the wire are the same either way.

    received_list_stays: a received delta takes the place of the session's own list and stays there.
    created_under_other_id: a replica is made under an id of its own and renamed; the limit counts for it;
        a second CREATED replaces the session.
    idle_from_access_before: idle time counts from the last access but one.
    idle_before_message: what another node tells of a session's use may find it idle too long, and end it.
    loaded_without_list: a session from a state records nothing until its first request has ended.
    state_overwrites: a state replaces what is there, asked for or not, and nothing waits for it.
    deaf_before_begin: what comes for an application that has not begun here is dropped.
    asks_once: a state that does not come is not asked for again.
    one_value_stops_all: what cannot be written keeps the whole list of its session back.
    vanished_session_fails: the end of a request whose session is gone is an error.
    fault_keeps_access: a delta that fails half-way has done its first half, and the session never expires.
    events_without_value: what attribute listeners are told misses values.
    renaming_creates: a new id tells session listeners of a new session, and drops what was recorded.
    forgets_old_ids: a request with the id that a session had before it was renamed does not find it.
    exact_ids: a message or request with the id that a session has under another route does not find it.
    shallow_check: what a container holds is not looked at when an attribute is set.
    no_activation: values are not told that their session moves.
    """

    received_list_stays: bool = False
    created_under_other_id: bool = False
    idle_from_access_before: bool = False
    idle_before_message: bool = False
    loaded_without_list: bool = False
    state_overwrites: bool = False
    deaf_before_begin: bool = False
    asks_once: bool = False
    one_value_stops_all: bool = False
    vanished_session_fails: bool = False
    fault_keeps_access: bool = False
    events_without_value: bool = False
    renaming_creates: bool = False
    forgets_old_ids: bool = False
    exact_ids: bool = False
    shallow_check: bool = False
    no_activation: bool = False


ORIGINAL = Rules(**{rule.name: True for rule in fields(Rules)})
"""Tomcat 5.5.5 in everything."""

REPAIRED = Rules()
"""What refjk does unless told otherwise."""
