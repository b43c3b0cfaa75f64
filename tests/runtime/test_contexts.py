"""Which application a request reaches, what it finds there, and what the folders of applications give."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from zipfile import ZipFile

import pytest

from refjk.configuration import EngineElement, read_server_xml
from refjk.runtime.applications import Application, ApplicationLoader
from refjk.runtime.contexts import Contexts, Hosts, Prefixes, node_base, node_properties
from refjk.speccheck import covers
from tests.runtime.connectors import serving

ECHO = """
def app(environ, start_response):
    keys = ("SCRIPT_NAME", "PATH_INFO", "refjk.context_path", "refjk.context_params", "refjk.node")
    start_response("200 OK", [("X-Says", NAME)])
    return [repr([environ.get(key) for key in keys]).encode()]

NAME = {name!r}
"""
ONE_SERVLET = (
    "<servlet><servlet-name>s</servlet-name><servlet-class>{target}</servlet-class></servlet>"
    "<servlet-mapping><servlet-name>s</servlet-name><url-pattern>{pattern}</url-pattern></servlet-mapping>"
)


@pytest.fixture(autouse=True)
def unchanged_imports() -> Iterator[None]:
    paths, modules = list(sys.path), set(sys.modules)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    yield
    sys.dont_write_bytecode = before
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def make_application(
    folder: Path, web: str | None = None, *, modules: Mapping[str, str] | None = None, pattern: str = "/*"
) -> Path:
    """An application folder; `web` is what its web.xml holds, one servlet by default."""
    web = ONE_SERVLET.format(target="echo:app", pattern=pattern) if web is None else web
    put(folder / "WEB-INF" / "web.xml", f"<web-app>{web}</web-app>")
    for name, text in (modules or {"echo": ECHO.format(name=folder.name)}).items():
        put(folder / "WEB-INF" / "classes" / f"{name}.py", text)
    return folder


def engine(host: str, more: str = "") -> EngineElement:
    """The engine of a server.xml whose default host has these attributes and children."""
    text = (
        '<Server><Service><Connector port="0" protocol="AJP/1.3"/>'
        f'<Engine defaultHost="localhost" jvmRoute="node1"><Host name="localhost"{host}</Host>{more}'
        "</Engine></Service></Server>"
    )
    found = read_server_xml(text, "server.xml")
    assert found.complaints == () and found.server is not None
    return found.server.services[0].engine


def hosts(base: Path, host: str = ">", more: str = "") -> Hosts:
    return Hosts.of(engine(host, more), base, ApplicationLoader())


Answer = tuple[int, dict[str, str], bytes]


def ask(application: Any, path: str, method: str = "GET", **environ: str) -> Answer:
    """Status, headers and body of an answer."""
    said: list[Any] = []
    facts = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        **environ,
    }
    result = application(facts, lambda status, headers: said.extend((status, headers)))
    try:
        body = b"".join(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return int(said[0].split()[0]), dict(said[1]), body


def echoed(answer: Answer) -> list[Any]:
    assert answer[0] == 200, answer
    return list(eval(answer[2]))


# -- which context --------------------------------------------------------------------------------


@covers("SXM-DSP-01")
@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("", 0)),
        ("/shop", ("/shop", 5)),
        ("/shop/", ("/shop", 5)),
        ("/shopping", ("", 0)),
        ("/shop/admin", ("/shop/admin", 11)),
        ("/shop/admin/x", ("/shop/admin", 11)),
        ("/shop/administrator", ("/shop", 5)),
        ("/shop;jsessionid=1.a", ("/shop", 20)),
        ("/shop;a=b/x;c=d", ("/shop", 9)),
        ("/shop;a/admin;b", ("/shop/admin", 15)),
        ("/;a/shop", ("", 0)),
        ("//shop", ("", 0)),
        ("", ("", 0)),
        ("/SHOP", ("", 0)),
    ],
)
def test_the_longest_path_segment_by_segment_is_found(path: str, found: tuple[str, int]) -> None:
    assert Prefixes(["", "/shop", "/shop/admin"]).find(path) == found


@covers("SXM-DSP-05")
def test_without_root_context_nothing_is_found_elsewhere(tmp_path: Path) -> None:
    assert Prefixes(["/shop"]).find("/other") is None
    assert Prefixes([]).find("/other") is None
    make_application(tmp_path / "webapps" / "shop")
    assert ask(hosts(tmp_path), "/other")[0] == 404
    assert ask(hosts(tmp_path), "/shop/other")[0] == 200


@covers("SXM-DSP-02", "WXM-PRM-01")
def test_an_application_finds_its_path_and_facts_in_the_environ(tmp_path: Path) -> None:
    parameter = "<context-param><param-name>k</param-name><param-value>v</param-value></context-param>"
    make_application(
        tmp_path / "webapps" / "shop", parameter + ONE_SERVLET.format(target="echo:app", pattern="/*")
    )
    answer = ask(hosts(tmp_path), "/shop;x=1/a;b=c/d", SCRIPT_NAME="/outer")
    assert echoed(answer) == ["/outer/shop", "/a;b=c/d", "/shop", {"k": "v"}, "node1"]


@covers("SXM-DSP-03")
def test_the_path_of_a_folder_without_slash_is_redirected(tmp_path: Path) -> None:
    make_application(tmp_path / "webapps" / "shop")
    found = hosts(tmp_path)
    for method in ("GET", "HEAD"):
        status, headers, _ = ask(found, "/shop", method)
        assert (status, headers["Location"]) == (302, "/shop/")
    headers = ask(found, "/shop;jsessionid=1.a", QUERY_STRING="a=b&c\r\nX: y")[1]
    assert headers["Location"] == "/shop/;jsessionid=1.a?a=b&c%0D%0AX:%20y"
    assert echoed(ask(found, "/shop", "POST"))[:2] == ["/shop", ""]


@covers("SXM-DSP-04")
@pytest.mark.parametrize("folder", ["WEB-INF", "META-INF", "web-inf", "Meta-Inf", "/WEB-INF", "WEB-INF;a=b"])
@pytest.mark.parametrize("pattern", ["/*", "*.xml", "/WEB-INF/*"])
def test_private_folders_are_reached_neither_by_files_nor_by_servlets(
    tmp_path: Path, folder: str, pattern: str
) -> None:
    shop = make_application(tmp_path / "webapps" / "shop", pattern=pattern)
    put(shop / "META-INF" / "context.xml", "x")
    found = hosts(tmp_path)
    for name in ("/web.xml", "/context.xml", "/", ""):
        assert ask(found, f"/shop/{folder}{name}")[0] == 404


@covers("SXM-DSP-06")
def test_a_host_is_chosen_by_name_and_alias_and_else_the_default(tmp_path: Path) -> None:
    make_application(tmp_path / "a" / "ROOT")
    make_application(tmp_path / "b" / "ROOT", modules={"echo": ECHO.format(name="other")})
    more = '<Host name="Other.example" appBase="b"><Alias>third.example</Alias></Host>'
    found = hosts(tmp_path, ' appBase="a">', more)
    names = ["localhost", "OTHER.example", "Third.Example", "", "unknown"]
    said = [ask(found, "/", SERVER_NAME=name)[1]["X-Says"] for name in names]
    assert said == ["ROOT", "other", "other", "ROOT", "ROOT"]
    assert len(list(found.applications())) == 2


# -- servlets and files ---------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """An application with servlets of each kind of pattern, and files."""
    names = {"exact": "/one", "below": "/api/*", "deeper": "/api/v2/*", "pictures": "*.gif"}
    web = "".join(
        ONE_SERVLET.format(target=f"{name}:app", pattern=pattern).replace(">s<", f">{name}<")
        for name, pattern in names.items()
    )
    web += (
        "<servlet-mapping><servlet-name>default</servlet-name><url-pattern>/api/files/*</url-pattern>"
        "</servlet-mapping><mime-mapping><extension>TXT</extension><mime-type>text/x-own</mime-type>"
        "</mime-mapping><welcome-file-list><welcome-file>start.html</welcome-file></welcome-file-list>"
    )
    folder = make_application(
        tmp_path / "webapps" / "shop", web, modules={name: ECHO.format(name=name) for name in names}
    )
    put(folder / "a.txt", "text")
    put(folder / "one", "not this")
    put(folder / "sub" / "start.html", "welcome")
    put(folder / "api" / "files" / "b.css", "style")
    put(tmp_path / "webapps" / "beside.txt", "beside")
    (folder / "link.txt").symlink_to("../beside.txt")
    return hosts(tmp_path)


@covers("WXM-APP-02")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/one", "exact"),
        ("/one;a=b", "exact"),
        ("/api", "below"),
        ("/api/one", "below"),
        ("/api/x.gif", "below"),
        ("/api/v2", "deeper"),
        ("/api/v2/one", "deeper"),
        ("/api/v21", "below"),
        ("/x.gif", "pictures"),
        ("/apis/x.gif;a=b", "pictures"),
    ],
)
def test_a_request_goes_to_the_servlet_of_the_best_pattern(shop: Any, path: str, name: str) -> None:
    status, headers, _ = ask(shop, "/shop" + path)
    assert (status, headers.get("X-Says")) == (200, name)


@covers("WXM-APP-02")
def test_what_no_servlet_has_is_a_file_and_the_default_servlet_has_patterns_too(shop: Any) -> None:
    assert ask(shop, "/shop/a.txt")[2] == b"text"
    assert ask(shop, "/shop//sub/start.html")[2] == b"welcome"
    assert ask(shop, "/shop/one/")[0] == 404
    assert ask(shop, "/shop/api/files/b.css;v=1")[2] == b"style"
    assert ask(shop, "/shop/api/files/none")[0] == 404


@covers("WXM-APP-03")
def test_only_a_prefix_is_moved_to_the_script_name(shop: Any) -> None:
    assert echoed(ask(shop, "/shop/api/v2/a;b/c"))[:2] == ["/shop/api/v2", "/a;b/c"]
    assert echoed(ask(shop, "/shop/one"))[:2] == ["/shop", "/one"]
    assert echoed(ask(shop, "/shop/a/b.gif"))[:2] == ["/shop", "/a/b.gif"]


def test_a_servlet_at_a_slash_gets_what_is_left_and_files_are_not_served(tmp_path: Path) -> None:
    folder = make_application(tmp_path / "webapps" / "shop", pattern="/")
    put(folder / "a.txt", "text")
    assert echoed(ask(hosts(tmp_path), "/shop/a.txt"))[:2] == ["/shop", "/a.txt"]


@covers("WXM-MIM-01")
def test_a_type_of_the_web_xml_is_that_of_the_file(shop: Any) -> None:
    status, headers, _ = ask(shop, "/shop/a.txt")
    assert (status, headers["Content-Type"], headers["Content-Length"]) == (200, "text/x-own", "4")
    assert ask(shop, "/shop/api/files/b.css")[1]["Content-Type"] == "text/css"


def test_files_have_conditions_welcome_files_and_redirections_below_the_context(shop: Any) -> None:
    headers = ask(shop, "/shop/a.txt")[1]
    status, _, body = ask(shop, "/shop/a.txt", HTTP_IF_MODIFIED_SINCE=headers["Last-Modified"])
    assert (status, body) == (304, b"")
    assert ask(shop, "/shop/a.txt", "HEAD")[::2] == (200, b"")
    assert ask(shop, "/shop/a.txt", "POST")[0] == 405
    status, headers, _ = ask(shop, "/shop/sub", QUERY_STRING="a=b")
    assert (status, headers["Location"]) == (301, "/shop/sub/?a=b")
    assert ask(shop, "/shop/sub/")[2] == b"welcome"
    assert ask(shop, "/shop/api/files/")[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/../beside.txt", "/sub/../../beside.txt", "/..;a/beside.txt", "/sub/..;/..;/beside.txt", "/link.txt"],
)
def test_no_path_leads_out_of_the_folder(shop: Any, path: str) -> None:
    status, _, body = ask(shop, "/shop" + path)
    assert status in (403, 404) and b"beside" not in body


# -- folders and their applications ---------------------------------------------------------------


@covers("SXM-DEP-01")
def test_each_folder_of_the_app_base_is_a_context_unless_one_of_its_path_is_written(tmp_path: Path) -> None:
    for name in ("ROOT", "shop", "a.b", ".hidden"):
        put(tmp_path / "webapps" / name / "index.html", name)
    put(tmp_path / "webapps" / "loose.txt", "x")
    put(tmp_path / "elsewhere" / "index.html", "elsewhere")
    context = '><Context path="/shop" docBase="../elsewhere"/>'
    found = hosts(tmp_path, context)
    assert [one.path for one in found.applications()] == ["/shop", "", "/a.b"]
    assert [ask(found, path)[2] for path in ("/", "/shop/", "/a.b/")] == [b"ROOT", b"elsewhere", b"a.b"]
    only = hosts(tmp_path, ' deployOnStartup="false"' + context)
    assert [one.path for one in only.applications()] == ["/shop"]
    assert list(hosts(tmp_path / "nowhere").applications()) == []


@covers("SXM-CTX-02")
def test_a_doc_base_may_name_a_callable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "mounted.py", ECHO.format(name="mounted"))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = hosts(tmp_path, '><Context path="/api" docBase="mounted:app"/>')
    assert echoed(ask(found, "/api/x"))[:3] == ["/api", "/x", "/api"]
    assert echoed(ask(found, "/api"))[:2] == ["/api", ""]


@covers("SXM-CTX-03")
def test_an_application_is_distributable_by_its_web_xml_its_context_or_its_manager(tmp_path: Path) -> None:
    make_application(tmp_path / "webapps" / "yes", "<distributable/>")
    make_application(tmp_path / "webapps" / "no", "")
    delta = "org.apache.catalina.cluster.session.DeltaManager"
    contexts = {
        "/1": ("yes", "", ""),
        "/2": ("no", "", ""),
        "/3": ("no", ' distributable="true"', ""),
        "/4": ("yes", "", "<Manager/>"),
        "/5": ("no", "", f'<Manager className="{delta}"/>'),
    }
    text = "".join(
        f'<Context path="{path}" docBase="{folder}"{more}>{inner}</Context>'
        for path, (folder, more, inner) in contexts.items()
    )
    found = hosts(tmp_path, f' deployOnStartup="false">{text}')
    assert [one.distributable for one in found.applications()] == [True, False, True, False, True]


BROKEN = {
    "raises": ("", {"echo": "1 / 0"}),
    "exits": ("", {"echo": "raise SystemExit(1)"}),
    "no callable": ("", {"echo": "app = 1"}),
    "no module": ("", {"other": ""}),
    "bad listener": (
        "<listener><listener-class>echo:no</listener-class></listener>",
        {"echo": "app = print"},
    ),
    "bad web.xml": ("<servlet>", {"echo": "app = print"}),
}


@covers("SXM-DEP-02")
@pytest.mark.parametrize("what", BROKEN)
def test_an_application_that_cannot_be_started_is_unavailable_and_the_others_serve(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    web, modules = BROKEN[what]
    make_application(
        tmp_path / "webapps" / "good",
        modules={"good": ECHO.format(name="good")},
        web=ONE_SERVLET.format(target="good:app", pattern="/*"),
    )
    make_application(
        tmp_path / "webapps" / "bad",
        web + ONE_SERVLET.format(target="echo:app", pattern="/*"),
        modules=modules,
    )
    with caplog.at_level(logging.ERROR):
        found = hosts(tmp_path)
    assert "the application at /bad cannot be started" in caplog.text
    status, _, body = ask(found, "/bad/x")
    assert (status, body) == (503, b"503 Service Unavailable\n")
    assert ask(found, "/bad")[0] == 503
    assert ask(found, "/good/x")[1]["X-Says"] == "good"
    assert [one.error is None for one in found.applications()] == [False, True]


@covers("SXM-DEP-02")
def test_a_folder_that_is_missing_is_an_application_that_cannot_be_started(tmp_path: Path) -> None:
    found = hosts(
        tmp_path, '><Context path="/gone" docBase="gone"/><Context path="/none" docBase="no_such:app"/>'
    )
    assert [ask(found, path)[0] for path in ("/gone/", "/none/")] == [503, 503]


@covers("SXM-DEP-03")
def test_modules_of_the_same_name_are_those_of_each_application(tmp_path: Path) -> None:
    for name in ("first", "second"):
        make_application(
            tmp_path / "webapps" / name,
            modules={
                "echo": "from helper.inner import app",
                "helper/__init__": "",
                "helper/inner": ECHO.format(name=name),
            },
        )
    found = hosts(tmp_path)
    assert [ask(found, f"/{name}/")[1]["X-Says"] for name in ("first", "second")] == ["first", "second"]
    assert sys.modules["helper"].__file__ == str(
        tmp_path / "webapps" / "first" / "WEB-INF" / "classes" / "helper" / "__init__.py"
    )


@covers("SXM-DEP-03")
def test_an_applications_own_module_comes_before_an_installed_one_and_imports_may_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "installed" / "echo.py", ECHO.format(name="installed"))
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    lazy = (
        "def app(environ, start_response):\n    import late\n    return late.app(environ, start_response)\n"
    )
    make_application(tmp_path / "webapps" / "a")
    make_application(
        tmp_path / "webapps" / "b",
        ONE_SERVLET.format(target="lazy:app", pattern="/*"),
        modules={"lazy": lazy, "late": ECHO.format(name="late")},
    )
    found = hosts(tmp_path)
    assert ask(found, "/a/")[1]["X-Says"] == "a"
    assert ask(found, "/b/")[1]["X-Says"] == "late"


def test_names_beyond_ascii_are_those_of_the_wire(tmp_path: Path) -> None:
    make_application(tmp_path / "webapps" / "Büro", pattern="/ä/*")
    put(tmp_path / "webapps" / "x" / "ß.txt", "sharp")
    found = hosts(tmp_path, '><Context path="/€" docBase="x"/>')
    wire = [text.encode().decode("latin-1") for text in ("/Büro", "/ä", "/€/ß.txt")]
    assert echoed(ask(found, wire[0] + wire[1] + "/b"))[:2] == [wire[0] + wire[1], "/b"]
    assert ask(found, wire[2])[2] == b"sharp"
    assert ask(found, wire[0])[1]["Location"] == "/B%C3%BCro/"


def test_archives_of_the_lib_folder_are_imported_from(tmp_path: Path) -> None:
    folder = make_application(tmp_path / "webapps" / "a", modules={"none": ""})
    (folder / "WEB-INF" / "lib").mkdir()
    with ZipFile(folder / "WEB-INF" / "lib" / "own.zip", "w") as archive:
        archive.writestr("echo.py", ECHO.format(name="from the archive"))
    assert ask(hosts(tmp_path), "/a/")[1]["X-Says"] == "from the archive"


def test_listeners_are_loaded_and_what_is_started_is_wrapped(tmp_path: Path) -> None:
    listener = "<listener><listener-class>echo:NAME</listener-class></listener>"
    folder = make_application(tmp_path / "a", listener + ONE_SERVLET.format(target="echo:app", pattern="/*"))
    loader = ApplicationLoader()
    good, bad = loader.load_folder("/a", folder), loader.load_folder("/b", tmp_path / "gone")
    assert good.listeners == ("a",)
    wrapped: list[str] = []

    def wrap(application: Application, served: Any) -> Any:
        wrapped.append(application.path)
        return lambda environ, start_response: served({**environ, "refjk.node": "wrapped"}, start_response)

    contexts = Contexts([good, bad], wrap)
    assert wrapped == ["/a"]
    assert echoed(ask(contexts, "/a/"))[4] == "wrapped"
    assert ask(contexts, "/b/")[0] == 503


@covers("SXM-VAL-06")
def test_the_base_is_the_folder_above_conf(tmp_path: Path) -> None:
    assert node_base(str(tmp_path / "conf" / "server.xml")) == tmp_path
    assert node_base(str(tmp_path / "other" / "server.xml")) == tmp_path / "other"
    properties = node_properties(os.path.relpath(tmp_path / "conf" / "server.xml"))
    assert properties["catalina.base"] == properties["catalina.home"] == str(tmp_path)


def test_over_the_wire_files_and_servlets_answer(tmp_path: Path) -> None:
    folder = make_application(tmp_path / "webapps" / "shop", pattern="/api/*")
    put(folder / "big.bin", "x" * 300_000)
    with serving(hosts(tmp_path)) as served, served.client() as client:
        answer = client.ask(b"/shop/big.bin")
        assert (answer.status, len(answer.body)) == (200, 300_000)
        answer = client.ask(b"/shop/api/x")
        assert (answer.status, b"'/shop/api', '/x'" in answer.body) == (200, True)
        answer = client.ask(b"/shop/WEB-INF/web.xml")
        assert answer.status == 404


# -- while requests run ---------------------------------------------------------------------------

MAIN_XML = (
    "<context-param><param-name>refjk.application</param-name><param-value>echo:app</param-value>"
    "</context-param>"
)
LATER = """
import helper

