"""Plays the recorded manager scenarios of Tomcat 5.5.5 step by step against `refjk.session`.

All nodes follow the original's rules. After each step the messages, the calls of listeners and the tables
of sessions must be those of the recording. Where one step ends several sessions or unbinds several attributes
the order of the calls is that of a hash table and not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from refjk.base.errors import InputError, LocalProtocolError
from refjk.objectstream import ClassDescription, JavaObject
from refjk.session import (
    ORIGINAL,
    AttributeCodec,
    AttributeCodecs,
    BindingEvent,
    DeltaRequest,
    EventType,
    ManagerSettings,
    MemberAddress,
    Message,
    NotAnAttribute,
    Outgoing,
    RouteBinder,
    Session,
    SessionEvent,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
    TooManySessions,
    VanishedSession,
    decode_delta_request,
    decode_message,
    encode_delta_request,
    encode_message,
    stamped,
)
from refjk.session.delta_request import DeltaAction
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played
from refjk.vectors.session_script import CHOICES, STEPS, NodeChoice
from refjk.vectors.session_values import Opaque

SCENARIO_KIND = "manager scenario"

_CONTEXT = "/app"
_RELEASE = 5
_START_MS = 1_104_537_600_000
_BOUND = ClassDescription.of("refjk.sample.Bound", 1, "Ljava/lang/String; name")
_EXCEPTIONS: Mapping[type[LocalProtocolError], str] = {
    NotAnAttribute: "java.lang.IllegalArgumentException",
    TooManySessions: "java.lang.IllegalStateException",
    VanishedSession: "java.lang.NullPointerException",
}


def play_scenarios(document: Node) -> Played:
    """Raises `InputError` for a step that is not in the table."""
    return play_all(document, SCENARIO_KIND, _play_scenario)


def _play_scenario(vector: Node) -> None:
    steps = vector["steps"].items()
    note = vector.get("note")
    notify = note is None or "notifyListenersOnReplication=false" not in note.text()
    stage = _Stage(list(steps[0]["state"].table()), [step["step"].text() for step in steps], notify)
    for step in steps:
        text = step["step"].text()
        if text not in STEPS:
            raise InputError(f"{step['step'].place}: no such step is known: {text!r}")
        raised = stage.perform(STEPS[text])
        expected = step.get("exception")
        same(f"{text}: exception", None if expected is None else expected.text(), raised)
        _compare(text, step, stage)


def _compare(text: str, step: Node, stage: _Stage) -> None:
    messages = step.get("messages")
    expected = [] if messages is None else [_message_row(row) for row in messages.items()]
    same(f"{text}: messages", expected, stage.taken_messages())
    calls = step.get("listener_calls")
    wanted = [] if calls is None else [call.text() for call in calls.items()]
    made = stage.taken_calls()
    if _in_table_order(wanted):
        wanted, made = sorted(wanted), sorted(made)
    same(f"{text}: calls of listeners", wanted, made)
    for name, rows in step["state"].entries():
        table = sorted(stage.table(name), key=lambda row: str(row["id"]))
        same(f"{text}: sessions at {name}", [row.value for row in rows.items()], table)
    result = step.get("result")
    if result is not None:
        same(f"{text}: result", result.text(), stage.result)


def _message_row(row: Node) -> dict[str, object]:
    return dict(row.table())


def _in_table_order(calls: list[str]) -> bool:
    """Whether calls are several ends or removals at one node, whose order is a hash table's."""
    ended = [call for call in calls if " sessionDestroyed " in call or " attributeRemoved " in call]
    nodes = [call.partition(":")[0] for call in ended]
    return len(nodes) - len(set(nodes)) > 1


@dataclass
class _Bound:
    """A value that wants to know when it is bound."""

    name: str
    stage: _Stage

    def value_bound(self, event: BindingEvent) -> None:
        self.stage.called(event.session, f"valueBound {self.name} as {event.name}")

    def value_unbound(self, event: BindingEvent) -> None:
        self.stage.called(event.session, f"valueUnbound {self.name} as {event.name}")


@dataclass
class _Listener:
    """Writes down what it is told."""

    tell: Callable[[str], None]

    def session_created(self, event: SessionEvent) -> None:
        self.tell(f"sessionCreated {event.session.id}")

    def session_destroyed(self, event: SessionEvent) -> None:
        self.tell(f"sessionDestroyed {event.session.id}")

    def attribute_added(self, event: BindingEvent) -> None:
        self.tell(f"attributeAdded {event.name}={_shown(event.value)}")

    def attribute_removed(self, event: BindingEvent) -> None:
        self.tell(f"attributeRemoved {event.name}={_shown(event.value)}")

    def attribute_replaced(self, event: BindingEvent) -> None:
        self.tell(f"attributeReplaced {event.name} old={_shown(event.value)}")


def _shown(value: object) -> str:
    """As Java shows it."""
    if value is None:
        return "null"
    if isinstance(value, _Bound):
        return f"Bound({value.name})"
    if isinstance(value, Opaque):
        return "Opaque"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value)


