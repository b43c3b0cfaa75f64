"""Static files: what real httpd with mod_jk's JkAutoAlias answers, and what the front does, side by side."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from refjk.runtime.static_files import StaticFiles
from refjk.speccheck import covers
from tests.interop.peers import Httpd, JkWorker, ModJk, RawConnection, free_port
from tests.interop.peers.httpd import MODULE_FOLDERS

pytestmark = pytest.mark.interop

MODIFIED_S = 1_700_000_000
TAG = '"64-60a24181e4000"'
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
COMPARED = ("etag", "last-modified", "content-type", "content-range", "accept-ranges")
HTTPD_CONF = """\
{modules}
DirectoryIndex index.html
AddType text/plain .txt
AddType text/html .html
AddType text/css .css
AddType image/png .png
AddType image/gif .gif
<Directory />
Options FollowSymLinks
AllowOverride None
Require all granted
</Directory>
<FilesMatch "^\\.ht">
Require all denied
</FilesMatch>
JkAutoAlias {apps}
"""

FILES = {
    "docs/file.txt": b"0123456789" * 10,
    "docs/empty.txt": b"",
    "docs/x.css": b"css",
    "docs/noext": b"n",
    "docs/a.unknown": b"u",
    "docs/a b.txt": b"space",
    "docs/.hidden": b"h",
    "docs/.htpasswd": b"secret",
    "docs/folder/a.txt": b"a",
    "docs/home/index.html": b"home",
    "docs/shop/only.txt": b"of the document root",
    "docs/both/d.txt": b"of the document root",
    "docs/WEB-INF/web.xml": b"secret",
    "docs/down.war": b"war",
    "apps/shop/index.html": b"shop",
    "apps/shop/pic.png": b"png",
    "apps/shop/img/a.gif": b"gif",
    "apps/shop/in.war": b"war",
    "apps/shop/WEB-INF/web.xml": b"secret",
    "apps/shop/META-INF/context.xml": b"secret",
    "apps/shop/x/WEB-INF/f": b"secret",
    "apps/both/d.txt": b"of the application",
    "apps/shop.war": b"secret",
    "apps/loose.txt": b"loose",
}

SAME = {
    200: [
        "GET /file.txt",
        "HEAD /file.txt",
        "GET /empty.txt",
        "GET /x.css",
        "GET /noext",
        "GET /a.unknown",
        "GET /a%20b.txt",
        "GET /.hidden",
        "GET /folder/a.txt",
        "GET /home/",
        "GET /link.txt",
        "GET /shop/",
        "GET /shop/pic.png",
        "GET /shop/img/a.gif",
        "GET /shop/in.war",
        "GET /both/d.txt",
        'GET /file.txt If-None-Match: "x"',
        "GET /file.txt If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        "GET /file.txt If-Modified-Since: junk",
        f'GET /file.txt If-None-Match: "x"\r\nIf-Modified-Since: {DATE}',
        f"GET /file.txt If-Match: {TAG}",
        "GET /file.txt Range: bytes=5-4",
        "GET /file.txt Range: lines=1-2",
        'GET /file.txt Range: bytes=0-9\r\nIf-Range: "x"',
        "GET /empty.txt Range: bytes=0-9",
    ],
    206: [
        "GET /file.txt Range: bytes=0-9",
        "GET /file.txt Range: bytes=90-",
        "GET /file.txt Range: bytes=-5",
        "GET /file.txt Range: bytes=-500",
        "GET /file.txt Range: bytes=95-500",
        f"GET /file.txt Range: bytes=0-9\r\nIf-Range: {TAG}",
        f"GET /file.txt Range: bytes=0-9\r\nIf-Range: {DATE}",
    ],
    301: ["GET /folder", "GET /folder?x=1", "GET /home", "GET /shop", "GET /shop?a=b", "GET /shop/img"],
    304: [
        f"GET /file.txt If-None-Match: {TAG}",
        f"GET /file.txt If-None-Match: W/{TAG}",
        f'GET /file.txt If-None-Match: "x", {TAG}',
        "GET /file.txt If-None-Match: *",
        f"HEAD /file.txt If-None-Match: {TAG}",
        f"GET /file.txt If-Modified-Since: {DATE}",
        f"GET /file.txt Range: bytes=0-9\r\nIf-None-Match: {TAG}",
    ],
    403: [
        "GET /",
        "GET /folder/",
        "GET /shop/img/",
        "GET /.htpasswd",
        "GET /.htnothing",
        "GET /loop",
        "GET /" + "a" * 300,
        "GET /shop.war",
        "GET /shop.WAR",
        "GET /none.war",
        "GET /shop.war/x",
        "GET /down.war",
    ],
    404: [
        "GET /nothing",
        "GET /nothing/x",
        "GET /file.txt/",
        "GET /file.txt/x",
        "GET /loose.txt",
        "GET /Shop/pic.png",
        "GET /shop/only.txt",
        "GET /shop/pic.png/",
        "GET /shop/WEB-INF",
        "GET /shop/WEB-INF/web.xml",
        "GET /shop/Web-Inf/web.xml",
        "GET /shop/META-INF/context.xml",
        "GET /shop/META-INF/nothing",
    ],
    405: ["PUT /file.txt", "DELETE /file.txt", "PATCH /home/"],
    412: ['GET /file.txt If-Match: "x"'],
    416: ["GET /file.txt Range: bytes=100-", "GET /file.txt Range: bytes=100-200"],
}

# Request: what httpd answers, what the front does; the table in section 7 of the chapter says why.
DIFFERENT = {
    "GET /out": (200, 403),
    "GET /dangling": (403, 404),
    "GET /WEB-INF/web.xml": (200, 404),
    "GET /shop/x/WEB-INF/f": (200, 404),
    "POST /file.txt": (200, 405),
    "OPTIONS /file.txt": (200, 405),
    "TRACE /file.txt": (200, 405),
    "PUT /nothing": (405, 404),
    "POST /folder": (301, 405),
    "GET /file.txt If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT": (200, 304),
    "GET /file.txt Range: bytes=0-1,5-6": (206, 200),
    "HEAD /file.txt Range: bytes=0-9": (206, 200),
    "GET /file.txt Range: bytes=-0": (200, 416),
}


@pytest.fixture(scope="module")
def apps() -> Iterator[Path]:
    """The folder of the applications, which httpd's user can enter."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def httpd(apps: Path) -> Iterator[Httpd]:
    folder = next((path for path in map(Path, MODULE_FOLDERS) if path.is_dir()), Path())
    modules = "\n".join(
        f"<IfModule !{name}_module>\nLoadModule {name}_module {folder}/mod_{name}.so\n</IfModule>"
        for name in ("dir", "autoindex")
    )
    front = ModJk([JkWorker(free_port())], mounts=("/mounted/*",))
    with Httpd(front, directives=HTTPD_CONF.format(modules=modules, apps=apps)) as peer:
        for name, content in FILES.items():
            place, _, rest = name.partition("/")
            path = (peer.documents if place == "docs" else apps) / rest
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (MODIFIED_S, MODIFIED_S))
        for link, target in {
            "dangling": "nowhere",
            "loop": "loop",
            "link.txt": "file.txt",
        }.items():
            (peer.documents / link).symlink_to(target)
        outside = apps.parent / f"{apps.name}-outside.txt"
        outside.write_bytes(b"outside")
        try:
            (peer.documents / "out").symlink_to(outside)
            yield peer
        finally:
            outside.unlink()


