"""What print does to XML: each fault alone, with its line and its remedy, and all of them together."""

from __future__ import annotations

import re

import pytest

from refjk.configuration import Severity
from refjk.speccheck import covers
from tests.configuration.server_xml_texts import CLUSTER, END, START, changed, read, read_host
from tests.configuration.support import errors, short, warnings


def remedies(text: str) -> list[str]:
    return [complaint.remedy for complaint in read(text).complaints]


@covers("SXM-PRN-01")
@pytest.mark.parametrize("quotes", ["””", "“”", "„“", '”"', '"”', "»«", "’’", "\x93\x94"])
def test_typographic_quotes_around_a_value_are_refused_and_undone(quotes: str) -> None:
    found = changed('tcpListenPort="9015"', f"tcpListenPort={quotes[0]}9015{quotes[1]}")
    assert errors(found.complaints) == ["SXM-PRN-01 8"]
    assert found.complaints[0].remedy == 'write tcpListenPort="9015"'
    assert found.server is not None
    cluster = found.server.services[0].engine.hosts[0].cluster
    assert cluster is not None and cluster.receiver.port == 9015


@covers("SXM-PRN-01")
def test_typographic_quotes_within_a_value_pass_with_a_warning() -> None:
    found = changed('jvmRoute="node1"', 'jvmRoute="“node1”"')
    assert short(found.complaints) == ["warning SXM-PRN-01 4"]
    assert found.complaints[0].remedy == 'write jvmRoute="node1"'


@covers("SXM-PRN-02")
@pytest.mark.parametrize("between", ["”", '"'])
def test_an_attribute_without_space_before_it_is_refused(between: str) -> None:
    found = changed('port="8009" protocol', f'port="8009{between}protocol')
    assert "SXM-PRN-02 3" in errors(found.complaints)
    assert "write a space before protocol=" in [complaint.remedy for complaint in found.complaints]
    assert found.server is not None and len(found.server.services[0].connectors) == 1


@covers("SXM-PRN-03")
@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ("</Service>\n", "</Service\n", "write </Service>"),
        ("</Server>\n", "</Server", "write </Server>"),
        ('appBase="webapps">', 'appBase="webapps"', "end it with > or />"),
    ],
)
def test_a_tag_that_is_not_closed_is_refused_with_its_line(old: str, new: str, remedy: str) -> None:
    text = START + END
    line = text[: text.index(old)].count("\n") + 1
    found = read(text.replace(old, new))
    assert errors(found.complaints) == [f"SXM-PRN-03 {line}"]
    assert found.complaints[0].remedy == remedy
    assert found.server is not None and found.server.services[0].engine.hosts[0].name == "localhost"


@covers("SXM-PRN-04")
def test_an_element_that_is_not_closed_is_refused_where_it_was_opened() -> None:
    found = read(START + END.replace("</Engine>\n", ""))
    assert errors(found.complaints) == ["SXM-PRN-04 4"]
    assert found.complaints[0].remedy == "write </Engine> before </Service> in line 7, or end its tag with />"
    assert [error.split()[0] for error in errors(read(START).complaints)] == ["SXM-PRN-04"] * 4
    assert read(START).server is not None


@covers("SXM-PRN-04")
def test_an_end_that_closes_nothing_is_refused() -> None:
    found = read(START + END.replace("</Host>", "</Host>\n</Hots>"))
    assert errors(found.complaints) == ["SXM-PRN-04 7"]
    assert found.server is not None


@covers("SXM-PRN-05")
def test_a_class_that_goes_over_a_line_end_is_refused_with_the_whole_of_it() -> None:
    found = changed("tcp.SimpleTcpCluster", "tcp.\n\n  SimpleTcpCluster")
    assert errors(found.complaints) == ["SXM-PRN-05 6"]
    assert found.complaints[0].remedy == (
        'write className="org.apache.catalina.cluster.tcp.SimpleTcpCluster"'
    )
    assert errors(changed('"9015"', '"90\n15"').complaints)[0] == "SXM-PRN-05 8"


@covers("SXM-PRN-05")
def test_a_text_that_goes_over_a_line_end_passes_as_xml_has_it() -> None:
    found = changed(r".*\.gif;", ".*\\.gif;\n")
    assert short(found.complaints) == ["warning SXM-PRN-05 10"]
    assert found.server is not None
    cluster = found.server.services[0].engine.hosts[0].cluster
    assert cluster is not None and cluster.replication_valve.filter == (r".*\.gif", r" .*\.txt")


