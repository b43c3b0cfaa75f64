"""The balancers in simulated time: many users with sessions, failures, drains. No sockets, threads or clocks.

    subject = read_subject(workers, processes=1)     # whose balancer: refjk.configuration.Workers
    scenario = Scenario(seed=7, users=1000, duration_us=600_000_000)
    result = simulate(subject, scenario)             # Result
    print("\\n".join(report(result)))
    write(picture(result))                           # an SVG document

The same subject and the same scenario, its seed among it, give the same result. Times are whole microseconds.
"""

from refjk.simulation.distributions import Constant, Distribution, Exponential, Lognormal
from refjk.simulation.document import as_document
from refjk.simulation.notation import (
    format_time,
    parse_arrivals,
    parse_distribution,
    parse_drain,
    parse_outage,
    parse_time,
)
from refjk.simulation.picture import picture
from refjk.simulation.play import simulate
from refjk.simulation.report import report
from refjk.simulation.result import Result, Times, WorkerResult
from refjk.simulation.scenario import Arrivals, Drain, Outage, Replication, Scenario
from refjk.simulation.subject import Member, Subject, read_subject
from refjk.simulation.what_if import WorkerChange, change_workers, parse_worker_change

__all__ = [
    "Arrivals",
    "Constant",
    "Distribution",
    "Drain",
    "Exponential",
    "Lognormal",
    "Member",
    "Outage",
    "Replication",
    "Result",
    "Scenario",
    "Subject",
    "Times",
    "WorkerChange",
    "WorkerResult",
    "as_document",
    "change_workers",
    "format_time",
    "parse_arrivals",
    "parse_distribution",
    "parse_drain",
    "parse_outage",
    "parse_time",
    "parse_worker_change",
    "picture",
    "read_subject",
    "report",
    "simulate",
]
