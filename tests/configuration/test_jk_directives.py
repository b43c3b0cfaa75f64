"""Directives of mod_jk: where they may stand, what they take, what they come to."""

from __future__ import annotations

import pytest

from refjk.configuration import ForwardUri, JkOption, LogLevel, Profile, Source
from refjk.configuration.directive_table import DIRECTIVES, DirectiveInfo, Scope
from refjk.speccheck import covers
from tests.configuration.support import NEW, OLD, WORKER, errors, httpd, short, warnings

HOST = "<VirtualHost *:80>\n{}\n</VirtualHost>\n"
LOCATION = "<Location /loc>\n{}\n</Location>\n"
EXAMPLES = {
    "JkWorkersFile": "/srv/w.properties",
    "JkWorkerProperty": "worker.list=w",
    "JkMount": "/a w",
    "JkUnMount": "/a w",
    "JkMountCopy": "On",
    "JkMountFile": "/srv/m.properties",
    "JkMountFileReload": "5",
    "JkAutoMount": "/a w",
    "JkAutoAlias": "webapps",
    "JkStripSession": "On",
    "JkLogFile": "logs/x",
    "JkLogLevel": "debug",
    "JkLogStampFormat": "%H",
    "JkRequestLogFormat": "%w",
    "JkOptions": "+ForwardKeySize",
    "JkEnvVar": "A b",
    "JkExtractSSL": "Off",
    "JkShmFile": "logs/shm",
    "JkShmSize": "100",
    "JkWatchdogInterval": "5",
}
FILES = {"/srv/w.properties": "worker.list=w\n", "/srv/m.properties": "/m=w\n"}
TODAY = [info for info in DIRECTIVES if info.gone is None]
COUNTED = [info for info in TODAY if info.words_max is not None and not info.many]


def example(info: DirectiveInfo) -> str:
    return f"{info.name} {EXAMPLES.get(info.name, 'SOME_VARIABLE')}"


def name_of(info: object) -> str | None:
    return info.name if isinstance(info, DirectiveInfo) else None


# -- names, places, words -------------------------------------------------------------------------


@covers("CFG-DIR-01")
@pytest.mark.parametrize(
    ("line", "nearest"),
    [("JkMont /a w", "JkMount"), ("jkworkerfile x", "JkWorkersFile"), ("JkZzzzzzzzz x", None)],
)
def test_an_unknown_directive_of_mod_jk_is_refused_with_the_nearest_name(
    line: str, nearest: str | None
) -> None:
    complaints = httpd(line).complaints
    assert errors(complaints) == ["CFG-DIR-01 1"]
    assert complaints[0].nearest == nearest
    assert complaints[0].name == line.split()[0]


@covers("CFG-DIR-01")
def test_a_line_that_cannot_be_a_directive_is_refused() -> None:
    assert errors(httpd("node1,node2\n=\n/a w\n").complaints) == [f"CFG-DIR-01 {line}" for line in (1, 2, 3)]


@covers("CFG-DIR-02")
@pytest.mark.parametrize("info", DIRECTIVES, ids=name_of)
@pytest.mark.parametrize("profile", [OLD, NEW])
def test_a_directive_is_known_from_its_version_on(info: DirectiveInfo, profile: Profile) -> None:
    known = profile.knows(info.since, info.gone)
    complaints = httpd(example(info), FILES, profile=profile).complaints
    assert errors(complaints) == ([] if known else ["CFG-DIR-02 1"])


@covers("CFG-DIR-03")
@pytest.mark.parametrize("info", TODAY, ids=name_of)
def test_a_directive_stands_only_where_the_table_allows_it(info: DirectiveInfo) -> None:
    scope = info.scope
    in_host = errors(httpd(HOST.format(example(info)), FILES).complaints)
    assert in_host == (["CFG-DIR-03 2"] if scope is Scope.MAIN else [])
    in_location = errors(httpd(LOCATION.format(example(info)), FILES).complaints)
    assert in_location == (["CFG-DIR-07 2"] if scope is Scope.PATH else ["CFG-DIR-03 2"])


@covers("CFG-DIR-04")
@pytest.mark.parametrize("info", COUNTED, ids=name_of)
def test_the_number_of_words_is_that_of_the_table(info: DirectiveInfo) -> None:
    assert errors(httpd(info.name, FILES).complaints) == ["CFG-DIR-04 1"]
    too_many = f"{example(info)} x x"
    assert errors(httpd(too_many, FILES).complaints) == ["CFG-DIR-04 1"]


