"""What the property lines and mount rules of a recording of mod_jk 1.2.50 say about its balancer `lb`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refjk.balancing import NO_RULE, Activation, BalancerSettings, BalancingRule, Method, WorkerSettings
from refjk.vectors.jk_cases import number

_POOL_SIZE_DEFAULT = 25
_RETRIES_DEFAULT = 2
_METHODS = {"0": "R", "1": "T", "2": "B", "3": "S", "4": "N"}


@dataclass(frozen=True, slots=True)
class Setup:
    """A balancer, and by worker how many connections and how many tries it has."""

    workers: tuple[WorkerSettings, ...]
    settings: BalancerSettings
    pool_sizes: tuple[int, ...]
    retries: tuple[int, ...]
    maintain_s: int


def read_settings(lines: Sequence[str]) -> Setup:
    """The balancer of property lines, each `name=value`."""
    properties = dict(line.split("=", 1) for line in lines)
    names = _words(properties["worker.lb.balance_workers"])

    def numbers(name: str, default: int) -> tuple[int, ...]:
        return tuple(number(properties.get(f"worker.{worker}.{name}", str(default))) for worker in names)

    return Setup(
        tuple(_worker(name, properties) for name in names),
        _balancer(properties),
        numbers("connection_pool_size", _POOL_SIZE_DEFAULT),
        numbers("retries", _RETRIES_DEFAULT),
        number(properties.get("worker.maintain", "60")),
    )


def read_rule(text: str) -> BalancingRule:
    """What the extensions of a mount rule, `lb;name=value;…`, change for the balancer."""
    if not text:
        return NO_RULE
    # A value may begin with a semicolon: `session_path=;sid`.
    given = dict(re.findall(r";(\w+)=(;?[^;]*)", text))
    activations: dict[str, Activation] = {}
    # BAL-ACT-04
    for name, activation in (
        ("active", Activation.ACTIVE),
        ("disabled", Activation.DISABLED),
        ("stopped", Activation.STOPPED),
    ):
        activations.update(dict.fromkeys(_words(given.get(name, "")), activation))
    return BalancingRule(
        stateless=given.get("stateless") == "1",
        sticky_ignore=given.get("sticky_ignore") == "1",
        activations=activations,
        session_cookie=given["session_cookie"].encode() if "session_cookie" in given else None,
        session_path=given["session_path"].encode() if "session_path" in given else None,
    )


def _worker(name: str, properties: Mapping[str, str]) -> WorkerSettings:
    def of(key: str, default: str = "") -> str:
        return properties.get(f"worker.{name}.{key}", default)

    return WorkerSettings(
        name,
        factor=max(1, number(of("lbfactor", "1"))),
        domain=of("domain") or None,
        route=of("route") or of("jvm_route") or None,
        redirect=of("redirect") or None,
        distance=number(of("distance", "0")),
        activation=_activation(of("activation"), of("disabled"), of("stopped"), of("port", "8009")),
        busy_limit=number(of("busy_limit", "0")),
    )


def _activation(word: str, disabled: str, stopped: str, port: str) -> Activation:
    # BAL-CFG-08
    if number(port) == 0:
        return Activation.STOPPED
    if word:
        return {
            "D": Activation.DISABLED,
            "1": Activation.DISABLED,
            "S": Activation.STOPPED,
            "2": Activation.STOPPED,
        }.get(word[0].upper(), Activation.ACTIVE)
    if _flag(stopped):
        return Activation.STOPPED
    return Activation.DISABLED if _flag(disabled) else Activation.ACTIVE


def _balancer(properties: Mapping[str, str]) -> BalancerSettings:
    def of(key: str, default: str) -> str:
        return properties.get(f"worker.lb.{key}", default)

    letter = of("method", "R")[:1].upper()
    letter = _METHODS.get(letter, letter)
    escalation_s = properties.get("worker.lb.error_escalation_time")
    return BalancerSettings(
        sticky_session=_flag(of("sticky_session", "true")),
        # BAL-CFG-04
        recover_time_s=max(1, number(of("recover_time", "60"))),
        sticky_session_force=_flag(of("sticky_session_force", "false")),
        method=Method(letter) if letter in _METHODS.values() else Method.REQUESTS,
        retries=max(1, number(of("retries", "2"))),
        retry_interval_ms=number(of("retry_interval", "100")),
        lb_retries=max(1, number(of("lb_retries", "2"))),
        error_escalation_time_s=None if escalation_s is None else number(escalation_s),
        max_reply_timeouts=number(of("max_reply_timeouts", "0")),
        session_cookie=of("session_cookie", "JSESSIONID").encode(),
        session_path=of("session_path", ";jsessionid").encode(),
        set_session_cookie=_flag(of("set_session_cookie", "false")),
        session_cookie_path=of("session_cookie_path", "/"),
    )


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[ \t,]+", text) if word]


def _flag(text: str) -> bool:
    return text.lower() == "on" or text[:1] in ("T", "t", "Y", "y") or text == "1"
