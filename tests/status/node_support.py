"""Reports of a node, and answers, in short."""

from __future__ import annotations

from typing import Any

from refjk.status import Access, StatusAnswer
from refjk.status.node_answer import answer_node, node_policy
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
from tests.status.support import KEY, NOW_S

SESSION_ID = "0123456789ABCDEF0123456789ABCDEF.node1"
NODE2 = "tcp://127.0.0.1:4002"
NODE3 = "tcp://127.0.0.1:4003"
EVIL = "<script>alert(\"'&\\\n\x00)</script>"


def member(name: str = NODE2, **more: Any) -> NodeMember:
    values: dict[str, Any] = {"address": name.removeprefix("tcp://"), "alive_ms": 61_500}
    return NodeMember(name, **{**values, **more})


def sessions(path: str = "/shop", **more: Any) -> SessionsStatus:
    row = SessionRow(short_id(SESSION_ID), True, False, 3, 1, NOW_S - 60, 7, 1800)
    values: dict[str, Any] = {
        "primary": 5,
        "backup": 9,
        "sessions_max": 20,
        "transfer": TransferStatus("done", None, 1, 0, 0),
        "counters": (("created", 6), ("deltas_sent", 31)),
        "listed": (row,),
    }
    return SessionsStatus(path, **{**values, **more})


def cluster(**more: Any) -> ClusterStatus:
    """Two other members, of whom one cannot be reached."""
    good = SenderStatus(messages=40, octets=4000, connects=1)
    bad = SenderStatus(True, 30, 3000, 2, 4, 5, 6, 7, 800, 9)
    values: dict[str, Any] = {
        "mode": "pooled",
        "member": "tcp://127.0.0.1:4001",
        "alive_ms": 90_000,
        "domain": None,
        "receiver": ReceiverStatus("127.0.0.1:4001", (("connections", 2), ("messages", 77))),
        "members": (member(NODE2, sender=good), member(NODE3, sender=bad, domain="east")),
        "counters": (("failed_sends", 6), ("unclaimed", 1)),
        "applications": (sessions(),),
    }
    return ClusterStatus(**{"name": "Catalina/localhost", **values, **more})


def farm(**more: Any) -> FarmStatus:
    values: dict[str, Any] = {
        "deploys_to": "/srv/webapps",
        "watches": "/srv/watch",
        "dropped": 2,
        "versions": (VersionStatus("/shop", "ab" * 32, 4711, NOW_S - 90),),
        "events": (
            FarmEvent(NOW_S - 90, "/shop", "deployed abababababababab", False),
            FarmEvent(NOW_S - 30, "/bad", "no web.xml", True),
        ),
    }
    return FarmStatus(**{"host": "Catalina/localhost", **values, **more})


def node(**more: Any) -> NodeReport:
    contexts = (
        ContextStatus("Catalina/localhost", "/shop", "/srv/shop", True),
        ContextStatus("Catalina/localhost", "", "root:app", False, "no module named 'root'"),
    )
    values: dict[str, Any] = {
        "name": "node1",
        "software": "refjk/1.0",
        "now_ms": NOW_S * 1000,
        "clusters": (cluster(),),
        "contexts": contexts,
        "connectors": (ConnectorStatus("ajp://127.0.0.1:8009", (("requests", 12), ("pings", 3))),),
        "farms": (farm(),),
    }
    return NodeReport(**{**values, **more})


def evil_node() -> NodeReport:
    """Every text is one that would be markup, or end a label."""
    return node(
        name=EVIL,
        software=EVIL,
        clusters=(
            cluster(
                name=EVIL,
                mode=EVIL,
                member=EVIL,
                domain=EVIL,
                receiver=ReceiverStatus(EVIL, (("messages", 1),)),
                members=(member(EVIL, address=EVIL, domain=EVIL, sender=SenderStatus(messages=1)),),
                applications=(sessions(EVIL, transfer=TransferStatus("waiting", EVIL, 1)),),
            ),
        ),
        contexts=(ContextStatus(EVIL, EVIL, EVIL, True, EVIL),),
        connectors=(ConnectorStatus(EVIL, (("requests", 1),)),),
        farms=(
            FarmStatus(
                EVIL,
                EVIL,
                EVIL,
                1,
                (VersionStatus(EVIL, EVIL, 1, NOW_S),),
                (FarmEvent(NOW_S, EVIL, EVIL, True),),
            ),
        ),
    )


def visitor(method: str = "GET", peer: str = "127.0.0.1", **more: Any) -> Access:
    rules = {name: more.pop(name) for name in ("remote", "hosts") if name in more}
    return Access(node_policy(KEY, **rules), method, peer, **more)


def ask_node(target: str = "/", report: NodeReport | None = None, who: Access | None = None) -> StatusAnswer:
    path, _, query = target.partition("?")
    shown = report or node()
    return answer_node(path, query.encode(), who or visitor(), lambda: shown)
