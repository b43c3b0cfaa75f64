"""The sessions that a node has of one application, and their life at this node."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from refjk.base.errors import LocalProtocolError
from refjk.session.attributes import AttributeCodecs
from refjk.session.codes import EventType
from refjk.session.listeners import ListenerFault, Listeners
from refjk.session.manager_settings import ManagerCounters, ManagerSettings, Outgoing, Report
from refjk.session.member_address import MemberAddress
from refjk.session.messages import SessionIdMessage, SessionMessage, request_unique_id
from refjk.session.session import Session
from refjk.session.watch import digests_of

REPORTS_MAX = 1000
RENAMED_MAX = 10_000


class TooManySessions(LocalProtocolError):
    """No further session is made here."""


class SessionTable:
    """Makes, finds, renames and forgets sessions, and queues what the others must be told of that."""

    def __init__(
        self,
        settings: ManagerSettings,
        new_id: Callable[[], str],
        codecs: AttributeCodecs | None = None,
    ) -> None:
        self.settings = settings
        self.rules = settings.rules
        self.codecs = AttributeCodecs() if codecs is None else codecs
        self.counters = ManagerCounters()
        self.listeners = Listeners(self._listener_failed)
        self._new_id = new_id
        self._sessions: dict[str, Session] = {}
        self._renamed: OrderedDict[str, str] = OrderedDict()  # by old id, of late
        self._routed: dict[str, str] = {}  # the id by the part of it before the dot
        self._outgoing: list[Outgoing] = []
        self._reports: deque[Report] = deque(maxlen=REPORTS_MAX)

    # -- what goes out ------------------------------------------------------------------------

    def messages_to_send(self) -> list[Outgoing]:
        """In order, each once."""
        taken, self._outgoing = self._outgoing, []
        return taken

    def reports(self) -> list[Report]:
        """What went wrong since the last call; of very many the newest."""
        taken = list(self._reports)
        self._reports.clear()
        return taken

    def tell(
        self,
        event: EventType,
        session_id: str,
        unique_id: str,
        octets: bytes | None = None,
        to: MemberAddress | None = None,
        write: Callable[[], bytes] | None = None,
    ) -> Outgoing:
        message = SessionMessage(event, self.settings.context_name, session_id, octets, unique_id)
        outgoing = Outgoing(message, to, write)
        self._outgoing.append(outgoing)
        return outgoing

    def report(
        self, kind: str, text: str, session_id: str | None = None, attribute: str | None = None
    ) -> None:
        self._reports.append(Report(kind, text, session_id, attribute))

    def _listener_failed(self, fault: ListenerFault) -> None:
        self.report("listener", f"{fault.callback}: {type(fault.error).__name__}: {fault.error}")

    # -- sessions -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._sessions)

    def __bool__(self) -> bool:
        """Also without sessions it is one."""
        return True

    def sessions(self) -> list[Session]:
        return list(self._sessions.values())

    def known(self, session_id: str) -> Session | None:
        """The session of an id, whether or not it has been idle too long."""
        return self._sessions.get(session_id)

    def create(self, now_ms: int) -> Session:
        """A new session, told to all at once. SES-MGR-01, SES-MGR-02, SES-MSG-07

        Raises `TooManySessions`, and tells nobody.
        """
        self.check_limit()
        session = self.make(self.fresh_id(), now_ms)
        session.is_new = session.primary = True
        self.counters.created += 1
        self.listeners.session_created(session)
        self.tell(EventType.CREATED, session.id, self.request_id(session.id, now_ms))
        if self.rules.created_under_other_id and session.pending is not None:
            session.pending.clear()  # with what listeners have set
        return session

    def check_limit(self) -> None:
        limit = self.settings.max_active_sessions
        if 0 <= limit <= len(self._sessions):
            self.counters.refused_by_limit += 1
            raise TooManySessions(f"{len(self._sessions)} sessions; max_active_sessions is {limit}")

    def fresh_id(self) -> str:
        route = self.settings.route
        while True:
            session_id = self._new_id() + (f".{route}" if route else "")
            if session_id not in self._sessions:
                return session_id

    def make(self, session_id: str, now_ms: int) -> Session:
        session = Session(self, session_id, now_ms, self.settings.max_inactive_interval)
        self.put(session)
        return session

    def put(self, session: Session) -> None:
        self._sessions[session.id] = session
        self._routed[_bare(session.id)] = session.id
        self.counters.max_active = max(self.counters.max_active, len(self._sessions))

    def find(self, session_id: str, now_ms: int) -> Session | None:
        """The session if it lives; one that was idle too long ends here."""
        session = self.lookup(session_id) or self.adopt(session_id, now_ms)
        if session is None or not session.check_idle(now_ms):
            return None
        return session

    def lookup(self, session_id: str) -> Session | None:
        """The session that has this id, or had it before. SES-RTE-07"""
        seen = 0
        while session_id in self._renamed and session_id not in self._sessions and seen < RENAMED_MAX:
            session_id = self._renamed[session_id]
            seen += 1
        return self._sessions.get(session_id)

    def ids_after(self, session_id: str) -> list[str]:
        """Those that a session got after this one."""
        found: list[str] = []
        while session_id in self._renamed and self._renamed[session_id] not in found:
            session_id = self._renamed[session_id]
            found.append(session_id)
        return found

    def otherwise_routed(self, session_id: str) -> Session | None:
        """The session that has this id but for its route."""
        known_id = self._routed.get(_bare(session_id))
        return None if known_id is None or self.rules.exact_ids else self._sessions.get(known_id)

    def adopt(self, session_id: str, given_ms: int) -> Session | None:
        """The session that got this id without this node hearing of it; now it has it. SES-RTE-08"""
        session = self.otherwise_routed(session_id)
        if session is not None:
            self.change_id(session, session_id, given_ms)
        return session

    def begin(self, session_id: str, now_ms: int) -> Session | None:
        """A request asks for its session, which counts as an access. SES-MGR-04"""
        session = self.find(session_id, now_ms)
        if session is not None:
            self.attach(session, now_ms)
        return session

    def attach(self, session: Session, now_ms: int) -> None:
        """A request has this session from here to `end`; also for one that it has just created."""
        session.access(now_ms)
        if self.settings.watch_mutations:
            session.digests = digests_of(session, self.codecs)

    def end(self, session: Session) -> None:
        """The request is over, after `request_completed` or without."""
        session.end_access()

    def change_id(self, session: Session, new_id: str, given_ms: int = 0) -> None:
        """Keeps the table in step. A session that has the new id already stays. SES-RTE-05

        `given_ms`: when that was, by the clock of the node that did it.
        """
        if session.id == new_id or new_id in self._sessions:
            raise LocalProtocolError(f"there is a session {new_id[:8]}… already")
        self._forget(session)
        if not self.rules.forgets_old_ids:
            self._remember(session.id, new_id)
        session.set_id(new_id, given_ms)
        self.put(session)
        self.counters.ids_changed += 1
        if self.rules.renaming_creates:
            self.listeners.session_created(session)

    def _remember(self, old_id: str, new_id: str) -> None:
        self._renamed.pop(new_id, None)
        self._renamed[old_id] = new_id
        if len(self._renamed) > RENAMED_MAX:
            self._renamed.popitem(last=False)

    def announce_id(self, old_id: str, session: Session, context_path: str) -> None:
        """Tell all of a new id. SES-RTE-04"""
        self._outgoing.append(Outgoing(SessionIdMessage(old_id, session.id, context_path)))

    def removed(self, session: Session) -> None:
        """A session tells that it has ended."""
        self._forget(session)
        self.counters.ended += 1

    def _forget(self, session: Session) -> None:
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]
        if self._routed.get(_bare(session.id)) == session.id:
            del self._routed[_bare(session.id)]

    def tell_expired(self, session: Session) -> None:
        """SES-MSG-07"""
        self.tell(EventType.EXPIRED, session.id, f"{session.id}-EXPIRED-MSG")

    def request_id(self, session_id: str, now_ms: int) -> str:
        return request_unique_id(session_id, now_ms, self.settings.release)


def _bare(session_id: str) -> str:
    """Without route."""
    return session_id.partition(".")[0]