@covers("SXM-PRN-06")
@pytest.mark.parametrize(
    ("value", "written"), [("a&b", "&amp;"), ("a & b", "&amp;"), ("a&b=c;", "&amp;"), ("x&nbsp;", "&amp;")]
)
def test_a_bare_ampersand_is_refused_with_its_remedy(value: str, written: str) -> None:
    found = read_host(f'<Context path="/a" docBase="{value}"/>')
    assert errors(found.complaints) == ["SXM-PRN-06 6"]
    assert written in found.complaints[0].remedy
    assert found.server is not None
    assert found.server.services[0].engine.hosts[0].contexts[0].doc_base == value


@covers("SXM-PRN-06")
def test_an_ampersand_and_a_less_than_in_text_are_refused_and_references_are_not() -> None:
    assert errors(read_host("<Alias>a &amp; &#65; &lt;</Alias>").complaints) == []
    assert errors(read_host("<Alias>a & b</Alias>").complaints) == ["SXM-PRN-06 6"]
    assert errors(read_host("<Alias>a < b</Alias>").complaints) == ["SXM-PRN-06 6"]


@covers("SXM-PRN-06")
def test_an_entity_is_missed_also_where_a_doctype_points_elsewhere() -> None:
    doctype = '<!DOCTYPE Server SYSTEM "x.dtd">\n'
    found = read(f'{doctype}{START}<Alias>&who;</Alias><Context path="/a" docBase="a&what;"/>{END}')
    assert errors(found.complaints) == ["SXM-PRN-06 7", "SXM-PRN-06 7"]


@covers("SXM-PRN-07")
@pytest.mark.parametrize(
    ("new", "remedy"),
    [
        ("port=8009", 'write port="8009"'),
        ('port="8009', 'write port="8009"'),
        ('port="8009" distributable', 'write distributable="…"'),
        ('port="8009" port="8009"', "take one of them out"),
        ('port="8009"\u00a0', "write a plain one"),
        ('port="8009" ,', "take it out, or close the quote before it"),
    ],
)
def test_what_else_happens_to_attributes_is_refused_and_mended(new: str, remedy: str) -> None:
    text = (START + END).replace('port="8009" protocol="AJP/1.3"/>', f"protocol='AJP/1.3' {new}/>")
    found = read(text)
    assert errors(found.complaints) == ["SXM-PRN-07 3"]
    assert found.complaints[0].remedy == remedy
    assert found.server is not None
    assert [connector.port for connector in found.server.services[0].connectors] == [8009]


@covers("SXM-PRN-07")
@pytest.mark.parametrize("comment", ["<!– a <b> –>", "<!— a\n—>", "<!– to the end"])
def test_a_comment_of_dashes_is_refused(comment: str) -> None:
    assert "SXM-PRN-07 6" in errors(read_host(comment).complaints)


def test_comments_and_character_data_of_a_mended_text_stay_as_they_are() -> None:
    found = read(f'<?xml version="1.0"?>\n<!-- ” <x & -->{START}<Alias><![CDATA[<&”>]]></Alias>{END}</x>')
    assert errors(found.complaints) == ["SXM-PRN-04 11"]
    assert found.server is not None
    assert found.server.services[0].engine.hosts[0].aliases == ("<&”>",)


def test_a_printed_file_is_read_as_a_whole_with_every_fault_told() -> None:
    text = (START + CLUSTER + END).replace('"', "”").replace("cluster.tcp.", "cluster.tcp.\n\n")
    text = text.replace("” replicationMode", "”replicationMode")
    text = text.replace("</Service>", "</Service").replace("</Server>", "</Server")
    found = read(text)
    clauses = {complaint.clause for complaint in found.complaints}
    assert clauses == {"SXM-PRN-01", "SXM-PRN-02", "SXM-PRN-03", "SXM-PRN-05"}
    assert all(complaint.place.line and complaint.remedy for complaint in found.complaints)
    curly = [complaint for complaint in found.complaints if complaint.clause == "SXM-PRN-01"]
    assert len(curly) == len(re.findall("=”", text))
    assert found.server is not None
    cluster = found.server.services[0].engine.hosts[0].cluster
    assert cluster is not None and cluster.sender.mode == "pooled"
    assert warnings(found.complaints) == []
    assert {complaint.severity for complaint in found.complaints} == {Severity.ERROR}
    assert remedies("") == [""]
