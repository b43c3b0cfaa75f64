"""A session as it stands in the state that a starting node gets, and the state whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import (
    JavaString,
    Limits,
    Long,
    ObjectInput,
    ObjectOutput,
    ObjectReader,
    Reset,
    WriteAborted,
    record_of,
    release,
    write_object,
)
from refjk.session.attributes import NO_CODECS, AttributeCodecs
from refjk.session.bounds import STATE_LIMITS
from refjk.session.codes import NOT_SERIALIZABLE, PASSWORD_FLAG_SINCE
from refjk.session.principal import Principal

SESSIONS_MAX = 1_000_000
SESSIONS_BETWEEN_RESETS = 1000
ATTRIBUTES_MAX = 100_000
ROLES_MAX = 10_000
WRITES_MAX = 5


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session at a moment. Times in ms since 1970, the interval in seconds (negative: never expires)."""

    id: str
    creation_ms: int
    last_access_ms: int
    this_access_ms: int
    max_inactive_interval: int
    is_new: bool = False
    is_valid: bool = True
    principal: Principal | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)


class StateWriter:
    """Writes sessions one after the other into one stream.

    `release`: 5.5.N. `careful`: each attribute is tried by itself first; `left_out` are those that could not
    be written, as (session id, name, reason). Otherwise one of these fails the whole.
    """

    def __init__(self, release: int, codecs: AttributeCodecs = NO_CODECS, *, careful: bool = False) -> None:
        self._release = release
        self._careful = careful
        self._codecs = codecs
        self._target = ObjectOutput()
        self._made: dict[int, tuple[object, object]] = {}
        self._written = 0
        self.left_out: LeftOut = []

    def write_count(self, count: int) -> None:
        self._target.write_object(record_of(count))

    def write_session(self, state: SessionState) -> None:
        """SES-LAY-01, SES-LAY-02. Boxed values are new objects each time, as in the original."""
        target = self._target
        if self._written and self._written % SESSIONS_BETWEEN_RESETS == 0:
            target.reset()  # SES-LAY-11
            self._made.clear()
        self._written += 1
        target.write_object(Long(state.creation_ms))
        target.write_object(Long(state.last_access_ms))
        target.write_object(record_of(state.max_inactive_interval))
        target.write_object(record_of(state.is_new))
        target.write_object(record_of(state.is_valid))
        target.write_object(Long(state.this_access_ms))
        target.write_boolean(state.principal is not None)
        if state.principal is not None:
            self._write_principal(state.principal)
        target.write_object(state.id)
        attributes = self._writable(state)
        target.write_object(record_of(len(attributes)))
        for name, value in attributes:
            target.write_object(name)
            target.write_object(value)

    def _write_principal(self, principal: Principal) -> None:
        target = self._target
        target.write_utf(principal.name)
        if self._release >= PASSWORD_FLAG_SINCE:
            target.write_boolean(principal.password is not None)
            if principal.password is not None:
                target.write_utf(principal.password)
        else:
            target.write_utf(principal.password or "")  # SES-LAY-04
        target.write_int(len(principal.roles))
        for role in principal.roles:
            target.write_utf(role)

    def _writable(self, state: SessionState) -> list[tuple[str, object]]:
        found: list[tuple[str, object]] = []
        for name, value in state.attributes.items():
            try:
                written = self._codecs.to_stream(value, self._made)
                if self._careful:
                    write_object(written)
            except LocalProtocolError as error:
                if not self._careful:
                    raise
                self.left_out.append((state.id, name, str(error)))
            else:
                found.append((name, written))
        return found

    def octets(self) -> bytes:
        return self._target.octets()


LeftOut = list[tuple[str, str, str]]


def encode_session(state: SessionState, release: int, codecs: AttributeCodecs = NO_CODECS) -> bytes:
    """One session as a stream of its own."""
    return _written(lambda writer: writer.write_session(state), release, codecs)[0]


def encode_all_sessions(
    states: Iterable[SessionState], release: int, codecs: AttributeCodecs = NO_CODECS
) -> bytes:
    """All sessions of a manager in one stream."""
    return encode_what_can_be(states, release, codecs)[0]


def encode_what_can_be(
    states: Iterable[SessionState], release: int, codecs: AttributeCodecs = NO_CODECS
) -> tuple[bytes, LeftOut]:
    """All sessions in one stream, and the attributes that are not in it. SES-LAY-03"""
    listed = list(states)

    def write(writer: StateWriter) -> None:
        writer.write_count(len(listed))
        for state in listed:
            writer.write_session(state)

    return _written(write, release, codecs)


