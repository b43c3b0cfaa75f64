"""Which kind of recording a document is, told by its shape, and who plays it."""

from __future__ import annotations

from collections.abc import Callable

from refjk.base.errors import InputError
from refjk.vectors import jk127, jk1250, jk_configuration, jk_mapping
from refjk.vectors.document import Node
from refjk.vectors.edge_container import play_edge_container
from refjk.vectors.edge_web_server import play_edge_web_server
from refjk.vectors.exchange import play_exchange
from refjk.vectors.result import Difference, Played


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


_PLAYERS: tuple[tuple[frozenset[str], Callable[[Node], Played]], ...] = (
    (frozenset({"frames", "decoded"}), play_exchange),
    (frozenset({"sent", "received"}), play_edge_container),
    (frozenset({"container_script", "results"}), play_edge_web_server),
    (frozenset({"source", "kind"}), _play_decisions),
)
