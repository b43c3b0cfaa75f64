"""Which kind of recording a document is, told by its shape, and who plays it."""

from __future__ import annotations

from collections.abc import Callable

from refjk.base.errors import InputError
from refjk.session import MESSAGE_CLASSES
from refjk.vectors import jk127, jk1250, jk_configuration, jk_mapping
from refjk.vectors.cluster_frames import play_frames, play_queues
from refjk.vectors.cluster_membership import play_datagrams, play_tables
from refjk.vectors.cluster_traces import play_traces
from refjk.vectors.document import Node
from refjk.vectors.edge_container import play_edge_container
from refjk.vectors.edge_web_server import play_edge_web_server
from refjk.vectors.exchange import play_exchange
from refjk.vectors.farm_deploying import play_deployments
from refjk.vectors.farm_messages import CLASSES as FARM_CLASSES
from refjk.vectors.farm_messages import play_farm_messages, play_parts, play_writes
from refjk.vectors.farm_watching import play_watching
from refjk.vectors.object_streams import play_class_descriptors, play_object_streams
from refjk.vectors.result import Difference, Played
from refjk.vectors.session_messages import play_message_classes, play_messages
from refjk.vectors.session_octets import play_delta_requests, play_delta_sessions, play_states
from refjk.vectors.session_requests import play_routes, play_valve
from refjk.vectors.session_scenarios import play_scenarios


def play(document: Node) -> Played:
    """Plays one document. Raises `InputError` for one of an unknown kind or that breaks its schema."""
    keys = document.table().keys()
    for wanted, player in _PLAYERS:
        if wanted <= keys:
            return player(document)
    raise InputError(f"no known kind of recording; its keys are {', '.join(keys) or 'none'}")


def _play_decisions(document: Node) -> Played:
    """What mod_jk read and decided; the source names the version."""
    source, kind = document["source"].text(), str(document["kind"].value)
    version = jk1250 if jk1250.SOURCE in source else jk127
    # A mount file is played with the paths that it maps; its reading is part of that.
    chapters = (jk_mapping, jk_configuration)
    player = next((chapter for chapter in chapters if kind in chapter.KINDS), version)
    passed, lines = player.play(document.table())
    kind = f"{version.SOURCE} {kind}"
    return Played(kind, passed, len(lines), tuple(map(Difference.of_line, lines)))


def _play_golden(document: Node) -> Played:
    """Golden data that all have one outer form; the keys of the first entry tell their kind.

    Those of its steps, if it has any, are among them as `steps.KEY`.
    """
    vectors = document["vectors"].items()
    keys = set(vectors[0].table()) if vectors else set()
    if "steps" in keys:
        keys |= {f"steps.{key}" for step in vectors[0]["steps"].items() for key in step.table()}
    if "class" in keys:  # of a message; its name tells whose chapter it belongs to
        keys.add(vectors[0]["class"].text())
    for wanted, player in _GOLDEN_PLAYERS:
        if wanted <= keys:
            return player(document)
    raise InputError(
        f"no known kind of golden data; the keys of an entry are {', '.join(sorted(keys)) or 'none'}"
    )


_GOLDEN_PLAYERS: tuple[tuple[frozenset[str], Callable[[Node], Played]], ...] = (
    (frozenset({"contents", "hex"}), play_object_streams),
    (frozenset({"name", "suid", "flags", "fields", "seen_in_builds_of"}), play_message_classes),
    (frozenset({"name", "suid", "flags", "fields"}), play_class_descriptors),
    (frozenset({"op", "decoded"}), play_datagrams),
    (frozenset({"local_name", "steps"}), play_tables),
    (frozenset({"op", "frame"}), play_frames),
    (frozenset({"op", "steps"}), play_frames),
    (frozenset({"steps.size"}), play_queues),
    (frozenset({"note", "setup"}), play_traces),
    *((frozenset({"fields", "hex", name}), play_farm_messages) for name in sorted(FARM_CLASSES)),
    (frozenset({"file_size", "messages"}), play_parts),
    (frozenset({"writes", "total", "file"}), play_writes),
    (frozenset({"steps.step", "steps.events"}), play_watching),
    (frozenset({"steps.step", "steps.actions", "steps.state"}), play_deployments),
    *((frozenset({"fields", "hex", name}), play_messages) for name in sorted(MESSAGE_CLASSES)),
    (frozenset({"sessionId", "calls"}), play_delta_requests),
    (frozenset({"sessions_in_order"}), play_states),
    (frozenset({"uri", "filter", "calls"}), play_valve),
    (frozenset({"session_known", "local_route"}), play_routes),
    (frozenset({"note", "session"}), play_delta_sessions),
    (frozenset({"note", "steps.step", "steps.state"}), play_scenarios),
)
_PLAYERS: tuple[tuple[frozenset[str], Callable[[Node], Played]], ...] = (
    (frozenset({"frames", "decoded"}), play_exchange),
    (frozenset({"sent", "received"}), play_edge_container),
    (frozenset({"container_script", "results"}), play_edge_web_server),
    (frozenset({"source", "kind"}), _play_decisions),
    (frozenset({"schema", "vectors"}), _play_golden),
)
