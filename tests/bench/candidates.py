"""Who is measured, how each is started, and which way leads to it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.interop.peers import Httpd, JkWorker, ModJk, ModProxyAjp, ModProxyHttp, PeerFailed, Program

Front = ModJk | ModProxyAjp | ModProxyHttp | Program


def _jk(port: int) -> Front:
    return ModJk([JkWorker(port)], log_level="error")


def _refjk(port: int, threads: int, application: str) -> list[str]:
    return ["refjk", "serve", application, "--listen", f"127.0.0.1:{port}", "--threads", str(threads)]


def _waitress(port: int, threads: int, application: str) -> list[str]:
    limits = [f"--threads={threads}", "--connection-limit=1024"]
    return ["waitress", f"--listen=127.0.0.1:{port}", *limits, application]


def _cheroot(port: int, threads: int, application: str) -> list[str]:
    return ["tests.bench.cheroot_server", str(port), str(threads), application]


def _gunicorn(port: int, threads: int, application: str) -> list[str]:
    # Since version 25.1 it opens a control socket under one fixed name unless told not to.
    words = ["gunicorn", "--workers=1", "--worker-class=gthread", f"--threads={threads}", "--keep-alive=75"]
    return [*words, "--no-control-socket", "--log-level=warning", f"--bind=127.0.0.1:{port}", application]


def _bare(port: int, threads: int, application: str) -> list[str]:
    return ["tests.bench.bare", str(port)]


@dataclass(frozen=True, slots=True)
class Candidate:
    """`command` gets port, threads and application, and gives what follows `python -m`.

    `front` gets the server's port: a front of httpd's, or a program of its own that listens in its place.
    `module` is what must be importable; the refjk ones are `own`, the `bare` loop is no peer either.
    """

    name: str
    front: Callable[[int], Front]
    command: Callable[[int, int, str], Sequence[str]]
    module: str
    kind: str = "peer"


CANDIDATES = (
    Candidate("mod_jk-refjk", _jk, _refjk, "refjk", "own"),
    Candidate("mod_proxy_ajp-refjk", ModProxyAjp, _refjk, "refjk", "own"),
    Candidate("mod_proxy_http-waitress", ModProxyHttp, _waitress, "waitress"),
    Candidate("mod_proxy_http-cheroot", ModProxyHttp, _cheroot, "cheroot"),
    Candidate("mod_proxy_http-gunicorn", ModProxyHttp, _gunicorn, "gunicorn"),
    Candidate("mod_jk-bare", _jk, _bare, "tests.bench.bare", "bare"),
)


@dataclass(frozen=True, slots=True)
class Running:
    """A candidate that serves, and what is before it: httpd, or the program that was named."""

    candidate: Candidate
    server: Program
    front: Httpd | Program


@contextmanager
def running(
    candidates: Sequence[Candidate], *, threads: int, httpd_threads: int, application: str
) -> Iterator[tuple[list[Running], list[str]]]:
    """All candidates that can be started, each behind a front of its own, and remarks on the others.

    All httpds are alike but for the module. They run side by side, so that rounds can be interleaved
    without new starts; an idle one uses no processor time.
    """
    started: list[Running] = []
    remarks: list[str] = []
    with ExitStack() as stack:
        for candidate in candidates:
            if importlib.util.find_spec(candidate.module) is None:
                remarks.append(f"{candidate.name}: left out, {candidate.module} is not installed")
                continue
            server = Program(candidate.name, _command_line(candidate, threads, application))
            try:
                stack.enter_context(server)
            except PeerFailed as failure:
                remarks.append(f"{candidate.name}: left out, {_short(failure)}")
                continue
            front = _as_peer(candidate.front(server.port), httpd_threads)
            stack.enter_context(front)
            started.append(Running(candidate, server, front))
        yield started, remarks


def _as_peer(front: Front, httpd_threads: int) -> Httpd | Program:
    if isinstance(front, Program):
        return front
    return Httpd(front, threads=httpd_threads, access_log=False, log_level="warn")


def _command_line(candidate: Candidate, threads: int, application: str) -> Callable[[int], Sequence[str]]:
    return lambda port: [sys.executable, "-m", *candidate.command(port, threads, application)]


def _short(failure: PeerFailed) -> str:
    lines = str(failure).splitlines()
    return f"{lines[0]}: {lines[-1]}"
