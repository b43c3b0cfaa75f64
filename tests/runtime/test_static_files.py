"""Which files are served from a folder, and how."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from refjk.base.errors import RefjkError
from refjk.runtime.media_types import TYPES
from refjk.runtime.static_files import FileChanged, StaticFiles
from refjk.speccheck import covers

MODIFIED_S = 1_700_000_000
DATE = b"Tue, 14 Nov 2023 22:13:20 GMT"
SPEC = Path(__file__).resolve().parents[2] / "spec" / "static-files.md"


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (MODIFIED_S, MODIFIED_S))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A document root with something beside it that must not be seen."""
    put(tmp_path / "beside" / "secret.txt", b"secret")
    put(tmp_path / "www" / "file.txt", b"0123456789" * 10)
    put(tmp_path / "www" / "folder" / "a.txt", b"a")
    put(tmp_path / "www" / "home" / "index.html", b"home")
    return tmp_path / "www"


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    """Two web applications, one packed and something loose."""
    put(tmp_path / "webapps" / "shop" / "pic.png", b"png")
    put(tmp_path / "webapps" / "shop" / "in.war", b"inner")
    put(tmp_path / "webapps" / "shop" / "WEB-INF" / "web.xml", b"secret")
    put(tmp_path / "webapps" / "shop" / "META-INF" / "context.xml", b"secret")
    put(tmp_path / "webapps" / "other" / "o.txt", b"o")
    put(tmp_path / "webapps" / "shop.war", b"secret")
    put(tmp_path / "webapps" / "loose.txt", b"loose")
    return tmp_path / "webapps"


def ask(
    files: StaticFiles, path: bytes, method: bytes = b"GET", *lines: bytes
) -> tuple[int, dict[bytes, bytes], bytes | None]:
    """Status (404 for nothing), headers, and what was sent."""
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    answer = files.open(path, method, headers)
    if answer is None:
        return 404, {}, None
    with answer:
        body = None if answer.body is None else b"".join(answer.body)
    assert body is None or len(body) == answer.size
    return answer.status, dict(answer.headers), body


def status(files: StaticFiles, path: bytes) -> int:
    return ask(files, path)[0]


@covers("SFI-PTH-01", "SFI-CND-01")
def test_a_file_is_sent_with_size_type_and_validators(root: Path) -> None:
    assert ask(StaticFiles(root, None), b"/file.txt") == (
        200,
        {
            b"Last-Modified": DATE,
            b"ETag": b'"64-60a24181e4000"',
            b"Accept-Ranges": b"bytes",
            b"Content-Type": b"text/plain",
            b"Content-Length": b"100",
        },
        b"0123456789" * 10,
    )


@covers("SFI-PTH-01")
def test_head_is_the_same_without_content(root: Path) -> None:
    files = StaticFiles(root, None)
    got, head = ask(files, b"/file.txt"), ask(files, b"/file.txt", b"HEAD")
    assert head == (got[0], got[1], None)


@covers("SFI-PTH-01")
def test_octets_of_names_are_those_of_the_path(root: Path) -> None:
    put(root / "a b;c?.txt", b"odd")
    put(root / os.fsdecode(b"\xe4\xff.txt"), b"high")
    files = StaticFiles(root, None)
    assert ask(files, b"/a b;c?.txt")[2] == b"odd"
    assert ask(files, b"/\xe4\xff.txt")[2] == b"high"
    assert status(files, b"/FILE.txt") == 404 or (root / "FILE.txt").exists()


@covers("SFI-PTH-01")
def test_a_pipe_and_a_device_are_not_served_and_keep_nobody_waiting(root: Path) -> None:
    os.mkfifo(root / "pipe")
    files = StaticFiles(root, None)
    started = time.monotonic()
    assert status(files, b"/pipe") == 403
    assert time.monotonic() - started < 5


@covers("SFI-PTH-02")
def test_links_are_followed_inside_and_refused_where_they_lead_out(root: Path) -> None:
    (root / "in").symlink_to("file.txt")
    (root / "in-folder").symlink_to(root / "folder")
    (root / "out.txt").symlink_to("../beside/secret.txt")
    (root / "out").symlink_to(root.parent / "beside")
    (root / "out-to-nothing").symlink_to("../beside/nothing")
    (root / "twin").symlink_to(str(root) + "-twin")
    put(Path(str(root) + "-twin") / "a.txt", b"secret")
    files = StaticFiles(root, None)
    assert ask(files, b"/in")[2] == b"0123456789" * 10
    assert ask(files, b"/in-folder/a.txt")[2] == b"a"
    assert status(files, b"/in-folder/nothing") == 404
    for path in (b"/out.txt", b"/out", b"/out/", b"/out/secret.txt", b"/out/nothing", b"/twin/a.txt"):
        assert status(files, path) == 403, path
    assert status(files, b"/out-to-nothing") == 403


