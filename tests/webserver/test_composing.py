"""What a configuration comes to: workers, balancers, rules, hosts."""

from __future__ import annotations

import pytest

from refjk.balancing import Activation, Method
from refjk.mapping import UriForm
from refjk.speccheck import covers
from refjk.webserver import Style, compose
from tests.configuration.support import OLD, httpd
from tests.webserver.support import balancer, configuration, plan_of, properties

STATUS = properties("worker.list=st", "worker.st.type=status")


def test_the_balancer_of_1_2_50_has_all_its_properties() -> None:
    plan = plan_of(
        balancer(
            "a",
            "b",
            more=(
                "worker.lb.method=Busyness",
                "worker.lb.sticky_session=0",
                "worker.lb.sticky_session_force=1",
                "worker.lb.recover_time=70",
                "worker.lb.retries=4",
                "worker.lb.retry_interval=11",
                "worker.lb.lb_retries=5",
                "worker.lb.error_escalation_time=6",
                "worker.lb.max_reply_timeouts=7",
                "worker.lb.session_cookie=SID",
                "worker.lb.session_path=;sid",
                "worker.lb.set_session_cookie=1",
                "worker.lb.session_cookie_path=/app",
                "worker.a.lbfactor=3",
                "worker.a.route=r1",
                "worker.a.domain=d",
                "worker.a.redirect=b",
                "worker.a.distance=2",
                "worker.a.activation=disabled",
                "worker.a.busy_limit=9",
                "worker.maintain=30",
            ),
        )
    )
    one = plan.balancers["lb"]
    settings = one.settings
    assert (settings.method, settings.sticky_session, settings.sticky_session_force) == (
        Method.BUSYNESS,
        False,
        True,
    )
    assert (settings.recover_time_s, settings.retries, settings.retry_interval_ms) == (70, 4, 11)
    assert (settings.lb_retries, settings.error_escalation_time_s, settings.max_reply_timeouts) == (5, 6, 7)
    assert (settings.session_cookie, settings.session_path) == (b"SID", b";sid")
    assert (settings.set_session_cookie, settings.session_cookie_path) == (True, "/app")
    first = one.members[0]
    assert (first.name, first.factor, first.route, first.domain) == ("a", 3, "r1", "d")
    assert (first.redirect, first.distance, first.activation) == ("b", 2, Activation.DISABLED)
    assert (first.busy_limit, one.members[1].busy_limit) == (9, 0)
    assert (plan.style, plan.maintain_s, plan.listed) == (Style.JK_1250, 30, frozenset({"lb"}))


@covers("EPL-RTY-01")
def test_a_member_of_1_2_7_has_the_tries_of_its_balancer_and_pauses_from_the_fifth_on() -> None:
    text = balancer("a", more=("worker.a.retries=7", "worker.lb.retries=5", "worker.list=solo"))
    text += properties("worker.solo.type=ajp13", "worker.solo.retries=2")
    plan = compose(httpd(text.replace("balance_workers", "balanced_workers"), profile=OLD))
    member, alone = plan.workers["a"].recovery, plan.workers["solo"].recovery
    assert (member.style, member.tries, member.pause_ms, member.pause_from) == (Style.JK_127, 5, 100, 5)
    assert (alone.tries, plan.maintain_s) == (2, 0)
    assert plan.balancers["lb"].members[0].effective_route == "a"


def test_a_worker_of_1_2_50_has_its_own_tries_and_pause() -> None:
    plan = plan_of(
        balancer(
            "a",
            more=(
                "worker.a.retries=4",
                "worker.a.retry_interval=20",
                "worker.a.recovery_options=9",
                "worker.a.fail_on_status=500,-503",
                "worker.a.reply_timeout=1500",
                "worker.a.max_packet_size=16384",
                "worker.lb.secret=common",
                "worker.b.secret=own",
                "worker.lb.balance_workers=b",
            ),
        )
    )
    worker = plan.workers["a"]
    recovery = worker.recovery
    assert (recovery.tries, recovery.pause_ms, recovery.pause_from) == (4, 20, 2)
    assert (recovery.options, recovery.fail_on_status, recovery.reply_timeout_ms) == (9, (500, -503), 1500)
    assert (worker.host, worker.port, worker.packet_size, worker.secret) == (
        "127.0.0.1",
        8001,
        16384,
        b"common",
    )
    assert plan.workers["b"].secret == b"own"
    assert plan.workers["b"].recovery.reply_timeout_ms is None


