"""Plays golden decisions of mod_jk 1.2.7 (kinds `lb` and `route`) against `refjk.balancing`.

The members' answers are taken from the recording; what is compared is the decision: which member was turned
to and in which order, the quotas, the states, the result of the request. Connections are not compared, they
are no matter of the balancer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refjk.balancing import (
    Balancer127,
    BalancerSettings,
    Decision,
    Outcome,
    RequestFacts,
    WorkerSettings,
    WorkerState,
)
from refjk.balancing.cookies import request_session_ids, route_of
from refjk.vectors.jk_cases import Kinds, number, play_cases, same

SOURCE = "mod_jk 1.2.7"

_STATE_LETTERS = {WorkerState.OK: "o", WorkerState.ERROR: "e", WorkerState.PROBING: "r"}
_OUTCOMES = {"ok": Outcome.SUCCESS, "client_error": Outcome.CLIENT_ERROR, "fail": Outcome.FAILURE}
_RECOVER_TIME_S_MIN = 60


def play(document: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Plays one document; returns how many of its cases passed and one line per case that differs.

    Raises `InputError` when the document is of another kind or source or does not keep to its schema.
    """
    return play_cases(document, SOURCE, _KINDS)


def _play_route(case: Mapping[str, Any]) -> None:
    sticky = _flag(case.get("balancer", {}).get("sticky_session", "true"))
    ids = request_session_ids(_facts(case)) if sticky else []
    same("session ids", case["session_ids"], [session_id.decode() for session_id in ids])
    routes = [route_of(session_id) for session_id in ids]
    same("routes", case["routes_tried"], [route.decode() for route in routes if route is not None])


def _play_lb(scenario: Mapping[str, Any]) -> None:
    game = _Game(scenario)
    same("order of the workers", scenario["workers"], game.labels)
    game.compare_state("at the start", scenario["initial"])
    for position, event in enumerate(scenario["events"], start=1):
        game.play(event, f"event {position} ({event['do']} {event.get('id', event.get('worker'))})")
    for label, worker in zip(game.labels, game.balancer.snapshot(), strict=True):
        expected = scenario["final"][label]
        same(f"final value of {label}", expected["lb_value"], worker.value)
        same(f"final error time of {label}", expected.get("error_t"), worker.error_at_s)


_KINDS: Kinds = {
    "lb": ("scenarios", "id", _play_lb),
    "route": ("cases", "why", _play_route),
}


@dataclass(slots=True)
class _Request:
    """A request on its way: the recorded attempts, and how many of them have ended."""

    facts: RequestFacts
    attempts: Sequence[Mapping[str, Any]]
    ended: int = 0
    decision: Decision | None = None
    served: bool = False


