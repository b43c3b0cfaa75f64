"""The web server's side composed of its cores, without I/O: mapping, balancing, what may be sent again.

`spec/forwarding.md`, `spec/endpoint-pool.md`. A plan says what to do; it comes from a configuration
(`compose`) or is made by hand.

    web_server = WebServer(compose(read_httpd(path, files)), now_ms)
    host = web_server.host(b"www.example", "127.0.0.1", 80)
    place = host.place(raw_path)                # raises Malformed: answer 400
    target = place.target                       # None: it belongs to no worker
    facts = web_server.facts(target, cookie_headers)
    offer = web_server.offer(target, facts, now_ms)
    while isinstance(offer, Offer):             # a Wait: ask again when its time has passed
        if web_server.start(target, offer): ...  # there is a place: try offer.worker
        verdict = judge(ending, offer.recovery, method, is_held=True)
        web_server.report(target, offer, verdict, now_ms, started=True)
        offer = web_server.offer(target, facts, now_ms, after=offer) if verdict.other else None
"""

from refjk.webserver.composing import (
    balancer_settings,
    compose,
    compose_rules,
    member_settings,
    recovery_of,
    worker_plan,
)
from refjk.webserver.edits import Editor
from refjk.webserver.endings import (
    CONSEQUENCES,
    IDEMPOTENT,
    Again,
    Consequence,
    Ending,
    Recovery,
    Style,
    Verdict,
    judge,
    judge_status,
)
from refjk.webserver.hosts import Host, Hosts, Place, Target
from refjk.webserver.ledger import Memory
from refjk.webserver.plan import (
    NO_EXTENSIONS,
    BalancerPlan,
    Extensions,
    HostPlan,
    Plan,
    StatusPlan,
    WorkerPlan,
)
from refjk.webserver.server import Offer, WebServer
from refjk.webserver.stating import facts_to_state

__all__ = [
    "CONSEQUENCES",
    "IDEMPOTENT",
    "NO_EXTENSIONS",
    "Again",
    "BalancerPlan",
    "Consequence",
    "Editor",
    "Ending",
    "Extensions",
    "Host",
    "HostPlan",
    "Hosts",
    "Memory",
    "Offer",
    "Place",
    "Plan",
    "Recovery",
    "StatusPlan",
    "Style",
    "Target",
    "Verdict",
    "WebServer",
    "WorkerPlan",
    "balancer_settings",
    "compose",
    "compose_rules",
    "facts_to_state",
    "judge",
    "judge_status",
    "member_settings",
    "recovery_of",
    "worker_plan",
]
