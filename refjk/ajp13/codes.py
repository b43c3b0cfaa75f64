"""Which numbers exist in AJP13. Each appears here and nowhere else."""

from __future__ import annotations

from enum import IntEnum

MAGIC_TO_CONTAINER = b"\x12\x34"
MAGIC_TO_WEB_SERVER = b"AB"

HEADER_SIZE = 4  # two octets of magic, two of payload length
PACKET_SIZE_MIN = 8192
PACKET_SIZE_MAX = 65536
PACKET_SIZE_DEFAULT = 8192

STRING_SIZE_MAX = 0xFFFE
NULL_STRING = b"\xff\xff"
CONTENT_LENGTH_MAX = 2**63 - 1


class ToContainer(IntEnum):
    """Prefix codes toward the container; a body packet has none."""

    FORWARD_REQUEST = 2
    SHUTDOWN = 7
    PING = 8
    CPING = 10


class ToWebServer(IntEnum):
    """Prefix codes toward the web server."""

    SEND_BODY_CHUNK = 3
    SEND_HEADERS = 4
    END_RESPONSE = 5
    GET_BODY_CHUNK = 6
    CPONG = 9


class AttributeCode(IntEnum):
    """Codes of the attributes that follow the headers of FORWARD_REQUEST."""

    CONTEXT = 1
    SERVLET_PATH = 2
    REMOTE_USER = 3
    AUTH_TYPE = 4
    QUERY_STRING = 5
    ROUTE = 6
    SSL_CERT = 7
    SSL_CIPHER = 8
    SSL_SESSION = 9
    REQ_ATTRIBUTE = 10
    SSL_KEY_SIZE = 11
    SECRET = 12
    STORED_METHOD = 13
    ARE_DONE = 255


STORED_METHOD_CODE = 255

# AJP-MTH-01
METHODS: tuple[bytes, ...] = (
    b"OPTIONS",
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"ACL",
    b"REPORT",
    b"VERSION-CONTROL",
    b"CHECKIN",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"SEARCH",
    b"MKWORKSPACE",
    b"UPDATE",
    b"LABEL",
    b"MERGE",
    b"BASELINE-CONTROL",
    b"MKACTIVITY",
)
METHOD_CODES: dict[bytes, int] = {name: code for code, name in enumerate(METHODS, start=1)}
METHOD_NAMES: dict[int, bytes] = {code: name for name, code in METHOD_CODES.items()}

# AJP-HDR-02
_REQUEST_HEADERS: tuple[bytes, ...] = (
    b"accept",
    b"accept-charset",
    b"accept-encoding",
    b"accept-language",
    b"authorization",
    b"connection",
    b"content-type",
    b"content-length",
    b"cookie",
    b"cookie2",
    b"host",
    b"pragma",
    b"referer",
    b"user-agent",
)
_RESPONSE_HEADERS: tuple[bytes, ...] = (
    b"Content-Type",
    b"Content-Language",
    b"Content-Length",
    b"Date",
    b"Last-Modified",
    b"Location",
    b"Set-Cookie",
    b"Set-Cookie2",
    b"Servlet-Engine",
    b"Status",
    b"WWW-Authenticate",
)
HEADER_CODE_BASE = 0xA000
REQUEST_HEADER_NAMES: dict[int, bytes] = dict(enumerate(_REQUEST_HEADERS, start=HEADER_CODE_BASE + 1))
RESPONSE_HEADER_NAMES: dict[int, bytes] = dict(enumerate(_RESPONSE_HEADERS, start=HEADER_CODE_BASE + 1))
REQUEST_HEADER_CODES: dict[bytes, int] = {name: code for code, name in REQUEST_HEADER_NAMES.items()}
RESPONSE_HEADER_CODES: dict[bytes, int] = {name.lower(): code for code, name in RESPONSE_HEADER_NAMES.items()}

# Names of request attributes (code 10) that carry facts about the connection, not data for the
# application.
REMOTE_PORT_ATTRIBUTE = b"AJP_REMOTE_PORT"
LOCAL_ADDR_ATTRIBUTE = b"AJP_LOCAL_ADDR"
SSL_PROTOCOL_ATTRIBUTE = b"AJP_SSL_PROTOCOL"
ACTIVATION_ATTRIBUTE = b"JK_LB_ACTIVATION"


def payload_size_max(packet_size: int) -> int:
    """Octets of payload in a packet of `packet_size`. AJP-FRM-08"""
    return packet_size - 4


def request_body_size_max(packet_size: int) -> int:
    """Octets of request body in one body packet, and the most GET_BODY_CHUNK asks for."""
    return packet_size - 6


def response_body_size_max(packet_size: int) -> int:
    """Octets of response body in one SEND_BODY_CHUNK."""
    return packet_size - 8


def check_packet_size(packet_size: int) -> int:
    """The packet size itself when it is legal, else `ValueError`. AJP-FRM-07"""
    if not PACKET_SIZE_MIN <= packet_size <= PACKET_SIZE_MAX:
        raise ValueError(f"packet size {packet_size} is not within {PACKET_SIZE_MIN} to {PACKET_SIZE_MAX}")
    return packet_size
