"""Status pages of a front that serves: what they show, who may change something, and what a change does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from refjk.configuration import read_httpd
from refjk.runtime.addresses import Address
from refjk.runtime.configured import Site
from refjk.runtime.disk_files import DiskFiles
from refjk.runtime.front import Front
from refjk.runtime.front_logs import FrontLogs
from refjk.runtime.front_settings import ServingSettings
from refjk.runtime.listening import open_listeners
from refjk.runtime.shared_memory import SharedMemory
from refjk.speccheck import covers
from refjk.webserver import WebServer
from tests.interop.peers import Answer, ask
from tests.runtime.containers import TinyContainer
from tests.runtime.fronts import recording, wait_for
from tests.status.browser import dump_dom

KEY = b"k" * 32


@dataclass(frozen=True)
class Fronts:
    """Processes of one front, here two fronts in one process that share their memory."""

    ports: tuple[int, ...]
    fronts: tuple[Front, ...]

    def status(self, query: str, *, number: int = 0, path: str = "/jk-status") -> Answer:
        return ask(self.ports[number], f"{path}?{query}")

    def change(self, *, token: str, number: int = 0, **values: str) -> Answer:
        form = urlencode({**values, "token": token, "mime": "json"}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return ask(self.ports[number], "/jk-status", "POST", body=form, headers=headers)

    def states(self) -> list[str]:
        return [worker.state.value for worker in self.fronts[0].snapshot()["lb"]]

    def token(self, worker: str, number: int = 0) -> str:
        answer = self.status(f"cmd=edit&mime=json&w={worker}", number=number)
        token: str = json.loads(answer.body)["token"]
        return token


@contextlib.contextmanager
def serving(
    tmp_path: Path, *addresses: Address, more: str = "", count: int = 1, remote: bool = False
) -> Iterator[Fronts]:
    """`count` fronts with a status page before members n1, n2… at these addresses."""
    names = [f"n{number}" for number in range(1, len(addresses) + 1)]
    lines = ["worker.list=lb,status", "worker.lb.type=lb", f"worker.lb.balance_workers={','.join(names)}"]
    for name, address in zip(names, addresses, strict=True):
        lines += [f"worker.{name}.host={address.host}", f"worker.{name}.port={address.port}"]
    lines += ["worker.status.type=status", *more.splitlines()]
    conf = tmp_path / "httpd.conf"
    directives = [f"JkWorkerProperty {line}" for line in lines]
    mounts = ["JkMount /app/* lb", "JkMount /jk-status status", "JkMount /jk-status/* status"]
    conf.write_text("\n".join(["ServerName www.example", "JkLogFile mod_jk.log", *directives, *mounts]))
    site = Site.of(read_httpd(str(conf), DiskFiles()))
    memory = SharedMemory.create(None, WebServer.parts(site.plan, count))
    WebServer(site.plan, 0, memory)
    with contextlib.ExitStack() as stack:
        fronts, ports = [], []
        for slot in range(count):
            logs = FrontLogs(site.configuration)
            stack.callback(logs.close)
            sockets = open_listeners(Address("127.0.0.1", 0))
            front = site.front(
                ServingSettings(threads=4),
                sockets,
                logs,
                memory=memory,
                slot=slot,
                key=KEY,
                remote_status=remote,
            )
            ports.append(front.start()[1])
            stack.callback(front.stop, 2.0)
            fronts.append(front)
        yield Fronts(tuple(ports), tuple(fronts))


WRITABLE = "worker.status.read_only=false"


def test_the_page_shows_members_and_their_picture_in_a_browser(tmp_path: Path) -> None:
    with TinyContainer(recording([])) as one, serving(tmp_path, one.address, one.address) as running:
        for _ in range(3):
            assert ask(running.ports[0], "/app/x").status == 200
        dom = dump_dom(f"http://127.0.0.1:{running.ports[0]}/jk-status", tmp_path)
    assert "<svg" in dom and "<table" in dom
    assert ">n1<" in dom and ">n2<" in dom and "/app/*" in dom


def test_values_are_those_of_the_balancer(tmp_path: Path) -> None:
    with TinyContainer(recording([])) as one, serving(tmp_path, one.address, one.address) as running:
        for _ in range(3):
            assert ask(running.ports[0], "/app/x").status == 200
        listing = running.status("mime=xml").body
        metrics = running.status("", path="/jk-status/metrics").body.decode()
    (balancer,) = ElementTree.fromstring(listing).iter("{http://tomcat.apache.org}balancer")
    members = list(balancer.iter("{http://tomcat.apache.org}member"))
    assert [member.get("elected") for member in members] == ["2", "1"]
    assert {member.get("activation") for member in members} == {"ACT"}
    assert members[0].get("max_connected") == "1"
    assert 'refjk_worker_requests_total{balancer="lb",worker="n1"} 2' in metrics


@covers("STA-ACC-04")
def test_without_a_word_in_the_file_nothing_can_be_changed(tmp_path: Path) -> None:
    with TinyContainer(recording([])) as one, serving(tmp_path, one.address) as running:
        answer = running.change(cmd="update", w="lb", sw="n1", vwa="S", token="x")
        assert json.loads(answer.body)["result"]["type"] == "ERROR"
        assert running.fronts[0].snapshot()["lb"][0].settings.activation.sent == "ACT"


@covers("STA-ACC-08")
def test_a_member_is_drained_and_brought_back_by_post_with_the_token(tmp_path: Path) -> None:
    with (
        TinyContainer(recording([])) as one,
        TinyContainer(recording([])) as two,
        serving(tmp_path, one.address, two.address, more=WRITABLE) as running,
    ):
        refused = running.status("cmd=update&mime=json&w=lb&sw=n1&vwa=S")
        assert json.loads(refused.body)["result"]["type"] == "ERROR"
        token = running.token("lb")
        assert running.change(cmd="update", w="lb", sw="n1", vwa="S", token="0" * 64).status == 403
        done = running.change(cmd="update", w="lb", sw="n1", vwa="S", token=token)
        assert json.loads(done.body)["result"]["type"] == "OK"
        for _ in range(4):
            assert ask(running.ports[0], "/app/x", headers={"Cookie": "JSESSIONID=1.n1"}).status == 200
        assert [worker.elected for worker in running.fronts[0].snapshot()["lb"]] == [0, 4]
        running.change(cmd="update", w="lb", sw="n1", vwa="A", token=token)
        assert ask(running.ports[0], "/app/x", headers={"Cookie": "JSESSIONID=1.n1"}).status == 200
        assert running.fronts[0].snapshot()["lb"][0].elected == 1


@covers("STA-EDT-05", "BAL-ACT-03")
def test_a_change_counts_in_all_processes_and_is_made_once(tmp_path: Path) -> None:
    with (
        TinyContainer(recording([])) as one,
        serving(tmp_path, one.address, one.address, more=WRITABLE, count=2) as running,
    ):
        running.change(cmd="update", w="lb", vls="false", vlm="S", token=running.token("lb"))
        running.change(cmd="update", w="lb", sw="n2", vwf="3", vapng="700", token=running.token("lb"))
        changed = json.loads(running.status("mime=json", number=1).body)["balancers"][0]
        assert (changed["sticky_session"], changed["method"]) == (False, "Sessions")
        assert changed["members"][1]["lbfactor"] == 3
        assert changed["members"][1]["ping_timeout"] == 700
        running.change(cmd="update", w="lb", sw="n1", vwa="D", number=1, token=running.token("lb", 1))
        assert ask(running.ports[0], "/app/x").status == 200
        values = [worker.value for worker in running.fronts[0].snapshot()["lb"]]
        # The second process must not set the values to 0 again when it learns of the change.
        assert ask(running.ports[1], "/app/x").status == 200
        after = [worker.value for worker in running.fronts[1].snapshot()["lb"]]
        assert values == [0, 1] and after == [0, 2]


@covers("EPL-EDT-01")
def test_another_port_is_where_the_next_request_goes(tmp_path: Path) -> None:
    with TinyContainer(recording([])) as one:
        with TinyContainer(recording([])) as gone:
            nobody = gone.address
        with serving(tmp_path, nobody, more=f"{WRITABLE}\nworker.n1.retries=1") as running:
            assert ask(running.ports[0], "/app/x").status == 503
            change = {"cmd": "update", "w": "lb", "sw": "n1", "vaprt": str(one.address.port)}
            running.change(token=running.token("lb"), **change)
            assert ask(running.ports[0], "/app/x").status == 200


def test_counters_go_back_and_a_member_in_error_is_recovered(tmp_path: Path) -> None:
    with TinyContainer(recording([])) as gone, TinyContainer(recording([])) as one:
        pass
    with (
        TinyContainer(recording([])) as one,
        serving(tmp_path, gone.address, one.address, more=WRITABLE) as running,
    ):
        assert ask(running.ports[0], "/app/x").status == 200
        # An attempt is reported when the client has its answer already.
        wait_for(lambda: running.states() == ["error", "ok"])
        token = running.token("lb")
        running.change(cmd="recover", w="lb", sw="n1", token=token)
        assert running.fronts[0].snapshot()["lb"][0].state.value == "recovering"
        running.change(cmd="reset", w="lb", token=token)
        fresh = running.fronts[0].snapshot()["lb"]
        assert [(worker.state.value, worker.elected, worker.errors) for worker in fresh] == [
            ("idle", 0, 0),
            ("idle", 0, 0),
        ]
        shown = json.loads(running.status("mime=json").body)["balancers"][0]
        assert shown["members"][0]["last_reset_ago"] < 60


@covers("STA-ACC-02")
def test_another_name_in_host_is_refused(tmp_path: Path) -> None:
    with TinyContainer(recording([])) as one, serving(tmp_path, one.address) as running:
        assert ask(running.ports[0], "/jk-status", headers={"Host": "evil.example"}).status == 403
        assert ask(running.ports[0], "/jk-status", headers={"Host": "www.example"}).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_are_refused_with_what_is_allowed(tmp_path: Path, method: str) -> None:
    with TinyContainer(recording([])) as one, serving(tmp_path, one.address) as running:
        answer = ask(running.ports[0], "/jk-status", method)
        assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD, POST")
