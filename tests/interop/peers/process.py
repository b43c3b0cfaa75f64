"""A foreground child process with a directory, ports, logs and a certain end."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

PROJECT = Path(__file__).resolve().parents[3]
START_DEADLINE_S = 60.0
STOP_GRACE_S = 10.0
LOG_LINES_MAX = 120
PORT_IN_USE = ("address already in use", "could not bind to address")
# Below the range from which Linux takes the ports of outgoing connections, so that a load
# generator's connection cannot take the port between our look and the peer's bind.
PORTS = range(20000, 32000)

LIVE: list[Peer] = []


class PeerMissing(Exception):
    """The program or one of its modules is not installed; the text names the package."""


class PeerFailed(Exception):
    """The peer did not start, died on the way, or would not stop; the text carries its logs."""


def find_program(package: str, *names: str) -> str:
    """Path of the first of `names` on PATH or in the sbin folders; `PeerMissing` when there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise PeerMissing(f"{' or '.join(names)} not found: apt-get install {package}")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody is bound to at this moment."""
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PeerFailed("no free loopback port found")


def processes_of_group(group: int) -> list[int]:
    """Process ids of the group that still run (zombies do not)."""
    members = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = entry.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # It ended while we were looking.
        if int(its_group) == group and state != "Z":
            members.append(int(entry.parent.name))
    return sorted(members)


def peak_rss(process: int) -> int:
    """Highest resident set size of a process so far, in octets (VmHWM)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise PeerFailed(f"process {process} tells no VmHWM")


class Peer:
    """Base of all peers: `with Peer(...) as peer:` runs it and leaves nothing behind.

    A subclass says with `_choose_ports` which ports it wants, with `_prepare` what must stand in
    `directory`, and with `_command` what to run. An address taken by somebody else between the
    choice and the bind leads to new ports and another attempt.
    """

    name = "peer"

    def __init__(self) -> None:
        self._directory: Path | None = None  # made by `__enter__`, and the only one ever removed
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """Its own folder; exists while the peer is entered as a context manager."""
        if self._directory is None:
            raise RuntimeError(f"{self.name} is used outside its `with` block")
        return self._directory

    def _choose_ports(self) -> None:
        raise NotImplementedError

    def _prepare(self) -> None:
        """Write configuration; nothing to write by default."""

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _listening(self) -> Sequence[int]:
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str]:
        return os.environ

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix=f"refjk-{self.name}-"))
        self._directory.chmod(0o755)  # httpd's children run as another user.
        try:
            self._choose_ports()
            self._start_with_other_ports_if_taken()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        died = self.process is not None and self.process.poll() is not None
        try:
            if error is not None:
                error.add_note(self.logs())
            elif died:
                raise PeerFailed(self._complaint("ended by itself"))
            self.stop()
        finally:
            self._leave()

    def start(self) -> None:
        """Start (again) on the ports chosen before; returns when the peer accepts connections."""
        assert self.process is None
        self._prepare()
        with (self.directory / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                list(self._command()),
                cwd=self._working_directory(),
                env=dict(self._environment()),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # A terminal's Ctrl-C reaches us, and we stop it in order.
            )
        LIVE.append(self)
        self.wait_until(self._accepts, "accept connections", START_DEADLINE_S)

    def stop(self, grace_s: float = STOP_GRACE_S) -> int | None:
        """SIGTERM, then SIGKILL to the whole group after `grace_s`; the exit code, None if it did not run."""
        process = self.process
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(grace_s)
        except subprocess.TimeoutExpired:
            return self.kill()
        self._end_group(process)
        return code

    def kill(self) -> int | None:
        """SIGKILL to the whole group at once; the exit code."""
        process = self.process
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait(STOP_GRACE_S)
        self._end_group(process)
        return code

    def restart(self) -> None:
        """Stop and start on the same ports."""
        self.stop()
        self.start()

    def logs(self) -> str:
        """The ends of all log files of this peer, each under its name."""
        texts = [f"--- logs of {self.name} ({self.directory})"]
        for path in sorted(self.directory.rglob("*.log")):
            lines = path.read_text(errors="backslashreplace").splitlines()
            if lines:
                texts.append(f"--- {path.name}")
                texts += lines[-LOG_LINES_MAX:]
        return "\n".join(texts)

    def wait_until(self, condition: Callable[[], bool], what: str, deadline_s: float) -> None:
        """Wait for `condition`; `PeerFailed` with logs when the peer dies or the deadline passes first."""
        assert self.process is not None
        deadline = time.monotonic() + deadline_s
        while not condition():
            try:
                code = self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise PeerFailed(self._complaint(f"did not {what} within {deadline_s:g} s")) from None
            else:
                raise PeerFailed(self._complaint(f"ended with exit code {code}"))

    def _working_directory(self) -> Path:
        return self.directory

    def _start_with_other_ports_if_taken(self) -> None:
        for attempts_left in (2, 1, 0):
            try:
                self.start()
                return
            except PeerFailed as failure:
                taken = any(sign in str(failure).lower() for sign in PORT_IN_USE)
                if not (taken and attempts_left):
                    raise
                self.kill()
                self._choose_ports()

    def _accepts(self) -> bool:
        for port in self._listening():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                return False
        return True

    def _end_group(self, process: subprocess.Popen[bytes]) -> None:
        """Nobody of the group may outlive its leader."""
        self.process = None
        LIVE.remove(self)
        deadline = time.monotonic() + STOP_GRACE_S
        while processes_of_group(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise PeerFailed(self._complaint("left processes behind that do not end"))

    def _leave(self) -> None:
        self.kill()
        directory, self._directory = self._directory, None
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def _complaint(self, what: str) -> str:
        return f"{self.name} {what}\n{self.logs()}"


class Program(Peer):
    """Any server that takes its port on the command line; runs in the project's folder.

    `command` gets the port and returns the words of the command line.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.port = 0
        self._build_command = command
        self._extra_environment = dict(environment or {})

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _command(self) -> Sequence[str]:
        return self._build_command(self.port)

    def _listening(self) -> Sequence[int]:
        return [self.port]

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, **self._extra_environment}

    def _working_directory(self) -> Path:
        return PROJECT


@atexit.register
def _end_what_is_left() -> None:
    for peer in list(LIVE):
        peer._leave()
