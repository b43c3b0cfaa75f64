"""Getting the sessions of the others when a manager starts, and giving them to others that do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from refjk.base.errors import Malformed
from refjk.session.codes import (
    GET_ALL_ID,
    STATE_COMPLETE_ID,
    STATE_COMPLETE_SINCE,
    STATE_ID,
    EventType,
)
from refjk.session.member_address import MemberAddress
from refjk.session.messages import SessionIdMessage, SessionMessage
from refjk.session.reading import StateReading
from refjk.session.session import Session
from refjk.session.state import SessionState, encode_what_can_be
from refjk.session.table import SessionTable
from refjk.session.transfer import Heldable, HeldMessages, StateTransfer, TransferPhase

QUESTIONS_MAX = 3
ENDED_MAX = 100_000
PARTS_OF_A_WAIT = 4
ENDLESS_PAUSE_MS = 15_000
WAITING_MAX = 1000
UNWRITTEN_MS = 60_000


class StateExchange:
    """The transfer of states of one manager. `do` carries out a message that has waited."""

    def __init__(self, table: SessionTable, do: Callable[[Heldable, int], None]) -> None:
        settings = table.settings
        self._table = table
        self._do = do
        self._members: tuple[MemberAddress, ...] = ()
        # Who asked while this manager itself has nothing to give: they are starting too.
        self._waiting_for_us: dict[str | None, SessionMessage] = {}
        # For whom a state is to be written, and since when; another thread writes it.
        self._unwritten: dict[str | None, int] = {}
        self.transfer = StateTransfer(
            settings.state_transfer_timeout_ms,
            settings.state_late_ms,
            None if table.rules.asks_once else _pause_ms(settings.state_transfer_timeout_ms),
            HeldMessages(settings.held_messages_max, settings.held_octets_max),
        )

    # -- asking -------------------------------------------------------------------------------

    def start(self, members: Sequence[MemberAddress], now_ms: int, heard: Sequence[Heldable]) -> bool:
        """SES-XFR-01, SES-XFR-02; what was heard before waits like what comes now."""
        self._members = tuple(members)
        rules = self._table.rules
        if not (rules.deaf_before_begin or rules.state_overwrites):
            for message in heard:
                self.transfer.held.add(message)
        if not members:
            self.finish(now_ms)
            return False
        self._ask(members[0], now_ms)
        return True

    def members_changed(self, members: Sequence[MemberAddress], now_ms: int) -> None:
        self._members = tuple(members)
        self._ask_another(now_ms)

    def _ask_another(self, now_ms: int) -> None:
        """If the one that was asked is gone or starting itself: the next oldest. SES-XFR-05, SES-XFR-11"""
        asked = self.transfer.asked
        if not self.transfer.waiting or asked is None or self.transfer.reading:
            return
        able = self._able()
        if any(member.name == asked.name for member in able):
            return
        if able:
            self._ask(able[0], now_ms)
        else:
            self.finish(now_ms)

    def _able(self) -> list[MemberAddress]:
        """The members that are not known to be starting, oldest first."""
        return [member for member in self._members if member.name not in self._waiting_for_us]

    def _ask_again(self, now_ms: int) -> None:
        """The state or the question may be lost: the same once more, then the next oldest. SES-XFR-14"""
        transfer, able = self.transfer, self._able()
        if transfer.asked is None or not able:
            return
        names = [member.name for member in able]
        at = names.index(transfer.asked.name) if transfer.asked.name in names else -1
        again = able[(at + 1) % len(able)] if transfer.repeated or at < 0 else able[at]
        transfer.ask_again(again, now_ms)
        self._tell_question(again)

    def _ask(self, member: MemberAddress, now_ms: int) -> None:
        self.transfer.ask(member, now_ms)
        self._tell_question(member)

    def _tell_question(self, member: MemberAddress) -> None:
        unique_id = f"{GET_ALL_ID}-{self._table.settings.context_name}"
        self._table.tell(EventType.GET_ALL, GET_ALL_ID, unique_id, to=member)

    # -- answering ----------------------------------------------------------------------------

    def receive_question(self, message: SessionMessage, now_ms: int) -> None:
        """Answered at once, or when this manager has its own state. SES-XFR-11"""
        if message.address is None:
            raise Malformed("SES-XFR-03", offset=0, expected="who asks", actual="null")
        if not self.transfer.waiting or self._table.rules.state_overwrites:
            self._answer(message.address, now_ms)
        elif len(self._waiting_for_us) < WAITING_MAX:
            self._waiting_for_us[message.address.name] = message
            self._ask_another(now_ms)

    def _answer_all(self, now_ms: int) -> None:
        waiting, self._waiting_for_us = self._waiting_for_us, {}
        for message in waiting.values():
            assert message.address is not None
            self._answer(message.address, now_ms)

    def _answer(self, to: MemberAddress, now_ms: int) -> None:
        """SES-XFR-03; who asks again while its answer waits to be written has it soon. SES-XFR-16"""
        since_ms = self._unwritten.get(to.name)
        if since_ms is not None and now_ms - since_ms < UNWRITTEN_MS:
            return
        self._unwritten[to.name] = now_ms
        table = self._table
        sessions = table.sessions()
        if not table.rules.no_activation:
            for session in sessions:
                for value in session.attributes().values():
                    table.listeners.will_passivate(session, value)
        in_parts = self._in_parts
        size = table.settings.state_sessions_max if in_parts else max(1, len(sessions))
        for start in range(0, max(1, len(sessions)), size):
            self._send(sessions[start : start + size], to)
        if in_parts:
            unique_id = f"{STATE_COMPLETE_ID}{table.settings.context_name}"
            table.tell(EventType.STATE_COMPLETE, STATE_COMPLETE_ID, unique_id, to=to)
        table.counters.states_sent += 1

    def _send(self, sessions: Sequence[Session], to: MemberAddress) -> None:
        table = self._table
        states = [session.to_state() for session in sessions]

        def write() -> bytes:
            try:
                octets, left_out = encode_what_can_be(states, table.settings.release, table.codecs)
            finally:
                self._unwritten.pop(to.name, None)
            for session_id, name, reason in left_out:
                table.report("unwritable", reason, session_id, name)
            return octets

        unique_id = f"{STATE_ID}-{table.settings.context_name}"
        table.tell(EventType.ALL_SESSION_DATA, STATE_ID, unique_id, to=to, write=write)

    # -- waiting ------------------------------------------------------------------------------

    def holds(self, message: Heldable) -> bool:
        """Whether a message waits for the state, and keeps it then. SES-XFR-04, SES-XFR-06"""
        phase = self.transfer.phase
        if self._table.rules.state_overwrites or not self.transfer.open:
            return False
        if phase is TransferPhase.LATE:
            is_creation = isinstance(message, SessionMessage) and message.event_type == EventType.CREATED
            subject, table = _subject(message), self._table
            if is_creation or table.lookup(subject) or table.otherwise_routed(subject):
                return False
        self.transfer.held.add(message)
        return True

    def ended(self, session_id: str) -> None:
        """A session has ended here; no state brings it back."""
        if self.transfer.open and len(self.transfer.ended) < ENDED_MAX:
            self.transfer.ended.add(session_id)

    def pass_time(self, now_ms: int) -> None:
        """SES-XFR-06"""
        deadline, again = self.transfer.deadline_ms(), self.transfer.again_ms()
        if deadline is None or now_ms < deadline:
            if again is not None and now_ms >= again:
                self._ask_again(now_ms)
            return
        if self.transfer.phase is TransferPhase.LATE:
            self.finish(now_ms)
            return
        self._table.report("state", f"no state within {self.transfer.timeout_ms} ms")
        self.transfer.phase = TransferPhase.LATE
        for message in self.transfer.held.take():
            self._do(message, now_ms)
        self._answer_all(now_ms)

    def finish(self, now_ms: int) -> None:
        """Nothing more will come: what has waited is done, in the order in which it came. SES-XFR-12"""
        table = self._table
        there = {session.id.partition(".")[0] for session in table.sessions()}
        kept = self.transfer.finish()
        given = {message.new_id for message in kept if isinstance(message, SessionIdMessage)}
        for message in kept:
            if not (_subject(message).partition(".")[0] in there and self._is_older(message, given)):
                self._do(message, now_ms)
        self._answer_all(now_ms)

    def _is_older(self, message: Heldable, given: Collection[str | None]) -> bool:
        """Whether the state has a session under a later id than a kept message has; `given`: the new ids of
        all that was kept. SES-XFR-12"""
        subject, table = _subject(message), self._table
        if table.lookup(subject) is not None:
            return False
        session = table.otherwise_routed(subject)
        is_creation = isinstance(message, SessionMessage) and message.event_type == EventType.CREATED
        return is_creation or (session is not None and session.id in given)

    # -- the state arrives --------------------------------------------------------------------

    def receive(self, message: SessionMessage, now_ms: int) -> None:
        """SES-XFR-08"""
        if self._table.rules.state_overwrites:
            self._load(self._read(message).states(), now_ms)
            self.transfer.phase = TransferPhase.DONE
            return
        if not self._wanted(message) or self.transfer.reading:
            self._table.counters.states_refused += 1
            self._table.report("state", "a state that was not asked for, or is there already")
        elif not self._is_stale(message) and not self._asked_again(now_ms):
            self._take(self._read(message).states(), now_ms)

    def begin_reading(self, message: SessionMessage) -> StateReading | None:
        """For a state that may be long to read; None for one that `receive` deals with. SES-XFR-15

        The parts of later releases are short, and more of them may come.
        """
        transfer, table = self.transfer, self._table
        if self._in_parts or table.rules.state_overwrites or transfer.reading or not self._wanted(message):
            return None
        if self._is_stale(message):
            return None
        transfer.reading = True
        return StateReading(message, table.settings.release, table.codecs)

    def end_reading(self, reading: StateReading, now_ms: int) -> None:
        """It was read: loads it. Raises `Malformed`."""
        self.transfer.reading = False
        try:
            states = reading.states()
            if not self._asked_again(now_ms):
                self._take(states, now_ms)
        finally:
            self._ask_another(now_ms)

    @property
    def _in_parts(self) -> bool:
        return self._table.settings.release >= STATE_COMPLETE_SINCE

    def _is_stale(self, message: SessionMessage) -> bool:
        """Whether it belongs to an answer from before a gap in what was kept. SES-XFR-17"""
        is_stale = self.transfer.stale(message.address)
        if not self._in_parts:
            self.transfer.answered(message.address)
        return is_stale

    def _wanted(self, message: SessionMessage) -> bool:
        return self.transfer.open and self._is_from_asked(message)

    def _asked_again(self, now_ms: int) -> bool:
        """Whether more came meanwhile than could be kept, so that another state is needed. SES-XFR-07"""
        transfer = self.transfer
        if not transfer.held.overflowed or transfer.gaps >= QUESTIONS_MAX - 1 or transfer.asked is None:
            return False
        transfer.gaps += 1
        self._ask(transfer.asked, now_ms)
        return True

    def _take(self, states: Iterable[SessionState], now_ms: int) -> None:
        self.transfer.quiet_since_ms = now_ms
        self._load((one for one in states if self._is_missing(one.id)), now_ms)
        if not self._in_parts:
            self.finish(now_ms)

    def _is_missing(self, session_id: str) -> bool:
        """Whether a session of a state is not here, under no route, and has not ended here either."""
        there = self._table.lookup(session_id) or self._table.otherwise_routed(session_id)
        return there is None and session_id not in self.transfer.ended

    def receive_end(self, message: SessionMessage, now_ms: int) -> None:
        """Since 5.5.10: the state was complete."""
        transfer = self.transfer
        if not transfer.open or not self._is_from_asked(message):
            return
        is_stale = transfer.stale(message.address)
        transfer.answered(message.address)
        if not is_stale and not self._asked_again(now_ms):
            self.finish(now_ms)

    def _is_from_asked(self, message: SessionMessage) -> bool:
        """Any that was asked: one that had nothing to give then answers when it has."""
        return message.address is None or message.address.name in self.transfer.asked_names

    def _read(self, message: SessionMessage) -> StateReading:
        reading = StateReading(message, self._table.settings.release, self._table.codecs)
        reading.read()
        return reading

    def _load(self, states: Iterable[SessionState], now_ms: int) -> None:
        table = self._table
        table.counters.states_loaded += 1
        for state in states:
            if len(table) >= table.settings.replicas_max:
                table.counters.replicas_refused += 1
                continue
            session = Session.from_state(table, state, now_ms)
            table.put(session)
            table.counters.sessions_loaded += 1
            if not table.rules.no_activation:
                for value in session.attributes().values():
                    table.listeners.did_activate(session, value)


def _subject(message: Heldable) -> str:
    """The id of the session that a message is about."""
    session_id = message.original_id if isinstance(message, SessionIdMessage) else message.session_id
    return session_id or ""


def _pause_ms(timeout_ms: int) -> int:
    """From one question to the next."""
    return ENDLESS_PAUSE_MS if timeout_ms < 0 else max(timeout_ms // PARTS_OF_A_WAIT, 1)
