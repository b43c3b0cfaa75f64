"""Several processes behind one address: started, replaced, reloaded and stopped, as seen from outside."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refjk.speccheck import covers
from tests.runtime.connectors import DEADLINE_S, hello, serving, wait_for

PROJECT = Path(__file__).resolve().parents[2]


class Supervised:
    """The program `tests.runtime.supervised` with its file."""

    def __init__(self, file: Path, **options: Any) -> None:
        self._file = file
        self.write(**options)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.runtime.supervised", str(file)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = 0
        self.clients: list[http.client.HTTPConnection] = []
        self.remarks: list[str] = []  # lines of standard error
        self._said: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self._said.put), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.remarks.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, take: Callable[[str], object]) -> None:
        with stream:
            for line in stream:
                take(line.rstrip("\n"))

    def write(self, **options: Any) -> None:
        self._file.write_text(json.dumps(options))

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def hears(self, beginning: str) -> str:
        """The next line of standard output that begins so."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                line = self._said.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{beginning!r} was not said, but {self.remarks}") from None
            if line.startswith(beginning):
                return line

    def starts(self) -> None:
        self.port = int(self.hears("serves").split()[1])

    def reload(self, **options: Any) -> None:
        self.write(**options)
        self.send(signal.SIGHUP)

    def remarked(self, text: str) -> bool:
        wait_for(lambda: any(text in line for line in self.remarks), text)
        return True

    def client(self) -> http.client.HTTPConnection:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        self.clients.append(client)
        return client

    def ask(self, path: str = "/") -> dict[str, Any]:
        """One request on a connection of its own."""
        with contextlib.closing(self.client()) as client:
            return asked(client, path)

    def answers(self, text: str) -> None:
        """Until nobody else accepts: the old processes may for a moment, until they see that they retire."""
        wait_for(lambda: all(self.ask()["text"] == text for _ in range(10)), text)

    def clients_of(self, count: int) -> dict[int, http.client.HTTPConnection]:
        """A connection to each of so many processes, by process id."""
        found: dict[int, http.client.HTTPConnection] = {}
        deadline = time.monotonic() + DEADLINE_S
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {len(found)} processes answer"
            client = self.client()
            if found.setdefault(asked(client)["pid"], client) is not client:
                client.close()
        return found

    def ends(self) -> int:
        code = self.process.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return code

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.ends()


def asked(client: http.client.HTTPConnection, path: str = "/") -> dict[str, Any]:
    client.request("GET", path)
    answer: dict[str, Any] = json.loads(client.getresponse().read())
    return answer


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


Start = Callable[..., Supervised]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Supervised] = []

    def run(*, serves: bool = True, **options: Any) -> Supervised:
        here = Supervised(tmp_path / f"options{len(started)}", **options)
        started.append(here)
        if serves:
            here.starts()
        return here

    yield run
    for here in started:
        here.process.kill()  # its children notice and end
        for client in here.clients:
            client.close()
        here.ends()


# -- start and stop -----------------------------------------------------------------------


@covers("PRC-SUP-01")
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_as_many_processes_as_wanted_serve_one_address(start: Start, processes: int) -> None:
    here = start(processes=processes)
    pids = set(here.clients_of(processes))
    assert here.process.pid not in pids
    for _ in range(20):
        assert here.ask()["pid"] in pids
    assert here.stop() == 0
    assert here.remarks == ["refjk stops; running requests have 10 s"]
    assert not any(is_alive(pid) for pid in pids)


@covers("PRC-SUP-01")
def test_a_configuration_that_is_wrong_at_the_start_is_told_before_any_process_starts(start: Start) -> None:
    here = start(serves=False, fault="no such worker")
    assert here.ends() == 1
    assert "no such worker" in here.remarks[-1]


def test_a_process_that_cannot_serve_at_the_start_ends_them_all_with_its_exit_code(start: Start) -> None:
    here = start(serves=False, die=3)
    assert here.ends() == 3
    assert here.remarks[-1].startswith("refjk cannot start: a new process ended with exit code 3")


@covers("PRC-SUP-03")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished_at_a_stop(start: Start, number: int) -> None:
    here = start(processes=2)
    with contextlib.closing(here.client()) as client:
        client.request("GET", "/slow")
        wait_for(lambda: sum(here.ask("/open")["open"]) == 1)
        here.send(number)
        response = client.getresponse()
        assert response.getheader("Connection") == "close"
        assert json.loads(response.read())["worker"] in ("a", "b")
    assert here.ends() == 0


@covers("PRC-SUP-03")
def test_a_process_that_does_not_stop_is_killed(start: Start) -> None:
    here = start(processes=2, graceful_s=0.2)
    pids = here.clients_of(2)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    assert here.stop() == 0
    assert "2 processes did not end in time and were killed" in here.remarks[-1]
    assert not any(is_alive(pid) for pid in pids)


