"""SetHandler and SetEnv for paths."""

from __future__ import annotations

import pytest

from refjk.configuration import FilesInMemory, read_httpd
from refjk.speccheck import covers
from refjk.webserver.environment import NO_SURROUNDINGS, Environment
from tests.webserver.support import balancer, configuration


def environment(text: str) -> Environment:
    return Environment(configuration(balancer("a") + text).main.paths)


def variables(text: str, path: str) -> dict[str, str]:
    return dict(environment(text).of(path).variables)


@covers("FWD-ENV-01")
def test_what_the_server_says_holds_for_each_path_and_a_section_knows_better() -> None:
    section = "<Location /x>\nSetEnv A section\nSetHandler jakarta-servlet\n</Location>\n"
    for text in (f"SetEnv A server\nSetEnv B b\n{section}", f"{section}SetEnv A server\nSetEnv B b\n"):
        assert variables(text, "/x") == {"A": "section", "B": "b"}
        assert variables(text, "/y") == {"A": "server", "B": "b"}
        assert environment(text).of("/x/z").handler == "jakarta-servlet"
        assert environment(text).of("/y").handler is None


@covers("FWD-ENV-01")
def test_of_two_sections_the_later_counts() -> None:
    text = (
        "<Location /x/y>\nSetEnv A 1\nSetHandler jakarta-servlet\n</Location>\n"
        "<LocationMatch ^/x>\nSetEnv A 2\nSetEnv C\n</LocationMatch>\n"
    )
    assert variables(text, "/x/y") == {"A": "2", "C": ""}
    assert environment(text).of("/x/y").handler == "jakarta-servlet"


@covers("FWD-ENV-01")
@pytest.mark.parametrize(
    ("path", "inside", "outside"),
    [
        ("/x", ["/x", "/x/", "/x/y"], ["/xy", "/", "/X"]),
        ("/x/", ["/x/", "/x/y"], ["/x", "/xy"]),
        ("/", ["/", "/x"], []),
        ("/a*/b?", ["/a/bc", "/axx/bc"], ["/a/x/bc", "/a/b", "/a/b/", "/a/bcd", "/axx/bc/d"]),
        ("/[a-c]x", ["/ax", "/cx"], ["/dx", "//x", "/-x"]),
        ("/[!a]x", ["/bx"], ["/ax", "//x"]),
        ("/a.b*", ["/a.b"], ["/aXb"]),
    ],
)
def test_a_location_has_its_path_and_all_below_and_no_wildcard_is_a_slash(
    path: str, inside: list[str], outside: list[str]
) -> None:
    there = environment(f"<Location {path}>\nSetEnv A 1\n</Location>\n")
    assert [p for p in (*inside, *outside) if there.of(p).variables] == inside


@covers("FWD-ENV-01")
def test_a_locationmatch_is_looked_for_anywhere_in_the_path() -> None:
    there = environment('<LocationMatch "/(x|y)/z$">\nSetEnv A 1\n</LocationMatch>\n')
    paths = ["/x/z", "/a/y/z", "/x/z/", "/z"]
    assert [path for path in paths if there.of(path).variables] == ["/x/z", "/a/y/z"]


def test_sections_of_the_disk_and_patterns_that_cannot_be_read_hold_for_nothing() -> None:
    text = '<Directory /x>\nSetEnv A 1\n</Directory>\n<LocationMatch "(">\nSetEnv A 2\n</LocationMatch>\n'
    assert variables(text, "/x") == {}


def test_without_a_word_about_paths_nothing_is_looked_for() -> None:
    assert Environment(()).of("/x") is NO_SURROUNDINGS


@covers("FWD-ENV-01")
def test_a_location_with_a_tilde_is_an_expression() -> None:
    text = '<Location ~ "^/x[0-9]">\nSetEnv A 1\n</Location>\n'
    read = read_httpd("/a/httpd.conf", FilesInMemory({"/a/httpd.conf": text}))
    environment = Environment(read.main.paths)
    assert dict(environment.of("/x1/y").variables) == {"A": "1"}
    assert dict(environment.of("/x").variables) == {}