class _Game:
    """One scenario: the balancer under test and the requests that are held."""

    def __init__(self, scenario: Mapping[str, Any]) -> None:
        self.balancer = _balancer(scenario["properties"])
        self.labels: list[str] = []
        seen: Counter[str] = Counter()
        for worker in self.balancer.workers:
            seen[worker.name] += 1
            again = seen[worker.name]
            self.labels.append(worker.name if again == 1 else f"{worker.name}#{again}")
        self._ends = {event["id"]: event for event in scenario["events"] if event["do"] == "end"}
        self._held: dict[str, _Request] = {}

    def play(self, event: Mapping[str, Any], where: str) -> None:
        do = event["do"]
        if do == "backend":
            return
        if do == "start" and event["held_at"] is not None:
            # The recording lists the attempts only where the request ends.
            request = _Request(_facts(event), self._ends[event["id"]]["attempts"])
            self._held[event["id"]] = request
            self._run(request, event, where, held_attempt=event["attempt_no"])
        else:
            if do == "end":
                request = self._held.pop(event["id"])
            else:
                request = _Request(_facts(event), event["attempts"])
            self._run(request, event, where)
            same(f"{where}, result", event["rc"], "ok" if request.served else "fail")
            if not request.served:
                same(f"{where}, status", event["http"], Balancer127.status_no_worker)
        self.compare_state(where, event)

    def compare_state(self, where: str, expected: Mapping[str, Any]) -> None:
        workers = self.balancer.snapshot()
        same(f"{where}, values", expected["lb"], [worker.value for worker in workers])
        states = "".join(_STATE_LETTERS[worker.state] for worker in workers)
        same(f"{where}, states", expected["st"], states)

    def _run(
        self, request: _Request, event: Mapping[str, Any], where: str, held_attempt: int | None = None
    ) -> None:
        """Goes on with a request until it ends or, at `held_attempt`, waits for its member."""
        end_ms = event.get("t_end", event["t"])
        while True:
            if request.decision is None or request.decision.reported:
                now_ms = self._attempt(request, request.ended).get("t", event["t"])
                self._choose(request, now_ms, f"{where}, attempt {request.ended + 1}")
                if request.decision is None:
                    return
            if request.ended + 1 == held_attempt:
                return
            attempt = request.attempts[request.ended]
            outcome, recoverable = _OUTCOMES[attempt["res"]], attempt.get("recoverable", False)
            request.ended += 1
            now_ms = self._attempt(request, request.ended).get("t", end_ms)
            again = self.balancer.report(request.decision, outcome, now_ms, again=recoverable)
            if not again:
                request.served = outcome in (Outcome.SUCCESS, Outcome.CLIENT_ERROR)
                same(f"{where}, attempts", len(request.attempts), request.ended)
                return

    def _choose(self, request: _Request, now_ms: int, where: str) -> None:
        request.decision = self.balancer.choose(request.facts, now_ms, after=request.decision)
        expected = self._attempt(request, request.ended)
        chosen = None if request.decision is None else request.decision.worker.name
        same(f"{where}, worker", expected.get("w"), chosen)
        if "lb_after_choice" in expected:
            values = [worker.value for worker in self.balancer.snapshot()]
            same(f"{where}, values", expected["lb_after_choice"], values)

    @staticmethod
    def _attempt(request: _Request, number: int) -> Mapping[str, Any]:
        return request.attempts[number] if number < len(request.attempts) else {}


def _facts(case: Mapping[str, Any]) -> RequestFacts:
    cookies = tuple(value.encode() for value in case.get("cookie_headers", ()))
    return RequestFacts(case.get("uri", "/app/x").encode(), cookies)


def _balancer(lines: Sequence[str]) -> Balancer127:
    """The balancer named `lb` of a recording's property lines."""
    properties = _properties(lines)

    def of(name: str, default: str) -> str:
        return properties.get(f"worker.{name}".lower(), default)

    members = of("lb.balance_workers", of("lb.balanced_workers", ""))
    workers = [
        WorkerSettings(
            name,
            # BAL-CFG-01
            factor=max(1, number(of(f"{name}.lbfactor", "1"))),
            domain=of(f"{name}.domain", "unknown"),
            local=_flag(of(f"{name}.local_worker", "false")),
        )
        for name in re.split(r"[ \t,*]+", members)
        if name
    ]
    settings = BalancerSettings(
        sticky_session=_flag(of("lb.sticky_session", "true")),
        local_worker_only=_flag(of("lb.local_worker_only", "false")),
        # BAL-CFG-02
        recover_time_s=max(_RECOVER_TIME_S_MIN, number(of("lb.recover_time", "60"))),
    )
    return Balancer127(workers, settings)


def _properties(lines: Sequence[str]) -> dict[str, str]:
    """Names in lower case; values of a name given again are joined with a star, as 1.2.7 does."""
    properties: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition("#")[0].strip().partition("=")
        if value:
            key = name.lower()
            properties[key] = f"{properties[key]}*{value}" if key in properties else value
    return properties


def _flag(text: str) -> bool:
    return text.lower() == "true" or text[:1] in ("Y", "y", "1")
