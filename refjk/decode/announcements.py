"""One datagram of the membership: what it announces, and whether a node would take it."""

from __future__ import annotations

from refjk.base.errors import Malformed
from refjk.decode.cluster_events import DatagramSeen
from refjk.membership import DatagramRefused, Layout, Membership, Tomcat55Membership
from refjk.membership.authentication import MARK, TRAILER_SIZE
from refjk.membership.watching import AnyLayout


def read_datagram(octets: bytes, time_ns: int | None, source: str = "", target: str = "") -> DatagramSeen:
    """Never raises; the layout is told by content."""
    bare, signed_ms = octets, None
    if octets[-TRAILER_SIZE:].startswith(MARK):
        bare = octets[:-TRAILER_SIZE]
        signed_ms = int.from_bytes(octets[len(bare) + len(MARK) :][:8], "big")
    layout, announcement = Layout.PLAIN, None
    for tried in (Layout.DOMAIN, Layout.PLAIN):
        try:
            layout, announcement = tried, Tomcat55Membership(tried).decode(bare)
            break
        except Malformed:
            continue
    # A node that listens for the first time decides by the datagram alone.
    events = Membership(AnyLayout(), None).receive_datagram(bare, now_ms=0)
    refused = next((event for event in events if isinstance(event, DatagramRefused)), None)
    return DatagramSeen(time_ns, source, target, octets, layout, announcement, signed_ms, refused)
