"""What httpd knows and `refjk serve` believes: the secret, TLS, users, attributes; and large packets."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import pytest

from refjk.speccheck import covers
from tests.interop.applications import pattern
from tests.interop.fronts import FRONTS, BuildFront, Upload, environ_of
from tests.interop.peers import Certificates, Httpd, Tls, ask
from tests.interop.refjk_server import RefjkServer
from tests.interop.tap import Tap, packets

pytestmark = pytest.mark.interop

SECRET = "open-sesame"
ALICE = {"Authorization": "Basic YWxpY2U6d29uZGVy"}
LARGE_FIELDS = "LimitRequestFieldSize 65000\nLimitRequestLine 65000"


@pytest.fixture(scope="module")
def container() -> Iterator[RefjkServer]:
    options = ("--trust-remote-user", "--lift-attribute", "COLOUR", "--packet-size", "65536")
    with RefjkServer(*options, secret=SECRET) as server:
        yield server


@pytest.fixture(scope="module", params=list(FRONTS))
def build_front(request: pytest.FixtureRequest) -> BuildFront:
    return FRONTS[request.param]


@pytest.fixture(scope="module")
def httpd(container: RefjkServer, build_front: BuildFront, certificates: Certificates) -> Iterator[Httpd]:
    front = build_front(container.port, secret=SECRET, packet_size=65536, colour="red")
    tls = Tls(certificates, verify_client="optional", directives=LARGE_FIELDS)
    with Httpd(front, tls=tls, users={"alice": "wonder"}, directives=LARGE_FIELDS) as peer:
        yield peer


@covers("AJP-REQ-07")
def test_https_at_the_front_is_https_for_the_application(httpd: Httpd, certificates: Certificates) -> None:
    environ = environ_of(ask(httpd.tls_port, "/echo", tls=certificates.client_context()))
    assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")
    assert environ["SERVER_PORT"] == str(httpd.tls_port)
    assert re.fullmatch(r"[A-Z0-9_-]+", environ["SSL_CIPHER"])
    assert int(environ["SSL_CIPHER_USEKEYSIZE"]) >= 128
    assert environ["SSL_PROTOCOL"].startswith("TLSv1.")
    assert not environ.get("SSL_CLIENT_CERT")


def test_a_client_certificate_reaches_the_application_as_pem(
    httpd: Httpd, certificates: Certificates
) -> None:
    context = certificates.client_context(with_certificate=True)
    environ = environ_of(ask(httpd.tls_port, "/echo", tls=context))
    sent = ssl.PEM_cert_to_DER_cert(environ["SSL_CLIENT_CERT"].strip())
    own = re.search(r"-----BEGIN.*-----END CERTIFICATE-----", certificates.client.read_text(), re.DOTALL)
    assert own is not None and sent == ssl.PEM_cert_to_DER_cert(own[0])


def test_a_request_without_tls_has_no_facts_about_tls_whatever_its_headers_say(httpd: Httpd) -> None:
    headers = {"HTTPS": "on", "SSL-Cipher": "forged", "X-Forwarded-Proto": "https"}
    environ = environ_of(ask(httpd.port, "/echo", headers=headers))
    assert environ["wsgi.url_scheme"] == "http"
    assert not [key for key in environ if key.startswith("SSL_") or key == "HTTPS"]


def test_a_user_of_httpd_is_known_where_the_front_is_trusted(httpd: Httpd) -> None:
    assert ask(httpd.port, "/private").status == 401
    environ = environ_of(ask(httpd.port, "/private", headers=ALICE))
    assert (environ["REMOTE_USER"], environ["AUTH_TYPE"]) == ("alice", "Basic")
    assert "REMOTE_USER" not in environ_of(ask(httpd.port, "/echo"))


@covers("AJP-ATT-08", "AJP-ATT-10")
def test_variables_of_httpd_are_attributes_and_keys_only_where_lifted(httpd: Httpd) -> None:
    answer = ask(httpd.port, "/echo")
    attributes, environ = answer.json()["attributes"], environ_of(answer)
    assert attributes["COLOUR"] == environ["COLOUR"] == "red"
    assert not {"AJP_REMOTE_PORT", "AJP_LOCAL_ADDR", "AJP_SSL_PROTOCOL"} & set(attributes)


@covers("AJP-FRM-07", "AJP-FRM-08")
def test_large_packets_carry_large_headers_and_bodies(httpd: Httpd) -> None:
    large = "x" * 60_000
    assert environ_of(ask(httpd.port, "/echo", headers={"X-Large": large}))["HTTP_X_LARGE"] == large
    for size in (0, 1, 8187, 65529, 65530, 65531, 1_000_000):
        for announced in (True, False):
            upload = Upload(size)
            headers = {"Content-Length": str(size)} if announced else {}
            seen = ask(httpd.port, "/echo", "POST", body=upload, headers=headers).json()
            assert seen["body"] == {"length": size, "sha256": upload.digest}
        assert ask(httpd.port, f"/big?n={size}").body == b"".join(pattern(size))


def test_large_packets_leave_in_fewer_pieces(container: RefjkServer, build_front: BuildFront) -> None:
    with (
        Tap(container.port) as tap,
        Httpd(build_front(tap.port, secret=SECRET, packet_size=65536)) as httpd,
    ):
        assert ask(httpd.port, "/status?large=8000&length=300000").status == 200
        assert ask(httpd.port, "/echo", "POST", body=b"x" * 300_000).status == 200
    sizes = [len(packet) for packet in packets(tap.connections[0], "answer")]
    assert max(sizes) == 65536


@covers("AJP-SEC-02", "AJP-SEC-06")
@pytest.mark.parametrize("secret", [None, "open-sesam", "open-sesamee"])
def test_a_missing_or_wrong_secret_is_forbidden_and_closes(
    container: RefjkServer, build_front: BuildFront, secret: str | None
) -> None:
    with Tap(container.port) as tap, Httpd(build_front(tap.port, secret=secret, ping=True)) as stranger:
        for method, body in (("GET", None), ("POST", b"x" * 100_000)):
            assert ask(stranger.port, "/echo", method, body=body).status == 403
        assert tap.wait_for(lambda: tap.ended == 2)
    assert len(tap.connections) == 2


@covers("AJP-SEC-05")
def test_a_secret_that_nobody_asks_for_is_no_attribute(build_front: BuildFront) -> None:
    with RefjkServer() as server, Httpd(build_front(server.port, secret=SECRET)) as httpd:
        answer = ask(httpd.port, "/echo")
    assert answer.status == 200
    assert SECRET not in answer.body.decode()
