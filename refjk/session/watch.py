"""Finds attributes that were changed without being set, which no other node learns of."""

from __future__ import annotations

import hashlib

from refjk.base.errors import LocalProtocolError
from refjk.objectstream import write_object
from refjk.session.attributes import AttributeCodecs
from refjk.session.session import Session


def digests_of(session: Session, codecs: AttributeCodecs) -> dict[str, bytes]:
    """A digest of each attribute as it would be written; those that cannot be written have none."""
    digests = ((name, _digest(value, codecs)) for name, value in session.attributes().items())
    return {name: digest for name, digest in digests if digest is not None}


def changed_without_set(session: Session, codecs: AttributeCodecs) -> list[str]:
    """The names whose value is another than when the request began, and is not recorded. SES-ATT-07"""
    before = session.digests
    if before is None:
        return []
    recorded = set() if session.pending is None else session.pending.names()
    now = digests_of(session, codecs)
    return [
        name
        for name, digest in before.items()
        if name in session and name not in recorded and now.get(name) != digest
    ]


def _digest(value: object, codecs: AttributeCodecs) -> bytes | None:
    try:
        return hashlib.sha256(write_object(codecs.to_stream(value, {}))).digest()
    except LocalProtocolError:
        return None
