"""`refjk demo`: nodes, a front and a small application, with nothing to install or configure."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path

from refjk.base.errors import UsageError
from refjk.cli.json_file import write_json
from refjk.demo.cluster import PORT, Cluster
from refjk.demo.node_options import MODES
from refjk.runtime.signals import StopSignals

HELP = "three nodes, a front and a small application, with one command"

NODES_MAX = 9
USERS = 50
USERS_MAX = 500
REVIVE_AFTER_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help=f"where the front listens (default {PORT}, or a free port if that is taken)",
    )
    parser.add_argument(
        "--nodes", type=int, metavar="N", default=3, help=f"2 to {NODES_MAX} (default %(default)s)"
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=MODES[0],
        help="how the nodes tell each other of sessions (default %(default)s)",
    )
    parser.add_argument(
        "--watch",
        metavar="DIR",
        help="deploy the archives of this directory on all nodes, instead of one that ends with the demo",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="drive the demo, kill nodes and deploy while users click, say what was seen and lost, and exit",
    )
    parser.add_argument(
        "--users",
        type=int,
        metavar="N",
        help=f"with --check: how many click, 1 to {USERS_MAX} (default {USERS})",
    )
    parser.add_argument("--json", metavar="FILE", help="with --check: what was seen, for programs")
    parser.add_argument(
        "--picture", metavar="FILE", help="kill a node in a short run, draw what happened as an SVG, and exit"
    )


def run(options: argparse.Namespace) -> int:
    started = time.monotonic()
    if not 2 <= options.nodes <= NODES_MAX:
        raise UsageError(f"--nodes is 2 to {NODES_MAX}, not {options.nodes}")
    if options.port is not None and not 0 <= options.port <= 65535:
        raise UsageError(f"--port is 0 to 65535, not {options.port}")
    for name in ("json", "users"):
        if getattr(options, name) is not None and not options.check:
            raise UsageError(f"--{name} goes with --check")
    if options.users is not None and not 1 <= options.users <= USERS_MAX:
        raise UsageError(f"--users is 1 to {USERS_MAX}, not {options.users}")
    if options.picture is not None and options.check:
        raise UsageError("--picture does not go with --check")
    if options.watch is not None and (options.check or options.picture is not None):
        raise UsageError("--watch does not go with --check and --picture")
    # The demo tells by itself what becomes of its nodes.
    logging.getLogger("refjk").addHandler(logging.NullHandler())
    if options.check:
        return _check(options, started)
    return _show(options) if options.picture is None else _draw(options)


def _show(options: argparse.Namespace) -> int:
    signals = StopSignals()
    signals.install()
    cluster = Cluster(
        nodes=options.nodes,
        mode=options.mode,
        port=PORT if options.port is None else options.port,
        port_may_differ=options.port is None,
        on_event=_remark,
        revive_after_s=REVIVE_AFTER_S,
        watch=None if options.watch is None else Path(options.watch),
    )
    with cluster:
        print(introduction(cluster), flush=True)
        signals.wait()
        _remark("\nthe demo stops")
    return 0


def _check(options: argparse.Namespace, started: float) -> int:
    with Cluster(nodes=options.nodes, port=options.port or 0, mode=options.mode) as cluster:
        # Loaded only now, so that the nodes start at once.
        from refjk.demo.check import Check, Step

        def say(step: Step) -> None:
            print(f"{'ok  ' if step.passed else 'FAIL'}  {step.name}: {step.seen}", flush=True)

        print(f"checking {len(cluster.nodes)} nodes behind {cluster.url}", flush=True)
        steps = Check(cluster, options.users or USERS, say).run(started)
    failed = sum(not step.passed for step in steps)
    print(f"{len(steps) - failed} passed, {failed} failed", flush=True)
    if options.json:
        told = {"passed": not failed, "mode": options.mode, "steps": [asdict(step) for step in steps]}
        write_json(options.json, told)
    return 1 if failed else 0


def _draw(options: argparse.Namespace) -> int:
    with Cluster(nodes=options.nodes, port=options.port or 0, mode=options.mode, on_event=_remark) as cluster:
        from refjk.demo.failover import observe
        from refjk.demo.picture import picture

        text = picture(observe(cluster))
    try:
        Path(options.picture).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write --picture {options.picture}: {error.strerror}") from None
    print(f"{options.picture}: a failover in steps")
    return 0


def _remark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def introduction(cluster: Cluster) -> str:
    """What is printed when all of it runs."""
    url = cluster.url
    lines = [f"refjk demo: open {url} in a browser", ""]
    lines += [f"  {node.name}  ajp://127.0.0.1:{node.port}  PID {node.pid}" for node in cluster.nodes]
    lines += [
        "",
        "or try this in another terminal:",
        "",
        f"  curl -c jar -b jar {url}json    # again and again: one node, and its count goes up",
        f"  curl {url}json                  # without cookies: node after node",
        "  kill -9 PID    # the one in the answer; then with the jar again: another node goes on counting",
        *_farm_lines(cluster),
        "",
        f"A killed node returns after {REVIVE_AFTER_S:g} s. Ctrl-C ends everything.",
    ]
    return "\n".join(lines)


def _farm_lines(cluster: Cluster) -> list[str]:
    """One line for each of: an application comes, turns over, goes."""
    if cluster.alone:
        return []
    versions = cluster.versions
    target = shlex.quote(str(versions.watched))
    first, second = (shlex.quote(str(versions.archive(number))) for number in (1, 2))
    return [
        "",
        f"{cluster.names[0]} watches a directory: what is put there is deployed on all nodes.",
        "",
        f"  cp {first} {target}",
        f"  curl -c jar -b jar {cluster.url}hello/json    # a second later, again and again: a count",
        f"  cp {second} {target}    # with the jar again: version 2, and the count goes on",
        f"  rm {target}    # gone from all nodes",
    ]
