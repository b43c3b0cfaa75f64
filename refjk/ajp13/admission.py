"""What a container refuses in a request that can be decoded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest

from refjk.ajp13.codec import FORBIDDEN_IN_VALUE, TOKEN
from refjk.ajp13.codes import CONTENT_LENGTH_MAX, METHOD_CODES, AttributeCode
from refjk.ajp13.fields import packet_fields
from refjk.ajp13.forward_request import HEADER_COUNT_MAX_DEFAULT
from refjk.ajp13.messages import ForwardRequest
from refjk.base.errors import Malformed

# Names that never count as data for the application, whatever the list of allowed ones says.
FACT_ATTRIBUTES = frozenset({b"AJP_REMOTE_PORT", b"AJP_LOCAL_ADDR", b"AJP_SSL_PROTOCOL", b"JK_LB_ACTIVATION"})

_PLAIN_PATH = re.compile(rb"/[A-Za-z0-9_~!$&'()*+,;=:@/.-]*")
_PATH = re.compile(rb"(?:%(?!2[fF]|5[cC]|00)[0-9A-Fa-f]{2}|[^\x00-\x1f\x7f\\%])*")
_ABSOLUTE = re.compile(rb"https?://(?P<host>[^/?#]+)(?P<path>/.*)?", re.DOTALL | re.IGNORECASE)
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?")
KEPT_SIZE_MAX = 64  # octets of a name that is remembered; peers choose them
_NUL, _LF, _CR = b"\0\n\r"
_DOT_ESCAPED = re.compile(rb"%2[eE]")


@dataclass(frozen=True, slots=True)
class ContainerPolicy:
    """What a container demands of requests.

    `allowed_attributes` must match the whole name of a request attribute; when it is None, any
    name is taken in as data. An empty secret counts as none. AJP-SEC-05
    """

    strict: bool = True
    secret: bytes | None = None
    allowed_attributes: re.Pattern[bytes] | None = None
    header_count_max: int = HEADER_COUNT_MAX_DEFAULT


class Refusal(Malformed):
    """A request that was understood and is refused with a status.

    `field` and `value` say which field of the packet it is about, as `fields` names them; until
    `within` has looked it up, the offset is 0.
    """

    def __init__(
        self, status: int, clause: str, field: str, value: bytes | None = None, *, expected: str, actual: str
    ) -> None:
        super().__init__(clause, offset=0, expected=expected, actual=actual)
        self.status = status
        self.field = field
        self.value = value

    def within(self, packet: bytes) -> Malformed:
        """The same complaint with its offset in the packet of the request."""
        offset = 0
        for field in packet_fields(packet):
            if field.name == self.field and self.value in (None, field.value):
                offset = field.offset  # of several, the last is the one too many
        return Malformed(self.clause, offset=offset, expected=self.expected, actual=self.actual)


def admit(request: ForwardRequest, policy: ContainerPolicy) -> int | None:
    """The announced content length (None when there is none) of a request that may go on.

    Raises `Refusal`. The secret comes first: without it nothing else is worth an answer.
    """
    if policy.secret:
        _check_secret(request, policy.secret)
    if policy.allowed_attributes is not None:
        _check_attributes(request, policy.allowed_attributes)
    if request.method not in METHOD_CODES and not TOKEN.fullmatch(request.method):
        raise Refusal(
            400,
            "AJP-MTH-07",
            "attribute_value",
            request.method,
            expected="an HTTP token",
            actual=repr(request.method),
        )
    if request.req_uri.find(b"/.") >= 0 or not _PLAIN_PATH.fullmatch(request.req_uri):
        _check_uri(request, policy.strict)
    return _content_length(request, policy.strict)


def _check_secret(request: ForwardRequest, secret: bytes) -> None:
    """Every secret in the request is the right one, and there is one.

    AJP-SEC-02, AJP-SEC-03: all are compared, each in constant time.
    """
    found = [value for code, _, value in request.attributes if code == AttributeCode.SECRET]
    wrong = [value for value in found if not (isinstance(value, bytes) and compare_digest(value, secret))]
    if not found:
        raise Refusal(403, "AJP-SEC-02", "request_terminator", expected="the secret", actual="none")
    if wrong:
        value = wrong[-1] if isinstance(wrong[-1], bytes) else None
        raise Refusal(
            403, "AJP-SEC-02", "attribute_value", value, expected="the secret", actual="a wrong one"
        )


def _check_attributes(request: ForwardRequest, allowed: re.Pattern[bytes]) -> None:
    """AJP-ATT-13"""
    for name, _ in request.request_attributes():
        if name not in FACT_ATTRIBUTES and not allowed.fullmatch(name):
            raise Refusal(
                403,
                "AJP-ATT-13",
                "attribute_name",
                name,
                expected="an allowed request attribute",
                actual=repr(name),
            )


def _check_uri(request: ForwardRequest, strict: bool) -> None:
    """The forms of a request URI and what must not be in its path. AJP-REQ-02"""
    path = request.req_uri
    if path == b"*" and request.method == b"OPTIONS":
        return
    absolute = _ABSOLUTE.fullmatch(path)
    if absolute:
        if not _HOST.fullmatch(absolute["host"]):
            raise Refusal(400, "AJP-REQ-04", "req_uri", expected="a host", actual=repr(absolute["host"]))
        path = absolute["path"] or b"/"
    problem = None
    if not path.startswith(b"/"):
        problem = "a path that begins with /"
    elif strict and b"?" in path:
        problem = "a path without the query"
    elif not _PATH.fullmatch(path):
        problem = "a path without control octets, backslash, %2f, %5c, %00 and bad escapes"
    elif climbs_above_root(path):
        problem = "a path that stays below the root"
    if problem:
        raise Refusal(400, "AJP-REQ-02", "req_uri", expected=problem, actual=repr(request.req_uri))


def climbs_above_root(path: bytes) -> bool:
    """Whether the dot segments of a path, escaped ones too, lead above the root."""
    depth = 0
    for segment in _DOT_ESCAPED.sub(b".", path).split(b"/")[1:]:
        segment = segment.partition(b";")[0]
        if segment == b"..":
            depth -= 1
            if depth < 0:
                return True
        elif segment not in (b"", b"."):
            depth += 1
    return False


def _content_length(request: ForwardRequest, strict: bool) -> int | None:
    """The announced length of a request with good headers; looked at once for equal headers."""
    key = (_content_length, strict)
    if key not in request.derived:
        request.derived[key] = _check_headers(request, strict)
    known: int | None = request.derived[key]
    return known


def _check_headers(request: ForwardRequest, strict: bool) -> int | None:
    """Names, values, Host and the length; returns the announced content length or None."""
    content_length: bytes | None = None
    hosts = 0
    coded = False
    for name, value in request.headers:
        kind = (_kind_of_header if len(name) <= KEPT_SIZE_MAX else _kind_of_header.__wrapped__)(name)
        if _LF in value or _CR in value or _NUL in value:
            raise _refuse_value("AJP-HDR-10", value, "no CR, LF or NUL")
        if kind is None:
            continue
        if kind == b"host":
            hosts += 1
            if hosts > 1 or not _HOST.fullmatch(value):
                raise _refuse_value("AJP-REQ-04", value, "one Host of valid syntax")
        elif kind == b"content-length":
            if content_length is not None:
                raise _refuse_value("AJP-HDR-07", value, "one content-length")
            content_length = value
        else:
            coded = True
    if content_length is None:
        return None
    if coded and strict:
        raise _refuse_value("AJP-HDR-13", content_length, "one way to tell the length")
    if not content_length.isdigit() or len(content_length) > 19 or int(content_length) > CONTENT_LENGTH_MAX:
        raise _refuse_value("AJP-HDR-07", content_length, "a content-length in digits")
    return int(content_length)


def _refuse_value(clause: str, value: bytes, expected: str) -> Refusal:
    return Refusal(400, clause, "header_value", value, expected=expected, actual=repr(value))


@lru_cache(maxsize=1024)
def _kind_of_header(name: bytes) -> bytes | None:
    """The name of a header that says something about the message, None for all others.

    Raises `Refusal` for what is no name.
    """
    if FORBIDDEN_IN_VALUE.search(name):
        raise Refusal(400, "AJP-HDR-10", "header_name", name, expected="no CR, LF or NUL", actual=repr(name))
    if not TOKEN.fullmatch(name):
        raise Refusal(400, "AJP-HDR-11", "header_name", name, expected="a header name", actual=repr(name))
    lowered = name.lower()
    return lowered if lowered in (b"host", b"content-length", b"transfer-encoding") else None
