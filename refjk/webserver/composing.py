"""From what the files of httpd and mod_jk say to what the web server does."""

from __future__ import annotations

from refjk.balancing import Activation, BalancerSettings, BalancingRule, Method, WorkerSettings
from refjk.configuration import (
    AjpWorker,
    BalancerWorker,
    Configuration,
    JkOption,
    Member,
    MountRule,
    MountSource,
    Profile,
    RuleExtensions,
    Server,
    Source,
    StatusWorker,
    Workers,
)
from refjk.mapping import Rule, UriForm, rules_as_written
from refjk.mapping import Source as RuleSource
from refjk.webserver.endings import Recovery, Style
from refjk.webserver.plan import BalancerPlan, Extensions, HostPlan, Plan, StatusPlan, WorkerPlan

_SOURCES = {
    MountSource.FILE: RuleSource.FILE,
    MountSource.DIRECTIVE: RuleSource.DIRECTIVE,
    MountSource.PROPERTY: RuleSource.PROPERTY,
}
_STYLES = {Profile.V1_2_7: Style.JK_127, Profile.V1_2_50: Style.JK_1250}


def compose(configuration: Configuration) -> Plan:
    """The plan of a configuration that was not refused."""
    workers, profile = configuration.workers, configuration.profile.value
    balancers = {
        name: _balancer(worker, profile)
        for name, worker in workers.workers.items()
        if isinstance(worker, BalancerWorker)
    }
    return Plan(
        style=_STYLES[profile],
        hosts=tuple(_host(server, workers) for server in configuration.servers),
        workers=_workers(workers),
        balancers=balancers,
        statuses={
            name: StatusPlan(name, worker, _is_writable(worker))
            for name, worker in workers.workers.items()
            if isinstance(worker, StatusWorker)
        },
        maintain_s=0 if profile is Profile.V1_2_7 else max(0, workers.maintain),
        listed=frozenset(workers.listed),
    )


# -- workers and balancers ------------------------------------------------------------------------


def balancer_settings(balancer: BalancerWorker, profile: Profile) -> BalancerSettings:
    """What the algorithm has to know of a balancer."""
    if profile is Profile.V1_2_7:
        return BalancerSettings(
            sticky_session=balancer.sticky_session,
            local_worker_only=balancer.local_worker_only,
            recover_time_s=balancer.recover_time,
        )
    return BalancerSettings(
        sticky_session=balancer.sticky_session,
        recover_time_s=balancer.recover_time,
        sticky_session_force=balancer.sticky_session_force,
        method=Method(balancer.method.value[0]),
        retries=balancer.retries,
        retry_interval_ms=balancer.retry_interval,
        lb_retries=balancer.lb_retries,
        error_escalation_time_s=balancer.error_escalation_time,
        max_reply_timeouts=balancer.max_reply_timeouts,
        session_cookie=balancer.session_cookie.encode(),
        session_path=balancer.session_path.encode(),
        set_session_cookie=balancer.set_session_cookie,
        session_cookie_path=balancer.session_cookie_path,
    )


def member_settings(member: Member) -> WorkerSettings:
    """What the algorithm has to know of a member."""
    return WorkerSettings(
        member.name,
        factor=member.lbfactor,
        domain=member.domain,
        local=member.local_worker,
        route=member.route,
        redirect=member.redirect,
        distance=member.distance,
        activation=Activation[member.activation.name],
        busy_limit=member.worker.busy_limit,
    )


def recovery_of(worker: AjpWorker, profile: Profile, balancer: BalancerWorker | None = None) -> Recovery:
    """How requests to a worker are tried again, as a member of `balancer` if it is one."""
    timeout_ms = worker.reply_timeout if worker.reply_timeout > 0 else None
    if profile is Profile.V1_2_7:
        # EPL-RTY-01: in 1.2.7 the tries of a member are those of its balancer, the first four without pause.
        tries = worker.retries if balancer is None else balancer.retries
        return Recovery(Style.JK_127, tries, 100, 5, worker.recovery_options, (), timeout_ms)
    return Recovery(
        Style.JK_1250,
        worker.retries,
        worker.retry_interval,
        2,
        worker.recovery_options,
        worker.fail_on_status,
        timeout_ms,
    )


