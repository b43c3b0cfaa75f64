"""What changed in a session since it was last sent: a list of actions, and its octets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import Limits, ObjectInput, ObjectOutput, record_of, release
from refjk.session.attributes import NO_CODECS, AttributeCodecs
from refjk.session.codes import RESERVED_NAMES, ActionType, Verb
from refjk.session.principal import Principal, principal_of_record, record_of_principal

ACTIONS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class DeltaAction:
    """One change. `type` is a plain number where nobody knows it (only when read leniently)."""

    type: int
    verb: int
    name: str
    value: object = None


class DeltaRequest:
    """The changes of one session in order.

    Of several with one name the last counts, unless `record_all`. The names of the other changes are
    reserved, and an attribute of that name takes their place: SES-DLT-02.
    """

    def __init__(self, session_id: str, record_all: bool = False) -> None:
        self.session_id = session_id
        self.record_all = record_all
        self._actions: list[DeltaAction] = []

    def __len__(self) -> int:
        return len(self._actions)

    def __iter__(self) -> Iterator[DeltaAction]:
        return iter(tuple(self._actions))

    def names(self) -> set[str]:
        """The attributes that actions are about."""
        return {one.name for one in self._actions if one.type == ActionType.ATTRIBUTE}

    def __contains__(self, name: object) -> bool:
        """Whether an action has this name."""
        return any(one.name == name for one in self._actions)

    def discard(self, name: str) -> None:
        """Forget the actions of a name."""
        self._actions = [one for one in self._actions if one.name != name]

    def clear(self) -> None:
        self._actions.clear()

    def keep(self, actions: list[DeltaAction]) -> None:
        """Only these are left."""
        self._actions = list(actions)

    def add(self, action: DeltaAction) -> None:
        """SES-DLT-01"""
        if not self.record_all:
            self._actions = [one for one in self._actions if one.name != action.name]
        self._actions.append(action)

    def set_attribute(self, name: str, value: object) -> None:
        verb = Verb.REMOVE if value is None else Verb.SET
        self.add(DeltaAction(ActionType.ATTRIBUTE, verb, name, value))

    def remove_attribute(self, name: str) -> None:
        self.add(DeltaAction(ActionType.ATTRIBUTE, Verb.REMOVE, name))

    def set_principal(self, principal: Principal | None) -> None:
        self._reserved(ActionType.PRINCIPAL, Verb.REMOVE if principal is None else Verb.SET, principal)

    def set_new(self, is_new: bool) -> None:
        self._reserved(ActionType.IS_NEW, Verb.SET, is_new)

    def set_max_inactive_interval(self, seconds: int) -> None:
        self._reserved(ActionType.MAX_INACTIVE_INTERVAL, Verb.SET, seconds)

    def set_auth_type(self, auth_type: str | None) -> None:
        self._reserved(ActionType.AUTH_TYPE, Verb.REMOVE if auth_type is None else Verb.SET, auth_type)

    def _reserved(self, kind: ActionType, verb: Verb, value: object) -> None:
        self.add(DeltaAction(kind, verb, RESERVED_NAMES[kind], value))


# -- octets ---------------------------------------------------------------------------------------


def encode_delta_request(request: DeltaRequest, codecs: AttributeCodecs = NO_CODECS) -> bytes:
    """A stream of its own. Raises `LocalProtocolError` for a value that cannot be written. SES-DLT-03"""
    target = ObjectOutput()
    target.write_utf(request.session_id)
    target.write_boolean(request.record_all)
    target.write_int(len(request))
    made: dict[int, tuple[object, object]] = {}
    for action in request:
        target.write_int(action.type)
        target.write_int(action.verb)
        target.write_utf(action.name)
        target.write_object(_written(action, codecs, made))
    return target.octets()


def _written(action: DeltaAction, codecs: AttributeCodecs, made: dict[int, tuple[object, object]]) -> object:
    value = action.value
    if action.type == ActionType.ATTRIBUTE:
        return codecs.to_stream(value, made)
    # A boxed value of its own each time, as the original makes them.
    return record_of_principal(value) if isinstance(value, Principal) else record_of(value)


def decode_delta_request(
    octets: bytes,
    codecs: AttributeCodecs = NO_CODECS,
    *,
    limits: Limits | None = None,
    lenient: bool = False,
) -> DeltaRequest:
    """The whole list, or `Malformed` and nothing of it. SES-DLT-04

    `lenient` keeps types of action that nobody knows.
    """
    source = ObjectInput(octets, limits=limits)
    request = DeltaRequest(source.read_utf(), record_all=True)
    record_all = source.read_boolean()
    count = source.read_int()
    if not 0 <= count <= ACTIONS_MAX:
        _refuse("SES-DLT-05", f"0 to {ACTIONS_MAX} actions", str(count))
    decoded: dict[int, tuple[object, object]] = {}
    for _ in range(count):
        request.add(_read_action(source, codecs, decoded, lenient))
    source.expect_end()
    release([action.value for action in request])
    request.record_all = record_all
    return request


def _read_action(
    source: ObjectInput,
    codecs: AttributeCodecs,
    decoded: dict[int, tuple[object, object]],
    lenient: bool,
) -> DeltaAction:
    kind, verb, name = source.read_int(), source.read_int(), source.read_utf()
    record = source.read_record()
    known = kind in ActionType.__members__.values()
    if not known and not lenient:
        _refuse("SES-DLT-06", "a type of action from 0 to 4", str(kind))
    if verb not in Verb.__members__.values():
        _refuse("SES-DLT-06", "action 0 or 1", str(verb))
    value = codecs.from_stream(record, decoded)
    return DeltaAction(kind, verb, name, _checked(kind, verb, value) if known else value)


def _checked(kind: int, verb: int, value: object) -> object:
    """The value, if the type of action can have it. SES-DLT-07"""
    if verb == Verb.REMOVE or kind == ActionType.ATTRIBUTE:
        return value if verb == Verb.SET else None
    if kind == ActionType.PRINCIPAL:
        return None if value is None else principal_of_record(value)
    if kind == ActionType.IS_NEW and isinstance(value, bool):
        return value
    if kind == ActionType.MAX_INACTIVE_INTERVAL and type(value) is int:
        return value
    if kind == ActionType.AUTH_TYPE and (value is None or isinstance(value, str)):
        return value
    return _refuse("SES-DLT-07", f"a value for {ActionType(kind).name}", type(value).__name__)


def _refuse(clause: str, expected: str, actual: str) -> NoReturn:
    raise Malformed(clause, offset=0, expected=expected, actual=actual)


def writable_actions(
    request: DeltaRequest, codecs: AttributeCodecs
) -> tuple[list[DeltaAction], list[tuple[DeltaAction, str]]]:
    """The actions that can be written now, and those that cannot, with the reason."""
    good: list[DeltaAction] = []
    bad: list[tuple[DeltaAction, str]] = []
    for action in request:
        alone = DeltaRequest(request.session_id)
        alone.add(action)
        try:
            encode_delta_request(alone, codecs)
        except LocalProtocolError as error:
            bad.append((action, str(error)))
        else:
            good.append(action)
    return good, bad