@covers("SFI-PTH-02")
def test_a_root_that_is_a_link_is_a_root(root: Path) -> None:
    (root.parent / "current").symlink_to(root)
    assert ask(StaticFiles(root.parent / "current", None), b"/folder/a.txt")[2] == b"a"


@covers("SFI-PTH-02")
@pytest.mark.parametrize("swapped", ["folder", "folder/a.txt"])
def test_what_becomes_a_link_in_between_leads_nowhere(
    root: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    put(root.parent / "beside" / "a.txt", b"secret")
    resolve = os.path.realpath

    def late(path: bytes, *, strict: bool = False) -> bytes:
        target = resolve(path, strict=strict)
        if strict:
            (root / swapped).rename(root / "gone")
            (root / swapped).symlink_to(root.parent / "beside" / swapped.removeprefix("folder").lstrip("/"))
        return target

    monkeypatch.setattr(os.path, "realpath", late)
    assert status(StaticFiles(root, None), b"/folder/a.txt") in (403, 404)


@covers("SFI-PTH-03")
@pytest.mark.parametrize("name", ["WEB-INF", "web-inf", "Meta-Inf"])
def test_the_private_folders_of_applications_are_not_there(root: Path, name: str) -> None:
    put(root / name / "web.xml", b"secret")
    put(root / "deep" / name / "web.xml", b"secret")
    (root / "link").symlink_to(name)
    (root / "link.xml").symlink_to(f"deep/{name}/web.xml")
    files = StaticFiles(root, None)
    private = name.encode()
    for path in (b"/" + private, b"/" + private + b"/", b"/" + private + b"/web.xml", b"/link", b"/link.xml"):
        assert status(files, path) == 404, path
    assert status(files, b"/deep/" + private + b"/web.xml") == 404
    put(root / f"{name}-old" / "a.txt")
    assert status(files, b"/" + private + b"-old/a.txt") == 200


@covers("SFI-PTH-04")
def test_names_with_ht_are_refused_and_other_dotted_names_are_names(root: Path) -> None:
    put(root / ".htpasswd", b"secret")
    put(root / ".hidden", b"h")
    (root / "link").symlink_to(".htpasswd")
    files = StaticFiles(root, None)
    for path in (b"/.htpasswd", b"/.HTPASSWD", b"/.htnothing", b"/folder/.htaccess", b"/.ht/a", b"/link"):
        assert status(files, path) == 403, path
    assert ask(files, b"/.hidden")[2] == b"h"


@covers("SFI-PTH-05")
def test_a_folder_without_its_slash_is_redirected(root: Path) -> None:
    put(root / "ä;b c" / "x")
    files = StaticFiles(root, None)
    assert ask(files, b"/folder") == (301, {b"Location": b"/folder/"}, None)
    assert ask(files, "/ä;b c".encode())[1] == {b"Location": b"/%C3%A4%3Bb%20c/"}
    answer = files.open(b"/folder", b"GET", [], b"a=b&c")
    assert answer is not None and answer.headers == [(b"Location", b"/folder/?a=b&c")]


@covers("SFI-PTH-06")
def test_a_folder_is_its_index_or_refused(root: Path) -> None:
    files = StaticFiles(root, None, ("index.html", "default.htm"))
    assert ask(files, b"/home/")[1:] == ask(files, b"/home/index.html")[1:]
    assert [status(files, path) for path in (b"/", b"/folder/")] == [403, 403]
    put(root / "folder" / "default.htm", b"second")
    assert ask(files, b"/folder/")[2] == b"second"
    (root / "folder" / "index.html").mkdir()
    assert ask(files, b"/folder/")[2] == b"second"
    assert status(StaticFiles(root, None, ()), b"/home/") == 403


@covers("SFI-PTH-07", "SFI-PTH-09")
@pytest.mark.parametrize("path", [b"/nothing", b"/nothing/x", b"/file.txt/", b"/file.txt/x", b"/file.txt/x/"])
def test_nothing_is_there(root: Path, path: bytes) -> None:
    assert status(StaticFiles(root, None), path) == 404


@covers("SFI-PTH-01")
@pytest.mark.parametrize("path", [b"/../beside/secret.txt", b"/a\0b", b"/folder/../file.txt", b"/./file.txt"])
def test_paths_that_are_not_canonical_find_nothing(root: Path, path: bytes) -> None:
    assert status(StaticFiles(root, None), path) == 404


@covers("SFI-PTH-08")
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"get"])
def test_other_methods_are_told_which_there_are(root: Path, method: bytes) -> None:
    files = StaticFiles(root, None)
    for path in (b"/file.txt", b"/folder", b"/folder/", b"/home/"):
        assert ask(files, path, method) == (405, {b"Allow": b"GET, HEAD"}, None)
    assert ask(files, b"/nothing", method)[0] == 404


