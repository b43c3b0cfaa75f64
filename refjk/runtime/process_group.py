"""Several programs that belong together: started in order, watched, started again, and ended together.

    group = ProcessGroup([Part("node1", [...]), Part("front", [...])], say=print)
    exit_code = group.run()

Each part gets a pipe as its standard input; the other end is held here alone, so that a part which
watches it (`watch_lifeline`) ends when this process is gone, however that came about.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refjk.base.errors import InputError
from refjk.runtime.signals import Arrivals

LIFELINE = "REFJK_LIFELINE"
"""Set in the environment of parts: standard input ends when the group does."""

BACK_OFF_S = 1.0
BACK_OFF_MAX_S = 30.0
STEADY_S = 60.0  # a part that ran so long has no bad record any more
LOOK_S = 0.2
KILL_AFTER_S = 5.0  # beyond the time that parts were given
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)


@dataclass(frozen=True, slots=True)
class Part:
    """One program. `forwarded` are signals that it gets when the group does. Its output goes to `log` too.

    A line with `ready` in it says that it serves; parts of a later `stage` wait for that.
    """

    name: str
    command: Sequence[str]
    stage: int = 0
    ready: str = ""
    forwarded: frozenset[int] = frozenset()
    log: Path | None = None


@dataclass(slots=True)
class _Running:
    part: Part
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float | None = None  # when it is started (again); None: with its stage
    is_ready: bool = False
    threads: list[threading.Thread] = field(default_factory=list)


class ProcessGroup:
    """`say` gets each line of each part, with its name before it, and what happens to parts.

    Without `restart` the end of one part ends all.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        say: Callable[[str], None],
        *,
        grace_s: float = 10.0,
        restart: bool = True,
        ready_s: float = 60.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._say = say
        self._grace_s = grace_s
        self._restart = restart
        self._ready_s = ready_s
        self._environment = {**(os.environ if environment is None else environment), LIFELINE: "1"}
        self._running = [_Running(part) for part in parts]
        self._exit_code = 0

    def run(self) -> int:
        """Until a signal ends it, or a part failed that is not started again. Only from the main thread.

        Raises `InputError` when a part cannot be started at all.
        """
        arrivals = Arrivals()
        arrivals.install(_SIGNALS)
        try:
            while True:
                if not self._look_after():
                    break
                signals, _ = arrivals.wait(LOOK_S)
                if {signal.SIGTERM, signal.SIGINT}.intersection(signals):
                    break
                for number in signals:
                    self._forward(number)
        finally:
            self._stop_all(arrivals)
            arrivals.close()
        return self._exit_code

    # -- parts --------------------------------------------------------------------------------

    def _start(self, one: _Running) -> None:
        try:
            one.process = subprocess.Popen(
                one.part.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environment,
                # Ctrl-C is for this process alone, which ends its parts in order.
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"{one.part.name} cannot be started: {error.strerror}") from None
        one.started_at = time.monotonic()
        one.is_ready = not one.part.ready
        reader = threading.Thread(target=self._tell, args=(one, one.process), daemon=True)
        reader.start()
        one.threads = [reader]

    def _tell(self, one: _Running, process: subprocess.Popen[bytes]) -> None:
        """All that a part says, line by line."""
        part = one.part
        assert process.stdout is not None
        with contextlib.ExitStack() as stack:
            log = None
            if part.log is not None:
                part.log.parent.mkdir(parents=True, exist_ok=True)
                log = stack.enter_context(part.log.open("ab"))
            for line in process.stdout:
                if log is not None:
                    log.write(line)
                    log.flush()
                text = line.decode("utf-8", "backslashreplace").rstrip()
                one.is_ready = one.is_ready or part.ready in text
                self._say(f"{part.name}: {text}")

    def _forward(self, number: int) -> None:
        for one in self._running:
            if number in one.part.forwarded and one.process is not None and one.process.poll() is None:
                one.process.send_signal(number)

    def _look_after(self) -> bool:
        """Starts again what has ended; False when that is not wanted."""
        now = time.monotonic()
        for one in self._running:
            if one.process is not None and one.process.poll() is not None:
                if not self._note_end(one, now):
                    return False
            elif one.process is None and self._is_due(one, now):
                self._start(one)
        return True

    def _is_due(self, one: _Running, now: float) -> bool:
        if one.due_at is not None:
            return one.due_at <= now
        before = [other for other in self._running if other.part.stage < one.part.stage]
        return all(
            other.is_ready or (other.process is not None and now - other.started_at > self._ready_s)
            for other in before
        )

    def _note_end(self, one: _Running, now: float) -> bool:
        assert one.process is not None
        code = one.process.returncode
        self._close(one)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if not self._restart:
            self._say(f"refjk: {one.part.name} ended with {how}")
            self._exit_code = code if code > 0 else 1
            return False
        one.failures = 1 if now - one.started_at > STEADY_S else one.failures + 1
        wait_s = min(BACK_OFF_S * 2 ** (one.failures - 1), BACK_OFF_MAX_S)
        one.due_at = now + wait_s
        self._say(f"refjk: {one.part.name} ended with {how}; it is started again in {wait_s:g} s")
        return True

    def _close(self, one: _Running) -> None:
        process, one.process = one.process, None
        if process is None:
            return
        for thread in one.threads:
            thread.join(1.0)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    # -- the end ------------------------------------------------------------------------------

    def _stop_all(self, arrivals: Arrivals) -> None:
        """The last that was started is the first to end."""
        running = [one for one in reversed(self._running) if one.process is not None]
        for one in running:
            assert one.process is not None
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace_s + KILL_AFTER_S
        while any(one.process is not None and one.process.poll() is None for one in running):
            signals, _ = arrivals.wait(LOOK_S)
            if time.monotonic() >= deadline or {signal.SIGTERM, signal.SIGINT}.intersection(signals):
                for one in running:
                    if one.process is not None and one.process.poll() is None:
                        self._say(f"refjk: {one.part.name} did not end in time and is killed")
                        one.process.kill()
                break
        for one in running:
            if one.process is not None:
                one.process.wait()
            self._close(one)


def watch_lifeline() -> None:
    """In a part with threads of its own: SIGTERM to itself when the group is gone."""
    if os.environ.get(LIFELINE) != "1":
        return

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="refjk-lifeline", daemon=True).start()
