"""Plays golden decisions of mod_jk 1.2.50 (kinds `lb` and `route`) against `refjk.balancing`.

The members' answers are taken from the recording; what is compared is the decision: which member was turned
to and in which order, as what, with which values and states, and the result of the request. Connections are
not compared, they are no matter of the balancer.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from refjk.balancing import (
    Activation,
    Balancer1250,
    Decision,
    Due,
    MaintenanceClock,
    Outcome,
    RequestFacts,
    Wait,
    WorkerSnapshot,
    WorkerState,
)
from refjk.balancing.cookies import route_of
from refjk.balancing.decision_1250 import Decision1250
from refjk.balancing.session_ids import find_session_ids
from refjk.base.errors import InputError
from refjk.vectors.jk1250_setup import Setup, read_rule, read_settings
from refjk.vectors.jk_cases import Kinds, play_cases, same

SOURCE = "mod_jk 1.2.50"

_LETTERS = dict(zip(WorkerState, "iorfbep", strict=True))
_OUTCOMES = {
    "ok": Outcome.SUCCESS,
    "client_error": Outcome.CLIENT_ERROR,
    "fail": Outcome.FAILURE,
    "fatal": Outcome.FAILURE,
    "no_endpoint": Outcome.NO_PLACE,
    "busy": Outcome.BUSY,
    "status_fatal": Outcome.STATUS_FATAL,
    "status_error": Outcome.STATUS_SOFT,
    "reply_timeout": Outcome.REPLY_TIMEOUT,
    "protocol_error": Outcome.PROTOCOL_ERROR,
    "server_error": Outcome.SERVER_ERROR,
}


def play(document: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Plays one document; returns how many of its cases passed and one line per case that differs.

    Raises `InputError` when the document is of another kind or source or does not keep to its schema.
    """
    return play_cases(document, SOURCE, _KINDS)


def _play_route(case: Mapping[str, Any]) -> None:
    properties = [f"worker.lb.{name}={value}" for name, value in case.get("balancer", {}).items()]
    settings = read_settings(["worker.lb.balance_workers=n1", *properties]).settings
    ids = find_session_ids(_facts(case, case.get("jk_route")), settings)
    same("session ids", case["session_ids"], [session_id.decode() for session_id in ids])
    same("joined", case["joined"], b";".join(ids).decode() if ids else None)
    routes = [route_of(session_id) for session_id in ids]
    same("routes", case["routes_tried"], [route.decode() for route in routes if route is not None])


def _play_lb(scenario: Mapping[str, Any]) -> None:
    setup = read_settings(scenario["properties"])
    try:
        game = _Game(scenario, setup)
    except InputError as refusal:
        same("start", scenario.get("init", "done"), "failed" if refusal else "")
        return
    same("start", scenario.get("init", "done"), "done")
    same("order of the workers", scenario["workers"], [worker.name for worker in game.balancer.workers])
    multiplicities = [worker.multiplicity for worker in game.balancer.snapshot()]
    same("multiplicities", scenario["lb_mult"], multiplicities)
    game.compare_state("at the start", scenario["initial"])
    for position, event in enumerate(scenario["events"], start=1):
        game.play(event, f"event {position} ({event['do']} {event.get('id', event.get('worker', ''))})")
    for worker in game.balancer.snapshot():
        _compare_end(worker, scenario["final"][worker.name])


def _compare_end(worker: WorkerSnapshot, final: Mapping[str, Any]) -> None:
    ends: Mapping[str, object] = {
        "lb_value": worker.value,
        "lb_mult": worker.multiplicity,
        "state": worker.state.value,
        "errors": worker.errors,
        "sessions": worker.sessions,
        "used": worker.elected,
        "reply_timeouts": worker.reply_timeouts,
        "first_error_t": -1 if worker.first_error_at_s is None else worker.first_error_at_s,
        "last_error_t": -1 if worker.error_at_s is None else worker.error_at_s,
    }
    for key, actual in ends.items():
        same(f"{key} of {worker.name} at the end", final[key], actual)


