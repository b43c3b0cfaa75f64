"""Fronts from a configuration: hosts, rules, variables, files, logs, before scripted containers."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from refjk.ajp13.codes import AttributeCode
from refjk.ajp13.messages import ForwardRequest
from refjk.base.errors import UsageError
from refjk.runtime.configured import Site
from refjk.runtime.front_logs import make_folder
from refjk.runtime.front_settings import ServingSettings
from refjk.speccheck import covers
from tests.interop.peers.client import RawConnection, ask
from tests.runtime.containers import Talk, TinyContainer, echo
from tests.runtime.fronts import recording, wait_for
from tests.runtime.sites import balancer, read_site, running_site
from tests.runtime.test_front_failures import drops, nobody

ALL = "JkMount /* lb\n"


def told(request: ForwardRequest) -> dict[bytes, bytes]:
    return dict(request.request_attributes())


# -- where, and for which host --------------------------------------------------------------------


@covers("FWD-LSN-01")
def test_without_listen_only_this_machine_is_served(tmp_path: Path) -> None:
    def addresses(text: str) -> list[str]:
        site = Site.of(read_site(tmp_path, balancer(nobody()) + ALL + text))
        return [str(address) for address in site.addresses()]

    assert addresses("") == ["127.0.0.1:8080"]
    assert addresses("Listen 81\nListen 127.0.0.2:82\nListen 81\nListen [::1]:83\n") == [
        "0.0.0.0:81",
        "127.0.0.2:82",
        "[::1]:83",
    ]


def test_a_configuration_that_serves_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no JkMount and no DocumentRoot: nothing to serve"):
        Site.of(read_site(tmp_path, balancer(nobody())))


def test_the_file_says_how_many_threads_there_are_if_it_says_so(tmp_path: Path) -> None:
    given = ServingSettings(threads=5)
    for text, threads in (("", 5), ("ThreadsPerChild 7\n", 7)):
        site = Site.of(read_site(tmp_path, balancer(nobody()) + ALL + text))
        assert site.settings(given).threads == threads


HOSTS = """
JkMount /main lb
<VirtualHost *:@0>
ServerName one.example
ServerAlias *.one.example
JkMount /one lb
</VirtualHost>
<VirtualHost *:@0>
ServerName two.example
JkMount /two lb
</VirtualHost>
<VirtualHost *:@1>
JkMountCopy On
JkMount /port lb
</VirtualHost>
"""


def with_ports(text: str, ports: Sequence[int]) -> str:
    for number, port in enumerate(ports):
        text = text.replace(f"@{number}", str(port))
    return text


@covers("FWD-VHO-01", "FWD-VHO-02")
def test_hosts_are_told_apart_by_name_alias_and_port(tmp_path: Path) -> None:
    with (
        TinyContainer() as a,
        running_site(tmp_path, balancer(a.address) + HOSTS, listeners=3, change=with_ports) as site,
    ):

        def served(name: str, port: int = 0) -> list[str]:
            paths = ("/main", "/one", "/two", "/port")
            return [p for p in paths if ask(site.ports[port], p, headers={"Host": name}).status == 200]

        assert served("one.example") == served("ONE.example:1") == served("x.one.example") == ["/one"]
        assert served("two.example") == ["/two"]
        assert served("other.example") == ["/one"]
        assert served("two.example", 1) == ["/main", "/port"]
        assert served("two.example", 2) == ["/main"]


# -- rules ----------------------------------------------------------------------------------------


def test_an_unmount_takes_paths_back(tmp_path: Path) -> None:
    text = "JkMount /app/* lb\nJkUnMount /app/static/* lb\nJkUnMount /app/*.gif *\n"
    with TinyContainer() as a, running_site(tmp_path, balancer(a.address) + text) as site:
        statuses = [site.ask(path).status for path in ("/app/x", "/app/static/x", "/app/x.gif", "/x")]
        assert statuses == [200, 404, 404, 404]


@covers("FWD-STS-07")
def test_a_mount_of_nobody_gives_500(tmp_path: Path) -> None:
    with running_site(tmp_path, balancer(nobody()) + ALL + "JkMount /none nobody\nJkMount /one a\n") as site:
        assert [site.ask(path).status for path in ("/none", "/one", "/other")] == [500, 500, 503]


MOUNT_FILE = """
/slow=lb;reply_timeout=80
/own=lb;use_server_errors=400
/off=lb;disabled=a
/free=lb;sticky_ignore=1
/other=lb;session_cookie=SID
/cookie=lb;set_session_cookie=1
"""


def by_path(name: bytes) -> TinyContainer:
    """A container that says its name; `/slow` is never answered, `/own` is answered by a status."""

    def script(talk: Talk) -> None:
        while True:
            request = talk.request().request
            if request.req_uri == b"/slow":
                talk.wait_for_end()
            status = int(dict(request.headers).get(b"X-Status", b"200"))
            talk.answer(name, status, [(b"Content-Length", b"%d" % len(name)), (b"X-Own", b"1")])

    return TinyContainer(script)


def test_rules_of_a_mount_file_change_their_requests(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(MOUNT_FILE)
    more = ("lb.retries=1", "lb.max_reply_timeouts=10")
    with (
        by_path(b"a") as a,
        by_path(b"b") as b,
        running_site(tmp_path, balancer(a.address, b.address, more=more) + "JkMountFile mounts\n") as site,
    ):
        session = {"Cookie": "JSESSIONID=1.a; SID=1.b"}
        assert site.ask("/off").body == b"b"
        assert site.ask("/off", headers=session).body == b"a"  # disabled: sessions stay
        assert site.ask("/other", headers=session).body == b"b"
        assert {site.ask("/free", headers=session).body for _ in range(4)} == {b"a", b"b"}
        cookies = {site.ask("/cookie").header("Set-Cookie") for _ in range(4)}
        assert cookies == {f"JSESSIONID=.{name};PATH=/;HttpOnly" for name in "ab"}
        assert site.ask("/off").header("Set-Cookie") is None
        assert site.ask("/slow").status == 504


@covers("FWD-ANS-03")
@pytest.mark.parametrize(
    ("least", "status", "is_replaced"),
    [
        (400, 404, True),
        (500, 404, False),
        (500, 503, True),
        (200, 302, False),
        (200, 499, True),
        (0, 500, False),
    ],
)
def test_an_error_is_replaced_by_the_fronts_own_page_from_that_status_on(
    tmp_path: Path, least: int, status: int, is_replaced: bool
) -> None:
    rule = f"JkMount /* lb;use_server_errors={least}\n"
    with by_path(b"the container's own") as a, running_site(tmp_path, balancer(a.address) + rule) as site:
        for method in ("GET", "HEAD"):
            answer = site.ask("/x", method, headers={"X-Status": str(status)})
            assert answer.status == status
            assert (answer.header("X-Own") is None) is is_replaced
        body = site.ask("/x", headers={"X-Status": str(status)}).body
        assert (body == b"the container's own") is not is_replaced
        assert not is_replaced or body.startswith(b"%d " % status)
        assert site.wait_for_states("ok")


@covers("FWD-ANS-03")
def test_a_replaced_answer_keeps_its_challenge_and_the_clients_connection(tmp_path: Path) -> None:
    def script(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer(b"no", 401, [(b"WWW-Authenticate", b"Basic"), (b"Set-Cookie", b"a=b")])

    with (
        TinyContainer(script) as a,
        running_site(tmp_path, balancer(a.address) + "JkMount /* lb;use_server_errors=400\n") as site,
        RawConnection(site.port, deadline_s=10) as client,
    ):
        for _ in range(3):
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            head = client.receive_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 401 ") and b"WWW-Authenticate: Basic\r\n" in head
            assert b"Set-Cookie" not in head
            assert client.receive(17) == b"401 Unauthorized\n"
        assert len(a.talks) == 1


def test_a_changed_mount_file_counts_without_a_restart_and_a_bad_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "mounts"
    file.write_text("/old=lb\n")
    text = "JkMountFile mounts\nJkMountFileReload 1\n"
    with TinyContainer() as a, running_site(tmp_path, balancer(a.address) + text) as site:
        assert [site.ask(path).status for path in ("/old", "/new")] == [200, 404]
        file.write_text("/new=lb;use_server_errors=400\n")
        wait_for(lambda: site.ask("/new").status == 200)
        assert site.ask("/old").status == 404
        file.unlink()
        time_out = time.monotonic() + 2.2  # longer than the interval: the file was looked at meanwhile
        while time.monotonic() < time_out:
            assert site.ask("/new").status == 200
        file.write_text("/third=lb\n")
        wait_for(lambda: site.ask("/third").status == 200)


@pytest.mark.parametrize(
    ("form", "uri"),
    [
        ("ForwardURIProxy", b"/a%20b;x=1"),
        ("ForwardURIEscaped", b"/a%20b;x=1"),
        ("ForwardURICompat", b"/a b;x=1"),
        ("ForwardURICompatUnparsed", b"/a%20b;x=1"),
    ],
)
def test_the_container_gets_the_uri_in_the_form_of_the_option(tmp_path: Path, form: str, uri: bytes) -> None:
    seen: list[ForwardRequest] = []
    with (
        TinyContainer(recording(seen)) as a,
        running_site(tmp_path, balancer(a.address) + ALL + f"JkOptions {form}\n") as site,
    ):
        assert site.ask("/a%20b;x=1?q=%20").status == 200
    assert (seen[0].req_uri, seen[0].attribute(AttributeCode.QUERY_STRING)) == (uri, b"q=%20")


def test_rejectunsafeuri_gives_a_path_with_a_percent_sign_to_nobody(tmp_path: Path) -> None:
    for option, status in (("+", 404), ("-", 200)):
        with (
            TinyContainer() as a,
            running_site(
                tmp_path, balancer(a.address) + ALL + f"JkOptions {option}RejectUnsafeURI\n"
            ) as site,
        ):
            assert site.ask("/x%2541").status == status


def test_disablereuse_closes_each_connection_after_its_request(tmp_path: Path) -> None:
    for option, connections in (("", 1), ("JkOptions +DisableReuse\n", 3)):
        with TinyContainer() as a, running_site(tmp_path, balancer(a.address) + ALL + option) as site:
            assert [site.ask().status for _ in range(3)] == [200] * 3
            assert len(a.talks) == connections


def test_flushheader_sends_the_head_before_any_content(tmp_path: Path) -> None:
    go_on = threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        talk.core.send_headers(200, b"OK", [(b"Content-Length", b"2")])
        talk.push()
        assert go_on.wait(10)
        talk.core.send_body(b"ok")
        talk.core.end_response(True)
        talk.push()

    with (
        TinyContainer(script) as a,
        running_site(tmp_path, balancer(a.address) + ALL + "JkOptions +FlushHeader\n") as site,
        RawConnection(site.port, deadline_s=10) as client,
    ):
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        go_on.set()
        assert client.receive(2) == b"ok"


# -- variables ------------------------------------------------------------------------------------


@covers("FWD-ENV-05", "FWD-ENV-01")
def test_variables_are_sent_with_their_default_or_not_at_all(tmp_path: Path) -> None:
    seen: list[ForwardRequest] = []
    text = (
        "JkEnvVar WITH standard\nJkEnvVar SET standard\nJkEnvVar ONLY\nJkEnvVar NEVER\n"
        "SetEnv SET server\nSetEnv UNTOLD x\n"
        "<Location /in>\nSetEnv SET inside\nSetEnv ONLY inside\n</Location>\n"
    )
    with (
        TinyContainer(recording(seen)) as a,
        running_site(tmp_path, balancer(a.address) + ALL + text) as site,
    ):
        assert [site.ask(path).status for path in ("/out", "/in/x")] == [200, 200]
    own = {b"WITH", b"SET", b"ONLY", b"NEVER", b"UNTOLD"}
    assert [{name: value for name, value in told(one).items() if name in own} for one in seen] == [
        {b"WITH": b"standard", b"SET": b"server"},
        {b"WITH": b"standard", b"SET": b"inside", b"ONLY": b"inside"},
    ]


@covers("FWD-ENV-06", "FWD-ENV-07")
def test_indicators_and_forwardlocaladdress_change_what_the_container_is_told(tmp_path: Path) -> None:
    seen: list[ForwardRequest] = []
    text = (
        "JkOptions +ForwardLocalAddress\nJkRemoteUserIndicator WHO\n<Location /v>\nSetEnv WHO me\n"
        "SetEnv JK_REMOTE_ADDR 198.51.100.7\nSetEnv JK_REMOTE_PORT 99\nSetEnv JK_REMOTE_HOST client.example\n"
        "SetEnv JK_AUTH_TYPE Form\nSetEnv JK_LOCAL_NAME site.example\nSetEnv JK_LOCAL_PORT 443\n"
        "SetEnv JK_LOCAL_ADDR 198.51.100.8\n</Location>\n"
    )
    with (
        TinyContainer(recording(seen)) as a,
        running_site(tmp_path, balancer(a.address) + ALL + text) as site,
    ):
        assert [site.ask(path, headers={"Host": "h"}).status for path in ("/x", "/v")] == [200, 200]
    plain, changed = seen
    assert (plain.remote_addr, plain.server_name, plain.server_port) == (b"127.0.0.1", b"h", 80)
    assert plain.attribute(AttributeCode.REMOTE_USER) is None
    assert (changed.remote_addr, changed.remote_host) == (b"198.51.100.7", b"client.example")
    assert (changed.server_name, changed.server_port) == (b"site.example", 443)
    assert changed.attribute(AttributeCode.REMOTE_USER) == b"me"
    assert changed.attribute(AttributeCode.AUTH_TYPE) == b"Form"
    assert (told(changed)[b"AJP_REMOTE_PORT"], told(changed)[b"AJP_LOCAL_ADDR"]) == (b"99", b"198.51.100.8")


@covers("FWD-ENV-02", "FWD-ENV-03", "FWD-ENV-04")
def test_variables_take_paths_from_workers_give_them_to_workers_and_change_the_choice(tmp_path: Path) -> None:
    text = """
