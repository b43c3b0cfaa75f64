"""What a container is told about the client's connection, where the configuration has a say in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from refjk.ajp13.building import ConnectionFacts, TlsFacts
from refjk.configuration import JkOption, Server
from refjk.webserver.environment import Surroundings
from refjk.webserver.plan import HostPlan


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536 else None


# FWD-ENV-06: by directive, the fact that its variable stands for.
_INDICATED: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "JkRemoteAddrIndicator": ("remote_addr", _octets),
    "JkRemotePortIndicator": ("remote_port", _number),
    "JkRemoteHostIndicator": ("remote_host", _octets),
    "JkRemoteUserIndicator": ("remote_user", _octets),
    "JkAuthTypeIndicator": ("auth_type", _octets),
    "JkLocalNameIndicator": ("server_name", _octets),
    "JkLocalAddrIndicator": ("local_addr", _octets),
    "JkLocalPortIndicator": ("server_port", _number),
}


def facts_to_state(facts: ConnectionFacts, plan: HostPlan, around: Surroundings) -> ConnectionFacts:
    """What is true of the connection, changed as options and variables want it."""
    if plan.forward_local_address:
        # FWD-ENV-07
        facts = replace(facts, remote_addr=facts.local_addr)
    if not around.variables or plan.server is None:
        return facts
    changes: dict[str, Any] = {"tls": _tls(plan.server, around.variables)}
    for directive, (field, read) in _INDICATED.items():
        text = _variable(plan.server, directive, around.variables)
        value = None if text is None else read(text)
        if value is not None:
            changes[field] = value
    return replace(facts, **changes)


def _tls(server: Server, variables: Mapping[str, str]) -> TlsFacts | None:
    """The client's TLS, which ended before the front. FWD-ENV-08"""
    if not server.extract_ssl.value or _variable(server, "JkHTTPSIndicator", variables) != "on":
        return None

    def octets(directive: str) -> bytes | None:
        text = _variable(server, directive, variables)
        return None if text is None else _octets(text)

    size = _variable(server, "JkKEYSIZEIndicator", variables)
    says_size = server.options[JkOption.FORWARD_KEY_SIZE].value and size is not None
    return TlsFacts(
        cipher=octets("JkCIPHERIndicator"),
        key_size=_number(size) if says_size and size else None,
        session=octets("JkSESSIONIndicator"),
        protocol=octets("JkSSLPROTOCOLIndicator"),
        certificate=octets("JkCERTSIndicator"),
    )


def _variable(server: Server, directive: str, variables: Mapping[str, str]) -> str | None:
    setting = server.indicators.get(directive)
    return None if setting is None else variables.get(setting.value)
