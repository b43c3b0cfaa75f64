"""Directives of httpd: obeyed, passed over in silence, passed over with a warning."""

from __future__ import annotations

import pytest

from refjk.configuration import HostAddress, LogItem, ServerName
from refjk.configuration.directive_table import BY_LOWER_NAME, HONOURED, SILENT, UNHEEDED
from refjk.speccheck import covers
from tests.configuration.support import NEW, OLD, errors, httpd, short, warnings


@covers("CFG-HTD-01")
@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("80", None, 80),
        ("*:81", None, 81),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]:8080 http", "::1", 8080),
        ("www.example.org:65535", "www.example.org", 65535),
    ],
)
def test_listen_takes_an_address_and_a_port(text: str, host: str | None, port: int) -> None:
    read = httpd(f"Listen {text}\n")
    assert [(one.host, one.port) for one in read.listen] == [(host, port)]
    assert read.complaints == ()


@covers("CFG-HTD-01")
@pytest.mark.parametrize("text", ["", "x", "0", "65536", "127.0.0.1", "::1:80", "80 http x", "-1", "*"])
def test_any_other_listen_is_refused(text: str) -> None:
    read = httpd(f"Listen {text}\n")
    assert (errors(read.complaints), read.listen) == (["CFG-HTD-01 1"], ())


def test_listen_for_tls_is_warned_of() -> None:
    assert short(httpd("Listen 443 https\n").complaints) == ["warning CFG-HTD-04 1"]


@covers("CFG-HTD-02")
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.example", ServerName("a.example")),
        ("a.example:8080", ServerName("a.example", 8080)),
        ("https://a.example:443/x", ServerName("a.example", 443, "https")),
        ("[::1]:80", ServerName("[::1]", 80)),
        ("a:x", None),
        ("a:0", None),
        ("a:65536", None),
    ],
)
def test_a_server_name_has_a_host_and_perhaps_scheme_and_port(text: str, name: ServerName | None) -> None:
    read = httpd(f"ServerName {text}\n")
    assert read.main.name.value == name
    assert errors(read.complaints) == ([] if name else ["CFG-HTD-02 1"])


def test_aliases_belong_to_hosts() -> None:
    host = httpd("<VirtualHost *:80>\nServerAlias a b\nServerAlias c\n</VirtualHost>\n").servers[1]
    assert host.aliases == ("a", "b", "c")
    assert errors(httpd("ServerAlias a\n").complaints) == ["CFG-DIR-03 1"]


@covers("CFG-HTD-09")
def test_addresses_of_a_host() -> None:
    text = "<VirtualHost *:80 _default_ 10.0.0.1:81 [::1]:82 name [::2] 10.0.0.2:*>\n</VirtualHost>\n"
    assert httpd(text).servers[1].addresses == (
        HostAddress("*", 80),
        HostAddress("*", None),
        HostAddress("10.0.0.1", 81),
        HostAddress("::1", 82),
        HostAddress("name", None),
        HostAddress("::2", None),
        HostAddress("10.0.0.2", None),
    )
    assert errors(httpd("<VirtualHost *:65536>\n</VirtualHost>\n").complaints) == ["CFG-HTD-09 1"]


@covers("CFG-HTD-03")
@pytest.mark.parametrize("name", ["PidFile", "ErrorLog", "User", "StartServers", "IndexOptions"])
def test_what_cannot_matter_is_passed_over_in_silence(name: str) -> None:
    assert httpd(f"{name} x\n").complaints == ()


@covers("CFG-HTD-04")
def test_what_matters_is_passed_over_with_a_warning() -> None:
    complaints = httpd("Require all denied\nModSecRule x\nLisen 80\nRewriteEngine On\n").complaints
    assert short(complaints) == [f"warning CFG-HTD-04 {line}" for line in (1, 2, 3, 4)]
    assert "does not restrict access" in complaints[0].text
    assert complaints[2].nearest == "Listen"


@covers("CFG-HTD-03", "CFG-HTD-04")
def test_every_directive_of_httpd_is_in_one_table() -> None:
    tables = (SILENT, UNHEEDED.keys(), HONOURED.keys(), BY_LOWER_NAME.keys())
    assert len(frozenset().union(*tables)) == sum(len(frozenset(table)) for table in tables)


def test_directives_of_the_main_server_are_refused_in_hosts_and_locations() -> None:
    for directive in ("Listen 80", "ServerRoot /x", "ThreadsPerChild 5"):
        text = f"<VirtualHost *:1>\n{directive}\n</VirtualHost>\n"
        assert errors(httpd(text).complaints) == ["CFG-DIR-03 2"], directive
    for directive in ("Listen 80", "DocumentRoot x", "ServerName x", "CustomLog a b"):
        text = f"<Location /x>\n{directive}\n</Location>\n"
        assert errors(httpd(text).complaints) == ["CFG-DIR-03 2"], directive


