"""What a server.xml comes to, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from refjk.configuration import ContainerConfiguration, Place, Source
from refjk.configuration.container_rows import container_rows
from refjk.configuration.xml_reader import XML_DEPTH_MAX, XML_ELEMENTS_MAX, XML_SIZE_MAX
from refjk.speccheck import covers
from tests.configuration.server_xml_texts import CLUSTER, END, START, changed, read, read_host
from tests.configuration.support import errors, short, warnings

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "article"
CATALINA = "org.apache.catalina"


def messages(configuration: ContainerConfiguration) -> str:
    return "\n".join(map(str, configuration.complaints))


# -- the whole ------------------------------------------------------------------------------------


def test_a_whole_file_has_its_values_with_their_lines() -> None:
    read = changed("tcpListenPort", "tcpListenPort")
    assert read.complaints == () and read.server is not None
    (service,) = read.server.services
    assert [(c.port, c.protocol, c.address) for c in service.connectors] == [(8009, "AJP/1.3", "127.0.0.1")]
    assert (service.engine.jvm_route, service.engine.default_host) == ("node1", "localhost")
    (host,) = service.engine.hosts
    cluster = host.cluster
    assert cluster is not None
    assert cluster.manager_class_name == f"{CATALINA}.cluster.session.DeltaManager"
    assert (cluster.expire_on_shutdown, cluster.notify_listeners, cluster.deployer) == (True, True, None)
    group = cluster.membership
    assert (group.group, group.port, group.frequency_ms, group.drop_time_ms) == (
        "228.0.0.4",
        45564,
        500,
        3000,
    )
    assert (group.ttl, group.read_timeout_ms, group.bind_address) == (-1, -1, None)
    receiver = cluster.receiver
    assert (receiver.address, receiver.port, receiver.threads) == ("127.0.0.1", 9015, 6)
    assert (cluster.sender.mode, cluster.sender.ack_timeout_ms) == ("pooled", 15000)
    assert cluster.replication_valve.filter == (r".*\.gif", r".*\.txt")
    assert receiver.origins["tcpListenPort"].place == Place("server.xml", 8)
    assert receiver.origins["tcpThreadCount"].source is Source.DEFAULT


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_nodes_of_the_example_have_no_complaints_and_the_ports_of_its_httpd_conf(number: int) -> None:
    file = EXAMPLE / f"node{number}" / "conf" / "server.xml"
    found = read(file.read_text("utf-8"))
    assert found.complaints == () and found.server is not None
    (service,) = found.server.services
    ports = [connector.port for connector in service.connectors]
    httpd_conf = (EXAMPLE / "httpd.conf").read_text("utf-8")
    assert f"worker.{service.engine.jvm_route}.port={ports[0]}\n" in httpd_conf
    cluster = service.engine.hosts[0].cluster
    assert cluster is not None and cluster.deployer is not None
    assert cluster.deployer.watch_dir == "/srv/node1/cluster/watch"
    assert cluster.deployer.watch_enabled is (number == 1)


def test_an_attribute_has_the_line_on_which_it_stands() -> None:
    text = START.replace('defaultHost="localhost"', '\n defaultHost="localhost"\n').replace(
        'jvmRoute="node1"', "\n jvmRoute = 'a>b \"x\"'"
    )
    found = read(text + END)
    assert found.server is not None
    engine = found.server.services[0].engine
    assert engine.jvm_route == 'a>b "x"'
    assert [engine.origins[name].place for name in ("name", "defaultHost", "jvmRoute")] == [
        Place("server.xml", line) for line in (4, 5, 7)
    ]


# -- text -----------------------------------------------------------------------------------------


@covers("SXM-XML-01")
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE Server [<!ENTITY a "x">]>',
        '<!DOCTYPE Server [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Server [<!ENTITY % a SYSTEM "http://127.0.0.1/x">%a;]>',
        "<!DOCTYPE Server []>",
        '<!DOCTYPE Server [<!ATTLIST Server port CDATA "1">]>',
    ],
)
def test_declarations_within_a_text_are_refused(doctype: str) -> None:
    found = read(f"<?xml version='1.0'?>\n{doctype}\n<Server port='&a;'/>")
    assert errors(found.complaints)[0] == "SXM-XML-01 2"
    assert found.server is None


@covers("SXM-XML-01")
def test_a_doctype_that_points_elsewhere_is_passed_over_unread() -> None:
    found = read(f'<!DOCTYPE Server SYSTEM "file:///nowhere/at/all.dtd">\n{START}{END}')
    assert found.complaints == () and found.server is not None


@covers("SXM-XML-02")
@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (f"<Server>{' ' * (XML_SIZE_MAX - 17)}</Server>", True),
        (f"<Server>{' ' * (XML_SIZE_MAX - 16)}</Server>", False),
        (f"<Server>{'<a/>' * (XML_ELEMENTS_MAX - 1)}</Server>", True),
        (f"<Server>{'<a/>' * XML_ELEMENTS_MAX}</Server>", False),
        (f"<Server>{'<a>' * (XML_DEPTH_MAX - 1)}{'</a>' * (XML_DEPTH_MAX - 1)}</Server>", True),
        (f"<Server>{'<a>' * XML_DEPTH_MAX}{'</a>' * XML_DEPTH_MAX}</Server>", False),
    ],
)
def test_size_depth_and_number_of_elements_are_bounded(text: str, fits: bool) -> None:
    found = read(text)
    assert ("SXM-XML-02" not in messages(found)) is fits
    assert (found.server is not None) is fits


@covers("SXM-XML-03")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("plain text", 1),
        ("<Server/>\n<Server/>", 2),
        ("<Server>\n\x01</Server>", 2),
        ("<a:b:c/>\n\ud800", 2),
    ],
)
def test_what_is_not_well_formed_is_reported_with_its_line(text: str, line: int) -> None:
    assert f"SXM-XML-03 {line}" in errors(read(text).complaints)


# -- elements, attributes, classes ----------------------------------------------------------------


@covers("SXM-ELM-01")
def test_an_unknown_element_passes_with_the_nearest_name() -> None:
    found = read_host('<Contxt path="/a" docBase="a"><x/></Contxt>\n<Zzz/>\n')
    assert short(found.complaints) == ["warning SXM-ELM-01 6", "warning SXM-ELM-01 7"]
    assert [complaint.nearest for complaint in found.complaints] == ["Context", None]


@covers("SXM-ELM-01")
def test_a_known_element_in_the_wrong_place_passes_with_its_right_one() -> None:
    found = read_host(
        f'<Membership/>\n<Valve className="{CATALINA}.cluster.tcp.ReplicationValve"/>\n'
        '<Alias><b/></Alias>\n<Connector port="1"/>\n'
    )
    assert sorted(short(found.complaints)) == [f"warning SXM-ELM-01 {line}" for line in (6, 7, 9)]
    assert "it belongs in <Cluster>" in messages(found) and "it belongs in <Service>" in messages(found)


@covers("SXM-ELM-02")
def test_an_unknown_attribute_passes_with_the_nearest_name() -> None:
    found = changed('tcpListenPort="9015"', 'tcpListnPort="9015" whatever="1"')
    assert warnings(found.complaints) == ["SXM-ELM-02 8", "SXM-ELM-02 8"]
    assert [complaint.nearest for complaint in found.complaints] == ["tcpListenPort", None]
    assert errors(found.complaints) == []


@covers("SXM-ELM-03")
def test_what_has_no_effect_passes_with_a_warning_unless_nothing_depends_on_it() -> None:
    found = read(
        START.replace('protocol="AJP/1.3"', 'protocol="AJP/1.3" redirectPort="1" debug="0" URIEncoding="x"')
        + END.replace("</Service>", "</Service>\n<GlobalNamingResources><x/></GlobalNamingResources>")
    )
    assert short(found.complaints) == ["warning SXM-ELM-03 9", "warning SXM-ELM-03 3"]
    assert found.server is not None
    others = found.server.services[0].connectors[0].others
    assert {name: setting.value for name, setting in others.items()} == {
        "redirectPort": "1",
        "debug": "0",
        "URIEncoding": "x",
    }


@covers("SXM-ELM-04")
def test_another_outermost_element_and_a_service_without_engine_are_refused() -> None:
    assert errors(read("<web-app/>").complaints) == ["SXM-ELM-04 1"]
    found = read('<Server>\n<Service><Connector port="1" protocol="AJP/1.3"/></Service></Server>')
    assert errors(found.complaints)[0] == "SXM-ELM-04 2"


@covers("SXM-ELM-05")
def test_of_two_engines_and_two_clusters_the_last_counts() -> None:
    found = read_host(CLUSTER + CLUSTER.replace("pooled", "synchronous"))
    assert warnings(found.complaints) == ["SXM-ELM-05 6"]
    assert found.server is not None
    cluster = found.server.services[0].engine.hosts[0].cluster
    assert cluster is not None and cluster.sender.mode == "synchronous"
    engine = '<Engine defaultHost="a" jvmRoute="other"><Host name="a"/></Engine>'
    two = read(START + END.replace("</Engine>", f"</Engine>{engine}"))
    assert warnings(two.complaints) == ["SXM-ELM-05 4"]
    assert two.server is not None and two.server.services[0].engine.jvm_route == "other"


@covers("SXM-CLS-01")
@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("mcast.McastService", "mcast.McastServce", "nearest known name is"),
        (f"{CATALINA}.cluster.mcast.McastService", "com.example.Membership", "com.example.Membership"),
        (
            f"{CATALINA}.cluster.tcp.SimpleTcpCluster",
            f"{CATALINA}.ha.tcp.SimpleTcpCluster",
            f"in Tomcat 5.5 it is {CATALINA}.cluster.tcp.SimpleTcpCluster",
        ),
        ("cluster.tcp.ReplicationValve", "valves.RemoteAddrValve", f"{CATALINA}.valves.RemoteAddrValve"),
        ("tcp.ReplicationListener", "tcp.ReplicationTransmitter", "ReplicationTransmitter"),
        (
            'tcp.SimpleTcpCluster"',
            f'tcp.SimpleTcpCluster" managerClassName="{CATALINA}.session.PersistentManager"',
            "PersistentManager",
        ),
    ],
)
def test_a_foreign_class_is_refused_with_its_name(old: str, new: str, hint: str) -> None:
    found = changed(old, new)
    assert errors(found.complaints)[0].startswith("SXM-CLS-01")
    assert hint in messages(found)


@covers("SXM-CLS-02")
def test_a_known_class_without_a_part_of_refjk_passes_with_a_warning() -> None:
    found = read_host(f'<Valve className="{CATALINA}.valves.AccessLogValve" pattern="x"/>\n')
    assert short(found.complaints) == ["warning SXM-CLS-02 6"]


def test_the_parts_of_route_turnover_are_read_where_they_stand() -> None:
    binder = f'<Valve className="{CATALINA}.cluster.session.JvmRouteBinderValve" enabled="false"/>'
    listener = f'<Listener className="{CATALINA}.cluster.session.JvmRouteSessionIDBinderLifecycleListener"/>'
    found = read_host(f'<Context path="/a" docBase="a">{binder}</Context>{listener}')
    assert found.complaints == () and found.server is not None
    host = found.server.services[0].engine.hosts[0]
    valve = host.contexts[0].route_binder
    assert valve is not None
    assert (valve.enabled, valve.session_id_attribute) == (False, "JvmRouteOrignalSessionID")
    assert host.route_listener is not None and host.route_listener.enabled
    own = changed(
        "</Cluster>",
        f'{binder.replace("false", "true")}<ClusterListener className="{CATALINA}.cluster.'
        'session.ClusterSessionListener"/></Cluster>',
    )
    assert own.complaints == () and own.server is not None
    cluster = own.server.services[0].engine.hosts[0].cluster
    assert cluster is not None and cluster.route_binder is not None and cluster.route_binder.enabled


# -- values ---------------------------------------------------------------------------------------


@covers("SXM-VAL-01")
def test_a_property_is_put_in_and_an_unknown_one_stays() -> None:
    found = read_host('<Context path="/a" docBase="${catalina.base}/x${catalina.bse}"/>')
    assert found.server is not None
    assert found.server.services[0].engine.hosts[0].contexts[0].doc_base == "/srv/node1/x${catalina.bse}"
    assert warnings(found.complaints) == ["SXM-VAL-01 6"]
    assert found.complaints[0].nearest == "catalina.base"


@covers("SXM-VAL-02")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"9015"', '"65536"'),
        ('"9015"', '"-1"'),
        ('"9015"', '"x"'),
        ('"9015"', '"9 015"'),
        ('"9015"', '"٣"'),
        ('"9015"', '"9015" tcpThreadCount="0"'),
        ('"8009"', '"99999999999999999999"'),
        ('"500"', '"0"'),
        ('"pooled"', '"Pooled"'),
        ('"pooled"', '"fastasyncqueue"'),
        ('"AJP/1.3"', '"AJP/1.4"'),
        ('"AJP/1.3"', '"AJP/1.3" packetSize="8191"'),
    ],
)
def test_a_number_out_of_bounds_and_a_word_of_no_meaning_are_refused(old: str, new: str) -> None:
    found = changed(old, new)
    assert [error.split()[0] for error in errors(found.complaints)] == ["SXM-VAL-02"]


def test_bounds_belong_to_what_is_allowed() -> None:
    assert changed('"9015"', '"65535" tcpThreadCount="1"').complaints == ()
    assert changed('"AJP/1.3"', '"AJP/1.3" packetSize="8192"').complaints == ()


@covers("SXM-VAL-03")
@pytest.mark.parametrize(
    "old",
    [
        ' mcastAddr="228.0.0.4"',
        ' mcastPort="45564"',
        ' mcastFrequency="500"',
        ' mcastDropTime="3000"',
        ' tcpListenAddress="127.0.0.1"',
        ' replicationMode="pooled"',
        ' defaultHost="localhost"',
        ' port="8009"',
        f' className="{CATALINA}.cluster.mcast.McastService"',
        f' className="{CATALINA}.cluster.tcp.SimpleTcpCluster"',
    ],
)
def test_what_is_demanded_is_missed(old: str) -> None:
    found = changed(old, "")
    assert [error.split()[0] for error in errors(found.complaints)] == ["SXM-VAL-03"]
    assert old.split("=")[0].strip() in messages(found)


@covers("SXM-VAL-03")
def test_an_empty_demanded_value_a_valve_without_class_and_a_context_without_path_are_refused() -> None:
    assert errors(changed('"228.0.0.4"', '" "').complaints) == ["SXM-VAL-03 7"]
    assert errors(read_host("<Valve/>\n<Context docBase='a'/>").complaints) == [
        "SXM-VAL-03 6",
        "SXM-VAL-03 7",
    ]


@covers("SXM-VAL-04")
@pytest.mark.parametrize(
    ("text", "value", "warned"), [("TRUE", True, 0), ("False", False, 0), ("yes", False, 1)]
)
def test_a_flag_is_true_only_as_true(text: str, value: bool, warned: int) -> None:
    found = changed(
        '"pooled"/>',
        f'"pooled"/>\n<!-- --><Deployer className="{CATALINA}.cluster.deploy.'
        f'FarmWarDeployer" tempDir="t" deployDir="d" watchEnabled="{text}"/>',
    )
    assert found.server is not None
    cluster = found.server.services[0].engine.hosts[0].cluster
    assert cluster is not None and cluster.deployer is not None and cluster.deployer.watch_enabled is value
    assert warnings(found.complaints) == ["SXM-VAL-04 10"] * warned


@covers("SXM-VAL-05")
def test_each_part_of_a_filter_is_a_regular_expression() -> None:
    found = changed(r".*\.gif;", ";;(a;[;ok;")
    assert errors(found.complaints) == ["SXM-VAL-05 10", "SXM-VAL-05 10"]
    bad = changed('"AJP/1.3"', '"AJP/1.3" allowedRequestAttributesPattern="("')
    assert errors(bad.complaints) == ["SXM-VAL-05 3"]


# -- connectors -----------------------------------------------------------------------------------


@covers("SXM-CON-01")
@pytest.mark.parametrize("protocol", ["", ' protocol="HTTP/1.1"'])
def test_a_connector_for_http_is_not_opened(protocol: str) -> None:
    found = read(
        START.replace("<Connector", f'<Connector port="8080"{protocol} keystorePass="x"/>\n<Connector') + END
    )
    assert warnings(found.complaints) == ["SXM-CON-01 3"] and errors(found.complaints) == []
    assert found.server is not None
    assert [connector.port for connector in found.server.services[0].connectors] == [8009]


@covers("SXM-CON-03")
def test_a_file_without_connector_for_ajp_is_refused() -> None:
    assert errors(changed('"AJP/1.3"', '"HTTP/1.1"').complaints) == ["SXM-CON-03 1"]


@covers("SXM-CON-04")
def test_a_demanded_secret_is_missed_and_has_two_names() -> None:
    assert errors(changed('"AJP/1.3"', '"AJP/1.3" secretRequired="true"').complaints) == ["SXM-CON-04 3"]
    for name in ("secret", "requiredSecret"):
        found = changed('"AJP/1.3"', f'"AJP/1.3" secretRequired="true" {name}="s3"')
        assert found.complaints == () and found.server is not None
        assert found.server.services[0].connectors[0].shared_secret == "s3"


@covers("SXM-CON-05")
@pytest.mark.parametrize(
    ("second", "refused"),
    [
        ('port="8009"', 1),
        ('port="8009" address="::1"', 0),
        ('port="0" protocol="AJP/1.3"/><Connector port="0"', 0),
    ],
)
def test_two_connectors_do_not_share_a_port(second: str, refused: int) -> None:
    found = read(START.replace("<Engine", f'<Connector {second} protocol="AJP/1.3"/>\n<Engine') + END)
    assert errors(found.complaints) == ["SXM-CON-05 4"] * refused


# -- hosts, contexts, cluster ---------------------------------------------------------------------


@covers("SXM-HST-01")
def test_the_default_host_is_one_of_the_hosts() -> None:
    assert errors(changed('"localhost" jvmRoute', '"localhst" jvmRoute').complaints) == ["SXM-HST-01 4"]
    assert changed('"localhost" jvmRoute', '"LOCALHOST" jvmRoute').complaints == ()


@covers("SXM-HST-02")
def test_hosts_and_contexts_are_there_once() -> None:
    context = '<Context path="/a" docBase="a"/>\n'
    assert errors(read_host(context + context).complaints) == ["SXM-HST-02 7"]
    found = read_host(f'{context}</Host>\n<Host name="LOCALHOST">{context}')
    assert errors(found.complaints) == ["SXM-HST-02 8"]


@covers("SXM-HST-03")
def test_a_cluster_without_route_gets_a_warning() -> None:
    assert warnings(changed(' jvmRoute="node1"', "").complaints) == ["SXM-HST-03 4"]
    assert read(START.replace(' jvmRoute="node1"', "") + END).complaints == ()


@covers("SXM-CTX-01")
@pytest.mark.parametrize(
    "path", ["a", "/a/", "//a", "/a//b", "/..", "/./a", "/a;b", "/a?b", "/a#b", "/a%20", "/a b", "/\x86"]
)
def test_what_is_no_context_path_is_refused(path: str) -> None:
    assert errors(read_host(f'<Context path="{path}" docBase="a"/>').complaints) == ["SXM-CTX-01 6"]


@covers("SXM-CTX-01")
def test_context_paths_as_they_should_be_pass() -> None:
    found = read_host(
        "".join(f'<Context path="{path}" docBase="a"/>' for path in ("", "/a", "/a/b.c", "/a..b", "/ä", "/€"))
    )
    assert found.complaints == ()
    root = read_host('<Context path="/" docBase="a"/>')
    assert warnings(root.complaints) == ["SXM-CTX-01 6"] and root.server is not None
    assert root.server.services[0].engine.hosts[0].contexts[0].path == ""


def test_a_manager_of_its_own_is_read() -> None:
    manager = f'<Manager className="{CATALINA}.cluster.session.DeltaManager" maxActiveSessions="7"/>'
    context = '<Context path="/{0}" docBase="{0}">{1}</Context>'
    found = read_host(context.format("a", "<Manager/>") + context.format("b", manager))
    assert found.complaints == () and found.server is not None
    first, second = (context.manager for context in found.server.services[0].engine.hosts[0].contexts)
    assert first is not None and second is not None
    assert (first.replicates, first.sessions_max) == (False, -1)
    assert (second.replicates, second.sessions_max) == (True, 7)


@covers("SXM-CLU-01")
def test_a_cluster_outside_of_a_host_is_refused() -> None:
    found = read(START.replace("<Host", CLUSTER + "<Host") + END)
    assert errors(found.complaints) == ["SXM-CLU-01 5"]


@covers("SXM-CLU-02")
@pytest.mark.parametrize("line", range(1, 5))
def test_a_cluster_needs_each_of_its_parts(line: int) -> None:
    lines = CLUSTER.splitlines(keepends=True)
    name = lines[line].split()[0]
    found = read_host("".join(lines[:line] + lines[line + 1 :]))
    assert errors(found.complaints) == ["SXM-CLU-02 6"]
    assert f"needs a {name}>" in messages(found)


@covers("SXM-CLU-04")
def test_of_two_valves_of_a_class_the_last_counts() -> None:
    valve = f'<Valve className="{CATALINA}.cluster.tcp.ReplicationValve" filter="x"/>\n'
    found = changed("</Cluster>", valve + "</Cluster>")
    assert short(found.complaints) == ["warning SXM-CLU-04 10"] and found.server is not None
    cluster = found.server.services[0].engine.hosts[0].cluster
    assert cluster is not None and cluster.replication_valve.filter == ("x",)
    sender = (
        f'<Sender className="{CATALINA}.cluster.tcp.ReplicationTransmitter" replicationMode="asynchronous"/>'
    )
    two = changed("</Cluster>", sender + "</Cluster>")
    assert short(two.complaints) == ["warning SXM-CLU-04 9"]


@covers("SXM-CLU-05")
@pytest.mark.parametrize(("drop", "warned"), [("501", 0), ("500", 1)])
def test_a_drop_time_within_the_frequency_gets_a_warning(drop: str, warned: int) -> None:
    assert warnings(changed('"3000"', f'"{drop}"').complaints) == ["SXM-CLU-05 7"] * warned


# -- listing --------------------------------------------------------------------------------------


@covers("SXM-SHW-01")
def test_a_listing_hides_secrets_and_has_every_honoured_value() -> None:
    found = changed('"AJP/1.3"', '"AJP/1.3" secret="s3cret" requiredSecret="s3cret" keystorePass="s3cret"')
    rows = list(container_rows(found))
    assert "s3cret" not in "".join(map(str, rows))
    shown = {row.name: row.value for row in rows if row.scope.endswith("Connector 8009")}
    assert [shown[name] for name in ("secret", "requiredSecret", "keystorePass")] == ["(hidden)"] * 3
    by_name = {row.name: row for row in rows}
    assert by_name["mcastDropTime"].value == 3000 and by_name["mcastDropTime"].unit == "ms"
    assert by_name["filter"].value == [r".*\.gif", r".*\.txt"]
    assert list(container_rows(read(""))) == []
