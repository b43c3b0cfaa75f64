"""ClusterTest: which node answers, how often it has answered, and what the web server told it.

| path | what it does |
|---|---|
| `GET /` | counts in the session, if there is one, and shows the page |
| `GET /json` | counts, and says the same as JSON |
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Iterable
from typing import Any

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="{base}/style.css"></head>
<body><h1>{title}</h1><table>{rows}</table><p><a href="{again}">Once more</a></p></body></html>
"""
_requests = itertools.count(1)  # of this process; the session, where there is one, belongs to the cluster


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] not in ("/", "/json"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Only / and /json are here.\n"]
    facts = facts_of(environ, next(_requests))
    if environ["PATH_INFO"] == "/json":
        body, kind = json.dumps(facts).encode() + b"\n", "application/json"
    else:
        body, kind = page(environ, facts).encode(), "text/html; charset=utf-8"
    start_response("200 OK", [("Content-Type", kind), ("Cache-Control", "no-store")])
    return [body]


def facts_of(environ: dict[str, Any], number: int) -> dict[str, Any]:
    """What the page shows."""
    session = environ.get("refjk.session")
    facts: dict[str, Any] = {
        "node": environ.get("refjk.node") or "a node without a name",
        "requests of this node": number,
        "route from the web server": environ.get("refjk.route", "none"),
        "client": f"{environ['REMOTE_ADDR']}:{environ.get('REMOTE_PORT', '?')}",
        "asked for": f"{environ['wsgi.url_scheme']}://{environ['SERVER_NAME']}:{environ['SERVER_PORT']}",
        "attributes": environ.get("refjk.attributes", {}),
    }
    if session is None:
        return {**facts, "session": "this node keeps no sessions"}
    # Only what is set is replicated: a change inside of an object would stay on this node.
    count = (session.get("count") or 0) + 1
    session.set("count", count)
    return {**facts, "session": session.id, "new": session.is_new, "requests of this session": count}


def page(environ: dict[str, Any], facts: dict[str, Any]) -> str:
    base = environ["SCRIPT_NAME"]
    session = environ.get("refjk.session")
    encode_url = str if session is None else session.encode_url
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    title = environ.get("refjk.context_params", {}).get("greeting", "ClusterTest")
    return PAGE.format(
        title=html.escape(title), base=html.escape(base), rows=rows, again=html.escape(encode_url(base + "/"))
    )