# -- logs -----------------------------------------------------------------------------------------


@covers("CFG-HTD-05", "CFG-HTD-06")
def test_an_access_log_has_a_format_by_name_or_by_text() -> None:
    text = (
        r'LogFormat "%h %>s \"%{User-Agent}i\" 5%%" short' + "\nLogFormat %b\n"
        "CustomLog logs/a short\nCustomLog logs/b %400,501{X}i env=keep\nTransferLog |rotate\n"
    )
    short_log, by_text, transfer = httpd(text).main.access_logs
    assert short_log.file == "/srv/logs/a"
    assert short_log.format == (
        LogItem("h"),
        LogItem("", " "),
        LogItem("s", final=True),
        LogItem("", ' "'),
        LogItem("i", "User-Agent"),
        LogItem("", '" 5%'),
    )
    assert by_text.format == (LogItem("i", "X", (400, 501)),)
    assert by_text.condition == "env=keep"
    assert (transfer.file, transfer.format) == ("|rotate", (LogItem("b"),))


@covers("CFG-HTD-05")
def test_a_condition_that_is_none_is_refused_and_an_unknown_name_is_warned_of() -> None:
    assert errors(httpd("CustomLog a %b nix=1\n").complaints) == ["CFG-HTD-05 1"]
    read = httpd("CustomLog a common\n")
    assert short(read.complaints) == ["warning CFG-HTD-05 1"]
    assert read.main.access_logs[0].format == (LogItem("", "common"),)


@covers("CFG-HTD-06")
def test_a_percent_that_says_nothing_is_warned_of_and_kept() -> None:
    read = httpd('CustomLog a "%Y %b%"\n')
    assert short(read.complaints) == ["warning CFG-HTD-06 1", "warning CFG-HTD-06 1"]
    assert read.main.access_logs[0].format == (LogItem("", "%Y "), LogItem("b"), LogItem("", "%"))
    assert warnings(httpd('JkRequestLogFormat "%w %h"\n').complaints) == ["CFG-HTD-06 1"]
    assert warnings(httpd('JkRequestLogFormat "%w %R"\n', profile=NEW).complaints) == []
    assert warnings(httpd('JkRequestLogFormat "%w %R"\n', profile=OLD).complaints) == ["CFG-HTD-06 1"]


def test_a_host_writes_to_the_logs_of_the_main_server_unless_it_has_its_own() -> None:
    hosts = "<VirtualHost *:1>\n</VirtualHost>\n<VirtualHost *:2>\nCustomLog b %b\n</VirtualHost>\n"
    read = httpd("CustomLog a %b\n" + hosts)
    assert [[log.file for log in server.access_logs] for server in read.servers] == [
        ["/srv/a"],
        ["/srv/a"],
        ["/srv/b"],
    ]


# -- handlers, variables, threads -----------------------------------------------------------------


@covers("CFG-HTD-07")
def test_sethandler_and_setenv_are_kept_with_their_path() -> None:
    text = (
        "SetEnv A 1\n<Location /x>\nSetHandler jakarta-servlet\nSetEnv JK_WORKER_NAME w\n</Location>\n"
        '<LocationMatch "^/y">\nSetHandler jakarta-servlet\n</LocationMatch>\n'
    )
    found = [
        (rule.section, rule.path, rule.handler, [(one.name, one.value) for one in rule.variables])
        for rule in httpd(text).main.paths
    ]
    assert found == [
        ("", None, None, [("A", "1")]),
        ("Location", "/x", "jakarta-servlet", []),
        ("Location", "/x", None, [("JK_WORKER_NAME", "w")]),
        ("LocationMatch", "^/y", "jakarta-servlet", []),
    ]


def test_another_handler_is_warned_of() -> None:
    read = httpd("SetHandler server-status\n")
    assert (short(read.complaints), read.main.paths) == (["warning CFG-HTD-04 1"], ())


@covers("CFG-HTD-08")
def test_the_threads_of_a_process_are_the_default_size_of_a_pool() -> None:
    text = "JkWorkerProperty worker.list=w\n"
    pool = "connection_pool_size"
    assert getattr(httpd(text).workers.workers["w"], pool) == 25
    assert getattr(httpd(text, threads=7).workers.workers["w"], pool) == 7
    assert getattr(httpd(text + "ThreadsPerChild 64\n").workers.workers["w"], pool) == 64
    assert getattr(httpd(text + "ThreadsPerChild 64\n", profile=OLD).workers.workers["w"], pool) == 1
    assert errors(httpd("ThreadsPerChild 0\n").complaints) == ["CFG-HTD-08 1"]
