"""What the settings of the recorded products mean for refjk's ends."""

from __future__ import annotations

import re

from refjk.ajp13.admission import ContainerPolicy
from refjk.ajp13.codes import PACKET_SIZE_DEFAULT, PACKET_SIZE_MAX, PACKET_SIZE_MIN
from refjk.ajp13.forward_request import HEADER_COUNT_MAX_DEFAULT
from refjk.base.errors import InputError
from refjk.vectors.document import Node
from refjk.vectors.packets import HEADER_COUNT_ANY

# Request attributes that Tomcat takes in without a pattern that allows them.
_KNOWN_ATTRIBUTES = "|".join(
    (
        r"javax\.servlet\.request\.(cipher_suite|key_size|ssl_session|X509Certificate)",
        "CERT_(ISSUER|SUBJECT|COOKIE|FLAGS|SERIALNUMBER)",
        "HTTPS_(SERVER_SUBJECT|SERVER_ISSUER|SECRETKEYSIZE|KEYSIZE)",
    )
)

_WEB_SERVER_PACKET_SIZE_KEYS = ("max_packet_size", "ProxyIOBufferSize", "iobuffersize")


def container_packet_size(container: Node) -> int:
    return _packet_size(container.get("packetSize"))


def web_server_packet_size(web_server: Node) -> int:
    for key in _WEB_SERVER_PACKET_SIZE_KEYS:
        found = web_server.get(key)
        if found is not None:
            return _packet_size(found)
    return PACKET_SIZE_DEFAULT


def _packet_size(node: Node | None) -> int:
    if node is None:
        return PACKET_SIZE_DEFAULT
    if not PACKET_SIZE_MIN <= node.number() <= PACKET_SIZE_MAX:
        raise InputError(
            f"{node.place}: expected {PACKET_SIZE_MIN} to {PACKET_SIZE_MAX}, got {node.number()}"
        )
    return node.number()


def container_policy(container: Node) -> ContainerPolicy:
    """refjk as strict as it is by itself, with the recorded connector's secret and list of attributes."""
    secret = container.get("secret")
    # -1 stands for any number, and becomes the greatest that a packet can say.
    count = container.get("maxHeaderCount")
    pattern = container.get("allowedRequestAttributesPattern")
    allowed = _KNOWN_ATTRIBUTES if pattern is None else f"{_KNOWN_ATTRIBUTES}|{pattern.text()}"
    try:
        compiled = re.compile(allowed.encode("utf-8"))
    except re.error as error:
        assert pattern is not None
        raise InputError(f"{pattern.place}: no regular expression: {error}") from None
    return ContainerPolicy(
        secret=None if secret is None else secret.text().encode("utf-8"),
        allowed_attributes=compiled,
        header_count_max=HEADER_COUNT_MAX_DEFAULT if count is None else count.number() & HEADER_COUNT_ANY,
    )
