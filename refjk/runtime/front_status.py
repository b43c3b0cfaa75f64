"""The status pages of a front: what they show is gathered here, and what they change is done here."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping

from refjk import __version__
from refjk.base.errors import RefjkError
from refjk.configuration import Configuration
from refjk.http1 import RequestReceived
from refjk.runtime.addresses import Address
from refjk.runtime.front import Front, now_ms
from refjk.runtime.front_local import LocalAnswer, LocalRequest
from refjk.runtime.front_pools import endpoint_settings, pool_settings
from refjk.runtime.shared_memory import SharedMemory
from refjk.status import (
    Access,
    Policy,
    StatusAnswer,
    StatusReport,
    Verdict,
    answer_metrics,
    decide,
    parse_request,
    render,
)
from refjk.status.request import FORM_SIZE_MAX
from refjk.webserver import Editor
from refjk.webserver.reporting import Moment, report

METRICS_PATH = "metrics"
SOFTWARE = f"refjk/{__version__} (mod_jk 1.2.50 profile)"


class StatusService:
    """All workers of type status (a `LocalService`). A path that ends in `/metrics` gets metrics.

    `key` makes the tokens of forms; all processes of a front have the same. `remote`: others
    than this machine may ask.
    """

    def __init__(
        self,
        front: Front,
        configuration: Configuration,
        key: bytes,
        memory: SharedMemory | None = None,
        *,
        remote: bool = False,
    ) -> None:
        self._front = front
        self._configuration = configuration
        self._memory = memory
        self._editor = Editor(front.web_server, int(time.time()))
        self._seen = 0  # the sequence of the changes that were taken over
        self._lock = threading.Lock()  # one status page at a time
        if memory is not None and front.web_server.plan.statuses:
            front.before_requests.append(self.follow)
        names = {name for host in front.web_server.plan.hosts for name in host.names}
        self._policies: Mapping[str, Policy] = {
            status.name: Policy(status.settings, key, status.writable, remote, frozenset(names))
            for status in front.web_server.plan.statuses.values()
        }

    def __call__(self, request: LocalRequest) -> LocalAnswer | None:
        target = request.place.target
        policy = None if target is None else self._policies.get(target.worker)
        if policy is None:
            return None
        head = request.request
        access = Access(
            policy,
            head.method.decode("latin-1"),
            request.peer.host,
            host=_header(head, b"host"),
            origin=_header(head, b"origin"),
            fetch_site=_header(head, b"sec-fetch-site"),
        )
        form = _form(request) if head.method == b"POST" else b""
        with self._lock:
            return _local(self._answer(request, access, form))

    def follow(self) -> None:
        """Takes over what other processes have changed; asked before each request, quick if nothing has."""
        if self._memory is not None and self._memory.sequence != self._seen:
            with self._lock:
                self._take_over(self._memory)

    def _take_over(self, memory: SharedMemory) -> None:
        self._seen, journal = memory.read()
        if journal:
            with self._front.lock:
                changed = self._editor.follow(journal)
            self._adopt(changed)

    def _answer(self, request: LocalRequest, access: Access, form: bytes) -> StatusAnswer:
        shown = self._report(request)
        if request.place.path.rpartition(b"/")[2] == METRICS_PATH.encode():
            return answer_metrics(shown, access)
        wanted = parse_request(request.request.query or b"", form)
        verdict = decide(wanted, shown, access)
        if verdict.edits:
            verdict = self._carry_out(verdict)
            shown = self._report(request)
        return render(wanted, shown, access, verdict)

    def _carry_out(self, verdict: Verdict) -> Verdict:
        try:
            if self._memory is not None:
                self._take_over(self._memory)
            with self._front.lock:
                changed = self._editor.apply(verdict.edits, int(time.time()))
            self._adopt(changed)
            if self._memory is not None:
                self._seen = self._memory.publish(self._editor.journal())
        except RefjkError as error:
            return verdict.failed(str(error))
        return verdict

    def _adopt(self, names: set[str]) -> None:
        """Connections to these workers are made in another way from now on. EPL-EDT-01"""
        for name in names:
            plan = self._front.web_server.workers[name]
            assert plan.ajp is not None
            self._front.pools[name].adopt(
                Address(plan.host, plan.port),
                endpoint_settings(plan.ajp),
                pool_settings(plan.ajp, self._front.style),
            )

    def _report(self, request: LocalRequest) -> StatusReport:
        counters = {name: pool.counters() for name, pool in self._front.pools.items()}
        connections = {name: (one.open, one.open_max) for name, one in counters.items()}
        offset_s = time.localtime().tm_gmtoff
        with self._front.lock:
            return report(
                self._front.web_server,
                self._editor,
                self._configuration,
                connections,
                Moment(time.time_ns() // 1_000_000, now_ms(), offset_s),
                request.host.name or (_header(request.request, b"host") or "").partition(":")[0],
                request.local.port,
                SOFTWARE,
            )


def new_key() -> bytes:
    """For the tokens of one start."""
    return secrets.token_bytes(32)


def _form(request: LocalRequest) -> bytes:
    """The body of a form, as far as one can be taken."""
    pieces: list[bytes] = []
    size = 0
    while size <= FORM_SIZE_MAX and (piece := request.read_body()):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _header(request: RequestReceived, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in request.headers if key.lower() == name), None)


def _local(answer: StatusAnswer) -> LocalAnswer:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"Content-Length", b"%d" % len(answer.body)))
    return LocalAnswer(answer.status, headers, (answer.body,))
