"""Which tests carry which clauses: `@covers("…")` read from the syntax tree."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from refjk.speccheck.code import unreadable
from refjk.speccheck.complaints import Complaint, Kind

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, order=True)
class Carrier:
    """A test that carries a clause; `test` is what pytest calls it, `line` is that of the mark."""

    id: str
    test: str
    file: str
    line: int


def scan_tests(file: str, text: str) -> tuple[list[Carrier], list[Complaint]]:
    """All carriers of one file. A mark on a class counts for each of its tests."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [], [unreadable(file, error)]
    scan = _Scan(file)
    scan.body(tree.body, _Scope(file, PurePosixPath(file).match("test_*.py"), ()))
    marks = {id(node) for node in scan.marks}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_covers(node.func) and id(node) not in marks:
            scan.complain(node, Kind.BAD_COVERS, "covers(…) counts only as a decorator of a test")
    return list(dict.fromkeys(scan.carriers)), scan.complaints


@dataclass(frozen=True, slots=True)
class _Scope:
    """What surrounds a definition: pytest's name of it, whether pytest looks here, the ids of the class."""

    name: str
    collected: bool
    inherited: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Scan:
    file: str
    carriers: list[Carrier] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    marks: list[ast.expr] = field(default_factory=list)

    def complain(self, node: ast.expr | ast.stmt, kind: Kind, sentence: str) -> None:
        self.complaints.append(Complaint(self.file, node.lineno, kind, sentence))

    def body(self, nodes: list[ast.stmt], scope: _Scope) -> int:
        """Visit all definitions, also those inside `if` or `with`; returns how many are tests."""
        return sum(self._visit(node, scope) for node in nodes)

    def _visit(self, node: ast.AST, scope: _Scope) -> int:
        if not isinstance(node, _Definition):
            return sum(self._visit(child, scope) for child in ast.iter_child_nodes(node))
        ids = self._ids(node)
        name = f"{scope.name}::{node.name}"
        if isinstance(node, ast.ClassDef):
            collected = scope.collected and node.name.startswith("Test") and not _has_init(node)
            tests = self.body(node.body, _Scope(name, collected, scope.inherited + ids))
        else:
            collected = scope.collected and node.name.startswith("test")
            self.body(node.body, _Scope(name, False, ()))
            tests = int(collected)
            if collected:
                self.carriers += [Carrier(id_, name, self.file, line) for id_, line in scope.inherited + ids]
        if ids and not tests:
            self.complaints.append(
                Complaint(
                    self.file,
                    ids[0][1],
                    Kind.NOT_COLLECTED,
                    f"{name} carries {ids[0][0]}, but pytest does not collect it: tests are functions test…"
                    " in files test_*.py, alone or in classes Test… without __init__",
                )
            )
        return tests

    def _ids(self, node: _Definition) -> tuple[tuple[str, int], ...]:
        """The ids on one definition with their lines."""
        ids: list[tuple[str, int]] = []
        for mark in node.decorator_list:
            if _is_covers(mark):
                self.complain(mark, Kind.BAD_COVERS, f"covers on {node.name} names no clause")
            if not (isinstance(mark, ast.Call) and _is_covers(mark.func)):
                continue
            self.marks.append(mark)
            if not mark.args and not mark.keywords:
                self.complain(mark, Kind.BAD_COVERS, f"covers on {node.name} names no clause")
            for argument in mark.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    ids.append((argument.value, argument.lineno))
                else:
                    self._refuse(node, argument)
            for keyword in mark.keywords:
                self._refuse(node, keyword.value)
        return tuple(ids)

    def _refuse(self, node: _Definition, argument: ast.expr) -> None:
        sentence = f"covers on {node.name} takes string literals only, not {ast.unparse(argument)}"
        self.complain(argument, Kind.BAD_COVERS, sentence)


def _is_covers(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "covers") or (
        isinstance(node, ast.Attribute) and node.attr == "covers"
    )


def _has_init(node: ast.ClassDef) -> bool:
    return any(isinstance(item, ast.FunctionDef) and item.name == "__init__" for item in node.body)
