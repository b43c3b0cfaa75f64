"""What can be changed while the front runs: parameter, field, and which values make sense."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from refjk.balancing import Activation, Method
from refjk.configuration import Lock
from refjk.status.fields import ACTIVATIONS, METHODS
from refjk.status.model import AjpStatus, BalancerStatus, MemberStatus

Setting = int | bool | str | None | Method | Lock | Activation

NUMBER_MAX = 2**31 - 1
TEXT_SIZE_MAX = 60
PACKET_SIZE_MIN, PACKET_SIZE_MAX, PACKET_SIZE_STEP = 8192, 65536, 1024
_TRUE = ("on", "true", "t", "yes", "y", "1")
_FALSE = ("off", "false", "f", "no", "n", "0")
# A route travels in cookies and paths, and a host in messages: what would end a value there is left out.
_WORD = re.compile(r"[!#-+\--:=?@A-Z\[\]^_`a-z{|}~]*")
_HOST = re.compile(r"[A-Za-z0-9._:\-\[\]/]+")


class Part(Enum):
    """Whose setting it is: a balancer's, that of a worker as a member of one, or a worker's own."""

    BALANCER = "balancer"
    MEMBER = "member"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One setting. `field` is its name for the caller; `parse` raises `ValueError` that says what would do.

    `choices` are the words to choose from, in the order of their numbers; empty: anything that parses.
    """

    parameter: str
    field: str
    part: Part
    label: str
    parse: Callable[[str], Setting]
    choices: tuple[str, ...] = ()


def _whole(least: int, most: int = NUMBER_MAX) -> Callable[[str], int]:
    def parse(text: str) -> int:
        stripped = text.strip()
        if not re.fullmatch(r"[0-9]{1,10}", stripped) or not least <= int(stripped) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(stripped)

    return parse


