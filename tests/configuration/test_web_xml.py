"""What a web.xml comes to, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.configuration import Place, Source, WebApplication, read_web_xml
from refjk.configuration.container_rows import application_rows
from refjk.speccheck import covers
from tests.configuration.support import errors, short, warnings

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/article/webapps/ClusterTest/WEB-INF/web.xml"
SERVLET = "<servlet><servlet-name>a</servlet-name><servlet-class>m:app</servlet-class></servlet>"


def mapping(pattern: str, name: str = "a") -> str:
    return (
        f"<servlet-mapping><servlet-name>{name}</servlet-name>"
        f"<url-pattern>{pattern}</url-pattern></servlet-mapping>"
    )


def read(*lines: str) -> WebApplication:
    """One of these lines; the first is line 2."""
    return read_web_xml("\n".join(["<web-app>", *lines, "</web-app>"]), "web.xml")


def test_the_application_of_the_example_is_read_without_complaints() -> None:
    found = read_web_xml(EXAMPLE.read_text("utf-8"), "web.xml")
    assert found.complaints == ()
    assert found.display_name.value == "ClusterTest"
    assert found.distributable.value
    assert {name: servlet.target for name, servlet in found.servlets.items()} == {
        "counter": "clustertest:app"
    }
    patterns = [(mapping.pattern, mapping.servlet) for mapping in found.mappings]
    assert patterns == [("/*", "counter"), ("/style.css", "default")]


def test_a_file_of_servlet_2_3_with_its_doctype_is_read() -> None:
    doctype = (
        '<!DOCTYPE web-app PUBLIC "-//Sun Microsystems, Inc.//DTD Web Application 2.3//EN"\n'
        ' "http://java.sun.com/dtd/web-app_2_3.dtd">\n'
    )
    head = f'<?xml version="1.0" encoding="ISO-8859-1"?>\n{doctype}'
    found = read_web_xml(f"{head}<web-app><display-name>Küche</display-name></web-app>", "web.xml")
    assert found.complaints == () and found.display_name.value == "Küche"


@covers("WXM-ELM-01")
def test_another_outermost_element_is_refused() -> None:
    assert errors(read_web_xml("<Server/>", "web.xml").complaints) == ["WXM-ELM-01 1"]


@covers("WXM-ELM-02")
def test_an_unknown_element_passes_with_the_nearest_name() -> None:
    found = read("<distributabel/>", "<session-config><session-timeot>1</session-timeot></session-config>")
    assert short(found.complaints) == ["warning WXM-ELM-02 2", "warning WXM-ELM-02 3"]
    assert [complaint.nearest for complaint in found.complaints] == ["distributable", "session-timeout"]


@covers("WXM-ELM-03")
def test_what_has_no_effect_passes_with_a_warning_but_descriptions_and_icons_do_not() -> None:
    found = read(
        "<filter><x/></filter>",
        "<description>x</description><icon><small-icon>x</small-icon></icon>",
        SERVLET.replace("</servlet>", "<init-param/><load-on-startup>1</load-on-startup></servlet>"),
        mapping("/*"),
    )
    assert short(found.complaints) == ["warning WXM-ELM-03 2", "warning WXM-ELM-03 4"]


@covers("WXM-ELM-04")
@pytest.mark.parametrize(
    "line",
    [
        "<servlet><servlet-name>b</servlet-name></servlet>",
        "<servlet><servlet-class>m:app</servlet-class></servlet>",
        "<servlet-mapping><servlet-name>a</servlet-name></servlet-mapping>",
        "<servlet-mapping><url-pattern>/a</url-pattern></servlet-mapping>",
        "<listener/>",
        "<context-param><param-name>a</param-name></context-param>",
        "<mime-mapping><mime-type>a/b</mime-type></mime-mapping>",
    ],
)
def test_what_lacks_a_part_is_refused(line: str) -> None:
    assert errors(read(SERVLET, mapping("/*"), line).complaints) == ["WXM-ELM-04 4"]


@covers("WXM-SEC-01")
def test_a_security_constraint_is_refused() -> None:
    assert errors(read("<security-constraint><x/></security-constraint>").complaints) == ["WXM-SEC-01 2"]


@covers("WXM-APP-01")
@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("m:app", 0),
        ("a.b.c:d.e", 0),
        ("com.example.Counter", 1),
        ("m:", 1),
        (":app", 1),
        ("m:app()", 1),
        ("m :app", 1),
        ("../m:app", 1),
        ("1m:app", 1),
    ],
)
def test_a_servlet_class_is_a_module_and_a_callable(target: str, refused: int) -> None:
    found = read(SERVLET.replace("m:app", target), mapping("/*"))
    assert errors(found.complaints) == ["WXM-APP-01 2"] * refused


@covers("WXM-APP-04")
@pytest.mark.parametrize("pattern", ["/", "/*", "/a", "/a/b.c", "/a/*", "*.gif", "/ä/*"])
def test_patterns_of_each_kind_are_taken(pattern: str) -> None:
    found = read(SERVLET, mapping(pattern))
    assert found.complaints == ()
    assert [(one.pattern, one.servlet) for one in found.mappings] == [(pattern, "a")]


@covers("WXM-APP-04")
@pytest.mark.parametrize("pattern", ["a", "*", "/a*", "/*/a", "*.", "*.a/b", "*.*", "/a/*/b"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    assert errors(read(SERVLET, mapping("/*"), mapping(pattern)).complaints) == ["WXM-APP-04 4"]


@covers("WXM-APP-04")
def test_names_and_patterns_are_there_once_and_lead_somewhere() -> None:
    found = read(
        SERVLET, SERVLET, mapping("/*"), mapping("/*"), mapping("/b", "aa"), mapping("/c", "default")
    )
    assert errors(found.complaints) == ["WXM-APP-04 3", "WXM-APP-04 5", "WXM-APP-04 6"]
    assert [one.pattern for one in found.mappings] == ["/*", "/c"]
    own = read(SERVLET.replace(">a<", ">default<"))
    assert errors(own.complaints) == ["WXM-APP-04 2"]


@covers("WXM-APP-05")
def test_a_servlet_without_mapping_gets_a_warning() -> None:
    assert warnings(read(SERVLET).complaints) == ["WXM-APP-05 2"]


@covers("WXM-LST-01")
def test_a_listener_is_an_object_of_a_module() -> None:
    listener = "<listener><listener-class>{}</listener-class></listener>"
    found = read(listener.format("m:one"), listener.format("com.example.Two"))
    assert errors(found.complaints) == ["WXM-LST-01 3"]
    assert [one.target for one in found.listeners] == ["m:one", "com.example.Two"]


@covers("WXM-DIS-01")
def test_an_application_is_distributable_when_it_says_so() -> None:
    assert read().distributable.value is False
    found = read("", "<distributable/>").distributable
    assert found.value and found.origin.place == Place("web.xml", 3)


@covers("WXM-SES-01")
@pytest.mark.parametrize(("text", "minutes"), [("1", 1), ("0", 0), ("-1", -1), (" 45\n", 45)])
def test_a_session_timeout_is_minutes(text: str, minutes: int) -> None:
    found = read(f"<session-config><session-timeout>{text}</session-timeout></session-config>")
    assert (found.session_timeout.value, found.complaints) == (minutes, ())


@covers("WXM-SES-01")
@pytest.mark.parametrize("text", ["", "never", "1.5", "99999999999"])
def test_what_is_no_number_of_minutes_is_refused(text: str) -> None:
    found = read(f"<session-config><session-timeout>{text}</session-timeout></session-config>")
    assert errors(found.complaints) == ["WXM-SES-01 2"]
    assert (found.session_timeout.value, found.session_timeout.origin.source) == (30, Source.DEFAULT)


@covers("WXM-WEL-01")
def test_welcome_files_are_read_in_their_order() -> None:
    one = "<welcome-file>{}</welcome-file>"
    files = f"<welcome-file-list>{one}{one}</welcome-file-list>"
    assert read(files.format("b.html", "a.html")).welcome_files.value == ("b.html", "a.html")
    assert read().welcome_files.value == ("index.html", "index.htm")
    found = read(files.format("../x", "a/b"))
    assert errors(found.complaints) == ["WXM-WEL-01 2", "WXM-WEL-01 2"]
    assert found.welcome_files.value == ("index.html", "index.htm")


def test_parameters_and_types_are_read_and_listed() -> None:
    found = read(
        "<context-param><param-name>k</param-name><param-value>v</param-value></context-param>",
        "<mime-mapping><extension>x</extension><mime-type>a/x</mime-type></mime-mapping>",
    )
    rows = {row.name: row.value for row in application_rows(found)}
    assert rows["context-param k"] == "v" and rows["mime-mapping x"] == "a/x"
    assert rows["session-timeout"] == 30


@pytest.mark.parametrize(
    "text", ["<web-app>\n<servlet>", "<web-app>\n<display-name>a & b</display-name></web-app>"]
)
def test_faults_of_print_are_told_here_too(text: str) -> None:
    found = read_web_xml(text, "web.xml")
    assert errors(found.complaints)[0].startswith("SXM-PRN")
