"""The WSGI environ of a request, key by key."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from refjk.ajp13 import AttributeCode
from refjk.base.errors import UsageError
from refjk.runtime.environ import EnvironBuilder, without_dot_segments
from refjk.runtime.settings import ConnectorSettings
from refjk.speccheck import covers
from tests.runtime.connectors import Environ, Recorder, forward_request, request_attribute, serving

PROJECT = Path(__file__).resolve().parents[2]
ERRORS = io.StringIO()


def environ_of(*words: Any, settings: dict[str, Any] | None = None, **fields: Any) -> Environ:
    """The environ of `forward_request(…)`."""
    return EnvironBuilder(ConnectorSettings(**settings or {}), ERRORS).build(
        forward_request(*words, **fields)
    )


def headers_of(*headers: tuple[bytes, bytes]) -> Environ:
    environ = environ_of(headers=headers)
    return {key: value for key, value in environ.items() if key.startswith(("HTTP_", "CONTENT_"))}


def path_of(uri: bytes, **settings: Any) -> tuple[str, str]:
    environ = environ_of(uri, settings=settings)
    return environ["SCRIPT_NAME"], environ["PATH_INFO"]


# -- all keys -----------------------------------------------------------------------------


@covers("WSG-ENV-01")
def test_a_plain_request_has_these_keys_and_no_other() -> None:
    assert environ_of(b"/a", b"GET", protocol=b"HTTP/1.0", server_port=8080) == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a",
        "QUERY_STRING": "",
        "REQUEST_URI": "/a",
        "SERVER_PROTOCOL": "HTTP/1.0",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": ERRORS,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "refjk.attributes": {},
    }


def request_with_everything() -> Environ:
    """The environ of a request that holds all a web server can say, with `tenant` lifted."""
    code = AttributeCode
    return environ_of(
        b"/",
        b"PATCH",
        [(b"content-type", b"a/b"), (b"content-length", b"3"), (b"host", b"h")],
        [
            (code.CONTEXT, None, b"never"),
            (code.SERVLET_PATH, None, b"never"),
            (code.REMOTE_USER, None, b"joe"),
            (code.AUTH_TYPE, None, b"Basic"),
            (code.QUERY_STRING, None, b"a=1"),
            (code.ROUTE, None, b"node1"),
            (code.SSL_CERT, None, b"-----BEGIN"),
            (code.SSL_CIPHER, None, b"TLS_AES_256_GCM_SHA384"),
            (code.SSL_SESSION, None, b"abcd"),
            (code.SSL_KEY_SIZE, None, 256),
            (code.SECRET, None, b"never"),
            (code.STORED_METHOD, None, b"PATCH"),
            request_attribute(b"AJP_REMOTE_PORT", b"40000"),
            request_attribute(b"AJP_LOCAL_ADDR", b"10.0.0.1"),
            request_attribute(b"AJP_SSL_PROTOCOL", b"TLSv1.3"),
            request_attribute(b"JK_LB_ACTIVATION", b"ACT"),
            request_attribute(b"tenant", b"t1"),
        ],
        is_ssl=True,
        remote_host=b"client.example",
        settings={"trust_remote_user": True, "lifted_attributes": frozenset({"tenant"})},
    )


@covers("WSG-ENV-01")
def test_a_request_with_everything_adds_these_keys_and_no_other() -> None:
    everything, plain = request_with_everything(), environ_of()
    assert {key: value for key, value in everything.items() if plain.get(key) != value} == {
        "REQUEST_METHOD": "PATCH",
        "QUERY_STRING": "a=1",
        "REQUEST_URI": "/?a=1",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "h",
        "HTTPS": "on",
        "wsgi.url_scheme": "https",
        "REMOTE_HOST": "client.example",
        "REMOTE_PORT": "40000",
        "REMOTE_USER": "joe",
        "AUTH_TYPE": "Basic",
        "SERVER_ADDR": "10.0.0.1",
        "SSL_PROTOCOL": "TLSv1.3",
        "SSL_CLIENT_CERT": "-----BEGIN",
        "SSL_CIPHER": "TLS_AES_256_GCM_SHA384",
        "SSL_SESSION_ID": "abcd",
        "SSL_CIPHER_USEKEYSIZE": "256",
        "refjk.route": "node1",
        "refjk.attributes": {"JK_LB_ACTIVATION": "ACT", "tenant": "t1"},
        "tenant": "t1",
    }


@covers("WSG-ENV-01")
@pytest.mark.parametrize("document", ["spec/container.md", "docs/reference/environ.md"])
def test_the_tables_name_every_key_that_there_is(document: str) -> None:
    text = (PROJECT / document).read_text(encoding="utf-8")
    table = text[text.index("| key |") :].partition("\n\n")[0]
    first_cells = "".join(line.split("|")[1] for line in table.splitlines())
    named = set(re.findall(r"`(.*?)`", first_cells)) - {"HTTP_…"} | {"HTTP_HOST"}
    assert named == {*request_with_everything(), "wsgi.input", "wsgi.file_wrapper"} - {"tenant"}


@covers("WSG-ENV-01")
def test_each_call_gets_a_dict_of_its_own_with_input_and_file_wrapper() -> None:
    recorder = Recorder()
    with serving(recorder) as running, running.client() as client:
        client.ask(headers=[(b"x-only-first", b"1")])
        client.ask()
    first, second = recorder.environs
    assert type(first) is dict
    assert first is not second
    assert "HTTP_X_ONLY_FIRST" not in second
    assert set(second) - set(environ_of()) == {"wsgi.input", "wsgi.file_wrapper"}
    assert second["wsgi.errors"] is sys.stderr


def test_absent_facts_are_empty_or_missing() -> None:
    environ = environ_of(remote_addr=None, remote_host=None, server_name=None)
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"]) == ("", "")
    assert "REMOTE_HOST" not in environ
    assert environ_of(attributes=[(AttributeCode.QUERY_STRING, None, None)])["QUERY_STRING"] == ""


@covers("WSG-ENV-02")
def test_octets_above_127_become_one_character_each() -> None:
    umlaut = "ä".encode()
    attributes = [
        (AttributeCode.QUERY_STRING, None, umlaut),
        request_attribute(b"n" + umlaut, b"\xff"),
    ]
    environ = environ_of(b"/" + umlaut + b"%C3%A4", headers=[(b"x-a", umlaut)], attributes=attributes)
    assert environ["PATH_INFO"].encode("latin-1") == b"/" + umlaut + umlaut
    assert environ["HTTP_X_A"] == environ["QUERY_STRING"] == "\xc3\xa4"
    assert environ["refjk.attributes"] == {"n\xc3\xa4": "\xff"}


# -- headers ------------------------------------------------------------------------------


@covers("WSG-ENV-03")
def test_header_names_become_keys_whatever_their_case() -> None:
    assert headers_of((b"X-Api-Key", b"k"), (b"accept", b"*/*"), (b"Content-TYPE", b"a/b")) == {
        "HTTP_X_API_KEY": "k",
        "HTTP_ACCEPT": "*/*",
        "CONTENT_TYPE": "a/b",
    }
    assert headers_of((b"CONTENT-LENGTH", b"0"))["CONTENT_LENGTH"] == "0"
    assert headers_of((b"content-language", b"de")) == {"HTTP_CONTENT_LANGUAGE": "de"}


@covers("WSG-ENV-04")
@pytest.mark.parametrize("name", [b"x_user", b"X_User", b"content_length", b"content_type", b"x-a_b", b"_"])
def test_a_header_with_an_underscore_is_dropped(name: bytes) -> None:
    assert headers_of((name, b"1"), (b"x-user", b"2")) == {"HTTP_X_USER": "2"}
    assert headers_of((b"x-user", b"2"), (name, b"1")) == {"HTTP_X_USER": "2"}


@covers("WSG-ENV-05")
@pytest.mark.parametrize("name", [b"proxy", b"Proxy", b"PROXY"])
def test_a_proxy_header_is_dropped(name: bytes) -> None:
    assert headers_of((name, b"http://evil/"), (b"proxy-authorization", b"x")) == {
        "HTTP_PROXY_AUTHORIZATION": "x"
    }


@covers("WSG-ENV-06")
def test_repeated_headers_are_joined_in_order() -> None:
    repeated = [(b"x-a", b"1"), (b"Cookie", b"a=1"), (b"X-A", b"2, 3"), (b"cookie", b"b=2"), (b"x-a", b"")]
    assert headers_of(*repeated) == {"HTTP_X_A": "1,2, 3,", "HTTP_COOKIE": "a=1; b=2"}


def test_names_are_told_apart_also_when_there_are_more_than_are_remembered() -> None:
    builder = EnvironBuilder(ConnectorSettings(), ERRORS)
    for number in range(3000):
        environ = builder.build(forward_request(headers=[(b"x-%d" % number, b"%d" % number)]))
        assert environ[f"HTTP_X_{number}"] == str(number)
    assert "HTTP_A_B" not in builder.build(forward_request(headers=[(b"a_b", b"1")]))


# -- scheme and server --------------------------------------------------------------------


@covers("AJP-REQ-07")
def test_only_is_ssl_decides_about_the_scheme() -> None:
    secure = [(AttributeCode.SSL_CIPHER, None, b"c"), request_attribute(b"HTTPS", b"on")]
    claims = [(b"https", b"on"), (b"x-forwarded-proto", b"https")]
    plain = environ_of(headers=claims, attributes=secure)
    assert plain["wsgi.url_scheme"] == "http"
    assert "HTTPS" not in plain
    encrypted = environ_of(headers=[(b"x-forwarded-proto", b"http")], is_ssl=True)
    assert (encrypted["wsgi.url_scheme"], encrypted["HTTPS"]) == ("https", "on")


@covers("AJP-REQ-04")
def test_the_authority_of_an_absolute_uri_takes_the_place_of_host() -> None:
    absolute = environ_of(b"http://real:81/p%41", headers=[(b"host", b"other")])
    assert absolute["HTTP_HOST"] == "real:81"
    assert environ_of(b"https://real/a/b", headers=[(b"host", b"other")])["HTTP_HOST"] == "real"
    assert (absolute["PATH_INFO"], absolute["REQUEST_URI"]) == ("/pA", "http://real:81/p%41")
    assert absolute["wsgi.url_scheme"] == "http"
    assert environ_of(b"http://real")["PATH_INFO"] == "/"


@covers("AJP-REQ-04")
def test_without_host_server_name_and_port_are_what_there_is() -> None:
    environ = environ_of(server_name=b"www.example", server_port=8443)
    assert "HTTP_HOST" not in environ
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("www.example", "8443")


# -- path ---------------------------------------------------------------------------------


@covers("WSG-ENV-07")
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (b"/", "/"),
        (b"/a%20b", "/a b"),
        (b"/a%2541", "/a%41"),  # once, not twice
        (b"/a;jsessionid=x.node1/b", "/a;jsessionid=x.node1/b"),
        (b"/a+b", "/a+b"),
        (b"/%3F", "/?"),
        (b"//a//b/", "//a//b/"),
        (b"*", ""),
    ],
)
def test_the_path_is_decoded_once(uri: bytes, path: str) -> None:
    assert path_of(uri) == ("", path)


@covers("WSG-ENV-08")
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (b"/a/../b", "/b"),
        (b"/a/./b", "/a/b"),
        (b"/a/b/..", "/a/"),
        (b"/a/.", "/a/"),
        (b"/a/%2e%2e/b", "/b"),
        (b"/a/.%2E;x=y/b", "/b"),
        (b"/a/..;x=y/b", "/b"),
        (b"/a/..%3Bx/b", "/b"),
        (b"/..", "/"),
        (b"/../../a", "/a"),
        (b"/a/.../b", "/a/.../b"),
        (b"/.a/..b", "/.a/..b"),
        (b"http://h/a/../b", "/b"),
    ],
)
def test_dot_segments_never_reach_the_application(uri: bytes, path: str) -> None:
    assert path_of(uri) == ("", path)


def test_resolving_leaves_other_paths_alone() -> None:
    for path in (b"/", b"/a", b"/a/", b"//", b"/a//b", b"/a;b"):
        assert without_dot_segments(path) == path


@covers("WSG-ENV-09")
def test_request_uri_is_what_came() -> None:
    query = [(AttributeCode.QUERY_STRING, None, b"x=%20&y")]
    assert environ_of(b"/a/../%41;b", attributes=query)["REQUEST_URI"] == "/a/../%41;b?x=%20&y"
    assert environ_of(b"/a/../%41;b")["REQUEST_URI"] == "/a/../%41;b"
    assert environ_of(b"/a", attributes=[(AttributeCode.QUERY_STRING, None, b"")])["REQUEST_URI"] == "/a"


@covers("WSG-ENV-10")
@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (b"/app", ("/app", "")),
        (b"/app/", ("/app", "/")),
        (b"/app/x", ("/app", "/x")),
        (b"/%61pp/x", ("/app", "/x")),
        (b"/other/../app/x", ("/app", "/x")),
        (b"/application", ("", "/application")),
        (b"/App/x", ("", "/App/x")),
        (b"/", ("", "/")),
        (b"/app/../x", ("", "/x")),
    ],
)
def test_the_script_name_is_split_off_where_it_is_a_whole_part_of_the_path(
    uri: bytes, expected: tuple[str, str]
) -> None:
    assert path_of(uri, script_name="/app") == expected
    assert environ_of(uri, settings={"script_name": "/app"})["REQUEST_URI"] == uri.decode()


# -- attributes ---------------------------------------------------------------------------


@covers("AJP-ATT-08")
@pytest.mark.parametrize("port", [b"0", b"80", b"65535"])
def test_a_remote_port_is_a_fact_and_no_attribute(port: bytes) -> None:
    environ = environ_of(attributes=[request_attribute(b"AJP_REMOTE_PORT", port)])
    assert environ["REMOTE_PORT"] == port.decode()
    assert environ["refjk.attributes"] == {}


@covers("AJP-ATT-08")
@pytest.mark.parametrize("port", [b"", b"65536", b"-1", b"80x", b" 80", b"9" * 5000])
def test_a_remote_port_that_is_none_is_ignored(port: bytes) -> None:
    environ = environ_of(attributes=[request_attribute(b"AJP_REMOTE_PORT", port)])
    assert "REMOTE_PORT" not in environ
    assert environ["refjk.attributes"] == {}


@covers("WSG-ENV-11")
def test_request_attributes_stand_in_a_mapping_of_their_own() -> None:
    attributes = [
        request_attribute(b"a", b"1"),
        request_attribute(b"a", b"2"),
        (AttributeCode.REQ_ATTRIBUTE, b"absent", None),
        request_attribute(b"", b"nameless"),
    ]
    assert environ_of(attributes=attributes)["refjk.attributes"] == {"a": "2", "": "nameless"}


@covers("AJP-ATT-10")
def test_an_attribute_never_becomes_a_key_by_itself() -> None:
    plain = environ_of()
    for name in [*plain, "REMOTE_USER", "HTTP_HOST", "HTTPS", "wsgi.input", "wsgi.file_wrapper", "anything"]:
        environ = environ_of(attributes=[request_attribute(name.encode(), b"wire")])
        assert environ.pop("refjk.attributes") == {name: "wire"}
        assert environ == {key: value for key, value in plain.items() if key != "refjk.attributes"}


@covers("WSG-ENV-12", "AJP-ATT-10")
def test_a_lifted_attribute_is_a_key_too_and_replaces_none() -> None:
    settings = {"lifted_attributes": frozenset({"tenant", "zone"})}
    attributes = [request_attribute(b"tenant", b"t1"), request_attribute(b"other", b"o")]
    environ = environ_of(attributes=attributes, settings=settings)
    assert environ["tenant"] == "t1"
    assert "other" not in environ
    assert "zone" not in environ
    assert environ["refjk.attributes"] == {"tenant": "t1", "other": "o"}


@covers("WSG-ENV-13", "AJP-ATT-10")
def test_what_the_environ_has_a_meaning_for_cannot_be_lifted() -> None:
    everything = [*environ_of(), "wsgi.input", "wsgi.file_wrapper", "wsgi.new", "refjk.route", "refjk.x"]
    everything += [
        "HTTP_X_USER",
        "HTTPS",
        "REMOTE_USER",
        "AUTH_TYPE",
        "REMOTE_PORT",
        "CONTENT_TYPE",
        "SSL_CIPHER",
    ]
    for name in everything:
        with pytest.raises(UsageError, match="cannot be lifted"):
            ConnectorSettings(lifted_attributes=frozenset({name}))


@covers("AJP-SEC-07")
def test_user_and_auth_type_count_only_when_the_web_server_is_trusted_with_them() -> None:
    attributes = [(AttributeCode.REMOTE_USER, None, b"joe"), (AttributeCode.AUTH_TYPE, None, b"Basic")]
    stranger = environ_of(attributes=attributes)
    assert "REMOTE_USER" not in stranger
    assert "AUTH_TYPE" not in stranger
    trusted = environ_of(attributes=attributes, settings={"trust_remote_user": True})
    assert (trusted["REMOTE_USER"], trusted["AUTH_TYPE"]) == ("joe", "Basic")
    absent = [(AttributeCode.REMOTE_USER, None, None)]
    assert "REMOTE_USER" not in environ_of(attributes=absent, settings={"trust_remote_user": True})
