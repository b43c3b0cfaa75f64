"""A simulated node with sessions: what `refjk.runtime` puts around the cores, without sockets and threads."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from refjk.channel import Bus, Envelope, Fate, MessageClass, MessageRegistry
from refjk.membership import Announcement, Event, MemberAdded, MemberDropped
from refjk.session import (
    MESSAGE_CLASSES,
    MESSAGE_LIMITS,
    BindingEvent,
    Contexts,
    EventType,
    ManagerSettings,
    MemberAddress,
    Message,
    Outgoing,
    ReplicationFilter,
    ReplicationValve,
    RouteBinder,
    Session,
    SessionEvent,
    SessionIdMessage,
    SessionManager,
    SessionMessage,
    message_of_record,
    record_of_message,
    session_ids,
    stamped,
)
from refjk.simulation.cluster.journal import Handed, Resulted, Sending, Started
from refjk.simulation.cluster.node import Node, Process
from refjk.simulation.cluster.streams import Stream
from refjk.simulation.cluster.surroundings import Message as Letter
from refjk.simulation.cluster.surroundings import Surroundings
from refjk.simulation.sessions.records import (
    Announced,
    Answered,
    AttributeTold,
    Clicked,
    Found,
    Loaded,
    LoggedOut,
    Opened,
    Ready,
    Seen,
    SessionBegan,
    SessionEnded,
    SessionJournal,
    Told,
    bare,
)
from refjk.simulation.sessions.settings import CONTEXT, SessionsSettings

RELEASE = 5
_ALL = "all"  # the key of messages that are about no one session


@dataclass(slots=True)
class Shared:
    """What all nodes of a cluster share, beside the surroundings of the channel."""

    about: Surroundings
    journal: SessionJournal
    settings: SessionsSettings
    random: random.Random
    letters: dict[bytes, Told] = field(default_factory=dict)  # by their octets
    registry: MessageRegistry = field(default_factory=lambda: _registry())
    messages: int = 0
    clicks: int = 0


@dataclass(slots=True)
class Request:
    """What a user asks of a node. `told` gets the reply, or None when the node is gone."""

    session_id: str | None
    what: str  # click, look or logout
    told: Callable[[Reply | None], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as its user sees it."""

    session_id: str | None
    found: bool
    click: int


class SessionNode(Node):
    """A machine whose process has sessions."""

    def __init__(self, shared: Shared, name: str, number: int) -> None:
        super().__init__(shared.about, name, number)
        self._shared = shared
        self.process: SessionProcess | None = None

    def start(self, names: dict[bytes, str]) -> None:
        again, self._started = self._started, True
        was_up, self.up = self.up, True
        self._about.journal.note(Started(self._about.clock.now_ms, self.name, again))
        self._process = self.process = SessionProcess(self._shared, self, names)
        self.process.receiver.handling_ms = self._handling_ms
        if not was_up:
            self._about.network.machine_began()

    @property
    def ready(self) -> bool:
        """Whether a balancer may send requests here."""
        return self.process is not None and self.process.ready

    def view(self) -> Mapping[str, Seen]:
        return {} if self.process is None else self.process.view()

    def _end(self, *, machine: bool) -> None:
        process, self.process = self.process, None
        super()._end(machine=machine)
        if process is not None:
            process.requests_end()


