"""Listening sockets: opened here, or inherited from whoever started the process."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import MutableMapping

from refjk.base.errors import InputError, UsageError
from refjk.runtime.addresses import Address

BACKLOG = 1024
FIRST_INHERITED = 3  # by the convention of LISTEN_FDS

_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def open_listeners(address: Address) -> list[socket.socket]:
    """A listener for each address that the host stands for; port 0 takes one free port for all.

    Raises `InputError` with one sentence about what is wrong.
    """
    listeners: list[socket.socket] = []
    found = resolve(address)
    left = len(found)
    for family, host in found:
        left -= 1
        port = address.port or (listeners[0].getsockname()[1] if listeners else 0)
        try:
            listeners.append(_listen(family, host, port))
        except OSError as error:
            # A name often stands for `::1` too, on machines that do without IPv6.
            if error.errno in _NOT_HERE and (listeners or left):
                continue
            for opened in listeners:
                opened.close()
            raise InputError(f"cannot listen on {address}: {_why_not(error)}") from None
    return listeners


def resolve(address: Address) -> list[tuple[socket.AddressFamily, str]]:
    """The IP addresses that a host stands for, with their families; raises `InputError`."""
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise InputError(f"cannot listen on {address.host}: {error.strerror}") from None
    except UnicodeError:
        raise InputError(f"cannot listen on {address.host}: not a host name") from None
    return list(dict.fromkeys((family, str(name[0])) for family, _, _, _, name in found))


def _listen(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def inherited_listeners(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets that LISTEN_FDS names for this process; the variables are taken out.

    Without LISTEN_PID they are taken to be for this one (WSG-STP-05). Raises `UsageError` when one
    of them is not a listening stream socket. WSG-STP-06
    """
    pid = environment.pop("LISTEN_PID", None)
    count = environment.pop("LISTEN_FDS", None)
    environment.pop("LISTEN_FDNAMES", None)
    if count is None or (pid is not None and pid != str(os.getpid())):
        return []
    if not (count.isascii() and count.isdigit()):
        raise UsageError(f"LISTEN_FDS is a number, not {count!r}")
    listeners = []
    for fd in range(FIRST_INHERITED, FIRST_INHERITED + int(count)):
        try:
            listener = socket.socket(fileno=fd)
            listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise UsageError(f"descriptor {fd} named by LISTEN_FDS: {error.strerror}") from None
        if not listens or listener.type != socket.SOCK_STREAM:
            raise UsageError(f"descriptor {fd} named by LISTEN_FDS is not a listening stream socket")
        os.set_inheritable(fd, False)
        listeners.append(listener)
    return listeners


def _why_not(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is taken; stop the program that has it or choose another (0 takes a free one)"
    if error.errno == errno.EACCES:
        return "ports below 1024 need privileges"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return error.strerror or str(error)
