"""What the status page of a node shows, gathered from its parts."""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from refjk import __version__
from refjk.runtime.addresses import Address
from refjk.runtime.cluster_node import ClusterNode
from refjk.runtime.connector import AjpServer
from refjk.runtime.contexts import Hosts
from refjk.runtime.farm_node import FarmNode
from refjk.runtime.senders import SenderSnapshot
from refjk.session import Session, SessionManager
from refjk.status.node_model import (
    ClusterStatus,
    ConnectorStatus,
    ContextStatus,
    FarmEvent,
    FarmStatus,
    NodeMember,
    NodeReport,
    ReceiverStatus,
    SenderStatus,
    SessionRow,
    SessionsStatus,
    TransferStatus,
    VersionStatus,
    short_id,
)

SOFTWARE = f"refjk/{__version__}"
SESSIONS_LISTED = 100  # of each application
FARM_EVENTS_LISTED = 20


def node_report(
    name: str,
    nodes: Mapping[str, ClusterNode],
    servers: Mapping[str, AjpServer],
    hosts: Mapping[str, Hosts],
    farms: Mapping[str, FarmNode],
) -> NodeReport:
    """What is to be shown now; raises `LocalProtocolError` while a node has not been started."""
    now_ms = time.time_ns() // 1_000_000
    return NodeReport(
        name,
        SOFTWARE,
        now_ms,
        tuple(_cluster(one, node, now_ms) for one, node in nodes.items()),
        tuple(context for service, of_it in hosts.items() for context in _contexts(service, of_it)),
        tuple(ConnectorStatus(one, tuple(server.counters.items())) for one, server in servers.items()),
        tuple(_farm(one, farm) for one, farm in farms.items()),
    )


def _cluster(name: str, node: ClusterNode, now_ms: int) -> ClusterStatus:
    own, received = node.own_address(), node.channel.received
    with node.lock:
        managers = node.contexts.managers()
        messages = asdict(node.contexts.counters)
    return ClusterStatus(
        name,
        node.settings.senders.mode.value,
        own.name or "",
        own.alive_ms,
        own.domain,
        ReceiverStatus(str(Address(own.host or "", own.port)), tuple(asdict(received).items())),
        _members(node),
        (("failed_sends", node.failed_sends), ("unclaimed", node.channel.unclaimed), *messages.items()),
        tuple(_sessions(manager, node.lock, now_ms) for manager in managers),
    )


def _members(node: ClusterNode) -> tuple[NodeMember, ...]:
    """Members, oldest first, then senders whose member is gone. NOD-STS-03"""
    senders = {one.member.decode("utf-8", "replace"): one for one in node.channel.snapshots()}
    found: dict[str, NodeMember] = {}
    for member in node.members():
        name, sender = member.name or "", senders.pop(member.name or "", None)
        address = str(Address(member.host or "", member.port))
        found[name] = NodeMember(name, address, member.alive_ms, member.domain, _sender(sender))
    for name, left in senders.items():
        found[name] = NodeMember(name, str(left.address), sender=_sender(left))
    return tuple(found.values())


def _sender(one: SenderSnapshot | None) -> SenderStatus | None:
    if one is None:
        return None
    return SenderStatus(
        suspect=one.suspect,
        messages=one.messages,
        octets=one.octets,
        resends=one.resends,
        answers_missed=one.answers_missed,
        connects=one.connects,
        failures=one.failures,
        queue_length=one.queue_length,
        queue_age_ms=one.queue_age_ms,
        lost=one.lost,
    )


def _sessions(manager: SessionManager, lock: threading.RLock, now_ms: int) -> SessionsStatus:
    """The lock is what every request needs, so it is not held while very many sessions are counted."""
    with lock:
        sessions = manager.sessions()
        counters = asdict(manager.counters)
        transfer, held = manager.transfer, manager.transfer.held
        asked = None if transfer.asked is None else transfer.asked.name
        shown = TransferStatus(
            transfer.phase.value, asked, transfer.questions, len(held.messages), held.octets
        )
    primary = sum(session.primary for session in sessions)
    # NOD-STS-07
    last = heapq.nlargest(SESSIONS_LISTED, sessions, key=lambda session: session.this_access_ms)
    with lock:
        listed = tuple(_session(session, now_ms) for session in last)
    sessions_max = counters.pop("max_active")  # which is no counter
    return SessionsStatus(
        _path(manager.settings.context_name),
        primary,
        len(sessions) - primary,
        sessions_max,
        manager.settings.max_active_sessions,
        shown,
        tuple(counters.items()),
        listed,
    )


def _session(session: Session, now_ms: int) -> SessionRow:
    return SessionRow(
        short_id(session.id),
        session.primary,
        session.is_new,
        len(session.attributes()),
        session.access_count,
        session.creation_ms // 1000,
        max(now_ms - session.this_access_ms, 0) // 1000,
        session.max_inactive_interval,
    )


def _contexts(service: str, hosts: Hosts) -> Iterator[ContextStatus]:
    names: dict[Any, str] = {}
    for name, contexts in hosts.hosts.items():
        names.setdefault(contexts, name)  # a host comes under its aliases again
    for contexts, name in names.items():
        for one in contexts.applications:
            source = one.web.file if one.folder is None else str(one.folder)
            yield ContextStatus(f"{service}/{name}", _path(one.path), source, one.distributable, one.error)


def _farm(host: str, farm: FarmNode) -> FarmStatus:
    """NOD-STS-16"""
    watch = farm.directories.watch
    return FarmStatus(
        host,
        str(farm.directories.deploy),
        None if watch is None else str(watch),
        farm.dropped,
        tuple(
            VersionStatus(one.context_path, one.digest.hex(), one.size, one.stamp_ms // 1000)
            for one in farm.deployed
            if one.digest is not None
        ),
        tuple(
            FarmEvent(at_ms // 1000, one.context_path, one.text, one.refused)
            for at_ms, one in list(farm.reports)[-FARM_EVENTS_LISTED:]
        ),
    )


def _path(name: str) -> str:
    """A path, one character for each octet in the container, as people write it; no two become the same."""
    with contextlib.suppress(UnicodeEncodeError):
        return name.encode("latin-1").decode("utf-8", "backslashreplace")
    return name
