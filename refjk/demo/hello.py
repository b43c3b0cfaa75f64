"""The application that the demo's farm deploys: greets, and counts in its own session.

It goes into an archive as it stands, so that it imports nothing of refjk. The number of a version is in its
web.xml.

| path | what it does |
|---|---|
| `GET /` | counts, and shows a page |
| `GET /json` | counts, and says the same as JSON |
"""

import json
import zlib

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>version {version} · refjk demo</title>
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-content: center; text-align: center;
  background: hsl({hue} 60% 30%); color: #fff; font: 1.1rem/1.6 system-ui, sans-serif; }}
h1 {{ font-size: 3rem; margin: 0; }}
a {{ color: inherit; }}
button {{ font: inherit; padding: .5rem 1.2rem; border: 0; border-radius: .4rem; cursor: pointer; }}
</style>
<h1>Hello from version <span id="version">{version}</span></h1>
<p>This is <b id="node">{node}</b>, and your count is <b id="count">{count}</b>.</p>
<form method="get" action="./"><button>Count again</button></form>
<p><a href="/">Back to the cluster</a></p>
"""


def hue_of(name: str) -> int:
    """The same colour for a version wherever it is shown; degrees."""
    return zlib.crc32(name.encode()) % 360


def application(environ, start_response):  # type: ignore[no-untyped-def]
    path = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or path not in ("/", "/json"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Only / and /json are here.\n"]
    session, parameters = environ["refjk.session"], environ["refjk.context_params"]
    session.set("count", session.get("count", 0) + 1)
    shown = {
        "node": environ["refjk.node"],
        "version": int(parameters["version"]),
        "count": session.get("count"),
    }
    if path == "/json":
        kind, text = "application/json", json.dumps(shown) + "\n"
    else:
        kind, text = (
            "text/html; charset=utf-8",
            PAGE.format(hue=hue_of(f"version {shown['version']}"), **shown),
        )
    headers = [
        ("Content-Type", kind),
        ("Cache-Control", "no-store"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'",
        ),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response("200 OK", headers)
    return [text.encode()]
