"""`mime=json`: the same names, nested, with numbers and truth values as such."""

from __future__ import annotations

import json
from typing import Any

from refjk.status.listing import Listing

_LISTS = {"balancer": "balancers", "ajp": "ajp_workers", "member": "members", "map": "maps"}


def json_text(listing: Listing, extra: dict[str, Any]) -> str:
    """The document; `extra` are further keys of it. STA-FMT-08"""
    document: dict[str, Any] = {}
    owner: dict[str, Any] = document
    for section in listing.sections:
        fields: dict[str, Any] = dict(section.fields)
        match section.kind:
            case "balancers" | "ajp_workers":
                document.setdefault(section.kind, [])
            case "balancer" | "ajp":
                owner = fields
                document.setdefault(_LISTS[section.kind], []).append(fields)
                owner.update({"members": [], "maps": []} if section.kind == "balancer" else {"maps": []})
            case "member" | "map":
                owner[_LISTS[section.kind]].append(fields)
            case "configuration":
                document["configuration"] = dict(section.properties)
            case kind:
                document[kind] = fields
    document.update(extra)
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"
