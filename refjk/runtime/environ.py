"""The WSGI environ of a request that came over AJP13.

`docs/reference/environ.md` lists every key. What the wire says never replaces a key that refjk
or WSGI gives a meaning: header names become `HTTP_…`, request attributes stay in
`refjk.attributes` unless they are lifted by name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from refjk.ajp13.admission import KEPT_SIZE_MAX
from refjk.ajp13.codes import (
    LOCAL_ADDR_ATTRIBUTE,
    REMOTE_PORT_ATTRIBUTE,
    SSL_PROTOCOL_ATTRIBUTE,
    AttributeCode,
)
from refjk.ajp13.messages import ForwardRequest
from refjk.runtime.settings import ConnectorSettings

Environ = dict[str, Any]

_CODE_KEYS = {
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
        # By what the derived keys depend on, not by this builder, which would outlive its server.
        self._key = (EnvironBuilder, settings.trust_remote_user, settings.lifted_attributes)
        self._code_keys = _CODE_KEYS | (_USER_KEYS if settings.trust_remote_user else {})
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
        kept = request.derived.get(self._key)
        if kept is None:
            kept = request.derived[self._key] = self._header_keys(request), *self._attribute_keys(request)
        header_keys, attribute_keys, attributes = kept
        environ.update(header_keys)
        environ.update(attribute_keys)
        environ["refjk.attributes"] = attributes.copy()
        self._add_path(environ, request.req_uri)
        return environ

    def _header_keys(self, request: ForwardRequest) -> dict[str, str]:
        """`HTTP_…` (WSG-ENV-03); repeated ones joined as HTTP allows (WSG-ENV-06). Names with an
        underscore are dropped, since `X_A` and `X-A` would become one key and either could pass for
        the other (WSG-ENV-04)."""
        found: dict[str, str] = {}
        for name, value in request.headers:
            key = (_key_of_header if len(name) <= KEPT_SIZE_MAX else _key_of_header.__wrapped__)(name)
            if key is None:
                continue
            text = value.decode("latin-1")
            if key in found:
                text = f"{found[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
            found[key] = text
        return found

    def _attribute_keys(self, request: ForwardRequest) -> tuple[dict[str, str], dict[str, str]]:
        """Facts about the client and its TLS connection as keys; the rest for `refjk.attributes`.

        AJP-ATT-08, AJP-ATT-10, WSG-ENV-11; lifted names as keys too (WSG-ENV-12);
        remote user and auth type only when trusted (AJP-SEC-07).
        """
        keys: dict[str, str] = {}
        attributes: dict[str, str] = {}
        for code, name, value in request.attributes:
            if isinstance(value, int):
                keys["SSL_CIPHER_USEKEYSIZE"] = str(value)
            elif value is None:
                continue
            elif name is None:
                key = self._code_keys.get(code)
                if key is not None:
                    keys[key] = value.decode("latin-1")
            else:
                key = _FACT_KEYS.get(name)
                if key is None:
                    attributes[name.decode("latin-1")] = value.decode("latin-1")
                elif key != "REMOTE_PORT" or _is_port(value):
                    keys[key] = value.decode("latin-1")
        for lifted in self._lifted & attributes.keys():
            keys.setdefault(lifted, attributes[lifted])
        return keys, attributes

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


@lru_cache(maxsize=1024)
def _key_of_header(name: bytes) -> str | None:
    text = name.decode("latin-1").upper()
    if text in ("CONTENT-TYPE", "CONTENT-LENGTH"):
        return text.replace("-", "_")
    key = "HTTP_" + text.replace("-", "_")
    return None if "_" in text or key in _DANGEROUS else key


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
