"""One request on its way to a container and its answer back: worker after worker, as the rules allow."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from refjk.ajp13.building import ConnectionFacts, build_forward_request
from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, request_body_size_max
from refjk.ajp13.events import HeadersReceived, ResponseBody
from refjk.ajp13.messages import ForwardRequest, Header
from refjk.balancing import RequestFacts
from refjk.http1 import RequestReceived
from refjk.http1.head import connection_options
from refjk.runtime.endpoint import Endpoint
from refjk.runtime.endpoint_errors import EndpointError, NoConnectionFree, ReplyTimeout, RequestTooLarge
from refjk.runtime.endpoint_pool import EndpointPool
from refjk.runtime.front_body import Upload
from refjk.runtime.front_settings import FrontSettings, FrontWorker
from refjk.webserver import CONSEQUENCES, STATUS_UNAVAILABLE, Ending, Offer, Target, may_send_again

logger = logging.getLogger("refjk.front")

ACTIVE = b"ACT"
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
_NEVER_DROPPED = frozenset({b"host", b"content-length", b"content-type"})


class ClientFailed(Exception):
    """The client did not send its body, or did not take the answer; `status` if it can still be told."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class AnswerUnfit(Exception):
    """The worker's answer cannot be said in HTTP."""


class Client(Protocol):
    """The way back. All raise `ClientFailed` when the client is gone."""

    def begin(self, status: int, reason: bytes, headers: Sequence[Header]) -> None:
        """The head; raises `AnswerUnfit`, with nothing sent, when it cannot be said in HTTP."""

    def send(self, data: bytes) -> None:
        """More content; with the head, if that has not left yet."""

    def flush(self) -> None:
        """What waits leaves now."""

    def end(self) -> None:
        """The answer is complete."""

    def answer(self, status: int) -> None:
        """A whole answer of the front's own."""

    def break_off(self) -> None:
        """The answer stays incomplete, and the client can see that."""


class Forwarder(Protocol):
    """What a request needs of the front."""

    settings: FrontSettings
    counters: Counter[str]
    workers: Mapping[str, FrontWorker]
    pools: Mapping[str, EndpointPool]

    def facts(self, target: Target, cookies: Sequence[bytes]) -> RequestFacts: ...

    def offer(self, target: Target, facts: RequestFacts, after: Offer | None) -> Offer | None: ...

    def report(self, target: Target, offer: Offer, ending: Ending, again: bool) -> None: ...

    def note(self, text: Callable[[], str]) -> None:
        """A line for `--trace`."""


