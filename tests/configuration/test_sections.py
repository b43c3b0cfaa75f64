"""Sections, conditions, included files."""

from __future__ import annotations

import pytest

from refjk.configuration.httpd_tree import INCLUDE_DEPTH_MAX, INCLUDED_FILES_MAX
from refjk.speccheck import covers
from tests.configuration.support import MAIN, WORKER, errors, httpd, warnings


@covers("CFG-SEC-01")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<VirtualHost *:80>\n", 1),
        ("</VirtualHost>\n", 1),
        ("<VirtualHost *:80>\n</Location>\n", 2),
        ("<VirtualHost *:80\n</VirtualHost>\n", 1),
        ("<VirtualHost>\n</VirtualHost>\n", 1),
        ("<IfModule>\n</IfModule>\n", 1),
        ("<VirtalHost *:80>\n</VirtalHost>\n", 1),
        ("< VirtualHost *:80>\n</VirtualHost>\n", 1),
        ("<IfModule none>\n", 1),
        ("<IfModule none>\n<VirtualHost *:1>\n</IfModule>\n", 3),
    ],
)
def test_a_section_that_is_not_whole_is_refused(text: str, line: int) -> None:
    assert errors(httpd(text).complaints)[0] == f"CFG-SEC-01 {line}"


def test_an_unknown_section_names_the_nearest_one_and_its_content_is_passed_over() -> None:
    read = httpd("<VirtalHost *:80>\nJkBogus\n</VirtalHost>\nListen x\n")
    assert read.complaints[0].nearest == "VirtualHost"
    assert errors(read.complaints) == ["CFG-SEC-01 1", "CFG-HTD-01 4"]


@covers("CFG-SEC-02")
@pytest.mark.parametrize(
    "text",
    [
        "<VirtualHost *:1>\n<VirtualHost *:2>\n</VirtualHost>\n</VirtualHost>",
        "<Location /x>\n<VirtualHost *:2>\n</VirtualHost>\n</Location>",
        "<Location /x>\n<Location /y>\n</Location>\n</Location>",
        "<Directory /x>\n<Directory /y>\n</Directory>\n</Directory>",
    ],
)
def test_sections_within_the_wrong_section_are_refused(text: str) -> None:
    assert errors(httpd(text).complaints) == ["CFG-SEC-02 2"]


def test_a_location_within_a_host_is_fine() -> None:
    text = WORKER + "<VirtualHost *:1>\n<Location /x>\nJkMount w\n</Location>\n</VirtualHost>"
    read = httpd(text)
    assert [rule.pattern for rule in read.servers[1].mounts] == ["/x"]
    assert read.complaints == ()


@covers("CFG-SEC-03")
@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        ("mod_jk.c", True),
        ("jk_module", True),
        ("!mod_jk.c", False),
        ("JK_MODULE", False),
        ("refjk_module", True),
        ("mod_ssl.c", False),
        ("!mod_ssl.c", True),
        ("mod_alias.c", True),
        ("alias_module", True),
        ('"mod_jk.c"', True),
    ],
)
def test_ifmodule_knows_what_is_built_in_and_what_was_loaded(condition: str, counts: bool) -> None:
    text = f"LoadModule alias_module modules/mod_alias.so\n<IfModule {condition}>\nListen 81\n</IfModule>\n"
    read = httpd(text)
    assert [listen.port for listen in read.listen] == ([81] if counts else [])
    assert read.complaints == ()


def test_a_module_counts_only_below_its_loadmodule() -> None:
    read = httpd("<IfModule mod_x.c>\nListen 81\n</IfModule>\nLoadModule x_module mod_x.so\n")
    assert read.listen == ()


@covers("CFG-SEC-04")
def test_ifdefine_knows_define_and_the_callers_names() -> None:
    text = (
        "<IfDefine A>\nListen 81\n</IfDefine>\nDefine A\n<IfDefine A>\nListen 82\n</IfDefine>\n"
        "<IfDefine !B>\nListen 83\n</IfDefine>\nUnDefine A\n<IfDefine A>\nListen 84\n</IfDefine>\n"
    )
    assert [listen.port for listen in httpd(text).listen] == [82, 83]
    assert [listen.port for listen in httpd(text, defines=["A", "B"]).listen] == [81, 82]


@covers("CFG-SEC-05")
@pytest.mark.parametrize("name", ["If", "IfVersion", "Macro", "Proxy"])
def test_what_refjk_cannot_judge_is_passed_over_with_a_warning(name: str) -> None:
    read = httpd(f"<{name} x>\nJkBogus\n</{name}>\nListen 81\n")
    assert [listen.port for listen in read.listen] == [81]
    assert (errors(read.complaints), warnings(read.complaints)) == ([], ["CFG-SEC-05 1"])