@covers("CFG-DIR-04")
def test_jkenvvar_needs_a_default_in_1_2_7() -> None:
    assert httpd("JkEnvVar A\n").main.env_vars[0].value is None
    assert errors(httpd("JkEnvVar A\n", profile=OLD).complaints) == ["CFG-DIR-04 1"]


# -- workers --------------------------------------------------------------------------------------


@covers("CFG-DIR-05")
def test_a_second_workers_file_is_refused() -> None:
    text = "JkWorkersFile w.properties\n" * 2
    assert errors(httpd(text, FILES).complaints) == ["CFG-DIR-05 2"]
    assert errors(httpd(text, FILES, profile=OLD).complaints) == []


@covers("CFG-DIR-08")
def test_jkworkerproperty_takes_the_rest_of_the_line_as_it_stands() -> None:
    text = WORKER + 'JkWorkerProperty worker.w.secret=a "b  c" d\nJkWorkerProperty "worker.w.bogus=1"\n'
    read = httpd(text)
    assert read.workers.workers["w"].secret == 'a "b  c" d'  # type: ignore[union-attr]
    assert short(read.complaints) == ["warning CFG-DIR-08 5"]
    assert read.complaints[0].remedy == "write JkWorkerProperty worker.w.bogus=1"


@covers("CFG-DIR-11")
def test_a_workers_file_or_mount_file_that_is_not_there_is_refused() -> None:
    complaints = httpd("JkWorkersFile nix\nJkMountFile nix\n").complaints
    assert sorted(errors(complaints)) == ["CFG-DIR-11 1", "CFG-DIR-11 2"]


@covers("CFG-DIR-18")
def test_in_1_2_7_the_workers_of_a_host_have_no_effect() -> None:
    text = HOST.format("JkWorkersFile w.properties\nJkWorkerProperty worker.list=x")
    read = httpd(text, FILES, profile=OLD)
    assert short(read.complaints) == ["warning CFG-DIR-18 2", "warning CFG-DIR-18 3"]
    assert read.workers.listed == ("ajp13",)


# -- mounts ---------------------------------------------------------------------------------------


@covers("CFG-DIR-06")
@pytest.mark.parametrize("pattern", ["a", "*.jsp", "!/a", "-/a"])
@pytest.mark.parametrize("name", ["JkMount", "JkUnMount"])
def test_a_pattern_begins_with_a_slash(name: str, pattern: str) -> None:
    read = httpd(f"{WORKER}{name} {pattern} w\n")
    assert errors(read.complaints) == ["CFG-DIR-06 4"]
    assert read.main.mounts == ()


@covers("CFG-DIR-07")
@pytest.mark.parametrize(
    ("section", "pattern"),
    [
        ("Location /x", "/x"),
        ('Location "/x y"', "/x y"),
        ("LocationMatch /x.*", "/x.*"),
        ("Location ~ /x[0-9]", "/x[0-9]"),
        ("Directory /srv/x", "/srv/x"),
    ],
)
def test_in_a_location_the_pattern_is_that_of_the_location(section: str, pattern: str) -> None:
    name = section.split()[0]
    read = httpd(f"{WORKER}<{section}>\nJkMount w\nJkUnMount w\n</{name}>\n")
    assert [(rule.pattern, rule.exclude) for rule in read.main.mounts] == [(pattern, False), (pattern, True)]
    assert read.complaints == ()


@covers("CFG-DIR-06", "CFG-DIR-07")
def test_a_location_without_a_slash_is_refused_and_so_is_a_missing_pattern() -> None:
    complaints = httpd('<Location ~ "^/x">\nJkMount w\n</Location>\nJkMount w\n').complaints
    assert errors(complaints) == ["CFG-DIR-06 2", "CFG-DIR-07 4"]


@covers("CFG-DIR-10")
def test_of_equal_patterns_the_later_mount_counts() -> None:
    read = httpd(WORKER + "JkMount /a w\nJkMount /b w\nJkUnMount /a w\nJkMount /a v\n")
    found = [(rule.pattern, rule.worker, rule.exclude) for rule in read.main.mounts]
    assert found == [("/b", "w", False), ("/a", "w", True), ("/a", "v", False)]


def test_a_mount_may_have_rule_extensions_but_not_in_1_2_7() -> None:
    text = "JkWorkerProperty worker.list=w\nJkMount /a w;reply_timeout=5\n"
    rule = httpd(text).main.mounts[0]
    assert (rule.worker, rule.extensions.reply_timeout) == ("w", 5)
    assert httpd(text, profile=OLD).main.mounts[0].worker == "w;reply_timeout=5"


