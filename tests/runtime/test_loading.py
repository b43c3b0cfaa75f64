"""`MODULE:APP` into a callable, or one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from refjk.base.errors import InputError, RefjkError, UsageError
from refjk.runtime.loading import load_application
from refjk.speccheck import covers

MODULES = {
    "good_app.py": "def app(environ, respond): return []\nclass holder:\n  class inner:\n    other = app\n",
    "mistyped.py": "def application(environ, start_response): return []\nanswer = 42\n_private = None\n",
    "raising.py": "import json\n\njson.loads('{')\n",
    "exiting.py": "import sys\n\nsys.exit('no settings')\n",
    "bad_syntax.py": "def app(:\n",
    "needing.py": "import no_such_package_anywhere\n",
    "lazy.py": "def __getattr__(name):\n    raise ValueError('cannot make ' + name)\n",
    "package/__init__.py": "",
    "package/web.py": "def app(environ, start_response): return []\n",
}


@pytest.fixture(autouse=True)
def in_a_directory_of_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, text in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def complaint(name: str, kind: type[RefjkError]) -> str:
    with pytest.raises(kind) as caught:
        load_application(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["good_app:app", "good_app", "good_app:holder.inner.other", "package.web:app"]
)
def test_a_callable_is_found_in_the_working_directory(name: str) -> None:
    assert load_application(name)({}, None) == []


@covers("WSG-STP-07")
@pytest.mark.parametrize("name", ["", ":app", "good-app:app", "good_app/x:app", "./good_app:app", "a b:app"])
def test_a_name_of_another_shape_is_refused(name: str) -> None:
    assert complaint(name, UsageError).endswith("is not MODULE:APP, such as mypackage.wsgi:application")


@covers("WSG-STP-07")
def test_a_module_that_is_not_there_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    text = complaint("no_such_module:app", InputError)
    assert text.startswith("no module named 'no_such_module' (looked in ")
    assert str(tmp_path) in text
    assert complaint("package.nothing:app", InputError).startswith("no module named 'package.nothing'")
    assert complaint("good_app.py:app", InputError).endswith("; write it without .py")
    assert complaint("good_app.sub:app", InputError).startswith("no module named 'good_app.sub'")


@covers("WSG-STP-07")
def test_a_module_that_the_application_needs_is_told_apart_from_the_application() -> None:
    text = complaint("needing:app", InputError)
    assert text == "module 'needing' cannot be imported: No module named 'no_such_package_anywhere'"


@covers("WSG-STP-07")
@pytest.mark.parametrize(
    ("name", "said", "place"),
    [
        ("raising:app", "module 'raising' cannot be imported: JSONDecodeError: ", "decoder.py:"),
        ("exiting:app", "module 'exiting' cannot be imported: SystemExit: no settings at ", "exiting.py:3"),
        ("bad_syntax:app", "module 'bad_syntax' cannot be imported: SyntaxError: ", "bad_syntax.py"),
    ],
)
def test_an_error_of_the_import_is_told_with_its_place(name: str, said: str, place: str) -> None:
    text = complaint(name, InputError)
    assert text.startswith(said)
    assert place in text


@covers("WSG-STP-07")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mistyped:aplication", "module 'mistyped' has no 'aplication'; did you mean 'application'?"),
        ("mistyped", "module 'mistyped' has no 'app'"),
        ("mistyped:_privat", "module 'mistyped' has no '_privat'"),
        ("good_app:holder.iner.other", "no 'holder.iner.other'; did you mean 'inner'?"),
        ("mistyped:", "module 'mistyped' has no 'app'"),
        ("good_app:app.", "module 'good_app' has no 'app.'"),
    ],
)
def test_an_attribute_that_is_not_there_is_told_with_the_nearest_one(name: str, said: str) -> None:
    assert said in complaint(name, InputError)


@covers("WSG-STP-07")
def test_an_attribute_that_fails_is_said_in_one_sentence() -> None:
    assert "ValueError: cannot make app" in complaint("lazy:app", InputError)


@covers("WSG-STP-07")
def test_what_cannot_be_called_is_refused() -> None:
    text = complaint("mistyped:answer", InputError)
    assert text == "'mistyped:answer' is a int and cannot be called; a WSGI application can"
