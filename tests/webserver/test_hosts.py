"""Which server a request is for, and whose a path is there."""

from __future__ import annotations

import pytest

from refjk.base.errors import Malformed
from refjk.configuration import Complaints, read_mount_file
from refjk.speccheck import covers
from refjk.webserver import WebServer, compose
from tests.configuration.support import OLD, httpd
from tests.webserver.support import balancer, plan_of, properties, target_of

HOSTS = """
ServerName main.example
<VirtualHost *:80>
ServerName first.example
ServerAlias www.first.example *.wild.example one?.example
</VirtualHost>
<VirtualHost *:80>
ServerName second.example
ServerAlias first.example
</VirtualHost>
<VirtualHost *:81>
ServerName port.example
</VirtualHost>
<VirtualHost 127.0.0.9:80>
ServerName address.example
</VirtualHost>
<VirtualHost 127.0.0.9:80>
ServerName odd.example
ServerAlias [o].example
</VirtualHost>
"""


def found(name: str, host: str = "127.0.0.1", port: int = 80, text: str = HOSTS) -> str:
    server = WebServer(plan_of(balancer("a") + "JkMount /* lb\n" + text))
    return server.host(name.encode("latin-1"), host, port).name


@covers("FWD-VHO-01")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first.example", "first.example"),
        ("FIRST.Example", "first.example"),
        ("first.example.", "first.example"),
        ("www.first.example", "first.example"),
        ("a.b.wild.example", "first.example"),
        ("oneX.example", "first.example"),
        ("second.example", "second.example"),
    ],
)
def test_a_virtual_host_is_found_by_its_name_or_an_alias(name: str, expected: str) -> None:
    assert found(name) == expected


@covers("FWD-VHO-02")
@pytest.mark.parametrize("name", ["", "wild.example", "one.example", "oneXX.example", "port.example", "\xff"])
def test_the_first_host_of_the_address_has_what_no_name_fits(name: str) -> None:
    assert found(name) == "first.example"


@covers("FWD-VHO-01", "FWD-VHO-02")
def test_a_host_is_only_looked_for_at_the_address_the_request_came_in_at() -> None:
    assert found("first.example", port=81) == "port.example"
    assert found("second.example", port=82) == "main.example"
    assert found("nobody", port=82, text="ServerName main.example\n") == "main.example"


@covers("FWD-VHO-01", "FWD-VHO-02")
def test_hosts_that_name_the_address_come_before_those_of_all_addresses() -> None:
    assert found("odd.example", "127.0.0.9") == "odd.example"
    assert found("first.example", "127.0.0.9") == "address.example"
    assert found("port.example", "127.0.0.9", 81) == "port.example"


def test_an_unknown_name_is_no_pattern() -> None:
    assert found("o.example", "127.0.0.9") == "address.example"


def test_a_path_leads_to_its_worker_with_the_rule_and_is_refused_when_it_has_no_canonical_form() -> None:
    host = WebServer(plan_of(balancer("a") + "JkMount /x/* lb\n")).hosts.all[0]
    place = host.place(b"/x/%61;p=1")
    assert place.path == b"/x/a" and place.target is not None
    assert (place.target.worker, place.target.uri) == ("lb", b"/x/a;p=1")
    assert "/x/*" in place.target.why
    assert host.place(b"/y").target is None
    with pytest.raises(Malformed):
        host.place(b"/x/../../y")


URIS = [
    ("ForwardURIProxy", b"/a%20b;x=1"),
    ("ForwardURIEscaped", b"/a%20b;x=1"),
    ("ForwardURICompat", b"/a b;x=1"),
    ("ForwardURICompatUnparsed", b"/a%20b;x=1"),
]


@pytest.mark.parametrize(("form", "uri"), URIS)
def test_the_uri_has_the_form_of_the_option(form: str, uri: bytes) -> None:
    host = WebServer(plan_of(balancer("a") + f"JkOptions {form}\nJkMount /* lb\n")).hosts.all[0]
    assert target_of(host, b"/a%20b;x=1").uri == uri


@covers("FWD-ENV-02")
def test_no_jk_takes_a_path_from_its_mount() -> None:
    text = "JkMount /* lb\n<Location /free>\nSetEnv no-jk 1\n</Location>\n"
    host = WebServer(plan_of(balancer("a") + text)).hosts.all[0]
    assert host.place(b"/free/x").target is None
    assert host.place(b"/freedom").target is not None


SERVLET = "<Location /s>\nSetHandler jakarta-servlet\n</Location>\n"


@covers("FWD-ENV-03")
def test_a_handler_gives_a_path_to_the_worker_that_a_variable_names_and_to_nobody_without() -> None:
    def place_of(more: str, path: bytes = b"/s/x") -> str | None:
        target = WebServer(plan_of(balancer("a") + "JkMount /s/m lb\n" + SERVLET + more)).hosts.all[0]
        found = target.place(path).target
        return None if found is None else found.worker

    assert place_of("SetEnv JK_WORKER_NAME other\n") == "other"
    assert place_of("SetEnv JK_WORKER_NAME other\n", b"/s/m") == "lb"
    assert place_of("SetEnv JK_WORKER_NAME other\n", b"/t") is None
    assert place_of("") is None
    assert place_of("JkWorkerIndicator WHO\nSetEnv WHO other\n") == "other"
    assert place_of("JkWorkerIndicator WHO\nSetEnv JK_WORKER_NAME other\n") is None


@covers("FWD-ENV-03")
def test_the_variable_may_have_rule_extensions_behind_the_name() -> None:
    text = "SetEnv JK_WORKER_NAME lb;reply_timeout=70;stateless=1\n"
    target = target_of(WebServer(plan_of(balancer("a") + SERVLET + text)).hosts.all[0], b"/s")
    assert (target.worker, target.extensions.reply_timeout_ms) == ("lb", 70)
    assert target.extensions.balancing.stateless is True


def test_strip_session_changes_the_file_and_nothing_that_is_mapped() -> None:
    host = WebServer(plan_of(balancer("a") + "JkMount /x lb\nJkStripSession On ;sid\n")).hosts.all[0]
    place = host.place(b"/doc/p;sid=1.a;v=2")
    assert (place.path, place.file, place.target) == (b"/doc/p", b"/doc/p;v=2", None)
    assert host.place(b"/x;sid=1.a").file == b"/x"
    off = WebServer(plan_of(balancer("a") + "JkMount /x lb\n")).hosts.all[0]
    assert off.place(b"/doc/p;sid=1.a").file == b"/doc/p;sid=1.a"


def test_a_mount_file_that_is_read_again_changes_its_own_rules_only() -> None:
    plan = plan_of(balancer("a") + "JkMount /d lb\nJkMountFile m\n", {"/srv/m": "/old=lb\n"})
    host = WebServer(plan).hosts.all[0]
    host.adopt_mount_file(read_mount_file("/new=lb;reply_timeout=5\n", "m", Complaints()))
    assert [host.place(path).target is not None for path in (b"/old", b"/new", b"/d")] == [False, True, True]
    assert target_of(host, b"/new").extensions.reply_timeout_ms == 5
    assert {rule.pattern for rule in host.rules} == {"/new", "/d"}


def test_a_host_without_a_name_has_an_empty_one_and_1_2_7_maps_by_its_own_rules() -> None:
    text = properties("worker.list=w", "worker.w.type=ajp13") + "JkMount /x;v=1 w\nJkMount /y w;stateless=1\n"
    host = WebServer(compose(httpd(text, profile=OLD))).hosts.all[0]
    assert host.name == ""
    assert target_of(host, b"/y").worker == "w;stateless=1"