def _balancer(balancer: BalancerWorker, profile: Profile) -> BalancerPlan:
    members = tuple(member_settings(member) for member in balancer.members)
    return BalancerPlan(balancer.name, balancer_settings(balancer, profile), members)


def _workers(workers: Workers) -> dict[str, WorkerPlan]:
    plans: dict[str, WorkerPlan] = {}
    for worker in workers.workers.values():
        if isinstance(worker, BalancerWorker):
            for member in worker.members:
                plans[member.name] = worker_plan(member.worker, workers.profile, worker)
        elif isinstance(worker, AjpWorker):
            plans.setdefault(worker.name, worker_plan(worker, workers.profile))
    return plans


def worker_plan(worker: AjpWorker, profile: Profile, balancer: BalancerWorker | None = None) -> WorkerPlan:
    """One worker; a member of `balancer` if it is one."""
    secret = worker.secret or (balancer.secret if balancer is not None else None)
    return WorkerPlan(
        name=worker.name,
        host=worker.host,
        port=worker.port,
        secret=secret.encode() if secret else None,
        packet_size=worker.max_packet_size,
        busy_limit=worker.busy_limit,
        recovery=recovery_of(worker, profile, balancer),
        ajp=worker,
    )


def _is_writable(worker: StatusWorker) -> bool:
    return not worker.read_only and worker.origins["read_only"].source is not Source.DEFAULT


# -- hosts ----------------------------------------------------------------------------------------


def compose_rules(rules: tuple[MountRule, ...]) -> tuple[Rule[Extensions], ...]:
    """Rules for a mapper. A bar in the pattern of a directive or a property makes two of 1.2.50."""
    return tuple(made for rule in rules for made in _rules(rule))


def _rules(rule: MountRule) -> tuple[Rule[Extensions], ...]:
    extensions, source = compose_extensions(rule.extensions), _SOURCES[rule.source]
    if rule.source is MountSource.FILE:
        return (Rule(rule.pattern, rule.worker, extensions, rule.exclude, rule.disabled, source),)
    marks = ("-" if rule.disabled else "") + ("!" if rule.exclude else "")
    return rules_as_written(marks + rule.pattern, rule.worker, extensions, source)


def compose_extensions(written: RuleExtensions) -> Extensions:
    """Rule extensions, ready to be obeyed."""
    activations = {name: Activation.ACTIVE for name in written.active}
    activations |= {name: Activation.DISABLED for name in written.disabled}
    activations |= {name: Activation.STOPPED for name in written.stopped}
    balancing = BalancingRule(
        stateless=written.stateless,
        sticky_ignore=written.sticky_ignore,
        activations=activations,
        session_cookie=_octets(written.session_cookie),
        session_path=_octets(written.session_path),
        set_session_cookie=written.set_session_cookie,
    )
    return Extensions(
        balancing, written.reply_timeout, written.fail_on_status, written.use_server_errors, written
    )


def _octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _host(server: Server, workers: Workers) -> HostPlan:
    is_old = workers.profile is Profile.V1_2_7
    rules = (*server.mount_file_rules, *server.mounts, *workers.mounts)
    if is_old:
        mounts = tuple(
            Rule(rule.pattern, rule.worker, Extensions(), rule.exclude, rule.disabled) for rule in rules
        )
    else:
        mounts = compose_rules(rules)
    name = server.name.value
    options = {option: setting.value for option, setting in server.options.items()}
    return HostPlan(
        names=tuple(word.lower() for word in ((name.host,) if name else ()) + server.aliases),
        addresses=server.addresses,
        mounts=mounts,
        paths=server.paths,
        uri_form=UriForm[server.forward_uri.value.name],
        reject_unsafe=options.get(JkOption.REJECT_UNSAFE_URI, False),
        disable_reuse=options.get(JkOption.DISABLE_REUSE, False),
        flush_header=options.get(JkOption.FLUSH_HEADER, False),
        forward_local_address=options.get(JkOption.FORWARD_LOCAL_ADDRESS, False),
        strip_session=_octets(server.strip_session.value),
        document_root=server.document_root.value,
        auto_alias=server.auto_alias.value,
        mount_file=server.mount_file.value,
        mount_file_reload_s=server.mount_file_reload.value,
        env_vars=tuple((one.name, one.value) for one in server.env_vars),
        server=server,
    )
