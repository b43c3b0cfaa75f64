"""One request on its way to a container and its answer back: worker after worker, as the rules allow."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, request_body_size_max
from refjk.ajp13.events import HeadersReceived, ResponseBody
from refjk.ajp13.messages import ForwardRequest, Header
from refjk.balancing import Outcome, RequestFacts, Wait
from refjk.http1 import AnswerHead, RequestReceived
from refjk.http1.head import connection_options
from refjk.logformat.lines import NO_ID
from refjk.runtime.endpoint import Endpoint, ReadBody
from refjk.runtime.endpoint_errors import (
    EndpointError,
    NoConnectionFree,
    ProtocolBroken,
    ReplyTimeout,
    RequestTooLarge,
    UnknownPacket,
)
from refjk.runtime.endpoint_pool import EndpointPool
from refjk.runtime.front_body import Upload
from refjk.runtime.front_settings import ServingSettings
from refjk.runtime.jk_log import current_request_id
from refjk.runtime.waiting import Awaited
from refjk.webserver import (
    Ending,
    Host,
    Offer,
    Recovery,
    Style,
    Target,
    Verdict,
    WorkerPlan,
    facts_to_state,
    judge,
    judge_status,
)

logger = logging.getLogger("refjk.front")

DECISION_ATTRIBUTE = b"refjk.decision"

# They speak about the client's connection, which ends here. Expect is fulfilled here as well.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# An attempt that the client, or a defect, ended.
GIVEN_UP = judge(Ending.CLIENT_FAILED, Recovery(), b"", is_held=False)
_REPLY_TIMEOUTS = (Ending.SILENT, Ending.HEAD_STALLED, Ending.STALLED)
_CHALLENGES = frozenset({b"www-authenticate", b"proxy-authenticate"})
_NEVER_DROPPED = frozenset({b"host", b"content-length", b"content-type"})


class ClientFailed(Exception):
    """The client did not send its body, or did not take the answer; `status` if it can still be told."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class AnswerUnfit(Exception):
    """The worker's answer cannot be said in HTTP."""


Result = TypeVar("Result")
Course = Generator[Awaited, None, Result]
"""A part of a request's way, which stops where it has to wait for a container."""

Answer = Offer | Wait | None
"""What the front says when it is asked for a worker."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer as the client gets it."""

    status: int
    headers: Sequence[Header]
    encoded: AnswerHead


class Client(Protocol):
    """The way back. All raise `ClientFailed` when the client is gone."""

    def prepare(self, status: int, reason: bytes, headers: Sequence[Header]) -> Head:
        """The head of an answer, ready to be sent; raises `AnswerUnfit` when it cannot be said in HTTP."""

    def begin(self, head: Head) -> None:
        """The answer begins."""

    def send(self, data: bytes, *, hold: bool = False) -> None:
        """More content; it may be held back until the next call, together with the head."""

    def flush(self) -> None:
        """What waits leaves now."""

    def end(self) -> None:
        """The answer is complete."""

    def answer(self, status: int, headers: Sequence[Header] = ()) -> None:
        """A whole answer of the front's own, with these headers beside those of its content."""

    def break_off(self) -> None:
        """The answer stays incomplete, and the client can see that."""


class Forwarder(Protocol):
    """What a request needs of the front."""

    settings: ServingSettings
    counters: Counter[str]
    style: Style
    pools: Mapping[str, EndpointPool]

    def facts(self, target: Target, cookies: Sequence[bytes]) -> RequestFacts: ...

    def offer(self, target: Target, facts: RequestFacts, after: Answer) -> Answer: ...

    def start_attempt(self, target: Target, offer: Offer) -> bool: ...

    def report(self, target: Target, offer: Offer, verdict: Verdict, attempt: Attempt) -> bool: ...

    def status_without_worker(self, target: Target) -> int: ...

    def notes(self, target: Target, offers: Sequence[Offer]) -> dict[str, str]:
        """What logs may say about a request that is over."""

    def place_timeout_s(self, worker: WorkerPlan) -> float:
        """How long a request may wait for a connection that is free."""

    def pause(self, milliseconds: int) -> None:
        """Returns early when the front ends."""

    def note(self, text: Callable[[], str]) -> None:
        """A line for the trace."""


