"""What can be set on the container's connector, with defaults and bounds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from refjk.ajp13 import PACKET_SIZE_DEFAULT
from refjk.ajp13.codes import check_packet_size
from refjk.base.errors import UsageError

_NOT_LIFTED = ("HTTP_", "wsgi.", "refjk.", "SERVER_", "REQUEST_", "SSL_", "REMOTE_", "CONTENT_", "PATH_")
_CGI_NAMES = frozenset({"AUTH_TYPE", "GATEWAY_INTERFACE", "HTTPS", "QUERY_STRING", "SCRIPT_NAME"})


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """Times are seconds, sizes octets; infinity or None means without bound where allowed.

    WSG-LIM-01; raises `UsageError`, also for attributes that may not be lifted (WSG-ENV-13).
    """

    secret: bytes | None = None
    packet_size: int = PACKET_SIZE_DEFAULT
    strict: bool = True
    threads: int = 32
    connections_max: int = 1024
    header_count_max: int = 100
    body_size_max: int | None = 1 << 30
    read_timeout_s: float = 60.0  # to the next packet of a body, or the rest of a packet
    write_timeout_s: float = 60.0  # until the peer takes more of an answer
    idle_timeout_s: float = 600.0  # between cycles
    trust_remote_user: bool = False
    script_name: str = ""
    lifted_attributes: frozenset[str] = frozenset()  # request attributes that become environ keys
    allowed_attributes: re.Pattern[bytes] | None = None  # others are refused with 403; None: none are

    def __post_init__(self) -> None:
        try:
            check_packet_size(self.packet_size)
        except ValueError as error:
            raise UsageError(str(error)) from None
        for name in ("threads", "connections_max", "header_count_max"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is at least 1")
        for name in ("read_timeout_s", "write_timeout_s", "idle_timeout_s"):
            if not getattr(self, name) > 0 or math.isnan(getattr(self, name)):
                raise UsageError(f"{name} is more than 0 seconds")
        for name in self.lifted_attributes:
            if name.startswith(_NOT_LIFTED) or name in _CGI_NAMES:
                raise UsageError(f"{name!r} has a meaning of its own in the environ; it cannot be lifted")
        if self.script_name and (not self.script_name.startswith("/") or self.script_name.endswith("/")):
            raise UsageError("a script name begins with / and does not end with it")
