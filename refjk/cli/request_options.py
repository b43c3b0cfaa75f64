"""The options of `refjk request`, and the request and body that they describe."""

from __future__ import annotations

import argparse
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from refjk import __version__
from refjk.ajp13.building import ConnectionFacts, TlsFacts, build_forward_request
from refjk.ajp13.codec import FORBIDDEN_IN_VALUE, TOKEN
from refjk.ajp13.codes import PACKET_SIZE_DEFAULT
from refjk.ajp13.messages import ForwardRequest, Header
from refjk.base.errors import InputError, UsageError
from refjk.cli.secret_file import read_secret
from refjk.cli.values import packet_size, seconds, two_octets
from refjk.runtime.addresses import AjpUrl
from refjk.runtime.endpoint import ReadBody

SECRET_VARIABLE = "REFJK_SECRET"
PEM_SIZE_MAX = 1 << 20

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\r?\n?", re.DOTALL)
_HTTP_VERSION = re.compile(r"(?:HTTP/)?(\d\.\d)")
_BODY_LENGTH_HEADERS = (b"content-length", b"transfer-encoding")
_PORTS = {False: 80, True: 443}


@dataclass(frozen=True, slots=True)
class Body:
    """Where the request's body comes from; `size` None: only its end will tell."""

    read: ReadBody
    size: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="ajp://HOST:PORT/path?query (default port 8009)")
    _add_request(parser.add_argument_group("the request"))
    _add_facts(parser.add_argument_group("what a web server would know about its client"))
    _add_tls(parser.add_argument_group("the client's TLS connection (each option but the first implies it)"))
    _add_output(parser.add_argument_group("the answer"))
    _add_connection(parser.add_argument_group("the connection"))


def _add_request(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-X", "--method", metavar="NAME", help="default GET, with data POST")
    group.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="repeatable; one given replaces refjk's own of the same name",
    )
    group.add_argument(
        "-d", "--data", metavar="TEXT|@FILE|@-", help="the body: a text, a file, or standard input"
    )
    group.add_argument(
        "--chunked", action="store_true", help="do not announce the length of the body, as for HTTP chunks"
    )
    group.add_argument(
        "--http-version", type=_http_version, default="HTTP/1.1", metavar="N.N", help="default 1.1"
    )
    group.add_argument(
        "--secret-file",
        metavar="FILE",
        help=f"the secret that the container demands (or its text in {SECRET_VARIABLE})",
    )
    group.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a request attribute (repeatable)",
    )
    group.add_argument("--route", metavar="NAME", help="the route that a balancer would send along")


