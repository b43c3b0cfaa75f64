"""`refjk farm list|push|remove`: what the nodes of a farm have, and changes by way of a watched directory."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from refjk.base.errors import CheckFailed, InputError, Malformed, NothingSelected, Unreachable, UsageError
from refjk.cli.node import find_server_xml, read_node
from refjk.cli.up import find_nodes
from refjk.cli.values import pause
from refjk.farm import SUFFIX, check_archive_name, context_path_of, file_name_of
from refjk.runtime.clustered import farm_directories
from refjk.runtime.contexts import node_base
from refjk.runtime.farm_driver import FarmDirectories
from refjk.runtime.farm_files import CHUNK_SIZE, PARTIAL, opened_file, partial_of
from refjk.runtime.farm_node import REPORTS_FILE
from refjk.runtime.war_archive import verify_archive

HELP = "list, push and remove the applications of a farm, whose nodes deploy what one of them watches"

POLL_S = 0.1
PROGRESS_S = 2.0
_PLACE_HELP = "a server.xml, a node's folder, or a folder with NODE/conf/server.xml in it"


@dataclass(frozen=True, slots=True)
class FarmPlace:
    """A node with a `Deployer`, and its directories."""

    name: str
    where: FarmDirectories

    def archive(self, name: str) -> Path:
        return self.where.deploy / name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    what = "what lies whole in the deploy directory of each node"
    listing = actions.add_parser("list", help=what, description=what, allow_abbrev=False)
    listing.add_argument("place", metavar="PLACE", help=_PLACE_HELP)
    what = "check an archive, put it into the watched directory, and wait until each node has it"
    pushing = actions.add_parser("push", help=what, description=what, allow_abbrev=False)
    pushing.add_argument("file", type=Path, metavar="FILE", help="a .war; its name becomes the context path")
    pushing.add_argument("--to", required=True, metavar="PLACE", help=_PLACE_HELP)
    what = "take an archive out of the watched directory, and wait until no node has it"
    removing = actions.add_parser("remove", help=what, description=what, allow_abbrev=False)
    removing.add_argument("name", metavar="NAME", help="shop, shop.war or /shop")
    removing.add_argument("--from", required=True, dest="place", metavar="PLACE", help=_PLACE_HELP)
    for action in (pushing, removing):
        action.add_argument(
            "--timeout",
            type=pause,
            metavar="S",
            default=120.0,
            help="how long to wait for the nodes, which look every processDeployFrequency background ticks "
            "(default %(default)g s)",
        )


def run(options: argparse.Namespace) -> int:
    if options.action == "list":
        return _list(farm_places(options.place))
    if options.action == "push":
        return _push(options.file, farm_places(options.to), options.timeout)
    return _remove(options.name, farm_places(options.place), options.timeout)


def farm_places(place: str) -> list[FarmPlace]:
    """The nodes of a place that have a `Deployer`; raises `InputError` and `NothingSelected`."""
    nodes = find_nodes(place) or {Path(node_base(find_server_xml(place))).name: Path(place)}
    found = [one for name, folder in nodes.items() for one in _places_of(name, str(folder))]
    if not found:
        raise NothingSelected(f"{place}: no host of it has a Deployer in its Cluster")
    return found


def _places_of(name: str, place: str) -> Iterator[FarmPlace]:
    file = find_server_xml(place)
    for service in read_node(file).services:
        for host in service.engine.hosts:
            if host.cluster is not None and host.cluster.deployer is not None:
                where = farm_directories(host.cluster.deployer, node_base(file))
                yield FarmPlace(service.engine.jvm_route or name, where)


def _list(places: Sequence[FarmPlace]) -> int:
    for place in places:
        watches = "" if place.where.watch is None else f", watches {place.where.watch}"
        print(f"{place.name}: {place.where.deploy}{watches}")
        for archive in sorted(place.where.deploy.glob(f"*{SUFFIX}")):
            path = context_path_of(archive.name) or "/"
            print(f"  {path}  {archive.stat().st_size} octets  SHA-256 {_digest(archive)}")
        for line in _refusals(place, since_ms=0)[-3:]:
            print(f"  refused: {line}")
    return 0


def _push(file: Path, places: Sequence[FarmPlace], timeout_s: float) -> int:
    watch = _watching(places)
    try:
        check_archive_name(file.name)
        report = verify_archive(file)
    except Malformed as error:
        raise CheckFailed(f"{file}: no node would deploy it: {error}") from error
    since_ms = time.time_ns() // 1_000_000
    _copy(file, watch / file.name)
    print(f"{watch / file.name}: {report.size} octets, SHA-256 {report.digest.hex()}", flush=True)
    digest, path = report.digest.hex(), context_path_of(file.name) or "/"
    waiting, deadline = list(places), time.monotonic() + timeout_s
    progress_at = time.monotonic() + PROGRESS_S
    told: dict[str, int] = {}
    while waiting:
        for place in list(waiting):
            if _has(place.archive(file.name), report.size, digest):
                print(f"{place.name}: {path} is deployed", flush=True)
                waiting.remove(place)
            elif refusals := _refusals(place, since_ms, (path, file.name)):
                raise CheckFailed(f"{place.name}: {refusals[-1]}")
        if time.monotonic() >= progress_at:
            progress_at = time.monotonic() + PROGRESS_S
            for place in waiting:
                if (arrived := _arrived(place)) > told.get(place.name, 0):
                    told[place.name] = arrived
                    print(f"{place.name}: {arrived} of {report.size} octets", flush=True)
        _wait(waiting, deadline, "was not deployed")
    return 0


def _remove(name: str, places: Sequence[FarmPlace], timeout_s: float) -> int:
    try:
        file_name = file_name_of("/" + name.removeprefix("/").removesuffix(SUFFIX))
    except Malformed as error:
        raise UsageError(f"{name!r} names no application: {error}") from error
    archive = _watching(places) / file_name
    if not archive.is_file():
        raise NothingSelected(f"{archive}: no such file; a node removes what was there and is gone")
    archive.unlink()
    waiting, deadline = list(places), time.monotonic() + timeout_s
    while waiting:
        for place in list(waiting):
            if not place.archive(file_name).exists():
                print(f"{place.name}: {context_path_of(file_name) or '/'} is removed", flush=True)
                waiting.remove(place)
        _wait(waiting, deadline, "was not removed")
    return 0


def _watching(places: Sequence[FarmPlace]) -> Path:
    for place in places:
        if place.where.watch is not None:
            return place.where.watch
    raise InputError(f"none of {', '.join(place.name for place in places)} watches a directory")


def _copy(file: Path, target: Path) -> None:
    """Under another name, on which no watcher looks, and then by one rename."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, partial_of(target))
        os.replace(partial_of(target), target)
    except OSError as error:
        raise InputError(f"{target}: {error.strerror}") from error