@dataclass
class _Player:
    """One node of a scenario."""

    name: str
    manager: SessionManager
    address: MemberAddress
    is_member: bool = True
    session: Session | None = None  # of the request that runs


@dataclass
class _Stage:
    """The nodes, the wire between them, and what has been seen since the last look."""

    names: list[str]
    steps: list[str]
    notify: bool
    now_ms: int = _START_MS
    holding: bool = False
    ids_made: int = 0
    result: str = ""
    _nodes: dict[str, _Player] = field(default_factory=dict)
    _held: list[tuple[_Player, bytes]] = field(default_factory=list)
    _messages: list[dict[str, object]] = field(default_factory=list)
    _calls: list[str] = field(default_factory=list)
    _session_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, name in enumerate(self.names):
            choices = [CHOICES[step, name] for step in self.steps if (step, name) in CHOICES]
            choice = choices[0] if choices else NodeChoice()
            settings = ManagerSettings(
                _CONTEXT,
                name,
                choice.max_inactive_interval,
                choice.max_active_sessions,
                expire_sessions_on_shutdown=choice.expire_sessions_on_shutdown,
                notify_listeners_on_replication=self.notify,
                release=_RELEASE,
                rules=ORIGINAL,
            )
            codec = AttributeCodec(_Bound, _BOUND.name, _bound_record, self._bound_from)
            manager = SessionManager(settings, self._new_id, AttributeCodecs([codec]))
            manager.listeners.add(_Listener(self._teller(name)))
            address = MemberAddress(name, "127.0.0.1", 4001 + number)
            self._nodes[name] = _Player(name, manager, address, choice.is_member)

    def _new_id(self) -> str:
        self.ids_made += 1
        return f"S{self.ids_made}"

    def _bound_from(self, record: JavaObject) -> _Bound:
        return _Bound(str(record["name"]), self)

    def _teller(self, name: str) -> Callable[[str], None]:
        return lambda text: self._calls.append(f"{name}: {text}")

    def called(self, session: Session, text: str) -> None:
        name = next(name for name, node in self._nodes.items() if session.belongs_to(node.manager))
        self._calls.append(f"{name}: {text}")

    def taken_calls(self) -> list[str]:
        taken, self._calls = self._calls, []
        return taken

    def taken_messages(self) -> list[dict[str, object]]:
        taken, self._messages = self._messages, []
        return taken

    def table(self, name: str) -> list[dict[str, object]]:
        return [_session_row(session) for session in self._nodes[name].manager.sessions()]

    # -- the verbs ----------------------------------------------------------------------------

    def perform(self, script: str) -> str | None:
        """Carries a step out. Gives the name of the exception that ended it, as Java names it."""
        for command in script.split("; "):
            verb, *words = command.split(" ")
            try:
                _VERBS[verb](self, *words)
            except LocalProtocolError as error:
                return _EXCEPTIONS.get(type(error), type(error).__name__)
            finally:
                self._send_all()
        return None

    def create(self, name: str) -> None:
        node = self._nodes[name]
        node.session = node.manager.create(self.now_ms)
        self._session_ids.append(node.session.id)
        node.manager.attach(node.session, self.now_ms)

    def begin(self, name: str, number: str) -> None:
        node = self._nodes[name]
        node.session = node.manager.begin(self._session_ids[int(number) - 1], self.now_ms)

    def end(self, name: str) -> None:
        node = self._nodes[name]
        assert node.session is not None
        node.manager.request_completed(node.session.id, self.now_ms)
        node.manager.end(node.session)

    def set(self, name: str, attribute: str, text: str) -> None:
        self._session(name).set(attribute, self._value(text))

    def remove(self, name: str, attribute: str) -> None:
        self._session(name).remove(attribute)

    def interval(self, name: str, seconds: str) -> None:
        self._session(name).set_max_inactive_interval(int(seconds))

    def invalidate(self, name: str) -> None:
        self._session(name).invalidate()

    def _session(self, name: str) -> Session:
        session = self._nodes[name].session
        assert session is not None
        return session

    def _value(self, text: str) -> object:
        kind, _, rest = text.partition(":")
        if rest:
            return int(rest) if kind == "int" else _Bound(rest, self)
        return {"null": None, "opaque": Opaque(), "list-of-opaque": [Opaque()]}.get(text, text)

    def wait(self, ms: str) -> None:
        self.now_ms += int(ms)

    def check(self, name: str) -> None:
        self._nodes[name].manager.expire_idle(self.now_ms)

    def start(self, name: str) -> None:
        others = [node.address for node in self._members_but(self._nodes[name])]
        manager = self._nodes[name].manager
        manager.start(others, self.now_ms)
        self._send_all()
        self.result = f"transferred={'true' if manager.counters.states_loaded else 'false'}"

    def stop(self, name: str) -> None:
        self._nodes[name].manager.stop()

    def leave(self, name: str) -> None:
        self._nodes[name].is_member = False

    def join(self, name: str) -> None:
        self._nodes[name].is_member = True

    def hold(self) -> None:
        self.holding = True

    def no_hold(self) -> None:
        self.holding = False

    def deliver(self, *numbers: str) -> None:
        self.holding = False
        for number in numbers:
            node, octets = self._held[int(number) - 1]
            self._arrive(node, octets)

    def question(self, asking: str, asked: str) -> None:
        """A question that was asked out of sight."""
        address = self._nodes[asking].address
        message = SessionMessage(EventType.GET_ALL, _CONTEXT, "GET-ALL", None, "GET-ALL-/app", 0, address)
        self._nodes[asked].manager.receive(message, self.now_ms)

    def message(self, name: str, event: str, session_id: str) -> None:
        octets = encode_delta_request(DeltaRequest(session_id)) if event == "13" else None
        self._nodes[name].manager.receive(
            SessionMessage(int(event), _CONTEXT, session_id, octets, session_id), self.now_ms
        )

    def delta(self, name: str, inner_id: str, *actions: str) -> None:
        """A delta for the first session whose octets are about another, or hold what nobody knows."""
        session_id = self._session_ids[0]
        request = DeltaRequest(session_id if inner_id == "1" else inner_id)
        for action in actions:
            attribute, _, value = action.partition("=")
            request.add(DeltaAction(9 if attribute == "?" else 0, 0, attribute, value))
        octets = encode_delta_request(request)
        message = SessionMessage(EventType.DELTA, _CONTEXT, session_id, octets, session_id)
        self._nodes[name].manager.receive(message, self.now_ms)

    def turn_over(self, name: str) -> None:
        change = RouteBinder(name, _CONTEXT).bind(
            self._nodes[name].manager, self._session_ids[0], self.now_ms
        )
        assert change is not None
        self._session_ids[0] = change.new_id

    # -- the wire -----------------------------------------------------------------------------

    def _members_but(self, one: _Player) -> list[_Player]:
        return [node for node in self._nodes.values() if node is not one and node.is_member]

    def _send_all(self) -> None:
        """Until nobody has anything to say."""
        sent = True
        while sent:
            sent = False
            for node in self._nodes.values():
                for outgoing in node.manager.messages_to_send():
                    sent = True
                    self._send(node, outgoing)

    def _send(self, source: _Player, outgoing: Outgoing) -> None:
        octets = encode_message(stamped(outgoing.written(), source.address, self.now_ms), _RELEASE)
        targets = self._members_but(source) if source.is_member else []
        if outgoing.to is not None:
            targets = [node for node in targets if node.address == outgoing.to]
        for target in targets:
            row = self._row(source, target, decode_message(octets))
            self._messages.append(row)
            if self.holding:
                row["held_back"] = True
                self._held.append((target, octets))
        if not self.holding:
            for target in targets:
                self._arrive(target, octets)

    def _arrive(self, target: _Player, octets: bytes) -> None:
        message = decode_message(octets)
        assert isinstance(message, SessionMessage | SessionIdMessage)
        target.manager.receive(message, self.now_ms)

    def _row(self, source: _Player, target: _Player, message: Message) -> dict[str, object]:
        row: dict[str, object] = {"from": source.name, "to": target.name}
        if isinstance(message, SessionIdMessage):
            row |= {
                "message": "SessionIDMessage",
                "orignalSessionID": message.original_id,
                "backupSessionID": message.new_id,
                "contextPath": message.context_path,
            }
        elif isinstance(message, SessionMessage):
            row |= {
                "event": message.event_type,
                "session": message.session_id,
                "uniqueId": (message.unique_id or "").replace(str(self.now_ms), "<ms>"),
            }
            if message.event_type == EventType.DELTA:
                row["delta"] = self._delta_rows(source, message.octets or b"")
        return row

    def _delta_rows(self, source: _Player, octets: bytes) -> list[dict[str, object]]:
        return [
            {"type": one.type, "action": one.verb, "name": one.name, "value": _shown(one.value)}
            for one in decode_delta_request(octets, source.manager.codecs)
        ]


def _bound_record(value: _Bound) -> JavaObject:
    return JavaObject.of(_BOUND, name=value.name)


def _session_row(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "attributes": {name: _shown(value) for name, value in sorted(session.attributes().items())},
        "primary": session.primary,
        "valid_flag": session.is_valid,
        "is_new": session.is_new,
        "max": session.max_inactive_interval,
        "accessCount": session.access_count,
        "pending_actions": None if session.pending is None else len(session.pending),
    }


_VERBS: dict[str, Callable[..., Any]] = {
    "begin": _Stage.begin,
    "check": _Stage.check,
    "create": _Stage.create,
    "deliver": _Stage.deliver,
    "delta": _Stage.delta,
    "end": _Stage.end,
    "hold": _Stage.hold,
    "interval": _Stage.interval,
    "invalidate": _Stage.invalidate,
    "join": _Stage.join,
    "leave": _Stage.leave,
    "message": _Stage.message,
    "no-hold": _Stage.no_hold,
    "question": _Stage.question,
    "remove": _Stage.remove,
    "set": _Stage.set,
    "start": _Stage.start,
    "stop": _Stage.stop,
    "turn-over": _Stage.turn_over,
    "wait": _Stage.wait,
}
