"""The tables of `docs/reference/`, made from those that the code reads by.

`python -m tests.configuration.reference_tables` writes them anew; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from refjk.configuration.directive_table import DIRECTIVES, HONOURED, SILENT, UNHEEDED, Scope
from refjk.configuration.origins import Profile
from refjk.configuration.property_table import PROPERTIES, PropertyInfo, Repeat

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
BEGIN = "<!-- made by tests/configuration/reference_tables.py: do not edit below this line -->\n"
SCOPES = {Scope.MAIN: "main", Scope.HOST: "main, host", Scope.PATH: "main, host, Location"}
ABSENT = "–"


def directives() -> str:
    """The body of directives.md."""
    lines = ["", "## Directives of mod_jk", ""]
    lines += [
        "| directive | where | default 1.2.7 | default 1.2.50 | unit | since | gone |",
        "|---|---|---|---|---|---|---|",
    ]
    for info in DIRECTIVES:
        old = (
            _code(info.default_of(Profile.V1_2_7)) if Profile.V1_2_7.knows(info.since, info.gone) else ABSENT
        )
        new = (
            _code(info.default_of(Profile.V1_2_50))
            if Profile.V1_2_50.knows(info.since, info.gone)
            else ABSENT
        )
        scope = SCOPES[info.scope]
        if info.scope_7 is not None:
            scope += f" (1.2.7: {SCOPES[info.scope_7]}, where only that of the main server counts)"
        row = [_code(f"{info.name} {info.syntax}"), scope, old, new, info.unit, info.since, info.gone or ""]
        lines.append(_row(row))
    lines += [
        "",
        "## Directives of httpd that are obeyed",
        "",
        ", ".join(f"`{name}`" for name in HONOURED.values()),
    ]
    lines += ["", "## Directives of httpd that are passed over with a warning", ""]
    lines += ["| what is missing | directives |", "|---|---|"]
    reasons: dict[str, list[str]] = {}
    for name, reason in UNHEEDED.items():
        reasons.setdefault(reason, []).append(name)
    lines += [_row([reason, " ".join(f"`{name}`" for name in names)]) for reason, names in reasons.items()]
    lines += ["", "## Directives of httpd that are passed over in silence", ""]
    lines.append(" ".join(f"`{name}`" for name in sorted(SILENT)))
    return "\n".join(lines) + "\n"


def properties() -> str:
    """The body of workers-properties.md."""
    lines = [
        "",
        "| property (old names) | of | kind | in 1.2.7 | in 1.2.50 | least | unit | since | again |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    lines += [_row(_property(info)) for info in PROPERTIES]
    return "\n".join(lines) + "\n"


def _property(info: PropertyInfo) -> list[str]:
    old_names = ", ".join(_code(old.name) for old in info.old)
    known_then = next(info.names(Profile.V1_2_7), None) is not None
    now = _value(info.default) if not info.derived else info.derived
    least = [
        str(least) for least in (info.minimum_7 if known_then else None, info.minimum) if least is not None
    ]
    return [
        _code(info.name)
        + (f" ({old_names})" if old_names else "")
        + (", without effect in 1.2.50" if info.retired else ""),
        ", ".join(of.value for of in info.of),
        info.kind.value,
        _value(info.default_7) if known_then else ABSENT,
        now,
        " / ".join(dict.fromkeys(least)),
        info.unit,
        info.since,
        "" if info.repeat is Repeat.UNIQUE else info.repeat.value,
    ]


def _value(value: object) -> str:
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, tuple):
        return _code(",".join(map(str, value)))
    return _code(str(value).lower() if isinstance(value, bool) else str(value))


def _code(text: str) -> str:
    return text if text == "none" else f"`{text}`"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


TABLES: dict[str, Callable[[], str]] = {"directives.md": directives, "workers-properties.md": properties}

if __name__ == "__main__":
    for name, make in TABLES.items():
        head, _, _ = (REFERENCE / name).read_text("utf-8").partition(BEGIN)
        (REFERENCE / name).write_text(head + BEGIN + make(), "utf-8")