@dataclass(slots=True)
class Attempt:
    """What is counted while one worker has the request."""

    started: bool = False  # a connection to the worker was got
    octets_read: int = 0
    octets_written: int = 0
    reply_timeouts: int = 0
    body_asked: bool = False  # the worker wanted more of the body than it was sent unasked
    head: Head | None = None  # of the answer, as long as nothing of that has gone to the client
    told: bool = False  # the client has the beginning of an answer
    finish: Callable[[], None] = lambda: None  # the end of the client's answer


class _EndedHere(Exception):
    """A try is over for a reason of the front's own."""

    def __init__(self, ending: Ending, text: str) -> None:
        super().__init__(text)
        self.ending = ending


class Forwarding:
    """The course of one request."""

    def __init__(
        self,
        front: Forwarder,
        client: Client,
        request: RequestReceived,
        host: Host,
        target: Target,
        facts: ConnectionFacts,
        upload: Upload,
    ) -> None:
        self._front = front
        self._client = client
        self._request = request
        self._target = target
        self._host = host
        self._facts = facts_to_state(facts, host.plan, target.surroundings)
        self._upload = upload
        self._headers, self._cookies = forwarded_headers(request)
        self.offers: list[Offer] = []  # those that were tried, in order

    @property
    def route(self) -> str:
        """The route that was sent last."""
        decision = self.offers[-1].decision if self.offers else None
        return "" if decision is None else decision.route

    @property
    def variables(self) -> Mapping[str, str]:
        """Those that SetEnv has set for the path."""
        return self._target.surroundings.variables

    def notes(self) -> dict[str, str]:
        """What mod_jk notes down for logs. LOG-REQ-04"""
        return self._front.notes(self._target, self.offers)

    def run(self) -> Course[None]:
        """Offer the request until it is served or the rules forbid another try; answer in any case.

        Yields what the request waits for. Raises `ClientFailed`.
        """
        front, target, request = self._front, self._target, self._request
        self._tell_log()
        # FWD-BOD-02: a slow client holds no worker and no connection while its first octets come.
        if request.body_size and not request.expect_continue:
            self._upload.fetch(min(request.body_size, request_body_size_max(PACKET_SIZE_DEFAULT)))
        balancing_facts = front.facts(target, self._cookies)
        answer = front.offer(target, balancing_facts, None)
        status: int | None = None
        while answer is not None:
            if isinstance(answer, Wait):
                front.pause(answer.wait_ms)
            else:
                verdict, goes_on = yield from self._offer_to(answer)
                status = verdict.status
                if not goes_on:
                    break
                front.counters["sent_again"] += 1
            answer = front.offer(target, balancing_facts, answer)
        else:
            front.note(lambda: f"{self._named()}: nobody is left")
            front.counters["no_worker"] += 1
            # FWD-STS-08
            if status is None or front.style is not Style.REFJK:
                status = front.status_without_worker(target)
        if status is not None:
            self._client.answer(status)

    def _tell_log(self) -> None:
        """Whose lines come now; one thread goes from request to request."""
        server = self._host.plan.server
        if server is not None:
            indicator = server.indicators.get("JkRequestIdIndicator")
            current_request_id.set((self.variables.get(indicator.value) if indicator else None) or NO_ID)

    def _offer_to(self, offer: Offer) -> Course[tuple[Verdict, bool]]:
        """One attempt, reported; whether the balancer is to be asked again."""
        name, number = offer.worker.name, offer.attempt
        self._front.note(lambda: f"{self._named()} → {name}, attempt {number}: {offer.why}")
        self.offers.append(offer)
        attempt = Attempt()
        verdict = GIVEN_UP
        try:
            tries = 1
            while True:
                ending = yield from self._try(offer, attempt)
                attempt.reply_timeouts += ending in _REPLY_TIMEOUTS
                verdict = self._judge(ending, offer, attempt)
                if verdict.other:
                    self._upload.rewind()
                tries += 1
                if not verdict.same or tries > offer.recovery.tries:
                    break
                verdict = GIVEN_UP
                self._front.counters["sent_again"] += 1
                self._front.pause(offer.recovery.pause_before(tries))
        finally:
            # Before the client has the whole answer: its next request finds what this one left.
            goes_on = self._front.report(self._target, offer, verdict, attempt)
        if verdict.outcome is Outcome.SUCCESS:
            attempt.finish()
        return verdict, goes_on and verdict.other

    def _judge(self, ending: Ending, offer: Offer, attempt: Attempt) -> Verdict:
        return judge(
            ending,
            offer.recovery,
            self._request.method,
            is_held=self._upload.is_held,
            body_asked=attempt.body_asked,
        )

    def _try(self, offer: Offer, attempt: Attempt) -> Course[Ending]:
        """The request on one connection to the worker."""
        worker = offer.worker
        pool = self._front.pools[worker.name]
        begun = False
        try:
            endpoint = pool.acquire(
                self._front.place_timeout_s(worker), lambda: self._take_up(offer, attempt)
            )
            try:
                begun = True
                attempt.finish = yield from self._exchange(endpoint, offer, attempt)
            finally:
                attempt.octets_read += endpoint.octets_read
                attempt.octets_written += endpoint.octets_written
                # Kept when its cycle ended well or has not begun, and closed else.
                (pool.discard if self._host.plan.disable_reuse else pool.release)(endpoint)
        except AnswerUnfit as error:
            return self._failed(worker, Ending.UNFIT, error)
        except NoConnectionFree as error:
            return self._failed(worker, Ending.NO_PLACE, error)
        except RequestTooLarge as error:
            return self._failed(worker, Ending.TOO_LARGE, error)
        except _EndedHere as error:
            return self._failed(worker, error.ending, error)
        except EndpointError as error:
            attempt.body_asked = attempt.body_asked or error.body_asked
            return self._failed(worker, _ending_of(error, begun, attempt.told), error)
        return Ending.SERVED

    def _take_up(self, offer: Offer, attempt: Attempt) -> None:
        """There is a place for the request at the worker: it counts from now on."""
        if not attempt.started:
            attempt.started = True
            if not self._front.start_attempt(self._target, offer):
                limit = offer.worker.busy_limit
                raise _EndedHere(Ending.BUSY, f"more than {limit} requests are open")

    def _exchange(self, endpoint: Endpoint, offer: Offer, attempt: Attempt) -> Course[Callable[[], None]]:
        """A cycle; each piece of the answer leaves before more is waited for, so that nothing gathers here.

        Returns what is left to do for the client when the connection has been given back. FWD-ANS-01
        """
        client = self._client
        timeout_ms = offer.recovery.reply_timeout_ms
        timeout_s = math.inf if timeout_ms is None else timeout_ms / 1000
        replaced: int | None = None
        attempt.head = None
        read_body = self._body_reader(attempt)
        for event in endpoint.course(self._forward_request(offer), read_body, timeout_s):
            if isinstance(event, Awaited):
                yield event
                self._tell_log()
            elif isinstance(event, HeadersReceived):
                # Before anything is sent to the client. EPL-RTY-08
                ending = judge_status(event.status, offer.recovery.fail_on_status)
                if ending is not None:
                    raise _EndedHere(ending, f"status {event.status} is in fail_on_status")
                replaced = self._status_to_replace(event.status)
                if replaced is not None:
                    # The challenge belongs to the status and not to the page.
                    kept = [one for one in event.headers if one[0].lower() in _CHALLENGES]
                else:
                    headers = self._with_session_cookie(event.headers, offer)
                    attempt.head = client.prepare(event.status, event.reason, headers)
                    if self._host.plan.flush_header:
                        self._begin_answer(attempt)
                        client.flush()
            elif replaced is None:
                self._begin_answer(attempt)
                if isinstance(event, ResponseBody):
                    client.send(event.data, hold=endpoint.has_more)
                else:
                    client.flush()
        if replaced is not None:
            return partial(client.answer, replaced, kept)
        self._begin_answer(attempt)
        return client.end

    def _begin_answer(self, attempt: Attempt) -> None:
        """Not before something follows the head: until then the request may be sent again. FWD-ANS-04"""
        head, attempt.head = attempt.head, None
        if head is not None:
            self._client.begin(head)
            attempt.told = True

    def _body_reader(self, attempt: Attempt) -> ReadBody:
        """The body, for one try. Only the first octets of an announced one are sent unasked."""
        unasked = 1 if self._request.body_size else 0

        def read(size: int) -> bytes:
            nonlocal unasked
            self._begin_answer(attempt)
            self._client.flush()  # what is held back may be what the client waits for
            attempt.body_asked = attempt.body_asked or not unasked
            unasked = 0
            return self._upload.read(size)

        return read

    def _status_to_replace(self, status: int) -> int | None:
        """FWD-ANS-03"""
        least = self._target.extensions.use_server_errors
        return status if least is not None and least > 0 and status >= max(least, 400) else None

    def _with_session_cookie(self, headers: Sequence[Header], offer: Offer) -> Sequence[Header]:
        """BAL-RTE-13"""
        cookie = None if offer.decision is None else offer.decision.session_cookie
        return headers if cookie is None else [*headers, (b"Set-Cookie", cookie.encode("latin-1"))]

    def _forward_request(self, offer: Offer) -> ForwardRequest:
        request, worker, decision = self._request, offer.worker, offer.decision
        attributes = list(self._attributes())
        if self._front.settings.explain and decision is not None:
            attributes.append((DECISION_ATTRIBUTE, f"{decision.clause} attempt {decision.attempt}".encode()))
        # 1.2.7 says nothing of an activation.
        says_activation = decision is not None and self._front.style is not Style.JK_127
        return build_forward_request(
            request.method,
            self._target.uri,
            request.query,
            self._headers,
            self._facts,
            protocol=request.version,
            body_size=request.body_size,
            secret=worker.secret,
            route=None if decision is None else decision.route.encode(),
            activation=decision.activation.sent.encode() if decision and says_activation else None,
            attributes=attributes,
        )

    def _attributes(self) -> Iterator[tuple[bytes, bytes]]:
        """FWD-ENV-05"""
        variables = self._target.surroundings.variables
        for name, default in self._host.plan.env_vars:
            value = variables.get(name, default)
            if value is not None:
                yield name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape")

    def _failed(self, worker: WorkerPlan, ending: Ending, error: Exception) -> Ending:
        self._front.counters[f"ended_{ending.name.lower()}"] += 1
        # What clients can bring about at will must not fill the log.
        level = logging.INFO if ending is Ending.TOO_LARGE else logging.WARNING
        logger.log(level, "%s: worker %s: %s: %s", self._named(), worker.name, ending.value, error)
        self._front.note(lambda: f"{self._named()} ← {worker.name}: {ending.value}: {error}")
        if ending in (Ending.CUT_SHORT, Ending.STALLED):
            self._client.break_off()
        return ending

    def _named(self) -> str:
        return f"{self._request.method.decode('latin-1')} {self._target.uri.decode('latin-1')}"