_KINDS: Kinds = {
    "lb": ("scenarios", "id", _play_lb),
    "httpd-crosscheck": ("scenarios", "id", _play_lb),
    "route": ("cases", "why", _play_route),
}


@dataclass(slots=True)
class _Request:
    """A request on its way: the recorded attempts, the decisions so far, and what was answered last."""

    facts: RequestFacts
    attempts: Sequence[Mapping[str, Any]]
    decisions: list[Decision] = field(default_factory=list)
    answer: Decision | Wait | None = None
    rc: str = "fail"
    status: int = Balancer1250.status_no_worker


class _Game:
    """One scenario: the balancer under test and the requests that are held."""

    def __init__(self, scenario: Mapping[str, Any], setup: Setup) -> None:
        self.balancer = Balancer1250(setup.workers, setup.settings)
        self._setup = setup
        self._clock = MaintenanceClock(setup.maintain_s, 0)
        self._ends = {event["id"]: event for event in scenario.get("events", ()) if event["do"] == "end"}
        self._held: dict[str, _Request] = {}

    def play(self, event: Mapping[str, Any], where: str) -> None:
        do = event["do"]
        if do == "backend":
            return
        if do == "configure":
            self._configure(event)
        elif do == "maintain":
            due, halvings = self._maintain(event["t"])
            same(f"{where}, ran", event["ran"], due is not Due.NOTHING)
            same(f"{where}, exponent", event.get("exponent", 0), halvings)
        elif do == "end":
            request = self._held.pop(event["id"])
            self._run(request, event, where)
            self._compare_result(request, event, where)
        else:
            self._begin(event, where)
        self.compare_state(where, event)

    def compare_state(self, where: str, expected: Mapping[str, Any]) -> None:
        """Values, states and open requests, as far as the recording has them."""
        if "lb" not in expected:
            return
        workers = self.balancer.snapshot()
        same(f"{where}, values", expected["lb"], [worker.value for worker in workers])
        same(f"{where}, states", expected["st"], "".join(_LETTERS[worker.state] for worker in workers))
        is_open = [worker.open for worker in workers]
        same(f"{where}, open requests", expected.get("busy", [0] * len(workers)), is_open)

    def _configure(self, event: Mapping[str, Any]) -> None:
        index = [worker.name for worker in self.balancer.workers].index(event["worker"])
        if "activation" in event:
            self.balancer.edit_worker(index, activation=Activation("ADS".index(event["activation"])))
        else:
            self.balancer.edit_worker(index, factor=event["lbfactor"])

    def _maintain(self, now_ms: int) -> tuple[Due, int]:
        due = self._clock.check(now_ms)
        return due, self.balancer.maintain(now_ms, self._clock.period_s) if due is Due.GLOBAL else 0

    def _begin(self, event: Mapping[str, Any], where: str) -> None:
        _, halvings = self._maintain(event["t"])
        same(f"{where}, maintained", event.get("maintained", 0), halvings)
        full = [
            worker.name
            for worker, size in zip(self.balancer.snapshot(), self._setup.pool_sizes, strict=True)
            if worker.open >= size
        ]
        facts = _facts(event, event.get("jkroute"), full)
        if event["do"] == "start" and event["held_at"] is not None:
            # The recording lists the attempts only where the request ends.
            request = _Request(facts, self._ends[event["id"]]["attempts"])
            self._held[event["id"]] = request
            self._run(request, event, where, held_attempt=event["attempt_no"])
        else:
            request = _Request(facts, event["attempts"])
            self._run(request, event, where)
            self._compare_result(request, event, where)

    def _compare_result(self, request: _Request, event: Mapping[str, Any], where: str) -> None:
        same(f"{where}, attempts", len(request.attempts), len(request.decisions))
        same(f"{where}, result", event["rc"], request.rc)
        if request.rc != "ok":
            same(f"{where}, status", event["http"], request.status)
        latest = request.decisions[-1] if request.decisions else None
        cookie = latest.session_cookie if latest else None
        same(f"{where}, cookie", event.get("set_cookie"), cookie)
        activation = latest.activation.sent if latest else "ACT"
        same(f"{where}, activation", event.get("activation_sent", "ACT"), activation)

    def _run(
        self, request: _Request, event: Mapping[str, Any], where: str, held_attempt: int | None = None
    ) -> None:
        """Goes on with a request until it ends or, at `held_attempt`, waits for its member."""
        while True:
            if request.answer is None or not isinstance(request.answer, Decision) or request.answer.reported:
                now_ms = self._attempt(request, len(request.decisions)).get("t", event["t"])
                request.answer = self.balancer.choose(request.facts, now_ms, after=request.answer)
                if isinstance(request.answer, Wait):
                    continue
                self._compare_choice(request, f"{where}, attempt {len(request.decisions) + 1}")
                if request.answer is None:
                    request.rc, request.status = "fail", Balancer1250.status_no_worker
                    return
                request.decisions.append(request.answer)
                if request.attempts[len(request.decisions) - 1]["res"] != "no_endpoint":
                    self.balancer.start(request.answer)
            if len(request.decisions) == held_attempt or not self._report(request, event):
                return

    def _compare_choice(self, request: _Request, where: str) -> None:
        """The choice against the recorded attempt. A route for a domain was not recorded."""
        decision, expected = request.answer, self._attempt(request, len(request.decisions))
        name = decision.worker.name if isinstance(decision, Decision1250) else None
        same(f"{where}, worker", expected.get("w"), name)
        if not isinstance(decision, Decision1250):
            return
        same(f"{where}, sticky", expected.get("sticky", False), decision.is_sticky)
        if "route_domain" not in expected:
            same(f"{where}, route", expected.get("route", decision.worker.name), decision.route)
        workers = self.balancer.snapshot()
        if "lb_at_choice" in expected:
            same(f"{where}, values", expected["lb_at_choice"], [worker.value for worker in workers])
        if "local" in expected:
            seen = "".join(_LETTERS[state] for state in decision.states)
            same(f"{where}, states seen by the request", expected["local"], seen)

    def _report(self, request: _Request, event: Mapping[str, Any]) -> bool:
        decision = request.decisions[-1]
        attempt = request.attempts[len(request.decisions) - 1]
        outcome, again = _OUTCOMES[attempt["res"]], attempt.get("recoverable", True)
        request.rc = _RC.get(outcome, "fail")
        request.status = attempt.get("http", Balancer1250.status_no_worker)
        facts: dict[str, Any] = {
            "again": again,
            "octets_read": attempt.get("rd", 0),
            "octets_written": attempt.get("wr", 0),
        }
        if outcome is Outcome.REPLY_TIMEOUT:
            facts["reply_timeouts"] = self._setup.retries[decision.index] if again else 1
        end_ms = self._attempt(request, len(request.decisions)).get("t", event.get("t_end", event["t"]))
        # The time of the end is not recorded; it is that of the next choice less the waits between.
        rehearsal, rehearsed = copy.deepcopy((self.balancer, decision))
        if rehearsal.report(rehearsed, outcome, end_ms, **facts):
            answer: Decision | Wait | None = rehearsed
            while not isinstance(answer := rehearsal.choose(request.facts, end_ms, after=answer), Decision):
                if answer is None:
                    break
                end_ms -= answer.wait_ms
        return self.balancer.report(decision, outcome, end_ms, **facts)

    @staticmethod
    def _attempt(request: _Request, number: int) -> Mapping[str, Any]:
        return request.attempts[number] if number < len(request.attempts) else {}


_RC = {Outcome.SUCCESS: "ok", Outcome.CLIENT_ERROR: "client_error"}


def _facts(case: Mapping[str, Any], route: str | None, full: Sequence[str] = ()) -> RequestFacts:
    return RequestFacts(
        case.get("uri", "/app/x").encode(),
        tuple(value.encode() for value in case.get("cookie_headers", ())),
        route,
        read_rule(case.get("rule", "")),
        tuple(full),
    )