class SessionProcess(Process):
    """Contexts, manager, valve and route binder on the membership and channel of a process."""

    def __init__(self, shared: Shared, node: Node, names: dict[bytes, str]) -> None:
        self._shared = shared
        self._journal = shared.journal
        self._contexts = Contexts(RELEASE)
        self._manager: SessionManager | None = None
        self._valve = ReplicationValve(ReplicationFilter(None))
        self._binder = RouteBinder(node.name, CONTEXT)
        self._members_by_text: dict[str, str] = {}
        self._letter: Told | None = None
        self._requests: dict[int, Request] = {}
        self._announced = False
        self._ready = False
        super().__init__(shared.about, node, names)
        self._bus = Bus(shared.registry)
        self._bus.add(self)

    # Life.

    @property
    def ready(self) -> bool:
        return self._ready

    def view(self) -> Mapping[str, Seen]:
        """The sessions as they are here, idle or not."""
        if self._manager is None:
            return {}
        return {bare(one.id): _seen(one) for one in self._manager.sessions()}

    def _wake(self, subject: object, number: int) -> None:
        super()._wake(subject, number)
        if self.life.running and not self._announced and self._membership.announcing:
            self._announced = True
            self._contexts.announced()
            self._journal.note(Announced(self.now_ms, self._name))
            self._about.clock.after(self._shared.settings.begin_ms, self._open)

    def _open(self, subject: object, number: int) -> None:
        """The application's sessions, when the others can know this node. NOD-STA-02"""
        if not self.life.running:
            return
        settings = self._shared.settings
        self._manager = manager = settings.manager(
            ManagerSettings(
                CONTEXT,
                self._name,
                settings.interval_s,
                expire_every_ticks=1,
                state_transfer_timeout_ms=settings.state_timeout_ms,
                rules=settings.rules,
            ),
            session_ids(self._shared.random),
        )
        manager.listeners.add(_Ears(self._about, self._journal, self._name))
        self._journal.note(Opened(self.now_ms, self._name))
        self._contexts.begin(manager, self._addresses(), self.now_ms)
        self._tell_others()
        self._about.clock.after(settings.tick_ms, self._tick)
        self._see_if_ready()

    def _tick(self, subject: object, number: int) -> None:
        if self.life.running and self._manager is not None:
            self._manager.tick(self.now_ms)
            self._tell_others()
            self._see_if_ready()
            self._about.clock.after(self._shared.settings.tick_ms, self._tick)

    def _see_if_ready(self) -> None:
        manager = self._manager
        if not self._ready and manager is not None and manager.ready:
            self._ready = True
            loaded = self._states_loaded() > 0
            self._journal.note(Ready(self.now_ms, self._name, loaded, self.view()))

    @property
    def now_ms(self) -> int:
        return self._about.clock.now_ms

    # Membership.

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, MemberAdded):
                self._members_by_text[event.member.text] = self._names[event.member.identity]
        super()._take(events)
        changed = any(isinstance(event, MemberAdded | MemberDropped) for event in events)
        if self._manager is not None and changed:
            self._manager.members_changed(self._addresses(), self.now_ms)
            self._tell_others()
            self._see_if_ready()

    def _addresses(self) -> list[MemberAddress]:
        return [_address(one) for one in self._membership.members()]

    # Messages in.

    def accept(self, message: object) -> bool:
        return isinstance(message, SessionMessage | SessionIdMessage)

    def _handle(self, envelope: Envelope, stream: Stream) -> bool:
        self._letter = self._shared.letters[envelope.payload]
        return super()._handle(envelope, stream)

    def received(self, message: object) -> None:
        letter, stream = self._letter, self._stream
        assert letter is not None and stream is not None
        assert isinstance(message, SessionMessage | SessionIdMessage)
        key = letter.session or _ALL
        self._journal.note(
            Handed(
                self.now_ms, self._name, letter.node, letter.message, key, str(letter.click), stream.number
            )
        )
        loaded = self._states_loaded()
        self._contexts.receive(message, self.now_ms)
        if self._states_loaded() > loaded:
            self._journal.note(Loaded(self.now_ms, self._name, letter.message))
        self._tell_others()
        self._see_if_ready()

    def _states_loaded(self) -> int:
        return 0 if self._manager is None else self._manager.counters.states_loaded

    # Messages out.

    def _tell_others(self) -> None:
        self._post(self._contexts.messages_to_send(), lambda: None)

    def _post(self, messages: Sequence[Outgoing], done: Callable[[], None]) -> None:
        """One message after the other, each to one member after the other. NOD-SND-02"""
        letters = [self._letter_of(one) for one in messages]
        self._post_next([(letter, told, target) for letter, told in letters for target in told.targets], done)

    def _letter_of(self, outgoing: Outgoing) -> tuple[Letter, Told]:
        shared, now_ms = self._shared, self.now_ms
        own = self._membership.own_announcement(now_ms)
        assert own is not None
        message: Message = stamped(outgoing.written(), _address(own), now_ms)
        payload = self._bus.registry.write(message)
        dialect = self._about.cores.channel_dialect
        frame = dialect.encode_frame(dialect.wrap(payload, answered=True, now_ms=now_ms))
        shared.messages += 1
        told = self._told(outgoing, shared.messages)
        shared.letters[payload] = told
        self._journal.note(told)
        key = told.session or _ALL
        self._journal.note(Sending(now_ms, self._name, told.message, key, str(told.click)))
        # A key of its own for each message: none takes the place of one that still waits (NOD-SND-02).
        return Letter(told.message, f"{key}#{told.message}", frame), told

    def _told(self, outgoing: Outgoing, number: int) -> Told:
        message = outgoing.message
        if isinstance(message, SessionIdMessage):
            event, session_id = None, message.new_id or ""
        else:
            assert isinstance(message, SessionMessage)
            event, session_id = EventType(message.event_type), message.session_id or ""
        if outgoing.to is None:
            targets = tuple(self._senders)
        else:
            name = self._members_by_text.get(outgoing.to.name or "")
            targets = () if name is None else (name,)
            session_id = ""
        session = self._manager.known(session_id) if self._manager is not None else None
        click = 0 if session is None else _seen(session).click
        return Told(self.now_ms, self._name, number, event, bare(session_id), targets, click)

    def _post_next(self, left: list[tuple[Letter, Told, str]], done: Callable[[], None]) -> None:
        if not left:
            done()
            return
        letter, _, target = left[0]

        def resulted(fate: Fate, reason: str) -> None:
            if not self.life.running:
                return
            self._journal.note(
                Resulted(self.now_ms, self._name, target, letter.number, letter.key, fate, reason)
            )
            self._post_next(left[1:], done)

        sender = self._senders.get(target)
        if sender is None:
            resulted(Fate.FAILED, "no such member")
        else:
            sender.send(letter, resulted)

    # Requests: begin, the application, valve, end; what each leaves to be said is said before it goes on.

    def serve(self, request: Request) -> None:
        manager, session_id = self._manager, request.session_id
        assert manager is not None and self._ready
        number = self._about.clock.after(0, lambda subject, number: None)
        self._requests[number] = request
        session: Session | None = None
        if session_id is not None:
            change = self._binder.bind(manager, session_id, self.now_ms)
            session = manager.begin(session_id if change is None else change.new_id, self.now_ms)
            seen = None if session is None else _seen(session).click
            self._journal.note(Found(self.now_ms, self._name, bare(session_id), seen))
        found = session is not None
        self._post(self._contexts.messages_to_send(), lambda: self._create(number, session, found))

    def _create(self, number: int, session: Session | None, found: bool) -> None:
        assert self._manager is not None
        if session is None:
            session = self._manager.create(self.now_ms)
            self._manager.attach(session, self.now_ms)
        known = session
        self._post(self._contexts.messages_to_send(), lambda: self._work(number, known, found))

    def _work(self, number: int, session: Session, found: bool) -> None:
        def work(subject: object, event: int) -> None:
            if self.life.running:
                self._answer(number, session, found, self._apply(self._requests[number], session))

        self._about.clock.after(self._shared.random.randint(*self._shared.settings.work_ms), work)

    def _apply(self, request: Request, session: Session) -> int:
        """What the application does; the number of the click."""
        if not session.is_valid or request.what == "look":
            return 0
        if request.what == "logout":
            self._journal.note(LoggedOut(self.now_ms, self._name, bare(session.id)))
            session.invalidate()
            return 0
        before = _seen(session)
        self._shared.clicks += 1
        click = self._shared.clicks
        self._journal.note(Clicked(self.now_ms, self._name, bare(session.id), click, before.click))
        session.set("count", before.count + 1)
        session.set("click", click)
        return click

    def _answer(self, number: int, session: Session, found: bool, click: int) -> None:
        manager = self._manager
        assert manager is not None
        session_id = session.id if session.is_valid else None
        self._valve.completed(manager, session_id, CONTEXT, self.now_ms)

        def answer() -> None:
            request = self._requests.pop(number)
            if click and session_id is not None:
                self._journal.note(Answered(self.now_ms, self._name, bare(session_id), click))
            manager.end(session)
            request.told(Reply(session.id if session.is_valid else None, found, _seen(session).click))

        self._post(self._contexts.messages_to_send(), answer)

    def requests_end(self) -> None:
        """The process is gone, and the users see it."""
        for request in self._requests.values():
            request.told(None)