def app(environ, start_response):
    import helper as now
    start_response("200 OK", [])
    return [f"{helper.NAME} {now.NAME} {helper is now}".encode()]
"""


@runtime_checkable
class Closable(Protocol):
    def close(self) -> None: ...

    def __iter__(self) -> Iterator[bytes]: ...


def version(loader: ApplicationLoader, folder: Path, name: str, text: str = ECHO) -> Application:
    """A version in a folder of its own, loaded for /shop."""
    modules = {"echo": text.format(name=name) if text is ECHO else text, "helper": f"NAME = {name!r}"}
    make_application(folder / name, MAIN_XML, modules=modules)
    loaded = loader.load_folder("/shop", folder / name, fresh=True)
    assert loaded.error is None
    return loaded


@covers("FAR-VER-01")
def test_public_files_are_served_and_all_else_is_the_callables(tmp_path: Path) -> None:
    web = MAIN_XML + ONE_SERVLET.format(target="other:app", pattern="/api/*")
    modules = {"echo": ECHO.format(name="main"), "other": ECHO.format(name="servlet")}
    folder = make_application(tmp_path / "webapps" / "shop", web, modules=modules)
    put(folder / "a.txt", "text")
    put(folder / "index.html", "welcome")
    found = hosts(tmp_path)
    assert ask(found, "/shop/a.txt")[2] == b"text"
    assert ask(found, "/shop/a.txt", "HEAD")[0] == 200
    assert ask(found, "/shop/api/x")[1]["X-Says"] == "servlet"
    for path, method in [("/a.txt", "POST"), ("/none", "GET"), ("/", "GET"), ("/sub/", "GET")]:
        assert ask(found, "/shop" + path, method)[1].get("X-Says") == "main", path
    assert ask(found, "/shop/WEB-INF/web.xml")[0] == 404


@covers("FAR-VER-02")
def test_a_request_ends_with_the_version_that_it_came_to(tmp_path: Path) -> None:
    loader = ApplicationLoader()
    go_on = threading.Event()

    def slow(application: Application, served: Any) -> Any:
        def serve(environ: Any, start_response: Any) -> Iterator[bytes]:
            yield from served(environ, start_response)
            assert go_on.wait(10)
            yield b" to its end"

        return serve

    contexts = Contexts([version(loader, tmp_path, "v1")], slow)
    before = contexts.get("/shop")
    assert before is not None
    running = contexts(
        {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/shop/", "SERVER_NAME": "h"},
        lambda status, headers: print,
    )
    assert isinstance(running, Closable)
    started = iter(running)
    assert b"/shop" in next(started)
    go_on.set()
    after = contexts.prepare(version(loader, tmp_path, "v2"))
    assert contexts.put(after) is before
    assert ask(contexts, "/shop/")[1]["X-Says"] == "v2"
    assert (before.running, after.running) == (1, 0)
    assert next(started) == b" to its end"
    running.close()
    assert before.running == 0
    assert [one.folder for one in contexts.applications] == [tmp_path / "v2"]


@covers("FAR-VER-03")
def test_what_is_removed_gets_no_request_and_those_that_run_are_waited_for(tmp_path: Path) -> None:
    contexts = Contexts([version(ApplicationLoader(), tmp_path, "v1")])
    assert contexts.remove("/none") is None
    mounted = contexts.remove("/shop")
    assert mounted is not None and mounted.begin()
    assert ask(contexts, "/shop/")[0] == 404
    assert not mounted.close(0.01)
    assert not mounted.begin()
    ask(mounted.serve, "/")
    assert mounted.close(0.0) and mounted.running == 0


def test_a_request_that_found_what_is_just_removed_looks_again(tmp_path: Path) -> None:
    loader = ApplicationLoader()
    contexts = Contexts([version(loader, tmp_path, "v1")])
    removed = contexts.get("/shop")
    assert removed is not None
    end = removed.close

    class Closing(Prefixes):
        """Between the look and the request, the version is replaced and ended."""

        def find(self, path: str) -> tuple[str, int] | None:
            if contexts.get("/shop") is removed:
                contexts.put(contexts.prepare(version(loader, tmp_path, "v2")))
                assert end(0)
            return super().find(path)

    object.__setattr__(contexts._table, "prefixes", Closing(["/shop"]))
    assert ask(contexts, "/shop/")[1]["X-Says"] == "v2"


def test_a_request_that_fails_runs_no_longer(tmp_path: Path) -> None:
    def failing(environ: Any, start_response: Any) -> Any:
        raise ValueError

    contexts = Contexts([version(ApplicationLoader(), tmp_path, "v1")], lambda application, served: failing)
    mounted = contexts.get("/shop")
    assert mounted is not None
    with pytest.raises(ValueError):
        ask(contexts, "/shop/")
    assert mounted.running == 0


@covers("FAR-VER-04")
def test_each_version_has_modules_of_its_own_also_from_the_same_folder(tmp_path: Path) -> None:
    loader = ApplicationLoader()
    first = version(loader, tmp_path, "v1", LATER)
    second = version(loader, tmp_path, "v2", LATER)
    assert ask(Contexts([first]), "/shop/")[2] == b"v1 v1 True"
    assert ask(Contexts([second]), "/shop/")[2].startswith(b"v2 ")
    loader.unload(first)
    assert ask(Contexts([second]), "/shop/")[2] == b"v2 v2 True"
    assert not any("v1" in path for path in sys.path)
    again = loader.load_folder("/shop", tmp_path / "v2", fresh=True)
    assert again.modules["echo"] is not second.modules["echo"]
    loader.unload(second)
    assert sys.modules["echo"] is again.modules["echo"]
    assert ask(Contexts([again]), "/shop/")[2] == b"v2 v2 True"
    loader.unload(again)
    assert "echo" not in sys.modules and "helper" not in sys.modules
    assert not any("v2" in path for path in sys.path)


@covers("FAR-VER-05")
def test_a_version_that_cannot_be_loaded_leaves_nothing_behind(tmp_path: Path) -> None:
    loader = ApplicationLoader()
    first = version(loader, tmp_path, "v1", LATER)
    modules = {"echo": "import helper, more\n1 / 0", "helper": "NAME = 'v2'", "more": ""}
    make_application(tmp_path / "v2", MAIN_XML, modules=modules)
    failed = loader.load_folder("/shop", tmp_path / "v2", fresh=True)
    assert failed.error is not None and "ZeroDivisionError" in failed.error
    assert "more" not in sys.modules and not any("v2" in path for path in sys.path)
    assert ask(Contexts([first]), "/shop/")[2] == b"v1 v1 True"
