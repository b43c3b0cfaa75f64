"""Mapping, balancing and the rules for sending a request again, composed; no I/O.

`spec/forwarding.md`. The caller brings the time and holds one lock around `offer` and `report`.

    target = web_server.target(raw_path)        # raises Malformed: answer 400; None: answer 404
    facts = web_server.facts(target, cookie_headers)
    offer = web_server.offer(target, facts, now_ms)
    while offer is not None:
        ending = …                              # try to have the request served by offer.worker
        again = may_send_again(ending, method, body_is_held)
        web_server.report(offer, ending, again, now_ms)
        offer = web_server.offer(target, facts, now_ms, after=offer) if again else None
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from refjk.balancing import Balancer127, Decision, Outcome, RequestFacts
from refjk.balancing.cookies import COOKIE_NAME, session_ids
from refjk.mapping import Mapper1250, Match, Mount, canonicalise_path

# FWD-STS-01
STATUS_UNAVAILABLE = 503

# FWD-RTY-03: the methods that RFC 9110 calls idempotent.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class Ending(Enum):
    """How the offer of a request to a worker ended."""

    SERVED = "served"
    CLIENT_FAILED = "client failed"  # its body did not come, or it did not take the answer
    TOO_LARGE = "too large"  # the request fits no packet
    NO_PLACE = "no place"  # all connections to the worker were in use for too long
    NOT_SENT = "not sent"  # no connection, no CPONG, or broken before an octet of the request left
    BROKEN = "broken"  # the connection ended or broke a clause, before SEND_HEADERS
    SILENT = "silent"  # nothing came in time, before SEND_HEADERS
    UNFIT = "unfit"  # SEND_HEADERS holds what cannot be said in HTTP
    CUT_SHORT = "cut short"  # any failure of the worker after SEND_HEADERS


class Again(Enum):
    """Whether the request may be sent again after an ending, given that its body can be repeated."""

    NEVER = "never"
    IDEMPOTENT = "idempotent"  # when its method is
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an ending means: for the client, for the next worker, for the balancer.

    `status` is None where the client has its answer, or its beginning, already.
    """

    status: int | None
    again: Again
    failed: bool  # the worker did, so that it goes in error


CONSEQUENCES: Mapping[Ending, Consequence] = {
    Ending.SERVED: Consequence(None, Again.NEVER, failed=False),
    # FWD-OUT-01
    Ending.CLIENT_FAILED: Consequence(None, Again.NEVER, failed=False),
    # FWD-STS-02, FWD-OUT-02
    Ending.TOO_LARGE: Consequence(413, Again.NEVER, failed=False),
    # FWD-OUT-03
    Ending.NO_PLACE: Consequence(STATUS_UNAVAILABLE, Again.NEVER, failed=False),
    # FWD-RTY-02
    Ending.NOT_SENT: Consequence(STATUS_UNAVAILABLE, Again.ALWAYS, failed=True),
    # FWD-RTY-04, FWD-STS-03
    Ending.BROKEN: Consequence(502, Again.IDEMPOTENT, failed=True),
    # FWD-RTY-05, FWD-STS-04
    Ending.SILENT: Consequence(504, Again.NEVER, failed=True),
    # FWD-STS-05
    Ending.UNFIT: Consequence(502, Again.NEVER, failed=False),
    # FWD-RTY-01
    Ending.CUT_SHORT: Consequence(None, Again.NEVER, failed=True),
}


def may_send_again(ending: Ending, method: bytes, body_is_held: bool) -> bool:
    """Whether the rules allow another try; `body_is_held` says that every octet sent can be repeated."""
    again = CONSEQUENCES[ending].again
    # FWD-RTY-07
    if again is Again.NEVER or not body_is_held:
        return False
    return again is Again.ALWAYS or method in IDEMPOTENT


@dataclass(frozen=True, slots=True)
class Target:
    """Where a path leads: the URI to forward, and the worker or balancer it is mounted to."""

    uri: bytes
    match: Match[None]

    @property
    def worker(self) -> str:
        return self.match.worker


@dataclass(frozen=True, slots=True)
class Offer:
    """One worker that shall have the request; `decision` is None when it is mounted directly."""

    worker: str
    decision: Decision | None

    @property
    def attempt(self) -> int:
        return 1 if self.decision is None else self.decision.attempt

    @property
    def why(self) -> str:
        """The reason, for people. It may hold octets of the client (its session id)."""
        return "mounted directly" if self.decision is None else str(self.decision.why)


class WebServer:
    """Names the worker for each attempt of each request.

    A mount leads to one of `balancers` by its name, and else to the worker of that name.
    `session_cookie` is the cookie whose value ends with a route.
    """

    def __init__(
        self,
        mounts: Iterable[Mount],
        balancers: Mapping[str, Balancer127],
        session_cookie: bytes = COOKIE_NAME,
    ) -> None:
        self.balancers = balancers
        self._mapper = Mapper1250(mounts)
        self._session_cookie = session_cookie

    def target(self, raw_path: bytes) -> Target | None:
        """None when the path belongs to nobody; raises `Malformed` for a path that is refused."""
        canonical = canonicalise_path(raw_path)
        match = self._mapper.map(canonical.path)
        return None if match is None else Target(canonical.uri, match)

    def facts(self, target: Target, cookie_headers: Sequence[bytes]) -> RequestFacts:
        """What the balancer may look at."""
        if self._session_cookie == COOKIE_NAME or not cookie_headers:
            return RequestFacts(target.uri, tuple(cookie_headers))
        # The balancer knows one name. A value has no `;` or `,` in it, so it stays one value.
        ids = session_ids(cookie_headers, self._session_cookie)
        return RequestFacts(target.uri, tuple(COOKIE_NAME + b"=" + value for value in ids))

    def offer(
        self, target: Target, facts: RequestFacts, now_ms: int, after: Offer | None = None
    ) -> Offer | None:
        """The worker for the next attempt; None when nobody may have the request.

        `after` is the previous attempt's offer; it must have been reported.
        """
        balancer = self.balancers.get(target.worker)
        if balancer is None:
            return Offer(target.worker, None) if after is None else None
        decision = balancer.choose(facts, now_ms, after.decision if after is not None else None)
        return None if decision is None else Offer(decision.worker.name, decision)

    def report(self, target: Target, offer: Offer, ending: Ending, again: bool, now_ms: int) -> None:
        """Tells the balancer how an attempt ended; exactly once for each offer."""
        if offer.decision is None:
            return
        if ending is Ending.SERVED:
            outcome = Outcome.SUCCESS
        elif not CONSEQUENCES[ending].failed:
            outcome = Outcome.CLIENT_ERROR
        else:
            outcome = Outcome.FAILURE
        self.balancers[target.worker].report(offer.decision, outcome, now_ms, again=again)
