"""The WSGI environ of a request that came over AJP13.

`docs/reference/environ.md` lists every key. What the wire says never replaces a key that refjk
or WSGI gives a meaning: header names become `HTTP_…`, request attributes stay in
`refjk.attributes` unless they are lifted by name.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from refjk.ajp13.codes import (
    LOCAL_ADDR_ATTRIBUTE,
    REMOTE_PORT_ATTRIBUTE,
    SSL_PROTOCOL_ATTRIBUTE,
    AttributeCode,
)
from refjk.ajp13.messages import ForwardRequest
from refjk.runtime.settings import ConnectorSettings

Environ = dict[str, Any]

_NAMES_KEPT_MAX = 1024
_ATTRIBUTE_KEYS = {
    AttributeCode.QUERY_STRING.value: "QUERY_STRING",
    AttributeCode.ROUTE.value: "refjk.route",
    AttributeCode.SSL_CERT.value: "SSL_CLIENT_CERT",
    AttributeCode.SSL_CIPHER.value: "SSL_CIPHER",
    AttributeCode.SSL_SESSION.value: "SSL_SESSION_ID",
}
_USER_KEYS = {AttributeCode.REMOTE_USER.value: "REMOTE_USER", AttributeCode.AUTH_TYPE.value: "AUTH_TYPE"}
_FACT_KEYS = {
    REMOTE_PORT_ATTRIBUTE: "REMOTE_PORT",
    LOCAL_ADDR_ATTRIBUTE: "SERVER_ADDR",
    SSL_PROTOCOL_ATTRIBUTE: "SSL_PROTOCOL",
}
_REQ_ATTRIBUTE = AttributeCode.REQ_ATTRIBUTE.value
_SSL_KEY_SIZE = AttributeCode.SSL_KEY_SIZE.value
_ABSOLUTE = re.compile(rb"https?://([^/]+)(/.*)?", re.DOTALL | re.IGNORECASE)
_PERCENT = ord("%")
_DOT_SEGMENT = re.compile(rb"/\.\.?(?:[/;]|$)")

# Variables that CGI programs and libraries take for settings of their own. WSG-ENV-05
_DANGEROUS = frozenset({"HTTP_PROXY"})


class EnvironBuilder:
    """Turns requests into environs; what is the same for all of them is prepared once."""

    def __init__(self, settings: ConnectorSettings, errors: object) -> None:
        self._script_name = settings.script_name
        self._lifted = settings.lifted_attributes
        self._attribute_keys = _ATTRIBUTE_KEYS | (_USER_KEYS if settings.trust_remote_user else {})
        self._keys: dict[bytes, str | None] = {
            b"content-type": "CONTENT_TYPE",
            b"content-length": "CONTENT_LENGTH",
        }
        self._base: Environ = {
            "SCRIPT_NAME": settings.script_name,
            "QUERY_STRING": "",
            "SERVER_NAME": "",
            "REMOTE_ADDR": "",
            "wsgi.version": (1, 0),
            "wsgi.errors": errors,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.url_scheme": "http",
        }

    def build(self, request: ForwardRequest) -> Environ:
        """The environ but for `wsgi.input` and `wsgi.file_wrapper`. WSG-ENV-01, WSG-ENV-02"""
        environ = self._base.copy()
        environ["REQUEST_METHOD"] = request.method.decode("latin-1")
        environ["SERVER_PROTOCOL"] = request.protocol.decode("latin-1")
        environ["SERVER_PORT"] = str(request.server_port)
        if request.server_name is not None:
            environ["SERVER_NAME"] = request.server_name.decode("latin-1")
        if request.remote_addr is not None:
            environ["REMOTE_ADDR"] = request.remote_addr.decode("latin-1")
        if request.remote_host is not None:
            environ["REMOTE_HOST"] = request.remote_host.decode("latin-1")
        # AJP-REQ-07
        if request.is_ssl:
            environ["wsgi.url_scheme"] = "https"
            environ["HTTPS"] = "on"
        self._add_headers(environ, request)
        self._add_attributes(environ, request)
        self._add_path(environ, request.req_uri)
        return environ

    def _add_headers(self, environ: Environ, request: ForwardRequest) -> None:
        """`HTTP_…` (WSG-ENV-03); repeated ones joined as HTTP allows (WSG-ENV-06). Names with an
        underscore are dropped, since `X_A` and `X-A` would become one key and either could pass for
        the other (WSG-ENV-04)."""
        keys = self._keys
        for name, value in request.headers:
            key = keys[name] if name in keys else self._remember(name)
            if key is None:
                continue
            text = value.decode("latin-1")
            if key in environ:
                text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
            environ[key] = text

    def _remember(self, name: bytes) -> str | None:
        text = name.decode("latin-1").upper()
        key: str | None = "HTTP_" + text.replace("-", "_")
        if text in ("CONTENT-TYPE", "CONTENT-LENGTH"):
            key = text.replace("-", "_")
        elif "_" in text or key in _DANGEROUS:
            key = None
        if len(self._keys) < _NAMES_KEPT_MAX:
            self._keys[name] = key
        return key

    def _add_attributes(self, environ: Environ, request: ForwardRequest) -> None:
        """Facts about the client and its TLS connection; the rest into `refjk.attributes`.

        AJP-ATT-08, AJP-ATT-10, WSG-ENV-11; lifted names as keys too (WSG-ENV-12);
        remote user and auth type only when trusted (AJP-SEC-07).
        """
        attributes: dict[str, str] = {}
        for code, name, value in request.attributes:
            if code == _REQ_ATTRIBUTE:
                assert name is not None  # the codec refuses the null name
                if not isinstance(value, bytes):
                    continue
                text = value.decode("latin-1")
                fact = _FACT_KEYS.get(name)
                if fact is None:
                    attributes[name.decode("latin-1")] = text
                elif fact != "REMOTE_PORT" or _is_port(value):
                    environ[fact] = text
            elif code == _SSL_KEY_SIZE:
                environ["SSL_CIPHER_USEKEYSIZE"] = str(value)
            elif isinstance(value, bytes):
                key = self._attribute_keys.get(code)
                if key is not None:
                    environ[key] = value.decode("latin-1")
        environ["refjk.attributes"] = attributes
        for lifted in self._lifted:
            if lifted in attributes:
                environ.setdefault(lifted, attributes[lifted])

    def _add_path(self, environ: Environ, uri: bytes) -> None:
        """PATH_INFO decoded (WSG-ENV-07) and without dot segments; REQUEST_URI as it came, with the
        query (WSG-ENV-09). The script name stands before PATH_INFO or is not there (WSG-ENV-10)."""
        query = environ["QUERY_STRING"]
        text = uri.decode("latin-1")
        environ["REQUEST_URI"] = f"{text}?{query}" if query else text
        path = uri
        if not uri.startswith(b"/"):
            absolute = _ABSOLUTE.fullmatch(uri)
            if absolute:
                environ["HTTP_HOST"] = absolute[1].decode("latin-1")  # it replaces Host
                path = absolute[2] or b"/"
            else:
                path = b""  # OPTIONS *
        if _PERCENT in path:
            path = unquote_to_bytes(path)
        if path.find(b"/.") >= 0 and _DOT_SEGMENT.search(path):
            path = without_dot_segments(path)
        info = text if path is uri else path.decode("latin-1")
        script_name = self._script_name
        if script_name:
            if info == script_name or info.startswith(script_name + "/"):
                info = info[len(script_name) :]
            else:
                environ["SCRIPT_NAME"] = ""
        environ["PATH_INFO"] = info


def _is_port(value: bytes) -> bool:
    return len(value) <= 5 and value.isdigit() and int(value) <= 0xFFFF


def without_dot_segments(path: bytes) -> bytes:
    """A decoded absolute path with `.` and `..` resolved; it never leads above the root.

    WSG-ENV-08
    """
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for position, segment in enumerate(segments):
        name = segment.partition(b";")[0]
        last = position == len(segments) - 1
        if name in (b".", b".."):
            if name == b".." and kept:
                kept.pop()
            if last:
                kept.append(b"")
        else:
            kept.append(segment)
    return b"/" + b"/".join(kept)
