"""Addresses as people write them."""

from __future__ import annotations

import pytest

from refjk.base.errors import UsageError
from refjk.runtime.addresses import Address, AjpUrl, parse_address, parse_url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8009", Address("127.0.0.1", 8009)),
        ("node1.example:1", Address("node1.example", 1)),
        ("[::1]:8009", Address("::1", 8009)),
        ("[fe80::1%eth0]:65535", Address("fe80::1%eth0", 65535)),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no host"),
        (":8009", "no host"),
        ("127.0.0.1", "no port in '127.0.0.1'; write HOST:PORT"),
        ("127.0.0.1:", "no port"),
        ("127.0.0.1:ajp", "'ajp' is not a port"),
        ("127.0.0.1:-1", "'-1' is not a port"),
        ("127.0.0.1:٣", "is not a port"),
        ("127.0.0.1:0", "port 0 in '127.0.0.1:0' is not within 1 to 65535"),
        ("127.0.0.1:65536", "is not within"),
        ("127.0.0.1:99999999999999999999", "is not within"),
        ("::1:8009", r"put the IPv6 address in brackets, as in \[::1\]:8009"),
        ("[::1:8009", "brackets that do not match"),
        ("[::1]8009", "brackets that do not match"),
        ("[node1]:8009", "'node1' is not an IPv6 address"),
        ("a b:8009", "not a host"),
        ("a\n:8009", "not a host"),
        ("a/b:8009", "not a host"),
    ],
)
def test_a_wrong_address_is_explained(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_address(text)


def test_a_listener_may_leave_the_port_to_the_system() -> None:
    assert parse_address("127.0.0.1:0", port_min=0) == Address("127.0.0.1", 0)


def test_a_port_may_have_a_default() -> None:
    assert parse_address("[::1]", port_default=8009) == Address("::1", 8009)
    with pytest.raises(UsageError, match="no port"):
        parse_address("[::1]:", port_default=8009)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("127.1", False),  # for some systems a name, for others an address
        ("localhost.example", False),
    ],
)
def test_only_what_is_certainly_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert Address(host, 8009).is_loopback() is loopback


@pytest.mark.parametrize(
    ("text", "path", "query"),
    [
        ("ajp://h:1", "/", None),
        ("ajp://h:1/", "/", None),
        ("AJP://h:1/a/b;c?x=1&y", "/a/b;c", "x=1&y"),
        ("ajp://h:1/a?", "/a", ""),
        ("ajp://h:1?x=http://y/?", "/", "x=http://y/?"),
        ("h:1/a?b", "/a", "b"),
        ("h:1/a?x=http://y", "/a", "x=http://y"),
    ],
)
def test_a_url_is_an_address_a_path_and_a_query(text: str, path: str, query: str | None) -> None:
    assert parse_url(text) == AjpUrl(Address("h", 1), path, query)


def test_a_url_without_port_means_8009() -> None:
    assert parse_url("ajp://[::1]/x").address == Address("::1", 8009)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("http://h:80/", "is not an ajp:// address"),
        ("ajp://h:1/a#b", "leave out '#b'"),
        ("ajp://user:word@h:1/", "leave out 'user:word'"),
        ("ajp:///a", "no host"),
    ],
)
def test_a_wrong_url_is_explained(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_url(text)