@covers("CFG-DIR-12")
def test_jkmountcopy_brings_mounts_file_and_alias_of_the_main_server() -> None:
    text = (
        "JkMount /a w\nJkMount /b w\nJkMountFile m.properties\nJkAutoAlias webapps\n"
        "<VirtualHost *:1>\nJkMountCopy On\nJkMount /a v\n</VirtualHost>\n"
        "<VirtualHost *:2>\nJkMount /c v\n</VirtualHost>\n"
    )
    _main, copying, other = httpd(text, FILES).servers
    assert [(rule.pattern, rule.worker) for rule in copying.mounts] == [("/a", "v"), ("/b", "w")]
    assert [rule.pattern for rule in copying.mount_file_rules] == ["/m"]
    assert copying.mount_file.origin.source is Source.INHERITED
    assert copying.auto_alias.value == "/srv/webapps"
    assert [rule.pattern for rule in other.mounts] == ["/c"]
    assert (other.mount_file.value, other.mount_file_rules, other.auto_alias.value) == (None, (), None)


@covers("CFG-DIR-12")
def test_jkmountcopy_all_is_for_every_host_that_does_not_say_off() -> None:
    hosts = "<VirtualHost *:1>\n</VirtualHost>\n<VirtualHost *:2>\nJkMountCopy Off\n</VirtualHost>\n"
    read = httpd("JkMount /a w\nJkMountCopy All\n" + hosts)
    assert [len(server.mounts) for server in read.servers] == [1, 1, 0]
    assert errors(httpd(HOST.format("JkMountCopy all")).complaints) == ["CFG-DIR-12 2"]
    old = httpd("JkMount /a w\n" + HOST.format("JkMountCopy On"), profile=OLD)
    assert "CFG-DIR-12 3" in warnings(old.complaints)
    assert old.servers[1].mounts == ()


@covers("CFG-DIR-17")
def test_a_mount_of_a_worker_that_is_not_listed_is_warned_of() -> None:
    text = WORKER.replace("=w\n", "=balancer\n")
    read = httpd(text + "JkMount /a balanser\nJkUnMount /a *\nJkMountFile m.properties\n", FILES)
    assert [(str(one.place), one.nearest) for one in read.complaints if one.clause == "CFG-DIR-17"] == [
        ("/srv/conf/httpd.conf:4", "balancer"),
        ("/srv/m.properties:1", None),
    ]


# -- words and numbers ----------------------------------------------------------------------------


@covers("CFG-DIR-09")
@pytest.mark.parametrize("name", ["JkStripSession", "JkExtractSSL", "JkMountCopy"])
def test_a_flag_is_on_or_off(name: str) -> None:
    assert errors(httpd(f"{name} yes\n").complaints) == ["CFG-DIR-09 1"]
    assert errors(httpd(f"{name} oN\n{name} OFF\n").complaints) == []


def test_jkstripsession_has_a_name() -> None:
    values = [httpd(text).main.strip_session.value for text in ("", *(f"JkStripSession {w}" for w in WORDS))]
    assert values == [None, ";jsessionid", ";sid", None]


WORDS = ("On", "On ;sid", "Off ;sid")


@covers("CFG-DIR-13")
def test_an_unknown_level_counts_as_info() -> None:
    def level(word: str, profile: Profile = NEW) -> tuple[LogLevel, list[str]]:
        read = httpd(f"JkLogLevel {word}\n", profile=profile)
        return read.main.log_level.value, short(read.complaints)

    assert level("Debug") == (LogLevel.DEBUG, [])
    assert level("warning") == (LogLevel.INFO, ["warning CFG-DIR-13 1"])
    assert level("warn") == (LogLevel.WARN, [])
    assert level("warn", OLD) == (LogLevel.INFO, ["warning CFG-DIR-13 1"])
    assert level("emerg", OLD) == (LogLevel.ERROR, [])
    assert httpd("").main.log_level.value is LogLevel.INFO
    assert httpd("", profile=OLD).main.log_level.value is LogLevel.TRACE


@covers("CFG-DIR-14")
def test_options_add_up_and_unknown_ones_are_refused() -> None:
    read = httpd("JkOptions ForwardURIEscaped +flushpackets -ForwardKeySize\nJkOptions FlushHeader\n")
    assert read.main.forward_uri.value is ForwardUri.ESCAPED
    on = {option for option, setting in read.main.options.items() if setting.value}
    assert on == {JkOption.FLUSH_PACKETS, JkOption.FLUSH_HEADER}
    complaints = httpd("JkOptions FlushPacket\nJkOptions -ForwardURIProxy +\n").complaints
    assert errors(complaints) == ["CFG-DIR-14 1", "CFG-DIR-14 2", "CFG-DIR-14 2"]
    assert complaints[0].nearest == "FlushPackets"


