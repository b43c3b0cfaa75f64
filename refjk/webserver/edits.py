"""Changes at run time: applied here, written down for the other processes, and applied there.

What is written down is JSON: all changes since the start, so that a process that comes later has them too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from refjk.balancing import Activation, Balancer1250, Method
from refjk.configuration import Lock, Profile
from refjk.status import Edit, EditBalancer, EditMember, EditWorker, Recover, Reset
from refjk.webserver.composing import worker_plan
from refjk.webserver.server import WebServer

_ENUMS: Mapping[str, type[Enum]] = {"activation": Activation, "method": Method, "lock": Lock}


class Editor:
    """Applies edits to one `WebServer`; the caller holds the lock around everything.

    `locks` and `reset_at_s` are what a status page shows: of a balancer, and of any worker. Whoever was
    never reset counts since `started_s`, seconds since 1970.
    """

    def __init__(self, web_server: WebServer, started_s: int = 0) -> None:
        self.started_s = started_s
        self._web_server = web_server
        self._written: dict[str, dict[str, Any]] = {}
        self.locks: dict[str, Lock] = {}
        self.reset_at_s: dict[str, int] = {}

    def apply(self, edits: Iterable[Edit], now_s: int) -> set[str]:
        """Carries them out; returns the workers to which connections are made in another way now.

        `now_s` counts since 1970. Raises `InputError`, with the edits before it carried out.
        """
        changed: set[str] = set()
        for edit in edits:
            if isinstance(edit, Reset):
                self._reset(edit, now_s)
            elif isinstance(edit, Recover):
                balancer = self._balancer(edit.balancer)
                balancer.recover(_index(balancer, edit.member))
            else:
                key = _key(edit)
                self._change(key, edit.changes, elsewhere=False)
                written = {name: _plain(value) for name, value in edit.changes.items()}
                self._written.setdefault(key, {}).update(written)
                if isinstance(edit, EditWorker):
                    changed.add(edit.name)
        return changed

    def journal(self) -> bytes:
        """All changes so far. STA-EDT-05"""
        return json.dumps({"changes": self._written, "reset": self.reset_at_s}).encode()

    def follow(self, journal: bytes) -> set[str]:
        """Takes over what other processes have changed; returns as `apply` does."""
        read = json.loads(journal)
        self.reset_at_s = read["reset"]
        fresh = {
            key: changes for key, changes in read["changes"].items() if self._written.get(key) != changes
        }
        for key, changes in fresh.items():
            self._change(key, {name: _value(name, value) for name, value in changes.items()}, elsewhere=True)
        self._written.update(fresh)
        return {key.partition(" ")[2] for key in fresh if key.startswith("worker ")}

    def _change(self, key: str, changes: Mapping[str, Any], *, elsewhere: bool) -> None:
        kind, _, name = key.partition(" ")
        if kind == "worker":
            self._change_worker(name, changes, elsewhere=elsewhere)
            return
        balancer_name, _, member = name.partition(" ")
        balancer = self._balancer(balancer_name)
        if kind == "member":
            balancer.edit_worker(_index(balancer, member), elsewhere=elsewhere, **changes)
            return
        changes = dict(changes)
        if "lock" in changes:
            self.locks[balancer_name] = changes.pop("lock")
        balancer.adopt(replace(balancer.settings, **changes))

    def _change_worker(self, name: str, changes: Mapping[str, Any], *, elsewhere: bool) -> None:
        server = self._web_server
        plan = server.workers[name]
        assert plan.ajp is not None
        ajp = replace(plan.ajp, **changes)
        server.workers[name] = replace(worker_plan(ajp, Profile.V1_2_50), secret=plan.secret)
        if "busy_limit" in changes:
            for balancer in server.balancers.values():
                for index, worker in enumerate(balancer.workers):
                    if worker.name == name and isinstance(balancer, Balancer1250):
                        balancer.edit_worker(index, elsewhere=elsewhere, busy_limit=changes["busy_limit"])

    def _reset(self, edit: Reset, now_s: int) -> None:
        self.reset_at_s[edit.worker if edit.member is None else f"{edit.worker} {edit.member}"] = now_s
        if edit.worker not in self._web_server.balancers:
            self._web_server.direct[edit.worker].clear(0)
            return
        balancer = self._balancer(edit.worker)
        for index, worker in enumerate(balancer.workers):
            if edit.member in (None, worker.name):
                balancer.reset(index)
                self.reset_at_s[f"{edit.worker} {worker.name}"] = now_s

    def _balancer(self, name: str) -> Balancer1250:
        balancer = self._web_server.balancers[name]
        # A profile without this algorithm has no status worker.
        assert isinstance(balancer, Balancer1250)
        return balancer


def _key(edit: EditBalancer | EditMember | EditWorker) -> str:
    """Names hold no blank: properties are cut there."""
    if isinstance(edit, EditBalancer):
        return f"balancer {edit.name}"
    if isinstance(edit, EditMember):
        return f"member {edit.balancer} {edit.member}"
    return f"worker {edit.name}"


def _index(balancer: Balancer1250, member: str) -> int:
    return next(index for index, worker in enumerate(balancer.workers) if worker.name == member)


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _value(name: str, value: object) -> object:
    kind = _ENUMS.get(name)
    return value if kind is None else kind(value)
