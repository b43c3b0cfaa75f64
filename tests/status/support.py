"""Reports, requests and answers in short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from refjk.balancing import Balancer1250, WorkerState
from refjk.configuration import (
    AjpWorker,
    BalancerWorker,
    Lock,
    MountRule,
    MountSource,
    Place,
    RuleExtensions,
    StatusWorker,
    Workers,
    raise_if_refused,
    read_workers,
)
from refjk.status import (
    Access,
    AjpStatus,
    BalancerStatus,
    Edit,
    EditBalancer,
    EditMember,
    EditWorker,
    MemberStatus,
    Policy,
    RuleStatus,
    StatusAnswer,
    StatusReport,
    answer,
    parse_request,
)
from refjk.webserver import balancer_settings, member_settings

NOW_S = 1_795_518_375
KEY = b"0123456789abcdef0123456789abcdef"
PROPERTIES = """\
worker.list=lb,solo,jkstatus
worker.jkstatus.type=status
worker.lb.type=lb
worker.lb.balance_workers=node1,node2
worker.node1.type=ajp13
worker.node1.host=127.0.0.1
worker.node1.port=9012
worker.node1.secret=topsecret
worker.node2.type=ajp13
worker.node2.host=127.0.0.1
worker.node2.port=9022
worker.node2.lbfactor=2
worker.node2.domain=d
worker.node2.redirect=node1
worker.node2.distance=1
worker.solo.type=ajp13
worker.solo.host=127.0.0.1
worker.solo.port=9099
"""


def read(text: str = PROPERTIES) -> Workers:
    workers = read_workers(text, "workers.properties")
    raise_if_refused(workers.complaints)
    return workers


def status_worker(*lines: str) -> StatusWorker:
    """A status worker; the lines are properties without `worker.NAME.`."""
    text = ["worker.list=jkstatus", "worker.jkstatus.type=status"]
    worker = read("\n".join([*text, *(f"worker.jkstatus.{line}" for line in lines)])).workers["jkstatus"]
    assert isinstance(worker, StatusWorker)
    return worker


def rule(pattern: str, worker: str, **more: Any) -> RuleStatus:
    """A rule of JkMount; what is no field of the rule belongs to its extensions."""
    own = {name: more.pop(name) for name in ("exclude", "disabled", "source") if name in more}
    source = own.pop("source", MountSource.DIRECTIVE)
    mount = MountRule(pattern, worker, source, Place("httpd.conf"), **own, extensions=RuleExtensions(**more))
    return RuleStatus(mount, "127.0.0.1")


def report_of(workers: Workers, rules: Iterable[RuleStatus] = (), **more: Any) -> StatusReport:
    """What a front shows that has just been started with these workers."""
    listed = [workers.workers[name] for name in workers.listed]
    balancers = [_balancer(worker, workers) for worker in listed if isinstance(worker, BalancerWorker)]
    alone = [AjpStatus(worker, last_reset_s=NOW_S) for worker in listed if isinstance(worker, AjpWorker)]
    about: dict[str, Any] = {
        "server_name": "127.0.0.1",
        "server_port": 8080,
        "software": "refjk/1.0 (mod_jk 1.2.50 profile)",
        "now_ms": NOW_S * 1000,
        "balancers": tuple(balancers),
        "workers": tuple(alone),
        "rules": tuple(rules),
        "properties": tuple((entry.name, entry.value) for entry in workers.properties),
    }
    return StatusReport(**{**about, **more})


def report(**more: Any) -> StatusReport:
    """Two members in a balancer, one worker alone, a rule for each."""
    return report_of(read(), [rule("/app/*", "lb"), rule("/solo", "solo")], **more)


def with_member(whole: StatusReport, name: str, **snapshot: Any) -> StatusReport:
    """The same with other values for one member of the first balancer; `settings` are fields to replace."""
    balancer = whole.balancers[0]
    members = []
    for member in balancer.members:
        if member.name == name:
            changes = dict(snapshot)
            settings = replace(member.snapshot.settings, **changes.pop("settings", {}))
            member = replace(member, snapshot=replace(member.snapshot, **changes, settings=settings))
        members.append(member)
    return replace(whole, balancers=(replace(balancer, members=tuple(members)), *whole.balancers[1:]))


def with_error(whole: StatusReport, name: str = "node2", ago_s: int = 10) -> StatusReport:
    """The same with a member in error."""
    at_s = whole.now_s - ago_s
    return with_member(whole, name, state=WorkerState.ERROR, error_at_s=at_s, first_error_at_s=at_s)


def access(method: str = "GET", *lines: str, writable: bool = True, **more: Any) -> Access:
    """Somebody on this machine; `lines` are properties of the status worker, fields of Policy are known."""
    own = {name: more.pop(name) for name in ("remote", "hosts") if name in more}
    policy = Policy(status_worker(*lines), KEY, writable=writable, **own)
    return Access(policy, method, more.pop("peer", "127.0.0.1"), **more)


def ask(query: str, whole: StatusReport | None = None, who: Access | None = None) -> StatusAnswer:
    """A GET."""
    return answer(parse_request(query.encode()), whole or report(), who or access())


def post(whole: StatusReport | None = None, who: Access | None = None, **form: str) -> StatusAnswer:
    """A form with the right token, unless the form has one."""
    sender = who or access("POST")
    fields = {"mime": "txt", "token": sender.token(form.get("w", "")), **form}
    return answer(parse_request(b"", urlencode(fields).encode()), whole or report(), sender)


def edits(whole: StatusReport, **form: str) -> tuple[Edit, ...]:
    """What an update comes to; it must be granted."""
    got = post(whole, None, cmd="update", **form)
    assert "type=OK" in body(got), body(got)
    return got.edits


def apply(whole: StatusReport, changes: Iterable[Edit]) -> StatusReport:
    """The report after edits of balancers, members and workers."""
    for edit in changes:
        match edit:
            case EditBalancer(name, values):
                own = {key: value for key, value in values.items() if key != "lock"}
                found = whole.find(name)
                assert isinstance(found, BalancerStatus)
                settings = replace(found.settings, **own)  # type: ignore[arg-type]
                lock = values.get("lock", found.lock)
                assert isinstance(lock, Lock)
                changed = replace(found, settings=settings, lock=lock)
                others = tuple(changed if one.name == name else one for one in whole.balancers)
                whole = replace(whole, balancers=others)
            case EditMember(_, name, values):
                whole = with_member(whole, name, settings=dict(values))
            case EditWorker(name, values):
                balancers = tuple(_with_worker(balancer, name, values) for balancer in whole.balancers)
                whole = replace(whole, balancers=balancers)
    return whole


def _with_worker(balancer: BalancerStatus, name: str, values: Mapping[str, Any]) -> BalancerStatus:
    members = (
        replace(member, worker=replace(member.worker, **values)) if member.name == name else member
        for member in balancer.members
    )
    return replace(balancer, members=tuple(members))


def body(got: StatusAnswer) -> str:
    return got.body.decode("utf-8")


def header(got: StatusAnswer, name: str) -> str | None:
    return dict(got.headers).get(name)


class Page(HTMLParser):
    """Checks that tags are balanced; collects texts, links and fields."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{tag} closed, {self.open} open"

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def _balancer(worker: BalancerWorker, workers: Workers) -> BalancerStatus:
    settings = balancer_settings(worker, workers.profile)
    balancer = Balancer1250([member_settings(member) for member in worker.members], settings, NOW_S * 1000)
    members = tuple(
        MemberStatus(snapshot, member.worker, last_reset_s=NOW_S)
        for snapshot, member in zip(balancer.snapshot(), worker.members, strict=True)
    )
    return BalancerStatus(
        worker.name,
        settings,
        members,
        worker.lock,
        maintained_at_s=NOW_S,
        last_reset_s=NOW_S,
        maintain_s=workers.maintain,
    )
