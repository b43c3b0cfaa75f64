"""A simulation as a whole: from a balancer and a scenario to a result."""

from __future__ import annotations

from random import Random

from refjk.balancing import Activation, Balancer1250, RequestFacts
from refjk.balancing.settings import DOMAIN_DEFAULT
from refjk.base.errors import UsageError
from refjk.simulation.agenda import Agenda
from refjk.simulation.container import Container, Group
from refjk.simulation.crowd import Crowd
from refjk.simulation.result import Result, Times, WorkerResult
from refjk.simulation.scenario import Drain, Outage, Replication, Scenario
from refjk.simulation.subject import Member, Subject
from refjk.simulation.tally import Spread, Tally, part_us
from refjk.simulation.web_server import WebServer

URI = b"/app/page"


def simulate(subject: Subject, scenario: Scenario) -> Result:
    """Plays a scenario against a new balancer.

    Raises `UsageError` when the scenario names a worker that the balancer does not have, or drains one where
    the version cannot.
    """
    for name in scenario.named_workers:
        subject.check_worker(name)
    if scenario.drains and not subject.can_drain:
        raise UsageError(
            f"mod_jk {subject.profile.value} cannot drain a worker while it runs; profile 1.2.50 can"
        )
    return _Play(subject, scenario).run()


class _Play:
    def __init__(self, subject: Subject, scenario: Scenario) -> None:
        self._subject = subject
        self._scenario = scenario
        self._agenda = Agenda()
        self._tally = Tally()
        self._balancer = subject.balancer()
        full: set[str] = set()
        self._containers = self._make_containers(full)
        self._web_server = WebServer(
            self._agenda,
            self._balancer,
            subject.maintain_s,
            [self._containers[worker.name] for worker in self._balancer.workers],
            RequestFacts(URI, full=full),
            full,
            self._tally,
            part_us=part_us(scenario.duration_us),
            on_end=lambda user: self._crowd.go_on(user),
        )
        self._crowd = Crowd(self._agenda, scenario, self._tally, self._web_server.begin)
        for outage in scenario.outages:
            self._agenda.add(outage.from_us, self._begin_outage, outage)
        for drain in scenario.drains:
            self._agenda.add(drain.from_us, self._begin_drain, drain)

    def run(self) -> Result:
        """Until the end of the scenario; what is under way then stays so."""
        self._agenda.run(self._scenario.duration_us)
        everything = Spread()
        for container in self._containers.values():
            everything.add_all(container.tally.times)
        workers = [
            _worker_result(self._containers[member.name], everything.count)
            for member in self._subject.members
        ]
        tally = self._tally
        return Result(
            self._subject,
            self._scenario,
            tuple(workers),
            visits=tally.visits,
            turned_away=tally.turned_away,
            statuses=dict(sorted(tally.statuses.items())),
            unfinished=tally.begun - everything.count - sum(tally.statuses.values()),
            times=Times.of(everything),
            waiting=Times.of(tally.waiting),
            waiting_for_place_us=tally.place_us,
            waiting_between_tries_us=tally.pause_us,
            waiting_for_thread_us=tally.thread_us,
            error_series=tuple(tally.error_series),
            move_series=tuple(tally.move_series),
        )

    def _make_containers(self, full: set[str]) -> dict[str, Container]:
        scenario, groups = self._scenario, dict[str, Group]()
        containers = {}
        for member in self._subject.members:
            name = member.name
            sample = scenario.responses.get(name, scenario.response).sampler(
                Random(f"{scenario.seed} response {name}")
            )
            group = groups.setdefault(_group_name(member, scenario.replication), Group())
            containers[name] = Container(member, group, self._facts(member, full), sample, scenario.threads)
        return containers

    def _facts(self, member: Member, full: set[str]) -> RequestFacts:
        """One session id may stand for all of a container: a balancer looks at its route only."""
        cookie = b"%s=0123456789ABCDEF0123456789ABCDEF.%s" % (
            self._subject.settings.session_cookie,
            member.settings.effective_route.encode(),
        )
        return RequestFacts(URI, (cookie,), full=full)

    def _begin_outage(self, outage: Outage, _number: int) -> None:
        container = self._containers[outage.worker]
        if container.go_down():
            self._web_server.break_off(self._crowd.users, container)
        if outage.to_us is not None:
            self._agenda.add(outage.to_us - outage.from_us, self._end_outage, container)

    def _end_outage(self, container: Container, _number: int) -> None:
        container.come_up()

    def _begin_drain(self, drain: Drain, _number: int) -> None:
        before = self._set_activation(drain.worker, drain.activation)
        if drain.to_us is not None:
            self._agenda.add(drain.to_us - drain.from_us, self._end_drain, (drain.worker, before))

    def _end_drain(self, change: tuple[str, Activation], _number: int) -> None:
        self._set_activation(*change)

    def _set_activation(self, name: str, activation: Activation) -> Activation:
        """Returns the one before."""
        balancer = self._balancer
        assert isinstance(balancer, Balancer1250)
        index = [worker.name for worker in balancer.workers].index(name)
        before = balancer.workers[index].activation
        balancer.edit_worker(index, activation=activation)
        return before


def _group_name(member: Member, replication: Replication) -> str:
    if replication is Replication.ALL:
        return "all"
    domain = member.settings.domain
    if replication is Replication.DOMAIN and domain and domain != DOMAIN_DEFAULT:
        return f"domain {domain}"
    return f"worker {member.name}"


def _worker_result(container: Container, served: int) -> WorkerResult:
    tally = container.tally
    return WorkerResult(
        member=container.member,
        share=tally.times.count / served if served else 0.0,
        sessions=tally.sessions,
        moved_in=tally.moved_in,
        moved_out=tally.moved_out,
        lost_by_move=tally.lost_by_move,
        lost_by_restart=tally.lost_by_restart,
        failed_attempts=tally.failed_attempts,
        open_max=tally.open_max,
        times=Times.of(tally.times),
        series=tuple(tally.series),
    )
