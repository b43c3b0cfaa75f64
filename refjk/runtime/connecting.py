"""A TCP connection to somebody, within a deadline."""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

from refjk.runtime.addresses import Address
from refjk.runtime.endpoint_errors import ConnectFailed


def connect(address: Address, timeout_s: float) -> socket.socket:
    """A connected socket, or `ConnectFailed`; all addresses of a name are tried within one deadline."""
    deadline = time.monotonic() + timeout_s
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "not a host name"
        raise ConnectFailed(f"cannot find {address.host}: {reason}") from None
    reason = "no address"
    for family, kind, protocol, _, where in found:
        try:
            connected = socket.socket(family, kind, protocol)
            try:
                _connect_one(connected, where, max(deadline - time.monotonic(), 0.001))
            except BaseException:
                connected.close()
                raise
            return connected
        except TimeoutError:
            reason = f"no answer within {timeout_s:g} s"
        except OSError as error:
            reason = str(error.strerror)
    raise ConnectFailed(f"cannot connect to {address}: {reason}")


def _connect_one(connecting: socket.socket, where: Any, timeout_s: float) -> None:
    connecting.settimeout(timeout_s)
    connecting.connect(where)
    # When nobody listens on a port of the range from which the system gives ports to connections,
    # it may give that very port to this one: TCP lets a socket connect to itself.
    if connecting.getsockname() == connecting.getpeername():
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
