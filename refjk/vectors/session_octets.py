"""Plays golden delta requests, sessions and states of Tomcat 5.5 against `refjk.session`, both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from refjk.base.errors import InputError, Malformed
from refjk.session import (
    ORIGINAL,
    ActionType,
    DeltaRequest,
    EventType,
    ManagerSettings,
    NotAnAttribute,
    Principal,
    SessionManager,
    SessionMessage,
    SessionState,
    decode_all_sessions,
    decode_delta_request,
    decode_session,
    encode_all_sessions,
    encode_delta_request,
    encode_session,
)
from refjk.session.attributes import NO_CODECS
from refjk.session.codes import NOT_SERIALIZABLE
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played, Unlike
from refjk.vectors.session_values import (
    Opaque,
    ValueMaker,
    alike,
    descriptions_in,
    principal_from,
)

DELTA_KIND = "delta request"
SESSION_KIND = "delta session"
STATE_KIND = "state of all sessions"

_NOW_MS = 1_735_689_600_000  # later than every time in the recordings


def _guarded(play: Callable[[Node], None]) -> Callable[[Node], None]:
    def guarded(vector: Node) -> None:
        try:
            play(vector)
        except Malformed as error:
            raise Unlike("read", "the recorded octets", f"refused: {error}") from None

    return guarded


def _as_recorded(octets: bytes, write: Callable[[ValueMaker], bytes]) -> None:
    """What is made from the notation gives the octets, with equal values as one object or as several."""
    descriptions = descriptions_in(octets)
    written = [write(ValueMaker(dict(descriptions), shared)) for shared in (False, True)]
    if octets not in written:
        same("written", octets.hex(), written[0].hex())


# -- delta requests -------------------------------------------------------------------------------


def play_delta_requests(document: Node) -> Played:
    """Calls give actions, these give octets, and octets give the actions back."""
    return play_all(document, DELTA_KIND, _guarded(_play_delta_request))


def _play_delta_request(vector: Node) -> None:
    if "exception" in vector.table():
        same("written", "refused", _refusal(vector))
        return
    octets = vector["hex"].octets()
    _as_recorded(octets, lambda maker: encode_delta_request(_called(vector, maker)))
    request = _called(vector, ValueMaker(descriptions_in(octets), False))
    _compare_actions("actions after the calls", vector, request)
    read = decode_delta_request(octets)
    same("session id", vector["sessionId"].text(), read.session_id)
    same("record all actions", vector["recordAllActions"].flag(), read.record_all)
    _compare_actions("actions read", vector, read)
    same("read and written again", octets.hex(), encode_delta_request(read).hex())


def _refusal(vector: Node) -> str:
    """refjk refuses when an attribute is set, the original when the list is written."""
    maker = ValueMaker({}, False)
    try:
        for call in vector["calls"].items():
            value = call.get("value")
            NO_CODECS.check(call["name"].text(), None if value is None else maker.make(value))
    except NotAnAttribute:
        return "refused"
    return "accepted"


def _called(vector: Node, maker: ValueMaker) -> DeltaRequest:
    request = DeltaRequest(vector["sessionId"].text(), vector["recordAllActions"].flag())
    for call in vector["calls"].items():
        name, value = call.get("name"), call.get("value")
        verb = call["call"].text()
        if verb == "setAttribute":
            request.set_attribute(call["name"].text(), None if value is None else maker.make(value))
        elif verb == "removeAttribute":
            request.remove_attribute(call["name"].text())
        elif verb == "setMaxInactiveInterval":
            request.set_max_inactive_interval(call["value"].number())
        elif verb == "setNew":
            request.set_new(call["value"].flag())
        elif verb == "setPrincipal":
            request.set_principal(None if name is None else principal_from(call))
        elif verb == "reset":
            request.clear()
        else:
            raise InputError(f"{call['call'].place}: unknown call {verb!r}")
    return request


def _compare_actions(where: str, vector: Node, request: DeltaRequest) -> None:
    expected, actual = vector["actions"].items(), list(request)
    same(f"{where}, count", len(expected), len(actual))
    for node, action in zip(expected, actual, strict=True):
        named = [node["type"].number(), node["action"].number(), node["name"].text()]
        same(where, named, [action.type, action.verb, action.name])
        value = node.get("value")
        if action.type == ActionType.PRINCIPAL:
            same(f"{where}, value", None if value is None else _principal(value["fields"]), action.value)
        elif value is not None or action.value is not None:
            maker = ValueMaker(descriptions_in(vector["hex"].octets()), False)
            recorded = None if value is None else maker.make(value)
            if not alike(recorded, action.value):
                raise Unlike(f"{where}, value of {named[2]}", str(recorded)[:160], str(action.value)[:160])


def _principal(fields: Node) -> Principal:
    password = fields.get("password")
    roles = tuple(sorted(role.text() for role in fields["roles"]["v"].items()))
    return Principal(fields["name"].text(), None if password is None else password.text(), roles)


# -- sessions -------------------------------------------------------------------------------------


def _release(document: Node) -> int:
    """5.5.N, from the source."""
    source = document["source"].text()
    number = source.partition("5.5.")[2].partition(",")[0]
    if not number.isdigit():
        raise InputError(f"{document['source'].place}: no release of Tomcat 5.5")
    return int(number)


def play_delta_sessions(document: Node) -> Played:
    """One session each, both ways."""
    return play_all(document, SESSION_KIND, _guarded(partial(_play_session, _release(document))))


def _play_session(release: int, vector: Node) -> None:
    node = vector["session"]
    if "exception" in vector.table():
        # A principal without password: the original fails, refjk writes an empty one.
        made = _state(node, ValueMaker({}, False))
        read = decode_session(encode_session(made, release), release)
        same("password", "", read.principal and read.principal.password)
        return
    octets = vector["hex"].octets()
    _as_recorded(octets, lambda maker: encode_session(_state(node, maker), release))
    _compare_state(
        "read", _state(node, ValueMaker(descriptions_in(octets), False)), decode_session(octets, release)
    )


def _state(node: Node, maker: ValueMaker) -> SessionState:
    attributes: dict[str, object] = {}
    for pair in node["attributes"].items():
        name, value = pair.items()
        attributes[maker.text(name.text())] = maker.make(value)
    return SessionState(
        maker.text(node["id"].text()),
        node["creationTime"].number(),
        node["lastAccessedTime"].number(),
        node["thisAccessedTime"].number(),
        node["maxInactiveInterval"].number(),
        node["isNew"].flag(),
        node["isValid"].flag(),
        principal_from(node.get("principal")),
        attributes,
    )


def _compare_state(where: str, expected: SessionState, actual: SessionState) -> None:
    for what in (
        "id",
        "creation_ms",
        "last_access_ms",
        "this_access_ms",
        "max_inactive_interval",
        "is_new",
        "is_valid",
        "principal",
    ):
        same(f"{where}, {what}", getattr(expected, what), getattr(actual, what))
    wanted = _readable(expected.attributes)
    same(f"{where}, attributes", list(wanted), list(actual.attributes))
    for name, value in wanted.items():
        if not alike(value, actual.attributes[name]):
            raise Unlike(f"{where}, attribute {name}", str(value)[:160], str(actual.attributes[name])[:160])


def _readable(attributes: Mapping[str, object]) -> dict[str, object]:
    """Without those that the writer could not write."""
    return {
        name: value
        for name, value in attributes.items()
        if value != NOT_SERIALIZABLE and not isinstance(value, Opaque) and not _holds_opaque(value)
    }


def _holds_opaque(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, Opaque) for item in value)


# -- states ---------------------------------------------------------------------------------------


def play_states(document: Node) -> Played:
    """Whole states, both ways, and the table of a manager that loads one.

    Where a value failed its writer the original loads the sessions before it; refjk loads all.
    """
    return play_all(document, STATE_KIND, _guarded(partial(_play_state, _release(document))))


def _play_state(release: int, vector: Node) -> None:
    octets, nodes = vector["hex"].octets(), vector["sessions_in_order"].items()
    descriptions = descriptions_in(octets)
    torn = "load_exception" in vector.table()
    if not torn:
        _as_recorded(
            octets, lambda maker: encode_all_sessions([_state(node, maker) for node in nodes], release)
        )
    read = decode_all_sessions(octets, release)
    same("sessions read", len(nodes), len(read))
    for node, state in zip(nodes, read, strict=True):
        expected = _state(node, ValueMaker(dict(descriptions), False))
        _compare_state(f"session {state.id[:8]}", expected, state)
    _compare_loaded(vector, release, octets, torn)


def _compare_loaded(vector: Node, release: int, octets: bytes, torn: bool) -> None:
    settings = ManagerSettings("/app", release=release, rules=ORIGINAL)
    manager = SessionManager(settings, lambda: "none")
    message = SessionMessage(EventType.ALL_SESSION_DATA, "/app", "SESSION-STATE", octets)
    manager.receive(message, _NOW_MS)
    loaded = vector["loaded_by_original"].items()
    if not torn:
        same("sessions loaded", len(loaded), len(manager.sessions()))
    times = {
        one["id"].text(): one["thisAccessedTime"].number() for one in vector["sessions_in_order"].items()
    }
    for node in loaded:
        session_id = node["id"].text()
        session = manager.known(session_id)
        if session is None:
            raise Unlike("sessions loaded", session_id, "not loaded")
        where = f"session {session_id[:8]} loaded"
        same(f"{where}, valid", node["isValid"].flag(), session.is_valid)
        same(f"{where}, primary", node["primary"].flag(), session.primary)
        same(f"{where}, access count", node["accessCount"].number(), session.access_count)
        same(f"{where}, attributes", node["attributes"].number(), len(session.attributes()))
        carried = session.last_access_ms == times[session_id]
        same(f"{where}, last access", node["lastAccessed_is_old_thisAccessed"].flag(), carried)
