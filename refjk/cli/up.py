"""`refjk up`: what the files of a folder describe, with one command."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from refjk.base.errors import InputError, UsageError
from refjk.cli.site import add_site_arguments, find_site, run_site
from refjk.runtime.front_settings import ServingSettings
from refjk.runtime.process_group import Part, ProcessGroup

HELP = "run what the httpd.conf and the server.xml files of a folder describe"

FRONT = "front"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place",
        metavar="DIR|FILE",
        help="a httpd.conf; or a folder with httpd.conf or conf/httpd.conf, and with NODE/conf/server.xml",
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="listen here, and not where the file says (port 0: a free one)"
    )
    add_site_arguments(parser)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help=f"run these parts alone, of the nodes and `{FRONT}`; may be repeated",
    )
    parser.add_argument("--key-file", metavar="FILE", help="the cluster's secret, for all nodes")
    parser.add_argument(
        "--exposed", action="store_true", help="let the nodes' cluster speak to other machines without one"
    )
    parser.add_argument(
        "--watch-mutations",
        action="store_true",
        help="let nodes tell which attributes of sessions were changed without being set (slow; for tests)",
    )
    parser.add_argument("--no-restart", action="store_true", help="end when one part ends")
    parser.add_argument(
        "--logs", metavar="FOLDER", help="write what each part says to NAME.log in this folder as well"
    )
    parser.add_argument(
        "--graceful-timeout",
        type=float,
        metavar="S",
        default=10.0,
        help="how long running requests may take to finish on SIGTERM (default %(default)g s)",
    )
    parser.add_argument("--check-config", action="store_true", help="check all files, and exit")


def run(options: argparse.Namespace) -> int:
    nodes = find_nodes(options.place)
    if not nodes:
        if options.only:
            raise UsageError(f"--only: there is no NODE/conf/server.xml below {options.place}")
        return run_site(find_site(options.place), options, ServingSettings())
    parts = _chosen(list(_parts(nodes, options)), options.only)
    if options.check_config:
        return _check(parts)
    group = ProcessGroup(parts, _say, grace_s=options.graceful_timeout, restart=not options.no_restart)
    return group.run()


def find_nodes(place: str) -> dict[str, Path]:
    """The folders of the nodes by name, in the order of their names."""
    root = Path(place)
    if not root.is_dir():
        return {}
    return {file.parents[1].name: file.parents[1] for file in sorted(root.glob("*/conf/server.xml"))}


def _parts(nodes: dict[str, Path], options: argparse.Namespace) -> Iterator[Part]:
    refjk = [sys.executable, "-m", "refjk"]
    grace = ["--graceful-timeout", str(options.graceful_timeout)]
    logs = None if options.logs is None else Path(options.logs)
    for name, folder in nodes.items():
        command = [*refjk, "node", str(folder), *grace]
        command += [] if options.key_file is None else ["--key-file", options.key_file]
        command += ["--exposed"] if options.exposed else []
        command += ["--watch-mutations"] if options.watch_mutations else []
        yield Part(
            name,
            command,
            ready=" serves on ajp://",
            forwarded=frozenset({signal.SIGUSR1}),
            log=None if logs is None else logs / f"{name}.log",
        )
    try:
        site = find_site(options.place)
    except InputError:
        return
    command = [*refjk, "front", "--config", site, *grace, "--processes", str(options.processes)]
    command += [] if options.listen is None else ["--listen", options.listen]
    command += [] if options.profile is None else ["--profile", options.profile.value]
    command += [word for name in options.define for word in ("--define", name)]
    command += ["--status-remote"] if options.status_remote else []
    yield Part(
        FRONT,
        command,
        stage=1,
        ready="listens on",
        forwarded=frozenset({signal.SIGUSR1, signal.SIGHUP}),
        log=None if logs is None else logs / f"{FRONT}.log",
    )


def _chosen(parts: Sequence[Part], only: Sequence[str]) -> list[Part]:
    names = [part.name for part in parts]
    for name in only:
        if name not in names:
            raise UsageError(f"--only {name}: there are {', '.join(names)}")
    return [part for part in parts if not only or part.name in only]


def _check(parts: Sequence[Part]) -> int:
    """Each part checks its own files; the first exit code that is not 0."""
    codes = [subprocess.call([*part.command, "--check-config"]) for part in parts]
    return next((code for code in codes if code), 0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