def _add_facts(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--remote-addr", default="127.0.0.1", metavar="IP", help="default %(default)s")
    group.add_argument("--remote-host", metavar="NAME")
    group.add_argument("--remote-port", type=two_octets, metavar="N")
    group.add_argument("--remote-user", metavar="NAME")
    group.add_argument("--auth-type", metavar="NAME", help="such as BASIC")
    group.add_argument("--server-name", metavar="NAME", help="default: the host of the URL")
    group.add_argument("--server-port", type=two_octets, metavar="N", help="default 80, with TLS 443")


def _add_tls(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--tls", action="store_true", help="the client spoke https")
    group.add_argument("--tls-cipher", metavar="NAME")
    group.add_argument("--tls-key-size", type=two_octets, metavar="BITS")
    group.add_argument("--tls-session", metavar="ID")
    group.add_argument("--tls-protocol", metavar="NAME", help="such as TLSv1.3")
    group.add_argument(
        "--tls-cert", metavar="FILE", help="the certificates in a PEM file, the client's first"
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-i", "--include", action="store_true", help="print status and headers before the body"
    )
    group.add_argument(
        "-o", "--output", metavar="FILE", help="where the answer goes (default: standard output)"
    )
    group.add_argument("-v", "--verbose", action="store_true", help="all packets, decoded, on standard error")
    group.add_argument("--fail", action="store_true", help="exit with 1 when the status is 400 or more")
    group.add_argument("--json", metavar="FILE", help="write status, headers and times as JSON")


def _add_connection(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--connect-timeout", type=seconds, default=5.0, metavar="S", help="seconds (default 5)"
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="S",
        help="seconds to wait for each packet of the answer (default 60)",
    )
    group.add_argument(
        "--packet-size",
        type=packet_size,
        default=PACKET_SIZE_DEFAULT,
        metavar="N",
        help="octets, 8192 to 65536, the same as in the container (default %(default)s)",
    )


def build_request(options: argparse.Namespace, url: AjpUrl, body_size: int | None) -> ForwardRequest:
    """The request that the options describe; raises `UsageError` and `InputError`."""
    tls = _tls_facts(options)
    server_name = options.server_name or url.address.host
    server_port = options.server_port if options.server_port is not None else _PORTS[tls is not None]
    method = options.method or ("GET" if options.data is None else "POST")
    if not TOKEN.fullmatch(os.fsencode(method)):
        raise UsageError(f"{method!r} is not the name of a method")
    return build_forward_request(
        os.fsencode(method),
        os.fsencode(url.path),
        None if url.query is None else os.fsencode(url.query),
        _headers(options.header, _host(server_name, server_port, tls is not None)),
        ConnectionFacts(
            remote_addr=os.fsencode(options.remote_addr),
            server_name=os.fsencode(server_name),
            server_port=server_port,
            remote_host=_octets(options.remote_host),
            remote_port=options.remote_port,
            remote_user=_octets(options.remote_user),
            auth_type=_octets(options.auth_type),
            tls=tls,
        ),
        protocol=options.http_version.encode("ascii"),
        body_size=body_size,
        secret=_secret(options.secret_file),
        route=_octets(options.route),
        attributes=[_attribute(text) for text in options.attribute],
    )


@contextmanager
def open_body(options: argparse.Namespace) -> Iterator[Body]:
    """The body that the options describe; raises `InputError` for a file that cannot be read."""
    data: str | None = options.data
    with ExitStack() as stack:
        if data is None or not data.startswith("@"):
            octets = os.fsencode(data or "")
            body = Body(BytesIO(octets).read, len(octets))
        elif data == "@-":
            if sys.stdin is None:
                raise InputError("there is no standard input to read the body from")
            body = _File(sys.stdin.buffer, "standard input").body()
        else:
            try:
                file = stack.enter_context(open(data[1:], "rb"))
            except OSError as error:
                raise InputError(f"cannot read {data[1:]}: {error.strerror}") from None
            body = _File(file, data[1:]).body()
        yield replace(body, size=None) if options.chunked else body


class _File:
    """A file as a body; its failures are `InputError`."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name

    def body(self) -> Body:
        """With a size where the file is a regular one, and without for a pipe or a terminal."""
        try:
            status = os.fstat(self._file.fileno())
            regular = stat.S_ISREG(status.st_mode)
            size = max(0, status.st_size - self._file.tell()) if regular else None
        except OSError:
            size = None
        return Body(self._read, size)

    def _read(self, size: int) -> bytes:
        try:
            # What is there is handed on: what is typed, or comes from a slow pipe, leaves at once.
            return self._file.read1(size)  # type: ignore[attr-defined,no-any-return]
        except OSError as error:
            raise InputError(f"cannot read {self._name}: {error.strerror}") from None


def _http_version(text: str) -> str:
    found = _HTTP_VERSION.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a version such as 1.1")
    return f"HTTP/{found[1]}"


def _headers(given: list[str], host: bytes) -> list[Header]:
    """Those that were given, after refjk's own where none of the same name was given."""
    headers = [_header(text) for text in given]
    names = {name.lower() for name, _ in headers}
    own = [
        (b"host", host),
        (b"user-agent", f"refjk/{__version__}".encode("ascii")),
        (b"accept", b"*/*"),
    ]
    return [header for header in own if header[0] not in names] + headers


def _header(text: str) -> Header:
    name, colon, value = os.fsencode(text).partition(b":")
    value = value.strip(b" \t")
    if not colon or not TOKEN.fullmatch(name):
        raise UsageError(f"--header {text!r} is not 'NAME: VALUE'")
    if FORBIDDEN_IN_VALUE.search(value):
        raise UsageError(f"--header {text!r} holds a line break or NUL, which no header can")
    if name.lower() in _BODY_LENGTH_HEADERS:
        raise UsageError(
            f"--header {text!r}: the body decides about it; --chunked leaves its length unannounced"
        )
    return name, value


def _host(server_name: str, server_port: int, tls: bool) -> bytes:
    host = f"[{server_name}]" if ":" in server_name else server_name
    return os.fsencode(host if server_port == _PORTS[tls] else f"{host}:{server_port}")


def _tls_facts(options: argparse.Namespace) -> TlsFacts | None:
    facts = TlsFacts(
        cipher=_octets(options.tls_cipher),
        key_size=options.tls_key_size,
        session=_octets(options.tls_session),
        protocol=_octets(options.tls_protocol),
        certificate=_certificates(options.tls_cert) if options.tls_cert else None,
    )
    return facts if options.tls or facts != TlsFacts() else None


def _certificates(path: str) -> bytes:
    """The certificates of a PEM file and nothing else of it, least of all a private key."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(PEM_SIZE_MAX)
    except OSError as error:
        raise InputError(f"cannot read the certificate file {path}: {error.strerror}") from None
    found = b"".join(_CERTIFICATE.findall(text))
    if not found:
        raise InputError(f"there is no certificate in {path}; it must be a PEM file")
    return found


def _secret(path: str | None) -> bytes | None:
    if path is not None:
        return read_secret(path)
    return os.environb.get(SECRET_VARIABLE.encode("ascii"))


def _attribute(text: str) -> tuple[bytes, bytes]:
    name, equals, value = os.fsencode(text).partition(b"=")
    if not name or not equals:
        raise UsageError(f"--attribute {text!r} is not NAME=VALUE")
    return name, value


def _octets(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)
