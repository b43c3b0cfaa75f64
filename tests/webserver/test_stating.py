"""What a container is told in place of what the connection says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refjk.ajp13.building import ConnectionFacts, TlsFacts
from refjk.speccheck import covers
from refjk.webserver import facts_to_state
from refjk.webserver.environment import Surroundings
from refjk.webserver.plan import HostPlan
from tests.webserver.support import balancer, plan_of

FACTS = ConnectionFacts(b"192.0.2.1", b"www.example", 80, remote_port=4711, local_addr=b"192.0.2.9")


def told(text: str = "", **variables: str) -> ConnectionFacts:
    plan = plan_of(balancer("a") + "JkMount /* lb\n" + text).hosts[0]
    return facts_to_state(FACTS, plan, Surroundings(None, variables))


@covers("FWD-ENV-06")
@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("JK_REMOTE_ADDR", "198.51.100.7", "remote_addr", b"198.51.100.7"),
        ("JK_REMOTE_PORT", "1234", "remote_port", 1234),
        ("JK_REMOTE_HOST", "client.example", "remote_host", b"client.example"),
        ("JK_REMOTE_USER", "jürgen", "remote_user", "jürgen".encode()),
        ("JK_AUTH_TYPE", "Form", "auth_type", b"Form"),
        ("JK_LOCAL_NAME", "site.example", "server_name", b"site.example"),
        ("JK_LOCAL_ADDR", "198.51.100.8", "local_addr", b"198.51.100.8"),
        ("JK_LOCAL_PORT", "8443", "server_port", 8443),
    ],
)
def test_a_variable_takes_the_place_of_what_the_connection_says(
    variable: str, value: str, field: str, expected: object
) -> None:
    facts = told(**{variable: value})
    assert getattr(facts, field) == expected
    assert [name for name in FACTS.__slots__ if getattr(facts, name) != getattr(FACTS, name)] == [field]


@covers("FWD-ENV-06")
def test_the_directive_names_the_variable() -> None:
    assert told("JkRemoteAddrIndicator CLIENT\n", CLIENT="c", JK_REMOTE_ADDR="x").remote_addr == b"c"


@pytest.mark.parametrize("value", ["", "x", "-1", "65536", "123456", "٣"])
def test_a_port_that_is_none_is_not_sent(value: str) -> None:
    facts = told(JK_LOCAL_PORT=value, JK_REMOTE_PORT=value)
    assert (facts.server_port, facts.remote_port) == (80, 4711)


@covers("FWD-ENV-07")
def test_forwardlocaladdress_sends_the_web_servers_own_address() -> None:
    assert told("JkOptions +ForwardLocalAddress\n").remote_addr == b"192.0.2.9"
    assert told("JkOptions -ForwardLocalAddress\n").remote_addr == b"192.0.2.1"


def test_without_a_configuration_variables_mean_nothing() -> None:
    assert facts_to_state(FACTS, HostPlan(), Surroundings(None, {"JK_REMOTE_ADDR": "x"})) is FACTS


TLS = {
    "HTTPS": "on",
    "SSL_CIPHER": "TLS_AES_128_GCM_SHA256",
    "SSL_SESSION_ID": "5e55",
    "SSL_CLIENT_CERT": "a certificate",
    "SSL_PROTOCOL": "TLSv1.3",
    "SSL_CIPHER_USEKEYSIZE": "128",
}


@covers("FWD-ENV-08")
def test_tls_that_ended_before_the_front_is_told_by_variables() -> None:
    whole = TlsFacts(b"TLS_AES_128_GCM_SHA256", 128, b"5e55", b"TLSv1.3", b"a certificate")
    assert told(**TLS).tls == whole
    assert told("JkOptions -ForwardKeySize\n", **TLS).tls == replace(whole, key_size=None)
    assert told(**TLS | {"SSL_CIPHER_USEKEYSIZE": "many"}).tls == replace(whole, key_size=None)
    assert told(HTTPS="on").tls == TlsFacts()
    assert told("JkHTTPSIndicator SECURE\nJkCIPHERIndicator HOW\n", SECURE="on", HOW="x").tls == TlsFacts(
        b"x"
    )


@covers("FWD-ENV-08")
def test_without_the_word_on_or_with_jkextractssl_off_there_was_no_tls() -> None:
    for value in ("", "off", "1", "ON"):
        assert told(**TLS | {"HTTPS": value}).tls is None
    assert told("JkExtractSSL Off\n", **TLS).tls is None
    assert told(SSL_CIPHER="x").tls is None