def _packet_size(text: str) -> int:
    # STA-EDT-06
    size = _whole(PACKET_SIZE_MIN, PACKET_SIZE_MAX)(text)
    return -(-size // PACKET_SIZE_STEP) * PACKET_SIZE_STEP


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError("on or off")
    return word in _TRUE


def _word(text: str) -> str | None:
    if len(text) > TEXT_SIZE_MAX or not _WORD.fullmatch(text):
        raise ValueError(
            f'at most {TEXT_SIZE_MAX} visible ASCII characters, none of them one of " , ; < > \\'
        )
    return text or None


def _host(text: str) -> str:
    if len(text) > TEXT_SIZE_MAX or not _HOST.fullmatch(text):
        raise ValueError(f"a host name or address of at most {TEXT_SIZE_MAX} characters")
    return text


def _one_of(values: Mapping[Any, str]) -> Callable[[str], Setting]:
    """A number or anything that begins with the first letter of a word."""

    def parse(text: str) -> Setting:
        # STA-EDT-05
        first = text.strip()[:1].lower()
        for number, (value, word) in enumerate(values.items()):
            if first and first in (str(number), word[0].lower()):
                chosen: Setting = value
                return chosen
        raise ValueError("one of " + ", ".join(values.values()))

    return parse


def _choice(parameter: str, field: str, part: Part, label: str, values: Mapping[Any, str]) -> Attribute:
    return Attribute(parameter, field, part, label, _one_of(values), tuple(values.values()))


# STA-EDT-01
BALANCER_ATTRIBUTES = (
    Attribute("vlr", "retries", Part.BALANCER, "Retries", _whole(1)),
    Attribute("vlri", "retry_interval_ms", Part.BALANCER, "Retry interval (ms)", _whole(1)),
    Attribute("vlt", "recover_time_s", Part.BALANCER, "Recover time (s)", _whole(1)),
    Attribute("vlee", "error_escalation_time_s", Part.BALANCER, "Error escalation time (s)", _whole(1)),
    Attribute("vlx", "max_reply_timeouts", Part.BALANCER, "Max reply timeouts", _whole(0)),
    Attribute("vls", "sticky_session", Part.BALANCER, "Sticky sessions", _flag, ("off", "on")),
    Attribute("vlf", "sticky_session_force", Part.BALANCER, "Force sticky sessions", _flag, ("off", "on")),
    _choice("vlm", "method", Part.BALANCER, "Method", METHODS),
    _choice("vll", "lock", Part.BALANCER, "Locking", {lock: lock.value for lock in Lock}),
)
# STA-EDT-02
MEMBER_ATTRIBUTES = (
    _choice("vwa", "activation", Part.MEMBER, "Activation", ACTIVATIONS),
    Attribute("vwf", "factor", Part.MEMBER, "Factor", _whole(1)),
    Attribute("vwn", "route", Part.MEMBER, "Route", _word),
    Attribute("vwr", "redirect", Part.MEMBER, "Redirect route", _word),
    Attribute("vwc", "domain", Part.MEMBER, "Domain", _word),
    Attribute("vwd", "distance", Part.MEMBER, "Distance", _whole(0)),
)
# STA-EDT-03
WORKER_ATTRIBUTES = (
    Attribute("vahst", "host", Part.WORKER, "Host", _host),
    Attribute("vaprt", "port", Part.WORKER, "Port", _whole(1, 65535)),
    Attribute("vacpt", "connection_pool_timeout", Part.WORKER, "Connection pool timeout (s)", _whole(0)),
    Attribute("vapng", "ping_timeout", Part.WORKER, "Ping timeout (ms)", _whole(0)),
    Attribute("vact", "connect_timeout", Part.WORKER, "Connect timeout (ms)", _whole(0)),
    Attribute("vapt", "prepost_timeout", Part.WORKER, "Prepost timeout (ms)", _whole(0)),
    Attribute("vart", "reply_timeout", Part.WORKER, "Reply timeout (ms)", _whole(0)),
    Attribute("var", "retries", Part.WORKER, "Retries", _whole(1)),
    Attribute("vari", "retry_interval", Part.WORKER, "Retry interval (ms)", _whole(1)),
    Attribute("vacpi", "connection_ping_interval", Part.WORKER, "Connection ping interval (s)", _whole(0)),
    Attribute("varo", "recovery_options", Part.WORKER, "Recovery options", _whole(0)),
    Attribute("vabl", "busy_limit", Part.WORKER, "Busy limit", _whole(0)),
    Attribute("vamps", "max_packet_size", Part.WORKER, "Max packet size", _packet_size),
)
# A host or port is one worker's alone, so these are not offered for all members at once.
SHARED_ATTRIBUTES = (*MEMBER_ATTRIBUTES, *WORKER_ATTRIBUTES[2:])


def attribute_named(parameter: str, among: Iterable[Attribute]) -> Attribute | None:
    """The attribute of a parameter."""
    return next((attribute for attribute in among if attribute.parameter == parameter), None)


def value_now(attribute: Attribute, subject: BalancerStatus | MemberStatus | AjpStatus) -> Setting:
    """The value in force, as `parse` would give it."""
    if isinstance(subject, BalancerStatus):
        if attribute.field == "lock":
            return subject.lock
        if attribute.field == "error_escalation_time_s":
            return subject.settings.escalation_time_s
        owner: object = subject.settings
    elif attribute.part is Part.WORKER:
        owner = subject.worker
    else:
        assert isinstance(subject, MemberStatus)
        if attribute.field == "route":
            return subject.snapshot.settings.effective_route
        if attribute.field == "domain":
            return subject.domain or None
        owner = subject.snapshot.settings
    value: Setting = getattr(owner, attribute.field)
    return value


def shown(value: Setting) -> str:
    """A value as a form shows it and `parse` reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Activation):
        return ACTIVATIONS[value]
    if isinstance(value, Method):
        return METHODS[value]
    return value.value if isinstance(value, Lock) else str(value)