class _Ears:
    """Listens to sessions and attributes at a node."""

    def __init__(self, about: Surroundings, journal: SessionJournal, node: str) -> None:
        self._clock = about.clock
        self._note = journal.note
        self._node = node

    def _where(self, session: Session) -> tuple[int, str, str]:
        return self._clock.now_ms, self._node, bare(session.id)

    def session_created(self, event: SessionEvent) -> None:
        self._note(SessionBegan(*self._where(event.session)))

    def session_destroyed(self, event: SessionEvent) -> None:
        self._note(SessionEnded(*self._where(event.session)))

    def attribute_added(self, event: BindingEvent) -> None:
        self._attribute("added", event)

    def attribute_replaced(self, event: BindingEvent) -> None:
        self._attribute("replaced", event)

    def attribute_removed(self, event: BindingEvent) -> None:
        self._attribute("removed", event)

    def _attribute(self, what: str, event: BindingEvent) -> None:
        now = event.session.attributes().get(event.name)
        self._note(AttributeTold(*self._where(event.session), what, event.name, event.value, now))


def _seen(session: Session) -> Seen:
    attributes = session.attributes()
    click, count = attributes.get("click", 0), attributes.get("count", 0)
    assert isinstance(click, int) and isinstance(count, int)
    return Seen(session.id, click, count)


def _address(one: Announcement) -> MemberAddress:
    return MemberAddress(one.text, one.host, one.port, one.alive_ms)


class _ReadOnce(MessageRegistry):
    """What all members get is the same octets, and reading them takes most of the time."""

    def __init__(self) -> None:
        super().__init__(MESSAGE_LIMITS)
        self._read: dict[bytes, object] = {}

    def read(self, payload: bytes) -> object:
        if payload not in self._read:
            self._read[payload] = super().read(payload)
        return self._read[payload]


def _registry() -> MessageRegistry:
    registry = _ReadOnce()
    for name, kind in MESSAGE_CLASSES.items():
        registry.register(
            MessageClass(name, kind, message_of_record, lambda message: record_of_message(message, RELEASE))
        )
    return registry
