"""The forms in which a URI can be forwarded: ForwardURI… of JkOptions."""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import unquote_to_bytes

from refjk.base.errors import Malformed
from refjk.mapping.path import CanonicalPath, canonicalise_path

_TO_ESCAPE = re.compile(rb"[^A-Za-z0-9$\-_.+!*'(),:@&=/~;]")
_ESCAPE = re.compile(rb"%[0-9A-F]{2}")


class UriForm(Enum):
    """The form in which a container gets the path; named like the option."""

    PROXY = "ForwardURIProxy"  # default of 1.2.50
    ESCAPED = "ForwardURIEscaped"
    COMPAT = "ForwardURICompat"  # default of 1.2.7
    COMPAT_UNPARSED = "ForwardURICompatUnparsed"


def jk_forwarded_uri(form: UriForm, decoded: bytes, target: bytes) -> bytes:
    """What mod_jk forwards, from the path as its server decoded it and the request target as it came."""
    # MAP-FWD-06
    if form is UriForm.COMPAT_UNPARSED:
        return target.partition(b"?")[0]
    # MAP-FWD-05
    if form is UriForm.COMPAT:
        return decoded
    # MAP-FWD-03, MAP-FWD-04
    escape = b"%%%02X" if form is UriForm.PROXY else b"%%%02x"
    return _TO_ESCAPE.sub(lambda octet: escape % octet.group()[0], decoded)


def uri_to_forward(form: UriForm, canonical: CanonicalPath, raw: bytes) -> bytes:
    """What the front forwards for a path that came as `raw`, without query, and was judged as `canonical`.

    Raises `Malformed` (the answer is 400) when the form would lead to another path than the one judged.
    """
    if form is UriForm.PROXY:
        return canonical.uri
    if form is UriForm.ESCAPED:
        return _ESCAPE.sub(lambda escape: escape.group().lower(), canonical.uri)
    if form is UriForm.COMPAT_UNPARSED:
        return raw
    uri = unquote_to_bytes(canonical.uri)
    # MAP-FWD-07
    if not _reads_as(uri, canonical.path):
        raise Malformed(
            "MAP-FWD-07",
            offset=0,
            expected="a path that may be forwarded decoded",
            actual=repr(canonical.uri),
        )
    return uri


def _reads_as(uri: bytes, path: bytes) -> bool:
    try:
        return canonicalise_path(uri).path == path
    except Malformed:
        return False