JkMount /app/* lb
<Location /app/none>
SetEnv no-jk
</Location>
<Location /app/route>
SetEnv JK_ROUTE b
</Location>
<Location /app/slow>
SetEnv JK_REPLY_TIMEOUT 80
</Location>
<Location /servlet>
SetHandler jakarta-servlet
SetEnv JK_WORKER_NAME lb
</Location>
<Location /handled>
SetHandler jakarta-servlet
</Location>
"""

    def named(name: bytes) -> TinyContainer:
        def script(talk: Talk) -> None:
            while True:
                if talk.request().request.req_uri == b"/app/slow":
                    talk.wait_for_end()
                talk.answer(name, headers=[(b"Content-Length", b"1")])

        return TinyContainer(script)

    with (
        named(b"a") as a,
        named(b"b") as b,
        running_site(tmp_path, balancer(a.address, b.address, more=("lb.retries=1",)) + text) as site,
    ):
        assert [site.ask(path).status for path in ("/app/none", "/app/x", "/handled")] == [404, 200, 404]
        assert {site.ask("/app/route").body for _ in range(4)} == {b"b"}
        assert {site.ask("/servlet/x").body for _ in range(4)} == {b"a", b"b"}
        assert site.ask("/app/slow").status == 504


# -- files of the front's own ---------------------------------------------------------------------


def test_files_are_served_where_no_mount_is_and_a_session_id_is_cut_out(tmp_path: Path) -> None:
    for folder in ("www", "webapps/shop/WEB-INF"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "www" / "page.html").write_text("a page")
    (tmp_path / "webapps/shop" / "logo.txt").write_text("a logo")
    (tmp_path / "webapps/shop/WEB-INF" / "web.xml").write_text("secret")
    text = f"DocumentRoot {tmp_path}/www\nJkMount /shop/*.jsp lb\nJkAutoAlias {tmp_path}/webapps\n"
    for strip, status in (("On", 200), ("Off", 404)):
        with (
            TinyContainer() as a,
            running_site(tmp_path, balancer(a.address) + text + f"JkStripSession {strip}\n") as site,
        ):
            page = site.ask("/page.html")
            assert (page.status, page.body, page.header("Content-Type")) == (200, b"a page", "text/html")
            assert site.ask("/page.html;jsessionid=1.a").status == status
            assert (site.ask("/shop/logo.txt").body, site.ask("/shop/x.jsp").body) == (
                b"a logo",
                b"GET /shop/x.jsp ",
            )
            refused = [site.ask(path).status for path in ("/shop/WEB-INF/web.xml", "/shop/none")]
            assert refused == [404, 404] or refused == [403, 404]
            head = site.ask("/page.html", "HEAD")
            assert (head.status, head.body, head.header("Content-Length")) == (200, b"", "6")
            assert site.ask("/page.html", headers={"Range": "bytes=2-"}).body == b"page"


# -- chores ---------------------------------------------------------------------------------------


@covers("FWD-CHO-01")
def test_the_watchdog_looks_after_members_without_a_request(tmp_path: Path) -> None:
    with TinyContainer() as b:
        text = balancer(nobody(), b.address, more=("lb.recover_time=1", "maintain=1")) + ALL
        with running_site(tmp_path, text + "JkWatchdogInterval 1\n") as site:
            assert site.ask().status == 200
            assert site.counted("not_sent") == 2
            wait_for(lambda: site.states()[0] == "recovering")


@covers("FWD-CHO-01")
def test_without_a_watchdog_the_next_request_looks(tmp_path: Path) -> None:
    with TinyContainer(drops, drops, echo) as a, TinyContainer() as b:
        text = balancer(a.address, b.address, more=("lb.recover_time=1", "maintain=1")) + ALL
        with running_site(tmp_path, text) as site:
            assert site.ask().body == b"GET /x "
            assert site.states()[0] == "error"
            wait_for(lambda: site.ask().status == 200 and site.states()[0] == "ok")
            assert len(a.talks) == 3


# -- logs -----------------------------------------------------------------------------------------

LOGS = r"""
LogFormat "%{JK_WORKER_NAME}n %{JK_WORKER_TYPE}n %{JK_WORKER_ROUTE}n \
%{JK_LB_FIRST_NAME}n %{JK_LB_LAST_NAME}n %U %>s %V" jk
CustomLog logs/deep/access.log jk
CustomLog logs/kept.log "%U" env=keep
JkLogFile logs/jk.log
JkLogLevel @LEVEL
JkRequestLogFormat "%w %R %s %U %V"
SetEnv WHO x
"""


def lines_of(file: Path, count: int) -> list[str]:
    """Its lines, sorted, when there are so many: a request is logged after its answer has left."""
    wait_for(lambda: file.exists() and len(file.read_text().splitlines()) >= count)
    return sorted(file.read_text().splitlines())


@covers("LOG-REQ-03", "LOG-REQ-04", "LOG-FIL-01")
def test_logs_tell_of_workers_and_their_folders_are_made(tmp_path: Path) -> None:
    text = LOGS.replace("@LEVEL", "emerg") + "JkMount /jk* lb\nJkMount /no nobody\nDocumentRoot www\n"
    text += "<Location /jk/keep>\nSetEnv keep 1\n</Location>\n"
    (tmp_path / "www").mkdir()
    with (
        TinyContainer() as b,
        running_site(tmp_path, balancer(nobody(), b.address) + text) as site,
    ):
        host = {"Host": "www.example:81"}
        statuses = [site.ask(path, headers=host).status for path in ("/jk/1", "/jk/keep", "/no", "/file")]
        assert statuses == [200, 200, 500, 404]
        assert site.ask("/jk/2", headers={"Host": "[::1]"}).status == 200
        assert lines_of(tmp_path / "logs/deep/access.log", 5) == [
            "- - - - - /file 404 www.example",
            "lb lb b a b /jk/1 200 www.example",
            "lb lb b b b /jk/2 200 [::1]",
            "lb lb b b b /jk/keep 200 www.example",
            "nobody - - - - /no 500 www.example",
        ]
        assert lines_of(tmp_path / "logs/kept.log", 1) == ["/jk/keep"]
        assert sorted(line.partition("] ")[2] for line in lines_of(tmp_path / "logs/jk.log", 3)) == [
            "lb b 200 /jk/1 www.example",
            "lb b 200 /jk/2 [::1]",
            "lb b 200 /jk/keep www.example",
        ]


@covers("LOG-FIL-01")
def test_a_folder_outside_the_server_root_is_not_made(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make_folder(str(root / "a/b/x.log"), str(root))
    make_folder(str(tmp_path / "outside/x.log"), str(root))
    assert (root / "a/b").is_dir() and not (tmp_path / "outside").exists()


def test_at_debug_the_log_has_decisions_and_at_trace_packets_without_the_secret(tmp_path: Path) -> None:
    def log_at(level: str) -> str:
        root = tmp_path / level
        root.mkdir()
        more = ("a.secret=geheimnis", "lb.sticky_session=1")
        with TinyContainer() as a:
            text = balancer(a.address, more=more) + LOGS.replace("@LEVEL", level) + ALL
            with running_site(root, text) as site:
                assert site.ask("/x", headers={"Cookie": "JSESSIONID=verborgen.a"}).status == 200
                lines_of(root / "logs/deep/access.log", 1)
        return (root / "logs/jk.log").read_text()

    info, debug, trace = log_at("info"), log_at("debug"), log_at("trace")
    decision = "_offer_to::front_forwarding.py ("
    assert decision not in info and decision in debug and decision in trace
    assert "GET /x -> a, attempt 1: BAL-" in debug
    assert "[debug]" in debug and "[trace]" not in debug
    assert "[trace]" in trace and "sent FORWARD_REQUEST" in trace and "received SEND_HEADERS" in trace
    assert "geheimnis" not in info + debug + trace
    octets = b"geheimnis".hex(" ")
    assert octets[:11] not in trace


def test_the_id_of_a_request_stands_in_its_lines_and_in_no_others(tmp_path: Path) -> None:
    text = "JkLogFile logs/jk.log\nJkLogLevel debug\nThreadsPerChild 1\n"
    text += "<Location /id>\nSetEnv UNIQUE_ID abc123\n</Location>\n"
    with (
        TinyContainer() as a,
        running_site(tmp_path, balancer(a.address) + ALL + text) as site,
    ):
        assert [site.ask(path).status for path in ("/id", "/plain")] == [200, 200]
        log = (tmp_path / "logs/jk.log").read_text().splitlines()
    of_id, of_plain = ([line for line in log if f"GET {path} ->" in line] for path in ("/id", "/plain"))
    assert len(of_id) == len(of_plain) == 1
    assert "abc123" in of_id[0] and "abc123" not in of_plain[0]


@covers("LOG-FIL-01")
def test_hosts_have_logs_of_their_own_and_share_a_file_that_both_name(tmp_path: Path) -> None:
    text = (
        'CustomLog logs/all "%v %U"\nServerName main\n'
        '<VirtualHost *:@0>\nServerName one\nCustomLog logs/one "%v %U"\nJkMount /* lb\n</VirtualHost>\n'
        '<VirtualHost *:@0>\nServerName two\nCustomLog logs/one "%v %U"\nJkMount /* lb\n</VirtualHost>\n'
    )
    with (
        TinyContainer() as a,
        running_site(tmp_path, balancer(a.address) + text, change=with_ports, listeners=2) as site,
    ):
        for port, name in ((0, "one"), (0, "two"), (1, "one")):
            ask(site.ports[port], f"/{name}", headers={"Host": name})
        assert lines_of(tmp_path / "logs/one", 2) == ["one /one", "two /two"]
        assert lines_of(tmp_path / "logs/all", 1) == ["main /one"]