@pytest.mark.parametrize(
    ("lines", "writable"),
    [((), False), (("worker.st.read_only=0",), True), (("worker.st.read_only=1",), False)],
)
def test_a_status_worker_changes_something_only_where_the_file_says_so_in_words(
    lines: tuple[str, ...], writable: bool
) -> None:
    assert plan_of(STATUS + properties(*lines)).statuses["st"].writable is writable


def test_rule_extensions_are_made_ready() -> None:
    rule = (
        "/x=lb;reply_timeout=900;active=a;disabled=b,c;stopped=c;fail_on_status=404,-500;use_server_errors=400"
        ";sticky_ignore=1;stateless=1;session_cookie=C;session_path=;set_session_cookie=1\n"
    )
    plan = plan_of(balancer("a", "b", "c") + "JkMountFile m\n", {"/srv/m": rule})
    extensions = plan.hosts[0].mounts[0].extensions
    balancing = extensions.balancing
    assert (extensions.reply_timeout_ms, extensions.fail_on_status) == (900, (404, -500))
    assert extensions.use_server_errors == 400
    assert (balancing.sticky_ignore, balancing.stateless, balancing.set_session_cookie) == (True, True, True)
    assert (balancing.session_cookie, balancing.session_path) == (b"C", b"")
    assert dict(balancing.activations) == {
        "a": Activation.ACTIVE,
        "b": Activation.DISABLED,
        "c": Activation.STOPPED,
    }
    negative = plan_of(balancer("a") + "JkMountFile m\n", {"/srv/m": "/x=lb;reply_timeout=-1\n"})
    assert negative.hosts[0].mounts[0].extensions.reply_timeout_ms is None


def test_a_bar_in_a_mount_makes_two_rules_and_an_unmount_an_exclusion() -> None:
    mounts = plan_of(balancer("a") + "JkMount /x|/* lb\nJkUnMount /x/y lb\n").hosts[0].mounts
    assert [(rule.pattern, rule.exclude) for rule in mounts] == [
        ("/x", False),
        ("/x/*", False),
        ("/x/y", True),
    ]


def test_what_a_host_says_arrives() -> None:
    text = (
        "ServerName Main.Example\nDocumentRoot /srv/www\nJkAutoAlias /srv/webapps\n"
        "JkStripSession On ;sid\nJkEnvVar A x\nJkEnvVar B\nJkMountFile m\nJkMountFileReload 7\n"
        "JkOptions ForwardURIEscaped +RejectUnsafeURI +DisableReuse +FlushPackets +FlushHeader\n"
        "JkOptions +ForwardLocalAddress\n"
        "<VirtualHost 127.0.0.1:81>\nServerName Third\nServerAlias Other *.More\n</VirtualHost>\n"
    )
    main, other = plan_of(balancer("a") + text, {"/srv/m": "/x=lb\n"}).hosts
    assert main.names == ("main.example",)
    assert (main.document_root, main.auto_alias, main.strip_session) == ("/srv/www", "/srv/webapps", b";sid")
    assert main.env_vars == (("A", "x"), ("B", None))
    assert (main.mount_file, main.mount_file_reload_s) == ("/srv/m", 7)
    assert main.uri_form is UriForm.ESCAPED
    assert (main.reject_unsafe, main.disable_reuse) == (True, True)
    assert (main.flush_header, main.forward_local_address) == (True, True)
    assert (other.names, [(one.host, one.port) for one in other.addresses]) == (
        ("third", "other", "*.more"),
        [("127.0.0.1", 81)],
    )
    assert main.server is not None and main.server.strip_session.value == ";sid"


def test_mounts_of_a_mount_file_come_before_those_of_directives_and_properties() -> None:
    read = configuration(
        balancer("a", more=("worker.list=w", "worker.w.type=ajp13", "worker.w.mount=/p"))
        + "JkMount /d lb\nJkMountFile m\n",
        {"/srv/m": "/f=lb\n"},
    )
    assert [rule.pattern for rule in compose(read).hosts[0].mounts] == ["/f", "/d", "/p"]
