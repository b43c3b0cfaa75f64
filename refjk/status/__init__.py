"""What a worker of type `status` shows and changes: `spec/status.md`. Pure; the caller holds the lock.

    policy = Policy(status_worker, key, writable=…, hosts=…)     # once for each configuration
    request = parse_request(query, form)                          # never raises
    access = Access(policy, method, peer, host=…, origin=…)
    verdict = decide(request, report, access)
    …                                                             # apply verdict.edits, build the report anew
    answer = render(request, report, access, verdict)             # status, headers, body

A caller that cannot apply an edit goes on with `verdict.failed(message)`. For `/metrics`:
`answer_metrics(report, access)`.
"""

from refjk.status.access import Access, Policy
from refjk.status.answer import StatusAnswer, Verdict, answer, answer_metrics, decide, render
from refjk.status.edits import Edit, EditBalancer, EditMember, EditWorker, Recover, Reset
from refjk.status.model import (
    AjpStatus,
    BalancerStatus,
    MemberStatus,
    RuleStatus,
    StatusReport,
    Traffic,
)
from refjk.status.request import Command, Mime, Option, StatusRequest, parse_request

__all__ = [
    "Access",
    "AjpStatus",
    "BalancerStatus",
    "Command",
    "Edit",
    "EditBalancer",
    "EditMember",
    "EditWorker",
    "MemberStatus",
    "Mime",
    "Option",
    "Policy",
    "Recover",
    "Reset",
    "RuleStatus",
    "StatusAnswer",
    "StatusReport",
    "StatusRequest",
    "Traffic",
    "Verdict",
    "answer",
    "answer_metrics",
    "decide",
    "parse_request",
    "render",
]
