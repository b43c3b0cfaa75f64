"""Imports point one way, and the packages without I/O stay without it.

Read from the syntax trees: an import inside a function or under `TYPE_CHECKING` counts like any other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "refjk"

CORES = {
    "base",
    "ajp13",
    "http1",
    "mapping",
    "balancing",
    "objectstream",
    "membership",
    "channel",
    "session",
    "farm",
    "configuration",
}
COMPOSITIONS = {"webserver", "node"}
PROTOCOLS = CORES | COMPOSITIONS


@dataclass(frozen=True)
class Layer:
    """One package or module below `refjk`: what it may import beside itself, and whether it does I/O.

    `shells` are its only modules that may, although the package is pure.
    """

    may_import: set[str]
    pure: bool = False
    shells: frozenset[str] = frozenset()


LAYERS: dict[str, Layer] = {
    "base": Layer(set(), pure=True),
    "ajp13": Layer({"base"}, pure=True),
    "http1": Layer({"base"}, pure=True),
    "mapping": Layer({"base"}, pure=True),
    "balancing": Layer({"base"}, pure=True),
    "objectstream": Layer({"base"}, pure=True),
    "membership": Layer({"base"}, pure=True),
    "channel": Layer({"base", "objectstream"}, pure=True),
    "session": Layer({"base", "objectstream"}, pure=True),
    "farm": Layer({"base", "objectstream"}, pure=True),
    "configuration": Layer({"base"}, pure=True),
    # Compositions of cores.
    "logformat": Layer({"base", "configuration"}, pure=True),
    "status": Layer({"base", "balancing", "configuration"}, pure=True),
    "webserver": Layer(CORES | {"status"}, pure=True),
    "node": Layer(CORES, pure=True),
    # The two worlds that drive them.
    "runtime": Layer(PROTOCOLS | {"logformat", "status", "decode"}),
    "simulation": Layer(PROTOCOLS),
    # Tools.
    "vectors": Layer(PROTOCOLS),
    "decode": Layer({"base", "ajp13", "objectstream", "membership", "channel"}, pure=True),
    "speccheck": Layer({"base"}, pure=True, shells=frozenset({"tree"})),
    "conformance": Layer(PROTOCOLS | {"runtime"}),
    "demo": Layer(PROTOCOLS | {"runtime"}),
    # The top: `cli` may import everything, and only `python -m refjk` imports `cli`.
    "cli": Layer(
        PROTOCOLS | {"runtime", "simulation", "vectors", "decode", "speccheck", "conformance", "demo"}
    ),
    "__main__": Layer({"cli"}),
    "__init__": Layer(set()),
}

BANNED_MODULES = {
    "_thread",
    "asyncio",
    "concurrent",
    "logging",
    "multiprocessing",
    "os",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
}
BANNED_BUILTINS = {"input", "open", "print"}
CLOCKS = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}


# The detectors: source text in, one sentence per fault out, each beginning with the line.


def imported_modules(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported; `package` is what relative imports start from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def layering_faults(source: str, layer_name: str, package: str) -> list[str]:
    """Imports of other parts of refjk that the row of `layer_name` does not allow."""
    allowed = LAYERS[layer_name].may_import | {layer_name}
    faults = []
    for line, name in imported_modules(ast.parse(source), package):
        top, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if top != "refjk" or part in allowed or (part.startswith("__") and part != "__main__"):
            continue
        what = f"refjk.{part}" if part else "refjk"
        faults.append(f"{line}: {layer_name} must not import {what}")
    return faults


def third_party_faults(source: str, package: str) -> list[str]:
    """Imports from outside the standard library."""
    return [
        f"{line}: {name} is not in the standard library"
        for line, name in imported_modules(ast.parse(source), package)
        if name.partition(".")[0] not in sys.stdlib_module_names | {"refjk"}
    ]


def impurity_faults(source: str, package: str) -> list[str]:
    """Uses of I/O, clocks, threads and random sources other than a `random.Random` handed in."""
    tree = ast.parse(source)
    faults = [
        f"{line}: imports {name}"
        for line, name in imported_modules(tree, package)
        if name.partition(".")[0] in BANNED_MODULES
        or (name.startswith("random.") and name != "random.Random")
    ]
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name | ast.Attribute | ast.Call):
            continue
        name = _dotted(node.func if isinstance(node, ast.Call) else node, aliases)
        if isinstance(node, ast.Call):
            # Without a seed it takes one from the operating system.
            if name == "random.Random" and not node.args and not node.keywords:
                faults.append(f"{node.lineno}: random.Random() without a seed")
        elif isinstance(node, ast.Name):
            if node.id in BANNED_BUILTINS and isinstance(node.ctx, ast.Load):
                faults.append(f"{node.lineno}: uses {node.id}")
        elif name in CLOCKS:
            faults.append(f"{node.lineno}: reads a clock with {name}")
        elif name.startswith("random.") and name.count(".") == 1 and name != "random.Random":
            faults.append(f"{node.lineno}: uses {name}")
    return faults


def _aliases(tree: ast.AST) -> dict[str, str]:
    """What the local names of imports stand for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({alias.asname: alias.name for alias in node.names if alias.asname})
            names.update(
                {a.name.partition(".")[0]: a.name.partition(".")[0] for a in node.names if not a.asname}
            )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    """`a.b.c` with `a` replaced by what it was imported from; empty for what is no imported name."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, "")
    if isinstance(node, ast.Attribute):
        origin = _dotted(node.value, aliases)
        return f"{origin}.{node.attr}" if origin else ""
    return ""


# The tree.

FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def package_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).parent.parts)


def is_pure(file: Path) -> bool:
    layer = LAYERS.get(layer_of(file))
    return layer is not None and layer.pure and file.stem not in layer.shells


def by_place(file: Path, faults: list[str]) -> list[str]:
    return [f"{file.relative_to(PACKAGE.parent)}:{fault}" for fault in faults]


def test_every_part_of_refjk_has_a_row_in_the_table() -> None:
    assert sorted({layer_of(file) for file in FILES} - LAYERS.keys()) == []
    assert {"base", "cli", "__main__"} <= {layer_of(file) for file in FILES}


@pytest.mark.parametrize("layer", sorted({layer_of(file) for file in FILES} & LAYERS.keys()))
def test_part_imports_only_what_its_row_allows(layer: str) -> None:
    faults = [
        fault
        for file in FILES
        if layer_of(file) == layer
        for fault in by_place(file, layering_faults(file.read_text("utf-8"), layer, package_of(file)))
    ]
    assert faults == []


@pytest.mark.parametrize("layer", sorted({layer_of(file) for file in FILES if is_pure(file)}))
def test_part_without_io_has_no_io_clock_thread_or_random_source(layer: str) -> None:
    faults = [
        fault
        for file in FILES
        if layer_of(file) == layer and is_pure(file)
        for fault in by_place(file, impurity_faults(file.read_text("utf-8"), package_of(file)))
    ]
    assert faults == []


def test_refjk_needs_nothing_but_the_standard_library() -> None:
    faults = [
        fault
        for file in FILES
        for fault in by_place(file, third_party_faults(file.read_text("utf-8"), package_of(file)))
    ]
    assert faults == []


# The table itself.


def test_protocol_packages_are_blind_to_each_other() -> None:
    for name in CORES - {"base"}:
        streams = {"objectstream"} if name in {"channel", "session", "farm"} else set()
        assert LAYERS[name].may_import == {"base"} | streams
        assert LAYERS[name].pure


def test_the_two_worlds_never_import_each_other_and_nothing_imports_cli() -> None:
    assert "simulation" not in LAYERS["runtime"].may_import
    assert "runtime" not in LAYERS["simulation"].may_import
    assert [name for name, layer in LAYERS.items() if "cli" in layer.may_import] == ["__main__"]


def test_the_table_has_no_circle() -> None:
    below: dict[str, set[str]] = {name: layer.may_import for name, layer in LAYERS.items()}
    while free := [name for name, others in below.items() if not others & below.keys()]:
        for name in free:
            del below[name]
    assert below == {}


# The detectors detect.


@pytest.mark.parametrize(
    ("source", "layer", "package", "fault"),
    [
        ("import refjk.http1.head", "ajp13", "refjk.ajp13", "1: ajp13 must not import refjk.http1"),
        ("from refjk.http1 import head", "ajp13", "refjk.ajp13", "1: ajp13 must not import refjk.http1"),
        ("from refjk import http1", "ajp13", "refjk.ajp13", "1: ajp13 must not import refjk.http1"),
        ("from ..http1 import head", "ajp13", "refjk.ajp13", "1: ajp13 must not import refjk.http1"),
        ("from ...http1 import head", "ajp13", "refjk.ajp13.sub", "1: ajp13 must not import refjk.http1"),
        ("from .. import http1", "ajp13", "refjk.ajp13", "1: ajp13 must not import refjk.http1"),
        (
            "def f():\n    import refjk.cli",
            "runtime",
            "refjk.runtime",
            "2: runtime must not import refjk.cli",
        ),
        (
            "if TYPE_CHECKING:\n import refjk.ajp13",
            "base",
            "refjk.base",
            "2: base must not import refjk.ajp13",
        ),
        (
            "import refjk.simulation",
            "runtime",
            "refjk.runtime",
            "1: runtime must not import refjk.simulation",
        ),
        (
            "import refjk.runtime",
            "simulation",
            "refjk.simulation",
            "1: simulation must not import refjk.runtime",
        ),
        ("import refjk.runtime", "vectors", "refjk.vectors", "1: vectors must not import refjk.runtime"),
        ("import refjk.__main__", "demo", "refjk.demo", "1: demo must not import refjk.__main__"),
        ("import refjk", "base", "refjk.base", "1: base must not import refjk"),
        ("from refjk import ajp13", "__init__", "refjk", "1: __init__ must not import refjk.ajp13"),
        ("from . import cli", "__init__", "refjk", "1: __init__ must not import refjk.cli"),
    ],
)
def test_a_forbidden_import_is_detected(source: str, layer: str, package: str, fault: str) -> None:
    assert layering_faults(source, layer, package) == [fault]


@pytest.mark.parametrize(
    ("source", "layer"),
    [
        ("import refjk.base.errors", "ajp13"),
        ("from refjk.ajp13 import codes\nfrom . import codec\nfrom .codec import x", "ajp13"),
        ("from refjk import __version__", "cli"),
        ("from refjk.objectstream import parse", "session"),
        ("import os, refjkx", "runtime"),
        ("from refjk.webserver import WebServer", "simulation"),
    ],
)
def test_an_allowed_import_is_no_fault(source: str, layer: str) -> None:
    assert layering_faults(source, layer, f"refjk.{layer}") == []


@pytest.mark.parametrize(
    "source", ["import yaml", "from yaml.x import y", "def f():\n    import pytest as json"]
)
def test_a_third_party_import_is_detected(source: str) -> None:
    assert len(third_party_faults(source, "refjk.base")) == 1
    assert third_party_faults("import json, refjk.base\nfrom . import x", "refjk.base") == []


IMPURE = [
    *(f"import {module}" for module in sorted(BANNED_MODULES)),
    "import os.path as p",
    "from time import monotonic",
    "def f():\n    import socket",
    "import random\nx = random.random()",
    "import random\nx = random.choice",
    "import random as r\nx = r.shuffle",
    "import random\nx = random.SystemRandom(1)",
    "import random\nx = random.Random()",
    "from random import Random\nx = Random()",
    "from random import choice",
    "open('x')",
    "def f(write=print): ...",
    "import datetime\ndatetime.datetime.now()",
    "import datetime as dt\ndt.datetime.utcnow()",
    "from datetime import datetime as d\nd.now",
    "from datetime import date\ndate.today()",
]


@pytest.mark.parametrize("source", IMPURE)
def test_an_impurity_is_detected(source: str) -> None:
    assert len(impurity_faults(source, "refjk.base")) == 1


def test_what_only_looks_impure_is_no_fault() -> None:
    source = (
        "import random\n"
        "from random import Random\n"
        "from datetime import datetime, timedelta\n"
        "from . import time\n"
        "from .select import choose\n"
        "def f(random_source: random.Random, other: Random, now: datetime) -> float:\n"
        "    seeded = random.Random(7)\n"
        "    self.open()\n"
        "    file.print = random_source.choice([now, datetime(2005, 1, 1)])\n"
        "    return random_source.random() + other.random() + seeded.random() + clock.now()\n"
    )
    assert impurity_faults(source, "refjk.base") == []


def test_a_shell_is_excused_only_by_name() -> None:
    assert not is_pure(PACKAGE / "speccheck" / "tree.py")
    assert is_pure(PACKAGE / "speccheck" / "checks.py")
    assert is_pure(PACKAGE / "webserver.py")
    assert not is_pure(PACKAGE / "runtime" / "loop.py")
    assert not is_pure(PACKAGE / "unheard_of" / "loop.py")
