"""The live state of a web server as a status page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from refjk.balancing import Balancer1250, WorkerSnapshot
from refjk.balancing.records import UNSET, Records
from refjk.configuration import AjpWorker, BalancerWorker, Configuration, Lock, MountRule, MountSource, Place
from refjk.mapping import Rule, Source
from refjk.status import (
    AjpStatus,
    BalancerStatus,
    MemberStatus,
    RuleStatus,
    StatusReport,
    Traffic,
)
from refjk.webserver.edits import Editor
from refjk.webserver.hosts import Host
from refjk.webserver.plan import Extensions
from refjk.webserver.server import WebServer

_SOURCES = {
    Source.FILE: MountSource.FILE,
    Source.DIRECTIVE: MountSource.DIRECTIVE,
    Source.PROPERTY: MountSource.PROPERTY,
}
NOWHERE = Place("")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a report is made: milliseconds since 1970, and by the clock of the `WebServer`.

    `utc_offset_s` is how far the local clock is ahead of UTC.
    """

    epoch_ms: int
    clock_ms: int
    utc_offset_s: int = 0

    def epoch_s(self, clock_s: int | None) -> int | None:
        """Seconds since 1970 for seconds of the clock."""
        return None if clock_s is None else clock_s + (self.epoch_ms - self.clock_ms) // 1000


def report(
    web_server: WebServer,
    editor: Editor,
    configuration: Configuration,
    connections: Mapping[str, tuple[int, int]],
    moment: Moment,
    server_name: str,
    server_port: int,
    software: str,
) -> StatusReport:
    """Everything that can be asked for; `connections` says how many there are to a worker and were at most.

    The caller holds the lock.
    """
    listed = configuration.workers.workers
    balancers = []
    for name, algorithm in web_server.balancers.items():
        balancer = listed[name]
        assert isinstance(balancer, BalancerWorker) and isinstance(algorithm, Balancer1250)
        busy = web_server.busy[name]
        members = (
            _member(web_server, editor, name, one, connections, moment) for one in algorithm.snapshot()
        )
        balancers.append(
            BalancerStatus(
                name,
                algorithm.settings,
                tuple(members),
                Lock[editor.locks.get(name, balancer.lock).name],
                busy[0],
                busy[1],
                web_server.plan.maintain_s,
                moment.epoch_s(algorithm.records.maintained_s[0]) or 0,
                _reset_at(editor, name),
            )
        )
    directly = [name for name in configuration.workers.listed if isinstance(listed.get(name), AjpWorker)]
    return StatusReport(
        server_name=server_name,
        server_port=server_port,
        software=software,
        now_ms=moment.epoch_ms,
        balancers=tuple(balancers),
        workers=tuple(_worker(web_server, editor, name, connections, moment) for name in directly),
        rules=tuple(_rule(host, rule) for host in web_server.hosts.all for rule in host.rules),
        properties=tuple((one.name, one.value) for one in configuration.workers.properties),
        utc_offset_s=moment.utc_offset_s,
    )


def _reset_at(editor: Editor, name: str) -> int:
    return editor.reset_at_s.get(name, editor.started_s)


def _member(
    web_server: WebServer,
    editor: Editor,
    balancer: str,
    snapshot: WorkerSnapshot,
    connections: Mapping[str, tuple[int, int]],
    moment: Moment,
) -> MemberStatus:
    ajp = web_server.workers[snapshot.name].ajp
    assert ajp is not None
    now, most = connections[snapshot.name]
    shifted = replace(
        snapshot,
        error_at_s=moment.epoch_s(snapshot.error_at_s),
        first_error_at_s=moment.epoch_s(snapshot.first_error_at_s),
    )
    return MemberStatus(shifted, ajp, now, most, _reset_at(editor, f"{balancer} {snapshot.name}"))


def _worker(
    web_server: WebServer,
    editor: Editor,
    name: str,
    connections: Mapping[str, tuple[int, int]],
    moment: Moment,
) -> AjpStatus:
    ajp = web_server.workers[name].ajp
    assert ajp is not None
    now, most = connections[name]
    traffic = _traffic(web_server.direct[name], moment)
    return AjpStatus(ajp, traffic, now, most, _reset_at(editor, name))


def _traffic(records: Records, moment: Moment) -> Traffic:
    error_s = records.last_error_s[0]
    return Traffic(
        used=records.elected[0],
        errors=records.errors[0],
        client_errors=records.client_errors[0],
        reply_timeouts=records.reply_timeouts[0],
        octets_written=records.octets_written[0],
        octets_read=records.octets_read[0],
        busy=records.open[0],
        busy_max=records.open_max[0],
        error_at_s=moment.epoch_s(None if error_s == UNSET else error_s),
    )


def _rule(host: Host, rule: Rule[Extensions]) -> RuleStatus:
    written = MountRule(
        rule.pattern,
        rule.worker,
        _SOURCES[rule.source],
        NOWHERE,
        rule.exclude,
        rule.disabled,
        rule.extensions.written,
    )
    return RuleStatus(written, host.name or None)
