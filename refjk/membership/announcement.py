"""What a member says about itself, whatever the dialect."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Announcement:
    """A member as its last announcement told it.

    `identity` is what a dialect tells members apart by; everything else may be the same for two of them.
    `port` and `alive_ms` are as they stood in the datagram, so both may be negative.
    """

    identity: bytes
    name: bytes
    address: bytes  # 4 octets of IPv4, or 16 of IPv6
    port: int
    alive_ms: int
    domain: bytes = b""
    unique_id: bytes = b""
    payload: bytes = b""
    leaving: bool = False

    def __post_init__(self) -> None:
        if len(self.address) not in (4, 16):
            raise ValueError(f"an address of {len(self.address)} octets")

    @property
    def host(self) -> str:
        """The address as text, without brackets."""
        return str(ipaddress.ip_address(self.address))

    @property
    def text(self) -> str:
        """The name for people."""
        return self.name.decode("utf-8", "replace")
