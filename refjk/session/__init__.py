"""Sessions that are the same at every node of a cluster; no sockets, no clock.

    manager = SessionManager(ManagerSettings("/shop", route="node1"), session_ids(random.Random(seed)))
    session = manager.create(now_ms)             # or manager.begin(session_id, now_ms)
    manager.attach(session, now_ms)              # a request has it; `begin` has done this already
    session.set("user", "anna")                  # the application
    manager.request_completed(session.id, now_ms)
    manager.end(session)
    for outgoing in manager.messages_to_send():  # after every call: to one member, or to all
        octets = encode_message(stamped(outgoing.written(), own_address, now_ms), release)

    manager.receive(decode_message(octets), now_ms)

An application sees a `Session`: `id`, `is_new`, `get`, `names`, `set`, `remove`, `invalidate`. `Contexts`
has the managers of a node, `ReplicationValve` decides at the end of a request, `RouteBinder` at its
beginning. The chapter is spec/session-replication.md.
"""

from refjk.session.attributes import AttributeCodec, AttributeCodecs, NotAnAttribute
from refjk.session.bounds import MESSAGE_LIMITS, STATE_LIMITS
from refjk.session.codes import ActionType, EventType, SingleSignOnAction, Verb
from refjk.session.contexts import Contexts, manager_name
from refjk.session.delta_request import (
    DeltaAction,
    DeltaRequest,
    decode_delta_request,
    encode_delta_request,
)
from refjk.session.listeners import (
    ActivationListener,
    AttributeListener,
    BindingEvent,
    BindingListener,
    Listeners,
    SessionEvent,
    SessionListener,
)
from refjk.session.manager import SessionManager, VanishedSession
from refjk.session.manager_settings import ManagerCounters, ManagerSettings, Outgoing, Report, session_ids
from refjk.session.member_address import MemberAddress
from refjk.session.messages import (
    LAYOUTS,
    MESSAGE_CLASSES,
    Message,
    SessionIdMessage,
    SessionMessage,
    SingleSignOnMessage,
    decode_message,
    encode_message,
    message_of_record,
    record_of_message,
    stamped,
)
from refjk.session.principal import Principal
from refjk.session.reading import StateReading
from refjk.session.routes import OLD_ID_ATTRIBUTE, RouteBinder, RouteChange, route_of, turned_over
from refjk.session.rules import ORIGINAL, REPAIRED, Rules
from refjk.session.session import Session, SessionInvalid
from refjk.session.state import (
    SessionState,
    decode_all_sessions,
    decode_session,
    encode_all_sessions,
    encode_session,
)
from refjk.session.table import TooManySessions
from refjk.session.transfer import StateTransfer, TransferPhase
from refjk.session.valve import ReplicationFilter, ReplicationValve, ValveCounters

__all__ = [
    "LAYOUTS",
    "MESSAGE_CLASSES",
    "MESSAGE_LIMITS",
    "OLD_ID_ATTRIBUTE",
    "ORIGINAL",
    "REPAIRED",
    "STATE_LIMITS",
    "ActionType",
    "ActivationListener",
    "AttributeCodec",
    "AttributeCodecs",
    "AttributeListener",
    "BindingEvent",
    "BindingListener",
    "Contexts",
    "DeltaAction",
    "DeltaRequest",
    "EventType",
    "Listeners",
    "ManagerCounters",
    "ManagerSettings",
    "MemberAddress",
    "Message",
    "NotAnAttribute",
    "Outgoing",
    "Principal",
    "ReplicationFilter",
    "ReplicationValve",
    "Report",
    "RouteBinder",
    "RouteChange",
    "Rules",
    "Session",
    "SessionEvent",
    "SessionIdMessage",
    "SessionInvalid",
    "SessionListener",
    "SessionManager",
    "SessionMessage",
    "SessionState",
    "SingleSignOnAction",
    "SingleSignOnMessage",
    "StateReading",
    "StateTransfer",
    "TooManySessions",
    "TransferPhase",
    "ValveCounters",
    "VanishedSession",
    "Verb",
    "decode_all_sessions",
    "decode_delta_request",
    "decode_message",
    "decode_session",
    "encode_all_sessions",
    "encode_delta_request",
    "encode_message",
    "encode_session",
    "manager_name",
    "message_of_record",
    "record_of_message",
    "route_of",
    "session_ids",
    "stamped",
    "turned_over",
]
