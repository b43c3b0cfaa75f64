"""Addresses as people write them: `HOST:PORT`, `[::1]:8009`, `ajp://HOST:PORT/path?query`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from refjk.base.errors import UsageError

AJP_PORT_DEFAULT = 8009

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address; `host` is a name or an IP address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_loopback(self) -> bool:
        """Whether only this machine can be behind it; of names, only `localhost` is known to be."""
        if self.host.lower() == "localhost":
            return True
        try:
            known = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
        return (mapped or known).is_loopback


@dataclass(frozen=True, slots=True)
class AjpUrl:
    """Where to ask, and for what; `query` is without its `?`, None when there is none."""

    address: Address
    path: str
    query: str | None


def parse_address(text: str, *, port_default: int | None = None, port_min: int = 1) -> Address:
    """`HOST:PORT` or `[IPV6]:PORT`; `port_min=0` for listeners, where 0 lets the system choose.

    Raises `UsageError` that says what is wrong and how it should look.
    """
    _, separator, rest = text.partition("://")
    if separator:
        raise UsageError(f"{text!r} has a scheme; write the address alone, {rest.partition('/')[0]}")
    host, colon, port = _split(text)
    if not host:
        raise UsageError(f"no host in {text!r}; write HOST:PORT, such as 127.0.0.1:8009")
    if any(character in host for character in "/?#@\\[]") or not host.isprintable() or " " in host:
        raise UsageError(f"not a host: {host!r} in {text!r}")
    if host.isdigit() and not colon:
        raise UsageError(f"{text!r} is a port without a host; write 127.0.0.1:{text}")
    if not colon and port_default is not None:
        return Address(host, port_default)
    if not (port.isascii() and port.isdigit()):
        what = f"{port!r} is not a port" if port else "no port"
        raise UsageError(f"{what} in {text!r}; write HOST:PORT, such as 127.0.0.1:8009")
    number = int(port) if len(port) < 9 else 99999
    if not port_min <= number <= 65535:
        raise UsageError(f"port {port} in {text!r} is not within {port_min} to 65535")
    return Address(host, number)


def parse_url(text: str) -> AjpUrl:
    """`ajp://HOST[:PORT][/path][?query]`; the scheme may be left out, the port is 8009 by default."""
    scheme = _SCHEME.match(text)
    if scheme and scheme[0].lower() != "ajp://":
        raise UsageError(f"{text!r} is not an ajp:// address; this command speaks only AJP13")
    rest = text[scheme.end() :] if scheme else text
    if "#" in rest:
        raise UsageError(f"a fragment is never sent to a server; leave out {rest[rest.index('#') :]!r}")
    end = min((rest.index(mark) for mark in "/?" if mark in rest), default=len(rest))
    authority, target = rest[:end], rest[end:]
    if "@" in authority:
        raise UsageError(f"AJP13 has no user in its addresses; leave out {authority.rpartition('@')[0]!r}")
    path, mark, query = target.partition("?")
    return AjpUrl(
        parse_address(authority, port_default=AJP_PORT_DEFAULT),
        path or "/",
        query if mark else None,
    )


def _split(text: str) -> tuple[str, str, str]:
    """Host, the colon if there is one, port."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UsageError(f"brackets that do not match in {text!r}; write [::1]:8009")
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise UsageError(f"{host!r} is not an IPv6 address; brackets are for those only") from None
        return host, rest[:1], rest[1:]
    if text.count(":") > 1:
        raise UsageError(f"put the IPv6 address in brackets, as in [::1]:8009, instead of {text!r}")
    host, colon, port = text.partition(":")
    return host, colon, port
