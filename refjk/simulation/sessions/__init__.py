"""Whole nodes with sessions and users in simulated time: managers on the channel and its members.

    result = run_plan(SessionsPlan(seed=7))              # faults by chance, then none
    print("\\n".join(report(result)))
    result.objections                                    # of the checkers

    cluster = SessionCluster(seed=1)                     # by hand
    cluster.join("a", "b")
    cluster.click("anna", "a")
    cluster.crash("a")
    cluster.click("anna", "b")

The same seed gives the same journal. What is watched is told in docs/howto/simulate-sessions.md.
"""

from refjk.simulation.sessions.play import SessionCluster, SessionsResult
from refjk.simulation.sessions.report import as_document, report
from refjk.simulation.sessions.seeds import SessionsPlan, run_plan, settings_of
from refjk.simulation.sessions.settings import SessionsSettings

__all__ = [
    "SessionCluster",
    "SessionsPlan",
    "SessionsResult",
    "SessionsSettings",
    "as_document",
    "report",
    "run_plan",
    "settings_of",
]