@covers("CFG-SEC-06")
def test_a_skipped_section_ends_at_its_own_end() -> None:
    text = "<IfModule none>\n<IfModule mod_jk.c>\nListen 81\n</IfModule>\nListen 82\n</IfModule>\nListen 83\n"
    assert [listen.port for listen in httpd(text).listen] == [83]


# -- Include ------------------------------------------------------------------------------------


@covers("CFG-INC-01")
def test_included_files_are_read_in_the_order_of_their_names_at_their_place() -> None:
    files = {
        "/srv/sites/b.conf": "Listen 82",
        "/srv/sites/a.conf": "Listen 81",
        "/srv/sites/c.txt": "Listen 89",
    }
    read = httpd("Listen 80\nInclude sites/*.conf\nListen 83\n", files)
    assert [listen.port for listen in read.listen] == [80, 81, 82, 83]
    assert read.files == (MAIN, "/srv/sites/a.conf", "/srv/sites/b.conf")
    assert str(read.listen[1].place) == "/srv/sites/a.conf:1"


@covers("CFG-INC-01")
def test_a_folder_is_included_with_all_below_it() -> None:
    files = {"/srv/d/x": "Listen 81", "/srv/d/e/y": "Listen 82"}
    assert [listen.port for listen in httpd("Include d\n", files).listen] == [82, 81]


@covers("CFG-INC-01")
def test_a_file_that_does_not_exist_is_refused_unless_optional() -> None:
    assert errors(httpd("Include nix.conf\n").complaints) == ["CFG-INC-01 1"]
    assert httpd("IncludeOptional nix.conf\n").complaints == ()


@covers("CFG-INC-04")
def test_a_pattern_without_match_is_refused_unless_optional() -> None:
    assert errors(httpd("Include *.nix\n").complaints) == ["CFG-INC-04 1"]
    assert httpd("IncludeOptional *.nix\n").complaints == ()


@covers("CFG-INC-01")
def test_serverroot_moves_relative_paths() -> None:
    files = {"/opt/www/a.conf": "Listen 81"}
    assert [one.port for one in httpd("ServerRoot /opt/www\nInclude a.conf\n", files).listen] == [81]
    assert httpd("JkLogFile logs/x\n").main.log_file.value == "/srv/logs/x"
    assert httpd("JkLogFile logs/x\n", server_root="/r").main.log_file.value == "/r/logs/x"


def test_what_is_included_in_a_host_belongs_to_the_host() -> None:
    files = {"/srv/m.conf": "JkMount /a w\n"}
    read = httpd(WORKER + "<VirtualHost *:80>\nInclude m.conf\n</VirtualHost>\n", files)
    assert [len(server.mounts) for server in read.servers] == [0, 1]


@covers("CFG-SEC-01")
def test_a_section_ends_in_the_file_in_which_it_began() -> None:
    files = {"/srv/o.conf": "<VirtualHost *:80>\n", "/srv/c.conf": "</VirtualHost>\n"}
    assert errors(httpd("Include o.conf\nInclude c.conf\n", files).complaints) == ["CFG-SEC-01 1"]
    opened = "<VirtualHost *:80>\nInclude c.conf\n</VirtualHost>\n"
    assert errors(httpd(opened, files).complaints) == ["CFG-SEC-01 1"]


@covers("CFG-INC-02")
def test_a_circle_of_includes_ends() -> None:
    read = httpd("Include a.conf\n", {"/srv/a.conf": "Include a.conf\n"})
    assert errors(read.complaints) == ["CFG-INC-02 1"]
    assert len(read.files) == INCLUDE_DEPTH_MAX + 1


@covers("CFG-INC-03")
def test_files_lines_and_variables_are_bounded() -> None:
    twice = {f"/srv/{n}": f"Include {n + 1}\n" * 2 for n in range(20)} | {"/srv/20": ""}
    read = httpd("Include 0\n", twice)
    assert [one.split()[0] for one in errors(read.complaints)] == ["CFG-INC-03"]
    assert len(read.files) == INCLUDED_FILES_MAX
    assert errors(httpd("#" + "x" * 70_000 + "\nListen 1\n").complaints) == ["CFG-INC-03 1"]
    doubling = "Define A xxxxxxxx\n" + "Define A ${A}${A}${A}${A}\n" * 30
    assert errors(httpd(doubling).complaints)[-1].startswith("CFG-INC-03")
    assert errors(httpd("Listen 80\n" * 100_001).complaints) == ["CFG-INC-03 100001"]
