"""What the nodes of the demo know of each other: asked over the cluster's own channel.

A question goes to all members as one line of JSON, the answers come back to who asked. The channel is
open for messages of one's own; this is an example of that.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from refjk.base.errors import RefjkError
from refjk.channel import Fate
from refjk.demo.flow import Flow, FlowLog, shortened
from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.sessions import Sessions
from refjk.session import Session

ANSWER_S = 0.4
MEET_S = 5.0
MEETING_ANSWER_S = 0.1
COUNT = "count"

_MARK = "refjk-demo"
_FLOWS = 20
_POLL_S = 0.02
_KNOWN_MAX = 1000  # members, in a long run with many deaths
_QUESTIONS_MAX = 1000  # that wait to be answered

logger = logging.getLogger("refjk.demo")


@dataclass(frozen=True, slots=True)
class Copy:
    """A node's copy of a session. `session` is shortened."""

    session: str
    count: int
    primary: bool


@dataclass(frozen=True, slots=True)
class Deployed:
    """An application that a node has by the farm. `at_ms`: when this version took over; 0: just now."""

    path: str
    name: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Report:
    """What one node tells of itself.

    `ready`: it has the sessions of the others. `member` is its name in the membership, `known` has the nodes
    by such names, gone ones too; `copy` is that of the session asked for; `refused` are archives.
    """

    node: str
    member: str
    pid: int
    alive_ms: int
    ready: bool
    sessions: int
    members: tuple[str, ...]
    known: dict[str, str]
    copy: Copy | None
    applications: tuple[Deployed, ...]
    refused: tuple[str, ...]
    flows: tuple[Flow, ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Report:
        """From JSON."""
        return cls(
            **{
                **values,
                "members": tuple(values["members"]),
                "copy": None if values["copy"] is None else Copy(**values["copy"]),
                "applications": tuple(Deployed(**one) for one in values["applications"]),
                "refused": tuple(values["refused"]),
                "flows": tuple(Flow(**one) for one in values["flows"]),
            }
        )


@dataclass(slots=True)
class _Question:
    """`awaited` are the members that have not answered yet."""

    awaited: set[str]
    reports: list[Report] = field(default_factory=list)


class Gossip:
    """Asks the other nodes, and answers them. `log` has what this node gets. `stop` ends its thread.

    `sessions` are set when there are any, `deployed` and `refused` when there is a farm.
    """

    def __init__(self, name: str, node: ClusterNode, log: FlowLog) -> None:
        self.sessions: Sessions | None = None
        self.deployed: Callable[[], Sequence[Deployed]] = tuple
        self.refused: Callable[[], Sequence[str]] = tuple
        self._name = name
        self._node = node
        self._own = member_name(node)
        self._log = log
        self._told = threading.Condition()
        self._questions: dict[int, _Question] = {}
        self._asked = 0
        self._known: dict[str, str] = {self._own: name}
        # A receiver that waited for its answer to be taken could wait for one that waits for it.
        self._to_answer: queue.Queue[tuple[str, int, str] | None] = queue.Queue(_QUESTIONS_MAX)
        self._thread = threading.Thread(target=self._answer, name="refjk-demo-answers", daemon=True)
        self._thread.start()
        node.channel.add_listener(self)

    def stop(self) -> None:
        self._node.channel.remove_listener(self)
        self._to_answer.put(None)
        self._thread.join()

    def meet(self) -> None:
        """Waits until every member knows this node, which its answer shows; not longer than `MEET_S`.

        Who asks for sessions before that gets no answer, as there is no way to it yet. Nodes that start
        together go on in the order of their names: two that ask each other over one connection each would
        both wait.
        """
        deadline = time.monotonic() + MEET_S
        while time.monotonic() < deadline:
            members = {one.name for one in self._node.members()}
            reports = self._ask("", MEETING_ANSWER_S)
            known = members <= {report.member for report in reports}
            if known and all(report.ready for report in reports if report.node < self._name):
                return
            time.sleep(_POLL_S)

    def reports(self, session_id: str) -> list[Report]:
        """This node's, and those that the others give within a moment; `session_id` may be empty."""
        return [self.report(session_id), *self._ask(session_id, ANSWER_S)]

    def report(self, session_id: str) -> Report:
        address = self._node.own_address()
        with self._node.lock:
            sessions = [] if self.sessions is None else self.sessions.manager.sessions()
            copy = _copy(_by_digits(sessions, session_id)) if session_id else None
        return Report(
            node=self._name,
            member=self._own,
            pid=os.getpid(),
            alive_ms=address.alive_ms,
            ready=self.sessions is not None,
            sessions=len(sessions),
            members=tuple(one.name for one in self._node.members() if one.name is not None),
            known=dict(self._known),
            copy=copy,
            applications=tuple(self.deployed()),
            refused=tuple(self.refused()),
            flows=tuple(self._log.latest(_FLOWS)),
        )

    # -- asking -------------------------------------------------------------------------------

    def _ask(self, session_id: str, wait_s: float) -> list[Report]:
        members = {one.name for one in self._node.members() if one.name is not None}
        question = _Question(set(members))
        with self._told:
            self._asked += 1
            number = self._asked
            self._questions[number] = question
        try:
            result = self._node.channel.send(
                json.dumps(self._question(number, session_id)), [one.encode() for one in members]
            )
            with self._told:
                question.awaited -= {one.decode() for one in result.of(Fate.FAILED)}
                self._told.wait_for(lambda: not question.awaited, wait_s)
                return list(question.reports)
        finally:
            with self._told:
                del self._questions[number]

    def _question(self, number: int, session_id: str) -> dict[str, Any]:
        """What is said to the others; who hears it learns which node this member is."""
        return {_MARK: "ask", "number": number, "by": self._own, "node": self._name, "session": session_id}

    def _send(self, said: dict[str, Any], to: str) -> None:
        try:
            self._node.channel.send(json.dumps(said), [to.encode()])
        except RefjkError as error:
            logger.info("not said: %s", error)

    # -- a listener of the channel --------------------------------------------------------------

    def accept(self, message: object) -> bool:
        return isinstance(message, str) and message.startswith(f'{{"{_MARK}"')

    def received(self, message: object) -> None:
        assert isinstance(message, str)
        said = json.loads(message)
        if said[_MARK] == "ask":
            self._learn(str(said["by"]), str(said["node"]))
            self._to_answer.put_nowait((str(said["by"]), int(said["number"]), str(said["session"])))
            return
        report = Report.of(said["report"])
        self._learn(report.member, report.node)
        with self._told:
            question = self._questions.get(said["number"])
            if question is not None and report.member in question.awaited:
                question.awaited.discard(report.member)
                question.reports.append(report)
                self._told.notify_all()

    def _learn(self, member: str, node: str) -> None:
        with self._told:
            self._known[member] = node
            if len(self._known) > _KNOWN_MAX:
                del self._known[next(iter(self._known))]

    def _answer(self) -> None:
        while (asked := self._to_answer.get()) is not None:
            by, number, session_id = asked
            self._send({_MARK: "answer", "number": number, "report": asdict(self.report(session_id))}, by)


def member_name(node: ClusterNode) -> str:
    """What a node that runs is called in the membership."""
    name = node.own_address().name
    assert name is not None
    return name


def _by_digits(sessions: list[Session], session_id: str) -> Session | None:
    """The session whatever its route is: a rename may be on its way."""
    digits = session_id.partition(".")[0]
    return next((one for one in sessions if one.id.partition(".")[0] == digits), None)


def _copy(session: Session | None) -> Copy | None:
    if session is None or not session.is_valid:
        return None
    count = session.get(COUNT, 0)
    return Copy(shortened(session.id), count if isinstance(count, int) else 0, session.primary)
