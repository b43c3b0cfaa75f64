"""A cluster of deployers in simulated time: directories in memory, a network that one seed drives."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from refjk.farm import (
    PIECE_SIZE_MAX,
    Action,
    ArchivePiece,
    Entry,
    FarmDeployer,
    FarmSettings,
    FileMessage,
    Install,
    Layout,
    Member,
    Message,
    Remove,
    Report,
    Send,
    SendArchive,
    ServeOctets,
    StoreOctets,
    TransferDropped,
    UndeployMessage,
    Verify,
    context_path_of,
    message_of,
    parts_of,
    read_extension,
    read_message,
    write_extension,
    write_message,
)

PART_MS = 10  # between two parts of a sender
DROP_MS = 3000  # until a dead member is noticed
START_MS = 50  # an application needs to start


def archive(words: str, size: int) -> bytes:
    """Stands for an archive: its checksum, then octets that only this version has."""
    body = random.Random(words).randbytes(size - 32)
    return hashlib.sha256(body).digest() + body


def is_whole(octets: bytes) -> bool:
    return hashlib.sha256(octets[32:]).digest() == octets[:32]


@dataclass
class Faults:
    loss: float = 0.0
    twice: float = 0.0
    delay_ms: tuple[int, int] = (1, 1)


class Node:
    """The driver of one deployer. What is on its disk outlives it: deployed archives and their stamps."""

    def __init__(self, cluster: Cluster, name: str, settings: FarmSettings) -> None:
        self.cluster = cluster
        self.name = name
        self.settings = settings
        self.deployed: dict[str, tuple[bytes, int]] = {}
        self.refuses_to_start: set[bytes] = set()
        self.log: list[Report] = []
        self.requests: list[Action] = []
        self.alive = False
        self.life = 0
        self.joined_ms = 0

    def start(self) -> None:
        entries = [
            Entry(context_path_of(name), stamp, hashlib.sha256(octets).digest(), len(octets))
            for name, (octets, stamp) in self.deployed.items()
        ]
        self.temp: dict[int, bytearray] = {}
        self.deployer = FarmDeployer(Member(self.name, "127.0.0.1", 4001), self.settings, entries)
        self.alive = True
        self.life += 1
        self.joined_ms = self.cluster.now_ms

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            self._do(action)

    def _do(self, action: Action) -> None:
        self.requests.append(action)
        if isinstance(action, Send):
            self.cluster.send(self.name, action.to, action.message)
        elif isinstance(action, SendArchive):
            self._send_archive(action)
        elif isinstance(action, ServeOctets):
            octets, _ = self.deployed[action.name]
            data = octets[action.offset : action.offset + PIECE_SIZE_MAX]
            piece = ArchivePiece(action.digest, action.size, action.offset, data)
            self.cluster.send(self.name, action.to, piece)
        elif isinstance(action, StoreOctets):
            grown = self.temp.setdefault(action.transfer, bytearray())
            grown.extend(bytes(max(0, action.offset + len(action.octets) - len(grown))))
            grown[action.offset : action.offset + len(action.octets)] = action.octets
        elif isinstance(action, TransferDropped):
            self.temp.pop(action.transfer, None)
        elif isinstance(action, Verify):
            self._verify(action)
        elif isinstance(action, Install | Remove):
            self.cluster.later(START_MS, self, lambda: self._finish(action))
        else:
            assert isinstance(action, Report)
            self.log.append(action)

    def _send_archive(self, action: SendArchive) -> None:
        octets, _ = self.deployed[action.name]
        members = [name for name in self.cluster.members() if name != self.name]
        for count, part in enumerate(parts_of(action.size)):
            message = message_of(
                part,
                octets[part.offset : part.offset + part.size],
                file_name=f"/watch/{self.name}/{action.name}",
                context_path=action.context_path,
                size=action.size,
            )
            for each, to in enumerate(members):
                send = partial(self.cluster.send, self.name, to, message)
                self.cluster.later(PART_MS * count + each, self, send)

    def _verify(self, action: Verify) -> None:
        octets = bytes(self.temp[action.transfer])
        if is_whole(octets) and len(octets) == action.size:
            digest = hashlib.sha256(octets).digest()
            self.do(self.deployer.verified(action.transfer, digest, self.cluster.now_ms))
        else:
            self.temp.pop(action.transfer)
            self.do(self.deployer.verification_failed(action.transfer, "not whole", self.cluster.now_ms))

    def _finish(self, action: Install | Remove) -> None:
        path, now_ms = action.context_path, self.cluster.now_ms
        if isinstance(action, Remove):
            self.deployed.pop(action.name, None)
            self.do(self.deployer.removed(path))
            return
        octets = bytes(self.temp.pop(action.transfer))
        if action.digest in self.refuses_to_start:
            self.do(self.deployer.installation_failed(path, "it does not start", now_ms))
            return
        assert is_whole(octets) and hashlib.sha256(octets).digest() == action.digest
        self.deployed[action.name] = (octets, action.stamp_ms)
        self.do(self.deployer.installed(path, now_ms))

    def drop_in(self, name: str, octets: bytes) -> None:
        """A new version is in the watched directory, whole."""
        transfer, digest = self.deployer.new_transfer(), hashlib.sha256(octets).digest()
        self.temp[transfer] = bytearray(octets)
        self.do(self.deployer.archive_changed(name, transfer, digest, len(octets), self.cluster.now_ms))

    def take_out(self, name: str) -> None:
        self.do(self.deployer.archive_removed(name, self.cluster.now_ms))


class Cluster:
    def __init__(self, seed: int = 0, settings: FarmSettings | None = None) -> None:
        self.now_ms = 1_000_000
        self.faults = Faults()
        self.random = random.Random(seed)
        self.nodes: dict[str, Node] = {}
        self._settings = settings or FarmSettings(deploy_from_wire=True)
        self._agenda: list[tuple[int, int, Node | None, int, Callable[[], None]]] = []
        self._order = 0

    def join(self, name: str, settings: FarmSettings | None = None) -> Node:
        node = self.nodes.setdefault(name, Node(self, name, settings or self._settings))
        node.start()
        self._tell_members()
        self._tick(node)
        return node

    def crash(self, name: str) -> None:
        self.nodes[name].alive = False
        self.later(DROP_MS, None, self._tell_members)

    def members(self) -> list[str]:
        living = [node for node in self.nodes.values() if node.alive]
        return [node.name for node in sorted(living, key=lambda node: (node.joined_ms, node.name))]

    def living(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.alive]

    def later(self, delay_ms: int, node: Node | None, call: Callable[[], None]) -> None:
        """Unless the node ends before."""
        self._order += 1
        life = node.life if node else 0
        heapq.heappush(self._agenda, (self.now_ms + delay_ms, self._order, node, life, call))

    def send(self, source: str, to: str | None, message: Message) -> None:
        for name in [to] if to is not None else [n for n in self.members() if n != source]:
            sender = Member(source, "127.0.0.1", 4001)
            stamped = replace(message, sender=sender, timestamp_ms=self.now_ms)
            if isinstance(stamped, FileMessage | UndeployMessage):
                octets = write_message(stamped, Layout.V555)
            else:
                octets = write_extension(stamped, Layout.V5510)
            copies = 2 if self.random.random() < self.faults.twice else 1
            for _ in range(copies):
                if self.random.random() >= self.faults.loss and name in self.nodes:
                    node = self.nodes[name]
                    delay_ms = self.random.randint(*self.faults.delay_ms)
                    self.later(delay_ms, node, partial(self._arrive, node, octets))

    def _arrive(self, node: Node, octets: bytes) -> None:
        message: Message = read_extension(octets) if b"refjk.farm." in octets[:40] else read_message(octets)
        node.do(node.deployer.receive(message, self.now_ms))

    def _tick(self, node: Node) -> None:
        node.do(node.deployer.tick(self.now_ms))
        self.later(1000, node, lambda: self._tick(node))

    def _tell_members(self) -> None:
        members = self.members()
        for node in self.living():
            node.do(node.deployer.members_changed(members, self.now_ms))

    def run(self, duration_ms: int) -> None:
        end_ms = self.now_ms + duration_ms
        while self._agenda and self._agenda[0][0] <= end_ms:
            at_ms, _, node, life, call = heapq.heappop(self._agenda)
            self.now_ms = at_ms
            if node is None or (node.alive and node.life == life):
                call()
        self.now_ms = end_ms