def _ending_of(error: EndpointError, begun: bool, told: bool) -> Ending:
    if error.headers_seen:
        if isinstance(error, ReplyTimeout):
            return Ending.STALLED if told else Ending.HEAD_STALLED
        return Ending.CUT_SHORT if told else Ending.HEAD_ONLY
    if not (begun and error.sent):
        return Ending.NOT_SENT
    if isinstance(error, ReplyTimeout):
        return Ending.SILENT
    if isinstance(error, UnknownPacket):
        return Ending.UNKNOWN_PACKET
    return Ending.GARBLED if isinstance(error, ProtocolBroken) else Ending.BROKEN


def forwarded_headers(request: RequestReceived) -> tuple[list[Header], list[bytes]]:
    """What a container gets to see of the headers, and the values of Cookie among them.

    FWD-HDR-01, FWD-HDR-02
    """
    dropped = _HOP_BY_HOP
    for name, value in request.headers:
        if name.lower() == b"connection":
            dropped = dropped.union(connection_options(value)) - _NEVER_DROPPED
    is_absolute = not request.target.startswith(b"/")
    headers: list[Header] = [(b"Host", request.authority)] if is_absolute else []
    cookies: list[bytes] = []
    for name, value in request.headers:
        key = name.lower()
        if key in dropped or (is_absolute and key == b"host"):
            continue
        headers.append((name, value))
        if key == b"cookie":
            cookies.append(value)
    return headers, cookies
