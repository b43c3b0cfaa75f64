"""Plays golden scenarios of several original deployers: messages, host calls, files.

The steps are told in words. What is *done* in a step is taken from what the recording shows of it: the
watched directories, which applications were there or in service before, who was away, how many ticks
the words name. What *follows* - every message with its numbers, every call of a host, every file - is
worked out and compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from refjk.farm import SUFFIX, UndeployMessage
from refjk.vectors.document import Node as Value
from refjk.vectors.farm_nodes import Cluster, Node
from refjk.vectors.golden import play_all, same
from refjk.vectors.result import Played

DEPLOY_KIND = "farm deployment"

_MESSAGE = re.compile(
    r"(?P<source>\w+) > (?P<target>\w+): (?P<kind>\w+) .*?path='(?P<path>[^']*)'(?P<rest>.*)"
)
_CALL = re.compile(r"(?P<node>\w+): (?:context '(?P<stopped>[^']*)' stopped|(?P<verb>\w+) '(?P<path>[^']*)')")
_TICKS = {"one": 1, "a": 1, "second": 1, "two": 2, "three": 3, "four": 4, "six": 6}
_TICK_WORDS = re.compile(rf"\b({'|'.join(_TICKS)})(?: background)? ticks?\b")
_EVERY = 2


def play_deployments(document: Value) -> Played:
    """Actions exactly (sorted where the recording sorted them), directories after each step."""
    return play_all(document, DEPLOY_KIND, _play_scenario)


def _play_scenario(vector: Value) -> None:
    steps = vector["steps"].items()
    cluster = Cluster(name for step in steps for name in step["state"].table())
    for number, step in enumerate(steps):
        shown = _Shown(step)
        if number == 0:
            _furnish(cluster, steps)
        else:
            _add_archives(cluster, shown)
        cluster.journal.clear()
        _carry_out(cluster, shown)
        found = sorted(cluster.journal) if "sorted" in shown.words else list(cluster.journal)
        same(f"step {number}, actions", shown.actions, found)
        state = {name: cluster.nodes[name].state() for name in shown.state}
        same(f"step {number}, state", shown.state, state)


class _Shown:
    """What the recording shows of a step."""

    def __init__(self, step: Value) -> None:
        self.words = step["step"].text()
        self.actions = [action.text() for action in step["actions"].items()]
        self.state = {
            name: {
                directory: [entry.text() for entry in entries.items()]
                for directory, entries in node.entries()
            }
            for name, node in step["state"].entries()
        }
        self.messages = [m for m in map(_MESSAGE.fullmatch, self.actions) if m]
        self.calls = [c for c in map(_CALL.fullmatch, self.actions) if c]

    def stopped(self, node: str) -> list[str]:
        return [c["stopped"] for c in self.calls if c["node"] == node and c["stopped"] is not None]

    def called(self, node: str, verb: str) -> list[str]:
        return [c["path"] for c in self.calls if c["node"] == node and c["verb"] == verb]


def _furnish(cluster: Cluster, steps: list[Value]) -> None:
    """What was there before the first step: all that no message of the scenario explains."""
    first = _Shown(steps[0])
    arrived = {m["path"] for m in first.messages if m["kind"] == "FileMessage"}
    for name, node in cluster.nodes.items():
        state = first.state.get(name, {})
        explained = {*arrived, *first.called(name, "check")}
        made = {path for path in state.get("contexts", []) if path not in explained}
        kept_busy = set(first.called(name, "isServiced")) - set(first.called(name, "addServiced"))
        node.contexts |= made | set(first.stopped(name)) | (kept_busy & set(state.get("contexts", [])))
        watched = {entry.rpartition(" ")[0] for entry in state.get("watch", [])}
        for entry in state.get("webapps", []):
            archive, _, size = entry.rpartition(" ")
            path = f"/{archive.removesuffix(SUFFIX)}"
            if entry.endswith("/"):
                node.folders.add(entry[:-1])
            elif archive not in watched and (path not in arrived or path in kept_busy):
                node.archives[archive] = int(size)
    _add_archives(cluster, first)


def _add_archives(cluster: Cluster, shown: _Shown) -> None:
    """An application that was stopped and whose folder stayed had an archive too."""
    for name, node in cluster.nodes.items():
        for path in shown.stopped(name):
            if f"{path[1:]}/" in shown.state.get(name, {}).get("webapps", []):
                node.archives.setdefault(path[1:] + SUFFIX, 0)


def _carry_out(cluster: Cluster, shown: _Shown) -> None:
    _set_away(cluster, shown)
    for name, node in cluster.nodes.items():
        asked, taken = shown.called(name, "isServiced"), shown.called(name, "addServiced")
        node.in_service = set(asked) - set(taken)
        if not asked:
            for path in shown.called(name, "check"):
                node.check(path)  # by itself
    for name, node in cluster.nodes.items():
        moved = _set_watched(node, cluster.now_ns, shown)
        _undeploy_by_hand(cluster, name, shown)
        _tick(cluster, name, shown.words, moved)


def _set_away(cluster: Cluster, shown: _Shown) -> None:
    """Who gets none of the messages that others get is away."""
    if shown.messages:
        sources = {m["source"] for m in shown.messages}
        cluster.away = cluster.nodes.keys() - {m["target"] for m in shown.messages} - sources


def _set_watched(node: Node, now_ns: int, shown: _Shown) -> bool:
    """The watched directory as the step shows it; whether anything in it is new, touched or gone."""
    entries = [entry.rpartition(" ") for entry in shown.state.get(node.name, {}).get("watch", [])]
    sent = {m["path"][1:] + SUFFIX for m in shown.messages if m["source"] == node.name}
    before = dict(node.watch)
    node.watch = {
        name: before[name]
        if name in before and before[name][0] == int(size) and name not in sent
        else (int(size), now_ns + 500_000)
        for name, _, size in entries
    }
    return node.watch != before


def _undeploy_by_hand(cluster: Cluster, name: str, shown: _Shown) -> None:
    """A message of which the watched directory knows nothing was asked for at the node itself."""
    watched = _known(cluster.nodes[name])
    done: list[str] = []
    for message in shown.messages:
        path = message["path"]
        if message["source"] != name or message["kind"] != "UndeployMessage" or path in [*watched, *done]:
            continue
        done.append(path)
        undeploy = "undeploy=true" in message["rest"]
        cluster.send(name, UndeployMessage(path, undeploy, f"Undeploy:{path}:0"))
        if undeploy:
            cluster.nodes[name].deployer.remove(path)


def _known(node: Node) -> Iterable[str]:
    """Paths of archives that are in the watched directory, or were when it was looked at last."""
    names = [*node.watch, *node.deployer.told]
    return {f"/{name.removesuffix(SUFFIX)}" for name in names}


def _tick(cluster: Cluster, name: str, words: str, moved: bool) -> None:
    """As many ticks as the words name; where they name none, until the directory was looked at."""
    named = _TICK_WORDS.search(words)
    count = _TICKS[named[1]] if named else _EVERY if moved else 0
    for _ in range(count):
        cluster.tick(name)
