"""Balancers, members, workers and rules on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from refjk.balancing import WorkerState
from refjk.status.access import Access, may_edit
from refjk.status.attributes import SHARED_ATTRIBUTES
from refjk.status.fields import (
    Fields,
    ajp_fields,
    balancer_fields,
    member_fields,
    rule_fields,
)
from refjk.status.html_parts import button, link, table, text, toggle
from refjk.status.model import AjpStatus, BalancerStatus, MemberStatus, StatusReport
from refjk.status.picture import inline_picture
from refjk.status.rating import rate
from refjk.status.request import Command, Option, StatusRequest

_SUMMARY = ("good", "degraded", "bad", "busy", "max_busy", "last_reset_ago")
_SETTINGS = (
    *("type", "sticky_session", "sticky_session_force", "retries", "method", "lock", "recover_time"),
    *("error_escalation_time", "max_reply_timeouts"),
)
_CONNECTOR = (
    *("name", "type", "host", "address", "source", "connection_pool_timeout", "ping_timeout"),
    *("connect_timeout", "prepost_timeout", "reply_timeout", "retries", "connection_ping_interval"),
    *("recovery_options", "busy_limit", "max_packet_size"),
)
_TRAFFIC = (
    *("errors", "client_errors", "reply_timeouts", "transferred", "read", "busy", "max_busy", "connected"),
    *("max_connected", "last_reset_ago", "error_time_ago"),
)
_MEMBER = (
    *("distance", "lbfactor", "lbmult", "lbvalue", "elected", "sessions", *_TRAFFIC),
    *("route", "redirect", "domain"),
)
_RULE = (
    *("server", "uri", "type", "source", "reply_timeout", "sticky_ignore", "stateless", "fail_on_status"),
    *("active", "disabled", "stopped", "use_server_errors"),
)


def workers_part(request: StatusRequest, report: StatusReport, access: Access) -> Iterator[str]:
    """All workers, or with `show` the one that the request names."""
    if request.command is Command.SHOW:
        found = report.find(request.worker)
        if isinstance(found, BalancerStatus):
            yield from _balancer(request, report, access, found)
        elif found is not None:
            yield from _ajp(request, report, access, found)
        return
    yield f"<h2>Balancers: {len(report.balancers)} {toggle(request, Option.NO_BALANCERS)}</h2>"
    if not request.options & Option.NO_BALANCERS:
        for balancer in report.balancers:
            yield from _balancer(request, report, access, balancer)
    yield f"<h2>Workers: {len(report.workers)} {toggle(request, Option.NO_WORKERS)}</h2>"
    if not request.options & Option.NO_WORKERS:
        for ajp in report.workers:
            yield from _ajp(request, report, access, ajp)


def _balancer(
    request: StatusRequest, report: StatusReport, access: Access, balancer: BalancerStatus
) -> Iterator[str]:
    target = _about(request, balancer.name)
    yield f"<h3>Balancer {text(balancer.name)} {_actions(target, request, access)}</h3>"
    yield from inline_picture(balancer, access.policy.worker)
    fields = dict(balancer_fields(report, balancer, access.policy.worker))
    yield f"<h4>Settings {toggle(request, Option.NO_BALANCER_SETTINGS)}</h4>"
    if not request.options & Option.NO_BALANCER_SETTINGS:
        yield from table(_SETTINGS, [_cells([*fields.items()], _SETTINGS)])
    yield f"<h4>Summary {toggle(request, Option.NO_BALANCER_SUMMARY)}</h4>"
    if not request.options & Option.NO_BALANCER_SUMMARY:
        span = f"{fields['time_to_maintenance_min']}/{fields['time_to_maintenance_max']}"
        yield from table((*_SUMMARY, "maintenance"), [[*_cells([*fields.items()], _SUMMARY), span]])
    yield f"<h4>Members {toggle(request, Option.NO_MEMBERS)}</h4>"
    if not request.options & Option.NO_MEMBERS:
        yield from _members(request, report, access, balancer)
    yield from _rules(request, report, balancer.name)


def _members(
    request: StatusRequest, report: StatusReport, access: Access, balancer: BalancerStatus
) -> Iterator[str]:
    only = request.member if request.command is Command.SHOW else ""
    shown = [member for member in balancer.members if only in ("", member.name)]
    fields = [member_fields(report, balancer, member) for member in shown]
    rows = [
        _member_cells(request, access, balancer, member, of_member)
        for member, of_member in zip(shown, fields, strict=True)
    ]
    yield from table(("name", "", "activation", "state", *_MEMBER, "recovery"), rows, name="members")
    yield f"<h4>Connectors {toggle(request, Option.NO_WORKER_SETTINGS)}</h4>"
    if not request.options & Option.NO_WORKER_SETTINGS:
        yield from table(_CONNECTOR, [_cells(of_member, _CONNECTOR) for of_member in fields])
    if may_edit(request, access):
        target = _about(request, balancer.name)
        choices = [
            link(each.label, target, command=Command.EDIT, attribute=each.parameter)
            for each in SHARED_ATTRIBUTES
        ]
        yield f"<p>Edit for all members: {' · '.join(choices)}</p>"


def _member_cells(
    request: StatusRequest, access: Access, balancer: BalancerStatus, member: MemberStatus, fields: Fields
) -> list[str]:
    values = dict(fields)
    target = _about(request, balancer.name)
    actions = [link("show", target, command=Command.SHOW, member=member.name)]
    if may_edit(request, access):
        actions.append(link("edit", target, command=Command.EDIT, member=member.name))
        actions.append(button("Reset", target, access, Command.RESET, member.name))
        if member.snapshot.state is WorkerState.ERROR:
            actions.append(button("Recover", target, access, Command.RECOVER, member.name))
    return [
        text(member.name),
        " ".join(actions),
        *_cells(fields, ("activation",)),
        f'<span class="{rate(member, access.policy.worker).value}">{text(str(values["state"]))}</span>',
        *_cells(fields, _MEMBER),
        f"{values['time_to_recover_min']}/{values['time_to_recover_max']}",
    ]


def _ajp(request: StatusRequest, report: StatusReport, access: Access, ajp: AjpStatus) -> Iterator[str]:
    target = _about(request, ajp.name)
    fields = ajp_fields(report, ajp)
    yield f"<h3>Worker {text(ajp.name)} {_actions(target, request, access)}</h3>"
    if not request.options & Option.NO_WORKER_SETTINGS:
        yield from table(_CONNECTOR, [_cells(fields, _CONNECTOR)])
    yield from table(("used", *_TRAFFIC), [_cells(fields, ("used", *_TRAFFIC))], name="workers")
    yield from _rules(request, report, ajp.name)


def _rules(request: StatusRequest, report: StatusReport, name: str) -> Iterator[str]:
    entries = list(report.rules_of(name))
    yield f"<h4>Rules: {len(entries)} {toggle(request, Option.NO_RULES)}</h4>"
    if entries and not request.options & Option.NO_RULES:
        yield from table(_RULE, [_cells(rule_fields(entry), _RULE) for entry in entries], name="rules")


def _about(request: StatusRequest, name: str) -> StatusRequest:
    """The same view, about one worker; where it comes from is where a change leads back to."""
    came_from = Command.SHOW if request.command is Command.SHOW else Command.LIST
    return replace(request, worker=name, member="", attribute="", came_from=came_from, refresh_s=0)


def _actions(target: StatusRequest, request: StatusRequest, access: Access) -> str:
    actions = []
    if request.command is not Command.SHOW or request.member:
        actions.append(link("show", target, command=Command.SHOW))
    if may_edit(request, access):
        actions.append(link("edit", target, command=Command.EDIT))
        actions.append(button("Reset", target, access, Command.RESET))
    return f"<small>{' '.join(actions)}</small>"


def _cells(fields: Fields, names: Sequence[str]) -> list[str]:
    values = dict(fields)
    return [text(str(values.get(name, ""))) for name in names]
