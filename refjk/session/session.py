"""One session: what an application sees of it, and what is recorded of its changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from refjk.base.errors import LocalProtocolError, Malformed
from refjk.session.attributes import AttributeCodecs, NotAnAttribute
from refjk.session.codes import ActionType, Verb
from refjk.session.delta_request import DeltaAction, DeltaRequest
from refjk.session.listeners import BindingEvent, Listeners, as_binding_listener
from refjk.session.manager_settings import ManagerSettings
from refjk.session.principal import Principal
from refjk.session.rules import Rules
from refjk.session.state import SessionState

_INT_MAX = (1 << 31) - 1


class SessionInvalid(LocalProtocolError):
    """The session was invalidated or has expired; nothing was changed."""


class SessionHome(Protocol):
    """What a session needs of its manager."""

    @property
    def rules(self) -> Rules: ...
    @property
    def settings(self) -> ManagerSettings: ...
    @property
    def codecs(self) -> AttributeCodecs: ...
    @property
    def listeners(self) -> Listeners: ...
    def removed(self, session: Session) -> None:
        """The session is no longer valid."""

    def tell_expired(self, session: Session) -> None:
        """The cluster is to know."""


class Session:
    """A session at one node. Times in ms since 1970, the interval in seconds (negative: never expires).

    What is replicated is what goes through `set`, `remove`, `set_max_inactive_interval` and `set_principal`,
    and nothing else: a change inside a value is seen by nobody (SES-ATT-06). `set` the value again.

    For an application: `id`, `is_new`, `get`, `names`, `set`, `remove`, `invalidate` and the like. The
    manager uses the rest.
    """

    def __init__(self, home: SessionHome, session_id: str, now_ms: int, max_inactive_interval: int) -> None:
        self._home = home
        self._id = session_id
        self._attributes: dict[str, object] = {}
        self._expiring = False
        self._turned_ms: int | None = None  # when the id was given, by the clock of whoever did that
        self._changed_under: dict[str, str] = {}  # names, by the id of that time; since the first new one
        self.creation_ms = now_ms
        self.last_access_ms = now_ms
        self.this_access_ms = now_ms
        self.last_replicated_ms = now_ms
        self.max_inactive_interval = max_inactive_interval
        self.is_new = False
        self.is_valid = True
        self.principal: Principal | None = None
        self.auth_type: str | None = None
        self.primary = False
        self.access_count = 0
        self.pending: DeltaRequest | None = DeltaRequest(session_id)
        self.digests: dict[str, bytes] | None = None  # of the attributes as a request found them

    def __repr__(self) -> str:
        return f"<session {self._id[:8]}…>"

    # -- for applications ---------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self._id

    def get(self, name: str, default: object = None) -> object:
        """Raises `SessionInvalid`."""
        self._demand_valid()
        return self._attributes.get(name, default)

    def names(self) -> list[str]:
        """Raises `SessionInvalid`."""
        self._demand_valid()
        return list(self._attributes)

    def __contains__(self, name: object) -> bool:
        return name in self._attributes

    def set(self, name: str, value: object) -> None:
        """Bind a value; None removes. SES-SES-02, SES-SES-03

        Raises `NotAnAttribute` for a value or name that cannot be replicated and `SessionInvalid`; nothing is
        changed then.
        """
        if not isinstance(name, str):
            raise NotAnAttribute(name, type(name).__name__, "the name is no text")
        if value is None:
            self.remove(name)
            return
        self._home.codecs.check(name, value, inside=not self._home.rules.shallow_check)
        self._demand_valid()
        if self.pending is not None:
            self.pending.set_attribute(name, value)
        self._bind(name, value, notify=True)

    def remove(self, name: str) -> None:
        """Unbind a value; a name that is not there is passed over. Raises `SessionInvalid`. SES-SES-04"""
        self._demand_valid()
        if name not in self._attributes:
            return
        if self.pending is not None:
            self.pending.remove_attribute(name)
        self._unbind(name, notify=True)

    def set_max_inactive_interval(self, seconds: int) -> None:
        """0 ends the session at once, here and at the others. SES-SES-05"""
        if not -_INT_MAX - 1 <= seconds <= _INT_MAX:
            raise LocalProtocolError(f"an interval of {seconds} s cannot be written")
        self._demand_valid()
        self.max_inactive_interval = seconds
        if seconds == 0:
            self.expire(tell=True)
        elif self.pending is not None:
            self.pending.set_max_inactive_interval(seconds)

    def set_principal(self, principal: Principal | None, auth_type: str | None = None) -> None:
        """Who is logged in. The authentication type stays at this node. Raises `SessionInvalid`."""
        self._demand_valid()
        self.principal = principal
        self.auth_type = auth_type
        if self.pending is not None:
            self.pending.set_principal(principal)

    def invalidate(self) -> None:
        """End it now, everywhere; what was recorded is not sent. Raises `SessionInvalid`. SES-SES-06"""
        self._demand_valid()
        self.expire(tell=True)

    def _demand_valid(self) -> None:
        if not (self.is_valid or self._expiring):
            raise SessionInvalid(f"session {self._id[:8]}… is not valid any more")

    def belongs_to(self, home: object) -> bool:
        """Whether it is a session of this manager."""
        return self._home is home

    # -- life ---------------------------------------------------------------------------------

    def set_id(self, session_id: str, given_ms: int = 0) -> None:
        """The manager, who also keeps its table, renames; listeners are not told here."""
        self._id = session_id
        self._turned_ms = given_ms
        if self.pending is not None:
            self.pending.session_id = session_id

    def is_late(self, told_ms: int) -> bool:
        """Whether what was told at that time is older than the id that the session has now."""
        return self._turned_ms is not None and told_ms < self._turned_ms

    def note_changes(self, names: Iterable[str], session_id: str) -> None:
        """They have changed under this id."""
        if self._turned_ms is not None:
            self._changed_under.update(dict.fromkeys(names, session_id))

    def access(self, now_ms: int, *, elsewhere: bool = False) -> None:
        """A request begins, or one was answered `elsewhere`: then the session is in use. SES-MGR-16"""
        if not elsewhere or self._home.rules.idle_before_message:
            self.check_idle(now_ms)
        self.last_access_ms = self.this_access_ms
        self.this_access_ms = now_ms
        self.access_count += 1

    def end_access(self) -> None:
        """A request ends."""
        self.is_new = False
        self.access_count = max(0, self.access_count - 1)

    def check_idle(self, now_ms: int) -> bool:
        """Whether the session lives; one that was idle too long ends. SES-MGR-05, SES-MGR-06, SES-MGR-18"""
        if self._expiring or not self.is_valid or self.access_count > 0 or self.max_inactive_interval < 0:
            return self.is_valid or self._expiring
        since = self.last_access_ms if self._home.rules.idle_from_access_before else self.this_access_ms
        idle_s = (now_ms - since) // 1000
        interval, tolerance = self.max_inactive_interval, self._home.settings.expire_tolerance
        if self.primary and idle_s >= interval:
            self.expire(tell=True)
        elif idle_s >= interval + (interval if tolerance is None else tolerance):
            self.expire(tell=False)
        return self.is_valid

    def expire(self, *, tell: bool) -> None:
        """End it; with listeners, in the order of SES-LSN-03. `tell`: the cluster is to know."""
        if self._expiring or not self.is_valid:
            return
        self._expiring = True
        self._home.listeners.session_destroyed(self)
        self.is_valid = False
        self.access_count = 0
        self._home.removed(self)
        for name in list(self._attributes):
            self._unbind(name, notify=True)
        self._expiring = False
        if tell:
            self._home.tell_expired(self)

    # -- attributes ---------------------------------------------------------------------------

    def attributes(self) -> dict[str, object]:
        """A copy; also of a session that is not valid."""
        return dict(self._attributes)

    def _bind(self, name: str, value: object, *, notify: bool) -> None:
        """SES-LSN-04"""
        listeners = self._home.listeners
        if notify:
            listeners.value_bound(BindingEvent(self, name, value))
        old = self._attributes.get(name)
        self._attributes[name] = value
        if not notify:
            return
        if old is not None:
            listeners.value_unbound(BindingEvent(self, name, old))
        told: object = value if old is None else old
        if self._home.rules.events_without_value:
            told = old if as_binding_listener(value) is None else value
        event = BindingEvent(self, name, told)
        if old is None:
            listeners.attribute_added(event)
        else:
            listeners.attribute_replaced(event)

    def _unbind(self, name: str, *, notify: bool) -> None:
        if name not in self._attributes:
            return
        event = BindingEvent(self, name, self._attributes.pop(name))
        if notify:
            self._home.listeners.value_unbound(event)
            self._home.listeners.attribute_removed(event)

    # -- from other nodes ---------------------------------------------------------------------

    def execute(
        self,
        request: DeltaRequest,
        now_ms: int,
        *,
        notify: bool,
        told_id: str,
        newer_ids: Collection[str] = (),
    ) -> None:
        """Do what another node did; nothing of it is recorded. SES-DLT-10, SES-DLT-11

        `told_id`: the id by which the other meant this session; what was changed under one of the `newer_ids`
        stays. Raises `Malformed` before anything is done when the delta is of another session.
        """
        if request.session_id != told_id:
            raise Malformed("SES-DLT-11", offset=0, expected=told_id, actual=request.session_id[:80])
        self.access(now_ms, elsewhere=True)
        if not self.is_valid:
            return  # it was idle for too long, and has ended just now: there is nothing left to change
        try:
            for action in request:
                if self._changed_under.get(action.name) in newer_ids or self._own_change_stands(action.name):
                    continue
                self._act(action, notify=notify)
                self.note_changes([action.name], told_id)
        except Malformed:
            if not self._home.rules.fault_keeps_access:
                self.end_access()
            raise
        self.end_access()

    def _own_change_stands(self, name: str) -> bool:
        """Whether a running request has changed this too, and will tell. SES-DLT-13"""
        if self._home.rules.received_list_stays or not self.pending or name not in self.pending:
            return False
        if self.access_count > 1:  # the delta itself is one of the accesses
            return True
        self.pending.discard(name)
        return False

    def _act(self, action: DeltaAction, *, notify: bool) -> None:
        value = None if action.verb == Verb.REMOVE else action.value
        if action.type == ActionType.ATTRIBUTE:
            self._act_on_attribute(action.name, value, notify=notify)
        elif action.type == ActionType.PRINCIPAL:
            self.principal = value if isinstance(value, Principal) else None
        elif action.type == ActionType.IS_NEW:
            self.is_new = bool(value)
        elif action.type == ActionType.AUTH_TYPE:
            self.auth_type = value if isinstance(value, str) else None
        elif action.type == ActionType.MAX_INACTIVE_INTERVAL and isinstance(value, int):
            self.max_inactive_interval = value
            if value == 0:
                self.expire(tell=False)  # whoever set it tells
        else:
            raise Malformed("SES-DLT-06", offset=0, expected="a known action", actual=str(action.type))

    def _act_on_attribute(self, name: str, value: object, *, notify: bool) -> None:
        if self.digests is not None:
            self.digests.pop(name, None)  # changed from outside, which is no fault of the request
        if value is None:
            self._unbind(name, notify=notify)
        else:
            self._bind(name, value, notify=notify)

    # -- state --------------------------------------------------------------------------------

    def to_state(self) -> SessionState:
        return SessionState(
            self._id,
            self.creation_ms,
            self.last_access_ms,
            self.this_access_ms,
            self.max_inactive_interval,
            self.is_new,
            self.is_valid,
            self.principal,
            self.attributes(),
        )

    @classmethod
    def from_state(cls, home: SessionHome, state: SessionState, now_ms: int) -> Session:
        """A replica, valid, as if accessed now. Nobody is told. SES-LAY-08"""
        made = cls(home, state.id, now_ms, state.max_inactive_interval)
        made.creation_ms = state.creation_ms
        made.last_access_ms, made.this_access_ms = state.last_access_ms, state.this_access_ms
        made.is_new = state.is_new
        made.principal = state.principal
        made._attributes.update(state.attributes)
        if home.rules.loaded_without_list:
            made.pending = None
        if home.rules.state_overwrites:
            made.access(now_ms)  # which may find that it was idle too long
            made.end_access()
        else:
            made.last_access_ms, made.this_access_ms, made.is_new = state.this_access_ms, now_ms, False
        return made
