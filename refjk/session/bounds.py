"""How much a message or a state may ask of its reader."""

from __future__ import annotations

from refjk.objectstream import Limits

OCTETS_MAX = 256 * 1024 * 1024

MESSAGE_LIMITS = Limits(octets=OCTETS_MAX, array_items=OCTETS_MAX)
"""For the octets of a message, whose array of octets may be the state of a large node. SES-LAY-10"""
STATE_LIMITS = Limits(octets=OCTETS_MAX, records=50_000_000)
"""For a state: twenty objects for each of a million sessions, and room to spare."""