@covers("CFG-DIR-14")
def test_options_are_those_of_the_profile() -> None:
    assert errors(httpd("JkOptions ForwardURIProxy\n", profile=OLD).complaints) == ["CFG-DIR-14 1"]
    assert httpd("", profile=OLD).main.forward_uri.value is ForwardUri.COMPAT
    assert httpd("").main.forward_uri.value is ForwardUri.PROXY
    assert httpd("").main.options[JkOption.FORWARD_KEY_SIZE].value
    assert not httpd("", profile=OLD).main.options[JkOption.FORWARD_KEY_SIZE].value


def test_local_and_physical_address_exclude_each_other() -> None:
    options = httpd("JkOptions +ForwardLocalAddress +ForwardPhysicalAddress\n").main.options
    assert not options[JkOption.FORWARD_LOCAL_ADDRESS].value
    assert options[JkOption.FORWARD_PHYSICAL_ADDRESS].value


@covers("CFG-DIR-15")
def test_what_has_no_effect_any_more_passes_with_a_warning() -> None:
    complaints = httpd("JkOptions +CollapseSlashesAll -CollapseSlashesUnmount\nJkShmSize 100\n").complaints
    assert short(complaints) == ["warning CFG-DIR-15 1", "warning CFG-DIR-15 1", "warning CFG-DIR-15 2"]
    assert errors(httpd("JkOptions CollapseSlashesAll\n", profile=OLD).complaints) == ["CFG-DIR-14 1"]


@covers("CFG-DIR-16")
def test_missing_files_are_warned_of_with_what_is_used() -> None:
    read = httpd("JkWorkerProperty worker.list=w\n")
    assert sorted((one.name, one.clause) for one in read.complaints) == [
        ("JkLogFile", "CFG-DIR-16"),
        ("JkShmFile", "CFG-DIR-16"),
    ]
    assert read.shm_file.value == "/srv/logs/jk-runtime-status"
    assert "/srv/logs/jk-runtime-status" in " ".join(one.text for one in read.complaints)
    assert httpd("").complaints == ()
    old = httpd("JkWorkerProperty worker.list=w\n", profile=OLD)
    assert (old.complaints, old.shm_file.value, old.main.log_file.value) == ((), None, None)


def test_numbers_of_directives_are_read_as_c_reads_them() -> None:
    read = httpd("JkWatchdogInterval 12x\nJkMountFileReload -1\n")
    assert (read.watchdog_interval.value, read.main.mount_file_reload.value) == (12, 0)
    assert short(read.complaints) == ["warning CFG-VAL-01 1"]


# -- hosts ----------------------------------------------------------------------------------------


@covers("CFG-DIR-19")
def test_a_host_has_what_it_does_not_say_itself_from_the_main_server() -> None:
    text = (
        "JkLogLevel debug\nJkEnvVar A 1\nJkEnvVar B 1\nJkOptions +FlushHeader ForwardURIEscaped\n"
        "JkStripSession On\nJkLogFile logs/main\nJkHTTPSIndicator SECURE\nDocumentRoot htdocs\n"
        + HOST.format("JkLogFile logs/host\nJkEnvVar B 2\nJkOptions -FlushHeader")
    )
    main, host = httpd(text).servers
    assert (host.log_file.value, host.log_file.origin.source) == ("/srv/logs/host", Source.GIVEN)
    assert (host.log_level.value, host.log_level.origin.source) == (LogLevel.DEBUG, Source.INHERITED)
    assert host.log_level.origin.place == main.log_level.origin.place
    assert {variable.name: variable.value for variable in host.env_vars} == {"A": "1", "B": "2"}
    assert host.forward_uri.value is ForwardUri.ESCAPED
    assert not host.options[JkOption.FLUSH_HEADER].value
    assert host.strip_session.value == ";jsessionid"
    assert host.indicators["JkHTTPSIndicator"].value == "SECURE"
    assert host.document_root.value == "/srv/htdocs"


@covers("CFG-DIR-20")
def test_the_indicator_of_the_local_address_is_not_inherited() -> None:
    text = "JkLocalAddrIndicator X\nJkLocalPortIndicator Y\n<VirtualHost *:80>\n</VirtualHost>\n"
    main, host = httpd(text).servers
    assert main.indicators["JkLocalAddrIndicator"].value == "X"
    assert host.indicators["JkLocalAddrIndicator"].value == "JK_LOCAL_ADDR"
    assert host.indicators["JkLocalPortIndicator"].value == "Y"