Seen = tuple[int, dict[str, str], bytes]


def asked(request: str) -> tuple[str, str, list[str]]:
    """Method, target and header lines."""
    method, target, *rest = request.split(" ", 2)
    return method, target, rest[0].split("\r\n") if rest else []


def of_httpd(httpd: Httpd, request: str) -> Seen:
    method, target, lines = asked(request)
    head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: h", "Connection: close", *lines, "", ""])
    with RawConnection(httpd.port) as client:
        client.send(head.encode())
        answer, _, body = client.receive_to_end().partition(b"\r\n\r\n")
    status_line, *rows = answer.decode("latin-1").split("\r\n")
    return (
        int(status_line.split()[1]),
        {k.lower(): v for k, _, v in (row.partition(": ") for row in rows)},
        body,
    )


def of_front(httpd: Httpd, apps: Path, request: str) -> Seen:
    method, target, lines = asked(request)
    path, has_query, query = target.encode().partition(b"?")
    headers = [(name, value) for name, _, value in (line.encode().partition(b": ") for line in lines)]
    files = StaticFiles(httpd.documents, apps)
    answer = files.open(unquote_to_bytes(path), method.encode(), headers, query if has_query else None)
    if answer is None:
        return 404, {}, b""
    with answer:
        body = b"" if answer.body is None else b"".join(answer.body)
    return answer.status, {k.decode().lower(): v.decode() for k, v in answer.headers}, body


@covers("SFI-PTH-01", "SFI-PTH-04", "SFI-PTH-05", "SFI-PTH-06", "SFI-PTH-07", "SFI-PTH-09")
@covers("SFI-CND-01", "SFI-CND-03", "SFI-CND-04", "SFI-CND-05", "SFI-CND-06", "SFI-RNG-01", "SFI-RNG-02")
@covers("SFI-ALI-01", "SFI-ALI-02", "SFI-PTH-03")
@pytest.mark.parametrize("status", SAME)
def test_httpd_and_the_front_answer_alike(httpd: Httpd, apps: Path, status: int) -> None:
    for request in SAME[status]:
        theirs, ours = of_httpd(httpd, request), of_front(httpd, apps, request)
        assert (theirs[0], ours[0]) == (status, status), request
        if status in (200, 206, 304):
            for name in COMPARED:
                assert theirs[1].get(name) == ours[1].get(name), (request, name)
            assert theirs[2] == ours[2], request
        if status in (200, 206):
            assert theirs[1]["content-length"] == ours[1]["content-length"], request
        if status == 301:
            assert theirs[1]["location"] == "http://h" + ours[1]["location"]
        if status == 405:
            assert {"GET", "HEAD"} <= set(theirs[1]["allow"].split(",")) and ours[1]["allow"] == "GET, HEAD"


@covers("SFI-PTH-02", "SFI-PTH-03", "SFI-PTH-08", "SFI-RNG-02", "SFI-RNG-03", "SFI-RNG-04")
@pytest.mark.parametrize("request_line", DIFFERENT)
def test_where_they_differ_is_known(httpd: Httpd, apps: Path, request_line: str) -> None:
    answers = of_httpd(httpd, request_line)[0], of_front(httpd, apps, request_line)[0]
    assert answers == DIFFERENT[request_line]
