"""The manager of one application's sessions: what is told at the end of a request, and what comes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.objectstream import ObjectInput
from refjk.session.attributes import AttributeCodecs
from refjk.session.codes import EventType
from refjk.session.delta_request import (
    DeltaRequest,
    decode_delta_request,
    encode_delta_request,
    writable_actions,
)
from refjk.session.exchange import StateExchange
from refjk.session.manager_settings import ManagerSettings, Outgoing
from refjk.session.member_address import MemberAddress
from refjk.session.messages import SessionIdMessage, SessionMessage
from refjk.session.reading import StateReading
from refjk.session.session import Session
from refjk.session.table import SessionTable, TooManySessions
from refjk.session.transfer import Heldable, StateTransfer
from refjk.session.watch import changed_without_set


class VanishedSession(LocalProtocolError):
    """The session of a request that ends is gone."""


class SessionManager(SessionTable):
    """A core: it is told what happens, with the time in ms, and says what must be sent.

    After every call, and after every call of a session's methods, send what `messages_to_send` gives. One
    lock of the caller guards a manager and its sessions; listeners run inside the call and under that lock.
    """

    def __init__(
        self,
        settings: ManagerSettings,
        new_id: Callable[[], str],
        codecs: AttributeCodecs | None = None,
    ) -> None:
        super().__init__(settings, new_id, codecs)
        self._exchange = StateExchange(self, self._receive_later)
        self._ticks = 0

    @property
    def transfer(self) -> StateTransfer:
        """How the transfer of the state stands; to look at."""
        return self._exchange.transfer

    def removed(self, session: Session) -> None:
        super().removed(session)
        self._exchange.ended(session.id)

    # -- end of a request ---------------------------------------------------------------------

    def invalidated_sessions(self) -> list[str]:
        """None: this manager tells of an end at once. SES-VLV-03"""
        return []

    def request_completed(self, session_id: str, now_ms: int) -> Outgoing | None:
        """What the others must know of the request that ends; it is queued too. SES-MGR-07 to SES-MGR-09"""
        session = self.find(session_id, now_ms)
        if session is None:
            if self.rules.vanished_session_fails:
                raise VanishedSession(f"session {session_id[:8]}… is gone at the end of its request")
            return None
        for name in changed_without_set(session, self.codecs):
            text = f"attribute {name!r} was changed without being set; the other nodes have it as it was"
            self.report("mutated", text, session.id, name)
        session.digests = None
        octets = self._delta_of(session)
        told: Outgoing | None = None
        unique_id = self.request_id(session.id, now_ms)
        idle_ms = now_ms - session.last_replicated_ms
        if octets is not None:
            told = self.tell(EventType.DELTA, session.id, unique_id, octets)
            self.counters.deltas_sent += 1
        elif not session.pending and (not session.primary or idle_ms > self._update_interval_ms()):
            told = self.tell(EventType.ACCESSED, session.id, unique_id)
            self.counters.accesses_sent += 1
        session.primary = True
        if session.pending is None:
            session.pending = DeltaRequest(session.id)
        if told is not None:
            session.last_replicated_ms = now_ms
        return told

    def _update_interval_ms(self) -> int:
        """SES-MGR-17"""
        settings = self.settings
        chosen = settings.update_active_interval
        return 1000 * (settings.max_inactive_interval if chosen is None else chosen)

    def _delta_of(self, session: Session) -> bytes | None:
        """The recorded actions as octets, which are no longer recorded then. SES-DLT-12"""
        pending = session.pending
        if not pending:
            return None
        session.note_changes((action.name for action in pending), session.id)
        try:
            octets = encode_delta_request(pending, self.codecs)
            pending.clear()
            return octets
        except LocalProtocolError as error:
            if self.rules.one_value_stops_all:
                self.report("unwritable", str(error), session.id)
                return None
        good, bad = writable_actions(pending, self.codecs)
        for action, reason in bad:
            self.report("unwritable", reason, session.id, action.name)
        pending.keep(good)
        octets = encode_delta_request(pending, self.codecs) if good else b""
        pending.keep([action for action, _ in bad])
        return octets or None

    # -- time ---------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        """A background tick: every few of them idle sessions end. SES-MGR-10"""
        self._ticks += 1
        if self._ticks % self.settings.expire_every_ticks == 0:
            self.expire_idle(now_ms)
        self.pass_time(now_ms)

    def expire_idle(self, now_ms: int) -> None:
        """Looks at every session now."""
        for session in self.sessions():
            if not session.check_idle(now_ms):
                self.counters.expired_idle += 1

    def pass_time(self, now_ms: int) -> None:
        """Asks again, or ends a wait whose time is over; call it at `next_wakeup_ms`."""
        self._exchange.pass_time(now_ms)

    def next_wakeup_ms(self) -> int | None:
        return self.transfer.next_wakeup_ms()

    # -- start and stop -----------------------------------------------------------------------

    def start(self, members: Sequence[MemberAddress], now_ms: int, heard: Sequence[Heldable] = ()) -> bool:
        """Asks the oldest member (the first) for its sessions. True: requests must wait until `ready`.

        `heard`: what came for this manager before it was there.
        """
        return self._exchange.start(members, now_ms, heard)

    @property
    def ready(self) -> bool:
        """Whether the application may be served."""
        return not self.transfer.waiting

    def members_changed(self, members: Sequence[MemberAddress], now_ms: int) -> None:
        """The others, oldest first. If the one that was asked is gone, the next is asked."""
        self._exchange.members_changed(members, now_ms)

    def stop(self) -> None:
        """Every session ends here; the cluster is told only if it is to lose them too. SES-MGR-11"""
        for session in self.sessions():
            session.expire(tell=self.settings.expire_sessions_on_shutdown)

    # -- what comes in ------------------------------------------------------------------------

    def receive(self, message: SessionMessage | SessionIdMessage, now_ms: int) -> None:
        """A message of another node. Nothing in it makes this raise."""
        self._guarded(self._receive, message, now_ms)

    def begin_reading(self, message: SessionMessage) -> StateReading | None:
        """For a message that is long to read: `read` it without the lock, then call `end_reading`. SES-XFR-15

        None: it goes to `receive`.
        """
        is_state = message.event_type == EventType.ALL_SESSION_DATA
        return self._exchange.begin_reading(message) if is_state else None

    def end_reading(self, reading: StateReading, now_ms: int) -> None:
        """Does what its message says."""
        self._guarded(lambda _, now_ms: self._exchange.end_reading(reading, now_ms), reading.message, now_ms)

    def _receive_later(self, message: Heldable, now_ms: int) -> None:
        self._guarded(self._do_unless_held, message, now_ms)

    def _guarded(
        self, act: Callable[[Heldable, int], None], message: SessionMessage | SessionIdMessage, now_ms: int
    ) -> None:
        try:
            act(message, now_ms)
        except Malformed as error:
            self.counters.malformed += 1
            session_id = message.session_id if isinstance(message, SessionMessage) else message.original_id
            self.report("malformed", str(error), session_id)

    def _receive(self, message: SessionMessage | SessionIdMessage, now_ms: int) -> None:
        if isinstance(message, SessionMessage):
            if message.event_type == EventType.GET_ALL:
                self._exchange.receive_question(message, now_ms)
                return
            if message.event_type == EventType.ALL_SESSION_DATA:
                self._exchange.receive(message, now_ms)
                return
            if message.event_type == EventType.STATE_COMPLETE:
                self._exchange.receive_end(message, now_ms)
                return
        self._do_unless_held(message, now_ms)

    def _do_unless_held(self, message: SessionMessage | SessionIdMessage, now_ms: int) -> None:
        if not self._exchange.holds(message):
            self._do(message, now_ms)

    def _do(self, message: SessionMessage | SessionIdMessage, now_ms: int) -> None:
        if isinstance(message, SessionIdMessage):
            self._rename(message.original_id, message.new_id, message.timestamp_ms)
            return
        if message.event_type not in EventType.__members__.values():
            self.counters.unknown_event += 1
            return
        if message.event_type == EventType.CREATED:
            self._create_replica(message.session_id, now_ms)
            return
        session = self._told_of(message.session_id or "", message.timestamp_ms)
        if session is None:
            self.counters.unknown_session += 1  # SES-MSG-10
        elif message.event_type == EventType.EXPIRED:
            session.expire(tell=False)
        elif message.event_type == EventType.ACCESSED:
            session.access(now_ms, elsewhere=True)
            session.primary = False
            session.end_access()
            self.counters.accesses_heard += 1
        elif message.event_type == EventType.DELTA:
            self._execute(session, message, now_ms)
        elif message.event_type == EventType.ID_CHANGED:
            new_id = ObjectInput(message.octets or b"").read_utf()
            self._rename(session.id, new_id, message.timestamp_ms)

    def _told_of(self, session_id: str, told_ms: int) -> Session | None:
        """The session that another node means by an id."""
        if self.rules.exact_ids:
            return self._sessions.get(session_id)
        return self.lookup(session_id) or self.adopt(session_id, told_ms)

    def _create_replica(self, session_id: str | None, now_ms: int) -> None:
        """SES-MGR-03"""
        if session_id is None:
            raise Malformed("SES-MSG-06", offset=0, expected="a session id", actual="null")
        known = self._sessions.get(session_id)
        if self.rules.created_under_other_id:
            self._create_replica_as_original(session_id, now_ms)
        elif known is not None:
            known.primary = False
        elif self.otherwise_routed(session_id) is not None:
            self.counters.unknown_session += 1  # the message is older than what this node has
        elif len(self._sessions) >= self.settings.replicas_max:
            self.counters.replicas_refused += 1
            self.report("full", f"more than {self.settings.replicas_max} sessions", session_id)
        else:
            self.counters.replicas_made += 1
            session = self.make(session_id, now_ms)
            self.listeners.session_created(session)
            if session.pending is not None:
                session.pending.clear()  # what listeners set here, the creating node's listeners set there

    def _create_replica_as_original(self, session_id: str, now_ms: int) -> None:
        try:
            self.check_limit()
        except TooManySessions as error:
            self.report("full", str(error), session_id)
            return
        session = self.make(self.fresh_id(), now_ms)
        self.counters.replicas_made += 1
        self.listeners.session_created(session)
        self._forget(session)
        session.set_id(session_id)
        self.put(session)
        self.listeners.session_created(session)
        if session.pending is not None:
            session.pending.clear()

    def _execute(self, session: Session, message: SessionMessage, now_ms: int) -> None:
        """SES-DLT-10, SES-RTE-09"""
        octets, lenient = message.octets or b"", self.rules.fault_keeps_access
        request = decode_delta_request(octets, self.codecs, lenient=lenient)
        if self.rules.received_list_stays:
            session.pending = request
        told_id = message.session_id or ""
        session.execute(
            request,
            now_ms,
            notify=self.settings.notify_listeners_on_replication,
            told_id=told_id,
            newer_ids=self.ids_after(told_id) if session.is_late(message.timestamp_ms) else (),
        )
        session.primary = False
        self.counters.deltas_executed += 1

    def _rename(self, old_id: str | None, new_id: str | None, given_ms: int) -> None:
        """SES-RTE-06"""
        session = self._sessions.get(old_id or "")
        if session is None and self.lookup(old_id or "") is None:
            session = self.adopt(old_id or "", given_ms)
        if session is None or not new_id:
            self.counters.unknown_session += 1
        elif new_id in self._sessions:
            self.report("state", "a new id is in use already", new_id)
        else:
            self.change_id(session, new_id, given_ms)
