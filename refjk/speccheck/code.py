"""Where the code names clauses, in docstrings, comments and literals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from refjk.speccheck.complaints import Complaint, Kind
from refjk.speccheck.ids import mentioned_ids


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an id is named: `scope` is the function, class or table around it, empty for the module."""

    id: str
    file: str
    line: int
    scope: str
    implied: bool = False

    @property
    def stable_name(self) -> str:
        """Without the line, so that it stays when the file grows above it."""
        return f"{self.file}::{self.scope}" if self.scope else self.file


def scan_code(file: str, text: str) -> tuple[list[Place], list[Complaint]]:
    """All places of one Python file. Outside literals and comments an id cannot occur, so text suffices."""
    try:
        scopes = list(_scopes(ast.parse(text), text.splitlines(), ""))
    except SyntaxError as error:
        return [], [unreadable(file, error)]
    places = [
        Place(mention.id, file, mention.line, _innermost(scopes, mention.line), mention.implied)
        for mention in mentioned_ids(text)
    ]
    return list(dict.fromkeys(places)), []


def unreadable(file: str, error: SyntaxError) -> Complaint:
    return Complaint(file, error.lineno or 1, Kind.UNREADABLE, f"this file is not Python: {error.msg}")


def _scopes(
    node: ast.AST, lines: list[str], prefix: str, in_function: bool = False
) -> Iterator[tuple[range, str]]:
    """Line ranges of functions, classes and the tables assigned outside functions; inner ones later."""
    for child in ast.iter_child_nodes(node):
        name = _definition(child) or ("" if in_function else _table(child))
        if not name:
            yield from _scopes(child, lines, prefix, in_function)
            continue
        assert isinstance(child, ast.stmt)
        first = min([child.lineno, *(decorator.lineno for decorator in getattr(child, "decorator_list", []))])
        # A comment directly above a definition speaks about it.
        while first > 1 and lines[first - 2].lstrip().startswith("#"):
            first -= 1
        yield range(first, (child.end_lineno or first) + 1), prefix + name
        in_child = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _scopes(child, lines, f"{prefix}{name}.", in_child)


def _definition(node: ast.AST) -> str:
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else ""


def _table(node: ast.AST) -> str:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    is_assignment = isinstance(node, ast.Assign | ast.AnnAssign)
    return targets[0].id if is_assignment and isinstance(targets[0], ast.Name) else ""


def _innermost(scopes: list[tuple[range, str]], line: int) -> str:
    return next((name for lines, name in reversed(scopes) if line in lines), "")
