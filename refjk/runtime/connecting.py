"""A TCP connection to somebody, within a deadline."""

from __future__ import annotations

import errno
import math
import socket
import time
from dataclasses import dataclass
from typing import Any

from refjk.runtime.addresses import Address
from refjk.runtime.endpoint_errors import ConnectFailed


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """What can be chosen about a connection besides where it leads."""

    keepalive: bool = False
    buffer_size: int = 0  # octets, for each direction; 0: as the system has it
    source: Address | None = None  # the local end; port 0: any
    prefer_ipv6: bool = False


def connect(address: Address, timeout_s: float, options: SocketOptions = SocketOptions()) -> socket.socket:
    """A connected socket, or `ConnectFailed`.

    All addresses of a name are tried within one deadline (EPL-SCK-01), those of the preferred
    family first (EPL-SCK-07).
    """
    deadline = time.monotonic() + timeout_s
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "not a host name"
        raise ConnectFailed(f"cannot find {address.host}: {reason}") from None
    found.sort(key=lambda one: (one[0] == socket.AF_INET6) is not options.prefer_ipv6)
    reason = "no address"
    for family, kind, protocol, _, where in found:
        try:
            connected = socket.socket(family, kind, protocol)
            try:
                _prepare(connected, options)
                _connect_one(connected, where, max(deadline - time.monotonic(), 0.001))
            except BaseException:
                connected.close()
                raise
            return connected
        except TimeoutError:
            reason = f"no answer within {timeout_s:g} s"
        except UnicodeError:
            reason = f"the source {options.source} is no address"
        except OSError as error:
            reason = str(error.strerror)
    raise ConnectFailed(f"cannot connect to {address}: {reason}")


def _prepare(connecting: socket.socket, options: SocketOptions) -> None:
    """What has to be set before connecting: the sizes of buffers decide what the handshake offers."""
    connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # EPL-SCK-02
    if options.keepalive:  # EPL-SCK-04
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if options.buffer_size:  # EPL-SCK-05
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.buffer_size)
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.buffer_size)
    if options.source is not None:  # EPL-SCK-06
        [local, *_] = socket.getaddrinfo(
            options.source.host, options.source.port, connecting.family, socket.SOCK_STREAM
        )
        # A fixed port may still be bound to a connection that has just ended.
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, options.source.port != 0)
        connecting.bind(local[4])


def _connect_one(connecting: socket.socket, where: Any, timeout_s: float) -> None:
    connecting.settimeout(None if timeout_s == math.inf else timeout_s)
    connecting.connect(where)
    # When nobody listens on a port of the range from which the system gives ports to connections,
    # it may give that very port to this one: TCP lets a socket connect to itself.
    if connecting.getsockname() == connecting.getpeername():
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
