"""Messages between the nodes, as a person reads them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from refjk.base.errors import RefjkError
from refjk.farm import FileMessage, UndeployMessage
from refjk.session import (
    ActionType,
    DeltaAction,
    EventType,
    SessionIdMessage,
    SessionMessage,
    Verb,
    decode_delta_request,
    route_of,
)

_Deploying = FileMessage | UndeployMessage
_Heard = SessionMessage | SessionIdMessage | _Deploying

KEPT = 60
_VALUE_LENGTH = 24
_ABOUT_ALL = ("get all", "all session data", "state complete")
# Of messages that were sent in the same millisecond.
_ORDER = (*_ABOUT_ALL, "new id", "created", "delta", "accessed")


@dataclass(frozen=True, slots=True)
class Flow:
    """One message as its receiver saw it. `sender` and `receiver` are names of members.

    `session` is shortened. `at_ms`: when it was sent, since 1970.
    """

    at_ms: int
    kind: str
    text: str
    session: str
    sender: str
    receiver: str


class FlowLog:
    """The latest messages that a node got: a listener of its channel."""

    def __init__(self, receiver: str) -> None:
        self._receiver = receiver
        self._lock = threading.Lock()
        self._kept: deque[Flow] = deque(maxlen=KEPT)

    def accept(self, message: object) -> bool:
        if isinstance(message, FileMessage):
            return message.number == message.total  # of many parts, the last one tells enough
        return isinstance(message, _Heard)

    def received(self, message: object) -> None:
        assert isinstance(message, _Heard)
        kind, text, session_id = _told(message)
        address = message.sender if isinstance(message, _Deploying) else message.address
        sender = address.name if address is not None else None
        flow = Flow(message.timestamp_ms, kind, text, shortened(session_id), sender or "", self._receiver)
        with self._lock:
            self._kept.append(flow)

    def latest(self, count: int) -> list[Flow]:
        """The newest last."""
        with self._lock:
            return list(self._kept)[-count:]


def shortened(session_id: str | None) -> str:
    """Enough to tell sessions apart, not enough to use one."""
    digits, _, _ = (session_id or "").partition(".")
    route = route_of(session_id or "")
    if len(digits) <= 8:
        return ""
    return f"{digits[:6]}….{route}" if route else f"{digits[:6]}…"


def _told(message: _Heard) -> tuple[str, str, str | None]:
    """Kind, what it says, and the session it is about."""
    if isinstance(message, FileMessage):
        name = (message.file_name or "").rpartition("/")[2]
        return "archive", f"{name}, {message.total_size} octets", None
    if isinstance(message, UndeployMessage):
        return "undeploy" if message.undeploy else "new version", message.context_path or "/", None
    if isinstance(message, SessionIdMessage):
        return "new id", f"now {shortened(message.new_id)}", message.original_id
    try:
        kind = EventType(message.event_type)
    except ValueError:
        return str(message.event_type), "", message.session_id
    name = kind.name.lower().replace("_", " ")
    if name in _ABOUT_ALL:
        return name, "", None
    text = _actions(message.octets or b"") if kind is EventType.DELTA else ""
    return name, text, message.session_id


def _actions(octets: bytes) -> str:
    try:
        return ", ".join(_action(action) for action in decode_delta_request(octets))
    except RefjkError:
        return "cannot be read"


def _action(action: DeltaAction) -> str:
    if action.type != ActionType.ATTRIBUTE:
        return ActionType(action.type).name.lower().replace("_", " ")
    if action.verb == Verb.REMOVE:
        return f"{action.name} removed"
    return f"{action.name} = {str(action.value)[:_VALUE_LENGTH]}"


def is_about_all(flow: Flow) -> bool:
    """Whether it is about all sessions of a node."""
    return flow.kind in _ABOUT_ALL


def together(flows: Iterable[Flow], count: int) -> list[tuple[Flow, list[str]]]:
    """The newest `count` messages, the newest first, each with all who got it."""
    found: dict[Flow, list[str]] = {}
    for flow in sorted(flows, key=_moment):
        receivers = found.setdefault(replace(flow, receiver=""), [])
        if flow.receiver not in receivers:
            receivers.append(flow.receiver)
    return list(found.items())[: -count - 1 : -1]


def _moment(flow: Flow) -> tuple[int, int]:
    return flow.at_ms, _ORDER.index(flow.kind) if flow.kind in _ORDER else len(_ORDER)