@covers("SFI-PTH-09")
def test_what_the_system_refuses_is_403(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    files = StaticFiles(root, None)
    assert status(files, b"/loop") == 403
    assert status(files, b"/" + b"a" * 300) == 403


@covers("SFI-PTH-09")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_is_403(root: Path) -> None:
    (root / "file.txt").chmod(0)
    assert status(StaticFiles(root, None), b"/file.txt") == 403


@covers("SFI-PTH-09")
def test_a_file_that_the_system_does_not_open_is_403(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def deny(path: bytes, flags: int, *, dir_fd: int | None = None) -> int:
        if path == b"file.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", deny)
    assert status(StaticFiles(root, None), b"/file.txt") == 403


@covers("SFI-PTH-09")
def test_without_folders_nothing_is_there(tmp_path: Path) -> None:
    assert status(StaticFiles(None, None), b"/") == 404
    assert status(StaticFiles(tmp_path / "nothing", tmp_path / "nothing"), b"/a") == 404


@covers("SFI-TYP-01")
def test_types_come_from_the_last_extension(root: Path) -> None:
    files = StaticFiles(root, None)
    types = {}
    for name in ("a.HTML", "a.tar.gz", "a.js", "noext", "a.unknown", ".png", "a.", "a.png"):
        put(root / name)
        types[name] = ask(files, b"/" + name.encode())[1].get(b"Content-Type")
    assert types == {
        "a.HTML": b"text/html",
        "a.tar.gz": b"application/gzip",
        "a.js": b"text/javascript",
        "noext": None,
        "a.unknown": None,
        ".png": None,
        "a.": None,
        "a.png": b"image/png",
    }


@covers("SFI-TYP-01")
def test_the_table_of_the_specification_is_the_table_of_the_code() -> None:
    section = SPEC.read_text().partition("| type | extensions |")[2].partition("\n\n")[0]
    written = {}
    for row in section.strip().splitlines()[1:]:
        kind, entries = (cell.strip() for cell in row.strip("|").split("|"))
        for entry in entries.split(", "):
            *extensions, name = entry.split()
            written.update({one.strip("`").encode(): f"{kind}/{name}".encode() for one in extensions})
    assert written == TYPES


@covers("SFI-CND-02")
def test_a_tag_is_weak_while_the_file_may_change_within_its_second(root: Path) -> None:
    now = time.time()
    files = StaticFiles(root, None)
    os.utime(root / "file.txt", (now + 100, now + 100))
    assert ask(files, b"/file.txt")[1][b"ETag"].startswith(b'W/"64-')
    os.utime(root / "file.txt", (now - 2, now - 2))
    assert ask(files, b"/file.txt")[1][b"ETag"].startswith(b'"64-')


@covers("SFI-CND-06", "SFI-CND-05")
def test_answers_to_conditions_carry_the_validators(root: Path) -> None:
    files = StaticFiles(root, None)
    validators = {b"Last-Modified": DATE, b"ETag": b'"64-60a24181e4000"'}
    known = ask(files, b"/file.txt", b"GET", b'If-None-Match: "64-60a24181e4000"')
    assert known == (304, {**validators, b"Accept-Ranges": b"bytes"}, None)
    assert ask(files, b"/file.txt", b"HEAD", b"If-Modified-Since: " + DATE)[0] == 304
    assert ask(files, b"/file.txt", b"GET", b'If-Match: "x"') == (412, validators, None)


@covers("SFI-RNG-01", "SFI-RNG-02")
def test_a_range_is_sent_and_one_behind_the_end_refused(root: Path) -> None:
    put(root / "big", bytes(range(256)) * 1000)
    files = StaticFiles(root, None)
    code, headers, body = ask(files, b"/big", b"GET", b"Range: bytes=255-200000")
    assert (code, body) == (206, (bytes(range(256)) * 1000)[255:200001])
    assert headers[b"Content-Range"] == b"bytes 255-200000/256000"
    assert headers[b"Content-Length"] == b"199746"
    code, headers, body = ask(files, b"/big", b"GET", b"Range: bytes=256000-")
    assert (code, headers[b"Content-Range"], body) == (416, b"bytes */256000", None)


@covers("SFI-SND-01")
@pytest.mark.parametrize("left", [0, 70000])
def test_a_file_that_shrinks_breaks_the_answer(root: Path, left: int) -> None:
    path = put(root / "big", b"x" * 200_000)
    answer = StaticFiles(root, None).open(b"/big", b"GET", [])
    assert answer is not None and answer.body is not None
    sent = len(next(answer.body))
    os.truncate(path, left)
    with answer, pytest.raises(FileChanged):
        for piece in answer.body:
            sent += len(piece)
    assert sent < answer.size == 200_000 and issubclass(FileChanged, RefjkError)


@covers("SFI-SND-01")
def test_a_file_that_grows_or_is_replaced_is_sent_as_promised(root: Path) -> None:
    path = put(root / "big", b"x" * 200_000)
    files = StaticFiles(root, None)
    grown, replaced = files.open(b"/big", b"GET", []), files.open(b"/big", b"GET", [])
    assert grown is not None and grown.body is not None
    with path.open("ab") as file:
        file.write(b"y" * 10)
    with grown:
        assert b"".join(grown.body) == b"x" * 200_000
    assert replaced is not None and replaced.body is not None
    put(root / "new", b"z").replace(path)
    with replaced:
        assert b"".join(replaced.body) == b"x" * 200_000


@covers("SFI-PTH-01")
def test_no_descriptor_stays_open(root: Path) -> None:
    files = StaticFiles(root, None)
    before = len(os.listdir("/proc/self/fd"))
    for path in (b"/file.txt", b"/folder", b"/folder/", b"/home/", b"/nothing", b"/file.txt/"):
        for method in (b"GET", b"HEAD", b"POST"):
            ask(files, path, method)
            ask(files, path, method, b"If-None-Match: *")
    answer = files.open(b"/file.txt", b"GET", [])
    assert answer is not None
    answer.close()
    answer.close()
    assert len(os.listdir("/proc/self/fd")) == before


@covers("SFI-ALI-01")
def test_an_application_is_the_root_of_its_paths(root: Path, apps: Path) -> None:
    put(root / "shop" / "only.txt", b"of the document root")
    files = StaticFiles(root, apps)
    assert ask(files, b"/shop/pic.png")[2] == b"png"
    assert ask(files, b"/shop")[1] == {b"Location": b"/shop/"}
    assert status(files, b"/shop/only.txt") == 404
    assert status(files, b"/shop/pic.png/") == 404
    assert status(files, b"/loose.txt") == 404
    assert status(files, b"/file.txt") == 200
    assert status(StaticFiles(None, apps), b"/file.txt") == 404


@covers("SFI-ALI-01", "SFI-PTH-02")
def test_an_application_does_not_serve_another_by_a_link(apps: Path) -> None:
    (apps / "shop" / "link").symlink_to("../other/o.txt")
    (apps / "shop" / "packed").symlink_to("../shop.war")
    files = StaticFiles(None, apps)
    assert ask(files, b"/other/o.txt")[2] == b"o"
    assert [status(files, b"/shop/link"), status(files, b"/shop/packed")] == [403, 403]


@covers("SFI-PTH-03", "SFI-ALI-01")
@pytest.mark.parametrize("path", [b"/shop/WEB-INF/web.xml", b"/shop/web-inf/web.xml", b"/shop/META-INF"])
def test_what_applications_keep_for_themselves_is_not_there(apps: Path, path: bytes) -> None:
    assert status(StaticFiles(None, apps), path) == 404


@covers("SFI-ALI-02")
def test_a_packed_application_is_refused(root: Path, apps: Path) -> None:
    put(root / "down.war", b"of the document root")
    files = StaticFiles(root, apps)
    for path in (b"/shop.war", b"/shop.WAR", b"/none.war", b"/shop.war/", b"/shop.war/x", b"/down.war"):
        assert status(files, path) == 403, path
    assert ask(files, b"/shop/in.war")[2] == b"inner"
    assert status(StaticFiles(root, None), b"/down.war") == 200


@covers("SFI-ALI-03")
def test_an_application_elsewhere_is_refused(root: Path, apps: Path) -> None:
    (apps / "away").symlink_to(root)
    (apps / "here").symlink_to("shop")
    files = StaticFiles(None, apps)
    assert status(files, b"/away/file.txt") == 403
    assert ask(files, b"/here/pic.png")[2] == b"png"