def _wait(waiting: Sequence[FarmPlace], deadline: float, what: str) -> None:
    if waiting and time.monotonic() > deadline:
        names = ", ".join(place.name for place in waiting)
        raise Unreachable(f"it {what} in time at {names}; is the node running? Its log says more")
    if waiting:
        time.sleep(POLL_S)


def _has(archive: Path, size: int, digest: str) -> bool:
    try:
        return archive.stat().st_size == size and _digest(archive) == digest
    except (OSError, InputError):
        return False  # it comes, or is just being replaced


def _arrived(place: FarmPlace) -> int:
    """Octets of the largest transfer that is under way at a node."""
    sizes = [0]
    for file in place.where.temp.glob(f".[0-9]*{PARTIAL}"):
        with contextlib.suppress(OSError):
            sizes.append(file.stat().st_size)
    return max(sizes)


def _digest(archive: Path) -> str:
    found = hashlib.sha256()
    with opened_file(archive) as file:
        while chunk := file.read(CHUNK_SIZE):
            found.update(chunk)
    return found.hexdigest()


def _refusals(place: FarmPlace, since_ms: int, of: Sequence[str] = ()) -> list[str]:
    """What the node has said since then, of these paths and files or of all."""
    try:
        lines = (place.where.temp / REPORTS_FILE).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return []
    parts = [line.split(" ", 3) for line in lines]
    return [
        f"{about} {text}"
        for at_ms, kind, about, text in (part for part in parts if len(part) == 4)
        if kind == "refused" and at_ms.isdigit() and int(at_ms) >= since_ms and (not of or about in of)
    ]
