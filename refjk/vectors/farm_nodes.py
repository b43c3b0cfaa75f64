"""Stand-ins for the nodes of the golden deployment scenarios: a host and three directories each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refjk.farm import SUFFIX, FileMessage, OriginalDeployer, Seen, UndeployMessage

State = dict[str, list[str]]


class Node:
    """A host that records what is asked of it, with directories in memory."""

    def __init__(self, name: str, journal: list[str]) -> None:
        self.name = name
        self._journal = journal
        self.watch: dict[str, tuple[int, int]] = {}  # size, time
        self.temp: dict[str, bytes] = {}
        self.archives: dict[str, int] = {}
        self.folders: set[str] = set()
        self.contexts: set[str] = set()
        self.in_service: set[str] = set()
        self.deployer = OriginalDeployer(self, watch_enabled=True)

    # -- the host -------------------------------------------------------------------------------

    def is_serviced(self, path: str) -> bool:
        self._say(f"isServiced '{path}'")
        return path in self.in_service

    def add_serviced(self, path: str) -> None:
        self._say(f"addServiced '{path}'")

    def remove_serviced(self, path: str) -> None:
        self._say(f"removeServiced '{path}'")

    def check(self, path: str) -> None:
        self._say(f"check '{path}'")
        if path[1:] + SUFFIX in self.archives or path[1:] in self.folders:
            self.contexts.add(path)

    def stop(self, path: str) -> bool:
        if path not in self.contexts:
            return False
        self._say(f"context '{path}' stopped")
        self.contexts.remove(path)
        return True

    def delete(self, path: str) -> None:
        if self.archives.pop(path[1:] + SUFFIX, None) is None:
            self.folders.discard(path[1:])

    # -- the directories ------------------------------------------------------------------------

    def entries(self) -> Sequence[Seen]:
        return [Seen(name, size, time) for name, (size, time) in self.watch.items()]

    def watched(self, name: str) -> bytes:
        return bytes(self.watch[name][0])

    def copy_to_deploy(self, name: str) -> None:
        self.archives[name] = self.watch[name][0]

    def clear_temp(self, name: str) -> None:
        self.temp[name] = b""

    def append_temp(self, name: str, octets: bytes) -> None:
        self.temp[name] += octets

    def move_to_deploy(self, name: str) -> None:
        self.archives[name] = len(self.temp.pop(name))

    def state(self) -> State:
        return {
            "watch": _sized((name, size) for name, (size, _) in self.watch.items()),
            "temp": _sized((name, len(octets)) for name, octets in self.temp.items()),
            "webapps": sorted([*_sized(self.archives.items()), *(f"{folder}/" for folder in self.folders)]),
            "contexts": sorted(self.contexts),
        }

    def _say(self, words: str) -> None:
        self._journal.append(f"{self.name}: {words}")


def _sized(files: Iterable[tuple[str, int]]) -> list[str]:
    return sorted(f"{name} {size}" for name, size in files)


class Cluster:
    """Nodes on a bus that delivers at once, each message to each other node in turn."""

    def __init__(self, names: Iterable[str]) -> None:
        self.journal: list[str] = []
        self.nodes = {name: Node(name, self.journal) for name in sorted(names)}
        self.away: set[str] = set()
        self.now_ns = 1_000_000_000_000

    def tick(self, name: str) -> None:
        """One tick of a node's background work."""
        self.now_ns += 1_000_000
        for message in self.nodes[name].deployer.tick(self.now_ns, f"/watch/{name}"):
            self.send(name, message)

    def send(self, source: str, message: FileMessage | UndeployMessage) -> None:
        for name, node in self.nodes.items():
            if name != source and name not in self.away:
                self.journal.append(f"{source} > {name}: {_in_words(message)}")
                node.deployer.receive(message)


def _in_words(message: FileMessage | UndeployMessage) -> str:
    path = message.context_path
    if isinstance(message, UndeployMessage):
        flag = str(message.undeploy).lower()
        return f"UndeployMessage path='{path}' undeploy={flag} id=Undeploy:{path}:<ms>"
    name = (message.file_name or "").rpartition("/")[2]
    return f"FileMessage {message.number}/{message.total} bytes={message.data_size} path='{path}' file={name}"