class Forwarding:
    """The course of one request."""

    def __init__(
        self,
        front: Forwarder,
        client: Client,
        request: RequestReceived,
        target: Target,
        facts: ConnectionFacts,
        upload: Upload,
    ) -> None:
        self._front = front
        self._client = client
        self._request = request
        self._target = target
        self._facts = facts
        self._upload = upload
        self._headers, self._cookies = forwarded_headers(request)
        self.route = ""  # of the worker that had the request last

    def run(self) -> None:
        """Offer the request until it is served or the rules forbid another try; answer in any case.

        Raises `ClientFailed`.
        """
        request = self._request
        # FWD-BOD-02: a slow client holds no worker and no connection while its first octets come.
        if request.body_size and not request.expect_continue:
            self._upload.fetch(min(request.body_size, request_body_size_max(PACKET_SIZE_DEFAULT)))
        balancing_facts = self._front.facts(self._target, self._cookies)
        offer = self._front.offer(self._target, balancing_facts, None)
        status: int | None = STATUS_UNAVAILABLE
        while offer is not None:
            ending, again = self._offer_to(offer)
            status = CONSEQUENCES[ending].status
            if not again:
                break
            self._front.counters["sent_again"] += 1
            offer = self._front.offer(self._target, balancing_facts, offer)
        else:
            self._front.note(lambda: f"{self._named()}: nobody is left")
            self._front.counters["no_worker"] += 1
        if status is not None:
            self._client.answer(status)

    def _offer_to(self, offer: Offer) -> tuple[Ending, bool]:
        """One attempt, reported; whether another worker may have the request."""
        self._front.note(lambda: f"{self._named()} → {offer.worker}, attempt {offer.attempt}: {offer.why}")
        ending, again = Ending.CLIENT_FAILED, False
        try:
            ending = self._try(offer)
            again = self._may_send_again(ending)
            # FWD-RTY-06: it may have been the connection and not the worker.
            for _ in range(self._front.settings.retries):
                if ending is not Ending.BROKEN or not again:
                    break
                self._front.counters["sent_again"] += 1
                ending = self._try(offer)
                again = self._may_send_again(ending)
        finally:
            self._front.report(self._target, offer, ending, again)
        return ending, again

    def _may_send_again(self, ending: Ending) -> bool:
        again = may_send_again(ending, self._request.method, self._upload.is_held)
        if again:
            self._upload.rewind()
        return again

    def _try(self, offer: Offer) -> Ending:
        """The request on one connection to the worker."""
        worker = self._front.workers[offer.worker]
        pool = self._front.pools[offer.worker]
        self.route = "" if offer.decision is None else offer.decision.route
        begun = False
        try:
            endpoint = pool.acquire(self._front.settings.connect_timeout_s)
            try:
                begun = True
                self._exchange(endpoint, self._forward_request(worker, offer))
            finally:
                # Kept when its cycle ended well or has not begun, and closed else.
                pool.release(endpoint)
        except AnswerUnfit as error:
            return self._failed(worker, Ending.UNFIT, error)
        except NoConnectionFree as error:
            return self._failed(worker, Ending.NO_PLACE, error)
        except RequestTooLarge as error:
            return self._failed(worker, Ending.TOO_LARGE, error)
        except EndpointError as error:
            return self._failed(worker, _ending_of(error, begun), error)
        self._client.end()
        return Ending.SERVED

    def _exchange(self, endpoint: Endpoint, request: ForwardRequest) -> None:
        """A cycle; each piece of the answer leaves as it comes, so that nothing gathers here.

        FWD-ANS-01
        """
        client = self._client
        for event in endpoint.exchange(request, self._upload.read):
            if isinstance(event, ResponseBody):
                client.send(event.data)
            elif isinstance(event, HeadersReceived):
                client.begin(event.status, event.reason, event.headers)
            else:
                client.flush()

    def _forward_request(self, worker: FrontWorker, offer: Offer) -> ForwardRequest:
        request = self._request
        decision = offer.decision
        attributes: list[tuple[bytes, bytes]] = []
        if self._front.settings.explain and decision is not None:
            attributes.append((DECISION_ATTRIBUTE, f"{decision.clause} attempt {decision.attempt}".encode()))
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
            activation=None if decision is None else ACTIVE,
            attributes=attributes,
        )

    def _failed(self, worker: FrontWorker, ending: Ending, error: Exception) -> Ending:
        self._front.counters[f"ended_{ending.name.lower()}"] += 1
        # What clients can bring about at will must not fill the log.
        level = logging.INFO if ending is Ending.TOO_LARGE else logging.WARNING
        logger.log(level, "%s: worker %s: %s: %s", self._named(), worker.name, ending.value, error)
        self._front.note(lambda: f"{self._named()} ← {worker.name}: {ending.value}: {error}")
        if ending is Ending.CUT_SHORT:
            self._client.break_off()
        return ending

    def _named(self) -> str:
        return f"{self._request.method.decode('latin-1')} {self._target.uri.decode('latin-1')}"


def _ending_of(error: EndpointError, begun: bool) -> Ending:
    if error.headers_seen:
        return Ending.CUT_SHORT
    if not (begun and error.sent):
        return Ending.NOT_SENT
    return Ending.SILENT if isinstance(error, ReplyTimeout) else Ending.BROKEN


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
