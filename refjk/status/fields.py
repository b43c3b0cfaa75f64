"""The names and values of what is shown, in mod_jk's words and order.

`txt`, `prop` and `json` print them as they come; `xml` has one name elsewhere (`is_xml`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone

from refjk.balancing import Activation, Method, WorkerState
from refjk.configuration import AjpWorker, StatusWorker
from refjk.status.model import AjpStatus, BalancerStatus, MemberStatus, RuleStatus, StatusReport
from refjk.status.rating import Rating, rate

Value = str | int | bool
Fields = list[tuple[str, Value]]

# STA-LST-03
STATES: Mapping[WorkerState, str] = {
    WorkerState.IDLE: "OK/IDLE",
    WorkerState.OK: "OK",
    WorkerState.RECOVERING: "ERR/REC",
    WorkerState.FORCED: "ERR/FRC",
    WorkerState.BUSY: "OK/BUSY",
    WorkerState.ERROR: "ERR",
    WorkerState.PROBING: "ERR/PRB",
}
METHODS: Mapping[Method, str] = {
    Method.REQUESTS: "Request",
    Method.TRAFFIC: "Traffic",
    Method.BUSYNESS: "Busyness",
    Method.SESSIONS: "Sessions",
    Method.NEXT: "Next",
}
ACTIVATIONS: Mapping[Activation, str] = {
    Activation.ACTIVE: "Active",
    Activation.DISABLED: "Disabled",
    Activation.STOPPED: "Stopped",
}
SECRETS = (".secret", ".secretkey")


def local_time(report: StatusReport, at_s: int) -> datetime:
    """A time of the report on the clock of the server."""
    zone = timezone(timedelta(seconds=report.utc_offset_s))
    return datetime.fromtimestamp(min(max(at_s, 0), 253402214400), zone)


def time_fields(report: StatusReport) -> Fields:
    """The time of the server."""
    now = local_time(report, report.now_s)
    return [("datetime", f"{now:%Y%m%d%H%M%S}"), ("tz", f"{now:%z}"), ("unix", report.now_s)]


def balancer_fields(report: StatusReport, balancer: BalancerStatus, worker: StatusWorker) -> Fields:
    """A balancer without its members. STA-LST-01"""
    settings = balancer.settings
    ratings = [rate(member, worker) for member in balancer.members]
    soon, late = maintenance_s(report, balancer)
    return [
        ("name", balancer.name),
        ("type", "lb"),
        ("sticky_session", settings.sticky_session),
        ("sticky_session_force", settings.sticky_session_force),
        ("retries", settings.retries),
        ("recover_time", settings.recover_time_s),
        ("error_escalation_time", settings.escalation_time_s),
        ("max_reply_timeouts", settings.max_reply_timeouts),
        ("method", METHODS[settings.method]),
        ("lock", balancer.lock.value),
        ("member_count", len(balancer.members)),
        *((rating.value, ratings.count(rating)) for rating in Rating),
        ("busy", balancer.busy),
        ("max_busy", balancer.busy_max),
        ("map_count", len(list(report.rules_of(balancer.name)))),
        ("time_to_maintenance_min", soon),
        ("time_to_maintenance_max", late),
        *_reset_fields(report, balancer.last_reset_s),
    ]


def member_fields(
    report: StatusReport, balancer: BalancerStatus, member: MemberStatus, is_xml: bool = False
) -> Fields:
    """A member of a balancer. STA-LST-02"""
    seen, settings = member.snapshot, member.snapshot.settings
    soon, late = recovery_s(report, balancer, member)
    return [
        *_worker_fields(member.worker, member.address, is_xml),
        ("activation", settings.activation.sent),
        ("lbfactor", settings.factor),
        ("route", settings.effective_route),
        ("redirect", settings.redirect or ""),
        ("domain", member.domain),
        ("distance", settings.distance),
        ("state", STATES[seen.state]),
        ("lbmult", seen.multiplicity),
        ("lbvalue", seen.value),
        ("elected", seen.elected),
        ("sessions", seen.sessions),
        ("errors", seen.errors),
        ("client_errors", seen.client_errors),
        ("reply_timeouts", seen.reply_timeouts),
        ("transferred", seen.octets_written),
        ("read", seen.octets_read),
        ("busy", seen.open),
        ("max_busy", seen.open_max),
        ("connected", member.connected),
        ("max_connected", member.connected_max),
        ("time_to_recover_min", soon),
        ("time_to_recover_max", late),
        *_reset_fields(report, member.last_reset_s),
        *_error_fields(report, member.error_at_s),
    ]


def ajp_fields(report: StatusReport, ajp: AjpStatus, is_xml: bool = False) -> Fields:
    """A worker that rules lead to directly. STA-LST-10"""
    traffic = ajp.traffic
    return [
        *_worker_fields(ajp.worker, ajp.address, is_xml),
        ("used", traffic.used),
        ("errors", traffic.errors),
        ("client_errors", traffic.client_errors),
        ("reply_timeouts", traffic.reply_timeouts),
        ("transferred", traffic.octets_written),
        ("read", traffic.octets_read),
        ("busy", traffic.busy),
        ("max_busy", traffic.busy_max),
        ("connected", ajp.connected),
        ("max_connected", ajp.connected_max),
        ("map_count", len(list(report.rules_of(ajp.name)))),
        *_reset_fields(report, ajp.last_reset_s),
        *_error_fields(report, traffic.error_at_s),
    ]


def rule_fields(entry: RuleStatus) -> Fields:
    """A rule, without its number. STA-LST-04"""
    rule, more = entry.rule, entry.rule.extensions
    marks = "Disabled " * rule.disabled + "Unmount " * rule.exclude
    statuses = () if more.fail_on_status is None else more.fail_on_status
    return [
        *([] if entry.server is None else [("server", entry.server)]),
        ("uri", rule.pattern),
        ("type", marks + ("Wildchar" if set(rule.pattern) & set("*?") else "Exact")),
        ("source", rule.source.value),
        ("reply_timeout", -1 if more.reply_timeout is None else more.reply_timeout),
        ("sticky_ignore", int(more.sticky_ignore)),
        ("stateless", int(more.stateless)),
        ("fail_on_status", ",".join(map(str, statuses))),
        ("active", ",".join(more.active)),
        ("disabled", ",".join(more.disabled)),
        ("stopped", ",".join(more.stopped)),
        ("use_server_errors", more.use_server_errors or 0),
    ]


def dump_fields(report: StatusReport) -> Iterator[tuple[str, str]]:
    """The properties of the start without those that are secret. STA-LST-08"""
    return (entry for entry in report.properties if not entry[0].endswith(SECRETS))


def maintenance_s(report: StatusReport, balancer: BalancerStatus) -> tuple[int, int]:
    """In how many seconds maintenance may come at the earliest, and at the latest while requests come."""
    rest = balancer.maintain_s - (report.now_s - balancer.maintained_at_s)
    return max(rest, 0), max(rest + balancer.maintain_s, 0)


def recovery_s(report: StatusReport, balancer: BalancerStatus, member: MemberStatus) -> tuple[int, int]:
    """The same for the end of an error; zeros for a member that waits for nothing. STA-LST-07"""
    at_s = member.snapshot.error_at_s
    if member.snapshot.state is not WorkerState.ERROR or at_s is None:
        return 0, 0
    rest = max(balancer.settings.recover_time_s - (report.now_s - at_s), 0)
    return max(rest, maintenance_s(report, balancer)[0]), rest + balancer.maintain_s


def _worker_fields(worker: AjpWorker, address: str, is_xml: bool) -> Fields:
    retries = [("retries", worker.retries), ("connection_ping_interval", worker.connection_ping_interval)]
    return [
        ("name", worker.name),
        ("type", worker.type),
        ("host", worker.host),
        ("port", worker.port),
        ("address", address or f"{worker.host}:{worker.port}"),
        ("source", worker.source or "undefined"),
        ("connection_pool_timeout", worker.connection_pool_timeout),
        ("ping_timeout", worker.ping_timeout),
        ("connect_timeout", worker.connect_timeout),
        ("prepost_timeout", worker.prepost_timeout),
        ("reply_timeout", worker.reply_timeout),
        *(reversed(retries) if is_xml else retries),
        ("recovery_options", worker.recovery_options),
        ("busy_limit", worker.busy_limit),
        ("max_packet_size", worker.max_packet_size),
    ]


def _reset_fields(report: StatusReport, at_s: int) -> Fields:
    return [("last_reset_at", at_s), ("last_reset_ago", max(report.now_s - at_s, 0))]


def _error_fields(report: StatusReport, at_s: int | None) -> Fields:
    """STA-LST-09"""
    if at_s is None:
        return []
    time = local_time(report, at_s)
    return [
        ("error_time_datetime", f"{time:%Y%m%d%H%M%S}"),
        ("error_time_tz", f"{time:%z}"),
        ("error_time_unix_seconds", at_s),
        ("error_time_ago", max(report.now_s - at_s, 0)),
    ]
