"""One node's process: `python -m refjk.demo.node`, with a line of `NodeOptions` on its standard input.

Prints one line of JSON on standard output, with its port and why it does not replicate, empty when it does.
Serves until standard input ends, which happens at the latest when the process that started it is gone,
however that came about.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from refjk.base.errors import InputError, RefjkError
from refjk.demo.node_options import DEPLOY, TICK_S, NodeOptions, group
from refjk.membership import MembershipSettings
from refjk.runtime.addresses import Address
from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.farm_driver import FarmDirectories
from refjk.runtime.farm_node import FarmNode, FarmNodeSettings, directories_of
from refjk.runtime.senders_settings import Mode, SenderSettings

if TYPE_CHECKING:
    from refjk.runtime.wsgi import WsgiApplication

FREQUENCY_MS = 200
DROP_TIME_MS = 1500
GRACE_S = 2.0


def main() -> int:
    # Ctrl-C reaches the whole group of processes; the one that started us decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("refjk").addHandler(logging.NullHandler())
    line = sys.stdin.buffer.readline()
    if not line:
        return 0  # whoever started us is gone already
    options = NodeOptions.read(line)
    starter = os.getppid()
    with contextlib.ExitStack() as undo:
        try:
            served, alone = prepare(options, undo)
            # Loaded while the node announced itself.
            from refjk.runtime.connector import AjpServer

            server = AjpServer(served, f"127.0.0.1:{options.port}")
            _, bound = server.start()
        except RefjkError as error:
            print(error, flush=True)
            return error.exit_code
        print(json.dumps({"port": bound, "alone": alone}), flush=True)
        sys.stdin.buffer.read()
        server.stop(GRACE_S)
    if os.getppid() != starter:  # which was killed, and cannot take its files away
        shutil.rmtree(options.folder, ignore_errors=True)
    return 0


def prepare(options: NodeOptions, undo: contextlib.ExitStack) -> tuple[WsgiApplication, str]:
    """What is served, with the sessions and the farm of the other nodes, and why the node stays alone."""
    node = ClusterNode(node_settings(options))
    farm = FarmNode(node, farm_directories(options), FarmNodeSettings(watch_every=1))
    with ThreadPoolExecutor(1) as pool:
        starting = None if options.alone else pool.submit(node.start)
        # A node waits before it announces itself, for four heartbeats: time to load what is needed then.
        import refjk.runtime.connector  # noqa: F401
        from refjk.demo.app import Surroundings, application, manager_settings
        from refjk.demo.farming import Farming
        from refjk.demo.flow import FlowLog
        from refjk.demo.gossip import Gossip, member_name
        from refjk.runtime.sessions import Sessions

        alone = options.alone if starting is None else _why_alone(starting)
    if alone:
        around = Surroundings(options.name, options.names, "", alone, options.token)
        return application(around, Sessions.alone(manager_settings(options.name))), alone
    undo.callback(node.stop, GRACE_S)
    log = FlowLog(member_name(node))
    node.channel.add_listener(log)  # before the sessions of the others come
    gossip = Gossip(options.name, node, log)
    undo.callback(gossip.stop)
    gossip.meet()
    sessions = gossip.sessions = node.add_context(manager_settings(options.name))
    around = Surroundings(options.name, options.names, options.mode, "", options.token, gossip, options.watch)
    farming = Farming(options, node, farm, application(around, sessions))
    gossip.deployed, gossip.refused = farming.deployed, farming.refused
    undo.callback(farm.stop, GRACE_S)
    farming.start()
    return farming.contexts, ""


def node_settings(options: NodeOptions) -> NodeSettings:
    """Nothing of it leaves the machine."""
    return NodeSettings(
        route=options.name,
        membership=MembershipSettings(FREQUENCY_MS, DROP_TIME_MS),
        multicast=group(options.group_port),
        senders=SenderSettings(mode=Mode(options.mode)),
        tick_s=TICK_S,
    )


def farm_directories(options: NodeOptions) -> FarmDirectories:
    """All but the watched one are this node's own."""
    return directories_of(options.own_folder(), "temp", DEPLOY, options.watch if options.watches else None)


def _why_alone(starting: Future[Address]) -> str:
    """Waits for the start; empty when it went well."""
    try:
        starting.result()
    except InputError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())
