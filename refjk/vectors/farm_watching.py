"""Plays golden traces of a watched directory against the original's rules."""

from __future__ import annotations

from refjk.base.errors import InputError
from refjk.farm import OriginalWatcher, Seen
from refjk.vectors.document import Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played

WATCH_KIND = "watched directory"

_MS = 1_000_000
_PAUSE_NS = 20 * _MS  # after each check


def play_watching(document: Node) -> Played:
    """Step by step; events are compared sorted."""
    return play_all(document, WATCH_KIND, _play_trace)


def _play_trace(vector: Node) -> None:
    watcher, directory, now_ns = OriginalWatcher(), dict[str, Seen](), 1_000_000 * _MS
    for number, step in enumerate(vector["steps"].items()):
        now_ns += _MS
        verb, _, rest = step["step"].text().partition(" ")
        name, _, amount = rest.partition(" ")
        if verb == "check":
            events = watcher.check(directory.values(), now_ns)
            # The original tells of new ones as of changed ones.
            found = sorted(
                f"{'removed' if event.happening.value == 'removed' else 'modified'} {event.name}"
                for event in events
            )
            same(f"step {number}", step["events"].value, found)
            now_ns += _PAUSE_NS
        elif verb in ("write", "mkdir"):
            directory[name] = Seen(name, 1, now_ns, verb == "mkdir")
        elif verb == "mtime":
            directory[name] = Seen(name, 1, now_ns + _milliseconds(step, amount) * _MS)
        elif verb == "rm":
            directory.pop(name, None)
        elif verb == "clear":
            watcher.clear()
        else:
            raise InputError(f"{step.place}: unknown step {verb!r}")


def _milliseconds(step: Node, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{step.place}: no number of milliseconds") from None