def _written(
    write: Callable[[StateWriter], None], release: int, codecs: AttributeCodecs
) -> tuple[bytes, LeftOut]:
    """Trying every attribute takes twice as long, and hardly ever is there one that cannot be. SES-LAY-05"""
    careful = False
    for _ in range(WRITES_MAX):
        writer = StateWriter(release, codecs, careful=careful)
        try:
            write(writer)
            return writer.octets(), writer.left_out
        except LocalProtocolError:
            if careful:
                raise
            careful = True
        except RuntimeError:
            pass  # a request changes a dictionary meanwhile, as it may before it sets it once more
    raise LocalProtocolError("a value changes whenever it is written")


class StateReader:
    """Reads what `StateWriter` writes, and what the original writes when a value fails it.

    Such a value is torn, followed by the marker text in its place; the tear is passed over, and with it
    nothing but that value is lost. SES-LAY-06
    """

    def __init__(
        self,
        octets: bytes,
        release: int,
        codecs: AttributeCodecs = NO_CODECS,
        limits: Limits = STATE_LIMITS,
    ) -> None:
        self._source = ObjectInput.of_contents(self._contents(ObjectReader(octets, limits=limits)))
        self._decoded: dict[int, tuple[object, object]] = {}
        self._values: list[object] = []  # since the last reset
        self._release = release
        self._codecs = codecs

    def _contents(self, reader: ObjectReader) -> Iterator[object]:
        """Without tears. Nothing behind a reset refers to what is before it, so that is let go. SES-LAY-11"""
        for content in reader:
            if content is Reset.RESET:
                self._let_go()
            elif not isinstance(content, WriteAborted):
                yield content
        self._let_go()

    def _let_go(self) -> None:
        release(self._values)
        self._values.clear()
        self._decoded.clear()

    def read_count(self) -> int:
        return self._number("a number of sessions", 0, SESSIONS_MAX)

    def read_session(self) -> SessionState:
        creation_ms, last_access_ms = self._time(), self._time()
        interval = self._number("an interval", -(1 << 31), (1 << 31) - 1)
        is_new, is_valid = self._flag(), self._flag()
        this_access_ms = self._time()
        principal = self._principal() if self._source.read_boolean() else None
        session_id = self._text("a session id")
        attributes: dict[str, object] = {}
        for _ in range(self._number("a number of attributes", 0, ATTRIBUTES_MAX)):
            name = self._text("the name of an attribute")
            record = self._source.read_record()
            if record is not None and record != NOT_SERIALIZABLE:
                attributes[name] = value = self._codecs.from_stream(record, self._decoded)
                self._values.append(value)
        return SessionState(
            session_id,
            creation_ms,
            last_access_ms,
            this_access_ms,
            interval,
            is_new,
            is_valid,
            principal,
            attributes,
        )

    def expect_end(self) -> None:
        self._source.expect_end()

    def _principal(self) -> Principal:
        source = self._source
        name = source.read_utf()
        has_password = source.read_boolean() if self._release >= PASSWORD_FLAG_SINCE else True
        password = source.read_utf() if has_password else None
        count = source.read_int()
        if not 0 <= count <= ROLES_MAX:
            _refuse(f"0 to {ROLES_MAX} roles", str(count))
        return Principal(name, password, tuple(source.read_utf() for _ in range(count)))

    def _time(self) -> int:
        value = self._source.read_object()
        if not isinstance(value, Long):
            _refuse("a time (Long)", type(value).__name__)
        return int(value)

    def _flag(self) -> bool:
        value = self._source.read_object()
        if not isinstance(value, bool):
            _refuse("a Boolean", type(value).__name__)
        return value

    def _number(self, what: str, lowest: int, highest: int) -> int:
        value = self._source.read_object()
        if type(value) is not int or not lowest <= value <= highest:
            _refuse(f"{what} from {lowest} to {highest}", repr(value)[:80])
        return value

    def _text(self, what: str) -> str:
        value = self._source.read_record()
        if not isinstance(value, JavaString):
            _refuse(what, type(value).__name__)
        return value  # the string object itself, so that what is shared stays shared


def decode_session(octets: bytes, release: int, codecs: AttributeCodecs = NO_CODECS) -> SessionState:
    """Raises `Malformed`."""
    reader = StateReader(octets, release, codecs)
    state = reader.read_session()
    reader.expect_end()
    return state


def decode_all_sessions(
    octets: bytes, release: int, codecs: AttributeCodecs = NO_CODECS, limits: Limits = STATE_LIMITS
) -> list[SessionState]:
    """All sessions of a state, or `Malformed` and none of them."""
    reader = StateReader(octets, release, codecs, limits)
    states = [reader.read_session() for _ in range(reader.read_count())]
    reader.expect_end()
    return states


def _refuse(expected: str, actual: str) -> NoReturn:
    """Offsets count contents here and would mislead. SES-LAY-07"""
    raise Malformed("SES-LAY-07", offset=0, expected=expected, actual=actual)
