"""One node of a cluster: python3 node.py NAME HOST:PORT, where the web server finds it by AJP13."""

from __future__ import annotations

import contextlib
import logging
import sys

from counter import application

from refjk.runtime.cluster_node import ClusterNode, NodeSettings
from refjk.runtime.connector import AjpServer
from refjk.runtime.multicast import MulticastSettings
from refjk.runtime.session_wsgi import SessionMiddleware
from refjk.session import ManagerSettings

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
name, address = sys.argv[1:]

node = ClusterNode(NodeSettings(route=name, multicast=MulticastSettings(interface="127.0.0.1")))
node.start()  # back when the others can know it
sessions = node.add_context(ManagerSettings(route=name, expire_sessions_on_shutdown=False))
try:
    with (
        contextlib.suppress(KeyboardInterrupt),
        AjpServer(SessionMiddleware(application, sessions), address) as server,
    ):
        server.serve_forever()
finally:
    node.stop()