@covers("PRC-SUP-04")
def test_a_second_signal_ends_all_at_once(start: Start) -> None:
    here = start(processes=2, graceful_s=60)
    client = here.client()
    client.request("GET", "/hang")
    wait_for(lambda: sum(here.ask("/open")["open"]) == 1)
    here.send(signal.SIGTERM)
    assert here.remarked("refjk stops")
    here.send(signal.SIGTERM)
    assert here.ends() == 143
    assert here.remarks[-1] == "refjk: stopped at once"
    client.close()


def test_a_signal_to_the_whole_group_is_one_stop(start: Start) -> None:
    here = start(processes=2)
    with contextlib.closing(here.client()) as client:
        pids = here.clients_of(2)
        client.request("GET", "/slow")
        wait_for(lambda: sum(here.ask("/open")["open"]) == 1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for pid in pids:
                os.kill(pid, number)
        here.send(signal.SIGTERM)
        assert json.loads(client.getresponse().read())["worker"] in ("a", "b")
    assert here.ends() == 0


@covers("PRC-SUP-06")
def test_children_end_when_their_parent_is_gone(start: Start) -> None:
    here = start(processes=2)
    pids = list(here.clients_of(2))
    here.process.kill()
    wait_for(lambda: not any(is_alive(pid) for pid in pids), "the end of the children")
    assert here.ends() == -signal.SIGKILL


@covers("PRC-SUP-05")
def test_sigusr1_reaches_every_process(start: Start) -> None:
    here = start(processes=3)
    here.send(signal.SIGUSR1)
    assert {here.hears("reopened") for _ in range(3)} == {f"reopened {slot}" for slot in range(3)}


# -- death and replacement ----------------------------------------------------------------


@covers("PRC-SUP-02")
def test_a_killed_process_is_replaced_and_the_others_go_on(start: Start) -> None:
    here = start(processes=3)
    clients = here.clients_of(3)
    victim, *others = clients
    slot = asked(clients[victim])["slot"]
    os.kill(victim, signal.SIGKILL)
    for _ in range(20):
        assert [asked(clients[pid])["pid"] for pid in others] == others
    assert here.remarked(f"process {victim} ended with signal 9; another takes its place")
    successor = next(iter(set(here.clients_of(3)) - set(others)))
    answer = asked(here.clients_of(3)[successor])
    assert (answer["pid"], answer["slot"]) == (successor, slot)


@covers("PRC-SUP-02", "PRC-LCK-02")
def test_open_requests_of_a_killed_process_are_taken_back_by_the_hook(start: Start) -> None:
    here = start(processes=2)
    victim, other = here.clients_of(2).items()
    victim[1].request("GET", "/hang")
    wait_for(lambda: sum(asked(other[1], "/open")["open"]) == 1)
    os.kill(victim[0], signal.SIGKILL)
    wait_for(lambda: sum(asked(other[1], "/open")["open"]) == 0)
    assert len(here.clients_of(2)) == 2


@covers("PRC-SUP-02")
def test_processes_that_die_again_and_again_are_given_up(start: Start) -> None:
    here = start(processes=1, dies_later=0.05)
    assert here.ends() == 1
    assert any(line == "refjk gives up: 5 processes died within 10 s" for line in here.remarks)


# -- shared decisions ---------------------------------------------------------------------


@covers("PRC-SHM-04")
@pytest.mark.parametrize("with_file", [False, True])
def test_decisions_of_four_processes_are_those_of_one(start: Start, tmp_path: Path, with_file: bool) -> None:
    here = start(processes=4, shm=str(tmp_path / "shm") if with_file else None)
    clients = list(here.clients_of(4).values())
    chosen = Counter(asked(clients[turn % 4])["worker"] for turn in range(400))
    assert chosen == {"a": 200, "b": 200}


# -- reload -------------------------------------------------------------------------------


class Load:
    """Clients that ask without a pause and note whatever goes wrong."""

    def __init__(self, here: Supervised, path: str) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._here = here
        self._path = path
        self._over = threading.Event()
        runs = [self._keep_alive] * 3 + [self._each_anew] * 3
        self._threads = [threading.Thread(target=run) for run in runs]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(DEADLINE_S)

    def _keep_alive(self) -> None:
        with contextlib.closing(self._here.client()) as client:
            while not self._over.is_set():
                self._one(client)  # http.client connects again after `Connection: close`

    def _each_anew(self) -> None:
        while not self._over.is_set():
            with contextlib.closing(self._here.client()) as client:
                self._one(client)

    def _one(self, client: http.client.HTTPConnection) -> None:
        try:
            client.request("GET", self._path)
            response = client.getresponse()
            response.read()
            assert response.status == 200, response.status
            self.answers += 1
        except Exception as failure:
            self.failures.append(repr(failure))
            client.close()

    def goes_on(self) -> None:
        """Until many more answers have come."""
        goal = self.answers + 60
        wait_for(lambda: self.answers >= goal or bool(self.failures), "more answers")


@covers("PRC-RLD-03", "PRC-RLD-04", "PRC-RLD-05")
@pytest.mark.parametrize("processes", [1, 3])
def test_reloads_under_load_cost_no_request(start: Start, processes: int) -> None:
    here = start(processes=processes, text="0")
    with Load(here, "/") as load:
        load.goes_on()
        for turn in range(1, 4):
            here.reload(processes=processes, text=str(turn))
            here.hears(f"serves {here.port}")
            load.goes_on()
            here.hears(f"closed {turn - 1}")
    assert load.failures == []
    assert here.ask()["text"] == "3"
    assert here.stop() == 0


@covers("PRC-RLD-04", "PRC-RLD-05")
def test_reloads_of_the_front_under_load_cost_no_request(start: Start) -> None:
    with serving(hello) as container:
        here = start(processes=2, ajp=f"127.0.0.1:{container.port}")
        with Load(here, "/") as load:
            load.goes_on()
            for _ in range(3):
                here.reload(processes=2, ajp=f"127.0.0.1:{container.port}")
                here.hears(f"serves {here.port}")
                load.goes_on()
        assert load.failures == []
        assert here.stop() == 0


@covers("PRC-RLD-05")
def test_an_idle_connection_to_an_old_process_has_one_more_answer_with_close(start: Start) -> None:
    here = start(processes=1, text="old")
    with contextlib.closing(here.client()) as client:
        old = asked(client)
        here.reload(processes=1, text="new")
        here.hears("serves")
        here.answers("new")
        client.request("GET", "/")
        response = client.getresponse()
        assert response.getheader("Connection") == "close"
        assert json.loads(response.read())["pid"] == old["pid"]
    assert here.hears("closed") == "closed old"
    assert not is_alive(old["pid"])


@covers("PRC-RLD-06")
def test_an_old_process_ends_at_the_retire_limit(start: Start) -> None:
    here = start(processes=1, text="old", retire_s=0.3)
    with contextlib.closing(here.client()) as idle:
        old = asked(idle)
        here.reload(processes=1, text="new")
        assert here.hears("closed") == "closed old"
        assert not is_alive(old["pid"])
        assert idle.sock.recv(1) == b""


@covers("PRC-RLD-01")
@pytest.mark.parametrize(
    ("bad", "remark"),
    [
        ({"fault": "workers.properties:3: no such worker"}, "workers.properties:3: no such worker"),
        ({"defect": "x"}, "an internal error stands above"),
    ],
)
def test_a_bad_configuration_leaves_the_old_processes_as_they_are(
    start: Start, bad: dict[str, str], remark: str
) -> None:
    here = start(processes=2, text="old")
    pids = set(here.clients_of(2))
    here.reload(**bad)
    assert here.remarked(f"refjk keeps the old configuration: {remark}")
    assert set(here.clients_of(2)) == pids
    here.reload(processes=2, text="new")
    here.hears("serves")
    here.answers("new")


@covers("PRC-RLD-01")
def test_an_address_that_cannot_be_had_leaves_the_old_processes_as_they_are(start: Start) -> None:
    other = start(processes=1)
    here = start(processes=1, text="old")
    pid = here.ask()["pid"]
    here.reload(processes=1, text="new", listen=["127.0.0.1:0", f"127.0.0.1:{other.port}"])
    assert here.remarked("refjk keeps the old configuration: cannot listen on")
    assert here.ask()["pid"] == pid


@covers("PRC-RLD-02")
@pytest.mark.parametrize(
    ("bad", "remark"),
    [
        ({"die": 3}, "a new process ended with exit code 3 before all were ready"),
        ({"hang": True}, "new processes were not ready within 0.5 s"),
    ],
)
def test_new_processes_that_do_not_become_ready_are_stopped_and_the_old_stay(
    start: Start, bad: dict[str, Any], remark: str
) -> None:
    here = start(processes=2, text="old", ready_s=0.5, graceful_s=0.2)
    pids = set(here.clients_of(2))
    here.reload(processes=2, text="bad", **bad)
    assert here.remarked(f"refjk keeps the old configuration: {remark}")
    assert here.hears("closed") == "closed bad"
    assert set(here.clients_of(2)) == pids
    assert here.stop() == 0


@covers("PRC-RLD-07")
def test_addresses_come_and_go_with_the_configuration(start: Start) -> None:
    here = start(processes=2, text="one")
    first = here.port
    here.reload(processes=2, text="two", listen=["127.0.0.1:0", "localhost:0"])
    kept, second, *_ = (int(word) for word in here.hears("serves").split()[1:])
    assert kept == first
    here.port = second
    assert here.ask()["text"] == "two"
    here.reload(processes=3, text="three", listen=["localhost:0"])
    here.hears("serves")
    here.hears("closed two")
    assert len(here.clients_of(3)) == 3
    here.port = first
    with pytest.raises(ConnectionRefusedError):
        here.ask()


def test_a_stop_during_a_reload_ends_old_and_new(start: Start) -> None:
    here = start(processes=2, text="old", graceful_s=0.2)
    pids = set(here.clients_of(2))
    here.reload(processes=2, hang=True)
    here.send(signal.SIGTERM)
    assert here.ends() == 0
    assert not any(is_alive(pid) for pid in pids)
